"""The written use cases from end to end: what is done in Xero, and the message that LN receives for it."""

from __future__ import annotations

import datetime as dt

import pytest

from blocks.store.audit_rows import Status
from tests.helpers.sandboxed import Sandboxed
from tests.helpers.trading import BILL, CLIENT, EMPLOYEE, SALE, SUPPLIER, allocate, arrived, bare, pay, prepay

# The date, rate and amount of the published samples.
DAY = {"date": "2020-06-29", "rate": "1.09177"}
# The connection is older than the documents.
START = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def expected(kind: int, partner: str, name: str, **other: str) -> dict[str, object]:
    """Return the twelve fields in their order; what the case says of them is given."""
    return {
        "DocumentType": kind,
        "DocumentDate": 1593388800,
        "BankAccountNumber": "55779911",
        "BusinessPartner": partner,
        "InvoiceNumber": other.get("invoice", ""),
        "CurrencyCode": "EUR",
        "CurrencyRate": "1.09177",
        "InvoiceAmount": other.get("amount", "1.0"),
        "InvoiceDescription": "",
        "XeroPaymentID": other.get("payment", ""),
        "XeroPprepaymentID": other.get("prepayment", ""),
        "XeroContactName": name,
    }


@pytest.mark.parametrize(
    ("contact", "paid", "kind", "partner"),
    [
        pytest.param(CLIENT, SALE, 1, "300000366", id="received from a client"),
        pytest.param(SUPPLIER, BILL, 2, "BP00000001", id="sent to a recurring supplier"),
        # Without a partner, under its name: an expense there.
        pytest.param(EMPLOYEE, BILL, 2, "", id="sent to a non-recurring supplier"),
    ],
)
async def test_straight_payment(quiet: Sandboxed, contact: str, paid: str, kind: int, partner: str) -> None:
    """A straight payment is type 1 or 2, with the partner's code where LN has it, and no prepayment."""
    payment = pay(quiet, contact, paid, **DAY)

    await quiet.pay_run(connection=quiet.payment_connection(start=START))

    await arrived(quiet, payment, expected(kind, partner, contact, invoice=paid, payment=bare(payment)))
    assert [one["kind"] == "expense" for one in quiet.ln_books()] == [contact == EMPLOYEE]


async def test_payment_received_from_client_and_related_to_prepayment(quiet: Sandboxed) -> None:
    """A payment out of an earlier prepayment is type 1 and names that prepayment beside its own id."""
    prepayment = prepay(quiet, CLIENT, **DAY)
    allocation = allocate(quiet, prepayment, SALE, date="2020-06-29")

    await quiet.pay_run(connection=quiet.payment_connection(start=START))

    await arrived(
        quiet,
        allocation,
        expected(1, "300000366", CLIENT, invoice=SALE, payment=bare(allocation), prepayment=bare(prepayment)),
    )


@pytest.mark.parametrize(
    ("contact", "kind", "partner"),
    [
        pytest.param(CLIENT, 4, "300000366", id="received from a client"),
        pytest.param(SUPPLIER, 3, "BP00000001", id="made for a recurring supplier"),
    ],
)
async def test_prepayment(quiet: Sandboxed, contact: str, kind: int, partner: str) -> None:
    """A prepayment is type 4 or 3, of its whole amount, without an invoice or a payment's id."""
    prepayment = prepay(quiet, contact, **DAY)

    await quiet.pay_run(connection=quiet.payment_connection(start=START))

    row = expected(kind, partner, contact, amount="120.0", prepayment=bare(prepayment))
    await arrived(quiet, prepayment, row)


async def test_prepayment_made_for_non_recurring_supplier(quiet: Sandboxed) -> None:
    """A prepayment to a supplier that LN lacks is an exception without a call to LN, until LN has it."""
    with quiet.earlier(hours=2):
        prepayment = prepay(quiet, EMPLOYEE, **DAY)
    await quiet.pay_run(connection=quiet.payment_connection(start=START))
    row = (await quiet.audit())[prepayment]
    assert (row.status, row.tries) == (Status.EXCEPTION, 0)
    assert "Federico Rossi Expenses" in row.reason
    assert quiet.ln_posts() == []

    quiet.control("ln/partner", {"code": "BP00000777", "name": EMPLOYEE, "role": "supplier"})
    quiet.control("xero/contact_number", {"contact": EMPLOYEE, "number": "BP00000777"})
    await quiet.pay_run(connection=quiet.payment_connection(start=START))

    await arrived(
        quiet, prepayment, expected(3, "BP00000777", EMPLOYEE, amount="120.0", prepayment=bare(prepayment))
    )
