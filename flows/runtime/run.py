"""What every run has, of whichever connector: a name, a store, a clock, and the stage it is at."""

from __future__ import annotations

import datetime as dt
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from blocks.clock import Clock, ClockThere
from blocks.http.retry import Patience, UnderWay
from blocks.store.journals import Store
from blocks.store.models import Lease
from flows.runtime import artifacts as reports
from flows.runtime.text import counted

Progress = Callable[[str, int, int], Awaitable[None]]


def patience_with(
    system: str, minutes: int, clock: Clock, warn: Callable[[str], None], under_way: UnderWay
) -> Patience:
    """Return how long a run waits for a system; what it waits for is said in its log and to who watches."""

    def tell(text: str) -> None:
        warn(text)
        reports.observer().waits(text)

    return Patience(system, dt.timedelta(minutes=minutes), clock, tell, under_way)


class LeaseScope(NamedTuple):
    """What one run at a time may be at work on: a day of a connection's, or blocks.store.models.ALL_DAYS.

    `what` names it to people, `address` is that of the store that keeps the lease.
    """

    flow: str
    day: dt.date
    what: str
    address: str


class Run(ABC):
    """One run. What its stages share, and nothing they decide."""

    def __init__(
        self, name: str, store: Store, clock: Clock, log: Callable[[str], None], progress: Progress
    ) -> None:
        self.name = name
        self.store = store
        self.clock = clock
        self.log = log
        self.progress = progress
        # What somebody has to know, but nothing fails for; by default it is said like all else.
        self.warn = log
        self.seconds: dict[str, float] = {}
        # Where the run is: its stage, and whether that stage has more than begun to begin.
        self.stage = ""
        self.under_way = False
        self.lease: Lease | None = None

    @property
    @abstractmethod
    def lease_scope(self) -> LeaseScope:
        """Return what no other run may be at work on meanwhile."""

    def told(self, notes: list[str]) -> list[str]:
        """Return notes that people find in the run's report as well, once they are in its log."""
        for note in notes:
            self.log(note)
        return notes

    def waits(self, text: str) -> None:
        """Say what the run waits for, in its log and to whoever watches it."""
        self.log(text)
        reports.observer().waits(text)

    @contextmanager
    def in_stage(self, stage: str) -> Iterator[None]:
        """Name the stage for whatever goes wrong in it, and time it."""
        self.stage, self.under_way = stage, False
        self.log(f"{stage}: begins")
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - began, 3)


# Clocks that differ by no more than this are told of no further.
_ALIKE = dt.timedelta(minutes=1)


def clocks_differ(system: str, there: ClockThere) -> list[str]:
    """Return a sentence on how much this machine's clock differs from a system's; none if by little."""
    if abs(there.ahead) <= _ALIKE:
        return []
    which = "behind" if there.ahead > dt.timedelta(0) else "ahead of"
    seconds = round(abs(there.ahead).total_seconds())
    by = counted(seconds, "second") if seconds < 120 else counted(round(seconds / 60), "minute")
    goes_by = f"What is read goes by {system}'s; have the machine's clock set right."
    return [f"This machine's clock is {by} {which} {system}'s. {goes_by}"]
