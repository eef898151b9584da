"""Planning a withdrawal: which journals are the day's, and what is to become of each."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from blocks.mambu.models import JournalLine
from blocks.store.models import JournalRecord, JournalState
from blocks.xero.models import ManualJournal
from blocks.xero.models import XeroJournalLine as Line
from flows.journals.prepare import PreparedJournal, digest_of
from flows.journals.withdraw.rules import Scope, WithdrawalAction, planned
from tests.helpers.journals import DAY, days_of_lines, edited, examples, id_of, sent, transfers

DRAFTS = Scope()
EVERYTHING = Scope(include_posted=True, include_edited=True)


def record(
    journal: PreparedJournal, *, journal_id: str | None = "", digest: str | None = None
) -> JournalRecord:
    """Return the record of a journal that was sent and taken; `journal_id` "" is the builders' own."""
    name = str(journal.narration)
    return JournalRecord(
        organisation="organisation",
        narration=name,
        generation=0,
        connection="default",
        day=DAY.date,
        booking_date=journal.narration.booking_date,
        number=journal.narration.number,
        request_key="key",
        digest=journal.digest if digest is None else digest,
        lines=journal.lines,
        debits="1.25",
        state=JournalState.CONFIRMED,
        manual_journal_id=id_of(name) if journal_id == "" else journal_id,
    )


def one_sent() -> tuple[PreparedJournal, ManualJournal]:
    """Return a journal that was sent, and what Xero shows of it."""
    sending = sent(transfers(1))
    return sending.prepared.journals[0], sending.live[0]


def fate_of(
    journal: ManualJournal, *records: JournalRecord, scope: Scope = DRAFTS, label: str | None = None
) -> WithdrawalAction | None:
    """Return what is to become of a journal; None where it is not the day's."""
    items = planned(DAY.date, label, [journal], records, scope, 2)
    return items[0].action if items else None


@given(days_of_lines())
@examples
def test_what_nobody_touched_is_told_from_its_bytes(lines: list[JournalLine]) -> None:
    """The digest of every journal as Xero shows it is the one it was sealed with, whatever it holds."""
    sending = sent(lines, cap=4)
    assert sending.live
    for sealed, live in zip(sending.prepared.journals, sending.live, strict=True):
        assert digest_of(live, 2, cash_basis=True) == sealed.digest
        assert fate_of(live, record(sealed)) is WithdrawalAction.DELETE


@pytest.mark.parametrize(
    "changed",
    [
        lambda one: one._replace(narration=f"{one.narration} "),
        lambda one: one._replace(date=one.date + dt.timedelta(days=1)),
        lambda one: one._replace(date=None),
        lambda one: one._replace(lines=one.lines[:1]),
        lambda one: one._replace(line_amount_types="Exclusive"),
        lambda one: one._replace(cash_basis=False),
        lambda one: edited(one, lambda line: Line(line.amount + 1, line.account_code, line.description)),
        lambda one: edited(
            one,
            lambda line: Line(line.amount + Decimal("0.001"), line.account_code, line.description),
        ),
        lambda one: edited(one, lambda line: Line(line.amount, "4100", line.description)),
        lambda one: edited(one, lambda line: Line(line.amount, None, line.description)),
        lambda one: edited(one, lambda line: Line(line.amount, line.account_code, "a note")),
        lambda one: edited(
            one, lambda line: Line(line.amount, line.account_code, line.description, "INPUT2")
        ),
        lambda one: edited(
            one,
            lambda line: Line(
                line.amount, line.account_code, line.description, "NONE", tracking=({"Name": "Region"},)
            ),
        ),
    ],
)
def test_any_edit_is_seen(changed: object) -> None:
    """A draft of which a person changed anything at all stays, and goes only where that is asked for."""
    sealed, live = one_sent()
    live = changed(live._replace(cash_basis=True))  # type: ignore[operator]
    assert fate_of(live, record(sealed)) is WithdrawalAction.EDITED
    assert fate_of(live, record(sealed), scope=EVERYTHING) is WithdrawalAction.DELETE


@given(days_of_lines(), st.randoms())
@examples
def test_the_order_of_the_lines_is_no_edit(lines: list[JournalLine], chance: Random) -> None:
    """A draft whose lines Xero lists in another order is untouched, and still the one planned for."""
    sending = sent(lines, cap=4)
    for sealed, live in zip(sending.prepared.journals, sending.live, strict=True):
        shuffled = live._replace(lines=chance.sample(live.lines, len(live.lines)))
        (item,) = planned(DAY.date, None, [live], [record(sealed)], DRAFTS, 2)
        assert fate_of(shuffled, record(sealed)) is WithdrawalAction.DELETE
        assert item.is_still(shuffled, 2)


def test_the_order_of_lines_that_a_person_edited_is_no_further_edit() -> None:
    """An edited draft is still what was planned for in another order, not with other lines or tracking."""
    sealed, live = one_sent()
    tracking = ({"Name": "Region"},)
    noted = edited(live, lambda line: Line(line.amount, line.account_code, "a note", tracking=tracking))
    (item,) = planned(DAY.date, None, [noted], [record(sealed)], EVERYTHING, 2)
    assert item.is_still(noted._replace(lines=noted.lines[::-1]), 2)
    untracked = edited(noted, lambda line: structs.replace(line, tracking=None))
    more = noted._replace(lines=[*noted.lines, noted.lines[0]])
    assert not any(item.is_still(one, 2) for one in (untracked, more))


@pytest.mark.parametrize("name", ["NONE", "BASEXCLUDED", "EXEMPTEXPENSES", "EXEMPTINCOME", "EXEMPTOUTPUT"])
def test_a_name_of_no_tax_is_no_edit(name: str) -> None:
    """A draft is untouched under whatever name Xero shows that its lines have no tax."""
    sealed, live = one_sent()
    named = edited(live, lambda line: structs.replace(line, tax_type=name), first=2)
    assert fate_of(named, record(sealed)) is WithdrawalAction.DELETE


@pytest.mark.parametrize("digits", ["5.5", "5.50", "5.500", "55E-1"])
def test_how_an_amount_is_written_is_no_edit(digits: str) -> None:
    """The same amount with other zeros behind it is the same amount."""
    sealed, live = one_sent()
    exact = live.lines[0].amount
    written = Decimal(digits) - Decimal("5.5") + exact
    same = edited(live, lambda line: Line(written, line.account_code, line.description))
    assert fate_of(same, record(sealed)) is WithdrawalAction.DELETE


@pytest.mark.parametrize("known", ["nothing", "no digest"])
def test_without_a_record_of_what_was_sent_nothing_goes(known: str) -> None:
    """A journal that the record does not know, or of which it has no digest, stays unless asked for."""
    sealed, live = one_sent()
    records = [] if known == "nothing" else [record(sealed, digest="")]
    assert fate_of(live, *records) is WithdrawalAction.UNKNOWN
    assert fate_of(live, *records, scope=Scope(include_edited=True)) is WithdrawalAction.DELETE


@pytest.mark.parametrize(
    ("status", "scope", "expected"),
    [
        ("DRAFT", Scope(), WithdrawalAction.DELETE),
        ("POSTED", Scope(), WithdrawalAction.POSTED),
        ("POSTED", Scope(include_edited=True), WithdrawalAction.POSTED),
        ("POSTED", Scope(include_posted=True), WithdrawalAction.VOID),
        ("DELETED", EVERYTHING, WithdrawalAction.DELETED_OR_VOIDED),
        ("VOIDED", EVERYTHING, WithdrawalAction.DELETED_OR_VOIDED),
        ("ARCHIVED", EVERYTHING, WithdrawalAction.OTHER),
        ("SOMETHING NEW", EVERYTHING, WithdrawalAction.OTHER),
    ],
)
def test_the_status_decides(status: str, scope: Scope, expected: WithdrawalAction) -> None:
    """Drafts are deleted, posted journals voided if asked for, archived and strange ones always left."""
    sealed, live = one_sent()
    assert fate_of(live._replace(status=status), record(sealed), scope=scope) is expected


def test_a_posted_journal_that_was_edited_needs_both() -> None:
    """A posted journal that a person edited as well goes only where both are asked for."""
    sealed, live = one_sent()
    both = edited(live, lambda line: Line(line.amount, line.account_code, "a note"))
    both = both._replace(status="POSTED")
    assert fate_of(both, record(sealed), scope=Scope(include_posted=True)) is WithdrawalAction.EDITED
    assert fate_of(both, record(sealed), scope=EVERYTHING) is WithdrawalAction.VOID


@pytest.mark.parametrize(
    "narration",
    [
        "Mambu journal data with creation date: 2026-11-19 | booking date 2026-11-20 | 1",
        "Mambu journal data with creation date: 2026-11-20 | booking date 2026-11-20 | 1 | acme",
        "Accruals of November",
        "",
    ],
)
def test_what_is_not_the_days_is_not_looked_at(narration: str) -> None:
    """Journals of another day, another label, or of people are no part of it, whatever is asked for."""
    _, live = one_sent()
    assert fate_of(live._replace(narration=narration), scope=EVERYTHING) is None


def test_under_a_label_a_journal_without_it_is_anothers() -> None:
    """With a label, the day's journals are those that bear it."""
    _, live = one_sent()
    assert fate_of(live, scope=EVERYTHING, label="acme") is None
    named = live._replace(narration=f"{live.narration} | acme")
    assert fate_of(named, scope=EVERYTHING, label="acme") is WithdrawalAction.DELETE


def test_a_renamed_journal_is_found_by_its_id() -> None:
    """A journal whose name a person changed is found by the record, and is an edited one."""
    sealed, live = one_sent()
    (item,) = planned(DAY.date, None, [live._replace(narration="November")], [record(sealed)], Scope(), 2)
    assert item.action is WithdrawalAction.EDITED
    assert (item.booking_date, item.number) == (DAY.date, 1)


def test_a_copy_is_not_what_was_sent() -> None:
    """A copy of a journal, of the same name and lines, stays: it is a person's, not ours."""
    sealed, live = one_sent()
    assert fate_of(live._replace(journal_id="a copy"), record(sealed)) is WithdrawalAction.UNKNOWN


def test_a_journal_whose_answer_was_lost_is_known_by_its_name() -> None:
    """A record without an id, since no answer came, says by its name what was sent."""
    sealed, live = one_sent()
    assert fate_of(live, record(sealed, journal_id=None)) is WithdrawalAction.DELETE


def test_what_changed_since_the_plan_is_not_the_same() -> None:
    """A journal of which status or content has changed since it was planned for is not the planned one."""
    sealed, live = one_sent()
    noted = edited(live, lambda line: Line(line.amount, line.account_code, "a note"))
    twice = edited(live, lambda line: Line(line.amount, line.account_code, "another note"))
    (clean,) = planned(DAY.date, None, [live], [record(sealed)], EVERYTHING, 2)
    (touched,) = planned(DAY.date, None, [noted], [record(sealed)], EVERYTHING, 2)
    assert clean.is_still(live._replace(updated=dt.datetime.now(dt.UTC)), 2)
    assert touched.is_still(noted, 2)
    assert not clean.is_still(live._replace(status="POSTED"), 2)
    assert not clean.is_still(noted, 2)
    assert not touched.is_still(twice, 2)
    assert not touched.is_still(live, 2)


def test_journals_come_in_the_order_of_their_names() -> None:
    """The plan lists booking dates and numbers in their order, not in Xero's."""
    sending = sent(transfers(12), cap=2)
    items = planned(DAY.date, None, sending.live[::-1], [], Scope(), 2)
    assert [item.number for item in items] == list(range(1, 13))
