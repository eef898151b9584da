"""Pending requests: what earlier runs sent, and of which it is not known whether Xero accepted it.

Where Xero shows nothing of a request, the same bytes are sent again under the same key while that is valid;
otherwise the run waits until the request can no longer be carried out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from blocks.errors import Rejected, UnknownOutcome
from blocks.http.models import KEY_LIFE
from blocks.store.entries import Entries
from blocks.store.models import OPEN_ENDED, JournalRecord, JournalState, StoredRequest, latest
from flows.journals.freshness import FRESH, KEY_EXPIRED
from flows.journals.models import Plan
from flows.journals.prepare import entries_in
from flows.journals.read import Picture, read_journals
from flows.journals.records import record_verdicts
from flows.journals.run import JournalsRun
from flows.journals.withdraw.requests import resolve_pending_withdrawals
from flows.runtime.tasks import run_task


class LookupResult(NamedTuple):
    """What Xero shows of a request: `there` all of it, `absent` nothing, else a part of it."""

    read_at: dt.datetime
    there: bool
    absent: bool


RequestLookup = Callable[[StoredRequest, Sequence[JournalRecord]], Awaitable[LookupResult]]


@run_task("send: resolve pending requests")
async def resolve_pending_requests(run: JournalsRun, look: RequestLookup) -> list[JournalRecord] | None:
    """Find out how requests of earlier runs ended: answered, found in Xero by `look`, or expired.

    Returns the day's records, or None where some were pending and have changed.
    """
    records = await run.records()
    await resolve_pending_withdrawals(run, records, KEY_EXPIRED)
    open_ended = [record for record in latest(records).values() if record.state in OPEN_ENDED]
    for key in dict.fromkeys(record.request_key for record in open_ended):
        of_request = [record for record in open_ended if record.request_key == key]
        run.under_way = True
        request = await run.store.request(key)
        if request is None or request.first_sent_at is None:
            continue
        alive = run.clock.now() < request.first_sent_at + KEY_LIFE
        with run.xero.transport.patience.under_way.settled():
            if alive and await _resend(run, request, of_request, await look(request, of_request)):
                continue
            wait = (request.first_sent_at + KEY_EXPIRED - run.clock.now()).total_seconds()
            if wait > 0:
                run.waits(f"Waiting {wait:.0f} s until Xero can no longer carry out an unanswered request.")
                await run.clock.sleep(wait)
    pending = {*OPEN_ENDED, JournalState.WITHDRAWING}
    return None if any(record.state in pending for record in records) else records


def lookup_by_plan(run: JournalsRun, plan: Plan, picture: Picture | None = None) -> RequestLookup:
    """Return a lookup that compares a request with the day's lines.

    `picture` is what earlier looks have shown.
    """

    async def look(request: StoredRequest, records: Sequence[JournalRecord]) -> LookupResult:
        snapshot = await read_journals(run, plan, [], picture=picture)
        # What may be left out now may still be on its way.
        missing = Entries.of(snapshot.matched.missing, snapshot.matched.optional)
        numbers = snapshot.matched.numbers
        entries = Entries.of(entries_in(request.body))
        named = any(record.number in numbers.get(record.booking_date, ()) for record in records)
        return LookupResult(snapshot.read_at, missing.isdisjoint(entries), entries <= missing and not named)

    return look


async def _resend(
    run: JournalsRun, request: StoredRequest, records: Sequence[JournalRecord], seen: LookupResult
) -> bool:
    """Send a request again of which nothing is in Xero; tell whether its outcome is known.

    The bytes may never have left, and another run, with a store of its own, may have sent the same lines
    since: a repeat too is a write, and is based on a fresh read.
    """
    if seen.there or not seen.absent:
        return seen.there
    run.log(f"An earlier run got no answer for {len(records)} journals: sending the same request again.")
    try:
        verdicts = await run.xero.put_manual_journals(
            request.body,
            request.request_key,
            first_sent=request.first_sent_at,
            not_after=seen.read_at + FRESH,
        )
    except (UnknownOutcome, Rejected):
        return False  # the wait, and then what Xero shows, tell the outcome
    await record_verdicts(run, records, verdicts)
    return True
