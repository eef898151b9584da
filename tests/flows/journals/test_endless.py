"""What would never end: a run gives it up, says so, and leaves an incident."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from blocks.errors import UnusableAnswer
from blocks.mambu import credentials as mambu
from blocks.mambu.client import PAGE_LINES
from flows.journals.extract import read_day
from tests.helpers.dripping import dripping
from tests.helpers.failed_runs import MAMBU_LINES, ended, entries, reads, searches, told, units
from tests.helpers.journals_run import scripted_run
from tests.helpers.sandboxed import Sandboxed, line
from tests.helpers.scripted import Script, answer

SEARCH: dict[str, Any] = {"system": "mambu", "path": MAMBU_LINES, "kind": "status", "status": 200}
JOURNALS: dict[str, Any] = {"system": "xero", "method": "GET", "path": "ManualJournals$", "kind": "status"}


async def test_cursors_that_come_again_stop_the_run(sandbox: Sandboxed) -> None:
    """Where Mambu's cursors go round in a circle, extract stops; nothing is sent until they have an end."""
    sandbox.plant(units(1, 2))
    # The first call is the count.
    circle = [
        {**SEARCH, "nth": 2, "body": [], "headers": {"Items-Next-Cursor": name, "Items-Total": "4"}}
        for name in ("A", "B", "A")
    ]
    sandbox.fault(*circle)

    await told(sandbox, await sandbox.run(), "extract", "a cursor that was there before")
    assert len(searches(sandbox)) == 4
    assert sandbox.xero_journals() == []
    sandbox.http.delete("/control/faults")
    await ended(sandbox, await sandbox.run())
    assert entries(sandbox) == [1, 2, 3, 4]


async def test_far_more_lines_than_stated_end_the_reading(tmp_path: Path) -> None:
    """Full pages with cursors ever new end once far more lines came than Mambu states."""
    numbers = itertools.count()

    def full(request: httpx.Request) -> httpx.Response:
        lines = [line(next(numbers), 1) for _ in range(PAGE_LINES)]
        return answer(200, lines, items_next_cursor=f"c{next(numbers)}")(request)

    script = Script(full)
    async with scripted_run(tmp_path, mambu_concurrency=1) as there:
        credentials = there.run.connection.mambu
        async with credentials.get_client(clock=there.clock, http=script) as there.run.mambu:
            with pytest.raises(UnusableAnswer, match="far more than it stated"):
                await read_day.fn(there.run, 3)
    assert len(script.requests) == 11


async def test_an_answer_that_trickles_in_stops_the_run(
    sandbox: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Mambu answers a few bytes at a time for ever, extract stops after the total time of a call."""
    monkeypatch.setattr(mambu, "PROFILE", replace(mambu.PROFILE, total_seconds=0.5))
    connection = sandbox.connection(retries=0)
    own = connection.mambu.base_url
    async with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[", b" ") as url:
        connection.mambu.base_url = url
        failed = await asyncio.wait_for(sandbox.run(connection=connection), 60)
    connection.mambu.base_url = own

    failed.failed("not complete after 0.5 seconds")


@pytest.mark.parametrize("pages", [10**9, None])
async def test_pages_of_journals_that_come_again_stop_the_run(sandbox: Sandboxed, pages: int | None) -> None:
    """Where Xero gives the same page of journals for ever, send stops before anything is written."""
    sandbox.plant(units(1, 2))
    body: dict[str, Any] = {"ManualJournals": [{"ManualJournalID": "m-1", "Narration": "Rent"}]}
    if pages is not None:
        body["pagination"] = {"page": 1, "pageSize": 100, "pageCount": pages, "itemCount": 1}
    sandbox.fault({**JOURNALS, "status": 200, "body": body, "times": 0})

    await told(sandbox, await sandbox.run(), "send/hand-over", "repeat or never end")
    assert len(reads(sandbox, "ManualJournals")) == 8
    assert sandbox.requests("xero", "PUT") == []
