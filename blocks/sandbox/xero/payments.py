"""The reads of Xero's payments side: payments, prepayments, bank transactions, contacts and the rest.

All are paged but batch payments; where, order and If-Modified-Since are as each page of Xero's
documentation has them. Nothing here is written by API: people act through the control path.
"""

from __future__ import annotations

import operator
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from blocks.sandbox.world.trade_days import SCHEDULE
from blocks.sandbox.xero.documents import ID_NAMES, Body, Documents, Row, Settings, row_of
from blocks.sandbox.xero.options import XeroOptions
from blocks.sandbox.xero.query import filtered_by_any, modified_since, ordered, page_of
from blocks.sandbox.xero.seeded import documents_of
from blocks.sandbox.xero.state import State
from blocks.sandbox.xero.trade import contacts
from blocks.sandbox.xero.wire import Refused, envelope, not_found, parse_day, validation

_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode
_MOST_IDS: Final = 1000

Field = Callable[[Row], object]


class _Resource(NamedTuple):
    """What one list can be asked: fields of `where`, those that OR may join, and of `order`."""

    texts: tuple[str, ...]
    ids: tuple[str, ...]
    either: frozenset[str] = frozenset()
    orders: tuple[str, ...] = ("Date",)
    dated: bool = True
    paged: bool = True
    by_ids: bool = False


_CONTACT: Final = "Contact.ContactID"
_RESOURCES: Final = {
    "Payments": _Resource(
        ("PaymentType", "Status", "Reference"),
        ("PaymentID", "Invoice.InvoiceID"),
        frozenset({"PaymentID", "Invoice.InvoiceID"}),
    ),
    "Prepayments": _Resource(
        ("Type", "Status", "Reference"), ("PrepaymentID", _CONTACT), frozenset({"PrepaymentID"})
    ),
    "Overpayments": _Resource(("Type", "Status", "Reference"), ("OverpaymentID", _CONTACT)),
    "CreditNotes": _Resource(("Type", "Status", "CreditNoteNumber"), ("CreditNoteID", _CONTACT)),
    "BankTransactions": _Resource(
        ("Type", "Status", "Reference"),
        ("BankTransactionID", "PrepaymentID", "OverpaymentID", _CONTACT, "BankAccount.AccountID"),
        frozenset({"Date"}),
    ),
    "BatchPayments": _Resource(("Type", "Status"), ("BatchPaymentID",), paged=False),
    "Invoices": _Resource(
        ("Type", "Status", "InvoiceNumber", "Reference", "CurrencyCode"),
        ("InvoiceID", _CONTACT),
        orders=("Date", "InvoiceNumber"),
        by_ids=True,
    ),
    "Contacts": _Resource(
        ("Name", "ContactNumber", "ContactStatus"),
        ("ContactID",),
        orders=("Name",),
        dated=False,
        by_ids=True,
    ),
}
# Lists of values that invoices can be asked by.
_LISTS: Final = {"InvoiceNumbers": "InvoiceNumber", "Statuses": "Status", "ContactIDs": _CONTACT}
NAMES: Final = frozenset(_RESOURCES)
"""The resources that are read here."""


def _inside(name: str) -> Callable[[Body], Any]:
    outer, _, inner = name.partition(".")
    if not inner:
        return operator.methodcaller("get", outer)
    return lambda body: body.get(outer, {}).get(inner)


def _text_field(name: str) -> Field:
    read = _inside(name)
    return lambda row: read(row.body)


def _id_field(name: str) -> Field:
    read = _inside(name)

    def value(row: Row) -> object:
        found = read(row.body)
        return uuid.UUID(found) if found else None

    return value


def _day(row: Row) -> object:
    return parse_day(row.body.get("Date"))


def _fields(resource: _Resource) -> Mapping[str, Field]:
    dated: dict[str, Field] = {"Date": _day} if resource.dated else {}
    texts = {name: _text_field(name) for name in resource.texts}
    return texts | {name: _id_field(name) for name in resource.ids} | dated


def _keys(kind: str, resource: _Resource) -> Mapping[str, Callable[[Row], Any]]:
    keys: dict[str, Callable[[Row], Any]] = {
        "UpdatedDateUTC": lambda row: (row.updated_ms, row.document_id),
        ID_NAMES[kind]: operator.attrgetter("document_id"),
    }
    for name in resource.orders:
        keys[name] = _key(_day if name == "Date" else _text_field(name))
    return keys


def _key(read: Field) -> Callable[[Row], Any]:
    return lambda row: (read(row) or "", row.document_id)


_WHERE: Final = {kind: _fields(resource) for kind, resource in _RESOURCES.items()}
_ORDER: Final = {kind: _keys(kind, resource) for kind, resource in _RESOURCES.items()}


def _with_texts(kind: str, body: Body, options: XeroOptions) -> Body:
    """Return a document whose batch, or that is a batch, with texts where they are switched on."""
    if kind != "BatchPayments":
        batch = body.get("BatchPayment")
        return {**body, "BatchPayment": _with_texts("BatchPayments", batch, options)} if batch else body
    texts: Body = {"IsReconciled": "false"} if options.batch_flags_as_text else {}
    return body | texts | ({"TotalAmount": str(body["TotalAmount"])} if options.batch_totals_as_text else {})


class PaymentReads:
    """Answers reads; `documents` is what there is."""

    def __init__(self, state: State, options: Callable[[], XeroOptions]) -> None:
        self._state = state
        self._options = options
        self.documents = Documents(
            documents_of, contacts(), lambda: state.documents, self._settings, len(SCHEDULE)
        )

    def _settings(self) -> Settings:
        options = self._options()
        return Settings(options.seed, options.payments_per_day, options.payment_history_days)

    def read(self, parts: list[str], params: Mapping[str, str], headers: Mapping[bytes, bytes]) -> bytes:
        """Return the body of a list, or of one document. Raises Refused."""
        kind, *rest = parts
        if rest:
            row = self.row(kind, rest[0].lower())
            if row is None:
                raise Refused(not_found())
            return self._enveloped(kind, [row], merged=True)
        return self._list(kind, params, headers)

    def row(self, kind: str, document_id: str) -> Row | None:
        """Return a document as it is now."""
        document = self.documents.get(kind, document_id)
        if document is None:
            return None
        touch = self._options().allocation_touches
        return row_of(document, self._state.now_ms(), allocations_touch=touch)

    def _list(self, kind: str, params: Mapping[str, str], headers: Mapping[bytes, bytes]) -> bytes:
        resource = _RESOURCES[kind]
        rows = self._chosen(kind, params, modified_since(headers.get(b"if-modified-since")))
        fitting = filtered_by_any(rows, params.get("where"), _WHERE[kind], resource.either)
        in_order = ordered(fitting, params.get("order"), _ORDER[kind], "UpdatedDateUTC")
        paged = page_of(in_order, params) if resource.paged else None
        if paged is None:
            return self._enveloped(kind, in_order)
        return self._enveloped(kind, paged[0], paged[1], merged=True)

    def _chosen(self, kind: str, params: Mapping[str, str], since: int | None) -> Iterable[Row]:
        """Return the rows that fit IDs, If-Modified-Since and includeArchived."""
        if _RESOURCES[kind].by_ids and params.get("IDs"):
            rows = self._named(kind, params["IDs"])
        else:
            rows = self.rows(kind, since, lag_seconds=self._options().read_lag_seconds)
        least = 0 if since is None else since + (0 if self._options().modified_since_inclusive else 1)
        lists = [
            (_inside(field), set(params[name].split(",")))
            for name, field in _LISTS.items()
            if kind == "Invoices" and params.get(name)
        ]
        archived = kind != "Contacts" or params.get("includeArchived", "false").lower() == "true"
        return [
            row
            for row in rows
            if row.updated_ms >= least
            and (archived or row.body["ContactStatus"] == "ACTIVE")
            and all(read(row.body) in wanted for read, wanted in lists)
        ]

    def rows(self, kind: str, since: int | None = None, *, lag_seconds: float = 0.0) -> list[Row]:
        """Return the documents of a kind, unless last changed long before `since`.

        They are as they are now, or as they were `lag_seconds` ago.
        """
        now = self._state.now_ms() - int(lag_seconds * 1000)
        touch = self._options().allocation_touches
        found = (
            row_of(document, now, allocations_touch=touch)
            for document in self.documents.listed(kind, now, since)
        )
        return [row for row in found if row is not None]

    def _named(self, kind: str, ids: str) -> list[Row]:
        wanted = dict.fromkeys(one.strip().lower() for one in ids.split(","))
        if len(wanted) > _MOST_IDS:
            raise Refused(validation(f"IDs names more than {_MOST_IDS}"))
        found = (self.row(kind, one) for one in wanted)
        return [row for row in found if row is not None]

    def _enveloped(
        self, kind: str, rows: Iterable[Row], pagination: str = "", *, merged: bool = False
    ) -> bytes:
        items = [self._shown(kind, row, merged=merged) for row in rows]
        return envelope(self._state.now(), kind, items, pagination)

    def _shown(self, kind: str, row: Row, *, merged: bool) -> bytes:
        body = {**row.body, "UpdatedDateUTC": f"/Date({row.updated_ms}+0000)/"}
        if kind == "Contacts" and not merged:
            # What a contact was merged into is told by pages and single reads only.
            body.pop("MergedToContactID", None)
        body = _with_texts(kind, body, self._options())
        if body.get("Allocations"):
            body["Allocations"] = self._allocations(body["Allocations"])
        return _ENCODE(body)

    def _allocations(self, entries: list[Body]) -> list[Body]:
        options = self._options()
        if not options.list_removed_allocations:
            entries = [one for one in entries if not one["IsDeleted"]]
        if not options.allocation_ids:
            entries = [
                {name: value for name, value in one.items() if name != "AllocationID"} for one in entries
            ]
        return entries
