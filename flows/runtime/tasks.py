"""The tasks of a run: Prefect tasks inside a flow run, plain functions anywhere else.

Tests can thus call the code that sends and confirms directly, with their own clock and their own Xero,
thousands of times without a server.

A task that met a system which is out of order is done again, for as long as the connection's patience lasts:
by Prefect, whose pages show it as a retry, or by `waited_out`. Both go by `pause_after`.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext

from blocks.errors import DaybookError
from blocks.http.retry import PAUSE_SECONDS, pause_after, waited_out
from flows.runtime.run import Run

P = ParamSpec("P")
T = TypeVar("T")


def _without_traceback(record: logging.LogRecord) -> bool:
    """Let the log of a task say in a sentence what is foreseen: where it was raised helps nobody."""
    if record.exc_info and isinstance(record.exc_info[1], DaybookError):
        record.exc_info = None
    return True


logging.getLogger("prefect.task_runs").addFilter(_without_traceback)


class Retrying:
    """How Prefect does a task of a run again; `options` are those of its decorator."""

    def __init__(self, run: Run) -> None:
        self._clock = run.clock
        self._rest = 0.0
        self.options: dict[str, Any] = {
            "retries": math.ceil(run.connection.patience_minutes * 60 / PAUSE_SECONDS),
            "retry_delay_seconds": PAUSE_SECONDS,
            # A plain function: Prefect takes no other callable for a condition.
            "retry_condition_fn": lambda task, task_run, state: self._again(task, task_run, state),
        }

    def _again(self, _task: object, _task_run: TaskRun, state: State[Any]) -> bool:
        pause = pause_after(state.data, self._clock.now())
        self._rest = (pause or PAUSE_SECONDS) - PAUSE_SECONDS
        return pause is not None

    async def rest(self) -> None:
        """Wait for what a system asked for beyond Prefect's own pause."""
        seconds, self._rest = self._rest, 0.0
        if seconds:
            await self._clock.sleep(seconds)


def run_task(
    name: str | Callable[..., str],
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Awaitable[T]]]:
    """Make a function whose first argument is a run a task. It is never cached: it asks other systems.

    `name` can depend on what the function is given. What Prefect sees of that is the connection and the day.
    """

    def decorate(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Awaitable[T]]:
        @wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
            run = cast("Run", args[0])
            step = partial(function, *args, **kwargs)
            if FlowRunContext.get() is None:
                return waited_out(run.clock, step)
            again = Retrying(run)
            title = name if isinstance(name, str) else name(*args, **kwargs)

            @task(
                name=title.partition(": ")[0] if callable(name) else title,
                task_run_name=title,
                cache_policy=NO_CACHE,
                persist_result=False,
                **again.options,
            )
            async def as_task(connection: str, day: dt.date | None) -> T:  # noqa: ARG001
                await again.rest()
                return await step()

            return as_task(run.name, run.date)

        return called

    return decorate
