"""Money: exact decimals from Mambu, integers in the minor unit after rounding, text to Xero. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# ISO 4217: currencies without minor units. All others are sent with two decimals, which is as fine as
# Xero counts, also those that ISO 4217 gives three or four.
_WITHOUT_MINOR_UNITS = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
# Amounts are refused from here on: 18 significant digits.
TOO_LARGE_MINOR = 10**18
# Digits in which sums of amounts are exact: of any day's lines, with all the decimals that are read.
SUMS_PRECISION = 60
_INT64_LIMIT = 2**63 - 1


def minor_digits(currency: str) -> int:
    """Return how many decimals amounts of a currency have in Xero."""
    return 0 if currency in _WITHOUT_MINOR_UNITS else 2


def money_text(minor: int, digits: int) -> str:
    """Return minor units as a plain number with the currency's decimals: -5 becomes -0.05."""
    if digits == 0:
        return str(minor)
    whole, fraction = divmod(abs(minor), 10**digits)
    return f"{'-' if minor < 0 else ''}{whole}.{fraction:0{digits}d}"


def money_texts(minor: pa.Array, digits: int) -> pa.Array:
    """Return the same of a column of minor units (int64)."""
    return pc.cast(decimals(minor, digits), pa.string())


def decimals(minor: pa.Array, digits: int) -> pa.Array:
    """Return a column of minor units (int64) as amounts."""
    whole = pc.cast(minor, pa.decimal128(38, 0))
    # The same 128-bit integers, read as decimals with the point where it belongs.
    pointed = pa.decimal128(38, digits)
    return pa.Array.from_buffers(pointed, len(whole), whole.buffers(), offset=whole.offset)


def grouped(minor: int, digits: int) -> str:
    """Return minor units for reading, the thousands set apart."""
    whole, point, fraction = money_text(minor, digits).partition(".")
    sign, figures = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(figures):,}{point}{fraction}"


def to_minor(amount: Decimal, digits: int) -> int | None:
    """Return an amount in minor units, or None where it is finer than those."""
    scaled = amount.scaleb(digits)
    return int(scaled) if scaled == scaled.to_integral_value() else None


def sums_of(values: npt.NDArray[Any], places: npt.NDArray[np.integer[Any]], count: int) -> npt.NDArray[Any]:
    """Return `count` sums of integers, each of the values whose place it is, from 0 on: exactly.

    In int64 where no sum can overflow, else in Python's integers.
    """
    exact = _summable(values)
    sums = np.zeros(count, exact.dtype)
    np.add.at(sums, places, exact)
    return sums


def _summable(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return integers in a type in which no sum of them overflows."""
    if values.dtype == object or not len(values):
        return values
    largest = max(abs(int(values.max())), abs(int(values.min())))
    return values if largest * len(values) <= _INT64_LIMIT else values.astype(object)
