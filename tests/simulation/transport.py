"""The network between a run and the Xero stand-in: everything that can happen to a request on its way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import httpx

from blocks.sandbox.xero_chart import BOOKS
from blocks.sandbox.xero_wire import ms_of
from tests.simulation.assumptions import COMMIT, KEY_ANSWERS, PATIENCE, STALE
from tests.simulation.days import FRAGILE
from tests.simulation.faults import LIST, PUT, SINGLE, TOKEN, Fault

if TYPE_CHECKING:
    from tests.simulation.world import Run, World

OFFLINE = b"The Xero API is temporarily unavailable"
PAGE = b"<html><body>Something went wrong</body></html>"


class Reply(NamedTuple):
    """An answer as it stands at the stand-in's door."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def _reply(status: int, body: bytes = b"", kind: str = "text/plain", **headers: str) -> Reply:
    named = ((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return Reply(status, ((b"content-type", kind.encode()), *named), body)


class _Broken(httpx.AsyncByteStream):
    """The body of an answer whose connection ends in the middle."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise httpx.ReadError("connection reset")


class Network(httpx.AsyncBaseTransport):
    """The way of one run to Xero."""

    def __init__(self, world: World, run: Run) -> None:
        self._world, self._run = world, run
        self._rng = world.rng
        behaviours: dict[Fault, Callable[[httpx.Request], Awaitable[httpx.Response]]] = {
            Fault.NO_CONNECTION: lambda _: self._fail(httpx.ConnectError("refused"), 0.0),
            Fault.TIMEOUT: lambda _: self._fail(httpx.ReadTimeout("silence"), PATIENCE),
            Fault.TIMEOUT_DONE: lambda request: self._silent(request, PATIENCE, at_once=True),
            Fault.TIMEOUT_LATE: lambda request: self._silent(request, PATIENCE, at_once=False),
            Fault.RESET: lambda _: self._fail(httpx.RemoteProtocolError("gone"), self._some(5)),
            Fault.RESET_DONE: self._reset_in_the_middle,
            Fault.LIMIT_MINUTE: lambda _: self._say(self._limit("minute", self._rng.randint(1, 60))),
            Fault.LIMIT_DAY: lambda _: self._say(self._limit("day", self._rng.randint(20_000, 80_000))),
            Fault.LIMIT_CONCURRENT: lambda _: self._say(self._limit("concurrent", None)),
            Fault.ERROR_500: lambda _: self._say(_reply(500, b"{}", "application/json")),
            Fault.ERROR_500_DONE: lambda request: self._done_but(request, _reply(500, b"oops")),
            Fault.CACHED_500: lambda request: self._kept_error(request, committed=False),
            Fault.CACHED_500_DONE: lambda request: self._kept_error(request, committed=True),
            Fault.KEYS_DOWN: self._keys_down,
            Fault.EXPIRED: self._expired,
            Fault.TEXT_503: lambda _: self._say(_reply(503, OFFLINE)),
            Fault.TEXT_503_DONE: lambda request: self._done_but(request, _reply(503, OFFLINE)),
            Fault.EMPTY_504: lambda _: self._say(_reply(504), self._some(60)),
            Fault.EMPTY_504_DONE: lambda request: self._done_but(request, _reply(504)),
            Fault.EMPTY_504_LATE: self._late_504,
            Fault.PARTLY_400: lambda request: self._refused(request, summarised=True),
            Fault.REFUSED: lambda request: self._refused(request, summarised=False),
            Fault.WARNED: self._warned,
            Fault.HTML: lambda request: self._done_but(request, _reply(200, PAGE, "text/html")),
            Fault.CUT_JSON: self._cut,
            Fault.SLOW: self._slow,
            Fault.CRASH_DONE: self._crash_done,
            Fault.CRASH_LATE: self._crash_late,
        }
        self._behaviours = behaviours

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request to the stand-in, or let it fail on the way."""
        await request.aread()
        place = _place(request)
        key = request.headers.get("idempotency-key", "")
        self._run.leaves(place, key, request.content)
        fault = self._world.reached(self._run, place, f"{request.method} {request.url.path}")
        await asyncio.sleep(self._some(0.2))
        self._run.require_alive()
        if fault is not None:
            return await self._behaviours[fault](request)
        return await self._say(await self.carried_out(request))

    async def carried_out(self, request: httpx.Request) -> Reply:
        """Let the stand-in answer, at this very instant; lists are as stale as chance has it."""
        stand_in, world = self._world.stand_in, self._world
        options, superseded = stand_in.options, stand_in.state.superseded
        listing = bool(world.stale) and _place(request) == LIST
        if listing:
            stand_in.options = replace(options, read_lag_seconds=max(self._some(world.stale), 0.001))
            stand_in.state.superseded = deque(superseded)
        reply = await _asked(stand_in, request)
        if listing:
            stand_in.options, stand_in.state.superseded = options, superseded
            while superseded and superseded[0][0] < stand_in.state.now_ms() - 1000 * STALE:
                superseded.popleft()
        world.look()
        return reply

    async def _say(self, reply: Reply, after: float | None = None) -> httpx.Response:
        await asyncio.sleep(self._some(0.2) if after is None else after)
        self._run.require_alive()
        return httpx.Response(reply.status, headers=list(reply.headers), content=reply.body)

    def _some(self, most: float) -> float:
        return self._rng.uniform(0, most)

    async def _fail(self, error: httpx.TransportError, after: float) -> httpx.Response:
        await asyncio.sleep(after)
        self._run.require_alive()
        raise error

    def _later(self, request: httpx.Request) -> None:
        # It left up to 0.2 s ago, which counts.
        self._world.later(self._some(COMMIT - 0.5), lambda: self.carried_out(request))

    async def _silent(self, request: httpx.Request, patience: float, *, at_once: bool) -> httpx.Response:
        if at_once:
            await self.carried_out(request)
        else:
            self._later(request)
        return await self._fail(httpx.ReadTimeout("silence"), patience)

    async def _reset_in_the_middle(self, request: httpx.Request) -> httpx.Response:
        reply = await self.carried_out(request)
        return httpx.Response(reply.status, headers=list(reply.headers), stream=_Broken(reply.body))

    def _limit(self, name: str, retry_after: int | None) -> Reply:
        more = {} if retry_after is None else {"retry_after": str(retry_after)}
        return _reply(429, x_rate_limit_problem=name, **more)

    async def _done_but(self, request: httpx.Request, reply: Reply) -> httpx.Response:
        await self.carried_out(request)
        return await self._say(reply)

    def _answers_already(self, request: httpx.Request) -> bool:
        state = self._world.stand_in.state
        kept = state.replays.get(request.headers.get("idempotency-key", ""))
        return kept is not None and state.now_ms() - kept.at_ms < KEY_ANSWERS * 1000

    async def _kept_error(self, request: httpx.Request, *, committed: bool) -> httpx.Response:
        if not self._answers_already(request):
            await self._world.stand_in.control("server_error", {"committed": committed})
        return await self._say(await self.carried_out(request))

    async def _keys_down(self, request: httpx.Request) -> httpx.Response:
        stand_in = self._world.stand_in
        options = stand_in.options
        stand_in.options = replace(options, key_store_down=True)
        reply = await self.carried_out(request)
        stand_in.options = options
        return await self._say(reply)

    async def _expired(self, request: httpx.Request) -> httpx.Response:
        await self._world.stand_in.control("expire_tokens", {})
        return await self._say(await self.carried_out(request))

    async def _late_504(self, request: httpx.Request) -> httpx.Response:
        self._later(request)
        return await self._say(_reply(504), self._some(30))

    async def _refused(self, request: httpx.Request, *, summarised: bool) -> httpx.Response:
        """Let Xero refuse an account for this one request; with `summarised`, as one 400 for all."""
        state = self._world.stand_in.state
        fresh = not self._answers_already(request)
        state.books = state.books.with_account_archived(FRAGILE, ms_of(self._world.clock.now()))
        reply = await self.carried_out(request)
        state.books = BOOKS
        key = request.headers["idempotency-key"]
        if summarised and fresh and b'"ValidationErrors"' in reply.body:
            body = (
                b'{"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred",'
                b'"Elements":[{"ValidationErrors":[{"Message":"Account code has been archived"}]}]}'
            )
            reply = reply._replace(status=400, body=body)
            state.replays[key] = replace(state.replays[key], status=400, body=body)
        return await self._say(reply)

    async def _warned(self, request: httpx.Request) -> httpx.Response:
        if not self._answers_already(request):
            await self._world.stand_in.control("warn", {})
            self._world.warned(lambda: self._world.stand_in._journals.warn_next)
        return await self._say(await self.carried_out(request))

    async def _cut(self, request: httpx.Request) -> httpx.Response:
        reply = await self.carried_out(request)
        return await self._say(reply._replace(body=reply.body[: len(reply.body) // 2]))

    async def _slow(self, request: httpx.Request) -> httpx.Response:
        # Slow to be carried out, or slow to be answered.
        before = self._some(COMMIT - 0.5)
        await asyncio.sleep(before)
        reply = await self.carried_out(request)
        return await self._say(reply, self._some(PATIENCE - before - 1))

    async def _crash_done(self, request: httpx.Request) -> httpx.Response:
        await self.carried_out(request)
        raise self._run.crashes()

    async def _crash_late(self, request: httpx.Request) -> httpx.Response:
        self._later(request)
        raise self._run.crashes()


def _place(request: httpx.Request) -> str:
    if request.method == "GET":
        return LIST if request.url.path.endswith("/ManualJournals") else SINGLE
    return PUT if request.method == "PUT" else TOKEN


async def _asked(app: Callable[..., Awaitable[None]], request: httpx.Request) -> Reply:
    said: list[dict[str, object]] = []
    scope = {
        "type": "http",
        "method": request.method,
        "path": request.url.path,
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": request.content, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        said.append(message)

    await app(scope, receive, send)
    head = said[0]
    body = b"".join(part.get("body", b"") for part in said[1:])  # type: ignore[misc]
    headers = tuple((n, v) for n, v in head["headers"] if n != b"content-length")  # type: ignore[attr-defined]
    return Reply(int(head["status"]), headers, body)  # type: ignore[call-overload]
