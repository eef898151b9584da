"""Which of Xero's changes a run covers. Pure.

A run goes on where the last complete collection ended, a little earlier in fact: whether Xero counts the
bound in, and whether each change moves its time at once, is not known. What was sent before is known by
its audit row, so reading it again costs nothing but the reading.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from blocks.errors import UsageError


class Window(NamedTuple):
    """A stretch of time, without its end; `asked_from` is what Xero is asked for, `since` the true start."""

    since: dt.datetime
    until: dt.datetime
    asked_from: dt.datetime

    def covers(self, changed_at: dt.datetime | None) -> bool:
        """Tell whether a change is this window's: what came after its end waits for the next one."""
        return changed_at is None or changed_at < self.until


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
    """Return the window of a run: what was asked for, else from the last one's end to now.

    A connection begins at its start: nothing before is sent. `until_yesterday` leaves what changes today
    (UTC, as all times of the exchange) for tomorrow. Raises UsageError where there is no place to begin.
    """
    places = [place for place in (collected_until, start) if place is not None]
    beginning = since or max(places, default=None)
    if beginning is None:
        raise UsageError(
            "From when on payments are to be sent is not known: the connection has no start and no run has "
            "collected anything. Give --since, or save the connection with DAYBOOK_PAYMENTS_START."
        )
    today = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = until or (today if until_yesterday else now)
    if end > now:
        raise UsageError("A window cannot end in the future: what changes until then is not in Xero yet.")
    if since is not None and until is not None and since >= until:
        raise UsageError("The window ends before it begins: compare --since and --until.")
    beginning = min(beginning, end)
    earliest = beginning - overlap
    if since is None and start is not None:
        earliest = max(earliest, start)
    return Window(beginning, end, min(earliest, end))
