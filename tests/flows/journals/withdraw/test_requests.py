"""Withdrawals without a known end: a Xero that answers or not, now or late, and a command killed anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from blocks.errors import LeaseLost, UnknownOutcome
from blocks.store.models import JournalState, Lease
from flows.journals.freshness import KEY_EXPIRED
from flows.journals.pending import lookup_by_plan, resolve_pending_requests
from flows.journals.read import withdrawn_ids
from flows.journals.send import rehearse, send
from flows.journals.withdraw.flow import take_out
from flows.journals.withdraw.report import Withdrawal, sentence
from flows.journals.withdraw.requests import note
from flows.journals.withdraw.rules import Scope
from tests.helpers.clocks import VirtualClock
from tests.helpers.journals import DAY, sent, transfers
from tests.helpers.journals_run import MORNING, ScriptedRun, drafts_of, listed, records, scripted_run
from tests.helpers.scripted import answer, failing

ONE = sent(transfers(1))
REQUEST = ONE.prepared.requests[0]
(RECORD,) = records([REQUEST])
REFUSED = answer(
    400, {"Elements": [{"ValidationErrors": [{"Message": "lock date"}]}], "Type": "ValidationException"}
)
LATE = [0.0, 30.0, 400.0]


class Killed(BaseException):
    """The process ended here."""


class Xero:
    """A Xero that holds the day's journal, posted, as `m-1`, and takes new ones.

    What it is asked to change it carries out `late` seconds after that, or never, and shows so `lag`
    seconds later still. `said` is its answer to that, where it is not what it did.
    """

    def __init__(self, late: float | None = 0.0, lag: float = 0.0, said: Any = None) -> None:
        self.clock: VirtualClock
        self._late, self._lag, self._said = late, lag, said
        (draft,) = drafts_of(REQUEST)
        self._journals = [{**draft, "ManualJournalID": "m-1", "Status": "POSTED"}]
        self._voided_at: datetime | None = None
        # What goes wrong at the n-th request: it is down, or our process ends before or after it is done.
        self.fault: Callable[[int], str] = lambda _number: ""
        self.requests = 0
        self.puts = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.requests += 1
        fault = self.fault(self.requests)
        if fault == "down":
            return answer(503)(request)
        if fault == "before":
            raise Killed
        answered = self._answer(request)
        if fault == "after":
            raise Killed
        return answered

    def live(self) -> list[str]:
        """Return the ids of the journals that stand, once all is carried out and shown."""
        self.clock.advance(3600)
        return [one["ManualJournalID"] for one in self._shown() if one["Status"] != "VOIDED"]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            self.puts += 1
            made = json.loads(request.content)["ManualJournals"]
            new = [{**one, "ManualJournalID": f"new {self.puts}"} for one in made]
            self._journals += new
            return answer(200, {"ManualJournals": new})(request)
        if request.method == "POST":
            if self._late is not None:
                self._voided_at = self.clock.now() + timedelta(seconds=self._late)
            done = [{"ManualJournalID": "m-1", "Status": "VOIDED"}]
            return (self._said or answer(200, {"ManualJournals": done}))(request)
        if request.url.path.endswith("/m-1"):
            return answer(200, {"ManualJournals": self._shown()[:1]})(request)
        return listed(*self._shown())(request)

    def _shown(self) -> list[dict[str, Any]]:
        seen_at = self.clock.now() - timedelta(seconds=self._lag)
        gone = self._voided_at is not None and seen_at >= self._voided_at
        return [{**self._journals[0], "Status": "VOIDED" if gone else "POSTED"}, *self._journals[1:]]


async def posted(
    at: ScriptedRun, xero: Xero, state: JournalState = JournalState.CONFIRMED, **other: Any
) -> None:
    """Let the day's journal stand in Xero, posted, and be recorded."""
    xero.clock = at.clock
    await at.keep([REQUEST], state, manual_journal_id="m-1", **other)


async def withdrawn(at: ScriptedRun) -> Withdrawal:
    """Withdraw the day, posted journals too, and return what is told of it."""
    told = Withdrawal(DAY.date, "default", Scope(include_posted=True), confirmed=True)
    await take_out(at.run, told)
    return told


def lost() -> Any:
    """Return an answer that is none."""
    return failing(httpx.ReadTimeout)


@pytest.mark.parametrize("late", [None, *LATE])
@pytest.mark.parametrize("again", ["run", "withdraw"])
@pytest.mark.parametrize("point", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_killed_anywhere_it_comes_right(
    tmp_path: Path, number: int, point: str, again: str, late: float | None
) -> None:
    """Killed at any request, a withdrawal leaves a record from which each line comes to stand once."""
    xero = Xero(late)
    async with scripted_run(tmp_path, xero) as at:
        await posted(at, xero)
        # To list, to look at it, to ask, to look again.
        xero.fault = lambda count: point if count == number else ""
        with pytest.raises(Killed):
            await withdrawn(at)
        at.clock.advance(1)
        if again == "withdraw":
            await withdrawn(at)
        snapshot = (await send(at.run, ONE.plan)).snapshot
        assert not snapshot.matched.voided
        assert len(xero.live()) == 1
        # What it rested on was still true an hour later.
        before = xero.puts
        snapshot = (await send(at.run, ONE.plan)).snapshot
        assert (xero.puts, len(snapshot.matched.found)) == (before, 2)
        assert JournalState.WITHDRAWING not in await at.states()


@pytest.mark.parametrize("late", LATE)
async def test_without_an_answer_the_intent_is_kept_until_it_is_gone(tmp_path: Path, late: float) -> None:
    """A journal that Xero still shows after no answer stays to be withdrawn, and is ours once it is gone."""
    xero = Xero(late, said=lost())
    async with scripted_run(tmp_path, xero) as at:
        await posted(at, xero)
        told = await withdrawn(at)
        if late:
            assert (await at.record()).state is JournalState.WITHDRAWING
            assert (await at.record()).reason == "to be voided by withdraw"
            assert len(told.open) == 1
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
        record = await at.record()
    assert (record.state, record.reason) == (JournalState.WITHDRAWN, "voided by withdraw")


async def test_a_request_that_never_came_is_called_off_once_it_is_dead(tmp_path: Path) -> None:
    """A journal that stands after the last instant at which it could go stands for good, and is said to."""
    xero = Xero(None, said=lost())
    async with scripted_run(tmp_path, xero) as at:
        await posted(at, xero)
        await withdrawn(at)
        asked_at = (await at.record()).changed_at
        assert asked_at is not None
        at.clock.advance(60)
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
        assert at.clock.now() == asked_at + KEY_EXPIRED
        assert await at.states() == [JournalState.CREATED]
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
        assert at.clock.now() == asked_at + KEY_EXPIRED


@pytest.mark.parametrize(("age", "reads", "wait"), [(0, 2, 660), (659, 2, 1), (660, 1, 0), (9000, 1, 0)])
async def test_only_the_rest_of_its_time_is_waited_for(
    tmp_path: Path, age: float, reads: int, wait: float
) -> None:
    """What is shown before a request has died is looked at again after that, and no sooner or later."""
    xero = Xero(None)
    async with scripted_run(tmp_path, xero) as at:
        await posted(at, xero, JournalState.WITHDRAWING)
        began = at.clock.now()
        at.clock.advance(age)
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
    assert at.methods == ["GET"] * reads
    assert at.clock.now() == began + timedelta(seconds=age + wait)
    assert at.clock.slept == ([wait] if wait else [])


async def test_a_clock_that_was_ahead_is_not_waited_for(tmp_path: Path) -> None:
    """An intent that bears an instant to come is dead as soon as one that was written down now."""
    xero = Xero(None)
    async with scripted_run(tmp_path, xero) as at:
        at.clock.advance(7200)
        await posted(at, xero, JournalState.WITHDRAWING)
        at.clock.advance(-7200)
        began = at.clock.now()
        await resolve_pending_requests(at.run, lookup_by_plan(at.run, ONE.plan))
        assert at.clock.now() == began + KEY_EXPIRED


async def test_what_xero_says_is_gone_and_shows_is_not_called_off(tmp_path: Path) -> None:
    """Where Xero shows a journal that it said is gone, its end stays open, and a run then sends it afresh."""
    xero = Xero(lag=90)
    async with scripted_run(tmp_path, xero) as at:
        await posted(at, xero)
        told = await withdrawn(at)
        assert await at.states() == [JournalState.WITHDRAWING]
        assert told.left[0][1] == "Xero confirmed the removal but still shows it"
        assert "in ten minutes" in sentence(told)
        await send(at.run, ONE.plan)
        assert xero.live() == ["new 1"]


async def test_a_refusal_calls_it_off_at_once(tmp_path: Path) -> None:
    """A journal that Xero declines to void stands as it was recorded before, with its reason."""
    xero = Xero(None, said=REFUSED)
    async with scripted_run(tmp_path, xero) as at:
        await posted(at, xero, JournalState.DRIFT, reason="a person changed its date")
        told = await withdrawn(at)
        record = await at.record()
        assert at.clock.slept == []
    assert "lock date" in told.left[0][1]
    assert told.open == []
    assert (record.state, record.reason) == (JournalState.DRIFT, "a person changed its date")


async def test_a_refusal_after_it_was_done_is_no_refusal(tmp_path: Path) -> None:
    """Where Xero declines since an earlier request of ours was carried out, the journal is our own doing."""
    xero = Xero(said=REFUSED)
    async with scripted_run(tmp_path, xero) as at:
        await posted(at, xero)
        told = await withdrawn(at)
        assert await at.states() == [JournalState.WITHDRAWN]
    assert (len(told.done("voided")), told.left) == (1, [])


async def test_what_could_not_be_looked_at_stays_open(tmp_path: Path) -> None:
    """Where neither an answer came nor a look succeeds, the message says that the end is not known."""
    xero = Xero(said=lost())
    async with scripted_run(tmp_path, xero) as at:
        await posted(at, xero)
        told = Withdrawal(DAY.date, "default", Scope(include_posted=True), confirmed=True)
        xero.fault = lambda count: "down" if count == 4 else ""
        with pytest.raises(UnknownOutcome) as raised:
            await take_out(at.run, told)
        told.error = raised.value
        assert await at.states() == [JournalState.WITHDRAWING]
    assert told.open == ["Xero gave no clear answer, and it could not be checked since"]
    assert "it is not known yet whether Xero will still remove it" in sentence(told)


async def test_a_withdrawal_that_lost_its_day_asks_for_nothing(tmp_path: Path) -> None:
    """Where another run has taken the day over, nothing is written down, and Xero is asked for nothing."""
    xero = Xero()
    async with scripted_run(tmp_path, xero) as at:
        await posted(at, xero)
        now = at.clock.now()
        at.run.lease = Lease("journals", "default", DAY.date, "the other", "", "remove", now, now)
        with pytest.raises(LeaseLost):
            await withdrawn(at)
        assert await at.states() == [JournalState.CONFIRMED]
    assert "POST" not in at.methods


async def test_what_was_sent_without_an_answer_is_settled_before_a_withdrawal(tmp_path: Path) -> None:
    """A withdrawal first waits until a request of the day without an answer can no longer be carried out."""
    async with scripted_run(tmp_path, listed()) as at:
        await at.left(REQUEST)
        at.clock.advance(400)
        await withdrawn(at)
        assert at.clock.now() == MORNING + KEY_EXPIRED


async def test_a_draft_that_somebody_edits_meanwhile_stays(tmp_path: Path) -> None:
    """A draft that is another by the time it would be deleted than it was when that was decided is left."""
    (draft,) = drafts_of(REQUEST)
    lines = [{**one, "Description": f"{one['Description']} checked"} for one in draft["JournalLines"]]
    edited = answer(200, {"ManualJournals": [{**draft, "JournalLines": lines}]})
    async with scripted_run(tmp_path, listed(draft), edited) as at:
        await at.keep([REQUEST], JournalState.CONFIRMED, manual_journal_id=draft["ManualJournalID"])
        told = await withdrawn(at)
        assert await at.states() == [JournalState.CONFIRMED]
    assert [reason for _, reason in told.left] == ["it was changed in Xero while the command ran"]
    assert "POST" not in at.methods


async def test_a_dry_run_tells_of_an_open_withdrawal(tmp_path: Path) -> None:
    """A dry run waits for nothing and writes nothing, and says that the end of a withdrawal is not known."""
    xero, said = Xero(None), list[str]()
    async with scripted_run(tmp_path, xero) as at:
        await posted(at, xero, JournalState.WITHDRAWING)
        at.run.log = said.append
        await rehearse(at.run, ONE.plan)
        assert await at.states() == [JournalState.WITHDRAWING]
        assert at.clock.slept == []
    assert any("to the withdrawal of 1 journal." in text for text in said)


def test_what_was_asked_for_counts_as_taken_out_by_us() -> None:
    """From when it is asked for a journal counts as taken out by us, and is told of until it is seen gone."""
    asked = replace(RECORD, state=JournalState.WITHDRAWING, manual_journal_id="m-1")
    done = replace(RECORD, state=JournalState.WITHDRAWN, manual_journal_id="m-2")
    stands = replace(RECORD, state=JournalState.CONFIRMED, manual_journal_id="m-3")
    assert withdrawn_ids([asked, done, stands]) == {"m-1", "m-2"}
    assert note([done, stands]) == ""
    assert "to the withdrawal of 2 journals." in note([asked, asked])
