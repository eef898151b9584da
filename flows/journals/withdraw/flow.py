"""Withdraw: a day's drafts are removed from Xero, so that the day can be sent again.

    resolve  pending requests, of earlier runs and withdrawals: none may take effect after this one
    read     the day's journals in Xero, and what is to become of each (flows/journals/withdraw/rules.py)
    remove   each one: read by its id, and only if it is unchanged since then, deleted or voided
    verify   each one read again

Mambu is not asked for anything: it may be the reason for the withdrawal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from blocks.connections.journals import JournalConnection
from blocks.dates import require_askable
from blocks.errors import DaybookError
from blocks.private_files import keep_new_files_private
from blocks.store.models import OPEN_ENDED, JournalRecord, StoredRequest, latest
from blocks.xero.models import ManualJournal
from flows.journals.models import DELETED_OR_VOIDED
from flows.journals.narration import Narration, entry_id_in, has_label
from flows.journals.pending import LookupResult, RequestLookup, resolve_pending_requests
from flows.journals.prepare import entries_in
from flows.journals.read import BEFORE_DAY_END, journals_since
from flows.journals.record import note_crashed, note_withdrawn
from flows.journals.run import JournalsRun, opened
from flows.journals.start import determine_day_without_mambu
from flows.journals.withdraw.remove import recorded, remove, verify
from flows.journals.withdraw.report import Withdrawal, lost, page, sentence
from flows.journals.withdraw.requests import note
from flows.journals.withdraw.rules import Scope, WithdrawalCandidate, planned
from flows.runtime import artifacts as reports
from flows.runtime.failures import WITHDRAWAL
from flows.runtime.lease import acquire_lease, note_stage
from flows.runtime.tasks import run_task
from flows.runtime.text import counted, fault_of

# No day ends earlier anywhere: at midnight fourteen hours ahead of UTC.
_EARLIEST_END = dt.time(10, tzinfo=dt.UTC)


def _run_name() -> str:
    asked = runtime.flow_run.parameters
    what = "withdrawal" if asked.get("confirmed") else "plan of a withdrawal"
    return f"{what} of {asked.get('date')} for {asked.get('connection', 'default')}"


@flow(name="withdraw", flow_run_name=_run_name)
async def withdraw(
    date: dt.date,
    connection: str = "default",
    include_posted: bool = False,
    include_edited: bool = False,
    confirmed: bool = False,
) -> State[Any]:
    """Remove the drafts of one day from Xero, so that the day can be sent again.

    Posted and edited journals are left as they are, unless they are included. Without `confirmed` nothing
    is changed: the run only shows what it would do.

    Args:
        date: The day on which the lines were created in Mambu.
        connection: The name of the saved journal connection.
        include_posted: Also void posted journals of the day.
        include_edited: Also remove drafts that were edited, or may have been.
        confirmed: Do it; otherwise only show what would be done.
    """
    keep_new_files_private()
    withdrawal = Withdrawal(date, connection, Scope(include_posted, include_edited), confirmed)
    progress = await reports.Progress.begun(WITHDRAWAL, "How far the withdrawal is.")
    try:
        require_askable("date", date)
        found = await JournalConnection.named(connection)
        async with opened(connection, found, reports.run_log(), progress.note) as run:
            with run.in_stage("read"):
                await determine_day_without_mambu(run, date)
            if confirmed:
                async with acquire_lease(run, str(runtime.flow_run.id)) as crashed_run:
                    await note_crashed(run, crashed_run)
                    await take_out(run, withdrawal)
                    if not withdrawal.open:
                        await note_withdrawn(run)
            else:
                await take_out(run, withdrawal)
    except DaybookError as error:
        withdrawal.error = error
    except Exception as fault:
        # Not foreseen, so the log gets the traceback; people get a sentence all the same.
        withdrawal.error = fault_of(fault)
        await _report(withdrawal, progress)
        raise
    await _report(withdrawal, progress)
    failed = withdrawal.error or (withdrawal.confirmed and withdrawal.left)
    return (Failed if failed else Completed)(message=withdrawal.message)


async def take_out(run: JournalsRun, withdrawal: Withdrawal) -> None:
    """Find the day's journals and, if that is confirmed, remove them; `told` takes the outcome."""
    withdrawal.currency, withdrawal.digits, withdrawal.link = run.currency, run.digits, run.link
    with run.in_stage("read"):
        await run.progress("read", 0, 1)
        if withdrawal.confirmed:
            await resolve_pending_requests(run, _by_lines(run))
        withdrawal.items, withdrawal.notes = await look(run, withdrawal.scope, confirmed=withdrawal.confirmed)
        await run.progress("read", 1, 1)
    if not withdrawal.confirmed or not withdrawal.pending:
        return
    with run.in_stage("remove"):
        await note_stage(run)
        due = await recorded(run, withdrawal.pending)
        removed = await remove(run, due)
        withdrawal.outcomes = removed.outcomes
    if removed.error is not None:
        raise removed.error
    with run.in_stage("verify"):
        await note_stage(run)
        done = [
            one
            for one in due
            if one.journal_id in withdrawal.outcomes and withdrawal.outcomes[one.journal_id].ours
        ]
        withdrawal.outcomes = lost(withdrawal.outcomes, await verify(run, done))


@run_task("withdraw: read Xero")
async def look(
    run: JournalsRun, scope: Scope, *, confirmed: bool
) -> tuple[list[WithdrawalCandidate], list[str]]:
    """Return the day's journals with what is to become of them, and notes for people."""
    date = run.day.date
    records = await run.records()
    notes: list[str] = []
    if not confirmed and (withdrawals := note(records)):
        notes.append(withdrawals)
    unanswered = [one for one in latest(records).values() if one.state in OPEN_ENDED]
    if unanswered and not confirmed:
        # Once it is confirmed they are resolved first.
        journals = counted(len(unanswered), "journal")
        notes.append(
            f"Xero gave no answer for {journals} that a run sent. A withdrawal checks the outcome first."
        )

    names = {record.narration for record in records}

    def of_day(journal: ManualJournal) -> bool:
        name = Narration.parse(journal.narration)
        ours = name is not None and name.created == date and name.label == run.connection.label
        return ours or journal.narration in names

    found = await journals_since(run, _since(date), of_day, records)
    return planned(date, run.connection.label, found, records, scope, run.digits), notes


def _since(date: dt.date) -> dt.datetime:
    return dt.datetime.combine(date, _EARLIEST_END) - BEFORE_DAY_END


def _by_lines(run: JournalsRun) -> RequestLookup:
    """Return a look that finds a request by the lines of all journals: there is no plan of the day."""

    async def look_for(request: StoredRequest, records: Sequence[JournalRecord]) -> LookupResult:
        read_at, names = run.clock.now(), {record.narration for record in records}
        entries = entries_in(request.body)

        def of_request(journal: ManualJournal) -> bool:
            texts = (line.description for line in journal.lines)
            return journal.narration in names or any(entry_id_in(text) in entries for text in texts)

        shown = await journals_since(run, _since(run.day.date), of_request, records)
        there = {
            entry_id_in(line.description)
            for one in shown
            if one.status not in DELETED_OR_VOIDED
            for line in one.lines
            if has_label(line.description or "", run.connection.label)
        }
        named = any(one.narration in names for one in shown)
        return LookupResult(read_at, entries <= there, entries.isdisjoint(there) and not named)

    return look_for


async def _report(withdrawal: Withdrawal, progress: reports.Progress) -> None:
    withdrawal.message = sentence(withdrawal)
    await progress.ended()
    key = reports.artifact_key("withdraw", str(withdrawal.date), withdrawal.connection)
    described = "What was, or would be, removed from Xero, and what stays there."
    await reports.leave_markdown(key, page(withdrawal), described)
    reports.observer().ended(withdrawal, withdrawal.error)
