"""What a payment does to LN's books, and what LN refuses on business grounds."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from blocks.sandbox.world.trade_days import SCHEDULE, known_invoice, slot
from tests.helpers.ln_stand_in import CUSTOMER, SALES_INVOICE, SUPPLIER, TAG, Ln, ln, message
from tests.helpers.stand_ins import exact

PREPAID = "abcde-abcde-abcde-abcde"
EUR = {"CurrencyCode": "EUR", "CurrencyRate": Decimal("1.09177"), "BankAccountNumber": "31926819"}


def allocation(amount: str = "50.00", payment_id: str = "A1", **changes: Any) -> dict[str, Any]:
    """Return the message of an allocation of a client's prepayment."""
    return message(
        1, **{"InvoiceAmount": Decimal(amount), "XeroPaymentID": payment_id, TAG: PREPAID, **changes}
    )


async def balance(standin: Ln, account: str = "55779911", currency: str = "GBP") -> Decimal:
    """Return what the documents moved on a bank account."""
    rows = (await standin.control("books"))["balances"]
    moved = {(row["bank_account"], row["currency"]): row["moved"] for row in rows}
    return Decimal(moved.get((account, currency), "0"))


@pytest.mark.parametrize(
    ("document_type", "kind", "moved"),
    [
        (1, "receipt", "125.10"),
        (2, "payment", "-125.10"),
        (3, "unallocated payment", "-125.10"),
        (4, "unallocated receipt", "125.10"),
    ],
)
async def test_each_type_has_its_effect(document_type: int, kind: str, moved: str) -> None:
    """1 is a receipt, 2 a payment, 3 an unallocated payment, 4 an unallocated receipt."""
    async with ln() as standin:
        answer = await standin.send(message(document_type))
        (row,) = await standin.documents()
        assert await balance(standin) == Decimal(moved)
    assert answer.status_code == 201
    assert exact(answer)["DocumentNumber"] == row["number"]
    assert (row["kind"], row["amount"], row["day"]) == (kind, "125.10", "2026-11-19")


async def test_a_payment_settles_its_invoice() -> None:
    """What is open of an invoice goes down by what is paid, and by no more than that."""
    async with ln() as standin:
        await standin.send()
        books = await standin.control("books")
        shown = await standin.control("invoice", number=SALES_INVOICE, partner=CUSTOMER, total="5000.00")
    assert books["settled"] == [{"partner": CUSTOMER, "invoice": SALES_INVOICE, "amount": "125.10"}]
    assert shown["open"] == "4874.90"


async def test_an_empty_partner_makes_an_expense_record() -> None:
    """A supplier payment without a partner is an expense under the contact's name, and cash that left."""
    sent = message(2, BusinessPartner="", XeroContactName="Federico Rossi Expenses", InvoiceNumber="x-9")
    async with ln() as standin:
        assert await standin.status(sent) == 201
        books = await standin.control("books")
        assert await balance(standin) == Decimal("-125.10")
    (expense,) = books["expenses"]
    assert (expense["contact_name"], expense["invoice"]) == ("Federico Rossi Expenses", "x-9")
    assert books["settled"] == []


async def test_an_assignment_lowers_the_remainder_and_moves_no_cash() -> None:
    """With both ids the prepayment's remainder goes down, the invoice is settled, the bank untouched."""
    async with ln() as standin:
        await standin.send(message(4))
        before = await balance(standin)
        assert await standin.status(allocation()) == 201
        books = await standin.control("books")
        assert await balance(standin) == before
    assert [row["remaining"] for row in books["prepayments"]] == ["75.10"]
    assert books["documents"][1]["kind"] == "assignment"
    assert books["settled"][0]["amount"] == "50.00"


async def test_one_prepayment_serves_several_invoices() -> None:
    """A prepayment is assigned in parts until nothing is left, and then no further."""
    async with ln() as standin:
        await standin.control("invoice", number="303-SI1-2", partner=CUSTOMER, total="100.00")
        await standin.send(message(4))
        assert await standin.status(allocation("100.00", "A1")) == 201
        assert await standin.status(allocation("25.10", "A2", InvoiceNumber="303-SI1-2")) == 201
        answer = await standin.refused(allocation("0.01", "A3"))
    assert answer == (422, [f"Only 0.00 of prepayment {PREPAID} is left"])


async def test_a_suppliers_prepayment_is_assigned_to_a_bill() -> None:
    """The same works on the purchase side, with types 3 and 2."""
    async with ln() as standin:
        await standin.send(message(3))
        assert await standin.status(message(2, XeroPaymentID="A1", **{TAG: PREPAID})) == 201
        (row,) = (await standin.control("books"))["prepayments"]
    assert row["remaining"] == "0.00"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (message(InvoiceAmount=0), "Amount 0 must be greater than zero"),
        (message(InvoiceAmount=Decimal("-1.50")), "Amount -1.50 must be greater than zero"),
        (message(BusinessPartner="300000999"), "Business partner 300000999 does not exist"),
        (message(BusinessPartner=SUPPLIER), f"Business partner {SUPPLIER} is not a customer"),
        (message(3, BusinessPartner=CUSTOMER), f"Business partner {CUSTOMER} is not a supplier"),
        (message(4, BusinessPartner=SUPPLIER), f"Business partner {SUPPLIER} is not a customer"),
        (message(BankAccountNumber="20000055779911"), "Bank account 20000055779911 does not exist"),
        (message(4, CurrencyCode="JPY"), "Currency JPY does not exist"),
        (message(CurrencyRate=Decimal("1.2")), "Rate 1.2 of the home currency must be 1"),
        (message(InvoiceNumber="INV-00049"), "Invoice INV-00049 does not exist"),
        (message(2, InvoiceNumber=SALES_INVOICE), f"Invoice {SALES_INVOICE} does not exist"),
        (
            message(BusinessPartner="300000360"),
            f"Invoice {SALES_INVOICE} does not belong to business partner 300000360",
        ),
        (message(**EUR), f"Invoice {SALES_INVOICE} is in currency GBP"),
        (allocation(), f"Prepayment {PREPAID} does not exist"),
    ],
)
async def test_business_grounds_are_422(sent: dict[str, Any], text: str) -> None:
    """A partner, invoice, account, currency or amount that does not fit is 422, and nothing is booked."""
    async with ln() as standin:
        assert await standin.refused(sent) == (422, [text])
        assert await standin.documents() == []


@pytest.mark.parametrize(
    ("prepayment", "assigned", "text"),
    [
        ({"BusinessPartner": "300000360"}, {}, "does not belong to business partner 300000366"),
        (EUR, {}, "is in currency EUR"),
        ({}, {"InvoiceAmount": Decimal("125.11")}, "Only 125.10 of prepayment"),
        ({"DocumentType": 3, "BusinessPartner": SUPPLIER}, {}, "cannot be assigned to document type 1"),
    ],
)
async def test_an_assignment_must_fit_its_prepayment(
    prepayment: dict[str, Any], assigned: dict[str, Any], text: str
) -> None:
    """Partner, currency, direction and remainder of the prepayment are compared and named."""
    async with ln() as standin:
        assert await standin.status(message(4, **prepayment)) == 201
        status, texts = await standin.refused(allocation(**assigned))
    assert status == 422
    assert any(text in one for one in texts)


async def test_an_assignment_must_have_its_prepayments_rate() -> None:
    """LN assigns only between documents of one rate."""
    async with ln() as standin:
        await standin.control("invoice", number="303-SI1-3", partner=CUSTOMER, total="100.00", currency="EUR")
        await standin.send(message(4, **EUR))
        sent = allocation(InvoiceNumber="303-SI1-3", **{**EUR, "CurrencyRate": Decimal("1.1")})
        assert await standin.refused(sent) == (422, [f"Prepayment {PREPAID} has rate 1.09177"])
        assert await standin.status({**sent, "CurrencyRate": Decimal("1.09177")}) == 201


async def test_a_payment_above_what_is_open_can_be_refused() -> None:
    """More than what is open is taken, as LN would, unless refuse_above_open."""
    async with ln() as standin:
        assert await standin.status(message(InvoiceAmount=Decimal("4999.00"))) == 201
        await standin.control("options", refuse_above_open=True)
        answer = await standin.refused(message(XeroPaymentID="other"))
    assert answer == (422, [f"Only 1.00 of invoice {SALES_INVOICE} is open"])


async def test_several_things_wrong_are_all_told() -> None:
    """The details name every reason, and the message is the first."""
    async with ln() as standin:
        body = (await standin.send(message(InvoiceAmount=0, BankAccountNumber="1"))).json()
    assert len(body["Details"]) == 2
    assert body["Message"] == body["Details"][0]["Message"]


@pytest.mark.parametrize("status", [409, 422, 400, 500])
@pytest.mark.parametrize("document_type", [1, 2, 3, 4])
async def test_a_second_arrival_is_already_processed(status: int, document_type: int) -> None:
    """The same id again books nothing and is told so, under the status that is set."""
    async with ln(duplicate_status=status) as standin:
        await standin.send(message(document_type))
        answer = await standin.send(message(document_type))
        assert len(await standin.documents()) == 1
    assert (answer.status_code, answer.json()["Message"]) == (status, "Payment already processed")


async def test_a_second_arrival_with_other_content_changes_nothing() -> None:
    """A known id with another amount is a duplicate, too; the first stays, and the refusal tells of it."""
    async with ln() as standin:
        await standin.send()
        assert await standin.status(message(InvoiceAmount=Decimal("9.99"))) == 409
        books = await standin.control("books")
    assert [row["amount"] for row in books["documents"]] == ["125.10"]
    assert [row["differs"] for row in books["refusals"]] == [True]


async def test_a_repeated_assignment_is_a_duplicate_before_all_else() -> None:
    """An assignment that used the prepayment up is not refused for the remainder when it comes again."""
    async with ln() as standin:
        await standin.send(message(4))
        await standin.send(allocation("125.10"))
        assert await standin.refused(allocation("125.10")) == (409, ["Payment already processed"])
        await standin.control("options", duplicate_check="last")
        status, _ = await standin.refused(allocation("125.10"))
    assert status == 422


async def test_a_payment_id_is_no_prepayment_id() -> None:
    """A payment and a prepayment that bear the same id are two things."""
    async with ln() as standin:
        assert await standin.status(message(1, XeroPaymentID=PREPAID)) == 201
        assert await standin.status(message(4)) == 201


async def test_the_duplicate_check_can_miss_kinds_or_all() -> None:
    """Without the check, or for a kind that it does not cover, LN books twice."""
    async with ln(duplicate_kinds="payment allocation") as standin:
        assert [await standin.status(message(4)) for _ in range(2)] == [201, 201]
        assert [await standin.status() for _ in range(2)] == [201, 409]
        await standin.control("options", duplicate_check="off")
        assert await standin.status() == 201


async def test_a_refused_call_leaves_no_trace_in_the_books() -> None:
    """After a refusal the same id can be booked, and the refusal is told beside the books only."""
    async with ln() as standin:
        await standin.send(message(InvoiceNumber="INV-00049"))
        refused = await standin.control("books")
        assert await standin.status() == 201
    assert [refused[name] for name in ("documents", "prepayments", "expenses", "balances", "settled")] == [
        []
    ] * 5
    assert [(row["status"], row["message"]) for row in refused["refusals"]] == [
        (422, "Invoice INV-00049 does not exist")
    ]


async def test_the_books_survive_a_restart(tmp_path: Path) -> None:
    """A stand-in started anew has documents, remainders, refusals, added invoices, and knows duplicates."""
    async with ln(tmp_path) as standin:
        await standin.send(message(4))
        await standin.send(allocation())
        await standin.send(message(InvoiceNumber="INV-00049"))
        before = await standin.control("books")
    async with ln(tmp_path) as standin:
        assert await standin.control("books") == before
        assert await standin.status(allocation()) == 409
        assert await standin.status(allocation("75.11", "A2")) == 422
        assert await standin.status(allocation("75.10", "A2")) == 201


async def test_reset_empties_the_books() -> None:
    """reset forgets documents, refusals, added master data and switches, and who is signed in stays so."""
    async with ln() as standin:
        await standin.send()
        await standin.control("options", duplicate_status=422)
        await standin.control("reset")
        books = await standin.control("books")
        assert not any(books.values())
        assert standin.app.options.duplicate_status == 409
        assert await standin.refused(message()) == (422, [f"Invoice {SALES_INVOICE} is in currency EUR"])


async def test_master_data_is_changed_by_hand() -> None:
    """Partners, bank accounts and invoices come and go by the control path, and calls see that at once."""
    async with ln() as standin:
        await standin.control("partner", code="300000999", name="New", role="customer")
        await standin.control("invoice", number="INV-7", partner="300000999", total="10.00")
        await standin.control("bank_account", number="11112222")
        new = message(BusinessPartner="300000999", InvoiceNumber="INV-7", BankAccountNumber="11112222")
        assert await standin.status(new) == 201
        await standin.control("remove_invoice", number="INV-7", partner="300000999")
        assert await standin.status({**new, "XeroPaymentID": "2"}) == 422
        await standin.control("remove_partner", code=CUSTOMER)
        await standin.control("remove_bank_account", number="55779911")
        assert await standin.refused(message(4)) == (
            422,
            ["Bank account 55779911 does not exist", f"Business partner {CUSTOMER} does not exist"],
        )
        codes = [row["code"] for row in await standin.control("partners")]
        assert ("300000999" in codes, CUSTOMER in codes) == (True, False)
        assert "11112222" in await standin.control("bank_accounts")


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("nothing", {}),
        ("partner", {"code": "1", "name": "x", "role": "friend"}),
        ("partner", {"code": 1}),
        ("invoice", {"number": "1", "partner": "nobody"}),
        ("bank_account", {"number": "1", "currency": "JPY"}),
        ("invoices", {"date": "soon"}),
        ("invoices", {"date": "2026-11-19", "count": 0}),
        ("options", {"nothing": 1}),
        ("options", {"duplicate_status": 418}),
        ("options", {"client_revoked": 1}),
        ("options", {"sales_payment": 2}),
        ("options", {"path": "LN"}),
        ("options", {"latency_seconds": -1}),
        ("options", {"token_seconds": "long"}),
    ],
)
async def test_nonsense_is_refused(verb: str, body: dict[str, Any]) -> None:
    """A verb, value or option that makes no sense is a ValueError."""
    async with ln() as standin:
        with pytest.raises(ValueError, match=r".+"):
            await standin.control(verb, **body)


async def test_the_written_samples_can_be_sent_word_for_word() -> None:
    """The allocation of the written use cases is taken as it stands, once its prepayment is there."""
    sample = (
        '{"DocumentType":1,"DocumentDate":1593388800,"BankAccountNumber":"12345678",'
        '"BusinessPartner":"300000366","InvoiceNumber":"303-SI1-1234567890","CurrencyCode":"EUR",'
        '"CurrencyRate":1.09177,"InvoiceAmount":1.0,"InvoiceDescription":"",'
        '"XeroPaymentID":"5678-5678-5678-5678","XeroPprepaymentID":"abcde-abcde-abcde-abcde",'
        '"XeroContactName":"ABC Customer ltd"}'
    )
    async with ln() as standin:
        await standin.control("reset")
        assert await standin.status(message(4, **EUR)) == 201
        assert await standin.status(content=sample) == 201
        assert [row["day"] for row in await standin.documents()] == ["2026-11-19", "2020-06-29"]


async def test_seeded_invoices_are_known() -> None:
    """LN has the seeded invoices of any date with their partners, and a number leads back to its invoice."""
    async with ln() as standin:
        shown = await standin.control("invoices", date="2026-11-19")
        sales = next(row for row in shown if row["role"] == "customer" and row["currency"] == "GBP")
        sent = message(BusinessPartner=sales["partner"], InvoiceNumber=sales["number"])
        assert await standin.status(sent) == 201
    assert len(shown) > 15
    assert {row["role"] for row in shown} == {"customer", "supplier"}


def test_numbers_lead_back_and_unknown_ones_stay_so() -> None:
    """Over many days every seeded invoice is found by its number exactly if LN is to know it."""
    seen = 0
    for days in range(30):
        day = date(2026, 11, 1) + timedelta(days=days)
        for n in range(len(SCHEDULE) + 10):
            for invoice in slot(2026, day, n).invoices:
                found = known_invoice(2026, invoice.number, invoice.contact.number)
                assert (found is not None) == invoice.known, invoice
                seen += invoice.known
    assert seen > 600
