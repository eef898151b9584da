"""Ready-made answers of the two systems: what a client is told when something is wrong with them."""

from __future__ import annotations

import json
from typing import NamedTuple

JSON_TYPE = "application/json; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
HTML_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"


class Answer(NamedTuple):
    """A complete HTTP answer: status, headers as ASGI wants them (without Content-Length), body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Preset(NamedTuple):
    """A ready-made answer; `after` means the stand-in has done its work before this is said."""

    status: int
    body: str
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    retry_after: int | None = None
    after: bool = False


def _mambu(status: int, code: int, reason: str, retry_after: int | None = None) -> Preset:
    body = json.dumps({"errors": [{"errorCode": code, "errorReason": reason}]})
    return Preset(status, body, "application/vnd.mambu.v2+json", retry_after=retry_after)


def _xero_limit(problem: str, minute: int, day: int, retry_after: int | None = None) -> Preset:
    headers = (
        ("X-Rate-Limit-Problem", problem),
        ("X-MinLimit-Remaining", str(minute)),
        ("X-DayLimit-Remaining", str(day)),
        ("X-AppMinLimit-Remaining", "9940"),
    )
    # Xero publishes no body for this answer; an empty one makes sure that nobody reads it.
    return Preset(429, "", TEXT_TYPE, headers, retry_after)


def _xero_problem(status: int, title: str, detail: str) -> Preset:
    body: dict[str, object] = {
        "Type": None,
        "Title": title,
        "Status": status,
        "Detail": detail,
        "Instance": "5c9f4c1e-6f0b-4f64-9d0e-0f6f9f3a7a11",
        "Extensions": {},
    }
    return Preset(status, json.dumps(body))


_GATEWAY_TIMEOUT = Preset(504, "", TEXT_TYPE)
_HTML = Preset(200, HTML_PAGE, HTML_TYPE)
_UNAVAILABLE = Preset(503, "The Xero API is temporarily unavailable", TEXT_TYPE)

# Mambu: the envelope and the codes are those of its "API response and error codes" page. It lists
# none for 429, 502 and 503; there the envelope is its own and the reason is ours.
_MAMBU_PRESETS: dict[str, Preset] = {
    "401": _mambu(401, 2, "INVALID_CREDENTIALS"),
    "403": _mambu(403, 15, "INVALID_PERMISSIONS"),
    "429": _mambu(429, 6, "TOO_MANY_REQUESTS", retry_after=2),
    "500": _mambu(500, 6, "INTERNAL_ERROR"),
    "500-json": _mambu(500, 6, "INTERNAL_ERROR"),
    "502": _mambu(502, 6, "BAD_GATEWAY"),
    "503": _mambu(503, 6, "SERVICE_UNAVAILABLE"),
    "504": _GATEWAY_TIMEOUT._replace(after=True),
    "504-before": _GATEWAY_TIMEOUT,
    "v1-error": Preset(
        400,
        json.dumps({"returnCode": 4, "returnStatus": "INVALID_PARAMETERS", "errorSource": "limit"}),
    ),
    "html": _HTML,
}

# Xero: the three texts of 503 are those of its "HTTP response codes" page, the limits' headers
# those of its OAuth 2.0 limits page; the shapes of 401, 403 and 500 and the long Retry-After are as
# seen by other integrations.
_XERO_PRESETS: dict[str, Preset] = {
    "401": _xero_problem(401, "Unauthorized", "TokenExpired: token expired at 03/05/2026 02:00:00"),
    "403": _xero_problem(403, "Forbidden", "AuthenticationUnsuccessful"),
    "429": _xero_limit("minute", 0, 812, retry_after=2),
    "429-minute": _xero_limit("minute", 0, 812, retry_after=2),
    "429-day": _xero_limit("day", 60, 0, retry_after=66_975),
    "429-concurrent": _xero_limit("concurrent", 41, 812),
    "500": _xero_problem(500, "An error occurred", "An error occurred in Xero."),
    "500-json": _xero_problem(500, "An error occurred", "An error occurred in Xero."),
    "502": Preset(502, "<html><body><h1>502 Bad Gateway</h1></body></html>", HTML_TYPE),
    "503": _UNAVAILABLE,
    "503-maintenance": Preset(503, "The Xero API is currently offline for maintenance", TEXT_TYPE),
    "503-unavailable": _UNAVAILABLE,
    "503-organisation": Preset(503, "The Organisation is offline", TEXT_TYPE),
    "504": _GATEWAY_TIMEOUT._replace(after=True),
    "504-before": _GATEWAY_TIMEOUT,
    "html": _HTML,
}

PRESETS: dict[str, dict[str, Preset]] = {"mambu": _MAMBU_PRESETS, "xero": _XERO_PRESETS}
