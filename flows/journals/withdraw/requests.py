"""Intents: withdrawals that Xero was asked for, and of which nobody knows yet what became.

Each is written down before its request leaves. Until its end is known, a journal that is gone counts as
taken out by us, and one that still stands may yet go: no run rests on it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from blocks.errors import NotFound
from blocks.store.models import JournalRecord, JournalState
from flows.journals.models import DELETED_OR_VOIDED, WITHDRAWN
from flows.journals.run import JournalsRun
from flows.runtime.text import counted

T = TypeVar("T")

# How a journal can have stood that nobody had asked to withdraw; anything else is known from Xero alone.
_COMPARED = frozenset({JournalState.CONFIRMED, JournalState.DRIFT})


async def ask(run: JournalsRun, record: JournalRecord, target: str) -> None:
    """Write down that Xero is about to be asked for a journal's end; `target` is DELETED or VOIDED.

    Raises LeaseLost where another run holds the day by now, and StoreError: then nothing may be asked.
    """
    await _move(run, record, JournalState.WITHDRAWING, f"to be {target.lower()} by withdraw")


async def seen_gone(run: JournalsRun, record: JournalRecord) -> bool:
    """Tell whether Xero shows that a journal asked for is gone, and if so record that it was our doing."""
    try:
        status = (await run.xero.manual_journal(record.manual_journal_id or "")).status
    except NotFound:
        status = WITHDRAWN
    if status not in DELETED_OR_VOIDED:
        return False
    await _move(run, record, JournalState.WITHDRAWN, f"{status.lower()} by withdraw")
    return True


async def call_off(run: JournalsRun, record: JournalRecord) -> None:
    """Record that a journal stands, and that no request can take it out any more.

    `record` is how it stood before, where that is known.
    """
    if record.state in _COMPARED:
        await _move(run, record, record.state, record.reason)
    else:
        await _move(run, record, JournalState.CREATED, None)


async def resolve_pending_withdrawals(
    run: JournalsRun, records: Iterable[JournalRecord], dead_after: dt.timedelta
) -> None:
    """Bring the withdrawals of a day to a known end: seen in Xero, or surely dead.

    `dead_after` is how long after it was written down a request can no longer be carried out.
    """
    records = _open(records)
    if not records:
        return
    run.under_way = True
    read_at = run.clock.now()
    standing = await _standing(run, records)
    dead_at = max((one.changed_at or read_at for one in standing), default=read_at) + dead_after
    if standing and read_at < dead_at:
        # Never longer than that, however far ahead the clock was that wrote it down.
        wait = max(min(dead_at - run.clock.now(), dead_after).total_seconds(), 0)
        what = counted(len(standing), "withdrawal")
        run.waits(f"Waiting {wait:.0f} s until {what} without an answer can no longer be carried out.")
        await run.clock.sleep(wait)
        standing = await _standing(run, standing)
    for record in standing:
        await call_off(run, record)


def note(records: Iterable[JournalRecord]) -> str:
    """Return what people should know of withdrawals whose end is open; empty where there are none."""
    number = len(_open(records))
    if not number:
        return ""
    journals = counted(number, "journal was", "journals were")
    return (
        f"{journals} to be withdrawn, and Xero gave no clear answer: the next run of the date or withdrawal "
        "first finds out what became of that, which can take ten minutes."
    )


async def each(run: JournalsRun, items: Sequence[T], do: Callable[[T], Awaitable[None]]) -> None:
    """Do something with each of some items, as many at a time as Xero may be asked."""
    gate = asyncio.Semaphore(run.connection.xero_concurrency)

    async def gated(item: T) -> None:
        async with gate:
            await do(item)

    # All come to their end before an error is told, so that nothing goes on behind it.
    ended = await asyncio.gather(*(gated(item) for item in items), return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error


async def _standing(run: JournalsRun, records: Sequence[JournalRecord]) -> list[JournalRecord]:
    standing: list[JournalRecord] = []

    async def look(record: JournalRecord) -> None:
        if not await seen_gone(run, record):
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
