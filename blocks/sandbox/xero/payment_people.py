"""A person acts on Xero's payments side: verbs of /control/xero that pay, prepay, allocate and undo."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from blocks.sandbox.clock import at_ms, day_ms
from blocks.sandbox.stand_in import Verb, Verbs
from blocks.sandbox.world import trade
from blocks.sandbox.xero.documents import ID_NAMES, Body, Manner, Version
from blocks.sandbox.xero.payments import PaymentReads
from blocks.sandbox.xero.state import State
from blocks.sandbox.xero.trade import (
    account_of,
    allocated,
    bank_transaction_body,
    credit_note_body,
    in_bank,
    instant,
    invoice_body,
    payment_body,
    prepayment_body,
    rated,
    thin,
    thin_invoice,
    with_settled,
    without_allocation,
)

Said = Mapping[str, Any]
_SALES_TYPES: Final = ("RECEIVE", "AR", "ACCREC")
_SIDES: Final = ("sales", "purchase")
_DATE: Final = "YYYY-MM-DD; today without"
_BANK: Final = f"one of {', '.join(trade.BANKS)}, or empty for a ledger account"
_WHOSE: Final = {
    "contact_id": "the ContactID; ABC Customer ltd without",
    "contact": "or the contact's name",
}
_TERMS: Final = {
    "side": f"{' or '.join(_SIDES)}; the contact's without",
    "currency": f"{trade.BASE_CURRENCY} without",
    "rate": "foreign units per unit of the base currency; null for one that Xero does not show",
    "date": _DATE,
}
_INVOICE: Final = {
    "invoice_id": "of an invoice that is there; a new one without",
    "invoice_number": "the number of a new one",
    "invoice_total": "the total of a new one; the amount without",
}
_PREPAID: Final = {
    "amount": "how much",
    **_WHOSE,
    **_TERMS,
    "bank": _BANK,
    "type": "its type, if not the usual one",
    "cash": "false for one without a bank transaction",
}
_APPLIED: Final = {
    "prepayment_id": "of a prepayment",
    "overpayment_id": "or of an overpayment",
    "credit_note_id": "or of a credit note",
}


class PaymentPeople:
    """The verbs, by name; each takes an object, and raises ValueError with what is wrong."""

    def __init__(self, state: State, reads: PaymentReads) -> None:
        self._state = state
        self._reads = reads
        self.verbs: Verbs = {
            "documents": Verb(
                self._documents,
                "show the documents of a kind, amounts as texts",
                {
                    "kind": f"one of {', '.join(ID_NAMES)}",
                    "id": "its id; those of the last days without",
                },
            ),
            "pay": Verb(
                self._pay,
                "pay an invoice",
                {
                    "amount": "how much",
                    **_INVOICE,
                    **_WHOSE,
                    **_TERMS,
                    "bank": _BANK,
                    "payment_type": "what makes it something else",
                },
            ),
            "delete_payment": Verb(
                lambda said: self._status("Payments", said.get("payment_id"), "DELETED"),
                "delete a payment",
                {"payment_id": "its id"},
            ),
            "prepay": Verb(
                lambda said: self._prepay("Prepayment", said), "receive or make a prepayment", _PREPAID
            ),
            "overpay": Verb(
                lambda said: self._prepay("Overpayment", said), "receive or make an overpayment", _PREPAID
            ),
            "refund": Verb(
                self._refund,
                "pay back what is left of a prepayment or overpayment",
                {"prepayment_id": "its id", "overpayment_id": "or its id", "bank": _BANK, "date": _DATE},
            ),
            "credit": Verb(
                self._credit, "give, or get, a credit note", {"amount": "how much", **_WHOSE, **_TERMS}
            ),
            "status": Verb(
                lambda said: self._status(str(said.get("kind")), said.get("id"), str(said.get("status"))),
                "give a document another status",
                {"kind": f"one of {', '.join(ID_NAMES)}", "id": "its id", "status": "the status"},
            ),
            "edit_prepayment": Verb(
                self._edit_prepayment,
                "change a prepayment of which nothing was allocated, and its bank transaction",
                {
                    "prepayment_id": "its id",
                    "amount": "how much",
                    "date": "YYYY-MM-DD",
                    "rate": "foreign units per unit of the base currency",
                    **_WHOSE,
                    "type": "its type",
                    "bank": _BANK,
                },
            ),
            "void_prepayment": Verb(
                self._void_prepayment,
                "void a prepayment, and delete its bank transaction",
                {"prepayment_id": "its id"},
            ),
            "allocate": Verb(
                self._allocate,
                "allocate a part of it to an invoice",
                {**_APPLIED, "amount": "how much", **_INVOICE, **_TERMS},
            ),
            "remove_allocation": Verb(
                self._remove_allocation,
                "take an allocation back",
                {**_APPLIED, "allocation_id": "of the allocation; the first one left without"},
            ),
            "contact": Verb(
                self._contact,
                "add a contact",
                {"name": "its name", "side": "sales or purchase", "number": "its ContactNumber, if any"},
            ),
            "contact_number": Verb(
                self._contact_number,
                "give a contact a ContactNumber, as the sync from LN does",
                {**_WHOSE, "number": "the number; null takes it away"},
            ),
            "merge_contact": Verb(
                self._merge_contact,
                "merge a contact into another: it is archived, and names the other",
                {**_WHOSE, "into": "the ContactID of the other"},
            ),
            "due_date": Verb(
                self._due_date,
                "edit the due date of an invoice, which does not move its UpdatedDateUTC",
                {"invoice_id": "its id", "date": _DATE},
            ),
        }

    # What there is

    def _documents(self, said: Said) -> object:
        kind = str(said.get("kind"))
        if kind not in ID_NAMES:
            raise ValueError(f"a kind must be one of {', '.join(ID_NAMES)}")
        if "id" in said:
            return self._body(kind, said["id"])
        return [row.body for row in self._reads.rows(kind)]

    def _body(self, kind: str, document_id: object) -> Body:
        row = self._reads.row(kind, str(document_id).lower())
        if row is None:
            raise ValueError(f"no document {document_id!r} among {kind}")
        return row.body

    def _put(self, kind: str, body: Body, manner: Manner = "") -> None:
        document_id = body[ID_NAMES[kind]]
        row = self._reads.row(kind, document_id)
        now = self._state.now_ms()
        # Under a stopped clock too a change is later than the one before it.
        at = now if row is None or row.updated_ms < now else row.updated_ms
        self._state.put_document(kind, document_id, Version(at, body, manner))

    def _side(self, said: Said, contact: Body) -> str:
        side = said.get("side", "sales" if contact["IsCustomer"] else "purchase")
        if side not in _SIDES:
            raise ValueError(f"a side must be one of {', '.join(_SIDES)}")
        return str(side)

    def _day(self, said: Said) -> date:
        return date.fromisoformat(str(said["date"])) if "date" in said else at_ms(self._state.now_ms()).date()

    def _who(self, said: Said) -> Body:
        """Return the contact of a `contact_id` or of a `contact`'s name; ABC Customer ltd without either."""
        if "contact" in said:
            for row in self._reads.rows("Contacts"):
                if row.body["Name"] == said["contact"]:
                    return row.body
            raise ValueError(f"no contact has the name {said['contact']!r}")
        return self._body("Contacts", said.get("contact_id", trade.CUSTOMERS[6].contact_id))

    # Payments

    def _invoice(self, said: Said, contact: Body, amount: Decimal) -> Body:
        """Return the invoice of an `invoice_id`, or a new one of an `invoice_number`."""
        if "invoice_id" in said:
            return self._body("Invoices", said["invoice_id"])
        side, currency, rate = self._side(said, contact), *_money(said)
        invoice_id = self._state.new_id()
        number = str(said.get("invoice_number", f"{trade.COMPANY}-SI1-{invoice_id[:8]}"))
        body = invoice_body(
            invoice_id,
            number,
            side,
            thin(contact),
            self._day(said),
            currency,
            _amount(said.get("invoice_total", amount)),
            rate=rated(rate, currency, 0),
        )
        self._put("Invoices", body)
        return body

    def _pay(self, said: Said) -> object:
        amount, contact, bank = _amount(said.get("amount")), self._who(said), _bank(said)
        invoice = self._invoice(said, contact, amount)
        currency, rate = _money({"currency": invoice["CurrencyCode"], **said})
        usual = "ACCRECPAYMENT" if invoice["Type"] == "ACCREC" else "ACCPAYPAYMENT"
        body = payment_body(
            self._state.new_id(),
            str(said.get("payment_type", usual)),
            self._day(said),
            amount,
            bank,
            in_bank(amount, currency, rate or Decimal(1), bank),
            rated(rate, currency, 0),
            {"Invoice": thin_invoice(invoice)},
        )
        self._put("Payments", body)
        self._put("Invoices", with_settled(invoice, self._day(said), paid=amount))
        return {"PaymentID": body["PaymentID"], "InvoiceID": invoice["InvoiceID"]}

    def _status(self, kind: str, document_id: object, status: str) -> Body:
        body = self._body(kind, document_id)
        if body["Status"] in {"DELETED", "VOIDED"}:
            raise ValueError(f"it is {body['Status']} already")
        changed = {**body, "Status": status}
        self._put(kind, changed)
        invoice_id = body.get("Invoice", {}).get("InvoiceID")
        if (
            kind == "Payments"
            and status == "DELETED"
            and invoice_id
            and self._reads.row("Invoices", invoice_id)
        ):
            invoice = self._body("Invoices", invoice_id)
            self._put("Invoices", with_settled(invoice, self._day({}), paid=-body["Amount"]))
        return changed

    # Prepayments

    def _prepay(self, family: str, said: Said) -> object:
        amount, contact, bank = _amount(said.get("amount")), self._who(said), _bank(said)
        currency, rate = _money(said)
        direction = "RECEIVE" if self._side(said, contact) == "sales" else "SPEND"
        kind = f"{direction}-{family.upper()}"
        document_id, day = self._state.new_id(), self._day(said)
        shown = rated(rate, currency, 0)
        body = prepayment_body(
            document_id, str(said.get("type", kind)), thin(contact), day, currency, amount, shown
        )
        if family == "Overpayment":
            body["OverpaymentID"] = body.pop("PrepaymentID")
        self._put(f"{family}s", body)
        answer = {f"{family}ID": document_id}
        if said.get("cash", True):
            row = bank_transaction_body(
                self._state.new_id(), kind, thin(contact), day, currency, amount, bank, shown, **answer
            )
            self._put("BankTransactions", row)
            answer["BankTransactionID"] = row["BankTransactionID"]
        return answer

    def _refund(self, said: Said) -> object:
        family = "Overpayment" if "overpayment_id" in said else "Prepayment"
        name = f"{family}ID"
        body = self._body(f"{family}s", said.get("overpayment_id", said.get("prepayment_id")))
        amount, bank, day = body["RemainingCredit"], _bank(said), self._day(said)
        if body["Status"] != "AUTHORISED" or amount <= 0:
            raise ValueError(f"{amount} is left of it, and it is {body['Status']}")
        side = "AR" if body["Type"].startswith(("RECEIVE", "AR")) else "AP"
        currency, rate = body["CurrencyCode"], body.get("CurrencyRate", Decimal(1))
        made = payment_body(
            self._state.new_id(),
            f"{side}{family.upper()}PAYMENT",
            day,
            amount,
            bank,
            in_bank(amount, currency, rate, bank),
            rated(rate, currency, 0),
            {family: {name: body[name], "Contact": body["Contact"], "Type": body["Type"]}},
        )
        paid = {"PaymentID": made["PaymentID"], "Date": made["Date"], "Amount": amount}
        left = {"Status": "PAID", "RemainingCredit": Decimal("0.00"), "Payments": [*body["Payments"], paid]}
        self._put("Payments", made)
        self._put(f"{family}s", {**body, **left})
        return {"PaymentID": made["PaymentID"]}

    def _cash_of(self, prepayment_id: str) -> Body | None:
        rows = (row.body for row in self._reads.rows("BankTransactions"))
        return next((body for body in rows if body.get("PrepaymentID") == prepayment_id), None)

    def _credit(self, said: Said) -> object:
        contact, (currency, rate) = self._who(said), _money(said)
        note_id, amount = self._state.new_id(), _amount(said.get("amount"))
        note_type = "ACCRECCREDIT" if self._side(said, contact) == "sales" else "ACCPAYCREDIT"
        number, day = f"CN-{note_id[:8]}", self._day(said)
        note = credit_note_body(note_id, number, note_type, thin(contact), day, currency, amount)
        self._put("CreditNotes", note | rated(rate, currency, 0))
        return {"CreditNoteID": note_id}

    def _edit_prepayment(self, said: Said) -> object:
        body = self._body("Prepayments", said.get("prepayment_id"))
        if any(not one["IsDeleted"] for one in body["Allocations"]):
            raise ValueError("part of it was allocated already")
        changes: Body = {}
        if "amount" in said:
            amount = _amount(said["amount"])
            changes |= {"Total": amount, "SubTotal": amount}
        if "date" in said:
            changes["Date"] = instant(day_ms(self._day(said)))
        if "rate" in said:
            changes["CurrencyRate"] = Decimal(str(said["rate"]))
        if "contact" in said:
            changes["Contact"] = thin(self._who(said))
        if "type" in said:
            changes["Type"] = str(said["type"])
        more = {"RemainingCredit": changes["Total"]} if "Total" in changes else {}
        cash = self._cash_of(body["PrepaymentID"])
        if changes:
            # Its bank account is that of its cash alone.
            self._put("Prepayments", {**body, **changes, **more})
        if cash is not None:
            account = {"BankAccount": account_of(_bank(said))} if "bank" in said else {}
            self._put("BankTransactions", {**cash, **changes, **account})
        return {**body, **changes, **more}

    def _void_prepayment(self, said: Said) -> object:
        body = self._status("Prepayments", said.get("prepayment_id"), "VOIDED")
        cash = self._cash_of(body["PrepaymentID"])
        if cash is not None and cash["Status"] == "AUTHORISED":
            self._status("BankTransactions", cash["BankTransactionID"], "DELETED")
        return body

    def _allocate(self, said: Said) -> object:
        kind, document_id = _applied(said)
        body = self._body(kind, document_id)
        amount = _amount(said.get("amount"))
        if body["Status"] != "AUTHORISED" or amount > body["RemainingCredit"]:
            raise ValueError(f"{body['RemainingCredit']} is left of it, and it is {body['Status']}")
        contact = self._body("Contacts", body["Contact"]["ContactID"])
        given = {"currency": body["CurrencyCode"], **said}
        given.setdefault("side", "sales" if body["Type"].startswith(_SALES_TYPES) else "purchase")
        invoice = self._invoice(given, contact, amount)
        allocation_id = self._state.new_id()
        self._put(kind, allocated(body, allocation_id, invoice, amount, self._day(said)), "allocation")
        self._put("Invoices", with_settled(invoice, self._day(said), credited=amount))
        return {"AllocationID": allocation_id, "InvoiceID": invoice["InvoiceID"]}

    def _remove_allocation(self, said: Said) -> object:
        kind, document_id = _applied(said)
        body = self._body(kind, document_id)
        wanted = said.get("allocation_id")
        for place, one in enumerate(body["Allocations"]):
            if not one["IsDeleted"] and wanted in {None, one.get("AllocationID")}:
                changed = without_allocation(body, place)
                self._put(kind, changed, "allocation")
                invoice = self._body("Invoices", one["Invoice"]["InvoiceID"])
                self._put("Invoices", with_settled(invoice, self._day({}), credited=-one["Amount"]))
                return changed
        raise ValueError("it has no such allocation")

    # Contacts and invoices

    def _contact(self, said: Said) -> object:
        contact_id, side = self._state.new_id(), self._side(said, {"IsCustomer": True})
        body: Body = {
            "ContactID": contact_id,
            "ContactStatus": "ACTIVE",
            "Name": str(said.get("name")),
            "IsSupplier": side == "purchase",
            "IsCustomer": side == "sales",
        }
        self._put("Contacts", body | ({"ContactNumber": str(said["number"])} if "number" in said else {}))
        return {"ContactID": contact_id}

    def _contact_number(self, said: Said) -> object:
        body = {**self._who(said)}
        body.pop("ContactNumber", None)
        if said.get("number") is not None:
            body["ContactNumber"] = str(said["number"])
        self._put("Contacts", body)
        return body

    def _merge_contact(self, said: Said) -> object:
        into = self._body("Contacts", said.get("into"))
        body = {**self._who(said), "ContactStatus": "ARCHIVED", "MergedToContactID": into["ContactID"]}
        self._put("Contacts", body)
        return body

    def _due_date(self, said: Said) -> object:
        body = {**self._body("Invoices", said.get("invoice_id")), "DueDate": instant(day_ms(self._day(said)))}
        self._put("Invoices", body, "silent")
        return body


def _applied(said: Said) -> tuple[str, object]:
    """Return what is meant by a `prepayment_id`, an `overpayment_id` or a `credit_note_id`."""
    for name, kind in (("overpayment_id", "Overpayments"), ("credit_note_id", "CreditNotes")):
        if name in said:
            return kind, said[name]
    return "Prepayments", said.get("prepayment_id")


def _amount(value: object) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"an amount must be a number, not {value!r}") from None
    if not amount.is_finite():
        raise ValueError("an amount must be a number")
    return amount.quantize(Decimal("0.01"))


def _money(said: Said) -> tuple[str, Decimal | None]:
    """Return `currency` and `rate`; a rate of null is one that Xero does not show."""
    currency = str(said.get("currency", trade.BASE_CURRENCY))
    rate = said.get("rate", 1 if currency == trade.BASE_CURRENCY else "1.09177")
    return currency, None if rate is None else Decimal(str(rate))


def _bank(said: Said) -> str:
    bank = said.get("bank", "settlement")
    if bank != "" and bank not in trade.BANKS:
        raise ValueError(f"a bank must be one of {', '.join(trade.BANKS)}, or empty for a ledger account")
    return cast("str", bank)
