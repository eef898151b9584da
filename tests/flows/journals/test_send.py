"""Sending without a server: what is asked again, what is waited for, and under which names journals go."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from blocks.errors import LeaseLost, NotAllowed, Refusal, Terminal, Unavailable, UnknownOutcome
from blocks.http.retry import Patience
from blocks.store.models import JournalRecord, JournalState, Lease, StoredRequest
from blocks.xero.models import NOTHING
from flows.journals import posting as posting_module
from flows.journals import prepare as prepare_module
from flows.journals.freshness import FRESH, KEY_EXPIRED
from flows.journals.pending import LookupResult, lookup_by_plan, resolve_pending_requests
from flows.journals.posting import Posting, post
from flows.journals.prepare import Prepared
from flows.journals.reconciliation import reconcile
from flows.journals.record import recorded
from flows.journals.report.failures import failure_of
from flows.journals.report.summary import Summary
from flows.journals.send import prepare, prepare_missing, send
from tests.helpers.journals import DAY, id_of, planned, posting, sent, taken_by_xero, transfers
from tests.helpers.journals_run import (
    MORNING,
    ScriptedRun,
    drafts_of,
    listed,
    records,
    scripted_run,
    snapshot_of,
)
from tests.helpers.scripted import Step, answer, failing, in_turn

ONE = sent(transfers(1))
REQUEST = ONE.prepared.requests[0]
NAME = str(REQUEST.journals[0].narration)
TWO = sent(transfers(2))
DIFFERENT = answer(
    400,
    {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "Idempotency Key: k is used with a different request.",
    },
)
DECLINED = answer(
    400,
    {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": [{"ValidationErrors": [{"Message": "Account code has been archived"}]}],
    },
)
TOKEN = answer(200, {"access_token": "token", "expires_in": 1800})


def taken() -> Step:
    """Return a step: Xero takes the request of the day."""
    return answer(200, {"ManualJournals": drafts_of(REQUEST)})


# Settling what an earlier run left without an answer.


async def test_what_xero_does_not_show_is_asked_again_while_its_key_lives(tmp_path: Path) -> None:
    """Of a request that left nothing in Xero the same bytes go once more under the same key, at once."""
    async with scripted_run(tmp_path, listed(), taken()) as at:
        await at.left(REQUEST)
        at.clock.advance(60)
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
        record = await at.record()
    assert at.methods == ["GET", "PUT"]
    put = at.script.requests[1]
    assert (put.content, put.headers["idempotency-key"]) == (REQUEST.body, REQUEST.key)
    assert at.clock.slept == []
    assert (record.state, record.manual_journal_id) == (JournalState.CREATED, id_of(NAME))


async def test_what_xero_shows_whole_is_neither_asked_again_nor_waited_for(tmp_path: Path) -> None:
    """A request all of which is in Xero is known to have been carried out, and settled at once."""
    async with scripted_run(tmp_path, listed(*drafts_of(REQUEST))) as at:
        await at.left(REQUEST)
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
    assert at.methods == ["GET"]
    assert at.clock.slept == []


@pytest.mark.parametrize("what", ["some of its lines", "some under a new name", "its name over other lines"])
async def test_what_xero_shows_in_part_is_waited_for(tmp_path: Path, what: str) -> None:
    """A request of which Xero shows a part is not sent again, and is waited for until its key has died."""
    (request,) = TWO.prepared.requests
    (draft,) = drafts_of(request)
    draft["JournalLines"] = draft["JournalLines"][:2]
    if what == "some under a new name":
        draft["Narration"] = "November"
    if what == "its name over other lines":
        draft["JournalLines"] = [{**one, "Description": "a note"} for one in draft["JournalLines"]]
    async with scripted_run(tmp_path, listed(draft)) as at:
        await at.left(request)
        at.clock.advance(60)
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, TWO.plan))
    assert at.methods == ["GET"]
    assert at.clock.now() == MORNING + KEY_EXPIRED


async def test_what_may_be_left_out_may_still_be_on_its_way(tmp_path: Path) -> None:
    """Where late lines leave it open whether a request's lines go at all, it is not taken as carried out."""
    early = [one for n in range(4) for one in posting(1 + 2 * n, "0.006", "-0.006")]
    *carried_out, open_ended = sent(early, cap=2).prepared.requests
    drafts = [draft for request in carried_out for draft in drafts_of(request)]
    plans = (planned([*early, *posting(9, f"0.00{n}", f"-0.00{n}")], cap=2) for n in range(1, 10))
    plan = next(one for one in plans if reconcile(one, taken_by_xero(carried_out)).optional)
    async with scripted_run(
        tmp_path, listed(*drafts), answer(200, {"ManualJournals": drafts_of(open_ended)})
    ) as at:
        await at.left(open_ended)
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, plan))
    assert at.methods == ["GET", "PUT"]


@pytest.mark.parametrize("end", [failing(httpx.ReadTimeout), answer(500), DECLINED, DIFFERENT])
async def test_a_repeat_without_a_known_end_is_waited_for(tmp_path: Path, end: Step) -> None:
    """Where asking again brings no verdict, settling returns only when the key has surely died."""
    async with scripted_run(tmp_path, listed(), end) as at:
        await at.left(REQUEST)
        at.clock.advance(60)
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
        assert await at.states() == [JournalState.SENDING]
    assert at.methods == ["GET", "PUT"]
    assert at.clock.now() == MORNING + KEY_EXPIRED


@pytest.mark.parametrize("before", [False, True])
async def test_what_is_settled_is_under_way_no_longer(tmp_path: Path, *, before: bool) -> None:
    """A repeat without an answer keeps no later call from waiting; what was open before still does."""
    async with scripted_run(tmp_path, listed(), failing(httpx.ReadTimeout)) as at:
        await at.left(REQUEST)
        under_way = at.run.xero.transport.patience.under_way
        under_way.any = before
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
        assert at.methods == ["GET", "PUT"]
        assert under_way.any is before


async def test_what_could_not_be_settled_stays_under_way(tmp_path: Path) -> None:
    """Where a run ends while it waits for an unanswered repeat, that one still counts as under way."""

    async def broken_off(_: float) -> None:
        raise Terminal("broken off")

    async with scripted_run(tmp_path, listed(), failing(httpx.ReadTimeout)) as at:
        await at.left(REQUEST)
        at.clock.sleep = broken_off  # type: ignore[method-assign]
        with pytest.raises(Terminal, match="broken off"):
            await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
        assert at.run.xero.transport.patience.under_way.any


async def test_each_request_is_settled_for_itself(tmp_path: Path) -> None:
    """Where one request is found in Xero, and the bytes of one are lost, the next is still asked again."""
    three = sent(transfers(53), cap=2)
    lost, there, absent = three.prepared.requests
    steps = [listed(*drafts_of(there)), listed(*drafts_of(there))]
    async with scripted_run(tmp_path, *steps, answer(200, {"ManualJournals": drafts_of(absent)})) as at:
        await at.keep([lost], JournalState.PREPARED)
        # Bytes go once no journal needs them; an old copy of the store can still have the journal.
        await at.run.store.move(records([lost]), JournalState.CREATED, at.clock.now())
        await at.run.store.move(records([lost]), JournalState.UNKNOWN, at.clock.now())
        await at.left(there)
        await at.left(absent)
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, three.plan))
    assert at.methods == ["GET", "GET", "PUT"]
    assert at.script.requests[-1].content == absent.body
    assert at.clock.slept == []


@pytest.mark.parametrize(("age", "wait"), [(300, 360), (659, 1), (660, 0), (5000, 0)])
async def test_under_a_key_that_may_be_dead_nothing_is_asked(tmp_path: Path, age: float, wait: float) -> None:
    """Once a key may have died nothing goes under it again, and only what is left of its time is waited."""
    async with scripted_run(tmp_path) as at:
        await at.left(REQUEST)
        at.clock.advance(age)
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
    assert at.methods == []
    assert at.clock.now() == MORNING + timedelta(seconds=age + wait)


async def test_a_failure_of_settling_is_one_of_sending(tmp_path: Path) -> None:
    """Where a look at what was left without an answer fails, it is told that sending was under way."""
    async with scripted_run(tmp_path, answer(403)) as at:
        await at.left(REQUEST)
        with pytest.raises(NotAllowed) as raised, at.run.in_stage("send"):
            await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
        held = await at.records()
    told = failure_of(DAY.date, at.run.stage, raised.value, "", held, under_way=at.run.under_way)
    assert (told.stage, told.step) == ("send", "")


# The names and keys under which what is missing goes.


@pytest.mark.parametrize(
    ("state", "generation", "number"),
    [
        (JournalState.PREPARED, 3, 1),
        (JournalState.SENDING, 3, 1),
        (JournalState.UNKNOWN, 3, 1),
        (JournalState.REFUSED, 4, 1),
        (JournalState.CREATED, 0, 2),
        (JournalState.CONFIRMED, 0, 2),
        (JournalState.DRIFT, 0, 2),
        (JournalState.POSSIBLE, 0, 2),
        (JournalState.WITHDRAWING, 0, 2),
        (JournalState.WITHDRAWN, 0, 2),
    ],
)
async def test_the_record_decides_on_name_and_key_of_what_is_missing(
    tmp_path: Path, state: JournalState, generation: int, number: int
) -> None:
    """What surely or perhaps never was in Xero goes under its own name, with a new key if it was refused."""
    held = [replace(one, state=state, generation=3) for one in records([REQUEST])]
    async with scripted_run(tmp_path) as at:
        prepared = await prepare_missing(at.run, ONE.plan, snapshot_of(ONE.plan, [], held))
    (journal,) = prepared.journals
    assert (journal.generation, journal.narration.number) == (generation, number)


def test_each_state_is_decided_on() -> None:
    """The states of a journal are the ten for which its name and key are tested above."""
    told = "sealed sending refused unknown created confirmed drift possible withdrawing withdrawn"
    assert " ".join(JournalState) == told


@pytest.mark.parametrize("state", list(JournalState))
async def test_a_name_that_stands_in_xero_is_not_used_again(tmp_path: Path, state: JournalState) -> None:
    """Whatever the record says, a journal that is in Xero keeps its number for itself."""
    two = sent(transfers(2), cap=2)
    first, second = two.live
    live = [first._replace(lines=second.lines)]
    held = [replace(one, state=state) for one in records(two.prepared.requests[:1])]
    async with scripted_run(tmp_path, lines_per_journal=2) as at:
        prepared = await prepare_missing(at.run, two.plan, snapshot_of(two.plan, live, held))
    assert [journal.narration.number for journal in prepared.journals] == [3]


# What a 400 to a request says of its journals.


async def put(at: ScriptedRun, prepared: Prepared) -> None:
    """Send requests of the day of 22 journals, or of its own."""
    await post(at.run, ONE.plan, Posting(prepared, at.clock.now(), 0), 0)


async def test_a_key_that_another_run_uses_refuses_nothing(tmp_path: Path) -> None:
    """Where Xero says that the key was used with another request, nobody knows what became of the journal."""
    async with scripted_run(tmp_path, DIFFERENT) as at:
        with pytest.raises(Terminal, match="Another run is sending the same journals") as raised:
            await put(at, ONE.prepared)
        assert type(raised.value) is Terminal
        assert await at.states() == [JournalState.UNKNOWN]
        assert await at.run.store.request(REQUEST.key) is not None
    assert at.methods == ["PUT"]


async def test_a_400_does_not_tell_two_journals_apart(tmp_path: Path) -> None:
    """Where Xero answers 400 to a block of two journals, nobody knows what became of either."""
    block = sent(transfers(3), cap=2).prepared.requests[1]
    assert len(block.journals) == 2
    async with scripted_run(tmp_path, DECLINED) as at:
        with pytest.raises(UnknownOutcome, match="Account code has been archived"):
            await put(at, Prepared([block], []))
        assert await at.states() == [JournalState.UNKNOWN, JournalState.UNKNOWN]
        assert await at.run.store.request(block.key) is not None


async def test_a_400_to_one_journal_refuses_it(tmp_path: Path) -> None:
    """Where Xero answers 400 to a single journal, that one is refused, with Xero's own words."""
    async with scripted_run(tmp_path, DECLINED) as at:
        with pytest.raises(Refusal, match="Account code has been archived"):
            await put(at, ONE.prepared)
        record = await at.record()
    assert (record.state, record.reason) == (JournalState.REFUSED, "Account code has been archived")


async def test_a_success_says_nothing_of_a_journal_that_was_not_taken(tmp_path: Path) -> None:
    """Under a 200, a journal without an id that Xero objects to is refused, with Xero's own words."""
    (draft,) = drafts_of(REQUEST)
    declined = {
        **draft,
        "ManualJournalID": NOTHING,
        "StatusAttributeString": "ERROR",
        "ValidationErrors": [{"Message": "Account code has been archived"}],
    }
    async with scripted_run(tmp_path, answer(200, {"ManualJournals": [declined]})) as at:
        with pytest.raises(Refusal, match="Account code has been archived"):
            await put(at, ONE.prepared)
        record = await at.record()
    assert (record.state, record.manual_journal_id) == (JournalState.REFUSED, None)


async def test_a_journal_that_the_answer_leaves_out_is_unknown(tmp_path: Path) -> None:
    """Where an answer names one journal of a block of two, nobody knows what became of the other."""
    block = sent(transfers(3), cap=2).prepared.requests[1]
    async with scripted_run(tmp_path, answer(200, {"ManualJournals": drafts_of(block)[:1]})) as at:
        with pytest.raises(UnknownOutcome, match="does not mention"):
            await put(at, Prepared([block], []))
        assert await at.states() == [JournalState.CREATED, JournalState.UNKNOWN]


async def test_lines_that_stand_in_xero_twice_stop_the_day(tmp_path: Path) -> None:
    """Where a line is in two live journals, nothing is prepared, and what is missing is named."""
    two = sent(transfers(2), cap=2)
    first = two.live[0]
    async with scripted_run(tmp_path) as at:
        twice = [first, first._replace(journal_id="copy")]
        with pytest.raises(Refusal, match=r"more than once.*Not in Xero yet: EntryID 3, 4\."):
            await prepare(at.run, two.plan, snapshot_of(two.plan, twice))


async def test_of_many_lines_that_stand_in_xero_twice_the_rest_is_counted(tmp_path: Path) -> None:
    """Where more lines are there twice than are named, it is said how many more."""
    day = sent(transfers(11))
    twice = [*day.live, day.live[0]._replace(journal_id="copy")]
    async with scripted_run(tmp_path) as at:
        with pytest.raises(Refusal, match=r"EntryID 20 is in [^;]*; and 2 more lines\. Nothing further"):
            await prepare(at.run, day.plan, snapshot_of(day.plan, twice))


async def test_an_unknown_outcome_ends_the_sending(tmp_path: Path) -> None:
    """Where no answer came, the error is raised, the journal is unknown, and no other request is recorded."""
    two = sent(transfers(2), cap=2)
    async with scripted_run(
        tmp_path, failing(httpx.ReadTimeout), lines_per_journal=2, xero_concurrency=1
    ) as at:
        with pytest.raises(UnknownOutcome):
            await post(at.run, two.plan, Posting(two.prepared, at.clock.now(), 0), 0)
        assert await at.states() == [JournalState.UNKNOWN]
    assert at.methods == ["PUT"]


async def test_the_parts_of_a_block_leave_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the first part of a block has no answer, the next does not leave, however many may at a time."""
    monkeypatch.setattr(prepare_module, "LARGEST_JOURNAL_BYTES", 1)
    block = sent(transfers(4), cap=2)
    parts = Prepared(block.prepared.requests[1:], [])
    assert len(parts.requests) == 3
    async with scripted_run(tmp_path, failing(httpx.ReadTimeout), xero_concurrency=5) as at:
        with pytest.raises(UnknownOutcome):
            await post(at.run, block.plan, Posting(parts, at.clock.now(), 0), 0)
    assert at.methods == ["PUT"]


async def test_a_posting_that_is_done_again_sends_nothing(tmp_path: Path) -> None:
    """What was prepared goes out once: a repeat of its task leaves all to the next reading of Xero."""
    async with scripted_run(tmp_path, taken()) as at:
        posting = Posting(ONE.prepared, at.clock.now(), 0)
        for _ in range(2):
            await post(at.run, ONE.plan, posting, 0)
    assert at.methods == ["PUT"]


async def test_after_an_outage_xero_is_read_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a group of requests met an outage, the groups after it rest on what Xero shows afterwards."""
    monkeypatch.setattr(posting_module, "REQUESTS_PER_TASK", 1)
    two = sent(transfers(2), cap=2)
    first, second = (drafts_of(request) for request in two.prepared.requests)
    puts = [answer(200, {"ManualJournals": drafts}) for drafts in (first, second)]
    # Xero asks for a new token, and the service that gives it is away.
    expired = answer(401, {"Status": 401, "Detail": "TokenExpired: token expired at 04:00"})
    steps = [listed(), expired, listed(), *puts]
    away = failing(httpx.ConnectError)
    async with scripted_run(tmp_path, *steps, lines_per_journal=2, xero_concurrency=1) as at:
        at.script._token = in_turn(TOKEN, *[away] * 4, TOKEN)
        patience = Patience("Xero", timedelta(minutes=10), at.clock)
        options = {"clock": at.clock, "http": at.script, "notice": lambda _: None, "patience": patience}
        async with at.run.connection.xero.get_client(attempts=2, **options) as at.run.xero:
            result = await send(at.run, two.plan)
    assert at.methods == ["GET", "PUT", "GET", "PUT", "PUT"]
    assert len(result.ids) == 2


@pytest.mark.parametrize(("age", "methods"), [(FRESH, ["PUT"]), (FRESH + timedelta(seconds=1), [])])
async def test_nothing_is_sent_on_an_old_look(tmp_path: Path, age: timedelta, methods: list[str]) -> None:
    """Journals leave while what they rest on is fresh, and once it is not nothing is recorded of them."""
    async with scripted_run(tmp_path, taken()) as at:
        await post(at.run, ONE.plan, Posting(ONE.prepared, at.clock.now() - age, 0), 0)
        assert await at.states() == [JournalState.CREATED] * len(methods)
    assert at.methods == methods


@pytest.mark.parametrize(("age", "methods"), [(FRESH, ["PUT"]), (FRESH + timedelta(seconds=1), [])])
async def test_nothing_is_repeated_on_an_old_look(tmp_path: Path, age: timedelta, methods: list[str]) -> None:
    """A request without an answer is repeated only on a fresh look that shows nothing of it."""
    async with scripted_run(tmp_path, taken()) as at:

        async def look(request: StoredRequest, its: Sequence[JournalRecord]) -> LookupResult:
            return LookupResult(at.clock.now() - age, there=False, absent=True)

        await at.left(REQUEST)
        await resolve_pending_requests(at.run, look)
    assert at.methods == methods


# A day that another run has taken over.


def lease(at: ScriptedRun, owner: str) -> Lease:
    """Return a lease of the day for a run."""
    now = at.clock.now()
    return Lease("journals", "default", DAY.date, owner, owner, "send", now, now)


async def test_a_run_whose_day_was_taken_over_seals_and_sends_nothing(tmp_path: Path) -> None:
    """Where another run holds the day by now, nothing is written down, and nothing leaves."""
    async with scripted_run(tmp_path, taken()) as at:
        await at.run.store.leases.take(lease(at, "the other"), only_one_here=False)
        at.run.lease = lease(at, "this one")
        with pytest.raises(LeaseLost):
            await put(at, ONE.prepared)
        assert await at.records() == []
    assert at.methods == []


async def test_a_run_whose_day_is_taken_over_sends_nothing_further(tmp_path: Path) -> None:
    """Where another run takes the day over while journals are sent, those that are left do not leave."""
    two = sent(transfers(2), cap=2)
    first = answer(200, {"ManualJournals": drafts_of(two.prepared.requests[0])})
    async with scripted_run(tmp_path, first, lines_per_journal=2, xero_concurrency=1) as at:
        leases, ours = at.run.store.leases, lease(at, "this one")
        await leases.take(ours, only_one_here=False)
        at.run.lease = ours

        async def taken_over(stage: str, done: int, of: int) -> None:
            await leases.release(ours)
            await leases.take(lease(at, "the other"), only_one_here=False)

        at.run.progress = taken_over
        with pytest.raises(LeaseLost):
            await post(at.run, two.plan, Posting(two.prepared, at.clock.now(), 0), 0)
        assert await at.states() == [JournalState.CREATED]
    assert at.methods == ["PUT"]


# Journals of the day that come from elsewhere.


@pytest.mark.parametrize("goes_on", [True, False])
async def test_a_run_with_another_store_is_waited_for(tmp_path: Path, *, goes_on: bool) -> None:
    """Where journals just came from elsewhere, a run waits for what may still come, then sends the rest."""
    two = sent(transfers(2), cap=2)
    drafts = [draft for request in two.prepared.requests for draft in drafts_of(request)]
    drafts = [{**one, "UpdatedDateUTC": f"/Date({MORNING.timestamp() * 1000:.0f})/"} for one in drafts]
    second = answer(200, {"ManualJournals": drafts[1:]})
    later = [listed(*drafts)] if goes_on else [listed(*drafts[:1]), second, listed(*drafts)]
    async with scripted_run(tmp_path, listed(*drafts[:1]), *later, lines_per_journal=2) as at:
        result = await send(at.run, two.plan)
        waited = at.clock.now() - MORNING
    assert at.methods == (["GET", "GET"] if goes_on else ["GET", "GET", "PUT"])
    assert waited == KEY_EXPIRED
    assert len(result.ids) == (0 if goes_on else 1)


# A label that was changed.

LABELS = [("acme", None), (None, "acme"), ("acme", "other")]


NOT_IN_XERO = {JournalState.WITHDRAWN, JournalState.REFUSED, JournalState.PREPARED}


@pytest.mark.parametrize("state", [one for one in JournalState if one is not JournalState.POSSIBLE])
@pytest.mark.parametrize(("before", "now"), LABELS)
async def test_what_is_in_xero_under_another_label_stops_the_day(
    tmp_path: Path, state: JournalState, before: str | None, now: str | None
) -> None:
    """A day is refused, naming both labels, where its journals are or may be in Xero under another one."""
    held = [replace(one, state=state) for one in records(sent(transfers(1), label=before).prepared.requests)]
    plan = planned(transfers(1), label=now)
    async with scripted_run(tmp_path, label=now) as at:
        if state in NOT_IN_XERO:
            prepared = await prepare(at.run, plan, snapshot_of(plan, [], held))
            assert [journal.narration.label for journal in prepared.journals] == [now]
            return
        with pytest.raises(Refusal) as raised:
            await prepare(at.run, plan, snapshot_of(plan, [], held))
    said = f"with the label {before or '(none)'}, but the connection's label is now {now or '(none)'}"
    assert said in str(raised.value)


async def test_a_lost_answer_and_a_new_label_send_nothing_twice(tmp_path: Path) -> None:
    """What Xero took without our knowing, under a label that was changed since, is not sent once more."""
    plan = planned(transfers(1), label="acme")
    async with scripted_run(tmp_path, listed(*drafts_of(REQUEST)), label="acme") as at:
        await at.left(REQUEST)
        at.clock.advance(24 * 3600)
        with pytest.raises(Refusal, match="Restore the label"):
            await send(at.run, plan)
    assert "PUT" not in at.methods


@pytest.mark.parametrize("state", list(JournalState))
async def test_the_same_label_stops_nothing(tmp_path: Path, state: JournalState) -> None:
    """Journals under the connection's own label never count as those of another."""
    labelled = sent(transfers(1), label="acme")
    held = [replace(one, state=state) for one in records(labelled.prepared.requests)]
    async with scripted_run(tmp_path, label="acme") as at:
        prepared = await prepare(at.run, labelled.plan, snapshot_of(labelled.plan, labelled.live, held))
    assert prepared.requests == []


# What a run that stops leaves, and the figures of one that stops once it has looked at Xero.


@pytest.mark.parametrize(("error", "told"), [(LeaseLost("Taken over."), 0), (Refusal("It stopped."), 1)])
async def test_a_run_whose_day_was_taken_over_opens_no_incident(
    tmp_path: Path, home: Path, error: Exception, told: int
) -> None:
    """That another run finishes the day is nothing for people to see to; whatever else stops a run is."""
    async with scripted_run(tmp_path, *[listed(*drafts_of(REQUEST))] * 3) as at:
        await figures(at, error)
        assert len(await at.run.store.incidents.all("default")) == told


async def figures(at: ScriptedRun, error: Exception) -> dict[str, int]:
    """Return what a run that sends, and then stops, says of journals."""
    summary = Summary(DAY.date, "default")
    with suppress(type(error)):
        async with recorded(at.run, summary, DAY.date, dry_run=False):
            with at.run.in_stage("send"):
                await send(at.run, ONE.plan)
            raise error
    return {name: count for name, count in summary.as_json().items() if name.startswith("journals_")}


async def test_a_journal_whose_answer_was_lost_is_counted_once(tmp_path: Path) -> None:
    """What an earlier run sent without an answer, and stands in Xero, is there already and not to be sent."""
    async with scripted_run(tmp_path, *[listed(*drafts_of(REQUEST))] * 3) as at:
        await at.left(REQUEST)
        assert await figures(at, Refusal("It stopped.")) == {
            "journals_planned": 1,
            "journals_created": 0,
            "journals_already_in_xero": 1,
        }
        assert await at.states() == [JournalState.SENDING]


async def test_a_journal_that_a_run_sent_is_not_one_that_was_there(tmp_path: Path) -> None:
    """What a run sent itself is counted as that, also where it looks at Xero again for what is missing."""
    async with scripted_run(tmp_path, *[listed(*drafts_of(REQUEST))] * 3) as at:
        await at.keep([REQUEST], JournalState.CREATED)
        at.run.created[NAME] = id_of(NAME)
        assert await figures(at, Refusal("It stopped.")) == {
            "journals_planned": 1,
            "journals_created": 1,
            "journals_already_in_xero": 0,
        }


async def test_journals_of_another_organisation_are_not_counted(tmp_path: Path) -> None:
    """Once a run knows its organisation, what another one has of the day is not in its figures."""
    async with scripted_run(tmp_path) as at:
        await at.keep([REQUEST], JournalState.CREATED, organisation="another")
        assert set((await figures(at, Unavailable("Xero is away."))).values()) == {0}
