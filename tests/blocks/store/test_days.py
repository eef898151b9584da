"""The record of finished days and of runs by day, on SQLite files and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from blocks.store.models import DayRecord
from tests.helpers.stores import AT, DAY, Database

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


async def test_the_first_day_is_the_first_scheduled_one(database: Database) -> None:
    """The first day by the record is the earliest with a scheduled run; a date that was asked for is none.

    A day that was asked for counts once it has had a scheduled run as well, whichever came first.
    """
    runs = [(0, False), (3, True), (2, False), (2, True), (1, False), (3, False)]
    found = []
    async with database.store() as store:
        assert await store.runs.first_day("default") is None
        await store.runs.started("other", "other", DAY, AT, scheduled=True)
        for run_id, (number, scheduled) in zip("abcdef", runs, strict=True):
            await store.runs.started(run_id, "default", DAY + number * ONE_DAY, AT, scheduled=scheduled)
            found.append(await store.runs.first_day("default"))
        third, fourth = DAY + 2 * ONE_DAY, DAY + 3 * ONE_DAY
        assert found == [None, fourth, fourth, third, third, third]
        days = {DAY: False, DAY + ONE_DAY: False, third: True, fourth: True}
        assert await store.runs.days("default") == days


@pytest.mark.parametrize(
    ("began", "scheduled"),
    [
        (AT, True),
        # The night's own run at 00:30 in the zones that are furthest ahead, and furthest behind.
        (datetime(2026, 11, 20, 10, 30, tzinfo=UTC), True),
        (datetime(2026, 11, 21, 12, 30, tzinfo=UTC), True),
        (AT + ONE_DAY, False),
        (AT + 30 * ONE_DAY, False),
    ],
)
async def test_a_run_of_before_it_was_known(database: Database, began: datetime, *, scheduled: bool) -> None:
    """A run of an older Daybook was scheduled if it began on the date after its day, else asked for."""
    async with database.store() as store:
        await store.runs.started("a", "default", DAY, began, scheduled=False)
        runs = "runs" if database.schema is None else f"{database.schema}.runs"
        async with store.database.begin() as connection:
            await connection.exec_driver_sql(f"UPDATE {runs} SET scheduled = NULL")  # noqa: S608
        assert await store.runs.first_day("default") == (DAY if scheduled else None)
        await store.runs.started("b", "default", DAY + 5 * ONE_DAY, AT + 5 * ONE_DAY, scheduled=True)
        assert await store.runs.first_day("default") == (DAY if scheduled else DAY + 5 * ONE_DAY)
