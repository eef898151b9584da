"""Record: how a run of the payments went, in the store and towards the people who have to know."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from zoneinfo import ZoneInfo

from blocks import audit
from blocks.errors import DaybookError, LeaseLost, StoreError, UsageError
from blocks.leases import Lease
from flows.incidents import Desk
from flows.payments.deliveries import Deliveries
from flows.payments.exchange import Exchange
from flows.payments.failure import failure_of, stopped_sentence
from flows.payments.start import goes_on
from flows.payments.summary import OPEN, PaymentsSummary
from flows.tasks import run_task
from flows.words import counted, fault_of

_ZONE = ZoneInfo("UTC")


def desk_of(exchange: Exchange) -> Desk:
    """Return where this run's incidents are recorded and told."""
    user = exchange.connection.assigned_user_key
    return Desk("payments", exchange.name, exchange.store, exchange.mambu, user, exchange.clock, exchange.log)


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
    collected = await store.collected_until(exchange.name)
    if not goes_on(window, collected, exchange.connection.start):
        summary.notes.append(
            "This window begins later than where complete ones have come to, so the next scheduled run "
            "still goes over what lies between."
        )
        return
    keys = [deliveries.decisions[key].entry.key for key in deliveries.collected.of_window]
    whole = audit.Window(exchange.name, window.since, window.until, exchange.run_id)
    await store.advance(whole, keys, exchange.clock.now())


async def end(exchange: Exchange, summary: PaymentsSummary) -> None:
    """Record that the run came to its end, and take over what is open from whatever run."""
    summary.status = "completed"
    await desk_of(exchange).resolve(None, _ZONE, lost_store=exchange.young_record)


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


async def _failed(exchange: Exchange, summary: PaymentsSummary, error: DaybookError) -> None:
    summary.status = "failed"
    said = stopped_sentence(exchange.stage, error, summary.since)
    summary.failure = failure_of(exchange.name, exchange.stage, error, said)
    # The window stands still while runs fail, and with it the day: one incident, however often.
    began = summary.since or exchange.clock.now()
    day = began.astimezone(dt.UTC).date()
    with suppress(StoreError):
        incident = await desk_of(exchange).open(summary.failure, day, _ZONE)
        held = await exchange.store.incidents.all(exchange.name, day=day, only_open=True)
        found = [one for one in held if one.incident_id == incident.incident_id]
        summary.incident = found[0] if found else incident


def _note_unseen(summary: PaymentsSummary) -> None:
    if summary.unseen:
        some = ", ".join(str(row.key) for row in summary.unseen[:20])
        summary.notes.append(
            f"Xero no longer shows {counted(len(summary.unseen), 'document')} of which no end was made, so "
            f"nothing became of them in this run: {some}."
        )
