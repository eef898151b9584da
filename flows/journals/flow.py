"""The nightly run: one day of Mambu's journal lines becomes balanced draft manual journals in Xero.

day -> extract -> process -> send -> confirm -> report
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from prefect import flow, get_run_logger, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from blocks.connections import JournalConnection
from blocks.errors import DaybookError, StoreError
from blocks.home import keep_new_files_private
from flows.journals.deliver import deliver
from flows.journals.extract import extract
from flows.journals.night import Night, opened
from flows.journals.process import process
from flows.journals.report import Report
from flows.journals.send import rehearse
from flows.journals.start import settle_day
from flows.journals.summary import Summary


def _run_name() -> str:
    asked = runtime.flow_run.parameters
    date = asked.get("date") or f"the day before {runtime.flow_run.scheduled_start_time:%Y-%m-%d %H:%M} UTC"
    return f"journals of {date} for {asked.get('connection', 'default')}"


@flow(name="journals", flow_run_name=_run_name)
async def journals(
    date: dt.date | None = None, connection: str = "default", dry_run: bool = False, refresh: bool = False
) -> State[Any]:
    """Send one day of Mambu's journal lines to Xero as draft manual journals.

    Safe to run again at any time: only what Xero does not have is sent.

    Args:
        date: The day on which the lines were created in Mambu; by default the one before the scheduled start.
        connection: The name of the saved journal connection.
        dry_run: Show the journals that would be sent, and send nothing.
        refresh: Read the day from Mambu again, whatever is kept from an earlier run.
    """
    keep_new_files_private()
    summary = Summary(date, connection, flow_run_id=str(runtime.flow_run.id))
    report = await Report.begun(summary)
    try:
        found = await JournalConnection.named(connection)
        async with opened(connection, found, get_run_logger().info, report.progress) as night:
            night.refresh = refresh
            async with _noted(night, summary):
                await run(night, summary, date, dry_run=dry_run)
    except DaybookError as error:
        await report.failed(error)
        return Failed(message=summary.message)
    except Exception as fault:
        # Not foreseen, so the log gets the traceback; people get a sentence all the same.
        await report.failed(DaybookError(f"Daybook met a fault of its own ({type(fault).__name__})."))
        raise
    await report.ended()
    return (Failed if summary.status == "failed" else Completed)(message=summary.message)


async def run(night: Night, summary: Summary, date: dt.date | None, *, dry_run: bool) -> None:
    """Take one day through all stages."""
    with night.in_stage("day"):
        await settle_day(night, date)
        summary.take_day(night.day.date, night.currency, night.digits)
    with night.in_stage("extract"):
        lines = await extract(night)
    with night.in_stage("process"):
        plan, steps = await process(night, lines)
        summary.take_plan(
            plan, lines.lines, {name: note for step in steps for name, note in step.notes.items()}
        )
    if dry_run:
        with night.in_stage("send"):
            summary.take_rehearsal(plan, *await rehearse(night, plan))
        return
    await night.store.run_started(summary.flow_run_id, night.name, night.day.date, night.clock.now())
    confirmed, created = await deliver(night, plan)
    summary.take_outcome(plan, confirmed, created, night.link)


@asynccontextmanager
async def _noted(night: Night, summary: Summary) -> AsyncIterator[None]:
    """Take over the figures of a run however it ends."""
    try:
        yield
        await night.store.run_ended(summary.flow_run_id, summary.status, "", night.clock.now())
    except DaybookError as error:
        with suppress(StoreError):
            await night.store.run_ended(summary.flow_run_id, "failed", str(error), night.clock.now())
        raise
    finally:
        summary.stage, summary.seconds = night.stage, night.seconds
        summary.mambu_calls, summary.xero_calls = night.mambu.transport.calls, night.xero.calls
        summary.account_names = night.account_names
        summary.journals_created = max(summary.journals_created, len(night.created))
        summary.refused_as_too_many = night.xero.transport.refused_as_too_many
