"""The command `audit`: the payments' audit table as a table, JSON or CSV; and a person's word on it."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import getpass
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from blocks.errors import UsageError
from blocks.process import write_private
from blocks.store.audit_rows import AuditRow, Entry, Status, parsed_key, waits_from_before_start
from blocks.text import json_text, visible
from flows.cli import session as local
from flows.cli.screen import shown, title
from flows.payments import before_start, decisions
from flows.payments.report.page import amount_shown, amount_text
from flows.payments.report.summary import OPEN
from flows.runtime.text import counted

_MOST_ROWS = 200
# With one of these at its beginning, the last being a minus sign, a spreadsheet takes a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\u2212")
_BANK_NUMBER = re.compile(r'(?<="BankAccountNumber":")(?:[^"\\]|\\.)+(?=")')
# A shorter number has no end to tell, and could stand in a text by chance.
_SURELY_ONE = 8


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
        click.echo(json_text({"connection": name, "rows": [document(row) for row in rows]}))
    elif file is not None:
        click.echo(f"Wrote {counted(len(rows), 'row')} to {file}.", err=True)
    else:
        _print(rows, name)
    return 1 if any(row.status in OPEN for row in rows) else 0


def discard_from_before_start(connection: str, sandbox: Path | None, reason: str) -> None:
    """Close all that is older than the connection and waits for a person's word; list it by date."""

    async def change() -> list[AuditRow]:
        store, name = await local.opened_store(connection, sandbox)
        async with store:
            now = dt.datetime.now(dt.UTC)
            closed = await store.audit.discard_from_before_start(name, getpass.getuser(), reason, now)
            # The next run completes the task in Mambu that tells of them, if there is one.
            for one in await store.incidents.all(name, only_open=True):
                if (one.flow, one.stage) == ("payments", before_start.STAGE):
                    await store.incidents.resolve("payments", name, one.day, now, stages={before_start.STAGE})
            return closed

    closed = asyncio.run(change())
    for row in closed:
        click.echo(dated_line(row))
    click.echo(f"Discarded {counted(len(closed), 'document')} dated before the connection's start.")


def dated_line(row: AuditRow) -> str:
    """Return a document in a line of the terminal, its date first."""
    whom = " · ".join(text for text in (row.entry.contact_name, row.entry.invoice_number) if text)
    return visible(f"{row.entry.day}  {row.key}  {amount_shown(row.entry)}  {whom}".rstrip())


def begin(connection: str, sandbox: Path | None) -> None:
    """Record this person's word that the payments may begin from the store as it is."""

    async def change() -> str:
        store, name = await local.opened_store(connection, sandbox)
        async with store:
            await store.beginnings.confirm(name, getpass.getuser(), dt.datetime.now(dt.UTC))
            return name

    name = asyncio.run(change())
    click.echo(f"The payments of {name} may begin from this store: the next run goes on from it.")


def export_decisions(connection: str, sandbox: Path | None, file: Path) -> None:
    """Write to a file, which is its owner's alone, what people have decided on documents."""

    async def read() -> tuple[list[AuditRow], str]:
        store, name = await local.opened_store(connection, sandbox)
        async with store:
            return await store.audit.decided(name), name

    rows, name = asyncio.run(read())
    decisions.write(file, name, rows)
    click.echo(f"Wrote people's decisions on {counted(len(rows), 'document')} of {name} to {file}.")


def import_decisions(connection: str, sandbox: Path | None, file: Path) -> None:
    """Take over what people have decided on documents, as it was exported from another store."""
    rows = decisions.read(file)

    async def change() -> tuple[int, str]:
        store, name = await local.opened_store(connection, sandbox)
        async with store:
            mine = [replace(row, entry=replace(row.entry, connection=name)) for row in rows]
            return await store.audit.carry_over(mine), name

    taken, name = asyncio.run(change())
    stood = len(rows) - taken
    click.echo(
        f"Took over people's decisions on {counted(taken, 'document')} for {name}; "
        f"{counted(stood, 'other')} {'was' if stood == 1 else 'were'} known, or decided here since."
    )


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
    click.echo(visible(f"{row.key} is {row.status}. {row.reason}"))


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
    """Return rows as CSV in which no cell can start a formula, and no bank account's number is whole."""
    found = [_without_numbers(document(row), row.entry.bank_account) for row in rows]
    columns = list(found[0]) if found else ["key", "status", "reason"]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(one[name]) for name in columns] for one in found)
    return out.getvalue()


def _without_numbers(shown: dict[str, Any], bank_account: str | None) -> dict[str, Any]:
    """Tell only the ends of our bank accounts' numbers, wherever a row names it: files are passed on."""
    message = shown["message"] or ""
    sent = _BANK_NUMBER.search(message)
    # A row follows Xero: what was sent may name another account than the one there now.
    numbers = {sent[0] if sent else "", bank_account or ""}
    masked = {**shown, "message": _BANK_NUMBER.sub(lambda found: _end_of(found[0]), message)}
    for number in sorted((one for one in numbers if len(one) >= _SURELY_ONE), key=len, reverse=True):
        for name in ("message", "reason", "ln_message"):
            masked[name] = (masked[name] or "").replace(number, _end_of(number))
    return masked


def _end_of(number: str) -> str:
    return f"****{number[-4:]}" if len(number) >= _SURELY_ONE else "****"


def _cell(value: object) -> str:
    text = visible("" if value is None else str(value), lines=True)
    # Full-width and small signs count as the plain ones, and any blank before them as none.
    plain = unicodedata.normalize("NFKC", text).lstrip()
    return f"'{text}" if plain.startswith(_FORMULA) else text


def _write(file: Path, rows: Sequence[AuditRow]) -> None:
    # With a mark at its beginning, by which spreadsheets tell that it is UTF-8.
    write_private(file, csv_text(rows).encode("utf-8-sig"))


def _text(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at else None


def documents_table(name: str, rows: Iterable[tuple[Entry, str, str]]) -> Table:
    """Return documents with their status and what is said of them, to be read in a narrow terminal too."""
    table = Table(
        title=title(name), title_justify="left", caption_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0)
    )
    table.add_column("Status", no_wrap=True)
    table.add_column("Document", overflow="fold", ratio=1)
    table.add_column("Amount", justify="right", no_wrap=True)
    for entry, status, said in rows:
        day = str(entry.day or "")
        whom = " · ".join(text for text in (day, entry.contact_name, entry.invoice_number) if text)
        what = "\n".join(visible(text) for text in (str(entry.key), whom, said) if text)
        table.add_row(shown(status), shown(what), shown(amount_shown(entry)))
    return table


def _print(rows: Sequence[AuditRow], name: str) -> None:
    console = Console(highlight=False)
    # What is from before the start is for people to tell apart by date.
    last = sorted(rows, key=_by_date_from_before_start)[-_MOST_ROWS:]
    if last:
        texts = [(row.entry, str(row.status), f"{row.reason} {_tried(row)}".strip()) for row in last]
        table = documents_table(f"Audit of the payments of {name}", texts)
        if len(rows) > len(last):
            table.caption = f"The last {len(last)} of {len(rows):,}: --csv FILE or --json give them all."
        console.print(table)
    left = sum(row.status in OPEN for row in rows)
    told = f"{counted(len(rows), 'row')}, {left:,} of them open." if rows else "There are no such rows."
    console.print(shown(told))


def _by_date_from_before_start(row: AuditRow) -> str:
    return str(row.entry.day) if waits_from_before_start(row) else ""


def _tried(row: AuditRow) -> str:
    return f"(Posted {row.tries} times.)" if row.tries > 1 else ""
