"""Virtual time: an event loop that skips every wait, and the clocks of the machines that live in it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any


class Stalled(RuntimeError):
    """Everybody waits for somebody else, for ever."""


class _Skipping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.waits = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.waits:
            return super().select(timeout)
        if timeout is None:
            raise Stalled("no task can go on, and none waits for a time")
        self.seconds += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time moves only when nothing can run, and then straight to what comes next.

    Nothing in it depends on the machine's speed, so the same program takes the same course every time.
    """

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)
        # Sums of floats: what is due within a microsecond is due.
        self._clock_resolution = 1e-6

    def run_really(self, work: Coroutine[Any, Any, object]) -> None:
        """Run something that needs the outside, threads for example, and wait for it as any loop does."""
        self._skipping.waits = True
        try:
            self.run_until_complete(work)
        finally:
            self._skipping.waits = False

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call a function at once, where other loops would have a thread do it: threads keep real time."""
        if self._skipping.waits:
            return super().run_in_executor(executor, func, *args)
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            done.set_exception(error)
        return done

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._skipping.seconds


class LoopClock:
    """A clock on a virtual loop (see blocks.clock), `ahead` seconds ahead of the true time."""

    def __init__(self, loop: VirtualLoop, start: datetime, ahead: float = 0.0) -> None:
        self._loop = loop
        self._zero = start.astimezone(UTC) + timedelta(seconds=ahead - loop.time())

    def now(self) -> datetime:
        """Return the instant that this clock shows."""
        return self._zero + timedelta(seconds=self._loop.time())

    def jump(self, seconds: float) -> None:
        """Set the clock forward, or back where `seconds` is negative."""
        self._zero += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed."""
        await asyncio.sleep(max(seconds, 0.0))
