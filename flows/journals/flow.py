"""The nightly run: one day of Mambu's journal lines becomes balanced draft manual journals in Xero.

day -> look back -> extract -> process -> send -> confirm -> report
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from blocks.connections.journals import JournalConnection
from blocks.dates import require_askable
from blocks.private_files import keep_new_files_private
from flows.journals.confirm import confirm
from flows.journals.extract import extract
from flows.journals.late_journals import changed_since
from flows.journals.look_back import finished_days, unfinished_days
from flows.journals.models import Plan
from flows.journals.process.tasks import plan_of, process, sums_of
from flows.journals.record import begin, end, note_changed, recorded
from flows.journals.report.artifacts import Report
from flows.journals.report.summary import Summary
from flows.journals.run import JournalsRun, opened
from flows.journals.send import rehearse, send
from flows.journals.staging import StartFrom, resume_from
from flows.journals.start import determine_day
from flows.journals.tie_out import Confirmed
from flows.runtime import artifacts as reports
from flows.runtime.lease import acquire_lease
from flows.runtime.run import clocks_differ


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is asked for; see the parameters of the flow."""

    date: dt.date | None
    connection: str
    dry_run: bool = False
    refresh: bool = False
    start_from: StartFrom = "extract"
    looking_back: bool = False


def _run_name() -> str:
    asked = runtime.flow_run.parameters
    # Which day that is, only Mambu's time zone says: the run is named for it once that is known.
    date = asked.get("date") or f"the day before {runtime.flow_run.scheduled_start_time:%Y-%m-%d %H:%M} UTC"
    connection, dry_run = asked.get("connection", "default"), bool(asked.get("dry_run"))
    return reports.run_name(f"journals of {date}", connection, dry_run=dry_run)


@flow(name="journals", flow_run_name=_run_name)
async def journals(
    date: dt.date | None = None,
    connection: str = "default",
    dry_run: bool = False,
    refresh: bool = False,
    start_from: StartFrom = "extract",
) -> State[Any]:
    """Send one day of Mambu's journal lines to Xero as draft manual journals.

    Safe to run again at any time: only what Xero does not have is sent. Without a date, earlier days that
    no run has finished come first.

    Args:
        date: The day on which the lines were created in Mambu; by default the one before the scheduled start.
        connection: The name of the saved journal connection.
        dry_run: Show the journals that would be sent, and send nothing.
        refresh: Read the day from Mambu again, whatever is kept from an earlier run.
        start_from: The stage to start from, with what the stages before it have left: extract (all of it),
            process or send. Where nothing whole is left, the run starts earlier.
    """
    return await attempt(Asked(date, connection, dry_run, refresh, start_from))


@flow(name="journals", flow_run_name=_run_name)
async def rerun(
    date: dt.date,
    connection: str = "default",
    dry_run: bool = False,
    refresh: bool = False,
    start_from: StartFrom = "extract",
) -> State[Any]:
    """Run a date of the journals again: only what Xero does not have is sent.

    Args:
        date: The day on which the lines were created in Mambu.
        connection: The name of the saved journal connection.
        dry_run: Show the journals that would be sent, and send nothing.
        refresh: Read the day from Mambu again, whatever is kept from an earlier run.
        start_from: The stage to start from, with what the stages before it have left: extract (all of it),
            process or send. Where nothing whole is left, the run starts earlier.
    """
    return await attempt(Asked(date, connection, dry_run, refresh, start_from))


@flow(name="journals: look back", flow_run_name="journals of {date} for {connection}, looked back on")
async def look_back(date: dt.date, connection: str) -> State[Any]:
    """Finish an earlier day; what people deleted of it in Xero is not sent again."""
    return await attempt(Asked(date, connection, looking_back=True))


async def attempt(asked: Asked) -> State[Any]:
    """Run a day, and see that whatever happens is reported."""
    keep_new_files_private()
    summary = Summary(asked.date, asked.connection, flow_run_id=str(runtime.flow_run.id))
    report = Report(summary)

    async def run_day() -> None:
        require_askable("date", asked.date)
        found = await JournalConnection.named(asked.connection)
        async with opened(asked.connection, found, reports.run_log(), report.progress) as run:
            run.refresh, run.looking_back = asked.refresh, asked.looking_back
            async with recorded(run, summary, asked.date, dry_run=asked.dry_run):
                await run_stages(run, summary, asked)

    return await report.outcome_of(run_day)


async def run_stages(run: JournalsRun, summary: Summary, asked: Asked) -> None:
    """Take one day through all stages, after the days before it that are not finished."""
    with run.in_stage("day"):
        try:
            await determine_day(run, asked.date)
        finally:
            # Told also where it is why the day is refused.
            for system, client in (("Mambu", run.mambu), ("Xero", run.xero)):
                summary.notes += run.log_notes(clocks_differ(system, client.transport.there))
        summary.take_day(run.day.date, run.currency, run.digits)
        if asked.date is None or asked.dry_run:
            await reports.name_run(f"journals of {run.day.date}", run.name, dry_run=asked.dry_run)
        nightly = asked.date is None and not asked.dry_run
        finished = await finished_days(run) if nightly else {}
        earlier = await unfinished_days(run, finished) if nightly else []
        for date, points in (await changed_since(run, earlier, finished) if nightly else {}).items():
            summary.still_open.append(await note_changed(run, date, points))
    for date in earlier:
        ended = await look_back(date, run.name, return_state=True)
        summary.take_look_back(date, ended.message or "", done=ended.is_completed())
    if asked.dry_run:
        await rehearsed(run, summary, asked)
        return
    async with acquire_lease(run, summary.flow_run_id) as crashed_run:
        await begin(run, summary, crashed_run, scheduled=asked.date is None)
        plan = await planned(run, summary, asked)
        confirmed, created = await deliver(run, plan)
        summary.take_outcome(plan, confirmed, created, run.link)
        await end(run, summary)


async def planned(run: JournalsRun, summary: Summary, asked: Asked) -> Plan:
    """Extract and process, as far as an earlier run has not left it."""
    lines, steps = resume_from(run.folder, asked.start_from, run.log)
    if lines is None:
        with run.in_stage("extract"):
            lines = await extract(run)
    run.stated_lines = lines.notes["distinct"]
    sums = sums_of(run, lines)
    if steps is None:
        with run.in_stage("process"):
            steps = await process(run, lines)
    plan = plan_of(run, steps, sums)
    run.written.let_go()
    summary.take_plan(plan, lines.lines, {name: note for step in steps for name, note in step.notes.items()})
    return plan


async def rehearsed(run: JournalsRun, summary: Summary, asked: Asked) -> None:
    """Show what would be sent."""
    plan = await planned(run, summary, asked)
    with run.in_stage("send"):
        summary.take_rehearsal(plan, *await rehearse(run, plan))


# A key can answer for a journal that was deleted since; it is then sent again under another, this often.
ROUNDS = 3


async def deliver(run: JournalsRun, plan: Plan) -> tuple[Confirmed, set[str]]:
    """Bring a day into Xero; return how it stands there, and the narrations that were sent just now.

    Raises what `send` raises. May be run again at any time, by anybody.
    """
    created: set[str] = set()
    for _ in range(ROUNDS):
        with run.in_stage("send"):
            sent = await send(run, plan)
        with run.in_stage("confirm"):
            confirmed = await confirm(run, plan, sent)
        created |= sent.ids.keys()
        if not confirmed.deleted_since_post(sent.ids.values()):
            break
    return confirmed, created
