"""Reading what was paid from Xero.

A list is read page by page until it stood still meanwhile: what slips from one page to another unseen would
be a payment that LN never hears of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec
from msgspec.structs import fields

from blocks.dates import utc_text
from blocks.errors import NotFound, Rejected, Unavailable, UnusableAnswer
from blocks.xero import payment_models as shown
from blocks.xero.client import PAYMENT_SCOPES, XeroClient, dated
from blocks.xero.pages import Pagination, Reading

# What is no GUID is no id of Xero's, and would make a whole filter one that Xero cannot read.
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
PAGE_SIZE = 1000  # Xero's largest page
# Ids in one address: 36 characters each, and addresses of more than 2,000 are refused by some on the way.
_IDS = 40
# More than so many are first looked for in the list of what has changed, of which one page holds 1,000.
_WORTH_A_LIST = 5 * _IDS
# Dates, or ids, in one filter, for the same reason.
_DATES = 20
_FILTERED_IDS = 20
# A list can change while its pages are read; it is then read again, this often.
_READINGS = 4
# No list of what was paid has more pages: Xero itself reads no more than 100,000 rows for one.
_MOST_PAGES = 300
_HINT = f"The app in Xero needs the scopes {' '.join(PAYMENT_SCOPES)} to read what was paid."


class _Accounts(msgspec.Struct, frozen=True, rename="pascal"):
    accounts: list[shown.XeroBankAccount]


T = TypeVar("T", bound=msgspec.Struct)
B = TypeVar("B")


class _Kind(Generic[T]):
    """A list in Xero: its `path`, the type of a `page`, and the field by whose id it is put in `order`."""

    def __init__(self, path: str, item: type[T]) -> None:
        self.path = path
        # The list itself is never absent: an odd answer must not look like an empty one.
        items = ("items", list[item], msgspec.field(name=path))  # type: ignore[valid-type]
        pagination = ("pagination", Pagination | None, None)
        self.page: type[Any] = msgspec.defstruct(f"_{path}", [items, pagination], frozen=True)
        self.order = f"{path.removesuffix('s')}ID"
        self._key = next(one.name for one in fields(item) if one.encode_name == self.order)

    def items(self, page: Any) -> list[T]:
        """Return what is on a page."""
        found: list[T] = page.items
        return found

    def id_of(self, item: T) -> str:
        """Return what tells an item from all others."""
        return str(getattr(item, self._key))


_PREPAYMENTS = _Kind("Prepayments", shown.XeroPrepayment)
_BANK_TRANSACTIONS = _Kind("BankTransactions", shown.XeroBankTransaction)
_PAYMENTS = _Kind("Payments", shown.XeroPayment)
_OVERPAYMENTS = _Kind("Overpayments", shown.XeroOverpayment)
_CREDIT_NOTES = _Kind("CreditNotes", shown.XeroCreditNote)
_INVOICES = _Kind("Invoices", shown.XeroInvoice)
_CONTACTS = _Kind("Contacts", shown.XeroContact)


class XeroPayments:
    """Reads what was paid from one Xero organisation. Every method raises blocks.errors.CallFailed."""

    def __init__(self, xero: XeroClient) -> None:
        self._xero = xero

    async def payments(self, modified_since: datetime | None = None) -> list[shown.XeroPayment]:
        """Return the payments and refunds created or changed since an instant, deleted ones included."""
        return await self._list(_PAYMENTS, modified_since=modified_since)

    async def prepayments(self, modified_since: datetime | None = None) -> list[shown.XeroPrepayment]:
        """Return the prepayments created or changed since an instant, voided ones included."""
        return await self._list(_PREPAYMENTS, modified_since=modified_since)

    async def open_prepayments(self) -> list[shown.XeroPrepayment]:
        """Return the prepayments of which something is still to be applied, whenever they were changed.

        Whether an allocation moves the time at which its prepayment was changed is not known.
        """
        return await self._list(_PREPAYMENTS, {"where": 'Status=="AUTHORISED"'})

    async def payments_named(self, ids: Iterable[str]) -> list[shown.XeroPayment]:
        """Return payments by id, as many as Xero knows: those of which an earlier run did not make an end."""
        return await self._filtered(_PAYMENTS, ids)

    async def prepayments_named(self, ids: Iterable[str]) -> list[shown.XeroPrepayment]:
        """Return prepayments by id, as many as Xero knows."""
        return await self._filtered(_PREPAYMENTS, ids)

    async def overpayments_named(self, ids: Iterable[str]) -> list[shown.XeroOverpayment]:
        """Return overpayments by id, as many as Xero knows."""
        return await self._filtered(_OVERPAYMENTS, ids)

    async def credit_notes_named(self, ids: Iterable[str]) -> list[shown.XeroCreditNote]:
        """Return credit notes by id, as many as Xero knows."""
        return await self._filtered(_CREDIT_NOTES, ids)

    async def prepayment(self, prepayment_id: str) -> shown.XeroPrepayment:
        """Return one prepayment. Raises NotFound."""
        path = f"Prepayments/{prepayment_id}"
        found = _PREPAYMENTS.items(await self._xero.get(path, _PREPAYMENTS.page, if_forbidden=_HINT))
        if len(found) != 1:
            raise UnusableAnswer(
                f"Xero gave {len(found)} prepayments for the id {prepayment_id} instead of one."
            )
        return found[0]

    async def overpayments(self, modified_since: datetime | None = None) -> list[shown.XeroOverpayment]:
        """Return the overpayments created or changed since an instant, voided ones included."""
        return await self._list(_OVERPAYMENTS, modified_since=modified_since)

    async def credit_notes(self, modified_since: datetime | None = None) -> list[shown.XeroCreditNote]:
        """Return the credit notes created or changed since an instant, voided ones included."""
        return await self._list(_CREDIT_NOTES, modified_since=modified_since)

    async def bank_transactions(
        self, modified_since: datetime | None = None
    ) -> list[shown.XeroBankTransaction]:
        """Return the bank transactions created or changed since an instant, deleted ones included."""
        return await self._list(_BANK_TRANSACTIONS, modified_since=modified_since)

    async def bank_transactions_dated(self, days: Iterable[date]) -> list[shown.XeroBankTransaction]:
        """Return the bank transactions of some days: those of prepayments that were made long ago."""
        found: list[shown.XeroBankTransaction] = []
        for some in _batches(sorted(set(days)), _DATES):
            where = " OR ".join(map(dated, some))
            found += await self._list(_BANK_TRANSACTIONS, {"where": where})
        return found

    async def invoices(
        self, ids: Iterable[str], changed_since: datetime | None = None
    ) -> dict[str, shown.XeroInvoice]:
        """Return invoices and bills by id, as many as Xero knows of those asked for.

        Many are first looked for among those that were changed since an instant: being paid changes them.
        """
        wanted = {one for one in ids if one}
        found: dict[str, shown.XeroInvoice] = {}
        if changed_since is not None and len(wanted) > _WORTH_A_LIST:
            # Where the list did not stand still, what it lacks is asked for by id all the same.
            listed = await self._reading(_INVOICES, {}, _modified_since(changed_since)) or []
            found = {one.invoice_id: one for one in listed if one.invoice_id in wanted}
        return found | await self._by_id(_INVOICES, wanted - found.keys(), {})

    async def contacts(self, ids: Iterable[str]) -> dict[str, shown.XeroContact]:
        """Return contacts by id, archived ones included, as many as Xero knows of those asked for."""
        return await self._by_id(_CONTACTS, ids, {"includeArchived": "true"})

    async def accounts(self) -> dict[str, shown.XeroBankAccount]:
        """Return the whole chart of accounts by id, archived accounts included."""
        found = await self._xero.get("Accounts", _Accounts, if_forbidden=_HINT)
        return {account.account_id: account for account in found.accounts}

    async def _by_id(self, kind: _Kind[T], ids: Iterable[str], params: Mapping[str, str]) -> dict[str, T]:
        found: dict[str, T] = {}
        for some in _batches(sorted({one for one in ids if one}), _IDS):
            listed = await self._asked_for(kind, {**params, "IDs": ",".join(some)}, some)
            found |= {kind.id_of(one): one for one in listed}
        return found

    async def _filtered(self, kind: _Kind[T], ids: Iterable[str]) -> list[T]:
        found: list[T] = []
        for some in _batches(sorted({one for one in ids if _GUID.fullmatch(one)}), _FILTERED_IDS):
            where = " OR ".join(f'{kind.order}==guid("{one}")' for one in some)
            found += await self._asked_for(kind, {"where": where}, some)
        return found

    async def _asked_for(self, kind: _Kind[T], params: Mapping[str, str], ids: Iterable[str]) -> list[T]:
        """Return what Xero knows of some ids; where it refuses to be asked for all of them, one by one."""
        try:
            return await self._list(kind, params)
        except Rejected:
            return [item for one in ids for item in await self._one(kind, one)]

    async def _one(self, kind: _Kind[T], one: str) -> Sequence[T]:
        """Return what has an id: nothing where Xero knows no such thing, or takes that for no id."""
        try:
            page = await self._xero.get(f"{kind.path}/{quote(one, safe='')}", kind.page, if_forbidden=_HINT)
        except (NotFound, Rejected):
            return ()
        return kind.items(page)

    async def _list(
        self,
        kind: _Kind[T],
        params: Mapping[str, str] | None = None,
        modified_since: datetime | None = None,
    ) -> list[T]:
        """Return all items of a list that stood still while its pages were read. Raises Unavailable."""
        headers = _modified_since(modified_since) if modified_since else {}
        for _ in range(_READINGS):
            found = await self._reading(kind, params or {}, headers)
            if found is not None:
                return found
        raise Unavailable(
            f"Xero: the list of {kind.path} changed during each reading, or its pages repeat or never end. "
            "Daybook cannot tell whether it saw all of it, and took nothing from it. The next run reads it "
            "again."
        )

    async def _reading(
        self, kind: _Kind[T], params: Mapping[str, str], headers: Mapping[str, str]
    ) -> list[T] | None:
        """Read all pages once; return None where what came is not all, or more than Xero states."""
        found: dict[str, T] = {}
        reading = Reading(_MOST_PAGES)
        while not reading.ended:
            # Ordered by id, which no change moves: in Xero's own order, by time of change, an item can
            # slip past a reader from one page to another.
            paging = {
                "page": str(reading.page),
                "pageSize": str(PAGE_SIZE),
                "order": f"{kind.order} ASC",
            }
            answer = await self._xero.get(
                kind.path, kind.page, {**params, **paging}, headers, if_forbidden=_HINT
            )
            items = {kind.id_of(one): one for one in kind.items(answer)}
            found |= items
            reading.take(items.keys(), answer.pagination)
        return list(found.values()) if reading.whole else None


def _modified_since(instant: datetime) -> dict[str, str]:
    # Xero's own form: UTC, without a zone.
    return {"If-Modified-Since": utc_text(instant)}


def _batches(items: Sequence[B], size: int) -> list[Sequence[B]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
