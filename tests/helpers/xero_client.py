"""Xero's client, and a Xero that gives tokens and plays prepared answers."""

from __future__ import annotations

from typing import Any

import httpx
from pydantic import SecretStr

from blocks.xero.client import XeroClient
from blocks.xero.credentials import XeroCredentials
from blocks.xero.models import JournalPage
from tests.helpers.clocks import START, VirtualClock
from tests.helpers.scripted import Script, Step, answer

CANARY = "CANARY-secret-88"
TOKEN = "CANARY-token"
SCOPES = "accounting.manualjournals accounting.settings.read"
BODY = b'{"ManualJournals":[{"LineAmount":1.10}]}'


def tokens(*, expires_in: object = 1800, scope: str = SCOPES) -> Step:
    """Return a step that answers with a new token each time."""
    count = 0

    def give(request: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        found = {"access_token": f"{TOKEN}-{count}", "expires_in": expires_in, "token_type": "Bearer"}
        return answer(200, {**found, "scope": scope})(request)

    return give


def xero(*steps: Step, token: Step | None = None) -> Script:
    """Return what plays the steps of the API, and gives tokens."""
    return Script(*steps, token=token or tokens())


def client(script: Script, clock: VirtualClock | None = None, parallel: int = 2, **more: Any) -> XeroClient:
    """Return a client of what plays a script."""
    block = XeroCredentials(client_id="client", client_secret=SecretStr(CANARY), **more)
    return block.get_client(clock=clock or VirtualClock(), http=script, parallel=parallel)


async def journal_page(*elements: bytes) -> JournalPage:
    """Return a page of journals as the client reads it."""
    body = b'{"ManualJournals":[%s]}' % b",".join(elements)
    async with client(xero(answer(200, body, content_type="application/json"))) as there:
        return await there.manual_journals(modified_since=START, page=1, page_size=10)
