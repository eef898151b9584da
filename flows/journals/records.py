"""Records of journals: what those in the store tell of Xero's, and new ones of what Xero shows."""

from __future__ import annotations

from collections.abc import Iterable

from blocks.errors import StoreError
from blocks.store.models import JournalRecord, JournalState, pack, unpack
from flows.journals.models import Known, LiveJournal
from flows.journals.narration import Narration
from flows.journals.run import JournalsRun
from flows.money import money_text, to_minor


def known_from(records: Iterable[JournalRecord]) -> dict[str, Known]:
    """Return what records say of journals that were in Xero, by their Xero ids. Raises StoreError."""
    known: dict[str, Known] = {}
    for record in records:
        if record.manual_journal_id:
            possible = record.state is JournalState.POSSIBLE
            one = Known(record.day, record.booking_date, entries_of(record), possible)
            held = known.get(record.manual_journal_id)
            if held is not None and held.possible and possible:
                # It may be either of two batches that are alike.
                one = one._replace(entries=(one.entries or frozenset()) | (held.entries or frozenset()))
            known[record.manual_journal_id] = one
    return known


def entries_of(record: JournalRecord) -> frozenset[int] | None:
    """Return the entry ids that a journal was sent with, None where they are not known. Raises StoreError."""
    if record.entries is None:
        return None
    try:
        return unpack(record.entries)
    except ValueError:
        raise StoreError(
            f"The store's table journals is damaged: the entries of «{record.narration}» cannot be read. "
            "Restore the store from a backup."
        ) from None


def record_of(
    run: JournalsRun,
    journal: LiveJournal,
    name: Narration,
    digits: int,
    state: JournalState,
    entries: Iterable[int] | None = None,
) -> JournalRecord:
    """Return a record of a journal of the night's day; without a digest, for we did not seal it.

    `name` is the one it was sent under, `entries` what it holds, as far as that is known for certain.
    """
    packed = pack(entries)._asdict() if entries is not None else {}
    return JournalRecord(
        organisation=run.organisation,
        narration=str(name),
        generation=0,
        connection=run.name,
        day=run.day.date,
        booking_date=name.booking_date,
        number=name.number,
        request_key="",
        digest="",
        lines=len(journal.lines),
        debits=money_text(debits_of(journal, digits), digits),
        state=state,
        manual_journal_id=journal.journal_id,
        **packed,
    )


def debits_of(journal: LiveJournal, digits: int) -> int:
    """Return the sum of a journal's debits in minor units; what is finer than those counts as nothing."""
    return sum(to_minor(line.amount, digits) or 0 for line in journal.lines if line.amount > 0)
