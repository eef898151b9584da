"""Journal lines in columns: how Mambu's lines rest on disk, and how they come into frames.

Columns of a staged day (`STAGED`), one row per line:

    encoded_key     Mambu's identity of the line
    entry_id        the number that leads to it in Xero's description
    transaction_id  the posting it belongs to; null for accruals
    created         instant of creation
    booked          instant of booking
    type            DEBIT or CREDIT
    amount          unsigned, exact, up to 18 decimals
    gl_code         GL account
    problem         null, or why the line cannot be used; the other columns may then be null
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from blocks.mambu import JournalLine, UnreadableLine
from blocks.transport import NOT_THE_JSON

INSTANT = pa.timestamp("us", tz="UTC")
AMOUNT = pa.decimal128(38, 18)
STAGED = pa.schema(
    [
        ("encoded_key", pa.string()),
        ("entry_id", pa.int64()),
        ("transaction_id", pa.string()),
        ("created", INSTANT),
        ("booked", INSTANT),
        ("type", pa.string()),
        ("amount", AMOUNT),
        ("gl_code", pa.string()),
        ("problem", pa.string()),
    ]
)

# What Arrow raises for a value that a column cannot hold.
_UNFIT = (pa.ArrowInvalid, OverflowError)


def staged_lines(lines: list[JournalLine], unreadable: Iterable[UnreadableLine] = ()) -> pa.Table:
    """Return lines as columns; a line whose dates or amount make no sense gets a `problem`."""
    try:
        table = _columns(lines)
    except _UNFIT:
        table = pa.concat_tables([_one(line) for line in lines])
    odd = [_unreadable(line) for line in unreadable]
    return pa.concat_tables([table, pa.Table.from_pylist(odd, schema=STAGED)]) if odd else table


def _columns(lines: list[JournalLine]) -> pa.Table:
    arrays = [
        pa.array([line.encoded_key for line in lines], pa.string()),
        pa.array([line.entry_id for line in lines], pa.int64()),
        pa.array([line.transaction_id for line in lines], pa.string()),
        pc.cast(pa.array([line.creation_date for line in lines], pa.string()), INSTANT),
        pc.cast(pa.array([line.booking_date for line in lines], pa.string()), INSTANT),
        pa.array([line.type for line in lines], pa.string()),
        pa.array([line.amount for line in lines], AMOUNT),
        pa.array([line.gl_account.gl_code for line in lines], pa.string()),
        pa.nulls(len(lines), pa.string()),
    ]
    return pa.Table.from_arrays(arrays, schema=STAGED)


def _one(line: JournalLine) -> pa.Table:
    try:
        return _columns([line])
    except _UNFIT:
        row: dict[str, object] = {
            "encoded_key": line.encoded_key,
            "transaction_id": line.transaction_id,
            "type": line.type,
            "gl_code": line.gl_account.gl_code,
        }
        problems: list[str] = []
        _take(row, problems, "entry_id", line.entry_id, pa.int64(), "entryID is not a 64-bit number")
        _take(row, problems, "created", line.creation_date, INSTANT, _NOT_AN_INSTANT.format("creationDate"))
        _take(row, problems, "booked", line.booking_date, INSTANT, _NOT_AN_INSTANT.format("bookingDate"))
        _take(row, problems, "amount", line.amount, AMOUNT, f"amount {line.amount} cannot be kept exactly")
        row["problem"] = "; ".join(problems)
        return pa.Table.from_pylist([row], schema=STAGED)


_NOT_AN_INSTANT = "{} is not a date and time with its offset"


def _take(
    row: dict[str, object], problems: list[str], column: str, value: object, kind: pa.DataType, problem: str
) -> None:
    try:
        array = pa.array([value]).cast(kind) if isinstance(value, str) else pa.array([value], kind)
        row[column] = array[0].as_py()
    except _UNFIT:
        problems.append(problem)


class _AnyLine(msgspec.Struct, rename="camel"):
    encoded_key: object = None
    entry_id: object = msgspec.field(name="entryID", default=None)
    creation_date: object = None


def _unreadable(line: UnreadableLine) -> dict[str, object]:
    try:
        found = msgspec.json.decode(line.raw, type=_AnyLine)
    except NOT_THE_JSON:
        found = _AnyLine()
    row: dict[str, object] = {"problem": line.problem}
    if isinstance(found.encoded_key, str):
        row["encoded_key"] = found.encoded_key
    if isinstance(found.entry_id, int) and abs(found.entry_id) < 2**63:
        row["entry_id"] = found.entry_id
    if isinstance(found.creation_date, str):
        _take(row, [], "created", found.creation_date, INSTANT, "")
    return row


def lines_of_day(tables: Iterable[pa.Table], start: dt.datetime, end: dt.datetime) -> tuple[pa.Table, int]:
    """Return the lines created in [start, end), each once, by entry id; and how many distinct ones came.

    Windows overlap and pages shift, so a line may have come several times. A line whose creation
    cannot be read is kept: it must not vanish.
    """
    everything = pa.concat_tables([*tables, STAGED.empty_table()])
    distinct = everything.take(pa.array(_first_of_each(everything["encoded_key"]), pa.int64()))
    created = distinct["created"]
    at_or_after = pc.greater_equal(created, pa.scalar(start, INSTANT))
    inside = pc.and_(at_or_after, pc.less(created, pa.scalar(end, INSTANT)))
    of_day = distinct.filter(pc.fill_null(inside, True))
    order = pc.sort_indices(of_day, sort_keys=[("entry_id", "ascending"), ("encoded_key", "ascending")])
    return of_day.take(order).combine_chunks(), distinct.num_rows


def _first_of_each(keys: pa.ChunkedArray) -> list[int]:
    # A line without its key is malformed, and kept: nothing tells it from others.
    seen: set[str] = set()
    first: list[int] = []
    for index, key in enumerate(keys.to_pylist()):
        if key is None or key not in seen:
            first.append(index)
            seen.add(key)
    return first


def write_lines(table: pa.Table, path: Path) -> str:
    """Write columns to a Parquet file that appears whole or not at all, and return its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile(dir=path.parent, suffix=".unfinished", delete=False) as unfinished:
        pq.write_table(table, unfinished, compression="zstd")
    digest = file_digest(Path(unfinished.name))
    Path(unfinished.name).replace(path)
    return digest


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_lines(path: Path) -> pa.Table:
    """Return the columns of a Parquet file."""
    return pq.read_table(path)
