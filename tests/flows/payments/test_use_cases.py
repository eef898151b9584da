"""The seed's use cases, and every row of the table of decisions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from blocks.store import audit_rows as rules
from blocks.store.audit_rows import AuditRow, Kind, Status
from blocks.xero.payment_models import Shown, XeroAccountRef, XeroContact, XeroInvoice, XeroOverpayment
from flows.payments.classify import classify
from flows.payments.documents import OVERPAYMENT_ALLOCATION, documents, removed
from flows.payments.models import Action, Decision
from flows.payments.post_outcome import CHECK_LN
from tests.helpers.payments import (
    ACCOUNTS,
    AT,
    BANK,
    CONTACTS,
    EMPLOYEE,
    EXPENSES,
    INVOICES,
    POLICY,
    PURCHASE,
    SALE,
    SUPPLIER,
    TILL,
    WITHOUT_CODE,
    allocation,
    decided,
    only,
    payment,
    prepaid,
    prepayment,
    row,
    shown,
)
from tests.helpers.trading import REFUNDS

PAY_OUT = {"payment_type": "ACCPAYPAYMENT", "payment_id": "4321-4321-4321-4321"}
SPEND = {"type": "SPEND-PREPAYMENT"}


def fields(decision: Decision) -> list[tuple[str, Any]]:
    """Return the fields that are sent, in their order, numbers as they are written."""
    assert decision.action is Action.SEND, decision
    return list(json.loads(decision.message, parse_float=str).items())


def expected(kind: int, partner: str, invoice: str, payment_id: str, prepayment_id: str, **other: Any) -> Any:
    """Return the twelve fields of a document of the samples."""
    values = {
        "DocumentType": kind,
        "DocumentDate": 1593388800,
        "BankAccountNumber": "12345678",
        "BusinessPartner": partner,
        "InvoiceNumber": invoice,
        "CurrencyCode": "EUR",
        "CurrencyRate": "1.09177",
        "InvoiceAmount": "1.0",
        "InvoiceDescription": "",
        "XeroPaymentID": payment_id,
        "XeroPprepaymentID": prepayment_id,
        "XeroContactName": "ABC Customer ltd",
    }
    return list({**values, **other}.items())


# --- The seed's use cases, with the seed's own values -------------------------------------------


RECURRING = {"XeroContactName": "Recurring Supplier"}
CASES: dict[str, tuple[Shown, Kind, Any]] = {
    "a payment received from a client": (
        shown(payment()),
        Kind.PAYMENT,
        expected(1, "300000366", "303-SI1-1234567890", "1234-1234-1234-1234", ""),
    ),
    # It names the invoice, its own id and the prepayment's.
    "a payment received out of a prepayment": (
        shown(prepayment("c-client", allocation())),
        Kind.ALLOCATION,
        expected(1, "300000366", "303-SI1-1234567890", "5678-5678-5678-5678", "abcde-abcde-abcde-abcde"),
    ),
    "a payment sent to a recurring supplier": (
        shown(payment(PURCHASE, **PAY_OUT)),
        Kind.PAYMENT,
        expected(2, "BP00000001", "abcdefg-303-PI1-1234567890", "4321-4321-4321-4321", "", **RECURRING),
    ),
    # Without a partner, under its name in Xero.
    "a payment sent to a supplier that LN does not know": (
        shown(payment(EXPENSES, **PAY_OUT, currency_rate=None)),
        Kind.PAYMENT,
        expected(
            *(2, "", "abcdefg-303-PI1-1234567891", "4321-4321-4321-4321", ""),
            XeroContactName="Federico Rossi Expenses",
            CurrencyCode="GBP",
            CurrencyRate="1.0",
        ),
    ),
    # The whole amount, no invoice, and its id as the prepayment's alone.
    "a prepayment received from a client": (
        shown(prepayment()),
        Kind.PREPAYMENT,
        expected(4, "300000366", "", "", "abcde-abcde-abcde-abcde", InvoiceAmount="120.0"),
    ),
    "a prepayment made for a recurring supplier": (
        shown(prepayment(SUPPLIER, **SPEND)),
        Kind.PREPAYMENT,
        expected(3, "BP00000001", "", "", "abcde-abcde-abcde-abcde", InvoiceAmount="120.0", **RECURRING),
    ),
    "what is applied of a prepayment to a supplier": (
        shown(prepayment(SUPPLIER, allocation(PURCHASE), **SPEND)),
        Kind.ALLOCATION,
        expected(
            *(2, "BP00000001", "abcdefg-303-PI1-1234567890", "5678-5678-5678-5678"),
            "abcde-abcde-abcde-abcde",
            **RECURRING,
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_written_use_case(case: str) -> None:
    """Each of the written use cases has its type, partner, invoice, amount and ids."""
    everything, kind, message = CASES[case]
    assert fields(decided(everything, kind)) == message


def test_prepayment_to_non_recurring_supplier() -> None:
    """A prepayment to a supplier that LN does not know is an exception that names it, and is not sent."""
    decision = decided(shown(prepayment(EMPLOYEE, **SPEND)), Kind.PREPAYMENT)
    assert noted(decision) == Status.EXCEPTION
    assert "Federico Rossi Expenses" in decision.reason


# --- The other rows of the table ----------------------------------------------------------------


def noted(decision: Decision) -> Status | None:
    assert decision.action is Action.NOTE, decision
    assert decision.message == b""
    return decision.status


def test_allocation_to_a_non_recurring_supplier() -> None:
    """An allocation needs its partner in LN: an expense record cannot name a prepayment."""
    everything = shown(prepayment(EMPLOYEE, allocation(EXPENSES), **SPEND))
    assert noted(decided(everything, Kind.ALLOCATION)) is Status.EXCEPTION


@pytest.mark.parametrize("status", [Status.EXCEPTION, Status.FAILED, Status.DISCARDED, Status.UNSUPPORTED])
def test_allocation_whose_prepayment_is_held_back(status: Status) -> None:
    """An allocation waits for its prepayment where that was not sent."""
    decision = decided(shown(prepayment("c-client", allocation())), Kind.ALLOCATION, None, prepaid(status))
    assert noted(decision) is Status.EXCEPTION
    assert "prepayment is not in LN" in decision.reason


@pytest.mark.parametrize(
    "held",
    [
        # LN has it, or may have it from before the connection.
        *(None, prepaid(Status.SENT), prepaid(Status.DUPLICATE), prepaid(Status.UNKNOWN)),
        # A person has closed what LN has, or may have.
        *(
            rules.discarded(prepaid(one), "ann", "it is in LN", AT)
            for one in (Status.SENT, Status.UNKNOWN, None)
        ),
        # It was changed after sending.
        rules.noted(prepaid(Status.SENT), prepaid(Status.SENT).entry, Status.EXCEPTION, "changed", "r", AT),
    ],
)
def test_allocation_whose_prepayment_may_be_in_ln(held: AuditRow | None) -> None:
    """An allocation goes out where LN has its prepayment, or may have it, whatever became of it since."""
    decision = decided(shown(prepayment("c-client", allocation())), Kind.ALLOCATION, None, held)
    assert decision.action is Action.SEND


@pytest.mark.parametrize("status", [Status.UNKNOWN, None])
def test_allocation_whose_prepayment_is_held_for_a_person(status: Status | None) -> None:
    """An allocation waits, as its prepayment does, for the person who finds out whether LN has that."""
    policy = replace(POLICY, hold_unknown=frozenset({Kind.PREPAYMENT}))
    everything = shown(prepayment("c-client", allocation()))
    assert noted(decided(everything, Kind.ALLOCATION, None, prepaid(status), policy)) is Status.EXCEPTION


@pytest.mark.parametrize("item", [payment("i-other"), prepayment(WITHOUT_CODE)])
def test_customer_without_ln_code(item: Any) -> None:
    """A customer without a code, blanks not counted, is an exception that names the customer."""
    invoices = {"i-other": XeroInvoice("i-other", "303-SI1-1", "ACCREC", "EUR", XeroContact(WITHOUT_CODE))}
    kind = Kind.PAYMENT if hasattr(item, "payment_id") else Kind.PREPAYMENT
    decision = decided(shown(item, invoices=invoices), kind)
    assert noted(decision) is Status.EXCEPTION
    assert "Nobody ltd" in decision.reason


@pytest.mark.parametrize("number", ["INV-00049", "INV-001", "x y/ü"])
@pytest.mark.parametrize("kind", ["ACCRECPAYMENT", "ACCPAYPAYMENT"])
def test_invoice_that_ln_may_not_know(number: str, kind: str) -> None:
    """A number that is none of LN's goes out unchanged: LN refuses it, and the audit says so."""
    of = SALE if kind == "ACCRECPAYMENT" else PURCHASE
    invoices = {of: XeroInvoice(of, number, "", "EUR", INVOICES[of].contact)}
    sent = dict(fields(decided(shown(payment(of, payment_type=kind), invoices=invoices))))
    assert sent["InvoiceNumber"] == number
    assert sent["DocumentType"] == (1 if of == SALE else 2)


def test_batch_payment() -> None:
    """Each line of a batch is a payment of its own, and a message of its own."""
    lines = [payment(PURCHASE, **{**PAY_OUT, "payment_id": f"p-{number}"}) for number in range(3)]
    everything = shown(*lines)
    sent = [classify(one, None, None, everything, POLICY) for one in documents(everything)]
    assert [dict(fields(one))["XeroPaymentID"] for one in sent] == ["p-0", "p-1", "p-2"]


def gone(which: str) -> tuple[Shown, Kind]:
    """Return something deleted, voided or removed in Xero."""
    return {
        "payment": (shown(payment(status="DELETED")), Kind.PAYMENT),
        "prepayment": (shown(prepayment(status="VOIDED")), Kind.PREPAYMENT),
        "removed": (shown(prepayment("c-client", allocation(is_deleted="true"))), Kind.ALLOCATION),
        "voided": (shown(prepayment("c-client", allocation(), status="VOIDED")), Kind.ALLOCATION),
    }[which]


WHICH = ["payment", "prepayment", "removed", "voided"]


def row_at(status: Status | None, which: str) -> AuditRow:
    everything, kind = gone(which)
    return row(status, decided(everything, kind).entry)


@pytest.mark.parametrize("which", WHICH)
def test_deleted_and_never_sent(which: str) -> None:
    """What went before it was sent is discarded, with an audit row."""
    assert noted(decided(*gone(which))) is Status.DISCARDED
    for status in (Status.FAILED, Status.EXCEPTION):
        assert noted(decided(*gone(which), row_at(status, which))) is Status.DISCARDED


@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize(
    ("status", "said"),
    [
        *((status, "reverse it manually in LN") for status in (Status.SENT, Status.DUPLICATE)),
        *((status, "check LN") for status in (Status.UNKNOWN, None)),
    ],
)
def test_deleted_and_maybe_in_ln(status: Status | None, said: str, which: str) -> None:
    """What went after LN had it, or may have, is for a person to see to, and stays so until one closes it."""
    held = row_at(status, which)
    decision = decided(*gone(which), held)
    assert noted(decision) is Status.EXCEPTION
    assert said in decision.reason
    later = rules.noted(held, decision.entry, Status.EXCEPTION, decision.reason, "run-2", AT)
    assert decided(*gone(which), later) == decision
    closed = rules.discarded(later, "ann", "done", AT)
    assert decided(*gone(which), closed).action is Action.LEAVE


def test_allocation_that_vanished() -> None:
    """An allocation that its prepayment no longer shows is treated as a deleted payment."""
    everything = shown(prepayment("c-client", allocation()))
    entry = decided(everything, Kind.ALLOCATION).entry
    without = shown(prepayment("c-client"))
    for status, outcome in (
        (Status.SENT, Status.EXCEPTION),
        (Status.UNKNOWN, Status.EXCEPTION),
        (Status.FAILED, Status.DISCARDED),
    ):
        held = row(status, entry)
        assert removed(documents(everything), [held]) == []
        (deleted_since_post,) = removed(documents(without), [held])
        assert noted(classify(deleted_since_post, held, None, without, POLICY)) is outcome


def test_sent_and_shown_thinly() -> None:
    """What was sent counts as unchanged where Xero leaves its currency to an invoice not read again."""
    everything = shown(payment())
    held = row(Status.SENT, decided(everything).entry)
    thin = shown(payment(), invoices={})
    assert documents(thin)[0].currency == ""
    assert decided(thin, row=held).action is Action.LEAVE


@pytest.mark.parametrize("kind", [*REFUNDS, "SOMETHING-NEW", ""])
def test_refunds_and_what_is_not_known(kind: str) -> None:
    """A refund, or a type nobody has heard of, is for a person, even where it carries an invoice."""
    decision = decided(shown(payment(payment_type=kind)))
    assert noted(decision) is Status.UNSUPPORTED
    assert "manually in LN" in decision.reason
    assert kind in decision.reason


def test_overpayments_and_their_allocations() -> None:
    """An overpayment and what is applied of it are for a person."""
    everything = shown(
        XeroOverpayment(
            overpayment_id="o-1", type="RECEIVE-OVERPAYMENT", status="AUTHORISED", allocations=[allocation()]
        )
    )
    assert only(documents(everything), Kind.ALLOCATION).xero_type == OVERPAYMENT_ALLOCATION
    for kind in (Kind.OVERPAYMENT, Kind.ALLOCATION):
        assert noted(decided(everything, kind)) is Status.UNSUPPORTED


@pytest.mark.parametrize("kind", ["ARPREPAYMENT", "APPREPAYMENT", "NEW-PREPAYMENT"])
def test_other_prepayments(kind: str) -> None:
    """A prepayment document of another type is for a person, and what is applied of it is not sent."""
    everything = shown(prepayment("c-client", allocation(), type=kind))
    assert noted(decided(everything, Kind.PREPAYMENT)) is Status.UNSUPPORTED
    decision = decided(everything, Kind.ALLOCATION, None, prepaid(Status.UNSUPPORTED))
    assert decision.action is Action.NOTE


@pytest.mark.parametrize("account", [TILL, "a-unknown", ""])
def test_no_usable_bank_number(account: str) -> None:
    """Money that went through no bank account, or one without a number, is an exception."""
    decision = decided(shown(payment(account=XeroAccountRef(account))))
    assert noted(decision) is Status.EXCEPTION
    assert "bank account" in decision.reason


def test_a_bank_number_of_the_connection() -> None:
    """A number given in the connection wins, also for an account that is no bank account."""
    policy = replace(POLICY, bank_numbers={TILL: "00000001", BANK: "87654321"})
    for account, number in ((TILL, "00000001"), (BANK, "87654321")):
        decision = decided(shown(payment(account=XeroAccountRef(account))), policy=policy)
        assert dict(fields(decision))["BankAccountNumber"] == number


# --- What is missing ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"date": None}, "no date"),
        ({"date": "/Date(0+0000)/"}, "no date"),
        ({"amount": None}, "amount"),
        ({"amount": Decimal(0)}, "amount"),
        ({"amount": Decimal(-1)}, "amount"),
        ({"amount": Decimal("NaN")}, "amount"),
        ({"currency_rate": None}, "no exchange rate"),
        ({"currency_rate": Decimal(0)}, "no exchange rate"),
        ({"invoice": None}, "no contact"),
        ({"account": None}, "bank account is unknown"),
    ],
)
def test_what_is_missing_is_named(other: dict[str, Any], said: str) -> None:
    """Where Xero leaves something out, the document is an exception that says what."""
    decision = decided(shown(payment(**other)))
    assert noted(decision) is Status.EXCEPTION
    assert said in decision.reason


def test_all_that_is_missing_is_named_at_once() -> None:
    """An exception names everything that stands in the way."""
    decision = decided(shown(payment("i-thin", date=None, amount=None, account=None)))
    for said in ("no date", "amount", "no contact", "no number", "no currency", "bank account"):
        assert said in decision.reason


def test_the_rate_of_the_base_currency_is_one() -> None:
    """In the base currency the rate is 1, whatever Xero writes."""
    for rate in (None, Decimal("1.0"), Decimal(7)):
        decision = decided(shown(payment(currency_rate=rate), base_currency="EUR"))
        assert dict(fields(decision))["CurrencyRate"] == "1.0"


def test_a_merged_contact_leads_to_the_one_that_remains() -> None:
    """The code and the name are those of the contact that others were merged into."""
    old = XeroContact("c-client", "Old name", "1", "ARCHIVED", "c-new")
    contacts = {**CONTACTS, "c-client": old, "c-new": XeroContact("c-new", "New name", "42")}
    sent = dict(fields(decided(shown(payment(), contacts=contacts))))
    assert (sent["BusinessPartner"], sent["XeroContactName"]) == ("42", "New name")


def test_codes_and_spelling_are_the_connections() -> None:
    """Document type codes and the spelling of the prepayment's field come from the connection."""
    types = {role: code + 10 for role, code in POLICY.document_types.items()}
    policy = replace(POLICY, document_types=types, prepayment_field="XeroPrepaymentID")
    sent = fields(decided(shown(prepayment()), Kind.PREPAYMENT, policy=policy))
    assert (sent[0][1], sent[10][0]) == (14, "XeroPrepaymentID")


# --- What happened before -----------------------------------------------------------------------


def with_row(status: Status | None, message: bytes = b'{"a":1}') -> AuditRow:
    return row(status, decided(shown(payment())).entry, message)


@pytest.mark.parametrize("status", [Status.SENT, Status.DUPLICATE, Status.DISCARDED])
def test_what_is_done_is_left(status: Status) -> None:
    """What LN has, or a person closed, is left alone."""
    assert decided(shown(payment()), row=with_row(status)).action is Action.LEAVE


@pytest.mark.parametrize("status", [Status.FAILED, Status.EXCEPTION, Status.UNSUPPORTED])
def test_what_was_not_sent_is_looked_at_again(status: Status) -> None:
    """A failed, exceptional or unsupported document is decided anew, with what Xero shows now."""
    again = decided(shown(payment()), row=with_row(status))
    assert again == decided(shown(payment()))


@pytest.mark.parametrize("status", [Status.UNKNOWN, None])
def test_what_is_in_doubt_is_sent_again_as_it_was(status: Status | None) -> None:
    """An unknown outcome is sent again byte for byte, even where Xero shows something else by now."""
    changed = shown(payment(amount=Decimal(9), account=None))
    decision = decided(changed, row=with_row(status))
    assert (decision.action, decision.message) == (Action.SEND, b'{"a":1}')
    assert decision.entry.amount == "1.0"


def test_what_was_refused_while_in_doubt_is_sent_as_it_was() -> None:
    """A refusal after an unknown outcome does not free the document to be sent with other content."""
    held = with_row(Status.UNKNOWN)
    held = rules.posting(held, held.entry, held.message, "run-2", AT)
    held = rules.settled(held, rules.Result(Status.FAILED, "no"), AT)
    decision = decided(shown(payment(amount=Decimal(9))), row=held)
    assert decision.message == b'{"a":1}'


@pytest.mark.parametrize("status", [Status.UNKNOWN, None])
def test_what_is_in_doubt_can_be_held_for_a_person(status: Status | None) -> None:
    """A kind that the connection holds stays unknown until a person has looked; other kinds go on."""
    held = with_row(status)
    policy = replace(POLICY, hold_unknown=frozenset({Kind.PAYMENT}))
    decision = decided(shown(payment()), row=held, policy=policy)
    assert noted(decision) is Status.UNKNOWN
    assert "undiscard" in decision.reason
    released = rules.undiscarded(held, "ann", AT)
    assert decided(shown(payment()), row=released, policy=policy).action is Action.SEND
    others = replace(POLICY, hold_unknown=frozenset({Kind.PREPAYMENT, Kind.ALLOCATION}))
    assert decided(shown(payment()), row=held, policy=others).action is Action.SEND


def test_what_is_held_in_doubt_says_so_whatever_failed_since() -> None:
    """A document in doubt that LN could not be asked for again is held with a reason that says what to do."""
    held = with_row(Status.UNKNOWN)
    held = rules.posting(held, held.entry, held.message, "run-2", AT)
    failed = rules.settled(held, rules.Result(Status.FAILED, "No token.", posted=False), AT)
    policy = replace(POLICY, hold_unknown=frozenset({Kind.PAYMENT}))
    decision = decided(shown(payment()), row=failed, policy=policy)
    assert noted(decision) is Status.EXCEPTION
    assert "undiscard" in decision.reason
    row = rules.noted(failed, decision.entry, Status.EXCEPTION, decision.reason, "run-3", AT)
    assert decided(shown(payment()), row=row, policy=policy).action is Action.LEAVE
    refused = rules.settled(held, rules.Result(Status.FAILED, f"Refused.{CHECK_LN}"), AT)
    assert decided(shown(payment()), row=refused, policy=policy).action is Action.LEAVE


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"total": Decimal("120.01")}, "amount 120.0 -> 120.01"),
        ({"currency_code": "USD"}, "currency EUR -> USD"),
        ({"date": "/Date(1593475200000+0000)/"}, "date 2020-06-29 -> 2020-06-30"),
    ],
)
def test_what_was_changed_after_sending(other: dict[str, Any], said: str) -> None:
    """A prepayment edited after it was sent is an exception that says what changed, once."""
    before = decided(shown(prepayment()), Kind.PREPAYMENT)
    held = row(Status.SENT, before.entry, before.message)
    decision = decided(shown(prepayment(**other)), Kind.PREPAYMENT, held)
    assert noted(decision) is Status.EXCEPTION
    assert said in decision.reason
    later = rules.noted(held, decision.entry, Status.EXCEPTION, decision.reason, "run-2", AT)
    assert decided(shown(prepayment(**other)), Kind.PREPAYMENT, later).action is Action.LEAVE


@pytest.mark.parametrize(
    "other", [{"total": Decimal("120.000")}, {"currency_rate": None}, {"contact": XeroContact(WITHOUT_CODE)}]
)
def test_what_is_the_same_after_sending(other: dict[str, Any]) -> None:
    """Another spelling of the amount, or a change of what is not the document's own, is no edit."""
    before = decided(shown(prepayment()), Kind.PREPAYMENT)
    held = row(Status.SENT, before.entry, before.message)
    assert decided(shown(prepayment(**other)), Kind.PREPAYMENT, held).action is Action.LEAVE


def test_an_allocation_sent_before_it_had_an_id() -> None:
    """An allocation that was sent under the id made for it is not sent again under Xero's."""
    before = decided(shown(prepayment("c-client", allocation(allocation_id=None))), Kind.ALLOCATION)
    for status, action in ((Status.SENT, Action.LEAVE), (Status.UNKNOWN, Action.SEND)):
        held = row(status, before.entry, before.message)
        now = decided(shown(prepayment("c-client", allocation())), Kind.ALLOCATION, held)
        assert (now.action, now.entry.key) == (action, before.entry.key)


def test_accounts_are_told_apart_by_id() -> None:
    """The account is the one that the payment names by its id, whatever its code."""
    accounts = {**ACCOUNTS, BANK: ACCOUNTS[TILL]}
    assert noted(decided(shown(payment(), accounts=accounts))) is Status.EXCEPTION


def test_every_decision_has_its_row() -> None:
    """Whatever is decided, the audit row names the document, its connection and what is known of it."""
    items: Sequence[Any] = [payment(), prepayment("c-client", allocation()), payment(payment_type="X")]
    for item in items:
        everything = shown(item)
        for document in documents(everything):
            entry = classify(document, None, None, everything, POLICY).entry
            assert (entry.key, entry.connection, entry.day) == (document.key, "default", document.day)
            assert (entry.amount in {"1.0", "120.0"}, entry.currency) == (True, "EUR")


@pytest.mark.parametrize(("starts_on", "action"), [(28, Action.SEND), (29, Action.SEND), (30, Action.NOTE)])
def test_the_day_of_the_start_is_the_connections(starts_on: int, action: Action) -> None:
    """What is dated on the day of a connection's start is sent, and what is dated before it waits."""
    policy = replace(POLICY, starts_on=dt.date(2020, 6, starts_on))
    assert decided(shown(payment()), policy=policy).action is action
