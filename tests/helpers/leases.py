"""Runs of a day that take their lease, and wait for it, each with a store of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from blocks.connections.journals import JournalConnection
from blocks.mambu.credentials import MambuCredentials
from blocks.store.block import DaybookStore
from blocks.store.journals import Store
from blocks.store.models import Lease
from blocks.xero.credentials import XeroCredentials
from flows.days import Day
from flows.journals.run import JournalsRun
from flows.runtime.lease import acquire_lease
from tests.helpers.clocks import StillClock

DATE = date(2026, 11, 20)


async def until(condition: Callable[[], bool]) -> None:
    """Wait in real time until something is so."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - some of it happens in threads and processes
            await asyncio.sleep(0.005)


@dataclass
class Run:
    """A run of the day with its own store, and what it logs."""

    run_of_day: JournalsRun
    clock: StillClock
    owner: str
    said: list[str] = field(default_factory=list)
    waits: int = 0
    found: list[Lease | None] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def store(self) -> Store:
        """Return its store."""
        return self.run_of_day.store

    @property
    def inside(self) -> bool:
        """Return whether it has, or had, the lease."""
        return bool(self.found)

    async def leases(self) -> list[Lease]:
        """Return the leases on record."""
        return await self.store.leases.of("journals", "default")

    async def work(self) -> None:
        """Keep the lease until it may end."""
        async with acquire_lease(self.run_of_day, self.owner) as crashed:
            self.found.append(crashed)
            await self.may_end.wait()

    async def asked_again(self, seconds: float) -> None:
        """Let time pass while it waits, and return once it has asked for the day again."""
        before = self.waits
        self.clock.advance(seconds)
        await until(lambda: self.waits > before or self.inside)


@asynccontextmanager
async def run(folder: Path, clock: StillClock, owner: str) -> AsyncIterator[Run]:
    """Start a run up to its lease."""
    block = DaybookStore(url=SecretStr(f"sqlite:///{folder / 'daybook.sqlite3'}"))
    connection = JournalConnection(
        mambu=MambuCredentials(base_url="https://mambu/api", api_key=SecretStr("key")),
        xero=XeroCredentials(client_id="id", client_secret=SecretStr("secret")),
        store=block,
    )
    async with block.open() as store:

        async def progress(stage: str, _done: int, _total: int) -> None:
            this.waits += stage == "wait"

        mambu, xero = connection.mambu.get_client(), connection.xero.get_client()
        said: list[str] = []
        run_of_day = JournalsRun("default", connection, mambu, xero, store, clock, said.append, progress)
        run_of_day.day, run_of_day.stage = Day(DATE, ZoneInfo("UTC")), "day"
        this = Run(run_of_day, clock, owner, said)
        yield this
