"""Prefect apart: the flows as they are, in processes of the simulation in place of a server's.

Only what is not Daybook's is replaced: how Prefect calls flows and tasks and what it says of a run, its log
and its artifacts, the system's clock, the home folder, the network, the database's file, and the lock on a
file of the machine. `here` says which process it is that asks.
"""

from __future__ import annotations

import hashlib
import inspect
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import httpx
import prefect.runtime
from filelock import Timeout
from prefect import Flow, Task
from prefect.blocks.core import Block
from prefect.states import Failed

from blocks.errors import DaybookError
from blocks.infor_ln.credentials import InforLNCredentials
from blocks.mambu.credentials import MambuCredentials
from blocks.store.block import DaybookStore
from blocks.xero.credentials import XeroCredentials
from flows.journals import run as night
from flows.journals import schedule
from flows.payments import beginning
from flows.payments import run as exchange
from flows.runtime import artifacts as reports
from flows.runtime import events, lease
from tests.simulation.loop import LoopClock
from tests.simulation.play import Runner

here: ContextVar[Process] = ContextVar("the process that asks")


class FlowRun(NamedTuple):
    """What Prefect says of the flow run that is under way (prefect.runtime.flow_run)."""

    id: str
    scheduled_start_time: datetime | None
    parameters: Mapping[str, Any]
    tags: tuple[str, ...] = ()


_flow_run: ContextVar[FlowRun] = ContextVar("the flow run that is under way")


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
        return await _called(flow, scheduled, parameters)


async def _called(flow: Flow[Any, Any], scheduled: datetime | None, parameters: Mapping[str, Any]) -> Any:
    # Named by what it is of, and not by chance, so that a schedule takes the same course every time.
    process = here.get()
    number = len(process.said)
    told = f"{process.run.play.rng.getrandbits(64):016x}-{process.run.number}-{number}"
    token = _flow_run.set(FlowRun(str(uuid.uuid5(uuid.NAMESPACE_OID, told)), scheduled, parameters))
    try:
        return await flow.fn(**parameters)
    finally:
        _flow_run.reset(token)


class _Listener(reports.Observer):
    def __init__(self, process: Process) -> None:
        self._process = process

    def ended(self, summary: Any, error: DaybookError | None) -> None:
        self._process.ended(Said(summary, error))


class _Log:
    def info(self, text: str) -> None:
        process = here.get()
        process.log.append(text)
        process.run.play.note(f"run {process.run.number}:   {text}")

    warning = info


class _Runtime:
    def __getattr__(self, name: str) -> Any:
        return getattr(_flow_run.get(), name)


# What Prefect does


async def _flow_called(flow: Flow[Any, Any], *args: Any, return_state: bool = False, **kwargs: Any) -> Any:
    """Run a flow that another one calls."""
    parameters = dict(inspect.signature(flow.fn).bind(*args, **kwargs).arguments)
    try:
        # As Prefect has it of a flow that a flow calls: it is scheduled for the instant of the call.
        return await _called(flow, here.get().clock.now(), parameters)
    except Exception as error:
        if not return_state:
            raise
        return Failed(message=str(error))


def _task_called(task: Task[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a task, or take its result from the cache of the machine."""
    if task.cache_key_fn is None:
        return task.fn(*args, **kwargs)
    parameters = dict(inspect.signature(task.fn).bind(*args, **kwargs).arguments)
    key = task.cache_key_fn(None, parameters)  # type: ignore[arg-type]
    cache = here.get().machine.cache
    if key in cache and not task.refresh_cache:
        return _later(cache[key]) if inspect.iscoroutinefunction(task.fn) else deepcopy(cache[key])
    result = task.fn(*args, **kwargs)
    if inspect.isawaitable(result):
        return _kept(key, result)
    cache[key] = deepcopy(result)
    return result


async def _later(value: Any) -> Any:
    return deepcopy(value)


async def _kept(key: str | None, result: Awaitable[Any]) -> Any:
    value = await result
    here.get().machine.cache[str(key)] = deepcopy(value)
    return value


async def _artifact(*, key: str = "", **shown: Any) -> uuid.UUID:
    if key:
        here.get().artifacts[key] = shown.get("markdown", shown.get("table"))
    return uuid.UUID(int=0)


async def _progressed(_artifact_id: uuid.UUID, **_shown: Any) -> None:
    return None


async def _not_saved(*_asked: Any, **_given: Any) -> Any:
    """Know of no block: connections are provided to the process itself (see blocks.connections.journals)."""
    raise ValueError("Unable to find block document")


def _drawn_id() -> uuid.UUID:
    """Return an id by the chance of the schedule, which is the same every time."""
    return uuid.UUID(int=random.getrandbits(128), version=4)


class _Server:
    """Prefect's server, as far as runs ask it: it knows of no schedule and of no run, and takes any name."""

    async def __aenter__(self) -> _Server:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def read_flow_runs(self, **_asked: Any) -> list[Any]:
        return []

    async def read_deployments(self, **_asked: Any) -> list[Any]:
        return []

    async def update_flow_run(self, *_asked: Any, **_given: Any) -> None:
        return None


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
        patch.object(Flow, "__call__", _flow_called),
        patch.object(Task, "__call__", _task_called),
        patch.object(Block, "aload", _not_saved),
        patch.object(uuid, "uuid4", _drawn_id),
        patch.object(prefect.runtime, "flow_run", _Runtime()),
        patch.object(reports, "get_run_logger", _Log),
        patch.object(reports, "acreate_markdown_artifact", _artifact),
        patch.object(reports, "acreate_table_artifact", _artifact),
        patch.object(reports, "acreate_progress_artifact", _artifact),
        patch.object(reports, "aupdate_progress_artifact", _progressed),
        patch.object(schedule, "get_client", _Server),
        patch.object(reports, "get_client", _Server),
        patch.object(events, "emit_event", lambda *_args, **_more: None),
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
        for one in replaced:
            stack.enter_context(one)
        yield
