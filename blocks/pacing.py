"""Keeping within a system's limits before they are hit, from what its answers say.

Xero states in every answer how many calls are left in the current minute and day
(`X-MinLimit-Remaining`, `X-DayLimit-Remaining`). The pacer spends from the smaller of that and its
own count of calls under way, so that parallel calls cannot overdraw together.
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


class Pacer:
    """Admits calls to one system: at most `parallel` at a time, and none that a stated limit forbids.

    `day_reserve` calls of the day are kept for reading back what was written: writes end before them.
    """

    def __init__(self, system: str, clock: Clock, *, parallel: int, day_reserve: int = 50) -> None:
        self._system = system
        self._clock = clock
        self._parallel = parallel
        self._day_reserve = day_reserve
        self._under_way = 0
        self._sent: deque[datetime] = deque()
        self._minute_left: int | None = None
        self._day_left: int | None = None
        self._freed = asyncio.Condition()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def admitted(self, *, writes: bool) -> AsyncIterator[None]:
        """Wait until a call may go out, and count it as under way.

        Raises ResumeLater when the day's calls are used up, as far as the answers tell.
        """
        self._require_day(writes=writes)
        async with self._freed:
            await self._freed.wait_for(lambda: self._under_way < self._parallel)
            self._under_way += 1
        try:
            await self._wait_for_minute()
            self._sent.append(self._clock.now())
            yield
        finally:
            async with self._freed:
                self._under_way -= 1
                self._freed.notify_all()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over what an answer says is left."""
        others = max(self._under_way - 1, 0)
        minute = _count(headers.get("X-MinLimit-Remaining"))
        if minute is not None:
            self._minute_left = minute - others
        day = _count(headers.get("X-DayLimit-Remaining"))
        if day is not None:
            self._day_left = day - others

    def crowded(self) -> None:
        """Lower the number of parallel calls after the system refused one as concurrent."""
        self._parallel = max(1, self._parallel - 1)

    def _require_day(self, *, writes: bool) -> None:
        if self._day_left is None or self._day_left > (self._day_reserve if writes else 0):
            return
        resume_at = self._clock.now() + timedelta(hours=24)
        raise ResumeLater(
            f"{self._system} allows no further calls today ({max(self._day_left, 0)} are left, "
            f"{self._day_reserve} of them kept for checking). Its day limit starts anew at the latest on "
            f"{resume_at:%Y-%m-%d at %H:%M} UTC: run the date again then; only what is missing is sent.",
            resume_at=resume_at,
        )

    async def _wait_for_minute(self) -> None:
        async with self._turn:
            while self._minute_left is not None and self._minute_left <= MINUTE_RESERVE:
                now = self._clock.now()
                while self._sent and self._sent[0] <= now - MINUTE:
                    self._sent.popleft()
                # The window is at its longest when our oldest call in it opened it; without one of
                # ours it is somebody else's, and ends within the minute.
                opened = self._sent[0] if self._sent else now
                await self._clock.sleep((opened + MINUTE - now).total_seconds())
                # One call is surely free now, and its answer will tell what else is.
                self._minute_left = max(self._minute_left or 0, MINUTE_RESERVE + 1)
            if self._minute_left is not None:
                self._minute_left -= 1


def _count(value: str | None) -> int | None:
    return int(value) if value is not None and value.strip().isdigit() else None
