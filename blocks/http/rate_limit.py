"""Keeping within a system's limits before they are hit, from what its answers say.

Xero states in every answer how many calls are left in the current minute and day
(`X-MinLimit-Remaining`, `X-DayLimit-Remaining`). The pacer learns the size of the limit from the most
that was ever stated, and never has that many calls of its own in any 60 seconds, wherever the system's
minute begins; what others use up of the same limit shows in what is stated to be left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from blocks.clock import Clock
from blocks.errors import ResumeLater

MINUTE = timedelta(seconds=60)
# Kept free in each minute for another program that uses the same connection.
MINUTE_RESERVE = 2
# No limit has more; what states more says nothing.
_MOST_DIGITS = 12


class Pacer:
    """Admits calls to one system: at most `parallel` at a time, and none that a stated limit forbids.

    `day_reserve` calls of the day are kept for reading back what was written: writes end before them.
    """

    def __init__(self, system: str, clock: Clock, *, parallel: int, day_reserve: int = 50) -> None:
        self._system = system
        self._clock = clock
        self._parallel = parallel
        self.day_reserve = day_reserve
        self._under_way = 0
        self._out = 0
        self._ended: deque[datetime] = deque()
        self._minute_limit: int | None = None
        self._minute_left: int | None = None
        self._day_left: int | None = None
        self._freed = asyncio.Event()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def admitted(self, *, writes: bool) -> AsyncIterator[None]:
        """Wait until a call may go out, and count it as under way.

        Raises ResumeLater when the day's calls are used up, as far as the answers tell.
        """
        self._require_day(writes=writes)
        while self._under_way >= self._parallel:
            self._freed.clear()
            await self._freed.wait()
        self._under_way += 1
        try:
            async with self._turn:
                await self._wait_for_minute()
                self._require_day(writes=writes)
                self._out += 1
            try:
                yield
            finally:
                self._out -= 1
                # Counted from its end, for the system counted it at some time before.
                self._ended.append(self._clock.now())
        finally:
            # Without an await, so that a cancelled call frees its place too.
            self._under_way -= 1
            self._freed.set()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over what an answer says is left."""
        others = max(self._out - 1, 0)
        minute = _count(headers.get("X-MinLimit-Remaining"))
        if minute is not None:
            self._minute_limit = max(self._minute_limit or 0, minute + 1)
            self._minute_left = minute - others
        day = _count(headers.get("X-DayLimit-Remaining"))
        if day is not None:
            self._day_left = day

    @property
    def day_left(self) -> int | None:
        """Return how many calls of the day are left, as far as was stated; None where nothing was."""
        return None if self._day_left is None else max(self._day_left - self._out, 0)

    def reduce_concurrency(self) -> None:
        """Lower the number of parallel calls after the system refused one as concurrent."""
        self._parallel = max(1, self._parallel - 1)

    def _require_day(self, *, writes: bool) -> None:
        if self._day_left is None or self._day_left - self._out > (self.day_reserve if writes else 0):
            return
        resume_at = self._clock.now() + timedelta(hours=24)
        raise ResumeLater(
            f"{self._system} allows no further calls today ({max(self._day_left, 0)} are left, "
            f"{self.day_reserve} of them kept for checking). Its day limit starts anew at the latest on "
            f"{resume_at:%Y-%m-%d at %H:%M} UTC.",
            resume_at=resume_at,
        )

    async def _wait_for_minute(self) -> None:
        while self._minute_limit is not None:
            now = self._clock.now()
            while self._ended and self._ended[0] <= now - MINUTE:
                self._ended.popleft()
            if self._out + len(self._ended) < max(self._minute_limit - MINUTE_RESERVE, 1):
                break
            if self._ended:
                await self._clock.sleep((self._ended[0] + MINUTE - now).total_seconds())
            else:
                self._freed.clear()
                await self._freed.wait()
        if self._minute_left is None:
            return
        if self._minute_left <= MINUTE_RESERVE:
            # Others use the limit too. What they took is free again within the minute at the latest;
            # the oldest call of ours, as a rule, sooner. The next answer will tell.
            opened = self._ended[0] + MINUTE if self._ended else self._clock.now() + MINUTE
            await self._clock.sleep(max((opened - self._clock.now()).total_seconds(), 0.0))
            self._minute_left = max(self._minute_left, MINUTE_RESERVE + 1)
        self._minute_left -= 1


def _count(value: str | None) -> int | None:
    text = (value or "").strip()
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None
