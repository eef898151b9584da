"""Leases: one run per connection and day at a time, as far as runs share a store.

A lease is renewed while its run lives. One that was not renewed for LEASE_LIFE belongs to a run that
died. Nothing rests on leases alone: two runs that both believe to hold one still send nothing twice.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Column, Connection, Select, Table, and_, bindparam, delete, insert, select, update

from blocks.errors import LeaseLost
from blocks.store.database import Database, in_turn, metadata, uncancellable
from blocks.store.models import LEASE_LIFE, Lease, LeaseTaken
from blocks.store.rows import Date, String, instant_text, record_of, row_of, rows

_leases = Table(
    "leases",
    metadata,
    Column("flow", String(20), primary_key=True),
    Column("connection", String(200), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("owner", String(36), nullable=False),
    Column("place", String(64), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("taken_at", String(40), nullable=False),
    Column("renewed_at", String(40), nullable=False),
)


class Leases:
    """The leases in a store. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @uncancellable
    async def take(self, wanted: Lease, *, only_one_here: bool) -> Lease | None:
        """Take a lease, and return the one it takes the place of: of a run that died; or raise Held.

        `only_one_here`: nobody else in the wanted lease's place is alive to hold it.
        """
        async with self._database.begin() as database:
            await in_turn(database, f"lease {wanted.flow} {wanted.connection} {wanted.day}")
            existing = await database.run_sync(_existing, wanted, _EXISTING)
            if existing is not None:
                gone = existing.expired(wanted.renewed_at) or (
                    only_one_here and existing.place == wanted.place
                )
                if not gone and existing.owner != wanted.owner:
                    raise LeaseTaken(existing)
                await database.execute(_DELETE, _of(wanted))
            await database.execute(_INSERT, row_of(wanted))
            return existing

    @uncancellable
    async def renew(self, lease: Lease, stage: str, now: datetime) -> bool:
        """Renew a lease; return False where another run has taken the day over."""
        async with self._database.begin() as database:
            given = {**_of(lease), "of_owner": lease.owner, "now": instant_text(now), "at_stage": stage}
            done = await database.execute(_RENEW, given)
            return bool(done.rowcount)

    @uncancellable
    async def release(self, lease: Lease) -> None:
        """Give a day back."""
        async with self._database.begin() as database:
            await database.execute(_RELEASE, {**_of(lease), "of_owner": lease.owner})

    @uncancellable
    async def of(self, flow: str, connection: str) -> list[Lease]:
        """Return the leases of a connection, by day."""
        given = {"of_flow": flow, "of_connection": connection}
        async with self._database.begin() as database:
            return await database.run_sync(rows, _OF_CONNECTION, _leases, _lease, given)


def require(database: Connection, lease: Lease | None) -> None:
    """Raise LeaseLost unless a lease is still held, within the transaction of what rests on it."""
    if lease is None:
        return
    existing = _existing(database, lease, _KEPT)
    if existing is None or existing.owner != lease.owner:
        raise LeaseLost(
            f"Another run has taken over {lease.what}, since this one was not heard of for "
            f"{LEASE_LIFE.total_seconds():.0f} seconds. This one sends nothing further."
        )


def _existing(database: Connection, lease: Lease, query: Select[Any]) -> Lease | None:
    """Return who holds a day."""
    return next(iter(rows(database, query, _leases, _lease, _of(lease))), None)


def _of(lease: Lease) -> dict[str, Any]:
    return {"of_flow": lease.flow, "of_connection": lease.connection, "of_day": lease.day}


# Made once: to build a statement costs more than to execute it.
_IS_OF_CONNECTION = and_(
    _leases.c.flow == bindparam("of_flow"), _leases.c.connection == bindparam("of_connection")
)
_IS = and_(_IS_OF_CONNECTION, _leases.c.day == bindparam("of_day"))
_IS_OURS = and_(_IS, _leases.c.owner == bindparam("of_owner"))
_INSERT, _DELETE, _RELEASE = insert(_leases), delete(_leases).where(_IS), delete(_leases).where(_IS_OURS)
_RENEW = update(_leases).where(_IS_OURS).values(renewed_at=bindparam("now"), stage=bindparam("at_stage"))
_OF_CONNECTION = select(_leases).where(_IS_OF_CONNECTION).order_by(_leases.c.day)
_EXISTING = select(_leases).where(_IS)
# Until the transaction ends nobody else can take it.
_KEPT = _EXISTING.with_for_update(read=True)
_lease = partial(record_of, Lease)
