"""What Xero shows, as documents for LN: payments, prepayments, allocations and overpayments. Pure.

In Xero the cash of a prepayment is a bank transaction, and an allocation is no payment: it stands in the
list of its prepayment alone. Payments are told apart by PaymentType, since a refund can carry an Invoice.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from blocks.store.audit_rows import GONE, LIVE, AuditRow, Key, Kind
from blocks.xero.models import xero_date, xero_instant
from blocks.xero.payment_models import (
    Allocated,
    Shown,
    XeroAllocation,
    XeroBankTransaction,
    XeroContact,
    XeroInvoice,
    XeroPayment,
    XeroPrepayment,
)
from flows.payments.message import number_text

# Makes ids of allocations that have none; never to be changed, for LN knows them by it.
_NAMESPACE = uuid.UUID("6f2b5a1e-7c1d-5f0a-9d53-2b1f7f0c8a44")
_ORDER = {Kind.PREPAYMENT: 0, Kind.OVERPAYMENT: 1, Kind.PAYMENT: 2, Kind.ALLOCATION: 3}
# No chain of merged contacts is longer; what seems so is a circle.
MOST_MERGES = 20
OVERPAYMENT_ALLOCATION = "OVERPAYMENT-ALLOCATION"
CREDIT_NOTE_ALLOCATION = "CREDIT-NOTE-ALLOCATION"
# Xero's statuses of money that is there, and of what is there no more; any other is none that is known.
_LIVE_PAYMENT, _DELETED_PAYMENT = frozenset({"AUTHORISED"}), frozenset({"DELETED"})
_LIVE, _DELETED = frozenset({"AUTHORISED", "PAID"}), frozenset({"VOIDED", "DELETED"})
# As much as is kept of a status that nobody knows.
_STATUS_LENGTH = 40


class Role(StrEnum):
    """What a document is to LN: each role has a document type code in the connection."""

    SALES_PAYMENT = "sales payment"
    PURCHASE_PAYMENT = "purchase payment"
    SUPPLIER_PREPAYMENT = "prepayment to a supplier"
    CLIENT_PREPAYMENT = "prepayment from a client"


# Xero's types, and nothing else, that have a counterpart in LN.
_PAYMENT_ROLES = {"ACCRECPAYMENT": Role.SALES_PAYMENT, "ACCPAYPAYMENT": Role.PURCHASE_PAYMENT}
_PREPAYMENT_ROLES = {
    "RECEIVE-PREPAYMENT": Role.CLIENT_PREPAYMENT,
    "SPEND-PREPAYMENT": Role.SUPPLIER_PREPAYMENT,
}
_ALLOCATION_ROLES = {
    "RECEIVE-PREPAYMENT": Role.SALES_PAYMENT,
    "SPEND-PREPAYMENT": Role.PURCHASE_PAYMENT,
    # Whether an invoice's own prepayment document has a counterpart is decided for the prepayment.
    "ARPREPAYMENT": Role.SALES_PAYMENT,
    "APPREPAYMENT": Role.PURCHASE_PAYMENT,
}


@dataclass(frozen=True, slots=True)
class Document:
    """One document as Xero shows it; what Xero left out is None or empty.

    `role` is None for what has no counterpart in LN, of `xero_type`. `other_key` is the key under which an
    allocation may have been sent before Xero gave it an id. `status` is LIVE, GONE (deleted, voided or
    removed), or what Xero calls it and nobody knows. `cash_problem`: why its bank account cannot be told.
    `problem`: what of it cannot be read, or of its invoice.
    """

    key: Key
    xero_type: str
    role: Role | None
    status: str
    day: dt.date | None
    amount: Decimal | None
    currency: str
    rate: Decimal | None
    contact_id: str
    account_id: str
    invoice_number: str = ""
    prepayment_id: str = ""
    other_key: Key | None = None
    changed_at: dt.datetime | None = None
    cash_problem: str = ""
    problem: str = ""

    @property
    def is_credit_note(self) -> bool:
        """Tell whether it stands for a whole credit note: it is among what is applied of itself."""
        return self.key.kind is Kind.ALLOCATION and self.key.xero_id == self.prepayment_id

    @property
    def deleted(self) -> bool:
        """Tell whether it was deleted, voided or removed."""
        return self.status == GONE


def invoices_to_read(shown: Shown) -> set[str]:
    """Return the invoices that are shown too thinly, and are to be read by their ids."""
    nested = [payment.invoice for payment in shown.payments if payment.payment_type in _PAYMENT_ROLES]
    nested += [item.invoice for prepayment in shown.prepayments for item in prepayment.allocations]
    thin = {one.invoice_id for one in nested if one and not _whole(one)}
    return {one for one in thin if one and one not in shown.invoices}


def contacts_to_read(found: Iterable[Document], contacts: Mapping[str, XeroContact]) -> set[str]:
    """Return the contacts to read: nested in others they lack their number."""
    return {one.contact_id for one in found if one.contact_id and one.contact_id not in contacts}


def merged_into(contacts: Mapping[str, XeroContact]) -> set[str]:
    """Return the contacts that others were merged into and that are still to be read."""
    targets = {contact.merged_to_contact_id for contact in contacts.values()}
    return {one for one in targets if one and one not in contacts}


def contact_of(contact_id: str, contacts: Mapping[str, XeroContact]) -> XeroContact | None:
    """Return the contact that remains of one, or None where Xero showed none, or a circle of merges."""
    for _ in range(MOST_MERGES):
        contact = contacts.get(contact_id)
        if contact is None or not contact.merged_to_contact_id:
            return contact
        contact_id = contact.merged_to_contact_id
    return None


def days_to_read(shown: Shown) -> set[dt.date]:
    """Return the days of prepayments whose bank transactions are not among those that were read."""
    known = {one.prepayment_id for one in shown.bank_transactions if one.status in _LIVE_PAYMENT}
    days = {xero_date(one.date) for one in shown.prepayments if one.prepayment_id not in known}
    return {day for day in days if day}


def documents(shown: Shown) -> list[Document]:
    """Return the documents that Xero shows, in the order in which they are to be delivered."""
    organisation, cash = shown.organisation, _cash(shown.bank_transactions)
    found = [_payment(payment, shown) for payment in shown.payments]
    for prepayment in shown.prepayments:
        whole = _prepayment(prepayment, shown, cash.get(prepayment.prepayment_id, frozenset()))
        found += [whole, *_allocations(whole, prepayment.allocations, shown)]
    for overpayment in shown.overpayments:
        whole = _applied_of(overpayment, Key(organisation, Kind.OVERPAYMENT, overpayment.overpayment_id))
        found += [whole, *_allocations(whole, overpayment.allocations, shown)]
    for note in shown.credit_notes:
        # By itself it moves no money: it is what its applications are of (see is_credit_note).
        whole = _applied_of(note, Key(organisation, Kind.ALLOCATION, note.credit_note_id))
        whole = replace(whole, xero_type=CREDIT_NOTE_ALLOCATION, prepayment_id=note.credit_note_id)
        if whole.problem and not whole.deleted:
            # Nothing else may tell of it: what is applied of it may be what cannot be read.
            found.append(whole)
        found += _allocations(whole, note.allocations, shown)
    return in_order(found)


def _cash(transactions: Iterable[XeroBankTransaction]) -> dict[str, frozenset[str]]:
    """Return the bank accounts that the cash of each prepayment went through; what was deleted did not."""
    found: dict[str, frozenset[str]] = {}
    for one in transactions:
        if one.prepayment_id and one.bank_account and one.status in _LIVE_PAYMENT:
            accounts = found.get(one.prepayment_id, frozenset())
            found[one.prepayment_id] = accounts | {one.bank_account.account_id}
    return found


def _status(said: str, live: frozenset[str], deleted: frozenset[str]) -> str:
    if said in live:
        return LIVE
    return GONE if said in deleted else said[:_STATUS_LENGTH]


def in_order(found: Iterable[Document]) -> list[Document]:
    """Put documents in the order of delivery: LN must know a prepayment before what refers to it."""
    return sorted(found, key=lambda one: (_ORDER[one.key.kind], one.day or dt.date.min, one.key.xero_id))


def removed(found: Iterable[Document], rows: Iterable[AuditRow]) -> list[Document]:
    """Return the allocations that the record knows and that what they are of no longer shows.

    `rows` are those of the allocations of exactly the prepayments and the like that were read. Of one that
    cannot be read whole, it is not known what is applied of it.
    """
    shown = {key for one in found for key in (one.key, one.other_key)}
    unread = {
        one.key.xero_id if one.key.kind is Kind.OVERPAYMENT else one.prepayment_id
        for one in found
        if one.problem and not one.deleted
    }
    return [
        Document(
            key=row.key,
            xero_type="",
            role=Role.SALES_PAYMENT,
            status=GONE,
            day=row.entry.day,
            amount=Decimal(row.entry.amount) if row.entry.amount else None,
            currency=row.entry.currency,
            rate=None,
            contact_id="",
            account_id="",
            invoice_number=row.entry.invoice_number,
            prepayment_id=row.entry.prepayment_id,
        )
        for row in rows
        if row.key not in shown
        and row.entry.prepayment_id not in unread
        # A closed row of a credit note that could not be read has nothing more to tell.
        and not (row.discarded and row.key.xero_id == row.entry.prepayment_id)
    ]


def _whole(invoice: XeroInvoice) -> bool:
    named = invoice.contact and invoice.contact.contact_id
    return bool(invoice.invoice_number and invoice.currency_code and named)


def _invoice(nested: XeroInvoice | None, shown: Shown) -> XeroInvoice:
    """Return an invoice as it was read by its id, else as it is nested, else an empty one."""
    if nested is None:
        return XeroInvoice()
    return shown.invoices.get(nested.invoice_id, nested)


def _problems(*problems: str) -> str:
    return "; ".join(one for one in problems if one)


def _payment(payment: XeroPayment, shown: Shown) -> Document:
    invoice = _invoice(payment.invoice, shown)
    return Document(
        key=Key(shown.organisation, Kind.PAYMENT, payment.payment_id),
        xero_type=payment.payment_type,
        role=_PAYMENT_ROLES.get(payment.payment_type),
        status=_status(payment.status, _LIVE_PAYMENT, _DELETED_PAYMENT),
        day=xero_date(payment.date),
        amount=payment.amount,
        rate=payment.currency_rate,
        account_id=payment.account.account_id if payment.account else "",
        changed_at=xero_instant(payment.updated_date_utc),
        currency=invoice.currency_code or "",
        contact_id=invoice.contact.contact_id if invoice.contact else "",
        invoice_number=invoice.invoice_number or "",
        problem=_problems(payment.problem, invoice.problem),
    )


def _applied_of(thing: Allocated, key: Key) -> Document:
    """Return a prepayment, overpayment or credit note, as far as they are alike."""
    return Document(
        key,
        thing.type,
        role=None,
        status=_status(thing.status, _LIVE, _DELETED),
        day=xero_date(thing.date),
        amount=thing.total,
        currency=thing.currency_code or "",
        rate=thing.currency_rate,
        contact_id=thing.contact.contact_id if thing.contact else "",
        account_id="",
        changed_at=xero_instant(thing.updated_date_utc),
        problem=thing.problem,
    )


def _prepayment(prepayment: XeroPrepayment, shown: Shown, accounts: frozenset[str]) -> Document:
    key = Key(shown.organisation, Kind.PREPAYMENT, prepayment.prepayment_id)
    return replace(
        _applied_of(prepayment, key),
        role=_PREPAYMENT_ROLES.get(prepayment.type),
        account_id=min(accounts) if len(accounts) == 1 else "",
        cash_problem="Xero shows its money in more than one bank account" if len(accounts) > 1 else "",
        # Xero's own number of a prepayment is not one of an invoice, and is not sent.
        prepayment_id=prepayment.prepayment_id,
    )


def _allocations(whole: Document, allocations: Iterable[XeroAllocation], shown: Shown) -> Iterator[Document]:
    """Yield the allocations of a prepayment, overpayment or credit note.

    Date and amount are the allocation's; bank account, currency and rate the prepayment's, for LN assigns
    only between documents of the same currency and rate.
    """
    ours = whole.key.kind is Kind.PREPAYMENT
    equals: Counter[tuple[object, ...]] = Counter()
    for item in allocations:
        invoice = _invoice(item.invoice, shown)
        day = xero_date(item.date)
        alike = (invoice.invoice_id, day, number_text(item.amount or Decimal()))
        made = _made_id(whole.key.xero_id, *alike, equals[alike])
        equals[alike] += 1
        xero_id = item.allocation_id or made
        yield replace(
            whole,
            key=Key(shown.organisation, Kind.ALLOCATION, xero_id),
            xero_type=OVERPAYMENT_ALLOCATION if whole.key.kind is Kind.OVERPAYMENT else whole.xero_type,
            role=_ALLOCATION_ROLES.get(whole.xero_type) if ours else None,
            status=_allocation_status(item, whole),
            day=day,
            amount=item.amount,
            invoice_number=invoice.invoice_number or "",
            prepayment_id=whole.key.xero_id,
            other_key=Key(shown.organisation, Kind.ALLOCATION, made) if xero_id != made else None,
            problem=_problems(item.problem, _deletion_problem(item), invoice.problem, whole.problem),
        )


def _allocation_status(item: XeroAllocation, whole: Document) -> str:
    if whole.deleted or str(item.is_deleted).lower() == "true":
        return GONE
    # Neither live nor gone, as any status that nobody knows.
    return f"IsDeleted {item.is_deleted}"[:_STATUS_LENGTH] if _deletion_problem(item) else whole.status


def _deletion_problem(item: XeroAllocation) -> str:
    if item.is_deleted is None or str(item.is_deleted).lower() in {"true", "false"}:
        return ""
    return f'its IsDeleted is "{str(item.is_deleted)[:_STATUS_LENGTH]}" in Xero'


def _made_id(*parts: object) -> str:
    return str(uuid.uuid5(_NAMESPACE, "|".join(map(str, parts))))
