"""Dates and date-times in requests, and the span of time each date operator means.

Mambu compares a date-time's offset with the tenant's offset on that date and refuses another one, or
none; `Z` is accepted in practice; a date alone is read in the tenant's zone.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from blocks.sandbox.mambu.errors import MambuError, invalid
from blocks.sandbox.world.days import day_start

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EARLIEST, LATEST = -(1 << 62), 1 << 62


class Span(NamedTuple):
    """An interval of whole seconds since 1970, both ends included."""

    first: int = EARLIEST
    last: int = LATEST

    def meet(self, other: Span) -> Span:
        """Return the seconds both spans hold."""
        return Span(max(self.first, other.first), min(self.last, other.last))


EVERYTHING = Span()


class _Moment(NamedTuple):
    """What an operand names: [first, last] in microseconds; a whole day, or one instant."""

    first: int
    last: int


def _offset(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).isoformat()[-6:]


def parse_date(text: str, source: str) -> date:
    """Return a date written yyyy-MM-dd; raise the 400 of anything else."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise MambuError(400, "INVALID_DATE_FORMAT", source)


def parse_instant(text: str, zone: ZoneInfo) -> datetime:
    """Return a date-time with `Z` or the tenant's own offset; raise the 400 of anything else."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise invalid(f"Invalid date value {text}")
    try:
        instant = datetime.fromisoformat(text)
        given = match[2]
        expected = _offset(instant if given else instant.replace(tzinfo=zone), zone)
    except (ValueError, OverflowError):
        raise invalid(f"Invalid date value {text}") from None
    if given != "Z" and given != expected:
        raise invalid(f"Invalid date offset for value {text} org offset is {expected}")
    return instant


def day_span(first: date, last: date, zone: ZoneInfo) -> Span:
    """Return the seconds of local days, both included."""
    try:
        return Span(day_start(first, zone), day_start(last + timedelta(days=1), zone) - 1)
    except (OverflowError, ValueError):
        raise invalid(f"Invalid date value {last}") from None


def _moment(text: str, zone: ZoneInfo) -> _Moment:
    if _DATE.fullmatch(text):
        day = parse_date(text, text)
        span = day_span(day, day, zone)
        return _Moment(span.first * 1_000_000, span.last * 1_000_000)
    microseconds = (parse_instant(text, zone) - _EPOCH) // _MICROSECOND
    return _Moment(microseconds, microseconds)


def _ceiling(microseconds: int) -> int:
    return -(-microseconds // 1_000_000)


def span_of(operator: str, operands: list[str], zone: ZoneInfo, today: date, shift: int) -> Span:
    """Return the seconds a date operator admits.

    AFTER and BEFORE exclude their operand, which is inferred; BETWEEN includes both, ON with a
    date-time means that very second: unknown in public, ours. `shift` is the sandbox's switch: it moves
    the bounds of AFTER, BEFORE and BEFORE_INCLUSIVE inwards by so many seconds, or outwards if negative.
    """
    if operator in _RELATIVE:
        return _relative(operator, operands, zone, today)
    moments = [_moment(text, zone) for text in operands]
    first, last = moments[0].first, moments[-1].last
    if operator == "AFTER":
        return Span(first=last // 1_000_000 + 1 + shift)
    if operator == "BEFORE":
        return Span(last=_ceiling(first) - 1 - shift)
    if operator == "BEFORE_INCLUSIVE":
        return Span(last=last // 1_000_000 - shift)
    return Span(_ceiling(first), last // 1_000_000)  # ON and BETWEEN


_RELATIVE = frozenset({"TODAY", "THIS_WEEK", "THIS_MONTH", "THIS_YEAR", "LAST_DAYS"})


def _relative(operator: str, operands: list[str], zone: ZoneInfo, today: date) -> Span:
    if operator == "LAST_DAYS":
        if not re.fullmatch(r"\d{1,4}", operands[0], re.ASCII):
            raise invalid(f"LAST_DAYS takes a number of days, not {operands[0]}")
        return day_span(today - timedelta(days=int(operands[0])), today, zone)
    first = {
        "TODAY": today,
        "THIS_WEEK": today - timedelta(days=today.weekday()),
        "THIS_MONTH": today.replace(day=1),
        "THIS_YEAR": today.replace(month=1, day=1),
    }[operator]
    # To the end of the day, as nothing is created later than now.
    return day_span(first, today, zone)
