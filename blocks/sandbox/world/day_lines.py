"""A seeded day written out as Mambu writes journal lines: JSON bytes, and where each line begins.

The written day is kept, so that answering a page of a thousand lines is cutting bytes: in memory
for a small day; for a large one on disk, mapped into memory, readable by the owner only.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from blocks.sandbox.exact_json import dumps
from blocks.sandbox.mambu.reference import (
    ACCOUNTS_PER_PRODUCT,
    BRANCH_KEYS,
    customer_account_keys,
    gl_account,
    product_key,
    shown,
    user_key,
)
from blocks.sandbox.world import chart
from blocks.sandbox.world.day_kinds import ACCOUNT_NUMBER, KINDS, NOTES, PRODUCT_NUMBER, PRODUCTS
from blocks.sandbox.world.days import DayColumns, DaySettings, Integers, day_of, first_entry_id
from blocks.sandbox.world.noise import fixed_key, line_keys

# Changed with anything that changes a written day, so that a kept file of another release is not read.
FORMAT = 2
_CHUNK = 20_000
_AUTHORS = ("a.okafor", "finance.ops")
Strings = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Lines:
    """Journal lines as bytes, joined by commas; line i is `text[starts[i]:starts[i + 1] - 1]`.

    `created` and `booked` are seconds since 1970.
    """

    text: bytes | mmap.mmap
    starts: Integers
    entry_ids: Integers
    created: Integers
    booked: Integers

    def __len__(self) -> int:
        return len(self.entry_ids)

    def cut(self, first: int, last: int) -> bytes:
        """Return the lines from `first` up to `last`, both included, joined by commas."""
        return self.text[self.starts[first] : self.starts[last + 1] - 1]


def _table(values: list[str]) -> Strings:
    table = np.empty(len(values), dtype=np.object_)
    table[:] = values
    return table


def _stamps(instants: Integers, zone: ZoneInfo) -> Strings:
    """Return each instant as Mambu shows it: local, with the zone's offset at that instant, to the second."""
    distinct, number = np.unique(instants, return_inverse=True)
    return _table([datetime.fromtimestamp(second, zone).isoformat() for second in distinct.tolist()])[number]


def _foreign(currency: str, settings: DaySettings, rate: int) -> tuple[str, str]:
    """Return what stands before and after the amount of a `foreignAmount`."""
    accounting_rate = {
        "encodedKey": fixed_key("rate", currency, rate),
        "rate": Decimal(rate).scaleb(-4),
        "fromCurrencyCode": settings.currency,
        "toCurrencyCode": currency,
        "startDate": datetime(2026, 1, 1, tzinfo=ZoneInfo(settings.time_zone)).isoformat(),
        **({"endDate": None} if settings.nulls else {}),
    }
    rest = dumps({"currency": {"code": currency}, "accountingRate": accounting_rate})
    return ',"foreignAmount":{"amount":', f",{rest[1:]}"


class _Writer:
    """The pieces of JSON that lines share, and how they are put together."""

    def __init__(self, day: date, settings: DaySettings) -> None:
        self._day, self._settings = day, settings
        self._zone = ZoneInfo(settings.time_zone)
        currency = settings.currency
        accounts = [gl_account(row.gl_code, row.name, row.gl_type, currency) for row in chart.CHART]
        self._accounts = _table(
            [f',"glAccount":{dumps(shown(account, nulls=settings.nulls))}' for account in accounts]
        )
        self._branches = _table([f',"assignedBranchKey":"{key}"' for key in BRANCH_KEYS])
        self._customers = _table([f',"accountKey":"{key}"' for key in customer_account_keys()])
        self._products = _table([self._product(kind.product) for kind in KINDS])
        self._notes = _table(
            [
                f',"userKey":"{user_key(_AUTHORS[number % 2])}","notes":{dumps(note)}'
                for number, note in enumerate(NOTES)
            ]
        )
        self._ledger = np.zeros((len(KINDS), 4), dtype=np.int64)
        for number, kind in enumerate(KINDS):
            self._ledger[number, : len(kind.legs)] = [ACCOUNT_NUMBER[leg.gl_code] for leg in kind.legs]
        self._rates = np.array([kind.foreign[1] if kind.foreign else 0 for kind in KINDS], dtype=np.int64)
        self._foreign = {
            number: _foreign(kind.foreign[0], settings, kind.foreign[1])
            for number, kind in enumerate(KINDS)
            if kind.foreign
        }
        self._manual = np.array([kind.manual for kind in KINDS])
        self._product_number = np.array([PRODUCT_NUMBER.get(kind.product or "", -1) for kind in KINDS])

    def _nothing(self, *fields: str) -> str:
        """Return how a line shows that it has no value for fields."""
        return "".join(f',"{field}":null' for field in fields) if self._settings.nulls else ""

    def _product(self, code: str | None) -> str:
        if code is None:
            return self._nothing("productKey", "productType")
        row = PRODUCTS[PRODUCT_NUMBER[code]]
        return f',"productKey":"{product_key(code)}","productType":"{row.product_type}"'

    def _foreign_amounts(self, kinds: Integers, cents: Integers) -> Strings:
        result = np.full(len(kinds), self._nothing("foreignAmount"), dtype=np.object_)
        rates = self._rates[kinds]
        rows = np.flatnonzero(rates)
        amounts = (cents[rows] * rates[rows] + 5_000) // 10_000
        for row, kind, amount in zip(rows.tolist(), kinds[rows].tolist(), amounts.tolist(), strict=True):
            before, after = self._foreign[kind]
            result[row] = f"{before}{amount // 100}.{amount % 100:02d}{after}"
        return result

    def _customer(self, kinds: Integers, columns: DayColumns, rows: slice) -> Strings:
        product = self._product_number[kinds]
        number = product * ACCOUNTS_PER_PRODUCT + columns.account[rows] % ACCOUNTS_PER_PRODUCT
        named = (product >= 0) & (columns.transaction[rows] >= 0)
        result = np.full(len(kinds), self._nothing("accountKey"), dtype=np.object_)
        result[named] = self._customers[number[named]]
        return result

    def _origins(self, kinds: Integers, columns: DayColumns, rows: slice) -> Strings:
        result = np.full(len(kinds), self._nothing("userKey", "notes"), dtype=np.object_)
        manual = self._manual[kinds]
        result[manual] = self._notes[columns.account[rows][manual] % len(NOTES)]
        return result

    def _reversals(self, columns: DayColumns, rows: slice) -> Strings:
        result = np.full(rows.stop - rows.start, self._nothing("reversalEntryKey"), dtype=np.object_)
        ends = np.flatnonzero(columns.reverses_serial[rows] >= 0)
        days, serials = columns.reverses_day[rows][ends], columns.reverses_serial[rows][ends]
        keys = line_keys(self._settings.seed, days.astype(np.uint64), serials.astype(np.uint64))
        for number, row in enumerate(ends.tolist()):
            result[row] = f',"reversalEntryKey":"{keys[number * 32 : number * 32 + 32]}"'
        return result

    def _transactions(self, columns: DayColumns, rows: slice) -> list[str]:
        nothing = self._nothing("transactionId")
        numbers = columns.transaction[rows].tolist()
        return [nothing if number < 0 else f',"transactionId":"{number}"' for number in numbers]

    def write(self, columns: DayColumns, rows: slice) -> list[bytes]:
        """Return these lines of the day, each as JSON."""
        kinds, cents = columns.kind[rows], columns.cents[rows]
        today = np.array([self._day.toordinal()], dtype=np.uint64)
        keys = line_keys(self._settings.seed, today, columns.serial[rows].astype(np.uint64))
        first_id = first_entry_id(self._day) + rows.start
        return [
            f'{{"encodedKey":"{keys[number * 32 : number * 32 + 32]}","entryID":{first_id + number}'
            f'{transaction},"creationDate":"{created}","bookingDate":"{booked}"'
            f',"type":"{"DEBIT" if debit else "CREDIT"}","amount":{amount // 100}.{amount % 100:02d}'
            f"{account}{foreign}{customer}{product}{branch}{origin}{reversal}}}".encode()
            for number, (
                transaction,
                created,
                booked,
                debit,
                amount,
                account,
                foreign,
                customer,
                product,
                branch,
                origin,
                reversal,
            ) in enumerate(
                zip(
                    self._transactions(columns, rows),
                    _stamps(columns.created[rows], self._zone),
                    _stamps(columns.booked[rows], self._zone),
                    columns.debit[rows].tolist(),
                    cents.tolist(),
                    self._accounts[self._ledger[kinds, columns.leg[rows]]],
                    self._foreign_amounts(kinds, cents),
                    self._customer(kinds, columns, rows),
                    self._products[kinds],
                    self._branches[columns.branch[rows]],
                    self._origins(kinds, columns, rows),
                    self._reversals(columns, rows),
                    strict=True,
                )
            )
        ]


def _chunks(day: date, settings: DaySettings, columns: DayColumns) -> Iterator[list[bytes]]:
    writer, total = _Writer(day, settings), len(columns.serial)
    for first in range(0, total, _CHUNK):
        yield writer.write(columns, slice(first, min(first + _CHUNK, total)))


def _starts(lengths: list[int]) -> Integers:
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(np.array(lengths, dtype=np.int64) + 1, out=starts[1:])
    return starts


def _entry_ids(day: date, count: int) -> Integers:
    return np.arange(count, dtype=np.int64) + first_entry_id(day)


def render_day(day: date, settings: DaySettings) -> Lines:
    """Return a seeded day written out in memory."""
    columns = day_of(day, settings)
    lines = [line for chunk in _chunks(day, settings, columns) for line in chunk]
    return Lines(
        b",".join(lines),
        _starts([len(line) for line in lines]),
        _entry_ids(day, len(lines)),
        columns.created,
        columns.booked,
    )


def _owner_only(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)


def _write_files(day: date, settings: DaySettings, text_path: Path, index_path: Path) -> None:
    columns = day_of(day, settings)
    lengths: list[int] = []
    partial = text_path.with_suffix(".partial")
    with os.fdopen(_owner_only(partial), "wb") as file:
        for chunk in _chunks(day, settings, columns):
            file.write(b",".join(chunk))
            file.write(b",")
            lengths.extend(map(len, chunk))
    partial.replace(text_path)
    with os.fdopen(_owner_only(partial), "wb") as file:
        np.save(file, np.stack((_starts(lengths)[1:], columns.created, columns.booked)))
    partial.replace(index_path)  # last: an index stands for a complete pair


def render_day_to_disk(day: date, settings: DaySettings, directory: Path) -> Lines:
    """Return a seeded day written out under `directory`, which it is read from if it is there already."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.blake2b(repr((FORMAT, day, astuple(settings))).encode(), digest_size=8).hexdigest()
    text_path, index_path = (directory / f"{day}-{digest}.{suffix}" for suffix in ("json-lines", "npy"))
    if not index_path.exists():
        _write_files(day, settings, text_path, index_path)
    ends, created, booked = np.load(index_path, mmap_mode="r")
    with text_path.open("rb") as file:
        text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return Lines(text, np.concatenate(([0], ends)), _entry_ids(day, len(ends)), created, booked)
