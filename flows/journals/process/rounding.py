"""Controlled rounding: units stay at zero, and accounts stay near their exact sums. Pure.

The lines are the fractional entries of a table of units by accounts, and a row of totals is added to it, so
that each row and each column sums to a whole number. Along a cycle of fractional entries amounts can be
moved without changing any sum, until an entry is whole; where no cycle is left, all entries are (Causey, Cox
and Ernst 1985). Which way a cycle is moved is drawn so that no entry changes on average (Cox 1987): no
account gains or loses by being rounded day after day.

The draws come from the lines themselves: the same lines are rounded alike on every machine.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flows.money import sums_of

# Odd, so that multiples of it keep 32-bit numbers apart.
_GOLDEN = 0x9E3779B1
_Integers = npt.NDArray[np.int64]
_Given = Sequence[int] | npt.NDArray[np.integer[Any]]


def controlled_rounding(
    fractions: _Given,
    units: _Given,
    accounts: _Given,
    whole: int,
    carried: Mapping[int, int] | None = None,
    *,
    ids: Sequence[int] | Sequence[str],
) -> _Integers:
    """Return for each line whether it is rounded up (1) or down (0).

    `fractions` is what each line exceeds its floor by, from 0 to below `whole`: integers of 1/`whole` of a
    minor unit, `whole` at most 10**18. `units` and `accounts` number the lines' units and accounts; an
    account of one booking date is an account. `ids` tell these lines from those of any other day, for the
    draws come from them. Neither the order of the lines nor how units and accounts are numbered matters.

    In each unit `up * whole - fraction` sums to zero, and in each account to less than `whole` either way.
    Lines without a fraction are never rounded up.

    `carried` is, per account, the exact minus the rounded sum of lines whose rounding is settled. With it,
    `carried + fraction - up * whole` sums to less than `whole` either way in every account, if these lines
    can be rounded so at all; else to less than `whole` more than what was carried. The carried sums
    themselves need not sum to anything.

    Raises ValueError where the fractions of a unit do not sum to a multiple of `whole`.
    """
    given = np.asarray(fractions, np.int64)
    order = np.array(sorted(np.flatnonzero(given).tolist(), key=ids.__getitem__), np.int64)
    ups = np.zeros(len(given), np.int64)
    if len(order):
        unit_of, _ = pd.factorize(np.asarray(units, np.int64)[order])
        account_of, names = pd.factorize(np.asarray(accounts, np.int64)[order])
        table = _Table(given[order], unit_of, account_of, whole)
        seed = "\n".join([str(ids[line]) for line in order.tolist()]).encode()
        seed += np.stack([table.values, unit_of, account_of]).astype("<i8").tobytes()
        if carried:
            table.make_good([carried.get(name, 0) for name in names.tolist()])
        ups[order] = table.rounded(seed) // whole
    return ups


def line_ids(lines: pa.Table) -> list[str]:
    """Return what tells lines from those of any other day, out of entry_id, booking_date, transaction_id."""
    columns = [pc.cast(lines["entry_id"], pa.string()), pc.cast(lines["booking_date"], pa.string())]
    ids: list[str] = pc.binary_join_element_wise(
        *columns, pc.fill_null(lines["transaction_id"], ""), " "
    ).to_pylist()
    return ids


class _Table:
    """The entries of a table of units by accounts: `values` from 0 to `whole`."""

    def __init__(self, values: _Integers, units: _Integers, accounts: _Integers, whole: int) -> None:
        self.values, self.units, self.accounts, self.whole = values, units, accounts, whole
        if any(total % whole for total in _sums(values, units)):
            raise ValueError("the fractions of a unit do not sum to a multiple of the whole")

    def make_good(self, carried: Sequence[int]) -> None:
        """Move amounts between accounts until they make good what was carried, as far as they can.

        First between the whole numbers around what each account should sum to, since rounding does not
        leave those again; then to that itself.
        """
        whole, sums = self.whole, _sums(self.values, self.accounts)
        exact = [total + more for total, more in zip(sums, carried, strict=True)]
        moves = _Moves(self.values.tolist(), self.units.tolist(), self.accounts.tolist(), whole, sums)
        moves.level([-(-total // whole) * whole for total in exact])
        moves.level([total // whole * whole for total in exact])
        moves.level(exact)
        self.values = np.array(moves.values, np.int64)

    def rounded(self, seed: bytes) -> _Integers:
        """Return the values, each 0 or `whole`; units keep their sums, accounts come next to theirs."""
        totals = [-total % self.whole for total in _sums(self.values, self.accounts)]
        # Each cycle makes an entry whole, so there are no more cycles than entries.
        draws = _Draws(seed, len(self.values) + len(totals))
        self._cancel_short_cycles(draws)
        rest = np.flatnonzero(self.values % self.whole)
        row = len(self.units)  # no unit's number
        forest = _Forest(
            [*totals, *self.values[rest].tolist()],
            [*[row] * len(totals), *self.units[rest].tolist()],
            [*range(len(totals)), *self.accounts[rest].tolist()],
            self.whole,
            iter(draws.take(len(rest) + len(totals)).tolist()),
        )
        for entry in range(len(forest.values)):
            forest.add(entry)
        self.values[rest] = forest.values[len(totals) :]
        return self.values

    def _cancel_short_cycles(self, draws: _Draws) -> None:
        """Cancel many cycles at a time: two lines of an account in one unit, two accounts in two units.

        Most days are nearly done with these. It ends when they become rare.
        """
        width = int(self.accounts.max()) + 1
        live, turn, rare = np.arange(len(self.values)), 1, 0
        while rare < 2:
            # Each turn another order of the accounts, for other neighbours in the units.
            shuffled = self.accounts[live] * turn * _GOLDEN % 2**32
            live = live[np.lexsort((shuffled, self.units[live]))]
            one, two = _neighbours(live, self.units[live])
            first, second = self.accounts[one], self.accounts[two]
            same = first == second
            self._cancel(draws, one[same][None], two[same][None])
            one, two, pairs = one[~same], two[~same], (first * width + second)[~same]
            alike = np.argsort(pairs, kind="stable")
            left, right = _neighbours(alike, pairs[alike])
            self._cancel(draws, np.stack([one[left], two[right]]), np.stack([two[left], one[right]]))
            before, live = len(live), live[self.values[live] % self.whole != 0]
            turn, rare = turn + 2, rare + 1 if before - len(live) <= before // 200 else 0

    def _cancel(self, draws: _Draws, rising: _Integers, falling: _Integers) -> None:
        """Make an entry of each cycle whole; a cycle is a column: of what rises, of what falls."""
        high, low = self.values[rising], self.values[falling]
        up = np.minimum(self.whole - high.max(axis=0), low.min(axis=0))
        down = np.minimum(high.min(axis=0), self.whole - low.max(axis=0))
        draw, both = draws.take(len(up)), up + down
        # As in `_Forest._cancel`, in two parts, since the product does not fit 64 bits.
        share = draw * (both >> 31) + (draw * (both & 0x7FFFFFFF) >> 31)
        move = np.where(share < down, up, -down)
        self.values[rising] += move
        self.values[falling] -= move


class _Draws:
    """Numbers of 31 bits, the same for the same seed; `most` of them."""

    def __init__(self, seed: bytes, most: int) -> None:
        self._numbers = np.frombuffer(hashlib.shake_256(seed).digest(4 * most), "<u4").astype(np.int64) >> 1

    def take(self, count: int) -> _Integers:
        """Return so many numbers, never to be returned again."""
        taken, self._numbers = self._numbers[:count], self._numbers[count:]
        return taken


class _Forest:
    """Fractional entries that close no cycle, as trees: nodes are units, and accounts by their complement.

    A tree of entries that are not whole has a node with only one, which cannot sum to a whole number: once
    each entry has been added, or has closed a cycle and been cancelled with it, all are whole.
    """

    def __init__(
        self, values: list[int], units: list[int], accounts: list[int], whole: int, draws: Iterator[int]
    ) -> None:
        self.values, self._units, self._accounts, self._whole = values, units, accounts, whole
        self._draws = draws
        # The entry that leads from a node towards the root of its tree.
        self._above: dict[int, int] = {}

    def add(self, entry: int) -> None:
        """Add an entry, and cancel the cycle that it closes, if any."""
        if self.values[entry] in (0, self._whole):
            return
        ours, theirs = self._to_root(self._units[entry]), self._to_root(~self._accounts[entry])
        if ours[-1] == theirs[-1]:
            while len(ours) > 1 and len(theirs) > 1 and ours[-2] == theirs[-2]:
                del ours[-1], theirs[-1]
            below = [*theirs[:-1], *reversed(ours[:-1])]
            self._cancel([entry, *(self._above[node] for node in below)])
            whole = [node for node in below if self.values[self._above[node]] in (0, self._whole)]
            for node in whole:
                del self._above[node]
            if self.values[entry] in (0, self._whole):
                return
            ours, theirs = self._to_root(self._units[entry]), self._to_root(~self._accounts[entry])
        path = min(ours, theirs, key=len)
        # Turn the way to the root around, so that the tree hangs by its end.
        for node in path:
            self._above[node], entry = entry, self._above.get(node, -1)

    def _to_root(self, node: int) -> list[int]:
        path = [node]
        while (entry := self._above.get(node)) is not None:
            node = self._units[entry] if node < 0 else ~self._accounts[entry]
            path.append(node)
        return path

    def _cancel(self, cycle: list[int]) -> None:
        values, whole = self.values, self._whole
        rising, falling = cycle[::2], cycle[1::2]
        high = [values[entry] for entry in rising]
        low = [values[entry] for entry in falling]
        up = min(whole - max(high), min(low))
        down = min(min(high), whole - max(low))
        # The less a way changes the entries the likelier it is taken, so that on average nothing changes.
        move = up if next(self._draws) * (up + down) >> 31 < down else -down
        for entry in rising:
            values[entry] += move
        for entry in falling:
            values[entry] -= move


class _Moves:
    """Amounts moved between accounts, by the lines of one unit that both have."""

    def __init__(
        self, values: list[int], units: list[int], accounts: list[int], whole: int, sums: list[int]
    ) -> None:
        self.values, self._units, self._accounts, self._whole = values, units, accounts, whole
        self._sums = sums
        self._of_unit, self._of_account = _by(units, range(len(values))), _by(accounts, range(len(values)))

    def level(self, marks: Sequence[int]) -> None:
        """Move what accounts have above their marks to those below, as much as can be."""
        stuck: set[int] = set()
        for source, mark in enumerate(marks):
            while source not in stuck and self._sums[source] > mark:
                reached = self._reached(source, marks, stuck)
                target = next(reversed(reached), source)
                if self._sums[target] >= marks[target]:
                    stuck |= {source, *reached}  # what reaches no account below its mark never will
                else:
                    self._move(source, target, marks, reached)

    def _reached(self, source: int, marks: Sequence[int], stuck: set[int]) -> dict[int, tuple[int, int]]:
        """Return the accounts that a part can reach, by which two lines of a unit: one gives, one takes it.

        The search ends with the first account below its mark.
        """
        reached: dict[int, tuple[int, int]] = {}
        units: set[int] = set()
        waiting = [source]
        for account in waiting:
            for giver in self._of_account[account]:
                unit = self._units[giver]
                if unit in units or not self.values[giver]:
                    continue
                units.add(unit)
                for taker in self._of_unit[unit]:
                    other = self._accounts[taker]
                    full = self.values[taker] == self._whole
                    if full or other == source or other in reached or other in stuck:
                        continue
                    reached[other] = giver, taker
                    if self._sums[other] < marks[other]:
                        return reached
                    waiting.append(other)
        return reached

    def _move(
        self, source: int, target: int, marks: Sequence[int], reached: Mapping[int, tuple[int, int]]
    ) -> None:
        steps: list[tuple[int, int]] = []
        account = target
        while account != source:
            steps.append(reached[account])
            account = self._accounts[steps[-1][0]]
        amount = min(
            self._sums[source] - marks[source],
            marks[target] - self._sums[target],
            *(min(self.values[giver], self._whole - self.values[taker]) for giver, taker in steps),
        )
        for giver, taker in steps:
            self.values[giver] -= amount
            self.values[taker] += amount
        self._sums[source] -= amount
        self._sums[target] += amount


def _neighbours(items: _Integers, keys: _Integers) -> tuple[_Integers, _Integers]:
    """Return items two by two, those of one key together; equal keys stand together."""
    places = np.arange(len(keys))
    begins = np.ones(len(keys), np.bool_)
    begins[1:] = keys[1:] != keys[:-1]
    ranks = places - np.maximum.accumulate(np.where(begins, places, 0))
    chosen = np.flatnonzero((ranks[:-1] % 2 == 0) & ~begins[1:])
    return items[chosen], items[chosen + 1]


def _by(numbers: Sequence[int], entries: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for entry in entries:
        found[numbers[entry]].append(entry)
    return found


def _sums(values: _Integers, numbers: _Integers) -> list[int]:
    """Return the sum per number, for the numbers from 0 on, exactly."""
    sums: list[int] = sums_of(values, numbers, int(numbers.max()) + 1).tolist()
    return sums
