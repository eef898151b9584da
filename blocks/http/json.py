"""JSON that readers may take in two ways: keys that an object has twice, and texts that are no text. Pure.

A key may stand in an object twice, and a quick reader silently takes the last; a text may hold half a
character, and a strict reader then refuses the whole document. Here the one is noticed from the bytes alone,
at no price for a clean document, and the other costs nothing but the object it stands in.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import numpy.typing as npt

NOT_PLAIN = (ValueError, RecursionError)

# How a key can be written so that it is not seen: with a blank before its colon, or with a letter escaped.
_BLANK_BEFORE_COLON = re.compile(rb'"[ \t\r\n]+:')
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")
_WORD = 8


class WrittenKeys:
    """The keys of a document as they are written in it, `"key":`, at any depth.

    A key that stands inside a text is not seen, for its quotes are escaped there. `certain` tells whether
    every key can be seen at all: where it is false, the document has to be read slowly.
    """

    def __init__(self, document: bytes) -> None:
        self._bytes = np.frombuffer(document, np.uint8)
        ends = np.flatnonzero(self._bytes[1:] == ord(":"))
        before = self._bytes[ends]
        self._quotes = ends[before == ord('"')]
        spaced = bool(np.any(before <= ord(" ")))
        self.certain = not (
            (spaced and _BLANK_BEFORE_COLON.search(document))
            or (b"\\" in document and _ESCAPED_LETTER.search(document))
            or (len(self._quotes) and self._quotes[0] < _WORD)
        )
        self._words = np.empty(0, np.uint64)
        if self.certain and len(self._quotes):
            # The eight bytes before the quote that ends a key, as one number.
            words = np.ndarray(len(document) - _WORD + 1, "<u8", document, strides=(1,))
            self._words = words[self._quotes - _WORD]

    def count(self, key: str) -> int:
        """Return how often a key is written: perhaps too often, for only its last eight letters count."""
        return int(np.count_nonzero(self._are(key)))

    def all_numbers(self, key: str) -> bool:
        """Tell whether a key has a number right behind its colon, wherever it is written."""
        behind = self._bytes[self._quotes[self._are(key)] + 2]
        return bool(((behind == ord("-")) | (behind - np.uint8(ord("0")) < 10)).all())

    def _are(self, key: str) -> npt.NDArray[np.bool_]:
        end = f'"{key}'.encode()[-_WORD:]
        unused = np.uint64(8 * (_WORD - len(end)))
        matches: npt.NDArray[np.bool_] = self._words >> unused == np.uint64(int.from_bytes(end, "little"))
        return matches


class JsonObject(dict[str, Any]):
    """An object of a document; `twice` are the keys that stand in it more than once, with the last value."""

    twice: frozenset[str] = frozenset()

    @classmethod
    def of(cls, pairs: list[tuple[str, Any]]) -> JsonObject:
        """Return the object that these keys and values make."""
        made = cls(pairs)
        if len(made) < len(pairs):
            times = Counter(key for key, _ in pairs)
            made.twice = frozenset(key for key in made if times[key] > 1)
        return made

    def doubts(self, keys: Iterable[str]) -> list[str]:
        """Return what makes the value of one of these keys doubtful."""
        texts: list[str] = []
        for key in keys:
            if key in self.twice:
                texts.append(f"{key} is there twice")
            if is_broken(self.get(key)):
                texts.append(f"{key} holds half a character, or bytes that are none")
        return texts


def is_broken(value: object) -> bool:
    """Tell whether a value is a text with half a character, or with bytes that are none."""
    return isinstance(value, str) and _HALF.search(value) is not None


_HALF = re.compile("[\ud800-\udfff]")
_BLANKS = re.compile(r"[ \t\r\n]*")
_MOST_DIGITS = 4000  # Python reads no longer ones into an int


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _MOST_DIGITS else Decimal(digits)


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        return Decimal("NaN")  # its exponent is beyond all numbers


_decoder = json.JSONDecoder(object_pairs_hook=JsonObject.of, parse_float=_decimal, parse_int=_whole)


def elements(document: bytes) -> list[tuple[bytes, Any]]:
    """Return the elements of a document that is an array, each as it is written and as it reads.

    Objects are JsonObject. Raises one of NOT_PLAIN where the document is no JSON array.
    """
    text = document.decode("utf-8", "surrogateescape")
    place = _after(text, 0, "[")
    found: list[tuple[bytes, Any]] = []
    more = not text.startswith("]", place)
    while more:
        value, end = _decoder.raw_decode(text, place)
        found.append((text[place:end].encode("utf-8", "surrogateescape"), value))
        place = _past_blanks(text, end)
        more = not text.startswith("]", place)
        place = _after(text, place, ",") if more else place
    if _after(text, place, "]") != len(text):
        raise ValueError("something follows the array")
    return found


def _past_blanks(text: str, place: int) -> int:
    blanks = _BLANKS.match(text, place)
    return blanks.end() if blanks else place


def _after(text: str, place: int, mark: str) -> int:
    place = _past_blanks(text, place)
    if not text.startswith(mark, place):
        raise ValueError(f"no {mark} at character {place}")
    return _past_blanks(text, place + 1)
