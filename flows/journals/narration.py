"""The names that journals and lines carry in Xero, by which they are found again. Pure."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterable
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc

_LABEL = r"[A-Za-z0-9._-]{1,40}"
_NARRATION = re.compile(
    r"Mambu journal data with creation date: (\d{4}-\d\d-\d\d) \| booking date (\d{4}-\d\d-\d\d) \| (\d{1,9})"
    rf"(?: \| ({_LABEL}))?"
)
_ENTRY = re.compile(r"EntryID: (\d{1,19})(?!\d)")
_LABEL_AT_END = re.compile(rf" \| {_LABEL}$")
# Keys of requests live in a namespace of their own.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:daybook:xero:manual-journals")


class Narration(NamedTuple):
    """The name of a manual journal: the day its lines were created, their booking date, and a number."""

    created: dt.date
    booking_date: dt.date
    number: int
    label: str | None = None

    def __str__(self) -> str:
        """Return the name as it stands in Xero."""
        text = (
            f"Mambu journal data with creation date: {self.created} | booking date {self.booking_date} | "
            f"{self.number}"
        )
        return f"{text} | {self.label}" if self.label else text

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a name back, or return None for one that is not of this shape."""
        match = _NARRATION.fullmatch(text)
        if match is None:
            return None
        try:
            created, booked = dt.date.fromisoformat(match[1]), dt.date.fromisoformat(match[2])
        except ValueError:
            return None
        return cls(created, booked, int(match[3]), match[4])


def description(entry_id: int, transaction_id: str | None, label: str | None) -> str:
    """Return the text of a line: the ids that lead back to Mambu."""
    text = (
        f"EntryID: {entry_id}, TransactionID: {transaction_id}" if transaction_id else f"EntryID: {entry_id}"
    )
    return f"{text} | {label}" if label else text


def descriptions(entry_ids: pa.Array, transaction_ids: pa.Array, label: str | None) -> pa.Array:
    """Return the same of all lines at once, from columns."""
    named = pc.binary_join_element_wise(", TransactionID: ", transaction_ids, "")
    known = pc.fill_null(pc.not_equal(transaction_ids, ""), False)
    return pc.binary_join_element_wise(
        "EntryID: ",
        pc.cast(entry_ids, pa.string()),
        pc.if_else(known, named, ""),
        f" | {label}" if label else "",
        "",
    )


def entry_id_in(text: str | None) -> int | None:
    """Return the entry id at the start of a line's text, whatever people have added behind it."""
    return _entry(_ENTRY.match(text or ""))


def entry_id_within(text: str) -> int | None:
    """Return the first entry id in a line's text, whatever people have added before or behind it."""
    return _entry(_ENTRY.search(text))


def _entry(match: re.Match[str] | None) -> int | None:
    # Mambu's ids have 64 bits: a larger number is somebody else's.
    return entry if match and (entry := int(match[1])) < 2**63 else None


def has_label(text: str, label: str | None) -> bool:
    """Tell whether a line's text carries this label, or none at its end where `label` is None."""
    if label is None:
        return _LABEL_AT_END.search(text) is None
    return re.search(rf" \| {re.escape(label)}(?![A-Za-z0-9._-])", text) is not None


def request_key(organisation: str, created: dt.date, label: str | None, place: Iterable[object]) -> str:
    """Return the idempotency key of a request of a day's journals.

    `place` tells which of the day's requests it is, and never what is in it.
    """
    text = "\n".join([organisation, str(created), label or "", *map(str, place)])
    return str(uuid.uuid5(_NAMESPACE, text))
