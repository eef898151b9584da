"""Xero's limits on calls: 60 a minute, 5 at a time, and the day's, stated in the headers of every answer."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Final

from blocks.sandbox.asgi import Answer
from blocks.sandbox.xero.options import XeroOptions

PER_MINUTE: Final = 60
PER_MINUTE_OF_APP: Final = 10_000
AT_A_TIME: Final = 5
_MINUTE: Final = timedelta(minutes=1)


class Limits:
    """Counts calls. The minute is a rolling one and the day fixed: the stricter reading of each.

    Without `options.limits` nothing is refused and the headers state untouched limits.
    """

    def __init__(self) -> None:
        self._minute: deque[datetime] = deque()
        self._day_began: datetime | None = None
        self._day_used = 0
        self._under_way = 0

    def reset(self) -> None:
        """Forget all calls but those under way."""
        self._minute.clear()
        self._day_began, self._day_used = None, 0

    def enter(self, options: XeroOptions, now: datetime) -> Answer | None:
        """Count a call in; return the 429 that ends it, or None. Each enter is followed by a leave."""
        self._under_way += 1
        if not options.limits:
            return None
        self._turn(options, now)
        # Whether refused calls count against the day is unknown; here they do.
        self._day_used += 1
        if self._day_used > options.day_limit:
            ends = (self._day_began or now) + timedelta(days=1)
            return _refused("day", int((ends - now).total_seconds()) + 1)
        if self._under_way > AT_A_TIME:
            return _refused("concurrent", None)
        if len(self._minute) >= PER_MINUTE:
            return _refused("minute", int((self._minute[0] + _MINUTE - now).total_seconds()) + 1)
        self._minute.append(now)
        return None

    def leave(self) -> None:
        """Count a call out."""
        self._under_way -= 1

    def headers(self, options: XeroOptions, now: datetime) -> list[tuple[bytes, bytes]]:
        """Return what an answer states to be left: nothing where there are no limits to keep to."""
        if not options.limits:
            return []
        self._turn(options, now)
        minute_used = len(self._minute)
        return [
            (b"x-daylimit-remaining", b"%d" % max(0, options.day_limit - self._day_used)),
            (b"x-minlimit-remaining", b"%d" % (PER_MINUTE - minute_used)),
            (b"x-appminlimit-remaining", b"%d" % (PER_MINUTE_OF_APP - minute_used)),
        ]

    def _turn(self, options: XeroOptions, now: datetime) -> None:
        while self._minute and self._minute[0] <= now - _MINUTE:
            self._minute.popleft()
        began = now.replace(hour=options.day_reset_hour, minute=0, second=0, microsecond=0)
        began = began if began <= now else began - timedelta(days=1)
        if began != self._day_began:
            self._day_began, self._day_used = began, 0


def _refused(limit: str, retry_after: int | None) -> Answer:
    # The body of a 429 is nowhere described; only the headers count.
    headers = [(b"x-rate-limit-problem", limit.encode())]
    if retry_after is not None:
        headers.append((b"retry-after", b"%d" % retry_after))
    return Answer(429, b"", "text/plain", tuple(headers))
