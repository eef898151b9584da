"""What Xero shows of payments against what LN has booked, and both against the audit table.

Without any of the connector's own code, but for reading the audit table.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

from blocks.store.audit_rows import AuditRow, Kind, Status
from tests.helpers.sandboxed import Sandboxed

Body = Mapping[str, Any]
# As LN words a document: what has to be in its books.
Wanted = dict[str, Any]


def problems(
    sandbox: Sandboxed, rows: Sequence[AuditRow], since: dt.datetime, until: dt.datetime
) -> list[str]:
    """Say what is wrong with LN's books, given what has changed in Xero from one instant to another."""
    books = sandbox.control("ln/books")
    documents, refusals = books["documents"], books["refusals"]
    wanted = list(Shown(sandbox).wanted(since, until))
    booked = Counter(_key(one) for one in documents)
    refused = {_key(one["sent"]) for one in refusals if not is_duplicate(one)}
    in_ln = {_key_of(row) for row in rows if row.sent_at is not None}
    by_key = {_key(one): one for one in documents}
    return [
        *([] if documents else ["LN has booked nothing"]),
        *(f"LN has booked it {count} times: {key}" for key, count in booked.items() if count > 1),
        *(
            f"not in LN as it should be: {one}"
            for one in wanted
            if not _is_booked(one, documents) and not _is_refused(one, refused)
        ),
        *(f"sent again with other content: {one['sent']}" for one in refusals if one["differs"]),
        *(f"in LN, and the audit table does not say so: {key}" for key in sorted(booked.keys() - in_ln)),
        *(f"in the audit table as sent, and not in LN: {key}" for key in sorted(in_ln - booked.keys())),
        *(f"its outcome was left unknown: {row.key}" for row in rows if row.status is Status.UNKNOWN),
        *(f"it is in doubt for ever: {row.key}" for row in rows if row.in_doubt and row.sent_at),
        *(
            f"the audit table has {row.entry}, LN has {by_key[_key_of(row)]}"
            for row in rows
            if _key_of(row) in by_key and not _agree(row, by_key[_key_of(row)])
        ),
    ]


def is_duplicate(refusal: Body) -> bool:
    """Tell whether LN refused because it has the document already."""
    return bool(refusal["message"] == "Payment already processed")


def _key(document: Body) -> tuple[str, str]:
    if document["payment_id"]:
        return "payment", document["payment_id"]
    return "prepayment", document["prepayment_id"]


def _key_of(row: AuditRow) -> tuple[str, str]:
    return "prepayment" if row.key.kind is Kind.PREPAYMENT else "payment", row.key.xero_id


def _agree(row: AuditRow, document: Body) -> bool:
    entry = row.entry
    return (
        (str(entry.day), entry.currency, entry.partner, entry.contact_name, entry.document_type)
        == (
            document["day"],
            document["currency"],
            document["partner"],
            document["contact_name"],
            document["document_type"],
        )
        and Decimal(entry.amount) == Decimal(document["amount"])
        and (entry.invoice_number == document["invoice"])
    )


def _is_booked(one: Wanted, documents: Sequence[Body]) -> bool:
    """Tell whether exactly one document in LN is as wanted; an id that Xero does not give is left open."""
    fits = [
        document
        for document in documents
        if all(document[name] == value for name, value in one.items() if name not in {"amount", "rate"})
        and Decimal(document["amount"]) == one["amount"]
        and Decimal(document["rate"]) == one["rate"]
    ]
    return len(fits) == 1


def _is_refused(one: Wanted, refused: set[tuple[str, str]]) -> bool:
    return "payment_id" in one and _key(one) in refused


class Shown:
    """What the stand-in's API shows of Xero, read with nothing but httpx."""

    def __init__(self, sandbox: Sandboxed) -> None:
        env = sandbox.process.env
        login = (env["XERO_CLIENT_ID"], env["XERO_CLIENT_SECRET"])
        form = {"grant_type": "client_credentials", "scope": env["XERO_SCOPES"]}
        token = httpx.post(env["XERO_TOKEN_URL"], data=form, auth=login, timeout=60).raise_for_status().json()
        headers = {"Authorization": f"Bearer {token['access_token']}", "Accept": "application/json"}
        with httpx.Client(base_url=env["XERO_BASE_URL"], headers=headers, timeout=60) as self._http:
            self.payments = self._all("Payments")
            self.prepayments = self._all("Prepayments")
            self.invoices = {one["InvoiceID"]: one for one in self._all("Invoices")}
            self.contacts = {one["ContactID"]: one for one in self._all("Contacts", includeArchived="true")}
            self.accounts = {one["AccountID"]: one for one in self._all("Accounts")}
            self.cash = {
                one["PrepaymentID"]: one for one in self._all("BankTransactions") if "PrepaymentID" in one
            }

    def _all(self, name: str, **params: str) -> list[Body]:
        paging = {} if name == "Accounts" else {"page": "1", "pageSize": "1000"}
        answer = self._http.get(name, params={**params, **paging}).raise_for_status()
        body = json.loads(answer.content, parse_float=Decimal)
        assert body.get("pagination", {}).get("pageCount", 1) <= 1, "more than one page holds"
        return list(body[name])

    def wanted(self, since: dt.datetime, until: dt.datetime) -> Iterator[Wanted]:
        """Yield what LN must have of that which has changed from one instant to another."""
        # What is older than the connection may be in LN by hand, and waits for a person.
        first = str(since.date())
        for payment in self.payments:
            if since <= _instant(payment["UpdatedDateUTC"]) < until and payment["Status"] == "AUTHORISED":
                yield from (one for one in self._payment(payment) if one["day"] >= first)
        for prepayment in self.prepayments:
            gone = prepayment["Status"] in {"VOIDED", "DELETED"}
            if since <= _instant(prepayment["UpdatedDateUTC"]) < until and not gone:
                yield from (one for one in self._prepayment(prepayment) if one["day"] >= first)

    def _payment(self, payment: Body) -> Iterator[Wanted]:
        sales = payment["PaymentType"] == "ACCRECPAYMENT"
        if sales or payment["PaymentType"] == "ACCPAYPAYMENT":
            invoice = self.invoices[payment["Invoice"]["InvoiceID"]]
            common = self._common(payment, invoice, payment["Account"]["AccountID"])
            if common and (common["partner"] or not sales):
                ids = {"payment_id": payment["PaymentID"], "prepayment_id": ""}
                number = {"invoice": invoice["InvoiceNumber"], "document_type": 1 if sales else 2}
                yield {**common, **number, **ids, "amount": Decimal(payment["Amount"])}

    def _prepayment(self, prepayment: Body) -> Iterator[Wanted]:
        kind, prepayment_id = prepayment["Type"], prepayment["PrepaymentID"]
        if kind not in {"RECEIVE-PREPAYMENT", "SPEND-PREPAYMENT"}:
            return
        sales, cash = kind == "RECEIVE-PREPAYMENT", self.cash[prepayment_id]
        common = self._common(prepayment, prepayment, cash["BankAccount"]["AccountID"])
        if not common or not common["partner"]:
            return
        here = {"invoice": "", "document_type": 4 if sales else 3, "payment_id": ""}
        yield {**common, **here, "prepayment_id": prepayment_id, "amount": Decimal(prepayment["Total"])}
        for one in prepayment["Allocations"]:
            number = self.invoices[one["Invoice"]["InvoiceID"]]["InvoiceNumber"]
            here = {"invoice": number, "document_type": 1 if sales else 2, "day": _day(one["Date"])}
            # Without an id of Xero's the connector makes one.
            named = {"payment_id": one["AllocationID"]} if "AllocationID" in one else {}
            amount = Decimal(one["Amount"])
            yield {**common, **here, **named, "prepayment_id": prepayment_id, "amount": amount}

    def _common(self, money: Body, named: Body, account_id: str) -> Wanted | None:
        """Return what documents have in common, None where something keeps them from being sent."""
        contact = self.contacts[named["Contact"]["ContactID"]]
        while "MergedToContactID" in contact:
            contact = self.contacts[contact["MergedToContactID"]]
        account = self.accounts[account_id]
        digits = re.sub(r"[ -]", "", account.get("BankAccountNumber", ""))
        usable = account["Type"] == "BANK" and re.fullmatch(r"[0-9]{8}|[0-9]{14}|GB.{20}", digits)
        currency = named["CurrencyCode"]
        rate = 1 if currency == "GBP" else money.get("CurrencyRate")
        if not usable or rate is None:
            return None
        return {
            "bank_account": digits[-8:],
            "partner": contact.get("ContactNumber", "").strip(),
            "contact_name": contact["Name"],
            "currency": currency,
            "rate": Decimal(rate),
            "day": _day(money["Date"]),
        }


def _instant(value: str) -> dt.datetime:
    milliseconds = int(re.findall(r"-?[0-9]+", value)[0])
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=milliseconds)


def _day(value: str) -> str:
    return str(_instant(value).date())
