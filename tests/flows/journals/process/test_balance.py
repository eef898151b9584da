"""Step 4: units that sum to zero, exactly and after rounding."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.mambu.models import JournalLine
from flows.journals.process.balance import Balanced
from flows.journals.process.errors import StepRefusal
from tests.helpers.journals import CASH, EARLIER, LOANS, balanced, days_of_lines, examples, line, posting


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


@given(lines=days_of_lines(decimals=5), digits=st.sampled_from([0, 2]))
@examples
def test_minor_and_rounding_are_the_exact_amount(lines: list[JournalLine], digits: int) -> None:
    """Each line's minor units and what rounding left of it are together exactly what Mambu has."""
    found = balanced(lines, digits).lines
    exact = {
        row["entry_id"]: row["minor"] + Decimal(row["rounding"]).scaleb(digits - 18)
        for row in found.to_pylist()
    }
    assert exact == {entry: amount.scaleb(digits) for entry, amount in signed(lines).items()}


@given(lines=days_of_lines(decimals=5), digits=st.sampled_from([0, 2]))
@examples
def test_no_account_moves_by_a_minor_unit(lines: list[JournalLine], digits: int) -> None:
    """On each booking date each account's sum differs from Mambu's exact one by less than a minor unit."""
    left: dict[tuple[str, str], int] = defaultdict(int)
    for row in balanced(lines, digits).lines.to_pylist():
        left[row["account_code"], row["booking_date"]] += row["rounding"]
    assert all(abs(rounding) < 10 ** (18 - digits) for rounding in left.values())


@pytest.mark.parametrize(("amount", "minor"), [("0.006", 180), ("0.004", 120), ("0.001", 30)])
def test_many_small_amounts_arrive_as_their_sum(amount: str, minor: int) -> None:
    """300 units of less than a minor unit each come to what they sum to in Mambu, no more and not nothing."""
    lines = [one for unit in range(300) for one in posting(2 * unit + 1, amount, f"-{amount}")]
    sums: dict[str, int] = defaultdict(int)
    for row in balanced(lines).lines.to_pylist():
        sums[row["account_code"]] += row["minor"]
    assert sums == {CASH: minor, LOANS: -minor}


def test_the_order_in_which_lines_come_does_not_matter() -> None:
    """The same lines are rounded alike, whichever way round they were fetched."""
    lines = [one for unit in range(30) for one in posting(3 * unit + 1, "0.0041", "0.0022", "-0.0063")]
    assert minors(balanced(lines)) == minors(balanced(lines[::-1]))


def test_only_the_lines_that_need_it_are_rounded() -> None:
    """A unit without fine amounts, and a line without one in a unit that has some, stay as they are."""
    found = balanced([*posting(1, "1.25", "-1.25"), *posting(3, "0.335", "0.335", "-0.67")])
    assert minors(found) in ({1: 125, 2: -125, 3: 33 + up, 4: 34 - up, 5: -67} for up in (0, 1))
    assert found.rounded == [3, 4]


def test_what_rounds_to_nothing_is_kept_and_reported() -> None:
    """A line of which nothing remains after rounding stays, with what was left of it, and is reported."""
    lines = [one for unit in range(9) for one in posting(2 * unit + 1, "0.001", "-0.001")]
    found = balanced([*lines, *posting(19, "1", "-1")])
    nothing = [entry for entry, minor in minors(found).items() if not minor]
    assert len(nothing) >= 16
    assert found.rounded_away == nothing
    left = dict(zip(minors(found), found.lines["rounding"].to_pylist(), strict=True))
    assert all(abs(left[entry]) == 10**15 for entry in nothing)
    assert left[19] == left[20] == 0


@pytest.mark.parametrize("fraction", ["", ".5", ".25", ".000000000000000001"])
def test_sums_beyond_64_bits_are_exact(fraction: str) -> None:
    """Units of amounts that overflow 64 bits together, or each on their own scale, still balance."""
    largest = f"999999999999999999{fraction}"
    found = balanced(posting(1, *[largest] * 20, *[f"-{largest}"] * 20), digits=0)
    assert not any(unit_sums(found).values())
    assert {abs(minor) for minor in minors(found).values()} <= {10**18 - 1, 10**18}


def test_one_minor_unit_off_is_an_error() -> None:
    """A booking date that is out of balance by the smallest decimal is refused."""
    with pytest.raises(StepRefusal, match=r"out of balance by \+0\.000000000000000001"):
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
            "booking date 2026-11-20 is out of balance by +0.50: transaction over (2 lines, +1.00), "
            "transaction under (3 lines, -1.00), the lines without a transaction (1 line, +0.50)"
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


def refusal(*lines: JournalLine) -> StepRefusal:
    """Return the refusal of lines that do not balance."""
    with pytest.raises(StepRefusal) as caught:
        balanced(lines)
    return caught.value


def test_a_transaction_over_two_booking_dates_is_named_as_that() -> None:
    """A transaction that balances only over its booking dates is refused, and no branch is blamed for it."""
    refused = refusal(line(1, "1"), line(2, "0.5"), line(3, "-1.5", booked=EARLIER), *posting(4, "2", "-2"))
    assert refused.summary == "2 booking dates do not balance"
    assert refused.offenders == (
        (
            "transaction T1 spans booking dates 2026-11-18 (1 line, -1.50) and 2026-11-20 (2 lines, +1.50) "
            "and balances only as a whole"
        ),
    )
    assert "correct the booking date in Mambu so that each date balances" in refused.remedy
    assert "branches" not in refused.remedy


def test_lines_without_a_transaction_over_three_booking_dates_are_named_as_that() -> None:
    """Lines without a transaction that balance only over several booking dates are not blamed on branches."""
    refused = refusal(
        line(1, "3", transaction=None),
        line(2, "-1", transaction=None, booked="2026-11-19"),
        line(3, "-2", transaction=None, booked=EARLIER),
    )
    assert refused.offenders == (
        (
            "the lines without a transaction span booking dates 2026-11-18 (1 line, -2.00), 2026-11-19 "
            "(1 line, -1.00) and 2026-11-20 (1 line, +3.00) and balance only as a whole"
        ),
    )
    assert "branches" not in refused.remedy


def test_each_cause_of_an_unbalanced_booking_date_is_named() -> None:
    """A transaction over several booking dates does not hide what is lacking on them, nor count as that."""
    refused = refusal(
        line(1, "5", transaction="apart"),
        line(2, "-5", transaction="apart", booked=EARLIER),
        *posting(3, "2", "-1", transaction="lacking"),
        line(5, "-5", transaction="as it happens", booked="2026-11-19"),
        line(6, "5", transaction="evens out", booked="2026-11-19"),
        line(7, "4", transaction="elsewhere", booked="2026-11-17"),
    )
    assert refused.summary == "3 booking dates do not balance"
    assert refused.offenders == (
        (
            "transaction apart spans booking dates 2026-11-18 (1 line, -5.00) and 2026-11-20 "
            "(1 line, +5.00) and balances only as a whole"
        ),
        "booking date 2026-11-17 is out of balance by +4.00: transaction elsewhere (1 line, +4.00)",
        "booking date 2026-11-20 is also out of balance by +1.00: transaction lacking (2 lines, +1.00)",
    )
    assert "correct the booking date in Mambu" in refused.remedy
    assert "For the rest, either the Mambu user sees only some branches" in refused.remedy


def test_what_a_transaction_over_two_booking_dates_evens_out_is_named_too() -> None:
    """A date that is even only by another transaction's part is off as soon as that is corrected."""
    refused = refusal(
        line(1, "5", transaction="apart"),
        line(2, "-5", transaction="apart", booked=EARLIER),
        line(3, "-5", transaction="lacking"),
    )
    assert refused.summary == "1 booking date does not balance"
    assert refused.offenders[1:] == (
        "booking date 2026-11-20 is also out of balance by -5.00: transaction lacking (1 line, -5.00)",
    )


def test_transactions_that_swap_booking_dates_are_pooled() -> None:
    """Transactions over two booking dates that even each other out on both need no correction."""
    found = balanced(
        [
            *posting(1, "5", "-3", transaction="one"),
            *posting(3, "3", "-5", transaction="one", booked=EARLIER),
            *posting(5, "1", "-3", transaction="other"),
            *posting(7, "3", "-1", transaction="other", booked=EARLIER),
        ]
    )
    assert len(found.pooled) == 2


def test_no_lines_balance() -> None:
    """A day without lines balances."""
    found = balanced([])
    assert (found.lines.num_rows, found[1:]) == (0, ([], [], []))
