"""Leases: one run per connection and day, on SQLite files and on PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from blocks.errors import LeaseLost
from blocks.store.journals import Store
from blocks.store.leases import require
from blocks.store.models import LEASE_LIFE, RENEWED_EVERY, JournalState, Lease, LeaseTaken
from tests.helpers.stores import AT, DAY, Database, record, sent

SECOND = timedelta(seconds=1)


def lease(owner: str = "run-1", **other: object) -> Lease:
    """Return a lease of the day as a run asks for it."""
    wanted = Lease("journals", "default", DAY, owner, f"place of {owner}", "extract", AT, AT)
    return replace(wanted, **other)  # type: ignore[arg-type]


def later(wanted: Lease, by: timedelta) -> Lease:
    """Return a lease that is asked for at a later time."""
    return replace(wanted, taken_at=wanted.taken_at + by, renewed_at=wanted.renewed_at + by)


async def held(store: Store) -> list[Lease]:
    return await store.leases.of("journals", "default")


async def test_a_free_day_is_taken(database: Database) -> None:
    """A day that nobody holds is taken in the place of no other lease, and read back as it was asked for."""
    wanted = lease(taken_at=AT.astimezone(timezone(timedelta(hours=-5))))
    async with database.store() as store:
        assert await store.leases.take(wanted, only_one_here=False) is None
        (found,) = await held(store)
    assert found == wanted
    assert found.taken_at.utcoffset() == found.renewed_at.utcoffset() == timedelta(0)


async def test_each_flow_connection_and_day_is_held_by_itself(database: Database) -> None:
    """Another flow, connection or day is free while this one is held; leases are listed by day."""
    day_before = lease("run-4", day=DAY - timedelta(days=1))
    others = [lease("run-2", flow="payments"), lease("run-3", connection="other"), day_before]
    async with database.store() as store:
        for wanted in (lease(), *others):
            assert await store.leases.take(wanted, only_one_here=True) is None
        assert await held(store) == [day_before, lease()]
        assert await store.leases.of("payments", "default") == others[:1]


async def test_a_held_day_is_refused(database: Database) -> None:
    """A day held by a run that was heard of less than LEASE_LIFE ago raises Held naming that run's lease."""
    wanted = later(lease("run-2"), LEASE_LIFE - SECOND)
    async with database.store() as store:
        await store.leases.take(lease(), only_one_here=True)
        with pytest.raises(LeaseTaken) as raised:
            await store.leases.take(wanted, only_one_here=True)
        assert await held(store) == [lease()]
    assert (str(raised.value), raised.value.lease) == ("run-1", lease())


async def test_a_run_that_was_not_heard_of_is_replaced(database: Database) -> None:
    """LEASE_LIFE after its last renewal a lease is taken over from anywhere, and the old one returned."""
    wanted = later(lease("run-2"), LEASE_LIFE)
    async with database.store() as store:
        await store.leases.take(lease(), only_one_here=False)
        assert await store.leases.take(wanted, only_one_here=False) == lease()
        assert await held(store) == [wanted]


async def test_where_only_one_lives_the_other_is_dead(database: Database) -> None:
    """Whoever is alone in a lease's place takes it over at once; elsewhere, or not alone, nobody does."""
    async with database.store() as store:
        await store.leases.take(lease(place="here"), only_one_here=True)
        for place, alone in (("there", True), ("here", False)):
            with pytest.raises(LeaseTaken):
                await store.leases.take(lease("run-2", place=place), only_one_here=alone)
        dead = await store.leases.take(lease("run-2", place="here"), only_one_here=True)
        assert dead == lease(place="here")
        assert [one.owner for one in await held(store)] == ["run-2"]


async def test_a_run_may_take_its_own_day_again(database: Database) -> None:
    """A run that asks again for the day it holds, from wherever it now lives, gets it."""
    again = later(lease(place="elsewhere"), SECOND)
    async with database.store() as store:
        await store.leases.take(lease(), only_one_here=True)
        assert await store.leases.take(again, only_one_here=False) == lease()
        assert await held(store) == [again]


async def test_renewing_lengthens_a_lease(database: Database) -> None:
    """A renewed lease lives LEASE_LIFE from then on, and tells the stage in which its run is."""
    renewed_at = AT + RENEWED_EVERY
    async with database.store() as store:
        await store.leases.take(lease(), only_one_here=True)
        assert await store.leases.renew(lease(), "send", renewed_at)
        assert await held(store) == [lease(renewed_at=renewed_at, stage="send")]
        with pytest.raises(LeaseTaken):
            await store.leases.take(later(lease("run-2"), LEASE_LIFE), only_one_here=True)


async def test_only_the_owner_renews_and_releases(database: Database) -> None:
    """A run whose day was taken over can neither renew nor release it, and learns so; its owner can."""
    taken = later(lease("run-2"), LEASE_LIFE)
    async with database.store() as store:
        await store.leases.take(lease(), only_one_here=True)
        await store.leases.take(taken, only_one_here=True)
        assert not await store.leases.renew(lease(), "send", AT + 2 * LEASE_LIFE)
        await store.leases.release(lease())
        assert await held(store) == [taken]
        await store.leases.release(taken)
        assert await held(store) == []
        assert not await store.leases.renew(taken, "send", AT + 2 * LEASE_LIFE)


@pytest.mark.parametrize("taken", [True, False])
async def test_without_its_lease_a_run_writes_nothing(database: Database, *, taken: bool) -> None:
    """Sending with a lease that is another's, or gone, raises LeaseLost and leaves no trace."""
    async with database.store() as store:
        await store.leases.take(lease(), only_one_here=True)
        await sent(store, record(1), lease=lease())
        before = await store.journals("org", "default", DAY), await store.request("key-1")
        if taken:
            await store.leases.take(later(lease("run-2"), LEASE_LIFE), only_one_here=True)
        else:
            await store.leases.release(lease())
        with pytest.raises(LeaseLost, match=f"Another run has taken over {DAY}"):
            await sent(store, record(2), lease=lease())
        with pytest.raises(LeaseLost, match="sends nothing further"):
            await sent(store, record(1), at=AT + LEASE_LIFE, lease=lease())
        assert (await store.journals("org", "default", DAY), await store.request("key-1")) == before
        assert await store.request("key-2") is None


async def test_with_its_lease_a_run_writes(database: Database) -> None:
    """Sending with a lease that is still held goes through."""
    async with database.store() as store:
        await store.leases.take(lease(), only_one_here=True)
        await sent(store, record(1), lease=lease())
        (found,) = await store.journals("org", "default", DAY)
    assert found.state is JournalState.SENDING


@pytest.mark.parametrize("expired", [False, True])
async def test_of_several_at_the_same_instant_one_wins(database: Database, *, expired: bool) -> None:
    """Of runs that ask for a free or an expired day at the same instant, exactly one gets it."""
    async with database.store() as first, database.store() as second:
        if expired:
            await first.leases.take(later(lease("dead"), -LEASE_LIFE), only_one_here=False)
        asked = [(store, lease(f"run-{number}")) for number, store in enumerate((first, second) * 3)]
        outcomes = await asyncio.gather(
            *(store.leases.take(wanted, only_one_here=True) for store, wanted in asked),
            return_exceptions=True,
        )
        (holder,) = await held(first)
    won = [outcome for outcome in outcomes if not isinstance(outcome, LeaseTaken)]
    assert [one.owner for one in won if isinstance(one, Lease)] == (["dead"] if expired else [])
    assert len(won) == 1
    assert {one.lease.owner for one in outcomes if isinstance(one, LeaseTaken)} == {holder.owner}


async def test_a_day_is_not_taken_over_in_the_middle_of_a_write(database: Database) -> None:
    """Between the look at a lease and the end of the transaction that rests on it, nobody takes it over."""
    async with database.store() as first, database.store() as second:
        await first.leases.take(lease(), only_one_here=True)
        async with first.database.begin() as connection:
            await connection.run_sync(require, lease())
            taker = asyncio.create_task(
                second.leases.take(later(lease("run-2"), LEASE_LIFE), only_one_here=True)
            )
            done, _ = await asyncio.wait({taker}, timeout=0.3)
            assert not done
        assert await asyncio.wait_for(taker, 10) == lease()


def test_a_lease_outlives_renewals_that_are_missed() -> None:
    """A run that misses two renewals, and is late with the next by less than one, is not taken for dead."""
    assert LEASE_LIFE >= 3 * RENEWED_EVERY
    assert timedelta(seconds=30) <= RENEWED_EVERY <= timedelta(seconds=120)
