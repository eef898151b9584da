"""Driving the Xero stand-in as a client would: over ASGI, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from blocks.sandbox.clock import SandboxClock
from blocks.sandbox.exact_json import dumps
from blocks.sandbox.xero.app import CLIENT_ID, CLIENT_SECRET, SCOPES, XeroOptions, XeroStandIn
from blocks.sandbox.xero.chart import ORGANISATION, Named
from tests.helpers.stand_ins import basic, exact, frozen, inside

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
DAY = date(2026, 11, 1)
DAY_MS = 1793491200000
BASE = "/api.xro/2.0"
JOURNALS = f"{BASE}/ManualJournals"
ZERO = "00000000-0000-0000-0000-000000000000"
LOGIN = f"{CLIENT_ID}:{CLIENT_SECRET}"
ONE_BY_ONE = {"summarizeErrors": "false"}


def line(amount: object, code: str | None = "1010", **more: object) -> dict[str, Any]:
    """Return a journal line; an amount given as text is the number it shows."""
    value = Decimal(amount) if isinstance(amount, str) else amount
    account = {} if code is None else {"AccountCode": code}
    return {"LineAmount": value, **account, "TaxType": "NONE", "Description": "d", **more}


def journal(narration: str | None = "J1", *lines: dict[str, Any], **more: object) -> dict[str, Any]:
    """Return a journal as a careful client sends it: of 100.00 between two accounts unless told otherwise."""
    named = {} if narration is None else {"Narration": narration}
    return {
        **named,
        "Date": str(DAY),
        "Status": "DRAFT",
        "LineAmountTypes": "NoTax",
        "JournalLines": list(lines) or [line("100.00"), line("-100.00", "2000")],
        **more,
    }


def messages(element: dict[str, Any], key: str = "ValidationErrors") -> list[str]:
    """Return the messages of an element."""
    return [one["Message"] for one in element.get(key, [])]


@dataclass
class Xero:
    """The stand-in, its clock and a client that holds a token."""

    app: XeroStandIn
    clock: SandboxClock
    http: httpx.AsyncClient

    async def sign_in(self, scopes: str = SCOPES) -> None:
        """Get a token and use it from now on."""
        answer = await self.token(scopes)
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    async def token(self, scopes: str = SCOPES, **changes: Any) -> httpx.Response:
        """Ask for a token."""
        form = {"grant_type": "client_credentials", "scope": scopes}
        return await self.http.post("/connect/token", **{"headers": basic(LOGIN), "data": form, **changes})

    async def get(self, path: str = "ManualJournals", **more: Any) -> httpx.Response:
        """Read something."""
        return await self.http.get(f"{BASE}/{path}", **more)

    async def write(
        self,
        *journals: dict[str, Any],
        method: str = "PUT",
        journal_id: str = "",
        params: dict[str, str] | None = None,
        key: str | None = None,
        content: bytes | str | None = None,
    ) -> httpx.Response:
        """Send journals; amounts as the numbers they are."""
        return await self.http.request(
            method,
            f"{JOURNALS}/{journal_id}" if journal_id else JOURNALS,
            params=ONE_BY_ONE if params is None else params,
            content=dumps({"ManualJournals": list(journals)}) if content is None else content,
            headers={} if key is None else {"Idempotency-Key": key},
        )

    async def outcome(self, one: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Send one journal and return what the answer says of it."""
        answer = await self.write(one, **more)
        assert answer.status_code == 200, answer.text
        (element,) = exact(answer)["ManualJournals"]
        return dict(element)

    async def created(self, one: dict[str, Any] | None = None) -> str:
        """Create a journal and return its id."""
        element = await self.outcome(journal() if one is None else one)
        assert element["StatusAttributeString"] == "OK", element
        return str(element["ManualJournalID"])

    async def changed(self, journal_id: str, **fields: object) -> dict[str, Any]:
        """Send an update of one journal and return what the answer says of it."""
        return await self.outcome({"ManualJournalID": journal_id, **fields}, method="POST")

    async def one(self, journal_id: str) -> dict[str, Any]:
        """Read a journal by its id."""
        answer = await self.get(f"ManualJournals/{journal_id}")
        assert answer.status_code == 200, answer.text
        (element,) = exact(answer)["ManualJournals"]
        return dict(element)

    async def listed(self, **params: object) -> list[dict[str, Any]]:
        """Read the first page of a list, as large as it gets."""
        answer = await self.get(params={"page": 1, "pageSize": 1000, **params})
        assert answer.status_code == 200, answer.text
        return list(exact(answer)["ManualJournals"])

    async def narrations(self, **params: object) -> list[str]:
        """Return the narrations of a list."""
        return [row["Narration"] for row in await self.listed(**params)]

    async def control(self, verb: str, **body: object) -> Any:
        """Use a control verb."""
        return await self.app.control(verb, body)


@asynccontextmanager
async def xero(
    directory: Path | None = None,
    scopes: str = SCOPES,
    now: datetime = NOW,
    named: Named = ORGANISATION,
    **options: Any,
) -> AsyncIterator[Xero]:
    """Run a stand-in, signed in."""
    clock = frozen(now)
    app = XeroStandIn(directory, clock, XeroOptions(**options), named)
    headers = {"Accept": "application/json"}
    with closing(app):
        async with inside(app, "http://xero", headers=headers) as http:
            running = Xero(app, clock, http)
            await running.sign_in(scopes)
            yield running


def numbered(count: int) -> Iterable[dict[str, Any]]:
    """Return journals J1, J2, …"""
    return (journal(f"J{number}") for number in range(1, count + 1))
