"""Prefect apart: the flows as they are, in processes of the simulation in place of a server's.

Only what is not Daybook's is replaced: how Prefect calls flows and tasks and what it says of a run, its log
and its artifacts, the system's clock, the home folder, the network, the database's file, and the lock on a
file of the machine. `here` says which process it is that asks.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import httpx
from filelock import Timeout
from prefect import Flow

from blocks.errors import DaybookError
from blocks.infor_ln.credentials import InforLNCredentials
from blocks.mambu.credentials import MambuCredentials
from blocks.store.block import DaybookStore
from blocks.xero.credentials import XeroCredentials
from flows.journals import run as night
from flows.payments import beginning
from flows.payments import run as exchange
from flows.runtime import artifacts as reports
from flows.runtime import lease
from tests.helpers import prefect_apart as prefect
from tests.simulation.loop import LoopClock
from tests.simulation.play import Runner

here: ContextVar[Process] = ContextVar("the process that asks")


class Said(NamedTuple):
    """What a flow run said at its end: its summary, and the error that ended it."""

    summary: Any
    error: DaybookError | None


@dataclass(eq=False)
class Machine:
    """What outlives a process: a home folder, Prefect's cache, and the locks that processes hold on files."""

    home: Path
    cache: dict[str, Any] = field(default_factory=dict)
    locks: dict[str, Runner] = field(default_factory=dict)


@dataclass(eq=False)
class Process:
    """A process: the run in it, its clock, and its doors.

    `wires` are its ways to "mambu", "xero" and "ln"; `store` is the store as it sees it. What it says is
    gathered: `log` line by line, `artifacts` by key, `said` by each flow run that came to its end.
    """

    run: Runner
    machine: Machine
    clock: LoopClock
    store: Any
    wires: Mapping[str, httpx.AsyncBaseTransport]
    log: list[str] = field(default_factory=list)
    artifacts: dict[str, Any] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)

    @property
    def cache(self) -> dict[str, Any]:
        """Return what Prefect has cached on the machine."""
        return self.machine.cache

    def now(self) -> datetime:
        """Return the time by the process's clock."""
        return self.clock.now()

    async def sleep(self, seconds: float) -> None:
        """Wait by the process's clock."""
        await self.clock.sleep(seconds)

    def run_id(self) -> uuid.UUID:
        """Return an id by what the run is of, not by chance: a schedule takes the same course each time."""
        told = f"{self.run.play.rng.getrandbits(64):016x}-{self.run.number}-{len(self.said)}"
        return uuid.uuid5(uuid.NAMESPACE_OID, told)

    def logs(self, _level: int, text: str) -> None:
        """Keep a line of the log, and let the trace have it."""
        self.log.append(text)
        self.run.play.note(f"run {self.run.number}:   {text}")

    def shows(self, key: str, data: Any) -> None:
        """Keep an artifact by its key."""
        self.artifacts[key] = data

    def ended(self, said: Said) -> None:
        """Take note of how a flow run in the process ended, at the instant at which it says so."""
        self.said.append(said)


class ProcessClock(LoopClock):
    """The clock of a process: who sleeps by it while the process stands still, sleeps on."""

    def __init__(self, run: Runner, ahead: float) -> None:
        super().__init__(run.play.loop, run.play.clock.now(), ahead)
        self._run = run

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed and the process goes on."""
        await super().sleep(seconds)
        await self._run.goes_on()


async def run_flow(
    process: Process, flow: Flow[Any, Any], scheduled: datetime | None = None, **parameters: Any
) -> Any:
    """Run a flow in a process, to its end. Raises what the flow raises, which Prefect would call a crash."""
    here.set(process)
    with reports.observed_by(_Listener(process)):
        return await prefect.run_flow(process, flow, scheduled, parameters)


class _Listener(reports.Observer):
    def __init__(self, process: Process) -> None:
        self._process = process

    def ended(self, summary: Any, error: DaybookError | None) -> None:
        self._process.ended(Said(summary, error))


def _drawn_id() -> uuid.UUID:
    """Return an id by the chance of the schedule, which is the same every time."""
    return uuid.UUID(int=random.getrandbits(128), version=4)


# What a process has of its machine


class _Lock:
    """A lock on a file of a machine, which its process holds as long as it lives."""

    def __init__(self, process: Process, name: str) -> None:
        self._process, self._name = process, name
        # As long as a place of the real lock: the store keeps no longer one.
        self.place = hashlib.sha256(f"{process.machine.home} {name}".encode()).hexdigest()

    def acquire(self, timeout: float) -> None:
        holder = self._process.machine.locks.get(self._name)
        if holder is not None and holder is not self._process.run and not holder.dead:
            raise Timeout(self.place)
        self._process.machine.locks[self._name] = self._process.run

    def release(self) -> None:
        if self._process.machine.locks.get(self._name) is self._process.run:
            del self._process.machine.locks[self._name]


def _lock(run: Any) -> _Lock:
    scope = run.lease_scope
    return _Lock(here.get(), f"{scope.flow} {run.name} {scope.day} {scope.address}")


@asynccontextmanager
async def _opened_store() -> AsyncIterator[Any]:
    yield here.get().store


def _wired(original: Callable[..., Any], system: str) -> Callable[..., Any]:
    def get_client(self: Any, **given: Any) -> Any:
        return original(self, **{**given, "http": here.get().wires[system]})

    return get_client


@contextmanager
def apart() -> Iterator[None]:
    """Let flows run apart from Prefect, each in the process that `here` names."""
    clients = {MambuCredentials: "mambu", XeroCredentials: "xero", InforLNCredentials: "ln"}
    replaced: list[Any] = [
        patch.object(uuid, "uuid4", _drawn_id),
        patch.object(night, "SystemClock", lambda: here.get().clock),
        patch.object(exchange, "SystemClock", lambda: here.get().clock),
        patch.object(night, "home", lambda: here.get().machine.home),
        patch.object(beginning, "home", lambda: here.get().machine.home),
        patch.object(lease, "_lock", _lock),
        patch.object(lease, "_place", lambda lock: lock.place),
        patch.object(DaybookStore, "open", lambda _: _opened_store()),
        *(
            patch.object(kind, "get_client", _wired(kind.get_client, system))
            for kind, system in clients.items()
        ),
    ]
    with ExitStack() as stack:
        stack.enter_context(prefect.prefect_apart(here.get))
        for one in replaced:
            stack.enter_context(one)
        yield
