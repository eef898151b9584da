"""What people have said of a store: that the payments of a connection may begin from what it holds.

A store that is new, or was set back, knows nothing of what people booked in LN by hand and closed here, nor
of what was sent since. So it sends nothing before a person has said that it may.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy import Column, Integer, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.store.database import Database, in_turn, metadata, uncancellable
from blocks.store.models import Beginning
from blocks.store.rows import String, Text, record_of, row_of, rows

_starts = Table(
    "starts",
    metadata,
    Column("connection", String(200), primary_key=True),
    Column("confirmed_by", String(200), nullable=False),
    Column("confirmed_at", String(40)),
    # Why it may be set back; empty for no doubt.
    Column("doubt", Text, nullable=False),
    Column("runs", Integer, nullable=False),
)


class Beginnings:
    """What is said of the beginnings of connections in a store. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @uncancellable
    async def of(self, connection: str) -> Beginning:
        """Return what is said of a connection's beginning; of most nothing ever is."""
        async with self._database.begin() as database:
            return await _held(database, connection)

    @uncancellable
    async def confirm(self, connection: str, who: str, at: datetime) -> None:
        """Record that a person lets a connection begin from this store, whatever spoke against it."""
        async with self._database.begin() as database:
            await in_turn(database, f"beginnings {connection}")
            held = await _held(database, connection)
            await _put(database, replace(held, confirmed_by=who, confirmed_at=at, doubt=""))

    @uncancellable
    async def doubt(self, connection: str, why: str) -> None:
        """Record what shows that a store may be older than what was sent; the first reason is kept."""
        async with self._database.begin() as database:
            await in_turn(database, f"beginnings {connection}")
            held = await _held(database, connection)
            await _put(database, replace(held, doubt=held.doubt or why))

    @uncancellable
    async def count_run(self, connection: str, known: int) -> int:
        """Count a run that begins, and return how many there were by now; `known` are known of elsewhere."""
        async with self._database.begin() as database:
            await in_turn(database, f"beginnings {connection}")
            held = await _held(database, connection)
            runs = max(held.runs, known) + 1
            await _put(database, replace(held, runs=runs))
        return runs


async def _held(database: AsyncConnection, connection: str) -> Beginning:
    query = select(_starts).where(_starts.c.connection == connection)
    found = await database.run_sync(rows, query, _starts, _beginning)
    return found[0] if found else Beginning(connection)


async def _put(database: AsyncConnection, beginning: Beginning) -> None:
    await database.execute(delete(_starts).where(_starts.c.connection == beginning.connection))
    await database.execute(insert(_starts).values(row_of(beginning)))


_beginning = partial(record_of, Beginning)
