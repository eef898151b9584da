"""The task that tells of a failure stands in Mambu once, whatever happens to Mambu or to our record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from blocks.sandbox.mambu.app import ASSIGNED_USER_KEY
from tests.helpers.failed_runs import MAMBU_LINES, ended, incidents, page, tasks, told, units
from tests.helpers.sandboxed import DATE, Outcome, Sandboxed, forget

TASKS = {"system": "mambu", "path": "tasks"}
UNREADABLE = {"system": "mambu", "path": MAMBU_LINES, "kind": "500", "times": 0}


async def failing(sandbox: Sandboxed, *faults: dict[str, Any]) -> Outcome:
    """Run the day while its lines cannot be read, and while the tasks suffer from other faults."""
    sandbox.plant(units(1))
    sandbox.http.delete("/control/faults")
    sandbox.fault(UNREADABLE, *faults)
    outcome = (await sandbox.run(connection=sandbox.connection(retries=0))).failed()
    sandbox.http.delete("/control/faults")
    return outcome


DOWN = [
    pytest.param({**TASKS, "kind": "503", "times": 0}, 0, id="tasks are down"),
    pytest.param({**TASKS, "method": "POST", "kind": "503", "times": 0}, 0, id="none can be created"),
    pytest.param({**TASKS, "method": "POST", "kind": "drop_after", "times": 0}, 1, id="the answer is lost"),
]


@pytest.mark.parametrize(("fault", "standing"), DOWN)
async def test_a_task_waits_and_is_logged_once(
    sandbox: Sandboxed, fault: dict[str, Any], standing: int
) -> None:
    """A task that Mambu does not take goes out with the next run, once, also where it had arrived."""
    first = await failing(sandbox, fault)
    assert len(tasks(sandbox)) == standing
    text = await page(f"journals-failures-{DATE}", run=first.summary.flow_run_id)
    assert text is not None
    assert "not created yet. The next run creates it when Mambu can be reached" in text

    await told(sandbox, await failing(sandbox), "extract")
    await ended(sandbox, await sandbox.run())
    assert len(tasks(sandbox)) == 1


@pytest.mark.parametrize(("fault", "standing"), DOWN)
async def test_a_task_that_waits_is_logged_and_completed_by_a_run_that_succeeds(
    sandbox: Sandboxed, fault: dict[str, Any], standing: int
) -> None:
    """A task that still waits when the day succeeds is logged all the same, and completed by that run."""
    await failing(sandbox, fault)

    await ended(sandbox, await sandbox.run())

    (task,) = tasks(sandbox)
    assert (task["status"], task["assignedUserKey"]) == ("COMPLETED", ASSIGNED_USER_KEY)


@pytest.mark.parametrize(("fault", "standing"), DOWN)
async def test_a_task_is_not_doubled_when_the_store_is_lost(
    sandbox: Sandboxed, home: Path, fault: dict[str, Any], standing: int
) -> None:
    """After the store was deleted, the next failure finds the task by its title, or logs the only one."""
    await failing(sandbox, fault)
    forget(home)

    await told(sandbox, await failing(sandbox), "extract")
    await ended(sandbox, await sandbox.run())
    assert len(tasks(sandbox)) == 1


async def test_a_success_completes_the_task_of_a_lost_store(sandbox: Sandboxed, home: Path) -> None:
    """A day that succeeds after the store was deleted completes the task that the lost record had logged."""
    await failing(sandbox, {**TASKS, "method": "POST", "kind": "drop_after", "times": 0})
    forget(home)

    await ended(sandbox, await sandbox.run())

    assert [task["status"] for task in tasks(sandbox)] == ["COMPLETED"]


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([{"system": "mambu", "kind": "503", "times": 0}], id="nothing of Mambu can be reached"),
        pytest.param([{**TASKS, "kind": "403", "times": 0}, UNREADABLE], id="the user may not log tasks"),
    ],
)
async def test_what_mambu_does_not_take_waits_in_the_store(
    sandbox: Sandboxed, faults: list[dict[str, Any]]
) -> None:
    """While Mambu cannot take a task, or the user may not log one, the incident and its task wait here."""
    sandbox.plant(units(1))
    sandbox.fault(*faults)
    (await sandbox.run(connection=sandbox.connection(retries=0))).failed()
    (incident,) = await incidents(sandbox, only_open=True)
    assert (incident.stage, incident.task_id) == ("extract", None)
    assert tasks(sandbox) == []

    sandbox.http.delete("/control/faults")
    await ended(sandbox, await sandbox.run())
    assert len(tasks(sandbox)) == 1


async def test_a_completed_task_does_not_swallow_a_new_incident(sandbox: Sandboxed) -> None:
    """An old task of the same title, completed long ago, is left alone, and the new incident gets its own."""
    hour = 3600
    sandbox.control("clock", {"advance_seconds": -hour})
    api = httpx.AsyncClient(
        base_url=sandbox.process.env["MAMBU_BASE_URL"],
        headers={
            "apiKey": sandbox.process.env["MAMBU_API_KEY"],
            "Accept": "application/vnd.mambu.v2+json",
            "Content-Type": "application/json",
        },
    )
    async with api:
        old = {"title": f"Old [Daybook default {DATE} extract]", "description": "old", "dueDate": str(DATE)}
        number = (await api.post("tasks", json=old)).raise_for_status().json()["id"]
        done = [{"op": "REPLACE", "path": "status", "value": "COMPLETED"}]
        (await api.patch(f"tasks/{number}", json=done)).raise_for_status()
    sandbox.control("clock", {"advance_seconds": hour})

    await told(sandbox, await failing(sandbox), "extract", earlier_tasks=1)

    assert tasks(sandbox)[0]["description"] == "old"
    await ended(sandbox, await sandbox.run())


async def test_a_failure_right_after_a_success_is_told_again(sandbox: Sandboxed) -> None:
    """A day that fails, succeeds and fails again within a minute has a second task: the first is done."""
    await failing(sandbox)
    await ended(sandbox, await sandbox.run())

    sandbox.fault(UNREADABLE)
    again = await sandbox.run(connection=sandbox.connection(retries=0), refresh=True)

    await told(sandbox, again, "extract", earlier_tasks=1)
