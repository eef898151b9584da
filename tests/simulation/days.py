"""The days that are sent: small ones, where each journal goes alone, and large ones, sent in blocks."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from flows.journals.books import Plan
from tests.flows.journals.builders import CASH, LOANS, line, planned

# The account that Xero can be made to refuse for a while, so that some journals of a request are refused.
FRAGILE = "4100"


class DayKind(NamedTuple):
    """A day: how many transactions per booking date, and the most lines of a journal."""

    name: str
    transactions: tuple[tuple[str, int], ...]
    lines_per_journal: int


SMALL = DayKind("small", (("2026-11-20", 5), ("2026-11-19", 2)), 4)
TINY = DayKind("tiny", (("2026-11-20", 2),), 2)
LARGE = DayKind("large", (("2026-11-20", 23),), 2)
LATE_TRANSACTIONS = 2


class Expected(NamedTuple):
    """A line that must be in Xero: the text it begins with, its amount in pence, and where it belongs."""

    pence: int
    account: str
    date: str


@lru_cache
def day(kind: DayKind, *, late: bool = False) -> tuple[Plan, dict[int, Expected]]:
    """Return the plan of a day, and apart from it what must be in Xero; `late` adds transactions."""
    lines = []
    expected: dict[int, Expected] = {}
    entry = 1
    wanted = [*kind.transactions, *((("2026-11-20", LATE_TRANSACTIONS),) if late else ())]
    for booked, count in wanted:
        for _ in range(count):
            credited = FRAGILE if entry % 3 == 1 else LOANS
            pence = 100 * entry + 25
            for number, amount, account in ((entry, pence, CASH), (entry + 1, -pence, credited)):
                sign = "-" if amount < 0 else ""
                text = f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02}"
                lines.append(line(number, text, account, f"T{entry}", booked=booked))
                expected[number] = Expected(amount, account, booked)
            entry += 2
    return planned(lines, cap=kind.lines_per_journal), expected
