"""The command line: `python -m flows.main COMMAND`; without a command it is `journals`."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from blocks.dates import require_askable
from blocks.process import run_command


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
            date = dt.datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
        except ValueError:
            self.fail(f"{value!r} is not a date such as 2026-11-20.", param, ctx)
        require_askable(_called(param), date)
        return date


class _Instant(click.ParamType[dt.datetime]):
    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        try:
            instant = dt.datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not an instant such as 2026-11-20T08:00:00+00:00.", param, ctx)
        require_askable(_called(param), instant)
        return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)


def _called(param: click.Parameter | None) -> str:
    return param.opts[0] if param else "date"


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
        click.option(
            "--sandbox", is_flag=True, help="Use the stand-ins for the other systems on this machine."
        ),
        click.option(
            "--connection", default="default", show_default=True, help="The name of the saved connection."
        ),
    ):
        command = option(command)
    return command


def _reached(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a subcommand its connection and sandbox, said before the subcommand or after it."""

    @click.option("--connection", help="The name of the saved connection.")
    @click.option("--sandbox", is_flag=True, help="Use the sandbox on this machine.")
    @click.option("--sandbox-dir", type=click.Path(file_okay=False, path_type=Path), help="Where that is.")
    @click.pass_context
    @wraps(command)
    def with_them(
        context: click.Context,
        /,
        connection: str | None,
        sandbox: bool,
        sandbox_dir: Path | None,
        **rest: Any,
    ) -> Any:
        from flows.cli import session as local

        named, in_sandbox, directory = context.obj
        place = sandbox_dir or directory
        used = sandbox or in_sandbox or place is not None
        path = local.sandbox_directory(place) if used else None
        return command(connection=connection or named, directory=path, **rest)

    return with_them


@click.group(cls=_JournalsByDefault, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="daybook", prog_name="daybook")
def main() -> None:
    """Daybook: Mambu's journal lines in Xero as draft manual journals; Xero's payments in Infor LN.

    Without a command it is journals. Exit codes: 0 done and nothing open; 1 the run failed, something does
    not tie out, or something is refused; 2 wrong use or configuration; 130 interrupted, 143 terminated.
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
    from flows.cli import session as local

    parameters = {"date": date, "dry_run": dry_run, "refresh": refresh, "start_from": start_from}
    directory = local.sandbox_directory(sandbox_dir) if sandbox or sandbox_dir else None
    sys.exit(local.run_journals(parameters, connection, directory, as_json=as_json))


@main.command()
@click.option("--since", type=_Instant(), help="From when on (default: from the last complete run's end).")
@click.option("--until", type=_Instant(), help="Up to when (default: now).")
@click.option("--date", type=_Date(), help="One day (UTC), YYYY-MM-DD, in place of since and until.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@_common
def payments(
    since: dt.datetime | None,
    until: dt.datetime | None,
    date: dt.date | None,
    dry_run: bool,
    connection: str,
    sandbox: bool,
    sandbox_dir: Path | None,
    as_json: bool,
) -> None:
    """A window, Xero to Infor LN. Safe to run again: what LN took is not sent again.

    Instants are ISO 8601, such as 2026-11-20T08:00:00+00:00; without an offset they are UTC.
    """
    from flows.cli import payments as paying
    from flows.cli import session as local

    parameters = {"since": since, "until": until, "date": date, "dry_run": dry_run}
    directory = local.sandbox_directory(sandbox_dir) if sandbox or sandbox_dir else None
    sys.exit(paying.run(parameters, connection, directory, as_json=as_json))


@main.group(invoke_without_command=True)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(["sent", "duplicate", "failed", "exception", "unknown", "discarded", "unsupported"]),
    help="Only rows of this status; can be given several times. Discarded ones are shown only so.",
)
@click.option("--since", type=_Instant(), help="Only rows that have changed since, YYYY-MM-DD or an instant.")
@click.option(
    "--csv", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write them to this file."
)
@_common
@click.pass_context
def audit(
    context: click.Context,
    statuses: tuple[str, ...],
    since: dt.datetime | None,
    file: Path | None,
    connection: str,
    sandbox: bool,
    sandbox_dir: Path | None,
    as_json: bool,
) -> None:
    """Show the payments' audit table. Exit code 1 while one of the rows shown is open."""
    if context.invoked_subcommand is not None:
        context.obj = (connection, sandbox, sandbox_dir)
        return
    from blocks.store.audit_rows import Status
    from flows.cli import audit as auditing
    from flows.cli import session as local

    directory = local.sandbox_directory(sandbox_dir) if sandbox or sandbox_dir else None
    wanted = [Status(status) for status in statuses]
    sys.exit(auditing.show(connection, directory, wanted, since, file, as_json=as_json))


@audit.command()
@click.argument("key", required=False)
@click.option("--before-start", is_flag=True, help="All that is from before the start and waits, not one.")
@click.option("--reason", required=True, help="Why: kept in the audit table.")
@_reached
def discard(
    key: str | None, before_start: bool, reason: str, connection: str, directory: Path | None
) -> None:
    """Close the document KEY (kind:xero-id, such as payment:1234): no run looks at it again.

    With --before-start, close all documents that are dated before the connection's start and wait for a
    person's word.
    """
    from flows.cli import audit as auditing

    if (key is None) is not before_start:
        raise click.UsageError("Give either a KEY or --before-start.")
    if key is None:
        auditing.discard_from_before_start(connection, directory, reason)
    else:
        auditing.discard(connection, directory, key, reason)


@audit.command()
@click.argument("key")
@_reached
def undiscard(key: str, connection: str, directory: Path | None) -> None:
    """Reopen the document KEY. Of one of unknown outcome this says that LN does not have it."""
    from flows.cli import audit as auditing

    auditing.discard(connection, directory, key, None)


@audit.command()
@_reached
def begin(connection: str, directory: Path | None) -> None:
    """Confirm that the payments may begin from this store, though it may be new or set back.

    What people booked in LN by hand and the store does not know is sent again: carry their decisions over
    first (audit import), or discard it. From then on LN's word for what it has is an answer.
    """
    from flows.cli import audit as auditing

    auditing.begin(connection, directory)


@audit.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_reached
def export_decisions(file: Path, connection: str, directory: Path | None) -> None:
    """Write to FILE what people have decided on documents: what they discarded, and reopened."""
    from flows.cli import audit as auditing

    auditing.export_decisions(connection, directory, file)


@audit.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_reached
def import_decisions(file: Path, connection: str, directory: Path | None) -> None:
    """Take over the decisions in FILE, as audit export wrote it. What was decided here later stands."""
    from flows.cli import audit as auditing

    auditing.import_decisions(connection, directory, file)


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
    from flows.cli import session as local
    from flows.cli import withdraw as withdrawing

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
    from flows.cli import session as local

    directory = local.sandbox_directory(sandbox_dir) if sandbox or sandbox_dir else None
    sys.exit(local.show_incidents(connection, directory, date, only_open=only_open, as_json=as_json))


@main.command()
@click.option("--notify", metavar="KIND/NAME", help="A block to notify by as well: slack-webhook/finance.")
def automations(notify: str | None) -> None:
    """Create Prefect's automations for runs that crashed, went silent, are late, or failed."""
    import asyncio

    from flows.cli.automations import create

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
    """Serve the stand-ins for Mambu, Xero and Infor LN on this machine until interrupted."""
    from blocks.sandbox.app import serve
    from blocks.sandbox.process import SandboxSettings
    from flows.cli import session as local

    serve(SandboxSettings(local.sandbox_directory(directory), port, lines_per_day, limits))


if __name__ == "__main__":
    run_command(main, "python -m flows.main")
