"""Report: what a run of the payments leaves behind for people."""

from __future__ import annotations

import datetime as dt
import time

from blocks.errors import DaybookError
from flows.payments.report.failures import stopped_sentence
from flows.payments.report.page import audit_table, page
from flows.payments.report.summary import PaymentsSummary
from flows.runtime import artifacts as reports
from flows.runtime.report import RunReport


class Report(RunReport[PaymentsSummary]):
    """What people see of one run of the payments."""

    STAGES = ("collect", "deliver")
    PROGRESS = "Progress of the run."

    async def ended(self) -> None:
        """Leave the date's page and its audit table."""
        self._summary.message = self._summary.sentence()
        await self._progress.ended()
        await self._leave(None)

    async def failed(self, error: DaybookError) -> None:
        """Leave what went wrong, and what to do about it."""
        summary = self._summary
        summary.status = "failed"
        summary.message = stopped_sentence(summary.stage, error, summary.since)
        if summary.documents:
            summary.message = f"{summary.message} {summary.sentence()}"
        await self._leave(error)

    async def _leave(self, error: DaybookError | None) -> None:
        summary, began = self._summary, time.perf_counter()
        summary.date = summary.date or dt.datetime.now(dt.UTC).date()
        described = "Result of the last run of the day, and what is open."
        await reports.leave_markdown(self._key("payments"), page(summary), described)
        if summary.rows:
            described = "All documents of the last run."
            await reports.leave_table(self._key("payments-audit"), audit_table(summary.rows), described)
        self._end(began, error)
