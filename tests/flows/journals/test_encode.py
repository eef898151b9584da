"""The bytes of journals from columns: the same, to the last one, as written line by line."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.journals.encode import Style, body, element, encoded
from flows.journals.narration import Narration, description, descriptions
from flows.money import money_text, money_texts
from tests.helpers.journals import examples

# What has to be escaped, what looks as if it had to be, and what takes several bytes.
ODD = [
    '"',
    "\\",
    "/",
    "\x00",
    "\x1f",
    "\n",
    "\t",
    "\x7f",
    " ",
    "\u2028",
    "é",
    "\u0301",
    "ß",
    "漢",
    "😀",
    "A",
]
texts = st.one_of(st.text(st.sampled_from(ODD), max_size=6), st.text(max_size=8))
amounts = st.one_of(
    st.sampled_from([1, -1, 9, -9, 10, 99, -100, 10**18 - 1, 1 - 10**18]), st.integers(-(10**18), 10**18)
)
labels = st.one_of(st.none(), st.from_regex(r"[A-Za-z0-9._-]{1,40}", fullmatch=True))


class Row(NamedTuple):
    """A line, as a plan has it."""

    entry_id: int
    transaction_id: str | None
    account_code: str
    minor: int


rows = st.lists(
    st.builds(Row, st.integers(1, 2**63 - 1), st.one_of(st.none(), texts), texts, amounts),
    min_size=1,
    max_size=5,
)
journals = st.lists(rows, min_size=1, max_size=4)


def named(number: int, label: str | None) -> Narration:
    """Return the name of a journal."""
    return Narration(dt.date(2026, 11, 20), dt.date(2026, 11, 1 + number), number, label)


def in_columns(lines: Sequence[Row], apart: int = 0) -> pa.Table:
    """Return lines as rows of a plan: from the middle of a longer table, in several chunks."""
    around = Row(77, 'never "sent"', "9999", 1)
    columns = list(zip(around, *lines, around, strict=True))
    kinds = (pa.int64(), pa.string(), pa.string(), pa.int64())
    table = pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)], list(Row._fields)
    )
    cut = 1 + apart % len(lines)
    return pa.concat_tables([table.slice(1, cut - 1), table.slice(cut, len(lines) + 1 - cut)])


def line_by_line(narration: Narration, lines: Sequence[Row], style: Style) -> bytes:
    """Return a journal as JSON, each text written by msgspec, as plainly as can be."""

    def text(value: str) -> str:
        return msgspec.json.encode(value).decode()

    written = [
        f'{{"LineAmount":{money_text(one.minor, style.digits)},"AccountCode":{text(one.account_code)},'
        f'"TaxType":"NONE","Description":'
        f"{text(description(one.entry_id, one.transaction_id, style.label))}}}"
        for one in lines
    ]
    return (
        f'{{"Narration":{text(str(narration))},"Date":"{narration.booking_date}","Status":"DRAFT",'
        f'"LineAmountTypes":"NoTax","ShowOnCashBasisReports":{"true" if style.cash_basis else "false"},'
        f'"JournalLines":[{",".join(written)}]}}'
    ).encode()


@given(
    days=journals,
    style=st.builds(Style, st.sampled_from([0, 2]), labels, st.booleans()),
    apart=st.integers(0, 4),
)
@examples
def test_columns_give_the_bytes_of_lines(days: list[list[Row]], style: Style, apart: int) -> None:
    """Whatever is in them, journals have the bytes, digest and size of their lines one by one."""
    names = [named(number, style.label) for number in range(1, len(days) + 1)]
    plain = [line_by_line(name, lines, style) for name, lines in zip(names, days, strict=True)]
    made = encoded([(name, in_columns(one, apart)) for name, one in zip(names, days, strict=True)], style)
    assert [one.digest for one in made] == [hashlib.sha256(one).hexdigest() for one in plain]
    assert [one.size for one in made] == [len(one) for one in plain]
    assert body(made) == b'{"ManualJournals":[' + b",".join(plain) + b"]}"


@given(days=journals, style=st.builds(Style, st.sampled_from([0, 2]), labels, st.booleans()))
@examples
def test_a_request_is_json_of_its_lines(days: list[list[Row]], style: Style) -> None:
    """Read by another reader, a request holds each line's account, amount and text, to the last sign."""
    found = json.loads(body(encoded([(named(1, style.label), in_columns(one)) for one in days], style)))
    lines = [line for journal in found["ManualJournals"] for line in journal["JournalLines"]]
    for line, row in zip(lines, [row for one in days for row in one], strict=True):
        assert line["AccountCode"] == row.account_code
        assert line["Description"] == description(row.entry_id, row.transaction_id, style.label)
        assert round(line["LineAmount"] * 10**style.digits) == pytest.approx(row.minor)


@given(lines=rows, style=st.builds(Style, st.sampled_from([0, 2]), labels, st.booleans()))
@examples
def test_a_journal_given_line_by_line_has_the_same_bytes(lines: list[Row], style: Style) -> None:
    """A journal whose lines come as texts, as Xero shows them, has the bytes that it has from columns."""
    name = named(1, style.label)
    texts = (
        (
            money_text(one.minor, style.digits),
            one.account_code,
            description(one.entry_id, one.transaction_id, style.label),
        )
        for one in lines
    )
    alone = element(str(name), name.booking_date, texts, style.cash_basis)
    assert body(encoded([(name, in_columns(lines))], style)) == b'{"ManualJournals":[%b]}' % alone


@given(lines=rows, label=labels, digits=st.sampled_from([0, 2]))
@examples
def test_texts_in_columns_are_those_of_each_line(lines: list[Row], label: str | None, digits: int) -> None:
    """Descriptions and amounts of a column are what each line has by itself."""
    entries, transactions, _, minor = (one.combine_chunks() for one in in_columns(lines).columns)
    found = descriptions(entries, transactions, label).to_pylist()
    assert found == [description(one.entry_id, one.transaction_id, label) for one in lines]
    assert money_texts(minor, digits).to_pylist() == [money_text(one.minor, digits) for one in lines]


def test_no_journals_are_no_bytes() -> None:
    """Of no journals nothing is made."""
    assert encoded([], Style(2, None, cash_basis=True)) == []
