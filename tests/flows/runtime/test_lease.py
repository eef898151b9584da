"""One run per connection and day: the lease in the store, the lock beside it, and the heartbeat."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed
from sqlalchemy import text

from blocks.store.journals import Store
from blocks.store.models import LEASE_LIFE, RENEWED_EVERY, Lease
from flows.days import Day
from flows.runtime.lease import _RETRY_SECONDS, _lock, acquire_lease, has_crashed
from tests.helpers.clocks import START, StillClock
from tests.helpers.leases import DATE, Run, run, until

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def clock(home: Path) -> StillClock:
    """Give the clock of all runs, in a home of the test's own."""
    return StillClock()


@pytest_asyncio.fixture
async def one(tmp_path: Path, clock: StillClock) -> AsyncIterator[Run]:
    """Give a run."""
    async with run(tmp_path, clock, "one") as one:
        yield one


@pytest_asyncio.fixture
async def two(tmp_path: Path, clock: StillClock) -> AsyncIterator[Run]:
    """Give a second run of the same day and store."""
    async with run(tmp_path, clock, "two") as two:
        yield two


@asynccontextmanager
async def holding(one: Run) -> AsyncIterator[asyncio.Task[None]]:
    """Let a run have the lease, or wait for it, inside this block."""
    task = asyncio.create_task(one.work())
    try:
        await until(lambda: one.inside or one.waits > 0 or task.done())
        yield task
        one.may_end.set()
        await asyncio.wait_for(task, 20)
    finally:
        task.cancel()


async def crash(one: Run) -> Lease:
    """Let a run crash: its lock is free, its lease is still in the store, and nobody renews it."""
    async with acquire_lease(one.run_of_day, one.owner):
        lease, one.run_of_day.lease = one.run_of_day.lease, None
    assert lease is not None
    return lease


async def test_a_day_has_one_run_at_a_time(one: Run, two: Run) -> None:
    """While a run has the day a second one waits, logs for whom, and gets it when the first ends."""
    async with holding(one):
        assert one.found == [None]
        assert await one.leases() == [one.run_of_day.lease]
        second = asyncio.create_task(two.work())
        await until(lambda: two.waits == 1)
        await two.asked_again(_RETRY_SECONDS)
        assert not two.inside
        (said,) = two.said
        assert said.startswith("The run one is working on 2026-11-20 since 03:00:00 UTC (stage: day). ")
    await two.asked_again(_RETRY_SECONDS)
    assert two.found == [None]
    assert [lease.owner for lease in await two.leases()] == ["two"]
    two.may_end.set()
    await second
    assert await two.leases() == []


async def test_waiting_is_logged_once_a_minute(one: Run, two: Run) -> None:
    """A run that waits shows it at each try, and logs it once a minute."""
    async with holding(one):
        waiting = asyncio.create_task(two.work())
        await until(lambda: two.waits == 1)
        for _ in range(24):
            await two.asked_again(_RETRY_SECONDS)
        assert (two.waits, len(two.said)) == (25, 3)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_runs_with_separate_stores_do_not_wait(tmp_path: Path, home: Path) -> None:
    """Two runs of one day whose records are apart, or of two days, go on side by side."""
    clock = StillClock()
    async with (
        run(tmp_path, clock, "one") as one,
        run(tmp_path / "apart", clock, "two") as two,
        run(tmp_path, clock, "three") as three,
    ):
        three.run_of_day.day = Day(DATE - timedelta(days=1), ZoneInfo("UTC"))
        async with holding(one), holding(two), holding(three):
            assert (one.found, two.found, three.found) == ([None], [None], [None])


async def test_a_run_that_crashed_here_is_known_at_once(one: Run, two: Run) -> None:
    """In the home of a crashed run the next one gets its day at once, and the lease it left behind."""
    lease = await crash(one)
    async with holding(two):
        assert (two.found, two.waits) == ([lease], 0)
        assert [found.owner for found in await two.leases()] == ["two"]


async def test_a_run_that_crashed_elsewhere_is_known_by_its_silence(
    tmp_path: Path, one: Run, two: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another home the next run waits until the crashed one was silent for LEASE_LIFE."""
    lease = await crash(one)
    monkeypatch.setenv("DAYBOOK_HOME", str(tmp_path / "another home"))
    async with holding(two):
        await two.asked_again(LEASE_LIFE.total_seconds() - _RETRY_SECONDS)
        assert not two.inside
        await two.asked_again(_RETRY_SECONDS)
        assert two.found == [lease]


async def test_a_killed_process_leaves_its_day_to_the_next(tmp_path: Path, home: Path) -> None:
    """The day of a killed process is free at once."""
    script = f"""
        import asyncio
        from pathlib import Path
        from flows.runtime.lease import acquire_lease
        from tests.helpers.clocks import StillClock
        from tests.helpers.leases import run

        async def main():
            async with run(Path({str(tmp_path)!r}), StillClock(), "killed") as it:
                async with acquire_lease(it.run_of_day, it.owner):
                    print("taken", flush=True)
                    await asyncio.sleep(60)

        asyncio.run(main())
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", dedent(script), cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    clock = StillClock()
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"taken\n"
        async with run(tmp_path, clock, "next") as following, holding(following):
            await following.asked_again(_RETRY_SECONDS)
            assert not following.inside
            process.send_signal(signal.SIGKILL)
            await process.wait()
            await following.asked_again(_RETRY_SECONDS)
            assert [lease.owner for lease in following.found if lease] == ["killed"]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_heartbeat_renews_the_lease(one: Run, clock: StillClock) -> None:
    """While a run lives its lease is renewed in time, with the stage that the run is at."""
    async with holding(one):
        for beat, stage in enumerate(("extract", "send", "send", "confirm"), start=1):
            one.run_of_day.stage = stage
            await until(lambda: clock.asleep > 0)
            clock.advance(RENEWED_EVERY.total_seconds())
            await heard_of(one, beat)
            (lease,) = await one.leases()
            assert (lease.owner, lease.stage, lease.taken_at) == ("one", stage, START)
    assert RENEWED_EVERY * 2 < LEASE_LIFE


async def heard_of(one: Run, beat: int) -> None:
    """Wait until a run's lease was renewed for so many times."""
    async with asyncio.timeout(20):
        while [lease.renewed_at for lease in await one.leases()] != [START + beat * RENEWED_EVERY]:
            pass


async def test_a_lease_that_was_taken_over_is_noticed(one: Run, clock: StillClock) -> None:
    """A run whose day was taken over logs it at its next heartbeat, and leaves the other's lease alone."""
    async with holding(one):
        at = START + LEASE_LIFE
        other = Lease("journals", "default", DATE, "two", "elsewhere", "day", at, at)
        assert await one.store.leases.take(other, only_one_here=False) == one.run_of_day.lease
        clock.advance(RENEWED_EVERY.total_seconds())
        await until(lambda: bool(one.said))
        assert one.said == ["Another run has taken over 2026-11-20."]
    assert await one.leases() == [other]


async def test_a_heartbeat_survives_the_store(one: Run, clock: StillClock) -> None:
    """A run whose store is out of order for a while goes on, renews its lease later, and ends."""
    async with holding(one):
        await rename(one.store, "leases", "away")
        clock.advance(RENEWED_EVERY.total_seconds())
        await until(lambda: bool(one.said))
        assert one.said[0].endswith("This run continues as long as it does not need the store.")
        await rename(one.store, "away", "leases")
        clock.advance(RENEWED_EVERY.total_seconds())
        await heard_of(one, 2)
        await rename(one.store, "leases", "away")
    await rename(one.store, "away", "leases")
    assert [lease.owner for lease in await one.leases()] == ["one"]


async def rename(store: Store, table: str, name: str) -> None:
    """Rename a table, so that the store misses it."""
    async with store.database.begin() as connection:
        await connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


@pytest.mark.parametrize("after", [0.0, 0.002, 0.005, None])
async def test_a_run_that_gives_up_leaves_nothing(one: Run, two: Run, after: float | None) -> None:
    """A run that is cancelled while it takes the day, or waits for it, keeps neither the day nor the lock."""
    if after is None:
        async with holding(one):
            waiting = asyncio.create_task(two.work())
            await until(lambda: two.waits == 1)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
    else:
        taking = asyncio.create_task(two.work())
        await asyncio.sleep(after)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
    assert await one.leases() == []
    lease = await crash(one)
    two.waits, two.found = 0, []
    async with holding(two):
        assert (two.found, two.waits) == ([lease], 0)


async def test_a_run_without_the_lock_says_nothing_of_where_it_is(tmp_path: Path, home: Path) -> None:
    """A run that could not get the lock beside the store does not count as crashed for who gets it later."""
    async with run(tmp_path, StillClock(), "one") as one:
        with _lock(one.run_of_day):
            async with holding(one):
                (lease,) = await one.leases()
    assert lease.place == ""


@pytest.mark.parametrize(("end", "crashed"), [(Completed, False), (Failed, False), (Cancelled, True)])
async def test_a_run_that_prefect_saw_end_by_itself_has_not_crashed(
    prefect: None, end: Callable[[], State[None]], *, crashed: bool
) -> None:
    """A lease that a completed or failed run left behind is not that of a crashed run."""

    @flow(name="a run")
    async def ended() -> State[None]:
        return end()

    @flow(name="the next run")
    async def later(owner: str) -> bool:
        return await has_crashed(Lease("journals", "default", DATE, owner, "", "send", START, START))

    state = await ended(return_state=True)
    assert await later(str(state.state_details.flow_run_id)) is crashed
