"""The databases that tests of the store run on, a record to keep there, and jobs that run at once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.store.block import open_store
from blocks.store.journals import Store
from blocks.store.models import JournalRecord, Lease, StoredRequest

POSTGRES = os.environ.get("DAYBOOK_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)
# The tables of each schema version that a Daybook has made, as it made them: not to be changed with ours.
SHAPES = Path(__file__).with_name("shapes")
VERSIONS = sorted(int(file.stem) for file in SHAPES.glob("*.sql"))


class Database(NamedTuple):
    """Where a test's tables are; `kind` is sqlite or postgresql."""

    kind: str
    url: str
    schema: str | None

    def store(self) -> Store:
        """Return a store with an engine of its own."""
        return open_store(self.url, schema=self.schema)

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction, whatever is in the database."""
        store = self.store()
        try:
            async with store.database.begin() as connection:
                if self.schema:
                    await connection.exec_driver_sql(f"SET LOCAL search_path TO {self.schema}")
                yield connection
        finally:
            await store.database.dispose()

    async def make(self, version: int) -> None:
        """Make the tables of a schema version, without rows but for the version."""
        with closing(sqlite3.connect(":memory:")) as shape:
            shape.executescript((SHAPES / f"{version}.sql").read_text(encoding="utf-8"))
            made = shape.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        async with self.begun() as connection:
            for (sql,) in made:
                await connection.exec_driver_sql(_for_postgres(sql) if self.schema else sql)
            await connection.exec_driver_sql(f"INSERT INTO daybook VALUES ({version})")  # noqa: S608


def _for_postgres(sql: str) -> str:
    """Return a statement of a shape as PostgreSQL had it."""
    return sql.replace("BLOB", "BYTEA").replace("schema_version INTEGER", "schema_version SERIAL")


async def on_postgres(*statements: str) -> None:
    """Run statements on PostgreSQL."""
    connection = await asyncpg.connect(POSTGRES, timeout=5)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def new_schema(prefix: str) -> Iterator[str]:
    """Make a schema in PostgreSQL and drop it at the end.

    Raises OSError or asyncpg's errors where no PostgreSQL answers.
    """
    schema = f"{prefix}_{uuid.uuid4().hex[:12]}"
    asyncio.run(on_postgres(f"CREATE SCHEMA {schema}"))
    try:
        yield schema
    finally:
        asyncio.run(on_postgres(f"DROP SCHEMA {schema} CASCADE"))


@contextmanager
def skipped_without_postgres() -> Iterator[None]:
    """Skip the test where no PostgreSQL answers; in CI it fails."""
    try:
        yield
    except (OSError, asyncpg.PostgresError) as error:
        reason = f"no PostgreSQL answers at {POSTGRES} ({type(error).__name__}); set DAYBOOK_TEST_POSTGRES"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


async def sent(
    store: Store, *records: JournalRecord, body: bytes = b"{}", at: datetime = AT, lease: Lease | None = None
) -> None:
    """Record journals as they leave, each in the request that it names, all of one `body`."""
    for key in dict.fromkeys(one.request_key for one in records):
        its = [one for one in records if one.request_key == key]
        await store.sending(its, StoredRequest(key, body), at, lease)


def record(number: int = 1, **other: object) -> JournalRecord:
    """Return the record of a journal, with other values where they are given."""
    made = JournalRecord(
        organisation="org",
        narration=f"N | {number}",
        generation=0,
        connection="default",
        day=DAY,
        booking_date=date(2026, 11, 18),
        number=number,
        request_key=f"key-{number}",
        digest="d" * 64,
        lines=250,
        debits="123456789012345678.90",
    )
    return replace(made, **other)  # type: ignore[arg-type]


def at_once(*jobs: Callable[[], Coroutine[object, object, None]]) -> list[BaseException]:
    """Run each job in a thread with an event loop of its own, all released together; return failures."""
    ready = threading.Barrier(len(jobs))
    failures: list[BaseException] = []

    def run(job: Callable[[], Coroutine[object, object, None]]) -> None:
        try:
            ready.wait(10)
            asyncio.run(job())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return failures
