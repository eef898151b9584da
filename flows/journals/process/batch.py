"""Step 5, batch: units fill balanced batches, one row of them per booking date. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from flows.journals.lines import rows_at
from flows.journals.process.errors import StepRefusal
from flows.money import sums_of

# Xero takes requests below 3.5 MB; what surrounds the lines needs less than the rest.
LARGEST_JOURNAL_BYTES = 3_000_000
# A line without its transaction id, with room: names of fields, a long entry id, amount and label.
_LINE_BYTES = 220


_Integers = npt.NDArray[np.int64]


class Units(NamedTuple):
    """The units of some lines, by number: how many lines each has, and at most how many bytes as JSON.

    `first` has the row of each unit's first line, `places` the place of each line's unit among them.
    """

    numbers: _Integers
    lines: _Integers
    sizes: _Integers
    first: npt.NDArray[np.intp]
    places: npt.NDArray[np.intp]

    @classmethod
    def of(cls, lines: pa.Table) -> Units:
        numbers, first, places, counts = np.unique(
            lines["unit"].to_numpy(), return_index=True, return_inverse=True, return_counts=True
        )
        return cls(numbers, counts, sums_of(line_sizes(lines), places, len(numbers)), first, places)


def batch(lines: pa.Table, lines_per_journal: int) -> pa.Table:
    """Return the lines with their `batch`, counted from 1 per booking date, sorted by date, batch, entry id.

    `lines_per_journal` is a soft limit, since a unit is never split; the limit on bytes is hard. Raises
    StepRefusal naming each unit that is too large for a request of its own.
    """
    dates, units = pc.cast(lines["booking_date"], pa.int32()).to_numpy(), Units.of(lines)
    dates_of_units = dates[units.first]
    order = np.lexsort((units.numbers, dates_of_units))
    if np.any(units.sizes > LARGEST_JOURNAL_BYTES):
        names = [_name(lines, units, place) for place in order[units.sizes[order] > LARGEST_JOURNAL_BYTES]]
        raise StepRefusal("batch", "Too large to send to Xero in one request", names, _REMEDY)
    numbers = np.empty(len(order), np.int64)
    for its in np.split(order, np.flatnonzero(np.diff(dates_of_units[order])) + 1):
        numbers[its] = fill(units.lines[its], units.sizes[its], lines_per_journal)
    batches = numbers[units.places]
    ordered = np.lexsort((lines["entry_id"].to_numpy(), batches, dates))
    return rows_at(lines.append_column("batch", pa.array(batches, pa.int64())), pa.array(ordered))


_REMEDY = (
    "A transaction is never split between journals. Ask Mambu's support to book it in parts, or enter it "
    "manually in Xero."
)


def line_sizes(lines: pa.Table) -> npt.NDArray[np.int64]:
    """Return at most how many bytes each line takes as JSON, which may double the bytes of an id."""
    lengths: npt.NDArray[np.int32] = pc.fill_null(pc.binary_length(lines["transaction_id"]), 0).to_numpy()
    return _LINE_BYTES + 2 * lengths.astype(np.int64)


def fill(lines: _Integers, sizes: _Integers, lines_per_journal: int, first: int = 1) -> _Integers:
    """Return each unit's batch, numbered from `first`: units fill batches one after the other."""
    line_ends, size_ends = np.cumsum(lines), np.cumsum(sizes)
    numbers = np.empty(len(lines), np.int64)
    start, number, lines_before, size_before = 0, first, 0, 0
    while start < len(lines):
        by_lines = np.searchsorted(line_ends, lines_before + lines_per_journal, "right")
        by_size = np.searchsorted(size_ends, size_before + LARGEST_JOURNAL_BYTES, "right")
        # A unit that is larger than a batch has one of its own.
        end = max(int(min(by_lines, by_size)), start + 1)
        numbers[start:end] = number
        start, number, lines_before, size_before = end, number + 1, line_ends[end - 1], size_ends[end - 1]
    return numbers


def _name(lines: pa.Table, units: Units, place: int) -> str:
    first = int(units.first[place])
    transaction = lines["transaction_id"][first].as_py()
    name = f"transaction {transaction}" if transaction else "the lines without a transaction"
    return f"{name} of booking date {lines['booking_date'][first].as_py()} ({units.lines[place]} lines)"
