"""`POST /gljournalentries:search`: what it finds, and what it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.helpers.mambu_stand_in import NOW, YESTERDAY, error, sandbox, whole_day
from tests.helpers.stand_ins import exact


def one(field: str, operator: str, *values: str) -> list[dict[str, Any]]:
    """Return one criterion."""
    return [
        {"field": field, "operator": operator} | dict(zip(("value", "secondValue"), values, strict=False))
    ]


async def test_a_day_is_found_whole_and_once() -> None:
    """A search for a local day yields every seeded line of it exactly once, ids ascending by cursor."""
    async with sandbox() as mambu:
        lines = await mambu.by_cursor(whole_day(), limit=50)
    assert len({line["encodedKey"] for line in lines}) == len(lines) == 120
    assert [line["entryID"] for line in lines] == sorted(line["entryID"] for line in lines)
    assert {line["creationDate"][:10] for line in lines} == {"2026-07-01"}


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Pacific/Marquesas", "Pacific/Apia", "UTC"])
async def test_zones_far_from_utc(zone: str) -> None:
    """In any zone the local day is found whole, its first and its last second included."""
    async with sandbox(time_zone=zone, now=NOW + timedelta(days=1)) as mambu:
        lines = await mambu.by_cursor(whole_day(zone=zone))
    assert len(lines) == 120
    times = {line["creationDate"][11:19] for line in lines}
    assert {"00:00:00", "23:59:59"} <= times


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
async def test_days_of_23_and_25_hours(day: date, hours: int) -> None:
    """Days on which the clocks change are found whole, too."""
    async with sandbox(now=datetime(2026, 12, 1, tzinfo=UTC)) as mambu:
        lines = await mambu.by_cursor(whole_day(day))
        instants = [datetime.fromisoformat(line["creationDate"]) for line in lines]
        assert len(lines) == 120
        assert max(instants) - min(instants) == timedelta(hours=hours, seconds=-1)


async def test_bounds_exclude_their_operand() -> None:
    """AFTER and BEFORE exclude the very second, BEFORE_INCLUSIVE includes it."""
    midnight = "2026-06-30T23:00:00Z"
    async with sandbox() as mambu:
        counts = {}
        for operator in ("AFTER", "BEFORE", "BEFORE_INCLUSIVE", "ON"):
            criteria = [*whole_day(), *one("creationDate", operator, midnight)]
            counts[operator] = len(await mambu.by_cursor(criteria))
    assert counts["ON"] > 0
    assert counts == {
        "AFTER": 120 - counts["ON"],
        "BEFORE": 0,
        "BEFORE_INCLUSIVE": counts["ON"],
        "ON": counts["ON"],
    }


@pytest.mark.parametrize(("shift", "lost"), [(0, False), (1, True), (-1, False)])
async def test_shifted_bounds(shift: int, lost: bool) -> None:
    """The switch moves the bounds of AFTER and BEFORE by a second, so that a tight search loses lines."""
    async with sandbox(bound_shift_seconds=shift) as mambu:
        assert (len(await mambu.by_cursor(whole_day())) < 120) is lost


async def test_date_alone_is_read_in_the_tenants_zone() -> None:
    """ON, BETWEEN and BEFORE take plain dates of the tenant's calendar."""
    async with sandbox(time_zone="Pacific/Auckland", now=NOW + timedelta(days=1)) as mambu:
        on = await mambu.by_cursor(one("creationDate", "ON", "2026-07-01"))
        two = await mambu.by_cursor(one("creationDate", "BETWEEN", "2026-06-30", "2026-07-01"))
        after = await mambu.by_cursor(
            [*one("creationDate", "AFTER", "2026-06-30"), *one("creationDate", "BEFORE", "2026-07-02")]
        )
    assert on == after
    assert (len(on), len(two)) == (120, 240)


async def test_relative_operators_follow_the_clock() -> None:
    """TODAY, THIS_WEEK, THIS_MONTH, THIS_YEAR and LAST_DAYS follow the tenant's calendar and end now."""
    async with sandbox() as mambu:  # Thursday, 2 July, 09:00 in London
        today = await mambu.by_cursor(one("creationDate", "TODAY"))
        week = await mambu.by_cursor(one("creationDate", "THIS_WEEK"))
        month = await mambu.by_cursor(one("creationDate", "THIS_MONTH"))
        year = await mambu.by_cursor(one("creationDate", "THIS_YEAR"), limit=1000)
        last = await mambu.by_cursor(one("creationDate", "LAST_DAYS", "3"))
    assert 0 < len(today) < 120
    assert len(week) == len(today) + 3 * 120
    assert len(month) == len(today) + 120
    assert len(year) == len(today) + 182 * 120
    assert last == week
    assert max(datetime.fromisoformat(line["creationDate"]) for line in today) <= NOW


async def test_lines_appear_as_time_passes() -> None:
    """A seeded line is not there before its creation time, and there from it on."""
    async with sandbox() as mambu:
        before = await mambu.by_cursor(one("creationDate", "TODAY"))
        mambu.clock.advance(4 * 3600)
        later = await mambu.by_cursor(one("creationDate", "TODAY"))
        mambu.clock.advance(-4 * 3600)
        again = await mambu.by_cursor(one("creationDate", "TODAY"))
    assert len(before) < len(later) < 120
    assert again == before


async def test_backdated_lines_are_found_by_creation_only() -> None:
    """A line created on a day but booked 40 days before is found on that day, and not by its booking."""
    line = {
        "encodedKey": "a" * 32,
        "creationDate": "2026-07-01T12:00:00+01:00",
        "bookingDate": "2026-05-22T00:00:00+01:00",
    }
    async with sandbox() as mambu:
        await mambu.control("add_lines", {"date": "2026-07-01", "lines": [line]})
        assert line in await mambu.by_cursor(whole_day())
        booked = [*whole_day(), *one("bookingDate", "ON", "2026-07-01")]
        assert line not in await mambu.by_cursor(booked)
        assert await mambu.by_cursor(one("bookingDate", "ON", "2026-05-22")) != []


OTHERS = ("loanAccountId", "userName", "branchName", "foreignCurrency", "foreignDebit", "foreignCredit")


@pytest.mark.parametrize("field", [*OTHERS, "glAccountType", "glAccountId", "credit"])
async def test_every_other_sort_field_is_accepted(field: str) -> None:
    """Each documented sort field sorts, and loses nothing."""
    async with sandbox() as mambu:
        answer = await mambu.search(whole_day(), {"field": field, "order": "ASC"}, limit=1000)
    assert len({line["encodedKey"] for line in exact(answer)}) == 120


async def test_newest_first_without_sorting() -> None:
    """Without sorting the newest lines come first."""
    async with sandbox() as mambu:
        lines = exact(await mambu.search(whole_day(), limit=1000))
    created = [line["creationDate"] for line in lines]
    assert created == sorted(created, reverse=True)


async def test_unstable_order() -> None:
    """In unstable order lines that sort alike change places between requests, but the cursor loses none."""
    async with sandbox(unstable_order=True) as mambu:
        pages = [(await mambu.search(whole_day(), limit=1000)).json() for _ in range(2)]
        assert pages[0] != pages[1]
        assert sorted(x["entryID"] for x in pages[0]) == sorted(x["entryID"] for x in pages[1])
        sort = {"field": "creationDate", "order": "ASC"}
        ties = [(await mambu.search(whole_day(), sort, limit=1000)).json() for _ in range(2)]
        assert ties[0] != ties[1]
        assert [x["creationDate"] for x in ties[0]] == [x["creationDate"] for x in ties[1]]
        assert len(await mambu.by_cursor(whole_day(), limit=7)) == 120


async def test_branch_limited_user_sees_one_branch() -> None:
    """A user limited to a branch sees its lines only."""
    async with sandbox() as everything, sandbox(role="branch_limited") as limited:
        lines = await everything.by_cursor(whole_day())
        mine = await limited.by_cursor(whole_day())
        (branch,) = exact(await limited.http.get("/api/branches"))
    assert mine == [line for line in lines if line["assignedBranchKey"] == branch["encodedKey"]]
    assert 0 < len(mine) < 120


async def test_archived_days_are_empty() -> None:
    """In archive mode old days answer with an empty array."""
    async with sandbox(archive_before="2026-07-01") as mambu:
        assert (await mambu.search(whole_day(date(2026, 6, 30)))).text == "[]"
        assert len(await mambu.by_cursor(whole_day())) == 120


async def test_list_by_booking_date() -> None:
    """GET /gljournalentries needs from and to and goes by booking date, so that it misses backdated lines."""
    async with sandbox() as mambu:
        for query, reason in (
            ("to=2026-07-01", "MISSING_FROM_DATE"),
            ("from=2026-07-01", "MISSING_TO_DATE"),
            ("from=1&to=2", "INVALID_DATE_FORMAT"),
            ("from=2026-07-02&to=2026-07-01", "START_DATE_AFTER_END_DATE"),
        ):
            assert error(await mambu.http.get(f"/api/gljournalentries?{query}"))["errorReason"] == reason
        found = exact(await mambu.http.get("/api/gljournalentries?from=2026-07-01&to=2026-07-01&limit=1000"))
        some = exact(
            await mambu.http.get(
                "/api/gljournalentries?from=2026-07-01&to=2026-07-01&limit=1000&glAccountId=2000&branchId=LDN"
            )
        )
        created = await mambu.by_cursor(whole_day())
    assert {line["bookingDate"][:10] for line in found} == {YESTERDAY.isoformat()}
    assert any(line["bookingDate"][:10] != "2026-07-01" for line in created)
    assert any(line["creationDate"][:10] == "2026-07-02" for line in found)
    assert 0 < len(some) < len(found)
    assert {line["glAccount"]["glCode"] for line in some} == {"2000"}


async def test_search_over_many_days() -> None:
    """A span of days is found whole, in whatever zone offsets its ends have."""
    zone = ZoneInfo("Europe/London")
    criteria = [
        *one("creationDate", "AFTER", (datetime(2026, 3, 1, tzinfo=zone) - timedelta(seconds=1)).isoformat()),
        *one("creationDate", "BEFORE", datetime(2026, 4, 1, tzinfo=zone).isoformat()),
    ]
    async with sandbox(lines_per_day=40) as mambu:
        assert len(await mambu.by_cursor(criteria)) == 31 * 40
