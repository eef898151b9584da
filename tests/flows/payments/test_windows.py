"""Which changes a run covers."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blocks.errors import UsageError
from flows.payments.start import goes_on
from flows.payments.windows import LIST_LAG, Window, overlap, window
from tests.helpers.payments import AT, examples

HOUR = dt.timedelta(hours=1)
OVERLAP = dt.timedelta(minutes=10)


def made(**other: object) -> Window:
    given_ = {"collected_until": None, "start": None, "until_yesterday": False, "overlap": OVERLAP, **other}
    return window(AT, **given_)  # type: ignore[arg-type]


def test_a_run_goes_on_where_the_last_one_ended() -> None:
    """The window begins at the end of the last one, and asks for a little more."""
    found = made(collected_until=AT - HOUR, start=AT - 9 * HOUR)
    assert found == (AT - HOUR, AT, AT - HOUR - OVERLAP)


def test_a_connection_begins_at_its_start() -> None:
    """The first window begins at the connection's start, and nothing before is asked for."""
    assert made(start=AT - HOUR) == (AT - HOUR, AT, AT - HOUR)
    assert made(start=AT - HOUR, collected_until=AT - HOUR + OVERLAP / 2).asked_from == AT - HOUR


def test_without_a_place_to_begin_a_run_asks() -> None:
    """Without a start, a window before or --since, nothing is guessed."""
    with pytest.raises(UsageError, match="--since"):
        made()


def test_a_window_that_a_person_asks_for() -> None:
    """What is asked for wins over the record, also where it lies before the connection's start."""
    found = made(since=AT - 9 * HOUR, until=AT - 8 * HOUR, start=AT - HOUR, collected_until=AT - HOUR)
    assert found == (AT - 9 * HOUR, AT - 8 * HOUR, AT - 9 * HOUR - OVERLAP)


def test_until_yesterday_leaves_today_for_tomorrow() -> None:
    """A connection that processes until yesterday ends its window at midnight UTC."""
    found = made(start=AT - 48 * HOUR, until_yesterday=True)
    assert found.until == AT.replace(hour=0)
    assert found.covers(AT.replace(hour=0) - OVERLAP)
    assert not found.covers(AT.replace(hour=0))
    assert found.covers(None)


@pytest.mark.parametrize("wrong", [{"until": AT + HOUR}, {"until": AT - 2 * HOUR}])
def test_windows_that_cannot_be(wrong: dict[str, dt.datetime]) -> None:
    """A window that ends in the future, or before it begins, is refused."""
    with pytest.raises(UsageError):
        made(since=AT - HOUR, **wrong)


@given(st.integers(0, 5000), st.integers(0, 5000), st.booleans(), st.integers(0, 120))
@examples
def test_windows_leave_no_gap(start: int, collected: int, yesterday: bool, overlap: int) -> None:
    """A window begins where the last one ended or at a later start; nothing before the start is asked for."""
    minutes = dt.timedelta(minutes=1)
    found = window(
        AT,
        collected_until=AT - collected * minutes,
        start=AT - start * minutes,
        until_yesterday=yesterday,
        overlap=overlap * minutes,
    )
    assert found.asked_from <= found.since <= found.until <= AT
    assert found.since == min(AT - min(start, collected) * minutes, found.until)
    assert found.asked_from >= min(AT - start * minutes, found.until)


def test_the_overlap_is_what_the_connection_says_and_no_less_than_lists_lag() -> None:
    """After a window by Xero's clock as much is read again as is set, and never less than lists lag."""
    after = {"now": AT, "collected_until": AT - HOUR, "by_xero": True}
    assert overlap(10, **after) == OVERLAP  # type: ignore[arg-type]
    assert overlap(0, **after) == LIST_LAG  # type: ignore[arg-type]


@pytest.mark.parametrize(("collected", "by_xero"), [(AT - HOUR, False), (AT + HOUR / 60, True)])
def test_a_window_that_did_not_end_by_xeros_clock_is_gone_back_behind(
    collected: dt.datetime, by_xero: bool
) -> None:
    """After a window that ended by our clock, or lies in Xero's future, a whole day is read again."""
    day = dt.timedelta(days=1)
    assert overlap(10, now=AT, collected_until=collected, by_xero=by_xero) == day
    assert overlap(3 * 24 * 60, now=AT, collected_until=collected, by_xero=by_xero) == 3 * day


@given(
    st.none() | st.integers(-60, 5000),
    st.none() | st.integers(-60, 5000),
    st.integers(1, 5000),
    st.integers(0, 120),
    st.booleans(),
)
@example(5000, 23 * 60 + 55, 0, 10, False)
@examples
def test_a_window_asked_for_stands_for_the_usual_one_where_it_reads_as_far_back(
    start: int | None, collected: int | None, since: int, minutes: int, by_xero: bool
) -> None:
    """A window that is asked for moves on exactly where it reads all that the usual one would."""
    begins, ended = (None if ago is None else AT - dt.timedelta(minutes=ago) for ago in (start, collected))
    back = overlap(minutes, now=AT, collected_until=ended, by_xero=by_xero)
    places = {"collected_until": ended, "start": begins, "overlap": back}
    asked = made(**places, since=AT - dt.timedelta(minutes=since))
    goes = goes_on(asked, ended, begins)
    if ended is None and begins is None:
        assert goes
    else:
        assert goes == (asked.asked_from <= made(**places).asked_from)
        assert goes_on(made(**places), ended, begins)
