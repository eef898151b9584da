"""What a command shows in the terminal: progress while a run is under way, and the tables of its outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from blocks.errors import DaybookError
from blocks.store.audit_rows import Entry, Status
from blocks.store.models import Incident, TaskState
from blocks.text import json_text, visible
from flows.payments.models import Action
from flows.payments.report.page import amount_shown
from flows.runtime.artifacts import Observer
from flows.runtime.failures import HAPPENED, Failure
from flows.runtime.incidents import heading
from flows.runtime.text import counted

if TYPE_CHECKING:
    from flows.journals.report.summary import Summary
    from flows.journals.withdraw.report import Withdrawal
    from flows.payments.report.summary import PaymentsSummary

_STAGES = {
    "wait": "Waiting for another run",
    "collect": "Reading payments from Xero",
    "deliver": "Sending to Infor LN",
    "extract": "Reading lines from Mambu",
    "process": "Balancing and batching",
    "send": "Sending drafts to Xero",
    "confirm": "Comparing with Xero",
    "read": "Reading Xero",
    "remove": "Removing journals",
    "verify": "Checking the removal",
}
_MOST_ROWS = 40
# What needs attention comes first.
_ORDER = (
    Status.FAILED,
    Status.UNKNOWN,
    Status.EXCEPTION,
    Status.UNSUPPORTED,
    Status.SENT,
    Status.DUPLICATE,
    Status.DISCARDED,
)
T = TypeVar("T")


class Outcome(Protocol):
    """How a run ended, whatever its kind."""

    message: str

    def as_json(self) -> dict[str, Any]:
        """Return the object that --json prints."""


class Screen(Observer, Generic[T]):
    """Watches one run: shows its progress on stderr, and keeps its outcome."""

    def __init__(self) -> None:
        self.outcome: T | None = None
        self.error: DaybookError | None = None
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:<26}"),
            BarColumn(),
            TextColumn("{task.completed:>9,.0f} of {task.total:,.0f}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
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
        """Show what the run waits for, above the bars: on stderr, so also beside JSON on stdout."""
        self._progress.console.print(as_text(text), soft_wrap=True)

    def ended(self, summary: T, error: DaybookError | None) -> None:
        """Keep how the run ended."""
        self.outcome, self.error = summary, error


def show(
    outcome: Outcome,
    table: Table | None,
    *,
    as_json: bool,
    failed: bool,
    failure: Table | None = None,
    notes: Sequence[str] = (),
    hint: str = "",
) -> None:
    """Print an outcome: one JSON object, or its table and message; what failed goes to stderr."""
    if as_json:
        click.echo(json_text(outcome.as_json()))
        if failed:
            click.echo(visible(outcome.message, lines=True), err=True)
        return
    console, errors = Console(soft_wrap=False), Console(stderr=True)
    if table is not None:
        console.print(table)
    if failure is not None:
        errors.print(failure)
    else:
        (errors if failed else console).print(as_text(outcome.message))
    for note in notes:
        console.print(as_text(note))
    if hint:
        console.print(as_text(hint), soft_wrap=True)


def show_lines(*lines: Table | str) -> None:
    """Print tables, and texts that each stand on a line of their own."""
    console = Console(highlight=False)
    for line in lines:
        console.print(as_text(line) if isinstance(line, str) else line)


def as_text(text: str, style: str = "") -> Text:
    """Return a text for a table's cell or a line of its own: nothing in it is markup."""
    return Text(visible(text, lines=True), style=style)


def batch_table(summary: Summary) -> Table | None:
    """Return the manual journals of a run, if there are any."""
    names = ("Lines", f"Debits {summary.currency}", f"Credits {summary.currency}", "Xero")
    table = _journal_table(f"Manual journals for {summary.date}", names)
    for row in summary.batches[:_MOST_ROWS]:
        amounts = (summary.grouped(row.debits), summary.grouped(row.credits))
        number = str(row.number) if row.number else "?"
        table.add_row(str(row.booking_date or ""), number, f"{row.lines:,}", *amounts, as_text(row.status))
    return _capped(table, len(summary.batches), "journal")


def withdrawal_table(outcome: Withdrawal) -> Table | None:
    """Return the manual journals of a withdrawal, with what happens or happened to each, if there are any."""
    before, result = ("Status before", "Result") if outcome.confirmed else ("Status", "Action")
    table = _journal_table(
        f"Manual journals for {outcome.date}", ("Lines", f"Debits {outcome.currency}", before)
    )
    table.add_column(result)
    rows = outcome.rows()
    for row in rows[:_MOST_ROWS]:
        figures = (str(row.number or "?"), f"{row.lines:,}", row.debits)
        table.add_row(row.booking_date, *figures, as_text(row.status), as_text(row.happens))
    return _capped(table, len(rows), "journal")


def _journal_table(title: str, names: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("Booking date", no_wrap=True)
    *figures, status = ("No.", *names)
    for name in figures:
        table.add_column(as_text(name), justify="right", no_wrap=True)
    table.add_column(status, no_wrap=True)
    return table


def payments_table(summary: PaymentsSummary) -> Table | None:
    """Return the documents of a run of the payments, those that need attention first, if there are any."""
    found = [
        (one.entry, "to be sent" if one.action is Action.SEND else str(one.status), one.reason)
        for one in summary.planned
    ]
    found += [
        (row.entry, str(row.status), "" if row.status is Status.SENT else row.reason)
        for row in sorted(summary.rows, key=lambda row: _ORDER.index(row.status))
    ]
    rows = [one for one in found if one[0].key not in summary.told_together]
    table = documents_table("Payments from Xero to Infor LN", rows[:_MOST_ROWS])
    return _capped(table, len(rows), "document")


def documents_table(title: str, rows: Iterable[tuple[Entry, str, str]]) -> Table:
    """Return documents with their status and its reason, readable in a narrow terminal too."""
    table = Table(
        title=_title(title),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    table.add_column("Status", no_wrap=True)
    table.add_column("Document", overflow="fold", ratio=1)
    table.add_column("Amount", justify="right", no_wrap=True)
    for entry, status, reason in rows:
        day = str(entry.day or "")
        whom = " · ".join(text for text in (day, entry.contact_name, entry.invoice_number) if text)
        what = "\n".join(visible(text) for text in (str(entry.key), whom, reason) if text)
        table.add_row(as_text(status), as_text(what), as_text(amount_shown(entry)))
    return table


def _capped(table: Table, rows: int, one: str) -> Table | None:
    if rows > _MOST_ROWS:
        table.caption = f"and {counted(rows - _MOST_ROWS, f'more {one}')}, all listed in the date's artifact"
    return table if rows else None


def failure_table(failure: Failure | None, incident: Incident | None) -> Table | None:
    """Return what an accountant needs to know of a failed run, in the order in which it is needed."""
    if failure is None:
        return None
    details = [f"- {visible(one)}" for one in failure.details[:_MOST_ROWS]]
    if len(failure.details) > len(details):
        details.append(f"- and {len(failure.details) - len(details):,} more, on the date's failures page")
    rows = {
        HAPPENED: "\n".join((visible(failure.happened), *details)),
        "What is safe": " ".join(failure.safe),
        "What to do next": failure.remedy,
    }
    if incident is not None and incident.task_state is not TaskState.NONE:
        rows["Task in Mambu"] = incident.task_id or "will be created when Mambu is available"
    return _facts(failure.title, rows)


def incident_table(incident: Incident) -> Table:
    """Return an incident: what happened, what to do, and since when it is open."""
    times = "" if incident.times == 1 else f", {incident.times} times so far"
    rows = {
        HAPPENED: incident.error,
        "What to do next": incident.remedy,
        "Open since": f"{incident.opened:%Y-%m-%d %H:%M} UTC{times}",
        "Task in Mambu": incident.task_id or "none",
    }
    if incident.resolved:
        rows["Resolved"] = f"{incident.resolved:%Y-%m-%d %H:%M} UTC"
    return _facts(heading(incident), rows)


def _facts(title: str, rows: dict[str, str]) -> Table:
    table = Table(title=_title(title), title_justify="left", show_header=False, expand=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for name, value in rows.items():
        table.add_row(name, as_text(value))
    return table


def _title(text: str) -> Text:
    return as_text(text, "table.title")
