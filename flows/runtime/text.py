"""Texts for people: phrases that all runs use, tables, lists, and text from outside. Pure."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Sequence

from blocks.errors import DaybookError
from blocks.text import visible

_LISTED = 20
_NAMED_DAYS = 3


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: 1 line, 1,204 lines."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(numbers: Sequence[int]) -> str:
    """Return numbers for reading; of many, the first ones and how many more there are."""
    shown = ", ".join(map(str, numbers[:_LISTED]))
    return f"{shown} and {len(numbers) - _LISTED:,} more" if len(numbers) > _LISTED else shown


def days_in_words(days: Collection[dt.date]) -> str:
    """Return days for reading: 17 Nov, 17 and 18 Nov, 30 Nov and 1 Dec; of many, the first and the last."""
    ordered = sorted(days)
    if len(ordered) > _NAMED_DAYS:
        return f"{ordered[0]:%-d %b} to {ordered[-1]:%-d %b}"
    following = [*ordered[1:], None]
    shown = [
        f"{day:%-d}" if after and (after.year, after.month) == (day.year, day.month) else f"{day:%-d %b}"
        for day, after in zip(ordered, following, strict=True)
    ]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def fault_of(fault: Exception) -> DaybookError:
    """Return the message for an unexpected error; its traceback is in the log."""
    return (
        fault
        if isinstance(fault, DaybookError)
        else DaybookError(
            "An internal error occurred in Daybook. The run's log in Prefect has the details: send it to "
            "whoever maintains Daybook."
        )
    )


def asked_wait(seconds: float) -> str:
    """Return the advice to wait as long as a system asks, in whole minutes."""
    return f"Wait {counted(max(1, math.ceil(seconds / 60)), 'minute')}, as the system asks."


def capital(text: str) -> str:
    """Return a text with a capital first letter."""
    return text[:1].upper() + text[1:]


MOST_ROWS = 1000
# Characters of markup, and what a page would read as another character.
_MARKS = re.compile(r"[\\|\[\]<>*_`~]|&(?=#?\w+;)")
# What starts a list, a rule or a heading.
_BEGINS = re.compile(r"^(\d*)([-+=#]+|[.)])(?=\s|$)")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    """Return a table whose columns are aligned to the left or right, as `align` says by l and r."""
    rule = ["---:" if side == "r" else ":---" for side in align]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def bullets(texts: Sequence[str]) -> str:
    """Return a list of texts from outside, cut after MOST_ROWS."""
    shown = [f"- {cell(text)}" for text in texts[:MOST_ROWS]]
    if len(texts) > MOST_ROWS:
        shown.append(f"- and {len(texts) - MOST_ROWS:,} more")
    return "\n".join(shown)


def cell(text: str) -> str:
    """Return a text from outside escaped, so that it cannot end a table's cell or become markup."""
    line = " ".join(visible(text).split())
    return _BEGINS.sub(r"\1\\\2", _MARKS.sub(r"\\\g<0>", line))
