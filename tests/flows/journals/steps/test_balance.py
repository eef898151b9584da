"""Step 4: units that sum to zero, exactly and after rounding."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.mambu import JournalLine
from flows.journals.steps import StepRefusal
from flows.journals.steps.balance import Balanced
from tests.flows.journals.builders import EARLIER, balanced, days_of_lines, examples, line, posting


def minors(found: Balanced) -> dict[int, int]:
    """Return the minor units of each entry id."""
    return dict(zip(found.lines["entry_id"].to_pylist(), found.lines["minor"].to_pylist(), strict=True))


def unit_sums(found: Balanced) -> dict[int, int]:
    """Return the sum of each unit."""
    sums: dict[int, int] = defaultdict(int)
    for row in found.lines.to_pylist():
        sums[row["unit"]] += row["minor"]
    return sums


def signed(lines: list[JournalLine]) -> dict[int, Decimal]:
    """Return Mambu's amounts by entry id, credits negative."""
    return {one.entry_id: one.amount if one.type == "DEBIT" else -one.amount for one in lines}


@given(lines=days_of_lines(decimals=5), digits=st.sampled_from([0, 2]))
@examples
def test_every_unit_sums_to_zero_after_rounding(lines: list[JournalLine], digits: int) -> None:
    """Whatever the decimals of the amounts, each unit sums to zero in minor units."""
    assert not any(unit_sums(balanced(lines, digits)).values())


@given(lines=days_of_lines(decimals=5), digits=st.sampled_from([0, 2]))
@examples
def test_no_line_moves_by_a_minor_unit(lines: list[JournalLine], digits: int) -> None:
    """Each line is rounded by less than one minor unit, those that are left out included."""
    found = minors(balanced(lines, digits))
    assert all(
        abs(amount.scaleb(digits) - found.get(entry, 0)) < 1 for entry, amount in signed(lines).items()
    )


@given(lines=days_of_lines(decimals=3))
@examples
def test_every_rounded_line_is_reported(lines: list[JournalLine]) -> None:
    """The lines reported as rounded are exactly those finer than the minor unit."""
    found = balanced(lines)
    assert found.rounded == [entry for entry, amount in signed(lines).items() if amount % Decimal("0.01")]


@given(lines=days_of_lines())
@examples
def test_amounts_in_minor_units_are_untouched(lines: list[JournalLine]) -> None:
    """Amounts no finer than the minor unit come out exactly as Mambu has them."""
    assert minors(balanced(lines)) == {entry: int(amount * 100) for entry, amount in signed(lines).items()}


def test_only_the_units_that_need_it_are_rounded() -> None:
    """A unit without fine amounts is not touched by another's rounding."""
    found = balanced([*posting(1, "1.25", "-1.25"), *posting(3, "0.335", "0.335", "-0.67")])
    assert minors(found) == {1: 125, 2: -125, 3: 34, 4: 33, 5: -67}
    assert found.rounded == [3, 4]


def test_what_rounds_to_nothing_is_left_out_and_reported() -> None:
    """A line of which nothing remains after rounding is left out and reported."""
    found = balanced(posting(1, "0.001", "10", "-10.001"))
    assert (minors(found), found.rounded_away) == ({2: 1000, 3: -1000}, [1])


@pytest.mark.parametrize("fraction", ["", ".5", ".25", ".000000000000000001"])
def test_sums_beyond_64_bits_are_exact(fraction: str) -> None:
    """Units of amounts that overflow 64 bits together, or each on their own scale, still balance."""
    largest = f"999999999999999999{fraction}"
    found = balanced(posting(1, *[largest] * 20, *[f"-{largest}"] * 20), digits=0)
    assert not any(unit_sums(found).values())
    assert {abs(minor) for minor in minors(found).values()} <= {10**18 - 1, 10**18}


def test_one_minor_unit_off_is_an_error() -> None:
    """A booking date that is off by the smallest decimal is refused."""
    with pytest.raises(StepRefusal, match=r"off by \+0\.000000000000000001"):
        balanced(posting(1, "1.000000000000000001", "-1"))


def test_an_unbalanced_booking_date_names_all_its_units() -> None:
    """A refusal names each unit that is off on the booking date, its lines and by how much, and no other."""
    lines = [
        *posting(1, "1", "-1", transaction="even"),
        *posting(3, "5", "-4", transaction="over"),
        *posting(5, "1", "-3", "1", transaction="under"),
        line(8, "0.5", transaction=None),
    ]
    with pytest.raises(StepRefusal) as caught:
        balanced(lines)
    assert caught.value.offenders == (
        (
            "booking date 2026-11-20 is off by +0.50: transaction over (2 lines, +1.00), transaction under "
            "(3 lines, -1.00), the lines without a transaction (1 line, +0.50)"
        ),
    )


def test_all_unbalanced_booking_dates_are_named_at_once() -> None:
    """Each booking date that does not balance is an offender of one refusal."""
    with pytest.raises(StepRefusal) as caught:
        balanced([line(1, "1"), line(2, "1", booked=EARLIER), *posting(3, "1", "-1", booked="2026-11-19")])
    assert [text.split()[2] for text in caught.value.offenders] == [EARLIER, "2026-11-20"]


def test_units_that_balance_only_together_become_one() -> None:
    """Units that are off alone but not together are one unit in the place of the lowest, and are reported."""
    lines = [
        *posting(1, "1", "-1", transaction="even"),
        *posting(3, "5", "-4", transaction="over"),
        *posting(5, "2", "-2", transaction="also even"),
        *posting(7, "3", "-4", transaction="under"),
    ]
    found = balanced(lines)
    assert found.lines["unit"].to_pylist() == [0, 0, 1, 1, 2, 2, 1, 1]
    assert found.pooled == [
        "booking date 2026-11-20: transaction over (2 lines, +1.00), transaction under (2 lines, -1.00)"
    ]


def test_booking_dates_are_not_pooled_with_each_other() -> None:
    """A transaction that balances only over two booking dates is an error on both."""
    with pytest.raises(StepRefusal, match="2 booking dates do not balance"):
        balanced([line(1, "1"), line(2, "-1", booked=EARLIER)])


def test_no_lines_balance() -> None:
    """A day without lines balances."""
    found = balanced([])
    assert (found.lines.num_rows, found[1:]) == (0, ([], [], []))
