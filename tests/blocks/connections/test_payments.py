"""Payment connections: their policy, and how a run finds one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from blocks.__main__ import _save
from blocks.connections.environment import Connections
from blocks.connections.journals import JournalConnection
from blocks.connections.lookup import provided
from blocks.connections.payments import PaymentConnection
from blocks.errors import UsageError
from tests.helpers.connections import CANARY, journal_connection, payment_connection


def test_the_policy_where_none_is_given() -> None:
    """Without a policy the types are the published ones, and unknown outcomes are sent again."""
    made = payment_connection()
    assert (
        made.type_sales_payment,
        made.type_purchase_payment,
        made.type_supplier_prepayment,
        made.type_client_prepayment,
    ) == (1, 2, 3, 4)
    assert made.prepayment_field == "XeroPprepaymentID"
    assert {made.unknown_payments, made.unknown_prepayments, made.unknown_allocations} == {"send"}
    assert (made.process_until, made.start, made.mambu) == ("now", None, None)


def test_a_start_is_an_instant() -> None:
    """A start has its offset and is kept in UTC; one without is refused, for it names no instant."""
    assert payment_connection(start="2026-11-01T00:00:00+01:00").start == datetime(
        2026, 10, 31, 23, tzinfo=UTC
    )
    with pytest.raises(ValidationError, match="start"):
        payment_connection(start="2026-11-01T00:00:00")


@pytest.mark.parametrize(
    "policy",
    [
        {"start": "0001-01-01T00:00:00+14:00"},
        {"start": "9999-12-31T23:59:59-12:00"},
        {"start": "0001-01-01T00:00:00Z"},
        {"type_sales_payment": 2},
        {"type_client_prepayment": 3},
        {"type_sales_payment": -1},
        {"prepayment_field": "XeroPaymentID"},
        {"prepayment_field": "a b"},
        {"prepayment_field": ""},
        {"process_until": "tomorrow"},
        {"unknown_payments": "drop"},
        {"bank_numbers": {"a": " "}},
        {"bank_numbers": {"": "1"}},
        {"overlap_minutes": -1},
        {"ln_concurrency": 0},
        {"xero_concurrency": 6},
    ],
)
def test_a_policy_that_cannot_be(policy: dict[str, Any]) -> None:
    """Types that are alike, a field that is another's, and what the systems could not bear are refused."""
    with pytest.raises(ValidationError):
        payment_connection(**policy)


def test_bank_numbers_are_kept_as_texts() -> None:
    """A number keeps its leading zeros, and loses the blanks around it."""
    assert payment_connection(bank_numbers={"a": " 00000001 "}).bank_numbers == {"a": "00000001"}


def test_no_secret_shows() -> None:
    """Neither a connection nor its JSON shows a secret of its parts."""
    made = payment_connection()
    assert CANARY not in f"{made}{made!r}{made.model_dump_json()}{made.model_dump()!r}"
    assert "CANARY" not in made.model_dump_json()


async def test_two_kinds_can_have_one_name() -> None:
    """A journal connection and a payment connection that are provided under one name are both found."""
    journals, payments = journal_connection(), payment_connection()
    with provided({"default": journals}), provided({"default": payments}):
        assert await JournalConnection.named("default") is journals
        assert await PaymentConnection.named("default") is payments


async def test_saved_connections_are_loaded_whole(prefect: None, tmp_path: Path) -> None:
    """Both kinds saved under one name come back with their parts, secrets and policy."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    journals, payments = journal_connection(), payment_connection(start=start, bank_numbers={"a": "01"})
    await _save("both", Connections(journals, payments))
    found = await PaymentConnection.named("both")
    assert found.ln.client_secret.get_secret_value() == payments.ln.client_secret.get_secret_value()
    assert found.ln.access_key is not None
    assert (found.ln.company, found.start, found.bank_numbers) == (303, start, {"a": "01"})
    assert found.mambu is not None
    assert found.mambu.base_url == journals.mambu.base_url
    assert (await JournalConnection.named("both")).xero.scopes == journals.xero.scopes
    await _save("alone", Connections(None, payment_connection()))
    assert (await PaymentConnection.named("alone")).mambu is None
    with pytest.raises(UsageError, match="no connection named 'alone'"):
        await JournalConnection.named("alone")
