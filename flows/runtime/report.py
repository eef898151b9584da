"""The report of a run: its progress, and what it leaves for people however it ends."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Generic, TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from blocks.errors import DaybookError
from flows.runtime.artifacts import Progress, artifact_key, observer
from flows.runtime.events import announce
from flows.runtime.summary import RunSummary
from flows.runtime.text import fault_of

S = TypeVar("S", bound=RunSummary)


class RunReport(ABC, Generic[S]):
    """What people see of one run: while it runs, and afterwards."""

    STAGES: ClassVar[tuple[str, ...]]
    PROGRESS: ClassVar[str]

    def __init__(self, summary: S) -> None:
        self._summary, self._began = summary, time.perf_counter()
        self._progress: Progress

    async def outcome_of(self, run: Callable[[], Awaitable[None]]) -> State[Any]:
        """Let a run go through its stages, and see that whatever happens is reported."""
        summary = self._summary
        self._progress = await Progress.begun(self.STAGES, self.PROGRESS)
        try:
            await run()
        except DaybookError as error:
            await self.failed(error)
            return Failed(message=summary.message)
        except Exception as fault:
            # Not foreseen, so the log gets the traceback; people get a sentence all the same.
            await self.failed(fault_of(fault))
            raise
        await self.ended()
        return (Failed if summary.status == "failed" else Completed)(message=summary.message)

    async def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        await self._progress.note(stage, done, total)

    @abstractmethod
    async def ended(self) -> None:
        """Leave what a run has come to."""

    @abstractmethod
    async def failed(self, error: DaybookError) -> None:
        """Leave what went wrong, and what to do about it."""

    def _end(self, report_began: float, error: DaybookError | None) -> None:
        now = time.perf_counter()
        spent = {"report": round(now - report_began, 3), "total": round(now - self._began, 3)}
        self._summary.seconds = {**self._summary.seconds, **spent}
        announce(self._summary)
        observer().ended(self._summary, error)

    def _key(self, kind: str) -> str:
        return artifact_key(kind, str(self._summary.date), self._summary.connection)
