"""One HTTP transport for every system: pooled connections, time-outs, retries, pacing, size limits.

A client says what it wants to send and whether that is a read or a write; this module says what an
answer, or the lack of one, means for the caller (see blocks.errors), and repeats what may be repeated.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Protocol, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from blocks.clock import Clock, ClockThere, SystemClock
from blocks.dates import askable
from blocks.errors import (
    CallFailed,
    NotAllowed,
    NotFound,
    Overdue,
    Rejected,
    ResumeLater,
    Terminal,
    Throttled,
    Transient,
    Unavailable,
    UnknownOutcome,
    Unreachable,
    UnusableAnswer,
)
from blocks.pacing import Pacer
from blocks.patience import Patience

# Waiting longer than this inside a run helps nobody: it ends, and says when to go on.
LONGEST_WAIT_SECONDS = 120.0
# No limit starts anew later than this; what asks for more is a slip.
LONGEST_RETRY_AFTER_SECONDS = 31 * 24 * 3600.0
# Unless a system's manners say otherwise. Xero remembers a key for six minutes from its first use; we
# stop relying on it one minute earlier.
KEY_LIFE = timedelta(minutes=5)
LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
# What msgspec raises for bytes that are not the JSON that was asked for.
NOT_THE_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
READ_SECONDS = 120.0
# An answer that comes byte by byte keeps each read short; all of one is waited for no longer than this.
TOTAL_SECONDS = 180.0

T = TypeVar("T")

_logger = logging.getLogger("daybook.transport")


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `writes` is False for anything that can be repeated without a thought.

    A write carries its idempotency key among `headers`; `first_sent` is when these bytes first went
    out under it, where that was earlier than now; `not_after` is the last instant at which they may go
    out, for the first time or again: a repeat whose forerunners were lost on their way is the first.
    `if_forbidden` says what to do about a 403, where the system's own hint is about other calls. One that is
    not `urgent` may wait for another run, so that an outage is not waited for. A write that is not `money`
    changes no books, so that other calls wait for an outage though nobody knows what became of it.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    writes: bool = False
    first_sent: datetime | None = None
    not_after: datetime | None = None
    if_forbidden: str = ""
    urgent: bool = True
    money: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Whether the answer says that it is JSON."""
        return "json" in self.headers.get("content-type", "").lower()


class Authorisation(Protocol):
    """Where a call's credentials come from."""

    async def headers(self) -> Mapping[str, str]:
        """Return the headers that authorise a call now."""

    def renewable(self, answer: Answer, used: Mapping[str, str]) -> bool:
        """Drop the headers `used`, and return True if new credentials may turn this refusal around."""


@dataclass(frozen=True, slots=True)
class Manners:
    """The part of the policy that differs between systems.

    How a system words its refusals, for how long after its first use an idempotency key surely lives,
    how long an answer is waited for, from one byte to the next and in total from the sending on, and how
    large an answer is taken: up to LARGEST_ANSWER_BYTES unless they say less.
    """

    system: str
    reasons: Callable[[Answer], tuple[str, ...]]
    hint: Callable[[Answer], str] = lambda _answer: ""
    key_life: timedelta = KEY_LIFE
    read_seconds: float = READ_SECONDS
    total_seconds: float = TOTAL_SECONDS
    largest_answer: int | None = None
    # When an answer was made, by the system's own clock; None where it does not say.
    time_stated: Callable[[Answer], datetime | None] = lambda answer: date_of(answer.headers)


class Transport:
    """The way to one system. Use as an async context manager, from one event loop.

    `calls` counts requests sent, `refused_as_too_many` those answered 429; `there` is the system's clock.
    """

    def __init__(
        self,
        base_url: str,
        manners: Manners,
        authorisation: Authorisation,
        *,
        attempts: int = 5,
        pacer: Pacer | None = None,
        clock: Clock | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        notice: Callable[[str], None] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.system = manners.system
        self.calls = 0
        self.refused_as_too_many = 0
        self.there = ClockThere()
        self._manners = manners
        self._authorisation = authorisation
        self._attempts = attempts
        self._pacer = pacer
        self._clock = clock or SystemClock()
        self._notice = notice or _logger.warning
        self.patience = patience or Patience()
        self._client = new_http_client(base_url, http, manners.read_seconds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

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
                self._notice,
                self._manners.key_life,
                self.patience,
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
            raise
        raise AssertionError("the retry loop ends with an answer or an error")

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
        error = failure(call, answer, self._manners, self._clock.now())
        if error is None:
            try:
                return read(answer)
            except Unavailable as garbled:
                if call.writes:
                    raise UnknownOutcome(str(garbled), status=answer.status) from None
                raise
        if answer.status == 429:
            self.refused_as_too_many += 1
            if self._pacer and _limit_named(answer).startswith("concurrent"):
                self._pacer.crowded()
        raise error

    async def _send(self, call: Call) -> tuple[Answer, Mapping[str, str]]:
        used = await self._authorisation.headers()
        async with self._pacer.admitted(writes=call.writes) if self._pacer else nullcontext():
            if (
                call.writes
                and call.first_sent
                and self._clock.now() >= call.first_sent + self._manners.key_life
            ):
                raise UnknownOutcome(
                    f"{self.system}: {call.method} {call.path} was not repeated: its idempotency key may be "
                    "forgotten by now, and the repeat could be carried out a second time."
                )
            if call.not_after and self._clock.now() > call.not_after:
                if call.first_sent is None:
                    raise Overdue(f"{self.system}: {call.method} {call.path} waited too long for its turn.")
                raise UnknownOutcome(
                    f"{self.system}: {call.method} {call.path} was not repeated: what it rests on was seen "
                    "too long ago."
                )
            self.calls += 1
            asked = self._clock.now()
            answer = await exchange(self._client, self._manners, call, {**used, **call.headers})
            if said := self._manners.time_stated(answer):
                self.there.note(said, asked, self._clock.now())
            if answer.status < 500 and answer.status != 429:
                self.patience.answered()
            if self._pacer:
                self._pacer.learn(answer.headers)
            return answer, used


def new_http_client(
    base_url: str, http: httpx.AsyncBaseTransport | None = None, read_seconds: float = READ_SECONDS
) -> httpx.AsyncClient:
    """Return a pooled client for paths below `base_url`; proxies are only for other machines."""
    local = is_loopback(base_url)
    return httpx.AsyncClient(
        base_url=base_url.rstrip("/") + "/",
        timeout=httpx.Timeout(connect=10.0, read=read_seconds, write=60.0, pool=60.0),
        headers={"Accept-Encoding": "gzip"},
        limits=httpx.Limits(max_connections=16, max_keepalive_connections=16, keepalive_expiry=30.0),
        transport=http,
        trust_env=not local,
    )


def is_loopback(url: str) -> bool:
    """Tell whether a URL points at this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def exchange(
    client: httpx.AsyncClient, manners: Manners, call: Call, headers: Mapping[str, str]
) -> Answer:
    """Send a call once and read its answer, within the bounds of time and size that the manners set.

    Raises Unreachable where nothing was sent, Unavailable for a read whose answer did not arrive whole,
    or not in time, and UnusableAnswer for one that is too large or compressed otherwise than was asked.
    For a write, each of the last two is an UnknownOutcome.
    """
    where = f"{manners.system}: {call.method} {call.path}"
    try:
        async with asyncio.timeout(manners.total_seconds):
            return await _exchange(
                client, call, headers, where, manners.largest_answer or LARGEST_ANSWER_BYTES
            )
    except TimeoutError:
        # No connection takes that long to come about: what timed out was on its way.
        kind = UnknownOutcome if call.writes else Unavailable
        failed: CallFailed = kind(
            f"{where}: the answer was not complete after {manners.total_seconds:g} seconds."
        )
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError) as error:
        failed = _unanswered(call, error, where, client.base_url.host)
    # Raised out here, because httpx's error holds the request with its headers, and the context of
    # an error travels with it.
    raise failed


async def _exchange(
    client: httpx.AsyncClient, call: Call, headers: Mapping[str, str], where: str, largest: int
) -> Answer:
    request = client.build_request(
        call.method,
        # Joined by hand: a path with a colon, such as entries:search, would be taken for a scheme.
        call.path if "://" in call.path else f"{client.base_url}{call.path}",
        params=dict(call.params),
        headers=dict(headers),
        content=call.content,
    )
    response = await client.send(request, stream=True)
    try:
        body = await _read(call, response, where, largest)
    finally:
        await response.aclose()
    return Answer(response.status_code, response.headers, body)


def _unanswered(call: Call, error: Exception, where: str, host: str) -> CallFailed:
    name = _in_words(error)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
        return Unreachable(
            f"{where}: no connection to {host} ({name}). Is the base URL right, and may this machine "
            "reach it?"
        )
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | UnicodeEncodeError):
        return UnusableAnswer(f"{where}: the request cannot be sent ({name}).")
    if call.writes:
        return UnknownOutcome(f"{where}: the connection ended before the answer was complete ({name}).")
    if isinstance(error, httpx.LocalProtocolError):
        return UnusableAnswer(f"{where}: the request cannot be sent ({name}): is a credential malformed?")
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


def failure(call: Call, answer: Answer, manners: Manners, now: datetime) -> CallFailed | None:
    """Say what an answer means: None for success, else the error to raise."""
    status = answer.status
    if 200 <= status < 300:
        return None
    reasons = manners.reasons(answer)
    said = "; ".join(reasons)[:1000].rstrip(".") or f"no reason that {manners.system} words"
    where = f"{manners.system}: {call.method} {call.path} was answered {status}"
    hint = (call.if_forbidden if status == 403 else "") or manners.hint(answer)
    text = f"{where}: {said}. {hint}".strip()
    if status in {401, 403}:
        return NotAllowed(text, status=status)
    if status == 404:
        return NotFound(text, status=status)
    if status == 429:
        return _too_many(answer, text, manners.system, now)
    if status >= 500 or status == 408:
        wait = retry_after(answer.headers, now)
        return (UnknownOutcome if call.writes else Unavailable)(text, status=status, retry_after_seconds=wait)
    if 300 <= status < 400:
        return UnusableAnswer(f"{text} It redirects elsewhere: the base URL is likely wrong.", status=status)
    return Rejected(text, status=status, reasons=reasons)


def _too_many(answer: Answer, text: str, system: str, now: datetime) -> CallFailed:
    wait = retry_after(answer.headers, now)
    if _limit_named(answer).startswith("day") or (wait or 0) > LONGEST_WAIT_SECONDS:
        resume_at = now + timedelta(seconds=wait if wait is not None else 24 * 3600)
        return ResumeLater(
            f"{system} takes no further calls until {resume_at:%Y-%m-%d %H:%M} UTC: its limit is used up.",
            resume_at=resume_at,
            status=429,
        )
    return Throttled(text, status=429, retry_after_seconds=wait)


def _limit_named(answer: Answer) -> str:
    return answer.headers.get("X-Rate-Limit-Problem", "").strip().lower()


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, whether it states seconds or a date.

    A date is one of the clock of whoever answers: it is held against the time that the answer states, and
    against ours, `now`, only where it states none.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return min(float(value), LONGEST_RETRY_AFTER_SECONDS)
    at = _http_date(value)
    if at is None:
        return None
    wait = (at - (date_of(headers) or now)).total_seconds()
    return min(max(0.0, wait), LONGEST_RETRY_AFTER_SECONDS)


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """Return when an answer was made, by its Date header; None for none, and for one beyond all books."""
    at = _http_date(headers.get("Date", ""))
    return at if at and askable(at) else None


def _http_date(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)


def back_off(doublings: int) -> float:
    """Return the seconds to wait where none are asked for: 0.5 doubled that often, at most 30, and less."""
    # In a long outage there are thousands of attempts, and no float holds two to the power of that.
    return min(0.5 * 2.0 ** min(doublings, 6), 30.0) * random.uniform(0.5, 1.0)  # noqa: S311


def repeating(
    call: Call,
    attempts: int,
    clock: Clock,
    notice: Callable[[str], None],
    key_life: timedelta = KEY_LIFE,
    patience: Patience | None = None,
) -> AsyncRetrying:
    """Return the whole retry policy for one call.

    - Only Transient errors and unknown outcomes are repeated. What is Terminal would fail again.
    - An unknown outcome is repeated with the same bytes under the same idempotency key, and only
      while that key surely lives, and not after `not_after`: a repeat after that could be carried out a
      second time.
    - The wait is what the system asks for, plus up to a second so that parallel calls part ways; where
      it asks for nothing, 0.5 s doubled per attempt up to 30 s, of which up to half is dropped at random.
    - No wait is longer than LONGEST_WAIT_SECONDS, whatever a fault asks for; a limit that asks for more
      is ResumeLater (see `failure`) and not repeated.
    - Where a system is out of order, a read is repeated for as long as the patience lasts, however often
      that is; what is asked for is then waited for whole, or, beyond that, not at all.
    - After the last attempt the last error stands.
    """
    key_dies = (call.first_sent or clock.now()) + key_life
    # Where nothing is to be repeated, nothing is waited for either.
    patient = patience if attempts > 1 and call.urgent and not call.writes else None

    def until(error: BaseException | None) -> datetime | None:
        return patient.until(error) if patient and isinstance(error, CallFailed) else None

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_seconds if isinstance(error, Transient | UnknownOutcome) else None
        if asked is not None:
            longest = LONGEST_RETRY_AFTER_SECONDS if until(error) else LONGEST_WAIT_SECONDS
            return min(asked + random.random(), longest)  # noqa: S311
        return back_off(state.attempt_number - 1)

    def stop(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        next_at = clock.now() + timedelta(seconds=state.upcoming_sleep)
        ends = until(error)
        if ends is not None and (next_at <= ends or state.upcoming_sleep > LONGEST_WAIT_SECONDS):
            return next_at > ends
        if state.attempt_number >= attempts:
            return True
        if call.not_after and isinstance(error, UnknownOutcome) and next_at > call.not_after:
            return True
        return call.writes and next_at >= key_dies

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        again = f"attempt {state.attempt_number + 1}"
        of_all = f" of {attempts}" if state.attempt_number < attempts else ""
        notice(f"{error} Next: {again}{of_all} in {state.upcoming_sleep:.1f} s.")
        if patient and until(error):
            patient.waits(error, state.upcoming_sleep)

    return AsyncRetrying(
        retry=retry_if_exception_type((Transient, UnknownOutcome)),
        wait=wait,
        stop=stop,
        sleep=clock.sleep,
        before_sleep=before_sleep,
        reraise=True,
    )
