"""What happens on a lender's day: every kind of posting, as legs on the shared chart of accounts.

An amount is built from up to three parts a, b and c, drawn per posting in cents. A leg names the
parts it carries, and debits and credits name the same parts, so a posting balances by construction.
"""

from __future__ import annotations

from typing import NamedTuple

from blocks.sandbox.world import chart


class Leg(NamedTuple):
    """One line of a posting."""

    debit: bool
    gl_code: str
    parts: str  # some of "abc", added up
    other_branch: bool = False


class Kind(NamedTuple):
    """One kind of posting; `weight` is its share of a day's postings (0: placed by rule only)."""

    name: str
    weight: int
    product: str | None
    limits: tuple[int, int, int]  # the largest a, b and c, in cents
    legs: tuple[Leg, ...]
    manual: bool = False
    foreign: tuple[str, int] | None = None  # currency code, and its units for 10,000 of the organisation's


class Product(NamedTuple):
    """A loan or savings product of the pretended lender."""

    code: str
    name: str
    product_type: str  # LOAN or SAVINGS
    asset_or_liability: str  # the GL code that carries its principal or its balance


PRODUCTS: tuple[Product, ...] = (
    Product("PL", "Personal loan", "LOAN", "1100"),
    Product("SB", "Small business loan", "LOAN", "1110"),
    Product("OD", "Overdraft", "LOAN", "1120"),
    Product("CA", "Current account", "SAVINGS", "2000"),
    Product("SA", "Savings account", "SAVINGS", "2010"),
    Product("TD", "Term deposit", "SAVINGS", "2020"),
)

NOTES: tuple[str, ...] = (
    "Correction agreed with branch manager",
    "Gebühr für Überweisung – Storno",
    "Réf. café Zoë: réglé à l’échéance ✓",
    "再分類：手数料",
    "Опер. день закрыт",
    'See "Q3 provisions", tab 2 \\ row 14',
    "Refund 😀 approved\nsecond line of the note",
)


def _legs(debits: str, credits_: str) -> tuple[Leg, ...]:
    """Return the legs that each name an account and its parts, such as `1200:b`."""
    sides = ((True, debits), (False, credits_))
    parted = [(debit, leg.partition(":")) for debit, legs in sides for leg in legs.split()]
    return tuple(Leg(debit, gl_code, parts) for debit, (gl_code, _, parts) in parted)


def _pair(name: str, weight: int, product: str | None, largest: int, debit: str, credit: str) -> Kind:
    return Kind(name, weight, product, (largest, 0, 0), _legs(f"{debit}:a", f"{credit}:a"))


def _manual(name: str, largest: int, debit: str, credit: str) -> Kind:
    return _pair(name, 4, None, largest, debit, credit)._replace(manual=True)


def _exchange(name: str, currency: str, rate: int) -> Kind:
    legs = _legs("2000:ab", "1010:a 4200:b")
    return Kind(name, 8, "CA", (200_000, 4_000, 0), legs, foreign=(currency, rate))


# In order of importance: a small day holds the first of them, and every day of some 150 lines or
# more holds each at least once.
POSTINGS: tuple[Kind, ...] = (
    Kind("repayment", 160, "PL", (45_000, 9_000, 1_500), _legs("2000:abc", "1100:a 1200:b 1210:c")),
    _manual("salaries", 900_000, "5400", "1010"),
    Kind(
        "transfer between branches",
        30,
        "CA",
        (250_000, 0, 0),
        (
            *_legs("2000:a", "1900-INTERBRANCH:a"),
            *(leg._replace(other_branch=True) for leg in _legs("1900-INTERBRANCH:a", "2010:a")),
        ),
    ),
    _exchange("payment in euro", "EUR", 11_732),
    _exchange("points redeemed", "NON_FIAT", 1_000_000),
    _pair("deposit to current account", 260, "CA", 400_000, "1010", "2000"),
    _pair("withdrawal", 220, "CA", 90_000, "2000", "1010"),
    Kind("card purchase with scheme charge", 120, "CA", (15_000, 60, 0), _legs("2000:a 5200:b", "1020:ab")),
    Kind(
        "disbursement with fee and insurance",
        40,
        "PL",
        (1_500_000, 15_000, 30_000),
        _legs("1100:abc", "2000:a 4100:b 2400:c"),
    ),
    Kind("write-off", 3, "SB", (800_000, 40_000, 0), _legs("5100:ab", "1110:a 1200:b")),
    _pair("direct debit collected", 60, "PL", 60_000, "1030", "1100"),
    _pair("penalty charged", 12, "PL", 4_000, "1220", "4110"),
    _manual("loan loss provision", 5_000_000, "5110", "1300"),
    _manual("suspense cleared", 70_000, "1950", "2300"),
    _pair("account fee", 50, "CA", 2_500, "2000", "4100"),
    _pair("deposit to savings account", 90, "SA", 900_000, "1010", "2010"),
    _pair("term deposit opened", 10, "TD", 9_000_000, "2010", "2020"),
    _pair("overdraft drawn", 70, "OD", 50_000, "1120", "1010"),
    _manual("bank charges", 30_000, "5300", "1010"),
    Kind("business repayment", 50, "SB", (350_000, 60_000, 5_000), _legs("2000:abc", "1110:a 1200:b 1220:c")),
    _pair("business disbursement", 12, "SB", 7_500_000, "1110", "2000"),
    _exchange("payment in dollars", "USD", 13_405),
    Kind(
        "interest paid less withholding tax", 20, "SA", (9_000, 2_000, 0), _legs("2100:ab", "2010:a 2200:b")
    ),
    _manual("share capital paid in", 10_000_000, "1010", "3000"),
)

# Mambu aggregates accruals per product and branch, without a client, account or transaction.
DAILY_ACCRUALS: tuple[Kind, ...] = (
    _pair("interest accrued: PL", 0, "PL", 900_000, "1200", "4000"),
    _pair("interest accrued: CA", 0, "CA", 200_000, "5000", "2100"),
    _pair("interest accrued: SB", 0, "SB", 1_900_000, "1200", "4010"),
    _pair("interest accrued: SA", 0, "SA", 600_000, "5000", "2100"),
    _pair("interest accrued: OD", 0, "OD", 300_000, "1200", "4020"),
    _pair("interest accrued: TD", 0, "TD", 700_000, "5000", "2100"),
)
MONTHLY_ACCRUALS: tuple[Kind, ...] = tuple(
    _pair(f"monthly fee accrued: {code}", 0, code, 90_000, "1210", "4100") for code in ("PL", "SB", "OD")
)

KINDS: tuple[Kind, ...] = POSTINGS + DAILY_ACCRUALS + MONTHLY_ACCRUALS
KIND_NUMBER: dict[str, int] = {kind.name: number for number, kind in enumerate(KINDS)}
ACCOUNT_NUMBER: dict[str, int] = {row.gl_code: number for number, row in enumerate(chart.CHART)}
PRODUCT_NUMBER: dict[str, int] = {row.code: number for number, row in enumerate(PRODUCTS)}
