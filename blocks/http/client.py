"""One HTTP transport for every system: pooled connections, time-outs, retries, pacing, size limits.

A client says what it wants to send and whether that is a read or a write; this module says what an
answer, or the lack of one, means for the caller (see blocks.errors), and repeats what may be repeated.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import cache, partial
from typing import Self, TypedDict, TypeVar

import httpx

from blocks.clock import Clock, ClockThere, SystemClock
from blocks.errors import (
    CallFailed,
    Overdue,
    Rejected,
    ResumeLater,
    Terminal,
    Transient,
    Unavailable,
    UnknownOutcome,
    Unreachable,
    UnusableAnswer,
)
from blocks.http.models import (
    LARGEST_ANSWER_BYTES,
    READ_SECONDS,
    Answer,
    ApiProfile,
    Authorisation,
    Call,
    failure,
    limit_named,
)
from blocks.http.rate_limit import Pacer
from blocks.http.retry import Patience, pause_after, repeating
from blocks.http.urls import is_loopback

T = TypeVar("T")

_logger = logging.getLogger("daybook.transport")


class ClientOptions(TypedDict, total=False):
    """What a run gives to each of its clients, as `Transport` takes it."""

    clock: Clock | None
    http: httpx.AsyncBaseTransport | None
    notice: Callable[[str], None] | None
    patience: Patience | None


def for_tokens(options: ClientOptions) -> ClientOptions:
    """Return a client's options as its token service takes them."""
    patience = options.get("patience")
    return {**options, "patience": patience.with_tokens() if patience else None}


class Transport:
    """The way to one system. Use as an async context manager, from one event loop.

    `calls` counts requests sent, `refused_as_too_many` those answered 429, and `bytes_read` the bytes of the
    answers that arrived whole, unpacked and without their headers; `there` is the system's clock.
    """

    def __init__(
        self,
        base_url: str,
        profile: ApiProfile,
        authorisation: Authorisation,
        *,
        attempts: int = 5,
        pacer: Pacer | None = None,
        clock: Clock | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        notice: Callable[[str], None] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.system = profile.system
        self.calls = 0
        self.bytes_read = 0
        self.refused_as_too_many = 0
        self.there = ClockThere()
        self._profile = profile
        self._authorisation = authorisation
        self._attempts = attempts
        self._pacer = pacer
        self._clock = clock or SystemClock()
        self._notice = notice or _logger.warning
        self.patience = patience or Patience()
        self._new_client = partial(new_http_client, base_url, http, profile.read_seconds)
        self._clients = AsyncExitStack()
        self._free: list[httpx.AsyncClient] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._clients.aclose()

    @contextmanager
    def _connection(self) -> Iterator[httpx.AsyncClient]:
        """Give a call the connection that was free last, or a new one where there is none.

        Each is a client of its own. A client for all looks at every connection that is free, at the beginning
        and at the end of each call: of eight at a time that is a sixth of their processor time.
        """
        if self._free:
            client = self._free.pop()
        else:
            client = self._new_client()
            self._clients.push_async_callback(client.aclose)
        try:
            yield client
        finally:
            self._free.append(client)

    def writes_left(self, reading: int) -> int | None:
        """Return how many writes the system still allows today where `reading` calls are to follow them.

        Never those that are kept for reading anyway. None where the system states no limit.
        """
        if self._pacer is None or self._pacer.day_left is None:
            return None
        return self._pacer.day_left - max(reading, self._pacer.day_reserve)

    @property
    def calls_left(self) -> int | None:
        """Return how many calls the system still allows today; None where it states no limit."""
        return self._pacer.day_left if self._pacer else None

    async def call(self, call: Call, read: Callable[[Answer], T]) -> T:
        """Send a call, repeat it as the policy allows, and return what `read` makes of the 2xx answer.

        `read` raises Unavailable for an answer that is not what the system answers: that counts as no
        answer. Raises a CallFailed. For a write, anything but a clear answer to one of its attempts is an
        UnknownOutcome, also when a later attempt failed without reaching the system.
        """
        try:
            return await self._repeated(call, read)
        except UnknownOutcome:
            if call.money:
                self.patience.under_way.note()
            raise

    async def _repeated(self, call: Call, read: Callable[[Answer], T]) -> T:
        began = self._clock.now()
        try:
            async for attempt in repeating(
                call,
                self._attempts,
                self._clock,
                self._tell,
                self._profile.key_life,
            ):
                with attempt:
                    try:
                        return await self._once(call, read)
                    except UnknownOutcome:
                        call = replace(call, first_sent=call.first_sent or began)
                        raise
        except (Terminal, Transient) as error:
            # A refusal in the system's own words is a clear answer; any other is not, once bytes have left.
            clear = isinstance(error, Rejected) and error.reasons
            if call.writes and call.first_sent is not None and not clear:
                resume_at = error.resume_at if isinstance(error, ResumeLater) else None
                raise UnknownOutcome(str(error), status=error.status, resume_at=resume_at) from None
            # Where nothing is to be repeated, nothing is waited for either.
            if self._attempts > 1 and call.urgent and not call.writes:
                error.wait_until = self.patience.until(error)
                if pause := pause_after(error, self._clock.now()):
                    self.patience.waits(error, pause)
            raise
        raise AssertionError("the retry loop ends with an answer or an error")

    def _tell(self, text: str) -> None:
        # Once it was told that the run waits, each further try would only fill the log.
        if not self.patience.told:
            self._notice(text)

    async def single(self, call: Call) -> Answer:
        """Send a call a single time and return its answer, whatever the status: the caller judges it.

        For writes to a system without idempotency keys, where a repeat could be carried out a second
        time: nothing is repeated here but a call that was refused for its token, which did nothing.
        Raises Unreachable, UnknownOutcome, or what fetching the credentials raises.
        """
        answer, used = await self._send(call)
        if answer.status == 401 and self._authorisation.renewable(answer, used):
            answer, _ = await self._send(call)
        return answer

    async def _once(self, call: Call, read: Callable[[Answer], T]) -> T:
        answer = await self.single(call)
        error = failure(call, answer, self._profile, self._clock.now())
        if error is None:
            try:
                return read(answer)
            except Unavailable as garbled:
                if call.writes:
                    raise UnknownOutcome(str(garbled), status=answer.status) from None
                raise
        if answer.status == 429:
            self.refused_as_too_many += 1
            if self._pacer and limit_named(answer).startswith("concurrent"):
                self._pacer.reduce_concurrency()
        raise error

    async def _send(self, call: Call) -> tuple[Answer, httpx.Auth]:
        where = f"{self.system}: {call.method} {call.path}"
        used = await self._authorisation.auth()
        async with self._pacer.admitted(writes=call.writes) if self._pacer else nullcontext():
            if (
                call.writes
                and call.first_sent
                and self._clock.now() >= call.first_sent + self._profile.key_life
            ):
                raise UnknownOutcome(
                    f"{where} was not repeated. {self.system} may no longer know its idempotency key, and "
                    "could carry it out a second time."
                )
            if call.not_after and self._clock.now() > call.not_after:
                if call.first_sent is None:
                    raise Overdue(f"{where} waited too long for its turn and was not sent.")
                raise UnknownOutcome(f"{where} was not repeated. The data it is based on is too old.")
            self.calls += 1
            asked = self._clock.now()
            with self._connection() as client:
                answer = await exchange(client, self._profile, call, used)
            self.bytes_read += len(answer.body)
            if said := self._profile.time_stated(answer):
                self.there.note(said, asked, self._clock.now())
            if answer.status < 500 and answer.status != 429:
                self.patience.answered()
            if self._pacer:
                self._pacer.learn(answer.headers)
            return answer, used


class ApiClient:
    """The client of one system's API. Use as an async context manager, from one event loop.

    `transport` carries its calls, `others` those that they need, such as the calls for a token.
    """

    def __init__(self, transport: Transport, *others: Transport) -> None:
        self.transport = transport
        self._transports = (transport, *others)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for transport in self._transports:
            await transport.aclose()

    @property
    def calls(self) -> int:
        """Return how many requests were sent, those for tokens included."""
        return sum(transport.calls for transport in self._transports)

    @property
    def bytes_read(self) -> int:
        """Return how many bytes the answers had, those with tokens included."""
        return sum(transport.bytes_read for transport in self._transports)


def new_http_client(
    base_url: str, http: httpx.AsyncBaseTransport | None = None, read_seconds: float = READ_SECONDS
) -> httpx.AsyncClient:
    """Return a client for one call at a time below `base_url`; proxies are only for other machines."""
    local = is_loopback(base_url)
    return httpx.AsyncClient(
        base_url=base_url.rstrip("/") + "/",
        timeout=httpx.Timeout(connect=10.0, read=read_seconds, write=60.0, pool=60.0),
        headers={"Accept-Encoding": "gzip"},
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30.0),
        transport=http,
        trust_env=not local,
        verify=_certificates(),
    )


@cache
def _certificates() -> ssl.SSLContext:
    """Return whom clients trust. Read once: it takes longer than all else that makes a client."""
    return httpx.create_ssl_context()


async def exchange(client: httpx.AsyncClient, profile: ApiProfile, call: Call, auth: httpx.Auth) -> Answer:
    """Send a call once and read its answer, within the bounds of time and size that the manners set.

    Raises Unreachable where nothing was sent, Unavailable for a read whose answer did not arrive whole,
    or not in time, and UnusableAnswer for one that is too large or compressed otherwise than was asked.
    For a write, each of the last two is an UnknownOutcome.
    """
    where = f"{profile.system}: {call.method} {call.path}"
    try:
        async with asyncio.timeout(profile.total_seconds):
            return await _exchange(client, call, auth, where, profile.largest_answer or LARGEST_ANSWER_BYTES)
    except TimeoutError:
        # No connection takes that long to come about: what timed out was on its way.
        kind = UnknownOutcome if call.writes else Unavailable
        failed: CallFailed = kind(
            f"{where}: the answer was not complete after {profile.total_seconds:g} seconds."
        )
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError) as error:
        failed = _unanswered(call, error, where, client.base_url.host)
    # Raised out here, because httpx's error holds the request with its headers, and the context of
    # an error travels with it.
    raise failed


async def _exchange(
    client: httpx.AsyncClient, call: Call, auth: httpx.Auth, where: str, largest: int
) -> Answer:
    request = client.build_request(
        call.method,
        # Joined by hand: a path with a colon, such as entries:search, would be taken for a scheme.
        call.path if "://" in call.path else f"{client.base_url}{call.path}",
        params=dict(call.params) or None,  # without any, the address is read once and not twice
        headers=dict(call.headers),
        content=call.content,
    )
    response = await client.send(request, auth=auth, stream=True)
    try:
        body = await _read(call, response, where, largest)
    finally:
        await response.aclose()
    return Answer(response.status_code, response.headers, body)


def _unanswered(call: Call, error: Exception, where: str, host: str) -> CallFailed:
    name = _in_words(error)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
        return Unreachable(
            f"{where}: no connection to {host} ({name}). Check the base URL, and that this machine can reach "
            "it."
        )
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | UnicodeEncodeError):
        return UnusableAnswer(f"{where}: the request cannot be sent ({name}).")
    if call.writes:
        return UnknownOutcome(f"{where}: the connection ended before the answer was complete ({name}).")
    if isinstance(error, httpx.LocalProtocolError):
        return UnusableAnswer(f"{where}: the request cannot be sent ({name}). Check the credentials.")
    return Unavailable(f"{where}: the connection ended before the answer was complete ({name}).")


def _in_words(error: Exception) -> str:
    """Return what became of a connection, without the names that httpx gives it."""
    if isinstance(error, httpx.PoolTimeout):
        return "all connections are in use"
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    if isinstance(error, httpx.ProxyError):
        return "the proxy on the way there declines"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return "its address is no usable URL"
    if isinstance(error, httpx.LocalProtocolError | UnicodeEncodeError):
        return "it has characters that no header can carry"
    return "refused or not found" if isinstance(error, httpx.ConnectError) else "it was broken off"


async def _read(call: Call, response: httpx.Response, where: str, largest: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    # One layer of gzip grows each part a thousandfold at most; other codings know no such bound.
    refused = response.headers.get("Content-Encoding", "").strip().lower() not in {"", "gzip", "identity"}
    async for part in response.aiter_raw() if refused else response.aiter_bytes():
        size += len(part)
        if refused or size > largest:
            problem = "not compressed as asked" if refused else f"larger than {largest >> 20} MiB"
            kind = UnknownOutcome if call.writes else UnusableAnswer
            raise kind(f"{where}: the answer is {problem} and was not taken.")
        parts.append(part)
    return b"".join(parts)
