"""How long a run waits for a system that is out of order, played on a clock that costs no time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from blocks.errors import CallFailed, Transient, Unavailable, UnknownOutcome
from blocks.http.client import Transport
from blocks.http.models import ApiProfile
from blocks.http.retry import Patience, UnderWay, waited_out
from blocks.xero.client import XeroClient
from blocks.xero.credentials import XeroCredentials
from tests.helpers.clocks import START, VirtualClock
from tests.helpers.http_system import BASE, READ, WRITE, Login, decoded, reasons
from tests.helpers.scripted import Script, Step, answer, failing

LIMIT = timedelta(minutes=15)
DOWN = answer(503)


class Outage:
    """A system that is down until an instant on the clock, and what people are told of it."""

    def __init__(
        self, step: Step = DOWN, lasts: timedelta = timedelta(minutes=10), *, attempts: int = 5
    ) -> None:
        self.clock = VirtualClock()
        self.told: list[str] = []
        self.notices: list[str] = []
        self.under_way = UnderWay()
        self.asked = 0
        self.up_at = START + lasts
        self.limit = LIMIT
        self._step = step
        self._attempts = attempts

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return (answer(200, {"ok": 1}) if self.clock.now() >= self.up_at else self._step)(request)

    def transport(self) -> Transport:
        patience = Patience("Ledger", self.limit, self.clock, self.told.append, self.under_way)
        return Transport(
            BASE,
            ApiProfile("Ledger", reasons),
            Login(),
            attempts=self._attempts,
            clock=self.clock,
            http=Script(self._answer),
            notice=self.notices.append,
            patience=patience,
        )

    async def read(self, there: Transport) -> object:
        """Read as a task does: again, for as long as an outage is waited out."""
        return await waited_out(self.clock, lambda: there.call(READ, decoded))


@pytest.mark.parametrize(
    "step",
    [DOWN, answer(502), answer(504), answer(429), failing(httpx.ConnectError), failing(httpx.ReadTimeout)],
)
async def test_an_outage_is_waited_for(step: Step) -> None:
    """A system that is down for ten minutes is asked until it answers, however many tries that takes."""
    outage = Outage(step)
    async with outage.transport() as there:
        assert await outage.read(there) == {"ok": 1}
    assert timedelta(minutes=10) <= outage.clock.now() - START < timedelta(minutes=11)


async def test_what_is_waited_for_is_told_once() -> None:
    """Whoever waits is told once what for and until when, and once that it is over; before, of each try."""
    outage = Outage()
    async with outage.transport() as there:
        await asyncio.gather(*(outage.read(there) for _ in range(3)))
    assert len(outage.told) == 2
    assert outage.told[0].startswith("Waiting for Ledger until 03:15 UTC at the latest. Ledger: GET things")
    assert outage.told[1] == "Ledger answers again."
    assert 4 <= len(outage.notices) <= 3 * 4 < outage.asked


async def test_patience_has_an_end() -> None:
    """Once the minutes are up the call fails as it would have, and the next one waits no further minutes."""
    outage = Outage(lasts=timedelta(days=1))
    async with outage.transport() as there:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await outage.read(there)
    assert timedelta(minutes=14) < outage.clock.now() - START < timedelta(minutes=16)


async def test_a_second_outage_has_its_own_minutes() -> None:
    """What a system answered in between is counted: the next outage is waited for anew."""
    outage = Outage()
    async with outage.transport() as there:
        await outage.read(there)
        outage.up_at = outage.clock.now() + timedelta(minutes=10)
        assert await outage.read(there) == {"ok": 1}


async def test_the_wait_asked_for_is_kept_whole() -> None:
    """A system that asks for five minutes is not asked again before."""
    outage = Outage(answer(503, retry_after="300"), timedelta(minutes=5))
    async with outage.transport() as there:
        await outage.read(there)
    assert outage.asked == 2
    assert 300 <= outage.clock.slept[0] <= 301


async def test_a_wait_beyond_the_patience_is_not_begun() -> None:
    """Where more is asked for than the run may wait, it ends at once and says how long to wait."""
    outage = Outage(answer(503, retry_after="3600"), timedelta(days=1))
    async with outage.transport() as there:
        with pytest.raises(Transient) as raised:
            await outage.read(there)
    assert (outage.asked, outage.clock.slept, raised.value.retry_after_seconds) == (1, [], 3600)


def xero(step: Step, token: Step, limit: timedelta, clock: VirtualClock, told: list[str]) -> XeroClient:
    """Return a client of a Xero whose API and token service answer by a step each."""
    block = XeroCredentials(client_id="client", client_secret="unused")
    return block.get_client(
        clock=clock,
        http=Script(step, token=token),
        notice=lambda _: None,
        patience=Patience("Xero", limit, clock, told.append),
    )


async def test_a_token_service_that_answers_ends_no_outage_of_the_api() -> None:
    """While the API is down, tokens that are renewed meanwhile neither prolong the wait nor end it."""
    clock, told = VirtualClock(), list[str]()
    token = answer(200, {"access_token": "token", "expires_in": 360})
    async with xero(DOWN, token, LIMIT, clock, told) as there:
        with pytest.raises(Unavailable):
            await waited_out(clock, there.organisation)
    assert timedelta(minutes=14) < clock.now() - START < timedelta(minutes=16)
    assert len(told) == 1


async def test_the_token_service_and_the_api_share_the_minutes() -> None:
    """Where the API goes down as the token service comes back, both outages together have the one limit."""
    clock, told = VirtualClock(), list[str]()

    def token(request: httpx.Request) -> httpx.Response:
        up = clock.now() >= START + timedelta(minutes=10)
        return (answer(200, {"access_token": "token"}) if up else DOWN)(request)

    async with xero(DOWN, token, LIMIT, clock, told) as there:
        with pytest.raises(Unavailable):
            await waited_out(clock, there.organisation)
    assert clock.now() - START < timedelta(minutes=16)
    assert told[0].startswith("Waiting for Xero until 03:15 UTC")
    assert len(told) == 1


async def test_a_long_outage_is_waited_for_to_its_end() -> None:
    """The waits stay what they are beyond a thousand attempts in a row."""
    outage = Outage(lasts=timedelta(hours=8))
    outage.limit = timedelta(hours=9)
    async with outage.transport() as there:
        assert await outage.read(there) == {"ok": 1}
    assert outage.asked > 1100
    assert max(outage.clock.slept) <= 30


@pytest.mark.parametrize("step", [answer(500), answer(200, b"<html>"), answer(408)])
async def test_what_may_be_one_requests_fault_is_not_waited_for(step: Step) -> None:
    """An answer that need not be an outage is tried as often as allowed, and no longer."""
    outage = Outage(step, timedelta(days=1))
    async with outage.transport() as there:
        with pytest.raises(CallFailed):
            await outage.read(there)
    assert outage.asked == 5
    assert outage.told == []


@pytest.mark.parametrize("case", ["no patience", "no repeats", "something is under way"])
async def test_nothing_is_waited_for(case: str) -> None:
    """Without patience or repeats, or while a write is unanswered, a call fails after its tries."""
    attempts = 1 if case == "no repeats" else 5
    outage = Outage(lasts=timedelta(days=1), attempts=attempts)
    if case == "no patience":
        outage.limit = timedelta()
    async with outage.transport() as there:
        if case == "something is under way":
            with pytest.raises(UnknownOutcome):
                await there.call(WRITE, decoded)
        outage.asked, begun = 0, outage.clock.now()
        with pytest.raises(Unavailable):
            await outage.read(there)
    assert outage.asked == attempts
    assert outage.clock.now() - begun < timedelta(seconds=20)


async def test_a_write_is_not_held_up() -> None:
    """A write that cannot be answered has its own rules: it is not waited for beyond its key's life."""
    outage = Outage(failing(httpx.ConnectError), timedelta(days=1))
    async with outage.transport() as there:
        with pytest.raises(Transient) as raised:
            await there.call(WRITE, decoded)
    assert (outage.asked, raised.value.wait_until) == (5, None)
