"""The version of the store's schema: what is refused, and what an upgrade makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Date,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import UsageError
from blocks.store.database import SCHEMA_VERSION, _meta
from blocks.store.models import Incident, Lease, StoredRequest
from tests.helpers.stores import AT, DAY, Database, record

# The tables of schema version 1, as they were, not to be changed with the store's: a column's name and type;
# a number is the most characters of a text. "!" is a part of the key, "?" may be NULL, "#" has an index.
_VERSION_1 = {
    "daybook": "schema_version int!",
    "runs": "run_id 36! | connection 200 | day date | started_at 40 | ended_at 40? | status 20 | "
    "message text",
    "journals": "organisation 200! | narration 200! | generation int! | connection 200# | day date# | "
    "booking_date date | number int | request_key 36 | digest 64 | lines int | debits 40 | state 20 | "
    "manual_journal_id 36? | reason text? | changed_at 40",
    "requests": "request_key 36! | body bytes | first_sent_at 40?",
}
_TYPES = {"int": Integer, "date": Date, "text": Text, "bytes": LargeBinary}


def _column(text: str) -> Column[Any]:
    name, kind = text.split()
    word = kind.rstrip("!?#")
    made = String(int(word)) if word.isdigit() else _TYPES[word]()
    index = True if kind.endswith("#") else None
    return Column(name, made, primary_key=kind.endswith("!"), nullable=kind.endswith("?"), index=index)


_version_1 = MetaData()
_daybook, _runs, _journals, _requests = (
    Table(name, _version_1, *map(_column, columns.split(" | "))) for name, columns in _VERSION_1.items()
)
# zlib.compress(b'{"ManualJournals":[]}', 1), as version 1 wrote it.
_BODY = bytes.fromhex("7801ab56f24dcc2b4dccf1ca2f2dca4bcc2956b28a8ead0500566907db")


@asynccontextmanager
async def begun(database: Database) -> AsyncIterator[AsyncConnection]:
    """Begin a transaction on a store, whatever is in it."""
    store = database.store()
    try:
        async with store.database.begin() as connection:
            yield connection
    finally:
        await store.database.dispose()


async def of_version_1(database: Database) -> None:
    """Make a store as the first Daybook left it, with a run, a journal and its request."""
    fields = record().__dataclass_fields__
    journal = {name: getattr(record(), name) for name in fields if name in _journals.c}
    async with begun(database) as connection:
        await connection.run_sync(_version_1.create_all)
        await connection.execute(insert(_daybook).values(schema_version=1))
        run = {"run_id": "r-1", "connection": "default", "day": DAY, "started_at": AT.isoformat()}
        await connection.execute(insert(_runs).values(**run, status="running", message=""))
        await connection.execute(insert(_journals).values({**journal, "changed_at": AT.isoformat()}))
        await connection.execute(insert(_requests).values(request_key="key-1", body=_BODY))


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

    async with begun(database) as connection:
        return await connection.run_sync(described)


async def version(database: Database) -> int:
    """Return the schema version that a store states."""
    async with begun(database) as connection:
        return (await connection.execute(select(_meta.c.schema_version))).scalar_one()


async def test_an_older_store_is_refused_with_the_remedy(database: Database) -> None:
    """A store of version 1 is a UsageError that names the upgrade's command, and is not touched."""
    await of_version_1(database)
    before = await schema(database)
    with pytest.raises(UsageError, match="python -m blocks upgrade NAME") as raised:
        async with database.store():
            pytest.fail("the store must not open")
    assert f"schema version 1, and this Daybook works with version {SCHEMA_VERSION}" in str(raised.value)
    assert "Stop all runs of the older Daybook" in str(raised.value)
    assert await schema(database) == before
    assert list(before) == ["daybook", "journals", "requests", "runs"]


async def test_an_upgraded_store_has_kept_everything(database: Database) -> None:
    """Once upgraded, and again, a store of version 1 opens with all its rows, and takes new ones."""
    await of_version_1(database)
    for _ in range(2):
        await database.store().upgrade()
    async with database.store() as store:
        assert await store.journals("org", "default", DAY) == [record()]
        assert await store.request("key-1") == StoredRequest("key-1", b'{"ManualJournals":[]}')
        assert await store.runs.days("default") == {DAY: True}
        assert await store.runs.first_day("default") == DAY
        wanted = Lease("journals", "default", DAY, "r-2", "here", "day", AT, AT)
        assert await store.leases.take(wanted, only_one_here=True) is None
        incident = Incident("i-1", "journals", "default", DAY, "send", "", "error", "remedy", AT)
        await store.incidents.open(incident)
        assert await store.incidents.all("default") == [incident]
        assert await store.days.since("default", date.min) == {}


async def test_an_upgraded_store_is_as_a_new_one(database: Database) -> None:
    """After its upgrade a store has the very tables, columns, keys and indexes of a new one."""
    async with database.store():
        pass
    new = await schema(database)
    async with begun(database) as connection:
        for table in new:
            await connection.exec_driver_sql(f"DROP TABLE {qualified(database, table)}")
    await of_version_1(database)
    await database.store().upgrade()
    assert await schema(database) == new
    assert await version(database) == SCHEMA_VERSION


def qualified(database: Database, table: str) -> str:
    """Return a table's name with its schema."""
    return f"{database.schema}.{table}" if database.schema else table


@pytest.mark.parametrize("other", [0, SCHEMA_VERSION + 1])
async def test_no_other_store_is_touched_by_an_upgrade(database: Database, other: int) -> None:
    """A store of a newer or unknown version is refused by an upgrade as well, and left as it was."""
    await of_version_1(database)
    async with begun(database) as connection:
        await connection.execute(update(_daybook).values(schema_version=other))
    before = await schema(database)
    with pytest.raises(UsageError, match="Use the Daybook that made it, or another store") as raised:
        await database.store().upgrade()
    assert "upgrade" not in str(raised.value)
    assert (await schema(database), await version(database)) == (before, other)


async def test_an_upgrade_of_nothing_makes_a_new_store(database: Database) -> None:
    """Upgrading a store that does not exist yet, or is of the present version, leaves a store that opens."""
    for _ in range(2):
        await database.store().upgrade()
        async with database.store() as store:
            assert await store.runs.first_day("default") is None
