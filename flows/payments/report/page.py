"""What a run of the payments leaves for people: the date's page and its audit table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from blocks.store.audit_rows import AuditRow, Entry, Status
from blocks.store.models import TaskState
from flows.money import grouped, minor_digits, money_text, to_minor
from flows.payments.models import Action
from flows.payments.report.summary import OPEN, PaymentsSummary
from flows.runtime.text import bullets, capital, cell, table

_TITLES = {
    "completed": "Payments from Xero in Infor LN",
    "dry-run": "Payments that would be sent to Infor LN",
    "failed": "Payments to Infor LN: failed",
}


def page(summary: PaymentsSummary) -> str:
    """Return the date's page: how the last run went, and what is open from whatever run."""
    failure = summary.failure
    parts = [f"# {_TITLES[summary.status]}, {summary.date}", cell(summary.message)]
    if failure is not None:
        parts = [f"# {cell(failure.title)}", f"## What happened\n\n{cell(failure.happened)}"]
        parts.append("## What is safe\n\n" + " ".join(failure.safe))
        parts.append(f"## What to do next\n\n{failure.remedy}")
        parts.append(f"## Recorded\n\n{bullets(_recorded(summary))}")
    parts.append(_figures(summary))
    if planned := _planned(summary):
        parts.append(f"## What would be done\n\n{planned}")
    if left := [row for row in summary.open if row.key not in summary.told_together]:
        parts.append("## What is open\n\n" + _open(left))
    if summary.before_start:
        by_date = [f"{one.day}: {_whom(one)} ({one.key})" for one in summary.before_start]
        parts.append(f"## Dated before the start: {len(by_date):,}, by date\n\n{bullets(by_date)}")
    if summary.notes:
        parts.append("## Notes\n\n" + bullets(summary.notes))
    return "\n\n".join(parts) + "\n"


def amount_text(entry: Entry) -> str:
    """Return an amount with its currency's decimals, or as Xero has it where it is finer; empty for none."""
    minor = _minor(entry)
    return entry.amount if minor is None else money_text(minor, minor_digits(entry.currency))


def amount_shown(entry: Entry) -> str:
    """Return an amount for reading: its thousands set apart, and its currency."""
    minor = _minor(entry)
    amount = entry.amount if minor is None else grouped(minor, minor_digits(entry.currency))
    return f"{amount} {entry.currency}".strip()


def _minor(entry: Entry) -> int | None:
    return to_minor(Decimal(entry.amount), minor_digits(entry.currency)) if entry.amount else None


def audit_table(rows: Sequence[AuditRow]) -> list[dict[str, str]]:
    """Return audit rows as a table whose cells are texts."""
    return [
        {
            "document": str(row.key),
            "status": str(row.status),
            "why": row.reason,
            "contact": row.entry.contact_name,
            "partner in LN": row.entry.partner,
            "invoice": row.entry.invoice_number,
            "date": str(row.entry.day or ""),
            "amount": amount_text(row.entry),
            "currency": row.entry.currency,
            "tries": str(row.tries),
            "changed": f"{row.changed_at:%Y-%m-%d %H:%M:%S} UTC",
        }
        for row in rows
    ]


def _figures(summary: PaymentsSummary) -> str:
    counts = summary.counts
    sent = "Would be sent" if summary.status == "dry-run" else "Sent now"
    rows = [
        ("Documents", summary.documents),
        (sent, counts[Status.SENT]),
        ("Reported by LN as already processed", counts[Status.DUPLICATE]),
        ("Sent earlier", summary.already_sent),
        ("Refused, or not accepted", counts[Status.FAILED]),
        ("Unknown outcome", counts[Status.UNKNOWN]),
        ("Needs review", counts[Status.EXCEPTION]),
        ("Enter manually in LN", counts[Status.UNSUPPORTED]),
        ("Closed", counts[Status.DISCARDED]),
        ("Waiting for the next run", summary.waiting),
    ]
    return table(["This run", "Documents"], [[name, f"{number:,}"] for name, number in rows], "lr")


def _planned(summary: PaymentsSummary) -> str:
    said = [
        (one.entry, "to be sent" if one.action is Action.SEND else str(one.status), one.reason)
        for one in summary.planned
        if one.entry.key not in summary.told_together
    ]
    return _listed(said)


def _open(rows: Sequence[AuditRow]) -> str:
    shown = sorted(rows, key=lambda row: OPEN.index(row.status))
    return _listed([(row.entry, str(row.status), row.reason) for row in shown])


def _listed(documents: Sequence[tuple[Entry, str, str]]) -> str:
    """Return documents by status, as lists: a table would hide the reasons beyond the page's edge."""
    groups: dict[str, list[str]] = {}
    for entry, status, reason in documents:
        what = _whom(entry)
        groups.setdefault(status, []).append(
            f"{what}: {reason} ({entry.key})" if reason else f"{what} ({entry.key})"
        )
    return "\n\n".join(
        f"### {capital(status)}: {len(texts):,}\n\n{bullets(texts)}" for status, texts in groups.items()
    )


def _whom(entry: Entry) -> str:
    return ", ".join(text for text in (entry.contact_name, entry.invoice_number, amount_shown(entry)) if text)


def _recorded(summary: PaymentsSummary) -> list[str]:
    incident = summary.incident
    if incident is None:
        return ["The incident could not be recorded: the store cannot be used"]
    times = "" if incident.times == 1 else f", {incident.times} times so far"
    task = "none: the connection names nobody to assign it to"
    if incident.task_state is not TaskState.NONE:
        task = f"number {incident.task_id}" if incident.task_id else "waits until Mambu can be reached"
    return [f"Incident open since {incident.opened:%Y-%m-%d %H:%M} UTC{times}", f"Task in Mambu: {task}"]
