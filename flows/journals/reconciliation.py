"""Reconciliation of the day's lines with Xero: what is there, what is missing, what differs. Pure.

A journal in Xero belongs to the day if its name says so, if the record has its id, or if its lines have the
day's entry ids. Lines are matched by the entry ids in their descriptions, never by narration or date, which
people edit; where people edited the descriptions too, by what the record says the journal was sent with.
What Xero has is the truth about Xero.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Context, Decimal, localcontext
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from blocks.store.entries import Entries
from blocks.xero.models import ManualJournal
from flows.journals.as_sent import Settled, named_in, settled, totals_of
from flows.journals.differences import duplicates_and_reversals, unequal_journals, unequal_lines
from flows.journals.found import Found
from flows.journals.lines import among
from flows.journals.matching import Row, View, planned_lines, view_of
from flows.journals.models import (
    DELETED_OR_VOIDED,
    NOT_OURS,
    NOTHING_KNOWN,
    VOIDED,
    WITHDRAWN,
    Known,
    Plan,
    is_rounded,
)
from flows.journals.narration import Narration
from flows.money import SUMS_PRECISION, to_minor


class Lookalike(NamedTuple):
    """A journal unknown to the record that has the date and the sums per account of a planned batch.

    `entries` are the lines of the batch that seem to be missing; all of them where none does, `twice`: the
    journal may hold them a second time.
    """

    journal: ManualJournal
    booking_date: dt.date
    batch: int
    entries: frozenset[int]
    twice: bool


class Reconciliation(msgspec.Struct, frozen=True):
    """The plan compared with Xero.

    Entry ids: `found` gives for each that is live the position of its journal in `journals`, the day's live
    ones; `by_record` the same for those that by the record are in a live journal whose descriptions no
    longer show it. `missing` are in no live journal, `voided` only in a voided one, `suppressed` were removed
    by people and are not to be sent again, `waiting` may be in a lookalike. `optional` may be left out or
    sent: each amount rounds to nothing or to one unit. `sent` gives the live amount in minor units, where
    any date is rounded otherwise than planned.

    Booking dates: `numbers` are the journal numbers used, in any state. `changed_dates` have a live journal
    with lines that are not recognised: what seems missing may be among them. `rerounded` have live lines
    rounded otherwise than planned.

    `duplicates` are sentences, `differences` sentences with the position of the journal that differs.
    `deleted_or_voided` are ids of journals. `totals` are Xero's sums in minor units per account code and
    date, of all that is in the day's journals.
    """

    journals: list[ManualJournal]
    found: Found
    by_record: dict[int, int]
    missing: Entries
    voided: Entries
    suppressed: Entries
    waiting: Entries
    optional: Entries
    lookalikes: list[Lookalike]
    duplicates: list[str]
    differences: list[tuple[int, str]]
    numbers: dict[dt.date, set[int]]
    changed_dates: frozenset[dt.date]
    rerounded: frozenset[dt.date]
    deleted_or_voided: frozenset[str]
    sent: dict[int, int]
    totals: dict[tuple[str, str], Decimal]

    @property
    def live(self) -> Entries:
        """Return the entries that are in live journals, shown there or by the record."""
        return Entries.of(self.found.entries, self.by_record)

    @property
    def holding(self) -> list[ManualJournal]:
        """Return the journals that hold lines of the day: none that only reverses some."""
        return [self.journals[one] for one in sorted({*self.found.holders, *self.by_record.values()})]


def reconcile(
    plan: Plan,
    journals: Iterable[ManualJournal],
    record: Mapping[str, Known] = NOTHING_KNOWN,
    *,
    withhold_deleted: bool = False,
    record_may_be_new: bool = False,
) -> Reconciliation:
    """Compare the plan with journals in Xero, in any state and of any origin.

    `record` gives what is known of journals by their Xero ids. What somebody deleted in Xero counts as
    missing, unless `withhold_deleted`. `record_may_be_new`: it may have been lost or set back, so that a
    journal it does not know may be ours.
    """
    everything = _distinct(journals)
    apart = settled(plan, everything, record)
    unsettled = Entries.of(plan.lines["entry_id"].to_numpy()[~apart.covered])
    live, unrecorded, deleted_or_voided = _seen(plan, unsettled, everything, record, apart)
    rows = [row for view in live for row in view.rows]
    found = _found(plan, rows, apart, live)
    by_record = _by_record(plan, live, unsettled, found, record)
    rerounded = _rerounded(plan, rows)
    there = Entries.of(found.entries, by_record)
    absent = unsettled - there
    taken_out = Entries.of()
    if withhold_deleted:
        recorded_once = (known.entries for known in record.values() if known.entries and not known.possible)
        taken_out = Entries.of(deleted_or_voided[WITHDRAWN], *recorded_once)
    voided = absent & deleted_or_voided[VOIDED]
    suppressed = absent & taken_out - voided
    absent -= voided | suppressed
    nothing, optional = _rounds_to_nothing(plan, absent, there, rerounded)
    absent -= nothing | optional
    lookalikes = _lookalikes(plan, absent, unrecorded) if record_may_be_new else []
    recognised = {live[row.journal].journal.journal_id for row in rows}
    # Not one that is known to hold lines of the day: it is told for what else it holds.
    lookalikes = [one for one in lookalikes if not one.twice or one.journal.journal_id not in recognised]
    waiting = Entries.of(*(one.entries for one in lookalikes if not one.twice))
    absent -= waiting
    texts, duplicates = duplicates_and_reversals(rows, live)
    return Reconciliation(
        journals=[view.journal for view in live],
        found=found,
        by_record=by_record,
        missing=absent,
        voided=voided,
        suppressed=suppressed,
        waiting=waiting,
        optional=Entries.of(optional),
        lookalikes=lookalikes,
        duplicates=duplicates,
        differences=[
            *unequal_lines(plan, rows, live),
            *texts,
            *unequal_journals(plan, live, found, by_record),
        ],
        numbers=_numbers(plan, everything),
        changed_dates=_changed_dates(live, record_may_be_new),
        rerounded=rerounded,
        deleted_or_voided=frozenset(one.journal_id for one in everything if one.status in DELETED_OR_VOIDED),
        sent=_sent(plan, rows, apart) if rerounded else {},
        totals=_totals(plan, live, apart),
    )


def _seen(
    plan: Plan,
    unsettled: Entries,
    journals: Sequence[ManualJournal],
    record: Mapping[str, Known],
    apart: Settled,
) -> tuple[list[View], list[ManualJournal], dict[str, set[int]]]:
    """Return the day's live journals, those that may be, and the entries of deleted and voided ones.

    `unsettled` are the planned entries that no settled journal holds.
    """
    live: list[View] = []
    unrecorded: list[ManualJournal] = []
    deleted_or_voided: dict[str, set[int]] = {VOIDED: set(), WITHDRAWN: set()}
    ids_apart = apart.ids
    # Of a million lines that Xero does not have yet, not one is looked at singly.
    named = named_in(one for one in journals if one.journal_id not in ids_apart)
    planned = planned_lines(plan, unsettled & named)
    for journal in journals:
        known = record.get(journal.journal_id)
        possible = known is not None and known.possible
        if possible and says_not_ours(journal):
            # By a person's word it holds nothing but what its lines say themselves: without these, what is
            # still there would be sent a second time.
            known = None
        if journal.journal_id in ids_apart:
            live.append(View(journal, known, Narration.parse(journal.narration), False, [], [], 0, True))
            continue
        view = view_of(plan, planned, journal, known, len(live))
        recorded = unsettled & ((known.entries if known is not None else None) or frozenset())
        if journal.status in deleted_or_voided and not possible:
            deleted_or_voided[journal.status].update(row.entry_id for row in view.rows)
            deleted_or_voided[journal.status].update(recorded)
        elif journal.status not in deleted_or_voided and (view.ours or view.rows or recorded):
            live.append(view)
        if known is None and journal.status not in DELETED_OR_VOIDED and view.unread:
            unrecorded.append(journal)
    return live, unrecorded, deleted_or_voided


def _distinct(journals: Iterable[ManualJournal]) -> list[ManualJournal]:
    # A journal that changed while pages were read comes again, later and newer.
    return list({journal.journal_id: journal for journal in journals}.values())


def _found(plan: Plan, rows: Iterable[Row], apart: Settled, live: Sequence[View]) -> Found:
    found: dict[int, int] = {}
    for row in rows:
        # A journal that only takes a line back is not the one that holds it.
        if row.entry_id not in found or not row.opposite:
            found[row.entry_id] = row.journal
    positions = {view.journal.journal_id: position for position, view in enumerate(live) if view.settled}
    of_each = np.array([positions.get(one, -1) for one in apart.as_sent], np.int64)
    entries, owners = plan.lines["entry_id"].to_numpy()[apart.covered], apart.owners[apart.covered]
    return Found(
        np.append(entries, np.array([*found], np.int64)),
        np.append(of_each[owners], np.array([*found.values()], np.int64)),
    )


def _by_record(
    plan: Plan,
    live: Iterable[View],
    unsettled: Entries,
    found: Found,
    record: Mapping[str, Known],
) -> dict[int, int]:
    """Return the entries that by the record are in a journal some of whose lines are not recognised.

    Where each of its lines is recognised, what is not among them was removed by a person. Where more lines
    are not recognised than it was sent with, people moved others there: any that are in the record.
    """
    by_record: dict[int, int] = {}
    for position, view in enumerate(live):
        recognised = view.journal.lines and not view.unread
        if not recognised and view.known is not None and view.known.entries is not None:
            entries = unsettled & view.known.entries - found.entries
            if view.unread > len(entries):
                of_date = pc.equal(plan.lines["booking_date"], view.known.booking_date)
                recorded = Entries.of(*(one.entries or () for one in record.values()))
                moved = unsettled & recorded - found.entries
                entries |= moved & Entries.of(plan.lines["entry_id"].filter(of_date).to_numpy())
            for entry in entries:
                by_record.setdefault(entry, position)
    return by_record


def _rerounded(plan: Plan, rows: Iterable[Row]) -> frozenset[dt.date]:
    """Return the booking dates of which a live line is rounded, rightly, otherwise than is proposed now."""
    if not is_rounded(plan):
        return frozenset()
    dates = {row.planned.date for row in rows if row.agrees and row.minor != row.planned.minor}
    return frozenset(map(dt.date.fromisoformat, dates))


def _sent(plan: Plan, rows: Iterable[Row], apart: Settled) -> dict[int, int]:
    entries, minors = (plan.lines[name].to_numpy()[apart.covered] for name in ("entry_id", "minor"))
    sent: dict[int, int] = defaultdict(int, zip(entries.tolist(), minors.tolist(), strict=True))
    for row in rows:
        # What a person split within its journal is there in parts.
        if row.minor is not None and not row.opposite:
            sent[row.entry_id] += row.minor
    return dict(sent)


def _rounds_to_nothing(
    plan: Plan, absent: Entries, there: Entries, rerounded: Collection[dt.date]
) -> tuple[set[int], set[int]]:
    """Return which absent lines are rightly absent, and which may be left out or sent.

    Rounding is fixed once it is live: of a live unit a line that may round to nothing may be absent. A
    unit all of whose lines may is absent as proposed, unless what is live was rounded otherwise. Lines
    without a transaction that are absent and balance by themselves came late: they are a unit of their own.
    """
    nothing: set[int] = set()
    optional: set[int] = set()
    if not absent or not is_rounded(plan):
        return nothing, optional
    small = _may_be_nothing(plan.lines)
    gone = among(plan.lines, absent)
    told = plan.lines.append_column("small", small).append_column("gone", gone)
    told = told.append_column("there", among(plan.lines, there))
    concerned = pc.is_in(told["unit"], told["unit"].filter(pc.and_(small, gone)).unique())
    units: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for line in told.filter(concerned).to_pylist():
        units[line["unit"]].append(line)
    for lines in units.values():
        deleted_or_voided = [line for line in lines if line["gone"]]
        if not all(line["small"] for line in deleted_or_voided):
            continue
        entries = [line["entry_id"] for line in deleted_or_voided]
        if any(line["there"] for line in lines) and not came_late(deleted_or_voided, plan.digits):
            nothing.update(entries)
        elif deleted_or_voided[0]["booking_date"] in rerounded:
            optional.update(entries)
        elif not any(line["minor"] for line in deleted_or_voided):
            nothing.update(entries)
    return nothing, optional


def _may_be_nothing(lines: pa.Table) -> pa.ChunkedArray:
    """Tell of each line whether its exact amount is below one minor unit either way."""
    minor, rest = lines["minor"], pc.sign(lines["rounding"])
    away = pc.and_(pc.equal(pc.abs(minor), 1), pc.equal(pc.multiply(pc.sign(minor), rest), -1))
    return pc.or_(pc.equal(minor, 0), away)


def came_late(part: Sequence[Mapping[str, Any]], digits: int) -> bool:
    """Tell whether a unit's absent lines, rows of a plan, can go although others of the unit are live.

    Lines without a transaction are a unit only because nothing distinguishes them: what balances by itself,
    before it is rounded, can go by itself.
    """
    whole = 10 ** (18 - digits)
    without_transaction = not any(line["transaction_id"] for line in part)
    return without_transaction and sum(line["minor"] * whole + line["rounding"] for line in part) == 0


def _sums(lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = defaultdict(int)
    for code, minor in lines:
        totals[code] += minor
    return {code: minor for code, minor in totals.items() if minor}


def sums_of(journal: ManualJournal, digits: int) -> dict[str, int]:
    """Return a journal's sums in minor units per account code; none where an amount is finer than those."""
    minors = [(one.account_code or "", to_minor(one.amount, digits)) for one in journal.lines]
    amounts = [(code, minor) for code, minor in minors if minor is not None]
    return _sums(amounts) if len(amounts) == len(minors) else {}


def _lookalikes(plan: Plan, absent: Entries, unrecorded: Iterable[ManualJournal]) -> list[Lookalike]:
    """Return the journals that have the date and the sums per account of a batch.

    Or those of what is missing, of the batch or of its date: where lines came late, the journals are not
    filled as they would be now.
    """
    candidates: dict[dt.date | None, list[ManualJournal]] = defaultdict(list)
    for journal in unrecorded:
        if not is_anothers(plan, journal):
            candidates[journal.date].append(journal)
    dates = pa.array([date for date in candidates if date], pa.date32())
    near = plan.lines.filter(pc.is_in(plan.lines["booking_date"], dates))
    gone = near.filter(among(near, absent))
    whole, missing = (_sums_by(lines, ["booking_date", "batch"]) for lines in (near, gone))
    of_dates = _sums_by(gone, ["booking_date"])
    found: list[Lookalike] = []
    for date, batch in sorted(whole):
        twice = (date, batch) not in missing
        alike = [whole[date, batch], *([] if twice else [missing[date, batch], of_dates[date,]])]
        its = [one for one in candidates[date] if (sums := sums_of(one, plan.digits)) and sums in alike]
        if its:
            entries = _entries_of(near if twice else gone, date, batch)
            found.extend(Lookalike(one, date, batch, entries, twice) for one in its)
    return found


def _sums_by(lines: pa.Table, keys: list[str]) -> dict[tuple[Any, ...], dict[str, int]]:
    """Return the sums of lines in minor units per account code, by their values of `keys`."""
    # In a type in which no sum of them overflows.
    minors = pc.cast(lines["minor"], pa.decimal128(38, 0))
    amounts = lines.select([*keys, "account_code"]).append_column("minor", minors)
    sums: dict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
    for row in amounts.group_by([*keys, "account_code"]).aggregate([("minor", "sum")]).to_pylist():
        its = sums[tuple(row[key] for key in keys)]
        if row["minor_sum"]:
            its[row["account_code"]] = int(row["minor_sum"])
    return sums


def _entries_of(lines: pa.Table, date: dt.date, batch: int) -> frozenset[int]:
    of_batch = pc.and_(pc.equal(lines["booking_date"], date), pc.equal(lines["batch"], batch))
    return frozenset(lines["entry_id"].filter(of_batch).to_pylist())


def is_anothers(plan: Plan, journal: ManualJournal) -> bool:
    """Tell whether a journal's name is another day's, or another tenant's, or says that it is not ours.

    Where we have no label, one at the end of our own name may be a word that a person has put there.
    """
    if says_not_ours(journal):
        return True
    name = Narration.parse(journal.narration)
    return name is not None and (plan.label is not None or name.label is None)


def says_not_ours(journal: ManualJournal) -> bool:
    """Tell whether a person has written into a journal's name that what cannot be recognised is not ours."""
    return NOT_OURS.casefold() in journal.narration.casefold()


def _numbers(plan: Plan, journals: Iterable[ManualJournal]) -> dict[dt.date, set[int]]:
    numbers: dict[dt.date, set[int]] = {}
    for journal in journals:
        name = Narration.parse(journal.narration)
        if name and name.created == plan.day and name.label == plan.label:
            numbers.setdefault(name.booking_date, set()).add(name.number)
    return numbers


def _changed_dates(live: Iterable[View], record_may_be_new: bool) -> frozenset[dt.date]:
    """Return the booking dates whose journals have lines that are not recognised, nor in the record."""
    dates: set[dt.date] = set()
    for view in live:
        if not view.unread or (view.known is not None and view.known.entries is not None):
            continue
        if view.known is not None:
            dates.add(view.known.booking_date)
        elif view.name is not None:
            dates.add(view.name.booking_date)
        elif record_may_be_new and not says_not_ours(view.journal):
            dates.update(dt.date.fromisoformat(row.planned.date) for row in view.rows)
    return frozenset(dates)


def _totals(plan: Plan, live: Iterable[View], apart: Settled) -> dict[tuple[str, str], Decimal]:
    """Sum up all that is in the day's journals; of another day's journals, what is of this day."""
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with localcontext(Context(prec=SUMS_PRECISION)):
        for key, minor in totals_of(plan, apart.covered).items():
            totals[key] = Decimal(minor).scaleb(-plan.digits)
        for view in live:
            if view.settled:
                continue
            date = str(view.journal.date)
            if view.elsewhere:
                for row in view.rows:
                    totals[row.code, date] += Decimal(row.minor or 0).scaleb(-plan.digits)
            else:
                for line in view.journal.lines:
                    totals[line.account_code or "", date] += line.amount
        return {key: total.scaleb(plan.digits) for key, total in totals.items()}
