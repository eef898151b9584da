"""Posting: one round of journals goes to Xero in groups of requests, each of which is one task.

Each request is recorded before it leaves, and its answer is read journal by journal. What is posted rests on
one reading of Xero, and nothing leaves once that is no longer fresh.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import anyio

from blocks.errors import DaybookError, Overdue, Refusal, Rejected, Terminal, Transient, UnknownOutcome
from blocks.store.entries import pack
from blocks.store.models import JournalRecord, JournalState, StoredRequest
from flows.journals.freshness import FRESH
from flows.journals.models import Plan
from flows.journals.prepare import Prepared, PreparedJournal, PreparedRequest
from flows.journals.records import record_verdicts
from flows.journals.run import JournalsRun
from flows.money import money_text
from flows.runtime.tasks import run_task
from flows.runtime.text import counted, days_in_words

# So many requests at most are one task, which Prefect's pages show as a row.
REQUESTS_PER_TASK = 40


@dataclass
class Posting:
    """One round of sending: what goes out while that is fresh, and what has become of it so far.

    `read_at` is when Xero was read for it, `before` how many journals earlier rounds have sent; `begun` are
    the groups whose task has begun. Where one is `done_again`, the round is at its end.
    """

    prepared: Prepared
    read_at: dt.datetime
    before: int
    taken: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)
    done_again: bool = False

    @property
    def not_after(self) -> dt.datetime:
        """Return the instant after which no request leaves."""
        return self.read_at + FRESH

    def groups(self) -> list[list[list[PreparedRequest]]]:
        """Return the blocks in groups, each of which is one task."""
        groups: list[list[list[PreparedRequest]]] = []
        requests = REQUESTS_PER_TASK
        for block in self.prepared.blocks:
            if requests >= REQUESTS_PER_TASK:
                groups.append([])
                requests = 0
            groups[-1].append(block)
            requests += len(block)
        return groups


def _name_of(_run: JournalsRun, _plan: Plan, posting: Posting, number: int) -> str:
    journals = [one for block in posting.groups()[number] for request in block for one in request.journals]
    dates = days_in_words({one.narration.booking_date for one in journals})
    return f"post: {dates}, {counted(len(journals), 'journal')}"


@run_task(_name_of)
async def post(run: JournalsRun, plan: Plan, posting: Posting, number: int) -> None:
    """Send the requests of a group while what they rest on is fresh.

    After the first one that fails no other is begun. Raises UnknownOutcome before any other error, and, with
    the last group, Refusal naming all journals that Xero declined. A repeat sends nothing: what is missing
    has to be read from Xero first, which the next round does.
    """
    if number in posting.begun:
        posting.done_again = True
        return
    posting.begun.add(number)
    groups, total = posting.groups(), len(posting.prepared.journals)
    failed: list[DaybookError] = []
    gate = anyio.CapacityLimiter(run.connection.xero_concurrency)

    async def put(block: Sequence[PreparedRequest]) -> None:
        # One after the other: Xero knows a block by the key of its first part.
        for request in block:
            await put_one(request)

    async def put_one(request: PreparedRequest) -> None:
        async with gate:
            if failed or run.clock.now() > posting.not_after:
                return
            try:
                taken, declined = await _put(run, plan, request, posting.not_after)
            except Overdue:
                return
            except DaybookError as error:
                failed.append(error)
                return
            posting.taken.update(taken)
            posting.refused.update(declined)
            await run.progress("send", posting.before + len(posting.taken), posting.before + total)

    await asyncio.gather(*map(put, groups[number]))
    if failed:
        raise next((error for error in failed if isinstance(error, UnknownOutcome)), failed[0])
    if posting.refused and number == len(groups) - 1:
        raise _declined(posting.refused, len(posting.taken), total)


def _declined(refused: dict[str, str], taken: int, total: int) -> Refusal:
    listed = "; ".join(f'"{name}": {reason}' for name, reason in refused.items())
    rest = total - taken - len(refused)
    more = f", and {rest} are not sent yet" if rest else ""
    return Refusal(
        f"Xero reported problems with {len(refused)} of {total} journals: {listed}. Of the others, {taken} "
        f"are in Xero{more}. Correct what Xero names, then run the date again: only what is missing is sent."
    )


async def _put(
    run: JournalsRun, plan: Plan, request: PreparedRequest, not_after: dt.datetime
) -> tuple[dict[str, str], dict[str, str]]:
    """Send one request; return the ids of what was taken and the reasons for what was declined."""
    records = [
        replace(record_of(run, plan, request, journal), **pack(journal.entries)._asdict())
        for journal in request.journals
    ]
    # Made only now, and kept no longer than the request, so that never all bytes of a day are in memory.
    body = request.body
    await run.store.sending(records, StoredRequest(request.key, body), run.clock.now(), run.lease)
    try:
        verdicts = await run.xero.put_manual_journals(body, request.key, not_after=not_after)
    except UnknownOutcome:
        await run.store.move(records, JournalState.UNKNOWN, run.clock.now())
        raise
    except Rejected as error:
        if "different request" in " ".join(error.reasons):
            await run.store.move(records, JournalState.UNKNOWN, run.clock.now())
            raise Terminal(
                "Another run is sending the same journals to Xero at this moment. Nothing was sent twice. "
                "Run the date again in ten minutes: it then finds what that run sent."
            ) from None
        if len(records) > 1:
            # With several journals a 400 does not say what became of each.
            await run.store.move(records, JournalState.UNKNOWN, run.clock.now())
            raise UnknownOutcome(str(error), status=error.status) from None
        reason = "; ".join(error.reasons) or str(error)
        declined = {record.narration: reason for record in records}
        await run.store.move(records, JournalState.REFUSED, run.clock.now(), reasons=declined)
        return {}, declined
    except (Terminal, Transient):
        await run.store.move(records, JournalState.PREPARED, run.clock.now())
        raise
    # Before it is written down, which may fail: it is in Xero all the same.
    run.created.update((one.narration, one.journal_id) for one in verdicts if one.is_in_xero)
    return await record_verdicts(run, records, verdicts)


def record_of(
    run: JournalsRun, plan: Plan, request: PreparedRequest, journal: PreparedJournal
) -> JournalRecord:
    """Return what the store keeps of a journal, but for its lines."""
    return JournalRecord(
        organisation=run.organisation,
        narration=str(journal.narration),
        generation=journal.generation,
        connection=run.name,
        day=run.day.date,
        booking_date=journal.narration.booking_date,
        number=journal.narration.number,
        request_key=request.key,
        digest=journal.digest,
        lines=journal.lines,
        debits=money_text(journal.debits, plan.digits),
    )
