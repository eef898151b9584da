"""Record: how a run of a day went, in the store and in the tasks for the people who have to know."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from zoneinfo import ZoneInfo

from prefect import runtime

from blocks.errors import DaybookError, LeaseLost, StoreError
from blocks.store.models import DayRecord, JournalRecord, Lease
from flows.days import DayNotOver
from flows.journals.report.failures import changed_later, crashed, differences, failure_of, never_finished
from flows.journals.report.messages import failure_sentence, outcome_sentence, stopped_sentence
from flows.journals.report.summary import Summary
from flows.journals.run import JournalsRun, staged_folder
from flows.journals.staging import discard, staged_days
from flows.runtime.failures import WITHDRAWAL, Failure
from flows.runtime.incidents import IncidentService
from flows.runtime.text import fault_of


def incident_service(run: JournalsRun) -> IncidentService:
    """Return where this run's incidents are recorded and reported."""
    user = run.connection.assigned_user_key
    return IncidentService("journals", run.name, run.store, run.mambu, user, run.clock, run.warn)


async def begin(run: JournalsRun, summary: Summary, crashed_run: Lease | None, *, scheduled: bool) -> None:
    """Record that a run of the day begins, and what it finds: a run that crashed, or none that finished.

    `scheduled`: nobody gave it a date; see Store.run_started.
    """
    service, day, zone = incident_service(run), run.day.date, run.day.zone
    await service.notify(zone)
    await run.store.runs.started(summary.flow_run_id, run.name, day, run.clock.now(), scheduled=scheduled)
    await note_crashed(run, crashed_run)
    if crashed_run is None and run.looking_back and not await _is_known(run):
        await service.open(never_finished(day), day, zone)


async def note_crashed(run: JournalsRun, crashed_run: Lease | None) -> None:
    """Record that a run of the day crashed, if one did."""
    if crashed_run is not None:
        await incident_service(run).open(
            crashed(crashed_run, await run.records()), run.day.date, run.day.zone
        )


async def note_withdrawn(run: JournalsRun) -> None:
    """Record that a withdrawal of the day has ended: this resolves one that crashed before."""
    await incident_service(run).resolve(run.day.date, run.day.zone, stages=WITHDRAWAL)


async def note_changed(run: JournalsRun, date: dt.date, points: Sequence[str]) -> str:
    """Record that a finished day was changed in Xero since, so that the next run compares it; say so."""
    failure = changed_later(date, points)
    await run.store.days.reopened(run.name, date)
    await incident_service(run).open(failure, date, run.day.zone)
    return f"{failure.happened} {'; '.join(points)}."


async def _is_known(run: JournalsRun) -> bool:
    """Tell whether the day was finished once, or why it is not is recorded."""
    day = run.day.date
    finished = day in await run.store.days.since(run.name, day)
    reported = await run.store.incidents.all(run.name, day=day, only_open=True)
    return finished or any(one.flow == "journals" for one in reported)


@asynccontextmanager
async def recorded(
    run: JournalsRun, summary: Summary, asked: dt.date | None, *, dry_run: bool
) -> AsyncIterator[None]:
    """Take over the figures of a run however it ends, and record a failure; a dry run leaves no record."""
    try:
        yield
    except DaybookError as error:
        _take_figures(run, summary)
        if not dry_run and not isinstance(error, DayNotOver | LeaseLost):
            await _failed(run, summary, asked, error)
        raise
    except Exception as fault:
        _take_figures(run, summary)
        if not dry_run:
            await _failed(run, summary, asked, fault_of(fault))
        raise
    finally:
        _take_figures(run, summary)


async def end(run: JournalsRun, summary: Summary) -> None:
    """Record how the day ended, while the lease is still ours: the next run finds it recorded."""
    service, day, zone = incident_service(run), run.day.date, run.day.zone
    if summary.status == "failed":
        said = outcome_sentence(summary)
        failure = differences(day, said, summary.open, await run.records())
        await run.store.days.reopened(run.name, day)
        await _tell(run, summary, failure, day, zone)
    else:
        said = ""
        await run.store.days.finished(
            DayRecord(
                run.name,
                day,
                zone.key,
                run.stated_lines,
                run.clock.now(),
                run.read_at,
                run.connection.label,
                run.connection.first_day,
                organisation=run.organisation,
            )
        )
        await service.resolve(day, zone)
    await run.store.runs.ended(summary.flow_run_id, summary.status, said, run.clock.now())


async def _failed(run: JournalsRun, summary: Summary, asked: dt.date | None, error: DaybookError) -> None:
    day, zone = await _day_of(run, asked)
    summary.date = summary.date or day
    summary.status = "failed"
    said = failure_sentence(summary, error)
    records: Sequence[JournalRecord] | None = None
    await _take_stop(run, summary, day)
    with suppress(StoreError):
        if run.stage in {"send", "confirm"}:
            records = _with_unsent(run, await run.records())
        if run.stage in {"", "day", "extract"} and not await _held_by_another(run, summary, day):
            # Nothing stale is to be sent later, by whatever way.
            discard(staged_folder(run.name, day))
        await run.store.days.reopened(run.name, day)
        await run.store.runs.ended(summary.flow_run_id, "failed", said, run.clock.now())
    what = stopped_sentence(summary, error)
    failure = failure_of(day, run.stage, error, what, records, under_way=run.under_way)
    await _tell(run, summary, failure, day, zone)


async def _take_stop(run: JournalsRun, summary: Summary, day: dt.date) -> None:
    """Take over what is in Xero of the day, unless the run had come to compare it all."""
    if summary.tied_out is None:
        records: Sequence[JournalRecord] = ()
        with suppress(StoreError):
            # Of any organisation, where the run stopped before it knew its own.
            records = await run.store.journals(getattr(run, "organisation", None), run.name, day)
        summary.take_stop(run.created, run.found_in_xero, _with_unsent(run, records))


def _with_unsent(run: JournalsRun, records: Sequence[JournalRecord]) -> list[JournalRecord]:
    """Add to the records what this run had still to send when it stopped."""
    known = {(one.narration, one.generation) for one in records}
    return [*records, *(one for one in run.to_send if (one.narration, one.generation) not in known)]


async def _tell(run: JournalsRun, summary: Summary, failure: Failure, day: dt.date, zone: ZoneInfo) -> None:
    summary.failure = failure
    summary.staged = [str(one) for one in staged_days(run.name, staged_folder(run.name)) if one.date == day]
    with suppress(StoreError):
        summary.incident = await incident_service(run).open(failure, day, zone)
        held = await run.store.incidents.all(run.name, day=day, only_open=True)
        summary.incident = next(
            (one for one in held if one.incident_id == summary.incident.incident_id), summary.incident
        )


async def _held_by_another(run: JournalsRun, summary: Summary, day: dt.date) -> bool:
    leases = await run.store.leases.of("journals", run.name)
    return any(lease.day == day and lease.owner != summary.flow_run_id for lease in leases)


async def _day_of(run: JournalsRun, asked: dt.date | None) -> tuple[dt.date, ZoneInfo]:
    """Return the day a run was about, also where it failed before it could know."""
    if hasattr(run, "day"):
        return run.day.date, run.day.zone
    known = None
    with suppress(StoreError):
        known = await run.store.days.last_zone(run.name)
    zone = ZoneInfo(run.connection.time_zone or known or "UTC")
    scheduled = runtime.flow_run.scheduled_start_time or run.clock.now()
    return asked or scheduled.astimezone(zone).date() - dt.timedelta(days=1), zone


def _take_figures(run: JournalsRun, summary: Summary) -> None:
    summary.stage, summary.under_way, summary.seconds = run.stage, run.under_way, run.seconds
    summary.mambu_calls, summary.xero_calls = run.mambu.transport.calls, run.xero.calls
    summary.xero_bytes_read = run.xero.bytes_read
    summary.account_names = run.account_names
    summary.refused_as_too_many = run.xero.transport.refused_as_too_many
