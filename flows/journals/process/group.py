"""Step 3, group: which lines must stay together. Pure."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def group(lines: pa.Table) -> pa.Table:
    """Return the lines with the number of their `unit`, counting units by their lowest entry id.

    A unit is the lines of one transaction with one booking date; the lines of a booking date that
    have no transaction id form one unit together. Expects lines in the order of their entry ids.
    """
    keys = pd.DataFrame(
        {
            "booking_date": pc.cast(lines["booking_date"], pa.int32()).to_numpy(),
            "transaction_id": pc.fill_null(lines["transaction_id"], "").to_pandas(),
        }
    )
    units = keys.groupby(["booking_date", "transaction_id"], sort=False).ngroup()
    return lines.append_column("unit", pa.array(units.to_numpy(), pa.int64()))
