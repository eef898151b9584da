"""Lines, plans and Xero's journals in the words of accounting, for the tests of the journals flow."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st

from blocks.mambu.models import GLAccount, JournalLine
from blocks.xero.models import ManualJournal
from blocks.xero.models import XeroJournalLine as Line
from flows.days import Day
from flows.journals.lines import lines_of_day, staged_lines
from flows.journals.models import Plan
from flows.journals.prepare import Prepared, PreparedJournal, PreparedRequest, PreparePolicy, prepare_journals
from flows.journals.process.balance import Balanced, balance
from flows.journals.process.batch import batch
from flows.journals.process.group import group
from flows.journals.process.map import Account, map_accounts
from flows.journals.process.validate import validate
from flows.journals.reconciliation import reconcile
from flows.journals.tie_out import exact_sums

DAY = Day(dt.date(2026, 11, 20), ZoneInfo("UTC"))
NOON = "2026-11-20T12:00:00Z"
EARLIER = "2026-11-18"
CASH, LOANS = "1100", "1200"
CHART = [Account(code, f"Account {code}", "ACTIVE", "CURRENT") for code in (CASH, LOANS, "4100", "4200")]

# Properties of pure code: enough examples to find a slip, few enough to run on every save.
examples = settings(max_examples=40)


def line(
    entry: int,
    amount: str | Decimal,
    account: str = CASH,
    transaction: str | None = "T1",
    *,
    booked: str = "2026-11-20",
    created: str = NOON,
    key: str | None = None,
) -> JournalLine:
    """Return a line of Mambu: a debit, or a credit where the amount is negative."""
    exact = Decimal(amount)
    return JournalLine(
        encoded_key=key or f"key-{entry}",
        entry_id=entry,
        creation_date=created,
        booking_date=booked if "T" in booked else f"{booked}T00:00:00Z",
        type="CREDIT" if exact.is_signed() else "DEBIT",
        amount=abs(exact),
        gl_account=GLAccount(account),
        transaction_id=transaction,
    )


def posting(
    entry: int, *amounts: str | Decimal, transaction: str | None = "", booked: str = "2026-11-20"
) -> list[JournalLine]:
    """Return the lines of one transaction, numbered from `entry`, on cash and loans in turn."""
    accounts = itertools.cycle([CASH, LOANS])
    name = f"T{entry}" if transaction == "" else transaction
    return [
        line(number, amount, account, name, booked=booked)
        for number, (amount, account) in enumerate(zip(amounts, accounts, strict=False), start=entry)
    ]


def transfers(count: int, first: int = 1, *, booked: str = "2026-11-20") -> list[JournalLine]:
    """Return so many transactions of two lines each, of different amounts."""
    return [
        one
        for index in range(count)
        for one in posting(first + 2 * index, f"{index + 1}.25", f"-{index + 1}.25", booked=booked)
    ]


def staged(lines: Iterable[JournalLine], day: Day = DAY) -> pa.Table:
    """Return the day's lines in columns, as extract leaves them."""
    return lines_of_day([staged_lines(list(lines))], day.start, day.end)[0]


def grouped(lines: Iterable[JournalLine], digits: int = 2) -> pa.Table:
    """Return lines after the first three steps."""
    return group(map_accounts(validate(staged(lines), DAY.zone, digits).lines, {}, CHART, ()))


def balanced(lines: Iterable[JournalLine], digits: int = 2) -> Balanced:
    """Return lines after the first four steps."""
    return balance(grouped(lines, digits), digits)


def planned(
    lines: Iterable[JournalLine], *, cap: int = 250, digits: int = 2, label: str | None = None
) -> Plan:
    """Return the plan that the five steps make of lines."""
    lines = list(lines)
    exact = exact_sums(staged(lines), DAY.zone, {}, digits)
    return Plan(DAY.date, batch(balanced(lines, digits).lines, cap), digits, label, exact)


def prepared_for(
    plan: Plan,
    live: Iterable[ManualJournal] = (),
    *,
    cap: int = 250,
    taken: Mapping[dt.date, Sequence[int]] | None = None,
    generations: Mapping[str, int] | None = None,
    organisation: str = "organisation",
    withhold_deleted: bool = False,
) -> Prepared:
    """Return what would be sent, given what Xero holds; `withhold_deleted`: by a run that looks back."""
    policy = PreparePolicy(organisation, cap, show_on_cash_basis_reports=True)
    matched = reconcile(plan, live, withhold_deleted=withhold_deleted)
    return prepare_journals(plan, matched, policy, taken=taken or {}, generations=generations or {})


@dataclass(frozen=True)
class Sending:
    """A plan, what was sealed for an empty Xero, and Xero once it has taken that."""

    plan: Plan
    prepared: Prepared
    live: list[ManualJournal]


def sent(
    lines: Iterable[JournalLine], *, cap: int = 250, digits: int = 2, label: str | None = None
) -> Sending:
    """Send a day's lines to an empty Xero."""
    plan = planned(lines, cap=cap, digits=digits, label=label)
    prepared = prepared_for(plan, cap=cap)
    return Sending(plan, prepared, taken_by_xero(prepared.requests))


def body_of(request: PreparedRequest) -> list[dict[str, Any]]:
    """Return a request's journals, its numbers exact."""
    journals: list[dict[str, Any]] = json.loads(request.body, parse_float=Decimal, parse_int=Decimal)[
        "ManualJournals"
    ]
    return journals


def taken_by_xero(requests: Iterable[PreparedRequest]) -> list[ManualJournal]:
    """Return the drafts that Xero makes of requests, read from their bytes alone."""
    return [_live(journal) for request in requests for journal in body_of(request)]


def id_of(narration: str) -> str:
    """Return the id that Xero gives the journal of a name."""
    return str(uuid5(NAMESPACE_URL, narration))


def _live(journal: dict[str, Any]) -> ManualJournal:
    return ManualJournal(
        journal_id=id_of(journal["Narration"]),
        narration=journal["Narration"],
        date=dt.date.fromisoformat(journal["Date"]),
        status=journal["Status"],
        lines=[
            Line(one["LineAmount"], one["AccountCode"], one["Description"]) for one in journal["JournalLines"]
        ],
    )


def edited(journal: ManualJournal, edit: Callable[[Line], Line], *, first: int = 1) -> ManualJournal:
    """Return a journal whose first lines a person has edited."""
    return journal._replace(lines=[*map(edit, journal.lines[:first]), *journal.lines[first:]])


def entries(live: Iterable[ManualJournal]) -> list[int]:
    """Return the entry ids in journals, as often as they stand there."""
    texts = (one.description or "" for journal in live for one in journal.lines)
    return [int(text.removeprefix("EntryID: ").split(",")[0].split(" ")[0]) for text in texts]


def numbers(journals: Iterable[PreparedJournal]) -> list[int]:
    """Return the numbers of journals."""
    return [journal.narration.number for journal in journals]


@st.composite
def zero_sums(draw: st.DrawFn, decimals: int = 2, most: int = 4) -> list[Decimal]:
    """Amounts that sum to zero, none of them zero, with so many decimals."""
    legs = st.integers(-(10**12), 10**12).filter(bool)
    amounts = draw(st.lists(legs, min_size=1, max_size=most - 1).filter(sum))
    return [Decimal(amount).scaleb(-decimals) for amount in (*amounts, -sum(amounts))]


@st.composite
def days_of_lines(draw: st.DrawFn, decimals: int = 2, most: int = 12) -> list[JournalLine]:
    """A day: transactions of some lines each on up to three booking dates, a few without an id."""
    lines: list[JournalLine] = []
    for amounts in draw(st.lists(zero_sums(decimals), min_size=1, max_size=most)):
        entry = len(lines) + 1
        booked = draw(st.sampled_from(["2026-11-20", "2026-11-20", "2026-11-19", EARLIER]))
        transaction = draw(st.sampled_from(["", "", "", None]))
        lines.extend(posting(entry, *amounts, transaction=transaction, booked=booked))
    return lines
