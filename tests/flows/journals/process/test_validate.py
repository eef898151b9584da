"""Step 1: whole lines, signed amounts, booking dates in Mambu's zone."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pytest

from blocks.mambu.models import JournalLine, MambuOffsets, UnreadableLine
from flows.journals.lines import staged_lines
from flows.journals.process.errors import StepRefusal
from flows.journals.process.validate import LONGEST_TRANSACTION_ID, validate
from tests.helpers.journals import DAY, line, posting, staged

UTC = ZoneInfo("UTC")


def refusal(
    lines: list[JournalLine], digits: int = 2, *, zone: str = "UTC", offsets: MambuOffsets = "zone"
) -> StepRefusal:
    """Return the refusal that lines meet."""
    with pytest.raises(StepRefusal) as caught:
        validate(staged(lines), ZoneInfo(zone), digits, offsets)
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
    ("zone", "booked", "date", "in_utc"),
    [
        ("Europe/London", "2026-03-29T00:30:00+00:00", "2026-03-29", False),
        ("Europe/London", "2026-03-29T23:59:59+01:00", "2026-03-29", False),
        ("Europe/London", "2026-03-30T00:00:00+01:00", "2026-03-30", False),
        ("Europe/London", "2026-10-25T23:30:00Z", "2026-10-25", False),
        ("Pacific/Auckland", "2026-11-20T00:00:00+13:00", "2026-11-20", False),
        ("Pacific/Auckland", "2046-07-20T00:00:00+12:00", "2046-07-20", False),
        ("Pacific/Marquesas", "2026-11-20T23:59:59-0930", "2026-11-20", False),
        ("Europe/London", "1970-01-01T00:00:00+01:00", "1970-01-01", False),
        ("Europe/London", "1969-12-31T23:59:59.999999999+01:00", "1969-12-31", False),
        ("Pacific/Auckland", "2026-11-19T11:00:00Z", "2026-11-20", True),
        ("Pacific/Auckland", "2026-11-20T10:59:59+00:00", "2026-11-20", True),
        ("Pacific/Marquesas", "2026-11-21T09:29:59Z", "2026-11-20", True),
        ("Europe/London", "2026-03-29T23:00:00Z", "2026-03-30", True),
    ],
)
def test_the_booking_date_is_mambus_local_date(zone: str, booked: str, date: str, in_utc: bool) -> None:
    """The booking date is the date in Mambu's zone, at any time of any year, also where times are in UTC."""
    lines = posting(1, "1", "-1", booked=booked) if in_utc else in_zone(zone, booked=booked)
    found = validate(staged(lines), ZoneInfo(zone), 2, "utc" if in_utc else "zone").lines
    assert found["booking_date"].to_pylist() == [dt.date.fromisoformat(date)] * 2


def in_zone(zone: str, *, booked: str | None = None, created: str | None = None) -> list[JournalLine]:
    """Return a debit and a credit, created and booked in a zone's own offset where nothing else is given."""
    own = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).isoformat()
    return [
        line(number, amount, created=created or own, booked=booked or own)
        for number, amount in enumerate(("1", "-1"), start=1)
    ]


@pytest.mark.parametrize("moment", ["creation", "booking"])
@pytest.mark.parametrize(
    ("zone", "text", "theirs", "ours"),
    [
        ("UTC", "2026-11-20T14:00:00+13:00", "+13:00", "+00:00"),
        ("Pacific/Auckland", "2026-11-20T14:00:00+12:00", "+12:00", "+13:00"),
        ("Pacific/Auckland", "2026-11-20T02:00:00Z", "+00:00", "+13:00"),
        ("Pacific/Chatham", "2026-11-20T14:00:00+13:00", "+13:00", "+13:45"),
        ("Asia/Kathmandu", "2026-11-20T14:00:00+0530", "+05:30", "+05:45"),
        ("Pacific/Marquesas", "2026-11-20T12:00:00+09:30", "+09:30", "-09:30"),
        ("Europe/London", "2026-11-20T12:00:00+01:00", "+01:00", "+00:00"),
    ],
)
def test_another_offset_is_a_contradiction(moment: str, zone: str, text: str, theirs: str, ours: str) -> None:
    """Lines with another offset than the zone's are counted, with both zones, for each moment separately."""
    lines = in_zone(zone, **{{"creation": "created", "booking": "booked"}[moment]: text})
    error = refusal(lines, zone=zone)
    (offender,) = error.offenders
    assert offender.startswith(
        f"{moment}: 2 lines with the offset {theirs}, where the time zone {zone} has {ours}"
    )
    assert error.summary == f"Mambu's times contradict the time zone {zone} of this run"


@pytest.mark.parametrize(
    ("zone", "right", "wrong"),
    [
        # The hour that comes twice, the one that is left out, and the seconds beside them.
        ("Europe/London", "2026-10-25T01:30:00+01:00", None),
        ("Europe/London", "2026-10-25T01:30:00+00:00", None),
        ("Europe/London", "2026-10-25T00:59:59+01:00", "2026-10-25T00:59:59+00:00"),
        ("Europe/London", "2026-03-29T02:00:00+01:00", "2026-03-29T01:00:00+00:00"),
        ("Europe/London", "2026-03-29T00:59:59+00:00", "2026-03-29T01:59:59+01:00"),
        ("Australia/Lord_Howe", "2026-04-05T01:59:59+11:00", "2026-04-05T01:29:59+10:30"),
        ("Australia/Lord_Howe", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+11:00"),
        ("America/St_Johns", "2026-07-01T00:00:00-02:30", "2026-07-01T00:00:00-03:30"),
        # Monrovia was 44 minutes and 30 seconds behind.
        ("Africa/Monrovia", "1970-01-01T00:00:00-00:44", "1970-01-01T00:00:00-00:43"),
    ],
)
def test_the_offset_is_the_one_of_that_instant(zone: str, right: str, wrong: str | None) -> None:
    """What counts is the zone's offset at the very instant, also where the clocks change."""
    assert validate(staged(in_zone(zone, booked=right)), ZoneInfo(zone), 2).lines.num_rows == 2
    if wrong:
        assert "booking: 2 lines" in refusal(in_zone(zone, booked=wrong), zone=zone).offenders[0]


def test_kinds_of_contradictions_are_counted_apart() -> None:
    """Each pair of offsets is told once, the most frequent first, and creation and booking apart."""
    lines = [
        line(1, "1", created="2026-11-20T02:00:00+02:00", booked="2026-11-20T00:00:00Z"),
        line(2, "1", created="2026-11-20T02:00:00+01:00", booked="2026-07-20T00:00:00+02:00"),
        line(3, "-2", created="2026-11-20T02:00:00+02:00", booked="2026-11-20T00:00:00Z"),
    ]
    found = refusal(lines)
    assert [offender.split(",")[0] for offender in found.offenders] == [
        "creation: 2 lines with the offset +02:00",
        "creation: 1 line with the offset +01:00",
        "booking: 1 line with the offset +02:00",
    ]
    assert "DAYBOOK_TIMEZONE" in found.remedy


def test_times_in_utc_are_known_as_such() -> None:
    """Where all lines carry +00:00 in another zone, the refusal says what that may be and how to allow it."""
    lines = posting(1, "1", "-1", booked="2026-11-19T11:00:00+00:00")
    found = refusal(lines, zone="Pacific/Auckland")
    assert "Mambu seems to give its times in UTC" in found.remedy
    assert "set the connection's mambu_offsets to utc" in found.remedy
    mixed = [*lines, line(3, "1", booked="2026-11-20T00:00:00+13:00")]
    assert "in UTC" not in refusal(mixed, zone="Pacific/Auckland").remedy


def test_times_that_should_be_in_utc_must_be() -> None:
    """Where the connection says that Mambu's times are in UTC, any other offset stops the run."""
    found = refusal(in_zone("Pacific/Auckland"), zone="Pacific/Auckland", offsets="utc")
    assert "mambu_offsets" in found.summary
    assert found.offenders == tuple(
        f"{moment}: 2 lines with the offset +13:00, where it should be +00:00 and the time zone "
        "Pacific/Auckland has +13:00 (the first is EntryID 1)"
        for moment in ("creation", "booking")
    )


def test_contradictions_and_malformed_lines_are_told_together() -> None:
    """Both are in one refusal, the contradictions first, for they are few and concern every line."""
    lines = [line(number, "1", "", booked="2026-11-20T00:00:00+01:00") for number in range(1, 31)]
    lines += [line(number, "1", booked="?") for number in range(31, 33)]
    found = refusal(lines)
    assert found.offenders[0].startswith("booking: 30 lines with the offset +01:00")
    assert len(found.offenders) == 33
    assert "UTC of this run, and 32 journal lines from Mambu cannot be used: booking: 30 lines" in found.what


@pytest.mark.parametrize("booked", ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+13:00"])
def test_a_booking_date_beyond_the_calendar_is_named(booked: str) -> None:
    """A line booked before the year 1 or after 9999 is refused by name."""
    (offender,) = refusal([line(1, "1", booked=booked)]).offenders
    assert "bookingDate is outside the years 1 to 9999" in offender


@pytest.mark.parametrize("transaction", ["a  b", "a   b c", "a\u00a0b"])
def test_blanks_inside_a_transaction_id_are_kept(transaction: str) -> None:
    """Two blanks inside a transaction id are no fault."""
    found = validate(staged(posting(1, "1", "-1", transaction=transaction)), UTC, 2)
    assert found.lines["transaction_id"].to_pylist() == [transaction] * 2


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"type": "BOTH"}, "type is neither DEBIT nor CREDIT"),
        ({"amount": Decimal(-1)}, "amount is negative"),
        ({"amount": Decimal(10**16)}, "more than 18 significant digits"),
        ({"transaction_id": "x" * (LONGEST_TRANSACTION_ID + 1)}, "transactionId is longer"),
        ({"transaction_id": "a\tb"}, "control characters"),
        ({"transaction_id": "a\x85b"}, "control characters"),
        ({"transaction_id": "a\x7fb"}, "control characters"),
        ({"transaction_id": " a"}, "spaces that Xero would not keep"),
        ({"transaction_id": "a "}, "spaces that Xero would not keep"),
        ({"transaction_id": "a\u00a0"}, "spaces that Xero would not keep"),
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
    assert "spaces" in caught.value.offenders[0]


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
