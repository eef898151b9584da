"""Controlled rounding: units at zero, accounts within a minor unit, nobody favoured."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.journals.process.rounding import controlled_rounding
from tests.helpers.journals import examples


class Table(NamedTuple):
    """Lines of units and accounts, in fractions of `whole`."""

    fractions: list[int]
    units: list[int]
    accounts: list[int]
    whole: int

    def rounded(self, carried: Mapping[int, int] | None = None, day: str = "") -> list[int]:
        """Return what is rounded up, the lines being those of a day."""
        ids = [f"{day} {line}" for line in range(len(self.fractions))]
        return controlled_rounding(*self, carried, ids=ids).tolist()

    def left(self, ups: list[int], of: list[int], carried: Mapping[int, int] | None = None) -> dict[int, int]:
        """Return what rounding leaves of each unit or account: exact minus rounded."""
        found = Counter(carried or {})
        for number, fraction, up in zip(of, self.fractions, ups, strict=True):
            found[number] += fraction - up * self.whole
        return found


def table(rows: list[list[tuple[int, int]]], whole: int) -> Table:
    """Return a table of rows of (account, fraction), each with one line more that makes it sum to a whole."""
    lines = [
        (fraction, unit, account)
        for unit, row in enumerate(rows)
        for account, fraction in [*row, (len(row) % 3, -sum(fraction for _, fraction in row) % whole)]
    ]
    return Table(*(list(column) for column in zip(*lines, strict=True)), whole)


@st.composite
def tables(draw: st.DrawFn, rows: int = 25, lines: int = 6) -> Table:
    """Tables of few accounts and many, coarse fractions and fine, with parallel lines and whole ones."""
    whole = draw(st.sampled_from([2, 10, 100, 10**16, 10**18]))
    accounts = st.integers(0, draw(st.sampled_from([1, 3, 30])))
    fractions = st.integers(0, whole - 1) | st.sampled_from([0, 1, whole // 2, whole - 1])
    row = st.lists(st.tuples(accounts, fractions), max_size=lines)
    return table(draw(st.lists(row, min_size=1, max_size=rows)), whole)


@given(made=tables())
@examples
def test_units_sum_to_zero_and_accounts_to_less_than_one(made: Table) -> None:
    """Each unit sums to zero after rounding, and each account is off by less than one minor unit."""
    ups = made.rounded()
    assert not any(made.left(ups, made.units).values())
    assert all(abs(left) < made.whole for left in made.left(ups, made.accounts).values())


@given(made=tables())
@examples
def test_each_line_is_at_its_floor_or_its_ceiling(made: Table) -> None:
    """A line goes down or up, and one without a fraction stays as it is."""
    lines = zip(made.rounded(), made.fractions, strict=True)
    assert all(up in (0, 1) and up <= fraction for up, fraction in lines)


@given(made=tables(), chance=st.randoms(use_true_random=False))
@examples
def test_only_the_lines_decide(made: Table, chance: random.Random) -> None:
    """The order of the lines and the numbers of units and accounts make no difference."""
    order = chance.sample(range(len(made.fractions)), len(made.fractions))
    other = controlled_rounding(
        [made.fractions[line] for line in order],
        [-7 * made.units[line] for line in order],
        [1000 - made.accounts[line] for line in order],
        made.whole,
        ids=[f" {line}" for line in order],
    )
    assert dict(zip(order, other.tolist(), strict=True)) == dict(enumerate(made.rounded()))


def test_the_same_on_every_machine() -> None:
    """The draws come from the lines alone, not from Python's, the machine's or the day's."""
    rows = [[(line % 7, (31 * unit + 17 * line) % 100) for line in range(4)] for unit in range(12)]
    assert "".join(map(str, table(rows, 100).rounded(day="2026-11-20"))) == GOLDEN


GOLDEN = "001010011111100100100110001101100100101001110110010001111100"


@st.composite
def carried_tables(draw: st.DrawFn, rows: int, lines: int, wholes: int) -> tuple[Table, dict[int, int]]:
    """Tables, and what accounts carry: up to so many wholes either way, summing to anything."""
    made = draw(tables(rows, lines))
    most = wholes * made.whole - 1
    return made, draw(st.dictionaries(st.integers(0, 4), st.integers(-most, most), max_size=4))


@given(case=carried_tables(rows=25, lines=6, wholes=1))
@examples
def test_what_was_carried_never_grows_by_one(case: tuple[Table, dict[int, int]]) -> None:
    """Units sum to zero whatever is carried; accounts that carry less than one stay below two."""
    made, carried = case
    ups = made.rounded(carried)
    assert not any(made.left(ups, made.units).values())
    left = made.left(ups, made.accounts, carried)
    assert all(abs(left[account]) < made.whole + abs(carried.get(account, 0)) for account in left)


@given(case=carried_tables(rows=3, lines=3, wholes=3))
@examples
def test_what_was_carried_is_made_good_where_it_can_be(case: tuple[Table, dict[int, int]]) -> None:
    """If any rounding keeps accounts, with what they carry, below one minor unit, one that does is made."""
    made, carried = case

    def fine(ups: list[int]) -> bool:
        left = made.left(ups, made.accounts, {one: carried.get(one, 0) for one in made.accounts})
        return not any(made.left(ups, made.units).values()) and all(
            abs(one) < made.whole for one in left.values()
        )

    choices = [(0, 1) if fraction else (0,) for fraction in made.fractions]
    possible = any(fine(list(ups)) for ups in itertools.product(*choices))
    assert fine(made.rounded(carried)) == possible


def test_several_wholes_that_were_carried_are_made_good() -> None:
    """Where 3.00 stand in Xero for 1.80, the next 300 lines take the difference back."""
    made = table([[(1, 6)] for _ in range(300)], 10)
    made = made._replace(accounts=[1, 2] * 300)
    carried = {1: -1200, 2: 1200}
    assert not any(made.left(made.rounded(carried), made.accounts, carried).values())


def alike(*row: tuple[int, int], units: int) -> Callable[[random.Random], Table]:
    """Return a maker of days with so many units of the same fractions, in tenths."""
    fractions, accounts = [part for _, part in row] * units, [account for account, _ in row] * units
    return lambda _: Table(fractions, [unit for unit in range(units) for _ in row], accounts, 10)


def mixed(chance: random.Random) -> Table:
    """Return a day of units with small fractions on one account and what is lacking on others."""
    return table([[(3, chance.choice([1, 1, 2])), (4, chance.randrange(10))] for _ in range(6)], 10)


@pytest.mark.parametrize(
    "day",
    [
        alike((1, 6), (2, 4), units=7),
        alike((1, 1), (2, 9), units=13),
        alike((1, 1), (1, 1), (2, 8), units=3),
        alike((1, 3), (2, 3), (3, 4), units=4),
        mixed,
    ],
    ids=["0.006", "0.001", "parallel", "three", "mixed"],
)
def test_nobody_is_favoured(day: Callable[[random.Random], Table]) -> None:
    """Over 1,000 days the mean rounding of each account does not differ from zero beyond chance."""
    chance = random.Random(10)  # noqa: S311
    lefts: dict[int, list[int]] = {}
    for number in range(1000):
        made = day(chance)
        for account, left in made.left(made.rounded(day=str(number)), made.accounts).items():
            lefts.setdefault(account, []).append(left)
    for account, left in lefts.items():
        error = math.sqrt(sum(one * one for one in left)) / len(left)
        assert abs(sum(left) / len(left)) <= 4.5 * error, f"account {account}"


def test_fractions_of_a_unit_must_sum_to_a_whole() -> None:
    """A unit that does not balance is refused rather than made to."""
    with pytest.raises(ValueError, match="multiple of the whole"):
        controlled_rounding([4, 5], [0, 0], [1, 2], 10, ids=[1, 2])


def test_nothing_to_round() -> None:
    """No lines, or none with a fraction, are left as they are."""
    assert controlled_rounding([], [], [], 10, ids=[]).tolist() == []
    assert controlled_rounding([0, 0], [0, 0], [1, 2], 10, ids=[1, 2]).tolist() == [0, 0]
