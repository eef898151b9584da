"""How a day is cut into windows that are read side by side."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from flows.days import Day

# Mambu does not say whether the bounds of a search belong to it, so each window asks for a little
# more on both sides. Two seconds cover an instant counted in or out; more would fetch the next
# day's midnight postings, often the largest of all, for longer than needed.
OVERLAP = dt.timedelta(seconds=2)
LINES_PER_WINDOW = 10_000
MOST_WINDOWS = 48


class Window(NamedTuple):
    """The bounds of one search, both exclusive as far as Mambu tells."""

    after: dt.datetime
    before: dt.datetime

    def __str__(self) -> str:
        """Return the bounds as times of the day in UTC."""
        return f"{self.after:%H:%M:%S}-{self.before:%H:%M:%S} UTC"


def whole(day: Day) -> Window:
    """Return the window around a whole day."""
    return Window(day.start - OVERLAP, day.end + OVERLAP)


def windows(day: Day, stated_lines: int) -> list[Window]:
    """Cut a day into windows of equal length, as many as its number of lines is worth.

    Together they ask for exactly what `whole` asks for. The same count gives the same windows.
    """
    count = min(max(-(-stated_lines // LINES_PER_WINDOW), 1), MOST_WINDOWS)
    around = whole(day)
    seconds = int((day.end - day.start).total_seconds())
    cuts = [day.start + dt.timedelta(seconds=seconds * index // count) for index in range(1, count)]
    starts = [around.after, *(cut - OVERLAP for cut in cuts)]
    ends = [*(cut + OVERLAP for cut in cuts), around.before]
    return [Window(*bounds) for bounds in zip(starts, ends, strict=True)]
