"""The watch: what it finds of runs that crashed or did not take place, and whom it notifies."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import State
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import Crashed, Pending, Running, Scheduled

from blocks.connections import lookup
from blocks.connections.environment import payment_connection
from blocks.connections.journals import JournalConnection
from blocks.connections.payments import PaymentConnection
from blocks.store.models import ALL_DAYS, LEASE_LIFE, Incident, Lease
from flows.journals import run as journals_run
from flows.journals.flow import journals
from flows.journals.record import incident_service
from flows.runtime.artifacts import RunLog
from flows.runtime.failures import Failure
from flows.watch import check_journals, watch
from tests.helpers.clocks import VirtualClock
from tests.helpers.failed_runs import days_ago, ended, entries, night_of, tasks, units
from tests.helpers.sandboxed import DATE, Sandboxed


def for_payments(sandbox: Sandboxed) -> PaymentConnection:
    """Return a payment connection to the sandbox that shares the journals' store."""
    made = payment_connection(sandbox.process.env)
    return made.model_copy(update={"store": sandbox.connection().store})


async def watched(*kinds: Any, name: str = "default") -> State[Any]:
    """Run the watch over connections of a name."""
    with ExitStack() as stack:
        for one in kinds:
            stack.enter_context(lookup.provided({name: one}))
        return await watch(name, return_state=True)


async def crash(connection: Any, flow: str, day: dt.date, stage: str) -> None:
    """Leave the lease of a run that crashed some time ago."""
    at = dt.datetime.now(dt.UTC) - LEASE_LIFE - dt.timedelta(minutes=1)
    async with connection.store.open() as store:
        lease = Lease(flow, "default", day, "crashed-run", "elsewhere", stage, at, at)
        await store.leases.take(lease, only_one_here=False)


async def incidents(connection: Any) -> list[Incident]:
    """Return what is recorded."""
    async with connection.store.open() as store:
        return await store.incidents.all("default")


async def test_a_crashed_run_of_the_journals(sandbox: Sandboxed) -> None:
    """A crashed run of the journals is recorded for its day, and there is one task however often."""
    connection = sandbox.connection()
    await crash(connection, "journals", DATE, "send")
    for _ in range(2):
        state = await watched(connection)
        assert (state.is_completed(), str(DATE) in (state.message or "")) == (True, True)
    (found,) = await incidents(connection)
    assert (found.flow, found.day, found.stage, found.step) == ("journals", DATE, "send", "died")
    assert len(tasks(sandbox)) == 1


async def test_a_crashed_run_of_the_payments_is_one_incident_on_whatever_day(sandbox: Sandboxed) -> None:
    """A run with its own window, of a connection without a start, is one incident, however late it is."""
    connection = for_payments(sandbox).model_copy(update={"start": None})
    begun = dt.datetime.now(dt.UTC) - dt.timedelta(days=3)
    async with connection.store.open() as store:
        lease = Lease("payments", "default", ALL_DAYS, "crashed-run", "elsewhere", "collect", begun, begun)
        await store.leases.take(lease, only_one_here=False)
    for _ in range(2):
        await watched(connection)
    (found,) = await incidents(connection)
    assert found.day == begun.date()
    assert "If it was started with a window (since, until or a date), start it again" in found.remedy


async def test_a_payment_connection_that_was_not_run_by_schedule(sandbox: Sandboxed) -> None:
    """Where payments were only ever sent for a given window, nothing is due."""
    # At some hours the sandbox's own payments of that day have dates before the window.
    sandbox.control("xero/options", {"payments_per_day": 0})
    connection = sandbox.payment_connection(start=None)
    day = dt.datetime.now(dt.UTC) - dt.timedelta(days=5)
    (await sandbox.pay_run(connection=connection, since=day, until=day + dt.timedelta(hours=1))).completed()
    state = await watched(connection)
    assert (state.message, await incidents(connection)) == ("No problems found.", [])


async def test_a_crashed_run_of_the_payments(sandbox: Sandboxed) -> None:
    """A crashed run of the payments is recorded, and its task names the flow and the connection."""
    connection = for_payments(sandbox)
    await crash(connection, "payments", ALL_DAYS, "deliver")
    state = await watched(connection)
    assert "crashed at stage deliver" in (state.message or "")
    (found,) = await incidents(connection)
    assert (found.flow, found.stage, found.step) == ("payments", "deliver", "died")
    (task,) = tasks(sandbox)
    assert task["title"].endswith(f"[Daybook payments default {found.day} deliver/died]")


async def test_both_kinds_under_one_name(sandbox: Sandboxed) -> None:
    """Where a name has connections of both kinds, the watch checks both."""
    journals, payments = sandbox.connection(), for_payments(sandbox)
    await crash(journals, "journals", DATE, "extract")
    await crash(payments, "payments", ALL_DAYS, "collect")
    await watched(journals, payments)
    assert {one.flow for one in await incidents(journals)} == {"journals", "payments"}


async def test_a_night_that_did_not_take_place(sandbox: Sandboxed) -> None:
    """A day that is due and that no run has finished is recorded as such."""
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    connection = sandbox.connection(first_day=yesterday, time_zone="UTC")
    state = await watched(connection)
    assert str(yesterday) in (state.message or "")
    (found,) = await incidents(connection)
    assert found.step == "never finished"
    assert found.remedy.startswith("This check sends nothing. The next nightly run finishes this day")


async def test_dates_that_somebody_asked_for(sandbox: Sandboxed) -> None:
    """After runs of two older dates there is no problem: no other day was due."""
    connection = sandbox.connection()
    for number in (4, 6):
        sandbox.plant(units(number, date=days_ago(number)), days_ago(number))
        await ended(sandbox, await sandbox.run(days_ago(number), connection=connection), days_ago(number))
    state = await watched(connection)
    assert state.message == "No problems found."
    assert (await incidents(connection), tasks(sandbox)) == ([], [])


@pytest.mark.parametrize(
    ("first_day", "missed"),
    [(None, [2, 1]), (4, [4, 2, 1]), (1, [1]), (0, [])],
    ids=["as recorded", "set earlier", "set later", "yet to come"],
)
async def test_a_night_missed_after_the_first(
    sandbox: Sandboxed, monkeypatch: pytest.MonkeyPatch, first_day: int | None, missed: list[int]
) -> None:
    """Days from the first scheduled one on are due, or from the first day that is set; a rerun makes none."""
    connection = sandbox.connection(lines_per_journal=2)
    first, before = days_ago(3), days_ago(5)
    for date in (first, before):
        sandbox.plant(units(date.day, date=date), date)
    await ended(sandbox, await night_of(sandbox, first, connection, monkeypatch), first)
    await ended(sandbox, await sandbox.run(before, connection=connection), before)
    if first_day is not None:
        connection = connection.model_copy(update={"first_day": days_ago(first_day)})

    await watched(connection)

    found = await incidents(connection)
    assert [one.day for one in found] == [days_ago(number) for number in missed]
    assert {one.step for one in found} <= {"never finished"}
    assert len(tasks(sandbox)) == len(missed)
    # The next night looks back three days; no run finishes the one before.
    alone = [one.day for one in found if "no future nightly run will process this day" in one.remedy]
    assert alone == [days_ago(number) for number in missed if number > 3]


async def test_what_the_watch_found_the_next_night_finishes(
    sandbox: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missed day has one incident and one task in the same words, until the next night finishes it."""
    connection = sandbox.connection()
    for number in (3, 2, 1):
        sandbox.plant(units(number, date=days_ago(number)), days_ago(number))
    await ended(sandbox, await night_of(sandbox, days_ago(3), connection, monkeypatch), days_ago(3))
    for _ in range(2):
        await watched(connection)
    before = await incidents(connection)
    described = {one["id"]: one["description"] for one in tasks(sandbox)}
    assert [one.day for one in before] == [days_ago(2), days_ago(1)]

    await ended(sandbox, await sandbox.run(None, connection=connection), days_ago(1))
    await watched(connection)

    assert [(one.day, one.times, one.resolved is None) for one in await incidents(connection)] == [
        (days_ago(2), 1, False),
        (days_ago(1), 1, False),
    ]
    assert {one["id"]: one["description"] for one in tasks(sandbox)} == described
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6]


@pytest.fixture
def due(sandbox: Sandboxed) -> JournalConnection:
    """Give a connection of which only its first day, yesterday, is known."""
    return sandbox.connection(first_day=_today() - dt.timedelta(days=1), time_zone="UTC")


async def test_an_incident_of_the_payments_hides_no_day_of_the_journals(
    sandbox: Sandboxed, due: JournalConnection
) -> None:
    """What is open for the payments of a day says nothing of its journals."""
    async with journals_run.opened("default", due, RunLog(print, print), _unseen) as run:
        failure = Failure("collect", "", "Payments", "It went wrong.", (), (), "Try again.")
        incidents_of = replace(incident_service(run), flow="payments")
        await incidents_of.open(failure, _today() - dt.timedelta(days=1), ZoneInfo("UTC"))
    await watched(due)
    assert {one.flow for one in await incidents(due)} == {"journals", "payments"}


Planned = Callable[..., Awaitable[None]]


@pytest_asyncio.fixture
async def planned(sandbox: Sandboxed, prefect: None) -> AsyncIterator[Planned]:
    """Give what makes a flow run of the journals in a state, planned for some time today."""
    made: list[UUID] = []

    async def plan(*states: State[Any], **parameters: Any) -> None:
        async with get_client() as client:
            run = await client.create_flow_run(journals, parameters=parameters, state=states[0])
            made.append(run.id)
            for state in states[1:]:
                await client.set_flow_run_state(run.id, state, force=True)

    yield plan
    async with get_client() as client:
        for run_id in made:
            await client.delete_flow_run(run_id)


@pytest_asyncio.fixture
async def switched_off(sandbox: Sandboxed, prefect: None) -> AsyncIterator[None]:
    """Let the connection's schedule be switched off."""
    async with get_client() as client:
        cron = CronSchedule(cron="30 0 * * *", timezone="UTC")
        deployment = await client.create_deployment(
            await client.create_flow(journals),
            "nightly",
            schedules=[DeploymentScheduleCreate(schedule=cron, active=False)],
            parameters={"connection": "off"},
        )
        yield
        await client.delete_deployment(deployment)


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _at(*time: int) -> State[Any]:
    return Scheduled(scheduled_time=dt.datetime.combine(_today(), dt.time(*time), dt.UTC))


async def _unseen(_stage: str, _done: int, _total: int) -> None:
    """Take no note of progress."""


async def looked(connection: JournalConnection, clock: VirtualClock) -> list[dt.date]:
    """Let the watch check the journals on a clock; return the days it recorded."""
    async with journals_run.opened("default", connection, RunLog(print, print), _unseen, clock) as run:
        return await check_journals(run, clock.now())


async def test_a_night_whose_time_is_to_come(due: JournalConnection, planned: Planned) -> None:
    """A day whose run is planned for later is not recorded, and not waited for."""
    clock = VirtualClock(dt.datetime.now(dt.UTC))
    await planned(_at(23, 59, 59))
    assert (await looked(due, clock), clock.slept) == ([], [])


@pytest.mark.parametrize("other", [{"connection": "other"}, {"date": str(DATE)}, {"dry_run": True}])
async def test_what_is_planned_is_not_the_night(
    due: JournalConnection, planned: Planned, other: dict[str, Any]
) -> None:
    """A run of another connection, one with a date, and a dry run are not waited for."""
    clock = VirtualClock(dt.datetime.now(dt.UTC))
    for time in ((0, 0), (23, 59, 59)):
        await planned(_at(*time), **other)
    assert await looked(due, clock) == [_today() - dt.timedelta(days=1)]
    assert clock.slept == []


@pytest.mark.parametrize("state", [None, Pending(), Running()], ids=["late", "pending", "running"])
async def test_a_night_that_is_about_to_begin(
    due: JournalConnection, planned: Planned, state: State[Any] | None
) -> None:
    """A run that is due and not working yet is waited for; only then is its day recorded."""
    clock = VirtualClock(dt.datetime.now(dt.UTC))
    await planned(_at(0, 0), *([state] if state else []), connection="default")
    assert await looked(due, clock) == [_today() - dt.timedelta(days=1)]
    assert 600 <= sum(clock.slept) <= 660


class Renewing(VirtualClock):
    """A clock on which a run works on an earlier day, and renews its lease as time passes."""

    def __init__(self, connection: JournalConnection) -> None:
        # So late that nothing of Prefect's is fresh any more.
        super().__init__(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=30))
        self._connection = connection

    async def sleep(self, seconds: float) -> None:
        """Wait, and renew the lease."""
        await super().sleep(seconds)
        await self.renew()

    async def renew(self) -> None:
        """Take or renew the lease of the day."""
        lease = Lease("journals", "default", DATE, "a-run", "elsewhere", "send", self.now(), self.now())
        async with self._connection.store.open() as store:
            await store.leases.take(lease, only_one_here=False)


async def test_a_night_that_looks_back(due: JournalConnection, planned: Planned) -> None:
    """While the nightly run works on an earlier day its own is not recorded; once it crashed, it is."""
    clock = Renewing(due)
    # By that clock: it may be past midnight there already.
    today = clock.now().date()
    connection = due.model_copy(update={"first_day": today - dt.timedelta(days=1)})
    await planned(Scheduled(scheduled_time=_midnight(today)), Running(), connection="default")
    await clock.renew()
    assert await looked(connection, clock) == []
    assert await looked(connection, VirtualClock(clock.now())) == [DATE, today - dt.timedelta(days=1)]


@pytest.mark.usefixtures("switched_off")
async def test_a_schedule_that_is_switched_off(due: JournalConnection, planned: Planned) -> None:
    """Where the nightly schedule is off nothing is due, but a day whose run was started, and crashed."""
    state = await watched(due, name="off")
    assert state.message == "No problems found."

    await planned(_at(0, 0), Crashed(), connection="off")

    await watched(due, name="off")
    async with due.store.open() as store:
        (found,) = await store.incidents.all("off")
    assert "no future nightly run will process this day" in found.remedy


async def test_a_zone_that_nobody_knows(sandbox: Sandboxed) -> None:
    """Where Mambu's zone is unknown, a day that is not over everywhere is not recorded."""
    sandbox.fault(
        {"system": "mambu", "path": "setup/organization", "kind": "status", "status": 500, "times": 0}
    )
    morning = dt.datetime.combine(_today(), dt.time(6), dt.UTC)
    connection = sandbox.connection(first_day=_today() - dt.timedelta(days=2), time_zone=None, retries=0)
    assert await looked(connection, VirtualClock(morning)) == [_today() - dt.timedelta(days=2)]


async def test_no_problem(sandbox: Sandboxed) -> None:
    """Without a problem nothing is recorded, and there is no task."""
    connection = for_payments(sandbox)
    state = await watched(connection)
    assert state.message == "No problems found."
    assert (await incidents(connection), tasks(sandbox)) == ([], [])


async def test_a_connection_that_is_not_there(sandbox: Sandboxed) -> None:
    """A name without a connection fails with the remedy."""
    state = await watched(name="nowhere")
    assert state.is_failed()
    assert "python -m blocks save nowhere" in (state.message or "")
