"""What time it is, and how to wait: the one seam through which time reaches the code."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of time. A run reads one clock only, so that a test can move it."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed on this clock."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of real time."""
        await asyncio.sleep(seconds)


class ClockThere:
    """The clock of another system beside ours, as its answers state the time.

    `said` is what the last answer stated, None before one did; `ahead` is by how much that clock is ahead
    of ours.
    """

    def __init__(self) -> None:
        self.said: datetime | None = None
        self.ahead = timedelta(0)

    def note(self, said: datetime, asked: datetime, answered: datetime) -> None:
        """Take over the time that an answer states, and between which instants of ours it came about."""
        self.said = said
        self.ahead = said - min(max(said, asked), answered)

    def at(self, ours: datetime) -> datetime:
        """Return what that clock shows at an instant of ours."""
        return ours + self.ahead
