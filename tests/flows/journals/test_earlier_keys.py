"""A day that was left half sent when each journal had a request, and a key made of its name, of its own."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blocks.store.block import open_store
from tests.flows.journals.withdraw.test_flow import two_lines_each, withdraw
from tests.helpers.failed_runs import entries, units
from tests.helpers.sandboxed import Sandboxed

LEFT = Path(__file__).with_name("store_of_version_5.sql")
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


async def left(sandbox: Sandboxed, home: Path, *carried_out: int, since: datetime | None = None) -> None:
    """Leave the day as it was: its lines, its store, and in Xero the journals that were carried out.

    `since`: when the request without an answer went out, by default long ago.
    """
    sandbox.plant(units(1, 2, 3))
    async with sandbox.connection().xero.get_client() as xero:
        ids = {
            number: (await xero.put_manual_journals(bytes_of(number), KEYS[number]))[0].journal_id
            for number in carried_out
        }
    home.mkdir()  # noqa: ASYNC240 - nobody waits
    file = home / "daybook.sqlite3"
    with closing(sqlite3.connect(file)) as store:
        store.executescript(LEFT.read_text(encoding="utf-8"))
        store.execute("UPDATE journals SET manual_journal_id = ? WHERE number = 1", [ids[1]])
        if since:
            store.execute("UPDATE requests SET first_sent_at = ? WHERE first_sent_at <> ''", [str(since)])
        store.commit()
    await open_store(f"sqlite:///{file}").upgrade()
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
