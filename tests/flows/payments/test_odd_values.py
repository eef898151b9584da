"""One odd value in what Xero or LN says: a row that names it, and everything else goes out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from blocks.store.audit_rows import AuditRow, Entry, Key, Kind, Status
from blocks.xero.payment_models import Shown, XeroBankAccount, XeroContact, XeroPayment, XeroPrepayment
from flows.payments.documents import documents, removed
from tests.helpers.deliveries import LN, run
from tests.helpers.payments import ACCOUNTS, CLIENT, CONTACTS, DATE, SALE, decided, payment, row, shown
from tests.helpers.sandboxed import Sandboxed
from tests.helpers.scripted import answer
from tests.helpers.stores import Database
from tests.helpers.trading import books_agree, pay, prepay, statuses
from tests.helpers.xero_payments import page, raw, reading

GOOD: dict[str, Any] = {
    "PaymentID": "p-good",
    "PaymentType": "ACCRECPAYMENT",
    "Status": "AUTHORISED",
    "Date": DATE,
    "Amount": Decimal("1.50"),
    "CurrencyRate": Decimal("1.1"),
    "Account": {"AccountID": "a-bank"},
    "Invoice": {"InvoiceID": SALE, "InvoiceNumber": "303-SI1-1234567890"},
}
PREPAID: dict[str, Any] = {
    "PrepaymentID": "q-good",
    "Type": "RECEIVE-PREPAYMENT",
    "Status": "AUTHORISED",
    "Contact": {"ContactID": CLIENT},
    "Date": DATE,
    "Total": Decimal(9),
    "CurrencyCode": "EUR",
    "CurrencyRate": Decimal("1.1"),
    "Allocations": [],
}
FIFTY_DIGITS = "12345678901234567890123456789012345678901234567890"
LONG = "x" * 300


def body(name: str, *items: Any) -> str:
    """Return the JSON of a list of one page; an amount is written as it is, be it a Decimal or a text."""
    text = json.dumps({"pagination": {"pageCount": 1, "itemCount": len(items)}, name: items}, default=str)
    return text.replace('"<', "").replace('>"', "")


async def read(payments: tuple[Any, ...] = (), prepayments: tuple[Any, ...] = ()) -> Shown:
    """Read what Xero lists, and return it with the details of the samples."""
    steps = (raw(body("Payments", *payments)), raw(body("Prepayments", *prepayments)))
    async with reading(*steps) as (xero, _):
        found: list[XeroPayment | XeroPrepayment] = [*await xero.payments(), *await xero.prepayments()]
    return shown(*found)


def other(item: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a payment or prepayment of which something is odd."""
    key = "PaymentID" if "PaymentID" in item else "PrepaymentID"
    return {**item, key: "odd", **changes}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Status": None}, "no status"),
        ({"PaymentType": None}, "null for PaymentType"),
        ({"PaymentType": {"a": 1}}, "for PaymentType"),
        ({"Date": None}, "no date"),
        ({"Date": 5}, "no date"),
        ({"Date": "/Date(99999999999999999999)/"}, "no date"),
        ({"Amount": None}, "amount is missing"),
        ({"Amount": "abc"}, "Xero gives abc for Amount"),
        ({"Amount": True}, "for Amount"),
        ({"Amount": "NaN"}, "amount is no number"),
        ({"Amount": f"<{FIFTY_DIGITS}>"}, "amount is no number"),
        ({"Amount": "<1E+99999999>"}, "amount is no number"),
        ({"Amount": "<1E-99999999>"}, "amount is no number"),
        ({"Amount": "<0E+99999999>"}, "amount is no number"),
        ({"CurrencyRate": "<1E+99999999>"}, "currency rate is no number"),
        ({"Account": None}, "bank account is unknown"),
        ({"Account": {"AccountID": None}}, "bank account is unknown"),
        ({"Account": []}, "for Account"),
        ({"Invoice": None}, "no number in Xero"),
        ({"Invoice": {"InvoiceID": None}}, "null for InvoiceID"),
        ({"Invoice": "303"}, "303, no object"),
        ({"Invoice": {"InvoiceID": "z", "InvoiceNumber": "303\0"}}, "InvoiceNumber holds characters"),
        ({"Invoice": {"InvoiceID": "z", "CurrencyCode": "EURO"}}, "currency code has 4 characters"),
        ({"PaymentID": None}, "null for PaymentID"),
        ({"PaymentID": ""}, "no id"),
        ({"PaymentID": LONG}, "id has 300 characters"),
        ({"PaymentID": "a\0b"}, "PaymentID holds characters"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_an_odd_payment_is_an_exception_and_the_rest_goes(
    database: Database, changes: dict[str, Any], says: str
) -> None:
    """What is odd of one payment is the reason of its row, with either store, and the others are sent."""
    everything = await read((other(GOOD, **changes), GOOD), (PREPAID,))
    ln, began = LN(), time.process_time()
    async with database.store() as store:
        await run(store, ln, everything)
        rows = await store.audit.rows("default")
        await run(store, ln, everything)
        assert states(rows) == states(await store.audit.rows("default"))
    (odd,) = [row for row in rows if row.status is not Status.SENT]
    assert (odd.status, says in odd.reason) == (Status.EXCEPTION, True), odd.reason
    assert sorted(ln.booked) == ["p-good", "q-good"]
    assert time.process_time() - began < 20


def states(rows: list[AuditRow]) -> list[tuple[object, ...]]:
    """Return what rows say of their documents."""
    return [(row.entry, row.result) for row in rows]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Allocations": None}, "null for Allocations"),
        ({"Allocations": {}}, "for Allocations"),
        ({"Type": None}, "null for Type"),
        ({"Total": None}, "amount is missing"),
        ({"Total": f"<{FIFTY_DIGITS}>"}, "total is no number"),
        ({"CurrencyCode": None}, "no currency"),
        ({"CurrencyCode": LONG}, "currency code has 300 characters"),
        ({"Contact": None}, "no contact"),
        ({"Contact": {"ContactID": None}}, "no contact"),
        ({"Contact": "c"}, "no contact"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_an_odd_prepayment_is_an_exception_and_the_rest_goes(
    database: Database, changes: dict[str, Any], says: str
) -> None:
    """The same of one prepayment."""
    everything = await read((GOOD,), (other(PREPAID, **changes), PREPAID))
    ln = LN()
    async with database.store() as store:
        await run(store, ln, everything)
        rows = await store.audit.rows("default")
    (odd,) = [row for row in rows if row.status is not Status.SENT]
    assert (odd.status, says in odd.reason) == (Status.EXCEPTION, True), odd.reason
    assert sorted(ln.booked) == ["p-good", "q-good"]


@pytest.mark.parametrize("element", [None, [], "x", {}, 7])
async def test_an_element_that_is_nothing_is_an_exception_too(element: object) -> None:
    """What stands in a list and is no document at all has a row all the same, which stays the same."""
    first, second = [documents(await read((element, GOOD))) for _ in range(2)]
    assert [one.key for one in first] == [one.key for one in second]
    (odd,) = [one for one in first if one.problem]
    assert odd.key.xero_id.startswith("without-id-")


async def test_an_odd_allocation_is_an_exception_and_the_others_go(database: Database) -> None:
    """Of a prepayment's allocations one that is odd holds back neither the prepayment nor the others."""
    good = {"AllocationID": "a-good", "Amount": 1, "Date": DATE, "Invoice": {"InvoiceID": SALE}}
    odd = [
        None,
        {**good, "AllocationID": LONG},
        {**good, "AllocationID": "odd", "Amount": f"<{FIFTY_DIGITS}>"},
        {**good, "AllocationID": "null", "Amount": None, "IsDeleted": None},
    ]
    ln = LN()
    async with database.store() as store:
        await run(store, ln, await read((), ({**PREPAID, "Allocations": [good, *odd]},)))
        rows = await store.audit.rows("default")
    assert sorted(ln.booked) == ["a-good", "q-good"]
    assert [row.status for row in rows].count(Status.EXCEPTION) == len(odd)


def test_an_odd_contact_or_account_holds_back_only_its_own() -> None:
    """A contact or bank account of which something cannot be read is the reason of what concerns it."""
    everything = shown(payment())
    contacts = {**CONTACTS, CLIENT: XeroContact(CLIENT, "A\ufffd", "300000366", problem="Name is odd")}
    assert "Name is odd" in decided(replace(everything, contacts=contacts)).reason
    accounts = {**ACCOUNTS, "a-bank": XeroBankAccount("a-bank", "BANK", "Main", "12345678", "Type is odd")}
    assert "Type is odd" in decided(replace(everything, accounts=accounts)).reason


async def test_details_with_odd_values_are_read() -> None:
    """Contacts, invoices, bank transactions and accounts are read one by one as well; NUL is named."""
    contacts = [{"ContactID": "a", "Name": "A\0B"}, {"ContactID": "b", "Name": None, "ContactNumber": 300}]
    invoices = [{"InvoiceID": "i", "InvoiceNumber": None}, {"InvoiceID": "j", "CurrencyCode": 7}]
    cash = [{"BankTransactionID": "t", "BankAccount": None}, {"BankTransactionID": None}]
    accounts = [{"AccountID": "a", "Type": None}, {"AccountID": "b", "Type": "BANK", "Name": "B"}]
    steps = [page("Contacts", contacts), page("Invoices", invoices), page("BankTransactions", cash)]
    async with reading(*steps, answer(200, {"Accounts": accounts})) as (xero, _):
        people = await xero.contacts(["a", "b"])
        bills = await xero.invoices(["i", "j"])
        transactions = await xero.bank_transactions()
        chart = await xero.accounts()
    assert (people["a"].name, "Name holds characters" in people["a"].problem) == ("A\ufffdB", True)
    assert (people["b"].contact_number, people["b"].problem) == ("300", "Xero gives null for Name")
    assert [bills[one].problem for one in "ij"] == ["", ""]
    assert [one.bank_transaction_id[:10] for one in transactions] == ["t", "without-id"]
    assert [chart[one].problem for one in "ab"] == ["Xero gives null for Type", ""]


async def test_a_list_that_is_null_is_empty_only_where_xero_says_so() -> None:
    """No list is an empty one where Xero states that nothing is in it, and else no answer."""
    assert documents(await read()) == []
    null = raw('{"pagination": {"pageCount": 0, "itemCount": 0}, "Payments": null}')
    async with reading(null) as (xero, _):
        assert await xero.payments() == []


async def test_what_cannot_be_read_is_not_taken_for_removed() -> None:
    """Where what is applied of a prepayment cannot be read, nothing of it counts as removed."""
    (whole,) = documents(await read((), (PREPAID,)))
    (odd,) = documents(await read((), ({**PREPAID, "Allocations": None},)))
    held = row(
        Status.SENT, Entry(Key("org", Kind.ALLOCATION, "a"), "default", prepayment_id="q-good", amount="1")
    )
    assert len(removed([whole], [held])) == 1
    assert removed([odd], [held]) == []


async def test_what_ln_has_and_cannot_be_read_any_more_is_told() -> None:
    """A prepayment that was sent and of which something is odd now is an exception, and is not sent again."""
    everything = await read((), ({**PREPAID, "Total": None, "Allocations": None},))
    entry = decided(await read((), (PREPAID,)), Kind.PREPAYMENT).entry
    decision = decided(everything, Kind.PREPAYMENT, row(Status.SENT, entry))
    assert decision.status is Status.EXCEPTION
    assert "it is unknown whether it has changed" in decision.reason
    unknown = decided(everything, Kind.PREPAYMENT, row(None, entry, b"{}"))
    assert unknown.message == b"{}"


async def test_ln_answers_with_what_no_store_holds(database: Database) -> None:
    """A NUL in LN's answer stops nothing: the row says it without, and both stores the same."""
    said = answer(422, b'{"error": {"code": "t\\u0000c", "message": "No\\u0000pe \\ud800"}}')
    async with database.store() as store:
        (done,) = await run(store, said, await read((GOOD,)))
        (held,) = await store.audit.rows("default")
    assert held == done.row
    assert "No\ufffdpe" in held.reason


# --- The whole run ------------------------------------------------------------------------------


@contextmanager
def altered(sandbox: Sandboxed, name: str, key: str, **changes: Any) -> Iterator[None]:
    """Let Xero list what it has with something odd in one of them."""
    xero = httpx.Client(base_url=f"{sandbox.process.url}/api.xro/2.0", timeout=60)
    connection = sandbox.payment_connection().xero
    token = xero.post(
        connection.token_url,
        data={"grant_type": "client_credentials", "scope": connection.scopes},
        auth=(connection.client_id, connection.client_secret.get_secret_value()),
    ).json()["access_token"]
    found = xero.get(name, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"}).json()
    items = [
        {**one, **changes} if one[f"{name.removesuffix('s')}ID"] == key.partition(":")[2] else one
        for one in found[name]
    ]
    odd = {**found, "pagination": {"pageCount": 1, "itemCount": len(items)}, name: items}
    sandbox.fault(
        {"system": "xero", "path": f"{name}$", "kind": "status", "status": 200, "times": 0, "body": odd}
    )
    yield
    sandbox.http.delete("/control/faults")


async def test_one_odd_prepayment_does_not_stop_a_run(quiet: Sandboxed) -> None:
    """With `"Allocations": null` in one prepayment a run sends all else, and that one once it is right."""
    odd, good, paid = prepay(quiet), prepay(quiet), pay(quiet)
    with altered(quiet, "Prepayments", odd, Allocations=None):
        outcome = await quiet.pay_run()
    outcome.completed()
    assert await statuses(quiet) == {odd: "exception", good: "sent", paid: "sent"}
    assert "null for Allocations" in (await quiet.audit())[odd].reason

    await quiet.pay_run()

    assert set((await statuses(quiet)).values()) == {"sent"}
    await books_agree(quiet)
