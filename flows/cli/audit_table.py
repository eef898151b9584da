"""Rows of the payments' audit table for people: as JSON, as CSV, and in the terminal."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from blocks.store.audit_rows import AuditRow, waits_from_before_start
from blocks.text import visible
from flows.cli.screen import documents_table, show_lines
from flows.payments.report.page import amount_shown, amount_text
from flows.payments.report.summary import OPEN
from flows.runtime.text import counted

_MOST_ROWS = 200
# A spreadsheet reads a cell that starts with one of these, the last being a minus sign, as a formula.
_FORMULA = ("=", "+", "-", "@", "\u2212")
_BANK_NUMBER = re.compile(r'(?<="BankAccountNumber":")(?:[^"\\]|\\.)+(?=")')
# A shorter number has no end to show, and could be part of a text by chance.
_SURELY_ONE = 8


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
    """Keep only the ends of our bank accounts' numbers, wherever a row names them: files are passed on."""
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


def _text(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at else None


def dated_line(row: AuditRow) -> str:
    """Return a document in a line of the terminal, its date first."""
    whom = " · ".join(text for text in (row.entry.contact_name, row.entry.invoice_number) if text)
    return visible(f"{row.entry.day}  {row.key}  {amount_shown(row.entry)}  {whom}".rstrip())


def show(rows: Sequence[AuditRow], name: str) -> None:
    """Print the last rows of a connection as a table, and how many of all rows are open."""
    # People tell documents from before the start apart by date.
    last = sorted(rows, key=_by_date_from_before_start)[-_MOST_ROWS:]
    if not last:
        show_lines("There are no such rows.")
        return
    texts = [(row.entry, str(row.status), f"{row.reason} {_tried(row)}".strip()) for row in last]
    table = documents_table(f"Audit of the payments of {name}", texts)
    if len(rows) > len(last):
        table.caption = f"the last {len(last)} of {len(rows):,} rows; --csv FILE or --json shows them all"
    still = sum(row.status in OPEN for row in rows)
    show_lines(table, f"{counted(len(rows), 'row')}, {still:,} of them open.")


def _by_date_from_before_start(row: AuditRow) -> str:
    return str(row.entry.day) if waits_from_before_start(row) else ""


def _tried(row: AuditRow) -> str:
    return f"(Sent {row.tries} times.)" if row.tries > 1 else ""
