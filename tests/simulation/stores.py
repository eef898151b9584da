"""Real stores on SQLite files, opened once and emptied for each schedule, and the seam for their faults."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event

from blocks.store import Store, open_store

Copy = dict[str, list[tuple[Any, ...]]]


class StoreFile:
    """A store, and a second way into its file that does not go through the code under test.

    `tables` are those that the code under test uses, and that can be lost.
    """

    tables: tuple[str, ...] = ()

    def __init__(self, file: Path) -> None:
        self.store: Store = open_store(f"sqlite:///{file}?check_same_thread=false")
        event.listen(self.store.database._engine.sync_engine, "connect", _quick)
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


def _quick(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()
    # Without the driver's thread a call takes the same course every time, and a third of the time.
    connection.driver_connection._execute = _here


async def _here(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


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
