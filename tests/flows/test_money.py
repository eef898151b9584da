"""Money: minor units, their text, and exact sums."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.money import minor_digits, money_text, sums_of, to_minor

LARGEST = 10**18 - 1


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 2), ("CLP", 0)])
def test_decimals_of_a_currency(currency: str, digits: int) -> None:
    """Amounts have two decimals in Xero, or none where the currency has no minor unit."""
    assert minor_digits(currency) == digits


@pytest.mark.parametrize(
    ("minor", "digits", "text"),
    [(-5, 2, "-0.05"), (0, 2, "0.00"), (100, 2, "1.00"), (-100, 0, "-100"), (LARGEST, 2, f"{'9' * 16}.99")],
)
def test_text_of_an_amount(minor: int, digits: int, text: str) -> None:
    """Minor units are written as a plain number with the currency's decimals."""
    assert money_text(minor, digits) == text


@given(minor=st.integers(-LARGEST, LARGEST), digits=st.sampled_from([0, 2]))
def test_text_loses_nothing(minor: int, digits: int) -> None:
    """An amount of up to 18 digits is the same after it was written and read."""
    assert to_minor(Decimal(money_text(minor, digits)), digits) == minor


@pytest.mark.parametrize(("amount", "digits"), [("0.005", 2), ("1.5", 0), ("-0.001", 2)])
def test_finer_amounts_have_no_minor_units(amount: str, digits: int) -> None:
    """An amount finer than the minor unit is not silently rounded to one."""
    assert to_minor(Decimal(amount), digits) is None


@given(values=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50))
@example(values=[2**63 - 1, 1])
@example(values=[-(2**63), -1])
def test_sums_never_overflow(values: list[int]) -> None:
    """A sum of 64-bit integers, each at its place, is exact even where it needs more than 64 bits."""
    places = np.arange(len(values)) % 2
    found = [int(one) for one in sums_of(np.array(values, np.int64), places, 3)]
    assert found == [sum(values[::2]), sum(values[1::2]), 0]
    assert [int(one) for one in sums_of(np.array(values, object), places, 3)] == found
