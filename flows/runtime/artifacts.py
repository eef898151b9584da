"""What a run shows to people: its name, its progress while it runs, its log, and artifacts in Prefect."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple
from uuid import UUID

import httpx
from prefect import get_run_logger, runtime
from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.client.orchestration import get_client

from blocks.errors import DaybookError
from blocks.text import visible

# More than anybody reads. Without a limit the API could refuse a text as too large, and all of it be lost.
LONGEST_MARKDOWN = 400_000
_SECONDS_BETWEEN_UPDATES = 1.0


class Observer:
    """Whoever watches a run in this process, such as the command line."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Take note of how far a stage is."""

    def waits(self, text: str) -> None:
        """Take note of what the run waits for."""

    def ended(self, summary: Any, error: DaybookError | None) -> None:
        """Take note of how the run ended."""


_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Let an observer watch the runs inside this block."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def observer() -> Observer:
    """Return the observer of this run, or one that does nothing."""
    return _observer.get() or Observer()


class RunLog(NamedTuple):
    """Writes to a run's log: `say` what goes on, `warn` of what somebody has to know."""

    say: Callable[[str], None]
    warn: Callable[[str], None]


def run_log() -> RunLog:
    """Return the log of the current run."""
    logger = get_run_logger()
    return RunLog(lambda text: logger.info(visible(text)), lambda text: logger.warning(visible(text)))


def run_name(what: str, connection: str, *, dry_run: bool) -> str:
    """Return the name of a flow run; a dry run says that it is one."""
    return f"{'dry run: ' if dry_run else ''}{what} for {connection}"


async def name_run(what: str, connection: str, *, dry_run: bool) -> None:
    """Name the current flow run for what it turned out to be of; a dry run gets a tag as well.

    Where Prefect does not take the name, the run goes on without it.
    """
    known, tags = runtime.flow_run, ["dry-run"] if dry_run else []
    name = run_name(what, connection, dry_run=dry_run)
    try:
        async with get_client() as client:
            await client.update_flow_run(UUID(str(known.id)), name=name, tags={*known.tags, *tags})
    except httpx.HTTPError as error:
        run_log().say(f"Prefect did not take the name of this run ({type(error).__name__}): {name}")


class Progress:
    """Reports how far a run is, to its observer and in an artifact: each stage is an equal share."""

    def __init__(self, artifact_id: UUID, stages: Sequence[str]) -> None:
        self._artifact_id = artifact_id
        self._stages = list(stages)
        self._next_update = 0.0
        self._latest = 0.0

    @classmethod
    async def begun(cls, stages: Sequence[str], description: str) -> Progress:
        """Create the artifact at 0 percent."""
        return cls(await acreate_progress_artifact(progress=0.0, description=description), stages)

    async def note(self, stage: str, done: int, total: int) -> None:
        """Report how far a stage is; the artifact is updated about once a second."""
        observer().progress(stage, done, total)
        if stage in self._stages:
            share = done / total if total else 0.0
            self._latest = 100.0 * (self._stages.index(stage) + share) / len(self._stages)
        now = time.monotonic()
        if now >= self._next_update:
            self._next_update = now + _SECONDS_BETWEEN_UPDATES
            await self._show(self._latest)

    async def ended(self) -> None:
        """Report that the run is done."""
        await self._show(100.0)

    async def _show(self, percent: float) -> None:
        await aupdate_progress_artifact(self._artifact_id, progress=round(percent, 1))


def artifact_key(kind: str, date: str, connection: str) -> str:
    """Return the key of a date's artifact; it has the connection's name unless that is the default one."""
    key = f"{kind}-{date}"
    return key if connection == "default" else f"{key}-{connection.lower().replace('_', '-')}"


async def leave_markdown(key: str, text: str, description: str) -> None:
    """Create a markdown artifact, cut where it is longer than anybody reads."""
    text = visible(text, lines=True)
    if len(text) > LONGEST_MARKDOWN:
        text = text[:LONGEST_MARKDOWN].rsplit("\n", 1)[0] + "\n\n… The rest is too long to show.\n"
    await acreate_markdown_artifact(markdown=text, key=key, description=description)


async def leave_table(key: str, rows: list[dict[str, str]], description: str) -> None:
    """Create a table artifact whose cells are texts."""
    shown = [{name: visible(value) for name, value in row.items()} for row in rows]
    await acreate_table_artifact(table=shown, key=key, description=description)
