"""Requests of a withdrawal whose outcome in Xero is not known yet.

Each is recorded before it is sent. Until its outcome is known, a journal that is removed counts as removed
by us, and one that is still there may yet be removed: no run relies on it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import anyio

from blocks.errors import NotFound
from blocks.store.models import JournalRecord, JournalState
from flows.journals.models import DELETED_OR_VOIDED, WITHDRAWN
from flows.journals.run import JournalsRun
from flows.runtime.text import counted

T = TypeVar("T")

# The states of a journal compared before its withdrawal; any other state is known from Xero alone.
_COMPARED = frozenset({JournalState.CONFIRMED, JournalState.DRIFT})


async def ask(run: JournalsRun, record: JournalRecord, target: str) -> None:
    """Record that Xero is about to be asked to remove a journal; `target` is DELETED or VOIDED.

    Raises LeaseLost where another run holds the day by now, and StoreError: then nothing may be asked.
    """
    await _move(run, record, JournalState.WITHDRAWING, f"to be {target.lower()} by withdraw")


async def seen_removed(run: JournalsRun, record: JournalRecord) -> bool:
    """Tell whether Xero shows that a journal is removed, and if so record it as withdrawn by us."""
    try:
        status = (await run.xero.manual_journal(record.manual_journal_id or "")).status
    except NotFound:
        status = WITHDRAWN
    if status not in DELETED_OR_VOIDED:
        return False
    await _move(run, record, JournalState.WITHDRAWN, f"{status.lower()} by withdraw")
    return True


async def call_off(run: JournalsRun, record: JournalRecord) -> None:
    """Record that a journal is still there, and that no request can remove it any more.

    `record` is its state before, where that is known.
    """
    if record.state in _COMPARED:
        await _move(run, record, record.state, record.reason)
    else:
        await _move(run, record, JournalState.CREATED, None)


async def resolve_pending_withdrawals(
    run: JournalsRun, records: Iterable[JournalRecord], expires_after: dt.timedelta
) -> None:
    """Find out how the pending withdrawals of a day ended: seen in Xero, or expired.

    `expires_after` is how long after it was recorded a request can no longer be carried out.
    """
    records = _open(records)
    if not records:
        return
    run.under_way = True
    read_at = run.clock.now()
    standing = await _standing(run, records)
    expired_at = max((one.changed_at or read_at for one in standing), default=read_at) + expires_after
    if standing and read_at < expired_at:
        # Never longer than that, however far ahead the clock was that wrote it down.
        wait = max(min(expired_at - run.clock.now(), expires_after).total_seconds(), 0)
        what = counted(len(standing), "withdrawal")
        run.waits(f"Waiting {wait:.0f} s until Xero can no longer carry out {what} without an answer.")
        await run.clock.sleep(wait)
        standing = await _standing(run, standing)
    for record in standing:
        await call_off(run, record)


def note(records: Iterable[JournalRecord]) -> str:
    """Return a note on withdrawals whose outcome is not known; empty where there are none."""
    number = len(_open(records))
    if not number:
        return ""
    return (
        f"Xero gave no clear answer to the withdrawal of {counted(number, 'journal')}. The next run or "
        "withdrawal of the date checks the outcome first, which can take ten minutes."
    )


async def each(run: JournalsRun, items: Sequence[T], do: Callable[[T], Awaitable[None]]) -> None:
    """Do something with each of some items, as many at a time as Xero may be asked."""
    gate = anyio.CapacityLimiter(run.connection.xero_concurrency)

    async def gated(item: T) -> None:
        async with gate:
            await do(item)

    # All end before an error is raised, so that nothing goes on after it.
    ended = await asyncio.gather(*(gated(item) for item in items), return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error


async def _standing(run: JournalsRun, records: Sequence[JournalRecord]) -> list[JournalRecord]:
    standing: list[JournalRecord] = []

    async def look(record: JournalRecord) -> None:
        if not await seen_removed(run, record):
            standing.append(record)

    await each(run, records, look)
    return standing


def _open(records: Iterable[JournalRecord]) -> list[JournalRecord]:
    # Not only of the newest generation: a copy that a person made is recorded below that.
    return [record for record in records if record.state is JournalState.WITHDRAWING]


async def _move(run: JournalsRun, record: JournalRecord, state: JournalState, reason: str | None) -> None:
    name = record.narration
    ids = {name: record.manual_journal_id} if record.manual_journal_id else {}
    reasons = {name: reason} if reason else {}
    await run.store.move([record], state, run.clock.now(), ids=ids, reasons=reasons, lease=run.lease)
