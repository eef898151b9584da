"""Send: what Xero lacks of the day goes there as draft manual journals, once.

    settle   requests whose end is unknown, from an earlier run: the same bytes under the same key
             while the key lives, else a wait until it has surely died
    read     the live journals that could hold the day
    seal     what is missing becomes finished journals, bytes and keys
    put      each request: written down, sent, and its verdict read journal by journal

and again from `read` for as long as something is left to send. Nothing here is cached: each round reads
before it writes, and no write rests on an old read.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Sequence

import msgspec
from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks.errors import CallFailed, Refusal, Rejected, Terminal, Transient, UnknownOutcome
from blocks.store import OPEN_ENDED, JournalRecord, JournalState, StoredRequest, latest
from blocks.transport import KEY_LIFE
from blocks.xero import NOTHING, ManualJournal, xero_date
from flows.journals.books import LiveJournal, LiveLine, Match, Plan, match
from flows.journals.narration import Narration
from flows.journals.night import Night
from flows.journals.sealing import SealedJournal, SealedRequest, Sealing, SealPolicy, seal
from flows.journals.staging import only_transient
from flows.money import money_text

# A key has surely died, and a request under it surely ended, this long after it was first used: Xero
# keeps keys for six minutes, and a minute is for clocks that differ and commits that come late.
KEY_DEAD = dt.timedelta(minutes=7)
# Journals can be changed by people at any time; a write resting on an older look is not made.
FRESH = dt.timedelta(minutes=4)
# A day's journals are written after the day has ended; the margin is for clocks that differ.
BEFORE_DAY_END = dt.timedelta(minutes=10)
# Reading everything changed since an old day is given up for asking by name beyond this many pages.
MOST_PAGES = 30
_LINES_PER_PAGE = 25_000
# How many rounds of reading and sending a run makes before it gives up.
ROUNDS = 20


class Books(msgspec.Struct, frozen=True):
    """What Xero shows of the day, and when it was read."""

    matched: Match
    read_at: dt.datetime


class Sent(msgspec.Struct, frozen=True):
    """The outcome of sending: the Xero ids of what was created, by narration, and the last look at Xero.

    `journals` are those that were sent; `torn` names what cannot be sent since people changed its journals.
    """

    journals: list[SealedJournal]
    ids: dict[str, str]
    books: Books
    torn: list[str]


async def rehearse(night: Night, plan: Plan) -> tuple[Match, Sealing]:
    """Return what Xero holds and what would be sent, and send and record nothing."""
    books = await read_journals(night, plan, [])
    return books.matched, seal_missing(night, plan, books, await _records(night))


async def send(night: Night, plan: Plan) -> Sent:
    """Send what is missing and return what was created, before it is read back.

    Raises Refusal where Xero holds a line twice or declines journals, and CallFailed.
    """
    await settle(night)
    journals: dict[str, SealedJournal] = {}
    ids: dict[str, str] = {}
    for _ in range(ROUNDS):
        books = await read_journals(night, plan, list(ids.values()))
        sealing = await prepare(night, plan, books)
        if not sealing.requests:
            break
        journals.update((str(journal.narration), journal) for journal in sealing.journals)
        taken = await put_journals(night, plan, sealing, books.read_at, len(ids))
        ids.update(taken)
        if len(taken) == len(sealing.journals):
            break
    return Sent([journals[name] for name in ids], ids, books, sealing.torn)


async def prepare(night: Night, plan: Plan, books: Books) -> Sealing:
    """Return what would be sent, given what Xero shows. Raises Refusal where it holds a line twice."""
    if books.matched.doubled:
        raise Refusal(
            f"Xero holds lines of the day more than once: {'; '.join(books.matched.doubled[:20])}. Nothing "
            "further was sent. Delete or void the journal that should not be there, then run the date again."
        )
    return seal_missing(night, plan, books, await _records(night))


@task(name="send: settle", task_run_name="send: settle", cache_policy=NO_CACHE)
async def settle(night: Night) -> None:
    """Bring requests of earlier runs to a known end: answered, or surely dead."""
    open_ended = [record for record in await _records(night) if record.state in OPEN_ENDED]
    for key in dict.fromkeys(record.request_key for record in open_ended):
        records = [record for record in open_ended if record.request_key == key]
        request = await night.store.request(key)
        if request is None or request.first_sent_at is None:
            continue
        if night.clock.now() < request.first_sent_at + KEY_LIFE:
            night.log(f"An earlier run left {len(records)} journals without an answer: asking Xero again.")
            try:
                verdicts = await night.xero.put_manual_journals(
                    request.body, key, first_sent=request.first_sent_at
                )
            except (UnknownOutcome, Rejected):
                pass  # the wait below, and then the books, tell what became of it
            else:
                await _record_verdicts(night, records, verdicts)
                continue
        wait = (request.first_sent_at + KEY_DEAD - night.clock.now()).total_seconds()
        if wait > 0:
            night.log(f"Waiting {wait:.0f} s until an unanswered request can no longer be carried out.")
            await night.clock.sleep(wait)


@task(
    name="send: read Xero",
    task_run_name="send: read Xero",
    cache_policy=NO_CACHE,
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=only_transient,
)
async def read_journals(night: Night, plan: Plan, known_ids: Sequence[str]) -> Books:
    """Read the live journals that could hold the day, and hold the plan against them.

    `known_ids` are journals just written: read singly where a list does not show them yet.
    """
    read_at = night.clock.now()
    since = night.day.end - BEFORE_DAY_END
    size = page_size(night.connection.lines_per_journal)
    found: list[ManualJournal] = []
    page, pages = 1, 1
    while page <= pages:
        answer = await night.xero.manual_journals(modified_since=since, page=page, page_size=size)
        found.extend(answer.manual_journals)
        if answer.pagination is not None:
            pages = answer.pagination.page_count
        elif len(answer.manual_journals) == size:
            pages = page + 1
        if pages > MOST_PAGES:
            found = await _by_name(night, plan)
            break
        page += 1
    shown = {journal.manual_journal_id for journal in found}
    found.extend([await night.xero.manual_journal(one) for one in known_ids if one not in shown])
    return Books(match(plan, (_live(journal) for journal in found)), read_at)


def page_size(lines_per_journal: int) -> int:
    """Return how many journals to ask for at a time, so that an answer stays of a size to take."""
    return max(1, min(100, _LINES_PER_PAGE // lines_per_journal))


async def _by_name(night: Night, plan: Plan) -> list[ManualJournal]:
    """Ask for the day's journals one by one, by the names they would have: for days long past."""
    night.log("Too many journals were changed since that day to read them all: asking for the day's by name.")
    found: list[ManualJournal] = []
    planned: dict[dt.date, int] = {}
    for date, number in zip(
        plan.lines["booking_date"].to_pylist(), plan.lines["batch"].to_pylist(), strict=True
    ):
        planned[date] = max(planned.get(date, 0), number)
    for date, last in planned.items():
        number, unseen = 1, 0
        while number <= last or unseen < 2:
            named = await night.xero.manual_journals_named(str(Narration(plan.day, date, number, plan.label)))
            found.extend(named)
            unseen = 0 if named else unseen + 1
            number += 1
    ids = {journal.manual_journal_id for journal in found}
    recorded = [record.manual_journal_id for record in await _records(night) if record.manual_journal_id]
    found.extend([await night.xero.manual_journal(one) for one in recorded if one not in ids])
    return found


def _live(journal: ManualJournal) -> LiveJournal:
    lines = [
        LiveLine(line.line_amount, line.account_code, line.description) for line in journal.journal_lines
    ]
    return LiveJournal(
        journal.manual_journal_id, journal.narration, xero_date(journal.date), journal.status, lines
    )


@task(name="send: seal", task_run_name="send: seal", cache_policy=NO_CACHE)
def seal_missing(night: Night, plan: Plan, books: Books, records: Sequence[JournalRecord]) -> Sealing:
    """Turn what is missing into finished requests."""
    taken: dict[dt.date, set[int]] = {}
    generations: dict[str, int] = {}
    live = {journal.narration for journal in books.matched.journals}
    for name, record in latest(records).items():
        if record.state is JournalState.SEALED:
            generations[name] = record.generation
        elif record.state is JournalState.REFUSED or (record.state in OPEN_ENDED and name not in live):
            # Surely not in Xero: declined there, or sent without an answer, settled since and not found.
            generations[name] = record.generation + 1
        else:
            taken.setdefault(record.booking_date, set()).add(record.number)
    connection = night.connection
    policy = SealPolicy(
        night.organisation, connection.lines_per_journal, connection.show_on_cash_basis_reports
    )
    return seal(plan, books.matched, policy, taken=taken, generations=generations)


@task(name="send: put", task_run_name="send: put", cache_policy=NO_CACHE)
async def put_journals(
    night: Night, plan: Plan, sealing: Sealing, read_at: dt.datetime, before: int
) -> dict[str, str]:
    """Send requests while what they rest on is fresh; return the Xero ids of what was taken, by narration.

    Raises Refusal naming all journals that Xero declined, once the others are through, and CallFailed
    as soon as a request has no clear end or could not be sent.
    """
    journals = sealing.journals
    await night.store.seal(
        [
            _record_of(night, plan, request, journal)
            for request in sealing.requests
            for journal in request.journals
        ],
        [StoredRequest(request.key, request.body) for request in sealing.requests],
        night.clock.now(),
    )
    ids: dict[str, str] = {}
    refused: dict[str, str] = {}
    failed: list[CallFailed] = []
    gate = asyncio.Semaphore(night.connection.xero_concurrency)

    async def put(request: SealedRequest) -> None:
        async with gate:
            if failed or night.clock.now() - read_at > FRESH:
                return
            try:
                taken, declined = await _put(night, plan, request)
            except CallFailed as error:
                failed.append(error)
                return
            ids.update(taken)
            refused.update(declined)
            await night.progress("send", before + len(ids), before + len(journals))

    await asyncio.gather(*(put(request) for request in sealing.requests))
    if failed:
        raise failed[0]
    if refused:
        listed = "; ".join(f"«{name}»: {reason}" for name, reason in refused.items())
        raise Refusal(
            f"Xero declined {len(refused)} of {len(journals)} journals: {listed}. The others are there. Put "
            "right what Xero names, then run the date again: only what is missing is sent."
        )
    return ids


async def _put(night: Night, plan: Plan, request: SealedRequest) -> tuple[dict[str, str], dict[str, str]]:
    """Send one request; return the ids of what was taken and the reasons for what was declined."""
    records = [_record_of(night, plan, request, journal) for journal in request.journals]
    await night.store.sending(request.key, night.clock.now())
    try:
        verdicts = await night.xero.put_manual_journals(request.body, request.key)
    except UnknownOutcome:
        await night.store.move(records, JournalState.UNKNOWN, night.clock.now())
        raise
    except Rejected as error:
        if "different request" in " ".join(error.reasons):
            await night.store.move(records, JournalState.UNKNOWN, night.clock.now())
            raise Terminal(
                "Another run is sending the same journals to Xero at this moment. Nothing was sent twice. "
                "Run the date again in ten minutes: it finds what that run has sent."
            ) from None
        reason = "; ".join(error.reasons) or str(error)
        declined = {record.narration: reason for record in records}
        await night.store.move(records, JournalState.REFUSED, night.clock.now(), reasons=declined)
        return {}, declined
    except (Terminal, Transient):
        await night.store.move(records, JournalState.SEALED, night.clock.now())
        raise
    return await _record_verdicts(night, records, verdicts)


async def _record_verdicts(
    night: Night, records: Sequence[JournalRecord], verdicts: Iterable[ManualJournal]
) -> tuple[dict[str, str], dict[str, str]]:
    """Write down what Xero says of each journal: a 200 as a whole says nothing of any one of them."""
    by_name = {verdict.narration: verdict for verdict in verdicts}
    ids: dict[str, str] = {}
    declined: dict[str, str] = {}
    changed: dict[str, str] = {}
    for record in records:
        verdict = by_name.get(record.narration)
        if verdict is None:
            declined[record.narration] = "Xero's answer does not mention it"
            continue
        complaint = "; ".join(verdict.complaints())
        if verdict.manual_journal_id in {"", NOTHING}:
            declined[record.narration] = complaint or "Xero gave it no id"
        elif complaint:
            ids[record.narration] = verdict.manual_journal_id
            changed[record.narration] = f"Xero took it, but with a warning: {complaint}"
        else:
            ids[record.narration] = verdict.manual_journal_id
    now, move = night.clock.now(), night.store.move
    await move(
        [one for one in records if one.narration in changed],
        JournalState.DRIFT,
        now,
        ids=ids,
        reasons=changed,
    )
    await move(
        [one for one in records if one.narration in declined], JournalState.REFUSED, now, reasons=declined
    )
    good = [one for one in records if one.narration in ids and one.narration not in changed]
    await move(good, JournalState.CREATED, now, ids=ids)
    taken = {name: one for name, one in ids.items() if name not in changed}
    return taken, {**declined, **changed}


async def _records(night: Night) -> list[JournalRecord]:
    return await night.store.journals(night.organisation, night.name, night.day.date)


def _record_of(night: Night, plan: Plan, request: SealedRequest, journal: SealedJournal) -> JournalRecord:
    return JournalRecord(
        organisation=night.organisation,
        narration=str(journal.narration),
        generation=journal.generation,
        connection=night.name,
        day=night.day.date,
        booking_date=journal.narration.booking_date,
        number=journal.narration.number,
        request_key=request.key,
        digest=journal.digest,
        lines=journal.lines,
        debits=money_text(journal.debits, plan.digits),
    )
