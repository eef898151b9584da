"""A run of the payments started by hand on this machine: watched, and shown in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from blocks.errors import DaybookError
from blocks.store.audit_rows import AuditRow, Entry, Status
from blocks.text import json_text, visible
from flows.cli import session as local
from flows.cli.audit import documents_table
from flows.cli.screen import Bars, failure_table, shown
from flows.payments.classify import Action
from flows.payments.flow import payments
from flows.payments.report.summary import PaymentsSummary
from flows.runtime.text import counted

_MOST_ROWS = 40
# What was done needs no eye on it; what was not comes first.
_ORDER = (
    Status.FAILED,
    Status.UNKNOWN,
    Status.EXCEPTION,
    Status.UNSUPPORTED,
    Status.SENT,
    Status.DUPLICATE,
    Status.DISCARDED,
)


class PaymentsScreen(Bars):
    """Watches one run of the payments flow. Progress goes to stderr, the outcome to stdout."""

    def __init__(self) -> None:
        super().__init__()
        self.summary: PaymentsSummary | None = None

    def ended(self, summary: Any, error: DaybookError | None) -> None:
        """Keep how the run ended."""
        self.summary, self.error = summary, error


def run(parameters: dict[str, Any], connection: str, sandbox: Path | None, *, as_json: bool) -> int:
    """Run the payments flow in this process, show it, and return the exit code."""
    screen = PaymentsScreen()
    with local.reached(connection, sandbox, "payments") as name:
        state = local.watched(screen, payments, {**parameters, "connection": name})
    summary = screen.summary
    if summary is None:
        raise DaybookError(f"The run ended before it began: {state.message}")
    _show(summary, sandbox, as_json=as_json)
    if screen.error is not None:
        return screen.error.exit_code
    return 1 if summary.anything_open else 0


def _show(summary: PaymentsSummary, sandbox: Path | None, *, as_json: bool) -> None:
    """Print the outcome: one JSON object, or the table and the sentence."""
    failed = summary.status == "failed"
    if as_json:
        click.echo(json_text(summary.as_json()))
        if failed:
            click.echo(visible(summary.message, lines=True), err=True)
        return
    console, errors = Console(soft_wrap=False), Console(stderr=True)
    if _rows(summary):
        console.print(_table(summary))
    if summary.failure is not None:
        errors.print(failure_table(summary.failure, summary.incident))
    else:
        (errors if failed else console).print(shown(summary.message))
    for note in summary.notes:
        console.print(shown(note))
    if sandbox is not None and summary.documents:
        ways = (
            f"See LN's books: python -m flows.main sandbox --port 8765 --dir {sandbox}. The audit table: "
            f"python -m flows.main audit --sandbox-dir {sandbox}"
        )
        console.print(shown(ways), soft_wrap=True)


def _table(summary: PaymentsSummary) -> Table:
    rows = _rows(summary)
    table = documents_table("Payments from Xero to Infor LN", rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        more = counted(len(rows) - _MOST_ROWS, "more document")
        table.caption = f"and {more}; the date's artifact shows them all"
    return table


def _rows(summary: PaymentsSummary) -> list[tuple[Entry, str, str]]:
    found = [
        (one.entry, "to be sent" if one.action is Action.SEND else str(one.status), one.reason)
        for one in summary.planned
    ]
    found += [
        (row.entry, str(row.status), _said(row))
        for row in sorted(summary.rows, key=lambda row: _ORDER.index(row.status))
    ]
    return [one for one in found if one[0].key not in summary.told_together]


def _said(row: AuditRow) -> str:
    return "" if row.status is Status.SENT else row.reason
