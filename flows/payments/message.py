"""The message for LN: twelve fields in a fixed order, as exact JSON. Pure.

What is absent is an empty text, never null and never left out. Numbers are written from decimals, so that
no amount passes through binary floating point; the same document always gives the same bytes.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec

# Most of what is published spells it so, with a double p; the connection can say otherwise.
PREPAYMENT_FIELD = "XeroPprepaymentID"


@dataclass(frozen=True, slots=True)
class Message:
    """A payment document as LN takes it; amounts are positive, the type gives the direction."""

    document_type: int
    day: dt.date
    bank_account_number: str
    business_partner: str
    invoice_number: str
    currency_code: str
    currency_rate: Decimal
    invoice_amount: Decimal
    invoice_description: str
    xero_payment_id: str
    xero_prepayment_id: str
    xero_contact_name: str


def encoded(message: Message, prepayment_field: str = PREPAYMENT_FIELD) -> bytes:
    """Return the bytes to post."""
    return msgspec.json.encode(
        {
            "DocumentType": message.document_type,
            "DocumentDate": unix_seconds(message.day),
            "BankAccountNumber": message.bank_account_number,
            "BusinessPartner": message.business_partner,
            "InvoiceNumber": message.invoice_number,
            "CurrencyCode": message.currency_code,
            "CurrencyRate": msgspec.Raw(number_text(message.currency_rate).encode()),
            "InvoiceAmount": msgspec.Raw(number_text(message.invoice_amount).encode()),
            "InvoiceDescription": message.invoice_description,
            "XeroPaymentID": message.xero_payment_id,
            prepayment_field: message.xero_prepayment_id,
            "XeroContactName": message.xero_contact_name,
        }
    )


def decoded(message: str) -> Mapping[str, object]:
    """Return the fields of a message that was sent, numbers as integers and decimals; empty for none."""
    try:
        return _FIELDS.decode(message)
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
