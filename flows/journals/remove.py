"""Remove: journals are deleted or voided in Xero one by one, each on a look at it just before."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import msgspec

from blocks.errors import DaybookError, NotFound, Overdue, Rejected, StoreError, UnknownOutcome
from blocks.store import JournalState
from blocks.xero import ManualJournal
from blocks.xero_changes import status_body, whole_body
from flows.journals.books import GONE
from flows.journals.narration import Narration
from flows.journals.night import Night
from flows.journals.read import live_journal
from flows.journals.records import record_of
from flows.journals.send import FRESH
from flows.journals.withdrawal import Item
from flows.journals.withdrawn import Outcome
from flows.tasks import run_task

# Keys of removals live in a namespace of their own.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:daybook:xero:removals")
_IN_WORDS = {"DELETED": "deleted", "VOIDED": "voided"}
# What sending the whole journal cannot mend, in Xero's words.
_HOPELESS = ("cannot be applied", "lock date")
_CHANGED = Outcome(left="it was changed in Xero while the command ran")
_NO_ANSWER = Outcome(
    left="Xero gave no clear answer and shows it still: run the command again in ten minutes"
)
_TOO_LATE = Outcome(left="Xero was too busy to take the request in time")


class Removed(msgspec.Struct, frozen=True):
    """What became of journals, by id, and the error after which no other was begun."""

    outcomes: dict[str, Outcome]
    error: DaybookError | None


@run_task("withdraw: remove")
async def remove(night: Night, items: Sequence[Item]) -> Removed:
    """Take journals out of Xero; after the first error, which is returned, no other is begun."""
    outcomes: dict[str, Outcome] = {}
    failed: list[DaybookError] = []

    async def one(item: Item) -> None:
        if failed:
            return
        before = item.record.state if item.record else JournalState.CREATED
        try:
            # Written down first: if this run dies in between, what Xero then shows is known to be our doing.
            await _record(night, item, JournalState.WITHDRAWN)
            outcome = outcomes[item.journal.journal_id] = await _take_out(night, item)
            if outcome.done not in _IN_WORDS.values():
                await _record(night, item, before)
        except DaybookError as error:
            failed.append(error)
            if not isinstance(error, UnknownOutcome):
                with suppress(StoreError):
                    await _record(night, item, before)
        await night.progress("remove", len(outcomes), len(items))

    await _each(night, items, one)
    return Removed(outcomes, failed[0] if failed else None)


@run_task("withdraw: verify")
async def verify(night: Night, items: Sequence[Item]) -> list[str]:
    """Read journals again that were taken out, and return the ids of those that Xero still shows."""
    still: list[str] = []
    read: list[str] = []

    async def one(item: Item) -> None:
        journal = await _read(night, item)
        if journal is not None and journal[0].status not in GONE:
            still.append(item.journal.journal_id)
            await _record(night, item, item.record.state if item.record else JournalState.CREATED)
        read.append(item.journal.journal_id)
        await night.progress("verify", len(read), len(items))

    await _each(night, items, one)
    return still


async def _each(night: Night, items: Sequence[Item], do: Callable[[Item], Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(night.connection.xero_concurrency)

    async def gated(item: Item) -> None:
        async with gate:
            await do(item)

    # All come to their end before an error is told, so that nothing goes on behind it.
    ended = await asyncio.gather(*(gated(item) for item in items), return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error


async def _take_out(night: Night, item: Item) -> Outcome:
    """Ask for the new status alone, which cannot overwrite anything; if that is refused, send all back."""
    complaint = ""
    for whole in (False, True):
        said = await _ask(night, item, whole=whole)
        if isinstance(said, Outcome):
            return said
        complaint = said
        if any(words in complaint for words in _HOPELESS):
            break
    return Outcome(left=f"Xero declines it: {complaint}")


async def _ask(night: Night, item: Item, *, whole: bool) -> Outcome | str:
    """Ask Xero once; return what became of the journal, or what Xero objects to."""
    target = item.fate.target
    read_at = night.clock.now()
    found = await _read(night, item)
    if found is None or found[0].status in GONE:
        # After a refusal that comes of an earlier request: that one was ours.
        return Outcome(done=_IN_WORDS[target] if whole else "already gone")
    journal, source = found
    if not item.is_still(live_journal(journal), night.digits):
        return _CHANGED
    body = whole_body(source, target) if whole else status_body(journal.manual_journal_id, target)
    key = _key(night.organisation, journal, target, "whole" if whole else "status")
    try:
        verdict = await night.xero.post_manual_journal(body, key, not_after=read_at + FRESH)
    except Rejected as error:
        return "; ".join(error.reasons) or str(error)
    except Overdue:
        return _TOO_LATE
    except UnknownOutcome:
        try:
            found = await _read(night, item)
        except DaybookError as error:
            raise UnknownOutcome(str(error)) from None
        gone = found is None or found[0].status in GONE
        return Outcome(done=_IN_WORDS[target]) if gone else _NO_ANSWER
    return "; ".join(verdict.complaints()) or Outcome(done=_IN_WORDS[target])


async def _read(night: Night, item: Item) -> tuple[ManualJournal, bytes] | None:
    try:
        return await night.xero.manual_journal_and_source(item.journal.journal_id)
    except NotFound:
        return None


def _key(organisation: str, journal: ManualJournal, status: str, kind: str) -> str:
    """Return a key that is the same for the same request on the journal as it stands, and for no other."""
    parts = (organisation, journal.manual_journal_id, status, kind, journal.updated_date_utc or "")
    return str(uuid.uuid5(_NAMESPACE, "\n".join(parts)))


async def _record(night: Night, item: Item, state: JournalState) -> None:
    """Write down where a journal is now, so that its number stays taken."""
    journal, now = item.journal, night.clock.now()
    reason = f"{_IN_WORDS[item.fate.target]} by withdraw" if state is JournalState.WITHDRAWN else ""
    if item.record is not None:
        name = item.record.narration
        ids = {name: journal.journal_id}
        await night.store.move([item.record], state, now, ids=ids, reasons={name: reason} if reason else {})
        return
    named = Narration.parse(journal.narration)
    if named is not None:
        record = record_of(night, journal, named, night.digits, state)
        await night.store.adopt([record], now)
        # One recorded already keeps its state: the name was that of another journal.
