"""Real stores on SQLite files, opened once and emptied for each schedule, and the seam for their faults."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from blocks.store import sqlite_file
from blocks.store.journals import Store

Copy = dict[str, list[tuple[Any, ...]]]


class StoreFile:
    """A store, and a second way into its file that does not go through the code under test.

    `tables` are those that the code under test uses, and that can be lost.
    """

    tables: tuple[str, ...] = ()

    def __init__(self, file: Path) -> None:
        self.store = Store(_Engine(file))  # type: ignore[arg-type]
        self._file, self.folder = file, file.parent
        # One call at a time: a second connection would be opened by a thread, whose pace nobody knows.
        self.turn = asyncio.Lock()

    async def open(self) -> None:
        """Make the tables."""
        await self.store.__aenter__()
        self._beside = sqlite3.connect(self._file, isolation_level=None)
        self._beside.execute("PRAGMA synchronous = OFF")

    async def close(self) -> None:
        """Close the file."""
        self._beside.close()
        await self.store.__aexit__(None, None, None)

    def lose(self) -> None:
        """Forget everything."""
        self.restore({table: [] for table in self.tables})

    def copy(self) -> Copy:
        """Return all that is in it."""
        return {table: self._beside.execute(f"SELECT * FROM {table}").fetchall() for table in self.tables}  # noqa: S608

    def restore(self, copy: Copy) -> None:
        """Put an earlier copy in the place of what is there."""
        self._beside.execute("BEGIN IMMEDIATE")
        for table, rows in copy.items():
            self._beside.execute(f"DELETE FROM {table}")  # noqa: S608
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                self._beside.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608
        self._beside.execute("COMMIT")


class _Engine:
    """SQLAlchemy's engine without the thread and the greenlets of its asynchronous form.

    A call takes the same course every time, and less than half the time.
    """

    def __init__(self, file: Path) -> None:
        self._engine = create_engine(f"sqlite:///{file}", poolclass=StaticPool)
        event.listen(self._engine, "connect", _quick)
        event.listen(self._engine, "begin", sqlite_file._begun)
        self.url = self._engine.url

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[_Connection]:
        """Begin a transaction that ends with the block."""
        with self._engine.begin() as connection:
            yield _Connection(connection)

    async def dispose(self) -> None:
        """Close the connection."""
        self._engine.dispose()


class _Connection:
    """A connection of that engine, by the names that the store uses."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect, self.engine = connection.dialect, connection.engine

    async def execute(self, *asked: Any) -> Any:
        """Execute a statement."""
        return self._connection.execute(*asked)

    async def run_sync(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function with SQLAlchemy's own connection."""
        return function(self._connection, *args)


def _quick(connection: sqlite3.Connection, _record: Any) -> None:
    # As blocks/store/sqlite_file.py has it, but for what only matters where the power is cut.
    connection.isolation_level = None
    connection.text_factory = sqlite_file._text
    connection.execute("PRAGMA journal_mode = WAL").close()
    connection.execute("PRAGMA synchronous = OFF").close()


class WatchedStore:
    """A store as one run sees it: every call of it passes `around`, which can fail it."""

    def __init__(
        self, store: Any, around: Callable[[str, Callable[[], Awaitable[Any]]], Any], name: str = ""
    ) -> None:
        self._store, self._around, self._name = store, around, name

    def __getattr__(self, name: str) -> Any:
        method = getattr(type(self._store), name, None)
        if method is None:
            # A part of the store, such as its leases.
            return WatchedStore(getattr(self._store, name), self._around, f"{name}.")
        # The call itself, without the guard against cancellation: nothing is cancelled here.
        bare = getattr(method, "__wrapped__", method)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._around(self._name + name, lambda: bare(self._store, *args, **kwargs))

        return call
