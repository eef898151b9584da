"""Driving the Infor LN stand-in as a client would: over ASGI, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from blocks.sandbox.clock import SandboxClock
from blocks.sandbox.exact_json import dumps
from blocks.sandbox.faults.layer import Faults
from blocks.sandbox.infor_ln.app import DEFAULT_PATH, TENANT, LnOptions, LnStandIn
from blocks.sandbox.infor_ln.identity import ACCOUNT_KEY, ACCOUNT_SECRET, CLIENT_ID, CLIENT_SECRET
from tests.helpers.stand_ins import basic, frozen, inside

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
DAY = date(2026, 11, 19)
DAY_SECONDS = 1795046400
TOKEN = f"/{TENANT}/as/token.oauth2"
PAYMENTS = f"/{TENANT}{DEFAULT_PATH}"
CUSTOMER, SUPPLIER = "300000366", "BP00000001"
SALES_INVOICE, BILL = "303-SI1-1234567890", "abcdefg-303-PI1-1234567890"
HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "Content-Language": "en-US",
    "X-Infor-LnCompany": "303",
}
LOGIN = f"{CLIENT_ID}:{CLIENT_SECRET}"
PASSWORD = {"grant_type": "password", "username": ACCOUNT_KEY, "password": ACCOUNT_SECRET}
TAG = "XeroPprepaymentID"


def message(document_type: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a message as a careful client sends it; an ellipsis leaves a key out."""
    purchase = document_type in (2, 3)
    prepayment = document_type in (3, 4)
    row: dict[str, Any] = {
        "DocumentType": document_type,
        "DocumentDate": DAY_SECONDS,
        "BankAccountNumber": "55779911",
        "BusinessPartner": SUPPLIER if purchase else CUSTOMER,
        "InvoiceNumber": "" if prepayment else BILL if purchase else SALES_INVOICE,
        "CurrencyCode": "GBP",
        "CurrencyRate": Decimal(1),
        "InvoiceAmount": Decimal("125.10"),
        "InvoiceDescription": "",
        "XeroPaymentID": "" if prepayment else "1234-1234-1234-1234",
        TAG: "abcde-abcde-abcde-abcde" if prepayment else "",
        "XeroContactName": "Abcdefg Components GmbH" if purchase else "ABC Customer ltd",
    }
    row |= changes
    return {name: value for name, value in row.items() if value is not ...}


@dataclass
class Ln:
    """The stand-in, its clock and faults, and a client that holds a token."""

    app: LnStandIn
    clock: SandboxClock
    faults: Faults
    http: httpx.AsyncClient
    bearer: str = ""

    async def token(self, **changes: Any) -> httpx.Response:
        """Ask for a token."""
        return await self.http.post(TOKEN, **{"headers": basic(LOGIN), "data": PASSWORD, **changes})

    async def sign_in(self, **changes: Any) -> str:
        """Get a token and use it from now on."""
        answer = await self.token(**changes)
        assert answer.status_code == 200, answer.text
        token = str(answer.json()["access_token"])
        self.bearer = token
        return token

    async def send(
        self, row: object = None, *, path: str = PAYMENTS, content: str | bytes | None = None, **headers: str
    ) -> httpx.Response:
        """Send a message; `headers` with underscores for dashes, an empty one left out."""
        given = {**HEADERS, "Authorization": f"Bearer {self.bearer}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = dumps(message() if row is None else row) if content is None else content
        sent = {name: value for name, value in given.items() if value}
        return await self.http.post(path, content=body, headers=sent)

    async def status(self, row: object = None, **more: Any) -> int:
        """Send a message and return the status."""
        return (await self.send(row, **more)).status_code

    async def refused(self, row: object) -> tuple[int, list[str]]:
        """Send a message and return status and the messages of the details."""
        answer = await self.send(row)
        return answer.status_code, [one["Message"] for one in answer.json()["Details"]]

    async def control(self, verb: str, **body: object) -> Any:
        """Use a control verb."""
        return await self.app.control(verb, body)

    async def documents(self) -> list[dict[str, Any]]:
        """Return what is booked."""
        return list((await self.control("books"))["documents"])


async def _known(app: LnStandIn) -> None:
    """Let LN have the invoices of the written use cases."""
    await app.control("invoice", {"number": SALES_INVOICE, "partner": CUSTOMER, "total": "5000.00"})
    await app.control("invoice", {"number": BILL, "partner": SUPPLIER, "total": "5000.00"})


@asynccontextmanager
async def ln(directory: Path | None = None, **options: Any) -> AsyncIterator[Ln]:
    """Run a stand-in, signed in."""
    clock = frozen(NOW)
    app = LnStandIn(directory, clock, LnOptions(**options))
    faults = Faults(clock)
    with closing(app):
        async with inside(faults.around("ln", app), "http://ln") as http:
            running = Ln(app, clock, faults, http)
            await _known(app)
            await running.sign_in()
            yield running
