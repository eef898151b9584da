"""The tasks a run is made of: Prefect's inside a flow run, plain functions anywhere else.

So the very code that sends and confirms can be driven by hand, with a clock and a Xero of one's own,
thousands of times without a server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext

P = ParamSpec("P")
T = TypeVar("T")


def run_task(
    name: str,
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Awaitable[T]]]:
    """Make a function a task that is never cached, nor run again: what can be repeated its calls repeat."""

    def decorate(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Awaitable[T]]:
        as_task = task(name=name, task_run_name=name, cache_policy=NO_CACHE)(function)

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
            return (function if FlowRunContext.get() is None else as_task)(*args, **kwargs)

        return run

    return decorate
