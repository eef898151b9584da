"""The tasks a run is made of: Prefect's inside a flow run, plain functions anywhere else.

So the very code that sends and confirms can be driven by hand, with a clock and a Xero of one's own,
thousands of times without a server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext

from blocks.errors import Transient

P = ParamSpec("P")
T = TypeVar("T")


def run_task(
    name: str, *, retries: int = 0
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Awaitable[T]]]:
    """Make a function a task that is never cached; `retries` are for errors that a retry can help."""

    def decorate(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Awaitable[T]]:
        as_task = task(
            name=name,
            task_run_name=name,
            cache_policy=NO_CACHE,
            retries=retries,
            retry_delay_seconds=5,
            retry_condition_fn=only_transient,
        )(function)

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
            return (function if FlowRunContext.get() is None else as_task)(*args, **kwargs)

        return run

    return decorate


def only_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001
    """Tell Prefect to retry a task only for errors that a retry can help."""
    return isinstance(state.data, Transient)
