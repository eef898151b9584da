"""Pieces of the pages that runs leave for people: tables, lists, and texts that come from outside."""

from __future__ import annotations

import re
from collections.abc import Sequence

from blocks.visible import visible

MOST_ROWS = 1000
# Signs of markup anywhere in a text, and what a page would read as another character.
_MARKS = re.compile(r"[\\|\[\]<>*_`~]|&(?=#?\w+;)")
# What begins a list, a rule or a heading.
_BEGINS = re.compile(r"^(\d*)([-+=#]+|[.)])(?=\s|$)")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    """Return a table whose columns are aligned to the left or right, as `align` says by l and r."""
    rule = ["---:" if side == "r" else ":---" for side in align]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def bullets(texts: Sequence[str]) -> str:
    """Return a list of texts from outside, cut where it is longer than anybody reads."""
    shown = [f"- {cell(text)}" for text in texts[:MOST_ROWS]]
    if len(texts) > MOST_ROWS:
        shown.append(f"- and {len(texts) - MOST_ROWS:,} more")
    return "\n".join(shown)


def cell(text: str) -> str:
    """Return a text from outside such that it cannot end a table's cell or become markup."""
    line = " ".join(visible(text).split())
    return _BEGINS.sub(r"\1\\\2", _MARKS.sub(r"\\\g<0>", line))
