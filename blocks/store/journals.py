"""The store: journals and the requests that carried them, and beside them the other parts of the record."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import BigInteger, Column, Integer, Table, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from blocks.store.audit import Audit
from blocks.store.beginnings import Beginnings
from blocks.store.database import Database, metadata, uncancellable
from blocks.store.days import Days
from blocks.store.incidents import Incidents
from blocks.store.leases import Leases, require
from blocks.store.models import OPEN_ENDED, JournalRecord, JournalState, Lease, PackedEntries, StoredRequest
from blocks.store.rows import Date, LargeBinary, String, Text, instant_text, record_of, row_of, rows
from blocks.store.runs import Runs

_journals = Table(
    "journals",
    metadata,
    Column("organisation", String(200), primary_key=True),
    Column("narration", String(200), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("connection", String(200), nullable=False, index=True),
    Column("day", Date, nullable=False, index=True),
    Column("booking_date", Date, nullable=False),
    Column("number", Integer, nullable=False),
    Column("request_key", String(36), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("lines", Integer, nullable=False),
    # Text, because SQLite would keep a decimal as a float.
    Column("debits", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("manual_journal_id", String(36)),
    Column("reason", Text),
    Column("changed_at", String(40), nullable=False),
    # Null where it was not recorded yet.
    Column("entries", LargeBinary),
    Column("lowest_entry", BigInteger),
    Column("highest_entry", BigInteger),
)
_requests = Table(
    "requests",
    metadata,
    Column("request_key", String(36), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("first_sent_at", String(40)),
)


class Store:
    """An open store. Use as an async context manager; every method raises StoreError."""

    def __init__(self, engine: AsyncEngine, file: Path | None = None) -> None:
        self.database = Database(engine, file)
        self.runs = Runs(self.database)
        self.leases = Leases(self.database)
        self.days = Days(self.database)
        self.incidents = Incidents(self.database)
        self.audit = Audit(self.database)
        self.beginnings = Beginnings(self.database)

    @uncancellable
    async def __aenter__(self) -> Self:
        try:
            await self.database.prepare()
        except BaseException:
            await self.database.dispose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.database.dispose()

    @uncancellable
    async def upgrade(self) -> None:
        """Bring the tables of an older Daybook up to date; not to be done while that one is at work."""
        try:
            await self.database.prepare(upgrade=True)
        finally:
            await self.database.dispose()

    @uncancellable
    async def journals(self, organisation: str | None, connection: str, day: date) -> list[JournalRecord]:
        """Return all journals recorded for a day, every state and generation; None: of any organisation."""
        wanted = and_(_journals.c.connection == connection, _journals.c.day == day)
        if organisation is not None:
            wanted = and_(wanted, _journals.c.organisation == organisation)
        query = (
            select(_journals)
            .where(wanted)
            .order_by(_journals.c.booking_date, _journals.c.number, _journals.c.generation)
        )
        async with self.database.begin() as database:
            return await rows(database, query, _journals, _record)

    @uncancellable
    async def journals_with(
        self, organisation: str, connection: str, besides: date, lowest: int, highest: int
    ) -> list[JournalRecord]:
        """Return the journals of any other day that were in Xero and may hold entry ids of a range."""
        query = (
            select(_journals)
            .where(
                _journals.c.connection == connection,
                _journals.c.organisation == organisation,
                _journals.c.day != besides,
                _journals.c.manual_journal_id.is_not(None),
                _journals.c.lowest_entry <= highest,
                _journals.c.highest_entry >= lowest,
            )
            .order_by(_journals.c.day, _journals.c.booking_date, _journals.c.number, _journals.c.generation)
        )
        async with self.database.begin() as database:
            return await rows(database, query, _journals, _record)

    @uncancellable
    async def journals_of(self, connection: str, days: Collection[date]) -> list[JournalRecord]:
        """Return the journals of some days that were in Xero, in whatever organisation."""
        query = select(_journals).where(
            _journals.c.connection == connection,
            _journals.c.day.in_(days),
            _journals.c.manual_journal_id.is_not(None),
        )
        async with self.database.begin() as database:
            return await rows(database, query, _journals, _record)

    @uncancellable
    async def request(self, request_key: str) -> StoredRequest | None:
        """Return the bytes of a request, unless they were dropped since none of its journals needs them."""
        query = select(_requests).where(_requests.c.request_key == request_key)
        async with self.database.begin() as database:
            return next(iter(await rows(database, query, _requests, _request)), None)

    @uncancellable
    async def prepare(
        self,
        records: Sequence[JournalRecord],
        requests: Sequence[StoredRequest],
        at: datetime,
        lease: Lease | None = None,
    ) -> None:
        """Write journals and their requests down before anything of them is sent.

        Raises LeaseLost where `lease` is another run's by now.
        """
        journals = [{**row_of(record), "changed_at": instant_text(at)} for record in records]
        bodies = [
            {"request_key": item.request_key, "body": zlib.compress(item.body, 1), "first_sent_at": None}
            for item in requests
        ]
        if not journals:
            return
        async with self.database.begin() as database:
            await require(database, lease)
            for record in records:
                await database.execute(delete(_journals).where(_is(record)))
            keys = [body["request_key"] for body in bodies]
            await database.execute(delete(_requests).where(_requests.c.request_key.in_(keys)))
            await database.execute(insert(_journals), journals)
            await database.execute(insert(_requests), bodies)

    @uncancellable
    async def adopt(self, records: Sequence[JournalRecord], at: datetime) -> None:
        """Record journals that were found in Xero; those recorded already, by whomever, stay as they are."""
        found = {(one.organisation, one.narration, one.generation): one for one in records}
        async with self.database.begin() as database:
            for record in found.values():
                known = (await database.execute(select(_journals.c.state).where(_is(record)))).first()
                if known is None:
                    row = {**row_of(record), "changed_at": instant_text(at)}
                    await database.execute(insert(_journals).values(row))

    @uncancellable
    async def sending(self, request_key: str, at: datetime, lease: Lease | None = None) -> None:
        """Write down that a request leaves now: `first_sent_at` is only set once.

        Raises LeaseLost where `lease` is another run's by now.
        """
        async with self.database.begin() as database:
            await require(database, lease)
            await database.execute(
                update(_journals)
                .where(_journals.c.request_key == request_key)
                .values(state=JournalState.SENDING, changed_at=instant_text(at))
            )
            await database.execute(
                update(_requests)
                .where(_requests.c.request_key == request_key, _requests.c.first_sent_at.is_(None))
                .values(first_sent_at=instant_text(at))
            )

    @uncancellable
    async def move(
        self,
        records: Collection[JournalRecord],
        state: JournalState,
        at: datetime,
        *,
        ids: Mapping[str, str] | None = None,
        reasons: Mapping[str, str] | None = None,
        digests: Mapping[str, str] | None = None,
        entries: Mapping[str, PackedEntries] | None = None,
        lease: Lease | None = None,
    ) -> None:
        """Move journals to a state, with the Xero ids, reasons, digests and entries given by narration.

        The bytes of a request are dropped once none of its journals can need them again. Raises LeaseLost
        where `lease` is another run's by now.
        """
        ids, reasons, digests = ids or {}, reasons or {}, digests or {}
        if not records:
            return
        async with self.database.begin() as database:
            await require(database, lease)
            for record in records:
                values: dict[str, Any] = {"state": state, "changed_at": instant_text(at)}
                if record.narration in ids:
                    # An answer that comes late must not take the place of the journal that is known.
                    values["manual_journal_id"] = func.coalesce(
                        _journals.c.manual_journal_id, ids[record.narration]
                    )
                if record.narration in digests:
                    values["digest"] = digests[record.narration]
                if entries and record.narration in entries:
                    values |= entries[record.narration]._asdict()
                values["reason"] = reasons.get(record.narration)
                await database.execute(update(_journals).where(_is(record)).values(values))
            needed = select(_journals.c.request_key).where(
                _journals.c.state.in_((JournalState.PREPARED, *OPEN_ENDED))
            )
            await database.execute(delete(_requests).where(_requests.c.request_key.not_in(needed)))


def _is(record: JournalRecord) -> Any:
    return and_(
        _journals.c.organisation == record.organisation,
        _journals.c.narration == record.narration,
        _journals.c.generation == record.generation,
    )


def _record(row: Mapping[str, Any]) -> JournalRecord:
    Decimal(row["debits"])
    return record_of(JournalRecord, row)


def _request(row: Mapping[str, Any]) -> StoredRequest:
    return record_of(StoredRequest, {**row, "body": zlib.decompress(row["body"])})
