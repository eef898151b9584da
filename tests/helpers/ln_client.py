"""Infor LN's client and its credentials, and a gateway that gives tokens and plays prepared answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from blocks.infor_ln.client import InforLNClient
from blocks.infor_ln.credentials import InforLNCredentials
from tests.helpers.clocks import VirtualClock
from tests.helpers.scripted import Script, Step, answer

CANARY = "CANARY-secret"
TOKEN = "CANARY-token"
DOCUMENT = b'{"DocumentType":1}'
IONAPI = {
    "ti": "ACME_TST",
    "cn": "Daybook",
    "dt": "12",
    "ci": "ACME_TST~abc",
    "cs": f"{CANARY}-cs",
    "iu": "https://gateway.example/",
    "pu": "https://sso.example:443/ACME_TST/as/",
    "oa": "authorization.oauth2",
    "ot": "token.oauth2",
    "or": "revoke_token.oauth2",
    "ev": "x",
    "v": "1.0",
    "saak": f"ACME_TST#{CANARY}-saak",
    "sask": f"{CANARY}-sask",
}
TOKEN_URL = "https://sso.example/ACME_TST/as/token.oauth2"
PATH = "LN/lnapi/odata/txPayments/BankTransactions"
U14 = answer(401, {"error": {"message": "OAuth [U14]: unknown oauth_consumer_key"}})


def tokens(*, expires_in: object = 7200) -> Step:
    """Return a step that answers with a new token each time."""
    count = 0

    def give(request: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        return answer(200, {"access_token": f"{TOKEN}-{count}", "expires_in": expires_in})(request)

    return give


class Infor(Script):
    """Plays the gateway's steps, and answers token calls by `token`."""

    def __init__(self, *steps: Step, token: Step | None = None) -> None:
        super().__init__(*steps)
        self.give = token or tokens()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "sso.example":
            await request.aread()
            await asyncio.sleep(0)
            self.token_requests.append(request)
            return self.give(request)
        return await super().handle_async_request(request)


def block(ionapi: dict[str, Any] | None = None, **more: Any) -> InforLNCredentials:
    """Return the credentials of an API key as Infor gives it out."""
    content = json.dumps(IONAPI if ionapi is None else ionapi)
    return InforLNCredentials.from_ionapi(content, **{"company": 303, "path": PATH, **more})


def client(script: Script, clock: VirtualClock | None = None, **more: Any) -> InforLNClient:
    """Return a client of what plays a script."""
    return block(**more).get_client(clock=clock or VirtualClock(), http=script)
