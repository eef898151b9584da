"""Reading what was paid from Xero."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any

import httpx
import pytest

from blocks.errors import NotAllowed, NotFound, Unavailable, UnusableAnswer
from blocks.xero import payments as xero_payments
from blocks.xero.payments import XeroPayments
from tests.helpers.scripted import Step, answer
from tests.helpers.xero_payments import page, raw, reading

SINCE = dt.datetime(2026, 11, 20, 12, 30, 15, tzinfo=dt.timezone(dt.timedelta(hours=2)))
Lister = Callable[[XeroPayments], Coroutine[Any, Any, Any]]
LISTS: list[tuple[str, str, Lister]] = [
    ("Payments", "PaymentID", lambda xero: xero.payments(SINCE)),
    ("Prepayments", "PrepaymentID", lambda xero: xero.prepayments(SINCE)),
    ("Overpayments", "OverpaymentID", lambda xero: xero.overpayments(SINCE)),
    ("BankTransactions", "BankTransactionID", lambda xero: xero.bank_transactions(SINCE)),
]


@pytest.mark.parametrize(("name", "key", "listed"), LISTS, ids=lambda value: str(value)[:20])
async def test_a_list_is_asked_for_as_xero_wants(name: str, key: str, listed: Lister) -> None:
    """A list is asked for in the largest pages, by id, as JSON, with the instant in Xero's own form."""
    async with reading(page(name, [{key: "1"}])) as (xero, script):
        assert len(await listed(xero)) == 1
    (request,) = script.requests
    assert request.url.path == f"/api.xro/2.0/{name}"
    assert dict(request.url.params) == {"page": "1", "pageSize": "1000", "order": f"{key} ASC"}
    assert request.headers["if-modified-since"] == "2026-11-20T10:30:15"
    assert request.headers["accept"] == "application/json"


async def test_years_have_four_digits() -> None:
    """A year before 1000 goes to Xero in four digits, in an instant as in a filter."""
    empty = page("BankTransactions", [])
    async with reading(empty, empty) as (xero, script):
        await xero.bank_transactions(SINCE.replace(year=999))
        await xero.bank_transactions_dated([dt.date(1, 1, 31)])
    changed, of_date = script.requests
    assert changed.headers["if-modified-since"] == "0999-11-20T10:30:15"
    assert of_date.url.params["where"] == "Date==DateTime(0001,01,31)"


@pytest.mark.parametrize(("name", "key", "listed"), LISTS, ids=lambda value: str(value)[:20])
async def test_all_pages_are_read(name: str, key: str, listed: Lister) -> None:
    """As many pages are read as Xero states, no more."""
    steps = [page(name, [{key: f"{number}"}], pages=3, count=3) for number in range(3)]
    async with reading(*steps) as (xero, script):
        assert len(await listed(xero)) == 3
    assert [request.url.params["page"] for request in script.requests] == ["1", "2", "3"]


async def test_a_list_that_moves_is_read_again() -> None:
    """Where fewer or other items came than Xero states, the whole list is read again."""
    a, b, c = ({"PaymentID": one} for one in "abc")
    moved = [page("Payments", [a], 2, 2), page("Payments", [a], 2, 2)]
    grown = [page("Payments", [a], 2, 2), page("Payments", [b, c], 2, 3)]
    still = [page("Payments", [a, b], 2, 3), page("Payments", [c], 2, 3)]
    async with reading(*moved, *grown, *still) as (xero, script):
        assert [one.payment_id for one in await xero.payments()] == ["a", "b", "c"]
    assert len(script.requests) == 6


async def test_a_list_that_never_stands_still_is_not_taken() -> None:
    """A list of which another number always came than stated is no complete list."""
    async with reading(page("Payments", [{"PaymentID": "a"}], count=2)) as (xero, script):
        with pytest.raises(Unavailable, match="changed during each reading"):
            await xero.payments()
    assert len(script.requests) == 4


def new_each_time(name: str, key: str, *, count: int, pages: int | None) -> Step:
    """Return a step that answers with a full page of items never seen before."""
    numbers = itertools.count()

    def give(request: httpx.Request) -> httpx.Response:
        found: dict[str, Any] = {name: [{key: f"{next(numbers)}"} for _ in range(10)]}
        if pages is not None:
            found["pagination"] = {"page": 1, "pageSize": 10, "pageCount": pages, "itemCount": count}
        return answer(200, found)(request)

    return give


# Lists that never end, and how many calls it takes to know.
ENDLESS: dict[str, tuple[Callable[[str, str], Step], int]] = {
    "same": (lambda name, key: page(name, [{key: "a"}], 10**9, 1), 2),
    "same, many stated": (lambda name, key: page(name, [{key: "a"}], 10**9, 10**9), 2),
    "same, none stated": (lambda name, key: answer(200, {name: [{key: "a"}]}), 2),
    "empty": (lambda name, _key: page(name, [], 10**9, 0), 1),
    "more than stated": (lambda name, key: new_each_time(name, key, count=25, pages=10**9), 3),
    "new": (lambda name, key: new_each_time(name, key, count=10**9, pages=10**9), 5),
    "new, unstated": (lambda name, key: new_each_time(name, key, count=0, pages=None), 5),
}


@pytest.mark.parametrize(("name", "key", "listed"), LISTS, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("how", ENDLESS)
async def test_every_list_ends(
    name: str, key: str, listed: Lister, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list whose pages repeat, bring nothing or never end is read four times at most, and not taken."""
    endless, calls = ENDLESS[how]
    monkeypatch.setattr(xero_payments, "_MOST_PAGES", 5)
    async with reading(endless(name, key)) as (xero, script):
        with pytest.raises(Unavailable, match="repeat or never end"):
            await listed(xero)
    assert len(script.requests) == 4 * calls


async def test_without_stated_pages_an_empty_one_is_the_last() -> None:
    """Where Xero states no pagination, pages are read to the first empty one."""
    steps = [answer(200, {"Payments": [{"PaymentID": one}]}) for one in "ab"]
    async with reading(*steps, answer(200, {"Payments": []})) as (xero, script):
        assert len(await xero.payments()) == 2
    assert len(script.requests) == 3


@pytest.mark.parametrize(
    "step", [answer(200, {"Id": "x"}), answer(200, {"Payments": [{}]}), answer(200, b"<html>"), answer(503)]
)
async def test_an_odd_answer_is_no_empty_list(step: Step) -> None:
    """An answer without the list, or with items without an id, is none; absence is never read from it."""
    async with reading(step) as (xero, _):
        with pytest.raises(Unavailable):
            await xero.payments()


async def test_a_payment_is_read_exactly() -> None:
    """Amounts and rates are the decimals that Xero wrote, with every digit."""
    body = (
        '{"Payments": [{"PaymentID": "p", "Date": "/Date(1593388800000)/", "Amount": 9007199254740993.01,'
        '"CurrencyRate": 1.0917700001, "PaymentType": "ACCRECPAYMENT", "IsReconciled": "true",'
        '"UpdatedDateUTC": "/Date(1593388800001+0000)/", "Account": {"AccountID": "a"},'
        '"BatchPayment": {"TotalAmount": "600.00"}, "Invoice": {"InvoiceID": "i", "InvoiceNumber": "303",'
        '"Contact": {"ContactID": "c", "Name": "Zoë", "Addresses": []}}}]}'
    )
    async with reading(raw(body), answer(200, {"Payments": []})) as (xero, _):
        (found,) = await xero.payments()
    assert (found.amount, found.currency_rate) == (Decimal("9007199254740993.01"), Decimal("1.0917700001"))
    assert found.account is not None
    assert found.account.account_id == "a"
    assert found.invoice is not None
    assert (found.invoice.invoice_number, found.invoice.currency_code) == ("303", None)
    assert found.invoice.contact is not None
    assert (found.invoice.contact.name, found.invoice.contact.contact_number) == ("Zoë", None)


async def test_a_prepayment_is_read_with_its_allocations() -> None:
    """Allocations are read with and without an id, and a removed one in either spelling."""
    allocations = [
        {"AllocationID": "x", "Amount": 1.5, "Date": "/Date(0)/", "Invoice": {"InvoiceID": "i"}},
        {"Amount": "2.25", "IsDeleted": "true"},
        {"Amount": 3, "IsDeleted": True},
    ]
    item = {"PrepaymentID": "p", "Type": "RECEIVE-PREPAYMENT", "Total": 10.10, "Allocations": allocations}
    async with reading(page("Prepayments", [item])) as (xero, _):
        (found,) = await xero.prepayments()
    assert found.total == Decimal("10.1")
    assert [one.amount for one in found.allocations] == [Decimal("1.5"), Decimal("2.25"), Decimal(3)]
    assert [one.allocation_id for one in found.allocations] == ["x", None, None]


async def test_open_prepayments_are_asked_for_by_status() -> None:
    """Prepayments with something left are asked for whenever they were changed."""
    async with reading(page("Prepayments", [])) as (xero, script):
        assert await xero.open_prepayments() == []
    assert script.requests[0].url.params["where"] == 'Status=="AUTHORISED"'
    assert "if-modified-since" not in script.requests[0].headers


async def test_one_prepayment() -> None:
    """A prepayment is read by its id; not there and no answer stay distinct."""
    gone = answer(404, b"The resource you're looking for cannot be found", content_type="text/plain")
    async with reading(page("Prepayments", [{"PrepaymentID": "p"}]), page("Prepayments", []), gone) as (
        xero,
        script,
    ):
        assert (await xero.prepayment("p")).prepayment_id == "p"
        with pytest.raises(UnusableAnswer):
            await xero.prepayment("q")
        with pytest.raises(NotFound):
            await xero.prepayment("r")
    assert script.requests[0].url.path.endswith("/Prepayments/p")


async def test_bank_transactions_of_days() -> None:
    """Bank transactions of days are asked for by their dates, twenty at a time and each day once."""
    days = [dt.date(2020, 6, 1) + dt.timedelta(days=number) for number in range(21)]
    one = {
        "BankTransactionID": "b",
        "PrepaymentID": "p",
        "Type": "RECEIVE",
        "BankAccount": {"AccountID": "a"},
    }
    async with reading(page("BankTransactions", [one]), page("BankTransactions", [])) as (xero, script):
        (found,) = await xero.bank_transactions_dated([*days, *days])
    assert (found.prepayment_id, found.type) == ("p", "RECEIVE")
    first, second = (request.url.params["where"] for request in script.requests)
    assert first.startswith("Date==DateTime(2020,06,01) OR Date==DateTime(2020,06,02) OR ")
    assert (first.count("Date=="), second) == (20, "Date==DateTime(2020,06,21)")


async def test_invoices_and_contacts_are_asked_for_in_bulk() -> None:
    """Forty ids go into one call, each once; archived contacts are not left out."""
    ids = [f"{number:036}" for number in range(41)]

    def all_of(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rsplit("/", 1)[1]
        key = "InvoiceID" if name == "Invoices" else "ContactID"
        return page(name, [{key: one} for one in request.url.params["IDs"].split(",")])(request)

    async with reading(all_of) as (xero, script):
        assert sorted(await xero.invoices([*ids, *ids, ""])) == ids
        assert sorted(await xero.contacts(ids)) == ids
        assert await xero.contacts([]) == {}
    assert len(script.requests) == 4
    assert all(len(str(request.url)) < 2000 for request in script.requests)
    assert ["includeArchived" in request.url.params for request in script.requests] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("moved", [False, True])
async def test_many_invoices_are_first_looked_for_among_the_changed(moved: bool) -> None:
    """Of many, those in the list of what changed need no ids, unless that list moved while it was read."""
    ids = [f"{number:036}" for number in range(201)]

    def invoices(request: httpx.Request) -> httpx.Response:
        if "IDs" in request.url.params:
            return page("Invoices", [{"InvoiceID": one} for one in request.url.params["IDs"].split(",")])(
                request
            )
        assert request.headers["if-modified-since"] == "2026-11-20T10:30:15"
        changed = [{"InvoiceID": one} for one in (*ids[:200], "another")]
        return page("Invoices", changed, count=205 if moved else None)(request)

    async with reading(invoices) as (xero, script):
        assert sorted(await xero.invoices(ids, SINCE)) == ids
        assert len(script.requests) == (7 if moved else 2)
        assert len(await xero.invoices(ids[:200], SINCE)) == 200
    assert "if-modified-since" not in script.requests[-1].headers


@pytest.mark.parametrize(
    ("name", "key", "read"),
    [
        ("Payments", "PaymentID", lambda xero, ids: xero.payments_named(ids)),
        ("Prepayments", "PrepaymentID", lambda xero, ids: xero.prepayments_named(ids)),
        ("Invoices", "InvoiceID", lambda xero, ids: xero.invoices(ids)),
        ("Contacts", "ContactID", lambda xero, ids: xero.contacts(ids)),
    ],
)
async def test_a_look_up_that_xero_refuses_is_made_one_by_one(
    name: str, key: str, read: Callable[[XeroPayments, Sequence[str]], Coroutine[Any, Any, Any]]
) -> None:
    """Where Xero refuses a list of ids, each is read by itself: one that is refused hides no other."""
    ids = [f"{number:08}-0000-0000-0000-000000000000" for number in range(4)]

    def xero_says(request: httpx.Request) -> httpx.Response:
        one = request.url.path.rpartition("/")[2]
        if one == name or one == ids[1]:
            return answer(400, {"Message": "The value is not valid"})(request)
        if one == ids[2]:
            return answer(404, b"not found", content_type="text/plain")(request)
        return page(name, [{key: one}])(request)

    async with reading(xero_says) as (xero, script):
        found = await read(xero, ids)
    listed = found.values() if isinstance(found, dict) else found
    assert [getattr(one, f"{name[:-1].lower()}_id") for one in listed] == [ids[0], ids[3]]
    assert len(script.requests) == 5


async def test_a_look_up_that_fails_otherwise_is_no_absence() -> None:
    """Where a single read fails, what it asks for is not taken for unknown to Xero."""
    async with reading(answer(400, {"Message": "no"}), answer(503)) as (xero, _):
        with pytest.raises(Unavailable):
            await xero.contacts(["a"])


async def test_ids_that_xero_does_not_know_are_absent() -> None:
    """An id that Xero does not answer is absent from what is returned."""
    async with reading(page("Contacts", [{"ContactID": "a", "MergedToContactID": "b"}])) as (xero, _):
        found = await xero.contacts(["a", "z"])
    assert list(found) == ["a"]
    assert found["a"].merged_to_contact_id == "b"


async def test_the_chart_is_read_whole() -> None:
    """Accounts come in one call, bank accounts without a code and with their number among them."""
    accounts = [
        {"AccountID": "a", "Type": "BANK", "BankAccountNumber": "01234512345678", "Name": "Main"},
        {"AccountID": "b", "Type": "CURRENT", "Code": "610"},
    ]
    async with reading(answer(200, {"Accounts": accounts})) as (xero, script):
        found = await xero.accounts()
    assert len(script.requests) == 1
    assert (found["a"].bank_account_number, found["b"].bank_account_number) == ("01234512345678", None)


@pytest.mark.parametrize(
    "odd",
    [
        *("1E+99999999", "-1E+99999999", "1E-99999999", "0E+99999999", '"NaN"', '"-Infinity"'),
        "1" * 5000,
        f"1.{'1' * 60}",
    ],
)
async def test_what_is_no_amount_is_missing(odd: str) -> None:
    """An amount or rate that no ledger has is missing, in every kind of document; all else is read."""
    fields = f'"Amount": {odd}, "Total": {odd}, "CurrencyRate": {odd}'
    body = (
        f'{{"Payments": [{{"PaymentID": "a", {fields}}}, {{"PaymentID": "b", "Amount": 1.10}}],'
        f'"Prepayments": [{{"PrepaymentID": "p", {fields}, "Allocations": [{{{fields}}}]}}],'
        f'"Overpayments": [{{"OverpaymentID": "o", {fields}}}],'
        '"pagination": {"pageCount": 1, "itemCount": %d}}'
    )
    async with reading(raw(body % 2), raw(body % 1)) as (xero, _):
        first, second = await xero.payments()
        (prepayment,), (overpayment,) = await xero.prepayments(), await xero.overpayments()
    assert (first.amount, first.currency_rate, str(second.amount)) == (None, None, "1.10")
    assert (prepayment.total, prepayment.currency_rate, prepayment.allocations[0].amount) == (None,) * 3
    assert (overpayment.total, overpayment.currency_rate) == (None, None)


async def test_a_missing_scope_is_named() -> None:
    """A refusal names the scopes that reading payments needs, and never shortens a list."""
    async with reading(page("Payments", [{"PaymentID": "a"}], 2, 2), answer(403)) as (xero, _):
        with pytest.raises(NotAllowed, match=r"accounting\.payments\.read"):
            await xero.payments()


async def test_payments_and_prepayments_by_their_ids() -> None:
    """What an earlier run did not finish is asked for by id, twenty at a time; no odd id goes out."""
    ids = [f"{number:08}-0000-0000-0000-000000000000" for number in range(21)]
    steps = [page("Payments", [{"PaymentID": ids[0]}]), page("Payments", []), page("Prepayments", [])]
    async with reading(*steps) as (xero, script):
        assert [one.payment_id for one in await xero.payments_named([*ids, *ids, '") OR (1==1', ""])] == ids[
            :1
        ]
        assert await xero.prepayments_named(ids[:1]) == []
        assert await xero.payments_named(["abcde"]) == []
    first, second, third = (request.url.params["where"] for request in script.requests)
    assert first.startswith(f'PaymentID==guid("{ids[0]}") OR PaymentID==guid("{ids[1]}") OR ')
    assert (first.count("guid"), second) == (20, f'PaymentID==guid("{ids[20]}")')
    assert third == f'PrepaymentID==guid("{ids[0]}")'
    assert all(len(str(request.url)) < 2000 for request in script.requests)
