"""The verdict on a day: two sides that know nothing of each other."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as replaced

from blocks.mambu.models import JournalLine
from blocks.xero.models import ManualJournal
from flows.journals import tie_out as tie_out_module
from flows.journals.models import Known
from flows.journals.reconciliation import reconcile
from flows.journals.tie_out import TieOutRow, confirmed, exact_sums, open_points, tie_out
from tests.helpers.journals import (
    CASH,
    DAY,
    LOANS,
    days_of_lines,
    edited,
    examples,
    planned,
    posting,
    prepared_for,
    sent,
    staged,
    taken_by_xero,
    transfers,
)


@given(lines=days_of_lines(decimals=4))
@examples
def test_mambus_side_is_the_exact_sums_of_the_lines_as_extracted(lines: list[JournalLine]) -> None:
    """Per account and booking date it is the sum of the signed amounts as they came, before any rounding."""
    wanted: dict[tuple[str, str], Decimal] = {}
    for one in lines:
        key = (one.gl_account.gl_code, one.booking_date[:10])
        signed = one.amount if one.type == "DEBIT" else -one.amount
        wanted[key] = wanted.get(key, Decimal(0)) + signed * 100
    assert exact_sums(staged(lines), DAY.zone, {}, 2) == wanted


def test_accounts_that_are_mapped_to_one_are_summed() -> None:
    """Mambu's side is by Xero's accounts, as the connection maps them."""
    found = exact_sums(staged(posting(1, "5", "-5")), DAY.zone, {CASH: "X", LOANS: "X"}, 2)
    assert found == {("X", "2026-11-20"): Decimal(0)}


def test_the_sums_have_the_last_word() -> None:
    """Where every line seems to be in its place and the sums differ, the day does not tie out."""
    day = sent(posting(1, "5", "-5"))
    plan = day.plan._replace(exact={**day.plan.exact, (CASH, "2026-11-20"): Decimal(600)})
    found = confirmed(plan, reconcile(plan, day.live), [])
    assert not found.tied_out
    assert found.open == [f"account {CASH}, booking date 2026-11-20: Mambu 6.00, Xero 5.00"]


def test_what_stands_beside_our_lines_counts() -> None:
    """Xero's side is all that stands in the day's journals, also lines that are nobody's."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    extra = replaced(journal.lines[0], description="tip", amount=Decimal("0.10"))
    found = confirmed(day.plan, reconcile(day.plan, [journal._replace(lines=[*journal.lines, extra])]), [])
    (row,) = [row for row in found.rows if row.account_code == CASH]
    assert (row.mambu, row.xero, row.agrees) == (500, 510, False)


def test_what_stands_on_an_account_that_mambu_has_not_counts() -> None:
    """An account of which only Xero has something stands in the tie-out, and does not agree."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    extra = replaced(journal.lines[0], description="tip", amount=Decimal("0.10"), account_code="4100")
    rows = tie_out(day.plan, reconcile(day.plan, [journal._replace(lines=[*journal.lines, extra])]))
    (row,) = [row for row in rows if row.account_code == "4100"]
    assert (row.mambu, row.xero, row.agrees) == (0, 10, False)


@pytest.mark.parametrize(
    ("off", "allowed", "agrees"),
    [
        ("0", 0, True),
        ("0.99", 1, True),
        ("1", 1, False),
        ("-1", 1, False),
        ("1.5", 2, True),
        ("0.1", 0, False),
    ],
)
def test_rounding_excuses_less_than_what_is_allowed(off: str, allowed: int, agrees: bool) -> None:
    """An account off by less than its rounding may come to agrees, and one off by just that does not."""
    assert TieOutRow(CASH, "2026-11-20", Decimal(5), Decimal(5) + Decimal(off), allowed).agrees is agrees


@given(lines=days_of_lines(decimals=4))
@examples
def test_what_was_sent_at_one_time_is_within_one_unit(lines: list[JournalLine]) -> None:
    """Every account of a booking date is less than one minor unit off after sending, and that ties out."""
    day = sent(lines, cap=4)
    found = confirmed(day.plan, reconcile(day.plan, day.live), [])
    assert found.tied_out, found.open
    assert all(abs(row.rounding) < 1 for row in found.rows)
    assert prepared_for(day.plan, day.live, cap=4).requests == []


@given(lines=days_of_lines(decimals=4), cut=st.integers(0, 40))
@examples
def test_what_comes_late_adds_less_than_one_unit(lines: list[JournalLine], cut: int) -> None:
    """Whatever was sent before, what comes late ties out with it; once it is there, nothing more is sent."""
    early = {one.transaction_id for one in lines[:cut]}
    first = sent([one for one in lines if one.transaction_id in early], cap=4)
    plan = planned(lines, cap=4)
    live = [*first.live, *taken_by_xero(prepared_for(plan, first.live, cap=4).requests)]
    found = confirmed(plan, reconcile(plan, live), [])
    assert found.tied_out, (found.open, found.rows)
    assert all(abs(row.rounding) < 2 for row in found.rows)
    assert prepared_for(plan, live, cap=4).requests == []


def test_late_small_amounts_start_from_what_is_live() -> None:
    """Late lines are rounded so that each account stays within a unit of its exact sum, again and again."""
    lines, live = list[JournalLine](), list[ManualJournal]()
    for number in range(1, 6):
        for amount in (f"0.00{number}", f"1.1{number}4", "0.0033"):
            lines += posting(len(lines) + 1, amount, f"-{amount}")
        plan = planned(lines)
        live += taken_by_xero(prepared_for(plan, live).requests)
        assert all(abs(row.rounding) < 1 for row in tie_out(plan, reconcile(plan, live)))


def test_an_account_without_fractions_must_be_equal() -> None:
    """Rounding excuses only accounts that have amounts finer than the currency's decimals."""
    lines = [*posting(1, "0.004", "-0.004"), *posting(3, "5", "-5", booked="2026-11-18")]
    day = sent(lines)
    live = [
        edited(one, lambda line: replaced(line, amount=line.amount + Decimal("0.01")), first=1)
        if one.date == dt.date(2026, 11, 18)
        else one
        for one in day.live
    ]
    found = confirmed(day.plan, reconcile(day.plan, live), [])
    assert [row.agrees for row in found.rows if row.booking_date == "2026-11-18"] == [False, True]


@pytest.mark.parametrize("known", [True, False])
def test_lines_that_mambu_shows_no_more_are_left_over(known: bool) -> None:
    """A whole journal of the day whose lines Mambu lacks is named, by its name or by the record."""
    day = sent(transfers(2), cap=2)
    plan = planned(transfers(1), cap=2)
    gone = day.live[1]
    record = {gone.journal_id: Known(DAY.date, DAY.date, frozenset({3, 4}))} if known else {}
    renamed = gone._replace(narration="November") if known else gone
    found = confirmed(plan, reconcile(plan, [day.live[0], renamed], record), [])
    assert not found.tied_out
    assert "Mambu no longer shows EntryID 3, 4" in found.open[0]


@pytest.mark.parametrize("sign", [1, -1])
def test_opposite_amounts_are_a_reversal(sign: int) -> None:
    """A second journal of the same lines is a duplicate; of opposite amounts it is a reversal."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    other = edited(journal, lambda line: replaced(line, amount=line.amount * sign), first=2)
    matched = reconcile(day.plan, [journal, other._replace(journal_id="other", narration="Reversal")])
    assert bool(matched.duplicates) is (sign == 1)
    assert any("with opposite amounts" in text for text in open_points(matched, [])) is (sign == -1)
    assert matched.missing == frozenset()


def test_what_was_reversed_and_entered_again_is_there_once() -> None:
    """Of a line, its reversal and its second entry one stands: that is no duplicate, and it ties out."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    back = edited(journal, lambda line: replaced(line, amount=-line.amount), first=2)
    live = [
        journal,
        back._replace(journal_id="back", narration="Reversal"),
        journal._replace(journal_id="again", narration="Again"),
    ]
    found = confirmed(day.plan, reconcile(day.plan, live), [])
    assert (found.open, found.tied_out) == ([], True)


@pytest.mark.parametrize(
    ("may_be_new", "narration", "waits"),
    [(True, "November", True), (False, "November", False), (True, "November (not Mambu)", False)],
)
def test_a_lookalike_holds_its_batch_where_the_record_may_be_new(
    may_be_new: bool, narration: str, waits: bool
) -> None:
    """An unknown journal with a batch's date and sums holds that batch alone, unless a person says no."""
    day = sent(transfers(2), cap=2)
    first, second = day.live
    rewritten = edited(first, lambda line: replaced(line, description="see file"), first=2)
    live = [rewritten._replace(narration=narration)]
    matched = reconcile(day.plan, live, record_may_be_new=may_be_new)
    assert matched.waiting == ({1, 2} if waits else set())
    assert matched.missing == ({3, 4} if waits else {1, 2, 3, 4})
    assert confirmed(day.plan, matched, []).in_review == (1 if waits else 0)
    assert second.lines[0].description == "EntryID: 3, TransactionID: T3"


def test_the_exact_sums_are_those_of_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day that is summed up in parts has the sums that it has as a whole."""
    lines = staged(transfers(5))
    whole = exact_sums(lines, DAY.zone, {}, 2)
    monkeypatch.setattr(tie_out_module, "_PART_LINES", 3)
    assert exact_sums(lines, DAY.zone, {}, 2) == whole


@pytest.mark.parametrize(("may_be_new", "points"), [(True, 1), (False, 0)])
def test_a_lookalike_of_what_is_there_is_told(may_be_new: bool, points: int) -> None:
    """An unknown journal with the date and sums of a batch that is there holds up nothing, and is told."""
    day = sent(transfers(2), cap=2)
    rewritten = edited(day.live[0], lambda line: replaced(line, description="see file"), first=2)
    unknown = rewritten._replace(journal_id="another", narration="November")
    found = confirmed(day.plan, reconcile(day.plan, [*day.live, unknown], record_may_be_new=may_be_new), [])
    assert [point for point in found.open if "that are in Xero already" in point] == found.open
    assert (len(found.open), found.matched.waiting, found.matched.missing) == (points, set(), set())
    assert [one.entries for one in found.matched.lookalikes] == [{1, 2}][:points]


@pytest.mark.parametrize("on_record", [False, True], ids=["seen first", "on record"])
@pytest.mark.parametrize(("rewritten", "there"), [(1, False), (2, False), (4, False), (4, True)])
def test_the_lines_that_a_lookalike_may_hold_are_named(
    rewritten: int, *, there: bool, on_record: bool
) -> None:
    """What a journal that cannot be told may hold, or hold a second time, is told by its entry ids."""
    day = sent(transfers(2))
    (journal,) = day.live
    unknown = edited(journal, lambda line: replaced(line, description="see file"), first=rewritten)
    unknown = unknown._replace(journal_id="unknown", narration="November")
    its = range(1, rewritten + 1)
    record = {"unknown": Known(DAY.date, DAY.date, frozenset(its), possible=True)} if on_record else {}
    live = [*day.live, unknown] if there else [unknown]
    found = confirmed(day.plan, reconcile(day.plan, live, record, record_may_be_new=True), [])
    (point,) = [one for one in found.open if "It may be a journal of Daybook's" in one]
    assert f"(EntryID {', '.join(map(str, its))})" in point
    assert ("to be missing" in point, "are in Xero already" in point) == (not there, there)


def test_a_journal_with_lines_of_the_day_is_no_lookalike_of_itself() -> None:
    """Lines that a person added to a draft, and renamed it, are told, also where its sums are as before."""
    day = sent(transfers(1))
    (journal,) = day.live
    own = [replaced(journal.lines[0], description="Rent", amount=Decimal(amount)) for amount in (5, -5)]
    added = journal._replace(narration="November", lines=[*journal.lines, *own])
    found = confirmed(day.plan, reconcile(day.plan, [added], record_may_be_new=True), [])
    assert found.matched.lookalikes == []
    assert [
        point for point in found.open if "2 of its 4 lines do not belong to this day" in point
    ] == found.open
    assert len(found.open) == 1


@pytest.mark.parametrize("rewritten", ["what was sent first", "what came late"])
def test_a_lookalike_is_known_although_lines_came_late(rewritten: str) -> None:
    """Where lines came late, an unknown journal with the sums of what is missing holds that."""
    early = transfers(2)
    day, plan = sent(early), planned([*early, *transfers(1, first=7)])
    live = [*day.live, *taken_by_xero(prepared_for(plan, day.live).requests)]
    changed = live[0 if rewritten == "what was sent first" else 1]
    unknown = edited(changed, lambda line: replaced(line, description="see file"), first=9)
    kept = [one for one in live if one is not changed]
    matched = reconcile(plan, [*kept, unknown._replace(narration="November")], record_may_be_new=True)
    assert (matched.missing, len(matched.waiting)) == (frozenset(), len(changed.lines))


@pytest.mark.parametrize("status", ["DRAFT", "POSTED", "ARCHIVED"])
def test_the_way_out_fits_the_journal(status: str) -> None:
    """Of rewritten texts people are told what takes such a journal out of Xero, and only what does."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    rewritten = edited(journal, lambda line: replaced(line, description="see file"), first=2)
    record = {journal.journal_id: Known(DAY.date, DAY.date, frozenset({1, 2}))}
    (text,) = open_points(reconcile(day.plan, [rewritten._replace(status=status)], record), [])
    options = {"DRAFT": "--include-edited and", "POSTED": "--include-edited --include-posted and"}
    assert options.get(status, "or void it in Xero") in text
    assert "--include" not in text or status in options


def test_a_reversal_is_no_sending() -> None:
    """What rounding may come to grows with each sending, not with a journal that takes lines back."""
    early = posting(1, "0.006", "-0.006")
    day, plan = sent(early), planned([*early, *posting(3, "0.006", "-0.006")])
    live = [*day.live, *taken_by_xero(prepared_for(plan, day.live).requests)]
    matched = reconcile(plan, live)
    back = edited(live[0], lambda line: replaced(line, amount=-line.amount), first=2)
    again = reconcile(plan, [*live, back._replace(journal_id="back", narration="Reversal")])
    assert [row.allowed for row in confirmed(plan, again, []).rows] == [
        row.allowed for row in confirmed(plan, matched, []).rows
    ]


def test_a_split_line_is_what_its_parts_sum_up_to() -> None:
    """Late amounts are rounded by what is live of an account, also where a person split a line of it."""
    early = [*posting(1, "5.004", "-5.004"), *posting(3, "7", "-7")]
    day = sent(early)
    plan = planned([*early, *[one for n in range(9) for one in posting(5 + 2 * n, "0.004", "-0.004")]])
    (journal,) = day.live
    part = replaced(journal.lines[2], amount=Decimal(3))
    rest = replaced(journal.lines[2], amount=Decimal(4))
    split = journal._replace(lines=[*journal.lines[:2], part, rest, *journal.lines[3:]])
    matched = reconcile(plan, [split])
    assert matched.rerounded
    assert matched.sent[3] == 700
