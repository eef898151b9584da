"""Step 3: the lines that must stay together."""

from __future__ import annotations

from hypothesis import given

from blocks.mambu.models import JournalLine
from tests.helpers.journals import EARLIER, days_of_lines, examples, grouped, line, posting


def units(lines: list[JournalLine]) -> dict[int, int]:
    """Return the unit of each entry id."""
    table = grouped(lines)
    return dict(zip(table["entry_id"].to_pylist(), table["unit"].to_pylist(), strict=True))


def test_a_transaction_is_a_unit() -> None:
    """The lines of a transaction share a unit, also where other lines lie between them."""
    assert units(
        [line(1, "1", transaction="A"), line(2, "2", transaction="B"), line(3, "-1", transaction="A")]
    ) == {1: 0, 2: 1, 3: 0}


def test_a_transaction_over_two_booking_dates_is_two_units() -> None:
    """The lines of one transaction are a unit per booking date."""
    lines = [*posting(1, "1", "-1", transaction="A"), *posting(3, "2", "-2", transaction="A", booked=EARLIER)]
    assert units(lines) == {1: 0, 2: 0, 3: 1, 4: 1}


def test_lines_without_a_transaction_are_a_pool_per_booking_date() -> None:
    """Lines without a transaction id are one unit per booking date."""
    lines = [
        *posting(1, "1", "-1", transaction=None),
        *posting(3, "2", "-2", transaction=None, booked=EARLIER),
        *posting(5, "3", "-3", transaction=None),
    ]
    assert units(lines) == {1: 0, 2: 0, 3: 1, 4: 1, 5: 0, 6: 0}


@given(lines=days_of_lines())
@examples
def test_units_count_by_their_lowest_entry(lines: list[JournalLine]) -> None:
    """Units are numbered from zero without gaps in the order of their lowest entry ids."""
    found = units(lines)
    assert list(dict.fromkeys(found[entry] for entry in sorted(found))) == list(
        range(len(set(found.values())))
    )


def test_no_lines_have_no_units() -> None:
    """A day without lines has no units."""
    assert units([]) == {}
