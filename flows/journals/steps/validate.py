"""Step 1, validate: every line is whole, and its amount gets its sign."""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from flows.journals.lines import AMOUNT
from flows.journals.steps import StepRefusal
from flows.money import TOO_LARGE_MINOR

# Xero's limit on a description is unknown; 500 characters are safe, and what is around the
# transaction id takes fewer than 100 of them.
LONGEST_TRANSACTION_ID = 400


class Validated(NamedTuple):
    """Lines with `booking_date` and signed `amount` (debit positive), and the zero lines left out."""

    lines: pa.Table
    zero_entry_ids: list[int]


def validate(staged: pa.Table, zone: ZoneInfo, digits: int) -> Validated:
    """Return the lines that say something, by entry id. Raises StepRefusal naming each malformed line.

    `digits` are the decimals of the currency. A zero line says nothing to Xero, which refuses it.
    """
    problems = _problems(staged, digits)
    if problems:
        raise StepRefusal(
            "validate",
            f"{len(problems)} journal line{'s' if len(problems) > 1 else ''} from Mambu cannot be used",
            problems,
            "Correct them in Mambu or ask its support, then run the date again.",
        )
    debit = pc.equal(staged["type"], "DEBIT")
    amount = pc.if_else(debit, staged["amount"], pc.negate(staged["amount"]))
    booked = pc.cast(staged["booked"], pa.timestamp("us", tz=zone.key))
    lines = pa.table(
        {
            "entry_id": staged["entry_id"],
            "transaction_id": staged["transaction_id"],
            "booking_date": pc.cast(pc.floor_temporal(pc.local_timestamp(booked), unit="day"), pa.date32()),
            "gl_code": staged["gl_code"],
            "amount": amount,
        }
    )
    zero = pc.equal(lines["amount"], pa.scalar(0, AMOUNT))
    return Validated(lines.filter(pc.invert(zero)), lines["entry_id"].filter(zero).to_pylist())


def _problems(staged: pa.Table, digits: int) -> list[str]:
    largest = pa.scalar(TOO_LARGE_MINOR // 10**digits, AMOUNT)
    never = pa.scalar(False)

    def broken(rule: pa.ChunkedArray, *, when_null: bool) -> pa.ChunkedArray:
        return pc.fill_null(rule, when_null)

    transaction = staged["transaction_id"]
    rules: list[tuple[pa.ChunkedArray, str]] = [
        (pc.is_null(staged["entry_id"]), "entryID is missing"),
        (broken(pc.less(staged["entry_id"], 1), when_null=False), "entryID is not a positive number"),
        (_repeated(staged["entry_id"]), "another line has the same entryID"),
        (pc.is_null(staged["encoded_key"]), "encodedKey is missing"),
        (
            broken(pc.invert(pc.is_in(staged["type"], pa.array(["DEBIT", "CREDIT"]))), when_null=True),
            "type is neither DEBIT nor CREDIT",
        ),
        (pc.is_null(staged["amount"]), "amount is missing"),
        (
            broken(pc.less(staged["amount"], pa.scalar(0, AMOUNT)), when_null=False),
            "amount is negative, which Mambu's amounts never are",
        ),
        (
            broken(pc.greater_equal(staged["amount"], largest), when_null=False),
            "amount has more than 18 significant digits",
        ),
        (broken(pc.equal(staged["gl_code"], ""), when_null=True), "the GL account has no code"),
        (pc.is_null(staged["booked"]), "bookingDate is missing"),
        (
            broken(pc.greater(pc.utf8_length(transaction), LONGEST_TRANSACTION_ID), when_null=False),
            f"transactionId is longer than {LONGEST_TRANSACTION_ID} characters",
        ),
        (
            broken(pc.match_substring_regex(transaction, r"[\x00-\x1f]|^\s|\s$|\s\s"), when_null=False),
            "transactionId has control characters, or blanks that Xero would not keep",
        ),
    ]
    found: dict[int, list[str]] = {}
    unread = pc.is_valid(staged["problem"])
    for index in pc.indices_nonzero(unread).to_pylist():
        found[index] = [staged["problem"][index].as_py()]
    for rule, text in rules:
        for index in pc.indices_nonzero(pc.if_else(unread, never, rule)).to_pylist():
            found.setdefault(index, []).append(text)
    return [f"{_name(staged, index)}: {', '.join(texts)}" for index, texts in sorted(found.items())]


def _repeated(values: pa.ChunkedArray) -> pa.ChunkedArray:
    counts = values.value_counts()
    often = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    return pc.is_in(values, often.drop_null())


def _name(staged: pa.Table, index: int) -> str:
    entry, key = staged["entry_id"][index].as_py(), staged["encoded_key"][index].as_py()
    return f"line EntryID {entry if entry is not None else '?'} (encodedKey {key or '?'})"
