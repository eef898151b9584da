"""The part of a payment connection that decides on documents. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from blocks.audit_rows import Kind
from blocks.payment_connection import PaymentConnection
from flows.payments.documents import Role
from flows.payments.message import PREPAYMENT_FIELD


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of the connection that decides on documents."""

    connection: str
    document_types: Mapping[Role, int]
    prepayment_field: str = PREPAYMENT_FIELD
    bank_numbers: Mapping[str, str] = field(default_factory=dict)
    hold_unknown: frozenset[Kind] = frozenset()
    # The day (UTC) from which on documents are this connection's; None holds nothing back for its date.
    starts_on: dt.date | None = None
    # The day (UTC) on which a person confirmed a record that may be new: LN may have what is dated up to then
    # from an earlier one, or by hand. None where none had to.
    confirmed_on: dt.date | None = None


def policy_of(name: str, connection: PaymentConnection) -> Policy:
    """Return the policy of a connection, under the name that its audit rows bear."""
    unknown = {
        Kind.PAYMENT: connection.unknown_payments,
        Kind.PREPAYMENT: connection.unknown_prepayments,
        Kind.ALLOCATION: connection.unknown_allocations,
    }
    return Policy(
        name,
        {
            Role.SALES_PAYMENT: connection.type_sales_payment,
            Role.PURCHASE_PAYMENT: connection.type_purchase_payment,
            Role.SUPPLIER_PREPAYMENT: connection.type_supplier_prepayment,
            Role.CLIENT_PREPAYMENT: connection.type_client_prepayment,
        },
        connection.prepayment_field,
        connection.bank_numbers,
        frozenset(kind for kind, choice in unknown.items() if choice == "hold"),
    )
