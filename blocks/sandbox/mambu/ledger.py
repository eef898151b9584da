"""The journal lines of the pretended tenant, and finding those a search asks for.

A search is resolved once, to the places of its lines in order, and remembered; a page is then a cut
out of bytes written before. Seeded days are written out when a search first touches them.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np

from blocks.sandbox.mambu.dates import EARLIEST, EVERYTHING, LATEST, Span
from blocks.sandbox.mambu.fields import SORT_FIELDS, Line
from blocks.sandbox.mambu.planted import Planted
from blocks.sandbox.mambu.query import Query
from blocks.sandbox.world.day_lines import Lines, render_day, render_day_to_disk
from blocks.sandbox.world.days import (
    FIRST_DAY,
    LONGEST_BACKDATING_DAYS,
    DaySettings,
    Integers,
    day_of_entry_id,
    day_start,
)
from blocks.sandbox.world.noise import locate_key

# A day of more lines than this is kept on disk when there is a directory, and written by a thread.
LARGE_DAY = 20_000
_MEMORY = 256 << 20
_REMEMBERED = 16
_BATCH = 4_000
_ROW_BITS = 32


@dataclass(frozen=True, slots=True)
class View:
    """What of the ledger a caller may see at an instant (seconds since 1970)."""

    now: int
    branch: str | None = None
    archived_before: int = EARLIEST
    horizon_days: int = 60


@dataclass(frozen=True, slots=True)
class Found:
    """The lines of a search, in order: block number << 32 | row. `entry_ids` is in the same order."""

    blocks: tuple[Lines, ...]
    places: Integers
    entry_ids: Integers

    def __len__(self) -> int:
        return len(self.places)

    def page(self, first: int, count: int) -> bytes:
        """Return up to `count` lines from position `first` on, joined by commas."""
        places = self.places[first : first + count]
        if not len(places):
            return b""
        ends = np.flatnonzero(np.diff(places) != 1)
        firsts = places[np.concatenate(([0], ends + 1))].tolist()
        lasts = places[np.concatenate((ends, [len(places) - 1]))].tolist()
        mask = (1 << _ROW_BITS) - 1
        cuts = [
            self.blocks[begin >> _ROW_BITS].cut(begin & mask, end & mask)
            for begin, end in zip(firsts, lasts, strict=True)
        ]
        return cuts[0] if len(cuts) == 1 else b",".join(cuts)


# The same each time, also after the stand-in was reset.
_small_day = lru_cache(maxsize=8)(render_day)


@dataclass(frozen=True, slots=True)
class _Remembered:
    found: Found
    since: int
    until: int  # the instant at which another line comes into being


class Ledger:
    """Seeded days and planted lines as one ledger."""

    def __init__(self, directory: Path | None, settings: DaySettings, planted: Planted) -> None:
        self.settings = settings
        self.zone = ZoneInfo(settings.time_zone)
        self._directory = directory / "days" if directory else None
        self._planted = planted
        self._days: OrderedDict[date, Lines] = OrderedDict()
        self._remembered: OrderedDict[object, _Remembered] = OrderedDict()

    def forget(self) -> None:
        """Drop remembered searches, after anything has changed what they would find."""
        self._remembered.clear()

    def load(self, day: date) -> Lines:
        """Return a seeded day, written out."""
        lines = self._days.get(day)
        if lines is None:
            lines = self.write(day)
            self.keep(day, lines)
        self._days.move_to_end(day)
        return lines

    def write(self, day: date) -> Lines:
        """Write a seeded day out; touches nothing of the ledger, so that a thread can do it."""
        if self.settings.lines_per_day <= LARGE_DAY:
            return _small_day(day, self.settings)
        if self._directory is not None:
            return render_day_to_disk(day, self.settings, self._directory)
        return render_day(day, self.settings)

    def keep(self, day: date, lines: Lines) -> None:
        """Keep a written day, and let go of those used longest ago when they take too much memory."""
        self._days[day] = lines
        held = sum(len(lines.text) for lines in self._days.values() if isinstance(lines.text, bytes))
        while held > _MEMORY and len(self._days) > 1:
            _, lines = self._days.popitem(last=False)
            held -= len(lines.text) if isinstance(lines.text, bytes) else 0

    def to_write(self, query: Query, view: View) -> list[date]:
        """Return the large days a search needs that are not written out yet."""
        if self.settings.lines_per_day <= LARGE_DAY:
            return []
        return [day for day in self._seeded_days(query, view) if day not in self._days]

    def _local_day(self, second: int) -> date:
        return datetime.fromtimestamp(second, UTC).astimezone(self.zone).date()

    def _seeded_days(self, query: Query, view: View) -> list[date]:
        """Return the days whose lines a search can touch.

        Seeded lines are booked at most 31 days before they are created, and their entry ids name
        their day. Where that leaves the beginning open, or further back than 400 days, only the
        last `horizon_days` (60) before the end are looked at: the seeded past has no beginning.
        """
        created = query.created.meet(Span(max(EARLIEST, view.archived_before), view.now))
        if query.booked.first > EARLIEST:
            created = created.meet(Span(first=query.booked.first))
        if query.booked.last < LATEST:
            created = created.meet(Span(last=query.booked.last + (LONGEST_BACKDATING_DAYS + 1) * 86_400))
        if created.last < created.first or created.last < day_start(FIRST_DAY + timedelta(days=2), self.zone):
            return []
        last = self._local_day(created.last)
        first = FIRST_DAY + timedelta(days=1)
        if created.first > day_start(first, self.zone):
            first = self._local_day(created.first)
        first, last = self._days_of_ids(query.entry_ids, first, last)
        if (last - first).days > 400:
            first = last - timedelta(days=view.horizon_days)
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return [day for day in days if day not in self._planted.replaced]

    @staticmethod
    def _days_of_ids(ids: Span, first: date, last: date) -> tuple[date, date]:
        if ids.first > 0:
            lowest = day_of_entry_id(ids.first)
            first = max(first, lowest) if lowest else last + timedelta(days=1)
        if ids.last < LATEST:
            highest = day_of_entry_id(max(ids.last, 0))
            last = min(last, highest) if highest else last
        return first, last

    def has_line(self, key: str, view: View) -> bool:
        """Return whether a line with this encodedKey exists."""
        if key in self._planted.keys:
            return True
        place = locate_key(self.settings.seed, key)
        if place is None or place[1] >= self.settings.lines_per_day:
            return False
        day = date.fromordinal(max(place[0], 1))
        return day not in self._planted.replaced and FIRST_DAY < day <= self._local_day(view.now)

    def find(self, query: Query, view: View, *, by_entry_id: bool) -> Found:
        """Return the lines of a search; in cursor mode by ascending entry id, else as sorted."""
        identity = (query.digest, query.created, query.booked, view.branch, view.archived_before, by_entry_id)
        known = self._remembered.get(identity)
        if known is not None and known.since <= view.now < known.until:
            self._remembered.move_to_end(identity)
            return known.found
        blocks = self._blocks(query, view)
        places, until = self._places(blocks, query, view)
        found = _in_order(blocks, places, None if by_entry_id else query, by_entry_id=by_entry_id)
        self._remembered[identity] = _Remembered(found, view.now, until)
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return found

    def find_unstable(self, query: Query, view: View, turn: int) -> Found:
        """Return the lines of a search, those that sort alike in an order that is new each turn."""
        blocks = self._blocks(query, view)
        places, _ = self._places(blocks, query, view)
        shuffle = np.random.default_rng((self.settings.seed, turn)).permutation(len(places))
        return _in_order(blocks, places[shuffle], query, by_entry_id=False, stable=False)

    def _blocks(self, query: Query, view: View) -> tuple[Lines, ...]:
        return (*map(self.load, self._seeded_days(query, view)), *self._planted.blocks())

    def _places(self, blocks: tuple[Lines, ...], query: Query, view: View) -> tuple[Integers, int]:
        """Return where the matching lines are, and when the next one will come into being."""
        wanted = query.created.meet(Span(first=view.archived_before))
        until = day_start(self._local_day(view.now) + timedelta(days=1), self.zone)
        pieces = [np.empty(0, dtype=np.int64)]
        for number, lines in enumerate(blocks):
            created = lines.created
            matching = (created >= wanted.first) & (created <= wanted.last)
            if query.booked != EVERYTHING:
                booked = lines.booked
                matching &= (booked >= max(query.booked.first, EARLIEST + 1)) & (booked <= query.booked.last)
            later = matching & (created > view.now)
            if later.any():
                until = min(until, int(created[later].min()))
                matching &= ~later
            rows = np.flatnonzero(matching)
            if query.tests or view.branch:
                rows = np.array(list(_passing(lines, rows, query, view.branch)), dtype=np.int64)
            pieces.append(rows + (number << _ROW_BITS))
        return np.concatenate(pieces), until


def _decoded(lines: Lines, rows: Integers) -> Iterator[Line]:
    for first in range(0, len(rows), _BATCH):
        batch = rows[first : first + _BATCH]
        text = b"[" + Found((lines,), batch, batch).page(0, _BATCH) + b"]"
        for line in json.loads(text, parse_float=Decimal):
            yield cast("Line", line) if isinstance(line, dict) else {}


def _passing(lines: Lines, rows: Integers, query: Query, branch: str | None) -> Iterator[int]:
    for row, line in zip(rows.tolist(), _decoded(lines, rows), strict=True):
        if (branch is None or line.get("assignedBranchKey") == branch) and all(
            test(line) for test in query.tests
        ):
            yield row


def _gather(blocks: tuple[Lines, ...], places: Integers, column: str) -> Integers:
    numbers, rows = places >> _ROW_BITS, places & ((1 << _ROW_BITS) - 1)
    result = np.empty(len(places), dtype=np.int64)
    for number in np.unique(numbers).tolist():
        here = numbers == number
        result[here] = getattr(blocks[number], column)[rows[here]]
    return result


def _ranks(blocks: tuple[Lines, ...], places: Integers, name: str) -> Integers:
    column = {"creationDate": "created", "bookingDate": "booked", "entryId": "entry_ids"}.get(name)
    if column is not None:
        return _gather(blocks, places, column)
    numbers, rows = places >> _ROW_BITS, places & ((1 << _ROW_BITS) - 1)
    read, values = SORT_FIELDS[name], np.empty(len(places), dtype=np.object_)
    for number in np.unique(numbers).tolist():
        here = np.flatnonzero(numbers == number)
        values[here] = [read(line) for line in _decoded(blocks[number], rows[here])]
    listed = values.tolist()
    # None comes first; a planted value of another type than its field's sorts by its type's name.
    distinct = sorted({(type(value).__name__, value) for value in listed if value is not None})
    rank = {value: number for number, value in enumerate(distinct, start=1)}
    ranked = [0 if value is None else rank[type(value).__name__, value] for value in listed]
    return np.array(ranked, dtype=np.int64)


def _in_order(
    blocks: tuple[Lines, ...],
    places: Integers,
    query: Query | None,
    *,
    by_entry_id: bool,
    stable: bool = True,
) -> Found:
    """Return the lines sorted; without a sort newest first, which is ours: Mambu's order is unknown.

    Lines that sort alike follow their entry ids, the same way round; or with `stable` off stay as
    they come.
    """
    entry_ids = _gather(blocks, places, "entry_ids")
    sort = query.sort if query is not None else None
    keys: list[Integers] = [entry_ids] if stable else []
    if sort is not None:
        keys.append(_ranks(blocks, places, sort.name))
    elif stable and not by_entry_id:
        keys.append(_gather(blocks, places, "created"))
    if not keys:
        return Found(blocks, places, entry_ids)
    descending = not by_entry_id and (sort is None or sort.descending)
    order = np.lexsort([-key for key in keys] if descending else keys)
    return Found(blocks, places[order], entry_ids[order])
