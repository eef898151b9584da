"""What an answer means, and what is repeated."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import (
    CallFailed,
    NotAllowed,
    NotFound,
    Overdue,
    Rejected,
    ResumeLater,
    Throttled,
    Transient,
    Unavailable,
    UnknownOutcome,
    Unreachable,
    UnusableAnswer,
)
from blocks.http import client as module
from blocks.http.client import Transport
from blocks.http.models import KEY_LIFE, ApiProfile, Call, retry_after
from blocks.http.rate_limit import Pacer
from blocks.http.urls import is_loopback
from tests.helpers.clocks import START, VirtualClock
from tests.helpers.dripping import dripping, serving
from tests.helpers.http_system import BASE, READ, SECRET, WRITE, Login, decoded, reasons
from tests.helpers.scripted import Script, Step, Streamed, answer, failing


def system(
    http: httpx.AsyncBaseTransport,
    clock: VirtualClock,
    *,
    attempts: int = 5,
    pacer: Pacer | None = None,
    notice: Callable[[str], None] | None = None,
) -> Transport:
    profile = ApiProfile("System", reasons)
    return Transport(
        BASE, profile, Login(), attempts=attempts, pacer=pacer, clock=clock, http=http, notice=notice
    )


async def outcome(
    call: Call, *steps: Step, clock: VirtualClock | None = None, attempts: int = 5
) -> CallFailed:
    """Return the error that a call ends with."""
    with pytest.raises(CallFailed) as raised:
        async with system(Script(*steps), clock or VirtualClock(), attempts=attempts) as there:
            await there.call(call, decoded)
    return raised.value


# --- What the lack of an answer means -----------------------------------------------------------

_UNREACHABLE = {httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError}
_NOT_SENDABLE = {httpx.UnsupportedProtocol, httpx.InvalidURL}
_HALFWAY = {
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
    httpx.DecodingError,
    httpx.TooManyRedirects,
}
_GROUPS = {
    httpx.HTTPError,
    httpx.RequestError,
    httpx.TransportError,
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.ProtocolError,
    httpx.StreamError,
}
# Raised by uses of httpx that the transport does not make: a status is read, never raised; cookies are
# not looked up; a body is read once, while it is open.
_NOT_OURS = {
    httpx.HTTPStatusError,
    httpx.CookieConflict,
    httpx.StreamConsumed,
    httpx.StreamClosed,
    httpx.ResponseNotRead,
    httpx.RequestNotRead,
}


def test_every_exception_of_httpx_is_judged() -> None:
    """Each exception class of httpx has a place in this file, so that a new one makes somebody think."""
    known = _UNREACHABLE | _NOT_SENDABLE | _HALFWAY | _GROUPS | _NOT_OURS | {httpx.LocalProtocolError}
    found = {kind for _, kind in inspect.getmembers(httpx, inspect.isclass) if issubclass(kind, Exception)}
    assert found == known


@pytest.mark.parametrize("call", [READ, WRITE], ids=["read", "write"])
@pytest.mark.parametrize("kind", sorted(_UNREACHABLE, key=repr))
async def test_without_a_connection_nothing_was_done(kind: type[Exception], call: Call) -> None:
    """Where no connection came about, reads and writes alike are Unreachable."""
    assert type(await outcome(call, failing(kind))) is Unreachable


@pytest.mark.parametrize("call", [READ, WRITE], ids=["read", "write"])
@pytest.mark.parametrize("kind", sorted(_NOT_SENDABLE, key=repr))
async def test_what_cannot_be_sent_is_not_repeated(kind: type[Exception], call: Call) -> None:
    """A request that cannot be sent ends at once."""
    clock = VirtualClock()
    assert type(await outcome(call, failing(kind), clock=clock)) is UnusableAnswer
    assert clock.slept == []


@pytest.mark.parametrize("kind", sorted(_HALFWAY, key=repr))
async def test_a_connection_lost_halfway(kind: type[Exception]) -> None:
    """After a connection lost halfway, a read is Unavailable and a write has an unknown outcome."""
    assert type(await outcome(READ, failing(kind))) is Unavailable
    assert type(await outcome(WRITE, failing(kind))) is UnknownOutcome


async def test_an_illegal_request_is_not_called_undone() -> None:
    """A breach of HTTP on our side ends a read at once, and leaves a write unknown: parts may have left."""
    assert type(await outcome(READ, failing(httpx.LocalProtocolError))) is UnusableAnswer
    assert type(await outcome(WRITE, failing(httpx.LocalProtocolError))) is UnknownOutcome


@pytest.mark.parametrize("value", ["caf\xe9", "line\nbreak"])
async def test_a_malformed_credential_ends_in_a_sentence(value: str) -> None:
    """A credential that no header can carry is a CallFailed without the credential in it."""
    call = Call("GET", "things", headers={"apiKey": f"{SECRET}{value}"})
    async with listening(b"") as url:
        error = await over_a_socket(url, call)
    assert type(error) is UnusableAnswer
    assert "CANARY" not in everything(error)


# --- What an answer means -----------------------------------------------------------------------

CASES: list[tuple[int, type[CallFailed], type[CallFailed]]] = [
    (301, UnusableAnswer, UnusableAnswer),
    (302, UnusableAnswer, UnusableAnswer),
    (307, UnusableAnswer, UnusableAnswer),
    (400, Rejected, Rejected),
    (401, NotAllowed, NotAllowed),
    (403, NotAllowed, NotAllowed),
    (404, NotFound, NotFound),
    (412, Rejected, Rejected),
    (422, Rejected, Rejected),
    (429, Throttled, Throttled),
    (500, Unavailable, UnknownOutcome),
    (501, Unavailable, UnknownOutcome),
    (503, Unavailable, UnknownOutcome),
    (504, Unavailable, UnknownOutcome),
]


@pytest.mark.parametrize(("status", "read", "write"), CASES)
async def test_statuses(status: int, read: type[CallFailed], write: type[CallFailed]) -> None:
    """Each status has its error, for reads and for writes, with the status and the system's words."""
    for call, kind in ((READ, read), (WRITE, write)):
        error = await outcome(call, answer(status, b"the reason"), attempts=1)
        assert type(error) is kind
        assert error.status == status
        assert "the reason" in str(error)
        assert f"System: {call.method} things was answered {status}" in str(error)


async def test_redirects_are_not_followed() -> None:
    """A redirect, to wherever, is neither followed nor repeated, and says that the base URL is wrong."""
    script = Script(answer(302, location="https://evil.example/"))
    async with system(script, VirtualClock()) as there:
        with pytest.raises(UnusableAnswer, match="base URL is likely wrong"):
            await there.call(READ, decoded)
    assert [request.url.host for request in script.requests] == ["system.example"]


async def test_a_rejection_keeps_the_reasons() -> None:
    """A Rejected holds each reason that the system gave."""
    error = await outcome(WRITE, answer(400, b"unbalanced"))
    assert isinstance(error, Rejected)
    assert error.reasons == ("unbalanced",)


@pytest.mark.parametrize("body", [b"<html>log in</html>", b'{"a": [1, 2', b""])
async def test_garbled_answers(body: bytes) -> None:
    """HTML, cut or no JSON under 200 is repeated, then Unavailable for a read and unknown for a write."""
    for call, kind in ((READ, Unavailable), (WRITE, UnknownOutcome)):
        script = Script(answer(200, body))
        async with system(script, VirtualClock(), attempts=3) as there:
            with pytest.raises(kind):
                await there.call(call, decoded)
        assert len(script.requests) == 3


async def test_a_garbled_answer_heals() -> None:
    """A read whose first answer is garbled returns what the second one says."""
    async with system(Script(answer(200, b"<html>"), answer(200, {"a": 1})), VirtualClock()) as there:
        assert await there.call(READ, decoded) == {"a": 1}


# --- Size ---------------------------------------------------------------------------------------


def streaming(stream: Streamed, **headers: str) -> Step:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: httpx.Response(200, headers=named, stream=stream)


ENDLESS: tuple[bytes, dict[str, str]] = (b"x" * 2**20, {})
BOMB = (gzip.compress(bytes(32 * 2**20)), {"content_encoding": "gzip"})


@pytest.mark.parametrize(("part", "headers"), [ENDLESS, BOMB], ids=["endless", "gzip bomb"])
async def test_a_huge_answer_is_refused_while_it_streams(
    part: bytes, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endless answer, or a small one that unpacks to far more, is given up and its connection closed."""
    monkeypatch.setattr(module, "LARGEST_ANSWER_BYTES", 4 * 2**20)
    for call, kind in ((READ, UnusableAnswer), (WRITE, UnknownOutcome)):
        stream = Streamed([part] if headers else iter(lambda: part, b""))
        error = await outcome(call, streaming(stream, **headers), attempts=1)
        assert type(error) is kind
        assert "larger than 4 MiB" in str(error)
        assert stream.taken <= 5
        assert stream.closed


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip"])
async def test_other_compression_is_refused_unread(coding: str) -> None:
    """An answer in a coding that was not asked for, such as gzip in gzip, is refused without unpacking it."""
    stream = Streamed([gzip.compress(gzip.compress(bytes(2**20)))])
    error = await outcome(READ, streaming(stream, content_encoding=coding), attempts=1)
    assert isinstance(error, UnusableAnswer)
    assert "not compressed as asked" in str(error)


async def test_only_gzip_is_asked_for() -> None:
    """The compression asked for is gzip alone, and a gzip answer is read."""
    script = Script(answer(200, gzip.compress(b"[1]"), content_encoding="gzip"))
    async with system(script, VirtualClock()) as there:
        assert await there.call(READ, decoded) == [1]
    assert script.requests[0].headers["accept-encoding"] == "gzip"


# --- Repeating ----------------------------------------------------------------------------------


async def test_a_repeat_sends_the_same_bytes_and_key() -> None:
    """All attempts of a write carry the same method, address, bytes and idempotency key."""
    script = Script(answer(503), failing(httpx.ReadTimeout), answer(429), answer(200, {"ok": 1}))
    async with system(script, VirtualClock()) as there:
        assert await there.call(WRITE, decoded) == {"ok": 1}
        assert there.calls == 4
        assert there.refused_as_too_many == 1
    sent = {(r.method, str(r.url), r.content, r.headers["idempotency-key"]) for r in script.requests}
    assert sent == {("PUT", f"{BASE}/things", b'{"a": 1.10}', "key-1")}
    assert len(script.requests) == 4


async def test_a_path_with_a_colon_stays_below_the_base() -> None:
    """A path such as `things:search` is no scheme: it goes to the base URL."""
    script = Script(answer(200, []))
    async with system(script, VirtualClock()) as there:
        await there.call(Call("POST", "things:search"), decoded)
    assert str(script.requests[0].url) == f"{BASE}/things:search"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 302])
async def test_what_would_fail_again_is_sent_once(status: int) -> None:
    """A Terminal answer is not repeated."""
    script = Script(answer(status))
    async with system(script, VirtualClock()) as there:
        with pytest.raises(CallFailed):
            await there.call(WRITE, decoded)
    assert len(script.requests) == 1


@pytest.mark.parametrize("attempts", [1, 2, 7])
async def test_attempts_are_counted(attempts: int) -> None:
    """A read that keeps failing is sent exactly as often as allowed."""
    script = Script(answer(503))
    async with system(script, VirtualClock(), attempts=attempts) as there:
        with pytest.raises(Unavailable):
            await there.call(READ, decoded)
    assert len(script.requests) == attempts


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("call", [READ, WRITE], ids=["read", "write"])
@pytest.mark.parametrize("dated", [False, True])
async def test_the_wait_asked_for_is_kept(call: Call, status: int, dated: bool) -> None:
    """A Retry-After in seconds or as a date is waited for, and at most a second more."""
    clock = VirtualClock()
    value = format_datetime(START + timedelta(seconds=42), usegmt=True) if dated else "42"
    async with system(Script(answer(status, retry_after=value), answer(200, [])), clock) as there:
        await there.call(call, decoded)
    assert len(clock.slept) == 1
    assert 42 <= clock.slept[0] <= 43


async def test_waits_grow_where_none_is_asked_for() -> None:
    """Without Retry-After each wait is between half and all of 0.5, 1, 2, … seconds, up to 30."""
    clock = VirtualClock()
    await outcome(READ, answer(503), clock=clock, attempts=10)
    most = [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert len(clock.slept) == len(most)
    assert all(much / 2 <= slept <= much for slept, much in zip(clock.slept, most, strict=True))


@pytest.mark.parametrize(("call", "slept"), [(READ, []), (WRITE, [120])])
async def test_no_wait_is_endless(call: Call, slept: list[float]) -> None:
    """Of a fault that asks for an hour a read waits for nothing, and a write for two minutes."""
    clock = VirtualClock()
    await outcome(call, answer(503, retry_after="3600"), clock=clock, attempts=2)
    assert clock.slept == slept


async def test_each_repeat_is_announced() -> None:
    """Before each wait the person is told what failed and which attempt is next, and not after the last."""
    told: list[str] = []
    async with system(Script(answer(503)), VirtualClock(), attempts=3, notice=told.append) as there:
        with pytest.raises(Unavailable):
            await there.call(READ, decoded)
    assert [text.split(" Next: ")[1].split(" in ")[0] for text in told] == [
        "attempt 2 of 3",
        "attempt 3 of 3",
    ]


# --- The life of the key, and unknown outcomes --------------------------------------------------


class Slow(Script):
    """Every answer takes 100 s of the clock's time."""

    def __init__(self, clock: VirtualClock, *steps: Step) -> None:
        super().__init__(*steps)
        self.clock = clock
        self.times: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.times.append((self.clock.now() - START).total_seconds())
        self.clock.advance(100)
        return await super().handle_async_request(request)


@pytest.mark.parametrize("step", [answer(504), failing(httpx.ReadTimeout), answer(200, b"<html>")])
async def test_no_write_is_repeated_beyond_the_life_of_its_key(step: Step) -> None:
    """A write of unknown outcome is repeated while its key surely lives, and never after."""
    clock = VirtualClock()
    script = Slow(clock, step)
    async with system(script, clock, attempts=50) as there:
        with pytest.raises(UnknownOutcome):
            await there.call(WRITE, decoded)
    assert len(script.times) == 3
    assert max(script.times) < KEY_LIFE.total_seconds()


async def test_the_first_sending_counts_from_where_it_was() -> None:
    """Where the bytes first went out four minutes ago, they are repeated for one minute more."""
    clock = VirtualClock()
    script = Slow(clock, answer(504))
    call = Call("PUT", "things", content=b"{}", writes=True, first_sent=START - timedelta(minutes=4))
    async with system(script, clock, attempts=50) as there:
        with pytest.raises(UnknownOutcome):
            await there.call(call, decoded)
    assert script.times == [0]


async def test_bytes_whose_key_has_died_are_not_sent() -> None:
    """A write whose key is past its life is not sent at all, and stays unknown."""
    script = Script(answer(200, []))
    call = Call("PUT", "things", content=b"{}", writes=True, first_sent=START - KEY_LIFE)
    async with system(script, VirtualClock()) as there:
        with pytest.raises(UnknownOutcome, match="not repeated"):
            await there.call(call, decoded)
    assert script.requests == []


async def test_waiting_for_the_minute_does_not_outlive_the_key() -> None:
    """A repeat that the pacer held back until its key had died is not sent."""
    clock = VirtualClock()
    pacer = Pacer("System", clock, parallel=1)
    script = Script(answer(504, x_minlimit_remaining="0"))
    call = Call("PUT", "things", content=b"{}", writes=True, first_sent=START - timedelta(seconds=270))
    async with system(script, clock, pacer=pacer) as there:
        with pytest.raises(UnknownOutcome):
            await there.call(call, decoded)
    assert len(script.requests) == 1
    assert clock.now() - START >= timedelta(seconds=60)


async def test_a_write_that_waited_too_long_for_its_turn_does_not_leave() -> None:
    """A write whose turn comes after its latest instant is held back, and known to be undone."""
    clock = VirtualClock()
    pacer = Pacer("System", clock, parallel=1)
    script = Script(answer(200, [], x_minlimit_remaining="0"))
    call = replace(WRITE, not_after=START + timedelta(seconds=30))
    async with system(script, clock, pacer=pacer) as there:
        await there.call(READ, decoded)
        with pytest.raises(Overdue):
            await there.call(call, decoded)
    assert [request.method for request in script.requests] == ["GET"]


async def test_a_write_is_not_repeated_on_what_was_seen_too_long_ago() -> None:
    """A write without an answer is not repeated after its latest instant, and stays unknown."""
    clock = VirtualClock()
    script = Slow(clock, answer(504))
    call = replace(WRITE, not_after=START + timedelta(seconds=30))
    async with system(script, clock, attempts=50) as there:
        with pytest.raises(UnknownOutcome):
            await there.call(call, decoded)
    assert max(script.times) <= 30


LATER: list[Step] = [
    failing(httpx.ConnectError),
    answer(429),
    answer(429, x_rate_limit_problem="day", retry_after="40000"),
    answer(401),
    answer(403),
    answer(404),
    answer(302),
]


@pytest.mark.parametrize("later", LATER)
async def test_what_was_unknown_stays_unknown(later: Step) -> None:
    """After an unknown outcome, no later failure that says nothing of it makes it known."""
    error = await outcome(WRITE, answer(504), later)
    assert type(error) is UnknownOutcome


@pytest.mark.parametrize("later", LATER)
async def test_what_went_out_earlier_stays_unknown(later: Step) -> None:
    """The same holds for bytes that an earlier run sent without an answer."""
    call = Call("PUT", "things", content=b"{}", writes=True, first_sent=START - timedelta(seconds=30))
    assert type(await outcome(call, later)) is UnknownOutcome


async def test_a_clear_refusal_under_the_same_key_is_clear() -> None:
    """After an unknown outcome, the system's refusal of the very same request is the answer to it."""
    assert type(await outcome(WRITE, answer(504), answer(400, b"unbalanced"))) is Rejected


async def test_a_throttled_write_is_no_unknown_one() -> None:
    """A write that was only ever refused as too many, or never left, is known to be undone."""
    error = await outcome(WRITE, answer(429), failing(httpx.ConnectError), attempts=2)
    assert type(error) is Unreachable


async def test_an_unknown_outcome_keeps_when_to_go_on() -> None:
    """An unknown write that then hits the day's limit says both: unknown, and when to go on."""
    error = await outcome(WRITE, answer(504), answer(429, x_rate_limit_problem="day", retry_after="40000"))
    assert isinstance(error, UnknownOutcome)
    assert error.resume_at is not None
    assert error.resume_at > START + timedelta(seconds=40000 - 1)


# --- Limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x_rate_limit_problem": "day", "retry_after": "66975"}, 66975),
        ({"x_rate_limit_problem": "DayLimit"}, 86400),
        ({"x_rate_limit_problem": "Day", "retry_after": "5"}, 5),
        ({"retry_after": "121"}, 121),
        ({"x_rate_limit_problem": "minute", "retry_after": "3000"}, 3000),
    ],
)
async def test_a_day_limit_ends_the_run(headers: dict[str, str], seconds: int) -> None:
    """The day's limit, or any wait beyond two minutes, ends the call at once and says when to go on."""
    clock = VirtualClock()
    error = await outcome(READ, answer(429, **headers), clock=clock)
    assert isinstance(error, ResumeLater)
    assert error.resume_at == START + timedelta(seconds=seconds)
    assert clock.slept == []


async def test_a_minute_limit_is_waited_for() -> None:
    """The minute's limit is waited for and the call then succeeds."""
    clock = VirtualClock()
    limited = answer(429, x_rate_limit_problem="Minute", retry_after="37")
    async with system(Script(limited, answer(200, [])), clock) as there:
        await there.call(READ, decoded)
    assert 37 <= sum(clock.slept) <= 38


async def test_refused_as_concurrent_lowers_parallelism() -> None:
    """After a refusal as concurrent, one call fewer goes out at a time."""
    clock = VirtualClock()
    out, most = 0, 0

    class Counting(Script):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal out, most
            out += 1
            most = max(most, out)
            await clock.sleep(1)
            out -= 1
            return await super().handle_async_request(request)

    script = Counting(answer(429, x_rate_limit_problem="Concurrent limit"), answer(200, []))
    async with system(script, clock, pacer=Pacer("System", clock, parallel=2)) as there:
        await there.call(READ, decoded)
        most = 0
        await asyncio.gather(*(there.call(READ, decoded) for _ in range(6)))
    assert most == 1


@given(st.text(max_size=40) | st.from_regex(r"-?\d{1,40}", fullmatch=True))
def test_any_retry_after_is_understood_or_passed_over(value: str) -> None:
    """Whatever Retry-After says, the answer is None or a wait from nothing to a month."""
    wait = retry_after({"Retry-After": value}, START)
    assert wait is None or 0 <= wait <= 31 * 24 * 3600


# --- Credentials --------------------------------------------------------------------------------


async def test_expired_credentials_are_renewed_once() -> None:
    """A refusal that new credentials may turn around is repeated once, with the same bytes, at once."""
    clock = VirtualClock()
    script = Script(answer(401, b"EXPIRED"), answer(200, []))
    async with system(script, clock) as there:
        await there.call(WRITE, decoded)
    assert [request.headers["authorization"] for request in script.requests] == [
        f"Bearer {SECRET}-0",
        f"Bearer {SECRET}-1",
    ]
    assert {request.content for request in script.requests} == {WRITE.content}
    assert clock.slept == []


async def test_credentials_are_not_renewed_for_ever() -> None:
    """A second refusal of the same call stands."""
    script = Script(answer(401, b"EXPIRED"))
    async with system(script, VirtualClock()) as there:
        with pytest.raises(NotAllowed):
            await there.call(READ, decoded)
    assert len(script.requests) == 2


def everything(error: BaseException) -> str:
    """Return all that travels with an error: its text, its arguments, and those of what it came from."""
    texts: list[str] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None:
            continue
        texts += [str(one), repr(one), repr(one.args), repr(vars(one))]
        request = getattr(one, "_request", None)
        texts.append(repr(request.headers.raw) if request is not None else "")
        todo += [one.__cause__, one.__context__]
    return "\n".join(texts)


ALL_STEPS = [
    *(failing(kind) for kind in sorted(_UNREACHABLE | _HALFWAY | {httpx.LocalProtocolError}, key=repr)),
    *(answer(status, b"no") for status, _, _ in CASES),
    answer(200, b"<html>"),
]


@pytest.mark.parametrize("step", ALL_STEPS)
async def test_no_secret_leaves(step: Step, caplog: pytest.LogCaptureFixture) -> None:
    """Neither an error, nor what it came from, nor any log record shows the credentials of a request."""
    caplog.set_level(logging.DEBUG)
    for call in (READ, WRITE):
        error = await outcome(call, step, attempts=2)
        assert "CANARY" not in everything(error)
    assert "CANARY" not in "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)


# --- Real sockets -------------------------------------------------------------------------------


@asynccontextmanager
async def listening(reply: bytes) -> AsyncIterator[str]:
    """Serve the same bytes to every request, then close the connection."""

    async def answer_with(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"content-length: 11" in head.lower():
            await reader.readexactly(11)
        writer.write(reply)
        await writer.drain()

    async with serving(answer_with) as url:
        yield f"{url}/api"


async def over_a_socket(url: str, call: Call) -> CallFailed:
    profile = ApiProfile("System", reasons)
    with pytest.raises(CallFailed) as raised:
        async with Transport(url, profile, Login(), attempts=2, clock=VirtualClock()) as there:
            await there.call(call, decoded)
    return raised.value


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
    ids=["closed", "cut", "cut chunk", "bad gzip", "not HTTP"],
)
async def test_connections_that_break(reply: bytes) -> None:
    """On a real socket, an answer that does not arrive whole leaves a read Unavailable, a write unknown."""
    async with listening(reply) as url:
        assert type(await over_a_socket(url, READ)) is Unavailable
        assert type(await over_a_socket(url, WRITE)) is UnknownOutcome


async def test_a_closed_port_is_unreachable() -> None:
    """Where nothing listens, a write is known to be undone, and the sentence asks for the base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = await over_a_socket(f"http://127.0.0.1:{port}", WRITE)
    assert type(error) is Unreachable
    assert "Check the base URL" in str(error)


async def test_a_cancelled_call_ends_at_once() -> None:
    """Cancelling a call that waits to be repeated cancels it, and is not taken for a failure."""
    gone = asyncio.Event()

    class Waiting(VirtualClock):
        async def sleep(self, seconds: float) -> None:
            gone.set()
            await asyncio.Event().wait()

    async with system(Script(answer(503)), clock=Waiting()) as there:
        task = asyncio.create_task(there.call(READ, decoded))
        await gone.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8080/api", True),
        ("http://localhost/api", True),
        ("http://LOCALHOST", True),
        ("http://[::1]:80", True),
        ("http://127.9.9.9", True),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://10.0.0.1", False),
        ("https://api.xero.com", False),
    ],
)
def test_this_machine(url: str, local: bool) -> None:
    """Only names and addresses that cannot lead elsewhere count as this machine."""
    assert is_loopback(url) is local


def test_transient_errors_are_those_that_are_repeated() -> None:
    """What the transport repeats is what the tree calls Transient, and unknown outcomes."""
    policy = module.repeating(READ, 5, VirtualClock(), print)
    kinds = policy.retry.exception_types  # type: ignore[union-attr]
    assert set(kinds) == {Transient, UnknownOutcome}


# --- A write that cannot be repeated ------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 301, 400, 403, 404, 408, 409, 429, 500, 502, 503, 504])
async def test_a_single_call_is_answered_whatever_the_status(status: int) -> None:
    """A single call is sent once, and its answer is handed over, neither judged nor repeated."""
    script = Script(answer(status, b"said"))
    async with system(script, VirtualClock()) as there:
        found = await there.single(WRITE)
    assert (found.status, found.body, len(script.requests)) == (status, b"said", 1)


@pytest.mark.parametrize("error", sorted(_HALFWAY - {httpx.TooManyRedirects}, key=lambda kind: kind.__name__))
async def test_a_single_call_whose_answer_is_lost_is_not_repeated(error: type[Exception]) -> None:
    """A single call without an answer is an unknown outcome after one sending."""
    script = Script(failing(error))
    async with system(script, VirtualClock()) as there:
        with pytest.raises(UnknownOutcome):
            await there.single(WRITE)
    assert len(script.requests) == 1


async def test_a_single_call_is_sent_again_for_new_credentials_only() -> None:
    """A single call that was refused for its credentials, which did nothing, goes out once more."""
    for steps, sent in (((answer(401, b"EXPIRED"),), 2), ((answer(401),), 1)):
        script = Script(*steps)
        async with system(script, VirtualClock()) as there:
            assert (await there.single(WRITE)).status == 401
        assert len(script.requests) == sent


@pytest.mark.parametrize("seconds", [75.0, None])
async def test_a_system_says_how_long_it_is_waited_for(seconds: float | None) -> None:
    """An answer is waited for as long as the system's manners say, two minutes unless they do."""
    profile = (
        ApiProfile("System", reasons, read_seconds=seconds) if seconds else ApiProfile("System", reasons)
    )
    script = Script(answer(200))
    async with Transport(BASE, profile, Login(), clock=VirtualClock(), http=script) as there:
        await there.single(READ)
    assert script.requests[0].extensions["timeout"]["read"] == (seconds or 120.0)


# --- Time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[", b"1,"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\n1,\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    ],
    ids=["body", "chunks", "head", "interim answers"],
)
async def test_an_answer_that_never_ends_is_given_up(head: bytes, drop: bytes) -> None:
    """An answer of which a little comes all the time ends after the total time that a call has."""
    profile = ApiProfile("System", reasons, total_seconds=0.2)
    for call, kind in ((READ, Unavailable), (WRITE, UnknownOutcome)):
        async with (
            dripping(head, drop) as url,
            Transport(url, profile, Login(), attempts=2, clock=VirtualClock()) as there,
        ):
            with pytest.raises(kind, match=r"not complete after 0\.2 seconds"):
                await asyncio.wait_for(there.call(call, decoded), 5)
            assert there.calls == 2


# --- The clock of the system --------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [-1200, 0, 1200])
async def test_an_answer_tells_the_time_there(ahead: int) -> None:
    """The Date of an answer says by how much the system's clock is ahead of ours; within the call is none."""
    said = START + timedelta(seconds=ahead)
    async with system(Script(answer(200, [], date=format_datetime(said, usegmt=True))), VirtualClock()) as at:
        assert at.there.said is None
        await at.call(READ, decoded)
    assert at.there.said == said
    assert at.there.at(START) == said


@pytest.mark.parametrize(
    "stated", ["", "now", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 99999 00:00:00 GMT"]
)
async def test_a_time_that_cannot_be_is_none(stated: str) -> None:
    """An answer without a date, or of one beyond all books, says nothing of the time there."""
    async with system(Script(answer(200, [], date=stated)), VirtualClock()) as at:
        await at.call(READ, decoded)
    assert at.there.said is None
    assert at.there.at(START) == START


def test_a_date_to_wait_for_is_of_the_clock_of_who_names_it() -> None:
    """A Retry-After date is held against the answer's own Date, however far our clock is from it."""
    theirs = START - timedelta(minutes=20)
    until = format_datetime(theirs + timedelta(seconds=30), usegmt=True)
    assert retry_after({"Retry-After": until, "Date": format_datetime(theirs, usegmt=True)}, START) == 30
    assert retry_after({"Retry-After": until}, START) == 0
