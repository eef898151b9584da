"""The store: journals and the requests that carried them, and beside them the other parts of the record."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from blocks.store.audit import Audit
from blocks.store.beginnings import Beginnings
from blocks.store.database import Database, metadata, uncancellable
from blocks.store.days import Days
from blocks.store.entries import PackedEntries
from blocks.store.incidents import Incidents
from blocks.store.leases import Leases, require
from blocks.store.models import OPEN_ENDED, JournalRecord, JournalState, Lease, StoredRequest
from blocks.store.rows import Date, LargeBinary, String, Text, instant_text, record_of, row_of, rows
from blocks.store.runs import Runs

_journals = Table(
    "journals",
    metadata,
    Column("organisation", String(200), primary_key=True),
    Column("narration", String(200), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("connection", String(200), nullable=False),
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
    # What is looked for in years of journals: those of a request, and those that hold some lines.
    Index("journals_of_request", "request_key"),
    Index("journals_of_entries", "connection", "highest_entry"),
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
        found = await self._found(_OF_DAY, connection=connection, day=day)
        return [one for one in found if organisation in {None, one.organisation}]

    @uncancellable
    async def journals_with(
        self, organisation: str, connection: str, besides: date, lowest: int, highest: int
    ) -> list[JournalRecord]:
        """Return the journals of any other day that were in Xero and may hold entry ids of a range."""
        return await self._found(
            _WITH,
            organisation=organisation,
            connection=connection,
            besides=besides,
            lowest=lowest,
            highest=highest,
        )

    @uncancellable
    async def journals_of(self, connection: str, days: Collection[date]) -> list[JournalRecord]:
        """Return the journals of some days that were in Xero, in whatever organisation."""
        return await self._found(_OF_DAYS, connection=connection, days=sorted(days))

    async def _found(self, query: Select[Any], **given: Any) -> list[JournalRecord]:
        async with self.database.begin() as database:
            return await database.run_sync(rows, query, _journals, _record, given)

    @uncancellable
    async def request(self, request_key: str) -> StoredRequest | None:
        """Return the bytes of a request, unless they were dropped since none of its journals needs them."""
        async with self.database.begin() as database:
            given = {"request_key": request_key}
            return next(iter(await database.run_sync(rows, _REQUEST, _requests, _request, given)), None)

    @uncancellable
    async def sending(
        self,
        records: Sequence[JournalRecord],
        request: StoredRequest,
        at: datetime,
        lease: Lease | None = None,
    ) -> None:
        """Record a request and its journals, in place of what is recorded of them: the request leaves now.

        Raises LeaseLost where `lease` is another run's by now.
        """
        now = instant_text(at)
        journals = [{**row_of(one), "state": JournalState.SENDING, "changed_at": now} for one in records]
        body = {
            "request_key": request.request_key,
            # In a thread: a body of megabytes would keep all else waiting.
            "body": await asyncio.to_thread(zlib.compress, request.body, 1),
            "first_sent_at": now,
        }
        async with self.database.begin() as database:
            await database.run_sync(require, lease)
            await database.execute(_DELETE, [_named(one) for one in records])
            await database.execute(_DELETE_REQUEST, {"request_key": request.request_key})
            await database.execute(_INSERT, journals)
            await database.execute(_INSERT_REQUEST, body)

    @uncancellable
    async def adopt(self, records: Sequence[JournalRecord], at: datetime) -> None:
        """Record journals that were found in Xero; those recorded already, by whomever, stay as they are."""
        found = {(one.organisation, one.narration, one.generation): one for one in records}
        async with self.database.begin() as database:
            for record in found.values():
                if (await database.execute(_STATE, _named(record))).first() is None:
                    await database.execute(_INSERT, {**row_of(record), "changed_at": instant_text(at)})

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
        if not records:
            return
        now, ids, reasons = instant_text(at), ids or {}, reasons or {}
        digests, entries = digests or {}, entries or {}
        moves = [
            {
                **_named(one),
                "to_state": state,
                "at": now,
                "why": reasons.get(one.narration),
                "id": ids.get(one.narration),
            }
            for one in records
        ]
        digested = [
            {**_named(one), "to": digests[one.narration]} for one in records if one.narration in digests
        ]
        packed = [
            {**_named(one), **_packed(entries[one.narration])} for one in records if one.narration in entries
        ]
        async with self.database.begin() as database:
            await database.run_sync(require, lease)
            await database.execute(_MOVE, moves)
            if digested:
                await database.execute(_DIGEST, digested)
            if packed:
                await database.execute(_ENTRIES, packed)
            await database.execute(_DROP)


# Made once: to build a statement costs more than to execute it.
_LISTED = select(_journals).order_by(
    _journals.c.day, _journals.c.booking_date, _journals.c.number, _journals.c.generation
)
_OF_CONNECTION = _LISTED.where(_journals.c.connection == bindparam("connection"))
_OF_DAY = _OF_CONNECTION.where(_journals.c.day == bindparam("day"))
_IN_XERO = _OF_CONNECTION.where(_journals.c.manual_journal_id.is_not(None))
_OF_DAYS = _IN_XERO.where(_journals.c.day.in_(bindparam("days", expanding=True)))
_WITH = _IN_XERO.where(
    _journals.c.organisation == bindparam("organisation"),
    _journals.c.day != bindparam("besides"),
    _journals.c.lowest_entry <= bindparam("highest"),
    _journals.c.highest_entry >= bindparam("lowest"),
)
_REQUEST = select(_requests).where(_requests.c.request_key == bindparam("request_key"))
_DELETE_REQUEST = delete(_requests).where(_requests.c.request_key == bindparam("request_key"))
_INSERT, _INSERT_REQUEST = insert(_journals), insert(_requests)
_IS = and_(
    _journals.c.organisation == bindparam("of_organisation"),
    _journals.c.narration == bindparam("of_narration"),
    _journals.c.generation == bindparam("of_generation"),
)
_DELETE = delete(_journals).where(_IS)
_STATE = select(_journals.c.state).where(_IS)
_MOVE = (
    update(_journals)
    .where(_IS)
    .values(
        state=bindparam("to_state"),
        changed_at=bindparam("at"),
        reason=bindparam("why"),
        # An answer that comes late must not take the place of the journal that is known.
        manual_journal_id=func.coalesce(_journals.c.manual_journal_id, bindparam("id", type_=String(36))),
    )
)
_DIGEST = update(_journals).where(_IS).values(digest=bindparam("to"))
_ENTRIES = (
    update(_journals)
    .where(_IS)
    .values(
        entries=bindparam("to_entries"),
        lowest_entry=bindparam("to_lowest_entry"),
        highest_entry=bindparam("to_highest_entry"),
    )
)
# The bytes of a request whose journals cannot need them again. Few requests are kept at a time.
_DROP = delete(_requests).where(
    ~exists().where(
        _journals.c.request_key == _requests.c.request_key,
        _journals.c.state.in_((JournalState.PREPARED, *OPEN_ENDED)),
    )
)


def _named(record: JournalRecord) -> dict[str, Any]:
    return {
        "of_organisation": record.organisation,
        "of_narration": record.narration,
        "of_generation": record.generation,
    }


def _packed(entries: PackedEntries) -> dict[str, Any]:
    return {f"to_{name}": one for name, one in entries._asdict().items()}


def _record(row: Mapping[str, Any]) -> JournalRecord:
    Decimal(row["debits"])
    return record_of(JournalRecord, row)


def _request(row: Mapping[str, Any]) -> StoredRequest:
    return record_of(StoredRequest, {**row, "body": zlib.decompress(row["body"])})
