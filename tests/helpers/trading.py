"""What people do in Xero, and what LN has of it, in few words: for the end-to-end tests of the payments."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from blocks.store.audit_rows import AuditRow, Status
from tests.helpers.sandboxed import Sandboxed

# The written use cases: LN has these invoices, in euros, and these partners.
SALE, BILL = "303-SI1-1234567890", "abcdefg-303-PI1-1234567890"
CLIENT, SUPPLIER, EMPLOYEE = "ABC Customer ltd", "Abcdefg Components GmbH", "Federico Rossi Expenses"
# A customer that LN does not know.
WALK_IN = "Walk-in Customer"
# Payments of Xero that no message to LN is there for.
REFUNDS = [
    *("ARPREPAYMENTPAYMENT", "APPREPAYMENTPAYMENT", "AROVERPAYMENTPAYMENT", "APOVERPAYMENTPAYMENT"),
    *("ARCREDITPAYMENT", "APCREDITPAYMENT"),
]
# The payment call of the gateway, for faults; the token call is another.
LN_CALL = {"system": "ln", "path": "BankTransactions$"}


def pay(sandbox: Sandboxed, contact: str = CLIENT, invoice: str = SALE, **said: object) -> str:
    """Pay an invoice or bill, and return the audit key of the payment: 1 euro unless said otherwise."""
    given = {"contact": contact, "invoice_number": invoice, "amount": "1.00", "currency": "EUR", **said}
    return f"payment:{sandbox.control('xero/pay', given)['PaymentID']}"


def prepay(sandbox: Sandboxed, contact: str = CLIENT, **said: object) -> str:
    """Receive or make a prepayment of 120 euros, and return its audit key."""
    given = {"contact": contact, "amount": "120.00", "currency": "EUR", **said}
    return f"prepayment:{sandbox.control('xero/prepay', given)['PrepaymentID']}"


def allocate(sandbox: Sandboxed, prepayment: str, invoice: str = SALE, **said: object) -> str:
    """Apply 1 euro of a prepayment to an invoice or bill, and return the allocation's audit key."""
    given = {"prepayment_id": bare(prepayment), "invoice_number": invoice, "amount": "1.00", **said}
    return f"allocation:{sandbox.control('xero/allocate', given)['AllocationID']}"


def delete(sandbox: Sandboxed, payment: str) -> None:
    """Delete a payment."""
    sandbox.control("xero/delete_payment", {"payment_id": bare(payment)})


def bare(key: str) -> str:
    """Return the id in an audit key."""
    return key.partition(":")[2]


def message(row: AuditRow) -> dict[str, Any]:
    """Return a row's message: its fields in their order, numbers as they are written."""
    return dict(json.loads(row.message, parse_float=str))


def of_ln(sandbox: Sandboxed, key: str) -> list[dict[str, Any]]:
    """Return what LN has booked under the id of an audit key."""
    return [one for one in sandbox.ln_books() if (one["payment_id"] or one["prepayment_id"]) == bare(key)]


async def arrived(sandbox: Sandboxed, key: str, expected: dict[str, object]) -> AuditRow:
    """Require that LN was posted exactly this message, once, booked it, and that its row says so."""
    row = (await sandbox.audit())[key]
    assert list(message(row).items()) == list(expected.items())
    assert row.status is Status.SENT
    digest = hashlib.sha256(row.message.encode()).hexdigest()
    assert [one["status"] for one in sandbox.ln_posts() if one["body_sha256"] == digest] == [201]
    (document,) = of_ln(sandbox, key)
    names = {
        "DocumentType": "document_type",
        "BankAccountNumber": "bank_account",
        "BusinessPartner": "partner",
        "InvoiceNumber": "invoice",
        "CurrencyCode": "currency",
        "CurrencyRate": "rate",
        "InvoiceAmount": "amount",
        "InvoiceDescription": "description",
        "XeroPaymentID": "payment_id",
        "XeroPprepaymentID": "prepayment_id",
        "XeroContactName": "contact_name",
    }
    assert {name: document[field] for name, field in names.items()} == {
        name: value for name, value in expected.items() if name != "DocumentDate"
    }
    return row


async def statuses(sandbox: Sandboxed) -> dict[str, str]:
    """Return the status of every row of the audit table by its key."""
    return {key: str(row.status) for key, row in (await sandbox.audit()).items()}


async def books_agree(sandbox: Sandboxed) -> None:
    """Require that LN has booked exactly what the audit table says is in LN, each once."""
    rows = await sandbox.audit()
    sent = Counter(row.key.xero_id for row in rows.values() if row.sent_at is not None)
    booked = Counter(one["payment_id"] or one["prepayment_id"] for one in sandbox.ln_books())
    assert booked == sent
    assert set(booked.values()) <= {1}
