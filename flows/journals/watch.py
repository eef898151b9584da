"""Look around: runs of the journals that died or never came about are recorded, and people are told."""

from __future__ import annotations

import datetime as dt

from flows.days import zone_named
from flows.journals.failure import died, never_finished
from flows.journals.night import Night
from flows.journals.record import desk_of
from flows.lease import settled_leases
from flows.tasks import run_task


@run_task("look around: journals")
async def look_around(night: Night, scheduled: dt.datetime) -> list[dt.date]:
    """Open an incident for each day whose run died or never came about; return those days."""
    zone = zone_named(night.connection.time_zone or await night.store.days.last_zone(night.name) or "UTC")
    yesterday = scheduled.astimezone(zone).date() - dt.timedelta(days=1)
    desk = desk_of(night)
    held = await settled_leases(night, "journals")
    dead = [lease for lease in held if lease.expired(night.clock.now())]
    for lease in dead:
        records = await night.store.journals(None, night.name, lease.day)
        await desk.open(died(lease, records), lease.day, zone)
    told = {lease.day for lease in dead}
    for date in await _unfinished(night, yesterday):
        if date not in {lease.day for lease in held}:
            await desk.open(never_finished(date), date, zone)
            told.add(date)
    await desk.tell(zone)
    return sorted(told)


async def _unfinished(night: Night, yesterday: dt.date) -> list[dt.date]:
    first = night.connection.first_day or await night.store.first_day(night.name)
    if first is None:
        return []
    start = max(first, yesterday - dt.timedelta(days=night.connection.look_back_days))
    finished = await night.store.days.since(night.name, start)
    known = {one.day for one in await night.store.incidents.all(night.name, only_open=True)}
    days = [start + dt.timedelta(days=offset) for offset in range((yesterday - start).days + 1)]
    return [day for day in days if day not in finished and day not in known]
