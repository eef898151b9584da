"""From slots to the documents that Xero would have of them: one function per kind of event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from blocks.sandbox.clock import day_ms
from blocks.sandbox.world.trade_days import DAY_MS, Slot, amount_of, slot
from blocks.sandbox.xero import trade
from blocks.sandbox.xero.documents import Body, Document, Manner, Version, seeded_id

# What follows on the same day does so four minutes later, and on the next day at the same time.
_SOON: Final = 240_000


@dataclass(slots=True)
class _Maker:
    """Makes the documents of one slot."""

    seed: int
    slot: Slot
    documents: list[Document] = field(default_factory=list)

    @property
    def soon(self) -> int:
        return self.slot.created_ms + _SOON

    @property
    def tomorrow(self) -> int:
        return self.slot.created_ms + DAY_MS

    @property
    def rate(self) -> Body:
        none = self.slot.kind == "no-rate"
        return trade.rated(None if none else self.slot.rate, self.slot.currency, self.slot.draw >> 8)

    def id(self, kind: str, sub: int = 0) -> str:
        return seeded_id(self.seed, kind, self.slot.day, self.slot.n, sub)

    def add(self, kind: str, document_id: str, body: Body, at: int | None = None) -> Document:
        document = Document(kind, document_id, [Version(self.slot.created_ms if at is None else at, body)])
        self.documents.append(document)
        return document

    def invoice(self, sub: int = 0, *, paid: Decimal | None = None) -> Document:
        one = self.slot.invoices[sub]
        invoice_id = self.id("Invoices", sub)
        body = trade.invoice_body(
            invoice_id,
            one.number,
            one.side,
            trade.thin(one.contact),
            self.slot.day,
            one.currency,
            one.total,
            paid=paid or Decimal("0.00"),
            rate=self.rate,
        )
        return self.add("Invoices", invoice_id, body)

    def payment(
        self, kind: str, amount: Decimal, about: Body, sub: int = 0, at: int | None = None, **more: Any
    ) -> Document:
        this, payment_id = self.slot, self.id("Payments", sub)
        moved = trade.in_bank(amount, this.currency, this.rate, this.bank)
        body = trade.payment_body(
            payment_id, kind, this.day, amount, this.bank, moved, self.rate, about, **more
        )
        return self.add("Payments", payment_id, body, at)

    def credit(self, family: str, kind: str, total: Decimal, *, transaction: str | None) -> Document:
        """Add a prepayment or overpayment, with the bank transaction that is its cash, if there is one."""
        this = self.slot
        contact = trade.thin(this.contact)
        document_id = self.id(f"{family}s")
        body = trade.prepayment_body(document_id, kind, contact, this.day, this.currency, total, self.rate)
        if family == "Overpayment":
            body["OverpaymentID"] = body.pop("PrepaymentID")
            del body["InvoiceNumber"]
        if transaction is not None:
            transaction_id = self.id("BankTransactions")
            link = {f"{family}ID": document_id}
            row = trade.bank_transaction_body(
                transaction_id,
                transaction,
                contact,
                this.day,
                this.currency,
                total,
                this.bank,
                self.rate,
                **link,
            )
            self.add("BankTransactions", transaction_id, row)
        return self.add(f"{family}s", document_id, body)


def change(document: Document, at: int, body: Body, manner: Manner = "") -> None:
    """Let a document be something else from an instant on."""
    document.versions.append(Version(at, body, manner))


def _latest(document: Document) -> Body:
    return document.versions[-1].body


def _paid(make: _Maker) -> None:
    this = make.slot
    total = this.invoices[0].total
    amount = (total / 2).quantize(Decimal("0.01")) if this.kind == "received-part" else total
    invoice = make.invoice(paid=amount)
    kind = "ACCRECPAYMENT" if this.side == "sales" else "ACCPAYPAYMENT"
    # The bank account of a supplier may stand on a payment to it: not ours, and not to be sent.
    theirs: Body = (
        {"BankAccountNumber": "60161399887744"} if this.side == "purchase" and this.draw % 3 == 0 else {}
    )
    about = {"Invoice": trade.thin_invoice(_latest(invoice)), **theirs}
    payment = make.payment(kind, amount, about)
    if this.kind.startswith("deleted"):
        at = make.soon if this.kind == "deleted-at-once" else make.tomorrow
        change(payment, at, {**_latest(payment), "Status": "DELETED"})
        change(invoice, at, trade.with_settled(_latest(invoice), this.day, paid=-amount))


def _batch(make: _Maker) -> None:
    this, batch_id = make.slot, make.id("BatchPayments")
    total = trade.total_of(one.total for one in this.invoices)
    batch: Body = {
        "BatchPaymentID": batch_id,
        "Type": "PAYBATCH",
        "Status": "AUTHORISED",
        "Date": trade.instant(day_ms(this.day)),
        "TotalAmount": total,
        "IsReconciled": False,
    }
    lines = []
    for sub, one in enumerate(this.invoices):
        invoice = make.invoice(sub, paid=one.total)
        about = {
            "Invoice": trade.thin_invoice(_latest(invoice)),
            "BatchPaymentID": batch_id,
            "BatchPayment": batch,
        }
        payment = make.payment("ACCPAYPAYMENT", one.total, about, sub)
        place = {"InvoiceID": invoice.document_id, "InvoiceNumber": one.number}
        lines.append({"Invoice": place, "PaymentID": payment.document_id, "Amount": one.total})
    whole = {**batch, "Account": _latest(payment)["Account"], "Payments": lines}
    make.add("BatchPayments", batch_id, whole)


def _prepaid(make: _Maker) -> None:
    this = make.slot
    direction = "RECEIVE" if this.side == "sales" else "SPEND"
    total = trade.total_of(one.total for one in this.invoices)
    if this.kind != "prepaid-in-split":
        total += amount_of(this.draw >> 16, 1_000, 500_000)
    # Xero has been seen to call the cash of a prepayment plain RECEIVE: the id tells, not the type.
    plain = this.kind == "prepaid-in-plain"
    kind = f"{direction}-PREPAYMENT"
    document = make.credit("Prepayment", kind, total, transaction="RECEIVE" if plain else kind)
    times = (make.soon, make.tomorrow)
    for sub in range(len(this.invoices)):
        _allocate(make, document, sub, times[sub], named=this.kind != "allocated-without-id")
    if this.kind == "allocation-removed":
        change(document, make.tomorrow, trade.without_allocation(_latest(document), 0), "allocation")
        invoice = next(one for one in make.documents if one.kind == "Invoices")
        amount = this.invoices[0].total
        change(invoice, make.tomorrow, trade.with_settled(_latest(invoice), this.day, credited=-amount))
    if this.kind.startswith("prepayment-voided"):
        at = make.soon if this.kind.endswith("at-once") else make.tomorrow
        for one in make.documents:
            status = "VOIDED" if one.kind == "Prepayments" else "DELETED"
            change(one, at, {**_latest(one), "Status": status})


def _allocate(make: _Maker, document: Document, sub: int, at: int, *, named: bool) -> None:
    this = make.slot
    invoice = make.invoice(sub)
    amount = this.invoices[sub].total
    day = this.day if at == make.soon else this.day + timedelta(days=1)
    allocation_id = make.id("Allocations", sub) if named else None
    body = trade.allocated(_latest(document), allocation_id, _latest(invoice), amount, day)
    change(document, at, body, "allocation")
    change(invoice, at, trade.with_settled(_latest(invoice), day, credited=amount))


def _overpaid(make: _Maker) -> None:
    direction = "RECEIVE" if make.slot.side == "sales" else "SPEND"
    kind = f"{direction}-OVERPAYMENT"
    total = make.slot.invoices[0].total + amount_of(make.slot.draw >> 16, 100, 9_000)
    document = make.credit("Overpayment", kind, total, transaction=kind)
    _allocate(make, document, 0, make.soon, named=True)


def _ledger_prepayment(make: _Maker) -> None:
    kind = make.slot.kind.removeprefix("ledger-")
    make.credit("Prepayment", kind, amount_of(make.slot.draw >> 16), transaction=None)


def _refund(make: _Maker) -> None:
    this = make.slot
    kind = this.kind.removeprefix("refund-")
    total = amount_of(this.draw >> 16)
    if "CREDIT" in kind:
        _credit_note_refund(make, kind, total)
        return
    family = "Prepayment" if "PREPAYMENT" in kind else "Overpayment"
    cash = f"{'RECEIVE' if this.side == 'sales' else 'SPEND'}-{family.upper()}"
    document = make.credit(family, cash, total, transaction=cash)
    about = {family: {f"{family}ID": document.document_id, "Contact": trade.thin(this.contact), "Type": cash}}
    payment = make.payment(kind, total, about, at=make.soon)
    paid = [{"PaymentID": payment.document_id, "Date": trade.instant(day_ms(this.day)), "Amount": total}]
    left = Decimal("0.00")
    body = {**_latest(document), "Status": "PAID", "RemainingCredit": left, "Payments": paid}
    change(document, make.soon, body)


def _credit_note_refund(make: _Maker, kind: str, total: Decimal) -> None:
    """Add a credit note and its refund; as in Xero's sample a customer's note stands there as Invoice."""
    this, note_id = make.slot, make.id("CreditNotes")
    note_type = "ACCRECCREDIT" if this.side == "sales" else "ACCPAYCREDIT"
    number = f"CN-{this.day:%y%j}{this.n:04}"
    note = trade.credit_note_body(
        note_id, number, note_type, trade.thin(this.contact), this.day, this.currency, total
    )
    make.add("CreditNotes", note_id, {**note, "Status": "PAID", "RemainingCredit": Decimal("0.00")})
    about: Body = {"CreditNote": {"CreditNoteID": note_id, "CreditNoteNumber": number, "Type": note_type}}
    if this.side == "sales":
        names = {"Type": note_type, "InvoiceID": note_id, "InvoiceNumber": number}
        about = {"Invoice": {**names, "Contact": trade.thin(this.contact)}}
    make.payment(kind, total, about)


def _bank_only(make: _Maker) -> None:
    this, transaction_id = make.slot, make.id("BankTransactions")
    kind, total = this.kind.removeprefix("bank-"), amount_of(this.draw >> 16)
    contact = trade.thin(this.contact)
    body = trade.bank_transaction_body(
        transaction_id, kind, contact, this.day, this.currency, total, this.bank, make.rate
    )
    make.add("BankTransactions", transaction_id, body)


_MAKERS: Final[tuple[tuple[tuple[str, ...], Callable[[_Maker], None]], ...]] = (
    (("paid-batch",), _batch),
    (("prepaid", "prepayment", "allocat"), _prepaid),
    (("overpaid",), _overpaid),
    (("ledger",), _ledger_prepayment),
    (("refund",), _refund),
    (("bank-RECEIVE", "bank-SPEND"), _bank_only),
    (("",), _paid),
)


def documents_of(seed: int, day: date, n: int) -> list[Document]:
    """Return the documents of one slot of a date."""
    make = _Maker(seed, slot(seed, day, n))
    for prefixes, maker in _MAKERS:
        if make.slot.kind.startswith(prefixes):
            maker(make)
            break
    return make.documents
