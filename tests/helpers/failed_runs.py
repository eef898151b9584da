"""What a failed run leaves behind, as people find it, and what is left once the remedy was carried out."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort
from prefect.runtime import flow_run

from blocks.connections.journals import JournalConnection
from blocks.sandbox.mambu.app import ASSIGNED_USER_KEY
from blocks.store.models import Incident
from tests.helpers.journals_in_xero import live_lines
from tests.helpers.prefect_apart import host_in_memory
from tests.helpers.sandboxed import DATE, Outcome, Sandboxed, line

MAMBU_LINES = "gljournalentries"
LONDON = ZoneInfo("Europe/London")


def days_ago(number: int) -> dt.date:
    """Return a day of Mambu's, so many before the present one."""
    return dt.datetime.now(LONDON).date() - dt.timedelta(days=number)


def unit(
    number: int,
    amount: int = 5,
    gl_code: str = "5400",
    date: dt.date = DATE,
    booked: dt.date | None = None,
) -> list[dict[str, Any]]:
    """Return the two lines of a transaction: EntryID 2n-1 on an account, and 2n against it."""
    at = {"created": f"{date}T12:00:00+00:00", "booked": f"{booked or date}T00:00:00+00:00"}
    name = f"T{number}"
    return [
        line(2 * number - 1, amount, transaction=name, gl_code=gl_code, **at),
        line(2 * number, amount, "CREDIT", transaction=name, **at),
    ]


def units(*numbers: int, date: dt.date = DATE) -> list[dict[str, Any]]:
    """Return the lines of transactions, two each; a journal each where a journal has two lines."""
    return [one for number in numbers for one in unit(number, 5 + number, date=date)]


def entries(sandbox: Sandboxed) -> list[int]:
    """Return the EntryID of every line in a live journal of Xero."""
    return sorted(entry for entry, *_ in live_lines(sandbox))


def tasks(sandbox: Sandboxed) -> list[dict[str, Any]]:
    """Return all tasks that stand in Mambu."""
    return list(sandbox.control("mambu/tasks"))


def searches(sandbox: Sandboxed) -> list[dict[str, Any]]:
    """Return the searches for journal lines that Mambu was asked."""
    return [one for one in sandbox.requests("mambu", "POST") if MAMBU_LINES in one["path"]]


def reads(sandbox: Sandboxed, what: str) -> list[dict[str, Any]]:
    """Return the reads of something in Xero."""
    return [one for one in sandbox.requests("xero", "GET") if one["path"].endswith(what)]


async def incidents(
    sandbox: Sandboxed, date: dt.date = DATE, *, only_open: bool = False, name: str = "default"
) -> list[Incident]:
    """Return the recorded incidents of a day."""
    async with sandbox.connection().store.open() as store:
        return await store.incidents.all(name, day=date, only_open=only_open)


async def artifacts(key: str) -> Sequence[Any]:
    """Return all artifacts of a key, the newest first: Prefect's, or those of the runs apart from it."""
    if host := host_in_memory():
        return [one for one in reversed(host.artifacts) if one.key == key]
    async with get_client() as client:
        return await client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])), sort=ArtifactSort.CREATED_DESC
        )


async def page(key: str, *, run: str | None = None, since: dt.datetime | None = None) -> str | None:
    """Return the newest text of an artifact, of one run or since an instant, if there is any."""
    for one in await artifacts(key):
        of_run = run is None or str(one.flow_run_id) == run
        if of_run and (since is None or (one.created and one.created >= since)):
            return str(one.data).replace("\\", "")
    return None


class Told(NamedTuple):
    """How a failure was recorded and told: the open incident, its task in Mambu, the date's page."""

    incident: Incident
    task: dict[str, Any]
    page: str


async def told(
    sandbox: Sandboxed,
    outcome: Outcome,
    place: str,
    *words: str,
    date: dt.date = DATE,
    earlier_tasks: int = 0,
) -> Told:
    """Require that a run failed at a place (stage or stage/step) and that everybody was told of it, once.

    `words` are what the incident, the task and the page have to name.
    """
    assert outcome.state.is_failed(), outcome.message
    assert "Traceback" not in outcome.message
    (incident,) = await incidents(sandbox, date, only_open=True)
    assert "/".join(part for part in (incident.stage, incident.step) if part) == place
    assert (incident.connection, incident.day) == ("default", date)

    assert len(tasks(sandbox)) == earlier_tasks + 1
    task = tasks(sandbox)[-1]
    assert (task["status"], task["assignedUserKey"]) == ("OPEN", ASSIGNED_USER_KEY)
    assert task["title"].endswith(f"[Daybook default {date} {place}]")
    assert str(task["id"]) == incident.task_id
    assert incident.remedy in task["description"]
    assert str(date) in incident.remedy

    text = await page(f"journals-failures-{date}", run=outcome.summary.flow_run_id)
    assert text is not None
    assert incident.remedy in text
    for word in words:
        for said in (incident.error, task["description"], text):
            assert word in said, said
    return Told(incident, task, text)


async def ended(sandbox: Sandboxed, outcome: Outcome, date: dt.date = DATE) -> None:
    """Require that a run has made the day clean: tied out, nothing open, the tasks completed."""
    assert outcome.state.is_completed(), outcome.message
    assert outcome.summary.tied_out is True
    assert await incidents(sandbox, date, only_open=True) == []
    assert {task["status"] for task in tasks(sandbox)} <= {"COMPLETED"}


async def night_of(
    sandbox: Sandboxed, date: dt.date, connection: JournalConnection, monkeypatch: pytest.MonkeyPatch
) -> Outcome:
    """Run as the schedule did in the night after a day: without a date."""
    planned = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(0, 30), LONDON)
    with monkeypatch.context() as patch:
        if host := host_in_memory():
            patch.setattr(host, "now", lambda: planned)
        else:
            patch.setitem(flow_run.FIELDS, "scheduled_start_time", lambda: planned)
        return await sandbox.run(None, connection=connection)


async def killed_midway(
    sandbox: Sandboxed,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    connection: JournalConnection,
    date: dt.date = DATE,
    *,
    after: int = 1,
) -> None:
    """Leave a day as a run leaves it whose machine is lost while it sends, some minutes ago.

    `after` journals are in Xero; the next request has left, and its answer never comes.
    """
    hang = {"system": "xero", "method": "PUT", "kind": "hang", "nth": after + 1}
    sandbox.fault(hang)
    running = asyncio.create_task(sandbox.run(date, connection=connection))
    before = len(sandbox.requests("xero", "PUT"))
    while len(sandbox.requests("xero", "PUT")) < before + after + 1:
        await asyncio.sleep(0.05)
        assert not running.done()
    copy = home.with_name(f"{home.name}-found-later")
    shutil.copytree(home, copy)
    running.cancel()
    await asyncio.wait([running])
    sandbox.http.delete("/control/faults")
    monkeypatch.setenv("DAYBOOK_HOME", str(copy))
    long_ago = (dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)).isoformat()
    with sqlite3.connect(copy / "daybook.sqlite3") as database:
        assert database.execute("UPDATE leases SET renewed_at = ?", [long_ago]).rowcount == 1
    database.close()
