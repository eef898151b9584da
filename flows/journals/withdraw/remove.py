"""Remove: journals are deleted or voided in Xero one by one, each read just before.

Each request is recorded first (see requests.py), and its journal counts as withdrawn once Xero shows that it
is removed. A request is called off at once only where Xero rejected it, or was never asked.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import msgspec

from blocks.errors import DaybookError, LeaseLost, NotFound, Overdue, Rejected, StoreError, UnknownOutcome
from blocks.store.models import JournalRecord, JournalState
from blocks.xero.journals import change_text, status_body, whole_body
from blocks.xero.models import ManualJournal
from flows.journals.freshness import FRESH
from flows.journals.models import DELETED_OR_VOIDED
from flows.journals.narration import Narration
from flows.journals.records import record_of
from flows.journals.run import JournalsRun
from flows.journals.withdraw.report import ALREADY_REMOVED, Outcome
from flows.journals.withdraw.requests import ask, call_off, each, seen_removed
from flows.journals.withdraw.rules import WithdrawalCandidate
from flows.runtime.tasks import run_task

# Keys of removals live in a namespace of their own.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:daybook:xero:removals")
_IN_WORDS = {"DELETED": "deleted", "VOIDED": "voided"}
# Reasons of Xero's for which sending the whole journal does not help.
_HOPELESS = ("cannot be applied", "lock date")
_CHANGED = Outcome(left="it was changed in Xero while the command ran")
_NO_ANSWER = Outcome(left="Xero gave no clear answer and still shows it, so it may yet be removed", open=True)
_NO_LOOK = Outcome(left="Xero gave no clear answer, and it could not be checked since", open=True)
_TOO_LATE = Outcome(left="Xero was too busy to accept the request in time")


class Removed(msgspec.Struct, frozen=True):
    """What became of journals, by id, and the error after which no other was begun."""

    outcomes: dict[str, Outcome]
    error: DaybookError | None


class Due(NamedTuple):
    """A journal to be removed, and its record: without one, its outcome could not be recorded."""

    item: WithdrawalCandidate
    record: JournalRecord

    @property
    def journal_id(self) -> str:
        """Return its id in Xero."""
        return self.item.journal.journal_id

    @property
    def target(self) -> str:
        """Return the status that it is to have."""
        return self.item.action.target


async def recorded(run: JournalsRun, items: Sequence[WithdrawalCandidate]) -> list[Due]:
    """Return the journals to be removed with their records; those that have none get one."""
    lowest: dict[str, int] = {}
    for one in await run.records():
        lowest[one.narration] = min(one.generation, lowest.get(one.narration, one.generation))
    due: list[Due] = []
    found: list[JournalRecord] = []
    for item in items:
        if item.record is not None:
            due.append(Due(item, replace(item.record, manual_journal_id=item.journal.journal_id)))
        elif name := Narration.parse(item.journal.narration):
            # A copy of a recorded journal goes below that, or it would count as what was sent by the name.
            lowest[str(name)] = lowest.get(str(name), 1) - 1
            record = record_of(run, item.journal, name, run.digits, JournalState.CREATED)
            found.append(replace(record, generation=lowest[str(name)]))
            due.append(Due(item, found[-1]))
    await run.store.adopt(found, run.clock.now())
    return due


@run_task("withdraw: remove")
async def remove(run: JournalsRun, due: Sequence[Due]) -> Removed:
    """Remove recorded journals from Xero; after the first error, which is returned, no other is begun."""
    outcomes: dict[str, Outcome] = {}
    failed: list[DaybookError] = []

    async def one(this: Due) -> None:
        if failed:
            return
        try:
            outcomes[this.journal_id] = await _take_out(run, this)
        except DaybookError as error:
            failed.append(error)
            if isinstance(error, UnknownOutcome):
                outcomes[this.journal_id] = _NO_LOOK
        await run.progress("remove", len(outcomes), len(due))

    await each(run, due, one)
    return Removed(outcomes, failed[0] if failed else None)


@run_task("withdraw: verify")
async def verify(run: JournalsRun, due: Sequence[Due]) -> list[str]:
    """Read the removed journals again, and return the ids of those that Xero still shows.

    Their outcome is not known yet, for what Xero shows can lag behind what it did.
    """
    still: list[str] = []
    read: list[str] = []

    async def one(this: Due) -> None:
        if not await seen_removed(run, this.record):
            still.append(this.journal_id)
        read.append(this.journal_id)
        await run.progress("verify", len(read), len(due))

    await each(run, due, one)
    return still


async def _take_out(run: JournalsRun, due: Due) -> Outcome:
    """Ask for the new status alone, which cannot overwrite anything; if that is refused, send all back."""
    complaint = ""
    for whole in (False, True):
        said = await _ask(run, due, whole=whole)
        if isinstance(said, Outcome):
            return said
        complaint = said
        if any(words in complaint for words in _HOPELESS):
            break
    # It is refused as well where an earlier request of ours was carried out.
    if await _is_removed(run, due):
        return Outcome(done=_IN_WORDS[due.target])
    await call_off(run, due.record)
    return Outcome(left=f"Xero rejected it: {complaint}")


async def _ask(run: JournalsRun, due: Due, *, whole: bool) -> Outcome | str:
    """Ask Xero once; return what became of the journal, or what Xero objects to."""
    target = due.target
    read_at = run.clock.now()
    found = await _read(run, due)
    if found is None or found[0].status in DELETED_OR_VOIDED:
        # After a refusal that comes of an earlier request: that one was ours.
        return Outcome(done=_IN_WORDS[target] if whole else ALREADY_REMOVED)
    journal, source = found
    if not due.item.is_still(journal, run.digits):
        if whole:
            await call_off(run, due.record)
        return _CHANGED
    body = whole_body(source, target) if whole else status_body(journal.journal_id, target)
    key = _key(run.organisation, journal, source, target, "whole" if whole else "status")
    await ask(run, due.record, target)
    try:
        verdict = await run.xero.post_manual_journal(body, key, not_after=read_at + FRESH)
    except Rejected as error:
        return "; ".join(error.reasons) or str(error)
    except Overdue:
        await call_off(run, due.record)
        return _TOO_LATE
    except UnknownOutcome:
        return Outcome(done=_IN_WORDS[target]) if await _is_removed(run, due) else _NO_ANSWER
    except DaybookError:
        # Nothing was done. Where that cannot be written down now, it is found out later.
        with suppress(StoreError, LeaseLost):
            await call_off(run, due.record)
        raise
    return "; ".join(verdict.objections) or Outcome(done=_IN_WORDS[target])


async def _is_removed(run: JournalsRun, due: Due) -> bool:
    """Look at a journal that was asked for; raises UnknownOutcome where that fails."""
    try:
        return await seen_removed(run, due.record)
    except DaybookError as error:
        raise UnknownOutcome(str(error)) from None


async def _read(run: JournalsRun, due: Due) -> tuple[ManualJournal, bytes] | None:
    try:
        return await run.xero.manual_journal_and_source(due.journal_id)
    except NotFound:
        return None


def _key(organisation: str, journal: ManualJournal, source: bytes, status: str, kind: str) -> str:
    """Return a key that is the same for the same request on the journal as it stands, and for no other."""
    parts = (organisation, journal.journal_id, status, kind, change_text(source))
    return str(uuid.uuid5(_NAMESPACE, "\n".join(parts)))
