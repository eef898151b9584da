"""What becomes of a document: sent, left, or noted with a reason. The use cases in one table. Pure.

The rules are asked in this order, and the first that answers decides:

    rule            answers where                                      then
    closed          a person, or the connector, discarded it           leave it
    gone            it was deleted, voided or removed in Xero,
                      and LN has it                                    exception: reverse by hand
                      and LN may have it                               exception: check LN, reverse by hand
                      and a person may have booked it by hand          unsupported, still
                      and it was never sent                            discarded
    in LN           it was sent, and is as it was                      leave it
                      and has changed since                            exception: changed after sending
    no counterpart  a refund, an overpayment, any type not known here  unsupported: by hand
    in doubt        its outcome is unknown                             send the same message, or hold it
    obstacles       something it needs is missing, among others
                      the customer's LN code                           exception
                      the supplier's, for a prepayment                 exception
                      a usable bank number, a currency, a rate         exception
                      its prepayment, which was held back              exception
                      it is a prepayment, or of one, from before the
                      connection's start: booked by hand, perhaps      exception
    (none)                                                             send

A payment to a supplier that LN does not know goes out without a partner: LN books it as an expense. An
invoice that LN may not know goes out too, and LN's refusal is what a person sees.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from blocks.audit_rows import AuditRow, Entry, Key, Kind, Status
from flows.payments.bank_account import bank_number
from flows.payments.documents import Document, Role, Shown
from flows.payments.message import Message, encoded, number_text
from flows.payments.partners import Partner, partner_of
from flows.payments.policy import Policy

_SALES = frozenset({Role.SALES_PAYMENT, Role.CLIENT_PREPAYMENT})
_HELD_BACK = frozenset({Status.EXCEPTION, Status.FAILED, Status.UNSUPPORTED})
_HELD = (
    "Its outcome is unknown, and the connection holds such documents for a person: look for it in LN, then "
    "discard it where LN has it, or undiscard it to have it sent again."
)


class Action(StrEnum):
    """What to do with a document."""

    SEND = "send"
    NOTE = "note"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a document, and what its audit row says of it.

    `status` is what to note; `message` what to send.
    """

    action: Action
    reason: str
    entry: Entry
    status: Status | None = None
    message: bytes = b""


@dataclass(frozen=True, slots=True)
class _Case:
    """A document with all that decides on it."""

    document: Document
    row: AuditRow | None
    prepayment: AuditRow | None
    partner: Partner | None
    bank: str
    bank_problem: str
    rate: Decimal | None
    entry: Entry
    policy: Policy

    def note(self, status: Status, reason: str) -> Decision:
        return Decision(Action.NOTE, reason, self.entry, status)

    def leave(self, reason: str) -> Decision:
        return Decision(Action.LEAVE, reason, self.entry)


def classify(
    document: Document,
    row: AuditRow | None,
    prepayment: AuditRow | None,
    shown: Shown,
    policy: Policy,
) -> Decision:
    """Decide on a document; `row` is its audit row (see row_of), `prepayment` that of its prepayment.

    Prepayments are to be decided and delivered before what refers to them is decided.
    """
    case = _case(document, row, prepayment, shown, policy)
    for rule in _RULES:
        if decision := rule(case):
            return decision
    return Decision(Action.SEND, "", case.entry, message=_message(case))


def row_of(document: Document, rows: Mapping[Key, AuditRow]) -> AuditRow | None:
    """Return a document's row, under whichever of its keys it was sent or first seen."""
    found = [rows[key] for key in (document.key, document.other_key) if key and key in rows]
    return max(found, key=lambda row: (row.sent_at is not None, row.in_doubt, row.tries), default=None)


def _case(
    document: Document, row: AuditRow | None, prepayment: AuditRow | None, shown: Shown, policy: Policy
) -> _Case:
    if row is not None:
        # An allocation that was seen before Xero gave it an id stays known by the id made for it.
        document = replace(document, key=row.key)
    partner = partner_of(document.contact_id, shown.contacts)
    bank, problem = bank_number(document.account_id, shown.accounts, policy.bank_numbers)
    rate = Decimal(1) if document.currency == shown.base_currency else document.rate
    entry = Entry(
        key=document.key,
        connection=policy.connection,
        document_type=policy.document_types[document.role] if document.role else None,
        partner=partner.code if partner else "",
        invoice_number=document.invoice_number,
        contact_name=partner.name if partner else "",
        day=document.day,
        amount=_amount_text(document.amount),
        currency=document.currency,
        prepayment_id=document.prepayment_id,
    )
    return _Case(document, row, prepayment, partner, bank, problem, rate, entry, policy)


def _closed(case: _Case) -> Decision | None:
    if case.row is not None and case.row.discarded:
        return case.leave("It is discarded.")
    return None


def _gone(case: _Case) -> Decision | None:
    if not case.document.gone:
        return None
    row = case.row
    if row is None:
        return case.note(Status.DISCARDED, "It was deleted in Xero before it was sent.")
    if row.sent_at is not None:
        return case.note(Status.EXCEPTION, "It was deleted in Xero after it was sent: reverse by hand in LN.")
    if row.in_doubt or row.status is Status.UNKNOWN:
        return case.note(
            Status.EXCEPTION,
            "It was deleted in Xero while its outcome was unknown: check LN, reverse by hand if booked.",
        )
    if row.status is Status.UNSUPPORTED:
        return case.note(
            Status.UNSUPPORTED, "It was deleted in Xero: reverse it in LN if it was booked there by hand."
        )
    return case.note(Status.DISCARDED, "It was deleted in Xero before it was sent.")


def _in_ln(case: _Case) -> Decision | None:
    row = case.row
    if row is None or row.sent_at is None:
        return None
    changes = list(_changes(case.entry, row.entry))
    if changes and row.status is not Status.EXCEPTION:
        return case.note(
            Status.EXCEPTION, f"It was changed in Xero after sending ({'; '.join(changes)}): by hand in LN."
        )
    return case.leave("LN has it.")


def _no_counterpart(case: _Case) -> Decision | None:
    if case.document.role is not None:
        return None
    kind = case.document.xero_type or "a type that Xero does not name"
    return case.note(Status.UNSUPPORTED, f"LN has no counterpart to {kind}: by hand in LN.")


def _in_doubt(case: _Case) -> Decision | None:
    row = case.row
    if row is None or not (row.in_doubt or row.status is Status.UNKNOWN):
        return None
    if case.document.key.kind in case.policy.hold_unknown:
        return case.note(Status.UNKNOWN, _HELD) if row.status is Status.UNKNOWN else case.leave(row.reason)
    return Decision(
        Action.SEND, "Its outcome was unknown: the same again.", row.entry, message=row.message.encode()
    )


def _with_obstacles(case: _Case) -> Decision | None:
    found = list(_obstacles(case))
    if not found:
        return None
    text = "; ".join(found)
    return case.note(Status.EXCEPTION, f"Not sent: {text}.")


_RULES = (_closed, _gone, _in_ln, _no_counterpart, _in_doubt, _with_obstacles)


def _obstacles(case: _Case) -> Iterator[str]:
    document, amount = case.document, case.document.amount
    if document.day is None:
        yield "Xero gives it no date"
    if amount is None or not amount.is_finite() or amount <= 0:
        yield "its amount is missing or not positive"
    yield from _partner_obstacles(case)
    if document.key.kind is not Kind.PREPAYMENT and not document.invoice_number:
        yield "its invoice or bill has no number in Xero"
    if not document.currency:
        yield "Xero names no currency for it"
    elif case.rate is None or not case.rate.is_finite() or case.rate <= 0:
        yield f"it is in {document.currency}, and Xero gives no exchange rate"
    if case.bank_problem:
        yield case.bank_problem
    if _may_be_booked_by_hand(case):
        yield (
            f"it is dated before {case.policy.starts_on}, from when on this connection sends, and may have "
            "been booked in LN by hand: where LN has it, discard it; where not, undiscard it, and it is sent"
        )
    if _prepayment_held_back(case):
        yield "prepayment not in LN, as far as is known: see there"


def _partner_obstacles(case: _Case) -> Iterator[str]:
    if case.partner is None:
        yield "Xero shows no contact for it"
    elif not case.partner.recurring:
        name = case.partner.name
        if case.document.role in _SALES:
            yield f"the customer «{name}» has no LN code in Xero (contact number)"
        elif case.document.key.kind is not Kind.PAYMENT:
            yield f"the supplier «{name}» is not in LN, which a prepayment needs"
    if case.partner is not None and not case.partner.name:
        yield "its contact has no name in Xero"


def _may_be_booked_by_hand(case: _Case) -> bool:
    """Tell whether a prepayment, or a part applied of one, is older than the connection.

    Applying a part moves its prepayment's time of change, so that it comes along as if it were new. LN does
    not know by what id a person booked it, and would book it again. A person's word (undiscard) lets it go.
    """
    row, prepayment = case.row, case.prepayment
    if case.document.key.kind is Kind.PAYMENT or not _before_the_start(case.document.day, case.policy):
        return False
    if row is not None and (row.undiscarded_at is not None or row.tries > 0):
        return False
    return case.document.key.kind is Kind.PREPAYMENT or prepayment is None or prepayment.sent_at is None


def _before_the_start(day: dt.date | None, policy: Policy) -> bool:
    return day is not None and policy.starts_on is not None and day < policy.starts_on


def _prepayment_held_back(case: _Case) -> bool:
    prepayment = case.prepayment
    if case.document.key.kind is not Kind.ALLOCATION or prepayment is None:
        return False
    if prepayment.tries == 0 and _before_the_start(prepayment.entry.day, case.policy):
        # Booked by hand, as far as is known: LN takes what is applied of it, or says that it cannot.
        return False
    if prepayment.discarded:
        # What LN has, or may have, a person closes once they have seen to it there.
        return not (prepayment.sent_at or prepayment.in_doubt or prepayment.result.status is Status.UNKNOWN)
    if prepayment.status is Status.UNKNOWN:
        return Kind.PREPAYMENT in case.policy.hold_unknown
    return prepayment.sent_at is None and prepayment.status in _HELD_BACK


def _changes(now: Entry, sent: Entry) -> Iterator[str]:
    for name, before, after in (
        ("date", sent.day, now.day),
        ("amount", sent.amount, now.amount),
        # A list of payments can leave it to the invoice, which is not read again for what was sent.
        ("currency", sent.currency, now.currency or sent.currency),
    ):
        if before != after:
            yield f"{name} {before or 'none'} -> {after or 'none'}"


def _amount_text(amount: Decimal | None) -> str:
    return number_text(amount) if amount is not None and amount.is_finite() else ""


def _message(case: _Case) -> bytes:
    document, partner = case.document, case.partner
    if (
        document.role is None
        or document.day is None
        or document.amount is None
        or case.rate is None
        or partner is None
    ):
        raise AssertionError("a document with an obstacle is not sent")
    alone = document.key.kind is Kind.PREPAYMENT
    return encoded(
        Message(
            document_type=case.policy.document_types[document.role],
            day=document.day,
            bank_account_number=case.bank,
            business_partner=partner.code,
            invoice_number="" if alone else document.invoice_number,
            currency_code=document.currency,
            currency_rate=case.rate,
            invoice_amount=document.amount,
            invoice_description="",
            xero_payment_id="" if alone else document.key.xero_id,
            xero_prepayment_id=document.prepayment_id,
            xero_contact_name=partner.name,
        ),
        case.policy.prepayment_field,
    )
