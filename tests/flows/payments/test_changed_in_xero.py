"""What becomes of a document that changes in Xero once LN has it, or may have it: from end to end."""

from __future__ import annotations

import datetime as dt

from blocks.store.audit_rows import AuditRow, Status
from tests.helpers.sandboxed import Sandboxed
from tests.helpers.trading import (
    CLIENT,
    LN_CALL,
    SALE,
    SUPPLIER,
    allocate,
    bare,
    books_agree,
    delete,
    of_ln,
    pay,
    prepay,
    statuses,
)


def edit(quiet: Sandboxed, prepayment: str, **changes: object) -> None:
    """Edit a prepayment in Xero."""
    quiet.control("xero/edit_prepayment", {"prepayment_id": bare(prepayment), **changes})


def void(quiet: Sandboxed, prepayment: str) -> None:
    """Void a prepayment in Xero."""
    quiet.control("xero/void_prepayment", {"prepayment_id": bare(prepayment)})


async def run(quiet: Sandboxed) -> dict[str, AuditRow]:
    """Run, and return the audit table."""
    (await quiet.pay_run()).completed()
    return await quiet.audit()


async def close(quiet: Sandboxed, key: str) -> None:
    """Close a row on a person's word."""
    async with quiet.payment_connection().store.open() as store:
        row = (await quiet.audit())[key]
        await store.audit.discard(row.key, "Ann", "LN is right", dt.datetime.now(dt.UTC))


async def test_a_sent_prepayment_that_is_moved(quiet: Sandboxed) -> None:
    """A prepayment moved to another bank account, customer and rate is an exception that names them all."""
    prepayment = prepay(quiet)
    await run(quiet)
    edit(quiet, prepayment, bank="euro", contact=SUPPLIER, rate="1.5")

    row = (await run(quiet))[prepayment]

    (document,) = of_ln(quiet, prepayment)
    assert row.status is Status.EXCEPTION
    for said in (
        f"bank account {document['bank_account']} -> ",
        "partner 300000366 -> BP00000001",
        "rate 1.09177 -> 1.5",
    ):
        assert said in row.reason
    assert len(quiet.ln_posts()) == 1


async def test_cash_that_is_moved_by_itself(quiet: Sandboxed) -> None:
    """Where Xero shows a change of the bank transaction alone, its prepayment is compared all the same."""
    exact = quiet.payment_connection(overlap_minutes=0)
    with quiet.earlier(hours=5):
        prepayment = prepay(quiet)
    for _ in range(2):
        await quiet.pay_run(connection=exact)
    assert await statuses(quiet) == {prepayment: "sent"}
    edit(quiet, prepayment, bank="euro")

    await quiet.pay_run(connection=exact)

    row = (await quiet.audit())[prepayment]
    assert (row.status, "bank account" in row.reason) == (Status.EXCEPTION, True)


async def test_what_is_moved_while_its_outcome_is_unknown(quiet: Sandboxed) -> None:
    """What changes in Xero while it is in doubt is told in the run in which LN says that it has it."""
    with quiet.earlier(hours=5):
        prepayment = prepay(quiet)
    quiet.fault({**LN_CALL, "kind": "drop_after", "times": 1})
    await quiet.pay_run()
    assert await statuses(quiet) == {prepayment: "unknown"}
    edit(quiet, prepayment, bank="euro")

    outcome = await quiet.pay_run()

    row = (await quiet.audit())[prepayment]
    (document,) = of_ln(quiet, prepayment)
    assert (row.status, row.sent_at is not None) == (Status.EXCEPTION, True)
    assert f"bank account {document['bank_account']} -> " in row.reason
    assert outcome.summary.left_open == 1


async def test_a_row_follows_xero_and_a_closing_covers_what_it_showed(quiet: Sandboxed) -> None:
    """120 -> 130 -> 90 is told each time; closed, it opens at the next change, and when it is voided."""
    prepayment = prepay(quiet)
    await run(quiet)
    for amount in ("130", "90"):
        edit(quiet, prepayment, amount=amount)
        row = (await run(quiet))[prepayment]
        assert (row.status, f"amount 120.0 -> {amount}.0" in row.reason) == (Status.EXCEPTION, True)
    await close(quiet, prepayment)
    assert (await run(quiet))[prepayment].status is Status.DISCARDED
    edit(quiet, prepayment, amount="120")

    row = (await run(quiet))[prepayment]

    assert (row.status, "amount 90.0 -> 120.0" in row.reason) == (Status.EXCEPTION, True)
    await close(quiet, prepayment)
    void(quiet, prepayment)
    row = (await run(quiet))[prepayment]
    assert (row.status, "deleted in Xero after Ann closed it" in row.reason) == (Status.EXCEPTION, True)
    assert len(quiet.ln_posts()) == 1


async def test_what_is_changed_back_is_sent_again(quiet: Sandboxed) -> None:
    """A prepayment that is as it was sent again is no exception any more, and the run says so."""
    prepayment = prepay(quiet)
    await run(quiet)
    edit(quiet, prepayment, amount="130")
    await run(quiet)
    edit(quiet, prepayment, amount="120")

    outcome = await quiet.pay_run()

    assert await statuses(quiet) == {prepayment: "sent"}
    assert outcome.summary.already_sent == 1
    assert any(prepayment in note and "as it was sent" in note for note in outcome.summary.notes)


async def test_what_is_from_before_the_start_and_goes(quiet: Sandboxed) -> None:
    """What a person may have booked manually before the start is an exception when it goes, held or new."""
    with quiet.earlier(days=9):
        payment, held = pay(quiet), prepay(quiet)
        edit_me = prepay(quiet)
    edit(quiet, held, amount="121")
    await run(quiet)
    delete(quiet, payment)
    void(quiet, held)
    void(quiet, edit_me)

    rows = await run(quiet)

    for key in (payment, held, edit_me):
        assert rows[key].status is Status.EXCEPTION, key
        assert "if it was booked in LN (manually" in rows[key].reason
    assert quiet.ln_posts() == []


async def test_an_allocation_without_an_id_that_is_made_again(quiet: Sandboxed) -> None:
    """An allocation without an id, removed and made again alike, is reported as such and not sent again."""
    quiet.control("xero/options", {"allocation_ids": False})
    prepayment = prepay(quiet)
    allocate(quiet, prepayment)
    invoice = quiet.control("xero/documents", {"kind": "Prepayments", "id": bare(prepayment)})
    given = {"invoice_id": invoice["Allocations"][0]["Invoice"]["InvoiceID"]}
    (key,) = (await run(quiet)).keys() - {prepayment}
    posts = len(quiet.ln_posts())
    quiet.control("xero/remove_allocation", {"prepayment_id": bare(prepayment)})
    assert "deleted in Xero after it was sent" in (await run(quiet))[key].reason
    allocate(quiet, prepayment, **given)

    rows = await run(quiet)

    assert rows.keys() == {prepayment, key}
    assert (rows[key].status, "an identical one created" in rows[key].reason) == (Status.EXCEPTION, True)
    assert len(quiet.ln_posts()) == posts
    await books_agree(quiet)


async def test_what_is_applied_of_a_credit_note(quiet: Sandboxed) -> None:
    """The applications of a credit note are unsupported, each in its row, and one that goes is told."""
    note = quiet.control("xero/credit", {"contact": CLIENT, "amount": "9.00", "currency": "EUR"})
    first, second = (
        quiet.control("xero/allocate", {"credit_note_id": note["CreditNoteID"], "amount": "1.00"})
        for _ in range(2)
    )
    keys = [f"allocation:{one['AllocationID']}" for one in (first, second)]
    assert {str(row.key): str(row.status) for row in (await run(quiet)).values()} == dict.fromkeys(
        keys, "unsupported"
    )
    quiet.control("xero/remove_allocation", {"credit_note_id": note["CreditNoteID"]})

    rows = await run(quiet)

    assert "reverse it there" in rows[keys[0]].reason
    assert "reverse it there" not in rows[keys[1]].reason
    assert quiet.ln_posts() == []


async def test_what_was_for_people_and_goes_is_open_in_every_later_run(quiet: Sandboxed) -> None:
    """A voided overpayment, and what is taken back of it and of a credit note, stay open till closed."""
    given = {"contact": CLIENT, "amount": "9.00", "currency": "EUR"}
    overpaid = {"overpayment_id": quiet.control("xero/overpay", given)["OverpaymentID"]}
    note = {"credit_note_id": quiet.control("xero/credit", given)["CreditNoteID"]}
    part = {"amount": "1.00", "currency": given["currency"]}
    applied = [quiet.control("xero/allocate", {**one, **part}) for one in (overpaid, note)]
    keys = [f"overpayment:{overpaid['overpayment_id']}"]
    keys += [f"allocation:{one['AllocationID']}" for one in applied]
    await run(quiet)
    assert await statuses(quiet) == dict.fromkeys(keys, "unsupported")
    for whole in (overpaid, note):
        quiet.control("xero/remove_allocation", whole)
    quiet.control(
        "xero/status", {"kind": "Overpayments", "id": overpaid["overpayment_id"], "status": "VOIDED"}
    )
    await run(quiet)
    # So much later no window covers it any more.
    quiet.control("clock", {"advance_seconds": 3600})
    await run(quiet)

    outcome = await quiet.pay_run()

    assert await statuses(quiet) == dict.fromkeys(keys, "exception")
    assert (outcome.summary.left_open, outcome.summary.unseen) == (3, [])
    assert quiet.ln_posts() == []


async def test_odd_statuses_and_rates(quiet: Sandboxed) -> None:
    """A payment of a status nobody knows is held back; a foreign one at rate 1 goes out with a hint."""
    odd, flat = pay(quiet), pay(quiet, CLIENT, SALE, rate="1")
    quiet.control("xero/status", {"kind": "Payments", "id": bare(odd), "status": "DRAFT"})

    outcome = await quiet.pay_run()

    rows = await quiet.audit()
    assert (rows[odd].status, "DRAFT" in rows[odd].reason) == (Status.EXCEPTION, True)
    assert (rows[flat].status, "at exchange rate 1" in rows[flat].reason) == (Status.SENT, True)
    assert any(flat in note for note in outcome.summary.notes)
    assert len(quiet.ln_posts()) == 1
