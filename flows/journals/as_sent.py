"""As sent: journals that Xero shows exactly as the plan has them, kept as places in the plan. Pure.

Of a large day nearly every journal is one of these. To keep their lines as well would hold the day in memory
twice, and to look at each line again would take as long as to read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from blocks.store.entries import Entries
from blocks.xero.models import ManualJournal, XeroJournalLine
from flows.journals.lines import bounds_of_batches, in_one
from flows.journals.models import DELETED_OR_VOIDED, Known, Plan, is_taxed
from flows.journals.narration import Narration, descriptions, entry_id_within
from flows.money import decimals, to_minor

_COLUMNS = ("entry_id", "transaction_id", "account_code", "minor")
Places = npt.NDArray[np.int64]


class _Columns(NamedTuple):
    entries: pa.Array
    transactions: pa.Array
    codes: pa.Array
    minors: npt.NDArray[np.int64]
    digits: int
    label: str | None


class LinesAsSent(Sequence[XeroJournalLine]):
    """A journal's lines, made from the plan's when somebody looks at them; `places` says from which."""

    def __init__(self, columns: _Columns, places: Places, tax_type: str | None) -> None:
        self._columns, self.places, self._tax_type = columns, places, tax_type

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self.places)

    def __iter__(self) -> Iterator[XeroJournalLine]:
        """Yield them as Xero shows them."""
        for amount, code, text in zip(*self.values(), strict=True):
            yield XeroJournalLine(amount, code, text, self._tax_type)

    @overload
    def __getitem__(self, index: int) -> XeroJournalLine: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[XeroJournalLine]: ...
    def __getitem__(self, index: int | slice) -> XeroJournalLine | Sequence[XeroJournalLine]:
        """Return one of them, or several."""
        return list(self)[index]

    def values(self) -> tuple[list[Decimal], list[str], list[str]]:
        """Return amounts, account codes and descriptions."""
        its = self._columns
        places = pa.array(self.places)
        texts = descriptions(its.entries.take(places), its.transactions.take(places), its.label)
        amounts = decimals(pa.array(self.minors), its.digits)
        return amounts.to_pylist(), its.codes.take(places).to_pylist(), texts.to_pylist()

    @property
    def minors(self) -> npt.NDArray[np.int64]:
        """Return the amounts in minor units."""
        return self._columns.minors[self.places]


class AsSent:
    """Recognises the journals that are as a plan has them, each by its own name, and keeps them in short."""

    def __init__(self, plan: Plan) -> None:
        self._day, self._label = plan.day, plan.label
        entries, transactions, codes, minors = (in_one(plan.lines[name]) for name in _COLUMNS)
        self._columns = _Columns(
            entries, transactions, codes, minors.to_numpy(zero_copy_only=False), plan.digits, plan.label
        )
        self._bounds = {
            (date, number): (start, end) for date, number, start, end in bounds_of_batches(plan.lines)
        }

    def __call__(self, journal: ManualJournal) -> ManualJournal:
        """Return a journal, in short where each of its lines is as planned, and else as it came."""
        name = Narration.parse(journal.narration)
        if (
            name is None
            or (name.created, name.label) != (self._day, self._label)
            or journal.date != name.booking_date
            or journal.status in DELETED_OR_VOIDED
            or journal.line_amount_types not in {None, "NoTax"}
            or (name.booking_date, name.number) not in self._bounds
        ):
            return journal
        start, end = self._bounds[name.booking_date, name.number]
        # Lines that round to nothing are not sent.
        places = start + np.flatnonzero(self._columns.minors[start:end])
        taxes = {line.tax_type for line in journal.lines}
        if len(places) != len(journal.lines) or len(taxes) != 1 or any(map(is_taxed, taxes)):
            return journal
        as_sent = LinesAsSent(self._columns, places, *taxes)
        shown: tuple[list[Any], ...] = ([], [], [])
        for line in journal.lines:
            if line.tracking:
                return journal
            for column, value in zip(shown, (line.amount, line.account_code, line.description), strict=True):
                column.append(value)
        return journal._replace(lines=as_sent) if shown == as_sent.values() else journal


def minors_of(journal: ManualJournal, digits: int) -> list[int | None]:
    """Return the amounts of a journal's lines in minor units; None for one that is finer than those."""
    if isinstance(journal.lines, LinesAsSent):
        found: list[int | None] = journal.lines.minors.tolist()
        return found
    return [to_minor(line.amount, digits) for line in journal.lines]


class Settled(NamedTuple):
    """The journals that are as sent and share no line with another: nothing about them is to be decided.

    `owners` gives for each place of the plan which of `as_sent`, ids of journals, holds its line, counted
    from 0, and -1 where no settled one does.
    """

    as_sent: tuple[str, ...]
    owners: Places

    @property
    def ids(self) -> frozenset[str]:
        """Return the ids of the settled ones."""
        return frozenset(self.as_sent[one] for one in np.unique(self.owners[self.covered]).tolist())

    @property
    def covered(self) -> npt.NDArray[np.bool_]:
        """Tell of each place of the plan whether one of them holds its line."""
        return self.owners >= 0


def settled(plan: Plan, journals: Sequence[ManualJournal], record: Mapping[str, Known]) -> Settled:
    """Return which journals are settled; all that another one names, or the record knows of it, is not."""
    owners = np.full(plan.lines.num_rows, -1, np.int64)
    found: list[ManualJournal] = []
    others: list[ManualJournal] = []
    names = Counter(one.narration for one in journals if isinstance(one.lines, LinesAsSent))
    for journal in journals:
        if isinstance(journal.lines, LinesAsSent) and names[journal.narration] == 1:
            owners[journal.lines.places] = len(found)
            found.append(journal)
        elif journal.status not in DELETED_OR_VOIDED:
            others.append(journal)
    if found and others:
        shared = owners[_claimed(others, record).have(plan.lines["entry_id"].to_numpy())]
        owners[np.isin(owners, shared)] = -1
    return Settled(tuple(one.journal_id for one in found), owners)


def _claimed(journals: Sequence[ManualJournal], record: Mapping[str, Known]) -> Entries:
    known = (record.get(journal.journal_id) for journal in journals)
    return Entries.of(named_in(journals), *(one.entries for one in known if one and one.entries))


def named_in(journals: Iterable[ManualJournal]) -> set[int]:
    """Return the entry ids that lines of journals name, wherever in their texts."""
    found = (entry_id_within(line.description or "") for journal in journals for line in journal.lines)
    return {entry for entry in found if entry is not None}


def totals_of(plan: Plan, covered: npt.NDArray[np.bool_]) -> Mapping[tuple[str, str], int]:
    """Return sums of lines of the plan in minor units, per account code and booking date."""
    lines = plan.lines.select(["account_code", "booking_date", "minor"]).filter(pa.array(covered))
    # In a type in which no sum of them overflows.
    lines = lines.set_column(2, "minor", pc.cast(lines["minor"], pa.decimal128(38, 0)))
    sums = lines.group_by(["account_code", "booking_date"]).aggregate([("minor", "sum")])
    return {
        (row["account_code"], str(row["booking_date"])): int(row["minor_sum"]) for row in sums.to_pylist()
    }
