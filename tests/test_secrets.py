"""No secret leaves the place where it belongs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

from blocks.sandbox.xero.app import CLIENT_ID
from tests.helpers.prefect_server import environment, run, server
from tests.helpers.sandboxed import DATE, Sandboxed


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Sandboxed, Path]]:
    """Save a connection whose every secret is known, with a server that keeps all logs."""
    folder = tmp_path_factory.mktemp("secrets")
    with Sandboxed(folder / "sandbox") as sandbox:
        env = environment(folder, **sandbox.process.env, PREFECT_LOGGING_LEVEL="DEBUG")
        # What is shown nowhere else must not hide here: everything goes to the console as well.
        env |= {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "DEBUG", "PREFECT_SERVER_LOGGING_LEVEL": "DEBUG"}
        with server(env, folder / "server.log"):
            done = run(["blocks", "save", "default"], env)
            assert done.returncode == 0, done.stderr
            (folder / "save.log").write_text(done.stdout + done.stderr)
            yield env, sandbox, folder


def canaries(env: dict[str, str]) -> dict[str, bytes]:
    """Return every secret, in each form in which it travels."""
    secret = env["XERO_CLIENT_SECRET"]
    login = base64.b64encode(f"{CLIENT_ID}:{secret}".encode())
    infor = json.loads(Path(env["INFOR_LN_IONAPI_FILE"]).read_text())
    app = f"{infor['ci']}:{infor['cs']}"
    return {
        "Mambu's API key": env["MAMBU_API_KEY"].encode(),
        "Xero's client secret": secret.encode(),
        "Xero's login": login,
        "Infor's client secret": infor["cs"].encode(),
        "Infor's login": base64.b64encode(app.encode()),
        "the service account's access key": infor["saak"].encode(),
        "the same in a form": quote_plus(infor["saak"]).encode(),
        "the service account's secret key": infor["sask"].encode(),
        "the same again in a form": quote_plus(infor["sask"]).encode(),
        "a token": b"Bearer ",
    }


def _pay(env: dict[str, str], sandbox: Sandboxed, folder: Path) -> None:
    """Run the payments while Infor refuses the app, while it refuses a token, and as it should be."""
    runs: dict[str, dict[str, Any]] = {
        "app": {"system": "ln", "path": "oauth2$", "kind": "401", "times": 0},
        "call": {"system": "ln", "path": "BankTransactions$", "kind": "401", "times": 0},
        "good": {"system": "ln", "path": "BankTransactions$", "kind": "drop_after", "times": 1},
    }
    for name, rule in runs.items():
        sandbox.fault(rule)
        done = run(["flows.main", "payments"], env)
        (folder / f"payments-{name}.log").write_text(done.stdout + done.stderr)
        sandbox.http.delete("/control/faults")
        assert ("Failed while sending to LN" in done.stderr) is (name != "good"), done.stderr[-2000:]
    listed = run(["flows.main", "audit", "--csv", str(folder / "audit.csv"), "--json"], env)
    (folder / "audit.json").write_text(listed.stdout + listed.stderr)
    assert "DocumentType" in listed.stdout


@pytest.mark.slow
def test_no_secret_is_in_logs_artifacts_results_or_stores(
    saved: tuple[dict[str, str], Sandboxed, Path],
) -> None:
    """After good and failing runs at the most talkative log level, no secret is anywhere but in its block."""
    env, sandbox, folder = saved
    command = ["flows.main", "--date", str(DATE), "--refresh"]
    failures = (
        {"system": "xero", "method": "PUT", "kind": "401", "times": 0},
        {"system": "xero", "path": "connect/token", "kind": "500-json", "times": 0},
        {"system": "mambu", "kind": "403", "path": "gljournalentries", "times": 0},
        {"system": "xero", "method": "PUT", "kind": "drop_after", "times": 1},
    )
    for number, rule in enumerate(failures):
        sandbox.fault(rule)
        done = run(command, env)
        (folder / f"run-{number}.log").write_text(done.stdout + done.stderr)
        sandbox.http.delete("/control/faults")
    good = run(command, env)
    assert good.returncode == 0, good.stderr[-2000:]
    (folder / "run-good.log").write_text(good.stdout + good.stderr)
    _pay(env, sandbox, folder)
    with httpx.Client(base_url=env["PREFECT_API_URL"], timeout=60) as api:
        for what in ("logs", "artifacts", "flow_runs", "task_runs", "block_documents"):
            answer = api.post(f"/{what}/filter", json={"limit": 200})
            (folder / f"api-{what}.json").write_text(json.dumps(answer.raise_for_status().json()))
    assert "journals-2026-11-18" in (folder / "api-artifacts.json").read_text()
    assert "payments-audit-" in (folder / "api-artifacts.json").read_text()
    assert "failed while" in (folder / "api-flow_runs.json").read_text()

    found = [
        f"{name} in {path}"
        for path in folder.rglob("*")
        if path.is_file() and "sandbox" not in path.parts[-2:]
        for name, canary in canaries(env).items()
        if canary in path.read_bytes()
    ]
    assert found == []
    assert len((folder / "run-good.log").read_bytes()) > 10_000, "the logs are not talkative at all"
