"""A withdrawal started by hand on this machine: the plan, the question, and what came of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from blocks.errors import DaybookError
from blocks.process import WRONG_USE
from blocks.text import json_text, visible
from flows.cli import session as local
from flows.cli.screen import Bars, shown
from flows.journals.withdraw.flow import withdraw
from flows.journals.withdraw.report import Withdrawal
from flows.runtime.text import counted

_MOST_ROWS = 40


class WithdrawScreen(Bars):
    """Watches one run of the withdraw flow."""

    def __init__(self) -> None:
        super().__init__()
        self.told: Withdrawal | None = None

    def ended(self, summary: Any, error: DaybookError | None) -> None:
        """Keep how the run ended."""
        self.told, self.error = summary, error


def run(
    parameters: dict[str, Any], connection: str, sandbox: Path | None, *, yes: bool, as_json: bool
) -> int:
    """Show what a withdrawal would do, ask, do it, and return the exit code; with `yes` do it at once."""
    with local.reached(connection, sandbox) as name:
        wanted = {**parameters, "connection": name}
        told = _run({**wanted, "confirmed": yes})
        pending = not yes and told.error is None and bool(told.pending)
        if pending and not as_json and _on_a_terminal():
            _show(told, as_json=False)
            if not click.confirm("Take them out of Xero?", err=True):
                click.echo("Nothing was changed in Xero.", err=True)
                return 1
            told, pending = _run({**wanted, "confirmed": True}), False
    _show(told, as_json=as_json)
    if pending:
        click.echo("Nothing was changed in Xero: give --yes to do it.", err=True)
        return WRONG_USE
    return exit_code(told)


def exit_code(told: Withdrawal) -> int:
    """Return what the command line ends with after a withdrawal that nothing is to be asked about."""
    if told.error is not None:
        return told.error.exit_code
    return 1 if told.left else 0


def _run(parameters: dict[str, Any]) -> Withdrawal:
    screen = WithdrawScreen()
    state = local.watched(screen, withdraw, parameters)
    if screen.told is None:
        raise DaybookError(f"The run ended before it began: {state.message}")
    return screen.told


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _show(told: Withdrawal, *, as_json: bool) -> None:
    """Print the outcome: one JSON object, or the table and the sentence."""
    if as_json:
        click.echo(json_text(told.as_json()))
        if told.error is not None:
            click.echo(visible(told.message, lines=True), err=True)
        return
    console = Console(soft_wrap=False)
    if told.items:
        console.print(_table(told))
    ended = console if told.error is None else Console(stderr=True)
    ended.print(shown(told.message))


def _table(told: Withdrawal) -> Table:
    table = Table(title=f"Manual journals of {told.date} in Xero", title_justify="left")
    table.add_column("Booking date", no_wrap=True)
    for name in ("No.", "Lines", f"Debits {told.currency}"):
        table.add_column(shown(name), justify="right", no_wrap=True)
    table.add_column("Status before" if told.confirmed else "Status", no_wrap=True)
    table.add_column("What happened" if told.confirmed else "What happens")
    rows = told.rows()
    for row in rows[:_MOST_ROWS]:
        figures = (str(row.number or "?"), f"{row.lines:,}", row.debits)
        table.add_row(row.booking_date, *figures, shown(row.status), shown(row.happens))
    if len(rows) > _MOST_ROWS:
        more = counted(len(rows) - _MOST_ROWS, "more journal")
        table.caption = f"and {more}; the date's artifact shows them all"
    return table
