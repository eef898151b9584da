"""Confirm: what Xero holds of the day after sending, read back and held against Mambu line by line."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from blocks.store import JournalRecord, JournalState, latest
from flows.journals.books import Confirmed, Match, Plan, confirmed
from flows.journals.narration import Narration
from flows.journals.night import Night
from flows.journals.read import Books, read_back
from flows.journals.records import record_of
from flows.journals.sealing import digest_of
from flows.journals.send import Sent
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
    equal = [one for name, one in held.items() if name in ids and name not in reasons]
    digests = _digests(night, plan, matched, equal)
    await night.store.move(equal, JournalState.CONFIRMED, night.clock.now(), ids=ids, digests=digests)
    different = [one for name, one in held.items() if name in reasons]
    await night.store.move(different, JournalState.DRIFT, night.clock.now(), ids=ids, reasons=reasons)
    return confirmed(plan, matched, sent.torn)


def _digests(night: Night, plan: Plan, matched: Match, equal: Collection[JournalRecord]) -> dict[str, str]:
    """Return digests for journals that were adopted and have none, by narration.

    Their lines equal Mambu's, so from now on it can be told whether a person edits them.
    """
    unknown = {record.narration for record in equal if not record.digest}
    default = night.connection.show_on_cash_basis_reports
    return {
        one.narration: digest_of(one, plan.digits, default if one.cash_basis is None else one.cash_basis)
        for one in matched.journals
        if one.narration in unknown
    }


def _unrecorded(
    night: Night, plan: Plan, matched: Match, known: Mapping[str, JournalRecord]
) -> list[JournalRecord]:
    """Return records for journals of this day that Xero has and the store has lost."""
    named = ((journal, Narration.parse(journal.narration)) for journal in matched.journals)
    return [
        record_of(night, journal, name, plan.digits, JournalState.CREATED)
        for journal, name in named
        if name and name.created == night.day.date and journal.narration not in known
    ]
