"""The SQLite file of a store: new, whole, emptied, damaged."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from blocks.errors import StoreError, UsageError
from blocks.store.block import open_store
from blocks.store.journals import Store
from tests.helpers.stores import AT, DAY, at_once, record, sent


async def opened(file: Path) -> Store:
    """Open the store in a file, and close it again."""
    async with open_store(f"sqlite:///{file}") as store:
        await store.journals("org", "default", DAY)
    return store


async def filled(file: Path, journals: int = 200) -> None:
    """Make a store with journals in it."""
    records = [record(number) for number in range(1, journals + 1)]
    async with open_store(f"sqlite:///{file}") as store:
        for one in records:
            await sent(store, one, body=os.urandom(300))


def contents(path: Path) -> bytes | None:
    """Return the bytes of a file, or None where there is none."""
    return path.read_bytes() if path.is_file() else None


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def beside(file: Path, end: str) -> Path:
    """Return a file that SQLite keeps beside its own."""
    return file.with_name(f"{file.name}{end}")


async def entered(file: Path) -> None:
    """Open a store, however much of it can be read."""
    async with open_store(f"sqlite:///{file}"):
        pytest.fail("the store must not open")


async def read_through(file: Path) -> None:
    """Read all journals and requests of a store, of which some must be lost."""
    async with open_store(f"sqlite:///{file}") as store:
        await store.journals("org", "default", DAY)
        for number in range(1, 201):
            await store.request(f"key-{number}")
        pytest.fail("some of it is lost")


async def refused(file: Path, *words: str) -> str:
    """Require that a file does not open as a store, nor is upgraded to one, and is left as it is."""
    before = contents(file)
    for attempt in (entered(file), open_store(f"sqlite:///{file}").upgrade()):
        with pytest.raises(StoreError) as told:
            await attempt
        for word in (*words, str(file), "new record: what is in Xero is found again there"):
            assert word in str(told.value)
    assert contents(file) == before
    return str(told.value)


async def test_a_file_that_is_not_there_is_a_new_store(tmp_path: Path) -> None:
    """A new store is its owner's alone, and nothing of its making is left beside it."""
    file = tmp_path / "daybook.sqlite3"
    old = os.umask(0o022)
    try:
        await opened(file)
    finally:
        os.umask(old)
    assert names(tmp_path) == ["daybook.sqlite3"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_opening_alone_makes_no_file(tmp_path: Path) -> None:
    """A store that is named and never entered leaves no file that could pass for an emptied one."""
    store = open_store(f"sqlite:///{tmp_path / 'daybook.sqlite3'}")
    await store.database.dispose()
    assert names(tmp_path) == []


def test_runs_that_start_together_share_one_new_store(tmp_path: Path) -> None:
    """Eight runs that begin on no file at once all open one and the same whole store, ten times over."""
    for number in range(10):
        file = tmp_path / str(number) / "daybook.sqlite3"

        def start(run: int, file: Path = file) -> object:
            async def go() -> None:
                async with open_store(f"sqlite:///{file}") as store:
                    await store.runs.started(f"run-{run}", "default", DAY, AT, scheduled=True)

            return go

        assert at_once(*(start(run) for run in range(8))) == []  # type: ignore[arg-type]
        with closing(sqlite3.connect(file)) as database:
            assert database.execute("SELECT count(*) FROM runs").fetchone() == (8,)
            assert database.execute("SELECT count(*) FROM daybook").fetchone() == (1,)
        assert list(file.parent.glob(".*")) == []


async def test_an_emptied_file_is_no_new_store(tmp_path: Path) -> None:
    """A file of no bytes, where there was a store, is refused, also with what SQLite kept beside it."""
    file = tmp_path / "daybook.sqlite3"
    await filled(file)
    file.write_bytes(b"")
    await refused(file, "there is no store in it any more", "Restore it from a backup")
    beside(file, "-wal").write_bytes(b"something")
    await refused(file, "there is no store in it any more")
    assert contents(beside(file, "-wal")) == b"something"


async def test_another_programs_database_is_no_store(tmp_path: Path) -> None:
    """A SQLite file without our tables is refused, and not even its mode is changed."""
    file = tmp_path / "other.sqlite3"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE runs (far INTEGER)")
        database.commit()
    await refused(file, "there is no store in it any more")
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("runs",)]


async def test_what_is_no_database_is_damaged(tmp_path: Path) -> None:
    """A file of something else is told to be no whole SQLite database, and what to do about it."""
    file = tmp_path / "notes.txt"
    file.write_bytes(b"these are not the rows you are looking for\n" * 99)
    assert "Is the database up" not in await refused(file, "is not a whole SQLite database")


@pytest.mark.parametrize("place", ["folder", "pipe"])
async def test_what_is_no_file_is_no_store(tmp_path: Path, place: str) -> None:
    """A folder, or a pipe, in the store's place is refused as what it is."""
    file = tmp_path / "daybook.sqlite3"
    if place == "folder":
        file.mkdir()
    else:
        os.mkfifo(file)
    await refused(file, "is not a file")


@pytest.mark.parametrize("kept", [1, 16, 99, 100, 512, 4095, 4096, 5000, 3 * 4096, 0.5, 0.9])
async def test_a_file_that_was_cut_off_is_damaged(tmp_path: Path, kept: float) -> None:
    """However much of a store is kept, its loss is told in a sentence, at the latest where it is read."""
    file = tmp_path / "daybook.sqlite3"
    await filled(file)
    size = file.stat().st_size
    os.truncate(file, int(kept if kept >= 1 else kept * size))
    with pytest.raises(StoreError, match=r"is damaged|no store in it any more|has lost the table") as told:
        await read_through(file)
    assert "Restore" in str(told.value)


async def test_a_store_that_was_moved_without_its_log_is_not_begun_anew(tmp_path: Path) -> None:
    """SQLite's log without its file is not read into a new one: it is said that its store is gone."""
    file = tmp_path / "daybook.sqlite3"
    async with open_store(f"sqlite:///{file}") as store:
        await store.runs.started("run-1", "default", DAY, AT, scheduled=True)
        for name in names(tmp_path):
            shutil.copy(tmp_path / name, tmp_path / f"kept-{name}")
    kept = tmp_path / "kept-daybook.sqlite3"
    assert contents(beside(kept, "-wal"))
    away = kept.rename(tmp_path / "away")
    await refused(kept, "is gone, and kept-daybook.sqlite3-wal beside it is not")
    assert not kept.exists()

    away.rename(kept)
    async with open_store(f"sqlite:///{kept}") as store:
        assert await store.runs.first_day("default") == DAY


async def test_a_store_behind_a_link_is_made_where_the_link_leads(tmp_path: Path) -> None:
    """A link to a file that is not there yet leads to a new store, and stays a link."""
    link, file = tmp_path / "daybook.sqlite3", tmp_path / "elsewhere" / "real.sqlite3"
    link.symlink_to(file)
    for _ in range(2):
        await opened(link)
    assert link.is_symlink()
    assert file.stat().st_size > 0


async def test_a_file_of_any_name_is_opened(tmp_path: Path) -> None:
    """A path that would mean something in an address is taken as a path."""
    file = tmp_path / "a b#1" / "daybook.sqlite3"
    for _ in range(2):
        await opened(file)
    assert file.exists()


async def test_a_store_that_cannot_be_made_is_wrong_use(tmp_path: Path) -> None:
    """Where no file can be made the error says which, and is one of use."""
    file = tmp_path / ("x" * 300)
    with pytest.raises(UsageError, match="cannot be made"):
        await opened(file)
