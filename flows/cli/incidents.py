"""The command `incidents`: what is open, since when, what rests of it, and what to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from blocks.store.journals import Store
from blocks.store.models import Incident
from blocks.text import json_text
from flows.cli.screen import shown, title
from flows.journals.run import staged_folder
from flows.journals.staging import StagedDay, staged_days
from flows.runtime.failures import WITHDRAWAL
from flows.runtime.text import capital


async def show(store: Store, connection: str, date: dt.date | None, *, only_open: bool, as_json: bool) -> int:
    """Print a connection's incidents and return the exit code: 1 while one is open."""
    async with store:
        found = await store.incidents.all(connection, day=date, only_open=only_open)
    staged = [one for one in staged_days(connection, staged_folder(connection)) if date in {None, one.date}]
    if as_json:
        document = {
            "incidents": [_document(one) for one in found],
            "staged": [one.model_dump(mode="json") for one in staged],
        }
        click.echo(json_text(document))
    else:
        _print(found, staged, connection)
    return 1 if any(one.resolved is None for one in found) else 0


def _document(incident: Incident) -> dict[str, Any]:
    return {
        "flow": incident.flow,
        "connection": incident.connection,
        "date": str(incident.day),
        "stage": incident.stage,
        "step": incident.step or None,
        "error": incident.error,
        "remedy": incident.remedy,
        "opened": incident.opened.isoformat(),
        "resolved": incident.resolved.isoformat() if incident.resolved else None,
        "mambu_task": incident.task_id,
    }


def _print(found: Sequence[Incident], staged: Sequence[StagedDay], connection: str) -> None:
    console = Console(highlight=False)
    still = [one for one in found if one.resolved is None]
    for incident in found:
        console.print(_table(incident))
    for one in staged:
        console.print(shown(f"Staged: {one}."))
    if still:
        days = ", ".join(str(day) for day in sorted({one.day for one in still}))
        console.print(shown(f"Open for the connection {connection}: {days}."))
    else:
        console.print(shown(f"Nothing is open for the connection {connection}."))


def _run_of(incident: Incident) -> str:
    """Return which kind of run it was: a withdrawal has its day in common with the journals."""
    withdrawal = incident.flow == "journals" and incident.stage in WITHDRAWAL
    return "Withdrawal" if withdrawal else capital(incident.flow)


def _table(incident: Incident) -> Table:
    place = f"{incident.stage} ({incident.step})" if incident.step else incident.stage
    # Exceptions stop nothing.
    stopped = "" if incident.stage == "exceptions" else "stopped at "
    table = Table(
        title=title(f"{_run_of(incident)}, {incident.day}: {stopped}{place}"),
        title_justify="left",
        show_header=False,
        expand=True,
    )
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    times = "" if incident.times == 1 else f", {incident.times} times by now"
    rows = [
        ("What happened", incident.error),
        ("What to do next", incident.remedy),
        ("Open since", f"{incident.opened:%Y-%m-%d %H:%M} UTC{times}"),
        ("Mambu task", incident.task_id or "not logged"),
    ]
    if incident.resolved:
        rows.append(("Resolved", f"{incident.resolved:%Y-%m-%d %H:%M} UTC"))
    for name, value in rows:
        table.add_row(name, shown(value))
    return table
