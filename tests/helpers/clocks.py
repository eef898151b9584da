"""Clocks that tests move: waiting takes no real time, and each wait is recorded."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
# How many turns of the event loop without any sleep beginning or ending count as "all tasks are waiting".
_IDLE_TURNS = 20


class VirtualClock:
    """A clock whose time passes only while every task that could run is asleep on it.

    `slept` holds the seconds of every wait, in the order in which they began.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._asleep: list[tuple[datetime, int]] = []
        self._numbers = itertools.count()
        self._stirred = 0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the current instant."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed on this clock."""
        self.slept.append(seconds)
        self._stirred += 1
        mine = (self._now + timedelta(seconds=max(seconds, 0)), next(self._numbers))
        heapq.heappush(self._asleep, mine)
        try:
            while not await self._is_next(mine):
                pass
            self._now = max(self._now, mine[0])
        finally:
            self._asleep.remove(mine)
            heapq.heapify(self._asleep)
            self._stirred += 1

    async def _is_next(self, mine: tuple[datetime, int]) -> bool:
        before = self._stirred
        for _ in range(_IDLE_TURNS):
            await asyncio.sleep(0)
            if self._asleep[0] != mine:
                return False
        return before == self._stirred


class StillClock:
    """A clock that moves only when a test moves it: for code that waits on threads as well as on time.

    `asleep` is how many wait by it at present.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._moved = asyncio.Event()
        self.asleep = 0

    def now(self) -> datetime:
        """Return the current instant."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake who has waited until then."""
        self._now += timedelta(seconds=seconds)
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Return once a test has let `seconds` pass."""
        until = self._now + timedelta(seconds=seconds)
        self.asleep += 1
        try:
            while self._now < until:
                await self._moved.wait()
        finally:
            self.asleep -= 1
