"""The payments run: what was paid in Xero since the last one becomes payment documents in Infor LN.

window -> collect -> classify -> deliver -> audit
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from blocks.connections.payments import PaymentConnection
from blocks.dates import require_askable
from blocks.errors import UsageError
from blocks.private_files import keep_new_files_private
from flows.payments.beginning import file_for, objection, require_confirmed_record
from flows.payments.collect import collect
from flows.payments.deliver import Deliveries
from flows.payments.record import advance, begin, end, recorded
from flows.payments.report.artifacts import Report
from flows.payments.report.summary import PaymentsSummary
from flows.payments.run import PaymentsRun, opened
from flows.payments.start import determine_window
from flows.runtime import artifacts as reports
from flows.runtime.lease import acquire_lease
from flows.runtime.run import clocks_differ


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is asked for; see the parameters of the flow."""

    connection: str
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    date: dt.date | None = None
    dry_run: bool = False

    @property
    def has_window(self) -> bool:
        """Tell whether somebody asks for a window of their own."""
        return bool(self.since or self.until or self.date)


def _run_name() -> str:
    # From when to when, only the store or a clock says: the run is named for it once that is known.
    asked = runtime.flow_run.parameters
    connection, dry_run = asked.get("connection", "default"), bool(asked.get("dry_run"))
    what = f"payments of {asked['date']}" if asked.get("date") else "payments"
    return reports.run_name(what, connection, dry_run=dry_run)


@flow(name="payments", flow_run_name=_run_name)
async def payments(
    connection: str = "default",
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    date: dt.date | None = None,
    dry_run: bool = False,
) -> State[Any]:
    """Send to Infor LN what was paid in Xero: payments, prepayments, and what was applied of them.

    Safe to run again at any time: what LN accepted is not sent again.

    Args:
        connection: The name of the saved payment connection.
        since: From when on changes in Xero are looked at; by default from the last complete run on. Without
            an offset it is UTC.
        until: Up to when; by default now, or the last midnight UTC where the connection says so.
        date: One day (UTC) in place of since and until.
        dry_run: Show what would be sent, and send nothing.
    """
    return await attempt(Asked(connection, since, until, date, dry_run))


@flow(name="payments", flow_run_name=_run_name)
async def rerun(date: dt.date, connection: str = "default", dry_run: bool = False) -> State[Any]:
    """Run a day of the payments again: what LN accepted is not sent again.

    Args:
        date: The day (UTC) whose changes in Xero are looked at.
        connection: The name of the saved payment connection.
        dry_run: Show what would be sent, and send nothing.
    """
    return await attempt(Asked(connection, date=date, dry_run=dry_run))


async def attempt(given: Asked) -> State[Any]:
    """Run a window, and see that whatever happens is reported."""
    keep_new_files_private()
    summary = PaymentsSummary(None, given.connection, flow_run_id=str(runtime.flow_run.id))
    report = Report(summary)

    async def run_window() -> None:
        asked = checked(given)
        found = await PaymentConnection.named(asked.connection)
        async with (
            opened(asked.connection, found, summary.flow_run_id, reports.run_log(), report.progress) as run,
            recorded(run, summary, dry_run=asked.dry_run, own_window=asked.has_window),
        ):
            run.run_count = file_for(found.store.address, asked.connection)
            await run_stages(run, summary, asked)

    return await report.outcome_of(run_window)


async def run_stages(run: PaymentsRun, summary: PaymentsSummary, asked: Asked) -> None:
    """Take one window through all stages."""
    if asked.dry_run:
        await settle(run, summary, asked)
        if reason := await objection(run):
            summary.notes.append(reason)
        summary.take((await decided(run)).collected, dry_run=True)
        summary.status = "dry-run"
        return
    async with acquire_lease(run, run.run_id) as crashed:
        # Only now: what the run before has collected moves the window.
        await settle(run, summary, asked)
        await require_confirmed_record(run)
        await begin(run, summary, crashed)
        deliveries = await decided(run)
        try:
            with run.in_stage("deliver"):
                await deliveries.deliver()
        except Exception:
            await deliveries.take_record()
            raise
        finally:
            summary.take(deliveries.collected, dry_run=False)
        with run.in_stage("audit"):
            await advance(run, summary, deliveries.collected)
            await end(run, summary)


async def settle(run: PaymentsRun, summary: PaymentsSummary, asked: Asked) -> None:
    """Fix the window."""
    with run.in_stage("window"):
        await determine_window(run, asked.since, asked.until, asked.date)
        summary.take_window(run.window)
        await reports.name_run(f"payments of {run.window}", run.name, dry_run=asked.dry_run)
        summary.notes += run.log_notes(clocks_differ("Xero", run.xero.transport.there))


async def decided(run: PaymentsRun) -> Deliveries:
    """Collect the window whole, and decide on each of its documents."""
    with run.in_stage("collect"):
        collected = await collect(run)
    with run.in_stage("classify"):
        deliveries = Deliveries(run, collected)
        await deliveries.classify()
    return deliveries


def checked(asked: Asked) -> Asked:
    """Return what is asked for, in UTC. Raises UsageError for what no run can be asked for."""
    for name, value in (("since", asked.since), ("until", asked.until), ("date", asked.date)):
        require_askable(name, value)
    if asked.date and (asked.since or asked.until):
        raise UsageError("Give either a date, or since and until.")
    return replace(asked, since=_aware(asked.since), until=_aware(asked.until))


def _aware(instant: dt.datetime | None) -> dt.datetime | None:
    if instant is None or instant.tzinfo:
        return instant
    return instant.replace(tzinfo=dt.UTC)
