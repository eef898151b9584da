"""What is missing in Xero becomes journals, bytes and keys: exactly that, and always the same."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as replaced

from blocks.mambu.models import JournalLine
from blocks.xero.models import ManualJournal
from flows.journals import prepare
from flows.journals.lines import lines_of_day, read_lines, staged_lines, write_lines
from flows.journals.models import Plan
from flows.journals.prepare import Prepared, PreparePolicy, prepare_journals
from flows.journals.process.balance import balance
from flows.journals.process.batch import batch
from flows.journals.process.group import group
from flows.journals.process.map import map_accounts
from flows.journals.process.validate import validate
from flows.journals.reconciliation import reconcile
from flows.journals.tie_out import confirmed
from tests.helpers.journals import (
    CHART,
    DAY,
    EARLIER,
    body_of,
    days_of_lines,
    edited,
    entries,
    examples,
    line,
    numbers,
    planned,
    posting,
    prepared_for,
    sent,
    taken_by_xero,
    transfers,
)

STATES = st.sampled_from(["DRAFT", "POSTED", "ARCHIVED", "DELETED", "VOIDED"])
caps = st.integers(2, 6)
Lines = list[JournalLine]


def outcome(prepared: Prepared) -> list[tuple[str, bytes]]:
    """Return the keys and bytes of requests."""
    return [(request.key, request.body) for request in prepared.requests]


def journal_numbers(prepared: Prepared) -> list[list[int]]:
    """Return the numbers of the journals in each request."""
    return [numbers(request.journals) for request in prepared.requests]


# What a request contains.


def test_the_bytes_of_a_request() -> None:
    """A request is exactly the payload that Xero was promised, amounts as bare numbers."""
    (request,) = sent([line(1, "12.5"), line(2, "-12.50", "1200")], label="acme-uk").prepared.requests
    assert request.body.decode() == (
        '{"ManualJournals":[{"Narration":"Mambu journal data with creation date: 2026-11-20 | booking date '
        '2026-11-20 | 1 | acme-uk","Date":"2026-11-20","Status":"DRAFT","LineAmountTypes":"NoTax",'
        '"ShowOnCashBasisReports":true,"JournalLines":['
        '{"LineAmount":12.50,"AccountCode":"1100","TaxType":"NONE",'
        '"Description":"EntryID: 1, TransactionID: T1 | acme-uk"},'
        '{"LineAmount":-12.50,"AccountCode":"1200","TaxType":"NONE",'
        '"Description":"EntryID: 2, TransactionID: T1 | acme-uk"}]}]}'
    )


def test_cash_basis_is_the_connections_choice() -> None:
    """A journal is kept out of cash basis reports where the connection says so."""
    plan = planned(posting(1, "5", "-5"))
    policy = PreparePolicy("organisation", 250, show_on_cash_basis_reports=False)
    (request,) = prepare_journals(plan, reconcile(plan, []), policy, taken={}, generations={}).requests
    assert body_of(request)[0]["ShowOnCashBasisReports"] is False


def test_a_line_without_a_transaction_names_none() -> None:
    """The text of a line without a transaction id is its entry id alone."""
    (request,) = sent(posting(1, "5", "-5", transaction=None)).prepared.requests
    assert [one["Description"] for one in body_of(request)[0]["JournalLines"]] == ["EntryID: 1", "EntryID: 2"]


def test_quotes_in_ids_stay_inside_their_text() -> None:
    """A transaction id with quotes, backslashes and accents arrives as it is."""
    name = 'a"}],"Status":"POSTED\\ é'
    (journal,) = body_of(sent(posting(1, "5", "-5", transaction=name)).prepared.requests[0])
    assert journal["JournalLines"][0]["Description"] == f"EntryID: 1, TransactionID: {name}"
    assert journal["Status"] == "DRAFT"


def test_a_currency_without_decimals_has_none() -> None:
    """Amounts of a currency without minor units are written without a point."""
    (request,) = sent(posting(1, "500", "-500"), digits=0).prepared.requests
    assert b'"LineAmount":500,' in request.body
    assert b'"LineAmount":-500,' in request.body


@given(lines=days_of_lines())
@examples
def test_what_is_known_of_a_journal_is_true_of_its_bytes(lines: list[JournalLine]) -> None:
    """A sealed journal's digest, count of lines and debits are those of its bytes."""
    for request in sent(lines, cap=4).prepared.requests:
        for journal, content in zip(request.journals, body_of(request), strict=True):
            amounts = [one["LineAmount"] for one in content["JournalLines"]]
            alone = request._replace(journals=(journal,)).body
            element = alone.removeprefix(b'{"ManualJournals":[').removesuffix(b"]}")
            assert (journal.digest, journal.size) == (hashlib.sha256(element).hexdigest(), len(element))
            assert journal.lines == len(amounts)
            assert journal.debits == sum(amount for amount in amounts if amount > 0) * 100


def through_files(raw: bytes, digits: int) -> Prepared:
    """Take Mambu's JSON to requests, through a file after each step as a run does."""
    with TemporaryDirectory() as folder:

        def rested(table: pa.Table) -> pa.Table:
            write_lines(table, Path(folder) / "lines.parquet")
            return read_lines(Path(folder) / "lines.parquet")

        staged = rested(staged_lines(msgspec.json.decode(raw, type=list[JournalLine])))
        lines = rested(lines_of_day([staged], DAY.start, DAY.end)[0])
        lines = rested(map_accounts(rested(validate(lines, ZoneInfo("UTC"), digits).lines), {}, CHART, ()))
        lines = rested(batch(rested(balance(rested(group(lines)), digits).lines), 250))
    return prepared_for(Plan(DAY.date, lines, digits, None, {}))


@given(
    minors=st.lists(st.integers(1, 10**18 - 1), min_size=1, max_size=6),
    digits=st.sampled_from([0, 2]),
    form=st.sampled_from(["f", "E"]),
)
@examples
def test_amounts_survive_from_mambus_bytes_to_xeros(minors: list[int], digits: int, form: str) -> None:
    """Amounts of up to 18 digits in Mambu's JSON have the same value in the bytes for Xero."""
    amounts = [Decimal(minor).scaleb(-digits) for minor in minors]
    raw = ",".join(
        f'{{"encodedKey":"{index}{side}","entryID":{2 * index + 1 + (side == "CREDIT")},"type":"{side}",'
        f'"creationDate":"2026-11-20T12:00:00+00:00","bookingDate":"2026-11-20T12:00:00+00:00",'
        f'"transactionId":"T{index}","amount":{amount:{form}},"glAccount":{{"glCode":"1100","name":"Cash"}}}}'
        for index, amount in enumerate(amounts)
        for side in ("DEBIT", "CREDIT")
    )
    (journal,) = taken_by_xero(through_files(f"[{raw}]".encode(), digits).requests)
    assert [one.amount for one in journal.lines] == [
        signed for amount in amounts for signed in (amount, -amount)
    ]


# Once, and always the same.


@given(lines=days_of_lines(), cap=caps)
@examples
def test_everything_is_sent_once(lines: list[JournalLine], cap: int) -> None:
    """To an empty Xero each line of the day is sent in exactly one journal."""
    assert Counter(entries(sent(lines, cap=cap).live)) == Counter(one.entry_id for one in lines)


@given(lines=days_of_lines(), cap=caps)
@examples
def test_nothing_is_sent_twice(lines: list[JournalLine], cap: int) -> None:
    """Once Xero has taken what was sealed, nothing is missing or doubled, and nothing more is sealed."""
    day = sent(lines, cap=cap)
    matched = reconcile(day.plan, day.live)
    assert (matched.missing, matched.duplicates, matched.differences) == (frozenset(), [], [])
    assert prepared_for(day.plan, day.live, cap=cap).requests == []


@given(data=st.data(), lines=days_of_lines(most=20), cap=caps)
@examples
def test_the_rest_of_a_partly_sent_day_is_sent(data: st.DataObject, lines: Lines, cap: int) -> None:
    """Whichever journals Xero took, exactly the others are sent, under the names that they had."""
    day = sent(lines, cap=cap)
    took = [data.draw(st.booleans()) for _ in day.live]
    live = [one for one, taken in zip(day.live, took, strict=True) if taken]
    rest = prepared_for(day.plan, live, cap=cap)
    expected = [one for one, taken in zip(day.live, took, strict=True) if not taken]
    assert sorted(taken_by_xero(rest.requests)) == sorted(expected)
    assert rest.partially_posted == []


@given(data=st.data(), lines=days_of_lines(most=20), cap=caps)
@examples
def test_the_same_books_give_the_same_requests(data: st.DataObject, lines: Lines, cap: int) -> None:
    """Bytes and keys do not depend on the order in which Mambu or Xero list things."""
    day = sent(lines, cap=cap)
    live = [one._replace(status=data.draw(STATES)) for one in day.live if data.draw(st.booleans())]
    shuffled_plan = planned(data.draw(st.permutations(lines)), cap=cap)
    shuffled = prepared_for(shuffled_plan, data.draw(st.permutations(live)), cap=cap)
    assert outcome(shuffled) == outcome(prepared_for(day.plan, live, cap=cap))


@given(data=st.data(), lines=days_of_lines(), cap=caps)
@examples
def test_journals_heal_whatever_became_of_them(data: st.DataObject, lines: Lines, cap: int) -> None:
    """After a rerun every line is live once, save those that only a voided journal holds: never resent."""
    day = sent(lines, cap=cap)
    live = [one._replace(status=data.draw(STATES)) for one in day.live]
    again = taken_by_xero(prepared_for(day.plan, live, cap=cap).requests)
    voided = entries(one for one in live if one.status == "VOIDED")
    standing = [one for one in (*live, *again) if one.status not in {"DELETED", "VOIDED"}]
    assert Counter([*entries(standing), *voided]) == Counter(one.entry_id for one in lines)
    assert prepared_for(day.plan, [*live, *again], cap=cap).requests == []


@given(
    data=st.data(),
    lines=days_of_lines(),
    cap=caps,
    recorded=st.dictionaries(
        st.sampled_from([DAY.date, dt.date.fromisoformat(EARLIER)]), st.sets(st.integers(1, 9)), max_size=2
    ),
)
@examples
def test_a_number_is_never_used_again(
    data: st.DataObject, lines: list[JournalLine], cap: int, recorded: dict[dt.date, set[int]]
) -> None:
    """No journal gets a number that Xero, in any state, or the record has seen, nor that another one gets."""
    day = sent(lines, cap=cap)
    live = [one._replace(status=data.draw(STATES)) for one in day.live if data.draw(st.booleans())]
    names = [journal.narration for journal in prepared_for(day.plan, live, cap=cap, taken=recorded).journals]
    assert len(set(names)) == len(names)
    assert not {str(name) for name in names} & {one.narration for one in live}
    assert not any(name.number in recorded.get(name.booking_date, ()) for name in names)


def test_a_deleted_journal_is_sent_under_the_next_number() -> None:
    """What a deleted draft held goes out again, numbered behind all that were planned."""
    day = sent(transfers(6), cap=4)
    first, *others = day.live
    again = prepared_for(day.plan, [first._replace(status="DELETED"), *others], cap=4)
    assert journal_numbers(again) == [[4]]
    assert entries(taken_by_xero(again.requests)) == entries([first])


@pytest.mark.parametrize(("generation", "same"), [(0, True), (1, False)])
def test_a_raised_generation_changes_the_key_alone(generation: int, same: bool) -> None:
    """A journal of a later generation has another key and the same bytes."""
    plan = planned(posting(1, "5", "-5"))
    first = prepared_for(plan).requests[0]
    name = str(first.journals[0].narration)
    (later,) = prepared_for(plan, generations={name: generation}).requests
    assert (later.body == first.body, later.key == first.key) == (True, same)


# Late lines, and journals that people changed in part.


def test_late_lines_go_out_as_a_further_journal() -> None:
    """Transactions that came after the day was sent go out alone, with the next number."""
    early = transfers(2)
    plan = planned([*early, *transfers(1, first=5)])
    late = prepared_for(plan, sent(early).live)
    assert (journal_numbers(late), entries(taken_by_xero(late.requests))) == ([[2]], [5, 6])


def test_late_accruals_go_out_although_their_pool_is_there() -> None:
    """Late lines without a transaction id that balance among themselves go out as a further journal."""
    early = posting(1, "5", "-5", transaction=None)
    plan = planned([*early, *posting(3, "7", "-7", transaction=None)])
    late = prepared_for(plan, sent(early).live)
    assert (late.partially_posted, journal_numbers(late), entries(taken_by_xero(late.requests))) == (
        [],
        [[2]],
        [3, 4],
    )


def test_small_late_amounts_of_a_pool_arrive_as_their_sum() -> None:
    """Late lines without a transaction id, finer than the currency, are sent, rounded by their sum."""
    early = posting(1, "5", "-5", transaction=None)
    late = [one for n in range(300) for one in posting(3 + 2 * n, "0.006", "-0.006", transaction=None)]
    day, plan = sent(early), planned([*early, *late])
    live = [*day.live, *taken_by_xero(prepared_for(plan, day.live).requests)]
    found = confirmed(plan, reconcile(plan, live), prepared_for(plan, live).partially_posted)
    assert (found.open, prepared_for(plan, live).requests) == ([], [])
    assert {row.account_code: row.xero for row in found.rows} == {"1100": 680, "1200": -680}


def test_a_transaction_of_which_a_part_is_live_is_torn() -> None:
    """What is missing of a transaction that Xero holds in part is not sent, but named."""
    day = sent([*posting(1, "5", "-2", "-3"), *posting(4, "1", "-1")])
    (journal,) = day.live
    found = prepared_for(day.plan, [journal._replace(lines=journal.lines[:1])])
    assert found.partially_posted == [
        "transaction T1, booking date 2026-11-20: Xero has only a part of it. Missing: EntryID 2, 3"
    ]
    assert entries(taken_by_xero(found.requests)) == [4, 5]
    assert not confirmed(day.plan, reconcile(day.plan, [journal]), found.partially_posted).tied_out


def test_of_many_missing_lines_of_a_transaction_the_rest_is_counted() -> None:
    """Where more lines of a transaction are missing than are named, it is said how many more."""
    day = sent(posting(1, *["5", "-5"] * 12))
    (journal,) = day.live
    (text,) = prepared_for(day.plan, [journal._replace(lines=journal.lines[:2])]).partially_posted
    assert text.endswith(f"Missing: EntryID {', '.join(map(str, range(3, 23)))} and 2 more")


def test_a_balanced_part_of_a_transaction_is_torn() -> None:
    """What is missing of a transaction is not sent either where that part balances by itself."""
    day = sent(posting(1, "5", "-5", "3", "-3"))
    (journal,) = day.live
    found = prepared_for(day.plan, [journal._replace(lines=journal.lines[:2])])
    assert (found.requests, len(found.partially_posted)) == ([], 1)


def test_a_pool_of_which_the_missing_part_is_off_is_torn() -> None:
    """Missing lines without a transaction id that do not balance among themselves are named, not sent."""
    day = sent(posting(1, "5", "-2", "-3", transaction=None))
    (journal,) = day.live
    found = prepared_for(day.plan, [journal._replace(lines=journal.lines[:2])])
    assert (found.requests, len(found.partially_posted)) == ([], 1)
    assert found.partially_posted[0].startswith("the lines without a transaction, booking date 2026-11-20")


def test_units_that_balance_only_together_stay_together() -> None:
    """Of transactions that balance only together, one that is missing is not sent without the other."""
    lines = [*posting(1, "5", "-4", transaction="over"), *posting(3, "3", "-4", transaction="under")]
    day = sent([*lines, *posting(5, "1", "-1")])
    (journal,) = day.live
    kept = [one for one in journal.lines if "over" in (one.description or "")]
    found = prepared_for(day.plan, [journal._replace(lines=kept)])
    assert (len(found.partially_posted), entries(taken_by_xero(found.requests))) == (1, [5, 6])


def test_the_rest_of_a_voided_transaction_is_not_sent() -> None:
    """A line that a person moved out of a journal before it was voided does not go out alone."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    voided = journal._replace(status="VOIDED", lines=journal.lines[:1])
    found = prepared_for(day.plan, [voided])
    assert (found.requests, len(found.partially_posted)) == ([], 1)


@given(data=st.data(), lines=days_of_lines(), cap=caps)
@examples
def test_whatever_people_take_out_only_balanced_ones_go(data: st.DataObject, lines: Lines, cap: int) -> None:
    """Whichever lines vanished from Xero, each journal sent balances, and no line is sent that is there."""
    day = sent(lines, cap=cap)
    live: list[ManualJournal] = []
    for journal in day.live:
        kept = [one for one in journal.lines if data.draw(st.booleans())]
        live.append(journal._replace(lines=kept, status=data.draw(STATES)))
    found = taken_by_xero(prepared_for(day.plan, live, cap=cap).requests)
    assert all(sum(one.amount for one in journal.lines) == 0 for journal in found)
    standing = [one for one in live if one.status != "DELETED"]
    assert not set(entries(found)) & set(entries(standing))


@pytest.mark.parametrize("first", [2, 4])
def test_lines_that_cannot_be_told_stop_their_date(first: int) -> None:
    """A journal whose lines, in part or all, lost their texts stops its booking date alone, in a sentence."""
    early = [one for entry in (1, 3) for one in posting(entry, "5", "-5", booked=EARLIER)]
    day = sent([*early, *posting(5, "7", "-7")])
    journal = day.live[0]
    assert str(journal.date) == EARLIER
    found = prepared_for(
        day.plan, [edited(journal, lambda one: replaced(one, description="Accrual"), first=first)]
    )
    (sentence,) = found.partially_posted
    assert sentence == (
        f"booking date {EARLIER}: a journal of this day has lines that can no longer be recognised, so "
        "what seems to be missing was not sent"
    )
    assert entries(taken_by_xero(found.requests)) == [5, 6]


def test_a_journal_that_cannot_be_told_stops_a_day_of_one_date() -> None:
    """Where no line of a day's one journal can be told, nothing goes, and one sentence says why."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    found = prepared_for(day.plan, [edited(journal, lambda one: replaced(one, description=None), first=2)])
    assert (found.requests, len(found.partially_posted)) == ([], 1)


@pytest.mark.parametrize("status", ["DELETED", "VOIDED"])
def test_a_journal_that_is_gone_stops_nothing(status: str) -> None:
    """Lines that cannot be told in a deleted or voided journal hold nothing back."""
    day = sent(posting(1, "5", "-5"))
    (journal,) = day.live
    gone = edited(journal, lambda one: replaced(one, description=None), first=2)._replace(status=status)
    found = prepared_for(day.plan, [gone])
    assert (entries(taken_by_xero(found.requests)), found.partially_posted) == ([1, 2], [])


# What a run that looks back withholds.


@given(data=st.data(), lines=days_of_lines(), cap=caps)
@examples
def test_a_look_back_sends_nothing_that_was_deleted(data: st.DataObject, lines: Lines, cap: int) -> None:
    """Whatever became of journals, a run that looks back sends what was never there, and nothing deleted."""
    day = sent(lines, cap=cap)
    live = [one._replace(status=data.draw(STATES)) for one in day.live if data.draw(st.booleans())]
    found = prepared_for(day.plan, live, cap=cap, withhold_deleted=True)
    once = taken_by_xero(found.requests)
    missing = set(entries(day.live)) - set(entries(live))
    assert sorted(entries(once)) == sorted(missing)
    assert found.partially_posted == []
    assert {one.narration for one in once}.isdisjoint(one.narration for one in live)


def test_a_deleted_day_is_left_alone_and_sent_on_request() -> None:
    """Of a day that was deleted whole a look back sends nothing, and a run of its date all, renumbered."""
    day = sent(transfers(4), cap=4)
    gone = [one._replace(status="DELETED") for one in day.live]
    assert prepared_for(day.plan, gone, cap=4, withhold_deleted=True).requests == []
    assert journal_numbers(prepared_for(day.plan, gone, cap=4)) == [[3, 4]]


def test_late_lines_of_a_withheld_pool_go() -> None:
    """Late lines without a transaction id that balance go out, although their pool is withheld."""
    early = posting(1, "5", "-5", transaction=None)
    plan = planned([*early, *posting(3, "7", "-7", transaction=None)])
    gone = [one._replace(status="DELETED") for one in sent(early).live]
    late = prepared_for(plan, gone, withhold_deleted=True)
    assert (late.partially_posted, journal_numbers(late), entries(taken_by_xero(late.requests))) == (
        [],
        [[2]],
        [3, 4],
    )


def test_the_rest_of_a_withheld_transaction_is_not_sent() -> None:
    """Of a transaction that a deleted journal holds in part, a look back does not send the other part."""
    day = sent([*posting(1, "5", "-5"), *posting(3, "6", "-6")])
    (journal,) = day.live
    part = journal._replace(status="DELETED", lines=journal.lines[:1])
    found = prepared_for(day.plan, [part], withhold_deleted=True)
    assert (entries(taken_by_xero(found.requests)), len(found.partially_posted)) == ([3, 4], 1)
    assert found.partially_posted[0].endswith("Missing: EntryID 2")
    assert entries(taken_by_xero(prepared_for(day.plan, [part]).requests)) == [1, 2, 3, 4]


# Requests: blocks, whose members follow from booking date and number alone.

MONTH_BEFORE = "2026-10-31"


def keys(prepared: Prepared) -> list[str]:
    """Return the keys of requests."""
    return [request.key for request in prepared.requests]


def test_the_first_journals_of_a_months_booking_dates_go_together() -> None:
    """Number 1 of each booking date of a month goes in one request, and those of another month in another."""
    lines = [
        *transfers(2),
        *transfers(1, first=100, booked=EARLIER),
        *transfers(1, first=200, booked=MONTH_BEFORE),
    ]
    requests = sent(lines, cap=2).prepared.requests
    dates = [[str(one.narration.booking_date) for one in request.journals] for request in requests]
    assert dates == [[MONTH_BEFORE], [EARLIER, str(DAY.date)], [str(DAY.date)]]


def test_further_journals_of_a_booking_date_go_by_fifty() -> None:
    """Beyond the first, the numbers 2-51, 52-101 and so on of a booking date go together."""
    assert journal_numbers(sent(transfers(103), cap=2).prepared) == [
        [1],
        list(range(2, 52)),
        list(range(52, 102)),
        [102, 103],
    ]


@pytest.mark.parametrize(
    "late",
    [
        transfers(1, first=900, booked="2026-11-01"),
        transfers(1, first=900, booked="2026-09-30"),
        transfers(1, first=900),
    ],
    ids=["a new earliest date", "a new month", "one more journal"],
)
def test_a_late_line_changes_no_key(late: list[JournalLine]) -> None:
    """A run that sees a line more sends what it shares with another run under the same keys."""
    lines = [*transfers(20), *transfers(2, first=500, booked=EARLIER)]
    assert set(keys(sent(lines, cap=2).prepared)) <= set(keys(sent([*lines, *late], cap=2).prepared))


@pytest.mark.parametrize("live", [{2}, {7}, {51}, {45, 46, 47}])
def test_what_joins_a_block_later_has_a_key_of_its_own(live: set[int]) -> None:
    """Where Xero has some journals of a block, the others go together, under another key than the block's."""
    day = sent(transfers(60), cap=2)
    held = [one for one, number in zip(day.live, range(1, 61), strict=True) if number in live]
    found = prepared_for(day.plan, held, cap=2)
    missing = [number for number in range(2, 52) if number not in live]
    assert journal_numbers(found) == [[1], missing, list(range(52, 61))]
    assert [mine == whole for mine, whole in zip(keys(found), keys(day.prepared), strict=True)] == [
        True,
        False,
        True,
    ]


def test_a_block_keeps_its_key_while_others_arrive() -> None:
    """A block has the same key and bytes however many of the other blocks are in Xero."""
    day = sent(transfers(60), cap=2)
    held = prepared_for(day.plan, day.live[:51], cap=2)
    assert outcome(held) == outcome(day.prepared)[2:]


def test_a_block_that_is_too_large_goes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of more bytes than a request can have is sent in parts, the first under the block's key."""
    day = sent(transfers(8), cap=2)
    size = day.prepared.journals[-1].size
    monkeypatch.setattr(prepare, "LARGEST_JOURNAL_BYTES", 3 * size)
    parts = prepared_for(day.plan, cap=2)
    assert journal_numbers(parts) == [[1], [2, 3, 4], [5, 6, 7], [8]]
    assert [[one.part for one in block] for block in parts.blocks] == [[0], [0, 1, 2]]
    assert keys(parts)[:2] == keys(day.prepared)
    assert len(set(keys(parts))) == 4


def test_a_new_generation_has_a_key_of_its_own() -> None:
    """A journal that Xero refused goes apart from its block, whose key would repeat the refusal."""
    day = sent(transfers(4), cap=2)
    refused = str(day.prepared.journals[2].narration)
    policy = PreparePolicy("organisation", 2, show_on_cash_basis_reports=True)
    found = prepare_journals(day.plan, reconcile(day.plan, []), policy, taken={}, generations={refused: 1})
    assert journal_numbers(found) == [[1], [2, 4], [3]]
    assert len(set(keys(found)) - set(keys(day.prepared))) == 1


def test_what_was_taken_out_goes_together_under_another_key() -> None:
    """What goes out again under new numbers has a key that the day has not used."""
    day = sent(transfers(45), cap=2)
    live = [one._replace(status="DELETED") if index < 2 else one for index, one in enumerate(day.live)]
    again = prepared_for(day.plan, live, cap=2)
    assert journal_numbers(again) == [[46, 47]]
    assert set(keys(again)).isdisjoint(keys(day.prepared))


def test_a_day_without_lines_sends_nothing() -> None:
    """A day without lines passes through every step, and nothing is sent."""
    day = sent([])
    assert (day.plan.lines.num_rows, day.prepared.requests, day.prepared.partially_posted) == (0, [], [])


def test_an_organisation_has_its_own_keys() -> None:
    """The same journals for another organisation have other keys."""
    plan = planned(posting(1, "5", "-5"))
    one, two = (prepared_for(plan, organisation=name).requests[0].key for name in ("one", "two"))
    assert one != two


def test_an_edited_amount_does_not_tear_its_journal() -> None:
    """A transaction whose amount was edited in Xero is there whole: nothing of it is torn or sent."""
    day = sent(posting(1, "5", "-5"))
    changed = edited(day.live[0], lambda one: replaced(one, amount=Decimal(6)))
    found = prepared_for(day.plan, [changed])
    assert (found.requests, found.partially_posted) == ([], [])
