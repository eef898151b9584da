"""The model: what must be true of Xero's books whatever happens, told from Xero's own journals.

Written apart from the code it judges: it imports nothing of `flows`, reads the stand-in's journals by
itself, and knows only which lines the day has.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from tests.simulation.assumptions import OLDEST_READ
from tests.simulation.play import Violation

_ENTRY = re.compile(r"EntryID: (\d+), TransactionID: T\d+")
GONE = frozenset({"DELETED", "VOIDED"})
# A request may leave within this many seconds of the last instant allowed: computing takes no time here.
_SLACK = 0.001


class HeldJournal(Protocol):
    """A journal as the stand-in keeps it."""

    journal_id: str
    narration: str
    status: str
    lines: bytes


class WrittenIntent(Protocol):
    """What a store says of a request."""

    body: bytes
    first_sent_at: datetime | None
    states: tuple[str, ...]


class ExpectedLine(Protocol):
    """A line as the day has it."""

    pence: int
    account: str
    date: str


class _Seen(NamedTuple):
    journal: HeldJournal
    entries: tuple[int, ...]


class Model:
    """The books as they must be. `expected` are the day's lines by entry id; late lines may be added."""

    def __init__(self, expected: Mapping[int, ExpectedLine], *, shows_voided: bool = True) -> None:
        self.expected = dict(expected)
        self._shows_voided = shows_voided
        self._seen: dict[str, _Seen] = {}
        self._live: Counter[int] = Counter()
        # What people did, which excuses what it led to.
        self._doubled_by_people: set[int] = set()
        self._voided: set[int] = set()
        self._hidden: dict[str, set[int]] = {}
        self._changed: set[str] = set()
        self.checks = 0

    # What people do

    def person_copied(self, journal_id: str) -> None:
        """A person made a second journal of the same lines."""
        self._doubled_by_people.update(self._seen[journal_id].entries)

    def person_copy_is(self, journal_id: str, copy_id: str) -> None:
        """Know a person's copy by what is known of its original."""
        if journal_id in self._changed:
            self._changed.add(copy_id)
        if journal_id in self._hidden:
            self._hidden[copy_id] = set(self._hidden[journal_id])

    def person_changed(self, journal_id: str) -> None:
        """A person (or a warning of Xero's) changed a journal's amounts, date or accounts."""
        self._changed.add(journal_id)

    def person_hid(self, journal_id: str, entry: int) -> None:
        """A person wiped a line's text: the line is there, and cannot be told by anybody."""
        self._changed.add(journal_id)
        self._hidden.setdefault(journal_id, set()).add(entry)

    # What must hold at every step

    def look(self, journals: Mapping[str, HeldJournal]) -> None:
        """Check the books as they stand now. Raises Violation."""
        self.checks += 1
        for journal_id, journal in journals.items():
            seen = self._seen.get(journal_id)
            if seen is None or seen.journal is not journal:
                self._seen[journal_id] = now = _Seen(journal, self._read(journal))
                if seen is None:
                    self._created(now)
                if journal.status == "VOIDED":
                    self._voided.update(self._seen[journal_id].entries)
        self._live = Counter(
            entry for seen in self._seen.values() if seen.journal.status not in GONE for entry in seen.entries
        )
        twice = [entry for entry, count in self._live.items() if count > 1]
        if wrong := sorted(set(twice) - self._doubled_by_people):
            raise Violation(f"entries {wrong} stand in two live journals: {self._places(wrong)}")

    def _created(self, new: _Seen) -> None:
        # Asked of the books before this journal: it is not among the live ones yet.
        again = {entry for entry in new.entries if entry in self._voided and not self._live[entry]}
        if again and self._shows_voided and not again & self._doubled_by_people:
            raise Violation(
                f"«{new.journal.narration}» sends entries {sorted(again)} again, which were voided"
            )

    def _read(self, journal: HeldJournal) -> tuple[int, ...]:
        rows: list[dict[str, Any]] = json.loads(journal.lines, parse_float=Decimal, parse_int=Decimal)
        if sum((row["LineAmount"] for row in rows), Decimal(0)) != 0:
            raise Violation(f"{journal.narration} does not sum to zero")
        entries = list(self._hidden.get(journal.journal_id, ()))
        for row in rows:
            match = _ENTRY.fullmatch(row["Description"])
            if match is None:
                if not self._hidden.get(journal.journal_id):
                    raise Violation(f"{journal.narration} has a line that is not of this day")
                continue
            entry = int(match[1])
            wanted = self.expected.get(entry)
            if wanted is None:
                raise Violation(f"{journal.narration} has entry {entry}, which the day has not")
            same = row["LineAmount"] * 100 == wanted.pence and row.get("AccountCode") == wanted.account
            if not same and journal.journal_id not in self._changed:
                raise Violation(f"{journal.narration} has entry {entry} with another amount or account")
            entries.append(entry)
        return tuple(entries)

    def _places(self, entries: list[int]) -> str:
        names = [
            f"«{seen.journal.narration}» {seen.journal.status}"
            for seen in self._seen.values()
            if seen.journal.status not in GONE and set(seen.entries) & set(entries)
        ]
        return ", ".join(names)

    def write_leaves(
        self, body: bytes, intent: WrittenIntent | None, now: datetime, read_at: datetime | None
    ) -> None:
        """Check a request at the instant at which it leaves for Xero. Raises Violation."""
        if intent is None or intent.body != body:
            raise Violation("a request leaves whose bytes are not written down")
        if intent.first_sent_at is None or not intent.states or set(intent.states) - {"sending", "unknown"}:
            raise Violation(f"a request leaves of which the store says {intent.states}: not that it is sent")
        if read_at is None:
            raise Violation("a request leaves before Xero was read")
        if now > read_at + timedelta(seconds=OLDEST_READ + _SLACK):
            raise Violation(f"a request leaves {(now - read_at).total_seconds():.0f} s after Xero was read")

    # What must hold at the end of a run

    def recorded(self, claims: Iterable[tuple[str, str | None]], journals: Mapping[str, HeldJournal]) -> None:
        """Check what a store says is in Xero: it has been there, though it may be gone. Raises Violation."""
        for name, journal_id in claims:
            if journal_id not in journals:
                raise Violation(
                    f"the store says that «{name}» is in Xero as {journal_id}, which is not there"
                )

    def missing(self, expected: Mapping[int, ExpectedLine]) -> set[int]:
        """Return the entries that are in no live journal, those excused that people's acts leave out."""
        hidden_dates = {self.expected[entry].date for entries in self._hidden.values() for entry in entries}
        return {
            entry
            for entry, line in expected.items()
            if not self._live[entry] and entry not in self._voided and line.date not in hidden_dates
        }

    def claimed_complete(self, expected: Mapping[int, ExpectedLine]) -> None:
        """Check the claim that every line is there once. Raises Violation."""
        if wrong := sorted(entry for entry in expected if self._live[entry] != 1):
            raise Violation(f"a run says that all is in Xero, and entries {wrong} are not there once")

    def ended_calmly(self, expected: Mapping[int, ExpectedLine]) -> None:
        """Check a run that nothing disturbed and that reported no error. Raises Violation."""
        if left := sorted(self.missing(expected)):
            raise Violation(f"a run that nothing disturbed ended without entries {left}")
