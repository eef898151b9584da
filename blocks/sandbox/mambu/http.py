"""Requests and answers of the Mambu stand-in, close to ASGI because a page of lines has to be quick."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from blocks.sandbox.mambu.access import Caller
from blocks.sandbox.mambu.errors import MambuError, invalid
from blocks.sandbox.mambu.paging import Headers

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MEDIA_TYPE = b"application/vnd.mambu.v2+json"
_CONTENT_TYPE = (b"content-type", MEDIA_TYPE)
# A request body beyond this is no search, task or entry; Mambu's own bound is unknown in public.
_LARGEST_BODY = 4 << 20


@dataclass(frozen=True, slots=True)
class Call:
    """One request, already authenticated."""

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes
    caller: Caller
    name: str = ""  # the last part of the path, where it names an object


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; `body` is JSON, or nothing."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list)


# A handler answers, or returns None to leave the caller waiting.
Handler = Callable[[Call], Awaitable[Answer | None]]


class Route(NamedTuple):
    """Which handler a method and a path lead to; the path is a regular expression after /api."""

    method: str
    path: re.Pattern[str]
    handler: Handler


def route(method: str, path: str, handler: Handler) -> Route:
    """Return a route; `{}` in the path stands for the name of an object."""
    return Route(method, re.compile(path.replace("{}", "([^/]+)")), handler)


def json_answer(status: int, value: object, headers: Headers | None = None) -> Answer:
    """Return an answer that carries a value as JSON."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, body, headers or [])


def accepts(headers: dict[bytes, bytes]) -> bool:
    """Return whether a request asks for Mambu's API v2 by its media type, as every call has to."""
    accept = headers.get(b"accept", b"")
    return accept == MEDIA_TYPE or any(
        part.split(b";")[0].strip().lower() == MEDIA_TYPE for part in accept.split(b",")
    )


def check_content_type(headers: dict[bytes, bytes]) -> None:
    """Raise the 415 of a body that does not say it is JSON; the status is ours: unknown in public."""
    if headers.get(b"content-type", b"").split(b";")[0].strip().lower() not in (
        b"application/json",
        MEDIA_TYPE,
    ):
        raise MambuError(415, "INVALID_PARAMETERS", "Content-Type")


async def read_body(receive: Receive) -> bytes | None:
    """Return the whole body of a request, or None when the client has gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += bytes(message.get("body", b""))
        if len(body) > _LARGEST_BODY:
            raise invalid("the body is too large")
        if not message.get("more_body", False):
            return body


async def write_answer(answer: Answer, send: Send) -> None:
    """Send an answer, its body in one piece with a content-length: the cheapest under uvicorn and h11."""
    headers = [*answer.headers]
    if answer.status != 204:  # which has neither a body nor a length
        headers.append((b"content-length", b"%d" % len(answer.body)))
    if answer.body:
        headers.append(_CONTENT_TYPE)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has given up."""
    while (await receive())["type"] != "http.disconnect":
        pass
