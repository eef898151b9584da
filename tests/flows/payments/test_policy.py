"""From a connection's settings to the policy that decides."""

from __future__ import annotations

from blocks.store.audit_rows import Kind
from flows.payments.documents import Role
from flows.payments.run import policy_of
from tests.helpers.connections import payment_connection


def test_the_settings_reach_the_policy() -> None:
    """Each setting of the connection ends where it decides; 3 is the supplier's side, 4 the client's."""
    plain = policy_of("acme", payment_connection())
    assert plain.connection == "acme"
    assert plain.document_types == {
        Role.SALES_PAYMENT: 1,
        Role.PURCHASE_PAYMENT: 2,
        Role.SUPPLIER_PREPAYMENT: 3,
        Role.CLIENT_PREPAYMENT: 4,
    }
    assert plain.hold_unknown == frozenset()
    made = policy_of(
        "acme",
        payment_connection(
            type_client_prepayment=40,
            prepayment_field="XeroPrepaymentID",
            bank_numbers={"a": "01"},
            unknown_prepayments="hold",
            unknown_allocations="hold",
        ),
    )
    assert made.document_types[Role.CLIENT_PREPAYMENT] == 40
    assert (made.prepayment_field, made.bank_numbers) == ("XeroPrepaymentID", {"a": "01"})
    assert made.hold_unknown == {Kind.PREPAYMENT, Kind.ALLOCATION}
