"""The model of LN's books: what must be true of them whatever happens.

Written apart from the code it judges: it imports nothing of `flows`, is told by the people what they did in
Xero, reads the documents of the LN stand-in and the rows of the store by itself, and keeps its own account.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from tests.simulation.play import Violation

SALES, PURCHASE, MADE, RECEIVED = 1, 2, 3, 4
PAYMENT, PREPAYMENT, ALLOCATION, OVERPAYMENT = "payment", "prepayment", "allocation", "overpayment"
CONNECTOR = "Daybook"
_DONE = frozenset({"sent", "duplicate"})


class Row(Protocol):
    """A row of the audit table."""

    kind: str
    xero_id: str
    prepayment_id: str
    invoice_number: str
    status: str
    discarded: bool
    discarded_by: str
    discarded_at: datetime | None
    last_try: datetime | None
    message: str
    sent_at: datetime | None
    in_doubt: bool


class Window(Protocol):
    """A window of the store's."""

    since: datetime
    until: datetime


class Booked(Protocol):
    """A document as the LN stand-in has booked it."""

    document_type: int
    day: date
    bank_account: str
    partner: str
    invoice: str
    currency: str
    rate: Decimal
    amount: Decimal
    payment_id: str
    prepayment_id: str
    contact_name: str


@dataclass(eq=False)
class Who:
    """A contact: its name, its LN code now, and all that it ever had."""

    name: str
    customer: bool
    code: str
    codes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.codes.add(self.code)


@dataclass(eq=False)
class Item:
    """Something paid in Xero. `document_type` is None where LN has no counterpart."""

    kind: str
    xero_id: str
    document_type: int | None
    who: Who
    day: date
    amount: Decimal
    currency: str
    rate: Decimal
    bank: str
    number: str
    moved_at: datetime  # when it was made, or changed
    prepayment: Item | None = None
    gone: bool = False
    shown: bool = True  # a removed allocation is not

    @property
    def name(self) -> str:
        """Return how to speak of it."""
        return f"{self.kind} {self.number or self.xero_id}"

    @property
    def changed_at(self) -> datetime:
        """Return when it changed as far as Xero tells, which shows an allocation with its prepayment."""
        return max(self.moved_at, self.prepayment.moved_at) if self.prepayment else self.moved_at

    @property
    def sendable(self) -> bool:
        """Tell whether LN must have it, as far as Xero tells."""
        if self.gone or self.document_type is None:
            return False
        if self.prepayment is not None and not self.prepayment.sendable:
            return False
        return bool(self.who.code) or (self.kind == PAYMENT and self.document_type == PURCHASE)


class Model:
    """The books as they must be.

    `checked`: LN refuses what it has. `held`: an unknown outcome waits for a person. `slack`: by so much the
    clocks of Xero and of a run can differ.
    """

    def __init__(self, start: datetime, slack: timedelta, *, checked: bool, held: bool) -> None:
        self._start, self._slack = start, slack
        self._checked, self._held = checked, held
        self.items: list[Item] = []
        self.forgetful = False  # a store was lost, or an old copy of it put back
        self._by_name: dict[tuple[str, str, str], Item] = {}
        self._seen = 0
        self._booked: Counter[Item] = Counter()
        self._booked_by: Counter[tuple[int, Item]] = Counter()
        self._left: set[Item] = set()
        self._in_the_dark: defaultdict[int, set[Item]] = defaultdict(set)

    # What people do

    def made(self, item: Item) -> None:
        """Something new is in Xero."""
        self.items.append(item)
        prepayment = item.prepayment.xero_id if item.prepayment else ""
        self._by_name[item.kind, item.number if prepayment else item.xero_id, prepayment] = item

    # What must hold at every step

    def leaves(self, run: int, body: bytes, rows: Iterable[Row]) -> None:
        """Check a document at the instant at which it leaves for LN. Raises Violation."""
        item = self._posted(body)
        mine = [row for row in rows if self._of(row) is item]
        if not mine:
            raise Violation(f"{item.name} leaves without a row")
        row = mine[0]
        if row.status != "unknown" or row.sent_at is not None or row.message.encode() != body:
            raise Violation(f"{item.name} leaves, and its row says {row.status}, or another message")
        if row.discarded and row.discarded_at and row.last_try and row.discarded_at < row.last_try:
            raise Violation(f"{item.name} leaves though it is discarded")
        if item in self._in_the_dark[run]:
            raise Violation(f"{item.name} is posted again by the run that does not know whether it is booked")
        if item.prepayment is not None and item.prepayment not in self._left:
            raise Violation(f"{item.name} leaves before its prepayment has left")
        self._left.add(item)

    def unanswered(self, run: int, body: bytes) -> None:
        """Know that a run cannot know what became of a document it posted."""
        self._in_the_dark[run].add(self._posted(body))

    def look(self, run: int, documents: Sequence[Booked]) -> None:
        """Check what LN has booked since the last look, on a message of some run. Raises Violation."""
        for document in documents[self._seen :]:
            self._seen += 1
            item = self._meant(document.payment_id, document.prepayment_id, document.invoice)
            self._require_same(document, item)
            if item.prepayment is not None and not self._booked[item.prepayment]:
                raise Violation(f"{item.name} is booked before its prepayment")
            self._booked[item] += 1
            self._booked_by[run, item] += 1
            if self._booked_by[run, item] > 1:
                raise Violation(f"{item.name} is booked twice by one run")
            if self._booked[item] > 1 and (self._checked or self._held):
                raise Violation(f"{item.name} is booked twice")

    def _posted(self, body: bytes) -> Item:
        said: dict[str, Any] = json.loads(body)
        return self._meant(said["XeroPaymentID"], said["XeroPprepaymentID"], said["InvoiceNumber"])

    def _meant(self, payment_id: str, prepayment_id: str, number: str) -> Item:
        if payment_id and prepayment_id:
            key = (ALLOCATION, number, prepayment_id)
        else:
            key = (PAYMENT, payment_id, "") if payment_id else (PREPAYMENT, prepayment_id, "")
        item = self._by_name.get(key)
        if item is None:
            raise Violation(f"LN is sent {key}, which Xero never had")
        return item

    def _require_same(self, document: Booked, item: Item) -> None:
        prepayment = item.prepayment.xero_id if item.prepayment else ""
        if item.kind == PREPAYMENT:
            prepayment = item.xero_id
        pairs: Mapping[str, tuple[object, object]] = {
            "type": (document.document_type, item.document_type),
            "day": (document.day, item.day),
            "amount": (document.amount, item.amount),
            "currency": (document.currency, item.currency),
            "rate": (document.rate, item.rate),
            "bank": (document.bank_account, item.bank),
            "invoice": (document.invoice, item.number),
            "name": (document.contact_name, item.who.name),
            "prepayment": (document.prepayment_id, prepayment),
        }
        wrong = [name for name, (is_, must) in pairs.items() if is_ != must]
        if document.partner not in item.who.codes:
            wrong.append("partner")
        if wrong:
            raise Violation(f"{item.name} is booked with another {', '.join(wrong)}")

    def _of(self, row: Row) -> Item | None:
        number = row.invoice_number if row.prepayment_id and row.kind == ALLOCATION else row.xero_id
        prepayment = row.prepayment_id if row.kind == ALLOCATION else ""
        return self._by_name.get((row.kind, number, prepayment))

    def rows(self, rows: Sequence[Row], windows: Sequence[Window]) -> None:
        """Check what a store says. Raises Violation."""
        known = Counter(self._known(rows))
        if twice := [item.name for item, count in known.items() if count > 1]:
            raise Violation(f"several rows of {', '.join(twice)}")
        end = self._start
        for window in windows:
            if window.since > end:
                raise Violation(f"nobody has collected what changed between {end} and {window.since}")
            end = max(end, window.until)
        missing = [
            item.name
            for item in self.items
            if item.shown and self._start <= item.changed_at < end - self._slack and item not in known
        ]
        if missing:
            raise Violation(f"the window ends at {end}, without a row of {', '.join(missing)}")

    def _known(self, rows: Iterable[Row]) -> Iterator[Item]:
        for row in rows:
            item = self._of(row)
            if item is None:
                raise Violation(f"there is a row of {row.kind} {row.xero_id}, which Xero never had")
            booked = self._booked[item]
            if (row.status in _DONE or row.sent_at is not None) and not booked:
                raise Violation(f"the row of {item.name} says that LN has it, and LN has not")
            if row.discarded and row.discarded_by == CONNECTOR and booked and not self.forgetful:
                raise Violation(f"the row of {item.name} says that it was never sent, and LN has it")
            yield item

    # What must hold at the end of a run

    def ended_calmly(self, began: datetime, rows: Iterable[Row]) -> None:
        """Check a run that nothing disturbed and that reported no error. Raises Violation."""
        if left := self._missing(rows, began):
            raise Violation(f"a run that nothing disturbed ended without {', '.join(left)}")

    def ended_well(self, rows: Sequence[Row]) -> None:
        """Check that all is done, once faults are over. Raises Violation."""
        if left := self._missing(rows, None):
            raise Violation(f"LN does not have {', '.join(left)}")
        of = {item: row for row in rows if (item := self._of(row))}
        closed = {item for item, row in of.items() if row.discarded}
        for item in self.items:
            if not item.shown and item not in of:
                continue
            row = of.get(item)
            if row is None:
                raise Violation(f"{item.name} has no row")
            if not row.discarded and row.status not in self._ends(item, closed):
                raise Violation(f"{item.name} is {row.status} in the end")

    def _ends(self, item: Item, closed: Collection[Item]) -> frozenset[str]:
        """Return the statuses in which a document that nobody has discarded may stand in the end."""
        if item.document_type is None:
            return frozenset({"unsupported"})
        if item.gone or not self._booked[item]:
            return frozenset({"exception"})
        # An empty store does not know what was sent of a prepayment that is held back by now.
        held = item.prepayment is not None and (item.prepayment in closed or not item.prepayment.sendable)
        return _DONE | {"exception"} if held else _DONE

    def _missing(self, rows: Iterable[Row], before: datetime | None) -> list[str]:
        """Return what LN must have and has not; what a person has discarded it need not."""
        closed = {item for row in rows if row.discarded and (item := self._of(row))}
        return [
            item.name
            for item in self.items
            if item.sendable
            and (before is None or item.changed_at < before)
            and not self._booked[item]
            and not {item, item.prepayment} & closed
        ]

    def is_booked(self, row: Row) -> bool:
        """Tell a person who looks for it whether LN has the document of a row."""
        item = self._of(row)
        return item is not None and bool(self._booked[item])
