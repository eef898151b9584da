"""Which journals are kept of a page: whatever is let go is nothing to the reconciliation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace as replaced

from blocks.xero.models import ManualJournal, XeroJournalLine
from flows.journals.as_sent import LinesAsSent, minors_of
from flows.journals.candidates import Candidates
from flows.journals.models import Known, Plan
from flows.journals.reconciliation import Reconciliation, reconcile
from tests.helpers.journals import DAY, Sending, edited, posting, sent, transfers

TWO = sent(transfers(2), cap=2)
# The first journal's two lines of half a cent become one, and nothing.
ROUNDED = sent([*posting(1, "0.005", "1.005", "-1.01"), *posting(4, "3", "-3")], cap=3)
FIRST, SECOND = TWO.live
RENT = ManualJournal("r", "Rent", DAY.date, "DRAFT", [XeroJournalLine(Decimal(5), "9999", "Rent")])


def rewritten(journal: ManualJournal) -> ManualJournal:
    """Return a journal whose name and texts a person has replaced."""
    return edited(
        journal._replace(narration="November"), lambda line: replaced(line, description="rent"), first=2
    )


def without_sums(journal: ManualJournal) -> ManualJournal:
    """Return a rewritten journal with another amount, which only the record can tell."""
    return edited(rewritten(journal), lambda line: replaced(line, amount=line.amount + 1))


CHANGES: dict[str, Callable[[ManualJournal], ManualJournal]] = {
    "as it was sent": lambda journal: journal,
    "under another name": lambda journal: journal._replace(narration="November"),
    "under another name and date": lambda journal: journal._replace(narration="November", date=None),
    "with other texts": lambda journal: rewritten(journal)._replace(narration=journal.narration),
    "rewritten": rewritten,
    "rewritten, with another amount": without_sums,
    "deleted": lambda journal: journal._replace(status="DELETED"),
    "deleted under another name": lambda journal: journal._replace(status="DELETED", narration="November"),
    "voided": lambda journal: journal._replace(status="VOIDED"),
    "without lines": lambda journal: journal._replace(lines=(), status="DELETED"),
    "of another date": lambda journal: journal._replace(date=None),
    "with tracking": lambda journal: edited(journal, lambda line: replaced(line, tracking=({"Name": "x"},))),
    "taxed": lambda journal: edited(journal, lambda line: replaced(line, tax_type="OUTPUT"), first=3),
    "with tax": lambda journal: journal._replace(line_amount_types="Inclusive"),
    "on another account": lambda journal: edited(journal, lambda line: replaced(line, account_code="9999")),
    "with another amount": lambda journal: edited(
        journal, lambda line: replaced(line, amount=line.amount + 1)
    ),
    "with a line less": lambda journal: journal._replace(lines=journal.lines[1:]),
    "not ours": lambda journal: rewritten(journal)._replace(narration="not Mambu"),
}


def compared(
    plan: Plan, journals: list[ManualJournal], known: dict[str, Known], *, new: bool
) -> Reconciliation:
    """Return the plan held against journals, without the ids of what is gone and nobody's."""
    matched = reconcile(plan, journals, known, record_may_be_new=new)
    return replaced(
        matched,
        journals=[one._replace(lines=list(one.lines)) for one in matched.journals],
        deleted_or_voided=matched.deleted_or_voided & known.keys(),
    )


# What else can stand in Xero beside a day's two journals, given the first of them.
BESIDE: dict[str, Callable[[ManualJournal], list[ManualJournal]]] = {
    "nothing": lambda _: [],
    "a copy": lambda first: [first._replace(journal_id="copy")],
    "a line of it": lambda first: [RENT._replace(lines=[*RENT.lines, first.lines[0]])],
    "a line of it, deleted": lambda first: [RENT._replace(status="DELETED", lines=[first.lines[0]])],
    "its reversal": lambda first: [
        edited(first._replace(journal_id="back"), lambda one: replaced(one, amount=-one.amount), first=2)
    ],
}
RECORDS: dict[str, Known | None] = {
    "not recorded": None,
    "recorded": Known(DAY.date, DAY.date, frozenset({1, 2})),
    "maybe ours": Known(DAY.date, DAY.date, frozenset({1, 2}), possible=True),
    "another day's": Known(DAY.date - dt.timedelta(days=1), DAY.date, frozenset({1, 2})),
    "recorded with a line of the other one": Known(DAY.date, DAY.date, frozenset({1, 2, 3})),
}


@pytest.mark.parametrize("sending", [TWO, ROUNDED], ids=["exact", "rounded"])
@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_let_go_is_nothing_to_the_day(
    change: Callable[[ManualJournal], ManualJournal],
    beside: Callable[[ManualJournal], list[ManualJournal]],
    sending: Sending,
) -> None:
    """The day held against what is kept, in short, is as held against all journals, whatever is known."""
    first, second = sending.live
    journals = [change(first), second, RENT, *beside(first)]
    for record in RECORDS.values():
        known = {first.journal_id: record} if record else {}
        wanted = Candidates(sending.plan, known)
        kept = [wanted.kept(one) for one in journals if wanted(one)]
        for new in (True, False):
            expected = compared(sending.plan, journals, known, new=new)
            assert compared(sending.plan, kept, known, new=new) == expected


def test_a_journal_as_it_was_sent_is_kept_in_short() -> None:
    """Where Xero shows what was sent, no line is kept; each can be looked at, and looks as it did."""
    kept = Candidates(ROUNDED.plan, ()).kept(ROUNDED.live[0])
    assert isinstance(kept.lines, LinesAsSent)
    assert list(kept.lines) == ROUNDED.live[0].lines
    assert kept.lines[0] == ROUNDED.live[0].lines[0]
    assert minors_of(kept, 2) == minors_of(ROUNDED.live[0], 2)


def test_journals_of_others_are_let_go() -> None:
    """Neither other people's journals are kept, nor another tenant's, nor those of another day."""
    plan = sent(transfers(2), label="acme").plan
    others = [
        *sent(transfers(2, first=100), label="other").live,
        RENT,
        RENT._replace(date=None),
        FIRST._replace(narration=FIRST.narration.replace(f"date: {DAY.date}", "date: 2026-11-19"), lines=()),
    ]
    assert not any(map(Candidates(plan, ()), others))
