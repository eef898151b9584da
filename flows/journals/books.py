"""The day's lines held against what Xero has: what is there, what is missing, what differs.

Matching goes by the entry ids in the lines' descriptions, never by narration or date, which people
edit. What Xero has is the truth about Xero.

What holds a whole day is a struct, since Prefect looks into tuples and dataclasses that tasks exchange.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import repeat
from typing import NamedTuple

import msgspec
import pyarrow as pa

from flows.journals.narration import Narration, description, entry_id_in, has_label
from flows.money import money_text, to_minor

# A journal in one of these states is gone from the books; any other counts as there.
WITHDRAWN = "DELETED"
VOIDED = "VOIDED"
GONE = frozenset({WITHDRAWN, VOIDED})


class LiveLine(msgspec.Struct, frozen=True, gc=False):
    """A line in Xero: debit positive."""

    amount: Decimal
    account_code: str | None
    description: str | None
    tax_type: str | None = None
    tracked: bool = False


class LiveJournal(NamedTuple):
    """A manual journal as it stands in Xero."""

    journal_id: str
    narration: str
    date: dt.date | None
    status: str
    lines: Sequence[LiveLine]
    line_amount_types: str | None = None
    updated: dt.datetime | None = None
    cash_basis: bool | None = None


class Plan(NamedTuple):
    """What a day's lines ask for: the batched lines, and what their names and amounts need.

    `lines` has the columns entry_id, transaction_id, booking_date, account_code, unit, minor, batch.
    """

    day: dt.date
    lines: pa.Table
    digits: int
    label: str | None


class Match(msgspec.Struct, frozen=True):
    """The plan held against Xero.

    `journals` are the live ones that hold lines of the plan; `found` gives, for each entry id that is
    live, the position of its journal among them. `missing` are entry ids in no live journal, `voided`
    those that only a voided journal holds, `withheld` those that only a deleted one does and that are
    not to be sent again. `doubled` are sentences, `differences` sentences with the
    position of the journal that differs. `numbers` are the numbers taken per booking date, by journals
    in any state. `changed_dates` are booking dates of which a live journal has lines that cannot be told:
    what seems missing there may be among them. `gone` are ids of deleted and voided journals.
    `totals` are Xero's sums in minor units per account code and date, of the live lines that carry the
    plan's entry ids.
    """

    journals: list[LiveJournal]
    found: dict[int, int]
    missing: frozenset[int]
    voided: frozenset[int]
    withheld: frozenset[int]
    doubled: list[str]
    differences: list[tuple[int, str]]
    numbers: dict[dt.date, set[int]]
    changed_dates: frozenset[dt.date]
    gone: frozenset[str]
    totals: dict[tuple[str, str], int]


class _Row(msgspec.Struct, frozen=True, gc=False):
    """A planned line beside its live one; `journal` is the position of its journal among the live ones."""

    entry_id: int
    journal: int
    minor: int | None
    code: str
    minor_planned: int
    code_planned: str
    date_planned: str


def match(plan: Plan, journals: Iterable[LiveJournal], *, withhold_deleted: bool = False) -> Match:
    """Hold the plan against journals of Xero, in any state and of any origin.

    What somebody deleted there counts as missing, unless `withhold_deleted`.
    """
    planned = _planned(plan)
    everything = _distinct(journals)
    held: list[tuple[LiveJournal, list[_Row]]] = []
    gone: dict[str, set[int]] = {VOIDED: set(), WITHDRAWN: set()}
    for journal in everything:
        if its := _rows(plan, planned, journal, len(held)):
            if journal.status in gone:
                gone[journal.status].update(row.entry_id for row in its)
            else:
                held.append((journal, its))
    live = [journal for journal, _ in held]
    rows = [row for _, its in held for row in its]
    found = {row.entry_id: row.journal for row in rows}
    absent = planned.keys() - found.keys()
    voided = absent & gone[VOIDED]
    withheld = absent & gone[WITHDRAWN] - voided if withhold_deleted else set[int]()
    return Match(
        journals=live,
        found=found,
        missing=frozenset(absent - voided - withheld),
        voided=frozenset(voided),
        withheld=frozenset(withheld),
        doubled=_doubled(rows, live),
        differences=[*_unequal_lines(plan, rows, live), *_unequal_journals(held)],
        numbers=_numbers(plan, everything),
        changed_dates=_changed_dates(plan, everything, {journal.journal_id: its for journal, its in held}),
        gone=frozenset(one.journal_id for one in everything if one.status in GONE),
        totals=_totals(rows, live),
    )


class _Planned(msgspec.Struct, frozen=True, gc=False):
    text: str
    minor: int
    code: str
    date: str


def _planned(plan: Plan) -> dict[int, _Planned]:
    lines = plan.lines
    entries = lines["entry_id"].to_pylist()
    texts = map(description, entries, lines["transaction_id"].to_pylist(), repeat(plan.label))
    dates = lines["booking_date"].cast(pa.string()).to_pylist()
    rows = map(_Planned, texts, lines["minor"].to_pylist(), lines["account_code"].to_pylist(), dates)
    return dict(zip(entries, rows, strict=False))


def _distinct(journals: Iterable[LiveJournal]) -> list[LiveJournal]:
    # A journal that changed while pages were read comes again, later and newer.
    return list({journal.journal_id: journal for journal in journals}.values())


def _rows(plan: Plan, planned: Mapping[int, _Planned], journal: LiveJournal, position: int) -> list[_Row]:
    rows: list[_Row] = []
    name = Narration.parse(journal.narration)
    named = name is not None and name.label == plan.label
    for line in journal.lines:
        entry = entry_id_in(line.description)
        ours = planned.get(entry) if entry is not None else None
        if entry is None or ours is None:
            continue
        # Our very text, or one that people have added to: not another tenant's.
        text = line.description or ""
        if text == ours.text or named or has_label(text, plan.label):
            minor = to_minor(line.amount, plan.digits)
            rows.append(
                _Row(entry, position, minor, line.account_code or "", ours.minor, ours.code, ours.date)
            )
    return rows


def _numbers(plan: Plan, journals: Iterable[LiveJournal]) -> dict[dt.date, set[int]]:
    numbers: dict[dt.date, set[int]] = {}
    for journal in journals:
        name = Narration.parse(journal.narration)
        if name and name.created == plan.day and name.label == plan.label:
            numbers.setdefault(name.booking_date, set()).add(name.number)
    return numbers


def _changed_dates(
    plan: Plan, journals: Iterable[LiveJournal], held: Mapping[str, Sequence[_Row]]
) -> frozenset[dt.date]:
    dates: set[dt.date] = set()
    for journal in journals:
        name = Narration.parse(journal.narration)
        ours = name is not None and name.created == plan.day and name.label == plan.label
        known = len(held.get(journal.journal_id, ()))
        if name and ours and journal.status not in GONE and known < len(journal.lines):
            dates.add(name.booking_date)
    return frozenset(dates)


def _doubled(rows: Sequence[_Row], live: Sequence[LiveJournal]) -> list[str]:
    counts = Counter(row.entry_id for row in rows)
    if len(counts) == len(rows):
        return []
    places: dict[int, list[str]] = {}
    for row in rows:
        if counts[row.entry_id] > 1:
            places.setdefault(row.entry_id, []).append(_named(live[row.journal]))
    return [f"EntryID {entry} stands in {' and in '.join(names)}" for entry, names in sorted(places.items())]


def _unequal_lines(
    plan: Plan, rows: Iterable[_Row], live: Sequence[LiveJournal]
) -> Iterator[tuple[int, str]]:
    def side(minor: int | None, code: str) -> str:
        amount = "a fraction" if minor is None else money_text(minor, plan.digits)
        return f"{amount} on {code or 'no account'}"

    for row in rows:
        if row.minor != row.minor_planned or row.code != row.code_planned:
            sides = f"Mambu {side(row.minor_planned, row.code_planned)}, Xero {side(row.minor, row.code)}"
            yield row.journal, f"EntryID {row.entry_id} in {_named(live[row.journal])}: {sides}"


def _unequal_journals(
    held: Iterable[tuple[LiveJournal, Sequence[_Row]]],
) -> Iterator[tuple[int, str]]:
    for index, (journal, rows) in enumerate(held):
        dates = sorted({row.date_planned for row in rows})
        if dates != [str(journal.date)]:
            text = f"Mambu's booking date is {', '.join(dates)}, Xero's {journal.date}"
            yield index, f"{_named(journal)}: {text}"
        taxed = sum(1 for line in journal.lines if line.tax_type not in {None, "NONE"})
        if taxed or journal.line_amount_types not in {None, "NoTax"}:
            yield index, f"{_named(journal)}: it has tax now, and Mambu's lines have none"
        strangers = len(journal.lines) - len(rows)
        if strangers:
            text = f"{strangers} of its {len(journal.lines)} lines are not this day's"
            yield index, f"{_named(journal)}: {text}"


def _totals(rows: Iterable[_Row], live: Sequence[LiveJournal]) -> dict[tuple[str, str], int]:
    dates = [str(journal.date) for journal in live]
    totals: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row.code, dates[row.journal])
        totals[key] = totals.get(key, 0) + (row.minor or 0)
    return totals


def _named(journal: LiveJournal) -> str:
    return f"{journal.status.lower()} journal «{journal.narration}»"


class TieOutRow(NamedTuple):
    """One account and booking date: Mambu's sum and Xero's, in minor units."""

    account_code: str
    booking_date: str
    mambu: int
    xero: int


def tie_out(plan: Plan, totals: Mapping[tuple[str, str], int]) -> list[TieOutRow]:
    """Return the sums per account and booking date on both sides; they tie out where they are equal.

    Mambu's side takes every line of the plan; `totals` are Xero's, from a Match.
    """
    lines = plan.lines
    codes, dates = lines["account_code"].to_pylist(), lines["booking_date"].cast(pa.string()).to_pylist()
    mambu: dict[tuple[str, str], int] = {}
    for code, date, minor in zip(codes, dates, lines["minor"].to_pylist(), strict=True):
        mambu[code, date] = mambu.get((code, date), 0) + minor
    return [
        TieOutRow(*key, mambu.get(key, 0), totals.get(key, 0)) for key in sorted(mambu.keys() | totals.keys())
    ]


class Confirmed(msgspec.Struct, frozen=True):
    """The day as Xero holds it: `rows` per account and booking date, `open` what does not agree."""

    matched: Match
    rows: list[TieOutRow]
    open: list[str]

    @property
    def tied_out(self) -> bool:
        """Return whether every line is in Xero once, and every account agrees to the cent."""
        return not self.open and all(row.mambu == row.xero for row in self.rows)

    @property
    def settled(self) -> bool:
        """Return whether nothing is left to do: it ties out, but for what people deleted on purpose."""
        return self.tied_out or (not self.open and bool(self.matched.withheld))

    def vanished(self, sent: Collection[str]) -> bool:
        """Tell whether a journal that Xero just said it took is deleted: the answer was an old one.

        `sent` are the journals' ids.
        """
        return bool(self.matched.missing) and not self.matched.gone.isdisjoint(sent)


def confirmed(plan: Plan, matched: Match, torn: Sequence[str]) -> Confirmed:
    """Return how the day stands, with a sentence for whatever does not agree.

    `torn` are sentences about units that cannot be sent since people changed their journals.
    """
    return Confirmed(matched, tie_out(plan, matched.totals), _open(matched, torn))


def _open(matched: Match, torn: Sequence[str]) -> list[str]:
    texts = [*matched.doubled, *(text for _, text in matched.differences), *torn]
    texts.extend(_repeated_names(matched.journals))
    if matched.voided:
        entries = ", ".join(str(entry) for entry in sorted(matched.voided)[:20])
        texts.append(
            f"{len(matched.voided)} lines stand only in journals that were voided in Xero, and are not sent "
            f"again: EntryID {entries}"
        )
    if matched.missing:
        entries = ", ".join(str(entry) for entry in sorted(matched.missing)[:20])
        texts.append(f"{len(matched.missing)} lines are not in Xero: EntryID {entries}")
    return texts


def _repeated_names(journals: Sequence[LiveJournal]) -> list[str]:
    names = [journal.narration for journal in journals]
    return [
        f"{names.count(name)} journals are named «{name}»"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
