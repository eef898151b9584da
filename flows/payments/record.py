"""Record: how a run of the payments went, in the store and towards the people who have to know."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from zoneinfo import ZoneInfo

from blocks.errors import DaybookError, LeaseLost, StoreError, UsageError
from blocks.store.audit_rows import Status
from blocks.store.models import CollectedWindow, Incident, Lease
from flows.payments import before_start
from flows.payments.models import Collected
from flows.payments.report.failures import (
    LASTING,
    UNANSWERED,
    continued,
    failure_of,
    stopped_sentence,
    unanswered,
)
from flows.payments.report.summary import OPEN, PaymentsSummary
from flows.payments.run import PaymentsRun
from flows.payments.start import goes_on, last_window_of, sending_since
from flows.runtime.failures import Failure
from flows.runtime.incidents import IncidentService
from flows.runtime.tasks import run_task
from flows.runtime.text import counted, fault_of

_ZONE = ZoneInfo("UTC")


def incident_service(run: PaymentsRun) -> IncidentService:
    """Return the service that records and reports this run's incidents."""
    user = run.connection.assigned_user_key
    return IncidentService("payments", run.name, run.store, run.mambu, user, run.clock, run.warn)


async def begin(run: PaymentsRun, summary: PaymentsSummary, crashed: Lease | None) -> None:
    """Report what is still unreported, and note a run that crashed."""
    await incident_service(run).notify(_ZONE)
    if crashed is not None:
        summary.notes.append(
            f"The run {crashed.owner}, started at {crashed.taken_at:%Y-%m-%d %H:%M:%S} UTC, ended without a "
            "report. The outcome of what it was sending is unknown; this run asks LN again."
        )


@run_task("audit: advance the window")
async def advance(run: PaymentsRun, summary: PaymentsSummary, collected: Collected) -> None:
    """Move on to the window's end. Raises Refusal where something that was collected has no row."""
    window, store = run.window, run.store.audit
    last = await last_window_of(run)
    if not goes_on(window, last.until if last else None, run.connection.start):
        summary.notes.append(
            "This window starts after the last completed one. The next scheduled run covers the gap."
        )
        return
    keys = [collected.decisions[key].entry.key for key in collected.of_window]
    whole = CollectedWindow(
        run.name,
        window.since,
        window.until,
        run.run_id,
        organisation=run.organisation,
    )
    await store.advance(whole, keys, run.clock.now())


async def end(run: PaymentsRun, summary: PaymentsSummary) -> None:
    """Record that the run came to its end.

    What LN does not answer for stays an incident until it does, and so does what waits for a person's word.
    """
    summary.status = "completed"
    service = incident_service(run)
    unknown = await run.store.audit.rows(run.name, statuses=[Status.UNKNOWN])
    silent = [row for row in unknown if row.tries > 1]
    await service.resolve(
        None,
        _ZONE,
        but_stages={before_start.STAGE},
        but_steps={UNANSWERED} if silent else (),
    )
    if silent:
        failure = unanswered(run.name, silent, run.audit_command)
        await _open(run, failure, run.clock.now())
    await _tell_before_start(run, service)


async def _tell_before_start(run: PaymentsRun, service: IncidentService) -> None:
    """Keep one incident of all that is older than the connection and waits for a person's word."""
    # A day on which nothing else of the payments stops: they begin with the next one.
    day = (await sending_since(run)).astimezone(dt.UTC).date() - dt.timedelta(days=1)
    # Of whatever day: the start may have moved since it was opened.
    held = await run.store.incidents.all(run.name, only_open=True)
    rows = await run.store.audit.waiting_from_before_start(run.name)
    if not rows:
        await service.resolve(None, _ZONE, stages={before_start.STAGE})
        return
    failure = before_start.failure(run.name, [row.entry for row in rows], run.audit_command)
    open_now = [one for one in held if (one.flow, one.stage) == ("payments", before_start.STAGE)]
    failure, day = continued(failure, day, open_now)
    if failure.what not in {one.error for one in open_now}:
        await service.open(failure, day, _ZONE, beside=LASTING)


async def _open(run: PaymentsRun, failure: Failure, began: dt.datetime) -> Incident:
    """Record a failure; the same one that is still open is taken further, on whatever day it began."""
    service, day = incident_service(run), began.astimezone(dt.UTC).date()
    with suppress(StoreError):  # it is reported all the same
        held = await run.store.incidents.all(run.name, only_open=True)
        failure, day = continued(failure, day, held)
    return await service.open(failure, day, _ZONE, beside={*LASTING, before_start.STEP})


@asynccontextmanager
async def recorded(
    run: PaymentsRun, summary: PaymentsSummary, *, dry_run: bool, own_window: bool
) -> AsyncIterator[None]:
    """Take over the figures of a run however it ends, and record a failure.

    A dry run leaves no record, nor does a wrong window that somebody asks for: they see the error.
    """
    try:
        yield
    except DaybookError as error:
        wrong_use = own_window and isinstance(error, UsageError)
        if not dry_run and not wrong_use and not isinstance(error, LeaseLost):
            await _failed(run, summary, error)
        raise
    except Exception as fault:
        if not dry_run:
            await _failed(run, summary, fault_of(fault))
        raise
    finally:
        summary.stage, summary.seconds = run.stage, run.seconds
        summary.xero_calls, summary.ln_calls = run.xero.calls, run.ln.calls
        summary.xero_bytes_read = run.xero.bytes_read
        with suppress(StoreError):
            summary.open = await run.store.audit.rows(run.name, statuses=OPEN)
        _note_unseen(summary)
        _note_before_start(run, summary)


async def _failed(run: PaymentsRun, summary: PaymentsSummary, error: DaybookError) -> None:
    summary.status = "failed"
    said = stopped_sentence(run.stage, error, summary.since)
    summary.failure = failure_of(run.name, run.stage, error, said)
    with suppress(StoreError):
        incident = await _open(run, summary.failure, summary.since or run.clock.now())
        held = await run.store.incidents.all(run.name, only_open=True)
        found = [one for one in held if one.incident_id == incident.incident_id]
        summary.incident = found[0] if found else incident


def _note_unseen(summary: PaymentsSummary) -> None:
    if summary.unseen:
        some = ", ".join(str(row.key) for row in summary.unseen[:20])
        summary.notes.append(
            f"Xero no longer shows {counted(len(summary.unseen), 'document')} still open from earlier runs, "
            f"so this run could not continue with them: {some}."
        )


def _note_before_start(run: PaymentsRun, summary: PaymentsSummary) -> None:
    planned = summary.planned if summary.status == "dry-run" else ()
    summary.before_start = before_start.entries_waiting(summary.open, planned)
    if summary.before_start:
        summary.notes.append(before_start.line(summary.before_start, run.audit_command))
