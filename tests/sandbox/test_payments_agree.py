"""Xero's seeded payments and LN's seeded books are about the same trade."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from blocks.sandbox.clock import day_ms
from blocks.sandbox.world import trade
from blocks.sandbox.world.trade_days import SCHEDULE, kind_of
from blocks.sandbox.xero.documents import Body
from blocks.sandbox.xero.seeded import documents_of
from blocks.sandbox.xero.wire import parse_day
from tests.helpers.ln_stand_in import TAG, Ln, ln

FIRST = date(2026, 11, 16)
REFUSED = {
    "invoice-unknown": "Invoice",
    "partner-unknown": "Business partner",
    "bank-unknown": "Bank account",
}
HELD_BACK = ("no-bank", "no-rate", "refund", "overpaid", "ledger", "bank-RECEIVE", "bank-SPEND")
BANKS = {bank.name: bank.ln_number or "99887766" for bank in trade.BANKS.values()}


def _row(code: int, contact: Body, bank: str, about: Body, amount: Decimal, **more: str) -> dict[str, Any]:
    """Return the message, with the partner's code of whom the contact became."""
    known = trade.resolved(trade.BY_ID[contact["ContactID"]])
    day = parse_day(about["Date"])
    assert day is not None
    return {
        "DocumentType": code,
        "DocumentDate": day_ms(day) // 1000,
        "BankAccountNumber": BANKS[bank],
        "BusinessPartner": known.number.strip(),
        "InvoiceNumber": more.get("invoice", ""),
        "CurrencyCode": more["currency"],
        "CurrencyRate": Decimal(more["rate"]),
        "InvoiceAmount": amount,
        "InvoiceDescription": "",
        "XeroPaymentID": more.get("payment", ""),
        TAG: more.get("prepayment", ""),
        "XeroContactName": contact["Name"],
    }


def _messages(day: date, n: int) -> Iterator[dict[str, Any]]:
    """Return what a plain reading of the table of cases would send of one event, its end state ignored."""
    documents = documents_of(2026, day, n)
    invoices = {one.document_id: one.versions[-1].body for one in documents if one.kind == "Invoices"}
    cash = next((one.versions[0].body for one in documents if one.kind == "BankTransactions"), {})
    for document in documents:
        body = document.versions[0].body
        rate = str(body.get("CurrencyRate", 1))
        if document.kind == "Payments":
            invoice = invoices[body["Invoice"]["InvoiceID"]]
            code = 1 if invoice["Type"] == "ACCREC" else 2
            more = {"payment": document.document_id, "invoice": invoice["InvoiceNumber"]}
            more |= {"currency": invoice["CurrencyCode"], "rate": rate}
            yield _row(code, invoice["Contact"], body["Account"]["Name"], body, body["Amount"], **more)
        if document.kind == "Prepayments":
            sales = body["Type"].startswith("RECEIVE")
            bank, more = cash["BankAccount"]["Name"], {"prepayment": document.document_id}
            more |= {"currency": body["CurrencyCode"], "rate": rate}
            yield _row(4 if sales else 3, body["Contact"], bank, body, body["Total"], **more)
            for place, entry in enumerate(document.versions[-1].body["Allocations"]):
                more |= {"payment": entry.get("AllocationID", f"{document.document_id}/{place}")}
                more |= {"invoice": entry["Invoice"]["InvoiceNumber"]}
                yield _row(1 if sales else 2, body["Contact"], bank, entry, entry["Amount"], **more)


async def _outcome(standin: Ln, day: date, n: int) -> list[tuple[int, str]]:
    answers = [await standin.send(row) for row in _messages(day, n)]
    return [(one.status_code, one.json().get("Message", "")) for one in answers]


async def test_ln_takes_what_it_is_to_take_and_refuses_the_rest() -> None:
    """LN books every sendable seeded document but those with an unknown invoice, partner or account."""
    seen: set[str] = set()
    async with ln() as standin:
        for days in range(4):
            day = FIRST + timedelta(days=days)
            for n in range(len(SCHEDULE)):
                kind = kind_of(day, n)
                if kind.startswith(HELD_BACK):
                    continue
                seen.add(kind)
                outcome = await _outcome(standin, day, n)
                if kind in REFUSED:
                    assert {status for status, _ in outcome} == {422}, (kind, outcome)
                    assert all(text.startswith(REFUSED[kind]) for _, text in outcome)
                elif kind not in {"prepaid-in-uncoded", "received-uncoded", "prepaid-out-nonrecurring"}:
                    assert {status for status, _ in outcome} == {201}, (kind, outcome)
                else:
                    assert 201 not in {status for status, _ in outcome}, (kind, outcome)
        kinds = {row["kind"] for row in await standin.documents()}
    assert len(seen) > 25
    whole = {"receipt", "payment"}
    assert kinds == {*whole, *(f"unallocated {kind}" for kind in whole), "assignment", "expense"}
