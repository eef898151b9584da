"""How often a document is posted."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from blocks.http.retry import Patience
from blocks.store.audit_rows import MayNotSend
from flows.payments.post_outcome import Interpretation, PostOutcome
from flows.payments.posting import post
from tests.helpers.clocks import START, VirtualClock
from tests.helpers.ln_client import DOCUMENT, U14, Infor, block, tokens
from tests.helpers.scripted import Step, answer, failing

BUSY = answer(429)
LOCKED = answer(409, {"error": {"message": "locked by ann"}})
DONE = answer(201)


class Posting:
    """A posting played against steps, and what it left behind."""

    def __init__(self, *steps: Step) -> None:
        self.script = Infor(*steps)
        self.clock = VirtualClock()
        self.counted = 0
        self.patience: Patience | None = None

    async def again(self) -> None:
        self.counted += 1

    async def run(self, retries: int = 3) -> Interpretation:
        ln = block().get_client(clock=self.clock, http=self.script, patience=self.patience)
        async with ln:
            found = await post(
                ln, DOCUMENT, self.clock, retries=retries, again=self.again, patience=self.patience
            )
        assert found.posts == self.counted + 1
        assert {request.content for request in self.script.requests} <= {DOCUMENT}
        return found


@pytest.mark.parametrize("busy", [BUSY, LOCKED, failing(httpx.ConnectError), U14])
async def test_what_was_not_booked_is_posted_again(busy: Step) -> None:
    """After a quota, a lock, no connection or an odd token refusal the same bytes go out again."""
    posting = Posting(busy, busy, DONE)
    found = await posting.run()
    assert (found.outcome, found.posts) == (PostOutcome.SENT, 3)
    assert len(posting.script.token_requests) == 1


@pytest.mark.parametrize("busy", [BUSY, LOCKED, failing(httpx.ConnectError)])
async def test_in_the_end_it_failed(busy: Step) -> None:
    """Once the retries are used up the document failed, for a later run."""
    found = await Posting(busy).run(retries=2)
    assert (found.outcome, found.posts) == (PostOutcome.FAILED, 3)
    assert "Tried 3 times" in found.reason


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
        assert found.outcome is PostOutcome.UNKNOWN
        assert len(posting.script.requests) == len(steps) - 1


@pytest.mark.parametrize(
    ("step", "outcome"), [(answer(422), PostOutcome.FAILED), (answer(403), PostOutcome.STOP)]
)
async def test_a_refusal_is_not_posted_again(step: Step, outcome: PostOutcome) -> None:
    """What LN refuses, or denies, is posted once."""
    found = await Posting(step, DONE).run()
    assert (found.outcome, found.posts) == (outcome, 1)
    assert found.answer is not None


async def test_a_token_that_is_refused_for_good_is_replaced_once() -> None:
    """After the retries with the same token one with a new token follows; refused too, it stops the run."""
    posting = Posting(U14, U14, U14, DONE)
    assert (await posting.run(retries=2)).outcome is PostOutcome.SENT
    assert len(posting.script.token_requests) == 2
    posting = Posting(U14)
    found = await posting.run(retries=2)
    assert (found.outcome, found.posts) == (PostOutcome.STOP, 4)
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
    assert (found.outcome, found.posts, posting.clock.slept) == (PostOutcome.FAILED, 1, [])


class Waiting(Posting):
    """A posting that waits up to fifteen minutes for LN, and tells what it waits for."""

    def __init__(self, *steps: Step, minutes: int = 15) -> None:
        super().__init__(*steps)
        self.told: list[str] = []
        self.patience = Patience("Infor LN", timedelta(minutes=minutes), self.clock, self.told.append)


@pytest.mark.parametrize("down", [failing(httpx.ConnectError), BUSY, answer(429, retry_after="100")])
async def test_an_ln_that_takes_nothing_is_waited_for(down: Step) -> None:
    """While nothing can have been posted, LN is waited for beyond the retries, and that is told."""
    posting = Waiting(*[down] * 8, DONE)
    assert (await posting.run(retries=1)).outcome is PostOutcome.SENT
    assert posting.told[0].startswith("Waiting for Infor LN until 03:15 UTC at the latest.")


@pytest.mark.parametrize("minutes", [15, 8 * 60])
async def test_waiting_for_ln_has_an_end(minutes: int) -> None:
    """Once the minutes are up, eight hours included, the document failed, and the next one has no more."""
    posting = Waiting(failing(httpx.ConnectError), minutes=minutes)
    for _ in range(2):
        posting.counted = 0
        assert (await posting.run(retries=1)).outcome is PostOutcome.FAILED
        # The short waits of the tries that each document has anyway come on top.
        most = timedelta(minutes=minutes, seconds=2)
        assert timedelta(minutes=minutes - 1) < posting.clock.now() - START < most


async def test_a_token_that_is_renewed_meanwhile_prolongs_no_wait_for_ln() -> None:
    """While the gateway takes nothing, the token service's answers neither prolong the wait nor end it."""
    posting = Waiting(BUSY)
    posting.script.give = tokens(expires_in=300)
    assert (await posting.run(retries=1)).outcome is PostOutcome.FAILED
    assert posting.clock.now() - START < timedelta(minutes=15, seconds=2)
    assert len(posting.script.token_requests) > 2
    assert len(posting.told) == 1


@pytest.mark.parametrize("busy", [LOCKED, U14])
async def test_an_answer_about_one_document_is_not_waited_for(busy: Step) -> None:
    """A lock or an odd refusal of a token is tried as often as allowed, however much patience there is."""
    posting = Waiting(busy)
    assert (await posting.run(retries=2)).posts <= 4
    assert posting.told == []


async def test_nothing_is_waited_for_while_an_outcome_is_unknown() -> None:
    """Once a document was posted and not answered for, LN is not waited for any more."""
    posting = Waiting(answer(504), failing(httpx.ConnectError))
    assert (await posting.run(retries=1)).outcome is PostOutcome.UNKNOWN
    assert (await posting.run(retries=1)).posts == 2


async def test_what_is_closed_between_two_posts_goes_out_no_more() -> None:
    """Where a person closes a document while it waits to go out again, the posting is given up."""

    class Closed(Posting):
        async def again(self) -> None:
            raise MayNotSend("it is discarded")

    posting = Closed(BUSY, DONE)
    found = await posting.run()
    assert (found.outcome, found.given_up, found.posts) == (PostOutcome.FAILED, True, 1)
    assert len(posting.script.requests) == 1


async def test_no_retries() -> None:
    """With no retries a document is posted once."""
    assert (await Posting(BUSY).run(retries=0)).posts == 1
