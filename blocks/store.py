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
    withdrawn            withdraw: deleted or voided by our command; its number stays taken
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr
from sqlalchemy import (
    Column,
    Date,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
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

from blocks.addresses import LOGO_URL, documentation_url
from blocks.audit import Audit
from blocks.database import Database, instant_of, instant_text, metadata, to_its_end
from blocks.day_records import Days
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
    WITHDRAWN = "withdrawn"


# How often it is tried to put a new SQLite file into the mode it is used in.
_WAL_ATTEMPTS = 100
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
    """What the store knows of one journal; `organisation` is the Xero organisation it belongs to."""

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

    def __init__(self, engine: AsyncEngine) -> None:
        self.database = Database(engine)
        self.leases = Leases(self.database)
        self.days = Days(self.database)
        self.incidents = Incidents(self.database)
        self.audit = Audit(self.database)

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
    async def run_started(self, run_id: str, connection: str, day: date, at: datetime) -> None:
        """Record that a run began."""
        row = {
            "run_id": run_id,
            "connection": connection,
            "day": day,
            "started_at": instant_text(at),
            "status": "running",
            "message": "",
        }
        async with self.database.begin() as database:
            await database.execute(delete(_runs).where(_runs.c.run_id == run_id))
            await database.execute(insert(_runs).values(row))

    @to_its_end
    async def history(self, connection: str, day: date) -> tuple[datetime | None, int]:
        """Return when the first recorded run of a connection began, and how many there were of a day."""
        of_connection = _runs.c.connection == connection
        first = select(func.min(_runs.c.started_at)).where(of_connection)
        count = select(func.count()).select_from(_runs).where(of_connection, _runs.c.day == day)
        async with self.database.begin() as database:
            began = (await database.execute(first)).scalar_one_or_none()
            return instant_of(began), (await database.execute(count)).scalar_one()

    @to_its_end
    async def first_day(self, connection: str) -> date | None:
        """Return the first day of which the record knows a run."""
        query = select(func.min(_runs.c.day)).where(_runs.c.connection == connection)
        async with self.database.begin() as database:
            found: date | None = (await database.execute(query)).scalar_one_or_none()
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
            rows = (await database.execute(query)).mappings().all()
        return [_record(row) for row in rows]

    @to_its_end
    async def request(self, request_key: str) -> StoredRequest | None:
        """Return the bytes of a request, unless they were dropped since none of its journals needs them."""
        async with self.database.begin() as database:
            row = (
                (await database.execute(select(_requests).where(_requests.c.request_key == request_key)))
                .mappings()
                .first()
            )
        if row is None:
            return None
        sent = row["first_sent_at"]
        return StoredRequest(
            request_key, zlib.decompress(row["body"]), datetime.fromisoformat(sent) if sent else None
        )

    @to_its_end
    async def seal(
        self,
        records: Sequence[JournalRecord],
        requests: Iterable[StoredRequest],
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
        found = {(record.organisation, record.narration): record for record in records}
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
        records: Iterable[JournalRecord],
        state: JournalState,
        at: datetime,
        *,
        ids: Mapping[str, str] | None = None,
        reasons: Mapping[str, str] | None = None,
        digests: Mapping[str, str] | None = None,
    ) -> None:
        """Move journals to a state, with the Xero ids, reasons and digests given by narration.

        The bytes of a request are dropped once none of its journals can need them again.
        """
        ids, reasons, digests = ids or {}, reasons or {}, digests or {}
        records = list(records)
        if not records:
            return
        async with self.database.begin() as database:
            for record in records:
                values: dict[str, Any] = {"state": state, "changed_at": instant_text(at)}
                if record.narration in ids:
                    values["manual_journal_id"] = ids[record.narration]
                if record.narration in digests:
                    values["digest"] = digests[record.narration]
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


def _record(row: Mapping[Any, Any]) -> JournalRecord:
    values = {name: row[name] for name in JournalRecord.__dataclass_fields__}
    return JournalRecord(**{**values, "state": JournalState(values["state"])})


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
    on_file = driver.startswith("sqlite") and address.database not in {None, "", ":memory:"}
    if on_file:
        file = Path(str(address.database))
        try:
            private_folder(file.parent)
            file.touch(mode=0o600)
        except OSError as error:
            raise UsageError(f"The store {file} cannot be made ({type(error).__name__}).") from None
    options = {"execution_options": {"schema_translate_map": {None: schema}}} if schema else {}
    if "sslmode" in address.query:
        # As every PostgreSQL tool spells it; asyncpg's own word for the same values is `ssl`.
        mode = address.query["sslmode"]
        address = address.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    engine = create_async_engine(address.set(drivername=driver), **options)
    if on_file:
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return Store(engine)


def _begin_sqlite(connection: Any) -> None:
    # Taking the write lock at once is waited for; taking it after a read fails if others have written.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver would begin by itself, and only before certain statements.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Another run's write is waited for; a commit survives the power being cut.
    cursor.execute("PRAGMA busy_timeout = 30000")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _use_wal(cursor: Any) -> None:
    """Let readers and a writer go side by side; where runs meet on a new file, only one can change it."""
    for attempt in reversed(range(_WAL_ATTEMPTS)):
        try:
            # Unlike other statements this one does not wait for its turn, but fails.
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if not attempt:
                raise
            time.sleep(0.05)


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
