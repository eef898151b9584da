"""What Xero's Accounting API shows of an organisation and its manual journals, and its dates. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

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


class ManualJournal(msgspec.Struct, frozen=True, rename="pascal"):
    """A manual journal as Xero shows it."""

    narration: str = ""
    status: str = ""
    date: str | None = None
    manual_journal_id: str = msgspec.field(name="ManualJournalID", default=NOTHING)
    updated_date_utc: str | None = msgspec.field(name="UpdatedDateUTC", default=None)
    line_amount_types: str | None = None
    show_on_cash_basis_reports: bool | None = None
    journal_lines: list[XeroJournalLine] | None = None


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


class Verdict(msgspec.Struct, frozen=True, rename="pascal"):
    """What became of one journal of a write, and what Xero says of it."""

    narration: str = ""
    status: str = ""
    manual_journal_id: str = msgspec.field(name="ManualJournalID", default=NOTHING)
    status_attribute_string: str | None = None
    objections: tuple[str, ...] = ()

    def complaints(self) -> tuple[str, ...]:
        """Return what Xero objects to in the journal; empty means it was taken."""
        if not self.objections and self.status_attribute_string not in {None, "", "OK"}:
            return (f"Xero marked it {self.status_attribute_string} without saying why",)
        return self.objections


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
