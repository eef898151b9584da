"""Send: what Xero lacks of the day goes there as draft manual journals, once.

    settle   requests whose end is unknown, from an earlier run: where Xero shows nothing of them, the
             same bytes under the same key while the key lives, else a wait until it has surely died
    read     the live journals that could hold the day (flows/journals/read.py)
    seal     what is missing becomes finished journals, bytes and keys
    put      each request: written down, sent, and its verdict read journal by journal

and again from `read` for as long as something is left to send. Nothing here is cached: each round reads
before it writes, and no write rests on an old read.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec

from blocks.errors import (
    DaybookError,
    Overdue,
    Refusal,
    Rejected,
    Terminal,
    Transient,
    UnknownOutcome,
)
from blocks.http.models import KEY_LIFE
from blocks.store.models import OPEN_ENDED, JournalRecord, JournalState, StoredRequest, latest, pack
from blocks.xero.models import NOTHING, Verdict
from flows.journals.models import Plan
from flows.journals.narration import Narration
from flows.journals.prepare import (
    Prepared,
    PreparedJournal,
    PreparedRequest,
    PreparePolicy,
    entries_in,
    prepare_journals,
)
from flows.journals.read import XeroSnapshot, read_journals
from flows.journals.reconciliation import Reconciliation
from flows.journals.run import JournalsRun
from flows.journals.withdraw.requests import note, resolve_pending_withdrawals
from flows.money import money_text
from flows.runtime.tasks import run_task

# Journals can be changed by people at any time; a write resting on an older look is not made.
FRESH = dt.timedelta(minutes=4)
# A key has surely died, and a request under it surely ended, this long after it was written down: it
# left within FRESH of that, each time, Xero keeps keys for six minutes, and a minute is for requests that
# are carried out late and clocks that differ.
KEY_DEAD = FRESH + dt.timedelta(minutes=7)
# How many rounds of reading and sending a run makes before it gives up.
ROUNDS = 20


class Sent(msgspec.Struct, frozen=True):
    """The outcome of sending: the Xero ids of what was created, by narration, and the last look at Xero.

    `torn` names what cannot be sent since people changed its journals.
    """

    ids: dict[str, str]
    snapshot: XeroSnapshot
    partially_posted: list[str]


async def rehearse(run: JournalsRun, plan: Plan) -> tuple[Reconciliation, Prepared]:
    """Return what Xero holds and what would be sent, and send and record nothing.

    Raises Refusal as `send` would.
    """
    snapshot = await read_journals(run, plan, [])
    records = await _records(run)
    if withdrawals := note(records):
        run.log(withdrawals)
    return snapshot.matched, await prepare(run, plan, snapshot, records)


async def send(run: JournalsRun, plan: Plan) -> Sent:
    """Send what is missing and return what was created, before it is read back.

    Raises Refusal where Xero holds a line twice or declines journals, and CallFailed.
    """
    await resolve_pending_requests(run, lookup_by_plan(run, plan))
    ids: dict[str, str] = {}
    for _ in range(ROUNDS):
        snapshot = await read_journals(run, plan, list(ids.values()))
        run.found_in_xero = _found_before(snapshot.matched, run.created.values())
        run.under_way = True
        records = await _records(run)
        prepared = await prepare(run, plan, snapshot, records)
        if not prepared.requests:
            break
        if await _wait_for_others(run, snapshot.matched, records):
            continue
        taken = await put_journals(run, plan, prepared, snapshot.read_at, len(ids))
        ids.update(taken)
        if len(taken) == len(prepared.journals):
            break
    return Sent(ids, snapshot, prepared.partially_posted)


def _found_before(matched: Reconciliation, ours: Collection[str]) -> list[str]:
    """Return the narrations of the journals that hold lines of the day, but for those that this run sent."""
    holding = [matched.journals[one] for one in {*matched.found.values(), *matched.held.values()}]
    return [one.narration for one in holding if one.journal_id not in ours]


async def prepare(
    run: JournalsRun, plan: Plan, snapshot: XeroSnapshot, records: Sequence[JournalRecord]
) -> Prepared:
    """Return what would be sent. Raises Refusal where lines are there twice, or maybe under another label."""
    if snapshot.matched.duplicates:
        raise Refusal(
            f"Xero holds lines of the day more than once: {'; '.join(snapshot.matched.duplicates[:20])}. Nothing "
            "further was sent. Delete or void the journal that should not be there, then run the date again."
        )
    for record in records:
        name = Narration.parse(record.narration)
        if name and name.label != plan.label and record.state in _MAYBE_IN_XERO:
            raise Refusal(
                f"This day was sent under the label {name.label or '(none)'}, and the connection's is "
                f"{plan.label or '(none)'} now: its journals could be sent a second time. Nothing was sent. "
                "Set the label back."
            )
    return await prepare_missing(run, plan, snapshot, records)


# An answer that never came counts: under another label the books do not show what became of it.
_MAYBE_IN_XERO = frozenset(
    {
        *OPEN_ENDED,
        JournalState.CREATED,
        JournalState.CONFIRMED,
        JournalState.DRIFT,
        JournalState.POSSIBLE,
        JournalState.WITHDRAWING,
    }
)


async def _wait_for_others(
    run: JournalsRun, matched: Reconciliation, records: Sequence[JournalRecord]
) -> bool:
    """Wait, and return True, where journals of the day have just come from a run that is not in our record.

    It may be another run, with a store of its own, in the middle of a request that holds more of them.
    """
    names = {record.narration for record in records}
    ids = {record.manual_journal_id for record in records}
    # Not one that only reverses lines: no run sends such.
    holding = [matched.journals[position] for position in sorted(set(matched.found.values()))]
    foreign = [
        journal.updated
        for journal in holding
        if journal.updated and journal.narration not in names and journal.journal_id not in ids
    ]
    if not foreign:
        return False
    # By Xero's clock, which has dated them; never longer than KEY_DEAD, whatever that clock shows.
    now = run.xero.transport.there.at(run.clock.now())
    wait = min(max(foreign) + KEY_DEAD - now, KEY_DEAD).total_seconds()
    if wait <= 0:
        return False
    run.waits(
        f"Journals of this day have just come into Xero from elsewhere: waiting {wait:.0f} s for whatever "
        "else is on its way."
    )
    await run.clock.sleep(wait)
    return True


class LookupResult(NamedTuple):
    """What a fresh look at Xero shows of a request: `there` all of it, `absent` nothing, else in part."""

    read_at: dt.datetime
    there: bool
    absent: bool


RequestLookup = Callable[[StoredRequest, Sequence[JournalRecord]], Awaitable[LookupResult]]


@run_task("send: settle")
async def resolve_pending_requests(run: JournalsRun, look: RequestLookup) -> None:
    """Bring requests of earlier runs to a known end: answered, found in Xero by `look`, or surely dead."""
    records = await _records(run)
    await resolve_pending_withdrawals(run, records, KEY_DEAD)
    open_ended = [record for record in latest(records).values() if record.state in OPEN_ENDED]
    for key in dict.fromkeys(record.request_key for record in open_ended):
        of_request = [record for record in open_ended if record.request_key == key]
        run.under_way = True
        request = await run.store.request(key)
        if request is None or request.first_sent_at is None:
            continue
        alive = run.clock.now() < request.first_sent_at + KEY_LIFE
        with run.xero.transport.patience.under_way.settled():
            if alive and await _settled(run, request, of_request, await look(request, of_request)):
                continue
            wait = (request.first_sent_at + KEY_DEAD - run.clock.now()).total_seconds()
            if wait > 0:
                run.waits(f"Waiting {wait:.0f} s until an unanswered request can no longer be carried out.")
                await run.clock.sleep(wait)


def lookup_by_plan(run: JournalsRun, plan: Plan) -> RequestLookup:
    """Return a look that holds a request against the day's lines."""

    async def look(request: StoredRequest, records: Sequence[JournalRecord]) -> LookupResult:
        snapshot = await read_journals(run, plan, [])
        # What may be left out now may still be on its way.
        missing = snapshot.matched.missing | snapshot.matched.optional
        numbers = snapshot.matched.numbers
        entries = entries_in(request.body)
        named = any(record.number in numbers.get(record.booking_date, ()) for record in records)
        return LookupResult(
            snapshot.read_at, missing.isdisjoint(entries), missing.issuperset(entries) and not named
        )

    return look


async def _settled(
    run: JournalsRun, request: StoredRequest, records: Sequence[JournalRecord], seen: LookupResult
) -> bool:
    """Ask again for a request of which nothing is in Xero; tell whether its end is known.

    The bytes may never have left, and another run, with a store of its own, may have sent the same lines
    since: a repeat too is a write, and rests on a fresh read.
    """
    if seen.there or not seen.absent:
        return seen.there
    run.log(f"An earlier run left {len(records)} journals without an answer: asking Xero again.")
    try:
        verdicts = await run.xero.put_manual_journals(
            request.body,
            request.request_key,
            first_sent=request.first_sent_at,
            not_after=seen.read_at + FRESH,
        )
    except (UnknownOutcome, Rejected):
        return False  # the wait, and then the books, tell what became of it
    await _record_verdicts(run, records, verdicts)
    return True


@run_task("send: seal")
async def prepare_missing(
    run: JournalsRun, plan: Plan, snapshot: XeroSnapshot, records: Sequence[JournalRecord]
) -> Prepared:
    """Turn what is missing into finished requests."""
    taken: dict[dt.date, set[int]] = {}
    generations: dict[str, int] = {}
    live = {journal.narration for journal in snapshot.matched.journals}
    for name, record in latest(records).items():
        if record.state is JournalState.PREPARED or (record.state in OPEN_ENDED and name not in live):
            # Sent without an answer, settled since and not found: its key has died and may be used anew.
            # It must be: a run with a store of its own knows of no attempt before, and sends under it too.
            generations[name] = record.generation
        elif record.state is JournalState.REFUSED:
            # Surely not in Xero, and the key goes on repeating that for six minutes.
            generations[name] = record.generation + 1
        else:
            taken.setdefault(record.booking_date, set()).add(record.number)
    connection = run.connection
    policy = PreparePolicy(
        run.organisation, connection.lines_per_journal, connection.show_on_cash_basis_reports
    )
    return prepare_journals(plan, snapshot.matched, policy, taken=taken, generations=generations)


@run_task("send: put")
async def put_journals(
    run: JournalsRun, plan: Plan, prepared: Prepared, read_at: dt.datetime, before: int
) -> dict[str, str]:
    """Send requests while what they rest on is fresh; return the Xero ids of what was taken, by narration.

    After the first one that fails no other is begun. Raises UnknownOutcome before any other error, and
    Refusal naming all journals that Xero declined.
    """
    journals = prepared.journals
    await run.store.prepare(
        [
            _record_of(run, plan, request, journal)
            for request in prepared.requests
            for journal in request.journals
        ],
        [StoredRequest(request.key, request.body) for request in prepared.requests],
        run.clock.now(),
        run.lease,
    )
    ids: dict[str, str] = {}
    refused: dict[str, str] = {}
    failed: list[DaybookError] = []
    not_after = read_at + FRESH
    gate = asyncio.Semaphore(run.connection.xero_concurrency)

    async def put(request: PreparedRequest) -> None:
        async with gate:
            if failed or run.clock.now() > not_after:
                return
            try:
                taken, declined = await _put(run, plan, request, not_after)
            except Overdue:
                return
            except DaybookError as error:
                failed.append(error)
                return
            ids.update(taken)
            refused.update(declined)
            await run.progress("send", before + len(ids), before + len(journals))

    await asyncio.gather(*(put(request) for request in prepared.requests))
    if failed:
        raise next((error for error in failed if isinstance(error, UnknownOutcome)), failed[0])
    if refused:
        raise _declined(refused, len(ids), len(journals))
    return ids


def _declined(refused: dict[str, str], taken: int, total: int) -> Refusal:
    listed = "; ".join(f"«{name}»: {reason}" for name, reason in refused.items())
    rest = total - taken - len(refused)
    more = f", and {rest} are not sent yet" if rest else ""
    return Refusal(
        f"Xero objects to {len(refused)} of {total} journals: {listed}. Of the others, {taken} are in Xero"
        f"{more}. Put right what Xero names, then run the date again: only what is missing is sent."
    )


async def _put(
    run: JournalsRun, plan: Plan, request: PreparedRequest, not_after: dt.datetime
) -> tuple[dict[str, str], dict[str, str]]:
    """Send one request; return the ids of what was taken and the reasons for what was declined."""
    records = [_record_of(run, plan, request, journal) for journal in request.journals]
    await run.store.sending(request.key, run.clock.now(), run.lease)
    try:
        verdicts = await run.xero.put_manual_journals(request.body, request.key, not_after=not_after)
    except UnknownOutcome:
        await run.store.move(records, JournalState.UNKNOWN, run.clock.now())
        raise
    except Rejected as error:
        if "different request" in " ".join(error.reasons):
            await run.store.move(records, JournalState.UNKNOWN, run.clock.now())
            raise Terminal(
                "Another run is sending the same journals to Xero at this moment. Nothing was sent twice. "
                "Run the date again in ten minutes: it finds what that run has sent."
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
    run.created.update((one.narration, one.manual_journal_id) for one in verdicts if _is_there(one))
    return await _record_verdicts(run, records, verdicts)


def _is_there(verdict: Verdict) -> bool:
    return verdict.manual_journal_id not in {"", NOTHING}


async def _record_verdicts(
    run: JournalsRun, records: Sequence[JournalRecord], verdicts: Iterable[Verdict]
) -> tuple[dict[str, str], dict[str, str]]:
    """Write down what Xero says of each journal: a 200 as a whole says nothing of any one of them.

    Raises UnknownOutcome where it says nothing of some.
    """
    by_name = {verdict.narration: verdict for verdict in verdicts}
    ids: dict[str, str] = {}
    declined: dict[str, str] = {}
    changed: dict[str, str] = {}
    silent: list[JournalRecord] = []
    for record in records:
        verdict = by_name.get(record.narration)
        complaint = "; ".join(verdict.complaints()) if verdict else ""
        if verdict and _is_there(verdict):
            ids[record.narration] = verdict.manual_journal_id
            if complaint:
                changed[record.narration] = f"Xero took it, but with a warning: {complaint}"
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
        raise UnknownOutcome(f"Xero: its answer does not mention «{silent[0].narration}».")
    taken = {name: one for name, one in ids.items() if name not in changed}
    return taken, {**declined, **changed}


async def _records(run: JournalsRun) -> list[JournalRecord]:
    return await run.store.journals(run.organisation, run.name, run.day.date)


def _record_of(
    run: JournalsRun, plan: Plan, request: PreparedRequest, journal: PreparedJournal
) -> JournalRecord:
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
        **pack(journal.entries)._asdict(),
    )
