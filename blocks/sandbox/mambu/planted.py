"""Lines that were posted to the stand-in or planted by its control path, kept word for word."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from blocks.sandbox.mambu.dates import EARLIEST
from blocks.sandbox.world.day_lines import Lines
from blocks.sandbox.world.days import IDS_PER_DAY, MOST_LINES, day_start, first_entry_id

_NOON = 12 * 3600


@dataclass(slots=True)
class _Block:
    texts: list[bytes] = field(default_factory=list)
    entry_ids: list[int] = field(default_factory=list)
    created: list[int] = field(default_factory=list)
    booked: list[int] = field(default_factory=list)
    lines: Lines | None = None


def _second(value: object) -> int | None:
    """Return the instant of a date-time with an offset, if it is one."""
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
        return int(instant.astimezone(UTC).timestamp()) if instant and instant.tzinfo else None
    except (ValueError, OverflowError):
        return None


class Planted:
    """All such lines by date; dates in `replaced` have no seeded lines besides."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._blocks: dict[date, _Block] = {}
        self.keys: set[str] = set()  # encodedKeys of all these lines
        self.transactions: set[str] = set()
        self.replaced: set[date] = set()

    def replace(self, day: date, texts: Iterable[bytes]) -> None:
        """Make these lines the only ones of a date."""
        self.replaced.add(day)
        self._blocks.pop(day, None)
        self.add(day, texts)

    def add(self, day: date, texts: Iterable[bytes]) -> None:
        """Add lines to a date. A creationDate that is none counts as noon of the date."""
        block = self._blocks.setdefault(day, _Block())
        noon = day_start(day, self._zone) + _NOON
        for text in texts:
            decoded = json.loads(text, parse_float=Decimal)
            line: dict[str, object] = decoded if isinstance(decoded, dict) else {}
            entry_id, created = line.get("entryID"), _second(line.get("creationDate"))
            booked = _second(line.get("bookingDate"))
            block.texts.append(text)
            usable = isinstance(entry_id, int) and abs(entry_id) < 1 << 62
            block.entry_ids.append(entry_id if isinstance(entry_id, int) and usable else self.next_id(day))
            block.created.append(noon if created is None else created)
            block.booked.append(EARLIEST if booked is None else booked)
            self.keys.add(str(line.get("encodedKey")))
            self.transactions.add(str(line.get("transactionId")))
        block.lines = None

    def next_id(self, day: date) -> int:
        """Return an entry id after all the lines of a date."""
        highest = first_entry_id(day) + MOST_LINES
        block = self._blocks.get(day)
        ids = block.entry_ids if block else []
        after = first_entry_id(day) + IDS_PER_DAY
        return max((number for number in ids if highest <= number < after), default=highest) + 1

    def blocks(self) -> list[Lines]:
        """Return the lines of each date that has some."""
        return [self._written(block) for block in self._blocks.values() if block.texts]

    @staticmethod
    def _written(block: _Block) -> Lines:
        if block.lines is None:
            starts = np.zeros(len(block.texts) + 1, dtype=np.int64)
            np.cumsum(np.array([len(text) + 1 for text in block.texts], dtype=np.int64), out=starts[1:])
            block.lines = Lines(
                b",".join(block.texts),
                starts,
                np.array(block.entry_ids, dtype=np.int64),
                np.array(block.created, dtype=np.int64),
                np.array(block.booked, dtype=np.int64),
            )
        return block.lines
