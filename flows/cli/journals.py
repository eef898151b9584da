"""The command `journals`: one day, Mambu to Xero."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blocks.errors import DaybookError
from flows.cli.options import DATE, common_options
from flows.cli.session import connected, run_watched

if TYPE_CHECKING:
    from flows.journals.report.summary import Summary


@click.command()
@click.option("--date", type=DATE, help="The day, YYYY-MM-DD (default: yesterday in Mambu's time zone).")
@click.option("--dry-run", is_flag=True, help="Show the journals that would be sent, without sending them.")
@click.option("--refresh", is_flag=True, help="Read the day from Mambu again, even if its lines are on file.")
@click.option(
    "--start-from",
    type=click.Choice(["extract", "process", "send"]),
    default="extract",
    show_default=True,
    help="Start from this stage and use what an earlier run kept of the stages before it.",
)
@common_options
def journals(connection: str, directory: Path | None, as_json: bool, **parameters: Any) -> None:
    """Send one day from Mambu to Xero. Safe to run again: only what is missing in Xero is sent."""
    with connected(connection, directory) as name:
        from flows.cli.screen import Screen, batch_table, failure_table, show
        from flows.journals.flow import journals as flow

        screen: Screen[Summary] = Screen()
        summary = run_watched(screen, flow, {**parameters, "connection": name})
    failed = summary.status == "failed"
    hint = ""
    if directory is not None and summary.batches:
        hint = f"To see the drafts in the sandbox: python -m flows.main sandbox --port 8765 --dir {directory}"
    table, failure = batch_table(summary), failure_table(summary.failure, summary.incident)
    show(summary, table, as_json=as_json, failed=failed, failure=failure, hint=hint)
    sys.exit(exit_code(summary, screen.error))


def exit_code(summary: Summary, error: DaybookError | None) -> int:
    """Return the exit code after a run of the journals."""
    if error is not None:
        return error.exit_code
    return 1 if summary.open or summary.status == "failed" else 0
