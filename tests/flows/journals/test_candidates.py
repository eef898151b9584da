"""Which journals are kept of a page: whatever is let go is nothing to the reconciliation."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace as replaced

from blocks.xero.models import ManualJournal, XeroJournalLine
from flows.journals.candidates import Candidates
from flows.journals.models import Known, Plan
from flows.journals.reconciliation import Reconciliation, reconcile
from tests.helpers.journals import DAY, edited, sent, transfers

TWO = sent(transfers(2), cap=2)
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
    "with other texts": lambda journal: rewritten(journal)._replace(narration=journal.narration),
    "rewritten": rewritten,
    "rewritten, with another amount": without_sums,
    "deleted": lambda journal: journal._replace(status="DELETED"),
    "deleted under another name": lambda journal: journal._replace(status="DELETED", narration="November"),
    "voided": lambda journal: journal._replace(status="VOIDED"),
    "without lines": lambda journal: journal._replace(lines=(), status="DELETED"),
    "of another date": lambda journal: journal._replace(date=None),
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


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_let_go_is_nothing_to_the_day(
    change: Callable[[ManualJournal], ManualJournal], *, new: bool, recorded: bool
) -> None:
    """The day held against the candidates is as held against all journals, whatever people changed."""
    known = {FIRST.journal_id: Known(DAY.date, DAY.date, frozenset({1, 2}))} if recorded else {}
    journals = [change(FIRST), SECOND, RENT]
    wanted = Candidates(TWO.plan, known)
    kept = [wanted.kept(one) for one in journals if wanted(one)]
    assert compared(TWO.plan, kept, known, new=new) == compared(TWO.plan, journals, known, new=new)


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
