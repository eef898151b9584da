"""What the Mambu stand-in keeps between restarts: one SQLite file, written with every change.

Without a directory the same tables live in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from blocks.sandbox.kept_state import open_file

_SCHEMA = """
CREATE TABLE IF NOT EXISTS lines (id INTEGER PRIMARY KEY, day TEXT NOT NULL, text BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS replaced (day TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS tasks (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, at REAL NOT NULL, request TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, body TEXT NOT NULL);
"""
_CLEAR = """
BEGIN;
DELETE FROM lines; DELETE FROM replaced; DELETE FROM tasks; DELETE FROM answers; DELETE FROM facts;
COMMIT;
"""


class KeptAnswer(NamedTuple):
    """The first answer to an Idempotency-Key; `at` is seconds since 1970, `request` a digest."""

    at: float
    request: str
    status: int
    body: bytes


class State:
    """The tables. Every method that writes has committed when it returns."""

    def __init__(self, directory: Path | None) -> None:
        if directory is not None:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = open_file(directory and directory / "mambu.sqlite3", _SCHEMA)
        self._database.isolation_level = None

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def clear(self) -> None:
        """Forget everything."""
        self._database.executescript(_CLEAR)

    def add_lines(self, day: date, texts: Iterable[bytes], *, replacing: bool = False) -> None:
        """Keep lines of a date, instead of all others of it if `replacing`."""
        with self._database:
            self._database.execute("BEGIN")
            if replacing:
                self._database.execute("DELETE FROM lines WHERE day = ?", (day.isoformat(),))
                self._database.execute("INSERT OR IGNORE INTO replaced VALUES (?)", (day.isoformat(),))
            rows = [(day.isoformat(), text) for text in texts]
            self._database.executemany("INSERT INTO lines (day, text) VALUES (?, ?)", rows)

    def lines(self) -> Iterator[tuple[date, bytes]]:
        """Return the kept lines in the order they came."""
        for day, text in self._database.execute("SELECT day, text FROM lines ORDER BY id"):
            yield date.fromisoformat(day), text

    def replaced(self) -> list[date]:
        """Return the dates whose seeded lines are replaced."""
        rows = self._database.execute("SELECT day FROM replaced ORDER BY day")
        return [date.fromisoformat(day) for (day,) in rows]

    def save_task(self, task_id: int, body: str) -> None:
        """Keep a task, new or changed."""
        self._database.execute("INSERT OR REPLACE INTO tasks VALUES (?, ?)", (task_id, body))

    def tasks(self) -> list[str]:
        """Return all tasks by id."""
        return [body for (body,) in self._database.execute("SELECT body FROM tasks ORDER BY id")]

    def keep_answer(self, key: str, answer: KeptAnswer) -> None:
        """Keep the answer a key got."""
        self._database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", (key, *answer))

    def answer(self, key: str) -> KeptAnswer | None:
        """Return the answer a key got, however long ago."""
        query = "SELECT at, request, status, body FROM answers WHERE key = ?"
        row = self._database.execute(query, (key,)).fetchone()
        return KeptAnswer(*row) if row else None

    def save_fact(self, name: str, body: str) -> None:
        """Keep one named value."""
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, body))

    def fact(self, name: str) -> str | None:
        """Return one named value."""
        row = self._database.execute("SELECT body FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None
