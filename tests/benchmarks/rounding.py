"""How fast a day of fine amounts is rounded, against the floor of rounding each unit for itself.

    python -m tests.benchmarks.rounding --lines 100000

prints one JSON object. The day has four decimals, five lines a unit and 60 accounts. The floor is measured
in the same run on the same lines: by largest remainder in each unit, which leaves the accounts to chance;
both are the median of three.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from flows.journals.process.rounding import controlled_rounding

LINES_PER_UNIT = 5
ACCOUNTS = 60
WHOLE = 100
ROUNDS = 3


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lines", type=int, default=100_000, help="journal lines of the day")
    print(json.dumps(measured(parser.parse_args().lines)))


def measured(lines: int) -> dict[str, Any]:
    """Round a day both ways, and return the figures."""
    fractions, units, accounts = _day(lines // LINES_PER_UNIT)
    ids = range(1, len(fractions) + 1)
    seconds, ups = _timed(lambda: controlled_rounding(fractions, units, accounts, WHOLE, ids=ids).tolist())
    floor, alone = _timed(lambda: _largest_remainders(fractions, units))
    return {
        "lines": len(fractions),
        "units": units[-1] + 1,
        "accounts": ACCOUNTS,
        "seconds": round(seconds, 3),
        "floor_seconds": round(floor, 3),
        "ratio_to_floor": round(seconds / floor, 2),
        "most_an_account_is_off": _most_off(fractions, accounts, ups),
        "most_it_is_off_at_the_floor": _most_off(fractions, accounts, alone),
        "python": sys.version.split()[0],
    }


def _day(units: int) -> tuple[list[int], list[int], list[int]]:
    chance = random.Random(10)  # noqa: S311
    fractions: list[int] = []
    for _ in range(units):
        some = [chance.randrange(WHOLE) for _ in range(LINES_PER_UNIT - 1)]
        fractions += [*some, -sum(some) % WHOLE]
    accounts = [chance.randrange(ACCOUNTS) for _ in fractions]
    return fractions, [line // LINES_PER_UNIT for line in range(len(fractions))], accounts


def _largest_remainders(fractions: list[int], units: list[int]) -> list[int]:
    of_unit: dict[int, list[int]] = defaultdict(list)
    for line, unit in enumerate(units):
        of_unit[unit].append(line)
    ups = [0] * len(fractions)
    for lines in of_unit.values():
        rising = sum(fractions[line] for line in lines) // WHOLE
        for line in sorted(lines, key=lambda line: -fractions[line])[:rising]:
            ups[line] = 1
    return ups


def _most_off(fractions: list[int], accounts: list[int], ups: list[int]) -> float:
    """Return by how many minor units the worst account differs from its exact sum."""
    off: Counter[int] = Counter()
    for account, fraction, up in zip(accounts, fractions, ups, strict=True):
        off[account] += up * WHOLE - fraction
    return max(map(abs, off.values())) / WHOLE


def _timed(job: Callable[[], list[int]]) -> tuple[float, list[int]]:
    spent: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = job()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent), found


if __name__ == "__main__":
    main()
