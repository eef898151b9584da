"""Xero's payments side: what is read, what is seeded, and what people do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from blocks.sandbox.world import trade
from blocks.sandbox.world.trade_days import SCHEDULE, slot
from blocks.sandbox.xero.app import PAYMENT_SCOPES, SCOPES
from blocks.sandbox.xero.payments import NAMES
from blocks.sandbox.xero.seeded import documents_of
from blocks.sandbox.xero.wire import parse_day
from tests.helpers.stand_ins import exact
from tests.helpers.xero_stand_in import Xero, xero

EVENING = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
TODAY = {"If-Modified-Since": "2026-11-20T00:00:00"}
SINGULAR = {name: name.removesuffix("s") + "ID" for name in NAMES}


@asynccontextmanager
async def payments(
    directory: Path | None = None, now: datetime = EVENING, **options: Any
) -> AsyncIterator[Xero]:
    """Run a stand-in signed in for payments."""
    async with xero(directory, scopes=PAYMENT_SCOPES, now=now, **options) as standin:
        yield standin


@asynccontextmanager
async def empty(directory: Path | None = None, **options: Any) -> AsyncIterator[Xero]:
    """Run one with nothing seeded but contacts and accounts."""
    async with payments(directory, payments_per_day=0, **options) as standin:
        yield standin


async def rows(standin: Xero, kind: str, since: bool = False, **params: Any) -> list[dict[str, Any]]:
    """Read the first page of a list, as large as it gets."""
    given = {"page": 1, "pageSize": 1000, **params}
    answer = await standin.get(kind, params=given, headers=TODAY if since else {})
    assert answer.status_code == 200, answer.text
    return list(exact(answer)[kind])


async def one(standin: Xero, kind: str, document_id: str) -> dict[str, Any]:
    """Read a document by its id."""
    answer = await standin.get(f"{kind}/{document_id}")
    assert answer.status_code == 200, answer.text
    (found,) = exact(answer)[kind]
    return dict(found)


# Who may read


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        ("Payments", "accounting.payments.read"),
        ("BatchPayments", "accounting.payments.read"),
        ("Prepayments", "accounting.payments.read"),
        ("Overpayments", "accounting.payments.read"),
        ("Invoices", "accounting.invoices.read"),
        ("CreditNotes", "accounting.invoices.read"),
        ("BankTransactions", "accounting.banktransactions.read"),
        ("Contacts", "accounting.contacts.read"),
        ("Accounts", "accounting.settings.read"),
    ],
)
async def test_each_list_has_its_scope(kind: str, scope: str) -> None:
    """A list opens to its own scope, and to none of the others."""
    others = " ".join(one for one in PAYMENT_SCOPES.split() if one != scope)
    async with payments(payments_per_day=0) as standin:
        await standin.sign_in(scope)
        opened = await standin.get(kind)
        await standin.sign_in(others)
        closed = await standin.get(kind)
    assert (opened.status_code, closed.status_code) == (200, 401)


async def test_a_journals_token_reads_no_payments() -> None:
    """The scopes of journals open none of the payments side."""
    async with xero(scopes=SCOPES) as standin:
        assert {(await standin.get(kind)).status_code for kind in NAMES} == {401}


@pytest.mark.parametrize("kind", sorted(NAMES))
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
async def test_nothing_is_written_by_api(kind: str, method: str) -> None:
    """Writing a document of the payments side is refused by the sandbox, even with the scope for it."""
    everything = PAYMENT_SCOPES.replace(".read", "")
    async with payments(payments_per_day=0, assigned_scopes=f"{PAYMENT_SCOPES} {everything}") as standin:
        await standin.sign_in(everything)
        answer = await standin.http.request(method, f"/api.xro/2.0/{kind}", json={})
    assert (answer.status_code, answer.headers["x-sandbox-refusal"]) == (422, "1")


# How lists are asked


@pytest.mark.parametrize("kind", sorted(NAMES - {"BatchPayments"}))
async def test_lists_are_paged(kind: str) -> None:
    """Pages cut a list without gap or overlap, in order of change, and say how many there are."""
    async with payments() as standin:
        whole = await rows(standin, kind)
        first = exact(await standin.get(kind, params={"page": 1, "pageSize": 7}))
        second = exact(await standin.get(kind, params={"page": 2, "pageSize": 7}))
        usual = exact(await standin.get(kind, params={"page": 1}))
    assert first[kind] + second[kind] == whole[:14]
    assert first["pagination"]["itemCount"] == len(whole) if len(whole) < 1000 else True
    assert first["pagination"]["pageSize"] == 7
    assert len(usual[kind]) == min(100, first["pagination"]["itemCount"])
    changes = [row["UpdatedDateUTC"] for row in whole]
    assert changes == sorted(changes)


async def test_batch_payments_are_unpaged() -> None:
    """Batch payments come all at once, whatever page is asked for."""
    async with payments() as standin:
        answer = exact(await standin.get("BatchPayments", params={"page": 9}))
    assert "pagination" not in answer
    assert len(answer["BatchPayments"]) > 20


@pytest.mark.parametrize("kind", sorted(NAMES))
async def test_a_single_read_is_a_list_of_one(kind: str) -> None:
    """A document is read by its id, seeded or not listed before; an unknown id is 404, below it 422."""
    async with payments() as standin:
        listed = (await rows(standin, kind))[-1]
    async with payments() as standin:
        assert await one(standin, kind, listed[SINGULAR[kind]]) == listed
        assert (await standin.get(f"{kind}/00000000-0000-0000-0000-000000000000")).status_code == 404
        assert (await standin.get(f"{kind}/nonsense")).status_code == 404
        assert (await standin.get(f"{kind}/{listed[SINGULAR[kind]]}/History")).status_code == 422


@pytest.mark.parametrize("kind", ["Payments", "Prepayments", "BankTransactions", "Invoices"])
async def test_if_modified_since_leaves_what_changed(kind: str) -> None:
    """The header leaves what changed after the instant, the day before's documents that changed since too."""
    async with payments(payment_history_days=5) as standin:
        whole, today = await rows(standin, kind), await rows(standin, kind, since=True)
    least = f"/Date({int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)}+0000)/"
    assert today == [row for row in whole if row["UpdatedDateUTC"] > least]
    days = {parse_day(row["Date"]) for row in today}
    if kind != "Invoices":
        assert days == {date(2026, 11, 19), date(2026, 11, 20)}


@pytest.mark.parametrize(
    ("kind", "where", "fits"),
    [
        ("Payments", 'PaymentType=="ACCRECPAYMENT"', lambda row: row["PaymentType"] == "ACCRECPAYMENT"),
        ("Payments", 'Status=="DELETED"', lambda row: row["Status"] == "DELETED"),
        (
            "Payments",
            "Date>=DateTime(2026,11,19) AND Date<DateTime(2026,11,20)",
            lambda row: parse_day(row["Date"]) == date(2026, 11, 19),
        ),
        ("Prepayments", 'Type=="SPEND-PREPAYMENT"', lambda row: row["Type"] == "SPEND-PREPAYMENT"),
        ("BankTransactions", 'Type=="RECEIVE"', lambda row: row["Type"] == "RECEIVE"),
        ("Invoices", 'Type=="ACCPAY" && Status=="PAID"', lambda row: row["Type"] == "ACCPAY"),
        ("Contacts", 'ContactNumber=="300000366"', lambda row: row["Name"] == "ABC Customer ltd"),
    ],
)
async def test_where_filters(kind: str, where: str, fits: Any) -> None:
    """Lists are filtered by type, status, date and number."""
    async with payments() as standin:
        found = await rows(standin, kind, where=where)
    assert found
    assert all(fits(row) for row in found)


async def test_where_knows_ids_and_their_or() -> None:
    """Payments are asked for by id or by their invoices' ids, several at once, and by nothing unknown."""
    async with payments() as standin:
        first, second = [row for row in await rows(standin, "Payments") if "Invoice" in row][:2]
        where = f'PaymentID==guid("{first["PaymentID"]}") OR PaymentID==Guid("{second["PaymentID"]}")'
        assert await rows(standin, "Payments", where=where) == [first, second]
        where = f'Invoice.InvoiceID==guid("{second["Invoice"]["InvoiceID"]}")'
        assert second in await rows(standin, "Payments", where=where)
        for wrong in ('Status=="A" OR Status=="B"', 'Type=="X"', 'PaymentID==guid("x")', "Amount==5"):
            answer = await standin.get("Payments", params={"where": wrong})
            assert (answer.status_code, answer.json()["ErrorNumber"]) == (400, 16)


async def test_lists_are_ordered() -> None:
    """Order by date or id is taken, either way, and anything else refused."""
    async with payments() as standin:
        dates = [row["Date"] for row in await rows(standin, "Payments", order="Date DESC")]
        wrong = await standin.get("Payments", params={"order": "Amount"})
    assert dates == sorted(dates, reverse=True)
    assert wrong.status_code == 400


async def test_ids_pick_invoices_and_contacts() -> None:
    """IDs names documents, and what is not there is simply not in the answer."""
    async with payments() as standin:
        wanted = (await rows(standin, "Invoices"))[:3]
        ids = ",".join([*(row["InvoiceID"] for row in wanted), "nonsense"])
        assert await rows(standin, "Invoices", IDs=ids) == wanted
        ids = f"{trade.CUSTOMERS[0].contact_id},{trade.SUPPLIERS[0].contact_id}"
        names = [row["Name"] for row in await rows(standin, "Contacts", IDs=ids)]
        numbered = await rows(standin, "Invoices", InvoiceNumbers=wanted[0]["InvoiceNumber"])
    assert names == [trade.CUSTOMERS[0].name, trade.SUPPLIERS[0].name]
    assert wanted[0] in numbered


async def test_contacts_hide_the_archived_and_tell_merges_on_pages() -> None:
    """Archived contacts show only if asked for; merges are told by pages and single reads."""
    old = trade.MERGED[0]
    async with payments() as standin:
        usual = await rows(standin, "Contacts")
        every = await rows(standin, "Contacts", includeArchived="true")
        unpaged = exact(await standin.get("Contacts", params={"includeArchived": "true"}))["Contacts"]
        single = await one(standin, "Contacts", old.contact_id)
    assert len(every) - len(usual) == len(trade.MERGED)
    assert single["MergedToContactID"] == trade.CUSTOMERS[6].contact_id
    assert [row.get("MergedToContactID") for row in every if row["ContactID"] == old.contact_id] == [
        old.merged_to
    ]
    assert not any("MergedToContactID" in row for row in unpaged)


# What is seeded


async def test_a_day_is_the_same_in_every_sandbox() -> None:
    """The same seed gives the same documents, another seed others, and more events the same first."""
    async with payments() as standin:
        usual = await rows(standin, "Payments", since=True)
    async with payments(payments_per_day=60) as standin:
        more = await rows(standin, "Payments", since=True)
    async with payments(seed=7) as standin:
        other = await rows(standin, "Payments", since=True)
    assert [row for row in more if row in usual] == usual
    assert len(more) > len(usual)
    assert {row["PaymentID"] for row in usual}.isdisjoint(row["PaymentID"] for row in other)


async def test_nothing_of_the_future_is_seen() -> None:
    """A document appears at its own instant, and a deletion of tomorrow comes tomorrow."""
    seen = []
    async with payments(now=datetime(2026, 11, 20, 12, tzinfo=UTC)) as standin:
        for hours in (0, 11, 24):
            standin.clock.advance(hours * 3600)
            await standin.sign_in(PAYMENT_SCOPES)
            found = await rows(standin, "Payments", since=True)
            seen.append({row["PaymentID"]: row["Status"] for row in found})
    noon, evening, tomorrow = seen
    assert len(noon) < len(evening) < len(tomorrow)
    assert noon.keys() <= evening.keys() <= tomorrow.keys()
    assert any(evening[one] == "AUTHORISED" and tomorrow[one] == "DELETED" for one in evening)


@pytest.mark.parametrize("first", [date(2026, 2, 27), date(2026, 11, 18), date(2027, 12, 30)])
def test_every_case_occurs_within_three_days(first: date) -> None:
    """Within any three days there is every payment type, every state, and every kind of case."""
    days = [first + timedelta(days=n) for n in range(3)]
    kinds = {slot(2026, day, n).kind for day in days for n in range(len(SCHEDULE))}
    made = [one for day in days for n in range(len(SCHEDULE)) for one in documents_of(2026, day, n)]
    bodies = [version.body for one in made for version in one.versions]
    assert {body["PaymentType"] for body in bodies if "PaymentType" in body} == {
        f"{side}{what}PAYMENT" for side in ("AR", "AP") for what in ("PREPAYMENT", "OVERPAYMENT", "CREDIT")
    } | {"ACCRECPAYMENT", "ACCPAYPAYMENT"}
    assert {body["Type"] for body in bodies if "PrepaymentID" in body and "Allocations" in body} == {
        "RECEIVE-PREPAYMENT",
        "SPEND-PREPAYMENT",
        "ARPREPAYMENT",
        "APPREPAYMENT",
    }
    assert {body["Status"] for body in bodies if "PrepaymentID" in body and "RemainingCredit" in body} == {
        "AUTHORISED",
        "PAID",
        "VOIDED",
    }
    assert {"deleted", "deleted-at-once", "paid-batch", "invoice-unknown", "merged-contact"} <= kinds
    assert {"no-bank-ledger", "no-bank-unreadable", "no-bank-empty", "no-rate", "bank-unknown"} <= kinds
    entries = [entry for body in bodies for entry in body.get("Allocations", ())]
    assert {"AllocationID" in entry for entry in entries} == {True, False}
    assert any(entry["IsDeleted"] for entry in entries)


async def test_the_cash_of_a_prepayment_is_a_bank_transaction() -> None:
    """A prepayment has no bank account and no payment; a bank transaction with its id has the account."""
    async with payments() as standin:
        prepaid = await rows(standin, "Prepayments", since=True)
        cash = {row.get("PrepaymentID"): row for row in await rows(standin, "BankTransactions")}
        paid = await rows(standin, "Payments")
    usual = [row for row in prepaid if row["Type"].endswith("-PREPAYMENT")]
    assert usual
    assert not any("BankAccount" in row for row in usual)
    assert all(cash[row["PrepaymentID"]]["Total"] == row["Total"] for row in usual)
    refunded = {row["Prepayment"]["PrepaymentID"] for row in paid if "Prepayment" in row}
    assert not [row for row in usual if row["Payments"] and row["PrepaymentID"] not in refunded]


async def test_a_payment_in_a_list_is_thin() -> None:
    """A payment names its invoice without currency, its contact and its account without a number."""
    async with payments() as standin:
        found = [row for row in await rows(standin, "Payments") if "Invoice" in row]
    assert not any("CurrencyCode" in row["Invoice"] for row in found)
    assert not any("ContactNumber" in row["Invoice"]["Contact"] for row in found)
    assert not any("BankAccountNumber" in row["Account"] for row in found)
    assert any("BankAccountNumber" in row for row in found)
    assert {"Code" in row["Account"] for row in found} == {True, False}


@pytest.mark.parametrize("flags", [False, True])
@pytest.mark.parametrize("totals", [False, True])
async def test_a_batch_shows_texts_where_that_is_switched_on(*, flags: bool, totals: bool) -> None:
    """Of a batch, by itself and on its payments, the flag and the total are texts if so switched."""
    async with payments(batch_flags_as_text=flags, batch_totals_as_text=totals) as standin:
        lines = [row for row in await rows(standin, "Payments", since=True) if "BatchPaymentID" in row]
        batch = await one(standin, "BatchPayments", lines[0]["BatchPaymentID"])
    assert len(lines) == 3
    total = sum(row["Amount"] for row in lines)
    for shown in (batch, lines[0]["BatchPayment"]):
        assert shown["IsReconciled"] == ("false" if flags else False)
        assert shown["TotalAmount"] == (str(total) if totals else total)
    assert lines[0]["IsReconciled"] is False


async def test_ten_thousand_documents_are_listed_in_pages_of_a_thousand() -> None:
    """A day of very many events is listed whole, a thousand to a page."""
    async with payments(payments_per_day=8000, payment_history_days=0) as standin:
        seen = 0
        for kind in ("Payments", "Prepayments", "BankTransactions", "Invoices"):
            pages = 1
            page = 1
            while page <= pages:
                params = {"page": page, "pageSize": 1000}
                answer = exact(await standin.get(kind, params=params, headers=TODAY))
                pages = answer["pagination"]["pageCount"]
                assert len(answer[kind]) == 1000 or page == pages
                seen += len(answer[kind])
                page += 1
    assert seen > 15_000


# What people do


async def test_a_person_pays_and_undoes_it() -> None:
    """A payment settles its invoice; deleted it comes back as DELETED, and the invoice is open again."""
    async with empty() as standin:
        made = await standin.control("pay", amount="12.50", invoice_number="303-SI1-1")
        paid = await one(standin, "Payments", made["PaymentID"])
        settled = await one(standin, "Invoices", made["InvoiceID"])
        standin.clock.advance(5)
        await standin.control("delete_payment", payment_id=made["PaymentID"])
        (gone,) = await rows(standin, "Payments")
        opened = await one(standin, "Invoices", made["InvoiceID"])
        with pytest.raises(ValueError, match="DELETED already"):
            await standin.control("delete_payment", payment_id=made["PaymentID"])
    assert (paid["PaymentType"], paid["Amount"], paid["Status"]) == (
        "ACCRECPAYMENT",
        Decimal("12.50"),
        "AUTHORISED",
    )
    assert (settled["Status"], settled["AmountPaid"]) == ("PAID", Decimal("12.50"))
    assert (gone["Status"], opened["Status"], opened["AmountDue"]) == (
        "DELETED",
        "AUTHORISED",
        Decimal("12.50"),
    )
    assert gone["UpdatedDateUTC"] > paid["UpdatedDateUTC"]


async def test_a_person_pays_a_supplier_in_another_currency() -> None:
    """Contact, side, currency, rate, bank and type of a payment are told, and the bank's amount follows."""
    async with empty() as standin:
        told = {"amount": 109.18, "contact": "Federico Rossi Expenses", "currency": "EUR", "rate": "1.09177"}
        made = await standin.control("pay", **told, invoice_number="x-303-PI1-1", bank="reserve")
        row = await one(standin, "Payments", made["PaymentID"])
        odd = await standin.control("pay", amount=1, payment_type="ARSOMETHINGNEW", bank="")
        other = await one(standin, "Payments", odd["PaymentID"])
    assert (row["PaymentType"], row["CurrencyRate"], row["BankAmount"]) == (
        "ACCPAYPAYMENT",
        Decimal("1.09177"),
        Decimal("100.00"),
    )
    assert (other["PaymentType"], other["Account"]["Code"]) == ("ARSOMETHINGNEW", "1950")


async def test_a_person_prepays_allocates_and_takes_back() -> None:
    """An allocation lowers what is left and credits the invoice without a payment; removed it vanishes."""
    async with empty() as standin:
        made = await standin.control("prepay", amount=100)
        done = await standin.control("allocate", prepayment_id=made["PrepaymentID"], amount=60)
        after = await one(standin, "Prepayments", made["PrepaymentID"])
        invoice = await one(standin, "Invoices", done["InvoiceID"])
        await standin.control("remove_allocation", prepayment_id=made["PrepaymentID"])
        removed = await one(standin, "Prepayments", made["PrepaymentID"])
        await standin.control("options", list_removed_allocations=True)
        flagged = await one(standin, "Prepayments", made["PrepaymentID"])
        assert await rows(standin, "Payments") == []
    (entry,) = after["Allocations"]
    assert (entry["AllocationID"], entry["Amount"]) == (done["AllocationID"], Decimal("60.00"))
    assert entry["Invoice"]["InvoiceID"] == invoice["InvoiceID"]
    assert (after["RemainingCredit"], invoice["AmountCredited"]) == (Decimal("40.00"), Decimal("60.00"))
    assert (removed["Allocations"], removed["RemainingCredit"]) == ([], Decimal("100.00"))
    assert [one["IsDeleted"] for one in flagged["Allocations"]] == [True]


async def test_allocation_ids_can_be_lacking() -> None:
    """With allocation_ids off no allocation has an id, as in older answers."""
    async with empty(allocation_ids=False) as standin:
        made = await standin.control("prepay", amount=100)
        await standin.control("allocate", prepayment_id=made["PrepaymentID"], amount=60)
        row = await one(standin, "Prepayments", made["PrepaymentID"])
    assert "AllocationID" not in row["Allocations"][0]


@pytest.mark.parametrize("touches", [True, False])
async def test_an_allocation_may_leave_the_instant_of_change(touches: bool) -> None:
    """Whether an allocation moves the prepayment's UpdatedDateUTC is a switch."""
    async with empty(allocation_touches=touches) as standin:
        made = await standin.control("prepay", amount=100)
        before = await one(standin, "Prepayments", made["PrepaymentID"])
        standin.clock.advance(60)
        await standin.control("allocate", prepayment_id=made["PrepaymentID"], amount=60)
        after = await one(standin, "Prepayments", made["PrepaymentID"])
    assert (after["UpdatedDateUTC"] > before["UpdatedDateUTC"]) is touches
    assert len(after["Allocations"]) == 1


async def test_a_person_voids_and_edits_prepayments() -> None:
    """A voided prepayment takes its cash with it; one edited shows the new amount on both."""
    async with empty() as standin:
        first = await standin.control("prepay", amount=100, contact="Burnside Paper")
        second = await standin.control("prepay", amount=100, cash=False, type="ARPREPAYMENT")
        await standin.control("edit_prepayment", prepayment_id=first["PrepaymentID"], amount=80)
        edited = await one(standin, "BankTransactions", first["BankTransactionID"])
        await standin.control("void_prepayment", prepayment_id=first["PrepaymentID"])
        found = {row["PrepaymentID"]: row for row in await rows(standin, "Prepayments")}
        (cash,) = await rows(standin, "BankTransactions")
    assert (edited["Type"], edited["Total"]) == ("SPEND-PREPAYMENT", Decimal("80.00"))
    assert (found[first["PrepaymentID"]]["Status"], cash["Status"]) == ("VOIDED", "DELETED")
    assert found[second["PrepaymentID"]]["Type"] == "ARPREPAYMENT"


async def test_a_person_overpays() -> None:
    """An overpayment has its own document and bank transaction, and can be allocated."""
    async with empty() as standin:
        made = await standin.control("overpay", amount=30)
        await standin.control("allocate", overpayment_id=made["OverpaymentID"], amount=30)
        row = await one(standin, "Overpayments", made["OverpaymentID"])
        cash = await one(standin, "BankTransactions", made["BankTransactionID"])
    assert (row["Type"], row["Status"], len(row["Allocations"])) == ("RECEIVE-OVERPAYMENT", "PAID", 1)
    assert (cash["Type"], cash["OverpaymentID"]) == ("RECEIVE-OVERPAYMENT", made["OverpaymentID"])


@pytest.mark.parametrize("family", ["prepay", "overpay"])
async def test_a_refund_is_a_payment(family: str) -> None:
    """Refunding what is left makes a payment of the refund's own type, and leaves nothing to allocate."""
    kind = f"{family.capitalize()}ment"
    async with empty() as standin:
        made = await standin.control(family, amount=30)
        told = {f"{kind.lower()}_id": made[f"{kind}ID"]}
        done = await standin.control("refund", **told)
        payment = await one(standin, "Payments", done["PaymentID"])
        row = await one(standin, f"{kind}s", made[f"{kind}ID"])
        with pytest.raises(ValueError, match="it is PAID"):
            await standin.control("refund", **told)
    assert payment["PaymentType"] == f"AR{kind.upper()}PAYMENT"
    assert payment[kind][f"{kind}ID"] == made[f"{kind}ID"]
    assert (row["RemainingCredit"], row["Payments"][0]["PaymentID"]) == (0, done["PaymentID"])


async def test_a_contact_gets_its_number() -> None:
    """A contact is added, numbered, and merged, and each counts as a change."""
    async with empty() as standin:
        made = await standin.control("contact", name="Newcomer", side="purchase")
        await standin.control("contact_number", contact="Newcomer", number="BP00000077")
        numbered = await one(standin, "Contacts", made["ContactID"])
        changed = await rows(standin, "Contacts", since=True)
        into = trade.SUPPLIERS[0].contact_id
        await standin.control("merge_contact", contact_id=made["ContactID"], into=into)
        merged = await one(standin, "Contacts", made["ContactID"])
    assert [row["Name"] for row in changed] == ["Newcomer"]
    assert numbered["ContactNumber"] == "BP00000077"
    assert (merged["ContactStatus"], merged["MergedToContactID"]) == ("ARCHIVED", into)


async def test_a_due_date_does_not_move_the_instant_of_change() -> None:
    """An edit of the due date shows, and UpdatedDateUTC stays as it was."""
    async with empty() as standin:
        made = await standin.control("pay", amount=5)
        before = await one(standin, "Invoices", made["InvoiceID"])
        standin.clock.advance(60)
        await standin.control("due_date", invoice_id=made["InvoiceID"], date="2027-01-31")
        after = await one(standin, "Invoices", made["InvoiceID"])
    assert after["UpdatedDateUTC"] == before["UpdatedDateUTC"]
    assert parse_day(after["DueDate"]) == date(2027, 1, 31)


async def test_a_seeded_payment_is_deleted_by_hand() -> None:
    """What people do to a seeded document wins over it, in lists and single reads."""
    async with payments() as standin:
        seeded = next(
            row for row in await rows(standin, "Payments", since=True) if row["Status"] != "DELETED"
        )
        await standin.control("delete_payment", payment_id=seeded["PaymentID"])
        listed = [
            row
            for row in await rows(standin, "Payments", since=True)
            if row["PaymentID"] == seeded["PaymentID"]
        ]
        single = await one(standin, "Payments", seeded["PaymentID"])
    assert listed == [single]
    assert single["Status"] == "DELETED"


async def test_what_people_did_survives_a_restart(tmp_path: Path) -> None:
    """A stand-in started anew has the payments made by hand, amounts exact; reset forgets them."""
    async with empty(directory=tmp_path) as standin:
        made = await standin.control("pay", amount="0.10")
        before = await one(standin, "Payments", made["PaymentID"])
    async with empty(directory=tmp_path) as standin:
        assert await one(standin, "Payments", made["PaymentID"]) == before
        await standin.control("reset")
        assert (await standin.get(f"Payments/{made['PaymentID']}")).status_code == 404


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("pay", {}),
        ("pay", {"amount": "much"}),
        ("pay", {"amount": "NaN"}),
        ("pay", {"amount": 1, "contact": "Nobody"}),
        ("pay", {"amount": 1, "contact_id": "x"}),
        ("pay", {"amount": 1, "bank": "mine"}),
        ("pay", {"amount": 1, "side": "left"}),
        ("pay", {"amount": 1, "date": "soon"}),
        ("pay", {"amount": 1, "invoice_id": "x"}),
        ("delete_payment", {}),
        ("allocate", {"prepayment_id": "x", "amount": 1}),
        ("remove_allocation", {"prepayment_id": "x"}),
        ("void_prepayment", {"prepayment_id": "x"}),
        ("documents", {"kind": "Letters"}),
        ("documents", {"kind": "Payments", "id": "x"}),
        ("options", {"payments_per_day": 10_000}),
    ],
)
async def test_nonsense_is_refused_and_changes_nothing(verb: str, body: dict[str, Any]) -> None:
    """A verb told nonsense is a ValueError, and there is nothing new."""
    async with empty() as standin:
        with pytest.raises(ValueError, match=r".+"):
            await standin.control(verb, **body)
        assert [len(await rows(standin, kind)) for kind in ("Payments", "Prepayments", "Invoices")] == [
            0,
            0,
            0,
        ]


async def test_more_than_is_left_is_not_allocated() -> None:
    """An allocation above what is left of a prepayment is refused, as Xero's screen does."""
    async with empty() as standin:
        made = await standin.control("prepay", amount=10)
        with pytest.raises(ValueError, match=r"10\.00 is left"):
            await standin.control("allocate", prepayment_id=made["PrepaymentID"], amount=11)


async def test_documents_are_shown_to_people() -> None:
    """`documents` shows a kind's documents, or one of them."""
    async with empty() as standin:
        made = await standin.control("pay", amount=1)
        listed = await standin.control("documents", kind="Payments")
        single = await standin.control("documents", kind="Payments", id=made["PaymentID"])
    assert listed == [single]


async def test_lists_of_what_was_paid_can_lag_behind() -> None:
    """With a lag, lists show payments as they were; what is named by its id is current."""
    async with empty(read_lag_seconds=30.0) as standin:
        made = await standin.control("pay", amount="12.00", invoice_number="303-SI1-1")
        assert await rows(standin, "Payments") == []
        assert (await one(standin, "Payments", made["PaymentID"]))["Status"] == "AUTHORISED"
        standin.clock.advance(30)
        assert [row["PaymentID"] for row in await rows(standin, "Payments")] == [made["PaymentID"]]
        await standin.control("delete_payment", payment_id=made["PaymentID"])
        assert [row["Status"] for row in await rows(standin, "Payments")] == ["AUTHORISED"]
        standin.clock.advance(30)
        assert [row["Status"] for row in await rows(standin, "Payments")] == ["DELETED"]
