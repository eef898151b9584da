"""The documents of Xero's payments side: what they are, their ids, and how they change.

A document is a row of versions, each as of an instant. What is shown is the last one that is not in the
future of the sandbox's clock: so a seeded payment of yesterday is deleted today, at its time, without
anybody doing it. What a person does through the control path is one more version, kept on disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import blake2b
from typing import Any, Final, Literal, NamedTuple

from blocks.sandbox.clock import at_ms

Body = dict[str, Any]

KINDS: Final = (
    "Payments",
    "Prepayments",
    "BankTransactions",
    "Invoices",
    "Overpayments",
    "CreditNotes",
    "BatchPayments",
    "Allocations",
    "Contacts",
)
ID_NAMES: Final = {
    "Payments": "PaymentID",
    "Prepayments": "PrepaymentID",
    "BankTransactions": "BankTransactionID",
    "Invoices": "InvoiceID",
    "Overpayments": "OverpaymentID",
    "CreditNotes": "CreditNoteID",
    "BatchPayments": "BatchPaymentID",
    "Contacts": "ContactID",
}
_SEEDED_ID: Final = re.compile(
    r"([0-9a-f]{2})([0-9a-f]{6})-([0-9a-f]{4})-4([0-9a-f]{3})-a[0-9a-f]{3}-[0-9a-f]{12}"
)

Manner = Literal["", "allocation", "silent"]


class Version(NamedTuple):
    """What a document is from an instant on. `manner` tells what may leave its UpdatedDateUTC as it was."""

    at_ms: int
    body: Body
    manner: Manner = ""


@dataclass(slots=True)
class Document:
    """One document; its versions stand in the order of their instants."""

    kind: str
    document_id: str
    versions: list[Version] = field(default_factory=list)


class Row(NamedTuple):
    """A document as it is now."""

    document_id: str
    updated_ms: int
    body: Body


def row_of(document: Document, now_ms: int, *, allocations_touch: bool = True) -> Row | None:
    """Return a document as of an instant, None before it existed.

    Whether an allocation moves the UpdatedDateUTC of its prepayment is unknown: `allocations_touch`.
    """
    versions = document.versions
    if len(versions) == 1:
        only = versions[0]
        return Row(document.document_id, only.at_ms, only.body) if only.at_ms <= now_ms else None
    updated, body = 0, None
    for at, changed, manner in versions:
        if at > now_ms:
            break
        body = changed
        if not updated or not manner or (manner == "allocation" and allocations_touch):
            updated = at
    return None if body is None else Row(document.document_id, updated, body)


def seeded_id(seed: int, kind: str, day: date, n: int, sub: int = 0) -> str:
    """Return the id of a seeded document; it leads back to its slot."""
    place = f"{KINDS.index(kind):02x}{day.toordinal():06x}-{n:04x}-4{sub:03x}"
    digest = blake2b(f"{seed}/{place}".encode(), digest_size=8).hexdigest()
    return f"{place}-a{digest[:3]}-{digest[3:15]}"


def place_of(document_id: str) -> tuple[date, int] | None:
    """Return the date and slot that an id would come from, None for one that is not seeded."""
    found = _SEEDED_ID.fullmatch(document_id)
    if found is None:
        return None
    ordinal = int(found[2], 16)
    return (date.fromordinal(ordinal), int(found[3], 16)) if 0 < ordinal < 3_652_060 else None


Seeding = Callable[[int, date, int], Iterable[Document]]


class Settings(NamedTuple):
    """What is seeded: so many slots a day, and how far back lists go that name no beginning."""

    seed: int
    per_day: int
    history_days: int


class Documents:
    """Seeded documents and a person's changes to them, as one.

    `kept` are the changes, by kind and id, as the state keeps them; they win over what is seeded.
    `late` is how many slots of a day may still change on the day after.
    """

    def __init__(
        self,
        slots: Seeding,
        fixed: Sequence[Document],
        kept: Callable[[], dict[str, dict[str, list[Version]]]],
        settings: Callable[[], Settings],
        late: int,
    ) -> None:
        self._slots = slots
        self._fixed: dict[str, dict[str, Document]] = {}
        for document in fixed:
            self._fixed.setdefault(document.kind, {})[document.document_id] = document
        self._kept = kept
        self._settings = settings
        self._late = late
        self._days: dict[tuple[int, date, int], dict[str, list[Document]]] = {}

    def listed(self, kind: str, now_ms: int, since_ms: int | None) -> Iterable[Document]:
        """Return the documents of a kind that may have changed since an instant, future ones included."""
        changed = self._kept().get(kind, {})
        for document in self._seeded(kind, now_ms, since_ms):
            if document.document_id not in changed:
                yield document
        for document_id in changed:
            found = self.get(kind, document_id)
            if found is not None:
                yield found

    def _seeded(self, kind: str, now_ms: int, since_ms: int | None) -> Iterable[Document]:
        if kind in self._fixed:
            yield from self._fixed[kind].values()
            return
        settings = self._settings()
        today = at_ms(now_ms).date()
        first = today - timedelta(days=settings.history_days)
        if since_ms is not None and since_ms >= 0:
            since = at_ms(since_ms).date()
            first = max(first, since)
            before = since - timedelta(days=1)
            if before < first:
                yield from self._of_day(before, min(settings.per_day, self._late)).get(kind, ())
        for days in range((today - first).days + 1):
            yield from self._of_day(first + timedelta(days=days), settings.per_day).get(kind, ())

    def _of_day(self, day: date, count: int) -> dict[str, list[Document]]:
        seed = self._settings().seed
        known = self._days.get((seed, day, count))
        if known is None:
            known = {}
            for n in range(count):
                for document in self._slots(seed, day, n):
                    known.setdefault(document.kind, []).append(document)
            while len(self._days) >= 64:
                del self._days[next(iter(self._days))]
            self._days[seed, day, count] = known
        return known

    def get(self, kind: str, document_id: str) -> Document | None:
        """Return one document by its id."""
        seeded = self._seeded_one(kind, document_id)
        added = self._kept().get(kind, {}).get(document_id)
        if not added:
            return seeded
        # What was to come of itself does not, once a person has stepped in.
        before = [one for one in seeded.versions if one.at_ms <= added[0].at_ms] if seeded else []
        return Document(kind, document_id, [*before, *added])

    def _seeded_one(self, kind: str, document_id: str) -> Document | None:
        if kind in self._fixed:
            return self._fixed[kind].get(document_id)
        place = place_of(document_id)
        settings = self._settings()
        if place is None or place[1] >= settings.per_day:
            return None
        for document in self._slots(settings.seed, *place):
            if document.kind == kind and document.document_id == document_id:
                return document
        return None
