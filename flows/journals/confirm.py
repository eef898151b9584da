"""Confirm: what Xero has of the day after sending, read back and compared with Mambu line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from msgspec.structs import replace as replaced

from blocks.store.entries import Entries, pack
from blocks.store.models import JournalRecord, JournalState, latest
from blocks.xero.models import ManualJournal
from flows.journals.lines import bounds_of_batches
from flows.journals.models import Plan
from flows.journals.narration import Narration
from flows.journals.prepare import digest_of
from flows.journals.read import XeroSnapshot, read
from flows.journals.reconciliation import Reconciliation
from flows.journals.records import record_of
from flows.journals.run import JournalsRun
from flows.journals.send import Sent
from flows.journals.tie_out import Confirmed, confirmed
from flows.runtime.tasks import run_task


@run_task("confirm")
async def confirm(run: JournalsRun, plan: Plan, sent: Sent) -> Confirmed:
    """Read back what was written (or take the last look, if nothing was), and compare it all.

    What the day is held against is always a whole list, and never one of changes alone.
    """
    await run.progress("confirm", 0, 1)
    if sent.ids or not sent.snapshot.whole:
        snapshot = await read(run, plan, list(sent.ids.values()))
    else:
        snapshot = replaced(sent.snapshot, records=await run.records())
    outcome = await compare(run, plan, snapshot, sent)
    run.read_at = run.xero.transport.there.at(snapshot.read_at)
    await run.progress("confirm", 1, 1)
    return outcome


async def compare(run: JournalsRun, plan: Plan, snapshot: XeroSnapshot, sent: Sent) -> Confirmed:
    """Compare Xero's journals with the plan, and record each as confirmed or as drifted."""
    matched = snapshot.matched
    records = snapshot.records
    unrecorded = _unrecorded(run, plan, matched, records)
    if unrecorded or matched.lookalikes:
        await run.store.adopt(unrecorded, run.clock.now())
        await _note_lookalikes(run, plan, matched)
        records = await run.records()
    recorded = _of_journals(matched.journals, records)
    reasons: dict[str, str] = {}
    for index, text in matched.differences:
        record = recorded.get(matched.journals[index].journal_id)
        if record is not None:
            reasons.setdefault(record.narration, text)
    uncertain = {key for key, one in recorded.items() if _does_not_say(one)}
    known = _known_entries(matched) if uncertain else {}
    # A journal that only looks like ours stays that, until each of its lines is recognised.
    ours = {
        key: one for key, one in recorded.items() if one.state is not JournalState.POSSIBLE or key in known
    }
    ids = {record.narration: journal_id for journal_id, record in ours.items()}
    equal = {key: one for key, one in ours.items() if one.narration not in reasons}
    digests = _digests(run, plan, matched, equal)
    entries = {
        one.narration: pack(known[key]) for key, one in equal.items() if key in uncertain and key in known
    }
    now, move = run.clock.now(), run.store.move
    await move(equal.values(), JournalState.CONFIRMED, now, ids=ids, digests=digests, entries=entries)
    different = [one for one in ours.values() if one.narration in reasons]
    await move(different, JournalState.DRIFT, now, ids=ids, reasons=reasons)
    return confirmed(plan, matched, sent.partially_posted)


def _of_journals(
    journals: Iterable[ManualJournal], records: Sequence[JournalRecord]
) -> dict[str, JournalRecord]:
    """Return the record of each journal by its id: people rename them; else the one that waits for an id."""
    by_id = {record.manual_journal_id: record for record in records if record.manual_journal_id}
    by_name = {name: one for name, one in latest(records).items() if one.manual_journal_id is None}
    found = ((one.journal_id, by_id.get(one.journal_id) or by_name.get(one.narration)) for one in journals)
    return {journal_id: record for journal_id, record in found if record is not None}


def _digests(
    run: JournalsRun, plan: Plan, matched: Reconciliation, equal: Mapping[str, JournalRecord]
) -> dict[str, str]:
    """Return digests for journals that were adopted and have none, by the narration of the record.

    Their lines equal Mambu's, so from now on it can be seen whether a person edits them. One that was
    renamed before is edited already.
    """
    unknown = {key: record.narration for key, record in equal.items() if not record.digest}
    default = run.connection.show_on_cash_basis_reports
    return {
        unknown[one.journal_id]: digest_of(
            one, plan.digits, default if one.cash_basis is None else one.cash_basis
        )
        for one in matched.journals
        if unknown.get(one.journal_id) == one.narration
    }


def _known_entries(matched: Reconciliation) -> dict[str, Entries]:
    """Return the entries of the journals of which each line is recognised, by their ids."""
    entries = matched.found.by_holder
    named = ((journal, entries.get(position)) for position, journal in enumerate(matched.journals))
    return {one.journal_id: its for one, its in named if its and len(its) == len(one.lines)}


def _does_not_say(record: JournalRecord) -> bool:
    """Tell whether a record does not say for certain which lines its journal holds."""
    return record.entries is None or record.state is JournalState.POSSIBLE


def _unrecorded(
    run: JournalsRun, plan: Plan, matched: Reconciliation, records: Sequence[JournalRecord]
) -> list[JournalRecord]:
    """Return records for journals of this day that Xero has and the store has lost.

    A journal that people renamed is known by the batch whose lines it holds. What it holds is recorded
    only where each of its lines is recognised.
    """
    recorded = _of_journals(matched.journals, records)
    unknown = [
        (position, journal)
        for position, journal in enumerate(matched.journals)
        if journal.journal_id not in recorded
    ]
    if not unknown:
        return []
    entries, known, batches = matched.found.by_holder, _known_entries(matched), _batch_names(plan)
    names = set(latest(records))
    found: list[JournalRecord] = []
    for position, journal in unknown:
        name = Narration.parse(journal.narration)
        if name is None or name.label != plan.label:
            name = batches.get(entries.get(position, Entries.of()).ids.tobytes())
        elif name.created != plan.day:
            continue
        if name is None or str(name) in names:
            continue
        names.add(str(name))
        its_own = known.get(journal.journal_id)
        found.append(record_of(run, journal, name, plan.digits, JournalState.CREATED, its_own))
    return found


def _batch_names(plan: Plan) -> dict[bytes, Narration]:
    """Return the names of the batches by the bytes of their entry ids, which ascend."""
    entries = plan.lines["entry_id"].to_numpy()
    return {
        entries[start:end].tobytes(): Narration(plan.day, date, number, plan.label)
        for date, number, start, end in bounds_of_batches(plan.lines)
    }


async def _note_lookalikes(run: JournalsRun, plan: Plan, matched: Reconciliation) -> None:
    """Record which journals may hold lines, so that these wait also when the record is no longer new."""
    now = run.clock.now()
    for one in matched.lookalikes:
        name = Narration(plan.day, one.booking_date, one.batch, plan.label)
        record = record_of(run, one.journal, name, plan.digits, JournalState.POSSIBLE, one.entries)
        named = [existing for existing in await run.records() if existing.narration == str(name)]
        if any(existing.manual_journal_id not in {None, one.journal.journal_id} for existing in named):
            # Another journal is on record by that name, such as a copy: this one goes below it, as a copy
            # does in a withdrawal, or nothing would report it once the record counts as complete.
            record = replace(record, generation=min(existing.generation for existing in named) - 1)
        await run.store.adopt([record], now)
        ids, entries = {str(name): one.journal.journal_id}, {str(name): pack(one.entries)}
        existing = latest(await run.records())[str(name)]
        if existing.manual_journal_id is None:
            await run.store.move([existing], JournalState.POSSIBLE, now, ids=ids, entries=entries)
