"""Damage to a store is told as damage: a row by its table and key, a lost table by its name."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from blocks.errors import StoreError
from blocks.store.audit_rows import Entry, Key, Kind, Result, Status
from blocks.store.block import open_store
from blocks.store.database import metadata
from blocks.store.journals import Store
from blocks.store.models import CollectedWindow, DayRecord, Incident, Lease
from tests.helpers.stores import AT, DAY, Database, record, sent

CANARY = "CANARY-row"
KEY = Key("org", Kind.PAYMENT, "id-1")
LEASE = Lease("journals", "default", DAY, "run-1", "here", "day", AT, AT)
Read = Callable[[Store], Awaitable[object]]

READS: dict[str, list[Read]] = {
    "runs": [lambda store: store.runs.days("default")],
    "journals": [lambda store: store.journals("org", "default", DAY)],
    "requests": [lambda store: store.request("key-1")],
    "days": [
        lambda store: store.days.since("default", date.min),
        lambda store: store.days.last_zone("default"),
    ],
    "leases": [
        lambda store: store.leases.of("journals", "default"),
        lambda store: store.leases.take(LEASE, only_one_here=True),
        lambda store: sent(store, record(), lease=LEASE),
    ],
    "incidents": [
        lambda store: store.incidents.all("default"),
        lambda store: store.incidents.resolve("journals", "default", None, AT),
    ],
    "audit": [
        lambda store: store.audit.rows("default"),
        lambda store: store.audit.rows_of([KEY]),
        lambda store: store.audit.find("default", KEY.kind, KEY.xero_id),
        lambda store: store.audit.settled(KEY, Result(Status.SENT, "Accepted by LN."), AT),
    ],
    "windows": [
        lambda store: store.audit.collected_until("default"),
        lambda store: store.audit.first_since("default"),
    ],
}
# What the error says of the row's key.
KEYS = {
    "runs": "run-1",
    "journals": "org, N | 1, 0",
    "requests": "key-1",
    "days": "default, 2026-11-20",
    "leases": "journals, default, 2026-11-20",
    "incidents": "incident-1",
    "audit": "org, payment, id-1",
    "windows": "default, ",
}


async def fill(store: Store) -> None:
    """Write a row into each table."""
    await store.runs.started("run-1", "default", DAY, AT, scheduled=True)
    await sent(store, record(), body=f"{{{CANARY}}}".encode())
    await store.days.finished(DayRecord("default", DAY, "Europe/London", 2, AT))
    await store.leases.take(LEASE, only_one_here=False)
    await store.incidents.open(
        Incident("incident-1", "journals", "default", DAY, "send", "", "error", "remedy", AT)
    )
    await store.audit.posting(Entry(KEY, "default", day=DAY, amount="1.00"), CANARY, "run-1", AT)
    window = CollectedWindow("default", datetime(2026, 11, 20, tzinfo=UTC), AT, "run-1")
    await store.audit.advance(window, [KEY], AT)


async def require_told(database: Database, table: str, column: str, value: object) -> None:
    """Require that every reading of a table is a StoreError that names the row, once a value is damaged."""
    async with database.store() as store:
        await fill(store)
        async with store.database.begin() as connection:
            damage = update(metadata.tables[table]).values({column: value})
            if database.kind == "sqlite":
                # Past the types, as another program would.
                await connection.exec_driver_sql(f"UPDATE {table} SET {column} = ?", (value,))  # noqa: S608
            else:
                await connection.execute(damage)
        for read in READS[table]:
            with pytest.raises(StoreError) as told:
                await read(store)
            assert f"of its table {table} cannot be read" in str(told.value)
            assert KEYS[table] in str(told.value)
            assert CANARY not in f"{told.value}{told.value.__cause__}"


BAD_TEXTS = [
    ("runs", "started_at", "yesterday"),
    ("runs", "started_at", "2026-11-20T03:00:00"),
    ("journals", "state", "nearly"),
    ("journals", "debits", "a lot"),
    ("requests", "body", b"CANARY-row"),
    ("requests", "body", b""),
    ("requests", "body", zlib.compress(b"CANARY-row")[:-1]),
    ("requests", "first_sent_at", "soon"),
    ("days", "zone", "Mars/Olympus"),
    ("days", "finished_at", "2026-11-20T03:00:00"),
    ("days", "read_at", "?"),
    ("leases", "renewed_at", "2026-11-31T03:00:00+00:00"),
    ("leases", "taken_at", ""),
    ("incidents", "task_state", "lost"),
    ("incidents", "opened", "then"),
    ("audit", "status", "posted"),
    ("audit", "amount", "1,00"),
    ("audit", "first_seen", "2026"),
    ("audit", "last_try", "never"),
    ("windows", "until", "ever"),
    ("windows", "since", "2026-11-20"),
]


@pytest.mark.parametrize(("table", "column", "value"), BAD_TEXTS)
async def test_a_row_that_says_nothing_is_named(
    database: Database, table: str, column: str, value: object
) -> None:
    """A row with an unknown state, a bad instant, amount, zone or body is named by its table and key."""
    await require_told(database, table, column, value)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("journals", "booking_date", "someday"),
        ("journals", "booking_date", 20261120),
        ("journals", "booking_date", "20261120"),
        ("journals", "number", "two"),
        ("journals", "lines", 2.5),
        ("journals", "reason", b"\xff"),
        ("journals", "entries", "text"),
        ("requests", "body", "text"),
        ("requests", "body", 5),
        ("days", "stated_lines", "many"),
        ("days", "first_day", "2026-02-30"),
        ("leases", "stage", b"send"),
        ("incidents", "task_tried", "maybe"),
        ("incidents", "task_tried", 2),
        ("incidents", "times", b"1"),
        ("audit", "day", "2026-13-01"),
        ("audit", "document_type", "payment"),
        ("audit", "tries", "often"),
        ("windows", "run_id", b"\x00"),
    ],
)
async def test_a_value_of_another_type_is_named(
    tmp_path: Any, table: str, column: str, value: object
) -> None:
    """A value that SQLite keeps although it is of another type than its column is named by table and key."""
    await require_told(
        Database("sqlite", f"sqlite:///{tmp_path / 'daybook.sqlite3'}", None), table, column, value
    )


@pytest.mark.parametrize(
    ("damage", "read", "row"),
    [
        # A text that is not UTF-8 is damage of its row, and not a database that is down.
        (
            "UPDATE incidents SET error = CAST(x'ff41' AS TEXT)",
            lambda store: store.incidents.all("default"),
            "'incident-1' of its table incidents",
        ),
        (
            "UPDATE runs SET day = '0000-00-00'",
            lambda store: store.runs.first_day("default"),
            "'run-1' of its table runs",
        ),
    ],
)
async def test_a_text_that_is_none_and_a_first_day_that_is_no_date_are_named(
    tmp_path: Any, damage: str, read: Read, row: str
) -> None:
    """Bytes that are no text, and a run's day that is no date, are named by their row wherever it is read."""
    database = Database("sqlite", f"sqlite:///{tmp_path / 'daybook.sqlite3'}", None)
    async with database.store() as store:
        await fill(store)
        async with store.database.begin() as connection:
            await connection.exec_driver_sql(damage)
        with pytest.raises(StoreError, match=f"{row} cannot be read"):
            await read(store)


async def test_whole_rows_beside_a_damaged_one_are_read(database: Database) -> None:
    """Damage in the row of one connection leaves the others' as they are."""
    async with database.store() as store:
        await fill(store)
        other = DayRecord("other", DAY, "Europe/London", 2, AT)
        await store.days.finished(other)
        days = metadata.tables["days"]
        async with store.database.begin() as connection:
            await connection.execute(
                update(days).where(days.c.connection == "default").values(finished_at="x")
            )
        assert await store.days.since("other", DAY) == {DAY: other}
        with pytest.raises(StoreError):
            await store.days.since("default", DAY)


async def _drop(database: Database, table: str) -> None:
    store = database.store()
    try:
        async with store.database.begin() as connection:
            where = f"{database.schema}." if database.schema else ""
            await connection.exec_driver_sql(f"DROP TABLE {where}{table}")
    finally:
        await store.database.dispose()


@pytest.mark.parametrize("table", ["journals", "windows"])
async def test_a_store_that_has_lost_a_table_names_it(database: Database, table: str) -> None:
    """A store without one of its tables does not open, and names the table."""
    async with database.store() as store:
        await fill(store)
    await _drop(database, table)
    with pytest.raises(StoreError, match=f"has lost the table {table}") as told:
        async with database.store():
            pytest.fail("the store must not open")
    assert not isinstance(told.value.__cause__, SQLAlchemyError)


async def test_tables_without_their_version_are_no_store(database: Database) -> None:
    """Where the tables are and the one with their version is not, no new store is made over them."""
    async with database.store() as store:
        await fill(store)
    await _drop(database, "daybook")
    with pytest.raises(StoreError, match=r"has the tables audit, |no store in it any more"):
        async with database.store():
            pytest.fail("the store must not open")


async def test_a_store_in_memory_is_new_each_time() -> None:
    """A store in memory has no file to look at: it is new, whole, and gone when it is closed."""
    for _ in range(2):
        async with open_store("sqlite:///:memory:") as store:
            assert await store.runs.first_day("default") is None
            await fill(store)
            assert await store.runs.first_day("default") == DAY
