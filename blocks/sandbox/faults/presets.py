"""Ready-made answers of the three systems: what a client is told when something is wrong with them."""

from __future__ import annotations

import json
from typing import NamedTuple

from blocks.sandbox.asgi import HTML, JSON, TEXT
from blocks.sandbox.xero.wire import problem_body

HTML_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"


class Preset(NamedTuple):
    """A ready-made answer; `after` means the stand-in has done its work before this is said.

    `retry_as_date` writes Retry-After as the date that so many seconds lead to.
    """

    status: int
    body: str
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    retry_after: int | None = None
    after: bool = False
    retry_as_date: bool = False


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
    return Preset(429, "", TEXT, headers, retry_after)


def _xero_problem(status: int, title: str, detail: str) -> Preset:
    body = problem_body(status, title, detail, "5c9f4c1e-6f0b-4f64-9d0e-0f6f9f3a7a11")
    return Preset(status, json.dumps(body))


def _ln(status: int, message: str, retry_after: int | None = None) -> Preset:
    body: dict[str, object] = {
        "Code": f"txdbk9{status}",
        "Message": message,
        "Details": [],
        "InnerError": {
            "StatusCode": status,
            "Error": message,
            "RequestId": "0f2a7f0e-5d0f-4b1c-9f52-3c1f6f1b9a02",
            "TenantId": "DAYBOOK_DEM",
            "LnUser": "xeroconn",
            "Company": "303",
        },
    }
    return Preset(status, json.dumps(body), retry_after=retry_after)


_GATEWAY_TIMEOUT = Preset(504, "", TEXT)
_HTML = Preset(200, HTML_PAGE, HTML)
_UNAVAILABLE = Preset(503, "The Xero API is temporarily unavailable", TEXT)

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
    "502": Preset(502, "<html><body><h1>502 Bad Gateway</h1></body></html>", HTML),
    "503": _UNAVAILABLE,
    "503-maintenance": Preset(503, "The Xero API is currently offline for maintenance", TEXT),
    "503-unavailable": _UNAVAILABLE,
    "503-organisation": Preset(503, "The Organisation is offline", TEXT),
    "504": _GATEWAY_TIMEOUT._replace(after=True),
    "504-before": _GATEWAY_TIMEOUT,
    "html": _HTML,
}

# Infor LN: statuses as the ION API and LN REST guides name them; the U14 text is quoted in public code, the
# other texts are ours. Its 502, 503 and 504 come from the gateway, of which no body is known.
_LN_PRESETS: dict[str, Preset] = {
    "401": _ln(401, "OAuth [U01]: token expired or unknown"),
    "401-u14": _ln(401, "OAuth [U14]: unknown oauth_consumer_key"),
    "403": _ln(403, "You are not authorized to use this service"),
    "404": _ln(404, "Service is not active"),
    "409-duplicate": _ln(409, "Payment already processed"),
    "409-lock": _ln(409, "Record is locked by another user or process"),
    "409-other": _ln(409, "Conflict with the current state of the resource"),
    "422": _ln(422, "Period 11 of 2026 is closed for cash management"),
    "429": _ln(429, "Quota exceeded", retry_after=2),
    "429-date": _ln(429, "Quota exceeded", retry_after=2)._replace(retry_as_date=True),
    "429-bare": _ln(429, "Quota exceeded"),
    "500": Preset(500, "", TEXT),
    "500-fault": _ln(500, "Error in DAL: the transaction type is blocked"),
    "500-soap": Preset(
        500,
        '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><S:Fault>'
        "<faultcode>S:Server</faultcode><faultstring>The transaction type is blocked</faultstring>"
        "</S:Fault></S:Body></S:Envelope>",
        "text/xml; charset=utf-8",
    ),
    "502": Preset(502, "<html><body><h1>502 Bad Gateway</h1></body></html>", HTML),
    "503": Preset(503, "Service Unavailable", TEXT),
    "504": _GATEWAY_TIMEOUT._replace(after=True),
    "504-before": _GATEWAY_TIMEOUT,
    "200-error": _ln(200, "Error in DAL: the transaction type is blocked"),
    "html": _HTML,
}

PRESETS: dict[str, dict[str, Preset]] = {
    "mambu": _MAMBU_PRESETS,
    "xero": _XERO_PRESETS,
    "ln": _LN_PRESETS,
}
