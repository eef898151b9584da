"""Encode: the bytes of journals as Xero takes them, made from columns for all lines at once. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.journals.lines import in_one
from flows.journals.narration import Narration, descriptions
from flows.money import money_texts

# What a line's text needs; of its rows nothing else is kept.
COLUMNS = ("entry_id", "transaction_id", "account_code", "minor")


class Style(NamedTuple):
    """What a day's journals have in common: decimals, label, and whether cash basis reports show them."""

    digits: int
    label: str | None
    cash_basis: bool


class Encoded(NamedTuple):
    """A journal as JSON, in the parts that make it up, so that no byte is copied before it has to be."""

    head: bytes
    lines: memoryview

    @property
    def size(self) -> int:
        """Return how many bytes it has."""
        return len(self.head) + len(self.lines) + len(_TAIL)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of its bytes."""
        found = hashlib.sha256(self.head)
        found.update(self.lines)
        found.update(_TAIL)
        return found.hexdigest()


def encoded(journals: Sequence[tuple[Narration, pa.Table]], style: Style) -> list[Encoded]:
    """Return journals as JSON, given their names and their lines, which are `COLUMNS` of a plan."""
    if not journals:
        return []
    content, bounds = _lines(pa.concat_tables([rows for _, rows in journals]), style)
    found: list[Encoded] = []
    start = 0
    for narration, rows in journals:
        end = start + rows.num_rows
        head = head_of(str(narration), narration.booking_date, style.cash_basis)
        # There is a comma behind each line, which the last one does without.
        found.append(Encoded(head, content[bounds[start] : bounds[end] - 1]))
        start = end
    return found


def body(journals: Iterable[Encoded]) -> bytes:
    """Return the bytes of the request that carries journals."""
    parts: list[bytes | memoryview] = []
    for journal in journals:
        parts += (b"," if parts else b'{"ManualJournals":[', journal.head, journal.lines, _TAIL)
    return b"".join([*parts, b"]}"])


_TAIL = b"]}"


def _lines(rows: pa.Table, style: Style) -> tuple[memoryview, list[int]]:
    """Return all lines as JSON, a comma behind each, and where each begins and the last one ends."""
    entries, transactions, codes, amounts = (in_one(rows[name]) for name in COLUMNS)
    lines = pc.binary_join_element_wise(
        # Written as text: the amount must reach Xero as a bare number with exactly these digits.
        '{"LineAmount":',
        money_texts(amounts, style.digits),
        ',"AccountCode":"',
        _escaped(codes),
        '","TaxType":"NONE","Description":"',
        _escaped(descriptions(entries, transactions, style.label)),
        '"},',
        "",
    )
    _, offsets, content = lines.buffers()
    bounds = np.frombuffer(offsets, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(content), bounds.tolist()


def _escaped(texts: pa.Array) -> pa.Array:
    """Return texts as they stand in JSON between the quotes; few have anything to escape."""
    if not _has_odd_bytes(texts):
        return texts
    odd = pc.match_substring_regex(texts, r'["\\\x00-\x1f]')
    written = [json_text(text)[1:-1] for text in texts.filter(odd).to_pylist()]
    return pc.replace_with_mask(texts, odd, pa.array(written, pa.string()))


def _has_odd_bytes(texts: pa.Array) -> bool:
    if not len(texts):
        return False
    _, offsets, content = texts.buffers()
    first, last = np.frombuffer(offsets, np.int32)[[texts.offset, texts.offset + len(texts)]].tolist()
    found = np.frombuffer(content, np.uint8)[first:last]
    return bool(np.any((found < ord(" ")) | (found == ord('"')) | (found == ord("\\"))))


def element(narration: str, date: dt.date, lines: Iterable[tuple[str, str, str]], cash_basis: bool) -> bytes:
    """Return one journal as JSON, given its lines one by one: amount, account code and description."""
    texts = (
        f'{{"LineAmount":{amount},"AccountCode":{json_text(code)},"TaxType":"NONE",'
        f'"Description":{json_text(text)}}}'
        for amount, code, text in lines
    )
    return head_of(narration, date, cash_basis) + ",".join(texts).encode() + _TAIL


def head_of(narration: str, date: dt.date, cash_basis: bool) -> bytes:
    """Return what stands before a journal's lines."""
    shown = "true" if cash_basis else "false"
    return (
        f'{{"Narration":{json_text(narration)},"Date":"{date}","Status":"DRAFT",'
        f'"LineAmountTypes":"NoTax","ShowOnCashBasisReports":{shown},"JournalLines":['
    ).encode()


def json_text(value: str) -> str:
    """Return a text in quotes."""
    return msgspec.json.encode(value).decode()
