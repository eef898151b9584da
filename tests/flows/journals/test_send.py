"""Sending without a server: what is asked again, what is waited for, and under which names journals go."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from blocks.errors import NotAllowed, Refusal, Terminal, UnknownOutcome
from blocks.store import JournalState
from flows.journals.failure import failure_of
from flows.journals.sealing import Sealing
from flows.journals.send import KEY_DEAD, by_plan, prepare, put_journals, seal_missing, send, settle
from tests.blocks.scripted import Step, answer, failing
from tests.flows.journals.builders import DAY, planned, sent, transfers
from tests.flows.journals.nights import MORNING, Desk, books, desk, drafts_of, listed, records

ONE = sent(transfers(1))
REQUEST = ONE.sealing.requests[0]
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


def taken() -> Step:
    """Return a step: Xero takes the request of the day."""
    return answer(200, {"ManualJournals": drafts_of(REQUEST)})


# Settling what an earlier run left without an answer.


async def test_what_xero_does_not_show_is_asked_again_while_its_key_lives(tmp_path: Path) -> None:
    """Of a request that left nothing in Xero the same bytes go once more under the same key, at once."""
    async with desk(tmp_path, listed(), taken()) as at:
        await at.left(REQUEST)
        at.clock.advance(60)
        await settle(at.night, by_plan(at.night, ONE.plan))
        record = await at.record()
    assert at.methods == ["GET", "PUT"]
    put = at.script.requests[1]
    assert (put.content, put.headers["idempotency-key"]) == (REQUEST.body, REQUEST.key)
    assert at.clock.slept == []
    assert (record.state, record.manual_journal_id) == (JournalState.CREATED, f"id of {NAME}")


async def test_what_xero_shows_whole_is_neither_asked_again_nor_waited_for(tmp_path: Path) -> None:
    """A request all of which is in Xero is known to have been carried out, and settled at once."""
    async with desk(tmp_path, listed(*drafts_of(REQUEST))) as at:
        await at.left(REQUEST)
        await settle(at.night, by_plan(at.night, ONE.plan))
    assert at.methods == ["GET"]
    assert at.clock.slept == []


@pytest.mark.parametrize("what", ["some of its lines", "some under a new name", "its name over other lines"])
async def test_what_xero_shows_in_part_is_waited_for(tmp_path: Path, what: str) -> None:
    """A request of which Xero shows a part is not sent again, and is waited for until its key has died."""
    (request,) = TWO.sealing.requests
    (draft,) = drafts_of(request)
    draft["JournalLines"] = draft["JournalLines"][:2]
    if what == "some under a new name":
        draft["Narration"] = "November"
    if what == "its name over other lines":
        draft["JournalLines"] = [{**one, "Description": "a note"} for one in draft["JournalLines"]]
    async with desk(tmp_path, listed(draft)) as at:
        await at.left(request)
        at.clock.advance(60)
        await settle(at.night, by_plan(at.night, TWO.plan))
    assert at.methods == ["GET"]
    assert at.clock.now() == MORNING + KEY_DEAD


@pytest.mark.parametrize("end", [failing(httpx.ReadTimeout), answer(500), DECLINED, DIFFERENT])
async def test_a_repeat_without_a_known_end_is_waited_for(tmp_path: Path, end: Step) -> None:
    """Where asking again brings no verdict, settling returns only when the key has surely died."""
    async with desk(tmp_path, listed(), end) as at:
        await at.left(REQUEST)
        at.clock.advance(60)
        await settle(at.night, by_plan(at.night, ONE.plan))
        assert await at.states() == [JournalState.SENDING]
    assert at.methods == ["GET", "PUT"]
    assert at.clock.now() == MORNING + KEY_DEAD


async def test_each_request_is_settled_for_itself(tmp_path: Path) -> None:
    """Where one request is found in Xero, and the bytes of one are lost, the next is still asked again."""
    three = sent(transfers(3), cap=2)
    lost, there, absent = three.sealing.requests
    steps = [listed(*drafts_of(there)), listed(*drafts_of(there))]
    async with desk(tmp_path, *steps, answer(200, {"ManualJournals": drafts_of(absent)})) as at:
        await at.keep([lost], JournalState.SEALED)
        # Bytes go once no journal needs them; an old copy of the store can still have the journal.
        await at.night.store.move(records([lost]), JournalState.CREATED, at.clock.now())
        await at.night.store.move(records([lost]), JournalState.UNKNOWN, at.clock.now())
        await at.left(there)
        await at.left(absent)
        await settle(at.night, by_plan(at.night, three.plan))
    assert at.methods == ["GET", "GET", "PUT"]
    assert at.script.requests[-1].content == absent.body
    assert at.clock.slept == []


@pytest.mark.parametrize(("age", "wait"), [(300, 360), (659, 1), (660, 0), (5000, 0)])
async def test_under_a_key_that_may_be_dead_nothing_is_asked(tmp_path: Path, age: float, wait: float) -> None:
    """Once a key may have died nothing goes under it again, and only what is left of its time is waited."""
    async with desk(tmp_path) as at:
        await at.left(REQUEST)
        at.clock.advance(age)
        await settle(at.night, by_plan(at.night, ONE.plan))
    assert at.methods == []
    assert at.clock.now() == MORNING + timedelta(seconds=age + wait)


async def test_a_failure_of_settling_is_one_of_sending(tmp_path: Path) -> None:
    """Where a look at what was left without an answer fails, it is told that sending was under way."""
    async with desk(tmp_path, answer(403)) as at:
        await at.left(REQUEST)
        with pytest.raises(NotAllowed) as raised, at.night.in_stage("send"):
            await settle(at.night, by_plan(at.night, ONE.plan))
        held = await at.records()
    told = failure_of(DAY.date, at.night.stage, raised.value, "", held, under_way=at.night.under_way)
    assert (told.stage, told.step) == ("send", "")


# The names and keys under which what is missing goes.


@pytest.mark.parametrize(
    ("state", "generation", "number"),
    [
        (JournalState.SEALED, 3, 1),
        (JournalState.SENDING, 3, 1),
        (JournalState.UNKNOWN, 3, 1),
        (JournalState.REFUSED, 4, 1),
        (JournalState.CREATED, 0, 2),
        (JournalState.CONFIRMED, 0, 2),
        (JournalState.DRIFT, 0, 2),
        (JournalState.WITHDRAWN, 0, 2),
    ],
)
async def test_the_record_decides_on_name_and_key_of_what_is_missing(
    tmp_path: Path, state: JournalState, generation: int, number: int
) -> None:
    """What surely or perhaps never was in Xero goes under its own name, with a new key if it was refused."""
    held = [replace(one, state=state, generation=3) for one in records([REQUEST])]
    async with desk(tmp_path) as at:
        sealing = await seal_missing(at.night, ONE.plan, books(ONE.plan, []), held)
    (journal,) = sealing.journals
    assert (journal.generation, journal.narration.number) == (generation, number)


def test_each_state_is_decided_on() -> None:
    """The states of a journal are the eight for which its name and key are tested above."""
    assert [str(state) for state in JournalState] == [
        "sealed",
        "sending",
        "refused",
        "unknown",
        "created",
        "confirmed",
        "drift",
        "withdrawn",
    ]


@pytest.mark.parametrize("state", list(JournalState))
async def test_a_name_that_stands_in_xero_is_not_used_again(tmp_path: Path, state: JournalState) -> None:
    """Whatever the record says, a journal that is in Xero keeps its number for itself."""
    two = sent(transfers(2), cap=2)
    first, second = two.live
    live = [first._replace(lines=second.lines)]
    held = [replace(one, state=state) for one in records(two.sealing.requests[:1])]
    async with desk(tmp_path, lines_per_journal=2) as at:
        sealing = await seal_missing(at.night, two.plan, books(two.plan, live), held)
    assert [journal.narration.number for journal in sealing.journals] == [3]


# What a 400 to a request says of its journals.


async def put(at: Desk, sealing: Sealing) -> None:
    """Send requests of the day of 22 journals, or of its own."""
    await put_journals(at.night, ONE.plan, sealing, at.clock.now(), 0)


async def test_a_key_that_another_run_uses_refuses_nothing(tmp_path: Path) -> None:
    """Where Xero says that the key was used with another request, nobody knows what became of the journal."""
    async with desk(tmp_path, DIFFERENT) as at:
        with pytest.raises(Terminal, match="Another run is sending the same journals") as raised:
            await put(at, ONE.sealing)
        assert type(raised.value) is Terminal
        assert await at.states() == [JournalState.UNKNOWN]
        assert await at.night.store.request(REQUEST.key) is not None
    assert at.methods == ["PUT"]


async def test_a_400_does_not_tell_two_journals_apart(tmp_path: Path) -> None:
    """Where Xero answers 400 to a block of two journals, nobody knows what became of either."""
    block = sent(transfers(22), cap=2).sealing.requests[1]
    assert len(block.journals) == 2
    async with desk(tmp_path, DECLINED) as at:
        with pytest.raises(UnknownOutcome, match="Account code has been archived"):
            await put(at, Sealing([block], []))
        assert await at.states() == [JournalState.UNKNOWN, JournalState.UNKNOWN]
        assert await at.night.store.request(block.key) is not None


async def test_a_400_to_one_journal_refuses_it(tmp_path: Path) -> None:
    """Where Xero answers 400 to a single journal, that one is refused, with Xero's own words."""
    async with desk(tmp_path, DECLINED) as at:
        with pytest.raises(Refusal, match="Account code has been archived"):
            await put(at, ONE.sealing)
        record = await at.record()
    assert (record.state, record.reason) == (JournalState.REFUSED, "Account code has been archived")


# A label that was changed.

LABELS = [("acme", None), (None, "acme"), ("acme", "other")]


@pytest.mark.parametrize(
    "state",
    [
        JournalState.SENDING,
        JournalState.UNKNOWN,
        JournalState.CREATED,
        JournalState.CONFIRMED,
        JournalState.DRIFT,
    ],
)
@pytest.mark.parametrize(("before", "now"), LABELS)
async def test_what_is_in_xero_under_another_label_stops_the_day(
    tmp_path: Path, state: JournalState, before: str | None, now: str | None
) -> None:
    """A day of which journals are or may be in Xero under another label is refused, naming both labels."""
    held = [replace(one, state=state) for one in records(sent(transfers(1), label=before).sealing.requests)]
    plan = planned(transfers(1), label=now)
    async with desk(tmp_path, label=now) as at:
        with pytest.raises(Refusal) as raised:
            await prepare(at.night, plan, books(plan, []), held)
    assert f"under the label {before or '(none)'}, and the connection's is {now or '(none)'} now" in str(
        raised.value
    )


async def test_a_lost_answer_and_a_new_label_send_nothing_twice(tmp_path: Path) -> None:
    """What Xero took without our knowing, under a label that was changed since, is not sent once more."""
    plan = planned(transfers(1), label="acme")
    async with desk(tmp_path, listed(*drafts_of(REQUEST)), label="acme") as at:
        await at.left(REQUEST)
        at.clock.advance(24 * 3600)
        with pytest.raises(Refusal, match="Set the label back"):
            await send(at.night, plan)
    assert "PUT" not in at.methods


@pytest.mark.parametrize("state", [JournalState.WITHDRAWN, JournalState.REFUSED, JournalState.SEALED])
@pytest.mark.parametrize(("before", "now"), LABELS)
async def test_what_is_not_in_xero_under_another_label_stops_nothing(
    tmp_path: Path, state: JournalState, before: str | None, now: str | None
) -> None:
    """A day whose journals were withdrawn, refused or never sent goes under a label that is new."""
    held = [replace(one, state=state) for one in records(sent(transfers(1), label=before).sealing.requests)]
    plan = planned(transfers(1), label=now)
    async with desk(tmp_path, label=now) as at:
        sealing = await prepare(at.night, plan, books(plan, []), held)
    assert [journal.narration.label for journal in sealing.journals] == [now]


@pytest.mark.parametrize("state", list(JournalState))
async def test_the_same_label_stops_nothing(tmp_path: Path, state: JournalState) -> None:
    """Journals under the connection's own label never count as those of another."""
    labelled = sent(transfers(1), label="acme")
    held = [replace(one, state=state) for one in records(labelled.sealing.requests)]
    async with desk(tmp_path, label="acme") as at:
        sealing = await prepare(at.night, labelled.plan, books(labelled.plan, labelled.live), held)
    assert sealing.requests == []
