"""Step 1: whole lines, signed amounts, booking dates in Mambu's zone."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pytest

from blocks.mambu import JournalLine, UnreadableLine
from flows.journals.lines import staged_lines
from flows.journals.steps import StepRefusal
from flows.journals.steps.validate import LONGEST_TRANSACTION_ID, validate
from tests.flows.journals.builders import DAY, line, posting, staged

UTC = ZoneInfo("UTC")


def refusal(lines: list[JournalLine], digits: int = 2) -> StepRefusal:
    """Return the refusal that lines meet."""
    with pytest.raises(StepRefusal) as caught:
        validate(staged(lines), UTC, digits)
    return caught.value


def with_column(table: pa.Table, name: str, value: object) -> pa.Table:
    """Return a table whose column holds one value throughout."""
    position = table.column_names.index(name)
    return table.set_column(position, name, pa.array([value] * len(table), table.schema.field(name).type))


def test_debits_are_positive_and_credits_negative() -> None:
    """A debit keeps its amount and a credit gets the other sign."""
    amounts = validate(staged(posting(1, "12.50", "-12.50")), UTC, 2).lines["amount"].to_pylist()
    assert amounts == [Decimal("12.50"), Decimal("-12.50")]


def test_zero_lines_are_left_out_and_reported() -> None:
    """A line of zero is not handed on, and its entry id is reported."""
    found = validate(staged([*posting(1, "1", "-1"), line(3, "0.00"), line(4, "-0")]), UTC, 2)
    assert found.lines["entry_id"].to_pylist() == [1, 2]
    assert found.zero_entry_ids == [3, 4]


@pytest.mark.parametrize(
    ("zone", "booked", "date"),
    [
        ("Europe/London", "2026-03-29T00:30:00+00:00", "2026-03-29"),
        ("Europe/London", "2026-03-29T22:59:59+00:00", "2026-03-29"),
        ("Europe/London", "2026-03-29T23:00:00+00:00", "2026-03-30"),
        ("Europe/London", "2026-10-25T23:30:00+00:00", "2026-10-25"),
        ("Pacific/Auckland", "2026-11-20T00:00:00+13:00", "2026-11-20"),
        ("Pacific/Auckland", "2026-11-19T11:00:00Z", "2026-11-20"),
        ("Pacific/Auckland", "2026-11-19T01:30:00-09:30", "2026-11-20"),
        ("Pacific/Marquesas", "2026-11-20T23:59:59-09:30", "2026-11-20"),
        ("Pacific/Marquesas", "2026-11-21T09:29:59Z", "2026-11-20"),
    ],
)
def test_the_booking_date_is_mambus_local_date(zone: str, booked: str, date: str) -> None:
    """The booking date is the date of its instant in Mambu's zone, whatever offset it is written in."""
    lines = validate(staged(posting(1, "1", "-1", booked=booked)), ZoneInfo(zone), 2).lines
    assert lines["booking_date"].to_pylist() == [dt.date.fromisoformat(date)] * 2


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"type": "BOTH"}, "type is neither DEBIT nor CREDIT"),
        ({"amount": Decimal(-1)}, "amount is negative"),
        ({"amount": Decimal(10**16)}, "more than 18 significant digits"),
        ({"transaction_id": "x" * (LONGEST_TRANSACTION_ID + 1)}, "transactionId is longer"),
        ({"transaction_id": "a\tb"}, "control characters"),
        ({"transaction_id": "a  b"}, "blanks that Xero would not keep"),
        ({"transaction_id": " a"}, "blanks that Xero would not keep"),
        ({"booking_date": "soon"}, "bookingDate is not a date"),
        ({"entry_id": 2**63}, "entryID is not a 64-bit number"),
    ],
)
def test_a_malformed_line_is_named(changes: dict[str, object], problem: str) -> None:
    """A malformed line is refused with its encoded key and what is wrong with it."""
    broken = msgspec.structs.replace(line(2, "1", key="odd"), **changes)
    error = refusal([line(1, "1"), broken])
    (offender,) = error.offenders
    assert problem in offender
    assert "encodedKey odd" in offender


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        ("entry_id", "entryID is missing"),
        ("encoded_key", "encodedKey is missing"),
        ("type", "type is neither"),
        ("amount", "amount is missing"),
        ("gl_code", "the GL account has no code"),
        ("booked", "bookingDate is missing"),
    ],
)
def test_a_missing_value_is_named(column: str, problem: str) -> None:
    """A line without one of the values that it must have is refused."""
    with pytest.raises(StepRefusal, match=problem):
        validate(with_column(staged([line(1, "1")]), column, None), UTC, 2)


def test_an_empty_account_code_is_named() -> None:
    """A line whose GL account has an empty code is refused."""
    assert "the GL account has no code" in refusal([line(1, "1", "")]).offenders[0]


def test_all_malformed_lines_are_named_at_once() -> None:
    """Every malformed line is in one refusal, each with all that is wrong with it."""
    good = posting(1, "1", "-1")
    bad = [
        msgspec.structs.replace(line(3, "1"), type="?", transaction_id=" "),
        line(4, "1", booked="T"),
        line(5, "1", ""),
    ]
    table = pa.concat_tables([staged(good + bad), staged_lines([], [UnreadableLine(b"{}", "no amount")])])
    with pytest.raises(StepRefusal) as caught:
        validate(table, UTC, 2)
    assert len(caught.value.offenders) == 4
    assert "type is neither" in caught.value.offenders[0]
    assert "blanks" in caught.value.offenders[0]


def test_lines_that_share_an_entry_id_are_all_named() -> None:
    """Two lines with one entry id could not be told apart in Xero: both are refused."""
    error = refusal([line(1, "1", key="a"), line(1, "-1", key="b"), line(2, "1")])
    assert ["encodedKey a" in error.offenders[0], "encodedKey b" in error.offenders[1]] == [True, True]
    assert len(error.offenders) == 2


@pytest.mark.parametrize(("digits", "amount"), [(2, "9999999999999999.99"), (0, "999999999999999999")])
def test_eighteen_digits_are_taken(digits: int, amount: str) -> None:
    """The largest amount of 18 digits passes, and the next one does not."""
    assert validate(staged([line(1, amount)]), UTC, digits).lines.num_rows == 1
    assert refusal([line(1, Decimal(amount) + Decimal(1).scaleb(-digits))], digits).step == "validate"


def test_no_lines_pass() -> None:
    """A day without lines is valid."""
    found = validate(staged([]), DAY.zone, 2)
    assert (found.lines.num_rows, found.zero_entry_ids) == (0, [])
