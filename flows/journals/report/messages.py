"""The texts and tables of a journals run: its message and artifact pages. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from blocks.errors import (
    CallFailed,
    DaybookError,
    NotAllowed,
    ResumeLater,
    StoreError,
    Transient,
    UnknownOutcome,
)
from blocks.store.models import Incident, TaskState
from flows.journals.process.errors import StepRefusal
from flows.journals.report.failures import failed_where
from flows.journals.report.summary import BatchRow, Summary
from flows.journals.tie_out import TieOutRow
from flows.runtime.text import MOST_ROWS, asked_wait, bullets, cell, counted, table

_WHEN_BACK = "Run the date again when the system named above is available."


def outcome_sentence(summary: Summary) -> str:
    """Say how a run ended."""
    if summary.status == "dry-run":
        return _rehearsed_sentence(summary)
    if summary.status != "failed":
        return _completed_sentence(summary)
    return (
        f"Mambu and Xero do not agree for {summary.date} in {counted(len(summary.open) or 1, 'point')}: "
        f"{'; '.join(summary.open[:5])}. Nothing was overwritten. Correct these points in Xero, then run the "
        "date again."
    )


def _rehearsed_sentence(summary: Summary) -> str:
    day = f"{summary.date:%d %b %Y}" if summary.date else ""
    if not summary.open and summary.journals_planned == 0:
        return _completed_sentence(summary)
    to_send = counted(summary.journals_created, "journal")
    there = counted(summary.journals_already_in_xero, "is", "are")
    text = f"{day}: a run would send {to_send}; {there} already in Xero. Nothing was written (dry run)."
    if summary.open:
        text += f" Mambu and Xero do not agree: {'; '.join(summary.open[:5])}."
    return text


def _completed_sentence(summary: Summary) -> str:
    """Say what a completed run means to the person who approves the drafts."""
    day = f"{summary.date:%d %b %Y}" if summary.date else ""
    if summary.lines == 0:
        return f"{day}: Mambu has no journal lines for this day, so there is nothing to send."
    what = f"{counted(summary.lines, 'line')} from Mambu"
    if summary.lines == summary.zero_lines:
        return f"{day}: all {what} have a zero amount, so there is nothing to send."
    if summary.zero_lines:
        what += f" ({summary.zero_lines:,} with a zero amount, not posted)"
    total = summary.journals_planned
    if total == 0 and summary.suppressed:
        return f"{day}: nothing was sent from {what}{_agreement_clause(summary)}"
    if total == 0:
        return f"{day}: after rounding to zero nothing remains of {what}, so there is nothing to send."
    journals = counted(total, "manual journal")
    if summary.journals_created == 0:
        verb = "is" if total == 1 else "are"
        return (
            f"{day}: nothing to send: {journals} with {what} {verb} already in "
            f"Xero{_agreement_clause(summary)}"
        )
    added = f"{summary.journals_created:,} sent now, {summary.journals_already_in_xero:,} already there"
    return (
        f"{day}: {what} are in Xero as {journals} ({added}){_agreement_clause(summary)} "
        "Next: approve the drafts in Xero."
    )


def _agreement_clause(summary: Summary) -> str:
    """Say how far Mambu and Xero agree, no more than is true."""
    if summary.suppressed:
        lines = counted(summary.suppressed, "line was", "lines were")
        return (
            f". {lines} removed in Xero by a user. To send what was removed, run the journals with this date."
        )
    if any(row.rounding for row in summary.tie_out):
        return (
            ", and tie out. Amounts with more decimals than the currency are rounded: each account and "
            "booking date differs by less than one minor unit per sending."
        )
    return ", and tie out to the cent."


def day_markdown(summary: Summary) -> str:
    """Return the date's page: the sentence, what came, what was sent per booking date, and the tie-out."""
    parts = [
        f"# Journals of {summary.date:%A, %d %B %Y}" if summary.date else "# Journals",
        cell(summary.message),
        _figures(summary),
    ]
    if summary.open:
        parts.append("## What does not agree\n\n" + bullets(summary.open))
    if summary.batches:
        parts.append("## Per booking date\n\n" + _booking_dates(summary))
        parts.append("## Manual journals\n\n" + _journals(summary.batches))
    if summary.tie_out:
        parts.append("## Tie-out per GL account\n\n" + _tie_out(summary))
    if summary.notes:
        parts.append("## Notes\n\n" + bullets(summary.notes))
    return "\n\n".join(parts) + "\n"


def batch_table(summary: Summary) -> list[dict[str, str]]:
    """Return the rows of the batches' table."""
    return [
        {
            "narration": row.narration,
            "booking date": str(row.booking_date or ""),
            "lines": str(row.lines),
            "debits": summary.money(row.debits),
            "credits": summary.money(row.credits),
            "Xero id": row.journal_id,
            "status": row.status,
        }
        for row in summary.batches
    ]


def failure_sentence(summary: Summary, error: DaybookError) -> str:
    """Say where a run failed, why, what is safe, and what to do next."""
    if isinstance(error, StepRefusal):
        return f"{stopped_sentence(summary, error)} This run sent nothing. {error.remedy}"
    return f"{stopped_sentence(summary, error)} {_safe_and_next(summary, error)}".strip()


def stopped_sentence(summary: Summary, error: DaybookError) -> str:
    """Say where a run failed, and why."""
    day = f" of {summary.date}" if summary.date else ""
    place = failed_where(summary.stage, error, under_way=summary.under_way)
    where = f"The journals{day} {place}" if summary.stage else "The run did not start"
    return f"{where}. {error.what if isinstance(error, StepRefusal) else error}"


def _safe_and_next(summary: Summary, error: DaybookError) -> str:
    """Say what is safe and what to do, as far as the error does not say it itself."""
    if isinstance(error, UnknownOutcome):
        return (
            "It is not known whether Xero accepted the journals in that request; everything else is "
            "recorded. Run the date again: it checks Xero first and sends only what is missing."
        )
    said = str(error)
    parts: list[str] = []
    if summary.stage in {"send", "confirm"}:
        if "only what is missing" not in said:
            parts.append("What is in Xero is kept. A run of the same date sends only what is missing.")
    elif "othing was sent" not in said:
        parts.append("This run sent nothing.")
    if isinstance(error, NotAllowed):
        parts.append("Correct the connection (python -m blocks save), then run the date again.")
    elif isinstance(error, ResumeLater):
        parts.append(f"Run the date again after {error.resume_at:%Y-%m-%d %H:%M} UTC.")
    elif isinstance(error, Transient):
        wait = error.retry_after_seconds
        parts.append(f"{asked_wait(wait)} Then run the date again." if wait else _WHEN_BACK)
    elif isinstance(error, CallFailed | StoreError):
        parts.append("Run the date again once this is corrected.")
    return " ".join(parts)


def failure_markdown(summary: Summary, error: DaybookError | None) -> str:
    """Return the failures page: what happened, what is safe, what to do next, with every offender."""
    failure = summary.failure
    if failure is None:
        # Nothing was recorded of it: a dry run, or a day that is not over.
        what = "failed" if error else "Mambu and Xero do not agree"
        return f"# Journals of {summary.date}: {what}\n\n{cell(summary.message)}\n"
    parts = [f"# {cell(failure.title)}", f"## What happened\n\n{cell(failure.happened)}"]
    if failure.details:
        parts.append(bullets(failure.details))
    parts.append("## What is safe\n\n" + " ".join(failure.safe))
    parts.append(f"## What to do next\n\n{failure.remedy}")
    parts.append(f"## Recorded\n\n{bullets([*_recorded(summary), *summary.still_open])}")
    return "\n\n".join(parts) + "\n"


def _recorded(summary: Summary) -> list[str]:
    texts = [f"Staged: {text}" for text in summary.staged] or ["Staged: no lines are kept for this day"]
    incident = summary.incident
    if incident is not None:
        times = "" if incident.times == 1 else f", {incident.times} times so far"
        texts.insert(0, f"Incident open since {incident.opened:%Y-%m-%d %H:%M} UTC{times}")
        texts.insert(1, f"Task in Mambu: {_task(incident)}")
    return texts


def _task(incident: Incident) -> str:
    if incident.task_state is TaskState.NONE:
        return "none, because the connection names no user for it"
    if incident.task_id is None:
        return "not created yet. The next run creates it when Mambu can be reached"
    return f'number {incident.task_id}, "{incident.task_title}"'


def _figures(summary: Summary) -> str:
    created = "To be sent" if summary.status == "dry-run" else "Created now"
    rows = [
        ("Lines from Mambu", f"{summary.lines:,}"),
        ("of which zero, not posted", f"{summary.zero_lines:,}"),
        ("Manual journals needed", f"{summary.journals_planned:,}"),
        (created, f"{summary.journals_created:,}"),
        ("Already in Xero", f"{summary.journals_already_in_xero:,}"),
        ("Debits", f"{summary.grouped(summary.debits)} {cell(summary.currency)}"),
        ("Credits", f"{summary.grouped(summary.credits)} {cell(summary.currency)}"),
        ("Mambu = Xero", _agreement(summary)),
    ]
    return table(["The day", "in figures"], [[name, value] for name, value in rows], "lr")


def _agreement(summary: Summary) -> str:
    if summary.tied_out is None:
        return "not compared"
    if not summary.tied_out:
        return "NO"
    return "yes, except for rounding" if any(row.rounding for row in summary.tie_out) else "yes, to the cent"


def _booking_dates(summary: Summary) -> str:
    groups: dict[str, list[BatchRow]] = defaultdict(list)
    for row in summary.batches:
        groups[str(row.booking_date or "")].append(row)
    rows = [
        [
            date,
            str(len(batches)),
            f"{sum(row.lines for row in batches):,}",
            summary.grouped(sum(row.debits for row in batches)),
            summary.grouped(sum(row.credits for row in batches)),
        ]
        for date, batches in sorted(groups.items())
    ]
    return table(["Booking date", "Journals", "Lines", "Debits", "Credits"], rows, "lrrrr")


def _journals(batches: Sequence[BatchRow]) -> str:
    rows = [
        [
            f"[{cell(row.narration)}]({row.link})" if row.link else cell(row.narration),
            str(row.lines),
            cell(row.status),
        ]
        for row in batches[:MOST_ROWS]
    ]
    more = len(batches) - len(rows)
    tail = f"\n\nand {counted(more, 'more journal')}: see the table of batches." if more else ""
    return table(["Journal in Xero", "Lines", "Status"], rows, "lrl") + tail


def _tie_out(summary: Summary) -> str:
    accounts: dict[str, list[TieOutRow]] = defaultdict(list)
    for row in summary.tie_out:
        accounts[row.account_code].append(row)
    rows = [
        [
            cell(f"{code} {summary.account_names.get(code, '')}"),
            summary.exact(sum((row.mambu for row in its), Decimal(0))),
            summary.exact(sum((row.xero for row in its), Decimal(0))),
            summary.exact(sum((row.rounding for row in its if row.agrees), Decimal(0))),
            _differences(summary, its),
        ]
        for code, its in sorted(accounts.items())
    ]
    return table(["Account", "Mambu, exact", "Xero", "Rounding", "Difference"], rows, "lrrrr")


def _differences(summary: Summary, rows: Sequence[TieOutRow]) -> str:
    """Return what does not agree on an account; booking dates must not make up for each other."""
    off = [row for row in rows if not row.agrees]
    return ", ".join(f"**{summary.exact(row.rounding)}** on {row.booking_date}" for row in off) or "✓"
