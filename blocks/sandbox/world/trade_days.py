"""What money moves on a date: pure functions of a seed, a date and a running number.

A *slot* is one event, such as a customer paying an invoice or a prepayment with what is allocated from
it. Every date has the forty slots of `SCHEDULE`, in another order each day, so that every case of the
payments connector occurs on every day (those that take turns: within three days). Dates with more have
common ones beyond. Xero's documents and LN's invoices are both made from slots, so the two agree without
knowing of each other, and an invoice number leads back to its slot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from blocks.sandbox.clock import day_ms
from blocks.sandbox.world import trade
from blocks.sandbox.world.trade import Contact, Side

MOST_A_DAY: Final = 9_999
DAY_MS: Final = 86_400_000
_CENT: Final = Decimal("0.01")

SCHEDULE: Final = (
    *("received",) * 5,
    "received-part",
    "received-eur",
    *("paid",) * 3,
    "paid-eur",
    *("paid-nonrecurring",) * 2,
    "paid-batch",
    "paid-service-bill",
    "prepaid-in",
    "prepaid-in-allocated",
    "prepaid-in-split",
    "prepaid-in-eur",
    "prepaid-out",
    "prepaid-out-allocated",
    "prepaid-out-nonrecurring",
    "prepaid-in-uncoded",
    "allocated-without-id",
    "allocation-removed",
    "prepayment-voided",
    "prepayment-voided-at-once",
    "received-uncoded",
    "invoice-unknown",
    "partner-unknown",
    "merged-contact",
    "no-bank-number",
    "odd",
    "refund-a",
    "refund-b",
    "overpaid",
    "ledger-prepayment",
    "deleted",
    "deleted-at-once",
    "bank-only",
)
_COMMON: Final = (
    *("received",) * 6,
    "received-eur",
    *("paid",) * 4,
    "paid-nonrecurring",
    "prepaid-in-allocated",
    "prepaid-out-allocated",
)
# Those that take turns from day to day.
_TURNS: Final = {
    "no-bank-number": ("no-bank-ledger", "no-bank-unreadable", "no-bank-empty"),
    "odd": ("no-rate", "bank-unknown", "prepaid-in-plain"),
    "refund-a": ("refund-ARPREPAYMENTPAYMENT", "refund-AROVERPAYMENTPAYMENT", "refund-ARCREDITPAYMENT"),
    "refund-b": ("refund-APPREPAYMENTPAYMENT", "refund-APOVERPAYMENTPAYMENT", "refund-APCREDITPAYMENT"),
    "overpaid": ("overpaid-in", "overpaid-out"),
    "ledger-prepayment": ("ledger-ARPREPAYMENT", "ledger-APPREPAYMENT"),
    "bank-only": ("bank-RECEIVE", "bank-SPEND", "bank-SPEND-TRANSFER"),
}
_PURCHASE: Final = ("paid", "prepaid-out", "refund-AP", "overpaid-out", "ledger-AP", "bank-SPEND")
_CURRENCY: Final = {
    "received-eur": "EUR",
    "paid-eur": "EUR",
    "prepaid-in-eur": "EUR",
    "no-rate": "USD",
}
_BANK: Final = {
    "no-bank-ledger": "",
    "no-bank-unreadable": "unreadable",
    "no-bank-empty": "empty",
    "bank-unknown": "closed",
}
_CONTACTS: Final = {
    "paid-nonrecurring": trade.SUPPLIERS_WITHOUT_CODE,
    "prepaid-out-nonrecurring": trade.SUPPLIERS_WITHOUT_CODE,
    "paid-service-bill": trade.SERVICE_SUPPLIERS,
    "prepaid-in-uncoded": trade.CUSTOMERS_WITHOUT_CODE,
    "received-uncoded": trade.CUSTOMERS_WITHOUT_CODE,
    "partner-unknown": trade.STRANGERS[:1],
    "merged-contact": trade.MERGED[:1],
}
# How many invoices an event is about, where it is not one.
_INVOICES: Final = {
    "paid-batch": 3,
    "prepaid-in-split": 2,
    "prepaid-in": 0,
    "prepaid-out": 0,
    "prepaid-in-plain": 0,
    "prepaid-out-nonrecurring": 0,
    "prepayment-voided": 0,
    "prepayment-voided-at-once": 0,
}
_NUMBER: Final = re.compile(r"-(\d\d)(\d{3})(\d{4})(\d)")
_SERVICE_NUMBER: Final = re.compile(r"INV-\d{3}")


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice or bill; `known` tells whether LN has it."""

    number: str
    contact: Contact
    side: Side
    currency: str
    total: Decimal
    known: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """One event. `bank` is a key of trade.BANKS, "" for a ledger account; `draw` is noise for the rest."""

    day: date
    n: int
    kind: str
    side: Side
    contact: Contact
    currency: str
    rate: Decimal
    bank: str
    created_ms: int
    invoices: tuple[Invoice, ...]
    draw: int


def kind_of(day: date, n: int, draw: int = 0) -> str:
    """Return what the slot `n` of a date is about."""
    if n >= len(SCHEDULE):
        return _COMMON[draw % len(_COMMON)]
    kind = SCHEDULE[(n + 13 * day.toordinal()) % len(SCHEDULE)]
    turns = _TURNS.get(kind)
    return turns[day.toordinal() % len(turns)] if turns else kind


def slot(seed: int, day: date, n: int) -> Slot:
    """Return one event of a date."""
    digest = blake2b(f"{seed}/{day.toordinal()}/{n}".encode(), digest_size=32).digest()
    draw = int.from_bytes(digest[:8])
    kind = kind_of(day, n, digest[30])
    side: Side = "purchase" if kind.startswith(_PURCHASE) else "sales"
    contacts = _CONTACTS.get(kind) or (trade.SUPPLIERS if side == "purchase" else trade.CUSTOMERS)
    contact = contacts[digest[8] % len(contacts)]
    currency = _CURRENCY.get(kind, trade.BASE_CURRENCY)
    # Five minutes after midnight to ten before the next: no seeded document lies on the border of a day.
    created = day_ms(day) + 300_000 + int.from_bytes(digest[9:13]) % (DAY_MS - 900_000)
    count = 0 if kind.startswith(("refund-", "ledger-", "bank-R", "bank-S")) else _INVOICES.get(kind, 1)
    invoices = tuple(_invoice(day, n, sub, kind, side, contact, currency, digest) for sub in range(count))
    return Slot(
        day,
        n,
        kind,
        side,
        contact,
        currency,
        rate_of(day, currency),
        _BANK.get(kind, _usual_bank(currency, digest[13])),
        created,
        invoices,
        draw,
    )


def _usual_bank(currency: str, draw: int) -> str:
    if currency == "EUR" and draw % 2:
        return "euro"
    if currency == "USD":
        return "dollar"
    return ("settlement", "settlement", "reserve", "spaced")[draw % 4]


@lru_cache(maxsize=4096)
def rate_of(day: date, currency: str) -> Decimal:
    """Return a date's rate: units of `currency` for one of the base currency."""
    if currency == trade.BASE_CURRENCY:
        return Decimal(1)
    step = int.from_bytes(blake2b(f"{day.toordinal()}/{currency}".encode(), digest_size=2).digest())
    first = Decimal("1.09177") if currency == "EUR" else Decimal("1.26431")
    return first + Decimal(step % 6000) / 100_000


def amount_of(draw: int, least: int = 2_500, most: int = 1_900_000) -> Decimal:
    """Return an amount for a piece of noise, from `least` to `most` cents."""
    return Decimal(least + draw % (most - least)) * _CENT


def _invoice(
    day: date, n: int, sub: int, kind: str, side: Side, contact: Contact, currency: str, digest: bytes
) -> Invoice:
    code = f"{day:%y%j}{n:04}{sub}"
    if kind == "paid-service-bill":
        number = f"INV-{1 + digest[14] % 250:03}"
    elif kind == "invoice-unknown":
        number = f"INV-{code}"
    elif side == "sales":
        number = f"{trade.COMPANY}-SI1-{code}"
    else:
        # The supplier's reference stands in front, and may hold a dash itself.
        reference = f"{digest[15:18].hex()}{'-' if digest[18] % 3 == 0 else ''}{digest[19] % 90}"
        number = f"{reference}-{trade.COMPANY}-PI1-{code}"
    total = amount_of(int.from_bytes(digest[20 + sub : 24 + sub]))
    known = trade.resolved(contact).in_ln and kind != "invoice-unknown"
    return Invoice(number, contact, side, currency, total, known)


# Those of the written use cases, so that their sample messages can be sent word for word.
_WRITTEN: Final = {
    number: Invoice(number, contact, contact.side, "EUR", Decimal("5000.00"), known=True)
    for number, contact in (
        ("303-SI1-1234567890", trade.CUSTOMERS[6]),
        ("abcdefg-303-PI1-1234567890", trade.SUPPLIERS[0]),
    )
}


def known_invoice(seed: int, number: str, partner: str) -> Invoice | None:
    """Return the invoice that LN has under a number; None where it has none.

    The suppliers' own numbers are not unique: there the partner decides, as it does in LN.
    """
    if number in _WRITTEN:
        return _WRITTEN[number]
    if _SERVICE_NUMBER.fullmatch(number):
        for contact in trade.SERVICE_SUPPLIERS:
            if contact.number == partner:
                total = Decimal("25000.00")
                return Invoice(number, contact, "purchase", trade.BASE_CURRENCY, total, known=True)
        return None
    found = _NUMBER.fullmatch(number[-11:])
    if found is None:
        return None
    year, of_year, n, sub = (int(part) for part in found.groups())
    day = date(2000 + year, 1, 1) + timedelta(days=of_year - 1)
    invoices = slot(seed, day, n).invoices
    if sub < len(invoices) and invoices[sub].number == number and invoices[sub].known:
        return invoices[sub]
    return None
