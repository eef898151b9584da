"""The message of one payment, read strictly: just the twelve keys, each of its type, nothing null.

No public page says how lenient LN's own service is; a client that passes here has nothing to fear from a
lenient one. Amounts and rates are read as the decimals they are written as: a client that has computed in
binary floats shows it by digits that no amount has.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from blocks.sandbox.infor_ln.options import LnOptions
from blocks.sandbox.infor_ln.wire import Problem, Refused

_SECONDS_A_DAY: Final = 86_400
_LATEST: Final = 4_102_444_800  # the year 2100; beyond it stand milliseconds
_LONGEST: Final = 255
_DIGITS: Final = 15  # of an amount or a rate before the point
_RATE_DECIMALS: Final = 10
_PREPAYMENT_ID: Final = 10  # the place of the key whose spelling is a setting


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose form is right."""

    document_type: int
    day: date
    bank_account: str
    partner: str
    invoice: str
    currency: str
    rate: Decimal
    amount: Decimal
    description: str
    payment_id: str
    prepayment_id: str
    contact_name: str


def read(content: bytes, options: LnOptions) -> Message:
    """Return a message. Raises Refused, 400, naming every key that is wrong."""
    row = decoded(content)
    keys = keys_of(options)
    problems = [Problem("key-unknown", (name,)) for name in row if name not in keys]
    problems += [Problem("key-missing", (name,)) for name in keys if name not in row]
    if problems:
        raise Refused(400, *problems)
    if options.in_order:
        moved = [
            Problem("key-order", (name,)) for name, place in zip(row, keys, strict=True) if name != place
        ]
        if moved:
            raise Refused(400, moved[0])
    readers = zip(keys, _READERS, strict=True)
    problems = [
        Problem("type", (name, wrong)) for name, reads in readers if (wrong := reads(row[name])) is not None
    ]
    if problems:
        raise Refused(400, *problems)
    values = [row[name] for name in keys]
    values[1] = datetime.fromtimestamp(values[1], UTC).date()
    values[6], values[7] = Decimal(values[6]), Decimal(values[7])
    message = Message(*values)
    _check_use(message, keys, options)
    return message


def keys_of(options: LnOptions) -> tuple[str, ...]:
    """Return the twelve keys in their published order, one of them as spelt in the settings."""
    return (
        "DocumentType",
        "DocumentDate",
        "BankAccountNumber",
        "BusinessPartner",
        "InvoiceNumber",
        "CurrencyCode",
        "CurrencyRate",
        "InvoiceAmount",
        "InvoiceDescription",
        "XeroPaymentID",
        options.prepayment_tag,
        "XeroContactName",
    )


def decoded(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a body, numbers exact. Raises Refused, 400."""
    try:
        row = json.loads(
            content.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_no_number,
            object_pairs_hook=_pairs,
        )
    except (ValueError, RecursionError) as error:
        raise Refused(400, Problem("json", (str(error),))) from None
    if not isinstance(row, dict):
        raise Refused(400, Problem("json", (f"it is a {type(row).__name__}",)))
    return row


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("a key comes twice")
    return row


# Each says what is wrong with a value, or None.


def _type_code(value: object) -> str | None:
    return None if type(value) is int else "an integer"


def _date(value: object) -> str | None:
    if type(value) is not int or not 0 <= value < _LATEST or value % _SECONDS_A_DAY:
        return "midnight UTC in seconds since 1970"
    return None


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return "a string"
    return None if len(value) <= _LONGEST else f"at most {_LONGEST} characters"


def _currency(value: object) -> str | None:
    right = isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper()
    return None if right else "a currency code of three capital letters"


def _number(value: object, decimals: int) -> str | None:
    if type(value) is not int and not isinstance(value, Decimal):
        return "a number"
    number = Decimal(value)
    if number.adjusted() >= _DIGITS:
        return "too large"
    exponent = number.normalize().as_tuple().exponent
    return f"more than {decimals} decimals" if int(exponent) < -decimals else None


def _amount(value: object) -> str | None:
    return _number(value, 2)


def _rate(value: object) -> str | None:
    wrong = _number(value, _RATE_DECIMALS)
    if wrong is None and Decimal(str(value)) <= 0:
        return "greater than zero"
    return wrong


_READERS: Final[tuple[Callable[[object], str | None], ...]] = (
    _type_code,
    _date,
    _text,
    _text,
    _text,
    _currency,
    _rate,
    _amount,
    _text,
    _text,
    _text,
    _text,
)


def _check_use(message: Message, keys: tuple[str, ...], options: LnOptions) -> None:
    """Raise Refused, 400, where what is filled does not go with the document type.

    Payments need an invoice and the payment's id; prepayments a partner and the prepayment's id, and no
    invoice and no payment id. The partner may be empty only on a supplier payment, which becomes an
    expense record then and cannot come out of a prepayment.
    """
    if not message.payment_id and not message.prepayment_id:
        raise Refused(400, Problem("no-id"))
    invoice, payment_id, prepayment_id = keys[4], keys[9], keys[_PREPAYMENT_ID]
    needed: list[tuple[str, str]] = []
    empty: list[tuple[str, str]] = []
    kind = message.document_type
    if kind in (options.sales_payment, options.purchase_payment):
        needed = [(invoice, message.invoice), (payment_id, message.payment_id)]
        if not message.partner and kind == options.purchase_payment:
            empty = [(prepayment_id, message.prepayment_id)]
        else:
            needed.append((keys[3], message.partner))
    elif kind in (options.supplier_prepayment, options.client_prepayment):
        needed = [(keys[3], message.partner), (prepayment_id, message.prepayment_id)]
        empty = [(invoice, message.invoice), (payment_id, message.payment_id)]
    else:
        raise Refused(400, Problem("document-type", (str(kind),)))
    needed.append((keys[2], message.bank_account))
    problems = [Problem("needed", (name, str(kind))) for name, value in needed if not value]
    problems += [Problem("not-allowed", (name,)) for name, value in empty if value]
    if problems:
        raise Refused(400, *problems)
