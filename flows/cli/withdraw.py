"""The command `withdraw`: the plan, the question, and the outcome."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blocks.process import WRONG_USE
from flows.cli.options import DATE, common_options
from flows.cli.session import connected, run_watched

if TYPE_CHECKING:
    from flows.journals.withdraw.report import Withdrawal


@click.command()
@click.option("--date", type=DATE, required=True, help="The day, YYYY-MM-DD.")
@click.option("--yes", is_flag=True, help="Withdraw without asking.")
@click.option("--include-posted", is_flag=True, help="Also void the day's posted journals.")
@click.option("--include-edited", is_flag=True, help="Also remove drafts that were edited, or may have been.")
@common_options
def withdraw(connection: str, directory: Path | None, yes: bool, as_json: bool, **parameters: Any) -> None:
    """Remove a day's drafts from Xero, after a question.

    Posted and edited journals stay unless you include them.
    """
    with connected(connection, directory) as name:
        parameters["connection"] = name
        outcome = _run({**parameters, "confirmed": yes})
        pending = not yes and outcome.error is None and bool(outcome.pending)
        if pending and not as_json and _on_a_terminal():
            _show(outcome, as_json=False)
            if not click.confirm("Withdraw these journals from Xero?", err=True):
                click.echo("Nothing was changed in Xero.", err=True)
                sys.exit(1)
            outcome, pending = _run({**parameters, "confirmed": True}), False
    _show(outcome, as_json=as_json)
    if pending:
        click.echo("Nothing was changed in Xero. Add --yes to withdraw these journals.", err=True)
        sys.exit(WRONG_USE)
    sys.exit(exit_code(outcome))


def exit_code(outcome: Withdrawal) -> int:
    """Return the exit code after a withdrawal that needs no confirmation any more."""
    if outcome.error is not None:
        return outcome.error.exit_code
    return 1 if outcome.left else 0


def _run(parameters: dict[str, Any]) -> Withdrawal:
    from flows.cli.screen import Screen
    from flows.journals.withdraw.flow import withdraw as flow

    screen: Screen[Withdrawal] = Screen()
    return run_watched(screen, flow, parameters)


def _show(outcome: Withdrawal, *, as_json: bool) -> None:
    from flows.cli.screen import show, withdrawal_table

    show(outcome, withdrawal_table(outcome), as_json=as_json, failed=outcome.error is not None)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
