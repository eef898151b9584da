"""The message for LN: twelve fields in a fixed order, as exact JSON. Pure.

What is absent is an empty text, never null and never left out. Numbers are written from decimals, so that
no amount passes through binary floating point; the same document always gives the same bytes.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from blocks.xero.payment_models import XeroBankAccount

# Most of what is published spells it so, with a double p; the connection can say otherwise.
PREPAYMENT_FIELD = "XeroPprepaymentID"


def message(
    *,
    document_type: int,
    day: dt.date,
    bank_account_number: str,
    business_partner: str,
    invoice_number: str,
    currency_code: str,
    currency_rate: Decimal,
    invoice_amount: Decimal,
    invoice_description: str,
    xero_payment_id: str,
    xero_prepayment_id: str,
    xero_contact_name: str,
    prepayment_field: str = PREPAYMENT_FIELD,
) -> bytes:
    """Return the bytes to post for a document; amounts are positive, the type gives the direction."""
    return msgspec.json.encode(
        {
            "DocumentType": document_type,
            "DocumentDate": unix_seconds(day),
            "BankAccountNumber": bank_account_number,
            "BusinessPartner": business_partner,
            "InvoiceNumber": invoice_number,
            "CurrencyCode": currency_code,
            "CurrencyRate": msgspec.Raw(number_text(currency_rate).encode()),
            "InvoiceAmount": msgspec.Raw(number_text(invoice_amount).encode()),
            "InvoiceDescription": invoice_description,
            "XeroPaymentID": xero_payment_id,
            prepayment_field: xero_prepayment_id,
            "XeroContactName": xero_contact_name,
        }
    )


def decoded(text: str) -> Mapping[str, object]:
    """Return the fields of a message that was sent, numbers as integers and decimals; empty for none."""
    try:
        return _FIELDS.decode(text)
    except msgspec.DecodeError:
        return {}


def day_of(seconds: object) -> dt.date | None:
    """Return the day of a midnight UTC in seconds."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).date() if isinstance(seconds, int) else None


_FIELDS = msgspec.json.Decoder(dict[str, object], float_hook=Decimal)


def unix_seconds(day: dt.date) -> int:
    """Return midnight UTC of a day in seconds, as LN counts time."""
    return calendar.timegm(day.timetuple())


def number_text(number: Decimal) -> str:
    """Return a number without an exponent and with as few decimals as it has, but one: 1.0, 1.09177.

    1, 1.0 and 1.00 are the same number, however Xero writes it today.
    """
    whole, _, decimals = f"{number:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"


_SORT_CODE_AND_NUMBER = re.compile(r"[0-9]{6}([0-9]{8})")
_NUMBER = re.compile(r"([0-9]{8})")
_BRITISH_IBAN = re.compile(r"GB[0-9]{2}[A-Z]{4}[0-9]{6}([0-9]{8})")


def without_sort_code(number: str) -> str | None:
    """Return the account number in what Xero holds, or None where it has no known shape."""
    packed = re.sub(r"[\s-]", "", number).upper()
    for shape in (_SORT_CODE_AND_NUMBER, _NUMBER, _BRITISH_IBAN):
        if found := shape.fullmatch(packed):
            return found[1]
    return None


def bank_number(
    account_id: str, accounts: Mapping[str, XeroBankAccount], overrides: Mapping[str, str]
) -> tuple[str, str]:
    """Return the number to send for an account, and what is wrong where there is none to send."""
    if override := overrides.get(account_id):
        return override, ""
    account = accounts.get(account_id)
    if account is None:
        return "", "its bank account is unknown: Xero shows none, or one that is not in the chart of accounts"
    remedy = f"enter its number in the connection (for the account {account_id})"
    if account.problem:
        return "", f'the bank account "{account.name}" cannot be read in Xero: {account.problem}'
    if account.type != "BANK":
        return "", f'it was paid from "{account.name}", which is not a bank account in Xero: {remedy}'
    number = without_sort_code(account.bank_account_number or "")
    if number is None:
        what = "has no number" if not account.bank_account_number else "has a number in an unknown format"
        return "", f'the bank account "{account.name}" {what} in Xero: correct it there, or {remedy}'
    return number, ""


_LN_NUMBER = re.compile(r"(?:(.+)-)?([0-9]{1,4})-([A-Z0-9]{3})-([0-9]+)", re.DOTALL)


def ln_invoice(invoice_number: str) -> re.Match[str] | None:
    """Return the parts of a number in LN's format (reference, company, type, number), or None for another."""
    return _LN_NUMBER.fullmatch(invoice_number)


def hint(invoice_number: str) -> str:
    """Return what to tell a person of an invoice that LN does not know, or nothing."""
    if not invoice_number or ln_invoice(invoice_number):
        return ""
    return f' "{invoice_number}" is not an LN invoice number: the invoice may exist in Xero only.'
