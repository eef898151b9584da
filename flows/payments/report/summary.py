"""What a run of the payments flow says of itself: the figures, the sentence, the rows. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from blocks.store.audit_rows import IN_LN, AuditRow, Entry, Key, Status
from flows.payments.models import Action, Collected, Decision
from flows.payments.post_outcome import NOT_ON_RECORD
from flows.payments.windows import Window
from flows.runtime.summary import RunSummary
from flows.runtime.text import counted

# What is left for somebody to see to; the others are done, or closed, or never LN's.
OPEN = (Status.FAILED, Status.UNKNOWN, Status.EXCEPTION)
_MOST_NOTES = 20
_MEANING = {
    Status.SENT: "sent",
    Status.DUPLICATE: "already in LN",
    Status.FAILED: "refused or not accepted by LN",
    Status.EXCEPTION: "to review",
    Status.UNKNOWN: "with unknown outcome",
    Status.DISCARDED: "closed",
    Status.UNSUPPORTED: "to enter manually in LN",
}


@dataclass
class PaymentsSummary(RunSummary):
    """One run from Xero to LN. `counts` are of the documents that the run had to do with, by status.

    Sent and duplicate are what this run brought about; `already_sent` were in LN before. `waiting` were
    not reached. In a dry run `sent` is what would be sent.
    """

    since: dt.datetime | None = None
    until: dt.datetime | None = None
    counts: Counter[Status] = field(default_factory=Counter)
    already_sent: int = 0
    waiting: int = 0
    ln_calls: int = 0
    # What this run had to do with, each as it now stands; and all that is open, from whatever run.
    rows: list[AuditRow] = field(default_factory=list)
    planned: list[Decision] = field(default_factory=list)
    open: list[AuditRow] = field(default_factory=list)
    # Older than the connection, and waiting for a person's word, from whatever run; reported in one line.
    before_start: list[Entry] = field(default_factory=list)
    # What no end was made of, and Xero shows no more.
    unseen: list[AuditRow] = field(default_factory=list)

    def take_window(self, window: Window) -> None:
        """Take over what the run has settled on; its date is the day (UTC) in which the window ends."""
        self.since, self.until = window.since, window.until
        last = max(window.since, window.until - dt.timedelta(microseconds=1))
        self.date = last.astimezone(dt.UTC).date()

    def take(self, collected: Collected, *, dry_run: bool) -> None:
        """Take over how far the run has come with its documents."""
        self.counts, self.already_sent, self.waiting = Counter(), 0, 0
        self.rows, self.planned = [], []
        self.unseen = list(collected.unseen)
        for decision, row in _shown(collected):
            if row is not None and (row.key in collected.posted or row.key in collected.overtaken):
                self.counts[row.status] += 1
            elif decision.action is Action.SEND and decision.entry.key in collected.under_way:
                self.counts[Status.UNKNOWN] += 1
                self.planned.append(decision)
                continue
            elif decision.action is Action.SEND:
                self.counts[Status.SENT] += dry_run
                self.waiting += not dry_run
                self.planned.append(decision)
                continue
            elif decision.status in IN_LN:
                self.already_sent += 1
            elif decision.action is Action.NOTE and (row is None or dry_run) and decision.status:
                self.counts[decision.status] += 1
                self.planned.append(decision)
                continue
            elif row is not None and row.status in {Status.SENT, Status.DUPLICATE}:
                self.already_sent += 1
            elif row is not None:
                self.counts[row.status] += 1
            if row is not None:
                self.rows.append(row)
        self.notes += _to_know(collected, dry_run=dry_run)
        self.notes += _not_on_record(self.rows)

    @property
    def documents(self) -> int:
        """Return how many documents the run had to do with."""
        return self.counts.total() + self.already_sent + self.waiting

    @property
    def left_open(self) -> int:
        """Return how many of them are for somebody to see to, or for a later run."""
        return sum(self.counts[status] for status in OPEN) + self.waiting + len(self.unseen)

    @property
    def anything_open(self) -> bool:
        """Tell whether something is for somebody to see to, or for a later run, be it of this one or not.

        What LN has, and was changed or deleted since, is open though no later run looks at it again.
        """
        return self.left_open > 0 or bool(self.open)

    @property
    def told_together(self) -> frozenset[Key]:
        """Return the documents that are reported in one line, and not each for itself."""
        return frozenset(one.key for one in self.before_start)

    def sentence(self) -> str:
        """Return the outcome in a sentence."""
        if self.since is None or self.until is None:
            return ""
        window = f"Changes in Xero from {_instant(self.since)} to {_instant(self.until)}"
        unseen = f"; Xero no longer shows {counted(len(self.unseen), 'open document')}" if self.unseen else ""
        if not self.documents:
            return f"{window}: no payments{unseen}."
        parts = [f"{self.counts[one]:,} {said}" for one, said in _MEANING.items() if self.counts[one]]
        if self.status == "dry-run" and self.counts[Status.SENT]:
            parts[0] = f"{self.counts[Status.SENT]:,} would be sent"
        if self.already_sent:
            parts.append(f"{self.already_sent:,} sent earlier")
        if self.waiting:
            parts.append(f"{self.waiting:,} waiting for the next run")
        return f"{window}: {counted(self.documents, 'document')}, {', '.join(parts)}{unseen}."

    @property
    def events(self) -> list[str]:
        """Return how the run ended, and whether documents wait for a person; nothing of a dry run."""
        if self.status == "dry-run":
            return []
        exceptions = ["payments.exceptions"] if self.counts[Status.EXCEPTION] else []
        return [f"payments.{self.status}", *exceptions]

    def as_json(self) -> dict[str, Any]:
        """Return the object that --json prints; its keys are an interface."""
        return {
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "connection": self.connection,
            "status": self.status,
            "documents": self.documents,
            **{str(status): self.counts[status] for status in _MEANING},
            "already_sent": self.already_sent,
            "waiting": self.waiting,
            "before_start": len(self.before_start),
            "xero_calls": self.xero_calls,
            "xero_bytes_read": self.xero_bytes_read,
            "ln_calls": self.ln_calls,
            "seconds": self.seconds,
            "flow_run_id": self.flow_run_id or None,
            "message": self.message,
            "notes": self.notes,
        }


def _to_know(collected: Collected, *, dry_run: bool) -> list[str]:
    """Return what people should know of documents that nobody has to see to."""
    said = {
        one.entry.key: one.hint or one.reason
        for one in collected.decisions.values()
        if one.hint or one.status in IN_LN
    }
    notes = [f"{key}: {text.strip()}" for key, text in said.items() if dry_run or key in collected.written]
    more = (
        [f"And {len(notes) - _MOST_NOTES:,} more: see the audit table."] if len(notes) > _MOST_NOTES else []
    )
    return notes[:_MOST_NOTES] + more


def _not_on_record(rows: Iterable[AuditRow]) -> Iterator[str]:
    """Yield in one line what LN has and nobody can compare with Xero: a lost store may have sent it.

    It goes by the rows, and not by what was posted: a run that died after LN's answer has told nobody.
    """
    found = [
        str(row.key) for row in rows if row.status is Status.DUPLICATE and NOT_ON_RECORD in row.result.reason
    ]
    if found:
        more = f" and {len(found) - _MOST_NOTES:,} more (see the audit table)"
        yield (
            f"LN already had {counted(len(found), 'document')}, and what it was sent then is not on record. "
            "What was changed in Xero since then, correct manually in LN: "
            f"{', '.join(found[:_MOST_NOTES])}{more if len(found) > _MOST_NOTES else ''}."
        )


def _shown(collected: Collected) -> Iterator[tuple[Decision, AuditRow | None]]:
    """Yield what the run had to do with; not what, outside the window, was only met again as it was."""
    for key, decision in collected.decisions.items():
        row = collected.rows.get(decision.entry.key)
        mine = key in collected.of_window or decision.entry.key in collected.written
        if mine or row is None or row.status in OPEN:
            yield decision, row


def _instant(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
