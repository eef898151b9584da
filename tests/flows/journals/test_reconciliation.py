"""The plan held against what Xero has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as replaced

from blocks.mambu.models import JournalLine
from blocks.xero.models import ManualJournal
from blocks.xero.models import XeroJournalLine as Line
from flows.journals.models import Known
from flows.journals.reconciliation import reconcile
from flows.journals.tie_out import confirmed
from tests.helpers.journals import (
    CASH,
    DAY,
    EARLIER,
    days_of_lines,
    edited,
    entries,
    examples,
    planned,
    posting,
    prepared_for,
    sent,
    transfers,
)

STATES = ["DRAFT", "POSTED", "ARCHIVED", "DELETED", "VOIDED"]


def text_edit(change: Callable[[str], str]) -> Callable[[Line], Line]:
    """Return an edit of a line's description."""
    return lambda line: replaced(line, description=change(line.description or ""))


@given(lines=days_of_lines())
@examples
def test_what_was_sent_ties_out(lines: list[JournalLine]) -> None:
    """A day that Xero holds as it was sent agrees in every line and every account."""
    day = sent(lines, cap=4)
    found = confirmed(day.plan, reconcile(day.plan, day.live), [])
    assert found.tied_out
    assert not found.deleted_since_post([one.journal_id for one in day.live])


@given(data=st.data(), lines=days_of_lines())
@examples
def test_each_entry_is_found_missing_or_voided(data: st.DataObject, lines: list[JournalLine]) -> None:
    """Whatever state its journal is in, each line is exactly one of found, missing and voided."""
    day = sent(lines, cap=4)
    live = [one._replace(status=data.draw(st.sampled_from(STATES))) for one in day.live]
    matched = reconcile(day.plan, live)
    assert set(matched.found) == set(entries(one for one in live if one.status in STATES[:3]))
    assert matched.missing == set(entries(one for one in live if one.status == "DELETED"))
    assert matched.voided == set(entries(one for one in live if one.status == "VOIDED"))


@pytest.mark.parametrize("transaction", ["T1", None])
@pytest.mark.parametrize("label", [None, "acme-uk"])
@pytest.mark.parametrize(
    ("added", "narration"),
    [
        (" checked", None),
        (" checked", "November interest"),
        (", ok", "November interest"),
        ("\nseen by Ann", "November interest"),
        (" | ok", None),
    ],
)
def test_an_edited_description_is_still_found(
    added: str, narration: str | None, label: str | None, transaction: str | None
) -> None:
    """What people add to a line's text neither hides the line nor makes it differ."""
    day = sent(posting(1, "5", "-5", transaction=transaction), label=label)
    journal = edited(day.live[0], text_edit(lambda text: text + added), first=2)
    matched = reconcile(day.plan, [journal._replace(narration=narration or journal.narration)])
    assert (matched.missing, matched.differences) == (frozenset(), [])


def test_a_removed_label_is_forgiven_in_our_journal() -> None:
    """A line whose label a person removed is still found in a journal of our name."""
    day = sent(posting(1, "5", "-5"), label="acme-uk")
    journal = edited(day.live[0], text_edit(lambda text: text.removesuffix(" | acme-uk")))
    assert not reconcile(day.plan, [journal]).missing


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda line: replaced(line, amount=Decimal("5.01")), "Mambu 5.00 on 1100, Xero 5.01 on 1100"),
        (lambda line: replaced(line, amount=Decimal("5.005")), "Xero an amount with more decimals on 1100"),
        (lambda line: replaced(line, account_code="4100"), "Mambu 5.00 on 1100, Xero 5.00 on 4100"),
        (lambda line: replaced(line, account_code=None), "Xero 5.00 on no account"),
    ],
)
def test_an_edited_line_is_drift(change: Callable[[Line], Line], sentence: str) -> None:
    """A line whose amount or account differs is reported with both sides, and is not sent again."""
    day = sent(posting(1, "5", "-5"))
    live = [edited(day.live[0], change)]
    ((index, text),) = reconcile(day.plan, live).differences
    assert (index, sentence in text, "EntryID 1" in text) == (0, True, True)
    assert prepared_for(day.plan, live).requests == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda journal: journal._replace(date=dt.date(2026, 11, 21)),
            "Mambu's booking date is 2026-11-20, the date in Xero is 2026-11-21",
        ),
        (lambda journal: journal._replace(date=None), "the date in Xero is None"),
        (
            lambda journal: journal._replace(lines=[*journal.lines, Line(Decimal(1), CASH, "Tip")]),
            "1 of its 3 lines do not belong to this day",
        ),
    ],
)
def test_an_edited_journal_is_drift(change: Callable[[ManualJournal], ManualJournal], sentence: str) -> None:
    """A journal whose date or lines differ is reported, keeps the day open, and is not sent again."""
    day = sent(posting(1, "5", "-5"))
    live = [change(day.live[0])]
    found = confirmed(day.plan, reconcile(day.plan, live), [])
    assert any(sentence in text for text in found.open)
    assert not found.tied_out
    assert prepared_for(day.plan, live).requests == []


def test_no_tax_is_no_difference() -> None:
    """A journal that Xero shows as without tax, as a whole and line by line, equals the day."""
    day = sent(posting(1, "5", "-5"))
    untaxed = edited(day.live[0], lambda line: replaced(line, tax_type="NONE"), first=2)
    found = confirmed(day.plan, reconcile(day.plan, [untaxed._replace(line_amount_types="NoTax")]), [])
    assert (found.open, found.tied_out) == ([], True)


@pytest.mark.parametrize("whole", [None, "NoTax", "Exclusive"])
def test_a_line_with_tax_is_one_difference(whole: str | None) -> None:
    """A journal of which one line has tax differs, in one sentence, whatever it says as a whole."""
    day = sent(posting(1, "5", "-5"))
    taxed = edited(day.live[0], lambda line: replaced(line, tax_type="INPUT2"))
    ((index, text),) = reconcile(day.plan, [taxed._replace(line_amount_types=whole)]).differences
    assert (index, "it has tax in Xero" in text) == (0, True)


def test_tax_on_the_whole_is_a_difference() -> None:
    """A journal whose amounts are said to have tax differs, also where no line has any."""
    day = sent(posting(1, "5", "-5"))
    ((_, text),) = reconcile(day.plan, [day.live[0]._replace(line_amount_types="Inclusive")]).differences
    assert "it has tax in Xero" in text


def test_a_journal_of_two_booking_dates_is_drift() -> None:
    """A journal into which a person moved lines of another booking date is reported with both dates."""
    day = sent([*posting(1, "5", "-5"), *posting(3, "6", "-6", booked=EARLIER)])
    first, second = day.live
    joined = second._replace(lines=[*first.lines, *second.lines])
    (difference,) = reconcile(day.plan, [joined]).differences
    assert "Mambu's booking date is 2026-11-18, 2026-11-20" in difference[1]


@pytest.mark.parametrize("status", ["DRAFT", "POSTED", "ARCHIVED"])
def test_a_line_in_two_live_journals_is_doubled(status: str) -> None:
    """An entry id in two live journals is named with both, in whatever live state they are."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    matched = reconcile(
        day.plan, [journal, journal._replace(journal_id="copy", status=status, narration="copy")]
    )
    assert [text.split(" is in ")[0] for text in matched.duplicates] == ["EntryID 1", "EntryID 2"]
    assert f'{status.lower()} journal "copy"' in matched.duplicates[0]


def test_a_line_twice_in_one_journal_is_doubled() -> None:
    """An entry id that stands twice in a single journal is doubled, too."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    assert reconcile(day.plan, [journal._replace(lines=[*journal.lines, journal.lines[0]])]).duplicates


@pytest.mark.parametrize("status", ["DELETED", "VOIDED"])
def test_a_withdrawn_copy_does_not_double(status: str) -> None:
    """A copy of a journal that is deleted or voided doubles nothing."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    matched = reconcile(day.plan, [journal, journal._replace(journal_id="copy", status=status)])
    assert (matched.duplicates, matched.missing, matched.voided) == ([], frozenset(), frozenset())


def test_a_journal_read_twice_counts_once_as_it_was_read_last() -> None:
    """A journal that comes on two pages is one journal, in the state in which it came last."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    assert reconcile(day.plan, [journal, journal]).duplicates == []
    assert reconcile(day.plan, [journal, journal._replace(status="DELETED")]).missing == {1, 2}


@pytest.mark.parametrize(
    ("ours", "theirs"), [(None, "acme-uk"), ("acme-uk", None), ("acme", "acme-uk"), ("acme-uk", "acme")]
)
def test_tenants_that_share_an_organisation(ours: str | None, theirs: str | None) -> None:
    """The journals of a tenant with another label neither hide our lines nor take our numbers."""
    lines = transfers(3)
    matched = reconcile(planned(lines, label=ours), sent(lines, label=theirs).live)
    assert matched.missing == {1, 2, 3, 4, 5, 6}
    assert (matched.journals, matched.numbers, matched.totals) == ([], {}, {})


def test_journals_of_other_origin_do_not_matter() -> None:
    """Journals without our entry ids, of other days or entered manually, are neither ours nor drift."""
    day = sent(posting(1, "5", "-5"))
    others = [
        ManualJournal("a", "Rent", DAY.date, "POSTED", [Line(Decimal(5), CASH, "Rent")]),
        ManualJournal("b", "Odd", None, "DRAFT", [Line(Decimal(5), None, None)]),
        ManualJournal("c", "Empty", DAY.date, "DRAFT", []),
        *(
            one._replace(narration=one.narration.replace("date: 2026-11-20", "date: 2026-11-19"))
            for one in sent(transfers(2, first=900)).live
        ),
    ]
    matched = reconcile(
        day.plan, [*day.live, *(one._replace(journal_id=one.journal_id + "!") for one in others)]
    )
    assert (matched.journals, matched.differences) == (day.live, [])


@pytest.mark.parametrize("status", STATES)
def test_a_number_is_taken_in_any_state(status: str) -> None:
    """The number of a journal of the day is taken, whatever became of the journal."""
    day = sent(posting(1, "5", "-5"))
    matched = reconcile(day.plan, [day.live[0]._replace(status=status)])
    assert matched.numbers == {DAY.date: {1}}


def test_voided_lines_are_reported() -> None:
    """Lines that stand only in a voided journal keep the day open, by their entry ids."""
    day = sent(posting(1, "5", "-5"))
    found = confirmed(day.plan, reconcile(day.plan, [day.live[0]._replace(status="VOIDED")]), [])
    assert not found.tied_out
    assert "voided in Xero, so they are not sent again: EntryID 1, 2" in found.open[0]


def test_a_copy_brings_voided_lines_back() -> None:
    """Where lines are only in a voided journal, the way that the run names leads to a day that ties out."""
    day = sent(posting(1, "5", "-5"))
    voided = day.live[0]._replace(status="VOIDED")
    assert "copy those journals in Xero" in confirmed(day.plan, reconcile(day.plan, [voided]), []).open[0]
    copy = day.live[0]._replace(journal_id="copy")
    assert confirmed(day.plan, reconcile(day.plan, [voided, copy]), []).tied_out


def test_missing_lines_are_reported() -> None:
    """Lines in no journal keep the day open; a journal has vanished only where Xero shows it deleted."""
    day = sent(posting(1, "5", "-5"))
    found = confirmed(day.plan, reconcile(day.plan, []), [])
    assert found.open == ["2 lines are not in Xero: EntryID 1, 2"]
    assert not found.deleted_since_post([one.journal_id for one in day.live])
    deleted = [one._replace(status="DELETED") for one in day.live]
    assert confirmed(day.plan, reconcile(day.plan, deleted), []).deleted_since_post(
        [one.journal_id for one in deleted]
    )


def test_two_journals_of_one_name_are_reported() -> None:
    """Two live journals with the same name keep the day open, even where their lines differ."""
    day = sent(transfers(4), cap=4)
    first, second = day.live
    found = confirmed(day.plan, reconcile(day.plan, [first, second._replace(narration=first.narration)]), [])
    assert found.open == [f'2 journals are named "{first.narration}"']


@pytest.mark.parametrize("status", ["DRAFT", "POSTED", "ARCHIVED"])
def test_what_a_rewritten_journal_was_sent_with_is_not_missing(status: str) -> None:
    """A journal whose texts people rewrote holds, by the record, the lines that it was sent with."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    rewritten = edited(journal, text_edit(lambda _: "rent"), first=2)._replace(
        narration="November", status=status
    )
    matched = reconcile(
        day.plan, [rewritten], {journal.journal_id: Known(DAY.date, DAY.date, frozenset({1, 2}))}
    )
    assert (matched.missing, matched.found, matched.by_record) == (set(), {}, {1: 0, 2: 0})


@pytest.mark.parametrize("on_record", [False, True], ids=["seen first", "on record"])
@pytest.mark.parametrize("status", ["DRAFT", "POSTED", "DELETED", "VOIDED"])
def test_a_persons_no_is_of_what_cannot_be_told(status: str, *, on_record: bool) -> None:
    """Of a journal that a person says is none of Mambu's, the lines whose texts say otherwise are there."""
    day = sent(transfers(2))
    (journal,) = day.live
    theirs = edited(journal, text_edit(lambda _: "rent"), first=2)._replace(
        narration="November, not Mambu", status=status
    )
    known = Known(DAY.date, DAY.date, frozenset({1, 2}), possible=True)
    record = {journal.journal_id: known} if on_record else {}
    matched = reconcile(day.plan, [theirs], record, record_may_be_new=True)
    live = status in {"DRAFT", "POSTED"}
    assert set(matched.found) == ({3, 4} if live else set())
    assert matched.missing | matched.voided == ({1, 2} if live else {1, 2, 3, 4})
    assert matched.changed_dates == frozenset()


@pytest.mark.parametrize("looking_back", [True, False])
def test_what_people_took_out_of_a_journal_is_withheld_on_request(*, looking_back: bool) -> None:
    """Lines that a journal was sent with and lacks now are missing, unless a run looks back."""
    day = sent(transfers(2))
    (journal,) = day.live
    known = {journal.journal_id: Known(DAY.date, DAY.date, frozenset({1, 2, 3, 4}))}
    left = journal._replace(lines=journal.lines[:2])
    matched = reconcile(day.plan, [left], known, withhold_deleted=looking_back)
    assert matched.suppressed == ({3, 4} if looking_back else set())
    assert matched.missing == (set() if looking_back else {3, 4})


@given(data=st.data(), lines=days_of_lines())
@examples
def test_what_was_deleted_is_withheld_on_request(data: st.DataObject, lines: list[JournalLine]) -> None:
    """On request exactly the lines that otherwise are missing by deletion are withheld; all else is alike."""
    day = sent(lines, cap=4)
    known = [one for one in day.live if data.draw(st.booleans())]
    live = [one._replace(status=data.draw(st.sampled_from(STATES))) for one in known]
    plain, withholding = reconcile(day.plan, live), reconcile(day.plan, live, withhold_deleted=True)
    assert withholding.suppressed == set(entries(one for one in live if one.status == "DELETED"))
    assert withholding.missing == plain.missing - withholding.suppressed
    assert plain.suppressed == frozenset()
    assert replaced(withholding, missing=plain.missing, suppressed=plain.suppressed) == plain


@pytest.mark.parametrize("others", [["DRAFT"], ["POSTED"], ["ARCHIVED"], ["VOIDED"], ["VOIDED", "DRAFT"]])
@pytest.mark.parametrize("deleted_first", [True, False])
def test_only_what_stands_nowhere_else_is_withheld(others: list[str], *, deleted_first: bool) -> None:
    """A line of a deleted journal that a live or a voided one holds as well is not withheld."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    deleted = [journal._replace(status="DELETED", journal_id="deleted")]
    rest = [journal._replace(status=status, journal_id=status) for status in others]
    live = [*deleted, *rest] if deleted_first else [*rest, *deleted]
    matched = reconcile(day.plan, live, withhold_deleted=True)
    voided = frozenset() if set(others) - {"VOIDED"} else {1, 2}
    assert (matched.suppressed, matched.missing, matched.voided) == (frozenset(), frozenset(), voided)
    assert set(matched.found) == {1, 2} - voided


def test_a_day_is_settled_although_lines_are_withheld() -> None:
    """A day of which drafts were deleted is settled for a run that looks back, and does not tie out."""
    day = sent([*transfers(2), *posting(5, "7", "-7", booked=EARLIER)])
    live = [one._replace(status="DELETED") if one.date != DAY.date else one for one in day.live]
    found = confirmed(day.plan, reconcile(day.plan, live, withhold_deleted=True), [])
    assert (found.open, found.settled, found.tied_out) == ([], True, False)
    assert not found.deleted_since_post([one.journal_id for one in live])
    asked_for = confirmed(day.plan, reconcile(day.plan, live), [])
    assert (asked_for.settled, len(asked_for.open)) == (False, 1)


@pytest.mark.parametrize("what", ["missing", "voided", "torn", "doubled"])
def test_withheld_lines_excuse_nothing_else(what: str) -> None:
    """Beside withheld lines, whatever else does not agree keeps the day open."""
    lines = [*posting(1, "5", "-5"), *posting(3, "6", "-6"), *posting(5, "7", "-7", booked=EARLIER)]
    day = sent(lines, cap=2)
    deleted, first, second = day.live
    live = [deleted._replace(status="DELETED"), first, second]
    if what == "missing":
        live.pop()
    elif what == "voided":
        live[2] = second._replace(status="VOIDED")
    elif what == "doubled":
        live.append(second._replace(journal_id="copy", narration="copy"))
    matched = reconcile(day.plan, live, withhold_deleted=True)
    found = confirmed(day.plan, matched, ["transaction T1: torn"] if what == "torn" else [])
    assert matched.suppressed == {5, 6}
    assert (found.settled, bool(found.open)) == (False, True)


def test_a_day_that_ties_out_is_settled() -> None:
    """A day that agrees to the cent is settled; one that does not, and withholds nothing, is not."""
    day = sent(posting(1, "5", "-5"))
    assert confirmed(day.plan, reconcile(day.plan, day.live), []).settled
    off = [edited(day.live[0], lambda line: replaced(line, amount=Decimal("5.01")))]
    assert not confirmed(day.plan, reconcile(day.plan, off, withhold_deleted=True), []).settled


@given(lines=days_of_lines())
@examples
def test_the_tie_out_takes_every_line(lines: list[JournalLine]) -> None:
    """Before anything is sent, the tie-out has all of Mambu's lines, at a sum of zero, and none of Xero's."""
    plan = planned(lines)
    rows = confirmed(plan, reconcile(plan, []), []).rows
    assert sum(row.mambu for row in rows) == 0
    assert {(row.account_code, row.booking_date) for row in rows} == {
        (row["account_code"], str(row["booking_date"])) for row in plan.lines.to_pylist()
    }
    assert not any(row.xero for row in rows)


def test_a_day_without_lines_ties_out() -> None:
    """A day without lines agrees with an empty Xero."""
    plan = planned([])
    assert confirmed(plan, reconcile(plan, []), []).tied_out
