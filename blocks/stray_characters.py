"""Characters that no database and no message can hold: NUL, and half a pair of surrogates. Pure.

JSON can spell both (a NUL as an escape, the half as one or as bytes that are no UTF-8). SQLite takes the
first, PostgreSQL neither.
"""

from __future__ import annotations

import re

_STRAY = re.compile("[\0\ud800-\udfff]")


def has_strays(text: str) -> bool:
    """Tell whether there is such a character in a text."""
    return _STRAY.search(text) is not None


def without_strays(text: str) -> str:
    """Return a text with U+FFFD, which stands for what is no character, in place of each of them."""
    return _STRAY.sub("\ufffd", text)
