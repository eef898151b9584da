"""What LN has, or may have by manual entry: each change in Xero is told, and nothing closes by itself."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from blocks.store import audit_rows as rules
from blocks.store.audit_rows import AuditRow, Kind, Status
from blocks.xero import payment_models as models
from flows.payments.case import row_of
from flows.payments.classify import classify
from flows.payments.documents import days_to_read, documents, removed
from flows.payments.models import Action, Decision
from flows.payments.report.summary import PaymentsSummary
from tests.helpers.payments import (
    ACCOUNTS,
    AT,
    BANK,
    CONTACTS,
    DATE,
    INVOICES,
    POLICY,
    PURCHASE,
    SALE,
    SUPPLIER,
    allocation,
    decided,
    only,
    payment,
    prepayment,
    row,
    shown,
)

LATER = AT + dt.timedelta(hours=1)
OTHER_BANK = "a-other"
TWO_BANKS = {**ACCOUNTS, OTHER_BANK: models.XeroBankAccount(OTHER_BANK, "BANK", "Other", "01-02-03 87654321")}
CASES: dict[Kind, models.Shown] = {
    Kind.PAYMENT: shown(payment()),
    Kind.PREPAYMENT: shown(prepayment()),
    Kind.ALLOCATION: shown(prepayment("c-client", allocation())),
}
EMPLOYEE_BILL = shown(payment("i-expenses", payment_type="ACCPAYPAYMENT"))


def cash(account: str, status: str = "AUTHORISED") -> models.XeroBankTransaction:
    """Return a bank transaction of the prepayment."""
    return models.XeroBankTransaction(
        f"b-{account}-{status}", "RECEIVE", status, models.XeroAccountRef(account), "abcde-abcde-abcde-abcde"
    )


def sent(kind: Kind, everything: models.Shown | None = None) -> AuditRow:
    """Return the row of what LN took."""
    decision = decided(everything or CASES[kind], kind)
    return row(Status.SENT, decision.entry, decision.message)


def after(held: AuditRow, decision: Decision) -> AuditRow:
    """Return the row after what was decided is written down."""
    assert decision.action is Action.NOTE, decision
    assert decision.status is not None
    return rules.noted(held, decision.entry, decision.status, decision.reason, "run-2", LATER)


def exception(decision: Decision, *said: str) -> Decision:
    """Require an exception whose reason says all this."""
    assert (decision.action, decision.status) == (Action.NOTE, Status.EXCEPTION), decision
    assert [text for text in said if text not in decision.reason] == [], decision.reason
    return decision


# --- All of the message is compared -------------------------------------------------------------


def _invoice(**other: Any) -> models.Shown:
    fields: dict[str, Any] = {
        "invoice_id": SALE,
        "invoice_number": "303-SI1-1234567890",
        "type": "ACCREC",
        "currency_code": "EUR",
        "contact": CONTACTS["c-client"],
        **other,
    }
    return shown(payment(), invoices={**INVOICES, SALE: models.XeroInvoice(**fields)})


@pytest.mark.parametrize(
    ("kind", "now", "said"),
    [
        (Kind.PREPAYMENT, shown(prepayment(total=Decimal(90))), "amount 120.0 -> 90.0"),
        (Kind.PREPAYMENT, shown(prepayment(currency_code="USD")), "currency EUR -> USD"),
        (Kind.PREPAYMENT, shown(prepayment(currency_rate=Decimal("1.2"))), "rate 1.09177 -> 1.2"),
        (Kind.PREPAYMENT, shown(prepayment(SUPPLIER)), "partner 300000366 -> BP00000001"),
        (Kind.PREPAYMENT, shown(prepayment("c-without-code")), "partner 300000366 -> none"),
        (Kind.PREPAYMENT, shown(prepayment(type="SPEND-PREPAYMENT")), "type 4 -> 3"),
        (Kind.PREPAYMENT, shown(prepayment(type="ARPREPAYMENT")), "type 4 -> none"),
        (
            Kind.PREPAYMENT,
            shown(prepayment(), bank_transactions=[cash(OTHER_BANK)], accounts=TWO_BANKS),
            "bank account 12345678 -> 87654321",
        ),
        (Kind.PAYMENT, shown(payment(amount=Decimal(2))), "amount 1.0 -> 2.0"),
        (Kind.PAYMENT, shown(payment(date="/Date(1593475200000+0000)/")), "date 2020-06-29 -> 2020-06-30"),
        (Kind.PAYMENT, shown(payment(currency_rate=Decimal(2))), "rate 1.09177 -> 2.0"),
        (
            Kind.PAYMENT,
            shown(payment(account=models.XeroAccountRef(OTHER_BANK)), accounts=TWO_BANKS),
            "bank account 12345678 -> 87654321",
        ),
        (Kind.PAYMENT, shown(payment(payment_type="ACCPAYPAYMENT")), "type 1 -> 2"),
        (Kind.PAYMENT, _invoice(invoice_number="303-SI1-7"), "invoice 303-SI1-1234567890 -> 303-SI1-7"),
        (Kind.PAYMENT, _invoice(contact=CONTACTS[SUPPLIER]), "partner 300000366 -> BP00000001"),
        (
            Kind.ALLOCATION,
            shown(prepayment("c-client", allocation(PURCHASE))),
            "invoice 303-SI1-1234567890 -> abcdefg-303-PI1-1234567890",
        ),
        (Kind.ALLOCATION, shown(prepayment("c-client", allocation(amount=Decimal(3)))), "amount 1.0 -> 3.0"),
        (
            Kind.ALLOCATION,
            shown(
                prepayment("c-client", allocation()), bank_transactions=[cash(OTHER_BANK)], accounts=TWO_BANKS
            ),
            "bank account 12345678 -> 87654321",
        ),
    ],
)
def test_a_change_of_any_field_after_sending_is_named(kind: Kind, now: models.Shown, said: str) -> None:
    """Whatever field of what LN has is changed in Xero: an exception names it with both its values, once."""
    held = sent(kind)
    noted = after(held, exception(decided(now, kind, held), said))
    assert (noted.status, noted.message) == (Status.EXCEPTION, held.message)
    assert decided(now, kind, noted).action is Action.LEAVE


def test_all_changes_are_named_at_once() -> None:
    """An exception names every field that was changed."""
    now = shown(prepayment(SUPPLIER, total=Decimal(90), currency_rate=Decimal("1.2")))
    decision = decided(now, Kind.PREPAYMENT, sent(Kind.PREPAYMENT))
    exception(decision, "amount 120.0 -> 90.0", "partner 300000366 -> BP00000001", "rate 1.09177 -> 1.2")


def test_a_renamed_contact_is_noted() -> None:
    """Another name of a contact with the same code is noted once, and what LN has stays sent."""
    renamed = {**CONTACTS, "c-client": models.XeroContact("c-client", "ABC Group plc", "300000366")}
    now, held = shown(payment(), contacts=renamed), sent(Kind.PAYMENT)
    decision = decided(now, row=held)
    assert (decision.action, decision.status) == (Action.NOTE, Status.SENT)
    assert "ABC Customer ltd" in decision.reason
    assert "ABC Group plc" in decision.reason
    noted = after(held, decision)
    assert (noted.status, noted.sent_at, noted.entry.contact_name) == (Status.SENT, AT, "ABC Group plc")
    assert decided(now, row=noted).action is Action.LEAVE


def test_another_name_without_a_code_is_another_person() -> None:
    """LN tells partners without a code apart by their name alone, so another name there is an exception."""
    held = sent(Kind.PAYMENT, EMPLOYEE_BILL)
    renamed = {**CONTACTS, "c-employee": models.XeroContact("c-employee", "Maria Bianchi Expenses")}
    now = replace(EMPLOYEE_BILL, contacts=renamed)
    exception(decided(now, row=held), "Federico Rossi Expenses -> Maria Bianchi Expenses")


def test_a_code_for_an_employee_is_no_change() -> None:
    """That LN got to know the supplier of a bill since is no change of what it booked as an expense."""
    known = {**CONTACTS, "c-employee": models.XeroContact("c-employee", "Federico Rossi Expenses", "BP1")}
    held = sent(Kind.PAYMENT, EMPLOYEE_BILL)
    assert decided(replace(EMPLOYEE_BILL, contacts=known), row=held).action is Action.LEAVE


@pytest.mark.parametrize("kind", CASES)
def test_what_is_not_read_again_is_no_change(kind: Kind) -> None:
    """Where the lists alone are shown, what they leave out counts as it was."""
    thin = replace(CASES[kind], invoices={}, contacts={}, bank_transactions=[])
    held = sent(kind)
    assert decided(CASES[kind], kind, held).action is Action.LEAVE
    assert decided(thin, kind, held).action is Action.LEAVE


# --- The row follows Xero -----------------------------------------------------------------------


def prepaid_of(total: int) -> models.Shown:
    """Return a prepayment of so much."""
    return shown(prepayment(total=Decimal(total)))


def test_the_row_follows_xero_and_is_sent_again_once_it_is_as_it_was() -> None:
    """120 -> 130 -> 90 says what LN has and what Xero shows now; back at 120 it is no exception any more."""
    held = sent(Kind.PREPAYMENT)
    for total, said in ((130, "amount 120.0 -> 130.0"), (90, "amount 120.0 -> 90.0")):
        held = after(held, exception(decided(prepaid_of(total), Kind.PREPAYMENT, held), said))
        assert held.entry.amount == f"{total}.0"
    assert "130" not in held.reason
    back = decided(prepaid_of(120), Kind.PREPAYMENT, held)
    assert (back.action, back.status) == (Action.NOTE, Status.SENT)
    held = after(held, back)
    assert (held.status, held.sent_at) == (Status.SENT, AT)
    assert decided(prepaid_of(120), Kind.PREPAYMENT, held).action is Action.LEAVE


def test_an_exception_of_another_cause_is_no_change_undone() -> None:
    """What LN has and is an exception for another cause stays one while Xero shows it as it was sent."""
    held = sent(Kind.PREPAYMENT)
    held = rules.noted(held, held.entry, Status.EXCEPTION, "something else", "run-2", LATER)
    assert decided(prepaid_of(120), Kind.PREPAYMENT, held).action is Action.LEAVE


# --- A closing covers what was shown ------------------------------------------------------------


def closed(held: AuditRow) -> AuditRow:
    """Return a row that a person has closed."""
    return rules.discarded(held, "ann", "put right in LN", LATER)


def every_row(kind: Kind) -> dict[str, AuditRow]:
    """Return rows of one document as they can be when a person closes them."""
    decision = decided(CASES[kind], kind)
    rows = {
        str(status): row(status, decision.entry, decision.message)
        for status in (Status.SENT, Status.FAILED, Status.UNKNOWN, Status.EXCEPTION, Status.UNSUPPORTED)
    }
    return {**rows, "died": row(None, decision.entry, decision.message)}


ROWS = ["sent", "failed", "unknown", "exception", "unsupported", "died"]


@pytest.mark.parametrize("which", ROWS)
@pytest.mark.parametrize("kind", CASES)
def test_a_closing_holds_while_nothing_changes(kind: Kind, which: str) -> None:
    """What a person closed stays closed while Xero shows it as it was, whatever it was."""
    assert decided(CASES[kind], kind, closed(every_row(kind)[which])).action is Action.LEAVE


GONE = {
    Kind.PAYMENT: shown(payment(status="DELETED")),
    Kind.PREPAYMENT: shown(prepayment(status="VOIDED")),
    Kind.ALLOCATION: shown(prepayment("c-client", allocation(is_deleted=True))),
}


@pytest.mark.parametrize("which", ROWS)
@pytest.mark.parametrize("kind", CASES)
def test_what_goes_after_it_was_closed_is_open_again(kind: Kind, which: str) -> None:
    """What is deleted after a person closed it is an exception until a person closes that, too."""
    held = after(
        closed(every_row(kind)[which]),
        exception(
            decided(GONE[kind], kind, closed(every_row(kind)[which])),
            "deleted in Xero after",
            "ann",
            "reverse it there",
        ),
    )
    assert held.status is Status.EXCEPTION
    assert after(held, decided(GONE[kind], kind, held)).status is Status.EXCEPTION
    assert decided(GONE[kind], kind, closed(held)).action is Action.LEAVE


@pytest.mark.parametrize("which", ROWS)
def test_what_changes_after_it_was_closed_is_open_again(which: str) -> None:
    """A change after a closing is an exception that says what was closed and what is now, and is not sent."""
    held = closed(every_row(Kind.PREPAYMENT)[which])
    held = after(held, exception(decided(prepaid_of(130), Kind.PREPAYMENT, held), "amount 120.0 -> 130.0"))
    held = after(held, exception(decided(prepaid_of(90), Kind.PREPAYMENT, held), "amount 120.0 -> 90.0"))
    for total in (90, 120):
        exception(decided(prepaid_of(total), Kind.PREPAYMENT, held), "closed it")
    with pytest.raises(rules.MayNotSend):
        rules.posting(held, held.entry, held.message, "run-3", LATER)
    again = closed(held)
    assert decided(prepaid_of(90), Kind.PREPAYMENT, again).action is Action.LEAVE
    exception(decided(prepaid_of(120), Kind.PREPAYMENT, again), "amount 90.0 -> 120.0")


def test_what_a_person_reopens_is_sent_as_it_is_now() -> None:
    """What opened again because it changed goes out once a person says that LN does not have it."""
    held = closed(every_row(Kind.PREPAYMENT)["failed"])
    held = rules.undiscarded(after(held, decided(prepaid_of(130), Kind.PREPAYMENT, held)), "ben", LATER)
    decision = decided(prepaid_of(130), Kind.PREPAYMENT, held)
    assert decision.action is Action.SEND
    rules.posting(held, decision.entry, decision.message.decode(), "run-3", LATER)


def test_a_closing_covers_a_change_it_has_not_seen_less() -> None:
    """A change that a run finds while a person closes the row as it was before opens it all the same."""
    held = sent(Kind.PREPAYMENT)
    decision = decided(prepaid_of(130), Kind.PREPAYMENT, held)
    assert after(closed(held), decision).status is Status.EXCEPTION


def test_a_closing_of_an_older_daybook_covers_what_its_row_says() -> None:
    """A row that was closed when rows said less stays closed as it was, and opens when it changes or goes."""
    old = {"bank_account": None, "rate": None, "xero_status": None}
    held = every_row(Kind.PREPAYMENT)["failed"]
    held = replace(closed(replace(held, entry=replace(held.entry, **old))), closing=None)
    assert decided(prepaid_of(120), Kind.PREPAYMENT, held).action is Action.LEAVE
    exception(decided(prepaid_of(130), Kind.PREPAYMENT, held), "amount 120.0 -> 130.0")
    exception(decided(GONE[Kind.PREPAYMENT], Kind.PREPAYMENT, held), "deleted in Xero after")


def test_a_code_for_a_customer_opens_no_closing() -> None:
    """That a customer has got a code since is no change of what a person booked manually and closed."""
    without = {**CONTACTS, "c-client": models.XeroContact("c-client", "ABC Customer ltd")}
    decision = exception(decided(shown(payment(), contacts=without)))
    held = closed(row(Status.EXCEPTION, decision.entry))
    assert decided(CASES[Kind.PAYMENT], row=held).action is Action.LEAVE


# --- From before the start ----------------------------------------------------------------------

OLD = replace(POLICY, starts_on=dt.date(2020, 7, 1))


@pytest.mark.parametrize("kind", GONE)
def test_what_is_from_before_the_start_and_gone_is_for_a_person(kind: Kind) -> None:
    """What is older than the connection and goes is never closed by itself: it may be in LN."""
    first = exception(decided(GONE[kind], kind, policy=OLD), "if it was booked in LN (manually")
    held = row(Status.EXCEPTION, first.entry)
    exception(decided(GONE[kind], kind, held, policy=OLD), "if it was booked in LN (manually")
    released = rules.undiscarded(held, "ann", LATER)
    assert decided(GONE[kind], kind, released, policy=OLD).status is Status.DISCARDED
    assert decided(GONE[kind], kind).status is Status.DISCARDED


@pytest.mark.parametrize("kind", GONE)
def test_what_a_lost_record_may_have_sent_is_not_closed_quietly(kind: Kind) -> None:
    """What went in Xero and is older than a confirmed record without its row stays open: LN may have it."""
    day = decided(GONE[kind], kind).entry.day
    assert day is not None
    later, earlier = (replace(POLICY, confirmed_on=day + dt.timedelta(days=days)) for days in (0, -1))
    first = exception(decided(GONE[kind], kind, policy=later), "if it was booked in LN (manually")
    held = row(Status.EXCEPTION, first.entry)
    exception(decided(GONE[kind], kind, held, policy=later), "if it was booked in LN (manually")
    dated = {"updated_date_utc": DATE}
    newer = {
        Kind.PAYMENT: shown(payment(status="DELETED", **dated)),
        Kind.PREPAYMENT: shown(prepayment(status="VOIDED", **dated)),
        Kind.ALLOCATION: shown(prepayment("c-client", allocation(is_deleted=True), **dated)),
    }
    assert decided(newer[kind], kind, policy=earlier).status is Status.DISCARDED


@pytest.mark.parametrize("kind", GONE)
@pytest.mark.parametrize("reopened", [False, True])
def test_what_was_not_sent_by_a_copy_that_was_set_back_is_not_closed_quietly(
    kind: Kind, reopened: bool
) -> None:
    """What went in Xero stays open where its row may be of a copy set back: it may have been sent since."""
    held = row(Status.EXCEPTION, decided(CASES[kind], kind).entry)
    held = rules.undiscarded(held, "ann", held.changed_at) if reopened else held
    day = held.changed_at.date()
    later, earlier = (replace(POLICY, confirmed_on=day + dt.timedelta(days=days)) for days in (0, -1))
    exception(decided(GONE[kind], kind, held, policy=later), "or from a store that was lost")
    assert decided(GONE[kind], kind, held, policy=earlier).status is Status.DISCARDED


@pytest.mark.parametrize("date", [None, "rubbish", "2020-12-31"])
def test_what_is_gone_and_dated_ahead_or_not_at_all_is_for_a_person(date: str | None) -> None:
    """Where no date tells that what went is newer than the start and the record, it is not closed quietly."""
    gone = shown(payment(status="DELETED", date=date, updated_date_utc=DATE))
    confirmed = replace(POLICY, confirmed_on=dt.date(2020, 6, 1))
    exception(decided(gone, policy=confirmed), "if it was booked in LN (manually")
    from_start = decided(gone, policy=replace(POLICY, starts_on=dt.date(2020, 6, 1)))
    assert from_start.status is (Status.DISCARDED if date == "2020-12-31" else Status.EXCEPTION)
    assert decided(gone).status is Status.DISCARDED


@pytest.mark.parametrize("kind", GONE)
def test_what_was_for_people_and_goes_is_an_exception_until_one_closes_it(kind: Kind) -> None:
    """What was to be booked in LN manually and goes in Xero is told again in each run, until it is closed."""
    held = row(Status.UNSUPPORTED, decided(CASES[kind], kind).entry)
    for _ in range(2):
        told = exception(decided(GONE[kind], kind, held), "if it was booked in LN (manually")
        held = after(held, told)
    assert decided(GONE[kind], kind, closed(held)).action is Action.LEAVE
    reopened = rules.undiscarded(held, "ann", LATER)
    assert decided(GONE[kind], kind, reopened).status is Status.DISCARDED


def test_what_no_end_was_made_of_and_xero_no_longer_shows_is_left_open() -> None:
    """A run that only leaves something that Xero no longer shows does not say that all is done."""
    summary = PaymentsSummary(None, "default", flow_run_id="run-1", since=AT, until=LATER)
    assert (summary.left_open, "no payments." in summary.sentence()) == (0, True)
    summary.unseen = [row(Status.EXCEPTION, decided(CASES[Kind.PAYMENT]).entry)]
    assert (summary.left_open, "no longer shows 1 open document" in summary.sentence()) == (1, True)


def test_what_an_earlier_run_left_open_is_open_still() -> None:
    """A run does not say that all is done while what an earlier one found is open, though it met it not."""
    summary = PaymentsSummary(None, "default", flow_run_id="run-2", since=AT, until=LATER)
    assert not summary.anything_open
    summary.open = [row(Status.EXCEPTION, decided(CASES[Kind.PAYMENT]).entry)]
    assert (summary.left_open, summary.anything_open) == (0, True)


def test_an_allocation_held_for_a_person_that_vanishes() -> None:
    """A part applied before the start, held for a person, that Xero no longer shows stays an exception."""
    everything = CASES[Kind.ALLOCATION]
    held = row(Status.EXCEPTION, decided(everything, Kind.ALLOCATION).entry)
    without = shown(prepayment())
    (deleted_since_post,) = removed(documents(without), [held])
    exception(classify(deleted_since_post, held, None, without, OLD), "reverse it there")


# --- Removed, and made again alike --------------------------------------------------------------

UNNAMED = shown(prepayment("c-client", allocation(allocation_id=None)))
WITHOUT = shown(prepayment())


def removed_from(held: AuditRow) -> AuditRow:
    """Return the row once Xero no longer shows the allocation."""
    (deleted_since_post,) = removed(documents(WITHOUT), [held])
    return after(held, classify(deleted_since_post, held, None, WITHOUT, POLICY))


@pytest.mark.parametrize("status", [Status.SENT, Status.UNKNOWN, None])
@pytest.mark.parametrize("manual", [False, True])
def test_an_allocation_made_again_alike_is_told(status: Status | None, manual: bool) -> None:
    """What LN has, or may have, and is removed and made again under the same id is told until closed."""
    decision = decided(UNNAMED, Kind.ALLOCATION)
    held = removed_from(row(status, decision.entry, decision.message))
    if manual:
        held = closed(held)
    for _ in range(2):
        again = decided(UNNAMED, Kind.ALLOCATION, held)
        exception(again, "deleted in Xero and an identical one created", *(["ann"] if manual else []))
        held = after(held, again)
    assert held.status is Status.EXCEPTION
    assert decided(UNNAMED, Kind.ALLOCATION, closed(held)).action is Action.LEAVE


@pytest.mark.parametrize("status", [Status.UNKNOWN, None])
def test_what_is_made_again_while_in_doubt_is_not_sent_for_an_odd_value(status: Status | None) -> None:
    """What is in doubt, went and is there again is told as such, whatever of it cannot be read."""
    sent = decided(shown(payment()))
    held = row(status, sent.entry, sent.message)
    gone = after(held, decided(shown(payment(status="DELETED")), row=held))
    exception(decided(shown(payment(problem="Xero gives null for X")), row=gone), "identical one created")


def test_an_allocation_that_was_never_sent_is_sent_when_it_is_made_again() -> None:
    """What was refused, removed and so closed by the connector goes out once it is there again."""
    decision = decided(UNNAMED, Kind.ALLOCATION)
    held = removed_from(row(Status.FAILED, decision.entry, decision.message))
    assert held.status is Status.DISCARDED
    again = decided(UNNAMED, Kind.ALLOCATION, held)
    assert again.action is Action.SEND
    posted = rules.posting(held, again.entry, again.message.decode(), "run-3", LATER)
    assert posted.status is Status.UNKNOWN


# --- Statuses that nobody knows -----------------------------------------------------------------


@pytest.mark.parametrize("status", ["VOIDED", "DRAFT", "", "PAID", "authorised", "SOMETHING-NEW"])
def test_a_payment_of_odd_status_is_never_live_money(status: str) -> None:
    """A payment that Xero calls neither authorised nor deleted is an exception, new, in doubt or in LN."""
    now = shown(payment(status=status))
    exception(decided(now), "Not sent", status)
    for held, said in (
        (Status.SENT, "LN has it"),
        (Status.UNKNOWN, "LN may have it"),
        (Status.FAILED, "Not"),
    ):
        row_ = every_row(Kind.PAYMENT)[str(held)]
        exception(decided(now, row=row_), said)
        exception(decided(now, row=closed(row_)), "status in Xero live -> ")
        seen_to = closed(after(row_, decided(now, row=row_)))
        assert decided(now, row=seen_to).action is Action.LEAVE
        exception(decided(CASES[Kind.PAYMENT], row=seen_to), "-> live")


@pytest.mark.parametrize("status", ["DRAFT", "", "SUBMITTED"])
def test_a_prepayment_of_odd_status_and_its_parts_are_never_live_money(status: str) -> None:
    """A prepayment of a status that nobody knows is an exception, and so is what was applied of it."""
    now = shown(prepayment("c-client", allocation(), status=status))
    for kind in (Kind.PREPAYMENT, Kind.ALLOCATION):
        exception(decided(now, kind), "Not sent")


def test_a_prepayment_that_is_used_up_is_live() -> None:
    """A prepayment of which nothing is left is paid, and goes out like any other."""
    assert decided(shown(prepayment(status="PAID")), Kind.PREPAYMENT).action is Action.SEND


# --- Cash ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_cash_rows_the_live_one_counts(turned: bool) -> None:
    """The bank account of a prepayment is that of its live bank transaction, in whatever order they come."""
    rows = [cash(OTHER_BANK, "DELETED"), cash(BANK)]
    now = shown(prepayment(), bank_transactions=rows[::-1] if turned else rows, accounts=TWO_BANKS)
    assert only(documents(now), Kind.PREPAYMENT).account_id == BANK
    assert days_to_read(now) == set()


def test_deleted_cash_is_no_cash() -> None:
    """A prepayment whose only bank transaction was deleted is not sent, and the live one is looked for."""
    now = shown(prepayment(), bank_transactions=[cash(BANK, "DELETED")])
    exception(decided(now, Kind.PREPAYMENT), "bank account")
    assert days_to_read(now) == {dt.date(2020, 6, 29)}


def test_cash_in_two_accounts_is_not_guessed() -> None:
    """A prepayment with live bank transactions in two accounts is an exception that says so."""
    now = shown(prepayment(), bank_transactions=[cash(BANK), cash(OTHER_BANK)], accounts=TWO_BANKS)
    exception(decided(now, Kind.PREPAYMENT), "more than one bank account")


# --- Credit notes, and rates --------------------------------------------------------------------


def note(*allocations: models.XeroAllocation) -> models.Shown:
    """Return a credit note of which this was applied."""
    made = models.XeroCreditNote(
        credit_note_id="cn-1",
        status="AUTHORISED",
        contact=models.XeroContact("c-client"),
        date=DATE,
        total=Decimal(9),
        currency_code="EUR",
        allocations=list(allocations),
    )
    return shown(credit_notes=[made])


@pytest.mark.parametrize("allocation_id", ["x-1", None])
def test_what_is_applied_of_a_credit_note_is_for_people(allocation_id: str | None) -> None:
    """Each application of a credit note is unsupported, with its invoice; the note itself is no document."""
    everything = note(allocation(allocation_id=allocation_id))
    (document,) = documents(everything)
    decision = classify(document, None, None, everything, POLICY)
    assert (decision.action, decision.status) == (Action.NOTE, Status.UNSUPPORTED)
    assert (decision.entry.invoice_number, decision.entry.amount) == ("303-SI1-1234567890", "1.0")
    held = row(Status.UNSUPPORTED, decision.entry)
    (deleted_since_post,) = removed(documents(note()), [held])
    gone = classify(deleted_since_post, row_of(deleted_since_post, {held.key: held}), None, note(), POLICY)
    assert (gone.status, "reverse it there" in gone.reason) == (Status.EXCEPTION, True)


def wholes(
    *allocations: models.XeroAllocation, problem: str = "", status: str = "AUTHORISED"
) -> dict[str, models.Shown]:
    """Return an overpayment and a credit note of which this was applied."""
    said: dict[str, Any] = {
        "status": status,
        "contact": models.XeroContact("c-client"),
        "date": DATE,
        "total": Decimal(9),
        "currency_code": "EUR",
        "currency_rate": Decimal("1.1"),
        "allocations": list(allocations),
        "problem": problem,
    }
    overpaid = models.XeroOverpayment(overpayment_id="w-1", type="RECEIVE-OVERPAYMENT", **said)
    return {
        "overpayment": shown(overpaid),
        "credit note": shown(credit_notes=[models.XeroCreditNote(credit_note_id="w-1", **said)]),
    }


@pytest.mark.parametrize("which", ["overpayment", "credit note"])
def test_what_cannot_be_read_of_the_whole_takes_nothing_away(which: str) -> None:
    """What is applied of an overpayment or credit note that is not shown whole is not called gone."""
    whole = wholes(allocation())[which]
    (applied,) = [one for one in documents(whole) if one.key.kind is Kind.ALLOCATION]
    held = row(Status.UNSUPPORTED, classify(applied, None, None, whole, POLICY).entry)
    odd = wholes(problem="Xero gives null for Allocations")[which]
    assert removed(documents(odd), [held]) == []
    (document,) = documents(odd)
    exception(classify(document, None, None, odd, POLICY), "null for Allocations")
    assert [one.key for one in removed(documents(wholes()[which]), [held])] == [held.key]
    voided = wholes(problem="Xero gives null for Allocations", status="VOIDED")[which]
    assert [one.key for one in removed(documents(voided), [held])] == [held.key]


def test_a_credit_note_that_can_be_read_again_is_closed_and_opens_with_its_next_problem() -> None:
    """An unreadable credit note's exception ends with what caused it, and comes again with it."""
    odd, whole = (wholes(problem=said)["credit note"] for said in ("Xero gives null for Allocations", ""))
    (document,) = documents(odd)
    first = classify(document, None, None, odd, POLICY)
    held = rules.noted(None, first.entry, Status.EXCEPTION, first.reason, "run-1", AT)
    (deleted_since_post,) = removed(documents(whole), [held])
    ended = after(held, classify(deleted_since_post, held, None, whole, POLICY))
    assert (ended.closed_by_connector, "reverse" in ended.reason) == (True, False)
    assert removed(documents(whole), [ended]) == []
    exception(classify(document, ended, None, odd, POLICY), "null for Allocations")
    assert removed(documents(whole), [closed(held)]) == []


@pytest.mark.parametrize("said", ["1", "0", "yes", ""])
@pytest.mark.parametrize("status", [None, Status.UNKNOWN, Status.SENT])
def test_an_allocation_that_may_be_deleted_is_neither_live_nor_gone(said: str, status: Status | None) -> None:
    """Anything but true, false and null for IsDeleted is an exception, whatever became of it before."""
    decision = decided(CASES[Kind.ALLOCATION], Kind.ALLOCATION)
    held = row(status, decision.entry, decision.message) if status else None
    odd = shown(prepayment("c-client", allocation(is_deleted=said)))
    assert "IsDeleted" in only(documents(odd), Kind.ALLOCATION).problem
    exception(decided(odd, Kind.ALLOCATION, held), "IsDeleted")


@pytest.mark.parametrize(
    ("said", "status"), [(True, "gone"), ("True", "gone"), (False, "live"), ("false", "live"), (None, "live")]
)
def test_a_word_on_deletion_is_taken(said: bool | str | None, status: str) -> None:
    """True and false, as texts as well, and null say whether an allocation stands."""
    found = only(documents(shown(prepayment("c-client", allocation(is_deleted=said)))), Kind.ALLOCATION)
    assert (found.status, found.problem) == (status, "")


@pytest.mark.parametrize(
    ("base", "rate", "hinted"),
    [("GBP", "1", True), ("GBP", "1.000", True), ("GBP", "1.09177", False), ("EUR", "1", False)],
)
def test_a_foreign_document_at_rate_one_is_hinted_at(base: str, rate: str, hinted: bool) -> None:
    """A document in a foreign currency at the rate 1 goes out, with a hint; in the base currency without."""
    decision = decided(shown(payment(currency_rate=Decimal(rate)), base_currency=base))
    assert decision.action is Action.SEND
    assert ("EUR at exchange rate 1" in decision.hint) is hinted
