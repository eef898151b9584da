"""Records of journals: what those in the store say of Xero's, and new ones of what Xero shows or answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from blocks.errors import StoreError, UnknownOutcome
from blocks.store.entries import Entries, pack, unpack
from blocks.store.models import JournalRecord, JournalState
from blocks.xero.models import ManualJournal
from flows.journals.models import Known, debits_of
from flows.journals.narration import Narration
from flows.journals.run import JournalsRun
from flows.money import money_text


def known_from(records: Iterable[JournalRecord]) -> dict[str, Known]:
    """Return what records say of journals that were in Xero, by their Xero ids. Raises StoreError."""
    known: dict[str, Known] = {}
    for record in records:
        if record.manual_journal_id:
            possible = record.state is JournalState.POSSIBLE
            one = Known(record.day, record.booking_date, entries_of(record), possible)
            existing = known.get(record.manual_journal_id)
            if existing is not None and existing.possible and possible:
                # It may be either of two batches that are alike.
                one = one._replace(entries=Entries.of(one.entries or (), existing.entries or ()))
            known[record.manual_journal_id] = one
    return known


def entries_of(record: JournalRecord) -> Entries | None:
    """Return the entry ids that a journal was sent with, None where they are not known. Raises StoreError."""
    if record.entries is None:
        return None
    try:
        return unpack(record.entries)
    except ValueError:
        raise StoreError(
            f'The store\'s table journals is damaged: the entries of "{record.narration}" cannot be read. '
            "Restore the store from a backup."
        ) from None


def record_of(
    run: JournalsRun,
    journal: ManualJournal,
    name: Narration,
    digits: int,
    state: JournalState,
    entries: Iterable[int] | None = None,
) -> JournalRecord:
    """Return a record of a journal of the run's day; without a digest, for its sent bytes are not known.

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


async def record_verdicts(
    run: JournalsRun, records: Sequence[JournalRecord], verdicts: Iterable[ManualJournal]
) -> tuple[dict[str, str], dict[str, str]]:
    """Record what Xero says of each journal: a 200 as a whole says nothing of any one of them.

    Raises UnknownOutcome where it says nothing of some.
    """
    by_name = {verdict.narration: verdict for verdict in verdicts}
    ids: dict[str, str] = {}
    declined: dict[str, str] = {}
    changed: dict[str, str] = {}
    silent: list[JournalRecord] = []
    for record in records:
        verdict = by_name.get(record.narration)
        complaint = "; ".join(verdict.objections) if verdict else ""
        if verdict and verdict.is_in_xero:
            ids[record.narration] = verdict.journal_id
            if complaint:
                changed[record.narration] = f"Xero accepted it with a warning: {complaint}"
        elif complaint:
            declined[record.narration] = complaint
        else:
            silent.append(record)

    def named(names: Iterable[str]) -> list[JournalRecord]:
        wanted = frozenset(names)
        return [record for record in records if record.narration in wanted]

    now, move = run.clock.now(), run.store.move
    await move(named(changed), JournalState.DRIFT, now, ids=ids, reasons=changed)
    await move(named(declined), JournalState.REFUSED, now, reasons=declined)
    await move(named(ids.keys() - changed.keys()), JournalState.CREATED, now, ids=ids)
    if silent:
        await move(silent, JournalState.UNKNOWN, now)
        raise UnknownOutcome(f'Xero: its answer does not mention "{silent[0].narration}".')
    taken = {name: one for name, one in ids.items() if name not in changed}
    return taken, {**declined, **changed}
