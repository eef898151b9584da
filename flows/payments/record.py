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
from flows.payments.deliveries import Deliveries
from flows.payments.report.failures import (
    LASTING,
    UNANSWERED,
    continued,
    failure_of,
    stopped_sentence,
    unanswered,
)
from flows.payments.report.summary import OPEN, PaymentsSummary
from flows.payments.run import Exchange
from flows.payments.start import goes_on, last_window_of, sending_since
from flows.runtime.failures import Failure
from flows.runtime.incidents import Desk
from flows.runtime.tasks import run_task
from flows.runtime.text import counted, fault_of

_ZONE = ZoneInfo("UTC")


def desk_of(exchange: Exchange) -> Desk:
    """Return where this run's incidents are recorded and told."""
    user = exchange.connection.assigned_user_key
    return Desk(
        "payments", exchange.name, exchange.store, exchange.mambu, user, exchange.clock, exchange.warn
    )


async def begin(exchange: Exchange, summary: PaymentsSummary, dead: Lease | None) -> None:
    """Tell people of what is still untold, and note a run that died."""
    await desk_of(exchange).tell(_ZONE)
    if dead is not None:
        summary.notes.append(
            f"The run {dead.owner}, begun at {dead.taken_at:%Y-%m-%d %H:%M:%S} UTC, ended without a word. "
            "What it was sending is of unknown outcome until LN has answered for it; this run sees to that."
        )


@run_task("audit: advance the window")
async def advance(exchange: Exchange, summary: PaymentsSummary, deliveries: Deliveries) -> None:
    """Move on to the window's end. Raises Refusal where something that was collected has no row."""
    window, store = exchange.window, exchange.store.audit
    last = await last_window_of(exchange)
    if not goes_on(window, last.until if last else None, exchange.connection.start):
        summary.notes.append(
            "This window begins later than where complete ones have come to, so the next scheduled run "
            "still goes over what lies between."
        )
        return
    keys = [deliveries.decisions[key].entry.key for key in deliveries.collected.of_window]
    whole = CollectedWindow(
        exchange.name,
        window.since,
        window.until,
        exchange.run_id,
        organisation=exchange.organisation,
    )
    await store.advance(whole, keys, exchange.clock.now())


async def end(exchange: Exchange, summary: PaymentsSummary) -> None:
    """Record that the run came to its end.

    What LN does not answer for stays an incident until it does, and so does what waits for a person's word.
    """
    summary.status = "completed"
    desk = desk_of(exchange)
    unknown = await exchange.store.audit.rows(exchange.name, statuses=[Status.UNKNOWN])
    silent = [row for row in unknown if row.tries > 1]
    await desk.resolve(
        None,
        _ZONE,
        but_stages={before_start.STAGE},
        but_steps={UNANSWERED} if silent else (),
    )
    if silent:
        failure = unanswered(exchange.name, silent, exchange.audit_command)
        await _open(exchange, failure, exchange.clock.now())
    await _tell_before_start(exchange, desk)


async def _tell_before_start(exchange: Exchange, desk: Desk) -> None:
    """Keep one incident of all that is older than the connection and waits for a person's word."""
    # A day on which nothing else of the payments stops: they begin with the next one.
    day = (await sending_since(exchange)).astimezone(dt.UTC).date() - dt.timedelta(days=1)
    # Of whatever day: the start may have moved since it was opened.
    held = await exchange.store.incidents.all(exchange.name, only_open=True)
    rows = await exchange.store.audit.waiting_from_before_start(exchange.name)
    if not rows:
        await desk.resolve(None, _ZONE, stages={before_start.STAGE})
        return
    failure = before_start.failure(exchange.name, [row.entry for row in rows], exchange.audit_command)
    told = [one for one in held if (one.flow, one.stage) == ("payments", before_start.STAGE)]
    failure, day = continued(failure, day, told)
    if failure.what not in {one.error for one in told}:
        await desk.open(failure, day, _ZONE, beside=LASTING)


async def _open(exchange: Exchange, failure: Failure, began: dt.datetime) -> Incident:
    """Record a failure; the same one that is still open is taken further, on whatever day it began."""
    desk, day = desk_of(exchange), began.astimezone(dt.UTC).date()
    with suppress(StoreError):  # it is told all the same
        held = await exchange.store.incidents.all(exchange.name, only_open=True)
        failure, day = continued(failure, day, held)
    return await desk.open(failure, day, _ZONE, beside={*LASTING, before_start.STEP})


@asynccontextmanager
async def recorded(
    exchange: Exchange, summary: PaymentsSummary, *, dry_run: bool, by_hand: bool
) -> AsyncIterator[None]:
    """Take over the figures of a run however it ends, and record a failure.

    A dry run leaves no record, nor does a wrong window that somebody asks for `by_hand`: they are told.
    """
    try:
        yield
    except DaybookError as error:
        told = by_hand and isinstance(error, UsageError)
        if not dry_run and not told and not isinstance(error, LeaseLost):
            await _failed(exchange, summary, error)
        raise
    except Exception as fault:
        if not dry_run:
            await _failed(exchange, summary, fault_of(fault))
        raise
    finally:
        summary.stage, summary.seconds = exchange.stage, exchange.seconds
        summary.xero_calls, summary.ln_calls = exchange.xero.calls, exchange.ln.calls
        with suppress(StoreError):
            summary.open = await exchange.store.audit.rows(exchange.name, statuses=OPEN)
        _note_unseen(summary)
        _note_before_start(exchange, summary)


async def _failed(exchange: Exchange, summary: PaymentsSummary, error: DaybookError) -> None:
    summary.status = "failed"
    said = stopped_sentence(exchange.stage, error, summary.since)
    summary.failure = failure_of(exchange.name, exchange.stage, error, said)
    with suppress(StoreError):
        incident = await _open(exchange, summary.failure, summary.since or exchange.clock.now())
        held = await exchange.store.incidents.all(exchange.name, only_open=True)
        found = [one for one in held if one.incident_id == incident.incident_id]
        summary.incident = found[0] if found else incident


def _note_unseen(summary: PaymentsSummary) -> None:
    if summary.unseen:
        some = ", ".join(str(row.key) for row in summary.unseen[:20])
        summary.notes.append(
            f"Xero no longer shows {counted(len(summary.unseen), 'document')} of which no end was made, so "
            f"nothing became of them in this run: {some}."
        )


def _note_before_start(exchange: Exchange, summary: PaymentsSummary) -> None:
    planned = summary.planned if summary.status == "dry-run" else ()
    summary.before_start = before_start.entries_waiting(summary.open, planned)
    if summary.before_start:
        summary.notes.append(before_start.line(summary.before_start, exchange.audit_command))
