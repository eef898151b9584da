"""What the ION API gateway and LN answer, in the several shapes in which they do. Pure.

LN's error body is documented as Code, Message, Details and InnerError, and seen as an `error` object or
list around them, in any letter case; SOAP services answer with a Fault; what stands on the way answers
with HTML or nothing at all.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec

from blocks.errors import Transient
from blocks.http.models import NOT_THE_JSON, Answer, retry_after
from blocks.infor_ln.denials import denies
from blocks.text import without_strays

_LONGEST_TEXT = 2000
_MOST_TEXTS = 100
_LONGEST_QUOTE = 500
# LN's codes name a package, a module and a number (tccom1000); a gateway's are words, or its status.
_LN_CODE = re.compile(r"[a-z]{2,8}[._-]?[0-9]{1,6}(?:\.[0-9]{1,4})?", re.IGNORECASE)
_FAULT = re.compile(r"<(?:[\w.-]+:)?Fault[\s>]")
# What opens an element; no part of a pattern goes past the next <, or many of them would take for ever.
_FAULT_TEXT = re.compile(r"<(?:[\w.-]+:)?(?:faultstring|Text)\b[^<>]*>")
_FAULT_CODE = re.compile(r"<(?:[\w.-]+:)?(?:faultcode|Value)\b[^<>]*>")
_TAG = re.compile(r"<[^<>]*>")
_PAGE = re.compile(r"\s*(?:<!doctype html|<html)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LNAnswer:
    """One answer to a posted document.

    `code`, `message` and `request_id` are LN's, empty where it gave none. `from_ln`: the body is an error
    of LN's own, not of something on the way. `page`: the body is a web page, such as a log-in page.
    `denies`: under a success, the body says that it was none, or cannot be read.
    """

    status: int
    code: str = ""
    message: str = ""
    request_id: str = ""
    from_ln: bool = False
    page: bool = False
    denies: bool = False
    retry_after_seconds: float | None = None

    @property
    def said(self) -> str:
        """Return what LN said, with its code, for a person."""
        if self.code and self.message and f"({self.code})" not in self.message:
            return f"{self.message} ({self.code})"
        return self.message or self.code


def ln_answer(answer: Answer, now: datetime) -> LNAnswer:
    """Read an answer; any body is understood as far as it goes."""
    text = answer.body.decode("utf-8", "replace")
    wait = retry_after(answer.headers, now)
    if _PAGE.match(text) or "html" in answer.headers.get("content-type", "").lower():
        return LNAnswer(answer.status, page=True, retry_after_seconds=wait)
    if _FAULT.search(text):
        words = _tagged(_FAULT_TEXT, text) or "a SOAP Fault without words"
        code = _tagged(_FAULT_CODE, text)
        denied = answer.status < 300
        return LNAnswer(answer.status, code, words, from_ln=True, denies=denied, retry_after_seconds=wait)
    body = _json(answer.body)
    denied = answer.status < 300 and denies(body, text)
    found = _Found.of(body)
    quoted = _line(text)[:_LONGEST_QUOTE] if denied or answer.status >= 300 else ""
    if found is None:
        return LNAnswer(answer.status, message=quoted, denies=denied, retry_after_seconds=wait)
    return LNAnswer(
        answer.status,
        found.code,
        found.message or quoted,
        found.request_id,
        from_ln=found.is_error(answer.status),
        denies=denied,
        retry_after_seconds=wait,
    )


def reasons(answer: Answer) -> tuple[str, ...]:
    """Return the reasons of a refusal: an OAuth error, or what LN says."""
    read = ln_answer(answer, datetime.now(UTC))
    return (read.said,) if read.said else ()


@dataclass(frozen=True, slots=True)
class _Found:
    """What a JSON body says: `wrapped` in an `error`, or `rich` in the parts only LN's errors have."""

    code: str
    message: str
    request_id: str
    wrapped: bool
    rich: bool

    @classmethod
    def of(cls, body: Any) -> _Found | None:
        """Return what a body says, or None where it has none of the known shapes."""
        if not isinstance(body, dict):
            return None
        errors = body.get("error") or body.get("errors")
        items = errors if isinstance(errors, list) else [errors]
        wrapped = [item for item in items if isinstance(item, dict) and item]
        parts = wrapped or [body]
        inner = next(
            (found for part in (*parts, body) if isinstance(found := part.get("innererror"), dict)), {}
        )
        texts = [_line(item) for item in items[:_MOST_TEXTS] if isinstance(item, str)]
        texts += islice((text for part in parts for text in _texts(part)), _MOST_TEXTS)
        if isinstance(fault := body.get("fault"), dict):  # a gateway's own, such as a quota that is used up
            texts.append(_text(fault.get("faultstring")))
        # A detail often says the same as the whole, with its code.
        said = [one for one in texts if one and not any(other.startswith(f"{one} (") for other in texts)]
        message = "; ".join(dict.fromkeys(said))[:_LONGEST_TEXT]
        code = next((text for part in parts if (text := _text(part.get("code")))), "")
        if not message and not code:
            return None
        rich = bool(inner) or any(part.get("details") for part in parts)
        return cls(code, message, _text(inner.get("requestid")), bool(wrapped), rich)

    def is_error(self, status: int) -> bool:
        """Tell whether this is an error of LN's own.

        A gateway on the way words its faults in JSON too, in an `error` or not, with no more than its status
        or a word for a code; what it words as a refusal (4xx) is one all the same.
        """
        if self.rich:
            return True
        if status < 300:
            return self.wrapped
        if status >= 500:
            return bool(self.message) and _LN_CODE.fullmatch(self.code) is not None
        return bool(self.message) and (self.wrapped or bool(self.code)) and self.code != str(status)


def _json(body: bytes) -> Any:
    """Return what JSON holds, the names in it in small letters; None for what is none."""
    try:
        return _lowered(msgspec.json.decode(body))
    except NOT_THE_JSON:
        pass
    try:
        # More lenient: with half a pair of surrogates in it, for one, an answer still says what it says.
        return _lowered(json.loads(body.decode("utf-8-sig", "replace"), strict=False))
    except (ValueError, RecursionError):
        return None


def _lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.lower(): _lowered(held) for name, held in value.items()}
    return [_lowered(held) for held in value] if isinstance(value, list) else value


def _texts(part: Mapping[str, Any]) -> Iterator[str]:
    """Yield the message of an error and those of its details, each with its own code."""
    yield _text(part.get("message"))
    details = part.get("details")
    for detail in details if isinstance(details, list) else [details]:
        if isinstance(detail, dict):
            code, message = _text(detail.get("code")), _text(detail.get("message"))
            yield f"{message} ({code})" if code and message else message or code
        else:
            yield _text(detail)


def _text(value: Any) -> str:
    if isinstance(value, dict):  # as older OData words a message: {"lang": "en", "value": "..."}
        value = value.get("value")
    return _line(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _tagged(opening: re.Pattern[str], text: str) -> str:
    found = opening.search(text)
    if found is None:
        return ""
    inside = text[found.end() : found.end() + _LONGEST_TEXT].partition("</")[0]
    return _line(html.unescape(_TAG.sub(" ", inside)))


def _line(text: str) -> str:
    return " ".join(without_strays(text).split())[:_LONGEST_TEXT]


# LN now and then refuses a good token in these words, and takes it a moment later.
GOOD_TOKEN_REFUSED = "oauth [u14]"  # noqa: S105 - the words of a refusal


class NoToken(Transient):
    """Infor's token service could not be reached or gave no usable answer, so nothing was posted."""
