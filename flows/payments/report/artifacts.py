"""Report: what a run of the payments leaves behind for people."""

from __future__ import annotations

import datetime as dt
import time

from blocks.errors import DaybookError
from flows.payments.report.failures import stopped_sentence
from flows.payments.report.page import audit_table, page
from flows.payments.report.summary import PaymentsSummary
from flows.runtime import artifacts as reports

STAGES = ("collect", "deliver")


class Report:
    """What people see of one run: while it runs, and afterwards."""

    def __init__(self, summary: PaymentsSummary, progress: reports.Progress, began: float) -> None:
        self._summary = summary
        self._progress = progress
        self._began = began

    @classmethod
    async def begun(cls, summary: PaymentsSummary) -> Report:
        """Show that a run has begun, and start its clock."""
        began = time.perf_counter()
        return cls(summary, await reports.Progress.begun(STAGES, "Progress of the run."), began)

    async def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        await self._progress.note(stage, done, total)

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
        now = time.perf_counter()
        spent = {"report": round(now - began, 3), "total": round(now - self._began, 3)}
        summary.seconds = {**summary.seconds, **spent}
        reports.observer().ended(summary, error)

    def _key(self, kind: str) -> str:
        return reports.artifact_key(kind, str(self._summary.date), self._summary.connection)
