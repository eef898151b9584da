"""Which dates and instants can be asked for, and how an instant is written for other systems. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Final

from blocks.errors import UsageError

# Wide enough for all that Mambu, Xero and LN can have, and far from where a day or an offset more is no
# date any longer. It bounds what is asked for, not what is found: booking dates can be older.
FIRST: Final = date(2000, 1, 1)
LAST: Final = date(2999, 12, 31)


def require_askable(name: str, asked: date | datetime | None) -> None:
    """Raise UsageError for a date or instant that no run can be asked for; None is none.

    `name` is what the one who asks calls it, such as --since. An instant without an offset is in UTC.
    """
    if asked is not None and not askable(asked):
        raise UsageError(
            f"{name} {asked.isoformat()}: only what lies between {FIRST} and {LAST} can be asked for. "
            "Nothing was done. Correct it, and run the same again."
        )


def askable(asked: date | datetime) -> bool:
    """Tell whether a run can be asked for a date or instant, within the bounds above."""
    if not isinstance(asked, datetime):
        return FIRST <= asked <= LAST
    at = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
    # Compared as they are: moved to UTC, the first and last of all instants would be none.
    return datetime.combine(FIRST, time.min, UTC) <= at <= datetime.combine(LAST, time.max, UTC)


def utc_text(at: datetime) -> str:
    """Return an instant in UTC to the second, without its zone, such as 2026-11-20T08:00:00.

    Unlike strftime's, its year has four digits, whichever it is.
    """
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
