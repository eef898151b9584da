"""Step 1, validate: every line is whole, and its amount gets its sign. Pure."""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from blocks.mambu.models import MambuOffsets
from flows.journals.lines import AMOUNT, only
from flows.journals.offsets import Contradiction, contradiction, local_dates, zone_offsets
from flows.journals.process.errors import StepRefusal
from flows.money import TOO_LARGE_MINOR
from flows.runtime.text import counted

# Xero's limit on a description is unknown; 500 characters are safe, and what is around the
# transaction id takes fewer than 100 of them.
LONGEST_TRANSACTION_ID = 400


class Validated(NamedTuple):
    """Lines with `booking_date` and signed `amount` (debit positive), and the zero lines left out."""

    lines: pa.Table
    zero_entry_ids: list[int]


def validate(staged: pa.Table, zone: ZoneInfo, digits: int, offsets: MambuOffsets = "zone") -> Validated:
    """Return the lines whose amount is not zero, by entry id.

    `digits` are the decimals of the currency, `offsets` says which UTC offset each line must carry. Xero
    refuses zero lines. Raises StepRefusal naming each malformed line, and how many
    lines carry an offset that is not the due one.
    """
    due = {name: zone_offsets(staged[name], zone) for name in ("created", "booked")}
    _refuse(_problems(staged, due["booked"], digits), contradiction(staged, due, zone, offsets))
    debit = pc.equal(staged["type"], "DEBIT")
    amount = pc.if_else(debit, staged["amount"], pc.negate(staged["amount"]))
    lines = pa.table(
        {
            "entry_id": staged["entry_id"],
            "transaction_id": staged["transaction_id"],
            "booking_date": local_dates(staged["booked"], due["booked"]),
            "gl_code": staged["gl_code"],
            "amount": amount,
        }
    )
    zero = pc.equal(lines["amount"], pa.scalar(0, AMOUNT))
    zero_entry_ids = lines["entry_id"].filter(zero).to_pylist()
    return Validated(only(lines, pc.invert(zero)), zero_entry_ids)


def _refuse(problems: list[str], wrong: Contradiction | None) -> None:
    malformed = f"{counted(len(problems), 'journal line')} from Mambu cannot be used"
    correct = "Correct them in Mambu or ask its support, then run the date again."
    if problems and wrong:
        raise StepRefusal(
            "validate",
            f"{wrong.summary}, and {malformed}",
            [*wrong.kinds, *problems],
            f"{wrong.remedy} For the lines that cannot be used: {correct[0].lower()}{correct[1:]}",
        )
    if wrong:
        raise StepRefusal("validate", *wrong)
    if problems:
        raise StepRefusal("validate", malformed, problems, correct)


def _problems(staged: pa.Table, booked_offset: pa.Array, digits: int) -> list[str]:
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
            "amount is negative, but Mambu gives amounts without a sign",
        ),
        (
            broken(pc.greater_equal(staged["amount"], largest), when_null=False),
            "amount has more than 18 significant digits",
        ),
        (broken(pc.equal(staged["gl_code"], ""), when_null=True), "the GL account has no code"),
        (pc.is_null(staged["booked"]), "bookingDate is missing"),
        (
            pc.and_(pc.is_valid(staged["booked"]), pc.is_null(booked_offset)),
            "bookingDate is outside the years 1 to 9999",
        ),
        (
            broken(pc.greater(pc.utf8_length(transaction), LONGEST_TRANSACTION_ID), when_null=False),
            f"transactionId is longer than {LONGEST_TRANSACTION_ID} characters",
        ),
        (
            # Two blanks inside are kept: should Xero make one of them, the entry id still tells the line.
            broken(pc.match_substring_regex(transaction, r"\p{Cc}|^[\s\p{Z}]|[\s\p{Z}]$"), when_null=False),
            "transactionId has control characters, or spaces that Xero would not keep",
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
    ids = np.sort(values.drop_null().to_numpy())
    return pc.is_in(values, pa.array(ids[1:][ids[1:] == ids[:-1]]))


def _name(staged: pa.Table, index: int) -> str:
    entry, key = staged["entry_id"][index].as_py(), staged["encoded_key"][index].as_py()
    return f"line EntryID {entry if entry is not None else '?'} (encodedKey {key or '?'})"
