"""Watch: runs of the journals flow that died or never came about are recorded, and people are told.

Started by Prefect's automations after a crashed, late or failed run (flows/automations.py). It sends
nothing: the next run of the journals flow finishes those days, and this one sees that nobody has to wait
for it to be told.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from prefect import flow, get_run_logger, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from blocks.connections import JournalConnection
from blocks.errors import DaybookError
from blocks.leases import LEASE_LIFE, Lease
from flows.days import zone_named
from flows.journals.failure import died, never_finished
from flows.journals.night import Night, opened
from flows.journals.record import desk_of
from flows.tasks import run_task


@flow(name="watch", flow_run_name="watch over {connection}")
async def watch(connection: str = "default") -> State[Any]:
    """Record runs that died or never came about, and tell people of them in Mambu."""
    log = get_run_logger().info

    async def unseen(_stage: str, _done: int, _total: int) -> None:
        """Take no note of progress, for there is hardly any."""

    try:
        found = await JournalConnection.named(connection)
        async with opened(connection, found, log, unseen) as night:
            scheduled = runtime.flow_run.scheduled_start_time or night.clock.now()
            told = await look_around(night, scheduled)
    except DaybookError as error:
        return Failed(message=str(error))
    return Completed(message=f"Found: {', '.join(map(str, told))}." if told else "Nothing was found amiss.")


@run_task("look around")
async def look_around(night: Night, scheduled: dt.datetime) -> list[dt.date]:
    """Open an incident for each day whose run died or never came about; return those days."""
    zone = zone_named(night.connection.time_zone or await night.store.days.last_zone(night.name) or "UTC")
    yesterday = scheduled.astimezone(zone).date() - dt.timedelta(days=1)
    desk = desk_of(night)
    held = await _held_for_good(night)
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


async def _held_for_good(night: Night) -> list[Lease]:
    """Return the leases once each has either been renewed or has expired."""
    held = await night.store.leases.of("journals", night.name)
    if held:
        # A run that was killed a moment ago looks alive until its lease is up.
        oldest = min(lease.renewed_at for lease in held)
        wait = (oldest + LEASE_LIFE - night.clock.now()).total_seconds()
        if wait > 0:
            await night.clock.sleep(wait + 1)
            held = await night.store.leases.of("journals", night.name)
    return held


async def _unfinished(night: Night, yesterday: dt.date) -> list[dt.date]:
    first = night.connection.first_day or await night.store.first_day(night.name)
    if first is None:
        return []
    start = max(first, yesterday - dt.timedelta(days=night.connection.look_back_days))
    finished = await night.store.days.since(night.name, start)
    known = {one.day for one in await night.store.incidents.all(night.name, only_open=True)}
    days = [start + dt.timedelta(days=offset) for offset in range((yesterday - start).days + 1)]
    return [day for day in days if day not in finished and day not in known]
