"""Watch: records runs that crashed or did not take place, and notifies people.

Started by Prefect's automations after a crashed, late or failed run (flows/runtime/automations.py). It sends
nothing to Xero or LN: the next run of the flow does what is missing. But nobody has to wait for that run to
learn of the trouble.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from prefect import flow, runtime
from prefect.blocks.core import Block
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from blocks.connections.journals import JournalConnection
from blocks.connections.lookup import NoSuchConnection, connection_named
from blocks.connections.payments import PaymentConnection
from blocks.errors import CallFailed, DaybookError
from blocks.store.models import Lease
from flows.days import zone_named
from flows.journals import record as journals_record
from flows.journals import run as journals_run
from flows.journals.report import failures as journals_failures
from flows.journals.run import JournalsRun
from flows.journals.schedule import nightly_runs
from flows.payments import record as payments_record
from flows.payments import run as payments_run
from flows.payments.report import failures as payments_failures
from flows.payments.run import PaymentsRun
from flows.runtime.artifacts import run_log
from flows.runtime.lease import has_crashed, open_leases
from flows.runtime.run import Run
from flows.runtime.tasks import run_task

_RETRY_SECONDS = 30.0
_ONE_DAY = dt.timedelta(days=1)
# The zone in which days end last: a day that is over there is over everywhere.
_LAST_ZONE = ZoneInfo("Etc/GMT+12")
B = TypeVar("B", bound=Block)


@flow(name="watch", flow_run_name="watch over {connection}")
async def watch(connection: str = "default") -> State[Any]:
    """Record runs that crashed or did not take place, and notify people by tasks in Mambu."""
    try:
        found = await check(connection)
    except DaybookError as error:
        return Failed(message=str(error))
    return Completed(message=f"Recorded: {', '.join(found)}." if found else "No problems found.")


async def check(name: str) -> list[str]:
    """Check the connections of a name, of both kinds; return what was found.

    Raises UsageError if there is none.
    """
    log = run_log()
    for_journals, for_payments = await _named(JournalConnection, name), await _named(PaymentConnection, name)
    found: list[str] = []
    if for_journals is not None:
        async with journals_run.opened(name, for_journals, log, _no_progress) as run:
            scheduled = runtime.flow_run.scheduled_start_time or run.clock.now()
            found += map(str, await check_journals(run, scheduled))
    if for_payments is not None:
        run_id = str(runtime.flow_run.id)
        async with payments_run.opened(name, for_payments, run_id, log, _no_progress) as payments:
            found += await check_payments(payments)
    if for_journals is None and for_payments is None:
        await JournalConnection.named(name)  # raises an error that says what to do
    return found


async def _named(kind: type[B], name: str) -> B | None:
    try:
        found = await connection_named(kind, name)
    except NoSuchConnection:
        return None
    # People are notified now: the watch does not wait for a system that is down.
    return found.model_copy(update={"patience_minutes": 0})


async def _no_progress(_stage: str, _done: int, _total: int) -> None:
    """Ignore progress: the watch is quick."""


@run_task("look around: payments")
async def check_payments(run: PaymentsRun) -> list[str]:
    """Open an incident for a run that crashed, and notify people; return what was found."""
    incidents, zone = payments_record.incident_service(run), ZoneInfo("UTC")
    crashed = await _crashed(run, "payments")
    collected = await run.store.audit.collected_until(run.name)
    for lease in crashed:
        # A day that stays the same however often the watch runs: one incident.
        began = collected or run.connection.start or lease.taken_at
        failure = payments_failures.crashed(run.name, lease)
        day = began.astimezone(dt.UTC).date()
        await incidents.open(failure, day, zone, beside=payments_failures.LASTING)
    await incidents.notify(zone)
    return [f"a payments run that crashed at stage {lease.stage or 'start'}" for lease in crashed]


@run_task("look around: journals")
async def check_journals(run: JournalsRun, scheduled: dt.datetime) -> list[dt.date]:
    """Open an incident for each day whose run crashed or that was missed, and notify people; return them."""
    known = await _zone(run)
    zone = known or ZoneInfo("UTC")
    incidents = journals_record.incident_service(run)
    crashed = await _crashed(run, "journals")
    for lease in crashed:
        records = await run.store.journals(None, run.name, lease.day)
        await incidents.open(journals_failures.crashed(lease, records), lease.day, zone)
    found = {lease.day for lease in crashed}
    today = scheduled.astimezone(known or _LAST_ZONE).date()
    for date, healed in (await _missed(run, today, zone)).items():
        failure = journals_failures.never_finished(date, "next run" if healed else "nobody")
        await incidents.open(failure, date, zone)
        found.add(date)
    await incidents.notify(zone)
    return sorted(found)


async def _crashed(run: Run, flow_name: str) -> list[Lease]:
    """Return the leases that runs of a flow left behind when they crashed."""
    left = [one for one in await open_leases(run, flow_name) if one.expired(run.clock.now())]
    return [one for one in left if await has_crashed(one)]


async def _zone(run: JournalsRun) -> ZoneInfo | None:
    """Return Mambu's time zone, or None where neither Mambu nor the store knows it."""
    name = run.connection.time_zone or await run.store.days.last_zone(run.name)
    if name is None:
        with suppress(CallFailed):  # Mambu may be the reason for the trouble
            organisation = await run.mambu.organisation()
            name = organisation.time_zone if organisation else None
    return zone_named(name) if name else None


async def _missed(run: JournalsRun, today: dt.date, zone: ZoneInfo) -> dict[dt.date, bool]:
    """Return the days that were due, that no run will finish now, and that have no incident yet; with each,
    whether the next nightly run finishes it.

    Waits for a run that is just about to start, such as one that Prefect reports as late.
    """
    first = run.connection.first_day or await run.store.runs.first_day(run.name)
    if first is None:
        return {}
    back, last = run.connection.look_back_days, today - _ONE_DAY
    first = max(first, last - dt.timedelta(days=back))
    while True:
        # In this order: a run that makes progress meanwhile is seen either where it was or where it is.
        nights = await nightly_runs(run.name, first, last, zone, run.clock.now())
        leases = await run.store.leases.of("journals", run.name)
        taken = {lease.day for lease in leases}
        days = [day for day in await _unfinished_days(run, first, last) if day not in taken]
        if not nights.waiting.intersection(days):
            break
        await run.clock.sleep(_RETRY_SECONDS)
    alive = any(not lease.expired(run.clock.now()) for lease in leases)
    return {
        day: not nights.switched_off and (today - day).days <= back
        for day in days
        if nights.due(day, alive=alive)
    }


async def _unfinished_days(run: JournalsRun, first: dt.date, last: dt.date) -> list[dt.date]:
    """Return the days that are not finished and have no open incident."""
    finished = await run.store.days.since(run.name, first)
    incidents = await run.store.incidents.all(run.name, only_open=True)
    known = {one.day for one in incidents if one.flow == "journals"}
    days = (first + offset * _ONE_DAY for offset in range((last - first).days + 1))
    return [day for day in days if day not in finished and day not in known]
