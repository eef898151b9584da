"""The store: runs, journals and the requests that carried them, in SQLite or PostgreSQL.

It is a record and a queue. What is in Xero is decided by looking at Xero, so a lost or old store
leads to more reading, never to a second journal.

    state of a journal   who moves it there
    sealed               seal: its bytes and key are fixed and written here, nothing was sent
    sending              put: written here before the request leaves
    refused              put: Xero declined this element, with its reason
    unknown              put: no clear answer came
    created              put: Xero took it and named its id
    confirmed            confirm: read back, every line equal
    drift                confirm: read back, and different
    possible             confirm: not known to be ours, but it may be; its lines are not sent meanwhile
    withdrawing          withdraw: written here before Xero is asked to delete or void it; end unknown
    withdrawn            withdraw: deleted or voided by our command; its number stays taken
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Integer,
    LargeBinary,
    Table,
    and_,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from blocks import sqlite_file
from blocks.addresses import LOGO_URL, documentation_url
from blocks.audit import Audit
from blocks.beginnings import Beginnings
from blocks.database import (
    Database,
    String,
    Text,
    instant,
    instant_of,
    instant_text,
    metadata,
    rows,
    to_its_end,
)
from blocks.day_records import Days
from blocks.entry_ids import PackedEntries
from blocks.errors import UsageError
from blocks.home import home, private_folder
from blocks.incidents import Incidents
from blocks.leases import Lease, Leases, require


class JournalState(StrEnum):
    """Where a journal is on its way; see the table at the top of the module."""

    SEALED = "sealed"
    SENDING = "sending"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    CREATED = "created"
    CONFIRMED = "confirmed"
    DRIFT = "drift"
    POSSIBLE = "possible"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"


# In seconds, for asyncpg. No command takes a minute, the wait for another run's transaction included: a
# connection that stays silent for longer is given up. Without this it would be waited for without an end.
_POSTGRESQL_WAITS = {"timeout": 10, "command_timeout": 60}
# States in which a request may still be carried out, or may have been, without our knowing.
OPEN_ENDED = (JournalState.SENDING, JournalState.UNKNOWN)

_runs = Table(
    "runs",
    metadata,
    Column("run_id", String(36), primary_key=True),
    Column("connection", String(200), nullable=False),
    Column("day", Date, nullable=False),
    Column("started_at", String(40), nullable=False),
    Column("ended_at", String(40)),
    Column("status", String(20), nullable=False),
    Column("message", Text, nullable=False),
    # Whether it was the day's own run, started without a date. Null where it was not recorded yet.
    Column("scheduled", Boolean),
)
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


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """What the store knows of one journal; `organisation` is the Xero organisation it belongs to.

    `entries` are the entry ids of its lines, packed; None where they are not known. `changed_at` is when
    it came into its state, where it was read from the store.
    """

    organisation: str
    narration: str
    generation: int
    connection: str
    day: date
    booking_date: date
    number: int
    request_key: str
    digest: str
    lines: int
    debits: str
    state: JournalState = JournalState.SEALED
    manual_journal_id: str | None = None
    reason: str | None = None
    entries: bytes | None = None
    lowest_entry: int | None = None
    highest_entry: int | None = None
    changed_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """The very bytes of a request, and when they first went out."""

    request_key: str
    body: bytes
    first_sent_at: datetime | None = None


def latest(records: Iterable[JournalRecord]) -> dict[str, JournalRecord]:
    """Return the record of the newest generation of each narration."""
    newest: dict[str, JournalRecord] = {}
    for record in records:
        held = newest.get(record.narration)
        if held is None or held.generation < record.generation:
            newest[record.narration] = record
    return newest


class Store:
    """An open store. Use as an async context manager; every method raises StoreError."""

    def __init__(self, engine: AsyncEngine, file: Path | None = None) -> None:
        self.database = Database(engine, file)
        self.leases = Leases(self.database)
        self.days = Days(self.database)
        self.incidents = Incidents(self.database)
        self.audit = Audit(self.database)
        self.beginnings = Beginnings(self.database)

    @to_its_end
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

    @to_its_end
    async def upgrade(self) -> None:
        """Bring the tables of an older Daybook up to date; not to be done while that one is at work."""
        try:
            await self.database.prepare(upgrade=True)
        finally:
            await self.database.dispose()

    @to_its_end
    async def run_started(
        self, run_id: str, connection: str, day: date, at: datetime, *, scheduled: bool
    ) -> None:
        """Record that a run began; `scheduled`: without a date, so that its day followed from its start."""
        row = {
            "run_id": run_id,
            "connection": connection,
            "day": day,
            "started_at": instant_text(at),
            "status": "running",
            "message": "",
            "scheduled": scheduled,
        }
        async with self.database.begin() as database:
            await database.execute(delete(_runs).where(_runs.c.run_id == run_id))
            await database.execute(insert(_runs).values(row))

    async def first_day(self, connection: str) -> date | None:
        """Return the first day that had a scheduled run by the record; None where none had."""
        days = await self.run_days(connection)
        return min((day for day, scheduled in days.items() if scheduled), default=None)

    @to_its_end
    async def run_days(self, connection: str) -> dict[date, bool]:
        """Return the days of which the record knows a run, and whether one of these was scheduled."""
        query = select(_runs).where(_runs.c.connection == connection)
        found: dict[date, bool] = {}
        async with self.database.begin() as database:
            for day, scheduled in await rows(database, query, _runs, _day_and_schedule):
                found[day] = found.get(day, False) or scheduled
        return found

    @to_its_end
    async def run_ended(self, run_id: str, status: str, message: str, at: datetime) -> None:
        """Record how a run ended."""
        async with self.database.begin() as database:
            await database.execute(
                update(_runs)
                .where(_runs.c.run_id == run_id)
                .values(status=status, message=message, ended_at=instant_text(at))
            )

    @to_its_end
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

    @to_its_end
    async def journals_with(
        self, organisation: str, connection: str, lowest: int, highest: int
    ) -> list[JournalRecord]:
        """Return the journals of any day that were in Xero and may hold entry ids from lowest to highest."""
        query = (
            select(_journals)
            .where(
                _journals.c.connection == connection,
                _journals.c.organisation == organisation,
                _journals.c.manual_journal_id.is_not(None),
                _journals.c.lowest_entry <= highest,
                _journals.c.highest_entry >= lowest,
            )
            .order_by(_journals.c.day, _journals.c.booking_date, _journals.c.number, _journals.c.generation)
        )
        async with self.database.begin() as database:
            return await rows(database, query, _journals, _record)

    @to_its_end
    async def journals_of(self, connection: str, days: Collection[date]) -> list[JournalRecord]:
        """Return the journals of some days that were in Xero, in whatever organisation."""
        query = select(_journals).where(
            _journals.c.connection == connection,
            _journals.c.day.in_(days),
            _journals.c.manual_journal_id.is_not(None),
        )
        async with self.database.begin() as database:
            return await rows(database, query, _journals, _record)

    @to_its_end
    async def request(self, request_key: str) -> StoredRequest | None:
        """Return the bytes of a request, unless they were dropped since none of its journals needs them."""
        query = select(_requests).where(_requests.c.request_key == request_key)
        async with self.database.begin() as database:
            return next(iter(await rows(database, query, _requests, _request)), None)

    @to_its_end
    async def seal(
        self,
        records: Sequence[JournalRecord],
        requests: Sequence[StoredRequest],
        at: datetime,
        lease: Lease | None = None,
    ) -> None:
        """Write journals and their requests down before anything of them is sent.

        Raises LeaseLost where `lease` is another run's by now.
        """
        journals = [{**asdict(record), "changed_at": instant_text(at)} for record in records]
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

    @to_its_end
    async def adopt(self, records: Sequence[JournalRecord], at: datetime) -> None:
        """Record journals that were found in Xero; those recorded already, by whomever, stay as they are."""
        found = {(one.organisation, one.narration, one.generation): one for one in records}
        async with self.database.begin() as database:
            for record in found.values():
                known = (await database.execute(select(_journals.c.state).where(_is(record)))).first()
                if known is None:
                    row = {**asdict(record), "changed_at": instant_text(at)}
                    await database.execute(insert(_journals).values(row))

    @to_its_end
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

    @to_its_end
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
                _journals.c.state.in_((JournalState.SEALED, *OPEN_ENDED))
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
    values = {name: row[name] for name in JournalRecord.__dataclass_fields__}
    known = {"state": JournalState(values["state"]), "changed_at": instant_of(values["changed_at"])}
    return JournalRecord(**{**values, **known})


def _day_and_schedule(row: Mapping[str, Any]) -> tuple[date, bool]:
    day: date = row["day"]
    scheduled: bool | None = row["scheduled"]
    began = instant(row["started_at"])
    if scheduled is None:
        # Recorded before it was known: the night's own run comes on the date after its day (in UTC as
        # well, wherever it is); one that came later was for a date that somebody gave.
        scheduled = began.date() - day <= timedelta(days=1)
    return day, scheduled


def _request(row: Mapping[str, Any]) -> StoredRequest:
    return StoredRequest(row["request_key"], zlib.decompress(row["body"]), instant_of(row["first_sent_at"]))


def open_store(url: str, *, schema: str | None = None) -> Store:
    """Return a store at a database URL such as sqlite:///file or postgresql://user@host/database.

    `schema` names an existing PostgreSQL schema to keep the tables in. Raises UsageError.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise UsageError("The store's URL is not a database URL such as postgresql://user@host/db.") from None
    drivers = {
        "sqlite": "sqlite+aiosqlite",
        "postgresql": "postgresql+asyncpg",
        "postgres": "postgresql+asyncpg",
    }
    driver = drivers.get(address.get_backend_name())
    if driver is None:
        raise UsageError(
            f"The store can be SQLite or PostgreSQL, and its URL names {address.get_backend_name()}."
        )
    file = None
    if driver.startswith("sqlite") and address.database not in {None, "", ":memory:"}:
        # Where a link leads: what is made is put there.
        file = Path(os.path.realpath(str(address.database)))
        private_folder(file.parent)
    options: dict[str, Any] = {}
    if schema:
        options["execution_options"] = {"schema_translate_map": {None: schema}}
    if driver.startswith("postgresql"):
        options["connect_args"] = _POSTGRESQL_WAITS
    if "sslmode" in address.query:
        # As every PostgreSQL tool spells it; asyncpg's own word for the same values is `ssl`.
        mode = address.query["sslmode"]
        address = address.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    # What was dropped while nobody used it is replaced before it is used; a file is never dropped.
    engine = create_async_engine(address.set(drivername=driver), pool_pre_ping=file is None, **options)
    if file is not None:
        sqlite_file.set_up(engine.sync_engine)
    if driver.startswith("postgresql"):
        # A silent connection would be closed only after the time of a command; by this, after two seconds.
        event.listen(engine.sync_engine, "close", lambda connection, _record: connection.terminate())
    return Store(engine, file)


class DaybookStore(Block):
    """The database in which Daybook records its runs and journals.

    Example:
        ```python
        from blocks.store import DaybookStore

        store = DaybookStore.load("BLOCK_NAME")
        ```
    """

    # Where validation fails, pydantic would show what it was given.
    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Daybook Store"
    _block_type_slug = "daybook-store"
    _logo_url = LOGO_URL
    _documentation_url = documentation_url("configuration")

    url: SecretStr | None = Field(
        default=None,
        description="A database URL, such as postgresql://user:password@host/daybook. Without it, a SQLite "
        "file in the home folder of the machine that runs the flow.",
    )
    schema_name: str | None = Field(
        default=None, description="The PostgreSQL schema that holds the tables, where it is not the default."
    )

    @property
    def address(self) -> str:
        """Return the database's URL, which may hold a password."""
        return self.url.get_secret_value() if self.url else f"sqlite:///{home() / 'daybook.sqlite3'}"

    def open(self) -> Store:
        """Return the store, still to be entered as an async context manager. Raises UsageError."""
        return open_store(self.address, schema=self.schema_name)
