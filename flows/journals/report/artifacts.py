"""Report: the artifacts that a run of the journals flow leaves, and its progress."""

from __future__ import annotations

import time

from blocks.errors import DaybookError
from flows.journals.report.messages import (
    batch_table,
    day_markdown,
    failure_markdown,
    failure_sentence,
    outcome_sentence,
)
from flows.journals.report.summary import Summary
from flows.runtime import artifacts as reports
from flows.runtime.report import RunReport


class Report(RunReport[Summary]):
    """What people see of one run of the journals."""

    STAGES = ("extract", "process", "send", "confirm")
    PROGRESS = "How far the run is."

    async def ended(self) -> None:
        """Leave the date's page and its table of batches; failures too, where Mambu and Xero differ."""
        summary, began = self._summary, time.perf_counter()
        summary.message = outcome_sentence(summary)
        if summary.still_open:
            summary.status = "failed"
            summary.message = " ".join((summary.message, *summary.still_open))
        await self._progress.ended()
        described = "What came from Mambu, what is in Xero, and the tie-out."
        await reports.leave_markdown(self._key("journals"), day_markdown(summary), described)
        if summary.batches:
            described = "Every manual journal of the day."
            await reports.leave_table(self._key("journals-batches"), batch_table(summary), described)
        if summary.status == "failed":
            await self._leave_failure(None)
        self._end(began, None)

    async def failed(self, error: DaybookError) -> None:
        """Leave what went wrong, and what to do about it."""
        summary, began = self._summary, time.perf_counter()
        summary.status, summary.message = "failed", failure_sentence(summary, error)
        if summary.date:
            await self._leave_failure(error)
        self._end(began, error)

    async def _leave_failure(self, error: DaybookError | None) -> None:
        text = failure_markdown(self._summary, error)
        described = "What went wrong, what is safe, and what to do."
        await reports.leave_markdown(self._key("journals-failures"), text, described)
