"""Which changes a run covers."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import UsageError
from flows.payments.windows import Window, window
from tests.flows.payments.builders import AT, examples

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
