"""The tasks of a run: Prefect tasks inside a flow run, plain functions anywhere else.

Tests can thus call the code that sends and confirms directly, with their own clock and their own Xero,
thousands of times without a server.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext

from blocks.errors import DaybookError

P = ParamSpec("P")
T = TypeVar("T")


def _without_traceback(record: logging.LogRecord) -> bool:
    """Let the log of a task say in a sentence what is foreseen: where it was raised helps nobody."""
    if record.exc_info and isinstance(record.exc_info[1], DaybookError):
        record.exc_info = None
    return True


logging.getLogger("prefect.task_runs").addFilter(_without_traceback)


class _Packed:
    """The arguments of a task in one object: Prefect would otherwise inspect each document in them."""

    def __init__(self, args: Any, kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs


def run_task(
    name: str,
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Awaitable[T]]]:
    """Make a function a task that is never cached or retried: its calls to other systems are, one by one."""

    def decorate(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Awaitable[T]]:
        @task(name=name, task_run_name=name, cache_policy=NO_CACHE)
        async def as_task(packed: _Packed) -> T:
            return await function(*packed.args, **packed.kwargs)

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
            if FlowRunContext.get() is None:
                return function(*args, **kwargs)
            return as_task(_Packed(args, kwargs))

        return run

    return decorate
