"""Leases: one run per connection and day at a time, as far as runs share a store.

A lease is renewed while its run lives. One that was not renewed for LEASE_LIFE belongs to a run that
died. Nothing rests on leases alone: two runs that both believe to hold one still send nothing twice.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Column, Table, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

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
            existing = await _existing(database, wanted)
            if existing is not None:
                gone = existing.expired(wanted.renewed_at) or (
                    only_one_here and existing.place == wanted.place
                )
                if not gone and existing.owner != wanted.owner:
                    raise LeaseTaken(existing)
                await database.execute(delete(_leases).where(_same(wanted)))
            await database.execute(insert(_leases).values(row_of(wanted)))
            return existing

    @uncancellable
    async def renew(self, lease: Lease, stage: str, now: datetime) -> bool:
        """Renew a lease; return False where another run has taken the day over."""
        async with self._database.begin() as database:
            done = await database.execute(
                update(_leases)
                .where(_same(lease), _leases.c.owner == lease.owner)
                .values(renewed_at=instant_text(now), stage=stage)
            )
            return bool(done.rowcount)

    @uncancellable
    async def release(self, lease: Lease) -> None:
        """Give a day back."""
        async with self._database.begin() as database:
            await database.execute(delete(_leases).where(_same(lease), _leases.c.owner == lease.owner))

    @uncancellable
    async def of(self, flow: str, connection: str) -> list[Lease]:
        """Return the leases of a connection, by day."""
        query = (
            select(_leases)
            .where(_leases.c.flow == flow, _leases.c.connection == connection)
            .order_by(_leases.c.day)
        )
        async with self._database.begin() as database:
            return await rows(database, query, _leases, _lease)


async def require(database: AsyncConnection, lease: Lease | None) -> None:
    """Raise LeaseLost unless a lease is still held, within the transaction of what rests on it."""
    if lease is None:
        return
    existing = await _existing(database, lease, kept=True)
    if existing is None or existing.owner != lease.owner:
        raise LeaseLost(
            f"Another run has taken over {lease.what}, since this one was not heard of for "
            f"{LEASE_LIFE.total_seconds():.0f} seconds. This one sends nothing further."
        )


async def _existing(database: AsyncConnection, lease: Lease, *, kept: bool = False) -> Lease | None:
    """Return who holds a day; `kept`: until the transaction ends nobody else can take it."""
    query = select(_leases).where(_same(lease))
    if kept:
        query = query.with_for_update(read=True)
    return next(iter(await rows(database, query, _leases, _lease)), None)


def _same(lease: Lease) -> Any:
    return and_(
        _leases.c.flow == lease.flow, _leases.c.connection == lease.connection, _leases.c.day == lease.day
    )


_lease = partial(record_of, Lease)
