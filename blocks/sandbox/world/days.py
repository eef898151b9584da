"""The seeded day: the journal lines a lender's Mambu would show as created on one date.

`day_of` is a pure function of a date and `DaySettings`. Every date yields the same realistic day:
automatic and manual entries, aggregated accruals at midnight, backdated entries, reversals, entries
between branches, foreign amounts, zero amounts. Postings balance each, and so does the pool of lines
without a transaction on each booking date.

Where Mambu's behaviour is not known in public, the choice is ours: a day's accruals are stamped
00:00:00 of the next day and booked on the day they accrued.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from blocks.sandbox.world import chart
from blocks.sandbox.world.day_kinds import DAILY_ACCRUALS, KIND_NUMBER, KINDS, MONTHLY_ACCRUALS, POSTINGS
from blocks.sandbox.world.noise import noise

Integers = NDArray[np.int64]

FEWEST_LINES, MOST_LINES = 40, 9_000_000
# Ids grow from day to day; the rest of a day's range is for lines posted to the stand-in.
IDS_PER_DAY = 10_000_000
FIRST_DAY = date(2000, 1, 1)
LONGEST_BACKDATING_DAYS = 31

_REVERSIBLE = np.array(
    [KIND_NUMBER[name] for name in ("withdrawal", "account fee", "deposit to current account")],
    dtype=np.int64,
)
_COLLECTED = KIND_NUMBER["direct debit collected"]
_LEGS = np.array([len(kind.legs) for kind in KINDS], dtype=np.int64)
_WEIGHTS = np.cumsum([kind.weight for kind in POSTINGS])
_PAIR, _TRIPLE = KIND_NUMBER["deposit to current account"], KIND_NUMBER["card purchase with scheme charge"]
_FILLERS = {3: (_TRIPLE,), 4: (_PAIR, _PAIR), 5: (_TRIPLE, _PAIR), 6: (_PAIR, _PAIR, _PAIR)}
_LIMITS = np.array([kind.limits for kind in KINDS], dtype=np.uint64)

# Streams of noise: one per attribute.
_KIND, _TIME, _SPREAD, _PART, _BRANCH, _ACCOUNT, _BACKDATE, _ORDER, _ZERO = 0, 1, 2, 3, 6, 7, 8, 9, 10


@dataclass(frozen=True, slots=True)
class DaySettings:
    """What a seeded day depends on besides its date.

    `nulls`: a line shows what it has no value for as null, and does not leave it out.
    """

    time_zone: str = chart.TIME_ZONE
    currency: str = chart.CURRENCY
    lines_per_day: int = 1200
    seed: int = 2026
    nulls: bool = False

    def __post_init__(self) -> None:
        if not FEWEST_LINES <= self.lines_per_day <= MOST_LINES:
            raise ValueError(
                f"lines_per_day is {self.lines_per_day}: it must be from {FEWEST_LINES} to {MOST_LINES}"
            )
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{self.time_zone!r} is not a time zone") from None
        if not 0 <= self.seed < 1 << 32:
            raise ValueError(f"seed is {self.seed}: it must be from 0 to {(1 << 32) - 1}")


@dataclass(frozen=True, slots=True)
class DayColumns:
    """A seeded day before it is written out; one row per line, in the order of entry ids.

    `created` and `booked` are seconds since 1970; `cents` unsigned; the others are numbers into the
    tables of `world.day_kinds` and `mambu.reference`. `reverses` names (day as ordinal, serial) of the line
    at the other end of a reversal, or has serial -1.
    """

    serial: Integers
    kind: Integers
    leg: Integers
    debit: NDArray[np.bool_]
    cents: Integers
    created: Integers
    booked: Integers
    transaction: Integers  # -1: none
    branch: Integers
    account: Integers
    reverses_day: Integers
    reverses_serial: Integers


def day_start(day: date, zone: ZoneInfo) -> int:
    """Return the first instant of a local day, in seconds since 1970; also where midnight is skipped."""
    return int(datetime.combine(day, time(), tzinfo=zone).astimezone(UTC).timestamp())


def first_entry_id(day: date) -> int:
    """Return the lowest entry id of a day; ids of all days are distinct and grow."""
    return (day - FIRST_DAY).days * IDS_PER_DAY + 1


def day_of_entry_id(entry_id: int) -> date | None:
    """Return the day whose range of ids holds this one, if any has."""
    try:
        return FIRST_DAY + timedelta(days=(entry_id - 1) // IDS_PER_DAY)
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True)
class _Units:
    """A day's postings, one row each. The first 4 x `reversals` are the two pairs of a reversal block."""

    kind: Integers
    reversals: int
    accruals: slice
    first_posting: int


def _reversal_kinds(seed: int, ordinal: int, first: int, count: int) -> Integers:
    numbers = np.arange(first, first + count, dtype=np.uint64)
    return _REVERSIBLE[(noise(seed, ordinal, _KIND, numbers) % np.uint64(3)).astype(np.int64)]


def _accrual_kinds(day: date, lines: int) -> tuple[int, ...]:
    branches = len(chart.BRANCHES)
    daily = [KIND_NUMBER[kind.name] for kind in DAILY_ACCRUALS for _ in range(branches)]
    monthly = [KIND_NUMBER[kind.name] for kind in MONTHLY_ACCRUALS for _ in range(branches)]
    wanted = max(2, lines // 60)
    return tuple(daily[:wanted] + (monthly[: wanted // 2] if day.day == 1 else []))


def _posting_kinds(seed: int, ordinal: int, budget: int) -> Integers:
    """Return kinds whose legs are `budget` in number: each kind once, then by weight, then fillers."""
    once = int(np.searchsorted(np.cumsum(_LEGS[: len(POSTINGS)]), budget - 3, side="right"))
    rest = budget - int(_LEGS[:once].sum())
    words = noise(seed, ordinal, _KIND, np.arange(1 << 40, (1 << 40) + rest // 2 + 1, dtype=np.uint64))
    drawn = np.searchsorted(_WEIGHTS, (words % np.uint64(_WEIGHTS[-1])).astype(np.int64), side="right")
    legs = np.cumsum(_LEGS[drawn])
    count = int(np.searchsorted(legs, rest - 3, side="right"))
    filler = _FILLERS[rest - (int(legs[count - 1]) if count else 0)]
    return np.concatenate((np.arange(once), drawn[:count], filler)).astype(np.int64)


def _units(day: date, settings: DaySettings) -> _Units:
    seed, ordinal = settings.seed, day.toordinal()
    count = max(1, settings.lines_per_day // 300)
    within = _reversal_kinds(seed, ordinal, 2 * count, count)
    blocks = (
        _reversal_kinds(seed, ordinal, 0, count),  # reversed tomorrow
        _reversal_kinds(seed, ordinal - 1, 0, count),  # reversals of yesterday's
        within,  # reversed later today
        within,
    )
    accruals = _accrual_kinds(day, settings.lines_per_day)
    first_posting = 4 * count + len(accruals)
    postings = _posting_kinds(seed, ordinal, settings.lines_per_day - 8 * count - 2 * len(accruals))
    kinds = np.concatenate((*blocks, accruals, postings)).astype(np.int64)
    return _Units(kinds, count, slice(4 * count, first_posting), first_posting)


def _draw(settings: DaySettings, day: date, units: _Units, stream: int) -> NDArray[np.uint64]:
    """Return noise per unit; a reversal draws what the posting it reverses drew."""
    count, total = units.reversals, len(units.kind)
    words = noise(settings.seed, day.toordinal(), stream, np.arange(total, dtype=np.uint64))
    words[count : 2 * count] = noise(
        settings.seed, day.toordinal() - 1, stream, np.arange(count, dtype=np.uint64)
    )
    words[3 * count : 4 * count] = words[2 * count : 3 * count]
    return words


def _parts(settings: DaySettings, day: date, units: _Units) -> Integers:
    """Return a, b and c of each unit in cents; c is zero now and then, as on a repayment without fee."""
    limits = _LIMITS[units.kind]
    columns = [
        _draw(settings, day, units, _PART + part) % np.maximum(limits[:, part], np.uint64(1)) + np.uint64(1)
        for part in range(3)
    ]
    parts = (np.stack(columns, axis=1) * (limits > 0)).astype(np.int64)
    zero = _draw(settings, day, units, _ZERO) % np.uint64(12) == 0
    zero[units.first_posting] = True  # the first posting is a repayment
    parts[zero, 2] = 0
    return parts


def _created(settings: DaySettings, day: date, units: _Units, length: int) -> Integers:
    """Return seconds from the start of the day: busiest at noon, none before it or after its end."""
    numbers = np.arange(len(units.kind), dtype=np.uint64)
    ordinal, seconds = day.toordinal(), np.uint64(length)
    even = noise(settings.seed, ordinal, _TIME, numbers) % seconds
    other = noise(settings.seed, ordinal, _SPREAD, numbers) % seconds
    created = np.where(numbers % np.uint64(8) == 0, even, (even + other) // np.uint64(2)).astype(np.int64)
    created[units.kind == _COLLECTED] = 6 * 3600  # one batch: many lines with one creation time
    created[units.accruals] = 0
    created[units.first_posting] = length - 1
    count = units.reversals
    originals = created[2 * count : 3 * count]
    created[3 * count : 4 * count] = originals + (length - originals) // 2
    return created


def _booked(settings: DaySettings, day: date, units: _Units, created: Integers) -> Integers:
    """Return booking instants: mostly that of creation, some at midnight of an earlier day."""
    zone = ZoneInfo(settings.time_zone)
    earlier = (1, 3, 9, day.day)  # the last: the last day of the previous month
    starts = np.array([day_start(day - timedelta(days=days), zone) for days in earlier], dtype=np.int64)
    booked = created.copy()
    words = noise(settings.seed, day.toordinal(), _BACKDATE, np.arange(len(booked), dtype=np.uint64))
    backdated = words % np.uint64(29) == 0
    backdated[: units.first_posting] = False
    booked[backdated] = starts[(words[backdated] >> np.uint64(8)) % np.uint64(4)]
    for unit, choice in ((1, 1), (5, 2), (6, 3)):  # however small the day, each date is there
        booked[units.first_posting + unit] = starts[choice]
    booked[units.accruals] = starts[0]
    booked[units.reversals : 2 * units.reversals] = starts[0]
    return booked


@cache
def _leg_tables() -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Return, per kind and leg: the parts it carries, how many branches further it is, whether a debit."""
    debits = np.zeros((len(KINDS), 4), dtype=np.bool_)
    parts = np.zeros((len(KINDS), 4, 3), dtype=np.int64)
    further = np.zeros((len(KINDS), 4), dtype=np.int64)
    for number, kind in enumerate(KINDS):
        for leg, row in enumerate(kind.legs):
            parts[number, leg] = [part in row.parts for part in "abc"]
            further[number, leg] = row.other_branch
            debits[number, leg] = row.debit
    return parts, further, debits


def _branches(settings: DaySettings, day: date, units: _Units) -> Integers:
    branch = (_draw(settings, day, units, _BRANCH) % np.uint64(5)).astype(np.int64)
    branch = np.array([0, 0, 0, 1, 2])[branch]
    accruals = units.accruals
    branch[accruals] = np.arange(accruals.stop - accruals.start) % len(chart.BRANCHES)
    return branch


def _reversed_lines(serial: Integers, ordinal: int, count: int) -> tuple[Integers, Integers]:
    """Return the other end of each reversal; the block's postings have two legs each.

    An original names tomorrow's reversal from the start. A tenant fills it in when the reversal
    happens; a line that changes after it was created would cost the rendered day its simplicity.
    """
    block = np.where(serial < 8 * count, serial // (2 * count), -1)
    days = ordinal + np.select([block == 0, block == 1], [1, -1], 0)
    step = np.select([(block == 0) | (block == 2), (block == 1) | (block == 3)], [2 * count, -2 * count], 0)
    return days, np.where(block >= 0, serial + step, -1)


def day_of(day: date, settings: DaySettings) -> DayColumns:
    """Return the lines created on a date: exactly `lines_per_day` of them, ids slightly out of order.

    Days of about 150 lines or more use every account of the chart. Raises ValueError for a day
    before 2000, where the entry ids would be negative.
    """
    if day <= FIRST_DAY:
        raise ValueError(f"{day}: the sandbox has no days before {FIRST_DAY + timedelta(days=1)}")
    zone, units, ordinal = ZoneInfo(settings.time_zone), _units(day, settings), day.toordinal()
    start = day_start(day, zone)
    created = start + _created(settings, day, units, day_start(day + timedelta(days=1), zone) - start)
    booked = _booked(settings, day, units, created)
    transaction = first_entry_id(day) + np.argsort(np.argsort(created, kind="stable"), kind="stable")
    transaction[units.accruals] = -1

    legs = _LEGS[units.kind]
    unit = np.repeat(np.arange(len(legs)), legs)
    serial = np.arange(len(unit))
    leg = serial - np.repeat(np.cumsum(legs) - legs, legs)
    kind = units.kind[unit]
    carried, further, debits = _leg_tables()
    cents = (carried[kind, leg] * _parts(settings, day, units)[unit]).sum(axis=1)
    branch = (_branches(settings, day, units)[unit] + further[kind, leg]) % len(chart.BRANCHES)
    account = (_draw(settings, day, units, _ACCOUNT) >> np.uint64(8)).astype(np.int64)[unit]
    reverses_day, reverses_serial = _reversed_lines(serial, ordinal, units.reversals)
    mirrored = (reverses_serial >= 0) & (reverses_serial < serial)  # a reversal posts the other way round
    rows = np.argsort(created[unit], kind="stable")
    jitter = noise(settings.seed, ordinal, _ORDER, serial.astype(np.uint64)) % np.uint64(7)
    rows = rows[np.argsort(np.arange(len(rows)) + jitter.astype(np.int64), kind="stable")]
    return DayColumns(
        serial[rows],
        kind[rows],
        leg[rows],
        (debits[kind, leg] ^ mirrored)[rows],
        cents[rows],
        created[unit][rows],
        booked[unit][rows],
        transaction[unit][rows],
        branch[rows],
        account[rows],
        reverses_day[rows],
        reverses_serial[rows],
    )
