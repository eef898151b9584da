"""The SQLite file in which a stand-in keeps its state from one run to the next."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from blocks.sandbox.clock import ms_of


class KeptState:
    """State that is read from memory; writes go to memory and, with a directory, to one SQLite file.

    Nothing is on disk before `commit`; after it, it survives the end of the process, however sudden.
    A subclass keeps its tables' rows in attributes and has `setting` among its tables.
    """

    settings: dict[str, Any]

    def __init__(self, path: Path | None, schema: str, now: Callable[[], datetime]) -> None:
        self.now = now
        self._db = None if path is None else open_file(path, schema)

    def now_ms(self) -> int:
        """Return the present instant in milliseconds."""
        return ms_of(self.now())

    def set(self, name: str, value: object) -> None:
        """Store a setting: anything JSON can hold."""
        self.settings[name] = value
        self._run("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))

    def commit(self) -> None:
        """Make everything so far outlast this process."""
        if self._db is not None and self._db.in_transaction:
            self._db.commit()

    def close(self) -> None:
        """Commit and close the file."""
        self.commit()
        if self._db is not None:
            self._db.close()
            self._db = None

    def _run(self, statement: str, values: tuple[object, ...] = ()) -> None:
        if self._db is not None:
            self._db.execute(statement, values)

    def _empty(self, *tables: str) -> None:
        for table in tables:
            self._run(f"DELETE FROM {table}")  # noqa: S608
        self.commit()


def open_file(path: Path | None, schema: str) -> sqlite3.Connection:
    """Open the file, made for this user alone, with the tables of `schema` in it; None: in memory."""
    if path is not None:
        path.touch(mode=0o600)  # SQLite's own would be readable by all
    # Requests are answered one after another, though not always in the thread that built the stand-in.
    db = sqlite3.connect(path or ":memory:", check_same_thread=False)
    try:
        # A killed process loses nothing this way; a power cut might lose the last moments.
        db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {schema}")
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def read_settings(db: sqlite3.Connection) -> dict[str, Any]:
    """Return the settings by name."""
    return {name: json.loads(value) for name, value in db.execute("SELECT * FROM setting")}
