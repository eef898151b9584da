"""What Xero shows of payments, in few words, for the tests of the payments flow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import settings

from blocks.store import audit_rows as rules
from blocks.store.audit_rows import AuditRow, Entry, Key, Kind, Result, Status
from blocks.xero.payment_models import (
    Shown,
    XeroAccountRef,
    XeroAllocation,
    XeroBankAccount,
    XeroBankTransaction,
    XeroContact,
    XeroInvoice,
    XeroOverpayment,
    XeroPayment,
    XeroPrepayment,
)
from flows.payments.case import row_of
from flows.payments.classify import classify
from flows.payments.documents import Document, Role, documents
from flows.payments.models import Decision, Policy

AT = dt.datetime(2026, 11, 21, 3, 0, tzinfo=dt.UTC)
# 29 June 2020, midnight UTC: the date of the published samples.
DATE = "/Date(1593388800000+0000)/"
CLIENT, SUPPLIER, EMPLOYEE, WITHOUT_CODE = "c-client", "c-supplier", "c-employee", "c-without-code"
BANK, TILL = "a-bank", "a-till"
SALE, PURCHASE, EXPENSES = "i-sale", "i-purchase", "i-expenses"
CONTACTS = {
    CLIENT: XeroContact(CLIENT, "ABC Customer ltd", "300000366"),
    SUPPLIER: XeroContact(SUPPLIER, "Recurring Supplier", " BP00000001 "),
    EMPLOYEE: XeroContact(EMPLOYEE, "Federico Rossi Expenses"),
    WITHOUT_CODE: XeroContact(WITHOUT_CODE, "Nobody ltd", " "),
}
INVOICES = {
    SALE: XeroInvoice(SALE, "303-SI1-1234567890", "ACCREC", "EUR", CONTACTS[CLIENT]),
    PURCHASE: XeroInvoice(PURCHASE, "abcdefg-303-PI1-1234567890", "ACCPAY", "EUR", CONTACTS[SUPPLIER]),
    EXPENSES: XeroInvoice(EXPENSES, "abcdefg-303-PI1-1234567891", "ACCPAY", "GBP", CONTACTS[EMPLOYEE]),
}
ACCOUNTS = {
    BANK: XeroBankAccount(BANK, "BANK", "Main", "01-02-03 12345678"),
    TILL: XeroBankAccount(TILL, "CURRENT", "Till"),
}
TYPES = {
    Role.SALES_PAYMENT: 1,
    Role.PURCHASE_PAYMENT: 2,
    Role.SUPPLIER_PREPAYMENT: 3,
    Role.CLIENT_PREPAYMENT: 4,
}
POLICY = Policy("default", TYPES)
examples = settings(max_examples=60)


def payment(invoice: str = SALE, /, **other: Any) -> XeroPayment:
    """Return a payment as lists show it: with its invoice's id alone."""
    return XeroPayment(
        **{
            "payment_id": "1234-1234-1234-1234",
            "payment_type": "ACCRECPAYMENT",
            "status": "AUTHORISED",
            "date": DATE,
            "amount": Decimal("1.00"),
            "currency_rate": Decimal("1.09177"),
            "account": XeroAccountRef(BANK),
            "invoice": XeroInvoice(invoice),
            **other,
        }
    )


def prepayment(contact: str = CLIENT, *allocations: XeroAllocation, **other: Any) -> XeroPrepayment:
    """Return a prepayment with its allocations."""
    return XeroPrepayment(
        **{
            "prepayment_id": "abcde-abcde-abcde-abcde",
            "type": "RECEIVE-PREPAYMENT",
            "status": "AUTHORISED",
            "contact": XeroContact(contact),
            "date": DATE,
            "total": Decimal("120.00"),
            "currency_code": "EUR",
            "currency_rate": Decimal("1.09177"),
            "allocations": list(allocations),
            **other,
        }
    )


def allocation(invoice: str = SALE, /, **other: Any) -> XeroAllocation:
    """Return an allocation to an invoice."""
    return XeroAllocation(
        **{
            "allocation_id": "5678-5678-5678-5678",
            "amount": Decimal("1.00"),
            "date": DATE,
            "invoice": XeroInvoice(invoice),
            **other,
        }
    )


def shown(*items: XeroPayment | XeroPrepayment | XeroOverpayment, **other: Any) -> Shown:
    """Return what Xero shows of a few things; the cash of every prepayment went through the bank."""
    prepayments = [item for item in items if isinstance(item, XeroPrepayment)]
    cash = [
        XeroBankTransaction("b", "RECEIVE", "AUTHORISED", XeroAccountRef(BANK), one.prepayment_id)
        for one in prepayments
    ]
    made = Shown(
        "org",
        "GBP",
        [item for item in items if isinstance(item, XeroPayment)],
        prepayments,
        [item for item in items if isinstance(item, XeroOverpayment)],
        bank_transactions=cash,
        invoices=INVOICES,
        contacts=CONTACTS,
        accounts=ACCOUNTS,
    )
    return replace(made, **other)


def only(found: Iterable[Document], kind: Kind) -> Document:
    """Return the one document of a kind."""
    (one,) = [document for document in found if document.key.kind is kind]
    return one


def decided(
    everything: Shown,
    kind: Kind = Kind.PAYMENT,
    row: AuditRow | None = None,
    prepaid: AuditRow | None = None,
    policy: Policy = POLICY,
) -> Decision:
    """Decide on the one document of a kind that Xero shows."""
    document = only(documents(everything), kind)
    rows = {row.key: row} if row else {}
    return classify(document, row_of(document, rows), prepaid, everything, policy)


def row(status: Status | None, entry: Entry, message: bytes = b"{}") -> AuditRow:
    """Return the audit row of a document at a status; None: the run died right after the post."""
    if status in {Status.EXCEPTION, Status.UNSUPPORTED, Status.DISCARDED}:
        return rules.noted(None, entry, status, "why", "run-1", AT)
    posted = rules.posting(None, entry, message.decode(), "run-1", AT)
    return rules.settled(posted, Result(status, "said"), AT) if status else posted


def prepaid(status: Status | None) -> AuditRow:
    """Return the row of the prepayment."""
    return row(status, Entry(Key("org", Kind.PREPAYMENT, "abcde-abcde-abcde-abcde"), "default"))
