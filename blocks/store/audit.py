"""The audit table of the payments, and the windows that were collected, in the store.

What may become of a row is decided in blocks.store.audit_rows; here it is read, changed and kept. No
change is answered before it is committed. One writer commits what waits in one transaction, and then, in the
next one, what has come meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import DaybookError, LeaseLost, Refusal, UsageError
from blocks.store import audit_rows as rules
from blocks.store.audit_rows import AuditRow, Entry, Key, Kind, Result, Status
from blocks.store.database import Database, metadata, uncancellable
from blocks.store.leases import require
from blocks.store.models import CollectedWindow, Lease
from blocks.store.rows import Boolean, Date, String, Text, fields_of, instant_text, record_of, row_of, rows

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
    Column("bank_account", Text),
    Column("rate", Text),
    Column("xero_status", Text),
    Column("closing", Text),
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
    # Null where these were not recorded yet.
    Column("by_xero", Boolean),
    Column("organisation", String(200)),
)
# As many as one statement can name.
_MANY = 500
# For so many turns of the event loop a transaction waits for what is about to be written: whoever was
# answered by the one before may have something further by then.
_TURNS = 4


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of one row that is to be written; `row` is what became of it, once that is committed."""

    key: Key
    rule: Callable[[AuditRow | None], AuditRow]
    lease: Lease | None
    row: asyncio.Future[AuditRow] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def fail(self, error: BaseException) -> None:
        """Answer that it was not written, to whoever still waits for it."""
        if isinstance(error, asyncio.CancelledError):
            self.row.cancel()
        elif not self.row.done():
            self.row.set_exception(error)


class Audit:
    """The audit rows and windows in a store. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Change] = []
        self._writer: asyncio.Task[None] | None = None

    @uncancellable
    async def posting(
        self, entry: Entry, message: str, run_id: str, at: datetime, lease: Lease | None = None
    ) -> AuditRow:
        """Write down that a document is posted now: unknown until `settled`.

        Raises MayNotSend (see audit_rows.posting), and LeaseLost where `lease` is another run's by now.
        """
        return await self._change(
            entry.key, lambda held: rules.posting(held, entry, message, run_id, at), lease
        )

    @uncancellable
    async def posted_again(self, key: Key, at: datetime, lease: Lease | None = None) -> AuditRow:
        """Count a further post of the same run. Raises LeaseLost."""
        return await self._change(key, lambda held: rules.posted_again(_known(held, key), at), lease)

    @uncancellable
    async def still_posting(self, key: Key, run_id: str, lease: Lease | None = None) -> AuditRow:
        """Return the row of a document that waited for its turn, if it may be posted yet.

        Raises MayNotSend where somebody has seen to it since `posting`, and LeaseLost.
        """
        return await self._change(key, lambda held: rules.still_posting(_known(held, key), run_id), lease)

    @uncancellable
    async def not_posted(self, key: Key, run_id: str, at: datetime) -> AuditRow:
        """Write down that a document did not leave after all, and return the row as it now stands."""
        return await self._change(key, lambda held: rules.not_posted(_known(held, key), run_id, at))

    @uncancellable
    async def settled(self, key: Key, result: Result, at: datetime) -> AuditRow:
        """Write down how a document's posting ended, and return the row as it now stands."""
        return await self._change(key, lambda held: rules.settled(_known(held, key), result, at))

    @uncancellable
    async def noted(
        self,
        entry: Entry,
        status: Status,
        reason: str,
        run_id: str,
        at: datetime,
        lease: Lease | None = None,
    ) -> AuditRow:
        """Write down what came about without a post; see audit_rows.noted.

        Raises Refusal, and LeaseLost: what a run found before another took over may be true no more.
        """
        return await self._change(
            entry.key, lambda held: rules.noted(held, entry, status, reason, run_id, at), lease
        )

    @uncancellable
    async def discard(self, key: Key, who: str, reason: str, at: datetime) -> AuditRow:
        """Close a document on a person's word. Raises UsageError where there is none."""
        return await self._change(key, lambda held: rules.discarded(_there(held, key), who, reason, at))

    async def discard_from_before_start(
        self, connection: str, who: str, reason: str, at: datetime
    ) -> list[AuditRow]:
        """Close, on a person's word, what is older than a connection and waits for one; return it by date."""

        def closed(held: AuditRow | None, key: Key) -> AuditRow:
            row = _there(held, key)
            # A person may have let it go meanwhile.
            return rules.discarded(row, who, reason, at) if rules.waits_from_before_start(row) else row

        waiting = await self.waiting_from_before_start(connection)
        changed = await asyncio.gather(
            *(self._change(row.key, partial(closed, key=row.key)) for row in waiting)
        )
        return [row for row in changed if row.discarded]

    async def waiting_from_before_start(self, connection: str) -> list[AuditRow]:
        """Return what is older than a connection and waits for a person's word, by date."""
        rows = await self.rows(connection, statuses=(Status.EXCEPTION,))
        waiting = [row for row in rows if rules.waits_from_before_start(row)]
        return sorted(waiting, key=lambda row: (str(row.entry.day), row.key))

    @uncancellable
    async def undiscard(self, key: Key, who: str, at: datetime) -> AuditRow:
        """Reopen a document on a person's word. Raises UsageError where there is none."""
        return await self._change(key, lambda held: rules.undiscarded(_there(held, key), who, at))

    async def _change(
        self, key: Key, rule: Callable[[AuditRow | None], AuditRow], lease: Lease | None = None
    ) -> AuditRow:
        """Change a row, and return it once that is committed. Raises what the rule raises, and LeaseLost."""
        change = _Change(key, rule, lease)
        self._waiting.append(change)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        return await change.row

    async def _write_all(self) -> None:
        """Write what waits, as much of it as there is at a time, until nothing does."""
        changes: list[_Change] = []
        try:
            while self._waiting:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                changes, self._waiting = self._waiting, []
                await self._write(changes)
        except BaseException as error:
            # It is to end: nobody is to wait for what nobody writes.
            changes, self._waiting = [*changes, *self._waiting], []
            for change in changes:
                change.fail(error)
            raise
        finally:
            self._writer = None

    async def _write(self, changes: Sequence[_Change]) -> None:
        """Write changes in one transaction, and answer each of them."""
        try:
            outcomes = await self._database.transaction(lambda database: _written(database, changes))
        except Exception as error:  # noqa: BLE001 - each of the changes is answered with it
            for change in changes:
                change.fail(error)
            return
        for change, outcome in zip(changes, outcomes, strict=True):
            if not isinstance(outcome, AuditRow):
                change.fail(outcome)
            elif not change.row.done():
                change.row.set_result(outcome)

    async def decided(self, connection: str) -> list[AuditRow]:
        """Return the rows of a connection on which people have decided."""
        found = await self.rows(connection, discarded=True)
        return [row for row in found if rules.decided(row)]

    @uncancellable
    async def carry_over(self, others: Collection[AuditRow]) -> int:
        """Take over what people have decided in another store; return of how many documents they did.

        What was decided here later stands.
        """
        before = await self.rows_of([row.key for row in others])
        taken = await asyncio.gather(
            *(self._change(row.key, partial(rules.carried_over, other=row)) for row in others)
        )
        return sum(row != before.get(row.key) for row in taken)

    @uncancellable
    async def rows_of(self, keys: Collection[Key]) -> dict[Key, AuditRow]:
        """Return the rows there are of some keys."""
        async with self._database.begin() as database:
            return await database.run_sync(_rows, keys, _NAMED)

    @uncancellable
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
        closed = _audit.c.discarded.is_(True)
        if statuses:
            of_status = and_(_audit.c.status.in_(statuses), _audit.c.discarded.is_(False))
            wanted.append(or_(of_status, closed) if Status.DISCARDED in statuses else of_status)
        elif not discarded:
            wanted.append(_audit.c.discarded.is_(False))
        async with self._database.begin() as database:
            return await _selected(database, and_(*wanted))

    @uncancellable
    async def find(self, connection: str, kind: Kind, xero_id: str) -> AuditRow | None:
        """Return the row of a connection that a person means by a key."""
        wanted = and_(_audit.c.connection == connection, _audit.c.kind == kind, _audit.c.xero_id == xero_id)
        async with self._database.begin() as database:
            found = await _selected(database, wanted)
        return found[0] if found else None

    @uncancellable
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

    @uncancellable
    async def prepayments_seen_to(self, organisation: str) -> list[AuditRow]:
        """Return the rows of the prepayments that LN has, whatever became of them since, or people closed."""
        closed = and_(_audit.c.discarded.is_(True), _audit.c.discarded_by != rules.CONNECTOR)
        wanted = and_(
            _audit.c.organisation == organisation,
            _audit.c.kind == Kind.PREPAYMENT,
            or_(_audit.c.sent_at.is_not(None), closed),
        )
        async with self._database.begin() as database:
            return await _selected(database, wanted)

    @uncancellable
    async def allocations_of(self, organisation: str, prepayment_ids: Collection[str]) -> list[AuditRow]:
        """Return the rows of allocations of prepayments: one that is removed just vanishes from Xero."""
        ids = sorted(set(prepayment_ids))
        found: list[AuditRow] = []
        async with self._database.begin() as database:
            for start in range(0, len(ids), _MANY):
                some = _audit.c.prepayment_id.in_(ids[start : start + _MANY])
                mine = and_(_audit.c.organisation == organisation, _audit.c.kind == Kind.ALLOCATION, some)
                found += await _selected(database, mine)
        return found

    @uncancellable
    async def last_window(self, connection: str, organisation: str = "") -> CollectedWindow | None:
        """Return the window up to whose end a connection's changes in Xero were collected.

        Of an organisation that is named, its own windows alone; else of whatever organisation.
        """
        query = select(_windows).where(_windows.c.connection == connection).order_by(_windows.c.until.desc())
        if organisation:
            query = query.where(_windows.c.organisation == organisation)
        async with self._database.begin() as database:
            found = await database.run_sync(rows, query.limit(1), _windows, _window)
        return found[0] if found else None

    async def collected_until(self, connection: str) -> datetime | None:
        """Return up to where a connection's changes in Xero were collected; None before the first window."""
        last = await self.last_window(connection)
        return last.until if last else None

    @uncancellable
    async def first_since(self, connection: str, organisation: str = "") -> datetime | None:
        """Return where the first of a connection's windows began; None before there was one.

        Of an organisation that is named, its own, and those of which no organisation is recorded.
        """
        query = select(_windows).where(_windows.c.connection == connection).order_by(_windows.c.since)
        if organisation:
            own = _windows.c.organisation == organisation
            query = query.where(or_(own, _windows.c.organisation.is_(None)))
        async with self._database.begin() as database:
            found = await database.run_sync(rows, query.limit(1), _windows, _window)
        return found[0].since if found else None

    @uncancellable
    async def advance(self, window: CollectedWindow, collected: Collection[Key], at: datetime) -> None:
        """Record that a window was collected whole. Raises Refusal where a collected item has no row.

        A window that ends before an earlier one is recorded too, and moves nothing back.
        """
        keys = set(collected)
        found: set[tuple[str, ...]] = set()
        async with self._database.begin() as database:
            for named in _naming(keys):
                found |= {tuple(row) for row in await database.execute(_KEYS_NAMED, named)}
        missing = {key for key in keys if (key.organisation, str(key.kind), key.xero_id) not in found}
        if missing:
            some = ", ".join(str(key) for key in sorted(missing)[:5])
            raise Refusal(f"{len(missing)} of the window's items have no audit row ({some}): it stays open.")
        row = row_of(window)
        row |= {"advanced_at": instant_text(at), "organisation": window.organisation or None}
        same = and_(_windows.c.connection == window.connection, _windows.c.until == row["until"])
        async with self._database.begin() as database:
            await database.execute(delete(_windows).where(same))
            await database.execute(insert(_windows).values(row))


def _known(held: AuditRow | None, key: Key) -> AuditRow:
    if held is None:
        raise Refusal(f"The audit table has lost {key}, which this run had written down before posting it.")
    return held


def _there(held: AuditRow | None, key: Key) -> AuditRow:
    if held is None:
        raise UsageError(f"The audit table has no {key}.")
    return held


# Made once: to build a statement costs more than to execute it.
_OF_KIND = and_(_audit.c.organisation == bindparam("of_organisation"), _audit.c.kind == bindparam("of_kind"))
_OVER = update(_audit).where(_OF_KIND, _audit.c.xero_id == bindparam("of_id"))
_PUT = insert(_audit)
_IS_NAMED = and_(_OF_KIND, _audit.c.xero_id.in_(bindparam("of_ids", expanding=True)))
_NAMED = select(_audit).where(_IS_NAMED)
# Until the transaction ends nobody else changes them.
_HELD = _NAMED.order_by(_audit.c.xero_id).with_for_update()
_KEYS_NAMED = select(_audit.c.organisation, _audit.c.kind, _audit.c.xero_id).where(_IS_NAMED)


def _written(database: Connection, changes: Sequence[_Change]) -> list[AuditRow | DaybookError]:
    """Write changes, in their order, and return what became of each: its row, or why it may not be."""
    lost: dict[Lease, LeaseLost] = {}
    for lease in {change.lease for change in changes if change.lease}:
        try:
            require(database, lease)
        except LeaseLost as error:
            lost[lease] = error
    # Held until the transaction ends, where the database can: what is decided rests on them.
    held = _rows(database, [change.key for change in changes], _HELD)
    there = frozenset(held)
    outcomes: list[AuditRow | DaybookError] = []
    changed: dict[Key, AuditRow] = {}
    for change in changes:
        if change.lease in lost:
            outcomes.append(lost[change.lease])
            continue
        try:
            row = change.rule(held.get(change.key))
        except DaybookError as error:
            outcomes.append(error)
            continue
        held[change.key] = changed[change.key] = row
        outcomes.append(row)
    _put(database, [row for key, row in sorted(changed.items()) if key not in there])
    _put_over(database, [row for key, row in sorted(changed.items()) if key in there])
    return outcomes


def _put(database: Connection, rows: Sequence[AuditRow]) -> None:
    # Fails where another run has put one meanwhile, which is one too many to send.
    if rows:
        database.execute(_PUT, [_values(row) for row in rows])


def _put_over(database: Connection, rows: Sequence[AuditRow]) -> None:
    if rows:
        database.execute(_OVER, [{**_values(row), **_of(row.key)} for row in rows])


def _of(key: Key) -> dict[str, Any]:
    return {"of_organisation": key.organisation, "of_kind": key.kind, "of_id": key.xero_id}


def _rows(database: Connection, keys: Collection[Key], query: Select[Any]) -> dict[Key, AuditRow]:
    """Return the rows there are of some keys, by one of the queries that name them."""
    found: dict[Key, AuditRow] = {}
    for named in _naming(keys):
        found |= {row.key: row for row in rows(database, query, _audit, _read, named)}
    return found


def _naming(keys: Iterable[Key]) -> Iterator[dict[str, Any]]:
    """Yield what a statement names so that all of these keys are, of each kind so many as one can name."""
    by_kind: dict[tuple[str, Kind], list[str]] = {}
    # In their order: who waits for another's row then holds none that the other waits for.
    for key in sorted(set(keys)):
        by_kind.setdefault((key.organisation, key.kind), []).append(key.xero_id)
    for (organisation, kind), ids in by_kind.items():
        for start in range(0, len(ids), _MANY):
            yield {"of_organisation": organisation, "of_kind": kind, "of_ids": ids[start : start + _MANY]}


async def _selected(database: AsyncConnection, wanted: Any) -> list[AuditRow]:
    query = select(_audit).where(wanted).order_by(_audit.c.first_seen, _audit.c.kind, _audit.c.xero_id)
    return await database.run_sync(rows, query, _audit, _read)


def _values(row: AuditRow) -> dict[str, Any]:
    values = {**row_of(row), **row_of(row.entry), **row_of(row.result), **row_of(row.entry.key)}
    return {name: value for name, value in values.items() if name not in {"entry", "result", "key"}}


def _window(row: Mapping[str, Any]) -> CollectedWindow:
    return record_of(CollectedWindow, {**row, "organisation": row["organisation"] or ""})


def _read(row: Mapping[str, Any]) -> AuditRow:
    Decimal(row["amount"] or 0)
    Decimal(row["rate"] or 0)
    entry = Entry(record_of(Key, row), **fields_of(Entry, row))
    found = AuditRow(entry, record_of(Result, row), **fields_of(AuditRow, row))
    _ = found.closed_at_sight_of  # one that cannot be read is damage
    return found
