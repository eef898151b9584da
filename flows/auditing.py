"""The command `audit`: the payments' audit table as a table, JSON or CSV; and a person's word on it."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import getpass
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from blocks.audit_rows import AuditRow, Entry, Status, parsed_key
from blocks.errors import UsageError
from flows import local
from flows.payments.page import amount_shown, amount_text
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
        "amount": amount_text(entry),
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


def documents_table(title: str, rows: Iterable[tuple[Entry, str, str]]) -> Table:
    """Return documents with their status and what is said of them, to be read in a narrow terminal too."""
    table = Table(
        title=title, title_justify="left", caption_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0)
    )
    table.add_column("Status", no_wrap=True)
    table.add_column("Document", overflow="fold", ratio=1)
    table.add_column("Amount", justify="right", no_wrap=True)
    for entry, status, said in rows:
        whom = " · ".join(text for text in (entry.contact_name, entry.invoice_number) if text)
        what = "\n".join(text for text in (str(entry.key), whom, said) if text)
        table.add_row(status, escape(what), amount_shown(entry))
    return table


def _print(rows: Sequence[AuditRow], name: str) -> None:
    console = Console(highlight=False)
    shown = rows[-_MOST_ROWS:]
    if shown:
        texts = [(row.entry, str(row.status), f"{row.reason} {_tried(row)}".strip()) for row in shown]
        table = documents_table(f"Audit of the payments of {name}", texts)
        if len(rows) > len(shown):
            table.caption = f"The last {len(shown)} of {len(rows):,}: --csv FILE or --json give them all."
        console.print(table)
    left = sum(row.status in OPEN for row in rows)
    told = f"{counted(len(rows), 'row')}, {left:,} of them open." if rows else "There are no such rows."
    console.print(told, markup=False)


def _tried(row: AuditRow) -> str:
    return f"(Posted {row.tries} times.)" if row.tries > 1 else ""
