"""How often a document is posted."""

from __future__ import annotations

import httpx
import pytest

from flows.payments.posting import Posted, post
from flows.payments.verdict import Means
from tests.blocks.scripted import Step, answer, failing
from tests.blocks.test_infor_ln import DOCUMENT, U14, Infor, client
from tests.clocks import VirtualClock

BUSY = answer(429)
LOCKED = answer(409, {"error": {"message": "locked by ann"}})
DONE = answer(201)


class Posting:
    """A posting played against steps, and what it left behind."""

    def __init__(self, *steps: Step) -> None:
        self.script = Infor(*steps)
        self.clock = VirtualClock()
        self.counted = 0

    async def again(self) -> None:
        self.counted += 1

    async def run(self, retries: int = 3) -> Posted:
        async with client(self.script, self.clock) as ln:
            found = await post(ln, DOCUMENT, self.clock, retries=retries, again=self.again)
        assert found.posts == self.counted + 1
        assert {request.content for request in self.script.requests} <= {DOCUMENT}
        return found


@pytest.mark.parametrize("busy", [BUSY, LOCKED, failing(httpx.ConnectError), U14])
async def test_what_was_not_booked_is_posted_again(busy: Step) -> None:
    """After a quota, a lock, no connection or an odd token refusal the same bytes go out again."""
    posting = Posting(busy, busy, DONE)
    found = await posting.run()
    assert (found.verdict.means, found.posts) == (Means.SENT, 3)
    assert len(posting.script.token_requests) == 1


@pytest.mark.parametrize("busy", [BUSY, LOCKED, failing(httpx.ConnectError)])
async def test_in_the_end_it_failed(busy: Step) -> None:
    """Once the retries are used up the document failed, for a later run."""
    found = await Posting(busy).run(retries=2)
    assert (found.verdict.means, found.posts) == (Means.FAILED, 3)
    assert "Tried 3 times" in found.verdict.reason


@pytest.mark.parametrize(
    "step",
    [
        answer(504),
        answer(500),
        answer(503),
        failing(httpx.ReadTimeout),
        failing(httpx.RemoteProtocolError),
        answer(200, b"<html>"),
    ],
)
async def test_an_unknown_outcome_is_never_posted_again(step: Step) -> None:
    """Whatever leaves the outcome unknown ends the posting at once, also in the middle of retries."""
    for steps in ((step, DONE), (BUSY, step, DONE)):
        posting = Posting(*steps)
        found = await posting.run()
        assert found.verdict.means is Means.UNKNOWN
        assert len(posting.script.requests) == len(steps) - 1


@pytest.mark.parametrize(("step", "means"), [(answer(422), Means.FAILED), (answer(403), Means.STOP)])
async def test_a_refusal_is_not_posted_again(step: Step, means: Means) -> None:
    """What LN refuses, or denies, is posted once."""
    found = await Posting(step, DONE).run()
    assert (found.verdict.means, found.posts) == (means, 1)
    assert found.answer is not None


async def test_a_token_that_is_refused_for_good_is_replaced_once() -> None:
    """After the retries with the same token one with a new token follows; refused too, it stops the run."""
    posting = Posting(U14, U14, U14, DONE)
    assert (await posting.run(retries=2)).verdict.means is Means.SENT
    assert len(posting.script.token_requests) == 2
    posting = Posting(U14)
    found = await posting.run(retries=2)
    assert (found.verdict.means, found.posts) == (Means.STOP, 4)
    assert len(posting.script.token_requests) == 2


async def test_waits_are_what_is_asked_for_else_they_grow() -> None:
    """A stated wait is kept, plus up to a second; without one the waits double, less up to half."""
    posting = Posting(answer(429, retry_after="7"), DONE)
    await posting.run()
    assert 7 <= posting.clock.slept[0] <= 8
    posting = Posting(BUSY)
    await posting.run(retries=8)
    for number, slept in enumerate(posting.clock.slept):
        longest = min(0.5 * 2**number, 30)
        assert longest / 2 <= slept <= longest


async def test_a_long_wait_is_for_a_later_run() -> None:
    """A wait longer than a run should take ends the posting, as failed."""
    posting = Posting(answer(429, retry_after="3600"), DONE)
    found = await posting.run()
    assert (found.verdict.means, found.posts, posting.clock.slept) == (Means.FAILED, 1, [])


async def test_no_retries() -> None:
    """With no retries a document is posted once."""
    assert (await Posting(BUSY).run(retries=0)).posts == 1
