"""Which day a run covers, and when that day begins and ends."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import Refusal, UsageError
from flows.days import Day, agreed_currency, agreed_zone, day_to_run, zone_named

LONDON = ZoneInfo("Europe/London")


def instant(text: str) -> dt.datetime:
    """Return an instant."""
    return dt.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "date", "start", "hours"),
    [
        ("Europe/London", "2026-03-29", "2026-03-29T00:00+00:00", 23),
        ("Europe/London", "2026-10-25", "2026-10-24T23:00+00:00", 25),
        ("Europe/London", "2026-11-20", "2026-11-20T00:00+00:00", 24),
        ("Pacific/Auckland", "2026-12-01", "2026-11-30T11:00+00:00", 24),
        ("Pacific/Marquesas", "2026-12-01", "2026-12-01T09:30+00:00", 24),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00+00:00", 23),  # its clocks skip midnight
        ("America/Havana", "2026-11-01", "2026-11-01T04:00+00:00", 25),  # its clocks show midnight twice
    ],
)
def test_a_day_has_the_hours_of_its_zone(zone: str, date: str, start: str, hours: int) -> None:
    """A day begins at local midnight and lasts 23 or 25 hours where the clocks change."""
    day = Day(dt.date.fromisoformat(date), ZoneInfo(zone))
    assert day.start == instant(start)
    assert day.end - day.start == dt.timedelta(hours=hours)


@given(
    date=st.dates(dt.date(2020, 1, 1), dt.date(2035, 12, 31)),
    zone=st.sampled_from(["Europe/London", "Pacific/Auckland", "Pacific/Marquesas", "America/Havana", "UTC"]),
)
def test_days_join_without_gap_or_overlap(date: dt.date, zone: str) -> None:
    """In any zone a day ends at the very instant at which the next one starts."""
    assert Day(date, ZoneInfo(zone)).end == Day(date + dt.timedelta(days=1), ZoneInfo(zone)).start


@pytest.mark.parametrize(
    ("zone", "scheduled", "late", "expected"),
    [
        ("Europe/London", "2026-11-21T01:00+00:00", 0, "2026-11-20"),
        ("Europe/London", "2026-11-21T01:00+00:00", 4, "2026-11-20"),
        ("Europe/London", "2026-07-01T23:30+00:00", 0, "2026-07-01"),
        ("Pacific/Auckland", "2026-11-20T12:00+00:00", 0, "2026-11-20"),
        ("Pacific/Marquesas", "2026-11-21T09:00+00:00", 0, "2026-11-19"),
    ],
)
def test_the_day_before_the_scheduled_start_where_mambu_is(
    zone: str, scheduled: str, late: int, expected: str
) -> None:
    """Without a date a run, days late or not, covers the day before its schedule, counted in Mambu's zone."""
    at = instant(scheduled)
    assert str(day_to_run(None, at, ZoneInfo(zone), now=at + dt.timedelta(days=late)).date) == expected


def test_a_date_asked_for_wins() -> None:
    """A date that is asked for is the one that is run."""
    now = instant("2026-11-21T01:00+00:00")
    assert day_to_run(dt.date(2026, 11, 3), now, LONDON, now).date == dt.date(2026, 11, 3)


@pytest.mark.parametrize(
    ("now", "over"), [("2026-10-25T23:59:59+00:00", False), ("2026-10-26T00:00:00+00:00", True)]
)
def test_a_day_is_run_only_when_it_is_over(now: str, over: bool) -> None:
    """A day is refused up to its last second, also on the day of 25 hours, and not from its end on."""
    asked = dt.date(2026, 10, 25)
    if over:
        assert day_to_run(asked, instant(now), LONDON, instant(now)).date == asked
    else:
        with pytest.raises(Refusal, match="Run it after 2026-10-26 00:00"):
            day_to_run(asked, instant(now), LONDON, instant(now))


@pytest.mark.parametrize("asked", [dt.date.min, dt.date.max])
@pytest.mark.parametrize("zone", ["Europe/London", "Pacific/Kiritimati", "Pacific/Marquesas"])
def test_the_first_and_last_of_all_dates_are_no_days_to_run(asked: dt.date, zone: str) -> None:
    """A date whose day could not be counted to its end is refused by name, in any zone."""
    now = instant("2026-11-21T01:00:00+00:00")
    with pytest.raises(UsageError, match=f"date {asked}"):
        day_to_run(asked, now, ZoneInfo(zone), now)


@pytest.mark.parametrize("name", ["Europe", "", "../etc", "Mars/Olympus", "x\0y", "x" * 300])
def test_what_is_no_zone_is_named(name: str) -> None:
    """Whatever is not a zone's name is an error of usage that repeats it, a folder of zones included."""
    with pytest.raises(UsageError, match="is not a time zone"):
        zone_named(name)


@pytest.mark.parametrize(
    ("stated", "configured"), [("Europe/London", None), (None, "Europe/London"), ("Europe/London",) * 2]
)
def test_one_source_is_enough(stated: str | None, configured: str | None) -> None:
    """The zone is what Mambu states, or what is configured where Mambu states nothing."""
    assert agreed_zone(stated, configured) == LONDON


@pytest.mark.parametrize(("stated", "configured"), [("EUR", "GBP"), (None, None), ("", "")])
def test_disagreement_and_silence_are_errors(stated: str | None, configured: str | None) -> None:
    """A currency that is stated otherwise than configured, or nowhere at all, is refused."""
    with pytest.raises(UsageError, match="currency"):
        agreed_currency(stated, configured)
