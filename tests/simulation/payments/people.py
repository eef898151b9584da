"""What people do in Xero, between any two steps of a run; the judge is told."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from blocks.sandbox.infor_ln.app import LnStandIn
from blocks.sandbox.world import trade
from blocks.sandbox.xero.app import XeroStandIn
from tests.simulation.loop import LoopClock
from tests.simulation.payments.assumptions import NO_ALLOCATION_AFTER_A_REMOVAL
from tests.simulation.payments.judge import (
    ALLOCATION,
    MADE,
    OVERPAYMENT,
    PAYMENT,
    PREPAYMENT,
    PURCHASE,
    RECEIVED,
    SALES,
    Content,
    Item,
    Judge,
    Who,
)

# Those that people choose among where nobody says which, and how much likelier than others.
_FOLLOWS = ("apply", "give", "delete", "void", "remove")
_RARELY = ("an old", "edit", "move", "merge", "overpay")
_NEVER = ("edit what", "take back", "apply what")
_BANKS = {"GBP": ("settlement", "55779911"), "EUR": ("euro", "31926819")}
_OTHER_BANK = ("reserve", "55779922")
_RATES = {"GBP": Decimal(1), "EUR": Decimal("1.09177")}
# Each organisation has invoice numbers of its own.
_NUMBERS = 10_000
# What is from before the start is so much older.
_BEFORE = timedelta(days=2)


class Bookkeeper:
    """A person at Xero's screen. What LN must know of partners and invoices, it knows from the first on."""

    def __init__(
        self,
        rng: random.Random,
        clock: LoopClock,
        xero: XeroStandIn,
        ln: LnStandIn,
        judge: Judge,
        start: datetime,
        *,
        by_hand: bool,
        organisation: int = 0,
    ) -> None:
        self._rng, self._clock, self._xero, self._ln, self._judge = rng, clock, xero, ln, judge
        self._start, self._by_hand = start, by_hand
        self._organisation = organisation
        self._numbers = _NUMBERS * organisation
        self.client = Who(trade.CUSTOMERS[6].name, True, trade.CUSTOMERS[6].number)
        self.supplier = Who(trade.SUPPLIERS[0].name, False, trade.SUPPLIERS[0].number)
        self.stranger = Who(trade.CUSTOMERS_WITHOUT_CODE[0].name, True, "")
        self.employee = Who(trade.SUPPLIERS_WITHOUT_CODE[0].name, False, "")
        # The codes that those without one may be given later.
        self._codes = {self.stranger: "300000991", self.employee: "BP00000091"}
        for who, code in self._codes.items():
            role = "customer" if who.customer else "supplier"
            ln.known.change("partners", code, [code, who.name, role])
        self._acts: dict[str, Callable[[], object | None]] = {
            "receive": lambda: self.pay(self.client),
            "pay a supplier": lambda: self.pay(self.supplier),
            "pay an employee": lambda: self.pay(self.employee),
            "receive from a stranger": lambda: self.pay(self.stranger),
            "receive a prepayment": lambda: self.prepay(self.client),
            "prepay a supplier": lambda: self.prepay(self.supplier),
            "prepay an employee": lambda: self.prepay(self.employee),
            "an old payment": lambda: self.pay(self.client, old=True),
            "an old prepayment": lambda: self.prepay(self.client, old=True),
            "apply a part": self._apply,
            "apply all": lambda: self._apply(all_of_it=True),
            "apply what is closed": self._apply_what_is_closed,
            "overpay": self.overpay,
            "give a code": self._give_code,
            "delete a payment": lambda: self._delete(self._items(PAYMENT)),
            "delete an old payment": lambda: self._delete(one for one in self._items(PAYMENT) if one.old),
            "void a prepayment": lambda: self._void(self._items(PREPAYMENT)),
            "void an old prepayment": lambda: self._void(one for one in self._items(PREPAYMENT) if one.old),
            "void an overpayment": self._void_overpayment,
            "remove an allocation": self._remove,
            "edit a prepayment": lambda: self._edit(self._items(PREPAYMENT)),
            "edit what is closed": lambda: self._edit(self._closed()),
            "take back what is closed": self._take_back_what_is_closed,
            "move a prepayment": self._move,
            "merge the stranger": self._merge,
        }

    def act(self, name: str = "") -> str | None:
        """Do one thing, of this name or any, and return what; None where there is nothing to do."""
        if not name:
            names = sorted(one for one in self._acts if not one.startswith(_NEVER))
            name = self._rng.choices(names, [_weight(one) for one in names])[0]
        return name if self._acts[name]() is not None else None

    # New things

    def pay(self, who: Who, *, old: bool = False) -> Item | None:
        """Pay an invoice of a customer, or a bill of a supplier."""
        if who.into:
            return None
        currency, amount, number, day = self._currency(), self._amount(), self._number(who), self._day(old)
        self._invoice(who, number, currency, amount)
        made = self._do(
            "pay",
            contact=who.name,
            amount=amount,
            invoice_number=number,
            date=str(day),
            **self._money(currency),
        )
        kind = SALES if who.customer else PURCHASE
        content = self._content(kind, day, amount, currency, number)
        return self._made(PAYMENT, made["PaymentID"], content, who)

    def prepay(self, who: Who, *, old: bool = False) -> Item | None:
        """Receive a prepayment of a customer, or make one to a supplier."""
        if who.into:
            return None
        currency, amount, day = self._currency(), self._amount(), self._day(old)
        made = self._do("prepay", contact=who.name, amount=amount, date=str(day), **self._money(currency))
        kind = RECEIVED if who.customer else MADE
        content = self._content(kind, day, amount, currency, "")
        return self._made(PREPAYMENT, made["PrepaymentID"], content, who)

    def overpay(self) -> Item:
        """Receive more than was due, which LN has no counterpart to."""
        amount = self._amount()
        made = self._do("overpay", contact=self.client.name, amount=amount, **self._money("GBP"))
        content = self._content(None, self._day(old=False), amount, "GBP", "")
        return self._made(OVERPAYMENT, made["OverpaymentID"], content, self.client)

    def _applied(self, prepayment: Item, amount: Decimal) -> Item:
        who, number, whole = prepayment.who, self._number(prepayment.who), prepayment.content
        self._invoice(who, number, whole.currency, amount)
        made = self._do(
            "allocate",
            prepayment_id=prepayment.xero_id,
            amount=amount,
            invoice_number=number,
            side="sales" if who.customer else "purchase",
        )
        kind = SALES if who.customer else PURCHASE
        content = self._content(kind, self._day(old=False), amount, whole.currency, number)
        content = content._replace(bank=whole.bank)
        item = self._made(ALLOCATION, made["AllocationID"], content, who, prepayment)
        self._touched(prepayment)
        return item

    def _made(
        self, kind: str, xero_id: str, content: Content, who: Who, prepayment: Item | None = None
    ) -> Item:
        old = content.day < self._start.date()
        item = Item(
            kind, xero_id, content, who, self._now(), prepayment, old=old, organisation=self._organisation
        )
        self._judge.made(item)
        if item.old and self._by_hand and self._rng.random() < 0.7:
            # In LN since long before there was a Daybook.
            self._judge.booked_by_hand(item)
        return item

    def _content(self, kind: int | None, day: date, amount: Decimal, currency: str, number: str) -> Content:
        return Content(kind, day, amount, currency, _RATES[currency], _BANKS[currency][1], number)

    # What follows

    def _apply_what_is_closed(self) -> Item | None:
        """Apply a prepayment that people closed, whose supplier LN knows by now."""
        item = self._one(one for one in self._closed() if one.kind == PREPAYMENT and one.who is self.employee)
        if item is None or not (self.employee.code or self._give_code(self.employee)):
            return None
        return self._applied(item, item.content.amount)

    def _apply(self, *, all_of_it: bool = False) -> Item | None:
        prepaid = [one for one in self._items(PREPAYMENT) if self._left(one) > 0]
        free = [one for one in prepaid if not self._removed_from(one) and one.who is one.who.now]
        if not free:
            return None
        prepayment = self._rng.choice(free)
        left = self._left(prepayment)
        # All of it as a rule, for then it is no longer open, and hardest to see.
        whole = all_of_it or self._rng.random() < 0.5
        return self._applied(prepayment, left if whole else min(left, self._amount()))

    def _give_code(self, to: Who | None = None) -> Who | None:
        without = [who for who in self._codes if not who.code and not who.into and to in {None, who}]
        if not without:
            return None
        who = self._rng.choice(without)
        who.code = self._codes[who]
        who.codes.add(who.code)
        who.changed_at = self._now()
        self._do("contact_number", contact=who.name, number=who.code)
        return who

    def _delete(self, payments: Iterable[Item]) -> Item | None:
        item = self._one(payments)
        if item is not None:
            self._do("delete_payment", payment_id=item.xero_id)
            self._gone(item)
        return item

    def _void(self, prepayments: Iterable[Item]) -> Item | None:
        # Xero voids none of which something is applied.
        item = self._one(one for one in prepayments if self._left(one) == one.content.amount)
        if item is not None:
            self._do("void_prepayment", prepayment_id=item.xero_id)
            self._gone(item)
        return item

    def _void_overpayment(self) -> Item | None:
        item = self._one(self._items(OVERPAYMENT))
        if item is not None:
            self._do("status", kind="Overpayments", id=item.xero_id, status="VOIDED")
            self._gone(item)
        return item

    def _remove(self) -> Item | None:
        item = self._one(self._items(ALLOCATION))
        if item is None or item.prepayment is None:
            return None
        self._do("remove_allocation", prepayment_id=item.prepayment.xero_id, allocation_id=item.xero_id)
        item.shown = False
        self._touched(item.prepayment)
        self._gone(item)
        return item

    def _edit(self, items: Iterable[Item]) -> Item | None:
        """Edit the amount, the day or the bank account of a prepayment."""
        item = self._free(items)
        if item is None:
            return None
        what = self._rng.choice(("amount", "date", "bank"))
        if what == "amount":
            amount = self._amount()
            return self._changed(item, {"amount": amount}, amount=amount)
        if what == "date":
            # Never across the start, which decides whose it is.
            day = item.content.day + timedelta(days=-1 if item.old else 1)
            return self._changed(item, {"date": str(day)}, day=day)
        other = _OTHER_BANK if item.content.currency == "GBP" else _BANKS["EUR"]
        return self._changed(item, {"bank": other[0]}, bank=other[1])

    def _move(self) -> Item | None:
        """Move a prepayment to another contact: it is another's money."""
        item = self._free(one for one in self._items(PREPAYMENT) if one.who is self.client)
        if item is None:
            return None
        self._do("edit_prepayment", prepayment_id=item.xero_id, contact=trade.CUSTOMERS[7].name)
        other = Who(trade.CUSTOMERS[7].name, True, trade.CUSTOMERS[7].number)
        # Either may be the one that LN is sent.
        item.who = Who(self.client.name, True, self.client.code, changed_at=self._now(), into=other)
        item.change(self._now())
        return item

    def _changed(self, item: Item, said: dict[str, object], **fields: Any) -> Item:
        self._do("edit_prepayment", prepayment_id=item.xero_id, **said)
        item.change(self._now(), **fields)
        return item

    def _merge(self) -> Who | None:
        if self.stranger.into:
            return None
        self._do("merge_contact", contact=self.stranger.name, into=trade.CUSTOMERS[6].contact_id)
        self.stranger.into, self.stranger.changed_at = self.client, self._now()
        for item in self._judge.items:
            # LN has its invoices under another partner's code.
            item.odd = item.odd or item.who is self.stranger
        return self.stranger

    def _take_back_what_is_closed(self) -> Item | None:
        closed = self._closed()
        return self._delete(one for one in closed if one.kind == PAYMENT) or self._void(
            one for one in closed if one.kind == PREPAYMENT
        )

    def _closed(self) -> list[Item]:
        return [one for one in self._mine() if one.closed is not None and not one.gone]

    def _free(self, items: Iterable[Item]) -> Item | None:
        """Return a prepayment that Xero lets people edit: nothing was ever applied of it."""
        applied = {one.prepayment for one in self._judge.items if one.prepayment}
        return self._one(one for one in items if one.kind == PREPAYMENT and one not in applied)

    def _one(self, items: Iterable[Item]) -> Item | None:
        found = list(items)
        return self._rng.choice(found) if found else None

    def _gone(self, item: Item) -> None:
        item.gone = True
        item.moved_at = self._now()

    def _touched(self, prepayment: Item) -> None:
        """A change of its allocations moves the time of a prepayment, or does not: whichever Xero does."""
        if self._xero.options.allocation_touches:
            prepayment.moved_at = self._now()

    def _items(self, kind: str) -> list[Item]:
        return [one for one in self._mine() if one.kind == kind and not one.gone]

    def _mine(self) -> Iterator[Item]:
        return (one for one in self._judge.items if one.organisation == self._organisation)

    def _left(self, prepayment: Item) -> Decimal:
        applied = sum(one.content.amount for one in self._items(ALLOCATION) if one.prepayment is prepayment)
        return prepayment.content.amount - applied

    def _removed_from(self, prepayment: Item) -> bool:
        removed = (one for one in self._judge.items if one.prepayment is prepayment and one.gone)
        return NO_ALLOCATION_AFTER_A_REMOVAL and any(removed)

    # Small things

    def _do(self, verb: str, **said: object) -> dict[str, Any]:
        done: dict[str, Any] = self._xero.act(verb, said)  # type: ignore[assignment]
        return done

    def _invoice(self, who: Who, number: str, currency: str, amount: Decimal) -> None:
        code = who.code or self._codes[who]
        role = "customer" if who.customer else "supplier"
        self._ln.known.change_invoice(number, code, [number, code, role, currency, str(amount)])

    def _number(self, who: Who) -> str:
        self._numbers += 1
        number = 9_000_000 + self._numbers
        return f"303-SI1-{number}" if who.customer else f"abc-303-PI1-{number}"

    def _day(self, old: bool) -> date:
        return (self._start - _BEFORE).date() if old else self._clock.now().date()

    def _money(self, currency: str) -> dict[str, object]:
        return {"currency": currency, "bank": _BANKS[currency][0]}

    def _currency(self) -> str:
        return "EUR" if self._rng.random() < 0.2 else "GBP"

    def _amount(self) -> Decimal:
        return Decimal(self._rng.randint(100, 99_999)).scaleb(-2)

    def _now(self) -> datetime:
        # As Xero keeps it, in milliseconds.
        now = self._clock.now()
        return now - timedelta(microseconds=now.microsecond % 1000)


def _weight(name: str) -> float:
    # More of what can follow than of new things, each of which makes every later run longer.
    if name.startswith(_RARELY):
        return 0.5
    return 3.0 if name.startswith(_FOLLOWS) else 1.0
