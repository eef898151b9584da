"""Which day a run covers, and the instants between which that day lies. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from blocks.dates import require_askable
from blocks.errors import Refusal, UsageError


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day in the zone of the Mambu organisation; 23 or 25 hours long where the clocks change."""

    date: dt.date
    zone: ZoneInfo

    @property
    def start(self) -> dt.datetime:
        """Return the day's first instant, in UTC."""
        return _midnight(self.date, self.zone)

    @property
    def end(self) -> dt.datetime:
        """Return the first instant that no longer belongs to the day, in UTC."""
        return _midnight(self.date + dt.timedelta(days=1), self.zone)


def _midnight(date: dt.date, zone: ZoneInfo) -> dt.datetime:
    # Where the clocks skip midnight, fold=0 gives the instant at which they skip it.
    return dt.datetime.combine(date, dt.time.min, tzinfo=zone).astimezone(dt.UTC)


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone. Raises UsageError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{name!r} is not a time zone this machine knows. Set the connection's time zone to an IANA name "
            "such as Europe/London."
        ) from None


def agreed_zone(stated: str | None, configured: str | None) -> ZoneInfo:
    """Return the organisation's zone: what Mambu states, or the setting where Mambu may not be asked.

    Raises UsageError where neither is there or they disagree.
    """
    return zone_named(_agreed("time zone", stated, configured))


def agreed_currency(stated: str | None, configured: str | None) -> str:
    """Return the organisation's currency by the same rule. Raises UsageError."""
    return _agreed("currency", stated, configured)


def _agreed(what: str, stated: str | None, configured: str | None) -> str:
    if stated and configured and stated != configured:
        raise UsageError(
            f"Mambu's {what} is {stated}, and the connection says {configured}. Correct the connection, or "
            "leave its setting out."
        )
    found = stated or configured
    if not found:
        raise UsageError(
            f"The Mambu user may not read the organisation's settings, so the {what} must be in the "
            "connection: save it there."
        )
    return found


class DayNotOver(Refusal):
    """A run was asked for a day that is not over; nothing has gone wrong."""


def day_to_run(date: dt.date | None, scheduled: dt.datetime, zone: ZoneInfo, now: dt.datetime) -> Day:
    """Return the day a run covers: the date asked for, or the day before the scheduled start.

    A late run thus still covers its own day. Raises UsageError and DayNotOver.
    """
    require_askable("date", date)
    day = Day(date or scheduled.astimezone(zone).date() - dt.timedelta(days=1), zone)
    if now < day.end:
        local = day.end.astimezone(zone)
        raise DayNotOver(
            f"{day.date} is not over yet in {zone.key}. Run it after {local:%Y-%m-%d %H:%M}, or choose an "
            "earlier date."
        )
    return day


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
