"""Step 5, batch: units fill balanced batches, one row of them per booking date. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from flows.journals.lines import taken
from flows.journals.process.errors import StepRefusal
from flows.money import sums_of

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
    dates = pc.cast(lines["booking_date"], pa.int32()).to_numpy()
    numbers, first, places, counts = np.unique(
        lines["unit"].to_numpy(), return_index=True, return_inverse=True, return_counts=True
    )
    sizes = sums_of(line_sizes(lines), places, len(numbers))
    units = [Unit(*row) for row in zip(numbers.tolist(), counts.tolist(), sizes.tolist(), strict=True)]
    order = np.lexsort((numbers, dates[first])).tolist()
    if too_large := [place for place in order if units[place].size > LARGEST_JOURNAL_BYTES]:
        names = [_name(lines, int(first[place]), units[place].lines) for place in too_large]
        raise StepRefusal("batch", "Too large to send to Xero in one request", names, _REMEDY)
    of_unit = np.zeros(len(units), np.int64)
    for _, its in groupby(order, dates[first].tolist().__getitem__):
        together = list(its)
        of_unit[together] = [
            number for _, number in fill((units[one] for one in together), lines_per_journal)
        ]
    batches = of_unit[places]
    ordered = np.lexsort((lines["entry_id"].to_numpy(), batches, dates))
    return taken(lines.append_column("batch", pa.array(batches, pa.int64())), pa.array(ordered))


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


def _name(lines: pa.Table, first: int, count: int) -> str:
    transaction = lines["transaction_id"][first].as_py()
    name = f"transaction {transaction}" if transaction else "the lines without a transaction"
    return f"{name} of booking date {lines['booking_date'][first].as_py()} ({count} lines)"
