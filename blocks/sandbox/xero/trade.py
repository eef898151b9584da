"""The shapes of Xero's documents on the payments side, and the seeded ones made from slots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from blocks.sandbox.clock import day_ms, ms_of
from blocks.sandbox.world import trade
from blocks.sandbox.world.trade import Contact
from blocks.sandbox.xero.chart import bank_account
from blocks.sandbox.xero.documents import Body, Document, Version

_CENT: Final = Decimal("0.01")
_ZERO: Final = Decimal("0.00")
_CONTACTS_MS: Final = ms_of(datetime(2026, 1, 6, 9, 0, tzinfo=UTC))


def instant(ms: int) -> str:
    """Return an instant as Xero writes it."""
    return f"/Date({ms}+0000)/"


def thin(contact: Mapping[str, str] | Contact) -> Body:
    """Return a contact as other documents show it: without its number."""
    if isinstance(contact, Contact):
        return {"ContactID": contact.contact_id, "Name": contact.name, "HasValidationErrors": False}
    return {"ContactID": contact["ContactID"], "Name": contact["Name"], "HasValidationErrors": False}


def account_of(bank: str) -> Body:
    """Return the account a document names; "" is a ledger account, which is no bank account."""
    account = bank_account(bank)
    shown = {"AccountID": account.account_id, "Name": account.name}
    return {**shown, "Code": account.code} if account.code else shown


def in_bank(amount: Decimal, currency: str, rate: Decimal, bank: str) -> Decimal:
    """Return an amount in the currency of the bank account; the rate is foreign units per home unit."""
    if not bank or trade.BANKS[bank].currency == currency:
        return amount
    return (amount / rate).quantize(_CENT)


def rated(rate: Decimal | None, currency: str, draw: int) -> Body:
    """Return the rate as a document bears it: in the home currency it may be 1 or not be there."""
    if rate is None or (currency == trade.BASE_CURRENCY and draw % 2):
        return {}
    return {"CurrencyRate": Decimal("1.0") if currency == trade.BASE_CURRENCY else rate}


def invoice_body(
    invoice_id: str,
    number: str,
    side: str,
    contact: Body,
    day: date,
    currency: str,
    total: Decimal,
    *,
    paid: Decimal = _ZERO,
    credited: Decimal = _ZERO,
    rate: Body | None = None,
) -> Body:
    """Return an invoice or a bill, dated two weeks before `day`; an allocation counts as credited."""
    due = total - paid - credited
    body: Body = {
        "Type": "ACCREC" if side == "sales" else "ACCPAY",
        "InvoiceID": invoice_id,
        "InvoiceNumber": number,
        "Reference": "",
        "AmountDue": due,
        "AmountPaid": paid,
        "AmountCredited": credited,
        **(rate or {}),
        "CurrencyCode": currency,
        "IsDiscounted": False,
        "HasAttachments": False,
        "Contact": contact,
        "Date": instant(day_ms(day - timedelta(days=14))),
        "DueDate": instant(day_ms(day + timedelta(days=16))),
        "Status": "PAID" if due <= 0 else "AUTHORISED",
        "LineAmountTypes": "Exclusive",
        "SubTotal": total,
        "TotalTax": _ZERO,
        "Total": total,
    }
    return {**body, "FullyPaidOnDate": instant(day_ms(day))} if due <= 0 else body


def with_settled(invoice: Body, day: date, *, paid: Decimal = _ZERO, credited: Decimal = _ZERO) -> Body:
    """Return an invoice with more paid or credited, or less."""
    body = {**invoice}
    body["AmountPaid"] += paid
    body["AmountCredited"] += credited
    body["AmountDue"] -= paid + credited
    body.pop("FullyPaidOnDate", None)
    body["Status"] = "AUTHORISED"
    if body["AmountDue"] <= 0:
        body |= {"Status": "PAID", "FullyPaidOnDate": instant(day_ms(day))}
    return body


def payment_body(
    payment_id: str,
    payment_type: str,
    day: date,
    amount: Decimal,
    bank: str,
    bank_amount: Decimal,
    rate: Body,
    about: Body,
    **more: Any,
) -> Body:
    """Return a payment; `about` is the thin document it pays, under the name it has there."""
    return {
        "PaymentID": payment_id,
        "Date": instant(day_ms(day)),
        "BankAmount": bank_amount,
        "Amount": amount,
        **rate,
        "Reference": "",
        "PaymentType": payment_type,
        "Status": "AUTHORISED",
        "HasAccount": True,
        "IsReconciled": False,
        "Account": account_of(bank),
        **about,
        "HasValidationErrors": False,
        **more,
    }


def thin_invoice(invoice: Body) -> Body:
    """Return an invoice as a payment in a list shows it: no currency, and of its contact no number."""
    names = ("Type", "InvoiceID", "InvoiceNumber", "Contact")
    return {**{name: invoice[name] for name in names}, "IsDiscounted": False, "HasErrors": False}


def prepayment_body(
    prepayment_id: str,
    kind: str,
    contact: Body,
    day: date,
    currency: str,
    total: Decimal,
    rate: Body,
    **more: Any,
) -> Body:
    """Return a prepayment without allocations; it has no bank account, only its bank transaction has."""
    return {
        "PrepaymentID": prepayment_id,
        "Type": kind,
        "Status": "AUTHORISED",
        "Contact": contact,
        "Date": instant(day_ms(day)),
        "LineAmountTypes": "Inclusive",
        "SubTotal": total,
        "TotalTax": _ZERO,
        "Total": total,
        "CurrencyCode": currency,
        **rate,
        "RemainingCredit": total,
        "Allocations": [],
        "Payments": [],
        "HasAttachments": False,
        "Reference": "",
        "InvoiceNumber": f"PP-{prepayment_id[2:13]}",
        **more,
    }


def credit_note_body(
    note_id: str, number: str, note_type: str, contact: Body, day: date, currency: str, total: Decimal
) -> Body:
    """Return a credit note of which nothing was applied yet."""
    return {
        "CreditNoteID": note_id,
        "CreditNoteNumber": number,
        "Type": note_type,
        "Status": "AUTHORISED",
        "Contact": contact,
        "Date": instant(day_ms(day)),
        "Total": total,
        "RemainingCredit": total,
        "CurrencyCode": currency,
        "Allocations": [],
    }


def allocated(document: Body, allocation_id: str | None, invoice: Body, amount: Decimal, day: date) -> Body:
    """Return a prepayment or overpayment with one more allocation; without an id as older answers have it."""
    entry: Body = {
        "Amount": amount,
        "Date": instant(day_ms(day)),
        "Invoice": {"InvoiceID": invoice["InvoiceID"], "InvoiceNumber": invoice["InvoiceNumber"]},
        "IsDeleted": False,
    }
    if allocation_id is not None:
        entry = {"AllocationID": allocation_id, **entry}
    left = document["RemainingCredit"] - amount
    status = "PAID" if left <= 0 else document["Status"]
    entries = [*document["Allocations"], entry]
    return {**document, "RemainingCredit": left, "Status": status, "Allocations": entries}


def without_allocation(document: Body, place: int) -> Body:
    """Return a prepayment with one allocation removed: flagged here, and as a rule not shown."""
    entries = [{**one} for one in document["Allocations"]]
    entries[place]["IsDeleted"] = True
    left = document["RemainingCredit"] + entries[place]["Amount"]
    return {**document, "RemainingCredit": left, "Status": "AUTHORISED", "Allocations": entries}


def bank_transaction_body(
    transaction_id: str,
    kind: str,
    contact: Body,
    day: date,
    currency: str,
    total: Decimal,
    bank: str,
    rate: Body,
    **more: Any,
) -> Body:
    """Return a bank transaction; `more` names the prepayment or overpayment it is the cash of."""
    return {
        "BankTransactionID": transaction_id,
        "BankAccount": account_of(bank),
        "Type": kind,
        "Reference": "",
        "IsReconciled": False,
        "HasAttachments": False,
        "Contact": contact,
        "Date": instant(day_ms(day)),
        "Status": "AUTHORISED",
        "LineAmountTypes": "Inclusive",
        "LineItems": [],
        "SubTotal": total,
        "TotalTax": _ZERO,
        "Total": total,
        "CurrencyCode": currency,
        **rate,
        **more,
    }


def contacts() -> list[Document]:
    """Return the contacts, the same in every sandbox."""
    return [
        Document("Contacts", one.contact_id, [Version(_CONTACTS_MS + place, _contact_body(one))])
        for place, one in enumerate(trade.CONTACTS)
    ]


def _contact_body(contact: Contact) -> Body:
    body: Body = {
        "ContactID": contact.contact_id,
        "ContactStatus": "ARCHIVED" if contact.archived else "ACTIVE",
        "Name": contact.name,
        "EmailAddress": "",
        "BankAccountDetails": "",
        "IsSupplier": contact.side == "purchase",
        "IsCustomer": contact.side == "sales",
        "HasAttachments": False,
        "HasValidationErrors": False,
    }
    if contact.number:
        body["ContactNumber"] = contact.number
    if contact.merged_to:
        body["MergedToContactID"] = contact.merged_to
    return body


def total_of(amounts: Iterable[Decimal]) -> Decimal:
    """Return a sum."""
    return sum(amounts, _ZERO)
