"""Step 5, batch: units fill balanced batches, one row of them per booking date. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flows.journals.process.errors import StepRefusal

# Xero takes requests below 3.5 MB; what surrounds the lines needs less than the rest.
LARGEST_JOURNAL_BYTES = 3_000_000
# A line without its transaction id, with room: names of fields, a long entry id, amount and label.
_LINE_BYTES = 220


class Unit(NamedTuple):
    """A unit's size: how many lines, and at most how many bytes as JSON."""

    number: int
    lines: int
    size: int


def batch(lines: pa.Table, lines_per_journal: int) -> pa.Table:
    """Return the lines with their `batch`, counted from 1 per booking date, sorted by date, batch, entry id.

    `lines_per_journal` is a soft limit, since a unit is never split; the limit on bytes is hard. Raises
    StepRefusal naming each unit that is too large for a request of its own.
    """
    frame = pd.DataFrame(
        {
            "booking_date": pc.cast(lines["booking_date"], pa.int32()).to_numpy(),
            "unit": lines["unit"].to_numpy(),
            "size": line_sizes(lines),
        }
    )
    sizes = frame.groupby(["booking_date", "unit"], sort=True)["size"].agg(["count", "sum"])
    too_large = sizes[sizes["sum"] > LARGEST_JOURNAL_BYTES]
    if len(too_large):
        raise StepRefusal(
            "batch", "Too large to send to Xero in one request", _names(lines, too_large), _REMEDY
        )
    numbers: dict[int, int] = {}
    for _, units in sizes.groupby(level="booking_date"):
        rows = (
            Unit(*row)
            for row in zip(units.index.get_level_values("unit"), units["count"], units["sum"], strict=True)
        )
        numbers.update(fill(rows, lines_per_journal))
    batches = frame["unit"].map(numbers).to_numpy(dtype=np.int64) if len(frame) else np.empty(0, np.int64)
    return lines.append_column("batch", pa.array(batches, pa.int64())).sort_by(
        [("booking_date", "ascending"), ("batch", "ascending"), ("entry_id", "ascending")]
    )


_REMEDY = (
    "A transaction is never split between journals. Ask Mambu's support to book it in parts, or enter it "
    "manually in Xero."
)


def line_sizes(lines: pa.Table) -> npt.NDArray[np.int64]:
    """Return at most how many bytes each line takes as JSON, which may double the bytes of an id."""
    lengths: npt.NDArray[np.int32] = pc.fill_null(pc.binary_length(lines["transaction_id"]), 0).to_numpy()
    return _LINE_BYTES + 2 * lengths.astype(np.int64)


def fill(units: Iterable[Unit], lines_per_journal: int, first: int = 1) -> Iterator[tuple[int, int]]:
    """Yield (unit, batch): units fill batches one after the other, numbered from `first`."""
    number, lines, size = first, 0, 0
    for unit in units:
        full = lines + unit.lines > lines_per_journal or size + unit.size > LARGEST_JOURNAL_BYTES
        if lines and full:
            number, lines, size = number + 1, 0, 0
        lines, size = lines + unit.lines, size + unit.size
        yield unit.number, number


def _names(lines: pa.Table, too_large: pd.DataFrame) -> list[str]:
    names: list[str] = []
    units = too_large.index.get_level_values("unit")
    for unit, count in zip(units, too_large["count"], strict=True):
        row = pc.index(lines["unit"], unit).as_py()
        transaction = lines["transaction_id"][row].as_py()
        name = f"transaction {transaction}" if transaction else "the lines without a transaction"
        names.append(f"{name} of booking date {lines['booking_date'][row].as_py()} ({count} lines)")
    return names
