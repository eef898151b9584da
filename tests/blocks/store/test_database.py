"""The version of the store's schema: what is refused, and what an upgrade makes of it."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table, insert, inspect, select, text

from blocks.errors import StoreError, UsageError
from blocks.store.database import _OLDER, SCHEMA_VERSION, _meta, metadata
from blocks.store.migrations import upgrading
from tests.helpers.stores import DAY, VERSIONS, Database, at_once

OLDER = [one for one in VERSIONS if one != SCHEMA_VERSION]
older = pytest.mark.parametrize("version", OLDER)
_VALUES = {int: 1, str: "x", date: DAY, bytes: b"x", bool: True}


async def schema(database: Database) -> dict[str, Any]:
    """Return every table with its columns, keys and indexes."""

    def described(connection: Connection) -> dict[str, Any]:
        there, where = inspect(connection), database.schema
        return {
            name: (
                [{**one, "type": str(one["type"])} for one in there.get_columns(name, where)],
                there.get_pk_constraint(name, where)["constrained_columns"],
                sorted((one["name"] or "", one["column_names"]) for one in there.get_indexes(name, where)),
            )
            for name in sorted(there.get_table_names(where))
        }

    async with database.begun() as connection:
        return await connection.run_sync(described)


async def stated(database: Database) -> int:
    """Return the schema version that a store states."""
    async with database.begun() as connection:
        return (await connection.execute(select(_meta.c.schema_version))).scalar_one()


async def rows(database: Database, tables: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the one row of each of these tables, in the columns that are given with them."""
    found = {}
    async with database.begun() as connection:
        for name, (columns, *_) in tables.items():
            names = ", ".join(one["name"] for one in columns)
            row = (await connection.execute(text(f"SELECT {names} FROM {name}"))).mappings().one()  # noqa: S608
            found[name] = dict(row)
    return found


def row(table: Table, columns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a row that has a value in each of these columns."""
    return {one["name"]: _VALUES[table.c[one["name"]].type.python_type] for one in columns}


async def fill(database: Database, tables: dict[str, Any]) -> None:
    """Write a row into each table but that of the version."""
    async with database.begun() as connection:
        for table in metadata.sorted_tables:
            if table is not _meta and table.name in tables:
                await connection.execute(insert(table).values(row(table, tables[table.name][0])))


async def empty(database: Database) -> None:
    """Take all tables away."""
    async with database.begun() as connection:
        for table in metadata.tables:
            await connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")


def test_each_schema_version_has_a_revision_and_a_store() -> None:
    """The revisions are those of the older versions and this one, and the tests have a store of each."""
    revisions = [int(one.revision) for one in upgrading.SCRIPTS.walk_revisions()]
    assert sorted(revisions) == VERSIONS == sorted({*_OLDER, SCHEMA_VERSION})


async def test_the_revisions_make_the_tables_of_a_new_store(database: Database) -> None:
    """Alembic finds no difference between what all its revisions make and the tables that Daybook uses."""

    def differences(connection: Connection) -> list[Any]:
        upgrading.bring_up_to_date(connection, database.schema, None)
        found: list[Any] = compare_metadata(MigrationContext.configure(connection), metadata)
        return found

    async with database.begun() as connection:
        assert await connection.run_sync(differences) == []


@older
async def test_an_older_store_is_refused_with_the_remedy(database: Database, version: int) -> None:
    """A store of an older version is a UsageError that names the upgrade's command, and is not touched."""
    await database.make(version)
    before = await schema(database)
    with pytest.raises(UsageError, match="python -m blocks upgrade NAME") as raised:
        async with database.store():
            pytest.fail("the store must not open")
    assert f"schema version {version}, and this Daybook works with version {SCHEMA_VERSION}" in str(
        raised.value
    )
    assert "Stop all runs of the older Daybook" in str(raised.value)
    assert await schema(database) == before


@older
async def test_an_upgraded_store_is_as_a_new_one_and_has_kept_everything(
    database: Database, version: int
) -> None:
    """Upgraded, once or again, a store has a new one's tables and indexes, and each row as it was."""
    async with database.store():
        pass
    new = await schema(database)
    await empty(database)
    await database.make(version)
    there = await schema(database)
    await fill(database, there)
    before = {**await rows(database, there), "daybook": {"schema_version": SCHEMA_VERSION}}
    for _ in range(2):
        await database.store().upgrade()
    assert await schema(database) == new
    assert await rows(database, there) == before


async def test_a_store_is_upgraded_once_by_whoever_comes_first(database: Database) -> None:
    """Four upgrades of one store at once all end well, and leave a store that opens."""
    await database.make(1)
    assert at_once(*[lambda: database.store().upgrade()] * 4) == []
    assert await stated(database) == SCHEMA_VERSION
    async with database.store() as store:
        assert await store.days.since("default", date.min) == {}


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE requests",
        "DROP TABLE windows",
        "DROP INDEX ix_journals_connection",
        "ALTER TABLE windows ADD COLUMN by_xero BOOLEAN",
        "CREATE TABLE starts (connection TEXT)",
        "ALTER TABLE audit DROP COLUMN in_doubt",
    ],
)
async def test_a_failed_upgrade_leaves_the_store_as_it_was(database: Database, change: str) -> None:
    """A store that has lost something, or has it already, is told so, and nothing of it is changed."""
    await database.make(3)
    async with database.begun() as connection:
        await connection.exec_driver_sql(change)
    before = await schema(database)
    with pytest.raises(StoreError, match=r"not as schema version 3 left it, .* stays as it is") as raised:
        await database.store().upgrade()
    assert database.store().database.address in str(raised.value)
    assert (await schema(database), await stated(database)) == (before, 3)


@pytest.mark.parametrize("other", [0, 4, SCHEMA_VERSION + 1])
async def test_no_other_store_is_touched_by_an_upgrade(database: Database, other: int) -> None:
    """A store of a newer or unknown version is refused by an upgrade as well, and left as it was."""
    await database.make(1)
    async with database.begun() as connection:
        await connection.exec_driver_sql(f"UPDATE daybook SET schema_version = {other}")  # noqa: S608
    before = await schema(database)
    with pytest.raises(UsageError, match="Use the Daybook that made it, or another store") as raised:
        await database.store().upgrade()
    assert "upgrade" not in str(raised.value)
    assert (await schema(database), await stated(database)) == (before, other)


async def test_an_upgrade_of_nothing_makes_a_new_store(database: Database) -> None:
    """Upgrading a store that does not exist yet, or is of the present version, leaves a store that opens."""
    for _ in range(2):
        await database.store().upgrade()
        async with database.store() as store:
            assert await store.runs.first_day("default") is None


def test_a_run_loads_no_alembic(tmp_path: Path) -> None:
    """Neither the flows nor a store that is made, opened and of today load Alembic: it would cost time."""
    code = (
        "import asyncio, sys, flows.journals.flow, flows.payments.flow\n"
        "from blocks.store.block import open_store\n"
        "async def go():\n"
        "    for _ in range(2):\n"
        "        async with open_store(sys.argv[1]): pass\n"
        "    await open_store(sys.argv[1]).upgrade()\n"
        "asyncio.run(go())\n"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, f"sqlite:///{tmp_path / 'daybook.sqlite3'}"], check=True)
