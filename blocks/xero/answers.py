"""What Xero says in its answers, wherever it says so, and JSON that is less than it should be. Pure.

Xero's reasons are documented as Elements with ValidationErrors, and seen at other depths, beside nulls, as
plain texts, and in Message and Detail. What surrounds them is an echo of what was sent, or anything at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from blocks.http.models import Answer

_ERRORS = frozenset({"validationerrors", "errors"})
_WARNINGS = frozenset({"warnings"})
_WORDED = frozenset({"message", "detail", "error"})
_PLAIN_TEXT = re.compile(r"[\w .,:'()-]{1,200}")
# Any escape, a pair of surrogates as one; the group is a surrogate without its other half.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def reasons(answer: Answer) -> tuple[str, ...]:
    """Return why Xero declines a request, in its own words, each once.

    Warnings decline nothing, and are told only where no error is worded.
    """
    if not answer.is_json:
        # Xero words some refusals as plain text, such as "currently offline for maintenance".
        text = answer.body[:400].decode("utf-8", "replace").strip()
        return (text,) if _PLAIN_TEXT.fullmatch(text) else ()
    try:
        found = lenient(answer.body)
        words = [word for entry in _entries(found, _ERRORS) for word in _words(entry)]
        return _each_once(words or _words_anywhere(found))
    except (ValueError, RecursionError):
        return ()


def objections(element: bytes) -> tuple[str, ...]:
    """Return what Xero objects to in an element of a success: errors and warnings, at any depth of it.

    An entry without words is told as such. Raises ValueError or RecursionError for what is no JSON.
    """
    lowered = element.lower()
    if b"errors" not in lowered and b"warnings" not in lowered:
        # The usual element, a long echo of what was sent, is not read for nothing.
        return ()
    entries = list(_entries(lenient(element), _ERRORS | _WARNINGS))
    words = [word for entry in entries for word in _words(entry)]
    return _each_once(words or ["Xero objects to it without saying why"] * bool(entries))


def lenient(body: bytes) -> Any:
    """Return what JSON holds, its numbers as texts; bad characters are replaced.

    Raises ValueError or RecursionError for what is no JSON.
    """
    text = mended(body).decode()
    return json.loads(text, strict=False, parse_float=str, parse_int=str)


def mended(body: bytes) -> bytes:
    """Return JSON with U+FFFD in place of half surrogate pairs and of bytes that are no UTF-8."""
    whole = body.decode("utf-8-sig", "replace").encode()
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], whole)


def texts_in(element: bytes) -> tuple[str, ...]:
    """Return every text in an element, names of members included, whatever the element's shape."""
    # Read all at once: one by one, those of a large element would take seconds.
    return tuple(lenient(b"[%b]" % b",".join(_STRING.findall(mended(element)))))


def _entries(value: Any, lists: frozenset[str]) -> Iterator[Any]:
    """Yield what stands in lists of these names, at any depth; nulls say nothing."""
    if isinstance(value, dict):
        for name, held in value.items():
            if name.lower() in lists:
                yield from (one for one in (held if isinstance(held, list) else [held]) if one is not None)
            yield from _entries(held, lists)
    elif isinstance(value, list):
        for held in value:
            yield from _entries(held, lists)


def _words(entry: Any) -> list[str]:
    """Return the words of one error: a text, or its message."""
    fields = entry.items() if isinstance(entry, dict) else [("message", entry)]
    texts = [held for name, held in fields if name.lower() == "message"]
    return [text.strip() for text in texts if isinstance(text, str) and text.strip()]


def _words_anywhere(value: Any) -> list[str]:
    if isinstance(value, list):
        return [word for held in value for word in _words_anywhere(held)]
    if not isinstance(value, dict):
        return []
    words: list[str] = []
    for name, held in value.items():
        if name.lower() in _WORDED and isinstance(held, str):
            words.extend(_words(held))
        words.extend(_words_anywhere(held))
    return words


def _each_once(words: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
