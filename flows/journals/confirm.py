"""Confirm: what Xero holds of the day after sending, read back and held against Mambu line by line."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from blocks.store import JournalRecord, JournalState, latest
from flows.journals.books import Confirmed, Match, Plan, confirmed
from flows.journals.narration import Narration
from flows.journals.night import Night
from flows.journals.read import Books, read_back
from flows.journals.send import Sent
from flows.money import money_text, to_minor
from flows.tasks import run_task


async def confirm(night: Night, plan: Plan, sent: Sent) -> Confirmed:
    """Read back what was written (or take the last look, if nothing was), and compare it all."""
    await night.progress("confirm", 0, 1)
    books = sent.books
    if sent.ids:
        books = await read_back(night, plan, list(sent.ids.values()))
    outcome = await compare(night, plan, books, sent)
    await night.progress("confirm", 1, 1)
    return outcome


@run_task("confirm: compare")
async def compare(night: Night, plan: Plan, books: Books, sent: Sent) -> Confirmed:
    """Compare Xero's journals with the plan, and record each as confirmed or as drifted."""
    matched = books.matched
    reasons: dict[str, str] = {}
    for index, text in matched.differences:
        reasons.setdefault(matched.journals[index].narration, text)
    ids = {journal.narration: journal.journal_id for journal in matched.journals}
    known = latest(await night.store.journals(night.organisation, night.name, night.day.date))
    await night.store.adopt(_unrecorded(night, plan, matched, known), night.clock.now())
    held = latest(await night.store.journals(night.organisation, night.name, night.day.date))
    for state, differs in ((JournalState.CONFIRMED, False), (JournalState.DRIFT, True)):
        moved = [one for name, one in held.items() if name in ids and (name in reasons) is differs]
        await night.store.move(moved, state, night.clock.now(), ids=ids, reasons=reasons)
    return confirmed(plan, matched, sent.torn)


def _unrecorded(
    night: Night, plan: Plan, matched: Match, known: Mapping[str, JournalRecord]
) -> list[JournalRecord]:
    """Return records for journals of this day that Xero has and the store has lost."""
    records: list[JournalRecord] = []
    for journal in matched.journals:
        name = Narration.parse(journal.narration)
        if name is None or name.created != night.day.date or journal.narration in known:
            continue
        debits = sum((line.amount for line in journal.lines if line.amount > 0), Decimal(0))
        records.append(
            JournalRecord(
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
                debits=money_text(to_minor(debits, plan.digits) or 0, plan.digits),
                state=JournalState.CREATED,
                manual_journal_id=journal.journal_id,
            )
        )
    return records
