"""Which of Xero's changes a run covers. Pure.

A run goes on where the last complete collection ended, a little earlier in fact: whether Xero counts the
bound in, and whether each change moves its time at once, is not known. What was sent before is known by
its audit row, so reading it again costs nothing but the reading.

All bounds are in Xero's time: what changes there is stamped by its clock, whatever ours shows.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from blocks.errors import UsageError

# Lists can show Xero as it was this long ago, so that a change is there before it is listed.
LIST_LAG = dt.timedelta(minutes=5)
# How far back a run goes where the last window's end is not known to be Xero's time.
_TO_BE_SURE = dt.timedelta(days=1)


class Window(NamedTuple):
    """A stretch of time, without its end; `asked_from` is what Xero is asked for, `since` the true start."""

    since: dt.datetime
    until: dt.datetime
    asked_from: dt.datetime

    def __str__(self) -> str:
        """Return it in words."""
        since, until = (at.astimezone(dt.UTC) for at in (self.since, self.until))
        return f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"

    def covers(self, changed_at: dt.datetime | None) -> bool:
        """Tell whether a change is this window's: what came after its end waits for the next one."""
        return changed_at is None or changed_at < self.until


def overlap(
    minutes: int, *, now: dt.datetime, collected_until: dt.datetime | None, by_xero: bool
) -> dt.timedelta:
    """Return how far before the last window's end Xero is read again; `now` is Xero's time.

    That is what the connection says, and never less than lists can lag behind; a day where the last window
    ended by another clock than Xero's (`by_xero` is False), or after what Xero's shows now.
    """
    said = max(dt.timedelta(minutes=minutes), LIST_LAG)
    if collected_until is None or (by_xero and collected_until <= now):
        return said
    return max(said, _TO_BE_SURE)


def beginning(*places: dt.datetime | None) -> dt.datetime:
    """Return from when on changes are to be sent: the latest of some places. Raises UsageError for none."""
    known = [place for place in places if place is not None]
    if not known:
        raise UsageError(
            "It is unknown from when payments are to be sent: the connection has no start, and no run has "
            "collected anything yet. Give --since, or save the connection with DAYBOOK_PAYMENTS_START."
        )
    return max(known)


def window(
    now: dt.datetime,
    *,
    collected_until: dt.datetime | None,
    start: dt.datetime | None,
    until_yesterday: bool,
    overlap: dt.timedelta,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> Window:
    """Return the window of a run: what was asked for, else from the last one's end to `now`, Xero's time.

    A connection begins at its start: nothing before is sent. `until_yesterday` leaves what changes today
    (UTC, as all times of the payments) for tomorrow. Raises UsageError where there is no place to begin.
    """
    begins = since or beginning(collected_until, start)
    today = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = until or (today if until_yesterday else now)
    if end > now:
        raise UsageError(
            "A window cannot end in the future: later changes are not in Xero yet. Xero's clock "
            f"shows {now:%Y-%m-%d %H:%M:%S} UTC."
        )
    if since is not None and until is not None and since >= until:
        raise UsageError("The window ends before it starts: check --since and --until.")
    begins = min(begins, end)
    earliest = begins - overlap
    if since is None and start is not None:
        earliest = max(earliest, start)
    return Window(begins, end, min(earliest, end))
