"""Tasks that Prefect does again: by the rule that `waited_out` goes by, and shown on its pages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import TaskRun

from tests.helpers.failed_runs import entries, units
from tests.helpers.sandboxed import Sandboxed, line

pytestmark = pytest.mark.usefixtures("prefect")
# Prefect's server takes the states of tasks in after the run has ended.
_SECONDS = 30


class Shown(NamedTuple):
    """What Prefect shows of a task: its name, and its states one after the other."""

    name: str
    states: Sequence[str]


async def tasks_of(flow_run_id: str, last: str) -> list[Shown]:
    """Return the tasks of a run, once the one called `last` is shown and each of them has ended."""
    async with get_client() as client:
        of_run = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(flow_run_id)]))
        found: list[TaskRun] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS):
                while not _are_all_there(found, last):
                    await asyncio.sleep(0.5)
                    found = await client.read_task_runs(flow_run_filter=of_run)
        states = [await client.read_task_run_states(one.id) for one in found]
    return [
        Shown(one.name, [state.name or "" for state in sorted(its, key=lambda state: state.timestamp)])
        for one, its in zip(found, states, strict=True)
    ]


def _are_all_there(found: Sequence[TaskRun], last: str) -> bool:
    return last in {one.name for one in found} and all(one.state and one.state.is_final() for one in found)


@pytest.mark.slow(minutes=7)
async def test_a_run_waits_out_an_outage_and_says_so(sandbox: Sandboxed) -> None:
    """Mambu down for three minutes, and a Xero that fails at posting twice: all is there once, and shown."""
    sandbox.plant(units(1, 2))
    sandbox.fault({"system": "mambu", "kind": "503", "times": 0})
    running = asyncio.create_task(sandbox.run(connection=sandbox.connection(patience_minutes=15)))
    await asyncio.sleep(180)
    assert not running.done()
    sandbox.http.delete("/control/faults")
    sandbox.fault({"system": "xero", "method": "PUT", "kind": "503", "times": 2})

    outcome = (await running).completed(created=1)

    assert len(sandbox.requests("xero", "PUT")) == 3
    assert entries(sandbox) == [1, 2, 3, 4]
    assert outcome.waited_for[0].startswith("Waiting for Mambu until ")
    assert outcome.waited_for[1:] == ["Mambu answers again."]
    shown = await tasks_of(outcome.summary.flow_run_id, "post: 18 Nov, 1 journal")
    (asked,) = [one for one in shown if one.name == "day: ask both systems"]
    assert asked.states.count("AwaitingRetry") == asked.states.count("Retrying") >= 8
    assert asked.states[-1] == "Completed"
    assert [one.states[-1] for one in shown if one.name == "post: 18 Nov, 1 journal"] == ["Completed"]


async def test_a_refusal_is_not_repeated(sandbox: Sandboxed) -> None:
    """An account that Xero has not ends its task at once, failed, however patient the connection is."""
    sandbox.plant([line(1, 5, gl_code="9876"), line(2, 5, "CREDIT")])
    outcome = (await sandbox.run(connection=sandbox.connection(patience_minutes=15))).failed("9876")
    shown = await tasks_of(outcome.summary.flow_run_id, "process: map")
    (refused,) = [one for one in shown if "Failed" in one.states]
    assert refused.name == "process: map"
    assert "AwaitingRetry" not in refused.states
