"""Short outages of the database: what is repeated, what is not, and how people are told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text, update

from blocks.errors import StoreError
from blocks.store import block as store_module
from blocks.store import database as module
from blocks.store.audit_rows import Key, Kind
from blocks.store.block import open_store
from blocks.store.database import uncancellable
from blocks.store.journals import Store, _journals
from blocks.store.models import Incident
from tests.helpers.stores import AT, DAY, POSTGRES, Database, record, sent


class Line:
    """The way to PostgreSQL, which can be cut; `cut_at` are bytes on their way there that cut it.

    Where it is `mute`, it is not cut there, but carries nothing any more.
    """

    def __init__(self) -> None:
        place = urlsplit(POSTGRES)
        self._there = (place.hostname or "127.0.0.1", place.port or 5432)
        self._ends: set[asyncio.StreamWriter] = set()
        self.cut_at: Callable[[bytes], bool] = lambda _data: False
        self.up = True
        self.mute = False
        self.silent = False
        self.begun = 0

    def cut(self) -> None:
        """Cut all that is connected."""
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        self.begun += 1
        if not self.up:
            writer.transport.abort()
            return
        back, forth = await asyncio.open_connection(*self._there)
        self._ends |= {writer, forth}
        await asyncio.gather(self._carry(reader, forth, watched=True), self._carry(back, writer))

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, watched: bool = False
    ) -> None:
        try:
            while data := await reader.read(65536):
                if watched and self.cut_at(data):
                    if not self.mute:
                        self.cut()
                        return
                    self.silent = True
                if self.silent:
                    continue
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def over_a_line(schema: str) -> AsyncIterator[tuple[Line, Store]]:
    """Open a store on PostgreSQL over a line that can be cut."""
    line = Line()
    server = await asyncio.start_server(line.connected, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    place = urlsplit(POSTGRES)
    user = place.netloc.rpartition("@")[0]
    url = place._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
    try:
        async with open_store(url, schema=schema) as store:
            yield line, store
    finally:
        line.cut()
        server.close()


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be waited for long before it is repeated."""
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.05, 0.1))


INCIDENT = Incident("i-1", "journals", "default", DAY, "send", "", "error", "remedy", AT)
ENTRY_KEY = Key("org", Kind.PAYMENT, "p-1")


async def test_a_connection_that_was_dropped_meanwhile_is_replaced(postgres_schema: str) -> None:
    """Cut while nobody uses it, the connection of either connector's record is replaced unnoticed."""
    async with over_a_line(postgres_schema) as (line, store):
        before = line.begun
        for call in (
            lambda: store.incidents.open(INCIDENT),
            lambda: store.audit.rows_of([ENTRY_KEY]),
            lambda: sent(store, record()),
        ):
            line.cut()
            await call()
        assert line.begun > before
        assert len(await store.journals("org", "default", DAY)) == 1


def each_nth(word: bytes, nth: int) -> Callable[[bytes], bool]:
    """Return what is true of the n-th data that contain a word, and of no other."""
    seen = 0

    def is_it(data: bytes) -> bool:
        nonlocal seen
        seen += word in data
        return word in data and seen == nth

    return is_it


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("word", [b"BEGIN", b"SELECT", b"INSERT", b"DELETE"])
async def test_what_was_surely_not_kept_is_repeated(postgres_schema: str, word: bytes) -> None:
    """Cut before the database is asked to commit, at whatever statement, a transaction is repeated whole."""
    async with over_a_line(postgres_schema) as (line, store):
        line.cut_at = each_nth(word, 1)
        mine = replace(INCIDENT, incident_id=word.decode(), connection=word.decode())
        assert (await store.incidents.open(mine)).times == 1
        assert line.begun > 1


def counted(store: Store, calls: list[None]) -> Callable[[], Awaitable[None]]:
    """Return a transaction that notes in `calls` each time that it is carried out."""

    @uncancellable
    async def kept() -> None:
        calls.append(None)
        async with store.database.begin() as connection:
            await connection.execute(text("SELECT 1"))

    return kept


@pytest.mark.usefixtures("quickly")
async def test_what_may_have_been_kept_is_not_repeated(postgres_schema: str) -> None:
    """Cut while it commits, a transaction may have been kept: it fails, and is not done a second time."""
    async with over_a_line(postgres_schema) as (line, store):
        kept = counted(store, calls := [])
        line.cut_at = each_nth(b"COMMIT", 1)
        with pytest.raises(StoreError, match="no connection to the database came about, or it was lost"):
            await kept()
        assert len(calls) == 1
        await kept()


@pytest.fixture
def impatiently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a silent connection be given up soon, but not one that a busy machine holds up."""
    monkeypatch.setattr(store_module, "_POSTGRESQL_WAITS", {"timeout": 1.5, "command_timeout": 1.5})


@pytest.mark.usefixtures("quickly", "impatiently")
@pytest.mark.parametrize("word", [b"BEGIN", b"SELECT", b"INSERT"])
async def test_a_silent_connection_is_given_up(postgres_schema: str, word: bytes) -> None:
    """A connection that falls silent before the commit is given up, and the transaction is repeated whole."""
    async with over_a_line(postgres_schema) as (line, store):
        line.mute, line.cut_at = True, each_nth(word, 1)
        name = f"silent {word.decode()}"
        opening = asyncio.create_task(
            store.incidents.open(replace(INCIDENT, incident_id=name, connection=name))
        )
        async with asyncio.timeout(60):
            while not line.silent:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.1)
            line.cut_at, line.silent = lambda _data: False, False
            # What it swallowed it does not bring back: the connection stays as good as silent.
            assert (await opening).times == 1


@pytest.mark.usefixtures("quickly", "impatiently")
async def test_what_a_silent_database_may_have_kept_is_not_repeated(postgres_schema: str) -> None:
    """Silent while it commits, a transaction may have been kept: it fails after a time, and once."""
    async with over_a_line(postgres_schema) as (line, store):
        kept = counted(store, calls := [])
        line.mute, line.cut_at = True, each_nth(b"COMMIT", 1)
        async with asyncio.timeout(60):
            with pytest.raises(StoreError, match="did not answer in time"):
                await kept()
        assert len(calls) == 1


async def test_a_silent_connection_does_not_hold_up_the_end(
    postgres_schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that fell silent while nobody used it is closed within seconds, and without a word."""
    async with asyncio.timeout(30):
        async with over_a_line(postgres_schema) as (line, store):
            await store.incidents.all("default")
            line.silent = True
    assert caplog.records == []


@pytest.mark.usefixtures("quickly", "impatiently")
async def test_a_database_that_stays_silent_ends_it(postgres_schema: str) -> None:
    """A database that does not answer any more holds a run up for a bounded time, its end included."""
    async with asyncio.timeout(120):
        async with over_a_line(postgres_schema) as (line, store):
            await asyncio.gather(*(store.incidents.all("default") for _ in range(3)))
            line.silent = True
            with pytest.raises(StoreError, match="did not answer in time"):
                await store.incidents.all("default")


@pytest.mark.usefixtures("quickly")
async def test_a_database_that_stays_away_ends_it(postgres_schema: str) -> None:
    """Where the database does not come back, it is asked so many times and no more, and then it is told."""
    async with over_a_line(postgres_schema) as (line, store):
        line.up = False
        line.cut()
        before = line.begun
        with pytest.raises(StoreError) as told:
            await store.incidents.all("default")
        assert 2 <= line.begun - before <= 2 * (len(module._PAUSES) + 1)
        assert "Is the database up?" in str(told.value)
        assert "Error" not in str(told.value)
        line.up = True
        assert await store.incidents.all("other") == []


async def test_a_database_that_was_never_there_is_told_at_once() -> None:
    """A store whose address leads nowhere is told after one try: most likely the address is wrong."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    # With its repeats it would take longer.
    async with asyncio.timeout(sum(module._PAUSES)):
        with pytest.raises(StoreError, match=r"cannot be used: no connection .* Is the database up\?"):
            async with open_store(f"postgresql://postgres@127.0.0.1:{port}/test"):
                pytest.fail("it must not open")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url._replace(path="/no-such-database"), "there is no database of this name"),
        (
            lambda url: url._replace(netloc=f"nobody-at-all@{url.netloc.rpartition('@')[2]}"),
            "the database refuses this user",
        ),
    ],
)
@pytest.mark.usefixtures("postgres_schema")
async def test_a_wrong_address_is_told_in_words(change: Callable[[object], object], words: str) -> None:
    """What PostgreSQL itself objects to at the door is told in words, with no name out of the code."""
    url = change(urlsplit(POSTGRES)).geturl()  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match=words) as told:
        async with open_store(url):
            pytest.fail("it must not open")
    assert "Error" not in str(told.value)


async def test_a_store_that_can_only_be_read_is_told_in_words(database: Database) -> None:
    """A record that can only be read, or whose table is gone, fails at once, in words and without repeats."""
    async with database.store() as store:
        pass
    read_only = {
        "sqlite": "PRAGMA query_only = ON",
        "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    }
    async with database.store() as store:
        # Of this connection alone: other tests are at work on the same server.
        async with store.database.begin() as connection:
            await connection.execute(text(read_only[database.kind]))
        # With its repeats it would take longer.
        async with asyncio.timeout(sum(module._PAUSES)):
            with pytest.raises(StoreError) as told:
                await store.incidents.open(INCIDENT)
    assert "can only be read" in str(told.value)
    assert "Error" not in str(told.value)


@pytest.mark.usefixtures("quickly")
async def test_who_gives_way_tries_again(postgres_schema: str) -> None:
    """Of two transactions that lock each other out the database ends one, and it is repeated."""
    async with open_store(POSTGRES, schema=postgres_schema) as store:
        await sent(store, record(1), record(2))
        both = asyncio.Barrier(2)

        @uncancellable
        async def counted(first: int, second: int, meet: list[asyncio.Barrier]) -> None:
            async with store.database.begin() as connection:
                for number in (first, second):
                    held = _journals.c.number == number
                    more = {"lines": _journals.c.lines + 1}
                    await connection.execute(update(_journals).where(held).values(more))
                    if number == first and meet:
                        await meet.pop().wait()

        await asyncio.gather(counted(1, 2, [both]), counted(2, 1, [both]))
        assert [one.lines for one in await store.journals("org", "default", DAY)] == [252, 252]


async def test_a_cancelled_call_does_not_wait_to_be_repeated(
    postgres_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops a run does not wait for a database that is away."""
    monkeypatch.setattr(module, "_PAUSES", (120,))
    async with over_a_line(postgres_schema) as (line, store):
        line.up = False
        line.cut()
        asking = asyncio.create_task(store.incidents.all("default"))
        await asyncio.sleep(0.3)
        asking.cancel()
        async with asyncio.timeout(60):
            with pytest.raises(asyncio.CancelledError):
                await asking
