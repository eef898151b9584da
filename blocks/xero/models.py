"""What Xero's Accounting API shows of an organisation and its manual journals, and its dates. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from blocks.amounts import is_amount, shown
from blocks.dates import askable
from blocks.xero.pages import Pagination

NOTHING = "00000000-0000-0000-0000-000000000000"


class XeroOrganisation(msgspec.Struct, frozen=True, rename="pascal"):
    """The organisation behind a connection; lock dates are there only where they are set."""

    name: str
    base_currency: str
    organisation_id: str = msgspec.field(name="OrganisationID", default="")
    short_code: str = ""
    period_lock_date: str | None = None
    end_of_year_lock_date: str | None = None

    def lock_date(self) -> date | None:
        """Return the last day that is locked: the later of the two lock dates."""
        dates = [xero_date(value) for value in (self.period_lock_date, self.end_of_year_lock_date) if value]
        return max((day for day in dates if day), default=None)


class XeroAccount(msgspec.Struct, frozen=True, rename="pascal"):
    """An account of the chart; bank accounts may have no code."""

    name: str
    status: str
    type: str
    code: str | None = None
    system_account: str | None = None


class XeroJournalLine(msgspec.Struct, frozen=True, rename="pascal", gc=False):
    """A line of a manual journal: debit positive, credit negative."""

    amount: Decimal = msgspec.field(name="LineAmount")
    account_code: str | None = None
    description: str | None = None
    tax_type: str | None = None
    tracking: tuple[dict[str, object], ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what is a number only in Python, such as NaN, and what no ledger holds."""
        if not is_amount(self.amount):
            raise ValueError(f"LineAmount {shown(self.amount)} is no amount")


class ManualJournal(NamedTuple):
    """A manual journal as Xero shows it, or as it answers a write of it.

    `journal_id` is NOTHING where none was created, `date` None where it cannot be read. `updated` is when it
    was last changed, by Xero's clock, and `cash_basis` whether cash reports show it; None where Xero does
    not say. `objections` are the errors and warnings of a write: without any it was accepted as it is. The
    answer to a write is read without its lines, which echo what was sent.
    """

    journal_id: str
    narration: str
    date: dt.date | None
    status: str
    lines: Sequence[XeroJournalLine]
    line_amount_types: str | None = None
    updated: dt.datetime | None = None
    cash_basis: bool | None = None
    objections: tuple[str, ...] = ()

    @property
    def is_in_xero(self) -> bool:
        """Tell whether Xero has the journal: it has given it an id."""
        return self.journal_id not in {"", NOTHING}


@dataclass(frozen=True, slots=True)
class UnreadableJournal:
    """A journal that does not have Xero's shape: every text in it, and what is wrong with it.

    `journal_id` and `narration` are empty where they cannot be told.
    """

    journal_id: str
    narration: str
    texts: tuple[str, ...]
    problem: str

    def __str__(self) -> str:
        """Return a sentence that names the journal and its fault."""
        names = [f'"{self.narration}"' if self.narration else "", self.journal_id or "without an id"]
        return f"the manual journal {' '.join(name for name in names if name)} cannot be read: {self.problem}"


@dataclass(frozen=True, slots=True)
class JournalPage:
    """A page of manual journals with their lines, and those that cannot be read.

    Without `pagination` the last page is an empty one.
    """

    manual_journals: list[ManualJournal]
    pagination: Pagination | None
    unreadable: list[UnreadableJournal]


_XERO_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_EPOCH_ITSELF = re.compile(r"/Date\(-?0+(?:[+-]\d{4})?\)/")


def xero_date(value: str | None) -> date | None:
    """Return the day of a document date such as `/Date(1553126400000+0000)/`; None for none.

    Xero writes UTC milliseconds whatever the offset says, and midnight UTC of the day that is meant.
    The epoch stands for no date; so does what cannot be read.
    """
    return None if _EPOCH_ITSELF.fullmatch(value or "") else journal_date(value)


def journal_date(value: str | None) -> date | None:
    """Return the day of a manual journal's date, which is never missing: here the epoch is a day.

    None for what cannot be read, which then equals no booking date.
    """
    match = _XERO_DATE.fullmatch(value or "")
    try:
        if match is None:
            return date.fromisoformat((value or "")[:10])
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(match[1]))).date()
    except (ValueError, OverflowError):
        return None


def xero_instant(value: str | None) -> datetime | None:
    """Return an instant such as UpdatedDateUTC, or None for none that can be read, or be reckoned with."""
    match = _XERO_DATE.fullmatch(value or "")
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(match[1])) if match else None
    except (ValueError, OverflowError):
        return None
    # The last of all instants has no local time ahead of UTC.
    return at if at and askable(at) else None
