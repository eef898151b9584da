"""Keeping within limits."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime, timedelta

import httpx
import pytest

from blocks.errors import ResumeLater
from blocks.http.rate_limit import Pacer
from tests.helpers.clocks import VirtualClock

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("value", ["9" * 5000, "-1", "1e3", "1.5", "", "many", "\u00b2"])
async def test_a_limit_that_is_no_number_says_nothing(value: str) -> None:
    """What is stated to be left, and is no number that a limit can have, holds no call back."""
    clock = VirtualClock()
    pacer = Pacer("Xero", clock, parallel=1)
    pacer.learn({"X-MinLimit-Remaining": value, "X-DayLimit-Remaining": value})
    for _ in range(3):
        async with pacer.admitted(writes=True):
            pass
    assert clock.slept == []


class Limits:
    """A system with Xero's limits: 60 calls a minute, 5 at a time, and a number a day."""

    def __init__(self, clock: VirtualClock, *, window: str, day: int = 5000, seconds: float = 0.3) -> None:
        self._clock = clock
        self._window = window
        self._seconds = seconds
        self._times: deque[datetime] = deque()
        self._at_a_time = 0
        self.day_left = day
        self.most_at_a_time = 0
        self.refused: list[str] = []

    async def call(self) -> dict[str, str]:
        """Take a call and return the headers of its answer; the call is counted halfway through it."""
        self._at_a_time += 1
        self.most_at_a_time = max(self.most_at_a_time, self._at_a_time)
        await self._clock.sleep(self._seconds / 2)
        headers = self.count()
        await self._clock.sleep(self._seconds / 2)
        self._at_a_time -= 1
        return headers

    def count(self) -> dict[str, str]:
        """Count a call as the system does."""
        now = self._clock.now()
        start = now.replace(second=0, microsecond=0) if self._window == "fixed" else now - MINUTE
        while self._times and self._times[0] < start:
            self._times.popleft()
        over = [
            name
            for name, much in (
                ("minute", len(self._times) >= 60),
                ("day", self.day_left <= 0),
                ("concurrent", self._at_a_time > 5),
            )
            if much
        ]
        self.refused += over
        if not over:
            self._times.append(now)
            self.day_left -= 1
        return {
            "x-minlimit-remaining": str(60 - len(self._times)),
            "x-daylimit-remaining": str(self.day_left),
        }


async def paced(pacer: Pacer, limits: Limits, *, writes: bool = False) -> None:
    async with pacer.admitted(writes=writes):
        pacer.learn(httpx.Headers(await limits.call()))


@pytest.mark.parametrize("offset", [0, 29.9, 59.5])
@pytest.mark.parametrize("parallel", [2, 5])
@pytest.mark.parametrize("window", ["fixed", "rolling"])
async def test_alone_we_are_never_refused(window: str, parallel: int, offset: float) -> None:
    """Where nobody else calls, no call of a long run is refused, however the system's minute runs."""
    clock = VirtualClock()
    clock.advance(offset)
    limits = Limits(clock, window=window)
    pacer = Pacer("Xero", clock, parallel=parallel)
    began = clock.now()
    await asyncio.gather(*(paced(pacer, limits) for _ in range(150)))
    assert limits.refused == []
    assert limits.most_at_a_time <= parallel
    # And the limit is made use of: 150 calls at 58 a minute end in the third minute.
    assert clock.now() - began < timedelta(minutes=2, seconds=45)


@pytest.mark.parametrize("seconds", [0.01, 4.0])
async def test_slow_and_fast_systems_alike(seconds: float) -> None:
    """A burst, a pause into the next minute and another burst are not refused, whatever a call takes."""
    clock = VirtualClock()
    limits = Limits(clock, window="fixed", seconds=seconds)
    pacer = Pacer("Xero", clock, parallel=5)
    clock.advance(50)
    for _ in range(3):
        await asyncio.gather(*(paced(pacer, limits) for _ in range(40)))
        clock.advance(12)
    assert limits.refused == []


async def test_what_others_use_up_is_waited_for() -> None:
    """Where another program has used up the minute, the next call waits until one is free again."""
    clock = VirtualClock()
    limits = Limits(clock, window="rolling")
    pacer = Pacer("Xero", clock, parallel=2)
    for _ in range(57):
        limits.count()
    for _ in range(4):
        await paced(pacer, limits)
    assert limits.refused == []
    assert clock.slept.count(0.15) == 8
    assert 50 < sum(clock.slept) - 8 * 0.15 <= 121


async def test_writes_end_before_the_days_reserve() -> None:
    """Fifty writes waiting together leave the day's reserve untouched, and it still serves reads."""
    clock = VirtualClock()
    limits = Limits(clock, window="rolling", day=30)
    pacer = Pacer("Xero", clock, parallel=5, day_reserve=10)
    await paced(pacer, limits)
    results = await asyncio.gather(
        *(paced(pacer, limits, writes=True) for _ in range(50)), return_exceptions=True
    )
    assert limits.day_left == 10
    assert results.count(None) == 19
    assert all(isinstance(result, ResumeLater) for result in results if result is not None)
    await asyncio.gather(*(paced(pacer, limits) for _ in range(10)))
    assert limits.refused == []
    with pytest.raises(ResumeLater) as raised:
        await paced(pacer, limits)
    assert raised.value.resume_at == clock.now() + timedelta(hours=24)


async def test_a_crowded_system_gets_fewer_calls_at_a_time() -> None:
    """Each refusal as concurrent takes one parallel call away, down to a single one."""
    clock = VirtualClock()
    pacer = Pacer("Xero", clock, parallel=3)
    for expected in (3, 2, 1, 1):
        limits = Limits(clock, window="rolling", seconds=0.01)
        await asyncio.gather(*(paced(pacer, limits) for _ in range(8)))
        assert limits.most_at_a_time == expected
        pacer.reduce_concurrency()


async def test_cancelled_calls_free_their_places() -> None:
    """Calls cancelled while out, while queueing and while waiting for the minute leave nothing taken."""
    clock = VirtualClock()
    pacer = Pacer("Xero", clock, parallel=2)
    hold = asyncio.Event()

    async def held() -> None:
        async with pacer.admitted(writes=False):
            await hold.wait()

    tasks = [asyncio.create_task(held()) for _ in range(6)]
    await asyncio.sleep(0)
    pacer.learn({"X-MinLimit-Remaining": "0"})
    for task in tasks[:4]:
        task.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    for task in tasks[4:]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    limits = Limits(clock, window="rolling")
    await asyncio.wait_for(asyncio.gather(*(paced(pacer, limits) for _ in range(10))), 5)
    assert limits.most_at_a_time == 2
