"""The windows of a day."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.days import LINES_PER_WINDOW, MOST_WINDOWS, OVERLAP, Day, whole, windows

days = st.builds(
    Day,
    st.sampled_from([dt.date(2026, 3, 29), dt.date(2026, 10, 25), dt.date(2026, 11, 20)]),
    st.sampled_from(["Europe/London", "Pacific/Auckland", "Pacific/Marquesas"]).map(ZoneInfo),
)


@given(day=days, lines=st.integers(0, 2_000_000))
def test_windows_cover_the_day_and_no_more(day: Day, lines: int) -> None:
    """Together the windows ask for exactly what the whole day's window asks for."""
    parts = windows(day, lines)
    assert (parts[0].after, parts[-1].before) == whole(day) == (day.start - OVERLAP, day.end + OVERLAP)


@given(day=days, lines=st.integers(0, 2_000_000))
def test_neighbours_overlap(day: Day, lines: int) -> None:
    """Each window begins before the one before it ends, by the overlap on either side of the cut."""
    parts = windows(day, lines)
    assert all(later.after == earlier.before - 2 * OVERLAP for earlier, later in pairwise(parts))


@given(day=days, lines=st.integers(0, 2_000_000))
def test_no_instant_of_the_day_is_on_a_bound_alone(day: Day, lines: int) -> None:
    """Every instant of the day lies a second or more inside some window, whether its bounds belong or not."""
    parts, inside = windows(day, lines), dt.timedelta(seconds=1)
    edges = [day.start, day.end, *(part.after for part in parts[1:]), *(part.before for part in parts[:-1])]
    for at in edges:
        assert any(part.after + inside <= at <= part.before - inside for part in parts)


@given(day=days, lines=st.integers(0, 2_000_000))
def test_windows_are_of_equal_length(day: Day, lines: int) -> None:
    """No window is longer than another by more than the second to which cuts are rounded."""
    lengths = [part.before - part.after for part in windows(day, lines)]
    assert max(lengths) - min(lengths) <= dt.timedelta(seconds=1)


@given(day=days, lines=st.integers(0, 2_000_000))
def test_bounds_are_whole_seconds(day: Day, lines: int) -> None:
    """Bounds are whole seconds, for a search knows no finer ones."""
    assert all(bound.microsecond == 0 for part in windows(day, lines) for bound in part)


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (0, 1),
        (LINES_PER_WINDOW, 1),
        (LINES_PER_WINDOW + 1, 2),
        (LINES_PER_WINDOW * MOST_WINDOWS * 2, MOST_WINDOWS),
    ],
)
def test_as_many_as_the_lines_are_worth(lines: int, count: int) -> None:
    """The number of windows follows the number of lines, between one and the most that are useful."""
    assert len(windows(Day(dt.date(2026, 11, 20), ZoneInfo("UTC")), lines)) == count
