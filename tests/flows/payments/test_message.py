"""The twelve fields, byte for byte."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.payments.message import message, number_text, unix_seconds
from tests.helpers.payments import examples

SAMPLE: dict[str, Any] = {
    "document_type": 1,
    "day": dt.date(2020, 6, 29),
    "bank_account_number": "12345678",
    "business_partner": "300000366",
    "invoice_number": "303-SI1-1234567890",
    "currency_code": "EUR",
    "currency_rate": Decimal("1.09177"),
    "invoice_amount": Decimal(1),
    "invoice_description": "",
    "xero_payment_id": "5678-5678-5678-5678",
    "xero_prepayment_id": "abcde-abcde-abcde-abcde",
    "xero_contact_name": "ABC Customer ltd",
}
BYTES = (
    b'{"DocumentType":1,"DocumentDate":1593388800,"BankAccountNumber":"12345678",'
    b'"BusinessPartner":"300000366","InvoiceNumber":"303-SI1-1234567890","CurrencyCode":"EUR",'
    b'"CurrencyRate":1.09177,"InvoiceAmount":1.0,"InvoiceDescription":"",'
    b'"XeroPaymentID":"5678-5678-5678-5678","XeroPprepaymentID":"abcde-abcde-abcde-abcde",'
    b'"XeroContactName":"ABC Customer ltd"}'
)


def test_the_sample_byte_for_byte() -> None:
    """The published sample comes out exactly as it stands there."""
    assert message(**SAMPLE) == BYTES


def test_the_other_spelling_of_the_prepayment() -> None:
    """The spelling is the connection's, in the same place, and nothing else changes."""
    assert message(**SAMPLE, prepayment_field="XeroPrepaymentID") == BYTES.replace(
        b"XeroPprepaymentID", b"XeroPrepaymentID"
    )


def test_absent_values_are_empty_texts() -> None:
    """What is absent is an empty text, in all twelve fields that there are."""
    absent = ("business_partner", "invoice_number", "xero_payment_id", "xero_prepayment_id")
    found = json.loads(message(**SAMPLE | dict.fromkeys(absent, "")))
    assert len(found) == 12
    assert [name for name, value in found.items() if value == ""] == [
        "BusinessPartner",
        "InvoiceNumber",
        "InvoiceDescription",
        "XeroPaymentID",
        "XeroPprepaymentID",
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1", "1.0"),
        ("1.00", "1.0"),
        ("0.10", "0.1"),
        ("1E+3", "1000.0"),
        ("1E-7", "0.0000001"),
        ("120.050", "120.05"),
        ("100", "100.0"),
        ("123456789012345678901234567890.12", "123456789012345678901234567890.12"),
    ],
)
def test_numbers_as_they_are_written(number: str, text: str) -> None:
    """A number has no exponent, no trailing zeros but one, and loses no digit."""
    assert number_text(Decimal(number)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
@examples
def test_no_number_is_changed(number: Decimal) -> None:
    """What is written is the very number, and the same for every way of writing it."""
    text = number_text(number)
    assert Decimal(text) == number
    assert number_text(Decimal(text)) == text


@given(st.dates(dt.date(1970, 1, 1), dt.date(2200, 1, 1)))
@examples
def test_dates_are_midnight_utc(day: dt.date) -> None:
    """A date is the first second of that day in UTC."""
    at = dt.datetime.fromtimestamp(unix_seconds(day), dt.UTC)
    assert (at.date(), at.time()) == (day, dt.time())


@given(st.text(), st.text(), st.decimals(1, 10**9, places=2))
@examples
def test_whatever_the_texts_the_bytes_are_json(name: str, number: str, amount: Decimal) -> None:
    """Names and numbers come out of the bytes as they went in, and the amount exactly."""
    fields = SAMPLE | {"xero_contact_name": name, "invoice_number": number, "invoice_amount": amount}
    found = json.loads(message(**fields), parse_float=Decimal)
    assert (found["XeroContactName"], found["InvoiceNumber"], found["InvoiceAmount"]) == (
        name,
        number,
        amount,
    )
    assert message(**fields) == message(**fields)
