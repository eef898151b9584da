"""The command `incidents`: what is open, since when, and what to do."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blocks.text import json_text
from flows.cli.options import DATE, common_options
from flows.cli.session import in_store

if TYPE_CHECKING:
    from blocks.store.journals import Store
    from blocks.store.models import Incident


@click.command()
@click.option("--date", type=DATE, help="Only this day's incidents, YYYY-MM-DD.")
@click.option("--open", "only_open", is_flag=True, help="Only open incidents.")
@common_options
def incidents(connection: str, directory: Path | None, as_json: bool, **filters: Any) -> None:
    """Show what is open, since when, and what to do about it. Exit code 1 while something is open."""

    async def read(store: Store, name: str) -> int:
        return await show(store, name, **filters, as_json=as_json)

    code, _ = in_store(connection, directory, read)
    sys.exit(code)


async def show(store: Store, connection: str, date: dt.date | None, *, only_open: bool, as_json: bool) -> int:
    """Print a connection's incidents and return the exit code: 1 while one is open."""
    from flows.journals.run import staged_folder
    from flows.journals.staging import staged_days

    found = await store.incidents.all(connection, day=date, only_open=only_open)
    still = sorted({one.day for one in found if one.resolved is None})
    staged = [one for one in staged_days(connection, staged_folder(connection)) if date in {None, one.date}]
    if as_json:
        document = {
            "incidents": [_document(one) for one in found],
            "staged": [one.model_dump(mode="json") for one in staged],
        }
        click.echo(json_text(document))
    else:
        from flows.cli.screen import incident_table, show_lines

        days = ", ".join(map(str, still))
        show_lines(
            *map(incident_table, found),
            *(f"Staged: {one}." for one in staged),
            f"Open incidents for the connection {connection}: {days}."
            if still
            else f"There are no open incidents for the connection {connection}.",
        )
    return 1 if still else 0


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
