"""What the runs of both connectors share: a name, a store, a clock, and the stage they are at."""

from __future__ import annotations

import datetime as dt
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from blocks.clock import Clock, ClockThere
from blocks.http.retry import Patience, UnderWay
from blocks.store.journals import Store
from blocks.store.models import Lease
from blocks.xero.client import XeroClient
from blocks.xero.credentials import XeroCredentials
from flows.runtime import artifacts as reports
from flows.runtime.text import counted

if TYPE_CHECKING:
    from blocks.connections.journals import JournalConnection
    from blocks.connections.payments import PaymentConnection

Progress = Callable[[str, int, int], Awaitable[None]]


class Calling:
    """How the clients of one run call: how often at most, how long they wait, and who hears of it."""

    def __init__(self, retries: int, patience_minutes: int, log: reports.RunLog, clock: Clock) -> None:
        self.attempts, self.clock, self.notice = retries + 1, clock, log.warn
        self._patience = dt.timedelta(minutes=patience_minutes)
        self._under_way = UnderWay()

    def patience(self, system: str) -> Patience:
        """Return how long the run waits for a system. Waiting is reported in its log and to its observer."""

        def report(text: str) -> None:
            self.notice(text)
            reports.observer().waits(text)

        return Patience(system, self._patience, self.clock, report, self._under_way)

    def xero(self, credentials: XeroCredentials, parallel: int) -> XeroClient:
        """Return a client of Xero that makes so many calls at a time."""
        return credentials.get_client(
            attempts=self.attempts,
            parallel=parallel,
            clock=self.clock,
            notice=self.notice,
            patience=self.patience("Xero"),
        )


class LeaseScope(NamedTuple):
    """What only one run at a time may work on: a day of a connection, or blocks.store.models.ALL_DAYS.

    `what` is its name for people, `address` that of the store that keeps the lease.
    """

    flow: str
    day: dt.date
    what: str
    address: str


class Run(ABC):
    """One run: what its stages share. It decides nothing."""

    connection: JournalConnection | PaymentConnection

    def __init__(
        self, name: str, store: Store, clock: Clock, log: Callable[[str], None], progress: Progress
    ) -> None:
        self.name, self.store, self.clock = name, store, clock
        self.log, self.progress = log, progress
        # For what somebody has to know although nothing fails; by default an ordinary line of the log.
        self.warn = log
        self.seconds: dict[str, float] = {}
        # The current stage, and whether it is past its preparations.
        self.stage = ""
        self.under_way = False
        self.lease: Lease | None = None

    @property
    def date(self) -> dt.date | None:
        """Return the day that the run is of, once it is known; None for a run that is of a window."""
        return None

    @property
    @abstractmethod
    def lease_scope(self) -> LeaseScope:
        """Return what no other run may work on meanwhile."""

    def log_notes(self, notes: list[str]) -> list[str]:
        """Write notes of the run's report to its log as well, and return them."""
        for note in notes:
            self.log(note)
        return notes

    def waits(self, text: str) -> None:
        """Report what the run waits for, in its log and to its observer."""
        self.log(text)
        reports.observer().waits(text)

    @contextmanager
    def in_stage(self, stage: str) -> Iterator[None]:
        """Set the current stage, and measure its time."""
        self.stage, self.under_way = stage, False
        self.log(f"{stage}: begins")
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - began, 3)


# A smaller difference is not worth a note.
_ALIKE = dt.timedelta(minutes=1)


def clocks_differ(system: str, there: ClockThere) -> list[str]:
    """Return a note on how much this machine's clock differs from a system's; none if only by little."""
    if abs(there.ahead) <= _ALIKE:
        return []
    which = "behind" if there.ahead > dt.timedelta(0) else "ahead of"
    seconds = round(abs(there.ahead).total_seconds())
    by = counted(seconds, "second") if seconds < 120 else counted(round(seconds / 60), "minute")
    used = f"Daybook uses {system}'s clock for what it reads there. Correct this machine's clock."
    return [f"This machine's clock is {by} {which} {system}'s. {used}"]
