"""The watch: what it finds of runs that died or never came about, and whom it tells, against the sandbox."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from typing import Any

from prefect.client.schemas.objects import State

from blocks import connections
from blocks.environment import payment_connection
from blocks.incidents import Incident
from blocks.leases import ALL_DAYS, LEASE_LIFE, Lease
from blocks.payment_connection import PaymentConnection
from flows.watch import watch
from tests.flows.journals.aftermath import tasks
from tests.sandboxed import DATE, Sandboxed


def for_payments(sandbox: Sandboxed) -> PaymentConnection:
    """Return a payment connection to the sandbox that shares the journals' store."""
    made = payment_connection(sandbox.process.env)
    return made.model_copy(update={"store": sandbox.connection().store})


async def watched(*kinds: Any, name: str = "default") -> State[Any]:
    """Run the watch over connections of a name."""
    with ExitStack() as stack:
        for one in kinds:
            stack.enter_context(connections.provided({name: one}))
        return await watch(name, return_state=True)


async def dead(connection: Any, flow: str, day: dt.date, stage: str) -> None:
    """Leave the lease of a run that was killed some time ago."""
    at = dt.datetime.now(dt.UTC) - LEASE_LIFE - dt.timedelta(minutes=1)
    async with connection.store.open() as store:
        lease = Lease(flow, "default", day, "run-that-died", "elsewhere", stage, at, at)
        await store.leases.take(lease, only_one_here=False)


async def incidents(connection: Any) -> list[Incident]:
    """Return what is recorded."""
    async with connection.store.open() as store:
        return await store.incidents.all("default")


async def test_a_dead_run_of_the_journals(sandbox: Sandboxed) -> None:
    """A run of the journals that died on a day is recorded for that day, and told once however often."""
    connection = sandbox.connection()
    await dead(connection, "journals", DATE, "send")
    for _ in range(2):
        state = await watched(connection)
        assert (state.is_completed(), str(DATE) in (state.message or "")) == (True, True)
    (found,) = await incidents(connection)
    assert (found.flow, found.day, found.stage, found.step) == ("journals", DATE, "send", "died")
    assert len(tasks(sandbox)) == 1


async def test_a_dead_run_of_the_payments(sandbox: Sandboxed) -> None:
    """A run of the payments that died is recorded, and its task names the flow beside the connection."""
    connection = for_payments(sandbox)
    await dead(connection, "payments", ALL_DAYS, "deliver")
    state = await watched(connection)
    assert "died at deliver" in (state.message or "")
    (found,) = await incidents(connection)
    assert (found.flow, found.stage, found.step) == ("payments", "deliver", "died")
    (task,) = tasks(sandbox)
    assert task["title"].endswith(f"[Daybook payments default {found.day} deliver/died]")


async def test_both_kinds_under_one_name(sandbox: Sandboxed) -> None:
    """Where a name has connections of both kinds, the watch looks after both."""
    journals, payments = sandbox.connection(), for_payments(sandbox)
    await dead(journals, "journals", DATE, "extract")
    await dead(payments, "payments", ALL_DAYS, "collect")
    await watched(journals, payments)
    assert {one.flow for one in await incidents(journals)} == {"journals", "payments"}


async def test_a_night_that_never_came_about(sandbox: Sandboxed) -> None:
    """A day that is the connection's, and that no run has finished, is recorded as such."""
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    connection = sandbox.connection(first_day=yesterday, time_zone="UTC")
    state = await watched(connection)
    assert str(yesterday) in (state.message or "")
    (found,) = await incidents(connection)
    assert found.step == "never finished"


async def test_nothing_amiss(sandbox: Sandboxed) -> None:
    """With nothing amiss nothing is recorded, and nobody is told."""
    connection = for_payments(sandbox)
    state = await watched(connection)
    assert state.message == "Nothing was found amiss."
    assert (await incidents(connection), tasks(sandbox)) == ([], [])


async def test_a_connection_that_is_not_there(sandbox: Sandboxed) -> None:
    """A name without a connection fails with the remedy."""
    state = await watched(name="nowhere")
    assert state.is_failed()
    assert "python -m blocks save nowhere" in (state.message or "")
