"""The record of finished days and of runs by day, on SQLite files and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

from blocks.day_records import DayRecord
from tests.blocks.stores import AT, DAY, Database

ONE_DAY = timedelta(days=1)
EASTERN = timezone(timedelta(hours=-5))


def day(number: int = 0, **other: object) -> DayRecord:
    """Return the record of a finished day, so many days after the first."""
    made = DayRecord("default", DAY + number * ONE_DAY, "Europe/London", 120 + number, AT)
    return replace(made, **other)  # type: ignore[arg-type]


async def test_finished_days_are_known_from_a_day_on(database: Database) -> None:
    """The finished days of a connection from a day on are read back as they were recorded, by day."""
    async with database.store() as store:
        for one in (day(0), day(1), day(3), day(2, connection="other")):
            await store.days.finished(one)
        assert await store.days.since("default", DAY + ONE_DAY) == {
            DAY + ONE_DAY: day(1),
            DAY + 3 * ONE_DAY: day(3),
        }
        assert await store.days.since("nobody", DAY) == {}


async def test_a_day_finished_again_is_one_record(database: Database) -> None:
    """A day that is finished again has the later count and time, which is an aware instant."""
    async with database.store() as store:
        await store.days.finished(day())
        again = day(stated_lines=125, finished_at=(AT + ONE_DAY).astimezone(EASTERN))
        await store.days.finished(again)
        (found,) = (await store.days.since("default", DAY)).values()
    assert found == again
    assert found.finished_at.utcoffset() == timedelta(0)


async def test_a_reopened_day_is_not_finished(database: Database) -> None:
    """A reopened day counts as unfinished, whether or not it was finished; other days are not touched."""
    kept = [day(1), day(0, connection="other")]
    async with database.store() as store:
        for one in (day(0), *kept):
            await store.days.finished(one)
        await store.days.reopened("default", DAY)
        await store.days.reopened("default", DAY + 7 * ONE_DAY)
        found = [await store.days.since(name, DAY) for name in ("default", "other")]
    assert [one for days in found for one in days.values()] == kept


async def test_the_last_zone_is_that_of_the_latest_day(database: Database) -> None:
    """The last zone is that of the latest day, whenever days were finished; without a day there is none."""
    async with database.store() as store:
        assert await store.days.last_zone("default") is None
        await store.days.finished(day(2, zone="Asia/Kathmandu"))
        await store.days.finished(day(1, finished_at=AT + ONE_DAY))
        await store.days.finished(day(3, zone="Asia/Tokyo", connection="other"))
        assert await store.days.last_zone("default") == "Asia/Kathmandu"


async def test_the_history_of_runs(database: Database) -> None:
    """History tells when a connection's first run began and how many there were of a day; first_day which."""
    runs = [("r-1", "default", 2, 3), ("r-2", "default", 1, 2), ("r-3", "default", 2, 4), ("r-4", "b", 0, 1)]
    async with database.store() as store:
        assert await store.history("default", DAY) == (None, 0)
        assert await store.first_day("default") is None
        for run_id, connection, of_day, began in runs:
            at = (AT + began * ONE_DAY).astimezone(EASTERN)
            await store.run_started(run_id, connection, DAY + of_day * ONE_DAY, at)
        began_at, count = await store.history("default", DAY + 2 * ONE_DAY)
        assert (began_at, count) == (AT + 2 * ONE_DAY, 2)
        assert began_at is not None
        assert began_at.utcoffset() == timedelta(0)
        assert await store.history("default", DAY) == (AT + 2 * ONE_DAY, 0)
        assert await store.first_day("default") == DAY + ONE_DAY
