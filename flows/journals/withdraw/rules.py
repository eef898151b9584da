"""What withdrawing a day means for each of its journals in Xero. Pure.

A journal is the day's if its name says so, or if the record names it: people edit names. It is removed if
it is an unedited draft; anything else is a person's work or decision, and stays unless asked for.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec.structs import replace

from blocks.store.models import JournalRecord, JournalState, latest
from blocks.xero.models import ManualJournal
from flows.journals.models import DELETED_OR_VOIDED, VOIDED
from flows.journals.narration import Narration
from flows.journals.prepare import digest_of


class Scope(NamedTuple):
    """What a withdrawal removes in addition to unedited drafts."""

    include_posted: bool = False
    include_edited: bool = False


class WithdrawalAction(StrEnum):
    """What is to become of a journal, in the words of the table; `left` is why one stays."""

    DELETE = "delete"
    VOID = "void"
    DELETED_OR_VOIDED = "already removed"
    POSTED = "left: posted"
    EDITED = "left: edited by a user"
    UNKNOWN = "left: not known whether edited"
    OTHER = "left: neither draft nor posted"

    @property
    def target(self) -> str:
        """Return the status that takes the journal out of the books."""
        return {WithdrawalAction.DELETE: "DELETED", WithdrawalAction.VOID: "VOIDED"}[self]

    @property
    def left(self) -> str:
        """Return why the journal is left as it is; empty for one that is not."""
        return _LEFT.get(self, "")


_LEFT = {
    WithdrawalAction.POSTED: "it is posted, so it has been approved",
    WithdrawalAction.EDITED: "it was edited after Daybook sent it",
    WithdrawalAction.UNKNOWN: "it is not known whether it was edited: there is no record of what Daybook "
    "sent",
    WithdrawalAction.OTHER: "it is neither a draft nor posted, for example archived",
}

# The states of a journal that our own command took out of Xero, or may have.
_BY_US = frozenset({JournalState.WITHDRAWING, JournalState.WITHDRAWN})


class WithdrawalCandidate(NamedTuple):
    """A journal of the day, what the record says of it, and what is to become of it."""

    journal: ManualJournal
    record: JournalRecord | None
    action: WithdrawalAction

    @property
    def booking_date(self) -> dt.date | None:
        """Return the booking date that Daybook sent it for, as far as that is known."""
        name = self.record or Narration.parse(self.journal.narration)
        return name.booking_date if name else self.journal.date

    @property
    def number(self) -> int:
        """Return its number among those of its booking date; 0 where that is not known."""
        name = self.record or Narration.parse(self.journal.narration)
        return name.number if name else 0

    @property
    def stays_out(self) -> bool:
        """Tell whether it was voided, and by no withdrawal on record: a run does not send its lines again."""
        ours = self.record is not None and self.record.state in _BY_US
        return self.journal.status == VOIDED and not ours

    def is_still(self, live: ManualJournal, digits: int) -> bool:
        """Tell whether a journal read just now is still the one that was planned for."""
        if live.status != self.journal.status:
            return False
        was, now = untouched(self.journal, self.record, digits), untouched(live, self.record, digits)
        return now if was else not now and _content(live) == _content(self.journal)


def planned(
    date: dt.date,
    label: str | None,
    journals: Iterable[ManualJournal],
    records: Sequence[JournalRecord],
    scope: Scope,
    digits: int,
) -> list[WithdrawalCandidate]:
    """Return the day's journals and what is to become of each, in the order of their names."""
    items = [
        WithdrawalCandidate(journal, record, action_for(journal, record, scope, digits))
        for journal, record in _of_day(date, label, journals, records)
    ]
    return sorted(
        items,
        key=lambda item: (
            str(item.booking_date),
            item.number,
            item.journal.narration,
            item.journal.journal_id,
        ),
    )


def _of_day(
    date: dt.date, label: str | None, journals: Iterable[ManualJournal], records: Sequence[JournalRecord]
) -> Iterator[tuple[ManualJournal, JournalRecord | None]]:
    # What only looks like ours may be somebody else's.
    records = [record for record in records if record.state is not JournalState.POSSIBLE]
    by_id = {record.manual_journal_id: record for record in records if record.manual_journal_id}
    # A journal that bears the name of a recorded one, and is not it, is a copy that somebody made.
    by_name = {name: one for name, one in latest(records).items() if one.manual_journal_id is None}
    for journal in journals:
        name = Narration.parse(journal.narration)
        record = by_id.get(journal.journal_id) or by_name.get(journal.narration)
        if record or (name and name.created == date and name.label == label):
            yield journal, record


def action_for(
    journal: ManualJournal, record: JournalRecord | None, scope: Scope, digits: int
) -> WithdrawalAction:
    """Return what is to become of a journal of the day."""
    if journal.status in DELETED_OR_VOIDED:
        return WithdrawalAction.DELETED_OR_VOIDED
    if journal.status not in {"DRAFT", "POSTED"}:
        return WithdrawalAction.OTHER
    posted = journal.status == "POSTED"
    if posted and not scope.include_posted:
        return WithdrawalAction.POSTED
    if not scope.include_edited and not untouched(journal, record, digits):
        return WithdrawalAction.EDITED if record and record.digest else WithdrawalAction.UNKNOWN
    return WithdrawalAction.VOID if posted else WithdrawalAction.DELETE


def untouched(journal: ManualJournal, record: JournalRecord | None, digits: int) -> bool:
    """Tell whether a journal is byte for byte what the record says was sent."""
    if record is None or not record.digest:
        return False
    # Where Xero does not show the choice, either may have been sent: the connection's can have changed.
    choices = (True, False) if journal.cash_basis is None else (journal.cash_basis,)
    return any(digest_of(journal, digits, choice) == record.digest for choice in choices)


def _content(journal: ManualJournal) -> object:
    # In whatever order the lines are listed; of tracking, which cannot be hashed, whether there is any.
    lines = ((replace(line, tracking=None), bool(line.tracking)) for line in journal.lines)
    return journal._replace(updated=None, lines=()), Counter(lines)
