"""What a run started by hand shows: progress while it runs, and a table at its end."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from blocks.errors import DaybookError
from blocks.store.models import Incident, TaskState
from blocks.text import json_text, visible
from flows.journals.report.summary import Summary
from flows.runtime.artifacts import Observer
from flows.runtime.failures import Failure
from flows.runtime.text import counted

_STAGES = {
    "wait": "Waiting for another run",
    "collect": "Reading payments from Xero",
    "deliver": "Delivering to Infor LN",
    "extract": "Reading lines from Mambu",
    "process": "Balancing and batching",
    "send": "Sending drafts to Xero",
    "confirm": "Comparing with Xero",
    "read": "Reading Xero",
    "remove": "Taking journals out",
    "verify": "Reading them again",
}
_MOST_ROWS = 40


class Bars(Observer):
    """Shows on stderr how far one run is."""

    def __init__(self) -> None:
        self.error: DaybookError | None = None
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:<26}"),
            BarColumn(),
            TextColumn("{task.completed:>9,.0f} of {task.total:,.0f}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._starting: TaskID | None = None
        self._stages: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        # Prefect's own server has to start first, which takes longer than most runs.
        self._starting = self._progress.add_task("Starting Prefect", total=1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Move the bar of a stage."""
        if self._starting is not None:
            self._progress.update(self._starting, completed=1)
        task = self._stages.get(stage)
        if task is None:
            task = self._stages[stage] = self._progress.add_task(_STAGES.get(stage, stage), total=total)
        self._progress.update(task, completed=done, total=total)

    def waits(self, text: str) -> None:
        """Say what the run waits for, above the bars: on stderr, so also beside an object on stdout."""
        self._progress.console.print(shown(text), soft_wrap=True)


class Screen(Bars):
    """Watches one run of the journals flow. Progress goes to stderr, the outcome to stdout."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self.summary: Summary | None = None
        self._as_json = as_json

    def ended(self, summary: Summary, error: DaybookError | None) -> None:
        """Keep how the run ended."""
        self.summary, self.error = summary, error

    def show(self, sandbox: Path | None) -> None:
        """Print the outcome: one JSON object, or the table and the sentence."""
        summary = self.summary
        if summary is None:
            return
        if self._as_json:
            click.echo(json_text(summary.as_json()))
            if summary.status == "failed":
                click.echo(visible(summary.message, lines=True), err=True)
            return
        console = Console(soft_wrap=False)
        if summary.batches:
            console.print(_table(summary))
        if summary.failure is not None:
            self._console.print(failure_table(summary.failure, summary.incident))
        else:
            (console if summary.status != "failed" else self._console).print(shown(summary.message))
        if sandbox is not None and summary.batches:
            command = f"python -m flows.main sandbox --port 8765 --dir {sandbox}"
            console.print(shown(f"See the drafts in Xero's place: {command}"), soft_wrap=True)


def failure_table(failure: Failure, incident: Incident | None) -> Table:
    """Return what an accountant needs of a failed run, in the order in which it is needed."""
    table = Table(title=title(failure.title), title_justify="left", show_header=False, expand=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    details = [visible(one) for one in failure.details[:_MOST_ROWS]]
    if len(failure.details) > len(details):
        details.append(f"and {len(failure.details) - len(details):,} more, in the date's failures page")
    happened = "\n".join((visible(failure.happened), *(f"- {one}" for one in details)))
    table.add_row("What happened", shown(happened))
    table.add_row("What is safe", shown(" ".join(failure.safe)))
    table.add_row("What to do next", shown(failure.remedy))
    if incident is not None and incident.task_state is not TaskState.NONE:
        table.add_row("Task in Mambu", shown(incident.task_id or "waits until Mambu can be reached"))
    return table


def _table(summary: Summary) -> Table:
    table = Table(title=f"Manual journals for {summary.date}", title_justify="left", caption_justify="left")
    table.add_column("Booking date", no_wrap=True)
    table.add_column("No.", justify="right")
    for name in ("Lines", f"Debits {summary.currency}", f"Credits {summary.currency}"):
        table.add_column(shown(name), justify="right", no_wrap=True)
    table.add_column("Xero", no_wrap=True)
    for row in summary.batches[:_MOST_ROWS]:
        amounts = (summary.grouped(row.debits), summary.grouped(row.credits))
        number = str(row.number) if row.number else "?"
        table.add_row(str(row.booking_date or ""), number, f"{row.lines:,}", *amounts, shown(row.status))
    more = len(summary.batches) - _MOST_ROWS
    if more > 0:
        table.caption = f"and {counted(more, 'more journal')}; the date's artifact shows them all"
    return table


def shown(text: str, style: str = "") -> Text:
    """Return a text for a table's cell or a line of its own."""
    return Text(visible(text, lines=True), style=style)


def title(text: str) -> Text:
    """Return a text for the head of a table."""
    return shown(text, "table.title")
