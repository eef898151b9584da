"""What every run has, of whichever connector: a name, a store, a clock, and the stage it is at."""

from __future__ import annotations

import datetime as dt
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from blocks.clock import Clock
from blocks.leases import Lease
from blocks.store import Store

Progress = Callable[[str, int, int], Awaitable[None]]


class Hold(NamedTuple):
    """What one run at a time may be at work on: a day of a connection's, or blocks.leases.ALL_DAYS.

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
        self.seconds: dict[str, float] = {}
        # Where the run is: its stage, and whether that stage has more than begun to begin.
        self.stage = ""
        self.under_way = False
        self.lease: Lease | None = None

    @property
    @abstractmethod
    def hold(self) -> Hold:
        """Return what no other run may be at work on meanwhile."""

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
