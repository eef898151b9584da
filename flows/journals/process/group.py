"""Step 3, group: which lines must stay together. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from flows.journals.lines import in_one


def group(lines: pa.Table) -> pa.Table:
    """Return the lines with the number of their `unit`, counting units by their lowest entry id.

    A unit is the lines of one transaction with one booking date; the lines of a booking date that
    have no transaction id form one unit together. Expects lines in the order of their entry ids.
    """
    units = numbered(lines["booking_date"], pc.fill_null(lines["transaction_id"], ""))
    return lines.append_column("unit", pa.array(units, pa.int64()))


def numbered(*keys: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Number combinations of values from 0 on, in the order in which they first appear."""
    found = np.zeros(len(keys[0]), np.int64)
    for key in keys:
        codes = in_one(key).dictionary_encode()
        both = found * max(len(codes.dictionary), 1) + codes.indices.to_numpy()
        found = pa.array(both).dictionary_encode().indices.to_numpy().astype(np.int64)
    return found
