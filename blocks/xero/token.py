"""The access token of a custom connection: fetched once, shared, renewed early, dropped on a 401."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
from pydantic import SecretStr

from blocks.clock import Clock
from blocks.errors import NotAllowed, Rejected
from blocks.http.auth import LARGEST_TOKEN_ANSWER, REFUSED, TOKEN_SECONDS, oauth_word, renew_at
from blocks.http.client import Transport
from blocks.http.models import Answer, ApiProfile, Call
from blocks.xero.answers import reasons
from blocks.xero.reading import ACCEPT_JSON, reader

# A token is renewed this long before it expires, so that none expires on its way.
RENEW_EARLY = timedelta(minutes=2)


def _token_hint(answer: Answer) -> str:
    return "Check the client id and secret in the Xero block." if answer.status in REFUSED else ""


TOKEN_PROFILE = ApiProfile(
    "Xero's token service",
    oauth_word,
    _token_hint,
    total_seconds=TOKEN_SECONDS,
    largest_answer=LARGEST_TOKEN_ANSWER,
)


class _TokenAnswer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: msgspec.Raw = msgspec.Raw(b"null")
    scope: str = ""

    def __repr__(self) -> str:
        return "_TokenAnswer(…)"


@dataclass(frozen=True, slots=True)
class ClientLogin:
    client_id: str
    client_secret: SecretStr

    async def headers(self) -> Mapping[str, str]:
        basic = httpx.BasicAuth(self.client_id, self.client_secret.get_secret_value())
        request = next(basic.auth_flow(httpx.Request("POST", "http://localhost")))
        return {"Authorization": request.headers["Authorization"]}

    def renewable(self, answer: Answer, used: Mapping[str, str]) -> bool:  # noqa: ARG002 - a secret is not renewed
        return False


class Token:
    """The access token of a custom connection: fetched once, shared, renewed early, dropped on a 401."""

    def __init__(
        self, transport: Transport, url: str, scopes: str, tenant_id: str | None, clock: Clock
    ) -> None:
        self.transport = transport
        self._url = url
        self._scopes = scopes
        self._tenant_id = tenant_id
        self._clock = clock
        self._held: _TokenAnswer | None = None
        self._renew_at = datetime.min.replace(tzinfo=UTC)
        self._fetching = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """Return the headers that authorise a call now."""
        token = await self._current()
        headers = {"Authorization": f"Bearer {token.access_token}"}
        return {**headers, "xero-tenant-id": self._tenant_id} if self._tenant_id else headers

    async def granted(self) -> frozenset[str]:
        """Return the scopes that the token was granted, as whole words; empty if that was not said."""
        return frozenset((await self._current()).scope.split())

    def renewable(self, answer: Answer, used: Mapping[str, str]) -> bool:
        """Drop the token that was used; a new one helps only where it has expired."""
        if self._held and used["Authorization"] == f"Bearer {self._held.access_token}":
            self._held = None
        return any(reason.startswith("TokenExpired") for reason in reasons(answer))

    async def _current(self) -> _TokenAnswer:
        async with self._fetching:
            if self._held is None or self._clock.now() >= self._renew_at:
                self._held = await self._fetch()
                self._renew_at = renew_at(self._clock.now(), self._held.expires_in, RENEW_EARLY)
            return self._held

    async def _fetch(self) -> _TokenAnswer:
        form = httpx.QueryParams({"grant_type": "client_credentials", "scope": self._scopes})
        call = Call(
            "POST",
            self._url,
            headers={**ACCEPT_JSON, "Content-Type": "application/x-www-form-urlencoded"},
            content=str(form).encode(),
        )
        try:
            return await self.transport.call(call, reader(_TokenAnswer, "a token"))
        except Rejected as error:
            said = ", ".join(error.reasons) or "no reason"
            raise NotAllowed(
                f"Xero refused a token ({said}). Check the client id and secret in the Xero block, and that "
                f"the app has each of these scopes: {self._scopes}.",
                status=error.status,
            ) from None
