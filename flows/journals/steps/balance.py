"""Step 4, balance: each unit sums to exactly zero, and still does after rounding to the minor unit."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flows.journals.lines import AMOUNT
from flows.journals.steps import StepRefusal
from flows.money import exact_sums, round_to_zero_sum


class Balanced(NamedTuple):
    """Lines with their amount in `minor` units, and what had to be done for it.

    `pooled` describes, per booking date, the units that balance only together; `rounded` and
    `rounded_away` are the entry ids whose amounts were rounded, and rounded to nothing.
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
    frame = pd.DataFrame(
        {
            "entry_id": lines["entry_id"].to_numpy(),
            "booking_date": lines["booking_date"].cast(pa.string()).to_pandas(),
            "unit": lines["unit"].to_numpy(),
            "amount": amounts,
        }
    )
    pooled = _pool(frame, lines, scale)
    rounded = _round(frame, 10 ** (scale - digits))
    keep = frame["amount"] != 0
    result = (
        lines.drop_columns(["amount", "unit"])
        .append_column("unit", pa.array(frame["unit"], pa.int64()))
        .append_column("minor", pa.array(frame["amount"], pa.int64()))
        .filter(pa.array(keep))
    )
    return Balanced(result, pooled, rounded, frame.loc[~keep, "entry_id"].tolist())


def exact_integers(amounts: pa.ChunkedArray, digits: int) -> tuple[pd.Series[int], int]:
    """Return amounts as integers, and the number of decimals that makes them so: at least `digits`."""
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
            return pd.Series(whole.cast(pa.int64()).to_numpy(zero_copy_only=False)), scale
        except pa.ArrowInvalid:
            return pd.Series([int(value) for value in whole.to_pylist()], dtype=object), scale
    raise AssertionError("the staged column has no more decimals than its own scale")


def _pool(frame: pd.DataFrame, lines: pa.Table, scale: int) -> list[str]:
    """Merge the units that balance only together, in place, and describe them."""
    sums = exact_sums(frame["amount"], [frame["booking_date"], frame["unit"]])
    alone = sums[sums != 0].reset_index()
    if alone.empty:
        return []
    pooled: list[str] = []
    offenders: list[str] = []
    for booking_date, failing in alone.groupby("booking_date"):
        units = [_unit_name(frame, lines, unit, total, scale) for unit, total in _pairs(failing)]
        total = sum(int(value) for value in failing["amount"])
        if total:
            offenders.append(
                f"booking date {booking_date} is off by {_exact(total, scale)}: {', '.join(units)}"
            )
        else:
            pooled.append(f"booking date {booking_date}: {', '.join(units)}")
            frame.loc[frame["unit"].isin(failing["unit"]), "unit"] = int(failing["unit"].min())
    if offenders:
        raise StepRefusal(
            "balance",
            f"{len(offenders)} booking date{'s do' if len(offenders) > 1 else ' does'} not balance",
            offenders,
            "Either the Mambu user sees only some branches (give it access to all of them), or the entries "
            "are incomplete in Mambu. Put that right, then run the date again.",
        )
    return pooled


def _pairs(failing: pd.DataFrame) -> list[tuple[int, int]]:
    return [(int(unit), int(total)) for unit, total in zip(failing["unit"], failing["amount"], strict=True)]


def _unit_name(frame: pd.DataFrame, lines: pa.Table, unit: int, total: int, scale: int) -> str:
    rows = frame.index[frame["unit"] == unit]
    transaction = lines["transaction_id"][int(rows[0])].as_py()
    name = f"transaction {transaction}" if transaction else "the lines without a transaction"
    return f"{name} ({len(rows)} line{'s' if len(rows) > 1 else ''}, {_exact(total, scale)})"


def _exact(value: int, scale: int) -> str:
    sign, digits = ("-" if value < 0 else "+"), str(abs(value)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else f"{sign}{digits}"


def _round(frame: pd.DataFrame, factor: int) -> list[int]:
    """Turn amounts into minor units, in place, and return the entry ids of those that were rounded."""
    if factor == 1:
        return []
    inexact = frame["amount"] % factor != 0
    touched = frame["unit"].isin(frame.loc[inexact, "unit"].unique())
    units: dict[int, list[int]] = defaultdict(list)
    inside = frame.loc[touched, "unit"]
    for position, unit in zip(inside.index.tolist(), inside.tolist(), strict=True):
        units[unit].append(position)
    amounts = frame["amount"].tolist()
    rounded = (frame["amount"] // factor).tolist()
    for positions in units.values():
        results = round_to_zero_sum([amounts[position] for position in positions], factor)
        for position, result in zip(positions, results, strict=True):
            rounded[position] = result
    frame["amount"] = rounded
    return [int(entry) for entry in frame.loc[inexact, "entry_id"]]
