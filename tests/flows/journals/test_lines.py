"""Lines in columns: from Mambu's JSON to a file and back."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.mambu.models import JournalLine, UnreadableLine
from flows.days import Day
from flows.journals.lines import STAGED, lines_of_day, read_lines, staged_lines, write_lines
from tests.helpers.journals import DAY, NOON, examples, line, posting, transfers


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
    ("text", "offset"),
    [
        ("2026-11-20T00:00:00Z", 0),
        ("2026-11-20T00:00:00.123Z", 0),
        ("2026-11-20T00:00:00z", 0),
        ("2026-11-20T00:00:00+00:00", 0),
        ("2026-11-20T00:00:00-00:00", 0),
        ("2026-11-20T00:00:00+0000", 0),
        ("2026-11-20T00:00:00+13:00", 46800),
        ("2026-11-20T00:00:00.5+13:45", 49500),
        ("2026-11-20T00:00:00+14:00", 50400),
        ("2026-11-20T00:00:00-09:30", -34200),
        ("2026-11-20T00:00:00-0930", -34200),
        ("2026-11-20T00:00:00.123456789-03", -10800),
    ],
)
def test_the_offset_is_kept(text: str, offset: int) -> None:
    """The offset in which an instant is written is kept beside it, in seconds, also among others."""
    odd = line(1, "1", created=text, booked="2026-11-20T00:00:00+05:45")
    rows = staged_lines([odd, line(2, "1", booked=text), line(3, "1")]).to_pylist()
    kept = [(row["created_offset"], row["booked_offset"]) for row in rows]
    assert kept == [(offset, 20700), (0, offset), (0, 0)]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-20T23:59:59.999999999Z", "2026-11-20T23:59:59.999999+00:00"),
        ("2026-11-20T23:59:59.9999999+13:00", "2026-11-20T10:59:59.999999+00:00"),
        ("2026-12-31T23:59:59.999999500-09:30", "2027-01-01T09:29:59.999999+00:00"),
        ("2026-11-20T00:00:00,123456789Z", "2026-11-20T00:00:00.123456+00:00"),
        ("2026-11-20T00:00:00,5+01:00", "2026-11-19T23:00:00.500000+00:00"),
        ("2026-11-20T00:00:00z", "2026-11-20T00:00:00+00:00"),
    ],
)
def test_a_fraction_is_cut_off_and_never_rounded(text: str, utc: str) -> None:
    """Digits of a second beyond the sixth are cut off, so that no instant reaches the next day."""
    rows = staged_lines([line(1, "1", created=text, booked=text), line(2, "1")]).to_pylist()
    assert rows[0]["created"] == rows[0]["booked"] == dt.datetime.fromisoformat(utc)
    assert [row["problem"] for row in rows] == [None, None]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2026-11-20T00:00:00",
            "2026-11-20T00:00:00.123456789",
            "2026-11-20T24:00:00Z",
            "2026-11-20T23:59:60Z",
        ),
        *(
            "2026-11-20T00:00:00.Z",
            "2026-11-20T00:00:00.1.2Z",
            "2026-11-20T00:00:00+24:00",
            "2026-11-20+01:00",
        ),
        *("2026-11-20T00:00:00 +01:00", "2026-11-20T00:00:00+01:00[Europe/Paris]", "2026-02-30T00:00:00Z"),
    ],
)
def test_what_is_no_instant_is_named(text: str) -> None:
    """A text that is not one instant, with its offset, is the problem of its line, and of no other."""
    rows = staged_lines([line(1, "1", booked=text), line(2, "1")]).to_pylist()
    assert [row["problem"] for row in rows] == ["bookingDate is not a date and time with its offset", None]


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
        # Arrow itself would end the process over the second.
        ("amount", "1e+99999999", "amount 1E+99999999 cannot be kept exactly"),
        ("amount", "1e-99999999", "amount 1E-99999999 cannot be kept exactly"),
        ("amount", "0e-999999999999", "amount 0E-999999999999 cannot be kept exactly"),
        ("amount", "1" * 5000, f"amount {'1' * 40}… cannot be kept exactly"),
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
        (mambu_json(transactionId='"T\\ud800"'), 7, "k1"),
        (mambu_json(encodedKey='"k\\ud800"'), 7, None),
        (mambu_json(entryID='7,"entryID":8'), None, "k1"),
        (mambu_json(encodedKey='"k1","encodedKey":"k2"'), 7, None),
    ],
)
def test_an_unreadable_line_keeps_its_names(raw: bytes, entry: int | None, key: str | None) -> None:
    """A line of another shape becomes a row with its problem and whatever names it."""
    row = staged_lines([], [UnreadableLine(raw, "no amount")]).to_pylist()[0]
    assert (row["problem"], row["entry_id"], row["encoded_key"]) == ("no amount", entry, key)


def test_a_line_with_two_creation_dates_does_not_vanish() -> None:
    """A line that has its creation twice is kept with the day, whichever of them would lie outside."""
    raw = mambu_json(creationDate='"2026-11-20T12:00:00Z","creationDate":"2026-11-21T12:00:00Z"')
    of_day, _ = lines_of_day([staged_lines([], [UnreadableLine(raw, "twice")])], DAY.start, DAY.end)
    assert of_day["problem"].to_pylist() == ["twice"]


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
    first, *others = [lines_of_day(list(some), DAY.start, DAY.end)[0] for some in permutations(tables)]
    assert all(other.equals(first) for other in others)


@pytest.mark.parametrize(
    ("zone", "inside", "outside"),
    [
        ("Europe/London", "2026-03-29T23:59:59+01:00", "2026-03-30T00:00:00+01:00"),
        ("Europe/London", "2026-10-25T00:00:00+01:00", "2026-10-24T23:59:59+01:00"),
        ("Europe/London", "2026-10-25T23:59:59+00:00", "2026-10-26T00:00:00+00:00"),
        ("Pacific/Auckland", "2026-11-20T00:00:00+13:00", "2026-11-19T23:59:59+13:00"),
        ("Pacific/Marquesas", "2026-11-20T23:59:59-09:30", "2026-11-21T00:00:00-09:30"),
    ],
)
def test_the_edges_of_the_day(zone: str, inside: str, outside: str) -> None:
    """The first and the last second of a local day belong to it; what lies beside them does not."""
    day = Day(dt.datetime.fromisoformat(inside).date(), ZoneInfo(zone))
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


def test_lines_without_a_key_are_all_kept() -> None:
    """Several lines that lack their key are several lines, beside one that came twice."""
    unreadable = [UnreadableLine(b"{}", "no key"), UnreadableLine(b"{}", "no key either")]
    table = staged_lines([line(1, "1.00"), line(1, "1.00")], unreadable)

    lines, distinct = lines_of_day([table], DAY.start, DAY.end)

    assert (lines.num_rows, distinct) == (3, 3)
    assert set(lines["problem"].to_pylist()) == {None, "no key", "no key either"}


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.one_of(st.none(), st.integers(0, 4)),
                st.sampled_from([None, "k1", "k2"]),
                st.sampled_from([None, "2026-11-19T23:59:59Z", NOON, "2026-11-21T00:00:00Z"]),
            ),
            max_size=6,
        ),
        max_size=4,
    )
)
@examples
def test_each_line_is_taken_once_as_it_came_first(
    pages: list[list[tuple[int | None, str | None, str | None]]],
) -> None:
    """Of lines with one entry id and one key the first to come stays; no other line goes."""
    tables = []
    rows: list[dict[str, object]] = []
    for page in pages:
        its: list[dict[str, object]] = [
            {
                "entry_id": entry,
                "encoded_key": key,
                "created": created and dt.datetime.fromisoformat(created),
                "transaction_id": f"came {len(rows) + number}",
            }
            for number, (entry, key, created) in enumerate(page)
        ]
        rows += its
        tables.append(pa.Table.from_pylist(its, schema=STAGED))
    kept: dict[object, dict[str, object]] = {}
    for row in rows:
        name = row["transaction_id"] if row["encoded_key"] is None else (row["entry_id"], row["encoded_key"])
        kept.setdefault(name, row)

    found, distinct = lines_of_day(tables, DAY.start, DAY.end)

    of_day = [row for row in kept.values() if row["created"] in {None, dt.datetime.fromisoformat(NOON)}]
    of_day.sort(key=lambda row: (row["entry_id"] is None, row["entry_id"] or 0))
    assert distinct == len(kept)
    came = found["transaction_id"].to_pylist()
    assert sorted(came) == sorted(str(row["transaction_id"]) for row in of_day)
    assert found["entry_id"].to_pylist() == [row["entry_id"] for row in of_day]
