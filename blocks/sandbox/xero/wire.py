"""How Xero's Accounting API writes: dates, envelopes, errors."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from datetime import date, datetime
from json.encoder import encode_basestring_ascii
from typing import Final

from blocks.sandbox.asgi import JSON, TEXT, Answer
from blocks.sandbox.clock import at_ms, ms_of
from blocks.sandbox.exact_json import dumps

ZERO_ID: Final = "00000000-0000-0000-0000-000000000000"
SANDBOX_STATUS: Final = 422
NOT_FOUND_TEXT: Final = b"The resource you're looking for cannot be found"

_MS_DATE: Final = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
_ISO_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T00:00:00(?:\.0+)?Z?)?")


class Refused(Exception):
    """The request ends here with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def text(value: str) -> str:
    """Return a JSON string."""
    return encode_basestring_ascii(value)


def ms_date(ms: int) -> str:
    """Return an instant the way Xero writes it, as a JSON string."""
    return f'"/Date({ms}+0000)/"'


def parse_day(value: object) -> date | None:
    """Return a document date from either form Xero takes in, None for anything else.

    The forms are YYYY-MM-DD (with or without a midnight behind it) and /Date(ms+0000)/, the one
    that Xero's own client libraries send back; that one is read in UTC whatever offset it names.
    """
    if not isinstance(value, str):
        return None
    try:
        if found := _ISO_DATE.fullmatch(value):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _MS_DATE.fullmatch(value):
            return at_ms(int(found[1])).date()
    except (ValueError, OverflowError):
        return None
    return None


def lock_date_text(day: date) -> str:
    """Return a date as Xero's refusals name it: 30-Nov-2018."""
    # Not strftime("%b"), which follows the locale.
    return f"{day.day:02}-{MONTHS[day.month - 1]}-{day.year}"


MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def envelope(now: datetime, key: str, items: Iterable[bytes], pagination: str = "") -> bytes:
    """Return an answer's body: Xero's frame around JSON texts that stand ready."""
    head = (
        f'{{"Id":"{uuid.uuid4()}","Status":"OK","ProviderName":"Daybook sandbox",'
        f'"DateTimeUTC":{ms_date(ms_of(now))},{pagination}"{key}":['
    )
    return b"".join((head.encode(), b",".join(items), b"]}"))


def problem(status: int, title: str, detail: str) -> Answer:
    """Return an answer of the kind that 401, 403 and 500 have."""
    return Answer(status, dumps(problem_body(status, title, detail, str(uuid.uuid4()))).encode())


def problem_body(status: int, title: str, detail: str, instance: str) -> dict[str, object]:
    """Return the body of such an answer; `instance` is its id."""
    told = {"Type": None, "Title": title, "Status": status, "Detail": detail}
    return {**told, "Instance": instance, "Extensions": {}}


def error(number: int, kind: str, message: str, elements: Iterable[bytes] | None = None) -> Answer:
    """Return a 400 of Xero: 10 ValidationException, 16 QueryParseException, 17 PostDataInvalidException."""
    head = f'{{"ErrorNumber":{number},"Type":"{kind}","Message":{text(message)}'
    tail = b"" if elements is None else b',"Elements":[' + b",".join(elements) + b"]"
    return Answer(400, b"".join((head.encode(), tail, b"}")))


def validation(message: str) -> Answer:
    """Return a 400 ValidationException that belongs to no element."""
    return error(10, "ValidationException", message)


def query_error(message: str) -> Refused:
    """Return the refusal of a `where` or `order` that cannot be read."""
    return Refused(error(16, "QueryParseException", message))


def not_found() -> Answer:
    """Return the 404, which is plain text."""
    return Answer(404, NOT_FOUND_TEXT, TEXT)


def sandbox_refusal(reason: str) -> Refused:
    """Return a refusal of the sandbox's own: 422 with a body and a header that Xero never sends.

    For requests that Xero would take, or take differently, and that a careful client does not make.
    """
    body = dumps({"sandbox": "refused by the sandbox, not by Xero", "reason": reason}).encode()
    return Refused(Answer(SANDBOX_STATUS, body, JSON, ((b"x-sandbox-refusal", b"1"),)))
