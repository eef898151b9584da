"""Report: the artifacts that a run of the journals flow leaves, and its progress."""

from __future__ import annotations

from blocks.errors import DaybookError
from flows import reports
from flows.journals.summary import Summary
from flows.journals.wording import (
    batch_table,
    day_markdown,
    failure_markdown,
    failure_sentence,
    outcome_sentence,
)

STAGES = ("extract", "process", "send", "confirm")


class Report:
    """What people see of one run: while it runs, and afterwards."""

    def __init__(self, summary: Summary, progress: reports.Progress) -> None:
        self._summary = summary
        self._progress = progress

    @classmethod
    async def begun(cls, summary: Summary) -> Report:
        """Show that a run has begun."""
        return cls(summary, await reports.Progress.begun(STAGES, "How far the run is."))

    async def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        await self._progress.note(stage, done, total)

    async def ended(self) -> None:
        """Leave the date's page and its table of batches; failures too, where Mambu and Xero differ."""
        summary = self._summary
        summary.message = outcome_sentence(summary)
        await self._progress.ended()
        described = "What came from Mambu, what is in Xero, and the tie-out."
        await reports.leave_markdown(self._key("journals"), day_markdown(summary), described)
        if summary.batches:
            described = "Every manual journal of the day."
            await reports.leave_table(self._key("journals-batches"), batch_table(summary), described)
        if summary.status == "failed":
            await self._leave_failure(None)
        reports.observer().ended(summary, None)

    async def failed(self, error: DaybookError) -> None:
        """Leave what went wrong, and what to do about it."""
        summary = self._summary
        summary.status, summary.message = "failed", failure_sentence(summary, error)
        if summary.date:
            await self._leave_failure(error)
        reports.observer().ended(summary, error)

    async def _leave_failure(self, error: DaybookError | None) -> None:
        text = failure_markdown(self._summary, error)
        described = "What went wrong, what is safe, and what to do."
        await reports.leave_markdown(self._key("journals-failures"), text, described)

    def _key(self, kind: str) -> str:
        return reports.artifact_key(kind, str(self._summary.date), self._summary.connection)
