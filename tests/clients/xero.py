"""What clients of Xero are asked to do, and what the stand-in must hold then."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from blocks.sandbox.exact_json import dumps
from blocks.sandbox.xero.chart import ACCOUNTS, CATEGORIES, ORGANISATION, organisation
from tests.clients.comparing import Checks, Row, Rows, amount, by_key, day
from tests.clients.driven import Driven

DATE = "2026-11-19"
# Amounts that are not what they seem to those who add them up as floats.
_AMOUNTS = ("100.25", "0.10", "0.20", "0.30", "1234567.89", "0.01", "99999999.99")
_EARLIER = [f"Earlier {number}" for number in range(1, 8)]
_LATER = ["Later 1", "Later 2"]
_PAYMENT_SIDE: dict[str, tuple[str, ...]] = {
    "Payments": ("PaymentID", "Amount", "Date", "Status", "PaymentType"),
    "Invoices": ("InvoiceID", "InvoiceNumber", "Type", "Status", "Total", "AmountDue", "Date"),
    "Contacts": ("ContactID", "Name", "ContactStatus"),
    "BankTransactions": ("BankTransactionID", "Type", "Status", "Total", "Date"),
    "Prepayments": ("PrepaymentID", "Type", "Status", "Total", "RemainingCredit", "Date"),
    "Overpayments": ("OverpaymentID", "Type", "Status", "Total", "RemainingCredit", "Date"),
    "CreditNotes": ("CreditNoteID", "CreditNoteNumber", "Type", "Status", "Total", "RemainingCredit", "Date"),
}
_READ: dict[str, Callable[[object], object]] = {
    **dict.fromkeys(("Amount", "Total", "AmountDue", "RemainingCredit", "LineAmount"), amount),
    "Date": day,
}


def journal(narration: str, value: str, *, against: str = "") -> dict[str, Any]:
    """Return a journal of two lines, which do not balance where `against` is another amount."""
    lines = [
        {"LineAmount": Decimal(value), "AccountCode": "1010", "Description": "Interest & fees, café"},
        {"LineAmount": -Decimal(against or value), "AccountCode": "2000", "Description": "d"},
    ]
    lines = [{**one, "TaxType": "NONE"} for one in lines]
    head = {"Narration": narration, "Date": DATE, "Status": "DRAFT", "LineAmountTypes": "NoTax"}
    return {**head, "JournalLines": lines}


def check(driven: Driven, checks: Checks) -> None:
    """Let a client read all that there is, and create, change and remove journals where it can."""
    _post(driven, _EARLIER)
    driven.sandbox.control("clock", {"advance_seconds": 120})
    _post(driven, _LATER)
    found = driven.run(
        {
            # Between the two, as an instant in UTC.
            "since": "2026-11-20T12:01:00Z",
            "page_size": 4,
            "good": [journal(f"Good {number}", value) for number, value in enumerate(_AMOUNTS, start=1)],
            "mixed": [journal("Right", "5.00"), journal("Wrong", "100.00", against="10.00")],
            "changed": journal("Good 1, changed", "7.07"),
            "lists": {name: list(fields) for name, fields in _PAYMENT_SIDE.items()},
        }
    )
    _settings(found, checks)
    held = driven.sandbox.xero_journals()
    if "written" in found:
        _writes(found["written"], held, checks)
    else:
        _refusal(found["refusal"], held, checks)
    if not driven.sandbox.control("xero/options")["list_deleted"]:
        held = [one for one in held if one["Status"] != "DELETED"]
    _journals(found, held, checks)
    for name in found["lists"]:
        _list(driven, name, found["lists"][name], checks)


def _post(driven: Driven, narrations: list[str]) -> None:
    rows = [journal(one, value) for one, value in zip(narrations, _AMOUNTS, strict=False)]
    with driven.xero() as client:
        client.put("/ManualJournals", content=dumps({"ManualJournals": rows}).encode()).raise_for_status()


def _settings(found: Mapping[str, Any], checks: Checks) -> None:
    held = json.loads(organisation(None, None, ORGANISATION))
    names = ("OrganisationID", "Name", "BaseCurrency", "CountryCode")
    checks.same(
        "the organisation: id, name, currency, country",
        found["organisation"],
        {name: held[name] for name in names},
    )
    accounts = [
        {
            "AccountID": one.account_id,
            "Code": one.code,
            "Name": one.name,
            "Type": one.type,
            "Status": one.status,
            "TaxType": one.tax_type,
        }
        for one in ACCOUNTS
    ]
    checks.same(
        f"the {len(accounts)} accounts: ids, codes, names, types, states, taxes",
        by_key(found["accounts"], "AccountID"),
        by_key(accounts, "AccountID"),
    )
    categories = {
        one.name: [option.name for option in one.options if option.status == "ACTIVE"] for one in CATEGORIES
    }
    checks.same("the tracking categories with their options", found["categories"], categories)


def _writes(written: Mapping[str, Any], held: list[dict[str, Any]], checks: Checks) -> None:
    ids = {one["Narration"]: one["ManualJournalID"] for one in held}
    narrations = [f"Good {number}" for number in range(2, len(_AMOUNTS) + 1)]
    checks.same(
        f"a batch of {len(_AMOUNTS)} journals is created, each with the id that it is held under",
        written["good"],
        [written["changed"], *(ids.get(one) for one in narrations)],
    )
    refused = "The total debits (100.00) must equal total credits (-10.00)"
    checks.same(
        "of a batch with an error the good journal is created, and the other comes back with the reason",
        written["mixed"],
        [{"id": ids.get("Right"), "errors": []}, {"id": None, "errors": [refused]}],
    )
    checks.same("a journal that does not balance is not there", "Wrong" in ids, False)
    checks.same(
        "sent once more with its key, a batch has the same ids and makes no second journal",
        (written["again"], sum(one["Narration"].startswith("Good") for one in held)),
        (written["good"], len(_AMOUNTS)),
    )
    checks.same("a draft is changed under its own id", written["changed"], ids.get("Good 1, changed"))
    states = {one["Narration"]: one["Status"] for one in held}
    checks.same("a draft is removed", (written["deleted"], states.get("Good 2")), ("DELETED", "DELETED"))


def _refusal(refusal: Mapping[str, Any], held: list[dict[str, Any]], checks: Checks) -> None:
    """The client writes XML only, which is left out of the stand-in."""
    checks.same(
        "a journal in XML is refused in the sandbox's own name, for Xero would take it",
        (refusal["status"], refusal["by_sandbox"], len(held)),
        (422, True, len(_EARLIER) + len(_LATER)),
    )


def _journals(found: Mapping[str, Any], listed: list[dict[str, Any]], checks: Checks) -> None:
    whole = by_key(map(_whole, listed), "ManualJournalID")
    pages = found["pages"]
    size = 4
    checks.same(
        "the pages of the journals: so many on each, and none twice",
        [len(page) for page in pages],
        [len(listed[at : at + size]) for at in range(0, len(listed), size)],
    )
    checks.same(
        f"the {len(listed)} journals of all pages: narrations, dates, states, and their lines to the cent",
        by_key((_whole(one) for page in pages for one in page), "ManualJournalID"),
        whole,
    )
    checks.same(
        "without pages there are the same journals, none of them with lines",
        {one["ManualJournalID"]: len(one.get("JournalLines") or []) for one in found["unpaged"]},
        dict.fromkeys(whole, 0),
    )
    checks.same(
        "If-Modified-Since leaves those that came or changed after it",
        sorted(one["Narration"] for one in found["since"]),
        sorted(one["Narration"] for one in listed if one["Narration"] not in _EARLIER),
    )
    checks.same(
        "a filter by narration finds that journal alone",
        [one["Narration"] for one in found["named"]],
        [_EARLIER[2]],
    )
    checks.same(
        "one journal by its id, with its lines", _whole(found["single"]), whole[_id(listed, _EARLIER[0])]
    )
    checks.same("the history of a journal begins with its creation", found["history"][-1], "Created")


def _id(journals: Iterable[Row], narration: str) -> str:
    return str(next(one["ManualJournalID"] for one in journals if one["Narration"] == narration))


def _whole(row: Row) -> dict[str, Any]:
    lines = [
        {
            "LineAmount": amount(one["LineAmount"]),
            **{name: one.get(name) for name in ("AccountCode", "Description", "TaxType")},
        }
        for one in row["JournalLines"]
    ]
    head = {name: row[name] for name in ("ManualJournalID", "Narration", "Status")}
    return {**head, "Date": day(row["Date"]), "JournalLines": lines}


def _list(driven: Driven, name: str, rows: list[Row], checks: Checks) -> None:
    fields = _PAYMENT_SIDE[name]
    there = driven.sandbox.control("xero/documents", {"kind": name})
    if name == "Contacts":  # those that are archived are left out unless asked for
        there = [one for one in there if one["ContactStatus"] == "ACTIVE"]
    checks.same(
        f"{len(there)} {_words(name)}: {', '.join(map(_words, fields))}",
        _read(rows, fields),
        _read(there, fields),
    )


def _read(rows: Iterable[Row], fields: tuple[str, ...]) -> Rows:
    read = ({name: _READ.get(name, str)(one[name]) for name in fields if name in one} for one in rows)
    return by_key(read, fields[0])


def _words(name: str) -> str:
    """Return a field's name in words: AmountDue is amount due."""
    text = "".join(f" {letter}" if letter.isupper() else letter for letter in name.replace("ID", "Id"))
    return text.strip().lower()
