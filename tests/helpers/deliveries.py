"""Deliveries of all that Xero shows, as runs make them, to an LN that loses answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import httpx

from blocks.store.audit_rows import Key, Kind
from blocks.store.journals import Store
from blocks.xero.payment_models import Shown
from flows.payments.case import row_of
from flows.payments.classify import classify
from flows.payments.delivery import Delivered, Delivery, deliver
from flows.payments.documents import documents
from tests.helpers.clocks import VirtualClock
from tests.helpers.ln_client import Infor, client
from tests.helpers.payments import CLIENT, POLICY, allocation, payment, prepayment, shown
from tests.helpers.scripted import Step, answer

EVERYTHING = shown(
    payment(),
    payment(payment_id="p-2", amount=Decimal(7)),
    prepayment(CLIENT, allocation(), allocation(allocation_id=None, amount=Decimal(3))),
)


class Died(BaseException):
    """The process was killed."""


class LN:
    """An LN that books each id once, and whose answers can be lost, late or refused."""

    def __init__(self, faults: Callable[[], str] = lambda: "") -> None:
        self.booked: dict[str, bytes] = {}
        self.bookings = 0
        self.seen: list[bytes] = []
        self._faults = faults

    def __call__(self, request: httpx.Request) -> httpx.Response:
        fault = self._faults()
        if fault == "no connection":
            raise httpx.ConnectError("x", request=request)
        self.seen.append(request.content)
        if fault in {"429", "503", "504 before"}:
            return answer(int(fault[:3]))(request)
        if fault == "422":
            return answer(422, {"error": {"code": "tc", "message": "Period is closed"}})(request)
        if fault == "killed before":
            raise Died
        found = json.loads(request.content)
        key = found["XeroPaymentID"] or found["XeroPprepaymentID"]
        known = key in self.booked
        if not known:
            self.booked[key] = request.content
            self.bookings += 1
        if fault == "killed after":
            raise Died
        if fault == "timeout":
            raise httpx.ReadTimeout("x", request=request)
        if fault == "504 after":
            return answer(504)(request)
        if known:
            return answer(409, {"error": {"message": "Payment already processed"}})(request)
        return answer(201)(request)


@asynccontextmanager
async def delivery(store: Store, step: Step, retries: int = 1) -> AsyncIterator[Delivery]:
    """Return what a run delivers with."""
    clock = VirtualClock()
    async with client(Infor(step), clock) as ln:
        yield Delivery(store.audit, ln, clock, "run-1", retries)


async def run(store: Store, step: Step, everything: Shown = EVERYTHING) -> list[Delivered]:
    """Decide on everything that Xero shows, and deliver it, as a run does."""
    found: list[Delivered] = []
    async with delivery(store, step) as by:
        for document in documents(everything):
            prepaid = Key("org", Kind.PREPAYMENT, document.prepayment_id)
            keys = {document.key, prepaid, *([document.other_key] if document.other_key else [])}
            rows = await store.audit.rows_of(keys)
            decision = classify(document, row_of(document, rows), rows.get(prepaid), everything, POLICY)
            delivered = await deliver(by, decision)
            if delivered:
                found.append(delivered)
    return found
