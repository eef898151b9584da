"""Two runs of one day at the same time, with one store or with two: each line arrives once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.store.block import DaybookStore
from tests.helpers.failed_runs import ended, entries, incidents, reads, searches, tasks, units
from tests.helpers.sandboxed import Outcome, Sandboxed


async def test_two_runs_that_share_a_store(sandbox: Sandboxed, caplog: pytest.LogCaptureFixture) -> None:
    """The second of two simultaneous runs waits for the first, says so, and finds the work done."""
    sandbox.plant(units(1, 2, 3))
    connection = sandbox.connection(lines_per_journal=2, retries=20)
    # The first goes on when the second has come.
    sandbox.fault({"system": "xero", "path": "Accounts", "kind": "503", "retry_after": 1, "times": 0})

    running = [asyncio.create_task(sandbox.run(connection=connection)) for _ in range(2)]
    while len(reads(sandbox, "/Organisation")) < 2 or "Waiting until it ends" not in caplog.text:
        await asyncio.sleep(0.1)
        assert not any(one.done() for one in running)
    sandbox.http.delete("/control/faults")
    runs = await asyncio.gather(*running)

    for run in runs:
        await ended(sandbox, run)
    assert sorted(run.summary.journals_created for run in runs) == [0, 3]
    assert len(sandbox.requests("xero", "PUT")) == 2
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6]
    assert await incidents(sandbox) == tasks(sandbox) == []


async def test_two_runs_with_stores_of_their_own(sandbox: Sandboxed, tmp_path: Path) -> None:
    """Two simultaneous runs that know nothing of each other leave one live line per line of Mambu."""
    sandbox.plant(units(1, 2))
    # Whoever comes first waits for the other one, and so both have read Xero before anything arrives there.
    sandbox.fault({"system": "xero", "path": "Accounts", "kind": "503", "retry_after": 1, "times": 0})

    async def run(name: str) -> Outcome:
        store = DaybookStore(url=SecretStr(f"sqlite:///{tmp_path / name}.sqlite3"))
        connection = sandbox.connection(lines_per_journal=2, retries=20, store=store)
        return await sandbox.run(name=name, connection=connection)

    running = [asyncio.create_task(run(name)) for name in ("first", "second")]
    while len(searches(sandbox)) < 6:
        await asyncio.sleep(0.1)
        assert not any(one.done() for one in running)
    sandbox.http.delete("/control/faults")
    sandbox.fault({"system": "xero", "method": "PUT", "kind": "delay", "seconds": 5, "times": 0})
    runs = await asyncio.gather(*running)

    for ended_run in runs:
        ended_run.completed()
        assert ended_run.summary.tied_out is True
    requests = sandbox.requests("xero", "PUT")
    assert len(requests) == 4
    assert len({one["idempotency_key"] for one in requests}) == 2
    assert entries(sandbox) == [1, 2, 3, 4]
    assert len(sandbox.xero_journals()) == 2
