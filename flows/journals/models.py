"""Terms of the journals: what Mambu's day asks for, what stands in Xero, what the record says of it. Pure.

What holds a whole day is a struct, since Prefect looks into tuples and dataclasses that tasks exchange.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Set
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from blocks.xero.models import ManualJournal
from flows.money import to_minor

# A journal in one of these states is gone from the books; any other counts as there.
WITHDRAWN = "DELETED"
VOIDED = "VOIDED"
DELETED_OR_VOIDED = frozenset({WITHDRAWN, VOIDED})
# What a person writes into the narration of a journal that is taken for one of ours, and is not.
NOT_OURS = "not Mambu"


class Plan(NamedTuple):
    """What a day's lines ask for: the batched lines, and what their names and amounts need.

    `lines` has the columns entry_id, transaction_id, booking_date, account_code, unit, minor, rounding and
    batch. `exact` are Mambu's sums in minor units per account code and booking date, unrounded, worked out
    from the lines as they were extracted and not from `lines`.
    """

    day: dt.date
    lines: pa.Table
    digits: int
    label: str | None
    exact: Mapping[tuple[str, str], Decimal]


class Known(NamedTuple):
    """What the record says of a journal that was in Xero.

    `entries` are the entry ids that it was sent with; None where these are not known. `possible`: the
    journal only looks like one of ours.
    """

    day: dt.date
    booking_date: dt.date
    entries: Set[int] | None
    possible: bool = False


NOTHING_KNOWN: Final[Mapping[str, Known]] = MappingProxyType({})


def is_rounded(plan: Plan) -> bool:
    """Tell whether any line of the day is finer than the currency's decimals."""
    return bool(pc.any(pc.not_equal(plan.lines["rounding"], 0)).as_py())


# Daybook sends NONE; Xero shows it under the name that its country's chart has for it, such as
# BASEXCLUDED in Australia. Zero rates are none of these: they are tax, and stand in a tax return.
_NO_TAX = frozenset(
    {"", "NONE", "BASEXCLUDED", "EXEMPTEXPENSES", "EXEMPTINCOME", "EXEMPTINPUT", "EXEMPTOUTPUT"}
)


def is_taxed(tax_type: str | None) -> bool:
    """Tell whether a tax type means tax; every name of "no tax" means the same, and so does none at all."""
    return (tax_type or "").strip().upper() not in _NO_TAX


def debits_of(journal: ManualJournal, digits: int) -> int:
    """Return the sum of a journal's debits in minor units; what is finer than those counts as nothing."""
    return sum(to_minor(line.amount, digits) or 0 for line in journal.lines if line.amount > 0)
