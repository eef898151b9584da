"""The deployments of prefect.yaml, on a real Prefect server with a real worker."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from blocks.sandbox.process import SandboxProcess, SandboxSettings
from tests.helpers.prefect_server import ROOT, environment, process, run, server, wait_until

DATE = "2026-11-18"
_KNOWN_KEYS = {
    "name", "description", "entrypoint", "tags", "work_pool", "concurrency_limit", "parameters", "schedules",
    "triggers",
}  # fmt: skip
# Longer than between two beats of a run, and shorter than what is made for people.
_SOON = 45


def test_prefect_yaml_has_no_key_that_prefect_would_drop_in_silence() -> None:
    """Every deployment uses only keys that Prefect reads, and the names that the interface promises."""
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    names = {f"{item['entrypoint'].rpartition(':')[2]}/{item['name']}" for item in deployments}
    assert names >= {f"journals/{name}" for name in ("nightly", "end-of-day")}
    assert names >= {"watch/after-trouble", "withdraw/by-date", "payments/every-15-minutes"}
    # Both are of the same flow, under its name: see the slow tests.
    assert {name for name in names if name.startswith("rerun/")} == {
        "rerun/rerun-journals", "rerun/rerun-payments"
    }  # fmt: skip
    assert {"journals/rerun", "payments/rerun"} <= names
    assert [item["name"] for item in deployments if set(item) - _KNOWN_KEYS] == []


class _ComesAgain(httpx.HTTPTransport):
    """The way to a server that answers 503 while its database is busy, and asks to come again."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the first answer that is another one, or the last."""
        for _ in range(60):
            response = super().handle_request(request)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            response.close()
            time.sleep(1)
        return response


class Deployed:
    """A server, a worker and a sandbox, with the deployments of a clone."""

    def __init__(self, api: httpx.Client, sandbox: SandboxProcess, env: dict[str, str]) -> None:
        self.api = api
        self.sandbox = sandbox
        self.env = env

    def runs_of(self, deployment: str) -> list[dict[str, Any]]:
        """Return the flow runs of a deployment that were started or are due."""
        found = self.api.get(f"/deployments/name/{deployment}").raise_for_status().json()
        states = {"type": {"not_any_": ["SCHEDULED"]}}
        wanted = {"deployments": {"id": {"any_": [found["id"]]}}, "flow_runs": {"state": states}}
        runs: list[dict[str, Any]] = self.api.post("/flow_runs/filter", json=wanted).raise_for_status().json()
        return runs

    def end_of(self, deployment: str) -> dict[str, Any]:
        """Wait until a run of a deployment has ended, and return it."""
        ended: list[dict[str, Any]] = []

        def done() -> bool:
            final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
            ended.extend(run for run in self.runs_of(deployment) if run["state_type"] in final)
            return bool(ended)

        wait_until(done, 180, f"no run of {deployment} has ended")
        return ended[0]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Deploy a clone as docs/deploy.md says."""
    home = tmp_path_factory.mktemp("deployed")
    clone = home / "clone"
    clone.mkdir()
    for name in ("flows", "blocks"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("prefect.yaml", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, clone / name)
    with SandboxProcess(SandboxSettings(home / "sandbox")) as sandbox:
        env = environment(home, **sandbox.env)
        with server(env, home / "server.log") as url:
            for arguments in (
                ["blocks", "save", "default"],
                ["prefect", "work-pool", "create", "daybook", "--type", "process"],
                ["prefect", "--no-prompt", "deploy", "--all"],
            ):
                result = run(arguments, env, clone)
                assert result.returncode == 0, (arguments, result.stdout, result.stderr)
            worker = ["prefect", "worker", "start", "--pool", "daybook"]
            working = process(worker, env, home / "worker.log", clone)
            with working, httpx.Client(base_url=url, transport=_ComesAgain(), timeout=60) as api:
                yield Deployed(api, sandbox, env)


@pytest.mark.slow
def test_a_date_is_run_by_its_deployment_and_leaves_its_artifacts(deployed: Deployed) -> None:
    """A run of `rerun-journals` with a date, started through the API, completes and leaves its artifacts."""
    found = deployed.api.get("/deployments/name/journals/rerun-journals").raise_for_status().json()
    started = deployed.api.post(
        f"/deployments/{found['id']}/create_flow_run", json={"parameters": {"date": DATE}}
    )
    started.raise_for_status()

    ended = deployed.end_of("journals/rerun-journals")

    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    assert "tie out to the cent" in ended["state"]["message"]
    assert ended["name"] == f"journals of {DATE} for default"
    keys = {"artifacts": {"flow_run_id": {"any_": [ended["id"]]}}}
    artifacts = deployed.api.post("/artifacts/filter", json=keys).raise_for_status().json()
    assert {f"journals-{DATE}", f"journals-batches-{DATE}"} <= {item["key"] for item in artifacts}
    tasks = {"flow_runs": {"id": {"any_": [ended["id"]]}}}
    steps = {f"process: {step}" for step in ("validate", "map", "group", "balance", "batch")}
    # The server takes note of tasks a while after they have ended.
    wait_until(
        lambda: steps <= {item["name"] for item in deployed.api.post("/task_runs/filter", json=tasks).json()},
        60,
        "the steps are not shown",
    )


@pytest.mark.slow
def test_the_end_of_day_event_starts_a_run(deployed: Deployed) -> None:
    """The event that Mambu's webhook becomes starts the run of its connection, which completes."""
    event = {
        "id": str(uuid.uuid4()),
        "occurred": dt.datetime.now(dt.UTC).isoformat(),
        "event": "mambu.end-of-day.completed",
        "resource": {"prefect.resource.id": "mambu.default"},
        "payload": {},
    }
    deployed.api.post("/events", json=[event]).raise_for_status()

    ended = deployed.end_of("journals/end-of-day")

    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    assert ended["parameters"]["connection"] == "default"


@pytest.mark.slow
def test_a_crashed_run_starts_the_watch_over_its_connection(deployed: Deployed) -> None:
    """The automations, created twice, are four; a run that crashes starts the watch, which completes."""
    for _ in range(2):
        created = run(["flows.main", "automations"], deployed.env)
        assert created.returncode == 0, created.stderr
    shown = deployed.api.post("/automations/filter", json={}).raise_for_status().json()
    assert sorted(one["name"] for one in shown if one["name"].startswith("Daybook")) == [
        "Daybook: a run crashed",
        "Daybook: a run failed",
        "Daybook: a run is late",
        "Daybook: a run went silent",
    ]
    found = deployed.api.get("/deployments/name/journals/nightly").raise_for_status().json()
    later = (dt.datetime.now(dt.UTC) + dt.timedelta(days=300)).isoformat()
    scheduled = {"type": "SCHEDULED", "state_details": {"scheduled_time": later}}
    begun = deployed.api.post(f"/deployments/{found['id']}/create_flow_run", json={"state": scheduled})
    crashed = {
        "state": {"type": "CRASHED", "name": "Crashed", "message": "the worker was lost"},
        "force": True,
    }
    run_id = begun.raise_for_status().json()["id"]
    deployed.api.post(f"/flow_runs/{run_id}/set_state", json=crashed).raise_for_status()

    ended = deployed.end_of("watch/after-trouble")

    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    assert ended["parameters"] == {"connection": "default"}


@pytest.mark.slow
def test_a_run_that_went_silent_is_called_crashed_and_the_watch_told(deployed: Deployed) -> None:
    """A run whose process is killed does not stay Running: it becomes Crashed, and a watch is started.

    A run that goes on is left alone, however long it takes.
    """
    made = run(["flows.main", "automations"], deployed.env)
    assert made.returncode == 0, made.stderr
    shown = deployed.api.post("/automations/filter", json={}).raise_for_status().json()
    (silent,) = (one for one in shown if one["name"] == "Daybook: a run went silent")
    assert silent["trigger"]["within"] == 300
    kept = {name: silent[name] for name in ("name", "description", "enabled", "actions")}
    sooner = {**kept, "trigger": {**silent["trigger"], "within": _SOON}}
    deployed.api.put(f"/automations/{silent['id']}", json=sooner).raise_for_status()
    before = {one["id"] for one in deployed.runs_of("watch/after-trouble")}
    hang = {"system": "mambu", "path": "gljournalentries:search", "kind": "hang", "times": 0}
    httpx.post(f"{deployed.sandbox.url}/control/faults", json=hang, timeout=60).raise_for_status()

    command = [sys.executable, "-m", "flows.main", "--date", DATE]
    child = subprocess.Popen(command, cwd=ROOT, env=deployed.env)
    try:
        time.sleep(2 * _SOON)
        (mine,) = _running(deployed)
        assert mine["state_type"] == "RUNNING"
    finally:
        child.kill()
        child.wait()
        httpx.delete(f"{deployed.sandbox.url}/control/faults").raise_for_status()

    wait_until(lambda: not _running(deployed), 3 * _SOON, "the run is Running still")
    ended = deployed.api.get(f"/flow_runs/{mine['id']}").raise_for_status().json()
    assert (ended["state_type"], ended["state_name"]) == ("CRASHED", "Crashed")
    assert "This run did not respond" in ended["state"]["message"]
    wait_until(
        lambda: {one["id"] for one in deployed.runs_of("watch/after-trouble")} > before, 60, "no watch came"
    )


def _running(deployed: Deployed) -> list[dict[str, Any]]:
    wanted = {
        "flows": {"name": {"any_": ["journals"]}},
        "flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}},
    }
    found: list[dict[str, Any]] = (
        deployed.api.post("/flow_runs/filter", json=wanted).raise_for_status().json()
    )
    return found
