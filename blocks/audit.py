"""The audit table of the payments, and the windows that were collected, in the store.

What may become of a row is decided in blocks.audit_rows; here it is read, changed and kept, each change in
one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks import audit_rows as rules
from blocks.audit_rows import AuditRow, Entry, Key, Kind, Result, Status
from blocks.database import Database, instant_of, instant_text, metadata, to_its_end
from blocks.errors import Refusal, UsageError
from blocks.leases import Lease, require

_audit = Table(
    "audit",
    metadata,
    Column("organisation", String(200), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("xero_id", String(200), primary_key=True),
    Column("connection", String(200), nullable=False),
    Column("document_type", Integer),
    Column("partner", String(200), nullable=False),
    Column("invoice_number", Text, nullable=False),
    Column("contact_name", Text, nullable=False),
    Column("day", Date),
    # Text, because SQLite would keep a decimal as a float.
    Column("amount", String(40), nullable=False),
    Column("currency", String(10), nullable=False),
    Column("prepayment_id", String(200), nullable=False, index=True),
    Column("status", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("http_status", Integer),
    Column("ln_code", Text, nullable=False),
    Column("ln_message", Text, nullable=False),
    Column("ln_request_id", Text, nullable=False),
    Column("posted", Boolean, nullable=False),
    Column("run_id", String(36), nullable=False),
    Column("first_seen", String(40), nullable=False),
    Column("changed_at", String(40), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("last_try", String(40)),
    Column("message", Text, nullable=False),
    Column("sent_at", String(40)),
    Column("in_doubt", Boolean, nullable=False),
    Column("discarded", Boolean, nullable=False),
    Column("discarded_by", String(200), nullable=False),
    Column("discarded_at", String(40)),
    Column("discard_reason", Text, nullable=False),
    Column("undiscarded_by", String(200), nullable=False),
    Column("undiscarded_at", String(40)),
    Index("audit_of_connection", "connection", "status"),
)
_windows = Table(
    "windows",
    metadata,
    Column("connection", String(200), primary_key=True),
    Column("until", String(40), primary_key=True),
    Column("since", String(40), nullable=False),
    Column("run_id", String(36), nullable=False),
    Column("advanced_at", String(40), nullable=False),
)
_INSTANTS = ("first_seen", "changed_at", "last_try", "sent_at", "discarded_at", "undiscarded_at")
# As many as one statement can name.
_MANY = 500


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of Xero's changes that a run has collected whole; `until` itself is not in it."""

    connection: str
    since: datetime
    until: datetime
    run_id: str


class Audit:
    """The audit rows and windows in a store. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @to_its_end
    async def posting(
        self, entry: Entry, message: str, run_id: str, at: datetime, lease: Lease | None = None
    ) -> AuditRow:
        """Write down that a document is posted now: unknown until `settled`.

        Raises MayNotSend (see audit_rows.posting), and LeaseLost where `lease` is another run's by now.
        """
        async with self._database.begin() as database:
            await require(database, lease)
            held = await _row(database, entry.key)
            return await _put(database, rules.posting(held, entry, message, run_id, at))

    @to_its_end
    async def posted_again(self, key: Key, at: datetime, lease: Lease | None = None) -> AuditRow:
        """Count a further post of the same run. Raises LeaseLost."""
        async with self._database.begin() as database:
            await require(database, lease)
            return await _put(database, rules.posted_again(await _known(database, key), at))

    @to_its_end
    async def settled(self, key: Key, result: Result, at: datetime) -> AuditRow:
        """Write down how a document's posting ended, and return the row as it now stands."""
        async with self._database.begin() as database:
            return await _put(database, rules.settled(await _known(database, key), result, at))

    @to_its_end
    async def noted(self, entry: Entry, status: Status, reason: str, run_id: str, at: datetime) -> AuditRow:
        """Write down what came about without a post; see audit_rows.noted. Raises Refusal."""
        async with self._database.begin() as database:
            held = await _row(database, entry.key)
            return await _put(database, rules.noted(held, entry, status, reason, run_id, at))

    @to_its_end
    async def discard(self, key: Key, who: str, reason: str, at: datetime) -> AuditRow:
        """Close a document on a person's word. Raises UsageError where there is none."""
        return await self._decided(key, lambda row: rules.discarded(row, who, reason, at))

    @to_its_end
    async def undiscard(self, key: Key, who: str, at: datetime) -> AuditRow:
        """Reopen a document on a person's word. Raises UsageError where there is none."""
        return await self._decided(key, lambda row: rules.undiscarded(row, who, at))

    async def _decided(self, key: Key, change: Callable[[AuditRow], AuditRow]) -> AuditRow:
        async with self._database.begin() as database:
            held = await _row(database, key)
            if held is None:
                raise UsageError(f"The audit table has no {key}.")
            return await _put(database, change(held))

    @to_its_end
    async def rows_of(self, keys: Iterable[Key]) -> dict[Key, AuditRow]:
        """Return the rows there are of some keys."""
        found: dict[Key, AuditRow] = {}
        by_kind: dict[tuple[str, Kind], list[str]] = {}
        for key in set(keys):
            by_kind.setdefault((key.organisation, key.kind), []).append(key.xero_id)
        async with self._database.begin() as database:
            for (organisation, kind), ids in by_kind.items():
                for start in range(0, len(ids), _MANY):
                    some = _audit.c.xero_id.in_(ids[start : start + _MANY])
                    of_kind = and_(_audit.c.organisation == organisation, _audit.c.kind == kind, some)
                    found |= {row.key: row for row in await _selected(database, of_kind)}
        return found

    @to_its_end
    async def rows(
        self,
        connection: str,
        *,
        statuses: Sequence[Status] = (),
        since: datetime | None = None,
        discarded: bool = False,
    ) -> list[AuditRow]:
        """Return a connection's rows, the oldest first; those that are discarded only on request."""
        wanted = [_audit.c.connection == connection]
        if since is not None:
            wanted.append(_audit.c.changed_at >= instant_text(since))
        async with self._database.begin() as database:
            found = await _selected(database, and_(*wanted))
        asked = set(statuses)
        return [
            row
            for row in found
            if (row.status in asked if asked else discarded or row.status is not Status.DISCARDED)
        ]

    @to_its_end
    async def find(self, connection: str, kind: Kind, xero_id: str) -> AuditRow | None:
        """Return the row of a connection that a person means by a key."""
        wanted = and_(_audit.c.connection == connection, _audit.c.kind == kind, _audit.c.xero_id == xero_id)
        async with self._database.begin() as database:
            found = await _selected(database, wanted)
        return found[0] if found else None

    @to_its_end
    async def to_look_at_again(self, organisation: str) -> list[AuditRow]:
        """Return the rows that later runs look at again, however long ago their windows were."""
        wanted = and_(
            _audit.c.organisation == organisation,
            _audit.c.status.in_(rules.RETRIED),
            _audit.c.sent_at.is_(None),
            _audit.c.discarded.is_(False),
        )
        async with self._database.begin() as database:
            return await _selected(database, wanted)

    @to_its_end
    async def prepayments_in_ln(self, organisation: str) -> list[AuditRow]:
        """Return the rows of the prepayments that LN has and that stand in Xero as they were sent."""
        wanted = and_(
            _audit.c.organisation == organisation,
            _audit.c.kind == Kind.PREPAYMENT,
            _audit.c.status.in_(rules.IN_LN),
            _audit.c.discarded.is_(False),
        )
        async with self._database.begin() as database:
            return await _selected(database, wanted)

    @to_its_end
    async def allocations_of(self, organisation: str, prepayment_ids: Iterable[str]) -> list[AuditRow]:
        """Return the rows of allocations of prepayments: one that is removed just vanishes from Xero."""
        ids = sorted(set(prepayment_ids))
        found: list[AuditRow] = []
        async with self._database.begin() as database:
            for start in range(0, len(ids), _MANY):
                some = _audit.c.prepayment_id.in_(ids[start : start + _MANY])
                mine = and_(_audit.c.organisation == organisation, _audit.c.kind == Kind.ALLOCATION, some)
                found += await _selected(database, mine)
        return found

    @to_its_end
    async def collected_until(self, connection: str) -> datetime | None:
        """Return up to where a connection's changes in Xero were collected; None before the first window."""
        query = select(func.max(_windows.c.until)).where(_windows.c.connection == connection)
        async with self._database.begin() as database:
            return instant_of((await database.execute(query)).scalar_one_or_none())

    @to_its_end
    async def first_since(self, connection: str) -> datetime | None:
        """Return where the first of a connection's windows began; None before there was one."""
        query = select(func.min(_windows.c.since)).where(_windows.c.connection == connection)
        async with self._database.begin() as database:
            return instant_of((await database.execute(query)).scalar_one_or_none())

    @to_its_end
    async def advance(self, window: Window, collected: Iterable[Key], at: datetime) -> None:
        """Record that a window was collected whole. Raises Refusal where a collected item has no row.

        A window that ends before an earlier one is recorded too, and moves nothing back.
        """
        keys = set(collected)
        missing = keys - (await self.rows_of(keys)).keys()
        if missing:
            some = ", ".join(str(key) for key in sorted(missing)[:5])
            raise Refusal(f"{len(missing)} of the window's items have no audit row ({some}): it stays open.")
        row = {
            "connection": window.connection,
            "until": instant_text(window.until),
            "since": instant_text(window.since),
            "run_id": window.run_id,
            "advanced_at": instant_text(at),
        }
        same = and_(_windows.c.connection == window.connection, _windows.c.until == row["until"])
        async with self._database.begin() as database:
            await database.execute(delete(_windows).where(same))
            await database.execute(insert(_windows).values(row))


def _is(key: Key) -> Any:
    return and_(
        _audit.c.organisation == key.organisation,
        _audit.c.kind == key.kind,
        _audit.c.xero_id == key.xero_id,
    )


async def _row(database: AsyncConnection, key: Key) -> AuditRow | None:
    # Held until the transaction ends, where the database can: what is decided rests on it.
    found = (await database.execute(select(_audit).where(_is(key)).with_for_update())).mappings().first()
    return _read(found) if found else None


async def _known(database: AsyncConnection, key: Key) -> AuditRow:
    held = await _row(database, key)
    if held is None:
        raise Refusal(f"The audit table has lost {key}, which this run had written down before posting it.")
    return held


async def _put(database: AsyncConnection, row: AuditRow) -> AuditRow:
    await database.execute(delete(_audit).where(_is(row.key)))
    await database.execute(insert(_audit).values(_values(row)))
    return row


async def _selected(database: AsyncConnection, wanted: Any) -> list[AuditRow]:
    query = select(_audit).where(wanted).order_by(_audit.c.first_seen, _audit.c.kind, _audit.c.xero_id)
    return [_read(row) for row in (await database.execute(query)).mappings().all()]


def _values(row: AuditRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in AuditRow.__dataclass_fields__}
    entry, result = asdict(values.pop("entry")), asdict(values.pop("result"))
    instants = {name: instant_text(values[name]) if values[name] else None for name in _INSTANTS}
    return {**entry.pop("key"), **entry, **result, **values, **instants}


def _read(row: Mapping[Any, Any]) -> AuditRow:
    values = {**row, **{name: instant_of(row[name]) for name in _INSTANTS}}
    key = Key(values["organisation"], Kind(values["kind"]), values["xero_id"])
    entry = {name: values[name] for name in Entry.__dataclass_fields__ if name != "key"}
    result = {name: values[name] for name in Result.__dataclass_fields__ if name != "status"}
    own = {name: values[name] for name in AuditRow.__dataclass_fields__ if name not in {"entry", "result"}}
    return AuditRow(Entry(key, **entry), Result(Status(values["status"]), **result), **own)
