"""What Xero shows of payments: payments, prepayments, overpayments, their cash, and whom they concern. Pure.

Amounts are decimals from the first byte on. Each thing tells in `problem` what of it cannot be read, is null
where Xero gives a value, or is beyond all bounds, and is then left out; it is empty for what is in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
from msgspec.structs import force_setattr

from blocks.amounts import is_amount

# Longer than any id that Xero gives; the record holds no longer one.
_LONGEST_ID = 200
_LONGEST_CONTACT_NUMBER = 50
_CURRENCY_LENGTH = 3
_QUOTED = 40  # characters of what is odd
# Left out where it is beyond its bounds.
Number = Decimal | None
# More digits behind the point than any amount or rate of a ledger has.
_MOST_DECIMALS = {"amount": 15, "total": 15, "currency_rate": 30}


def _settle(thing: Any, *problems: str) -> None:
    found = "; ".join(one for one in (thing.problem, *problems) if one)
    if found != thing.problem:
        force_setattr(thing, "problem", found)


def _without_id(thing: Any, name: str) -> str:
    """Give a thing whose id is none one that stays the same while what Xero shows does."""
    given = getattr(thing, name)
    if 0 < len(given) <= _LONGEST_ID:
        return ""
    digest = hashlib.sha256(given.encode() or msgspec.json.encode(thing)).hexdigest()[:16]
    force_setattr(thing, name, f"without-id-{digest}")
    return (
        f"its id has {len(given):,} characters ({given[:_QUOTED]}…)" if given else "Xero gives no id for it"
    )


def _too_long(thing: Any, **longest: int) -> str:
    problems = []
    for name, length in longest.items():
        given = getattr(thing, name)
        if given is not None and len(given) > length:
            force_setattr(thing, name, None)
            problems.append(f"its {_said(name)} has {len(given):,} characters, where Xero's have {length}")
    return "; ".join(problems)


def _beyond(thing: Any, *names: str) -> str:
    problems = []
    for name in names:
        number = getattr(thing, name)
        if number is not None and not _within_bounds(number, _MOST_DECIMALS[name]):
            force_setattr(thing, name, None)
            problems.append(f"its {_said(name)} is no number of a ledger's ({str(number)[:_QUOTED]})")
    return "; ".join(problems)


def _within_bounds(number: Decimal, decimals: int) -> bool:
    return is_amount(number) and -int(number.as_tuple().exponent) <= decimals


def _said(name: str) -> str:
    return name.replace("_", " ")


class XeroContact(msgspec.Struct, frozen=True, rename="pascal"):
    """A customer or supplier. Inside other things it can be thin: its id, and perhaps its name."""

    contact_id: str = msgspec.field(name="ContactID", default="")
    name: str = ""
    contact_number: str | None = None
    contact_status: str | None = None
    merged_to_contact_id: str | None = msgspec.field(name="MergedToContactID", default=None)
    problem: str = msgspec.field(name="(problem)", default="")

    def __post_init__(self) -> None:
        """Tell of what is beyond its bounds, and leave it out."""
        _settle(self, _too_long(self, contact_number=_LONGEST_CONTACT_NUMBER))

    @property
    def partner_code(self) -> str:
        """Return its code in LN, which the sync from LN puts into its number; empty where LN has it not."""
        return (self.contact_number or "").strip()


class XeroInvoice(msgspec.Struct, frozen=True, rename="pascal"):
    """An invoice or bill. Inside other things it can be thin: its id, and perhaps its number."""

    invoice_id: str = msgspec.field(name="InvoiceID", default="")
    invoice_number: str | None = None
    type: str | None = None
    currency_code: str | None = None
    contact: XeroContact | None = None
    problem: str = msgspec.field(name="(problem)", default="")

    def __post_init__(self) -> None:
        """Tell of what is beyond its bounds, and leave it out."""
        _settle(self, _too_long(self, currency_code=_CURRENCY_LENGTH))


class XeroBankAccount(msgspec.Struct, frozen=True, rename="pascal"):
    """An account of the chart, of any type; only those of type BANK have a bank account number."""

    account_id: str = msgspec.field(name="AccountID")
    type: str = ""
    name: str = ""
    bank_account_number: str | None = None
    problem: str = msgspec.field(name="(problem)", default="")


class XeroAccountRef(msgspec.Struct, frozen=True, rename="pascal"):
    """An account as other things name it: by its id, since the code can be missing."""

    account_id: str = msgspec.field(name="AccountID", default="")


class XeroPayment(msgspec.Struct, frozen=True, rename="pascal"):
    """A payment, or a refund: `payment_type` says which. `amount` is in the currency of the invoice."""

    payment_id: str = msgspec.field(name="PaymentID")
    payment_type: str = ""
    status: str = ""
    date: str | None = None
    amount: Number = None
    currency_rate: Number = None
    account: XeroAccountRef | None = None
    invoice: XeroInvoice | None = None
    updated_date_utc: str | None = msgspec.field(name="UpdatedDateUTC", default=None)
    problem: str = msgspec.field(name="(problem)", default="")

    def __post_init__(self) -> None:
        """Tell of what is beyond its bounds, and leave it out."""
        _settle(self, _without_id(self, "payment_id"), _beyond(self, "amount", "currency_rate"))


class XeroAllocation(msgspec.Struct, frozen=True, rename="pascal"):
    """A part of a prepayment or overpayment that was applied to an invoice; older ones have no id."""

    allocation_id: str | None = msgspec.field(name="AllocationID", default=None)
    amount: Number = None
    date: str | None = None
    invoice: XeroInvoice | None = None
    is_deleted: bool | str | None = False
    problem: str = msgspec.field(name="(problem)", default="")

    def __post_init__(self) -> None:
        """Tell of what is beyond its bounds, and leave it out."""
        _settle(self, _too_long(self, allocation_id=_LONGEST_ID), _beyond(self, "amount"))


class Allocated(msgspec.Struct, frozen=True, rename="pascal", kw_only=True):
    """What can be applied to invoices in parts; `ID` names the field of its id."""

    ID: ClassVar[str]

    type: str = ""
    status: str = ""
    contact: XeroContact | None = None
    date: str | None = None
    total: Number = None
    currency_code: str | None = None
    currency_rate: Number = None
    allocations: list[XeroAllocation] = []
    updated_date_utc: str | None = msgspec.field(name="UpdatedDateUTC", default=None)
    problem: str = msgspec.field(name="(problem)", default="")

    def __post_init__(self) -> None:
        """Tell of what is beyond its bounds, and leave it out."""
        _settle(
            self,
            _without_id(self, self.ID),
            _too_long(self, currency_code=_CURRENCY_LENGTH),
            _beyond(self, "total", "currency_rate"),
        )


class XeroPrepayment(Allocated, frozen=True, rename="pascal", kw_only=True):
    """A prepayment with its allocations; its bank account is that of its bank transaction."""

    ID = "prepayment_id"

    prepayment_id: str = msgspec.field(name="PrepaymentID")


class XeroOverpayment(Allocated, frozen=True, rename="pascal", kw_only=True):
    """An overpayment with its allocations."""

    ID = "overpayment_id"

    overpayment_id: str = msgspec.field(name="OverpaymentID")


class XeroCreditNote(Allocated, frozen=True, rename="pascal", kw_only=True):
    """A credit note with what of it was applied to invoices."""

    ID = "credit_note_id"

    credit_note_id: str = msgspec.field(name="CreditNoteID")


class XeroBankTransaction(msgspec.Struct, frozen=True, rename="pascal"):
    """Money received or spent; that of a prepayment or overpayment names it, whatever its type says."""

    bank_transaction_id: str = msgspec.field(name="BankTransactionID")
    type: str = ""
    status: str = ""
    bank_account: XeroAccountRef | None = None
    prepayment_id: str | None = msgspec.field(name="PrepaymentID", default=None)
    overpayment_id: str | None = msgspec.field(name="OverpaymentID", default=None)
    problem: str = msgspec.field(name="(problem)", default="")

    def __post_init__(self) -> None:
        """Tell of what is beyond its bounds, and leave it out."""
        _settle(self, _without_id(self, "bank_transaction_id"))


@dataclass(frozen=True, slots=True)
class Shown:
    """All that was read from Xero for a run; invoices, contacts and accounts by id."""

    organisation: str
    base_currency: str
    payments: Iterable[XeroPayment] = ()
    prepayments: Iterable[XeroPrepayment] = ()
    overpayments: Iterable[XeroOverpayment] = ()
    credit_notes: Iterable[XeroCreditNote] = ()
    bank_transactions: Iterable[XeroBankTransaction] = ()
    invoices: Mapping[str, XeroInvoice] = field(default_factory=dict)
    contacts: Mapping[str, XeroContact] = field(default_factory=dict)
    accounts: Mapping[str, XeroBankAccount] = field(default_factory=dict)
