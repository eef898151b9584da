"""Every other case of a payment from end to end: what becomes of it, in LN and in the audit table."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path

from blocks.sandbox.world.trade import BANKS
from blocks.sandbox.xero.chart import bank_account
from blocks.store.audit_rows import CONNECTOR, Status
from tests.helpers.sandboxed import Sandboxed, forget
from tests.helpers.trading import (
    BILL,
    CLIENT,
    LN_CALL,
    REFUNDS,
    SALE,
    SUPPLIER,
    WALK_IN,
    allocate,
    bare,
    books_agree,
    delete,
    message,
    of_ln,
    pay,
    prepay,
    statuses,
)

REFUSED = {**LN_CALL, "kind": "422", "times": 0}
LOST = {**LN_CALL, "kind": "504-before", "times": 0}


async def test_allocation_of_a_supplier_prepayment(quiet: Sandboxed) -> None:
    """What is applied of a prepayment to a supplier is type 2 with both ids: an assignment, no cash."""
    prepayment = prepay(quiet, SUPPLIER)
    allocation = allocate(quiet, prepayment, BILL)

    await quiet.pay_run()

    sent = message((await quiet.audit())[allocation])
    assert (sent["DocumentType"], sent["BusinessPartner"], sent["InvoiceNumber"]) == (2, "BP00000001", BILL)
    assert (sent["XeroPaymentID"], sent["XeroPprepaymentID"]) == (bare(allocation), bare(prepayment))
    books = quiet.control("ln/books")
    assert [one["kind"] for one in books["documents"]] == ["unallocated payment", "assignment"]
    assert [one["moved"] for one in books["balances"]] == ["-120.0"]
    assert [one["remaining"] for one in books["prepayments"]] == ["119.0"]


async def test_allocation_without_an_id_gets_the_same_one_each_time(quiet: Sandboxed, home: Path) -> None:
    """An allocation without an AllocationID goes out under an id that a lost record does not change."""
    quiet.control("xero/options", {"allocation_ids": False})
    prepayment = prepay(quiet)
    allocate(quiet, prepayment)
    allocate(quiet, prepayment)  # its equal in every respect
    await quiet.pay_run()
    first = {key for key in await quiet.audit() if key.startswith("allocation:")}
    forget(home)

    await quiet.pay_run()

    rows = {key: row for key, row in (await quiet.audit()).items() if key.startswith("allocation:")}
    assert set(rows) == first
    assert {row.status for row in rows.values()} == {Status.DUPLICATE}
    assert {uuid.UUID(bare(key)).version for key in first} == {5}
    assert len(first) == 2
    await books_agree(quiet)


async def test_allocation_that_gets_its_id_later_is_not_sent_again(quiet: Sandboxed) -> None:
    """An allocation that was sent before Xero gave it an id is known by its first id from then on."""
    quiet.control("xero/options", {"allocation_ids": False})
    allocation = allocate(quiet, prepay(quiet))
    await quiet.pay_run()
    before, posts = await statuses(quiet), len(quiet.ln_posts())
    quiet.control("xero/options", {"allocation_ids": True})

    await quiet.pay_run()

    assert await statuses(quiet) == before
    assert allocation not in before
    assert len(quiet.ln_posts()) == posts


async def test_allocation_of_a_prepayment_that_ln_refuses_waits(quiet: Sandboxed) -> None:
    """An allocation is an exception while LN refuses its prepayment, and follows it once LN accepts it."""
    prepayment = prepay(quiet)
    allocation = allocate(quiet, prepayment)
    quiet.fault({**REFUSED, "times": 1})
    await quiet.pay_run()
    rows = await quiet.audit()
    assert (rows[prepayment].status, rows[allocation].status) == (Status.FAILED, Status.EXCEPTION)
    assert "prepayment is not in LN" in rows[allocation].reason
    assert len(quiet.ln_posts()) == 1

    await quiet.pay_run()

    assert await statuses(quiet) == {prepayment: "sent", allocation: "sent"}
    await books_agree(quiet)


async def test_allocation_of_a_discarded_prepayment_waits(quiet: Sandboxed) -> None:
    """An allocation of a prepayment that a person has discarded is an exception, and is not sent."""
    prepayment = prepay(quiet)
    quiet.fault({**REFUSED, "times": 1})
    await quiet.pay_run()
    now = dt.datetime.now(dt.UTC)
    async with quiet.payment_connection().store.open() as store:
        await store.audit.discard((await quiet.audit())[prepayment].key, "Ann", "booked manually", now)
    allocation = allocate(quiet, prepayment)

    await quiet.pay_run()

    row = (await quiet.audit())[allocation]
    assert (row.status, row.tries) == (Status.EXCEPTION, 0)
    assert "prepayment is not in LN" in row.reason


async def test_allocation_of_a_prepayment_from_before_the_connection(quiet: Sandboxed) -> None:
    """What is applied of a prepayment older than the connection goes out; LN's word on it is audited."""
    with quiet.earlier(days=9):
        prepayment = prepay(quiet)
    allocation = allocate(quiet, prepayment)
    quiet.control("xero/options", {"allocation_touches": False})

    await quiet.pay_run()

    rows = await quiet.audit()
    assert list(rows) == [allocation]
    assert (rows[allocation].status, rows[allocation].result.http_status) == (Status.FAILED, 422)
    assert bare(prepayment) in rows[allocation].result.ln_message


async def test_a_prepayment_from_before_the_connection_is_not_sent_by_itself(quiet: Sandboxed) -> None:
    """Where applying a part makes an older prepayment look new, a person is asked, and only the part goes."""
    with quiet.earlier(days=9):
        prepayment = prepay(quiet)
        old = allocate(quiet, prepayment)
    new = allocate(quiet, prepayment, amount="2.00")

    await quiet.pay_run()

    rows = await quiet.audit()
    assert {key: rows[key].tries for key in (prepayment, old, new)} == {prepayment: 0, old: 0, new: 1}
    for key in (prepayment, old):
        assert rows[key].status is Status.EXCEPTION
        assert "entered manually in LN" in rows[key].reason
    assert quiet.ln_books() == []

    connection = quiet.payment_connection()
    async with connection.store.open() as store:
        now = dt.datetime.now(dt.UTC)
        await store.audit.discard(rows[prepayment].key, "Ann", "LN has it", now)
    await quiet.pay_run()
    rows = await quiet.audit()
    assert (rows[prepayment].status, rows[new].tries) == (Status.DISCARDED, 2)

    async with connection.store.open() as store:
        for key in (prepayment, old):
            await store.audit.undiscard(rows[key].key, "Ben", now)
    await quiet.pay_run()
    assert await statuses(quiet) == dict.fromkeys((prepayment, old, new), "sent")


async def test_a_backdated_part_of_a_prepayment_that_ln_has(quiet: Sandboxed) -> None:
    """What is applied with an older date than the connection goes out where LN has its prepayment."""
    with quiet.earlier(hours=2):
        prepayment = prepay(quiet)
    await quiet.pay_run()
    quiet.control("xero/options", {"allocation_touches": False})
    day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=9)
    allocation = allocate(quiet, prepayment, date=str(day))

    await quiet.pay_run()

    assert await statuses(quiet) == dict.fromkeys((prepayment, allocation), "sent")


async def test_customer_without_a_code(quiet: Sandboxed) -> None:
    """What a customer without a code pays is an exception without a call to LN, until there is a code."""
    with quiet.earlier(hours=2):
        keys = [pay(quiet, WALK_IN), prepay(quiet, WALK_IN)]
    await quiet.pay_run()
    rows = await quiet.audit()
    for key in keys:
        assert (rows[key].status, rows[key].tries) == (Status.EXCEPTION, 0)
        assert WALK_IN in rows[key].reason
    assert quiet.ln_posts() == []

    quiet.control("xero/contact_number", {"contact": WALK_IN, "number": "300000366"})
    await quiet.pay_run()

    assert await statuses(quiet) == dict.fromkeys(keys, "sent")


async def test_invoice_that_ln_does_not_know(quiet: Sandboxed) -> None:
    """A payment of an invoice that exists in Xero alone goes out; LN's refusal stands, with a hint at why."""
    payment = pay(quiet, CLIENT, "INV-00049")

    await quiet.pay_run()

    row = (await quiet.audit())[payment]
    assert (row.status, row.result.http_status, row.tries) == (Status.FAILED, 422, 1)
    assert message(row)["InvoiceNumber"] == "INV-00049"
    assert row.result.ln_message in row.reason
    assert "INV-00049" in row.reason
    assert "not an LN invoice number" in row.reason


async def test_number_of_a_service_bill(quiet: Sandboxed) -> None:
    """A service bill's own number goes out unchanged as type 2, and LN takes it."""
    payment = pay(quiet, "Kingsway Cleaning", "INV-001", currency="GBP")

    await quiet.pay_run()

    row = (await quiet.audit())[payment]
    assert row.status is Status.SENT
    sent = message(row)
    assert (sent["DocumentType"], sent["BusinessPartner"]) == (2, "BP00000041")
    assert sent["InvoiceNumber"] == "INV-001"


async def test_deleted_before_it_was_sent(quiet: Sandboxed) -> None:
    """What is undone in Xero before LN has it is discarded by the connector, and is not sent."""
    # By a record that was there before any of them.
    await quiet.confirm(quiet.payment_connection(), at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    payment, prepayment, whole = pay(quiet), prepay(quiet), prepay(quiet)
    unseen = pay(quiet)
    delete(quiet, unseen)
    allocation = allocate(quiet, whole)
    quiet.fault(REFUSED)
    await quiet.pay_run()
    undo(quiet, payment, prepayment, whole)
    quiet.http.delete("/control/faults")

    await quiet.pay_run()

    rows = await quiet.audit()
    gone = [rows[key] for key in (payment, prepayment, allocation, unseen)]
    assert {row.status for row in gone} == {Status.DISCARDED}
    assert {row.discarded_by for row in gone} == {CONNECTOR}
    assert rows[unseen].tries == 0
    assert [bare(whole)] == [one["prepayment_id"] for one in quiet.ln_books()]


async def test_deleted_after_it_was_sent(quiet: Sandboxed) -> None:
    """What is undone in Xero after LN accepted it is an exception, however often it is run."""
    payment, prepayment, whole = pay(quiet), prepay(quiet), prepay(quiet)
    allocation = allocate(quiet, whole)
    await quiet.pay_run()
    posts = len(quiet.ln_posts())
    undo(quiet, payment, prepayment, whole)

    for _ in range(2):
        await quiet.pay_run()

        rows = await quiet.audit()
        for key in (payment, prepayment, allocation):
            assert rows[key].status is Status.EXCEPTION, key
            assert "reverse it manually in LN" in rows[key].reason
            assert rows[key].sent_at is not None
        assert rows[whole].status is Status.SENT
        assert len(quiet.ln_posts()) == posts


async def test_deleted_while_its_outcome_was_unknown(quiet: Sandboxed) -> None:
    """What is undone in Xero while LN's answer is lost is an exception: check LN, reverse if booked."""
    keys = payment, prepayment, whole = pay(quiet), prepay(quiet), prepay(quiet)
    allocation = allocate(quiet, whole)
    quiet.fault(LOST)
    await quiet.pay_run()
    undo(quiet, *keys)
    quiet.http.delete("/control/faults")
    await quiet.pay_run()
    rows = await quiet.audit()
    for key in (payment, prepayment, allocation):
        assert rows[key].status is Status.EXCEPTION, key
        assert "check LN, and if it was booked, reverse it manually" in rows[key].reason
    assert [bare(whole)] == [one["prepayment_id"] for one in quiet.ln_books()]


async def test_refunds_and_credit_note_payments(quiet: Sandboxed) -> None:
    """Refunds, payments of credit notes and types nobody knows are unsupported, and are not sent."""
    keys = {kind: pay(quiet, payment_type=kind) for kind in (*REFUNDS, "ATYPEOFTOMORROW")}

    await quiet.pay_run()

    rows = await quiet.audit()
    for kind, key in keys.items():
        assert rows[key].status is Status.UNSUPPORTED
        assert kind in rows[key].reason
        assert "manually in LN" in rows[key].reason
    assert quiet.ln_posts() == []


async def test_overpayments_and_what_is_applied_of_them(quiet: Sandboxed) -> None:
    """An overpayment and each of its allocations are unsupported, and are not sent."""
    made = quiet.control("xero/overpay", {"contact": CLIENT, "amount": "9.00", "currency": "EUR"})
    overpayment = made["OverpaymentID"]
    applied = quiet.control(
        "xero/allocate", {"overpayment_id": overpayment, "amount": "1.00", "invoice_number": SALE}
    )

    await quiet.pay_run()

    expected = {f"overpayment:{overpayment}", f"allocation:{applied['AllocationID']}"}
    assert await statuses(quiet) == dict.fromkeys(expected, "unsupported")
    assert quiet.ln_posts() == []


async def test_prepayments_of_the_ledger(quiet: Sandboxed) -> None:
    """A prepayment that is a document of its own, without cash, is unsupported, and is not sent."""
    kinds = {"ARPREPAYMENT": CLIENT, "APPREPAYMENT": SUPPLIER}
    keys = [prepay(quiet, contact, type=kind, cash=False) for kind, contact in kinds.items()]

    await quiet.pay_run()

    assert await statuses(quiet) == dict.fromkeys(keys, "unsupported")
    assert quiet.ln_posts() == []


async def test_no_usable_bank_number(quiet: Sandboxed) -> None:
    """What went through an account without a usable number waits until the connection has the number."""
    banks = ("", "unreadable", "empty")
    keys = [pay(quiet, bank=bank) for bank in banks] + [prepay(quiet, bank=bank) for bank in banks]
    await quiet.pay_run()
    rows = await quiet.audit()
    assert {rows[key].status for key in keys} == {Status.EXCEPTION}
    for key, bank in zip(keys, banks * 2, strict=True):
        assert bank_account(bank).name in rows[key].reason
    assert quiet.ln_posts() == []

    numbers = {bank_account(bank).account_id: "12345678" for bank in banks}
    await quiet.pay_run(connection=quiet.payment_connection(bank_numbers=numbers))

    assert set((await statuses(quiet)).values()) == {"sent"}
    assert {one["bank_account"] for one in quiet.ln_books()} == {"12345678"}


async def test_account_numbers_go_without_the_sort_code(quiet: Sandboxed) -> None:
    """However Xero holds a bank account's number, LN gets it without sort code and with leading zeros."""
    banks = ("settlement", "reserve", "euro", "dollar", "spaced")
    keys = {bank: pay(quiet, bank=bank) for bank in banks}

    await quiet.pay_run()

    rows = await quiet.audit()
    sent = {bank: message(rows[key])["BankAccountNumber"] for bank, key in keys.items()}
    assert sent == {bank: BANKS[bank].ln_number for bank in banks}
    assert sent["dollar"] == "00123456"
    assert {row.status for row in rows.values()} == {Status.SENT}


async def test_contact_that_was_merged(quiet: Sandboxed) -> None:
    """What a contact paid that was since merged into another goes out under the code of that one."""
    payment = pay(quiet, "ABC Customer Limited (old)")

    await quiet.pay_run()

    row = (await quiet.audit())[payment]
    assert row.status is Status.SENT
    assert message(row)["BusinessPartner"] == "300000366"


async def test_no_exchange_rate(quiet: Sandboxed) -> None:
    """A payment in a foreign currency without a rate is an exception; in the home currency the rate is 1."""
    foreign = pay(quiet, rate=None)
    own = pay(quiet, "Kingsway Cleaning", "INV-001", currency="GBP", rate=None)

    await quiet.pay_run()

    rows = await quiet.audit()
    assert (rows[foreign].status, rows[foreign].tries) == (Status.EXCEPTION, 0)
    assert "no exchange rate" in rows[foreign].reason
    assert message(rows[own])["CurrencyRate"] == "1.0"


async def test_prepayment_that_was_edited_after_sending(quiet: Sandboxed) -> None:
    """A prepayment whose amount changed after LN accepted it is an exception, and is never sent anew."""
    prepayment = prepay(quiet)
    await quiet.pay_run()
    quiet.control("xero/edit_prepayment", {"prepayment_id": bare(prepayment), "amount": "130.00"})

    await quiet.pay_run()

    row = (await quiet.audit())[prepayment]
    assert row.status is Status.EXCEPTION
    assert "changed in Xero after sending" in row.reason
    assert [one["amount"] for one in of_ln(quiet, prepayment)] == ["120.0"]
    assert len(quiet.ln_posts()) == 1


async def test_prepayment_that_was_edited_while_its_outcome_was_unknown(quiet: Sandboxed) -> None:
    """What LN may have goes out again as it was, whatever was edited meanwhile; the edit is an exception."""
    prepayment = prepay(quiet)
    quiet.fault({**LOST, "times": 1})
    await quiet.pay_run()
    quiet.control("xero/edit_prepayment", {"prepayment_id": bare(prepayment), "amount": "130.00"})

    await quiet.pay_run()

    assert len({one["body_sha256"] for one in quiet.ln_posts()}) == 1
    assert [one["amount"] for one in of_ln(quiet, prepayment)] == ["120.0"]
    for _ in range(2):
        row = (await quiet.audit())[prepayment]
        assert (row.status, row.sent_at is not None) == (Status.EXCEPTION, True)
        assert "amount 120.0 -> 130.0" in row.reason
        await quiet.pay_run()
    assert len(quiet.ln_posts()) == 2


async def test_allocation_that_moves_no_time_of_change(quiet: Sandboxed) -> None:
    """Where Xero shows no change for it, an allocation is sent all the same, and its removal noticed."""
    quiet.control("xero/options", {"allocation_touches": False})
    exact = quiet.payment_connection(overlap_minutes=0)
    with quiet.earlier(hours=5):
        prepayment = prepay(quiet)
    await quiet.pay_run(connection=exact)
    allocation = allocate(quiet, prepayment, amount="120.00")  # all of it

    await quiet.pay_run(connection=exact)

    assert await statuses(quiet) == {prepayment: "sent", allocation: "sent"}

    quiet.control("xero/remove_allocation", {"prepayment_id": bare(prepayment)})
    await quiet.pay_run(connection=exact)

    assert await statuses(quiet) == {prepayment: "sent", allocation: "exception"}


async def test_allocation_of_a_closed_prepayment_that_moves_no_time_of_change(quiet: Sandboxed) -> None:
    """What is applied of a prepayment that a person closed is told, though Xero shows no change for it."""
    quiet.control("xero/options", {"allocation_touches": False})
    exact = quiet.payment_connection(overlap_minutes=0)
    with quiet.earlier(hours=5):
        prepayment = prepay(quiet)
    quiet.fault({**REFUSED, "times": 1})
    await quiet.pay_run(connection=exact)
    now = dt.datetime.now(dt.UTC)
    async with exact.store.open() as store:
        await store.audit.discard((await quiet.audit())[prepayment].key, "Ann", "booked manually", now)
    allocation = allocate(quiet, prepayment, amount="120.00")  # all of it

    await quiet.pay_run(connection=exact)

    assert await statuses(quiet) == {prepayment: "discarded", allocation: "exception"}


def undo(quiet: Sandboxed, payment: str, prepayment: str, whole: str) -> None:
    """Delete a payment, void a prepayment, and remove what was applied of another."""
    delete(quiet, payment)
    quiet.control("xero/void_prepayment", {"prepayment_id": bare(prepayment)})
    quiet.control("xero/remove_allocation", {"prepayment_id": bare(whole)})
