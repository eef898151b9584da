"""Lines in columns: from Mambu's JSON to a file and back."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.mambu import JournalLine, UnreadableLine
from flows.days import Day
from flows.journals.lines import (
    STAGED,
    lines_of_day,
    read_lines,
    staged_lines,
    write_lines,
)
from tests.flows.journals.builders import DAY, line, posting, transfers


def mambu_json(**fields: str) -> bytes:
    """Return a line as Mambu words it; each field is given as JSON."""
    known = {
        "encodedKey": '"k1"',
        "entryID": "7",
        "creationDate": '"2026-11-20T12:00:00+01:00"',
        "bookingDate": '"2026-11-20T00:00:00+01:00"',
        "type": '"DEBIT"',
        "amount": "1.00",
        "glAccount": '{"glCode":"1100"}',
    } | fields
    return ("{" + ",".join(f'"{name}":{value}' for name, value in known.items()) + "}").encode()


def one_row(**fields: str) -> dict[str, object]:
    """Return the row that a line of JSON becomes."""
    found = msgspec.json.decode(mambu_json(**fields), type=JournalLine)
    row: dict[str, object] = staged_lines([found]).to_pylist()[0]
    return row


@given(
    digits=st.integers(1, 10**18 - 1), decimals=st.integers(0, 18), form=st.sampled_from(["f", "E", "string"])
)
def test_amounts_come_in_exactly(digits: int, decimals: int, form: str) -> None:
    """An amount of up to 18 digits and decimals is the same in the column as in Mambu's JSON."""
    amount = Decimal(digits).scaleb(-decimals)
    text = f'"{amount:f}"' if form == "string" else f"{amount:{form}}"
    assert one_row(amount=text)["amount"] == amount


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-20T00:00:00Z", "2026-11-20T00:00:00+00:00"),
        ("2026-11-20T00:00:00+13:00", "2026-11-19T11:00:00+00:00"),
        ("2026-11-20T00:00:00-09:30", "2026-11-20T09:30:00+00:00"),
        ("2026-11-20T00:00:00+0545", "2026-11-19T18:15:00+00:00"),
        ("2026-11-20T00:00:00.123456+01:00", "2026-11-19T23:00:00.123456+00:00"),
    ],
)
def test_any_offset_is_understood(text: str, utc: str) -> None:
    """A date and time is the same instant whatever offset it is written in."""
    row = one_row(creationDate=f'"{text}"', bookingDate=f'"{text}"')
    assert row["created"] == row["booked"] == dt.datetime.fromisoformat(utc)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("creationDate", '"2026-11-20T12:00:00"', "creationDate is not a date and time with its offset"),
        ("bookingDate", '"2026-11-20"', "bookingDate is not a date and time with its offset"),
        ("bookingDate", '""', "bookingDate is not a date and time with its offset"),
        ("entryID", str(2**63), "entryID is not a 64-bit number"),
        ("entryID", str(10**30), "entryID is not a 64-bit number"),
        ("amount", "1e-19", "amount 1E-19 cannot be kept exactly"),
        ("amount", "1e30", "amount 1E+30 cannot be kept exactly"),
        ("amount", '"NaN"', "amount NaN cannot be kept exactly"),
    ],
)
def test_values_that_make_no_sense_are_named(field: str, value: str, problem: str) -> None:
    """A value that its column cannot hold becomes the line's problem, and stops nothing else."""
    assert one_row(**{field: value})["problem"] == problem


def test_good_lines_stay_beside_a_bad_one() -> None:
    """A line that makes no sense leaves the lines beside it untouched, and keeps what can be read of it."""
    good, bad = line(1, "5.00"), line(2, "5.00", booked="T")
    rows = staged_lines([good, bad]).to_pylist()
    assert rows[0] == staged_lines([good]).to_pylist()[0]
    assert (rows[1]["entry_id"], rows[1]["amount"], rows[1]["booked"]) == (2, Decimal(5), None)


@pytest.mark.parametrize(
    ("raw", "entry", "key"),
    [
        (mambu_json(amount="null"), 7, "k1"),
        (mambu_json(entryID='"7"'), None, "k1"),
        (mambu_json(encodedKey="5", creationDate="5"), 7, None),
        (b"[]", None, None),
    ],
)
def test_an_unreadable_line_keeps_its_names(raw: bytes, entry: int | None, key: str | None) -> None:
    """A line of another shape becomes a row with its problem and whatever names it."""
    row = staged_lines([], [UnreadableLine(raw, "no amount")]).to_pylist()[0]
    assert (row["problem"], row["entry_id"], row["encoded_key"]) == ("no amount", entry, key)


def test_overlapping_windows_give_each_line_once() -> None:
    """A line that came in several windows is in the day once, and is counted once."""
    lines = transfers(3)
    tables = [staged_lines(lines[:4]), staged_lines(lines[2:]), staged_lines(lines[:1])]
    of_day, distinct = lines_of_day(tables, DAY.start, DAY.end)
    assert of_day["entry_id"].to_pylist() == [1, 2, 3, 4, 5, 6]
    assert distinct == 6


def test_the_order_of_windows_does_not_matter() -> None:
    """The same windows in any order give the same lines in the same order."""
    lines = transfers(5)
    tables = [staged_lines(lines[:6]), staged_lines(lines[4:]), staged_lines([])]
    first, *others = [lines_of_day(some, DAY.start, DAY.end)[0] for some in permutations(tables)]
    assert all(other.equals(first) for other in others)


@pytest.mark.parametrize(
    ("date", "zone", "inside", "outside"),
    [
        ("2026-03-29", "Europe/London", "2026-03-29T23:59:59+01:00", "2026-03-30T00:00:00+01:00"),
        ("2026-10-25", "Europe/London", "2026-10-25T00:00:00+01:00", "2026-10-24T23:59:59+01:00"),
        ("2026-10-25", "Europe/London", "2026-10-25T23:59:59+00:00", "2026-10-26T00:00:00+00:00"),
        ("2026-11-20", "Pacific/Auckland", "2026-11-20T00:00:00+13:00", "2026-11-19T23:59:59+13:00"),
        ("2026-11-20", "Pacific/Marquesas", "2026-11-20T23:59:59-09:30", "2026-11-21T00:00:00-09:30"),
    ],
)
def test_the_edges_of_the_day(date: str, zone: str, inside: str, outside: str) -> None:
    """The first and the last second of a local day belong to it; what lies beside them does not."""
    day = Day(dt.date.fromisoformat(date), ZoneInfo(zone))
    table = staged_lines([line(1, "1", created=inside), line(2, "1", created=outside)])
    of_day, distinct = lines_of_day([table], day.start, day.end)
    assert of_day["entry_id"].to_pylist() == [1]
    assert distinct == 2


def test_a_line_without_a_creation_date_does_not_vanish() -> None:
    """A line whose creation cannot be read is kept with the day, so that it is named."""
    of_day, _ = lines_of_day([staged_lines([line(1, "1", created="?")])], DAY.start, DAY.end)
    assert of_day["problem"].to_pylist() == ["creationDate is not a date and time with its offset"]


def test_no_windows_are_an_empty_day() -> None:
    """A day of no lines is a table of no rows with the same columns."""
    of_day, distinct = lines_of_day([], DAY.start, DAY.end)
    assert (of_day.schema, of_day.num_rows, distinct) == (STAGED, 0, 0)


def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    """Lines are the same after they were written to a file and read."""
    table = staged_lines(posting(1, "9999999999999999.99", "-9999999999999999.99", transaction=None))
    write_lines(table, tmp_path / "day" / "lines.parquet")
    assert read_lines(tmp_path / "day" / "lines.parquet").equals(table)


def test_the_digest_tells_lines_apart(tmp_path: Path) -> None:
    """The same lines have the same digest, and other lines another."""
    tables = [staged_lines(transfers(count)) for count in (2, 2, 3)]
    first, same, other = [write_lines(table, tmp_path / "lines.parquet") for table in tables]
    assert first == same != other


def test_nothing_unfinished_remains(tmp_path: Path) -> None:
    """After writing, the folder holds the file and nothing else."""
    write_lines(staged_lines([]), tmp_path / "lines.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["lines.parquet"]
