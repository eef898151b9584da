"""Look around: runs of the journals that died or never came about are recorded, and people are told."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from zoneinfo import ZoneInfo

from blocks.errors import CallFailed
from flows.days import zone_named
from flows.journals.record import incident_service
from flows.journals.report.failures import died, never_finished
from flows.journals.run import JournalsRun
from flows.journals.schedule import nights_of
from flows.runtime.lease import has_crashed, open_leases
from flows.runtime.tasks import run_task

_ASKED_EVERY = 30.0
_ONE_DAY = dt.timedelta(days=1)
# Where no day begins later: one that is over there is over everywhere.
_LAST_OF_ALL = ZoneInfo("Etc/GMT+12")


@run_task("look around: journals")
async def look_around(run: JournalsRun, scheduled: dt.datetime) -> list[dt.date]:
    """Open an incident for each day whose run died or that was due and is not finished; return those days."""
    known = await _zone(run)
    zone = known or ZoneInfo("UTC")
    desk = incident_service(run)
    left = [lease for lease in await open_leases(run, "journals") if lease.expired(run.clock.now())]
    dead = [lease for lease in left if await has_crashed(lease)]
    for lease in dead:
        records = await run.store.journals(None, run.name, lease.day)
        await desk.open(died(lease, records), lease.day, zone)
    told = {lease.day for lease in dead}
    today = scheduled.astimezone(known or _LAST_OF_ALL).date()
    for date, healed in (await _missed(run, today, zone)).items():
        await desk.open(never_finished(date, "next night" if healed else "nobody"), date, zone)
        told.add(date)
    await desk.tell(zone)
    return sorted(told)


async def _zone(run: JournalsRun) -> ZoneInfo | None:
    """Return Mambu's time zone, or None where neither it nor the record says."""
    name = run.connection.time_zone or await run.store.days.last_zone(run.name)
    if name is None:
        with suppress(CallFailed):  # it may be the reason for the trouble
            organisation = await run.mambu.organisation()
            name = organisation.time_zone if organisation else None
    return zone_named(name) if name else None


async def _missed(run: JournalsRun, today: dt.date, zone: ZoneInfo) -> dict[dt.date, bool]:
    """Return the days that were due and that nobody finishes or has told of, and whether a night will.

    Waits for the run of a day that is just about to begin, as a run of which Prefect says that it is late.
    """
    first = run.connection.first_day or await run.store.first_day(run.name)
    if first is None:
        return {}
    back, last = run.connection.look_back_days, today - _ONE_DAY
    first = max(first, last - dt.timedelta(days=back))
    while True:
        # In this order: a run that goes on meanwhile is seen where it was, or where it has come to.
        nights = await nights_of(run.name, first, last, zone, run.clock.now())
        held = await run.store.leases.of("journals", run.name)
        taken = {lease.day for lease in held}
        days = [day for day in await _open_days(run, first, last) if day not in taken]
        if not nights.waiting.intersection(days):
            break
        await run.clock.sleep(_ASKED_EVERY)
    alive = any(not lease.expired(run.clock.now()) for lease in held)
    return {
        day: not nights.switched_off and (today - day).days <= back
        for day in days
        if nights.due(day, alive=alive)
    }


async def _open_days(run: JournalsRun, first: dt.date, last: dt.date) -> list[dt.date]:
    """Return the days that are not finished, and of which no failure is recorded."""
    finished = await run.store.days.since(run.name, first)
    told = await run.store.incidents.all(run.name, only_open=True)
    known = {one.day for one in told if one.flow == "journals"}
    days = (first + offset * _ONE_DAY for offset in range((last - first).days + 1))
    return [day for day in days if day not in finished and day not in known]
