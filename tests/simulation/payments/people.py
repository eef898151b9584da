"""What people do in Xero, and in the audit table, between any two steps of a run; the model is told."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from blocks.sandbox import trade
from blocks.sandbox.ln import LnStandIn
from blocks.sandbox.xero import XeroStandIn
from tests.simulation.loop import LoopClock
from tests.simulation.payments.assumptions import NO_ALLOCATION_AFTER_A_REMOVAL
from tests.simulation.payments.model import (
    ALLOCATION,
    MADE,
    OVERPAYMENT,
    PAYMENT,
    PREPAYMENT,
    PURCHASE,
    RECEIVED,
    SALES,
    Item,
    Model,
    Who,
)

# What takes something back, which an empty store knows nothing of.
_UNDOING = frozenset({"delete a payment", "void a prepayment", "remove an allocation"})
_BANKS = {"GBP": ("settlement", "55779911"), "EUR": ("euro", "31926819")}
_RATES = {"GBP": Decimal(1), "EUR": Decimal("1.09177")}


class Bookkeeper:
    """A person at Xero's screen. What LN must know of partners and invoices, it knows from the first on."""

    def __init__(
        self,
        rng: random.Random,
        clock: LoopClock,
        xero: XeroStandIn,
        ln: LnStandIn,
        model: Model,
        *,
        undoes: bool,
    ) -> None:
        self._rng, self._clock, self._xero, self._ln, self._model = rng, clock, xero, ln, model
        self._numbers = 0
        self.client = Who(trade.CUSTOMERS[6].name, True, trade.CUSTOMERS[6].number)
        self.supplier = Who(trade.SUPPLIERS[0].name, False, trade.SUPPLIERS[0].number)
        self.stranger = Who(trade.CUSTOMERS_WITHOUT_CODE[0].name, True, "")
        self.employee = Who(trade.SUPPLIERS_WITHOUT_CODE[0].name, False, "")
        # The codes that those without one may be given later.
        self._codes = {self.stranger: "300000991", self.employee: "BP00000091"}
        for who, code in self._codes.items():
            role = "customer" if who.customer else "supplier"
            ln.known.change("partners", code, [code, who.name, role])
        acts: dict[str, Callable[[], object | None]] = {
            "receive": lambda: self.pay(self.client),
            "pay a supplier": lambda: self.pay(self.supplier),
            "pay an employee": lambda: self.pay(self.employee),
            "receive from a stranger": lambda: self.pay(self.stranger),
            "receive a prepayment": lambda: self.prepay(self.client),
            "prepay a supplier": lambda: self.prepay(self.supplier),
            "prepay an employee": lambda: self.prepay(self.employee),
            "apply a prepayment": self._apply,
            "overpay": self.overpay,
            "give a code": self._give_code,
            "delete a payment": self._delete,
            "void a prepayment": self._void,
            "remove an allocation": self._remove,
        }
        self._acts = {name: act for name, act in acts.items() if undoes or name not in _UNDOING}

    def act(self) -> str | None:
        """Do one thing, and return what; None where there is nothing to do."""
        names = sorted(self._acts)
        # More of what can follow than of new things, each of which makes every later run longer.
        follows = ("apply", "give", "delete", "void", "remove")
        weights = [3 if name.startswith(follows) else 1 for name in names]
        name = self._rng.choices(names, weights)[0]
        return name if self._acts[name]() is not None else None

    # New things

    def pay(self, who: Who) -> Item:
        """Pay an invoice of a customer, or a bill of a supplier."""
        currency, amount, number = self._currency(), self._amount(), self._number(who)
        self._invoice(who, number, currency, amount)
        made = self._do(
            "pay", contact=who.name, amount=amount, invoice_number=number, **self._money(currency)
        )
        kind = SALES if who.customer else PURCHASE
        return self._made(PAYMENT, made["PaymentID"], kind, who, amount, currency, number)

    def prepay(self, who: Who, amount: int = 0) -> Item:
        """Receive a prepayment of a customer, or make one to a supplier."""
        currency, sum_ = self._currency(), Decimal(amount) or self._amount()
        made = self._do("prepay", contact=who.name, amount=sum_, **self._money(currency))
        kind = RECEIVED if who.customer else MADE
        return self._made(PREPAYMENT, made["PrepaymentID"], kind, who, sum_, currency, "")

    def apply(self, prepayment: Item, amount: Decimal) -> Item:
        """Apply a part of a prepayment to an invoice."""
        who, number = prepayment.who, self._number(prepayment.who)
        self._invoice(who, number, prepayment.currency, amount)
        made = self._do(
            "allocate",
            prepayment_id=prepayment.xero_id,
            amount=amount,
            invoice_number=number,
            side="sales" if who.customer else "purchase",
        )
        kind = SALES if who.customer else PURCHASE
        item = self._made(
            ALLOCATION, made["AllocationID"], kind, who, amount, prepayment.currency, number, prepayment
        )
        self._touched(prepayment)
        return item

    def overpay(self) -> Item:
        """Receive more than was due, which LN has no counterpart to."""
        amount = self._amount()
        made = self._do("overpay", contact=self.client.name, amount=amount, **self._money("GBP"))
        return self._made(OVERPAYMENT, made["OverpaymentID"], None, self.client, amount, "GBP", "")

    def _made(
        self,
        kind: str,
        xero_id: str,
        document_type: int | None,
        who: Who,
        amount: Decimal,
        currency: str,
        number: str,
        prepayment: Item | None = None,
    ) -> Item:
        item = Item(
            kind=kind,
            xero_id=xero_id,
            document_type=document_type,
            who=who,
            day=self._clock.now().date(),
            amount=amount,
            currency=currency,
            rate=_RATES[currency],
            bank=_BANKS[currency][1],
            number=number,
            moved_at=self._now(),
            prepayment=prepayment,
        )
        self._model.made(item)
        return item

    # What follows

    def _apply(self) -> Item | None:
        prepaid = [one for one in self._items(PREPAYMENT) if self._left(one) > 0]
        free = [one for one in prepaid if not self._removed_from(one)]
        if not free:
            return None
        prepayment = self._rng.choice(free)
        left = self._left(prepayment)
        # All of it as a rule, for then it is no longer open, and hardest to see.
        return self.apply(prepayment, left if self._rng.random() < 0.5 else min(left, self._amount()))

    def _give_code(self) -> Who | None:
        without = [who for who in self._codes if not who.code]
        if not without:
            return None
        who = self._rng.choice(without)
        who.code = self._codes[who]
        who.codes.add(who.code)
        self._do("contact_number", contact=who.name, number=who.code)
        return who

    def _delete(self) -> Item | None:
        payments = self._items(PAYMENT)
        if not payments:
            return None
        item = self._rng.choice(payments)
        self._do("delete_payment", payment_id=item.xero_id)
        return self._gone(item)

    def _void(self) -> Item | None:
        # Xero voids none of which something is applied.
        free = [one for one in self._items(PREPAYMENT) if self._left(one) == one.amount]
        if not free:
            return None
        item = self._rng.choice(free)
        self._do("void_prepayment", prepayment_id=item.xero_id)
        return self._gone(item)

    def _remove(self) -> Item | None:
        allocations = self._items(ALLOCATION)
        if not allocations:
            return None
        item = self._rng.choice(allocations)
        assert item.prepayment
        self._do("remove_allocation", prepayment_id=item.prepayment.xero_id, allocation_id=item.xero_id)
        item.shown = False
        self._touched(item.prepayment)
        return self._gone(item)

    def _gone(self, item: Item) -> Item:
        item.gone = True
        item.moved_at = self._now()
        return item

    def _touched(self, prepayment: Item) -> None:
        """A change of its allocations moves the time of a prepayment, or does not: whichever Xero does."""
        if self._xero.options.allocation_touches:
            prepayment.moved_at = self._now()

    def _items(self, kind: str) -> list[Item]:
        return [one for one in self._model.items if one.kind == kind and not one.gone]

    def _left(self, prepayment: Item) -> Decimal:
        applied = sum(one.amount for one in self._items(ALLOCATION) if one.prepayment is prepayment)
        return prepayment.amount - applied

    def _removed_from(self, prepayment: Item) -> bool:
        removed = (one for one in self._model.items if one.prepayment is prepayment and one.gone)
        return NO_ALLOCATION_AFTER_A_REMOVAL and any(removed)

    # Small things

    def _do(self, verb: str, **said: object) -> dict[str, Any]:
        done: dict[str, Any] = self._xero._control.act(verb, said)  # type: ignore[assignment]
        return done

    def _invoice(self, who: Who, number: str, currency: str, amount: Decimal) -> None:
        code = who.code or self._codes[who]
        role = "customer" if who.customer else "supplier"
        self._ln.known.change_invoice(number, code, [number, code, role, currency, str(amount)])

    def _number(self, who: Who) -> str:
        self._numbers += 1
        number = 9_000_000 + self._numbers
        return f"303-SI1-{number}" if who.customer else f"abc-303-PI1-{number}"

    def _money(self, currency: str) -> dict[str, object]:
        return {"currency": currency, "bank": _BANKS[currency][0]}

    def _currency(self) -> str:
        return "EUR" if self._rng.random() < 0.2 else "GBP"

    def _amount(self) -> Decimal:
        return Decimal(self._rng.randint(100, 99_999)).scaleb(-2)

    def _now(self) -> Any:
        # As Xero keeps it, in milliseconds.
        now = self._clock.now()
        return now - timedelta(microseconds=now.microsecond % 1000)
