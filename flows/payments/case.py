"""The case of a document: all that decides on it, what its row says of it, and its message for LN. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from blocks.store.audit_rows import GONE, LIVE, MADE_AGAIN, AuditRow, Entry, Key, Kind, Status, was_gone
from blocks.xero.payment_models import Shown, XeroContact
from flows.payments.documents import Document, contact_of
from flows.payments.message import bank_number, day_of, decoded, message, number_text
from flows.payments.models import Action, Decision, Policy


@dataclass(frozen=True, slots=True)
class Case:
    """A document with all that decides on it."""

    document: Document
    row: AuditRow | None
    prepayment: AuditRow | None
    contact: XeroContact | None
    bank: str
    bank_problem: str
    rate: Decimal | None
    entry: Entry
    policy: Policy

    def note(self, status: Status, reason: str) -> Decision:
        """Return the decision to write down a status."""
        return Decision(Action.NOTE, reason, self.entry, status)

    def leave(self, reason: str) -> Decision:
        """Return the decision to leave the row as it is."""
        return Decision(Action.LEAVE, reason, self.entry)


def row_of(document: Document, rows: Mapping[Key, AuditRow]) -> AuditRow | None:
    """Return a document's row, under whichever of its keys it was sent or first seen."""
    found = [rows[key] for key in (document.key, document.other_key) if key and key in rows]
    return max(found, key=lambda row: (row.sent_at is not None, row.in_doubt, row.tries), default=None)


def case_of(
    document: Document, row: AuditRow | None, prepayment: AuditRow | None, shown: Shown, policy: Policy
) -> Case:
    """Return the case of a document; see `classify`."""
    if row is not None:
        # An allocation that was seen before Xero gave it an id stays known by the id made for it.
        document = replace(document, key=row.key)
    contact = contact_of(document.contact_id, shown.contacts)
    bank, problem = bank_number(document.account_id, shown.accounts, policy.bank_numbers)
    rate = Decimal(1) if document.currency == shown.base_currency else document.rate
    entry = Entry(
        key=document.key,
        connection=policy.connection,
        document_type=policy.document_types[document.role] if document.role else None,
        partner=contact.partner_code if contact else "",
        invoice_number=document.invoice_number,
        contact_name=contact.name if contact else "",
        day=document.day,
        amount=_amount_text(document.amount),
        currency=document.currency,
        prepayment_id=document.prepayment_id,
        bank_account=bank,
        rate=_amount_text(rate),
        xero_status=document.status,
    )
    if row is not None:
        entry = _followed(row, entry, document, contact)
    problem = document.cash_problem or problem
    return Case(document, row, prepayment, contact, bank, problem, rate, entry, policy)


def _followed(row: AuditRow, now: Entry, document: Document, contact: XeroContact | None) -> Entry:
    """Return what a row is to say of its document from now on.

    What is gone is not shown any more as it was; of what is in doubt the row keeps what was sent; and where
    LN has it, or a person has closed it, what was not read again is as it was.
    """
    held = row.entry
    if document.deleted:
        return replace(held, xero_status=GONE)
    if not (may_be_in_ln(row) or row.closed_at_sight_of):
        return now
    status = MADE_AGAIN if was_gone(row) and document.status == LIVE else document.status
    if row.sent_at is None and row.closed_at_sight_of is None:
        return replace(held, xero_status=status)
    return replace(
        now,
        partner=now.partner if contact else held.partner,
        contact_name=now.contact_name if contact else held.contact_name,
        invoice_number=now.invoice_number or held.invoice_number,
        currency=now.currency or held.currency,
        bank_account=now.bank_account if document.account_id else held.bank_account,
        rate=now.rate or held.rate,
        xero_status=status,
    )


def may_be_in_ln(row: AuditRow) -> bool:
    """Tell whether LN has a document, or may have it."""
    return row.sent_at is not None or row.in_doubt or row.result.status is Status.UNKNOWN


def as_sent(row: AuditRow) -> Entry:
    """Return what LN was sent of a document: not what its row has followed Xero to since."""
    fields = decoded(row.message)
    if "DocumentType" not in fields:
        return replace(row.entry, xero_status=None)
    return replace(
        row.entry,
        document_type=int(str(fields["DocumentType"])),
        day=day_of(fields["DocumentDate"]),
        bank_account=str(fields["BankAccountNumber"]),
        partner=str(fields["BusinessPartner"]),
        invoice_number=str(fields["InvoiceNumber"]),
        currency=str(fields["CurrencyCode"]),
        rate=number_text(Decimal(str(fields["CurrencyRate"]))),
        amount=number_text(Decimal(str(fields["InvoiceAmount"]))),
        contact_name=str(fields["XeroContactName"]),
        xero_status=None,
    )


def hint_on(case: Case, shown: Shown) -> str:
    """Return what people should know of a document that is sent, or nothing."""
    if case.document.currency == shown.base_currency or case.rate != 1:
        return ""
    return f" It is in {case.document.currency} at exchange rate 1, as in Xero: check that this is correct."


def _amount_text(amount: Decimal | None) -> str:
    return number_text(amount) if amount is not None and amount.is_finite() else ""


def message_of(case: Case) -> bytes:
    """Return the bytes to post for a document without an obstacle."""
    document, contact = case.document, case.contact
    if (
        document.role is None
        or document.day is None
        or document.amount is None
        or case.rate is None
        or contact is None
    ):
        raise AssertionError("a document with an obstacle is not sent")
    alone = document.key.kind is Kind.PREPAYMENT
    return message(
        document_type=case.policy.document_types[document.role],
        day=document.day,
        bank_account_number=case.bank,
        business_partner=contact.partner_code,
        invoice_number="" if alone else document.invoice_number,
        currency_code=document.currency,
        currency_rate=case.rate,
        invoice_amount=document.amount,
        invoice_description="",
        xero_payment_id="" if alone else document.key.xero_id,
        xero_prepayment_id=document.prepayment_id,
        xero_contact_name=contact.name,
        prepayment_field=case.policy.prepayment_field,
    )
