"""Characters that no text may keep on its way out."""

from __future__ import annotations

import unicodedata

# Controls, what has no width, halves of pairs, and ends of lines.
ODD = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def odd(text: str) -> set[str]:
    """Return what is in a text that steers, hides, or cannot be written."""
    return {one for one in text if unicodedata.category(one) in ODD}
