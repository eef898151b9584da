"""Record: how a run of a day went, in the store and towards the people who have to know."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from zoneinfo import ZoneInfo

from prefect import runtime

from blocks.errors import DaybookError, LeaseLost, StoreError
from blocks.store.models import DayRecord, JournalRecord, Lease
from flows.days import DayNotOver
from flows.journals.report.failures import changed_later, died, differences, failure_of, never_finished
from flows.journals.report.messages import failure_sentence, outcome_sentence, stopped_sentence
from flows.journals.report.summary import Summary
from flows.journals.run import Night, staged_folder
from flows.journals.staging import discard, staged_days
from flows.runtime.failures import WITHDRAWAL, Failure
from flows.runtime.incidents import Desk
from flows.runtime.text import fault_of


def desk_of(night: Night) -> Desk:
    """Return where this night's incidents are recorded and told."""
    user = night.connection.assigned_user_key
    return Desk("journals", night.name, night.store, night.mambu, user, night.clock, night.warn)


async def begin(night: Night, summary: Summary, dead: Lease | None, *, scheduled: bool) -> None:
    """Record that a run of the day begins, and what it finds: a run that died, or none that finished.

    `scheduled`: nobody gave it a date; see Store.run_started.
    """
    desk, day, zone = desk_of(night), night.day.date, night.day.zone
    await desk.tell(zone)
    await night.store.run_started(
        summary.flow_run_id, night.name, day, night.clock.now(), scheduled=scheduled
    )
    await note_dead(night, dead)
    if dead is None and night.looking_back and not await _is_known(night):
        await desk.open(never_finished(day), day, zone)


async def note_dead(night: Night, dead: Lease | None) -> None:
    """Record that a run died on the day, if one did."""
    if dead is not None:
        await desk_of(night).open(died(dead, await _records(night)), night.day.date, night.day.zone)


async def note_withdrawn(night: Night) -> None:
    """Record that a withdrawal of the day came to its end: one that died before is made good."""
    await desk_of(night).resolve(night.day.date, night.day.zone, stages=WITHDRAWAL)


async def note_changed(night: Night, date: dt.date, points: Sequence[str]) -> str:
    """Record that a finished day was changed in Xero since, so that the next night compares it; say so."""
    failure = changed_later(date, points)
    await night.store.days.reopened(night.name, date)
    await desk_of(night).open(failure, date, night.day.zone)
    return f"{failure.happened} {'; '.join(points)}."


async def _is_known(night: Night) -> bool:
    """Tell whether the day was finished once, or why it is not is recorded."""
    day = night.day.date
    finished = day in await night.store.days.since(night.name, day)
    told = await night.store.incidents.all(night.name, day=day, only_open=True)
    return finished or any(one.flow == "journals" for one in told)


@asynccontextmanager
async def recorded(
    night: Night, summary: Summary, asked: dt.date | None, *, dry_run: bool
) -> AsyncIterator[None]:
    """Take over the figures of a run however it ends, and record a failure; a dry run leaves no record."""
    try:
        yield
    except DaybookError as error:
        _take_figures(night, summary)
        if not dry_run and not isinstance(error, DayNotOver | LeaseLost):
            await _failed(night, summary, asked, error)
        raise
    except Exception as fault:
        _take_figures(night, summary)
        if not dry_run:
            await _failed(night, summary, asked, fault_of(fault))
        raise
    finally:
        _take_figures(night, summary)


async def end(night: Night, summary: Summary) -> None:
    """Record how the day came out, while it is still held: whoever comes next finds it recorded."""
    desk, day, zone = desk_of(night), night.day.date, night.day.zone
    if summary.status == "failed":
        said = outcome_sentence(summary)
        failure = differences(day, said, summary.open, await _records(night))
        await night.store.days.reopened(night.name, day)
        await _tell(night, summary, failure, day, zone)
    else:
        said = ""
        await night.store.days.finished(
            DayRecord(
                night.name,
                day,
                zone.key,
                night.stated_lines,
                night.clock.now(),
                night.read_at,
                night.connection.label,
                night.connection.first_day,
                organisation=night.organisation,
            )
        )
        await desk.resolve(day, zone)
    await night.store.run_ended(summary.flow_run_id, summary.status, said, night.clock.now())


async def _failed(night: Night, summary: Summary, asked: dt.date | None, error: DaybookError) -> None:
    day, zone = await _day_of(night, asked)
    summary.date = summary.date or day
    summary.status = "failed"
    said = failure_sentence(summary, error)
    records: Sequence[JournalRecord] | None = None
    await _take_stop(night, summary, day)
    with suppress(StoreError):
        if night.stage in {"send", "confirm"}:
            records = await _records(night)
        if night.stage in {"", "day", "extract"} and not await _held_by_another(night, summary, day):
            # Nothing stale is to be sent later, by whatever way.
            discard(staged_folder(night.name, day))
        await night.store.days.reopened(night.name, day)
        await night.store.run_ended(summary.flow_run_id, "failed", said, night.clock.now())
    what = stopped_sentence(summary, error)
    failure = failure_of(day, night.stage, error, what, records, under_way=night.under_way)
    await _tell(night, summary, failure, day, zone)


async def _take_stop(night: Night, summary: Summary, day: dt.date) -> None:
    """Take over what is in Xero of the day, unless the run had come to compare it all."""
    if summary.tied_out is None:
        records: Sequence[JournalRecord] = ()
        with suppress(StoreError):
            # Of any organisation, where the run stopped before it knew its own.
            records = await night.store.journals(getattr(night, "organisation", None), night.name, day)
        summary.take_stop(night.created, night.found_in_xero, records)


async def _tell(night: Night, summary: Summary, failure: Failure, day: dt.date, zone: ZoneInfo) -> None:
    summary.failure = failure
    summary.staged = [
        str(one) for one in staged_days(night.name, staged_folder(night.name)) if one.date == day
    ]
    with suppress(StoreError):
        summary.incident = await desk_of(night).open(failure, day, zone)
        held = await night.store.incidents.all(night.name, day=day, only_open=True)
        summary.incident = next(
            (one for one in held if one.incident_id == summary.incident.incident_id), summary.incident
        )


async def _held_by_another(night: Night, summary: Summary, day: dt.date) -> bool:
    leases = await night.store.leases.of("journals", night.name)
    return any(lease.day == day and lease.owner != summary.flow_run_id for lease in leases)


async def _day_of(night: Night, asked: dt.date | None) -> tuple[dt.date, ZoneInfo]:
    """Return the day a run was about, also where it failed before it could know."""
    if hasattr(night, "day"):
        return night.day.date, night.day.zone
    known = None
    with suppress(StoreError):
        known = await night.store.days.last_zone(night.name)
    zone = ZoneInfo(night.connection.time_zone or known or "UTC")
    scheduled = runtime.flow_run.scheduled_start_time or night.clock.now()
    return asked or scheduled.astimezone(zone).date() - dt.timedelta(days=1), zone


async def _records(night: Night) -> list[JournalRecord]:
    return await night.store.journals(night.organisation, night.name, night.day.date)


def _take_figures(night: Night, summary: Summary) -> None:
    summary.stage, summary.under_way, summary.seconds = night.stage, night.under_way, night.seconds
    summary.mambu_calls, summary.xero_calls = night.mambu.transport.calls, night.xero.calls
    summary.account_names = night.account_names
    summary.refused_as_too_many = night.xero.transport.refused_as_too_many
