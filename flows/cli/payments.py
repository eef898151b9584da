"""The command `payments`: a window of changes, Xero to Infor LN."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from flows.cli.options import DATE, INSTANT, common_options
from flows.cli.session import connected, run_watched


@click.command()
@click.option(
    "--since", type=INSTANT, help="The window's start (default: the end of the last completed window)."
)
@click.option("--until", type=INSTANT, help="The window's end (default: now).")
@click.option("--date", type=DATE, help="One day (UTC), YYYY-MM-DD, instead of --since and --until.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, without sending it.")
@common_options
def payments(connection: str, directory: Path | None, as_json: bool, **parameters: Any) -> None:
    """Send a window from Xero to Infor LN. Safe to run again: what LN accepted is not sent again.

    Instants are ISO 8601, such as 2026-11-20T08:00:00+00:00; without an offset they are UTC.
    """
    with connected(connection, directory, "payments") as name:
        from flows.cli.screen import Screen, failure_table, payments_table, show
        from flows.payments.flow import payments as flow
        from flows.payments.report.summary import PaymentsSummary

        screen: Screen[PaymentsSummary] = Screen()
        summary = run_watched(screen, flow, {**parameters, "connection": name})
    hint = ""
    if directory is not None and summary.documents:
        hint = (
            f"To see LN's books: python -m flows.main sandbox --port 8765 --dir {directory}. "
            f"To see the audit table: python -m flows.main audit --sandbox-dir {directory}"
        )
    show(
        summary,
        payments_table(summary),
        as_json=as_json,
        failed=summary.status == "failed",
        failure=failure_table(summary.failure, summary.incident),
        notes=summary.notes,
        hint=hint,
    )
    if screen.error is not None:
        sys.exit(screen.error.exit_code)
    sys.exit(1 if summary.anything_open else 0)
