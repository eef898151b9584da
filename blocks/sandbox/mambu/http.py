"""Requests and answers as Mambu frames them: media type, JSON, and the paths that lead to a handler."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from blocks.sandbox.asgi import Answer, Headers
from blocks.sandbox.mambu.access import Caller
from blocks.sandbox.mambu.errors import MambuError

MEDIA_TYPE = b"application/vnd.mambu.v2+json"
# What is configured comes as YAML; that it is asked for by this type is inferred.
YAML = b"application/vnd.mambu.v2+yaml"
_CONTENT_TYPE = MEDIA_TYPE.decode()


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


def json_answer(status: int, value: object, headers: Headers = ()) -> Answer:
    """Return an answer that carries a value as JSON."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return prepared(status, body, headers)


def prepared(status: int, body: bytes, headers: Headers = ()) -> Answer:
    """Return an answer whose JSON stands ready, as that of a page of lines does."""
    return Answer(status, body, _CONTENT_TYPE if body else "", headers)


def yaml_answer(body: str) -> Answer:
    """Return an answer that carries YAML."""
    return Answer(200, body.encode(), YAML.decode(), ())


def accepts(headers: dict[bytes, bytes], media_type: bytes = MEDIA_TYPE) -> bool:
    """Return whether a request asks for Mambu's API v2 by its media type, as every call has to."""
    accept = headers.get(b"accept", b"")
    return accept == media_type or any(
        part.split(b";")[0].strip().lower() == media_type for part in accept.split(b",")
    )


def check_content_type(headers: dict[bytes, bytes]) -> None:
    """Raise the 415 of a body that does not say it is JSON; the status is ours: unknown in public."""
    if headers.get(b"content-type", b"").split(b";")[0].strip().lower() not in (
        b"application/json",
        MEDIA_TYPE,
    ):
        raise MambuError(415, "INVALID_PARAMETERS", "Content-Type")
