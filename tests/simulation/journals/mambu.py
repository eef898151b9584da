"""Mambu's lines, and what becomes of them: some come late, some are taken back, some are not shown."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from blocks.sandbox.mambu.app import MambuOptions, MambuStandIn
from tests.simulation.journals.judge import Line
from tests.simulation.loop import LoopClock

CASH, LOANS, FRAGILE = "1100", "1200", "4100"
_ACCOUNTS = (LOANS, LOANS, FRAGILE, "1020")
# The stand-in has seeded days besides, but for those that are replaced: all that a run may ask for.
_EMPTY_DAYS = 9
_BRANCHES = 2


class Kind(NamedTuple):
    """A kind of days: how many transactions, on how many booking dates, and how large journals are."""

    name: str
    least: int
    most: int
    dates: int
    lines_per_journal: int


SMALL = Kind("small", 1, 4, 2, 4)
TINY = Kind("tiny", 1, 2, 1, 2)
LARGE = Kind("large", 23, 23, 1, 2)
# Each transaction in a journal of its own.
SINGLE_ONES = Kind("single ones", 4, 6, 1, 2)


class _Made(NamedTuple):
    entry: int
    created: dt.datetime
    booked: dt.date
    pence: int
    account: str
    transaction: str | None
    branch: int


class Ledger:
    """Mambu's journal lines, the tenant that shows them, and the judge that is told of each change."""

    def __init__(
        self,
        rng: random.Random,
        clock: LoopClock,
        first: dt.date,
        days: int,
        kind: Kind,
        tell: Callable[[list[Line]], None],
        *,
        zone: str,
        late_hours: bool,
    ) -> None:
        self.stand_in = MambuStandIn(None, clock, MambuOptions(time_zone=zone, lines_per_day=40))
        self.zone = zone
        self.first, self.days = first, days
        self._tell, self._clock = tell, clock
        self._lines: dict[int, _Made] = {}
        self._hidden: set[int] = set()
        self._hidden_branch: int | None = None
        self._had: dict[dt.date, dict[int, frozenset[int]]] = defaultdict(dict)
        self._next = 0
        for number in range(days):
            date = first + dt.timedelta(days=number)
            for turn in range(rng.randint(kind.least, kind.most)):
                self._transaction(rng, date, dates=kind.dates if turn else 1, late_hours=late_hours)
        self._plant()

    def _transaction(
        self, rng: random.Random, date: dt.date, *, dates: int = 1, late_hours: bool = False, lines: int = 0
    ) -> None:
        """Make a transaction of two or three lines, on a day; its entry ids are behind all others."""
        hour = 23 if late_hours and rng.random() < 0.4 else rng.randint(8, 16)
        created = dt.datetime.combine(date, dt.time(hour, 30), tzinfo=ZoneInfo("UTC"))
        booked = date - dt.timedelta(days=rng.randrange(dates))
        count = lines or rng.choice((2, 2, 2, 3))
        first = self._next + 1
        self._next += count
        name = None if rng.random() < 0.12 else f"T{first}"
        parts = [100 * first + 25 + 7 * turn for turn in range(count - 1)]
        amounts = [sum(parts), *(-part for part in parts)]
        branch = rng.randrange(_BRANCHES)
        if branch == self._hidden_branch:
            branch = (branch + 1) % _BRANCHES
        for turn, pence in enumerate(amounts):
            account = CASH if turn == 0 else rng.choice(_ACCOUNTS)
            self._lines[first + turn] = _Made(first + turn, created, booked, pence, account, name, branch)

    # What the world sees

    def day_of(self, one: _Made) -> dt.date:
        """Return the day on which a line was created, in the tenant's zone."""
        return one.created.astimezone(ZoneInfo(self.zone)).date()

    def shown(self) -> list[Line]:
        """Return all lines that Mambu shows, or will once their time has come."""
        return [
            Line(one.entry, str(self.day_of(one)), str(one.booked), one.pence, one.account, one.transaction)
            for entry, one in self._lines.items()
            if entry not in self._hidden
        ]

    def _plant(self, *, replacing: bool = True) -> None:
        by_day: dict[dt.date, list[Any]] = defaultdict(list)
        for entry, one in self._lines.items():
            if entry not in self._hidden:
                by_day[self.day_of(one)].append(self._text(one))
        for offset in range(-_EMPTY_DAYS, self.days + 3):
            date = self.first + dt.timedelta(days=offset)
            entries = frozenset(int(line["entryID"]) for line in by_day[date])
            self._had[date][len(entries)] = entries
            _at_once(self.stand_in.control("lines", {"date": str(date), "lines": by_day[date]}))
        self._tell(self.shown())

    def _text(self, one: _Made) -> dict[str, Any]:
        zone = ZoneInfo(self.zone)
        booked = dt.datetime.combine(one.booked, dt.time.min, tzinfo=zone)
        return {
            "encodedKey": f"{one.entry:032x}",
            "entryID": one.entry,
            "creationDate": one.created.astimezone(zone).isoformat(),
            "bookingDate": booked.isoformat(),
            "transactionId": one.transaction,
            "type": "DEBIT" if one.pence > 0 else "CREDIT",
            "amount": f"{abs(one.pence) // 100}.{abs(one.pence) % 100:02}",
            "glAccount": {
                "encodedKey": "8a8187",
                "glCode": one.account,
                "type": "ASSET",
                "usage": "DETAIL",
                "name": "n",
            },
            "productType": "LOAN",
        }

    # What happens to it

    def act(self, name: str, rng: random.Random) -> str | None:
        """Let something happen, and return what; None where it cannot."""
        acts: dict[str, Callable[[random.Random], str | None]] = {
            "late lines": self._late,
            "lines taken back": self._taken_back,
            "lines reversed": self._reversed,
            "a branch is hidden": self._hide,
            "the branch is shown": self._show,
            "another zone": self._other_zone,
        }
        return acts[name](rng)

    def _over(self) -> list[dt.date]:
        """Return the days that are over, the last four at most."""
        today = self._clock.now().astimezone(ZoneInfo(self.zone)).date()
        dates = [self.first + dt.timedelta(days=number) for number in range(self.days)]
        return [date for date in dates if date < today][-4:]

    def _entries(self, date: dt.date) -> frozenset[int]:
        return frozenset(one.entry for one in self.shown() if one.day == str(date))

    def _late(self, rng: random.Random) -> str | None:
        dates = self._over()
        if not dates:
            return None
        date = rng.choice(dates)
        count = len(self._entries(date))
        lines = next((n for n in (2, 3, 4, 5) if count + n not in self._had[date]), 0)
        if not lines:
            return None
        self._transaction(rng, date, dates=2, lines=lines)
        self._plant()
        return f"{lines} lines come late into {date}"

    def _some(self, rng: random.Random) -> Iterator[tuple[dt.date, list[int]]]:
        """Yield transactions whose loss leaves a count that their day has never had."""
        units: dict[tuple[dt.date, str | None], list[int]] = defaultdict(list)
        for entry, one in self._lines.items():
            if entry not in self._hidden and one.transaction:
                units[self.day_of(one), one.transaction].append(entry)
        chosen = list(units.items())
        rng.shuffle(chosen)
        over = self._over()
        for (date, _), entries in chosen:
            if date in over and len(self._entries(date)) - len(entries) not in self._had[date]:
                yield date, entries

    def _taken_back(self, rng: random.Random) -> str | None:
        for date, entries in self._some(rng):
            for entry in entries:
                del self._lines[entry]
            self._plant()
            return f"Mambu takes entries {entries} of {date} back"
        return None

    def _reversed(self, rng: random.Random) -> str | None:
        """Reverse a transaction, as Mambu does: by new lines of opposite amounts, in one of their own."""
        for _, entries in self._some(rng):
            now = self._clock.now().replace(microsecond=0)
            for entry in entries:
                old, self._next = self._lines[entry], self._next + 1
                name = f"R{old.transaction}"
                new = old._replace(entry=self._next, created=now, pence=-old.pence, transaction=name)
                self._lines[self._next] = new
            self._plant()
            return f"Mambu reverses entries {entries} by new lines of today"
        return None

    def _hide(self, rng: random.Random) -> str | None:
        """Take a branch from what the API user may see: its lines are in no answer and no count any more.

        Of each day it leaves a count that the day has not had.
        """
        if self._hidden:
            return None
        before = {date: self._entries(date) for date in self._over()}
        for branch in rng.sample(range(_BRANCHES), _BRANCHES):
            gone = {entry for entry, one in self._lines.items() if one.branch == branch}
            left = {date: entries - gone for date, entries in before.items() if entries & gone}
            if left and all(self._had[date].get(len(rest), rest) == rest for date, rest in left.items()):
                self._hidden, self._hidden_branch = gone, branch
                self._plant()
                return f"the API user does not see a branch of Mambu's any more: entries {sorted(gone)}"
        return None

    def _show(self, _rng: random.Random) -> str | None:
        hidden, self._hidden = self._hidden, set()
        dates = {self.day_of(self._lines[entry]) for entry in hidden if entry in self._lines}
        known = [(self._entries(date), self._had[date]) for date in sorted(dates)]
        if not hidden or any(had.get(len(entries), entries) != entries for entries, had in known):
            self._hidden = hidden
            return None
        self._hidden_branch = None
        self._plant()
        return "the API user sees all branches of Mambu's again"

    def _other_zone(self, _rng: random.Random) -> str | None:
        self.zone = "Europe/Berlin" if self.zone == "Europe/London" else "Europe/London"
        self.stand_in.options = self.stand_in.options.changed({"time_zone": self.zone})
        self._had.clear()
        self._plant()
        return f"Mambu's time zone is {self.zone}"

    def tasks(self) -> list[dict[str, Any]]:
        """Return the tasks that Mambu has."""
        return json.loads(json.dumps(_at_once(self.stand_in.control("tasks", {}))))  # type: ignore[no-any-return]


def _at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """Return what comes of work that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as ended:
        return ended.value
    raise RuntimeError("it waits for something")
