"""What the pages of the sandbox show of manual journals, and how they write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from blocks.sandbox.world import chart
from blocks.sandbox.xero.wire import MONTHS

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from blocks.sandbox.xero.state import Journal, State


JOURNALS_A_PAGE: Final = 50
LINES_A_PAGE: Final = 500


class Tab(NamedTuple):
    """One tab of the list; `key` is what stands in the address."""

    key: str
    name: str
    statuses: frozenset[str]


TABS: Final = (
    Tab("DRAFT", "Draft", frozenset({"DRAFT"})),
    Tab("POSTED", "Posted", frozenset({"POSTED"})),
    Tab("ARCHIVED", "Archived", frozenset({"ARCHIVED"})),
    Tab("DELETED", "Deleted & voided", frozenset({"DELETED", "VOIDED"})),
    Tab("ALL", "All", frozenset({"DRAFT", "POSTED", "ARCHIVED", "DELETED", "VOIDED"})),
)
_LOCKS: Final = (("period_lock", "Period lock date"), ("year_lock", "End of year lock date"))


class Notice(NamedTuple):
    """What became of a button that was pressed."""

    done: bool
    title: str
    text: str = ""


class Totals(NamedTuple):
    """The sums over some journals; credits are positive here."""

    journals: int
    lines: int
    debits: Decimal
    credits: Decimal


class Group(NamedTuple):
    """The journals of one booking date: those on this page, and the totals over all pages."""

    day: date
    journals: list[Journal]
    totals: Totals


class Line(NamedTuple):
    """One line of a journal; of `debit` and `credit` one is None."""

    number: int
    code: str
    account: str
    description: str
    tracking: str
    debit: Decimal | None
    credit: Decimal | None


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a long list is shown; `page` counts from 1."""

    page: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        """Return how many pages there are, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """Return the number of the first row shown, 0 where there is none."""
        return min(self.total, (self.page - 1) * self.size + 1)

    @property
    def last(self) -> int:
        """Return the number of the last row shown."""
        return min(self.total, self.page * self.size)

    def slice(self) -> slice:
        """Return the rows of this page."""
        return slice((self.page - 1) * self.size, self.page * self.size)

    def near(self) -> list[int | None]:
        """Return the pages worth a link: the ends and the neighbours, with None for a gap."""
        shown = [
            number
            for number in range(1, self.pages + 1)
            if number in {1, self.pages} or abs(number - self.page) <= 2
        ]
        links: list[int | None] = []
        for number, before in zip(shown, [0, *shown], strict=False):
            if number > before + 1:
                links.append(number - 1 if number == before + 2 else None)
            links.append(number)
        return links


def tab_of(status: str) -> Tab:
    """Return the tab that shows a status or has this key; drafts if there is none."""
    wanted = status.upper()
    for tab in TABS:
        if wanted == tab.key or wanted in tab.statuses:
            return tab
    return TABS[0]


def journal_list(state: State, tab: Tab, page: str) -> dict[str, Any]:
    """Return what the page of one tab shows; the newest booking date comes first."""
    counts = dict.fromkeys((one.key for one in TABS), 0)
    rows = []
    for journal in state.journals.values():
        for one in TABS:
            counts[one.key] += journal.status in one.statuses
        if journal.status in tab.statuses:
            rows.append(journal)
    rows.sort(key=lambda row: (-row.day.toordinal(), row.number))
    paging = paging_of(page, JOURNALS_A_PAGE, len(rows))
    of_day = {day: totals_of(list(same)) for day, same in groupby(rows, key=_day)}
    groups = [Group(day, list(same), of_day[day]) for day, same in groupby(rows[paging.slice()], key=_day)]
    return {
        "tab": tab,
        "tabs": [(one, counts[one.key]) for one in TABS],
        "groups": groups,
        "paging": paging,
        "totals": totals_of(rows),
        "locks": _locks(state),
    }


def journal_detail(state: State, journal: Journal, page: str) -> dict[str, Any]:
    """Return what the page of one journal shows."""
    paging = paging_of(page, LINES_A_PAGE, journal.line_count)
    rows = journal.rows()[paging.slice()]
    lines = [_line(number, row) for number, row in enumerate(rows, paging.first)]
    return {
        "journal": journal,
        "tab": tab_of(journal.status),
        "lines": lines,
        "paging": paging,
        "debits_here": _sum(line.debit for line in lines),
        "credits_here": _sum(line.credit for line in lines),
        "history": state.history.get(journal.journal_id, [])[::-1],
        "files": list(state.attachments.get(journal.journal_id, {}).values()),
        "locked": [lock for lock in _locks(state) if journal.status == "DRAFT" and journal.day <= lock[1]],
    }


def drafts_of(state: State, day: date) -> list[Journal]:
    """Return the drafts of one booking date in order of creation."""
    found = [row for row in state.journals.values() if row.status == "DRAFT" and row.day == day]
    return sorted(found, key=lambda row: row.number)


def totals_of(journals: Sequence[Journal]) -> Totals:
    """Return the sums over journals."""
    return Totals(
        len(journals),
        sum(row.line_count for row in journals),
        _sum(row.debits for row in journals),
        _sum(row.credits.copy_abs() for row in journals),
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal())


def _line(number: int, row: Mapping[str, Any]) -> Line:
    amount = Decimal(row["LineAmount"])
    return Line(
        number=number,
        code=row.get("AccountCode", ""),
        account=row.get("AccountName", ""),
        description=row.get("Description", ""),
        tracking=", ".join(f"{pair['Name']}: {pair['Option']}" for pair in row.get("Tracking", ())),
        debit=amount if amount >= 0 else None,
        credit=amount.copy_abs() if amount < 0 else None,
    )


def paging_of(page: str, size: int, total: int) -> Paging:
    wanted = int(page) if page.isascii() and page.isdigit() and len(page) < 10 else 1
    return Paging(min(max(wanted, 1), Paging(1, size, total).pages), size, total)


def _locks(state: State) -> list[tuple[str, date]]:
    values = [(name, state.settings.get(key)) for key, name in _LOCKS]
    return [(name, date.fromisoformat(value)) for name, value in values if value]


def _day(journal: Journal) -> date:
    return journal.day


def money(amount: Decimal) -> str:
    """Write an amount: 1,234.50."""
    return f"{amount:,.2f}"


def counted(number: int, noun: str) -> str:
    """Write a number of things: 1 journal, 2 journals."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def short_day(day: date) -> str:
    """Write a day: 20 Nov 2026."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def whole(number: int) -> str:
    """Write a count: 1,234."""
    return f"{number:,}"


def moment(milliseconds: int) -> str:
    """Write an instant, on the clocks of the organisation: 20 Nov 2026, 18:05."""
    local = datetime.fromtimestamp(milliseconds // 1000, UTC).astimezone(_zone())
    return f"{short_day(local)}, {local:%H:%M}"


@cache
def _zone() -> ZoneInfo:
    from zoneinfo import ZoneInfo

    return ZoneInfo(chart.TIME_ZONE)
