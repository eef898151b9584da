"""Every way to log in: an API key, a user name and password, and an OAuth access token."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
from pydantic import SecretStr

from blocks.clock import Clock
from blocks.errors import CallFailed, Unavailable
from blocks.http.client import Transport
from blocks.http.models import NOT_THE_JSON, Answer, ApiProfile, Call

_Flow = Generator[httpx.Request, httpx.Response, None]


class _Lasting(httpx.Auth):
    """A login that does not change: where it is refused, it stays refused."""

    async def auth(self) -> httpx.Auth:
        """Return the login itself."""
        return self

    def renewable(self, answer: Answer, used: httpx.Auth) -> bool:  # noqa: ARG002 - nothing to renew
        """Return False."""
        return False


@dataclass(frozen=True, slots=True)
class ApiKey(_Lasting):
    """A key that goes into a header of its own."""

    header: str
    key: SecretStr

    def auth_flow(self, request: httpx.Request) -> _Flow:
        """Send the key with a request."""
        request.headers.update({self.header: self.key.get_secret_value()})
        yield request


@dataclass(frozen=True, slots=True)
class BasicLogin(_Lasting):
    """A user name and password, or an app's client id and secret."""

    user: str
    password: SecretStr

    def auth_flow(self, request: httpx.Request) -> _Flow:
        """Send a request with HTTP's Basic authentication."""
        return httpx.BasicAuth(self.user, self.password.get_secret_value()).auth_flow(request)


class Bearer(httpx.Auth):
    """An access token, the scopes that it was granted, and what else calls with it carry."""

    def __init__(self, token: str, scope: str = "", **also: str) -> None:
        self.scope = scope
        self._headers = {"Authorization": f"Bearer {token}", **also}

    def auth_flow(self, request: httpx.Request) -> _Flow:
        """Send the token with a request."""
        request.headers.update(self._headers)
        yield request


# With one of these statuses a token service refuses the credentials; any other status has another cause.
_REFUSED = frozenset({400, 401, 403})
# RFC 6749, 4.1.2.1 and 5.2; RFC 6750, 3.1; RFC 8707, 2.
_CODES = frozenset(
    [
        "access_denied",
        "insufficient_scope",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "invalid_target",
        "invalid_token",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
    ]
)


class _OAuthError(msgspec.Struct):
    error: str = ""


def _oauth_code(answer: Answer) -> tuple[str, ...]:
    """Return OAuth's code for a refusal, such as invalid_grant; nothing else that the service says."""
    try:
        found = msgspec.json.decode(answer.body, type=_OAuthError).error
    except NOT_THE_JSON:
        return ()
    return (found,) if found in _CODES else ()


# A token has a few kilobytes at most and comes in a moment; other calls wait for it.
_LARGEST_ANSWER_BYTES = 1024 * 1024
_TOTAL_SECONDS = 60.0
# A short life costs a call, a long one a refusal.
_UNSTATED_LIFE = timedelta(minutes=5)
_LONGEST_SECONDS = 24 * 3600.0


def renew_at(now: datetime, expires_in: bytes, early: timedelta) -> datetime:
    """Return when to renew a token that was fetched now: `early` before its end, or after half its life.

    `expires_in` is its life in seconds as JSON, a number or a text. Anything but a number above zero
    counts as five minutes, for no guide says how long such a token lives; more than a day counts as a day.
    """
    life = _life(expires_in)
    return now + max(life - early, life / 2)


def _life(expires_in: bytes) -> timedelta:
    try:
        # The first digits tell all there is to know of a number of thousands.
        seconds = float(bytes(expires_in).strip(b'"')[:40])
    except ValueError:
        return _UNSTATED_LIFE
    # Not a number is not above zero either.
    return timedelta(seconds=min(seconds, _LONGEST_SECONDS)) if seconds > 0 else _UNSTATED_LIFE


def token_profile(system: str, hint: str) -> ApiProfile:
    """Return the profile of a token service; `hint` says what to check where it refuses the credentials."""
    return ApiProfile(
        system,
        _oauth_code,
        lambda answer: hint if answer.status in _REFUSED else "",
        total_seconds=_TOTAL_SECONDS,
        largest_answer=_LARGEST_ANSWER_BYTES,
    )


class _TokenAnswer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: msgspec.Raw = msgspec.Raw(b"null")
    scope: str = ""

    def __repr__(self) -> str:
        return "_TokenAnswer(…)"


class OAuthToken:
    """An OAuth access token: fetched once, shared, renewed early and by one call at a time, dropped on a 401.

    `transport` leads to the token service, `form` is what a token is asked for with, `also` has the headers
    that calls with it carry besides. It is fetched before a call has its turn, and a call refused for it has
    another turn, which is the transport's business and no part of httpx's flow. A system's own token class
    says which refusals a new token may turn around (`expired`) and how a failure is told (`failure`).
    """

    # A token is renewed this long before it expires, so that none expires on its way.
    renew_early = timedelta(minutes=2)

    def __init__(self, transport: Transport, url: str, form: Mapping[str, SecretStr], clock: Clock) -> None:
        self.transport = transport
        self.clock = clock
        self._url = url
        self._form = dict(form)
        self.also: dict[str, str] = {}
        self._current: Bearer | None = None
        self._renew_at = datetime.min.replace(tzinfo=UTC)
        self._fetching = asyncio.Lock()

    async def auth(self) -> Bearer:
        """Return the token that authorises a call now."""
        async with self._fetching:
            if self._current is None or self.clock.now() >= self._renew_at:
                found = await self._fetch()
                self._current = Bearer(found.access_token, found.scope, **self.also)
                self._renew_at = renew_at(self.clock.now(), found.expires_in, self.renew_early)
            return self._current

    async def granted(self) -> frozenset[str]:
        """Return the scopes that the token was granted, as whole words; empty where that was not stated."""
        return frozenset((await self.auth()).scope.split())

    def renewable(self, answer: Answer, used: httpx.Auth) -> bool:
        """Drop the token that was used, and return whether a new one may turn this refusal around."""
        if used is self._current:
            self.forget()
        return self.expired(answer)

    def forget(self) -> None:
        """Have the next call fetch a new token."""
        self._current = None

    def expired(self, answer: Answer) -> bool:  # noqa: ARG002 - subclasses look at it
        """Return whether a 401 may mean that the token has expired."""
        return True

    def failure(self, error: CallFailed) -> CallFailed:
        """Return the error to raise where no token was given."""
        return error

    async def _fetch(self) -> _TokenAnswer:
        form = httpx.QueryParams({name: value.get_secret_value() for name, value in self._form.items()})
        call = Call(
            "POST",
            self._url,
            headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
            content=str(form).encode(),
        )
        try:
            return await self.transport.call(call, self._read)
        except CallFailed as error:
            told = self.failure(error)
            told.wait_until = error.wait_until
            raise told from None

    def _read(self, answer: Answer) -> _TokenAnswer:
        try:
            found = msgspec.json.decode(answer.body, type=_TokenAnswer)
            if found.access_token.isascii() and found.access_token.isprintable() and found.access_token:
                return found
            problem = "the token has characters that no header can carry"
        except NOT_THE_JSON as error:
            problem = str(error)
        raise Unavailable(
            f"{self.transport.system}: the answer cannot be read ({problem}).", status=answer.status
        )
