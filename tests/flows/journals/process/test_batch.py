"""Step 5: units fill batches."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.mambu.models import JournalLine
from flows.journals.process.batch import LARGEST_JOURNAL_BYTES, batch, fill
from flows.journals.process.errors import StepRefusal
from tests.helpers import journals
from tests.helpers.journals import EARLIER, balanced, days_of_lines, examples, planned, posting, transfers

caps = st.integers(2, 9)
units = st.lists(
    st.tuples(st.integers(1, 400), st.integers(1, LARGEST_JOURNAL_BYTES)), min_size=1, max_size=40
)


def batches(lines: list[JournalLine], cap: int) -> dict[tuple[object, int], list[dict[str, object]]]:
    """Return the planned rows per booking date and batch, in the plan's order."""
    found: dict[tuple[object, int], list[dict[str, object]]] = defaultdict(list)
    for row in planned(lines, cap=cap).lines.to_pylist():
        found[row["booking_date"], row["batch"]].append(row)
    return found


@given(lines=days_of_lines(), cap=caps)
@examples
def test_every_line_is_in_exactly_one_batch(lines: list[JournalLine], cap: int) -> None:
    """Batching neither loses nor repeats a line."""
    rows = [row["entry_id"] for rows in batches(lines, cap).values() for row in rows]
    assert Counter(rows) == Counter(one.entry_id for one in lines)


@given(lines=days_of_lines(), cap=caps)
@examples
def test_a_unit_is_never_split(lines: list[JournalLine], cap: int) -> None:
    """All lines of a unit are in the same batch."""
    places = defaultdict(set)
    for place, rows in batches(lines, cap).items():
        for row in rows:
            places[row["unit"]].add(place)
    assert all(len(one) == 1 for one in places.values())


@given(lines=days_of_lines(), cap=caps)
@examples
def test_a_batch_balances(lines: list[JournalLine], cap: int) -> None:
    """Each batch sums to zero."""
    assert all(sum(row["minor"] for row in rows) == 0 for rows in batches(lines, cap).values())


@given(lines=days_of_lines(), cap=caps)
@examples
def test_the_line_cap_gives_way_to_a_single_unit_only(lines: list[JournalLine], cap: int) -> None:
    """A batch has more lines than the cap only where it is one unit that is larger."""
    for rows in batches(lines, cap).values():
        assert len(rows) <= cap or len({row["unit"] for row in rows}) == 1


def test_a_batch_is_filled_up_to_the_cap() -> None:
    """Units with as many lines together as the cap allows share a batch; one more line does not fit."""
    assert fill(np.array([2, 2, 1]), np.array([10, 10, 10]), 4).tolist() == [1, 1, 2]


@given(lines=days_of_lines(), cap=caps)
@examples
def test_batches_count_from_one_per_booking_date(lines: list[JournalLine], cap: int) -> None:
    """Each booking date numbers its batches 1, 2, 3, … in the order of their lowest entries."""
    lowest: dict[object, list[tuple[int, int]]] = defaultdict(list)
    for (date, number), rows in batches(lines, cap).items():
        lowest[date].append((number, min(row["entry_id"] for row in rows)))
    for found in lowest.values():
        assert [number for number, _ in found] == list(range(1, len(found) + 1))
        assert [entry for _, entry in found] == sorted(entry for _, entry in found)


@given(units=units, cap=st.sampled_from([2, 250, 2000]), first=st.integers(1, 9))
def test_filling_keeps_both_limits(units: list[tuple[int, int]], cap: int, first: int) -> None:
    """No batch of several units passes the cap on lines or the one on bytes, and none could take the next."""
    filled: dict[int, list[tuple[int, int]]] = defaultdict(list)
    lines, sizes = np.array(units).T
    for unit, number in zip(units, fill(lines, sizes, cap, first).tolist(), strict=True):
        filled[number].append(unit)
    assert list(filled) == list(range(first, first + len(filled)))
    for number, inside in filled.items():
        count, size = (sum(some) for some in zip(*inside, strict=True))
        assert len(inside) == 1 or (count <= cap and size <= LARGEST_JOURNAL_BYTES)
        if following := filled.get(number + 1):
            assert count + following[0][0] > cap or size + following[0][1] > LARGEST_JOURNAL_BYTES


def test_a_unit_larger_than_the_cap_has_a_batch_of_its_own() -> None:
    """A unit of more lines than the cap goes whole, and nothing goes with it."""
    lines = [*transfers(1), *posting(3, *["1"] * 5, "-5"), *transfers(1, first=9)]
    assert [len(rows) for rows in batches(lines, 4).values()] == [2, 6, 2]


def test_a_transaction_over_two_booking_dates_is_in_two_batches() -> None:
    """What a transaction booked on two dates goes into a batch of each date."""
    lines = [*posting(1, "1", "-1", transaction="A"), *posting(3, "2", "-2", transaction="A", booked=EARLIER)]
    assert [(str(date), number, len(rows)) for (date, number), rows in batches(lines, 250).items()] == [
        (EARLIER, 1, 2),
        ("2026-11-20", 1, 2),
    ]


def test_a_unit_too_large_for_a_request_is_named() -> None:
    """A unit that no request could carry is refused by name, with how many lines it has."""
    lines = balanced(posting(1, *["1", "-1"] * 7000, transaction="huge")).lines
    with pytest.raises(StepRefusal) as caught:
        batch(lines, 250)
    assert caught.value.offenders == ("transaction huge of booking date 2026-11-20 (14000 lines)",)


@pytest.mark.parametrize("letter", ["x", '"', "é"])
def test_no_request_is_larger_than_xero_takes(letter: str) -> None:
    """A request stays below Xero's limit on bytes, first or again, however long ids are or are written."""
    lines = [
        one
        for entry in range(1, 8001, 2)
        for one in posting(entry, "9" * 16, f"-{'9' * 16}", transaction=f"{letter * 390}{entry}")
    ]
    first = journals.sent(lines, cap=5000)
    again = journals.prepared_for(
        first.plan, [one._replace(status="DELETED") for one in first.live], cap=5000
    )
    for requests in (first.prepared.requests, again.requests):
        sizes = [len(request.body) for request in requests]
        assert max(sizes) < 3_500_000 < sum(sizes)


def test_no_lines_have_no_batches() -> None:
    """A day without lines has no batches."""
    assert batches([], 250) == {}
