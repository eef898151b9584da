"""The command line: `python -m flows.main COMMAND`; without a command it is `journals`."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from blocks.command_line import run_command


class _JournalsByDefault(click.Group):
    """A group whose command may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in {"-h", "--help", "--version"}):
            named = [arg for arg in args if not arg.startswith("-")]
            if args and not args[0].startswith("-") and named:
                return super().parse_args(ctx, args)
            args = ["journals", *args]
        return super().parse_args(ctx, args)


class _Date(click.ParamType[dt.date]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        if isinstance(value, dt.date):
            return value
        try:
            return dt.datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
        except ValueError:
            self.fail(f"{value!r} is not a date such as 2026-11-20.", param, ctx)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON object on stdout, and nothing else."
        ),
        click.option(
            "--sandbox-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where the sandbox keeps its state (default: sandbox in the home folder).",
        ),
        click.option("--sandbox", is_flag=True, help="Use the stand-ins for Mambu and Xero on this machine."),
        click.option(
            "--connection", default="default", show_default=True, help="The name of the saved connection."
        ),
    ):
        command = option(command)
    return command


@click.group(cls=_JournalsByDefault, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="daybook", prog_name="daybook")
def main() -> None:
    """Daybook: each night's Mambu journal lines in Xero, once, as balanced draft manual journals.

    Without a command it is journals. Exit codes: 0 done and nothing open; 1 the run failed, something does
    not tie out, or something is refused; 2 wrong use or configuration; 130 interrupted.
    """


@main.command()
@click.option("--date", type=_Date(), help="The day, YYYY-MM-DD (default: yesterday in Mambu's time zone).")
@click.option("--dry-run", is_flag=True, help="Show the journals that would be sent, and send nothing.")
@click.option("--refresh", is_flag=True, help="Read the day from Mambu again, whatever is kept of it.")
@click.option(
    "--start-from",
    type=click.Choice(["extract", "process", "send"]),
    default="extract",
    show_default=True,
    help="Start from this stage, with what an earlier run has left of the ones before it.",
)
@_common
def journals(
    date: dt.date | None,
    dry_run: bool,
    refresh: bool,
    start_from: str,
    connection: str,
    sandbox: bool,
    sandbox_dir: Path | None,
    as_json: bool,
) -> None:
    """One day, Mambu to Xero. Safe to run again: only what Xero does not have is sent."""
    from flows import local

    parameters = {"date": date, "dry_run": dry_run, "refresh": refresh, "start_from": start_from}
    directory = local.sandbox_directory(sandbox_dir) if sandbox or sandbox_dir else None
    sys.exit(local.run_journals(parameters, connection, directory, as_json=as_json))


@main.command()
@click.option("--date", type=_Date(), required=True, help="The day, YYYY-MM-DD.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--include-posted", is_flag=True, help="Void the day's posted journals too.")
@click.option(
    "--include-edited", is_flag=True, help="Take out what a person has edited, or may have, as well."
)
@_common
def withdraw(
    date: dt.date,
    yes: bool,
    include_posted: bool,
    include_edited: bool,
    connection: str,
    sandbox: bool,
    sandbox_dir: Path | None,
    as_json: bool,
) -> None:
    """Take a day's drafts out of Xero, after a question; what a person posted or edited stays."""
    from flows import local, withdrawing

    parameters = {"date": date, "include_posted": include_posted, "include_edited": include_edited}
    directory = local.sandbox_directory(sandbox_dir) if sandbox or sandbox_dir else None
    sys.exit(withdrawing.run(parameters, connection, directory, yes=yes, as_json=as_json))


@main.command()
@click.option("--date", type=_Date(), help="Only this day's, YYYY-MM-DD.")
@click.option("--open", "only_open", is_flag=True, help="Only what is open.")
@_common
def incidents(
    date: dt.date | None,
    only_open: bool,
    connection: str,
    sandbox: bool,
    sandbox_dir: Path | None,
    as_json: bool,
) -> None:
    """Show what is open, since when, and what to do about it. Exit code 1 while something is open."""
    from flows import local

    directory = local.sandbox_directory(sandbox_dir) if sandbox or sandbox_dir else None
    sys.exit(local.show_incidents(connection, directory, date, only_open=only_open, as_json=as_json))


@main.command()
@click.option("--notify", metavar="KIND/NAME", help="A block to notify by as well: slack-webhook/finance.")
def automations(notify: str | None) -> None:
    """Create Prefect's automations for runs that crashed, are late, or failed."""
    import asyncio

    from flows.automations import create

    for name in asyncio.run(create(notify)):
        click.echo(name)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port (default: any free one).")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the sandbox keeps its state (default: sandbox in the home folder).",
)
@click.option(
    "--lines-per-day",
    type=click.IntRange(40, 10_000_000),
    default=1200,
    show_default=True,
    help="How many journal lines each day has.",
)
@click.option("--limits", is_flag=True, help="Enforce Xero's limits on calls.")
def sandbox(port: int, directory: Path | None, lines_per_day: int, limits: bool) -> None:
    """Serve the stand-ins for Mambu and Xero on this machine until interrupted."""
    from blocks.sandbox.process import SandboxSettings
    from blocks.sandbox.server import serve
    from flows import local

    serve(SandboxSettings(local.sandbox_directory(directory), port, lines_per_day, limits))


if __name__ == "__main__":
    run_command(main, "python -m flows.main")
