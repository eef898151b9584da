"""Step 4, balance: each unit sums to exactly zero, and still does after rounding to the minor unit. Pure.

By controlled rounding each account's sum on a booking date stays within a minor unit of Mambu's, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from flows.journals.lines import AMOUNT
from flows.journals.process.errors import StepRefusal
from flows.journals.process.group import numbered
from flows.journals.process.rounding import controlled_rounding, line_ids
from flows.money import sums_of


class Balanced(NamedTuple):
    """Lines with their amount in `minor` units, and what had to be done for it.

    `rounding` is what an amount had more than its `minor`, in 1/10**(18 - digits) of a minor unit. `pooled`
    describes, per booking date, the units that balance only together; `rounded` and `rounded_away` are the
    entry ids whose amounts were rounded, and rounded to nothing: those lines are kept, with `minor` 0.
    """

    lines: pa.Table
    pooled: list[str]
    rounded: list[int]
    rounded_away: list[int]


def balance(lines: pa.Table, digits: int) -> Balanced:
    """Return the lines in minor units of a currency with `digits` decimals, each unit summing to zero.

    Raises StepRefusal naming the units of each booking date that does not balance.
    """
    amounts, scale = exact_integers(lines["amount"], digits)
    units, pooled = _pool(lines, amounts, scale)
    minor, rounding, rounded = _round(lines, units, amounts, scale, digits)
    result = (
        lines.drop_columns(["amount", "unit"])
        .append_column("unit", pa.array(units, pa.int64()))
        .append_column("minor", pa.array(minor, pa.int64()))
        .append_column("rounding", pa.array(rounding, pa.int64()))
    )
    entries = lines["entry_id"].to_numpy()
    return Balanced(result, pooled, entries[rounded].tolist(), entries[minor == 0].tolist())


def exact_integers(amounts: pa.ChunkedArray, digits: int) -> tuple[npt.NDArray[Any], int]:
    """Return amounts as integers, and the number of decimals that makes them so: at least `digits`.

    Where one does not fit 64 bits, all are Python's integers.
    """
    for scale in range(digits, AMOUNT.scale + 1):
        try:
            scaled = pc.cast(amounts, pa.decimal128(38, scale)).combine_chunks()
        except pa.ArrowInvalid:
            continue
        # The same 128-bit integers, read as a decimal without a point.
        whole = pa.Array.from_buffers(
            pa.decimal128(38, 0), len(scaled), scaled.buffers(), offset=scaled.offset
        )
        try:
            return whole.cast(pa.int64()).to_numpy(), scale
        except pa.ArrowInvalid:
            return np.array([int(value) for value in whole.to_pylist()], object), scale
    raise AssertionError("the staged column has no more decimals than its own scale")


class _Failing(NamedTuple):
    """A unit that does not sum to zero: of one booking date, `total` off."""

    booking_date: str
    unit: int
    transaction: str | None
    lines: int
    total: int


def _pool(lines: pa.Table, amounts: npt.NDArray[Any], scale: int) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Merge the units that balance only together: return each line's unit, and describe what was merged."""
    units = lines["unit"].to_numpy().copy()
    failing = _unbalanced(lines, units, amounts)
    pooled: list[str] = []
    off: set[str] = set()
    for booking_date, group in groupby(failing, attrgetter("booking_date")):
        its = list(group)
        if _total(its):
            off.add(booking_date)
        else:
            pooled.append(f"booking date {booking_date}: {_named(its, scale)}")
            numbers = [one.unit for one in its]
            units[np.isin(units, numbers)] = min(numbers)
    if off:
        raise _refusal(failing, off, scale)
    return units, pooled


def _unbalanced(lines: pa.Table, units: npt.NDArray[np.int64], amounts: npt.NDArray[Any]) -> list[_Failing]:
    """Return the units that do not sum to zero, by booking date and number."""
    numbers, first, places, counts = np.unique(
        units, return_index=True, return_inverse=True, return_counts=True
    )
    sums = sums_of(amounts, places, len(numbers))
    off = np.flatnonzero(sums)
    transactions, dates = (
        lines[name].take(first[off]).to_pylist() for name in ("transaction_id", "booking_date")
    )
    rows = zip(
        map(str, dates),
        numbers[off].tolist(),
        transactions,
        counts[off].tolist(),
        sums[off].tolist(),
        strict=True,
    )
    return sorted((_Failing(*row) for row in rows), key=attrgetter("booking_date", "unit"))


def _refusal(failing: list[_Failing], off: set[str], scale: int) -> StepRefusal:
    """Say why each booking date is out of balance: transactions are spread over several, or lines are "
    "lacking."""
    spread = _spread(failing, off)
    touched = {part.booking_date for parts in spread for part in parts}
    offenders = [_spanning(parts, scale) for parts in spread]
    others = [one for one in failing if not any(one in parts for parts in spread)]
    remedy = [_ONE_DATE] if spread else []
    for booking_date, group in groupby(others, attrgetter("booking_date")):
        units = list(group)
        if booking_date in off | touched and (total := _total(units)):
            also = "also " if booking_date in touched else ""
            offenders.append(
                f"booking date {booking_date} is {also}out of balance by {_exact(total, scale)}: "
                f"{_named(units, scale)}"
            )
    if len(offenders) > len(spread):
        remedy.append(f"{'For the rest, either' if spread else 'Either'} {_LACKING}")
    summary = f"{len(off)} booking date{'s do' if len(off) > 1 else ' does'} not balance"
    return StepRefusal("balance", summary, offenders, " ".join([*remedy, _AGAIN]))


_ONE_DATE = (
    "Xero needs every booking date to balance. Where lines balance only across several dates, correct the "
    "booking date in Mambu so that each date balances."
)
_LACKING = (
    "the Mambu user sees only some branches (give it access to all of them), or the entries are incomplete "
    "in Mambu."
)
_AGAIN = "Correct this, then run the date again."


def _spread(failing: list[_Failing], off: set[str]) -> list[list[_Failing]]:
    """Return the transactions in parts that balance only over several booking dates and put some off."""
    parts: dict[str | None, list[_Failing]] = {}
    for one in failing:
        parts.setdefault(one.transaction, []).append(one)
    spread = [some for some in parts.values() if not _total(some)]
    moved: dict[str, int] = dict.fromkeys(off, 0)
    for part in (part for some in spread for part in some if part.booking_date in off):
        moved[part.booking_date] += part.total
    return [some for some in spread if any(moved.get(part.booking_date) for part in some)]


def _total(units: Iterable[_Failing]) -> int:
    return sum(one.total for one in units)


def _spanning(parts: list[_Failing], scale: int) -> str:
    dates = [f"{one.booking_date} ({_size(one, scale)})" for one in parts]
    listed = f"{', '.join(dates[:-1])} and {dates[-1]}"
    if parts[0].transaction:
        return f"transaction {parts[0].transaction} spans booking dates {listed} and balances only as a whole"
    return f"the lines without a transaction span booking dates {listed} and balance only as a whole"


def _named(units: Iterable[_Failing], scale: int) -> str:
    return ", ".join(
        f"{f'transaction {one.transaction}' if one.transaction else 'the lines without a transaction'} "
        f"({_size(one, scale)})"
        for one in units
    )


def _size(one: _Failing, scale: int) -> str:
    return f"{one.lines} line{'s' if one.lines > 1 else ''}, {_exact(one.total, scale)}"


def _exact(value: int, scale: int) -> str:
    sign, digits = ("-" if value < 0 else "+"), str(abs(value)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else f"{sign}{digits}"


def _round(
    lines: pa.Table, units: npt.NDArray[np.int64], amounts: npt.NDArray[Any], scale: int, digits: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """Return amounts in minor units, the `rounding` that leaves, and the places of the lines rounded."""
    if scale == digits:
        return amounts, np.zeros(len(amounts), np.int64), np.empty(0, np.intp)
    factor = 10 ** (scale - digits)
    fractions = (amounts % factor).astype(np.int64)
    inexact = np.flatnonzero(fractions)
    fine = lines.take(inexact)
    ups = np.zeros(len(amounts), np.int64)
    ups[inexact] = controlled_rounding(
        fractions[inexact],
        units[inexact],
        numbered(fine["booking_date"], fine["account_code"]),
        factor,
        ids=line_ids(fine),
    )
    minor = (amounts // factor).astype(np.int64) + ups
    return minor, (fractions - ups * factor) * 10 ** (AMOUNT.scale - scale), inexact
