"""The database under the store: its tables' common ground, transactions, and the version of its schema."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from blocks.errors import DaybookError, StoreError, UsageError
from blocks.store import sqlite_file
from blocks.store.database_errors import in_words, is_of_tables, is_passing
from blocks.store.rows import address_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


P = ParamSpec("P")
T = TypeVar("T")

SCHEMA_VERSION: Final = 6
metadata = MetaData()
_meta = Table("daybook", metadata, Column("schema_version", Integer, primary_key=True))

# After a moment, and then for as long as a database takes to start again or to hand over to its double.
_PAUSES: Final = (0.1, 1.0, 2.0, 4.0, 8.0)

# Older versions that can be brought up to date, each with a revision in blocks/store/migrations.
_OLDER: Final = frozenset({1, 2, 3, 5})


class NotKept(StoreError):
    """The database surely kept nothing of a transaction, and may take it now: it can be repeated."""


def uncancellable(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let a cancelled call finish its transaction before it ends, and repeat one that was surely not kept.

    A SQLite connection dropped in the middle of one can hold the write lock for as long as anything,
    the cancellation's own traceback included, refers to a cursor of it. A method that is repeated is given
    the same arguments again, so none of them may be used up by the first time.
    """

    async def once(*args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(method(*args, **kwargs))
        try:
            return await asyncio.shield(task)
        finally:
            if not task.done():
                await asyncio.wait({task})
                task.cancelled() or task.exception()  # seen, where it failed: the cancellation goes first

    @wraps(method)
    async def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        for pause in _PAUSES:
            try:
                return await once(*args, **kwargs)
            except NotKept:
                await asyncio.sleep(pause)
        return await once(*args, **kwargs)

    return whole


class Database:
    """An engine, and the one way to begin a transaction on it; `file` is that of a SQLite database."""

    def __init__(self, engine: AsyncEngine, file: Path | None = None) -> None:
        self._engine = engine
        self._file = file
        self._was_there = False
        self._in_thread = sqlite_file.plain_engine(engine.url) if file else None

    async def prepare(self, *, upgrade: bool = False) -> None:
        """Make the tables where there are none. Raises UsageError for another schema version, unless told
        to bring an older one up to date, and StoreError; an older one that is not as its version left it
        stays as it is.
        """
        if self._file is not None:
            sqlite_file.see_to(self._file, _make_tables)
        async with self.begin() as connection:
            await connection.run_sync(_prepare, upgrade)

    async def dispose(self) -> None:
        """Close all connections."""
        await self._engine.dispose()
        if self._in_thread is not None:
            self._in_thread.dispose()

    @property
    def address(self) -> str:
        """Return where the database is, without its password."""
        return address_of(self._engine.url)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that ends with the block.

        Raises StoreError; and NotKept where the connection was lost or silent, or never came about, before
        the database was asked to commit, or where it gave way to another transaction.
        """
        committing = False
        try:
            async with self._engine.begin() as connection:
                self._was_there = True
                yield connection
                committing = True
        except (SQLAlchemyError, OSError) as error:
            raise self._told(error, committing=committing) from None

    async def transaction(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` comes to, done in one transaction. Raises as `begin` does.

        With a SQLite file it is one call of a thread; with `begin`, each statement is several.
        """
        if self._in_thread is None:
            async with self.begin() as connection:
                return await connection.run_sync(work)
        try:
            return await asyncio.to_thread(_whole, self._in_thread, work)
        except (SQLAlchemyError, OSError) as error:
            raise self._told(error, committing=True) from None

    def _told(self, error: SQLAlchemyError | OSError, *, committing: bool) -> DaybookError:
        """Return what to raise for an error of a transaction, which may have been asked to commit."""
        if isinstance(error, StatementError) and isinstance(error.orig, DaybookError):
            return error.orig
        if self._file is not None and sqlite_file.is_damage(getattr(error, "orig", error)):
            return sqlite_file.damaged(self._file)
        # A database that was never there is told at once: most likely its address is wrong.
        passing = self._was_there and is_passing(error, committing=committing)
        # The text of a database error can hold parameters and the address, so only its kind is told.
        return (NotKept if passing else StoreError)(
            f"The store at {self.address} cannot be used: {in_words(error)}."
        )


def _whole(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.begin() as connection:
        return work(connection)


async def in_turn(connection: AsyncConnection, thing: str) -> None:
    """Wait until no other transaction is at work on a thing, and let others wait until this one ends.

    Of SQLite's there is only ever one. PostgreSQL's see and change rows side by side.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:thing, 0))"), {"thing": f"daybook {thing}"}
        )


def _tables(names: set[str]) -> str:
    return f"the table{'s' if len(names) > 1 else ''} {', '.join(sorted(names))}"


def _make_tables(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(insert(_meta).values(schema_version=SCHEMA_VERSION))


def _prepare(connection: Connection, upgrade: bool) -> None:
    # Two runs that start together: the second waits here, or at SQLite's BEGIN, and finds the tables.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('daybook'))"))
    schema = connection.get_execution_options().get("schema_translate_map", {}).get(None)
    there = set(inspect(connection).get_table_names(schema))
    ours = {table.name for table in metadata.sorted_tables}
    where = f"The store at {address_of(connection.engine.url)}"
    if _meta.name not in there:
        if there & ours:
            raise StoreError(
                f"{where} has {_tables(there & ours)}, and not the table {_meta.name}: a part of it is lost, "
                "or these are another program's. Restore it from a backup, or give Daybook a database or "
                "schema of its own: what is in Xero is found again there."
            )
        _make_tables(connection)
        return
    found = connection.execute(select(_meta.c.schema_version)).scalar_one_or_none()
    if found == SCHEMA_VERSION:
        if ours - there:
            raise StoreError(
                f"{where} has lost {_tables(ours - there)}. Restore it from a backup, or use another "
                "database: what is in Xero is found again there."
            )
        return
    if upgrade and found in _OLDER:
        _bring_up_to_date(connection, schema, found)
        return
    remedy = (
        "Stop all runs of the older Daybook, then bring it up to date: python -m blocks upgrade NAME, with "
        "the connection's name."
        if found in _OLDER
        else "Use the Daybook that made it, or another store: what is in Xero is found again there."
    )
    raise UsageError(
        f"The store has schema version {found}, and this Daybook works with version {SCHEMA_VERSION}. "
        f"{remedy}"
    )


def _bring_up_to_date(connection: Connection, schema: str | None, found: int) -> None:
    # Loaded here alone: a run has no use for Alembic.
    from blocks.store.migrations import upgrading

    try:
        upgrading.bring_up_to_date(connection, schema, found)
        whole = not upgrading.lacks(connection, metadata)
    except DBAPIError as error:
        if not is_of_tables(error):
            raise
        whole = False
    if not whole:
        raise StoreError(
            f"The store at {address_of(connection.engine.url)} is not as schema version {found} left it, so "
            "it cannot be brought up to date and stays as it is. Restore it from a backup, or use another "
            "store: what is in Xero is found again there."
        )
    connection.execute(update(_meta).values(schema_version=SCHEMA_VERSION))
