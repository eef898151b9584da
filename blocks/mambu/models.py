"""What Mambu API v2 shows of journal lines, tasks and the organisation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec

# The offset in which a tenant writes its instants: the one of its time zone, or always +00:00.
MambuOffsets = Literal["zone", "utc"]


class GLAccount(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The part of a line's `glAccount` that is read."""

    gl_code: str


class JournalLine(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """One GL journal line as Mambu words it, reduced to the fields that are read.

    Not garbage-collected (`gc=False`): a day has many, and none refers to another.

    `amount` is exact and unsigned; `type` is DEBIT or CREDIT; both dates are ISO 8601 with offset. Some
    lines have no `transaction_id`: it is None or empty.
    """

    encoded_key: str
    entry_id: int = msgspec.field(name="entryID")
    creation_date: str
    booking_date: str
    type: str
    amount: Decimal
    gl_account: GLAccount
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class UnreadableLine:
    """A line that does not have Mambu's shape: the JSON as it came, and what is wrong with it."""

    raw: bytes
    problem: str


class Organisation(msgspec.Struct, frozen=True):
    """What Mambu says of itself: IANA time zone and ISO 4217 currency."""

    time_zone: str = msgspec.field(name="timeZoneID")
    currency: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: the lines, the unreadable ones, and where the next page starts."""

    lines: Sequence[JournalLine]
    unreadable: list[UnreadableLine]
    next_cursor: str | None


class MambuTask(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A task, reduced to the fields that are read. Its status is OPEN, COMPLETED or, when late, OVERDUE."""

    encoded_key: str
    id: int
    title: str
    description: str | None = None
    status: str
    creation_date: str | None = None
    due_date: str | None = None
    assigned_user_key: str | None = None


# More than there can be of one day, and of one tenant: what states or gives more never ends.
MOST_LINES = 10_000_000
