"""What the stages of one run share: the connection, its open clients and store, and the day."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from blocks.clock import Clock, SystemClock
from blocks.connections.journals import JournalConnection
from blocks.mambu.client import MambuClient
from blocks.private_files import home
from blocks.store.journals import Store
from blocks.store.models import JournalRecord
from blocks.xero.client import XeroClient
from flows.days import Day
from flows.journals.staging import Written
from flows.money import minor_digits
from flows.runtime.artifacts import RunLog
from flows.runtime.run import Calling, LeaseScope, Progress, Run


class JournalsRun(Run):
    """One run of one day. Everything a stage needs, and nothing it decides."""

    connection: JournalConnection

    def __init__(
        self,
        name: str,
        connection: JournalConnection,
        mambu: MambuClient,
        xero: XeroClient,
        store: Store,
        clock: Clock,
        log: Callable[[str], None],
        progress: Progress,
    ) -> None:
        super().__init__(name, store, clock, log, progress)
        self.connection = connection
        self.mambu = mambu
        self.xero = xero
        self.day: Day
        self.currency: str
        self.organisation: str
        self.short_code: str
        self.account_names: dict[str, str] = {}
        # What Xero said that it took; and which journals of the day stood there before, once looked at.
        self.created: dict[str, str] = {}
        self.found_in_xero: list[str] | None = None
        # What the last round had to send: of a journal nothing is recorded before its request leaves.
        self.to_send: list[JournalRecord] = []
        self.refresh = False
        # What a person deleted in Xero is sent again by a run of its date, not by one that looks back.
        self.looking_back = False
        self.stated_lines = 0
        self.written = Written()
        # Whether the record may have lacked journals of the day when this run first looked: what it sends
        # itself fills the record with that alone.
        self.record_may_be_new = False
        # When Xero was read for the last comparison, in Xero's time.
        self.read_at: dt.datetime | None = None

    @property
    def digits(self) -> int:
        """Return how many decimals the currency's amounts have in Xero."""
        return minor_digits(self.currency)

    @property
    def date(self) -> dt.date | None:
        """Return the day, once it is determined."""
        day: Day | None = getattr(self, "day", None)
        return day.date if day else None

    @property
    def lease_scope(self) -> LeaseScope:
        """Return the day, which is one run's at a time."""
        return LeaseScope("journals", self.day.date, str(self.day.date), self.connection.store.address)

    async def records(self) -> list[JournalRecord]:
        """Return what the store knows of the day's journals."""
        return await self.store.journals(self.organisation, self.name, self.day.date)

    def time_there(self) -> dt.datetime:
        """Return what Mambu's clock and Xero's both show to be past: the earlier of the two times."""
        now = self.clock.now()
        return min(self.mambu.transport.there.at(now), self.xero.transport.there.at(now))

    @property
    def folder(self) -> Path:
        """Return where the day's lines are saved between stages."""
        return staged_folder(self.name, self.day.date)

    def link(self, journal_id: str) -> str:
        """Return where a person finds a manual journal."""
        return self.connection.xero.journal_link(journal_id, self.short_code)


def staged_folder(connection: str, date: dt.date | None = None) -> Path:
    """Return the folder for a connection's staged lines, or for those of a day."""
    folder = home() / "staged" / re.sub(r"[^A-Za-z0-9._-]", "_", connection)
    return folder / str(date) if date else folder


@asynccontextmanager
async def opened(
    name: str,
    connection: JournalConnection,
    log: RunLog,
    progress: Progress,
    clock: Clock | None = None,
) -> AsyncIterator[JournalsRun]:
    """Open the clients and the store of a connection for one run."""
    calling = Calling(connection.retries, connection.patience_minutes, log, clock or SystemClock())
    mambu = connection.mambu.get_client(
        attempts=calling.attempts,
        clock=calling.clock,
        notice=calling.notice,
        patience=calling.patience("Mambu"),
    )
    xero = calling.xero(connection.xero, connection.xero_concurrency)
    async with mambu, xero, connection.store.open() as store:
        run = JournalsRun(name, connection, mambu, xero, store, calling.clock, log.say, progress)
        run.warn = log.warn
        yield run
