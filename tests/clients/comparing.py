"""What a client shows against what a stand-in holds: exactly, with the first difference told. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
Rows = dict[str, dict[str, Any]]

_MS_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()


def amount(value: object) -> Decimal:
    """Return an amount, which a client shows as a text or as a number; never through a float."""
    if isinstance(value, float):
        raise TypeError("an amount is read as a decimal, not as a float")
    return Decimal(str(value))


def day(value: object) -> str:
    """Return a day in any of the forms that clients of Xero show: an ISO text, or /Date(ms+0000)/."""
    text = str(value)
    found = _MS_DATE.fullmatch(text)
    if found is None:
        return dt.date.fromisoformat(text[:10]).isoformat()
    return (
        (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=int(found[1]))).date().isoformat()
    )


def instant(value: object) -> str:
    """Return an instant in UTC, to the second: clients show it in the zone that they like."""
    moment = dt.datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value} has no offset")
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")


def by_key(rows: Iterable[Row], key: str) -> Rows:
    """Return rows by what identifies them; one that comes again has a name that no other list has."""
    found: Rows = {}
    for row in rows:
        name = str(row[key])
        found[f"{name}, again" if name in found else name] = dict(row)
    return found


def difference(got: object, held: object, place: str = "") -> str:
    """Return the first difference between two values, "" where there is none.

    Numbers are the same where their values are, 1.50 and 1.5; a text is never the same as a number.
    """
    if isinstance(got, Mapping) and isinstance(held, Mapping):
        names = [*held, *(name for name in got if name not in held)]
        pairs = ((f"{place}[{name}]", got.get(name, NOTHING), held.get(name, NOTHING)) for name in names)
    elif isinstance(got, list) and isinstance(held, list):
        if len(got) != len(held):
            return f"{place} has {len(got)} elements, not {len(held)}".strip()
        pairs = (
            (f"{place}[{number}]", *pair) for number, pair in enumerate(zip(got, held, strict=True), start=1)
        )
    else:
        same = isinstance(got, str) is isinstance(held, str) and got == held
        return "" if same else f"{place} {got!r}, the stand-in has {held!r}".strip()
    return next((found for where, one, other in pairs if (found := difference(one, other, where))), "")


class Checks:
    """The checks of one client: a line is printed for each, and what was wrong is counted."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.made = self.wrong = 0

    def same(self, what: str, got: object, held: object) -> None:
        """Check that a client shows what the stand-in holds."""
        self.says(what, difference(got, held))

    def says(self, what: str, problem: str) -> None:
        """Print the outcome of a check: right, where there is no problem."""
        self.made += 1
        self.wrong += bool(problem)
        told = f"DIFFERS  {what}: {problem}" if problem else f"right    {what}"
        print(f"{self.client:<10}{told}", flush=True)
