"""Text from outside, made fit to leave the program."""

from __future__ import annotations

import json
import sys

import pytest

from blocks.text import json_text, visible
from tests.helpers.odd_characters import odd

# Backwards, so that no two halves make a pair.
EVERY_CHARACTER = "".join(map(chr, range(sys.maxunicode, -1, -1)))


def test_nothing_that_steers_or_hides_is_left() -> None:
    """Of all characters there are, none that controls, hides, turns the line or ends it comes through."""
    assert odd(visible(EVERY_CHARACTER)) == set()


def test_text_with_lines_keeps_no_more_than_these() -> None:
    """With `lines`, ends of lines and tabs stay, and nothing else that is odd."""
    assert odd(visible(EVERY_CHARACTER, lines=True)) == {"\n", "\t"}


# What Unicode counts among letters and marks, but shows as nothing.
FILLERS = ("\u115f", "\u3164", "\uffa0", "\u034f", "\ufe0f", "\U000e0100")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *{"\x1b]0;owned\x07": "\ufffd]0;owned\ufffd", "\x9b31mred": "\ufffd31mred"}.items(),
        *{"one\r\ntwo\tthree": "one two three", "half \ud800": "half \ufffd"}.items(),
        *{f"A{filler}cme": "Acme" for filler in (*FILLERS, "\u202e")}.items(),
    ],
)
def test_words_stay_readable(text: str, shown: str) -> None:
    """What a sequence or a filler says besides stays, a control shows that it was there, words stay apart."""
    assert visible(text) == shown


@pytest.mark.parametrize("text", ["Zoë & Søn, 株式会社 [x] \\ :ok:", "شركة", "a  b", "e\u0301", "🏦 £1"])
def test_other_text_stays_as_it_is(text: str) -> None:
    """Letters of any script, signs, accents and blanks are not touched."""
    assert visible(text) == text


def test_json_loses_nothing_and_shows_nothing_odd() -> None:
    """JSON for a terminal gives every character back, and has none of the odd ones in it."""
    text = json_text({"name": EVERY_CHARACTER})
    assert odd(text) == set()
    assert json.loads(text)["name"] == EVERY_CHARACTER
