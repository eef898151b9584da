"""The access token of the ION API gateway: fetched once, shared, renewed early, dropped on a 401."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
from pydantic import SecretStr

from blocks.clock import Clock
from blocks.errors import NotAllowed, Rejected, Terminal, Transient, Unavailable
from blocks.http.auth import LARGEST_TOKEN_ANSWER, REFUSED, TOKEN_SECONDS, oauth_word, renew_at
from blocks.http.client import Transport
from blocks.http.models import NOT_THE_JSON, Answer, ApiProfile, Call
from blocks.infor_ln.answers import GOOD_TOKEN_REFUSED, NoToken

# A token lives for about two hours; it is renewed this long before its end.
RENEW_EARLY = timedelta(seconds=60)
JSON = "application/json"


def _hint(answer: Answer) -> str:
    if answer.status not in REFUSED:
        return ""
    return "Check that the .ionapi file is current: its keys may have been revoked or replaced."


TOKEN_PROFILE = ApiProfile(
    "Infor's token service",
    oauth_word,
    _hint,
    total_seconds=TOKEN_SECONDS,
    largest_answer=LARGEST_TOKEN_ANSWER,
)


class _TokenAnswer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: msgspec.Raw = msgspec.Raw(b"null")

    def __repr__(self) -> str:
        return "_TokenAnswer(…)"


@dataclass(frozen=True, slots=True)
class ClientLogin:
    """The app's own keys, as Basic credentials."""

    client_id: str
    client_secret: SecretStr

    async def headers(self) -> Mapping[str, str]:
        """Return the header that a token call carries."""
        basic = httpx.BasicAuth(self.client_id, self.client_secret.get_secret_value())
        request = next(basic.auth_flow(httpx.Request("POST", "http://localhost")))
        return {"Authorization": request.headers["Authorization"]}

    def renewable(self, answer: Answer, used: Mapping[str, str]) -> bool:  # noqa: ARG002 - a secret is not renewed
        """Return False: keys that are refused stay so."""
        return False


class IonToken:
    """The gateway's access token: fetched once, shared, renewed early and by one call at a time."""

    def __init__(self, transport: Transport, url: str, form: Mapping[str, SecretStr], clock: Clock) -> None:
        self.transport = transport
        self._url = url
        self._form = dict(form)
        self._clock = clock
        self._held: _TokenAnswer | None = None
        self._renew_at = datetime.min.replace(tzinfo=UTC)
        self._fetching = asyncio.Lock()

    def now(self) -> datetime:
        """Return the current instant on the client's clock."""
        return self._clock.now()

    async def headers(self) -> Mapping[str, str]:
        """Return the headers that authorise a call now."""
        async with self._fetching:
            if self._held is None or self._clock.now() >= self._renew_at:
                self._held = await self._fetch()
                self._renew_at = renew_at(self._clock.now(), self._held.expires_in, RENEW_EARLY)
            return {"Authorization": f"Bearer {self._held.access_token}"}

    def renewable(self, answer: Answer, used: Mapping[str, str]) -> bool:
        """Drop the token that was used, unless LN refuses it in the words it has for good ones."""
        if GOOD_TOKEN_REFUSED in answer.body[:4000].decode("utf-8", "replace").lower():
            return False
        if self._held and used["Authorization"] == f"Bearer {self._held.access_token}":
            self.forget()
        return True

    def forget(self) -> None:
        """Have the next call fetch a new token."""
        self._held = None

    async def _fetch(self) -> _TokenAnswer:
        form = httpx.QueryParams({name: value.get_secret_value() for name, value in self._form.items()})
        call = Call(
            "POST",
            self._url,
            headers={"Accept": JSON, "Content-Type": "application/x-www-form-urlencoded"},
            content=str(form).encode(),
        )
        try:
            return await self.transport.call(call, _token)
        except (Rejected, NotAllowed) as error:
            raise NotAllowed(
                f"Infor refuses a token: {error} Nothing was posted.", status=error.status
            ) from None
        except (Transient, Terminal) as error:
            wait = error.retry_after_seconds if isinstance(error, Transient) else None
            raise NoToken(
                f"{error} Without a token nothing can be posted.",
                status=error.status,
                retry_after_seconds=wait,
            ) from None


def _token(answer: Answer) -> _TokenAnswer:
    try:
        found = msgspec.json.decode(answer.body, type=_TokenAnswer)
        if found.access_token.isascii() and found.access_token.isprintable() and found.access_token:
            return found
        problem = "the token is not one that a header can hold"
    except NOT_THE_JSON as error:
        problem = str(error)
    raise Unavailable(f"Infor's token service: its answer cannot be read ({problem}).", status=answer.status)
