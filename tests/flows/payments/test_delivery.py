"""Delivering decisions, against an LN that loses answers, and runs that die."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import anyio
import httpx
import pytest
from sqlalchemy import text

from blocks.errors import LeaseLost, StoreError
from blocks.infor_ln.answers import LNAnswer
from blocks.infor_ln.client import InforLNClient
from blocks.store.audit_rows import IN_LN, AuditRow, Key, Status
from blocks.store.block import open_store
from blocks.store.journals import Store
from blocks.store.models import ALL_DAYS, Lease
from blocks.xero.payment_models import XeroInvoice
from flows.payments.classify import classify
from flows.payments.delivery import Delivery, deliver
from flows.payments.documents import documents
from flows.payments.models import Decision
from tests.helpers.clocks import VirtualClock
from tests.helpers.deliveries import EVERYTHING, LN, Died, run
from tests.helpers.ln_client import U14, Infor, client
from tests.helpers.payments import CLIENT, CONTACTS, POLICY, SALE, payment, shown
from tests.helpers.scripted import Step, answer, failing

BUSY = answer(429)

NOT_BOOKED = ("no connection", "429", "503", "504 before", "422", "killed before")
FAULTS = [*NOT_BOOKED, "killed after", "timeout", "504 after"]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Open a store of the test's own."""
    async with open_store(f"sqlite:///{tmp_path / 'daybook.sqlite3'}") as opened:
        yield opened


async def rows(store: Store) -> list[AuditRow]:
    return await store.audit.rows("default", discarded=True)


async def test_a_good_run_sends_each_document_once(store: Store) -> None:
    """A run without trouble sends everything, and a second run nothing."""
    ln = LN()
    assert {one.row.status for one in await run(store, ln)} == {Status.SENT}
    assert await run(store, ln) == []
    assert (len(ln.seen), ln.bookings) == (5, 5)
    assert sorted(row.message.encode() for row in await rows(store)) == sorted(ln.seen)


@pytest.mark.parametrize("seed", range(30))
async def test_whatever_fails_each_document_is_booked_once(seed: int, store: Store) -> None:
    """Runs that meet faults and die, however often, leave each document in LN once, with what Xero showed."""
    chance = random.Random(seed)  # noqa: S311 - replayable, not secret
    trouble = 12

    def fault() -> str:
        nonlocal trouble
        trouble -= 1
        return chance.choice(["", *FAULTS]) if trouble > 0 else ""

    ln = LN(fault)
    for _ in range(20):
        try:
            await run(store, ln)
        except Died:
            continue
    assert ln.bookings == len(ln.booked) == 5
    found = await rows(store)
    assert {row.status for row in found} <= IN_LN
    assert sorted(row.message.encode() for row in found) == sorted(ln.booked.values())
    assert all(row.sent_at and not row.in_doubt for row in found)
    assert sum(row.tries for row in found) >= len(ln.seen)


async def test_the_row_is_unknown_while_the_post_is_under_way(store: Store) -> None:
    """While LN works on a document its row says unknown, with the message that is under way."""
    during: list[AuditRow] = []

    class Slow(Infor):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host != "sso.example":
                during.extend(await rows(store))
            return await super().handle_async_request(request)

    clock = VirtualClock()
    (document, *_) = documents(EVERYTHING)
    decision = classify(document, None, None, EVERYTHING, POLICY)
    async with client(Slow(answer(201)), clock) as ln:
        done = await deliver(Delivery(store.audit, ln, clock, "run-1", 0), decision)
    assert [(row.status, row.message.encode()) for row in during] == [(Status.UNKNOWN, decision.message)]
    assert done is not None
    assert done.row.status is Status.SENT


@pytest.mark.parametrize(
    ("step", "status", "stops"),
    [
        (answer(201), Status.SENT, False),
        (answer(409, {"error": {"message": "Payment already processed"}}), Status.DUPLICATE, False),
        (answer(422), Status.FAILED, False),
        (answer(504), Status.UNKNOWN, False),
        (answer(403), Status.FAILED, True),
        (answer(404), Status.FAILED, True),
        (answer(401), Status.FAILED, True),
        (BUSY, Status.FAILED, False),
        (failing(httpx.ReadTimeout), Status.UNKNOWN, False),
        (failing(httpx.ConnectError), Status.FAILED, False),
    ],
)
async def test_what_the_row_says(step: Step, status: Status, stops: bool, store: Store) -> None:
    """Each outcome becomes its status in the row, and those that would fail for all end the run."""
    (done,) = await run(store, step, shown(payment()))
    assert (done.row.status, bool(done.stop)) == (status, stops)
    assert done.row.reason


@pytest.mark.parametrize(
    "first",
    [
        (),
        (U14,),
        (BUSY,),
        (answer(409, {"error": {"message": "Record is locked by ann"}}),),
        (failing(httpx.ConnectError),),
        (BUSY, failing(httpx.ConnectError), U14),
    ],
    ids=["at once", "U14", "quota", "locked", "no connection", "all of them"],
)
async def test_what_ln_has_without_the_record_is_doubted(first: tuple[Step, ...], store: Store) -> None:
    """What LN has and no delivery of this record booked is doubted, whatever came before that answer."""
    asked: list[Key] = []

    async def doubt(key: Key) -> bool:
        asked.append(key)
        return True

    clock = VirtualClock()
    everything = shown(payment())
    (document,) = documents(everything)
    there = answer(409, {"error": {"message": "Payment already processed"}})
    async with client(Infor(*first, there), clock) as ln:
        by = Delivery(store.audit, ln, clock, "run-1", 3, doubt=doubt)
        done = await deliver(by, classify(document, None, None, everything, POLICY))
    assert done is not None
    assert (done.row.status, done.contradicts_record, asked) == (Status.DUPLICATE, True, [document.key])


async def test_what_an_earlier_delivery_posted_is_not_doubted(store: Store) -> None:
    """That LN has a document whose earlier sending was never answered is no reason for doubt."""
    everything = shown(payment())
    await run(store, failing(httpx.ReadTimeout), everything)
    (held,) = await rows(store)

    async def doubt(_: Key) -> bool:
        raise AssertionError("there is nothing to doubt")

    clock = VirtualClock()
    (document,) = documents(everything)
    there = answer(409, {"error": {"message": "Payment already processed"}})
    async with client(Infor(there), clock) as ln:
        by = Delivery(store.audit, ln, clock, "run-2", 3, doubt=doubt)
        done = await deliver(by, classify(document, held, None, everything, POLICY))
    assert done is not None
    assert (done.row.status, done.contradicts_record) == (Status.DUPLICATE, False)


async def test_a_refusal_hints_at_where_the_invoice_is_from(store: Store) -> None:
    """Where LN refuses an invoice whose number is none of LN's, the row says so."""
    odd = {SALE: XeroInvoice(SALE, "INV-00049", "ACCREC", "EUR", CONTACTS[CLIENT])}
    refused = answer(422, {"error": {"code": "tc", "message": "Unknown invoice"}})
    (done,) = await run(store, refused, shown(payment(), invoices=odd))
    assert "Unknown invoice (tc)" in done.row.reason
    assert '"INV-00049" is not an LN invoice number' in done.row.reason
    assert (done.row.result.http_status, done.row.result.ln_code) == (422, "tc")


class Waiting:
    """An LN that takes its time, in seconds by the clock, and notes what it was sent."""

    def __init__(self, clock: VirtualClock, seconds: float = 0.0) -> None:
        self.ids: list[str] = []
        self.on_their_way: set[str] = set()
        self.most = 0
        self.each: Callable[[], Awaitable[None]] | None = None
        self._clock, self._seconds = clock, seconds

    async def post(self, document: bytes) -> LNAnswer:
        """Take a document."""
        self.ids.append(key := json.loads(document)["XeroPaymentID"])
        self.on_their_way.add(key)
        self.most = max(self.most, len(self.on_their_way))
        if self.each is not None:
            await self.each()
        await self._clock.sleep(self._seconds)
        self.on_their_way.remove(key)
        return LNAnswer(201)


def many(
    store: Store, slots: int, seconds: float = 0.0, number: int = 12
) -> tuple[Waiting, Delivery, list[Decision]]:
    """Return an LN, what a run delivers to it with, and decisions to send so many payments."""
    everything = shown(*(payment(payment_id=f"p-{one}") for one in range(number)))
    decisions = [classify(one, None, None, everything, POLICY) for one in documents(everything)]
    clock = VirtualClock()
    ln = Waiting(clock, seconds)
    by = Delivery(
        store.audit, cast("InforLNClient", ln), clock, "run-1", 0, None, anyio.CapacityLimiter(slots)
    )
    return ln, by, decisions


async def test_documents_that_are_written_down_are_none_that_are_on_their_way(store: Store) -> None:
    """No more documents are in LN's hands than may be, and each is unknown on record by then."""
    ln, by, decisions = many(store, 3)

    async def each() -> None:
        sent = set(ln.on_their_way)
        unknown = await store.audit.rows("default", statuses=[Status.UNKNOWN])
        assert sent <= {row.key.xero_id for row in unknown} | (sent - ln.on_their_way)

    ln.each = each
    done = await asyncio.gather(*(deliver(by, one) for one in decisions))
    assert [one.row.status for one in done if one] == [Status.SENT] * 12
    assert ln.most == 3


async def test_what_waits_for_its_turn_when_the_run_ends_is_not_posted(store: Store) -> None:
    """What was written down ahead and is not to leave any more is on record as never posted."""
    ln, by, decisions = many(store, 1)
    by = replace(by, stopped=lambda: bool(ln.ids))
    done = await asyncio.gather(*(deliver(by, one) for one in decisions))
    assert len(ln.ids) == 1
    left = [one for one in done if one and not one.posted]
    assert len(left) == 11
    assert {(one.row.status, one.row.tries, one.row.in_doubt, one.overtaken) for one in left} == {
        (Status.FAILED, 0, False, False)
    }
    assert "The next run sends it" in left[0].row.reason


async def test_what_was_closed_while_it_waited_for_its_turn_is_not_posted(store: Store) -> None:
    """A document that a person closes while others keep LN busy does not leave, and stays closed."""
    ln, by, decisions = many(store, 1, seconds=5, number=3)
    last = decisions[-1].entry.key

    async def each() -> None:
        await store.audit.discard(last, "me", "entered manually", by.clock.now())

    ln.each = each
    done = [one for one in await asyncio.gather(*(deliver(by, one) for one in decisions)) if one]
    assert ln.ids == [one.entry.key.xero_id for one in decisions[:2]]
    assert (done[-1].row.status, done[-1].row.tries, done[-1].overtaken) == (Status.DISCARDED, 0, True)


async def test_what_waited_for_its_turn_leaves_only_with_its_lease(store: Store) -> None:
    """A document that waited long is not posted once another run has taken over, which sees to it."""
    ln, by, decisions = many(store, 1, seconds=5, number=2)
    now = by.clock.now()
    mine = Lease("payments", "default", ALL_DAYS, "run-1", "", "", now, now)
    await store.leases.take(mine, only_one_here=True)

    async def each() -> None:
        await store.leases.release(mine)

    ln.each = each
    by = replace(by, lease=mine)
    done = await asyncio.gather(*(deliver(by, one) for one in decisions), return_exceptions=True)
    assert len(ln.ids) == 1
    assert isinstance(done[1], LeaseLost)


async def test_without_the_store_nothing_is_posted(store: Store) -> None:
    """Where the row cannot be written, nothing leaves."""
    script = Infor(answer(201))
    clock = VirtualClock()
    (document, *_) = documents(EVERYTHING)
    decision = classify(document, None, None, EVERYTHING, POLICY)
    async with store.database.begin() as database:
        await database.execute(text("DROP TABLE audit"))
    async with client(script, clock) as ln:
        with pytest.raises(StoreError):
            await deliver(Delivery(store.audit, ln, clock, "run-1", 0), decision)
    assert script.requests == []


class TakenOver(VirtualClock):
    """A clock while a run waits by which another one takes its connection over."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def lease(self, owner: str) -> Lease:
        """Return a lease of the connection for a run."""
        return Lease("payments", "default", ALL_DAYS, owner, owner, "deliver", self.now(), self.now())

    async def sleep(self, seconds: float) -> None:
        """Wait, and find the connection in another's hands."""
        await super().sleep(seconds)
        await self._store.leases.release(self.lease("this one"))
        await self._store.leases.take(self.lease("the other"), only_one_here=False)


@pytest.mark.parametrize(("holder", "posts"), [("the other", 0), ("this one", 1)])
async def test_a_run_whose_connection_was_taken_over_posts_nothing_further(
    store: Store, holder: str, posts: int
) -> None:
    """Where another run holds the connection by now, no document leaves, neither at first nor once more."""
    script, clock = Infor(BUSY), TakenOver(store)
    (document, *_) = documents(EVERYTHING)
    decision = classify(document, None, None, EVERYTHING, POLICY)
    await store.leases.take(clock.lease(holder), only_one_here=False)
    async with client(script, clock) as ln:
        with pytest.raises(LeaseLost):
            await deliver(Delivery(store.audit, ln, clock, "run-1", 3, clock.lease("this one")), decision)
    assert len(script.requests) == posts
