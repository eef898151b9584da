"""The outcome of a withdrawal: its message, table, page and JSON. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from blocks.errors import DaybookError, ResumeLater, Transient
from blocks.xero.models import ManualJournal
from flows.journals.models import debits_of
from flows.journals.withdraw.rules import Scope, WithdrawalAction, WithdrawalCandidate
from flows.money import grouped
from flows.runtime.text import MOST_ROWS, capital, cell, counted, table

_WAYS_OUT = {
    WithdrawalAction.POSTED: "to void posted journals as well, use --include-posted",
    WithdrawalAction.EDITED: "to remove edited journals as well, use --include-edited",
    WithdrawalAction.UNKNOWN: "run the date first: it compares the journals with Mambu, and those that are "
    "equal can then be withdrawn; or remove them as they are with --include-edited",
    WithdrawalAction.OTHER: "decide in Xero about journals that are neither drafts nor posted",
}


ALREADY_REMOVED = str(WithdrawalAction.DELETED_OR_VOIDED)


class Outcome(NamedTuple):
    """What became of a journal: `done` is deleted, voided or already removed; else `left` says why it stays.

    `open` tells that it may have been removed, or may still be.
    """

    done: str = ""
    left: str = ""
    open: bool = False

    @property
    def ours(self) -> bool:
        """Tell whether Xero confirmed that it removed the journal."""
        return self.done in {"deleted", "voided"}


class Row(NamedTuple):
    """A journal of the day as people see it; `debits` with thousands set apart."""

    narration: str
    journal_id: str
    booking_date: str
    number: int
    lines: int
    debits: str
    status: str
    happens: str
    left: str
    link: str


@dataclass
class Withdrawal:
    """One withdrawal of one day, or the plan of one."""

    date: dt.date
    connection: str
    scope: Scope
    confirmed: bool
    currency: str = ""
    digits: int = 2
    items: list[WithdrawalCandidate] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    link: Callable[[str], str] = str
    error: DaybookError | None = None
    message: str = ""

    @property
    def pending(self) -> list[WithdrawalCandidate]:
        """Return what is to be removed."""
        return [
            item for item in self.items if item.action in {WithdrawalAction.DELETE, WithdrawalAction.VOID}
        ]

    @property
    def left(self) -> list[tuple[ManualJournal, str]]:
        """Return the journals that stay, each with its reason."""
        reasons = ((item.journal, self._left(item)) for item in self.items)
        return [(journal, reason) for journal, reason in reasons if reason]

    @property
    def not_removed(self) -> bool:
        """Tell whether a journal stays that was to be removed."""
        return any(self._left(item) and not item.action.left for item in self.items)

    @property
    def stays_out(self) -> int:
        """Return how many journals were voided before whose lines a run of the date does not send again."""
        return sum(item.stays_out for item in self.items)

    @property
    def open(self) -> list[str]:
        """Return the reasons of those of which it is not known yet whether they stay."""
        return [outcome.left for outcome in map(self._outcome, self.items) if outcome.open]

    def done(self, what: str) -> list[ManualJournal]:
        """Return the journals of an outcome: deleted, voided or already removed."""
        return [one.journal for one in self.items if self._outcome(one).done == what]

    def rows(self) -> list[Row]:
        """Return the day's journals for a table."""
        return [
            Row(
                item.journal.narration,
                item.journal.journal_id,
                str(item.booking_date or ""),
                item.number,
                len(item.journal.lines),
                grouped(debits_of(item.journal, self.digits), self.digits),
                item.journal.status.lower(),
                self._happens(item),
                self._left(item),
                self.link(item.journal.journal_id),
            )
            for item in self.items
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the object that --json prints; its keys are an interface."""
        return {
            "date": str(self.date),
            "deleted": [_named(journal) for journal in self.done("deleted")],
            "voided": [_named(journal) for journal in self.done("voided")],
            "refused": [{**_named(journal), "reason": reason} for journal, reason in self.left],
            "message": self.message,
        }

    def _outcome(self, item: WithdrawalCandidate) -> Outcome:
        if item.action is WithdrawalAction.DELETED_OR_VOIDED:
            return Outcome(done=ALREADY_REMOVED)
        if item.action.left:
            return Outcome(left=item.action.left)
        stopped = Outcome(left="the command stopped before it reached this journal")
        return self.outcomes.get(item.journal.journal_id, stopped if self.confirmed else Outcome())

    def _left(self, item: WithdrawalCandidate) -> str:
        return self._outcome(item).left

    def _happens(self, item: WithdrawalCandidate) -> str:
        outcome = self._outcome(item)
        if item.action.left or not (outcome.done or outcome.left):
            return str(item.action)
        return outcome.done or "not removed"


def _named(journal: ManualJournal) -> dict[str, str]:
    return {"narration": journal.narration, "manual_journal_id": journal.journal_id}


def sentence(withdrawal: Withdrawal) -> str:
    """Say what happened, what is safe, and what to do next, in this order."""
    parts = [_what_happened(withdrawal), *withdrawal.notes, *_what_stays(withdrawal), *_what_next(withdrawal)]
    return " ".join(part for part in parts if part)


def _what_happened(withdrawal: Withdrawal) -> str:
    day = f"{withdrawal.date:%d %b %Y}"
    deleted, voided = len(withdrawal.done("deleted")), len(withdrawal.done("voided"))
    if withdrawal.error is not None:
        before = f" Before that, {_verbs(deleted, voided)}." if deleted or voided else ""
        certain = "is known to have been" if withdrawal.confirmed and withdrawal.pending else "was"
        safe = before or f" Nothing {certain} removed from Xero."
        return f"The withdrawal of {withdrawal.date} failed. {_why(withdrawal.error)}{safe}"
    if not withdrawal.items:
        return f"{day}: Xero has no journals of this day, so there is nothing to withdraw."
    if not withdrawal.pending and not withdrawal.left:
        journals = counted(len(withdrawal.items), "journal of this day is", "journals of this day are")
        return f"{day}: {journals} already removed from Xero, so there is nothing to withdraw."
    if not withdrawal.pending:
        return f"{day}: nothing was changed in Xero."
    if not withdrawal.confirmed:
        actions = Counter(item.action for item in withdrawal.pending)
        what = _amounts(
            actions[WithdrawalAction.DELETE],
            actions[WithdrawalAction.VOID],
            "would be deleted",
            "would be voided",
        )
        return f"{day}: {what} in Xero. Nothing was changed yet."
    if deleted or voided:
        return f"{day}: {_verbs(deleted, voided)} in Xero."
    return f"{day}: nothing was removed from Xero by this run."


def _why(error: DaybookError) -> str:
    if isinstance(error, ResumeLater):
        # Its own words are for a run that sends.
        return f"A request limit of Xero is used up until {error.resume_at:%Y-%m-%d %H:%M} UTC at the latest."
    return str(error)


def _verbs(deleted: int, voided: int) -> str:
    return _amounts(
        deleted,
        voided,
        "was deleted" if deleted == 1 else "were deleted",
        "was voided" if voided == 1 else "were voided",
    )


def _amounts(drafts: int, posted: int, delete: str, void: str) -> str:
    texts = [f"{counted(drafts, 'draft')} {delete}"] if drafts else []
    if posted:
        texts.append(f"{counted(posted, 'posted journal')} {void}")
    return " and ".join(texts)


def _what_stays(withdrawal: Withdrawal) -> Iterable[str]:
    unknown = Counter(withdrawal.open)
    reasons = Counter(reason for _, reason in withdrawal.left) - unknown
    if reasons:
        verb = "are" if reasons.total() > 1 else "is"
        yield f"{counted(reasons.total(), 'journal')} {verb} left unchanged in Xero ({_each(reasons)})."
    if unknown:
        journals = counted(unknown.total(), "journal")
        yield (
            f"For {journals} it is not known yet whether Xero will still remove it ({_each(unknown)}). A "
            "run of the date waits until that is known."
        )
    if number := withdrawal.stays_out:
        journals, its = counted(number, "journal was", "journals were"), "its" if number == 1 else "their"
        yield (
            f"{journals} voided by no withdrawal on record, so a run of the date does not send {its} lines "
            "again."
        )
    actions = {item.action for item in withdrawal.items}
    if text := "; ".join(way for action, way in _WAYS_OUT.items() if action in actions):
        yield f"{capital(text)}."


def _each(reasons: Counter[str]) -> str:
    return "; ".join(f"{number:,}: {reason}" for reason, number in reasons.items())


def _what_next(withdrawal: Withdrawal) -> Iterable[str]:
    if withdrawal.error is not None:
        yield f"Run the command again {_when(withdrawal.error)}: it processes the rest."
        return
    if not withdrawal.confirmed and withdrawal.pending:
        command = _command(withdrawal, "withdraw", " --yes") or ", give --yes"
        yield f"To carry it out{command}; in Prefect, set confirmed."
    elif withdrawal.open:
        yield "Run the command again in ten minutes: it checks the outcome and processes the rest."
    elif withdrawal.confirmed and withdrawal.not_removed:
        yield "Run the command again for what could not be removed."
    # Where nothing is gone but what was voided without us, no run sends anything again.
    gone = len(withdrawal.items) > withdrawal.stays_out
    nothing_left = gone and not withdrawal.left and not withdrawal.pending
    if withdrawal.done("deleted") or withdrawal.done("voided") or nothing_left:
        command = _command(withdrawal)
        what = "the rest of the day" if withdrawal.stays_out else "the day"
        yield f"Next: to send {what} again, run the date{command}. Only what is missing is sent."


def _when(error: DaybookError) -> str:
    if isinstance(error, ResumeLater):
        return "then"
    return "when Xero is available again" if isinstance(error, Transient) else "once this is corrected"


def _command(withdrawal: Withdrawal, name: str = "", more: str = "") -> str:
    """Return the command to run, where it is known how the connection is reached."""
    if withdrawal.connection == "sandbox":
        return ""
    words = ["python -m flows.main", name, f"--date {withdrawal.date}"]
    words.append(f"--connection {withdrawal.connection}" if withdrawal.connection != "default" else "")
    if withdrawal.scope.include_posted and name:
        words.append("--include-posted")
    if withdrawal.scope.include_edited and name:
        words.append("--include-edited")
    return f": {' '.join(word for word in words if word)}{more}"


def page(withdrawal: Withdrawal) -> str:
    """Return the date's page: the sentence and every journal of the day."""
    title = "Withdrawal" if withdrawal.confirmed else "Plan of a withdrawal"
    parts = [f"# {title} of {withdrawal.date:%A, %d %B %Y}", cell(withdrawal.message)]
    rows = withdrawal.rows()
    if rows:
        when = ("before", "happened") if withdrawal.confirmed else ("now", "would happen")
        head = [
            "Journal in Xero",
            "No.",
            "Lines",
            "Debits",
            f"Status {when[0]}",
            f"What {when[1]}",
            "Why it stays",
        ]
        parts.append(table(head, [_cells(row, withdrawal.currency) for row in rows[:MOST_ROWS]], "lrrrlll"))
    if len(rows) > MOST_ROWS:
        parts.append(f"and {counted(len(rows) - MOST_ROWS, 'more journal')}")
    return "\n\n".join(parts) + "\n"


def _cells(row: Row, currency: str) -> list[str]:
    name = f"[{cell(row.narration)}]({row.link})" if row.link else cell(row.narration)
    figures = [str(row.number or "?"), f"{row.lines:,}", f"{row.debits} {cell(currency)}"]
    return [name, *figures, cell(row.status), row.happens, cell(row.left)]


def lost(outcomes: Mapping[str, Outcome], ids: Iterable[str]) -> dict[str, Outcome]:
    """Return outcomes in which the journals of some ids are still there."""
    still = Outcome(left="Xero confirmed the removal but still shows it", open=True)
    return {**outcomes, **dict.fromkeys(ids, still)}
