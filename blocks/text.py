"""Text from outside as text: nothing in it steers a terminal or hides, and any database can hold it. Pure."""

from __future__ import annotations

import json
import re

# Controls and halves of surrogate pairs; those controls that only set words apart are in _BLANKS.
_CONTROLS = "\x00-\x1f\x7f-\x9f\ud800-\udfff"
# What takes no room on the line (Unicode's category Cf, and what else Default_Ignorable_Code_Point has):
# marks of direction, zero-width blanks and joiners, tags, fillers, selectors.
_UNSEEN = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_BLANKS = "\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029"
_ODD = re.compile(f"(?P<blank>[{_BLANKS}]+)|(?P<control>[{_CONTROLS}])|[{_UNSEEN}]")
_LAYOUT = re.compile(r"([\n\t])")


def visible(text: str, *, lines: bool = False) -> str:
    """Return a text with nothing in it but what shows.

    Controls become U+FFFD, those that only set words apart a blank; what takes no room is left out. With
    `lines`, the text keeps its lines and tabs.
    """
    if lines:
        parts = _LAYOUT.split(text)
        return "".join(part if n % 2 else visible(part) for n, part in enumerate(parts))
    return _ODD.sub(_instead, text)


def json_text(document: object) -> str:
    """Return JSON on one line; what does not show is written as an escape, so that nothing is lost."""
    text = json.dumps(document, ensure_ascii=False)
    return _ODD.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _instead(found: re.Match[str]) -> str:
    return {"blank": " ", "control": "\ufffd"}.get(found.lastgroup or "", "")


_STRAY = re.compile("[\0\ud800-\udfff]")


def has_strays(text: str) -> bool:
    """Tell whether there is such a character in a text."""
    return _STRAY.search(text) is not None


def without_strays(text: str) -> str:
    """Return a text with U+FFFD, which stands for what is no character, in place of each of them."""
    return _STRAY.sub("\ufffd", text)
