"""The store, on SQLite files and on PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import pickle
import sqlite3
import stat
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, select, text, update

from blocks.errors import LeaseLost, StoreError, UsageError
from blocks.store.block import DaybookStore, open_store
from blocks.store.database import SCHEMA_VERSION, _meta
from blocks.store.journals import Store
from blocks.store.models import OPEN_ENDED, JournalRecord, JournalState, Lease, StoredRequest, latest
from blocks.store.runs import _runs
from tests.helpers.stores import AT, DAY, POSTGRES, Database, at_once, record, sent

CANARY = "CANARY-db"
BODY = b'{"ManualJournals":[{"LineAmount":1.10}]}' * 50


async def journals(store: Store) -> list[JournalRecord]:
    return await store.journals("org", "default", DAY)


async def prepared(store: Store, *records: JournalRecord) -> None:
    """Record journals, each in the request that it names, and that these surely did not reach Xero."""
    await sent(store, *records, body=BODY)
    await store.move(records, JournalState.PREPARED, AT)


# --- What is written is read --------------------------------------------------------------------


async def test_what_is_sent_is_read_back(database: Database) -> None:
    """A journal, the bytes of its request and when it left are read back exactly, by another engine."""
    eastern = timezone(timedelta(hours=-5))
    async with database.store() as store:
        await sent(store, record(2), record(1), body=BODY, at=AT.astimezone(eastern))
    async with database.store() as store:
        assert await journals(store) == [replace(record(one), state=JournalState.SENDING) for one in (1, 2)]
        found = await store.request("key-1")
        assert found == StoredRequest("key-1", BODY, AT)
        assert found.first_sent_at is not None
        assert found.first_sent_at.utcoffset() == timedelta(0)
        assert await store.request("key-9") is None


async def test_journals_are_those_of_the_day(database: Database) -> None:
    """Journals of another organisation, connection or day are not mixed in."""
    others = [
        record(2, organisation="other"),
        record(3, connection="other"),
        record(4, day=DAY + timedelta(days=1)),
    ]
    async with database.store() as store:
        await prepared(store, record(1), *others)
        assert await journals(store) == [record(1)]


async def test_sending_moves_only_its_own_journals(database: Database) -> None:
    """Sending one request leaves the journals of others as they were."""
    async with database.store() as store:
        await prepared(store, record(1), record(2))
        await sent(store, record(2))
        assert [one.state for one in await journals(store)] == ["sealed", "sending"]


async def test_sending_again_replaces(database: Database) -> None:
    """Sending the same journal and generation anew replaces what is on record, and a new generation adds."""
    async with database.store() as store:
        await prepared(store, record(digest="a" * 64))
        await prepared(store, record(digest="b" * 64))
        await prepared(store, record(generation=1, request_key="key-1b"))
        found = await journals(store)
    assert [(one.generation, one.digest[0]) for one in found] == [(0, "b"), (1, "d")]
    assert latest(found) == {"N | 1": found[1]}


@pytest.mark.parametrize("state", list(JournalState))
async def test_moving(database: Database, state: JournalState) -> None:
    """A journal moves to each state with its id and reason, and others stay."""
    async with database.store() as store:
        await prepared(store, record(1), record(2))
        await store.move([record(1)], state, AT, ids={"N | 1": "m-1"}, reasons={"N | 1": "because"})
        moved, other = await journals(store)
        assert (moved.state, moved.manual_journal_id, moved.reason) == (state, "m-1", "because")
        assert other == record(2)
        await store.move([record(1)], state, AT)
        moved, other = await journals(store)
        assert (moved.manual_journal_id, moved.reason) == ("m-1", None)


async def test_a_late_answer_does_not_take_the_place_of_the_journal_that_is_known(database: Database) -> None:
    """The id by which a journal is known stays, whatever id an answer that comes later names."""
    async with database.store() as store:
        await prepared(store, record(1))
        for state, one in ((JournalState.CREATED, "first"), (JournalState.CONFIRMED, "late")):
            await store.move([record(1)], state, AT, ids={record(1).narration: one})
        (held,) = await journals(store)
    assert (held.state, held.manual_journal_id) == (JournalState.CONFIRMED, "first")


async def test_when_a_journal_came_into_its_state_is_kept(database: Database) -> None:
    """A journal that is read back tells when it was sent, adopted or last moved."""
    later = AT + timedelta(minutes=3)
    async with database.store() as store:
        await prepared(store, record(1), record(2))
        await store.adopt([record(3)], later)
        await store.move([record(2)], JournalState.WITHDRAWING, later)
        assert [one.changed_at for one in await journals(store)] == [AT, later, later]


async def test_moving_needs_the_day(database: Database) -> None:
    """A run that lost its day to another moves nothing, where it says that it rests on holding it."""
    mine = Lease("journals", "default", DAY, "mine", "", "remove", AT, AT)
    async with database.store() as store:
        await prepared(store, record())
        with pytest.raises(LeaseLost):
            await store.move([record()], JournalState.WITHDRAWING, AT, lease=mine)
        assert (await journals(store))[0].state is JournalState.PREPARED
        await store.leases.take(mine, only_one_here=True)
        await store.move([record()], JournalState.WITHDRAWING, AT, lease=mine)
        assert (await journals(store))[0].state is JournalState.WITHDRAWING


@pytest.mark.parametrize("state", list(JournalState))
async def test_bytes_are_kept_while_they_are_needed(database: Database, state: JournalState) -> None:
    """The bytes of a request live as long as one of its journals is prepared or without a known end."""
    block = [record(1, request_key="block"), record(2, request_key="block")]
    async with database.store() as store:
        await prepared(store, *block)
        await store.move(block[:1], JournalState.CREATED, AT)
        assert await store.request("block") is not None
        await store.move(block[1:], state, AT)
        kept = await store.request("block") is not None
    assert kept is (state in {JournalState.PREPARED, JournalState.SENDING, JournalState.UNKNOWN})


def test_open_ended_are_the_two_states_without_a_known_end() -> None:
    """The states that leave open whether Xero has a journal are sending and unknown, and no other."""
    assert OPEN_ENDED == (JournalState.SENDING, JournalState.UNKNOWN)


async def test_adopted_journals_need_no_request(database: Database) -> None:
    """A journal found in Xero is recorded with its state and id, and without bytes."""
    found = record(state=JournalState.CONFIRMED, manual_journal_id="m-1", request_key="")
    async with database.store() as store:
        await store.adopt([found], AT)
        await store.adopt([], AT)
        assert await journals(store) == [found]


async def test_copies_of_one_name_are_adopted_apart(database: Database) -> None:
    """Journals of one name are each recorded where they bear generations of their own."""
    copies = [record(generation=generation, manual_journal_id=f"m{generation}") for generation in (-1, 0)]
    async with database.store() as store:
        await store.adopt(copies, AT)
        assert await journals(store) == copies


async def test_runs(database: Database) -> None:
    """A run is one row from its start to its end, also where it starts twice."""
    async with database.store() as store:
        for _ in range(2):
            await store.runs.started("r-1", "default", DAY, AT, scheduled=True)
        await store.runs.ended("r-1", "completed", "done", AT)
        async with store.database.begin() as connection:
            rows = (await connection.execute(select(_runs.c.status, _runs.c.message))).all()
    assert [tuple(row) for row in rows] == [("completed", "done")]


def test_the_latest_generation_counts() -> None:
    """Of each narration the record with the highest generation is the latest, in whatever order they come."""
    records = [record(1, generation=1), record(1, generation=0), record(2), record(1, generation=2)]
    assert latest(records) == {"N | 1": records[3], "N | 2": records[2]}
    assert latest([]) == {}


# --- All or nothing -----------------------------------------------------------------------------


async def test_what_fails_halfway_leaves_nothing(database: Database) -> None:
    """A sending that fails after its first statement leaves the store as it was."""
    async with database.store() as store:
        await prepared(store, record(1))
        twice = [record(2), record(2)]
        with pytest.raises(StoreError):
            await sent(store, *twice)
        assert await journals(store) == [record(1)]
        assert await store.request("key-2") is None


async def test_a_cancelled_write_leaves_the_store_usable(database: Database) -> None:
    """Cancelling a call on the store neither writes half of it nor blocks the next one."""
    async with database.store() as store:
        for delay in (0, 0.001, 0.003):
            both = [replace(record(one), request_key="both") for one in (1, 2)]
            task = asyncio.create_task(sent(store, *both))
            await asyncio.sleep(delay)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert len(await journals(store)) in {0, 2}
        await asyncio.wait_for(prepared(store, record(3)), 10)


# --- Several at once ----------------------------------------------------------------------------


@pytest.mark.parametrize("repeat", range(3))
def test_runs_that_start_together_make_one_store(database: Database, repeat: int) -> None:
    """Eight runs that open a store which does not exist yet all find it usable, with one version in it."""

    async def open_and_write() -> None:
        async with database.store() as store:
            await store.runs.started(uuid.uuid4().hex, "default", DAY, AT, scheduled=True)

    assert at_once(*[open_and_write] * 8) == []

    async def count() -> None:
        async with database.store() as store, store.database.begin() as connection:
            runs = (await connection.execute(select(_runs.c.run_id))).all()
            versions = (await connection.execute(select(_meta.c.schema_version))).scalars().all()
            assert (len(runs), versions) == (8, [SCHEMA_VERSION])

    asyncio.run(count())


def test_runs_that_write_together_lose_nothing(database: Database) -> None:
    """Four runs that send and move at the same time end with their journals as they left them."""

    def writer(run: int) -> Callable[[], Coroutine[object, object, None]]:
        async def write() -> None:
            async with database.store() as store:
                for number in range(run * 100, run * 100 + 8):
                    await sent(store, record(number))
                    assert await store.request(f"key-{number}") is not None
                    await store.move([record(number)], JournalState.CREATED, AT)

        return write

    assert at_once(*(writer(run) for run in range(4))) == []

    async def check() -> None:
        async with database.store() as store:
            found = await journals(store)
            assert [one.state for one in found] == ["created"] * 32

    asyncio.run(check())


async def test_calls_of_one_run_may_overlap(database: Database) -> None:
    """Thirty calls on one store at the same time all succeed."""
    async with database.store() as store:
        await asyncio.gather(*(prepared(store, record(number)) for number in range(30)))
        assert len(await journals(store)) == 30


async def test_a_write_waits_for_another_programs_write(tmp_path: Path) -> None:
    """While another process holds SQLite's write lock, a write waits, and goes on once it is free."""
    file = tmp_path / "daybook.sqlite3"
    async with open_store(f"sqlite:///{file}") as store:
        other = sqlite3.connect(file, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            task = asyncio.create_task(prepared(store, record()))
            await asyncio.sleep(0.3)
            assert not task.done()
            other.execute("COMMIT")
            await asyncio.wait_for(task, 10)
        finally:
            other.close()


# --- Refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1, SCHEMA_VERSION - 1, SCHEMA_VERSION + 1, None])
async def test_another_schema_version_is_refused(database: Database, version: int | None) -> None:
    """A store of an older, newer or unstated schema version is a UsageError naming both, and unharmed."""
    change = update(_meta).values(schema_version=version) if version is not None else delete(_meta)
    async with database.store() as store, store.database.begin() as connection:
        await connection.execute(change)
    for _ in range(2):
        with pytest.raises(
            UsageError, match=f"version {version}, and this Daybook works with version {SCHEMA_VERSION}"
        ):
            async with database.store():
                pytest.fail("the store must not open")


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://postgres:{CANARY}@127.0.0.1:9/test",
        f"postgresql://postgres:{CANARY}@no-such-host.invalid/test",
        f"postgres://postgres:{CANARY}@127.0.0.1:9/test",
        f"postgresql://127.0.0.1:9/test?user=u&password={CANARY}",
    ],
)
async def test_an_unreachable_store(url: str) -> None:
    """A database that does not answer is a StoreError that names its address, without the password."""
    with pytest.raises(StoreError, match="Is the database up") as raised:
        async with open_store(url):
            pytest.fail("the store must not open")
    error = raised.value
    assert "test" in str(error)
    shown = [
        str(error),
        repr(error),
        repr(pickle.dumps(error)),
        repr(error.__cause__),
        repr(error.__context__),
    ]
    assert CANARY not in "".join(shown)


@pytest.mark.usefixtures("postgres_schema")
@pytest.mark.parametrize("part", ["no_such_user:CANARY-db@", "no_such_database"])
async def test_a_store_that_lets_nobody_in(part: str) -> None:
    """A database or user that does not exist is a StoreError without the password."""
    host = POSTGRES.rsplit("@", 1)[-1]
    url = f"postgresql://{part}{host}" if "@" in part else f"{POSTGRES.rsplit('/', 1)[0]}/{part}"
    with pytest.raises(StoreError) as raised:
        async with open_store(url):
            pytest.fail("the store must not open")
    assert CANARY not in f"{raised.value!s}{raised.value!r}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "daybook",
        f"mysql://u:{CANARY}@h/d",
        f"postgresql://u:{CANARY}@h:port/d",
        "sqlite:////etc/passwd/x.db",
    ],
)
def test_urls_that_are_no_store(url: str) -> None:
    """A URL that cannot be a store is a UsageError without a secret in it."""
    with pytest.raises(UsageError) as raised:
        open_store(url)
    assert CANARY not in f"{raised.value!s}{raised.value!r}"


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A file that holds something else is a StoreError, and stays as it is."""
    file = tmp_path / "notes.txt"
    file.write_bytes(b"these are not the rows you are looking for\n" * 99)
    before = file.read_bytes()
    with pytest.raises(StoreError):
        async with open_store(f"sqlite:///{file}"):
            pytest.fail("the store must not open")
    assert file.read_bytes() == before


# --- Files and the block ------------------------------------------------------------------------


async def test_files_are_the_owners(tmp_path: Path) -> None:
    """A new SQLite store, its side files and its folder can be entered and read by their owner only."""
    old = os.umask(0o022)
    try:
        folder = tmp_path / "new"
        async with open_store(f"sqlite:///{folder / 'daybook.sqlite3'}") as store:
            await prepared(store, record())
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
            assert set(modes.values()) == {0o600}
            assert "daybook.sqlite3" in modes
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(old)


async def test_a_commit_survives_a_power_cut(tmp_path: Path) -> None:
    """Every SQLite connection writes ahead to a log that is flushed at each commit."""
    async with (
        open_store(f"sqlite:///{tmp_path / 'daybook.sqlite3'}") as store,
        store.database.begin() as connection,
    ):
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
        assert (await connection.execute(text("PRAGMA synchronous"))).scalar_one() == 2


async def test_the_block_defaults_to_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a URL the store is a file in the home folder of the machine that opens it."""
    monkeypatch.setenv("DAYBOOK_HOME", str(tmp_path / "home"))
    async with DaybookStore().open() as store:
        await store.runs.started("r-1", "default", DAY, AT, scheduled=True)
    assert (tmp_path / "home" / "daybook.sqlite3").exists()


async def test_the_block_opens_what_it_names(database: Database) -> None:
    """A block with a URL and a schema opens that store, and shows no password."""
    async with DaybookStore(url=SecretStr(database.url), schema_name=database.schema).open() as store:
        await prepared(store, record())
    async with database.store() as store:
        assert await journals(store) == [record()]
    block = DaybookStore(url=SecretStr(f"postgresql://u:{CANARY}@h/d"))
    assert CANARY not in f"{block!r}{block.model_dump_json()}{block.open()!r}"
