"""What the Xero stand-in remembers: manual journals and what belongs to them, in memory and on disk."""

from __future__ import annotations

import json
import random
import sqlite3
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from blocks.sandbox.clock import day_ms, ms_of
from blocks.sandbox.exact_json import dumps
from blocks.sandbox.kept_state import KeptState, read_settings
from blocks.sandbox.xero.chart import BOOKS, Books
from blocks.sandbox.xero.documents import Version
from blocks.sandbox.xero.wire import ms_date, text

FILE_NAME: Final = "xero.sqlite3"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS journal (id TEXT PRIMARY KEY, number INTEGER, meta TEXT, lines BLOB);
CREATE TABLE IF NOT EXISTS history (number INTEGER PRIMARY KEY, journal TEXT, record TEXT);
CREATE TABLE IF NOT EXISTS attachment (id TEXT PRIMARY KEY, journal TEXT, name TEXT, type TEXT, content BLOB);
CREATE TABLE IF NOT EXISTS replay (key TEXT PRIMARY KEY, at INTEGER, request BLOB, status INTEGER,
    type TEXT, body BLOB);
CREATE TABLE IF NOT EXISTS document (serial INTEGER PRIMARY KEY, kind TEXT, id TEXT, version TEXT);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT);
"""


@dataclass(frozen=True, slots=True)
class Journal:
    """One manual journal, immutable: a change makes a new one.

    `lines` is the JSON array as it is served; amounts in it have two decimals, whatever their size.
    `debits` and `credits` are its sums, `credits` being zero or negative.
    """

    journal_id: str
    number: int  # order of creation
    narration: str
    day: date
    status: str
    updated_ms: int
    lines: bytes
    line_count: int
    debits: Decimal
    credits: Decimal
    line_amount_types: str = "NoTax"
    url: str = ""
    cash_basis: bool = True
    has_attachments: bool = False
    head: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        url = f'"Url":{text(self.url)},' if self.url else ""
        head = (
            f'{{"Date":{ms_date(day_ms(self.day))},"Status":"{self.status}",'
            f'"LineAmountTypes":"{self.line_amount_types}","UpdatedDateUTC":{ms_date(self.updated_ms)},'
            f'"ManualJournalID":"{self.journal_id}","Narration":{text(self.narration)},{url}'
            f'"ShowOnCashBasisReports":{"true" if self.cash_basis else "false"},'
            f'"HasAttachments":{"true" if self.has_attachments else "false"}'
        )
        object.__setattr__(self, "head", head.encode())

    def rows(self) -> list[dict[str, Any]]:
        """Return the lines decoded, amounts as Decimal."""
        rows: list[dict[str, Any]] = json.loads(self.lines, parse_float=Decimal)
        return rows

    def summary(self) -> bytes:
        """Return the element of a list without lines."""
        return self.head + b"}"

    def full(self, lines: bytes | None = None) -> bytes:
        """Return the element with its lines, or with others as they are to be shown."""
        return b"".join((self.head, b',"JournalLines":', self.lines if lines is None else lines, b"}"))


@dataclass(frozen=True, slots=True)
class Replay:
    """An answer kept under an Idempotency-Key; `request` is a fingerprint of method, URL and body."""

    at_ms: int
    request: bytes
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file beside a journal."""

    attachment_id: str
    name: str
    content_type: str
    content: bytes


class State(KeptState):
    """All of it."""

    def __init__(self, directory: Path | None, now: Callable[[], datetime], ids: str = "2026") -> None:
        super().__init__(directory and directory / FILE_NAME, _SCHEMA, now)
        self._clear()
        # In memory the ids repeat from one run to the next, so that a simulation can be repeated.
        self._ids = random.Random(ids if directory is None else None)  # noqa: S311
        if self._db is not None:
            self._load(self._db)

    def _clear(self) -> None:
        self.journals: dict[str, Journal] = {}
        self.by_narration: dict[str, dict[str, None]] = {}
        self.history: dict[str, list[dict[str, object]]] = {}
        self.attachments: dict[str, dict[str, Attachment]] = {}
        self.replays: dict[str, Replay] = {}
        self.settings: dict[str, Any] = {}
        self.documents: dict[str, dict[str, list[Version]]] = {}  # by kind and id: what people did to them
        self.books: Books = BOOKS
        self.superseded: deque[tuple[int, str, Journal | None]] = deque()
        self.version = 0  # moves with every change of a journal
        self._count = 0
        self._history_count = 0

    def reset(self) -> None:
        """Forget everything."""
        self._clear()
        self._empty("journal", "history", "attachment", "replay", "document", "setting")

    def new_id(self) -> str:
        """Return a new id."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def next_number(self) -> int:
        """Return the number of the journal about to be created."""
        self._count += 1
        return self._count

    def put(self, journal: Journal, *, keep_previous: bool = False) -> Journal:
        """Store a journal, new or changed, and return it; its UpdatedDateUTC moves in any case.

        `keep_previous` remembers what it was, for lists that lag behind.
        """
        old = self.journals.get(journal.journal_id)
        now = self.now_ms()
        # Under a stopped clock too a change is later than the one before it.
        journal = replace(journal, updated_ms=now if old is None else max(now, old.updated_ms + 1))
        if old is not None and old.narration != journal.narration:
            del self.by_narration[old.narration.casefold()][old.journal_id]
        self._remember(journal)
        if keep_previous:
            self.superseded.append((now, journal.journal_id, old))
        values = (journal.journal_id, journal.number, _meta(journal), journal.lines)
        self._run("INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?)", values)
        return journal

    def _remember(self, journal: Journal) -> None:
        self.journals[journal.journal_id] = journal
        self.by_narration.setdefault(journal.narration.casefold(), {})[journal.journal_id] = None
        self.version += 1

    def named(self, narration: str) -> Iterable[Journal]:
        """Return the journals of a narration, whatever the case of its letters."""
        return [self.journals[one] for one in self.by_narration.get(narration.casefold(), ())]

    def seen(self, lag_seconds: float) -> Iterable[Journal]:
        """Return the journals as they were `lag_seconds` ago; what changed before a restart is current."""
        if not lag_seconds:
            return self.journals.values()
        horizon = ms_of(self.now() - timedelta(seconds=lag_seconds))
        while self.superseded and self.superseded[0][0] <= horizon:
            self.superseded.popleft()
        earlier = {journal_id: old for _, journal_id, old in reversed(self.superseded)}
        view: dict[str, Journal | None] = {**self.journals, **earlier}
        return [journal for journal in view.values() if journal is not None]

    def note(self, journal_id: str, changes: str, details: str = "", user: str = "") -> dict[str, object]:
        """Add a line to a journal's history and return it."""
        record: dict[str, object] = {
            "Changes": changes,
            "DateUTC": self.now_ms(),
            "User": user or "System Generated",
            "Details": details,
        }
        self.history.setdefault(journal_id, []).append(record)
        self._history_count += 1
        values = (self._history_count, journal_id, json.dumps(record))
        self._run("INSERT INTO history VALUES (?, ?, ?)", values)
        return record

    def attach(self, journal_id: str, attachment: Attachment) -> None:
        """Store a file beside a journal, in place of one of the same name."""
        files = self.attachments.setdefault(journal_id, {})
        replaced = files.pop(attachment.name, None)
        if replaced is not None:
            self._run("DELETE FROM attachment WHERE id = ?", (replaced.attachment_id,))
        files[attachment.name] = attachment
        values = (
            attachment.attachment_id,
            journal_id,
            attachment.name,
            attachment.content_type,
            attachment.content,
        )
        self._run("INSERT INTO attachment VALUES (?, ?, ?, ?, ?)", values)

    def keep_answer(self, key: str, replay: Replay, oldest_ms: int) -> None:
        """Keep an answer under its key and forget those from before `oldest_ms`."""
        self.replays.pop(key, None)
        self.replays[key] = replay
        # They stand in the order of their instants, so that the oldest are found without a search.
        forgotten = []
        for old, kept in self.replays.items():
            if kept.at_ms > oldest_ms:
                break
            forgotten.append(old)
        for old in forgotten:
            del self.replays[old]
            self._run("DELETE FROM replay WHERE key = ?", (old,))
        values = (key, replay.at_ms, replay.request, replay.status, replay.content_type, replay.body)
        self._run("INSERT OR REPLACE INTO replay VALUES (?, ?, ?, ?, ?, ?)", values)

    def put_document(self, kind: str, document_id: str, version: Version) -> None:
        """Let a document of the payments side be something else from now on."""
        self.documents.setdefault(kind, {}).setdefault(document_id, []).append(version)
        values = (None, kind, document_id, dumps(version))
        self._run("INSERT INTO document VALUES (?, ?, ?, ?)", values)

    def planted(self) -> dict[str, bytes]:
        """Return what is served byte for byte in place of a journal, or as one more, by id."""
        rows: dict[str, str] = self.settings.get("planted", {})
        return {journal_id: raw.encode("utf-8", "surrogateescape") for journal_id, raw in rows.items()}

    def change_books(self, name: str, *reference: str) -> None:
        """Archive or restore something, by the method of Books named `name`, and keep it so."""
        now = self.now_ms()
        self.books = getattr(self.books, name)(*reference, now)
        self.set("archived", [*self.settings.get("archived", ()), [name, *reference, now]])

    def _load(self, db: sqlite3.Connection) -> None:
        for journal_id, number, meta, lines in db.execute("SELECT * FROM journal ORDER BY number"):
            self._remember(_journal(journal_id, number, meta, lines))
            self._count = number
        for number, journal_id, record in db.execute("SELECT * FROM history ORDER BY number"):
            self.history.setdefault(journal_id, []).append(json.loads(record))
            self._history_count = number
        for attachment_id, journal_id, *rest in db.execute("SELECT * FROM attachment ORDER BY rowid"):
            attachment = Attachment(attachment_id, *rest)
            self.attachments.setdefault(journal_id, {})[attachment.name] = attachment
        for key, *rest in db.execute("SELECT * FROM replay ORDER BY at"):
            self.replays[key] = Replay(*rest)
        for kind, document_id, text_of in db.execute(
            "SELECT kind, id, version FROM document ORDER BY serial"
        ):
            version = Version(*json.loads(text_of, parse_float=Decimal))
            self.documents.setdefault(kind, {}).setdefault(document_id, []).append(version)
        self.settings = read_settings(db)
        for name, *reference in self.settings.get("archived", ()):
            self.books = getattr(self.books, name)(*reference)


def _meta(journal: Journal) -> str:
    return json.dumps(
        {
            "narration": journal.narration,
            "day": journal.day.isoformat(),
            "status": journal.status,
            "updated_ms": journal.updated_ms,
            "line_count": journal.line_count,
            "debits": str(journal.debits),
            "credits": str(journal.credits),
            "line_amount_types": journal.line_amount_types,
            "url": journal.url,
            "cash_basis": journal.cash_basis,
            "has_attachments": journal.has_attachments,
        }
    )


def _journal(journal_id: str, number: int, meta: str, lines: bytes) -> Journal:
    values = json.loads(meta)
    values["day"] = date.fromisoformat(values["day"])
    for name in ("debits", "credits"):
        values[name] = Decimal(values[name])
    return Journal(journal_id=journal_id, number=number, lines=lines, **values)
