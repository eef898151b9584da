"""LN's books: whom and what LN knows, the rules a payment must meet, and what it does to the books.

The effects follow LN's cash management: a receipt or a payment settles an invoice; an unallocated one waits
as a prepayment; with both ids filled it is an assignment of the one to the other, which moves no cash.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple

from blocks.sandbox.infor_ln.message import Message
from blocks.sandbox.infor_ln.options import LnOptions
from blocks.sandbox.infor_ln.state import CARRIED, BankDocument, State
from blocks.sandbox.infor_ln.wire import Problem, Refused
from blocks.sandbox.world import trade
from blocks.sandbox.world.trade_days import known_invoice

_ROLES: Final = {"customer": "sales", "supplier": "purchase"}
_SERIES: Final = {
    "receipt": "RCT",
    "payment": "PAY",
    "unallocated receipt": "URC",
    "unallocated payment": "UPY",
    "assignment": "ASG",
    "expense": "EXP",
}


class Partner(NamedTuple):
    """A business partner; `role` is customer or supplier."""

    code: str
    name: str
    role: str


class Invoice(NamedTuple):
    """An invoice of LN's."""

    number: str
    partner: str
    role: str
    currency: str
    total: Decimal


_SEEDED_PARTNERS: Final = {
    contact.number: Partner(
        contact.number, contact.name, "customer" if contact.side == "sales" else "supplier"
    )
    for contact in trade.CONTACTS
    if contact.in_ln
}


class Known:
    """Master data: what is seeded, and what the control path added or took away."""

    def __init__(self, state: State) -> None:
        self._state = state

    def partners(self) -> dict[str, Partner]:
        """Return all partners by code."""
        changes: dict[str, list[str] | None] = self._state.settings.get("partners", {})
        if not changes:
            return _SEEDED_PARTNERS
        rows = {**_SEEDED_PARTNERS}
        for code, row in changes.items():
            rows.pop(code, None)
            if row is not None:
                rows[code] = Partner(*row)
        return rows

    def bank_accounts(self) -> dict[str, str]:
        """Return the currencies of all bank accounts, by number."""
        rows = {**trade.LN_BANK_ACCOUNTS, **self._state.settings.get("bank_accounts", {})}
        return {number: currency for number, currency in rows.items() if currency is not None}

    def invoice(self, number: str, partner: str, seed: int) -> Invoice | None:
        """Return the invoice of a number; where several have it, the partner's."""
        row = self._changed(number, partner)
        if row is not None:
            return row[0]
        found = known_invoice(seed, number, partner)
        if found is None:
            return None
        contact = trade.resolved(found.contact)
        role = "customer" if found.side == "sales" else "supplier"
        return Invoice(number, contact.number, role, found.currency, found.total)

    def _changed(self, number: str, partner: str) -> tuple[Invoice | None] | None:
        rows: dict[str, list[Any] | None] = self._state.settings.get("invoices", {}).get(number, {})
        if not rows:
            return None
        row = rows.get(partner) if partner in rows else next(iter(rows.values()))
        if row is None:
            return (None,)
        code, owner, role, currency, total = row
        return (Invoice(code, owner, role, currency, Decimal(total)),)

    def open_amount(self, invoice: Invoice) -> Decimal:
        """Return what is open of an invoice."""
        settled = self._state.settled.get((invoice.partner, invoice.number), Decimal(0))
        return invoice.total - settled

    # Changes by hand

    def change(self, table: str, name: str, value: object) -> None:
        """Set one row of "partners" or "bank_accounts"; None takes it away."""
        self._state.set(table, {**self._state.settings.get(table, {}), name: value})

    def change_invoice(self, number: str, partner: str, value: object) -> None:
        """Set one invoice; None takes it away."""
        rows: dict[str, dict[str, object]] = self._state.settings.get("invoices", {})
        self._state.set("invoices", {**rows, number: {**rows.get(number, {}), partner: value}})


class Books:
    """Books payments, or refuses them without a trace in the books."""

    def __init__(self, state: State, known: Known) -> None:
        self._state = state
        self._known = known

    def take(self, message: Message, company: str, options: LnOptions) -> BankDocument:
        """Book a message and return its document. Raises Refused: the duplicate's status, or 422."""
        kind = kind_of(message, options)
        covered = _check_name(kind) in options.duplicate_kinds.split()
        check = options.duplicate_check if covered else "off"
        if check == "first":
            self._refuse_duplicate(message, options)
        problems = [*self._wrong_itself(message), *self._wrong_invoice(message, kind, options)]
        problems += self._wrong_prepayment(message, kind, options)
        if problems:
            raise Refused(422, *problems)
        if check == "last":
            self._refuse_duplicate(message, options)
        document = self._document(message, kind, company)
        self._state.book(document)
        return document

    def earlier(self, message: Message) -> BankDocument | None:
        """Return the document that bears this message's id already, if there is one."""
        key = ("payment", message.payment_id) if message.payment_id else ("prepayment", message.prepayment_id)
        return self._state.by_key.get(key)

    def _refuse_duplicate(self, message: Message, options: LnOptions) -> None:
        if self.earlier(message) is not None:
            raise Refused(options.duplicate_status, Problem("duplicate"))

    def _document(self, message: Message, kind: str, company: str) -> BankDocument:
        serial = self._state.next_serial()
        return BankDocument(
            serial=serial,
            number=f"{_SERIES[kind]}{serial:08}",
            kind=kind,
            company=company,
            received_ms=self._state.now_ms(),
            **{name: getattr(message, name) for name in CARRIED},
        )

    def _wrong_itself(self, message: Message) -> list[Problem]:
        problems = []
        if message.amount <= 0:
            problems.append(Problem("amount", (str(message.amount),)))
        if message.bank_account not in self._known.bank_accounts():
            problems.append(Problem("bank", (message.bank_account,)))
        if message.currency not in trade.CURRENCIES:
            problems.append(Problem("currency", (message.currency,)))
        if message.currency == trade.BASE_CURRENCY and message.rate != 1:
            problems.append(Problem("rate", (str(message.rate),)))
        return problems

    def _wrong_invoice(self, message: Message, kind: str, options: LnOptions) -> list[Problem]:
        """Return what is wrong with the partner and the invoice; an expense names neither of LN's own."""
        if kind == "expense":
            return []
        partner = self._known.partners().get(message.partner)
        if partner is None:
            return [Problem("partner", (message.partner,))]
        sales = message.document_type in (options.sales_payment, options.client_prepayment)
        role = "customer" if sales else "supplier"
        if partner.role != role:
            return [Problem("role", (message.partner, role))]
        if kind.startswith("unallocated"):
            return []
        invoice = self._known.invoice(message.invoice, message.partner, options.seed)
        if invoice is None or invoice.role != role:
            return [Problem("invoice", (message.invoice,))]
        if invoice.partner != message.partner:
            return [Problem("invoice-partner", (message.invoice, message.partner))]
        if options.check_currency and invoice.currency != message.currency:
            return [Problem("invoice-currency", (message.invoice, invoice.currency))]
        left = self._known.open_amount(invoice)
        if options.refuse_above_open and message.amount > left:
            return [Problem("invoice-open", (str(left), message.invoice))]
        return []

    def _wrong_prepayment(self, message: Message, kind: str, options: LnOptions) -> list[Problem]:
        """Return what is wrong with the prepayment an assignment draws on.

        LN assigns between documents of one partner, one currency and one rate, up to what is left.
        """
        if kind != "assignment":
            return []
        name = message.prepayment_id
        prepayment = self._state.prepayments.get(name)
        if prepayment is None:
            return [Problem("prepayment", (name,))]
        problems = []
        wanted = "receipt" if message.document_type == options.sales_payment else "payment"
        if prepayment.kind != f"unallocated {wanted}":
            problems.append(Problem("prepayment-side", (name, str(message.document_type))))
        if prepayment.partner != message.partner:
            problems.append(Problem("prepayment-partner", (name, message.partner)))
        if prepayment.currency != message.currency:
            problems.append(Problem("prepayment-currency", (name, prepayment.currency)))
        elif prepayment.rate != message.rate:
            problems.append(Problem("prepayment-rate", (name, str(prepayment.rate))))
        left = self._state.remainder(name)
        if message.amount > left:
            problems.append(Problem("remainder", (str(left), name)))
        return problems


def kind_of(message: Message, options: LnOptions) -> str:
    """Return what a message becomes."""
    if message.document_type == options.supplier_prepayment:
        return "unallocated payment"
    if message.document_type == options.client_prepayment:
        return "unallocated receipt"
    if message.prepayment_id:
        return "assignment"
    if message.document_type == options.sales_payment:
        return "receipt"
    return "payment" if message.partner else "expense"


def _check_name(kind: str) -> str:
    if kind.startswith("unallocated"):
        return "prepayment"
    return "allocation" if kind == "assignment" else "payment"


def role_of(value: object) -> str:
    """Return a role as the control path may name it. Raises ValueError."""
    if value not in _ROLES:
        raise ValueError(f"a role must be one of {', '.join(_ROLES)}")
    return str(value)
