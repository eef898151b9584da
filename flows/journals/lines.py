"""Journal lines in columns: how Mambu's lines are stored on disk, and how they are read.

Columns of a staged day (`STAGED`), one row per line:

    encoded_key     Mambu's identity of the line
    entry_id        the number that leads to it in Xero's description
    transaction_id  the posting it belongs to; null for accruals
    created         instant of creation
    booked          instant of booking
    created_offset  the UTC offset in which Mambu wrote the creation, in seconds
    booked_offset   the same of the booking
    type            DEBIT or CREDIT
    amount          unsigned, exact, up to 18 decimals
    gl_code         GL account
    problem         null, or why the line cannot be used; the other columns may then be null
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from blocks.amounts import shown
from blocks.http.json import JsonObject, elements
from blocks.mambu.models import JournalLine, UnreadableLine
from blocks.store.entries import Entries

INSTANT = pa.timestamp("us", tz="UTC")
OFFSET = pa.int32()
AMOUNT = pa.decimal128(38, 18)
STAGED = pa.schema(
    [
        ("encoded_key", pa.string()),
        ("entry_id", pa.int64()),
        ("transaction_id", pa.string()),
        ("created", INSTANT),
        ("booked", INSTANT),
        ("created_offset", OFFSET),
        ("booked_offset", OFFSET),
        ("type", pa.string()),
        ("amount", AMOUNT),
        ("gl_code", pa.string()),
        ("problem", pa.string()),
    ]
)

_LARGEST_EXPONENT = 100

# What Arrow raises for a value that a column cannot hold.
_UNFIT = (pa.ArrowInvalid, OverflowError)


def staged_lines(lines: Sequence[JournalLine], unreadable: Iterable[UnreadableLine] = ()) -> pa.Table:
    """Return lines as columns; a line whose dates or amount make no sense gets a `problem`."""
    try:
        table = _columns(lines)
    except _UNFIT:
        table = pa.concat_tables([_one(line) for line in lines])
    odd = [_unreadable(line) for line in unreadable]
    return pa.concat_tables([table, pa.Table.from_pylist(odd, schema=STAGED)]) if odd else table


def _columns(lines: Sequence[JournalLine]) -> pa.Table:
    created = pa.array([line.creation_date for line in lines], pa.string())
    booked = pa.array([line.booking_date for line in lines], pa.string())
    arrays = [
        pa.array([line.encoded_key for line in lines], pa.string()),
        pa.array([line.entry_id for line in lines], pa.int64()),
        pa.array([line.transaction_id or None for line in lines], pa.string()),
        _instants(created),
        _instants(booked),
        _offsets(created),
        _offsets(booked),
        pa.array([line.type for line in lines], pa.string()),
        _amounts([line.amount for line in lines]),
        pa.array([line.gl_account.gl_code for line in lines], pa.string()),
        pa.nulls(len(lines), pa.string()),
    ]
    return pa.Table.from_arrays(arrays, schema=STAGED)


def _amounts(numbers: Sequence[Decimal]) -> pa.Array:
    # Arrow itself tells what else the column cannot hold; an exponent of millions would end the process.
    if any(abs(exponent) > _LARGEST_EXPONENT for exponent in set(map(Decimal.adjusted, numbers))):
        raise pa.ArrowInvalid("an amount far larger or finer than the column can hold")
    return pa.array(numbers, AMOUNT)


def _instants(texts: pa.Array) -> pa.Array:
    try:
        return pc.cast(texts, INSTANT)
    except pa.ArrowInvalid:
        # Arrow reads six digits of a second behind a point, and capital letters. More digits are cut off,
        # never rounded: the last instant of a day must not become the next one.
        fewer = pc.replace_substring_regex(pc.utf8_upper(texts), r"(:\d\d)[.,](\d{1,6})\d*", r"\1.\2")
        return pc.cast(fewer, INSTANT)


_OFFSET_AT_END = re.compile(rb"([+-])(\d\d):?(\d\d)?$")


def _offsets(texts: pa.Array) -> pa.Array:
    """Return the offsets at the ends of instants, in seconds; the ends are few, so each is read once."""
    bare = pc.binary_slice(pc.cast(texts, pa.binary()), -len("+13:00"))
    ends = pc.if_else(pc.ends_with(texts, "Z"), b"Z", bare).dictionary_encode()
    return pa.array(map(_offset, ends.dictionary.to_pylist()), OFFSET).take(ends.indices)


def _offset(end: bytes) -> int | None:
    found = _OFFSET_AT_END.search(end)
    if found is None:
        return 0 if end.endswith((b"Z", b"z")) else None
    seconds = int(found[2]) * 3600 + int(found[3] or 0) * 60
    return -seconds if found[1] == b"-" else seconds


def _one(line: JournalLine) -> pa.Table:
    try:
        return _columns([line])
    except _UNFIT:
        row: dict[str, object] = {
            "encoded_key": line.encoded_key,
            "transaction_id": line.transaction_id or None,
            "type": line.type,
            "gl_code": line.gl_account.gl_code,
        }
        problems: list[str] = []
        _take(row, problems, "entry_id", line.entry_id, pa.int64(), "entryID is not a 64-bit number")
        _take(row, problems, "created", line.creation_date, INSTANT, _NOT_AN_INSTANT.format("creationDate"))
        _take(row, problems, "booked", line.booking_date, INSTANT, _NOT_AN_INSTANT.format("bookingDate"))
        not_kept = f"amount {shown(line.amount)} cannot be kept exactly"
        _take(row, problems, "amount", line.amount, AMOUNT, not_kept)
        row["problem"] = "; ".join(problems)
        return pa.Table.from_pylist([row], schema=STAGED)


_NOT_AN_INSTANT = "{} is not a date and time with its offset"


def _take(
    row: dict[str, object], problems: list[str], column: str, value: object, kind: pa.DataType, problem: str
) -> None:
    try:
        if isinstance(value, str):
            array = _instants(pa.array([value]))
        elif isinstance(value, Decimal):
            array = _amounts([value])
        else:
            array = pa.array([value], kind)
        row[column] = array[0].as_py()
    except _UNFIT:
        problems.append(problem)


def _unreadable(line: UnreadableLine) -> dict[str, object]:
    ((_, found),) = elements(b"[%b]" % line.raw)
    row: dict[str, object] = {"problem": line.problem}
    if not isinstance(found, JsonObject):
        return row
    # What cannot be read names nothing; a line whose creation cannot be read stays with the day.
    names = {name: found.get(name) for name in _NAMES if not found.doubts([name])}
    key, entry, created = (names.get(name) for name in _NAMES)
    if isinstance(key, str):
        row["encoded_key"] = key
    if type(entry) is int and abs(entry) < 2**63:
        row["entry_id"] = entry
    if isinstance(created, str):
        _take(row, [], "created", created, INSTANT, "")
    return row


_NAMES = ("encodedKey", "entryID", "creationDate")


def lines_of_day(tables: list[pa.Table], start: dt.datetime, end: dt.datetime) -> tuple[pa.Table, int]:
    """Return the lines created in [start, end), each once, by entry id; and how many distinct ones came.

    Takes the tables out of their list, so that a large day is not in memory twice. Windows overlap and pages
    shift, so a line may have come several times: with the same entry id and key, and the one that came first
    stays. A line whose creation cannot be read is kept: it must not be lost.
    """
    everything = pa.concat_tables([*tables, STAGED.empty_table()])
    tables.clear()
    distinct = _distinct(everything.select(["entry_id", "encoded_key"]))
    created = everything["created"].combine_chunks().take(distinct)
    at_or_after = pc.greater_equal(created, pa.scalar(start, INSTANT))
    inside = pc.and_(at_or_after, pc.less(created, pa.scalar(end, INSTANT)))
    of_day = distinct.filter(pc.fill_null(inside, True))
    columns = everything.columns
    del everything
    return pa.table(_columns_at(columns, of_day), schema=STAGED), len(distinct)


def _distinct(names: pa.Table) -> pa.Array:
    """Return the rows by entry id and key, each line once; keys are read only where entry ids repeat."""
    entries = names["entry_id"].combine_chunks()
    order = np.array(pc.sort_indices(entries))
    same = np.diff(pc.fill_null(entries, 0).to_numpy()[order]) == 0
    doubtful = np.zeros(len(order), np.bool_)
    doubtful[1:] |= same
    doubtful[:-1] |= same
    rows = np.sort(order[doubtful])
    names = names.take(rows)
    within = pc.sort_indices(names, sort_keys=[(name, "ascending") for name in names.column_names])
    order[doubtful] = rows[within]
    repeats = np.zeros(len(order), np.bool_)
    repeats[doubtful] = _repeats(rows_at(names, within))
    return pa.array(order[~repeats])


def _repeats(names: pa.Table) -> pa.Array:
    """Tell of each line, in their order, whether the one before it is the same."""
    entries, keys = (names[name].combine_chunks() for name in names.column_names)
    same = [_equal_to_before(pc.fill_null(entries, 0)), _equal_to_before(entries.is_valid())]
    # A line without its key is malformed, and kept: nothing tells it from others.
    same.append(pc.fill_null(_equal_to_before(keys), False))
    return pc.and_(pc.and_(same[0], same[1]), same[2])


def _equal_to_before(values: pa.Array) -> pa.Array:
    if not len(values):
        return pa.array([], pa.bool_())
    return pa.concat_arrays([pa.array([False]), pc.equal(values.slice(1), values.slice(0, len(values) - 1))])


def rows_at(table: pa.Table, rows: pa.Array) -> pa.Table:
    """Return rows of a table by their indices, column by column: each column is in one piece then."""
    return pa.table(_columns_at(table.columns, rows), schema=table.schema)


def _columns_at(columns: list[pa.ChunkedArray], rows: pa.Array) -> list[pa.Array]:
    # Each is let go of before the next is made.
    columns.reverse()
    made: list[pa.Array] = []
    while columns:
        made.append(in_one(columns.pop()).take(rows))
        release()
    return made


def release() -> None:
    """Give back what was let go: Arrow keeps it, and of a large day that is as much as the day itself."""
    pa.default_memory_pool().release_unused()


def in_one(column: pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece; Arrow itself copies also what is in one already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def among(lines: pa.Table, *entries: Iterable[int]) -> pa.Array:
    """Tell of each line of a plan whether its entry id is among these."""
    return pa.array(Entries.of(*entries).have(lines["entry_id"].to_numpy()))


def only(lines: pa.Table, wanted: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Return the wanted lines. All of them are the very same table, so that the day is in memory once."""
    return lines.filter(wanted) if pc.any(pc.invert(wanted)).as_py() else lines


def bounds_of_batches(lines: pa.Table) -> Iterator[tuple[dt.date, int, int, int]]:
    """Yield booking date and number of each batch of a plan's lines, and where these begin and end."""
    dates, numbers = (in_one(lines[name]) for name in ("booking_date", "batch"))
    changes = np.diff(dates.cast(pa.int32()).to_numpy()) | np.diff(numbers.to_numpy())
    starts = [0, *(np.flatnonzero(changes) + 1).tolist()] if len(dates) else []
    for start, end in pairwise([*starts, len(dates)]):
        yield dates[start].as_py(), numbers[start].as_py(), start, end


def write_lines(table: pa.Table, path: Path) -> str:
    """Write columns to a Parquet file that appears whole or not at all, and return its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile(dir=path.parent, suffix=".unfinished", delete=False) as unfinished:
        pq.write_table(table, unfinished, compression="zstd", use_dictionary=_repeated(table))
    digest = file_digest(Path(unfinished.name))
    Path(unfinished.name).replace(path)
    return digest


def _repeated(table: pa.Table) -> list[str]:
    """Return the columns whose values come again and again, of which a file keeps each value once."""
    return [name for name in table.column_names if name not in _ITS_OWN]


_ITS_OWN = frozenset({"encoded_key", "entry_id", "transaction_id", "created", "amount", "minor", "unit"})


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_lines(path: Path) -> pa.Table:
    """Return the columns of a Parquet file."""
    return pq.read_table(path)
