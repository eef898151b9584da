"""A httpx transport that plays prepared answers and keeps what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

import httpx
import msgspec

Step = Callable[[httpx.Request], httpx.Response]


def answer(status: int = 200, body: object = b"", **headers: str) -> Step:
    """Return a step that answers; a body that is not bytes is sent as JSON. `_` in names stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if not isinstance(body, bytes):
        body = msgspec.json.encode(body)
        named.setdefault("content-type", "application/json")
    content = body
    return lambda _request: httpx.Response(status, headers=named, content=content)


def failing(error: type[Exception]) -> Step:
    """Return a step at which the connection fails with an exception of httpx's."""

    def fail(request: httpx.Request) -> httpx.Response:
        if issubclass(error, httpx.RequestError):
            raise error("CANARY in the text of httpx", request=request)
        raise error("CANARY in the text of httpx")

    return fail


def in_turn(*steps: Step) -> Step:
    """Return a step that plays these in their order, the last one for ever."""
    left = list(steps)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


class Streamed(httpx.AsyncByteStream):
    """A body that comes in parts and counts those that were taken."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts
        self.taken = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            self.taken += 1
            yield part

    async def aclose(self) -> None:
        self.closed = True


class Script(httpx.AsyncBaseTransport):
    """Plays its steps in order, the last one for ever; `requests` are those that came.

    With `token`, requests to a path that ends with /token are answered by it, and kept in `token_requests`.
    """

    def __init__(self, *steps: Step, token: Step | None = None) -> None:
        self._step = in_turn(*steps)
        self._token = token
        self.requests: list[httpx.Request] = []
        self.token_requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        await asyncio.sleep(0)
        if self._token is not None and request.url.path.endswith("/token"):
            self.token_requests.append(request)
            return self._token(request)
        self.requests.append(request)
        return self._step(request)
