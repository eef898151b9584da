"""Prefect apart: flows and their tasks as plain calls, with no server.

Only what is Prefect's is replaced: how it calls flows and tasks, what it caches, and what it says and keeps
of a run, its log and its artifacts. Whoever runs flows so is a `Host`, which keeps these.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from copy import deepcopy
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, Protocol
from unittest.mock import patch

import prefect.runtime
from prefect import Flow, Task
from prefect.blocks.core import Block
from prefect.states import Failed

from flows.journals import schedule
from flows.runtime import artifacts as reports
from flows.runtime import events

_log = logging.getLogger("a run apart from Prefect")
_log.setLevel(logging.INFO)


class FlowRun(NamedTuple):
    """What Prefect says of the flow run that is under way (prefect.runtime.flow_run)."""

    id: str
    scheduled_start_time: datetime | None
    parameters: Mapping[str, Any]
    tags: tuple[str, ...] = ()


class Host(Protocol):
    """Who runs flows apart from Prefect, and keeps what Prefect would; `cache` is of results, by keys."""

    cache: dict[str, Any]

    def now(self) -> datetime:
        """Return the time there."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def run_id(self) -> uuid.UUID:
        """Return an id for a flow run that begins."""

    def logs(self, level: int, text: str) -> None:
        """Take a line of a run's log; `level` is one of logging's."""

    def shows(self, key: str, data: Any) -> None:
        """Take an artifact."""


class Artifact(NamedTuple):
    """An artifact, and the flow run that left it."""

    key: str
    data: Any
    flow_run_id: str
    created: datetime


class MemoryHost:
    """The host of one test: its artifacts, and what it caches."""

    def __init__(self) -> None:
        self.cache: dict[str, Any] = {}
        self.artifacts: list[Artifact] = []

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def run_id(self) -> uuid.UUID:
        """Return a new id."""
        return uuid.uuid4()

    def logs(self, level: int, text: str) -> None:
        """Write it to a log."""
        _log.log(level, text)

    def shows(self, key: str, data: Any) -> None:
        """Keep it."""
        self.artifacts.append(Artifact(key, data, run_under_way().id, self.now()))


_flow_run: ContextVar[FlowRun] = ContextVar("the flow run that is under way")


def run_under_way() -> FlowRun:
    """Return the flow run that is under way."""
    return _flow_run.get()


async def run_flow(
    host: Host, flow: Flow[Any, Any], scheduled: datetime | None, parameters: Mapping[str, Any]
) -> Any:
    """Run a flow to its end. Raises what the flow raises, which Prefect would call a crash."""
    token = _flow_run.set(FlowRun(str(host.run_id()), scheduled, parameters))
    try:
        return await flow.fn(**parameters)
    finally:
        _flow_run.reset(token)


class _Log:
    def __init__(self, host: Host) -> None:
        self.info, self.warning = partial(host.logs, logging.INFO), partial(host.logs, logging.WARNING)


class _Runtime:
    def __getattr__(self, name: str) -> Any:
        return getattr(_flow_run.get(), name)


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


class _Prefect:
    """What Prefect does, for the host that `here` returns."""

    def __init__(self, here: Callable[[], Host]) -> None:
        self._here = here

    async def call_flow(
        self, flow: Flow[Any, Any], *args: Any, return_state: bool = False, **more: Any
    ) -> Any:
        """Run a flow: as Prefect has it of a call, it is scheduled for the instant of the call."""
        parameters = dict(inspect.signature(flow.fn).bind(*args, **more).arguments)
        host = self._here()
        try:
            return await run_flow(host, flow, host.now(), parameters)
        except Exception as error:
            if not return_state:
                raise
            return Failed(message=str(error))

    def call_task(self, task: Task[..., Any], *args: Any, **more: Any) -> Any:
        """Run a task, or take its result from the cache."""
        if task.cache_key_fn is None:
            return task.fn(*args, **more)
        parameters = dict(inspect.signature(task.fn).bind(*args, **more).arguments)
        key = str(task.cache_key_fn(None, parameters))  # type: ignore[arg-type]
        cache = self._here().cache
        if key in cache and not task.refresh_cache:
            return _later(cache[key]) if inspect.iscoroutinefunction(task.fn) else deepcopy(cache[key])
        if inspect.iscoroutinefunction(task.fn):
            return self._kept(key, task, partial(task.fn, *args, **more))
        result = task.fn(*args, **more)
        cache[key] = deepcopy(result)
        return result

    async def _kept(self, key: str, task: Task[..., Any], work: Callable[[], Awaitable[Any]]) -> Any:
        """Run a task, and again as it says, and keep its result."""
        host, again = self._here(), task.retry_condition_fn
        for left in range(task.retries, -1, -1):
            try:
                value = await work()
                break
            except Exception as error:
                if not left or again is None or not again(task, None, Failed(data=error)):  # type: ignore[arg-type]
                    raise
            await host.sleep(float(str(task.retry_delay_seconds)))
        host.cache[key] = deepcopy(value)
        return value

    async def artifact(self, *, key: str = "", **shown: Any) -> uuid.UUID:
        """Take a markdown, a table, or the progress, which has no key."""
        if key:
            self._here().shows(key, shown.get("markdown", shown.get("table")))
        return uuid.UUID(int=0)

    def log(self) -> _Log:
        """Return the log of the run that is under way."""
        return _Log(self._here())


async def _later(value: Any) -> Any:
    return deepcopy(value)


async def _progressed(_artifact_id: uuid.UUID, **_shown: Any) -> None:
    return None


async def _not_saved(*_asked: Any, **_given: Any) -> Any:
    """Know of no block: connections are provided to the process itself (see blocks.connections.lookup)."""
    raise ValueError("Unable to find block document")


@contextmanager
def prefect_apart(here: Callable[[], Host]) -> Iterator[None]:
    """Let flows that are called in this block run apart from Prefect, for the host that `here` returns."""
    prefect_ = _Prefect(here)

    async def called(flow: Flow[Any, Any], *args: Any, **more: Any) -> Any:
        return await prefect_.call_flow(flow, *args, **more)

    def worked(task: Task[..., Any], *args: Any, **more: Any) -> Any:
        return prefect_.call_task(task, *args, **more)

    replaced: list[Any] = [
        patch.object(Flow, "__call__", called),
        patch.object(Task, "__call__", worked),
        patch.object(Block, "aload", _not_saved),
        patch.object(prefect.runtime, "flow_run", _Runtime()),
        patch.object(reports, "get_run_logger", prefect_.log),
        patch.object(reports, "acreate_markdown_artifact", prefect_.artifact),
        patch.object(reports, "acreate_table_artifact", prefect_.artifact),
        patch.object(reports, "acreate_progress_artifact", prefect_.artifact),
        patch.object(reports, "aupdate_progress_artifact", _progressed),
        patch.object(schedule, "get_client", _Server),
        patch.object(reports, "get_client", _Server),
        patch.object(events, "emit_event", lambda *_args, **_more: None),
    ]
    with ExitStack() as stack:
        for one in replaced:
            stack.enter_context(one)
        yield


_in_memory: MemoryHost | None = None


@contextmanager
def in_memory() -> Iterator[MemoryHost]:
    """Let flows that are called in this block run apart from Prefect, and keep what they show."""
    global _in_memory
    host = _in_memory = MemoryHost()
    try:
        with prefect_apart(lambda: host):
            yield host
    finally:
        _in_memory = None


def host_in_memory() -> MemoryHost | None:
    """Return the host of the flows that run apart from Prefect at present, if they do."""
    return _in_memory
