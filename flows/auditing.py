"""The command `audit`: the payments' audit table as a table, JSON or CSV; and a person's word on it."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import getpass
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from blocks.audit_rows import AuditRow, Status, parsed_key
from blocks.errors import UsageError
from flows import local
from flows.payments.summary import OPEN
from flows.words import counted

_MOST_ROWS = 200
# With one of these at its beginning, a spreadsheet takes a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def show(
    connection: str,
    sandbox: Path | None,
    statuses: Sequence[Status],
    since: dt.datetime | None,
    file: Path | None,
    *,
    as_json: bool,
) -> int:
    """Show a connection's audit rows, or write them to a file; return 1 while one of them is open."""

    async def read() -> tuple[list[AuditRow], str]:
        store, name = await local.opened_store(connection, sandbox)
        async with store:
            return await store.audit.rows(name, statuses=statuses, since=since), name

    rows, name = asyncio.run(read())
    if file is not None:
        _write(file, rows)
    if as_json:
        click.echo(
            json.dumps({"connection": name, "rows": [document(row) for row in rows]}, ensure_ascii=False)
        )
    elif file is not None:
        click.echo(f"Wrote {counted(len(rows), 'row')} to {file}.", err=True)
    else:
        _print(rows, name)
    return 1 if any(row.status in OPEN for row in rows) else 0


def discard(connection: str, sandbox: Path | None, key: str, reason: str | None) -> None:
    """Close a document on this person's word, or with no reason reopen it. Raises UsageError."""
    kind, xero_id = parsed_key(key)

    async def change() -> AuditRow:
        store, name = await local.opened_store(connection, sandbox)
        async with store:
            row = await store.audit.find(name, kind, xero_id)
            if row is None:
                raise UsageError(f"The audit table of the connection {name} has no {key}.")
            who, now = getpass.getuser(), dt.datetime.now(dt.UTC)
            if reason is None:
                return await store.audit.undiscard(row.key, who, now)
            return await store.audit.discard(row.key, who, reason, now)

    row = asyncio.run(change())
    click.echo(f"{row.key} is {row.status}. {row.reason}")


def document(row: AuditRow) -> dict[str, Any]:
    """Return a row as JSON and CSV show it, by column."""
    entry, result = row.entry, row.result
    return {
        "key": str(row.key),
        "status": str(row.status),
        "reason": row.reason,
        "tries": row.tries,
        "first_seen": _text(row.first_seen),
        "last_try": _text(row.last_try),
        "sent_at": _text(row.sent_at),
        "changed_at": _text(row.changed_at),
        "discarded": row.discarded,
        "discarded_by": row.discarded_by or None,
        "discarded_at": _text(row.discarded_at),
        "document_type": entry.document_type,
        "partner": entry.partner,
        "invoice_number": entry.invoice_number,
        "contact_name": entry.contact_name,
        "date": str(entry.day) if entry.day else None,
        "amount": entry.amount,
        "currency": entry.currency,
        "prepayment_id": entry.prepayment_id or None,
        "message": row.message or None,
        "http_status": result.http_status,
        "ln_code": result.ln_code or None,
        "ln_message": result.ln_message or None,
        "ln_request_id": result.ln_request_id or None,
        "organisation": row.key.organisation,
        "connection": entry.connection,
        "run_id": row.run_id,
    }


def csv_text(rows: Sequence[AuditRow]) -> str:
    """Return rows as CSV in which no cell can start a formula."""
    found = [document(row) for row in rows]
    columns = list(found[0]) if found else ["key", "status", "reason"]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(one[name]) for name in columns] for one in found)
    return out.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _write(file: Path, rows: Sequence[AuditRow]) -> None:
    try:
        # With a mark at its beginning, by which spreadsheets tell that it is UTF-8.
        file.write_text(csv_text(rows), encoding="utf-8-sig", newline="")
    except OSError as error:
        raise UsageError(f"{file} cannot be written ({error.strerror}).") from None


def _text(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at else None


def _print(rows: Sequence[AuditRow], name: str) -> None:
    console = Console(highlight=False)
    shown = rows[-_MOST_ROWS:]
    if shown:
        table = Table(title=f"Audit of the payments of {name}", title_justify="left", caption_justify="left")
        table.add_column("Key", overflow="fold", min_width=20)
        table.add_column("Status", no_wrap=True)
        table.add_column("Contact", overflow="fold")
        table.add_column("Invoice", overflow="fold")
        for column in ("Amount", "Tries"):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("Why", overflow="fold", ratio=1)
        for row in shown:
            entry = row.entry
            texts = (str(row.key), str(row.status), entry.contact_name, entry.invoice_number)
            figures = (f"{entry.amount} {entry.currency}", str(row.tries))
            table.add_row(*(escape(text) for text in (*texts, *figures, row.reason)))
        if len(rows) > len(shown):
            table.caption = f"The last {len(shown)} of {len(rows):,}: --csv FILE or --json give them all."
        console.print(table)
    left = sum(row.status in OPEN for row in rows)
    console.print(
        f"{counted(len(rows), 'row')}, {left:,} of them open."
        if rows
        else "The audit table has no such row.",
        markup=False,
    )
