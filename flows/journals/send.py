"""Send: what Xero lacks of the day goes there as draft manual journals, once.

    resolve  pending requests of earlier runs (flows/journals/pending.py)
    read     the live journals that could contain the day's lines (flows/journals/read.py)
    prepare  what is missing becomes finished journals, with their bytes and keys
    post     each request: recorded, sent, and its answer read (flows/journals/posting.py)

and again from `read` for as long as something is left to send. Nothing here is cached: each round reads
before it writes, and no write rests on an old read. What a round reads is what changed since the one before.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection

import msgspec

from blocks.errors import Refusal
from blocks.store.models import OPEN_ENDED, JournalState, latest
from flows.journals.calls import require_calls_to_send
from flows.journals.freshness import KEY_EXPIRED
from flows.journals.models import Plan
from flows.journals.narration import Narration
from flows.journals.pending import lookup_by_plan, resolve_pending_requests
from flows.journals.posting import Posting, post, record_of
from flows.journals.prepare import Prepared, PreparePolicy, prepare_journals
from flows.journals.read import Picture, XeroSnapshot, page_size, read_journals
from flows.journals.reconciliation import Reconciliation
from flows.journals.run import JournalsRun
from flows.journals.withdraw.requests import note
from flows.runtime.tasks import run_task
from flows.runtime.text import counted, listed

# How many rounds of reading and sending a run makes before it gives up.
ROUNDS = 20
# So many of the lines that are there more than once are named in its refusal.
_NAMED = 20


class Sent(msgspec.Struct, frozen=True):
    """The outcome of sending: the Xero ids of what was created, by narration, and the last look at Xero.

    `partially_posted` names what cannot be sent since people changed its journals.
    """

    ids: dict[str, str]
    snapshot: XeroSnapshot
    partially_posted: list[str]


async def rehearse(run: JournalsRun, plan: Plan) -> tuple[Reconciliation, Prepared]:
    """Return what Xero holds and what would be sent, and send and record nothing.

    Raises Refusal as `send` would.
    """
    snapshot = await read_journals(run, plan, [])
    if withdrawals := note(snapshot.records):
        run.log(withdrawals)
    return snapshot.matched, await prepare(run, plan, snapshot)


async def send(run: JournalsRun, plan: Plan) -> Sent:
    """Send what is missing and return what was created, before it is read back.

    Raises Refusal where Xero holds a line twice or declines journals, ResumeLater where it does not allow the
    calls that the day needs, and CallFailed.
    """
    picture = Picture()
    records = await resolve_pending_requests(run, lookup_by_plan(run, plan, picture))
    ids: dict[str, str] = {}
    for _ in range(ROUNDS):
        snapshot = await read_journals(run, plan, list(ids.values()), records, picture)
        records = None
        run.found_in_xero = _found_before(snapshot.matched, run.created.values())
        run.under_way = True
        prepared = await prepare(run, plan, snapshot)
        run.to_send = [
            record_of(run, plan, request, journal)
            for request in prepared.requests
            for journal in request.journals
        ]
        if not prepared.requests:
            break
        if await _wait_for_others(run, snapshot):
            continue
        require_calls(run, prepared, snapshot, len(ids))
        posting = Posting(prepared, snapshot.read_at, len(ids))
        for number in range(len(posting.groups())):
            await post(run, plan, posting, number)
            if posting.done_again:
                break
        ids.update(posting.taken)
        if len(posting.taken) == len(prepared.journals):
            break
    return Sent(ids, snapshot, prepared.partially_posted)


def require_calls(run: JournalsRun, prepared: Prepared, snapshot: XeroSnapshot, sent: int) -> None:
    """Raise ResumeLater where what is missing could not be sent, and all of the list read back, today.

    `sent` is how many journals this run has sent before.
    """
    expected = snapshot.listed + (0 if snapshot.whole else sent) + len(prepared.journals)
    pages = math.ceil(expected / page_size(run.connection.lines_per_journal))
    require_calls_to_send(run, prepared.requests, pages)


def _found_before(matched: Reconciliation, ours: Collection[str]) -> list[str]:
    """Return the narrations of the journals that hold lines of the day, but for those that this run sent."""
    return [one.narration for one in matched.holding if one.journal_id not in ours]


async def prepare(run: JournalsRun, plan: Plan, snapshot: XeroSnapshot) -> Prepared:
    """Return what would be sent. Raises Refusal where lines are there twice, or maybe under another label."""
    matched = snapshot.matched
    if matched.duplicates:
        missing = f" Not in Xero yet: EntryID {listed(sorted(matched.missing))}." if matched.missing else ""
        twice, rest = matched.duplicates[:_NAMED], len(matched.duplicates) - _NAMED
        more = f"; and {counted(rest, 'more line')}" if rest > 0 else ""
        raise Refusal(
            f"Xero has lines of the day more than once: {'; '.join(twice)}{more}. Nothing further was "
            f"sent.{missing} Delete or void the journal that should not be there, then run the date again."
        )
    for record in snapshot.records:
        name = Narration.parse(record.narration)
        if name and name.label != plan.label and record.state in _MAYBE_IN_XERO:
            raise Refusal(
                f"This day was sent with the label {name.label or '(none)'}, but the connection's label is "
                f"now {plan.label or '(none)'}: its journals could be sent a second time. Nothing further "
                "was sent. Restore the label."
            )
    return await prepare_missing(run, plan, snapshot)


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


async def _wait_for_others(run: JournalsRun, snapshot: XeroSnapshot) -> bool:
    """Wait, and return True, where journals of the day have just come from a run that is not in our record.

    It may be another run, with a store of its own, in the middle of a request that holds more of them.
    """
    matched = snapshot.matched
    names = {record.narration for record in snapshot.records}
    ids = {record.manual_journal_id for record in snapshot.records}
    # Not one that only reverses lines: no run sends such.
    holding = [matched.journals[position] for position in matched.found.holders]
    elsewhere = [
        journal.updated
        for journal in holding
        if journal.updated and journal.narration not in names and journal.journal_id not in ids
    ]
    if not elsewhere:
        return False
    # By Xero's clock, which has dated them; never longer than KEY_DEAD, whatever that clock shows.
    now = run.xero.transport.there.at(run.clock.now())
    wait = min(max(elsewhere) + KEY_EXPIRED - now, KEY_EXPIRED).total_seconds()
    if wait <= 0:
        return False
    run.waits(
        f"Another source has just sent journals of this day to Xero: waiting {wait:.0f} s for any more that "
        "are on their way."
    )
    await run.clock.sleep(wait)
    return True


@run_task("send: prepare")
async def prepare_missing(run: JournalsRun, plan: Plan, snapshot: XeroSnapshot) -> Prepared:
    """Turn what is missing into finished requests."""
    taken: dict[dt.date, set[int]] = {}
    generations: dict[str, int] = {}
    live = {journal.narration for journal in snapshot.matched.journals}
    for name, record in latest(snapshot.records).items():
        if record.state is JournalState.PREPARED or (record.state in OPEN_ENDED and name not in live):
            # Sent without an answer, resolved since and not found: its key has expired and may be used again.
            # It must be: a run with a store of its own knows of no earlier attempt, and sends under it too.
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
