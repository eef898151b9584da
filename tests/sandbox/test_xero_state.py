"""What outlives the process, and what a reset forgets."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from blocks.sandbox.clock import SandboxClock
from blocks.sandbox.xero.app import XeroStandIn
from blocks.sandbox.xero.state import FILE_NAME
from tests.helpers.xero_stand_in import SCOPES, Xero, journal, line, messages, xero

ALL = f"{SCOPES} accounting.attachments"


def _files(directory: Path) -> list[Path]:
    return list(directory.iterdir())


async def test_journals_outlive_a_restart(tmp_path: Path) -> None:
    """Journals of every state read after a restart as before it, in lists, by id and by narration."""
    async with xero(tmp_path) as standin:
        known = await standin.created(
            journal("A", line("123456789012345678.91"), line("-123456789012345678.91"))
        )
        await standin.created(journal("B", Status="POSTED", Url="https://x.example"))
        gone = await standin.created(journal("C", ShowOnCashBasisReports=False))
        await standin.changed(gone, Status="DELETED")
        before = await standin.listed()
    async with xero(tmp_path) as standin:
        assert await standin.listed() == before
        assert await standin.one(known) == before[0]
        assert await standin.narrations(where='Narration=="B"') == ["B"]


async def test_creation_goes_on_after_a_restart(tmp_path: Path) -> None:
    """New journals after a restart stand behind the old ones, under ids of their own."""
    async with xero(tmp_path) as standin:
        await standin.write(journal("A"), journal("B"))
    async with xero(tmp_path) as standin:
        await standin.write(journal("C"))
        rows = await standin.listed()
    assert [row["Narration"] for row in rows] == ["A", "B", "C"]
    assert len({row["ManualJournalID"] for row in rows}) == 3


async def test_what_lies_beside_outlives_a_restart(tmp_path: Path) -> None:
    """History and attachments are there after a restart, and both go on."""
    async with xero(tmp_path, scopes=ALL) as standin:
        known = await standin.created()
        base = f"/api.xro/2.0/ManualJournals/{known}"
        for name in ("a.csv", "b.csv", "a.csv"):
            await standin.http.put(f"{base}/Attachments/{name}", content=name * 2)
        await standin.changed(known, Status="POSTED")
        before = [(await standin.http.get(f"{base}/{what}")).json() for what in ("History", "Attachments")]
    async with xero(tmp_path, scopes=ALL) as standin:
        after = [(await standin.http.get(f"{base}/{what}")).json() for what in ("History", "Attachments")]
        await standin.changed(known, Status="VOIDED")
        rows = (await standin.http.get(f"{base}/History")).json()["HistoryRecords"]
    assert before[0]["HistoryRecords"] == after[0]["HistoryRecords"]
    assert before[1]["Attachments"] == after[1]["Attachments"]
    assert sorted(row["FileName"] for row in after[1]["Attachments"]) == ["a.csv", "b.csv"]
    assert [row["Changes"] for row in rows] == [
        "Status changed to VOIDED",
        "Status changed to POSTED",
        "Created",
    ]


async def test_what_people_did_outlives_a_restart(tmp_path: Path) -> None:
    """Lock dates and what was archived stay, with the instants they had."""
    async with xero(tmp_path) as standin:
        await standin.control("lock_date", period="2026-10-31")
        await standin.control("archive_account", code="1010")
        await standin.control("archive_option", category="Branch", option="London")
        before = [
            (await standin.get(path)).json() for path in ("Organisation", "Accounts", "TrackingCategories")
        ]
    async with xero(tmp_path) as standin:
        standin.clock.advance(90)
        after = [
            (await standin.get(path)).json() for path in ("Organisation", "Accounts", "TrackingCategories")
        ]
        assert len(messages(await standin.outcome(journal()))) == 1
    for one, other, key in zip(
        before, after, ("Organisations", "Accounts", "TrackingCategories"), strict=True
    ):
        assert one[key] == other[key]


async def test_nothing_is_answered_that_is_not_on_disk(tmp_path: Path) -> None:
    """When an answer is out, another process that opens the file sees its journal."""
    async with xero(tmp_path) as standin:
        await standin.created()
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
            assert db.execute("SELECT count(*) FROM journal").fetchone() == (1,)


async def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    """Every file of the state can be read and written by its owner and by nobody else."""
    async with xero(tmp_path) as standin:
        await standin.created()
        modes = {path.name: path.stat().st_mode & 0o777 for path in _files(tmp_path)}
    assert FILE_NAME in modes
    assert set(modes.values()) == {0o600}


async def test_without_a_directory_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In memory alone no file appears."""
    monkeypatch.chdir(tmp_path)
    async with xero() as standin:
        await standin.created()
    assert _files(tmp_path) == []


async def test_in_memory_ids_repeat() -> None:
    """Two runs in memory give the same ids in the same order, and no id twice in one run."""
    runs = []
    for _ in range(2):
        async with xero() as standin:
            runs.append([await standin.created() for _ in range(5)])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 5


def _create(standin: Xero) -> Awaitable[object]:
    return standin.created()


def _lock(standin: Xero) -> Awaitable[object]:
    return standin.control("lock_date", period="2026-12-31")


def _archive(standin: Xero) -> Awaitable[object]:
    return standin.control("archive_account", code="1010")


def _key(standin: Xero) -> Awaitable[object]:
    return standin.write(journal("other"), key="k")


def _warn(standin: Xero) -> Awaitable[object]:
    return standin.control("warn")


def _fail(standin: Xero) -> Awaitable[object]:
    return standin.control("server_error")


def _switch(standin: Xero) -> Awaitable[object]:
    return standin.control("options", key_store_down=True)


@pytest.mark.parametrize("did", [_create, _lock, _archive, _key, _warn, _fail, _switch])
async def test_a_reset_forgets(did: Callable[[Xero], Awaitable[object]], tmp_path: Path) -> None:
    """After a reset nothing is left of journals, people's doings, keys, faults and switches, nor on disk."""
    async with xero(tmp_path) as standin:
        await did(standin)
        await standin.control("reset")
        assert await standin.listed() == []
        answer = await standin.write(journal(Status="POSTED"), key="k")
        assert [one["StatusAttributeString"] for one in answer.json()["ManualJournals"]] == ["OK"]
        await standin.control("reset")
    async with xero(tmp_path) as standin:
        assert await standin.listed() == []


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """A state file that cannot be read is an error and is left as it was."""
    (tmp_path / FILE_NAME).write_bytes(b"not a database, and longer than its header of a hundred bytes" * 9)
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(sqlite3.DatabaseError):
        XeroStandIn(tmp_path, SandboxClock())
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_closing_twice_is_no_error(tmp_path: Path) -> None:
    """A stand-in can be closed again."""
    standin = XeroStandIn(tmp_path, SandboxClock())
    standin.close()
    standin.close()


async def test_many_standins_stand_beside_each_other() -> None:
    """Two hundred stand-ins in memory share no state."""
    clock = SandboxClock()
    many = [XeroStandIn(None, clock) for _ in range(200)]
    await many[0].control("archive_account", {"code": "1010"})
    await many[0].control("lock_date", {"period": "2026-01-01"})
    assert all(one.state.books is many[1].state.books and not one.state.settings for one in many[1:])
    assert many[0].state.books is not many[1].state.books
