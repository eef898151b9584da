"""Answers that trickle in for ever: every client gives them up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from blocks.errors import CallFailed, Unavailable, UnknownOutcome
from blocks.infor_ln import credentials as infor_ln
from blocks.infor_ln.answers import NoToken
from blocks.infor_ln.credentials import InforLNCredentials
from blocks.mambu import credentials as mambu
from blocks.mambu.credentials import MambuCredentials
from blocks.xero import credentials as xero
from blocks.xero.credentials import XeroCredentials
from blocks.xero.payments import XeroPayments
from tests.helpers.clocks import START, VirtualClock
from tests.helpers.dripping import dripping

BODY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
TOKEN = b'{"access_token": "t", "expires_in": 1800}'
WHOLE_TOKEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(TOKEN),
    TOKEN,
)
SECRET = SecretStr("secret")


async def from_mambu(system: str, _tokens: str) -> object:
    block = MambuCredentials(base_url=system, api_key=SECRET)
    async with block.get_client(attempts=2, clock=VirtualClock()) as client:
        return await client.count_lines(START, START + timedelta(days=1))


async def from_xero(system: str, tokens: str) -> object:
    block = XeroCredentials(client_id="c", client_secret=SECRET, base_url=system, token_url=tokens)
    async with block.get_client(attempts=2, clock=VirtualClock()) as client:
        return await XeroPayments(client).payments()


async def to_xero(system: str, tokens: str) -> object:
    block = XeroCredentials(client_id="c", client_secret=SECRET, base_url=system, token_url=tokens)
    async with block.get_client(attempts=2, clock=VirtualClock()) as client:
        return await client.put_manual_journals(b"{}", "key-1")


async def to_ln(system: str, tokens: str) -> object:
    block = InforLNCredentials(
        tenant="T",
        client_id="c",
        client_secret=SECRET,
        gateway_url=system,
        authorisation_url=tokens,
        company=303,
        path="LN/payments",
    )
    async with block.get_client(attempts=2, clock=VirtualClock()) as client:
        return await client.post(b"{}")


@pytest.mark.parametrize(
    ("call", "endless_token", "kind"),
    [
        (from_mambu, False, Unavailable),
        (from_xero, False, Unavailable),
        (to_xero, False, UnknownOutcome),
        (to_ln, False, UnknownOutcome),
        (from_xero, True, Unavailable),
        (to_xero, True, Unavailable),
        (to_ln, True, NoToken),
    ],
)
async def test_each_client_gives_up_what_trickles_in(
    call: Callable[[str, str], Awaitable[object]],
    *,
    endless_token: bool,
    kind: type[CallFailed],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A body or a token of a few bytes at a time ends each call; only a write that was sent is unknown."""
    for module, name in (
        (mambu, "PROFILE"),
        (xero, "PROFILE"),
        (xero, "TOKEN_PROFILE"),
        (infor_ln, "PROFILE"),
        (infor_ln, "TOKEN_PROFILE"),
    ):
        profile = getattr(module, name)
        assert profile.total_seconds <= 180
        monkeypatch.setattr(module, name, replace(profile, total_seconds=0.3))
    async with dripping(BODY, b" ") as endless, dripping(WHOLE_TOKEN, b"") as whole:
        with pytest.raises(kind, match=r"not complete after 0\.3 seconds"):
            await asyncio.wait_for(call(endless, endless if endless_token else whole), 30)
