"""The command `audit`: shows the payments' audit table, and records what people decide on its documents."""

from __future__ import annotations

import datetime as dt
import getpass
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from blocks.errors import UsageError
from blocks.private_files import write_private
from blocks.text import json_text, visible
from flows.cli.options import FILE, INSTANT, common_options, subcommand_options
from flows.cli.session import in_store

if TYPE_CHECKING:
    from blocks.store.audit_rows import AuditRow
    from blocks.store.journals import Store


@click.group(invoke_without_command=True)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(["sent", "duplicate", "failed", "exception", "unknown", "discarded", "unsupported"]),
    help="Only rows of this status; can be repeated. Discarded rows are shown only with this option.",
)
@click.option("--since", type=INSTANT, help="Only rows that have changed since, YYYY-MM-DD or an instant.")
@click.option("--csv", "file", type=FILE, help="Write the rows to this file.")
@common_options
@click.pass_context
def audit(
    context: click.Context,
    /,
    statuses: tuple[str, ...],
    since: dt.datetime | None,
    file: Path | None,
    connection: str,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Show the payments' audit table. Exit code 1 while one of the rows shown is open."""
    if context.invoked_subcommand is not None:
        context.obj = (connection, directory)
        return
    from blocks.store.audit_rows import Status
    from flows.cli import audit_table
    from flows.payments.report.summary import OPEN
    from flows.runtime.text import counted

    async def read(store: Store, name: str) -> list[AuditRow]:
        return await store.audit.rows(name, statuses=[Status(one) for one in statuses], since=since)

    rows, name = in_store(connection, directory, read)
    if file is not None:
        # With a mark at its beginning, by which spreadsheets tell that it is UTF-8.
        write_private(file, audit_table.csv_text(rows).encode("utf-8-sig"))
    if as_json:
        document = {"connection": name, "rows": [audit_table.document(row) for row in rows]}
        click.echo(json_text(document))
    elif file is not None:
        click.echo(f"Wrote {counted(len(rows), 'row')} to {file}.", err=True)
    else:
        audit_table.show(rows, name)
    sys.exit(1 if any(row.status in OPEN for row in rows) else 0)


@audit.command()
@click.argument("key", required=False)
@click.option("--before-start", is_flag=True, help="All open documents from before the start.")
@click.option("--reason", required=True, help="Why. It is kept in the audit table.")
@subcommand_options
def discard(
    key: str | None, before_start: bool, reason: str, connection: str, directory: Path | None
) -> None:
    """Close the document KEY (kind:xero-id, such as payment:1234). Later runs ignore it.

    With --before-start, close all documents that are dated before the connection's start and wait for a
    decision.
    """
    if (key is None) is not before_start:
        raise click.UsageError("Give either a KEY or --before-start.")
    if key is None:
        _discard_from_before_start(connection, directory, reason)
    else:
        _decide(connection, directory, key, reason)


def _discard_from_before_start(connection: str, directory: Path | None, reason: str) -> None:
    """Close all documents from before the connection's start that wait for a decision; list them by date."""
    from flows.cli.audit_table import dated_line
    from flows.payments import before_start
    from flows.runtime.text import counted

    async def close(store: Store, name: str) -> list[AuditRow]:
        now = dt.datetime.now(dt.UTC)
        closed = await store.audit.discard_from_before_start(name, getpass.getuser(), reason, now)
        # The next run completes their task in Mambu, if there is one.
        for one in await store.incidents.all(name, only_open=True):
            if (one.flow, one.stage) == ("payments", before_start.STAGE):
                await store.incidents.resolve("payments", name, one.day, now, stages={before_start.STAGE})
        return closed

    closed, _ = in_store(connection, directory, close)
    for row in closed:
        click.echo(dated_line(row))
    click.echo(f"Discarded {counted(len(closed), 'document')} dated before the connection's start.")


@audit.command()
@click.argument("key")
@subcommand_options
def undiscard(key: str, connection: str, directory: Path | None) -> None:
    """Reopen the document KEY. If its outcome is unknown, this states that LN does not have it."""
    _decide(connection, directory, key, None)


def _decide(connection: str, directory: Path | None, key: str, reason: str | None) -> None:
    """Close a document for a reason, or without a reason reopen it. Raises UsageError."""
    from blocks.store.audit_rows import parsed_key

    kind, xero_id = parsed_key(key)

    async def change(store: Store, name: str) -> AuditRow:
        row = await store.audit.find(name, kind, xero_id)
        if row is None:
            raise UsageError(f"The audit table of the connection {name} has no {key}.")
        who, now = getpass.getuser(), dt.datetime.now(dt.UTC)
        if reason is None:
            return await store.audit.undiscard(row.key, who, now)
        return await store.audit.discard(row.key, who, reason, now)

    row, _ = in_store(connection, directory, change)
    click.echo(visible(f"{row.key} is {row.status}. {row.reason}"))


@audit.command()
@subcommand_options
def begin(connection: str, directory: Path | None) -> None:
    """Confirm that the payments may begin from this store, though it may be new or restored.

    Payments that were entered in LN manually and are not in the store would be sent again. First import the
    earlier decisions (audit import), or discard these payments. After this, Daybook relies on LN's answer
    that it already has a document.
    """

    async def confirm(store: Store, name: str) -> None:
        await store.beginnings.confirm(name, getpass.getuser(), dt.datetime.now(dt.UTC))

    _, name = in_store(connection, directory, confirm)
    click.echo(f"Confirmed: the payments of {name} may begin from this store. The next run starts from it.")


@audit.command("export")
@click.argument("file", type=FILE)
@subcommand_options
def export_decisions(file: Path, connection: str, directory: Path | None) -> None:
    """Write to FILE which documents people discarded or reopened."""
    from flows.payments import decisions
    from flows.runtime.text import counted

    async def read(store: Store, name: str) -> list[AuditRow]:
        return await store.audit.decided(name)

    rows, name = in_store(connection, directory, read)
    decisions.write(file, name, rows)
    click.echo(f"Exported the decisions on {counted(len(rows), 'document')} of {name} to {file}.")


@audit.command("import")
@click.argument("file", type=FILE)
@subcommand_options
def import_decisions(file: Path, connection: str, directory: Path | None) -> None:
    """Import the decisions in FILE, as audit export wrote it. Later decisions in this store are kept."""
    from flows.payments import decisions
    from flows.runtime.text import counted

    rows = decisions.read(file)

    async def carry_over(store: Store, name: str) -> int:
        mine = [replace(row, entry=replace(row.entry, connection=name)) for row in rows]
        return await store.audit.carry_over(mine)

    taken, name = in_store(connection, directory, carry_over)
    known = len(rows) - taken
    click.echo(
        f"Imported the decisions on {counted(taken, 'document')} for {name}. "
        f"{counted(known, 'other')} {'was' if known == 1 else 'were'} already known, or decided here later."
    )
