"""The amounts that go out now: as planned, or rounded anew where what is live was rounded otherwise. Pure.

Rounding is fixed once it is live. While every live line of a booking date has the amount that is planned
for it, what is missing goes as planned, with the very bytes of any earlier attempt. Late lines change
what is planned; then only what is missing is rounded, starting from what the live lines have left of
each account's exact sum.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from flows.journals.lines import among, only
from flows.journals.models import Plan
from flows.journals.process.rounding import controlled_rounding, line_ids
from flows.journals.reconciliation import Reconciliation


def amounts_to_send(plan: Plan, matched: Reconciliation, missing: pa.Table) -> pa.Table:
    """Return the lines to be sent with their amounts, without those that round to nothing.

    `missing` are rows of the plan, in whole units.
    """
    amounts: dict[int, int] = {}
    # Nothing is sent of a date that needs review.
    for date in sorted(matched.rerounded - matched.changed_dates):
        amounts |= _rounded_anew(plan, matched, missing, date)
    if amounts:
        missing = only(plan.lines, among(plan.lines, missing["entry_id"].to_numpy(), amounts))
        entries = missing["entry_id"].to_pylist()
        minor = [
            amounts.get(entry, planned)
            for entry, planned in zip(entries, missing["minor"].to_pylist(), strict=True)
        ]
        column = missing.column_names.index("minor")
        missing = missing.set_column(column, "minor", pa.array(minor, pa.int64()))
    return only(missing, pc.not_equal(missing["minor"], 0))


class _Rest(NamedTuple):
    """Lines as rounded: their amounts by entry id, and what is left of each account, in 1/`whole`."""

    amounts: dict[int, int]
    left: dict[str, int]

    def is_within(self, whole: int) -> bool:
        return all(abs(rest) < whole for rest in self.left.values())

    @property
    def size(self) -> int:
        return sum(map(abs, self.left.values()))


def _rounded_anew(plan: Plan, matched: Reconciliation, missing: pa.Table, date: dt.date) -> dict[int, int]:
    """Return the amounts of a booking date's missing lines; of those that may be left out, if that helps."""
    whole = 10 ** (18 - plan.digits)
    of_date = plan.lines.filter(pc.equal(plan.lines["booking_date"], pa.scalar(date, pa.date32())))
    ids = line_ids(of_date)
    rows = [{**row, "id": one} for row, one in zip(of_date.to_pylist(), ids, strict=True)]
    wanted = set(missing["entry_id"].to_pylist())
    rest = _rounded(rows, matched, wanted, whole)
    if rest.is_within(whole) or not matched.optional:
        return rest.amounts
    # What may be left out is needed: the accounts would be off by a unit without it.
    more = _rounded(rows, matched, wanted | matched.optional, whole)
    return more.amounts if more.size < rest.size else rest.amounts


def _rounded(
    of_date: Iterable[dict[str, Any]], matched: Reconciliation, wanted: set[int], whole: int
) -> _Rest:
    # What cannot be sent now counts as it is planned; what is in no journal otherwise was left out rightly.
    blocked = {*matched.by_record, *matched.voided, *matched.suppressed, *matched.waiting, *matched.missing}
    codes: dict[str, int] = {}
    carried: dict[int, int] = defaultdict(int)
    entries: list[int] = []
    ids: list[str] = []
    floors: list[int] = []
    fractions: list[int] = []
    units: list[int] = []
    accounts: list[int] = []
    for row in of_date:
        entry, minor, rest = row["entry_id"], row["minor"], row["rounding"]
        account = codes.setdefault(row["account_code"], len(codes))
        if entry in wanted:
            floor = minor - (rest < 0)
            entries.append(entry)
            ids.append(row["id"])
            floors.append(floor)
            fractions.append(rest + (minor - floor) * whole)
            units.append(row["unit"])
            accounts.append(account)
        else:
            sent = matched.sent.get(entry, minor if entry in blocked else 0)
            carried[account] += rest + (minor - sent) * whole
    ups = controlled_rounding(fractions, units, accounts, whole, carried, ids=ids).tolist()
    left = dict(carried)
    for account, fraction, up in zip(accounts, fractions, ups, strict=True):
        left[account] = left.get(account, 0) + fraction - up * whole
    names = {number: code for code, number in codes.items()}
    amounts = {entry: floor + up for entry, floor, up in zip(entries, floors, ups, strict=True)}
    return _Rest(amounts, {names[account]: rest for account, rest in left.items()})
