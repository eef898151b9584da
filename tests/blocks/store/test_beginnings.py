"""What people have said of a store's beginning, on SQLite files and on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

from blocks.store.models import Beginning
from tests.helpers.stores import AT, Database


async def test_nothing_is_said_of_a_new_store(database: Database) -> None:
    """Of a connection that nobody spoke of, nothing is confirmed and nothing doubted."""
    async with database.store() as store:
        assert await store.beginnings.of("default") == Beginning("default")


async def test_a_doubt_lasts_until_a_person_confirms(database: Database) -> None:
    """The first doubt is kept, beside the confirmation before it, until a new one ends it."""
    async with database.store() as store:
        await store.beginnings.confirm("default", "Ann", AT)
        await store.beginnings.doubt("default", "LN has payment:1")
        await store.beginnings.doubt("default", "LN has payment:2")
        await store.beginnings.doubt("other", "LN has payment:3")
        assert await store.beginnings.of("default") == Beginning("default", "Ann", AT, "LN has payment:1")
        later = AT + timedelta(days=1)
        await store.beginnings.confirm("default", "Ben", later)
        assert await store.beginnings.of("default") == Beginning("default", "Ben", later)
        assert (await store.beginnings.of("other")).doubt == "LN has payment:3"


async def test_runs_are_counted_beyond_all_that_are_known_of(database: Database) -> None:
    """Each run that begins counts one more than the store or its beginner knew; a confirmation keeps it."""
    async with database.store() as store:
        assert [await store.beginnings.count_run("default", known) for known in (0, 0, 7)] == [1, 2, 8]
        await store.beginnings.confirm("default", "Ann", AT)
        assert (await store.beginnings.of("default")).runs == 8
        assert (await store.beginnings.of("other")).runs == 0
