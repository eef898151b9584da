"""What every application of the sandbox is made of: a request read whole, and one answer to it.

The sandbox speaks ASGI without a framework. Its paths are few, the stand-ins refuse what they do not
know in the words of their own systems, and a page of lines goes out as the bytes that stand ready; of
Starlette only its names of types would be left.
"""

from __future__ import annotations

import base64
import binascii
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

JSON: Final = "application/json; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
# Answers of these statuses have neither a body nor a length.
BODILESS: Final = frozenset({204, 304})


class Answer(NamedTuple):
    """One HTTP answer, its headers without Content-Length.

    `content_type` is "" where there is none, or where it stands among the headers.
    """

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Headers = ()


class Request:
    """One HTTP request, its body read; header names are in lower case."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.body = body

    @cached_property
    def params(self) -> dict[str, str]:
        """The query's parameters, the last of each name; spaces come as + or as %20."""
        return dict(parse_qsl(self.query.decode("latin-1"), keep_blank_values=True))

    def header(self, name: bytes) -> str:
        """Return a header, "" where it is not there."""
        return self.headers.get(name, b"").decode("latin-1").strip()


class Application(ABC):
    """An ASGI application that answers one request at a time from all of its body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; say nothing to a client that has gone."""
        body = await read_body(receive)
        if body is None:
            return
        answer = await self.answer(Request(scope, body))
        if answer is None:
            await until_gone(receive)
        else:
            await send_answer(send, answer, part=b"" if scope["method"] == "HEAD" else None)

    @abstractmethod
    async def answer(self, request: Request) -> Answer | None:
        """Return the answer, or None to leave the client waiting until it gives up."""


async def read_body(receive: Receive) -> bytes | None:
    """Return the whole body, or None when the client left before its end."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        return body
    parts: list[bytes] = []
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
    return None


async def send_answer(send: Send, answer: Answer, *, part: bytes | None = None, more: bool = False) -> None:
    """Send an answer, its body in one piece: the cheapest under uvicorn and h11.

    `part` goes out in place of the body whose length is stated; `more` leaves the answer open behind it.
    """
    status, body, content_type, headers = answer
    stated: list[tuple[bytes, bytes]] = [(b"content-type", content_type.encode())] if content_type else []
    if status not in BODILESS:
        stated.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": [*stated, *headers]})
    await send({"type": "http.response.body", "body": body if part is None else part, "more_body": more})


async def until_gone(receive: Receive) -> None:
    """Return when the client has given up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def basic_login(authorization: bytes) -> bytes | None:
    """Return `name:password` of a Basic header; None where it is another header, or none."""
    scheme, _, token = authorization.partition(b" ")
    try:
        return base64.b64decode(token.strip(), validate=True) if scheme.lower() == b"basic" else None
    except binascii.Error:
        return None
