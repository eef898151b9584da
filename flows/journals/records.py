"""Records of journals that the store does not know, made from what Xero shows of them."""

from __future__ import annotations

from blocks.store import JournalRecord, JournalState
from flows.journals.books import LiveJournal
from flows.journals.narration import Narration
from flows.journals.night import Night
from flows.money import money_text, to_minor


def record_of(
    night: Night, journal: LiveJournal, name: Narration, digits: int, state: JournalState
) -> JournalRecord:
    """Return a record of a journal of the night's day; without a digest, for we did not seal it."""
    return JournalRecord(
        organisation=night.organisation,
        narration=journal.narration,
        generation=0,
        connection=night.name,
        day=night.day.date,
        booking_date=name.booking_date,
        number=name.number,
        request_key="",
        digest="",
        lines=len(journal.lines),
        debits=money_text(debits_of(journal, digits), digits),
        state=state,
        manual_journal_id=journal.journal_id,
    )


def debits_of(journal: LiveJournal, digits: int) -> int:
    """Return the sum of a journal's debits in minor units; what is finer than those counts as nothing."""
    return sum(to_minor(line.amount, digits) or 0 for line in journal.lines if line.amount > 0)
