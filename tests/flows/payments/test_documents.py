"""What Xero shows, as documents."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.store.audit_rows import Kind, Status
from blocks.xero.payment_models import (
    XeroAccountRef,
    XeroBankTransaction,
    XeroContact,
    XeroInvoice,
    XeroOverpayment,
)
from flows.payments.documents import contacts_to_read, days_to_read, documents, in_order, invoices_to_read
from tests.helpers.payments import (
    BANK,
    CLIENT,
    DATE,
    PURCHASE,
    SALE,
    allocation,
    decided,
    examples,
    payment,
    prepayment,
    shown,
)

LATER = "/Date(1593475200000+0000)/"


def made_ids(*allocations: object, prepayment_id: str = "p-1") -> list[str]:
    """Return the ids of allocations that Xero gave none."""
    found = documents(shown(prepayment(CLIENT, *allocations, prepayment_id=prepayment_id)))  # type: ignore[arg-type]
    return [one.key.xero_id for one in found if one.key.kind is Kind.ALLOCATION]


def test_prepayments_go_first_allocations_last() -> None:
    """LN hears of a prepayment before it hears of what refers to it, and of older things first."""
    overpayment = XeroOverpayment(overpayment_id="o-1", type="RECEIVE-OVERPAYMENT", status="AUTHORISED")
    found = documents(
        shown(
            payment(payment_id="late", date=LATER),
            payment(payment_id="early"),
            prepayment(CLIENT, allocation(), date=LATER),
            overpayment,
        )
    )
    assert [(one.key.kind, one.key.xero_id[:5]) for one in found] == [
        (Kind.PREPAYMENT, "abcde"),
        (Kind.OVERPAYMENT, "o-1"),
        (Kind.PAYMENT, "early"),
        (Kind.PAYMENT, "late"),
        (Kind.ALLOCATION, "5678-"),
    ]


@given(st.permutations(range(6)))
@examples
def test_the_order_is_the_same_however_xero_lists(order: list[int]) -> None:
    """The order of delivery does not depend on the order in which Xero lists things."""
    found = documents(
        shown(
            *[payment(payment_id=f"p-{number}") for number in range(3)],
            prepayment(CLIENT, allocation(), allocation(PURCHASE, allocation_id="x")),
        )
    )
    assert in_order([found[place] for place in order]) == found


def test_a_payment_takes_what_is_its_invoices() -> None:
    """Currency, number and contact are those of the invoice as it was read, amount and rate the payment's."""
    (found,) = documents(shown(payment()))
    assert (found.currency, found.invoice_number, found.contact_id) == ("EUR", "303-SI1-1234567890", CLIENT)
    assert (found.amount, found.rate, found.day) == (
        Decimal("1.00"),
        Decimal("1.09177"),
        dt.date(2020, 6, 29),
    )


def test_an_allocation_takes_what_is_its_prepayments() -> None:
    """Date and amount are the allocation's; bank account, currency, rate and contact the prepayment's."""
    item = allocation(date=LATER, amount=Decimal(7))
    _, found = documents(shown(prepayment(CLIENT, item, currency_code="USD", currency_rate=Decimal("1.3"))))
    assert (found.day, found.amount) == (dt.date(2020, 6, 30), Decimal(7))
    assert (found.currency, found.rate, found.account_id) == ("USD", Decimal("1.3"), "a-bank")
    assert found.prepayment_id == "abcde-abcde-abcde-abcde"


def test_xeros_number_of_a_prepayment_is_no_invoice() -> None:
    """A prepayment has no invoice number and its own id as the prepayment's."""
    (found,) = documents(shown(prepayment()))
    assert (found.invoice_number, found.prepayment_id) == ("", found.key.xero_id)


# --- Ids for allocations without one ------------------------------------------------------------


def test_an_allocation_without_an_id_gets_a_lasting_one() -> None:
    """The id made for an allocation is a UUID that never changes: LN knows the allocation by it."""
    (made,) = made_ids(allocation(allocation_id=None))
    assert UUID(made).version == 5
    assert made == "6a27a2b0-cabb-547a-9567-f1397aa4be4d"


def test_the_made_id_is_kept_beside_xeros() -> None:
    """Where Xero gives an id, the one that would have been made is the document's other key."""
    (made,) = made_ids(allocation(allocation_id=None))
    _, found = documents(shown(prepayment(CLIENT, allocation(), prepayment_id="p-1")))
    assert found.other_key is not None
    assert (found.key.xero_id, found.other_key.xero_id) == ("5678-5678-5678-5678", made)


@pytest.mark.parametrize(
    "other", [{"amount": Decimal("1.01")}, {"date": LATER}, {"invoice": XeroInvoice(PURCHASE)}]
)
def test_what_differs_has_another_id(other: dict[str, object]) -> None:
    """Another amount, date, invoice or prepayment makes another id."""
    first = allocation(allocation_id=None)
    assert len(set(made_ids(first, allocation(**{"allocation_id": None, **other})))) == 2
    assert made_ids(first) != made_ids(first, prepayment_id="p-2")


@given(st.integers(1, 5), st.sampled_from(["1", "1.0", "1.00"]))
@examples
def test_equal_allocations_have_ids_of_their_own(count: int, amount: str) -> None:
    """Equal allocations are told apart by their number, whatever the spelling of the amount."""
    found = made_ids(*[allocation(allocation_id=None, amount=Decimal(amount))] * count)
    assert len(set(found)) == count
    assert found == made_ids(*[allocation(allocation_id=None)] * count)


# --- What is to be read -------------------------------------------------------------------------


def test_thin_invoices_are_to_be_read() -> None:
    """Invoices without number, currency or contact are named once; whole ones and refunds' are not."""
    whole = XeroInvoice("i-whole", "303", "ACCREC", "EUR", XeroContact("c"))
    everything = shown(
        payment("i-1"),
        payment("i-1"),
        payment(invoice=whole),
        payment(payment_type="ARCREDITPAYMENT", invoice=XeroInvoice("i-note")),
        payment(invoice=None),
        payment(SALE),
        prepayment(CLIENT, allocation("i-2"), allocation(invoice=XeroInvoice("i-3", "303", None, "EUR"))),
    )
    assert invoices_to_read(everything) == {"i-1", "i-2", "i-3"}


def test_contacts_are_to_be_read_always() -> None:
    """Every contact of what can be sent is named, since nested ones lack their number."""
    found = documents(shown(payment(), payment(payment_type="ARCREDITPAYMENT"), prepayment("c-other")))
    assert contacts_to_read(found, {}) == {CLIENT, "c-other"}
    assert contacts_to_read(found, {CLIENT: XeroContact(CLIENT)}) == {"c-other"}


def test_days_of_prepayments_without_cash() -> None:
    """The day of a prepayment whose bank transaction was not read is named, for it to be looked for."""
    assert days_to_read(shown(prepayment())) == set()
    without = shown(prepayment(), prepayment(prepayment_id="q", date=None), bank_transactions=[])
    assert days_to_read(without) == {dt.date(2020, 6, 29)}
    assert DATE.startswith("/Date(1593388800000")


@pytest.mark.parametrize("odd", ["1E+99999999", "1E-99999999", "NaN"])
def test_what_is_no_amount_is_an_exception(odd: str) -> None:
    """A payment of an amount that no ledger has is an exception, at once, and nothing of it is sent."""
    found = decided(shown(payment(amount=Decimal(odd))))
    assert found.status is Status.EXCEPTION
    assert "amount" in found.reason
    assert found.message == b""


@pytest.mark.parametrize(
    ("said", "deleted"), [(True, True), ("true", True), (False, False), ("false", False)]
)
def test_a_part_that_was_taken_back_is_deleted(said: bool | str, deleted: bool) -> None:
    """What was applied of a prepayment and taken back since is deleted, however Xero writes that."""
    found = documents(shown(prepayment(CLIENT, allocation(is_deleted=said))))
    (part,) = [one for one in found if one.key.kind is Kind.ALLOCATION]
    assert part.deleted is deleted


def test_deleted_cash_of_a_prepayment_does_not_count() -> None:
    """A prepayment's bank account is that of the cash that stands, not of what was deleted."""
    one = prepayment(CLIENT)
    cash = [
        XeroBankTransaction(status, "RECEIVE", status, XeroAccountRef(account), one.prepayment_id)
        for status, account in (("DELETED", "a-other"), ("AUTHORISED", BANK))
    ]
    (document,) = documents(shown(one, bank_transactions=cash))
    assert (document.account_id, document.cash_problem) == (BANK, "")


@pytest.mark.parametrize("kind", ["RECEIVE-OVERPAYMENT", "SPEND-OVERPAYMENT"])
def test_an_overpayment_has_no_counterpart(kind: str) -> None:
    """An overpayment is nothing that LN knows: it goes out as no kind of document."""
    (document,) = documents(shown(XeroOverpayment(overpayment_id="o-1", type=kind, status="AUTHORISED")))
    assert document.role is None
