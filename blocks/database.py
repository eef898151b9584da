"""The database under the store: its tables' common ground, transactions, and the version of its schema."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, inspect, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from blocks.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

P = ParamSpec("P")
T = TypeVar("T")

SCHEMA_VERSION: Final = 3
metadata = MetaData()
_meta = Table("daybook", metadata, Column("schema_version", Integer, primary_key=True))

# What an older schema lacks, by its version, beside tables that are new: none so far had to change.
_CHANGES: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType({1: (), 2: ()})


def to_its_end(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let a cancelled call finish its transaction before it ends.

    A SQLite connection dropped in the middle of one can hold the write lock for as long as anything,
    the cancellation's own traceback included, refers to a cursor of it.
    """

    @wraps(method)
    async def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(method(*args, **kwargs))
        try:
            return await asyncio.shield(task)
        finally:
            if not task.done():
                await asyncio.wait({task})
                task.cancelled() or task.exception()  # seen, where it failed: the cancellation goes first

    return whole


class Database:
    """An engine, and the one way to begin a transaction on it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def prepare(self, *, upgrade: bool = False) -> None:
        """Make the tables where there are none. Raises UsageError for another schema version, unless told
        to bring an older one up to date, and StoreError.
        """
        async with self.begin() as connection:
            await connection.run_sync(_prepare, upgrade)

    async def dispose(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    @property
    def address(self) -> str:
        """Return where the database is, without its password."""
        return self._engine.url.set(query={}).render_as_string(hide_password=True)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that ends with the block. Raises StoreError."""
        try:
            async with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            # The text of a database error can hold parameters and the address, so only its kind is told.
            raise StoreError(
                f"The store at {self.address} cannot be used ({type(error).__name__}). Is the database up, "
                "and may this user write to it?"
            ) from None


async def in_turn(connection: AsyncConnection, thing: str) -> None:
    """Wait until no other transaction is at work on a thing, and let others wait until this one ends.

    Of SQLite's there is only ever one. PostgreSQL's see and change rows side by side.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:thing, 0))"), {"thing": f"daybook {thing}"}
        )


def instant_text(at: datetime) -> str:
    """Return an instant as it is kept: SQLite has no type for it, and in UTC texts are in order."""
    return at.astimezone(UTC).isoformat()


def instant_of(value: str | None) -> datetime | None:
    """Return a kept instant."""
    return datetime.fromisoformat(value) if value else None


def _prepare(connection: Connection, upgrade: bool) -> None:
    # Two runs that start together: the second waits here, or at SQLite's BEGIN, and finds the tables.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('daybook'))"))
    schema = connection.get_execution_options().get("schema_translate_map", {}).get(None)
    if not inspect(connection).has_table("daybook", schema=schema):
        metadata.create_all(connection)
        connection.execute(insert(_meta).values(schema_version=SCHEMA_VERSION))
        return
    found = connection.execute(select(_meta.c.schema_version)).scalar_one_or_none()
    if found == SCHEMA_VERSION:
        return
    if upgrade and found is not None and found in _CHANGES:
        for version in range(found, SCHEMA_VERSION):
            for statement in _CHANGES[version]:
                connection.execute(text(statement))
        metadata.create_all(connection)
        connection.execute(update(_meta).values(schema_version=SCHEMA_VERSION))
        return
    remedy = (
        "Stop all runs of the older Daybook, then bring it up to date: python -m blocks upgrade NAME, with "
        "the connection's name."
        if found in _CHANGES
        else "Use the Daybook that made it, or another store: what is in Xero is found again there."
    )
    raise UsageError(
        f"The store has schema version {found}, and this Daybook works with version {SCHEMA_VERSION}. "
        f"{remedy}"
    )
