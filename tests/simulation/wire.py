"""The way between a run and a stand-in: what can happen to any request on it, whatever the system."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import httpx

from tests.simulation.play import Play, Runner

OFFLINE = b"The Xero API is temporarily unavailable"
PAGE = b"<html><body>Something went wrong</body></html>"


class Reply(NamedTuple):
    """An answer as it stands at the stand-in's door."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def reply(status: int, body: bytes = b"", kind: str = "text/plain", **headers: str) -> Reply:
    """Return an answer that no stand-in has given."""
    named = ((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return Reply(status, ((b"content-type", kind.encode()), *named), body)


def limit(name: str, retry_after: int | None) -> Reply:
    """Return what Xero answers to a call too many."""
    more = {} if retry_after is None else {"retry_after": str(retry_after)}
    return reply(429, x_rate_limit_problem=name, **more)


class _Broken(httpx.AsyncByteStream):
    """The body of an answer whose connection ends in the middle."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise httpx.ReadError("connection reset")


Behaviour = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Wire(httpx.AsyncBaseTransport):
    """The way of one run to a stand-in. What each fault does on it are the `behaviours` of a subclass.

    The caller gives an answer up after `patience` seconds; what is carried out at all is carried out within
    `commit` seconds.
    """

    patience: float
    commit: float

    def __init__(self, world: Play, run: Runner) -> None:
        self._run = run
        self._play = world
        self._rng = world.rng
        self._behaviours: Mapping[StrEnum, Behaviour] = {}

    def place(self, request: httpx.Request) -> str:
        """Return what kind of a point a request is."""
        raise NotImplementedError

    async def carried_out(self, request: httpx.Request) -> Reply:
        """Let the stand-in answer, at this very instant."""
        raise NotImplementedError

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request to the stand-in, or let it fail on the way."""
        await request.aread()
        place = self.place(request)
        fault = self._play.reached(self._run, place, f"{request.method} {request.url.path}")
        carried = self._carried(request, place, fault)
        if not self._run.stands_still:
            return await carried
        # Whatever time-out passes meanwhile: a process that goes on sends first what it was about to send.
        return await asyncio.shield(self._play.loop.create_task(carried))

    async def _carried(self, request: httpx.Request, place: str, fault: Any) -> httpx.Response:
        await self._run.goes_on()
        self._run.leaves(place, request.headers.get("idempotency-key", ""), request.content)
        if self._play.witness is not None:
            self._play.witness.leaves(self._run, request)
        await asyncio.sleep(self._some(0.2))
        self._run.require_alive()
        if fault is not None:
            self.struck(place, fault, request)
            return await self._behaviours[fault](request)
        return await self._say(await self.carried_out(request))

    def struck(self, place: str, fault: StrEnum, request: httpx.Request) -> None:
        """Know that a fault strikes a request."""

    async def _say(self, reply: Reply, after: float | None = None) -> httpx.Response:
        await asyncio.sleep(self._some(0.2) if after is None else after)
        await self._run.goes_on()
        return httpx.Response(reply.status, headers=list(reply.headers), content=reply.body)

    def _some(self, most: float) -> float:
        return self._rng.uniform(0, most)

    async def _fail(self, error: httpx.TransportError, after: float) -> httpx.Response:
        await asyncio.sleep(after)
        await self._run.goes_on()
        raise error

    def _later(self, request: httpx.Request) -> None:
        # It left up to 0.2 s ago, which counts.
        self._play.later(self._some(self.commit - 0.5), lambda: self.carried_out(request))

    async def _silent(self, request: httpx.Request, patience: float, *, at_once: bool) -> httpx.Response:
        if at_once:
            await self.carried_out(request)
        else:
            self._later(request)
        return await self._fail(httpx.ReadTimeout("silence"), patience)

    async def _reset_in_the_middle(self, request: httpx.Request) -> httpx.Response:
        reply = await self.carried_out(request)
        return httpx.Response(reply.status, headers=list(reply.headers), stream=_Broken(reply.body))

    async def _done_but(self, request: httpx.Request, reply: Reply) -> httpx.Response:
        await self.carried_out(request)
        return await self._say(reply)

    async def _late_504(self, request: httpx.Request) -> httpx.Response:
        self._later(request)
        return await self._say(reply(504), self._some(30))

    async def _cut(self, request: httpx.Request) -> httpx.Response:
        reply = await self.carried_out(request)
        return await self._say(reply._replace(body=reply.body[: len(reply.body) // 2]))

    async def _slow(self, request: httpx.Request) -> httpx.Response:
        # Slow to be carried out, or slow to be answered.
        before = self._some(self.commit - 0.5)
        await asyncio.sleep(before)
        reply = await self.carried_out(request)
        return await self._say(reply, self._some(self.patience - before - 1))

    async def _crash_done(self, request: httpx.Request) -> httpx.Response:
        await self.carried_out(request)
        raise self._run.crashes()

    async def _crash_late(self, request: httpx.Request) -> httpx.Response:
        self._later(request)
        raise self._run.crashes()


async def asked(app: Callable[..., Awaitable[None]], request: httpx.Request) -> Reply:
    """Return what an application answers to a request, without any network."""
    said: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "method": request.method,
        "path": request.url.path,
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": request.content, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await app(scope, receive, send)
    head = said[0]
    body = b"".join(part.get("body", b"") for part in said[1:])
    headers = tuple((n, v) for n, v in head["headers"] if n != b"content-length")
    return Reply(int(head["status"]), headers, body)
