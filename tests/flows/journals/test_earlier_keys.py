"""A day that was left half sent when each journal had a request, and a key made of its name, of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from blocks.__main__ import main
from blocks.connections import lookup
from blocks.store.block import open_store
from blocks.store.models import JournalState
from tests.helpers.failed_runs import days_ago, entries, units
from tests.helpers.sandboxed import DATE, Sandboxed
from tests.helpers.stores import SHAPES, VERSIONS
from tests.helpers.two_journals import two_lines_each
from tests.helpers.withdrawals import withdraw

# The keys under which the first journal was sent, and the second, whose answer never came.
KEYS = {1: "14bd4240-cfc1-58a5-b274-2bd91aa11fd3", 2: "70a0abc4-5eaf-501f-a1d3-96a8b1ffc79d"}


def bytes_of(number: int) -> bytes:
    """Return the bytes of the request that had the journal of one of the units() alone."""
    lines = ",".join(
        f'{{"LineAmount":{amount}.00,"AccountCode":"{code}","TaxType":"NONE",'
        f'"Description":"EntryID: {entry}, TransactionID: T{number}"}}'
        for amount, code, entry in (
            (5 + number, "5400", 2 * number - 1),
            (-5 - number, "1010", 2 * number),
        )
    )
    return (
        '{"ManualJournals":[{"Narration":"Mambu journal data with creation date: 2026-11-18 | booking date '
        f'2026-11-18 | {number}","Date":"2026-11-18","Status":"DRAFT","LineAmountTypes":"NoTax",'
        f'"ShowOnCashBasisReports":true,"JournalLines":[{lines}]}}]}}'
    ).encode()


def rows_of_version_5() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row of the day's journals and requests, as schema version 5 had them, with its table."""
    with closing(sqlite3.connect(":memory:")) as store:
        store.executescript((SHAPES / "5.sql").read_text(encoding="utf-8"))
        store.row_factory = sqlite3.Row
        for table in ("journals", "requests"):
            yield from ((table, dict(row)) for row in store.execute(f"SELECT * FROM {table}"))  # noqa: S608


def fill(store: sqlite3.Connection) -> None:
    """Write these rows into a store of any version, in the columns that it has."""
    for table, row in rows_of_version_5():
        names = [one[1] for one in store.execute(f"PRAGMA table_info({table})")]
        marks = ", ".join("?" * len(names))
        store.execute(f"INSERT INTO {table} VALUES ({marks})", [row[name] for name in names])  # noqa: S608


async def left(
    sandbox: Sandboxed, home: Path, *carried_out: int, since: datetime | None = None, version: int = 5
) -> None:
    """Leave the day as it was: its lines, its store, and in Xero the journals that were carried out.

    `since`: when the request without an answer went out, by default long ago. The store has the tables of
    a schema version and is then upgraded.
    """
    sandbox.plant(units(1, 2, 3))
    async with sandbox.connection().xero.get_client() as xero:
        ids = {
            number: (await xero.put_manual_journals(bytes_of(number), KEYS[number]))[0].journal_id
            for number in carried_out
        }
    home.mkdir()  # noqa: ASYNC240 - nobody waits
    with closing(sqlite3.connect(home / "daybook.sqlite3")) as store:
        store.executescript((SHAPES / f"{version}.sql").read_text(encoding="utf-8"))
        if version != 5:
            fill(store)
        store.execute(
            "INSERT INTO runs (run_id, connection, day, started_at, status, message) "
            "VALUES ('run-1', 'default', '2026-11-18', '2026-11-19T00:31:58+00:00', 'running', '')"
        )
        store.execute("UPDATE journals SET manual_journal_id = ? WHERE number = 1", [ids[1]])
        if since:
            store.execute("UPDATE requests SET first_sent_at = ? WHERE first_sent_at <> ''", [str(since)])
        store.commit()
    with lookup.provided({"default": sandbox.connection()}):
        done = await asyncio.to_thread(CliRunner().invoke, main, ["upgrade", "default"])
    assert done.output == "The store of the connection default is up to date.\n"
    sandbox.http.delete("/control/requests")


def keys(sandbox: Sandboxed) -> list[str]:
    """Return the keys of the requests that created journals."""
    return [one["idempotency_key"] for one in sandbox.requests("xero", "PUT")]


@pytest.mark.parametrize("carried_out", [(1, 2), (1,)])
async def test_an_expired_request_is_found_or_its_journal_sent(
    sandbox: Sandboxed, home: Path, carried_out: tuple[int, ...]
) -> None:
    """What an expired request brought to Xero is found, and only what is missing is sent, together."""
    await left(sandbox, home, *carried_out)
    outcome = await sandbox.run(connection=two_lines_each(sandbox))
    outcome.completed(created=3 - len(carried_out))
    assert outcome.summary.tied_out is True
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6]
    assert len(keys(sandbox)) == 1
    assert KEYS[2] not in keys(sandbox)


async def test_a_request_whose_key_is_valid_is_repeated_as_it_was(sandbox: Sandboxed, home: Path) -> None:
    """A request without an answer goes again under the key and with the bytes that it had."""
    await left(sandbox, home, 1, since=datetime.now(UTC))
    (await sandbox.run(connection=two_lines_each(sandbox))).completed()
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6]
    assert keys(sandbox)[0] == KEYS[2]
    assert len(keys(sandbox)) == 2


async def test_its_day_is_withdrawn(sandbox: Sandboxed, home: Path) -> None:
    """The drafts of such a day are deleted by a withdrawal, and the day is sent anew under other names."""
    await left(sandbox, home, 1, 2)
    outcome = await withdraw(sandbox)
    assert Counter(one["Status"] for one in sandbox.xero_journals()) == {"DELETED": 2}, outcome.message
    (await sandbox.run(connection=two_lines_each(sandbox))).completed(created=3)
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_night_on_a_store_of_each_version_sends_nothing_twice(
    sandbox: Sandboxed, home: Path, version: int
) -> None:
    """On an upgraded store of each version the day and the next nights are sent once, and all is kept."""
    await left(sandbox, home, 1, 2, version=version)
    for number in (1, 2):
        sandbox.plant(units(10 + number, date=days_ago(number)), days_ago(number))
    connection = two_lines_each(sandbox, look_back_days=1)
    (await sandbox.run(connection=connection)).completed(created=1)
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6]
    night = (await sandbox.run(None, connection=connection)).completed(created=1)
    assert night.summary.looked_back == [days_ago(2)]
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6, 21, 22, 23, 24]
    assert not set(KEYS.values()) & set(keys(sandbox))
    async with open_store(f"sqlite:///{home / 'daybook.sqlite3'}") as store:
        known = {one.request_key: one.state for one in await store.journals(None, "default", DATE)}
        assert await store.runs.first_day("default") == DATE
    assert {known[key] for key in KEYS.values()} == {JournalState.CONFIRMED}
