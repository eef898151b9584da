"""The command line, as a process."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prefect_server import ROOT, environment, run, server
from tests.sandboxed import DATE

NOISE = ("Traceback", "telemetry", "database is locked", "Warning", "WARNING", "ERROR")


@pytest.fixture(scope="module")
def prefect_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Share one Prefect server between the commands of this module."""
    folder = tmp_path_factory.mktemp("commands")
    env = environment(folder)
    with server(env, folder / "server.log"):
        yield env


@pytest.fixture
def env(prefect_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Give a test the server and a home of its own."""
    return {**prefect_env, "DAYBOOK_HOME": str(tmp_path / "home")}


def test_the_first_run_creates_and_the_second_finds_all_there(env: dict[str, str], tmp_path: Path) -> None:
    """Run twice on one sandbox, the first creates every planned journal and ties out, the second none."""
    folder = tmp_path / "sandbox"
    command = ["flows.main", "--sandbox", "--sandbox-dir", str(folder), "--json", "--date", str(DATE)]
    first, second = run(command, env), run(command, env)

    one, two = json.loads(first.stdout), json.loads(second.stdout)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert one["journals_created"] == one["journals_planned"] > 0
    assert one["tied_out"] is two["tied_out"] is True
    assert two["journals_created"] == 0
    assert two["journals_already_in_xero"] == one["journals_planned"]
    assert "already in Xero" in two["message"]
    assert one["debits"] == one["credits"]
    assert list(one) == [
        "date", "connection", "status", "lines", "zero_lines", "journals_planned", "journals_created",
        "journals_already_in_xero", "debits", "credits", "currency", "tied_out", "mambu_calls", "xero_calls",
        "refused_as_too_many", "seconds", "flow_run_id", "looked_back", "message",
    ]  # fmt: skip
    assert first.stderr == second.stderr == ""
    # What holds customers' data is its owner's alone.
    places = (folder, Path(env["DAYBOOK_HOME"]), Path(env["PREFECT_HOME"]) / "storage")
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".parquet", ".sqlite3"}
    assert any(places[2] in path.parents for path in files)
    assert [str(path) for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_a_person_gets_a_table_and_a_sentence(env: dict[str, str], tmp_path: Path) -> None:
    """Without --json, a run ends with a table of the journals and what to do next, and no noise."""
    done = run(["flows.main", "--sandbox", "--date", str(DATE)], env)

    assert done.returncode == 0, done.stderr
    assert "Booking date" in done.stdout
    assert "approve the drafts in Xero" in " ".join(done.stdout.split())
    assert [word for word in NOISE if word in done.stdout + done.stderr] == []


def test_without_a_connection_it_says_what_to_do(env: dict[str, str]) -> None:
    """Without --sandbox and without a saved connection, it says what to do and exits 2."""
    done = run(["flows.main"], env)

    assert done.returncode == 2
    assert "python -m blocks save default" in " ".join(done.stderr.split())
    assert "--sandbox" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("date", ["yesterday", "2026-02-30", "20-11-2026", ""])
def test_a_date_that_is_none_is_wrong_use(env: dict[str, str], date: str) -> None:
    """What is no date is said to be none at once, with an example, and exits 2."""
    done = run(["flows.main", "--date", date], env)

    assert done.returncode == 2
    assert "is not a date such as" in done.stderr
    assert done.stdout == ""


def test_an_unfinished_day_is_refused_in_json_as_well(env: dict[str, str]) -> None:
    """With --json, a refusal is one JSON object of status failed, and the exit code is 1."""
    done = run(["flows.main", "--sandbox", "--json", "--date", "2999-01-01"], env)

    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["status"] == "failed"
    assert "not over yet" in told["message"]
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_cleanly(env: dict[str, str], tmp_path: Path) -> None:
    """An interrupt in the middle of a run ends it with one sentence, no traceback, and no sandbox left."""
    command = [sys.executable, "-m", "flows.main", "--sandbox", "--sandbox-dir", str(tmp_path / "sandbox")]
    child = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(2.0)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)

    assert child.returncode == 130, errors
    assert "Traceback" not in errors
    assert "Interrupted" in errors
    with (tmp_path / "sandbox" / "lock").open("a") as lock:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_sandbox_prints_what_a_connection_needs(env: dict[str, str], tmp_path: Path) -> None:
    """The first line of `sandbox` is an object whose `env` saves a connection that works."""
    command = [sys.executable, "-m", "flows.main", "sandbox", "--dir", str(tmp_path / "served")]
    child = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        told = json.loads(child.stdout.readline())
        saved = run(["blocks", "save", "from-sandbox"], {**env, **told["env"]})
        assert saved.returncode == 0, saved.stderr
        done = run(["flows.main", "--connection", "from-sandbox", "--json", "--date", str(DATE)], env)
    finally:
        child.send_signal(signal.SIGINT)
        code = child.wait(timeout=30)
        child.stdout.close()  # type: ignore[union-attr]
    assert code == 0
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["connection"] == "from-sandbox"


def test_saving_names_all_that_is_missing(env: dict[str, str]) -> None:
    """`blocks save` without variables names every one it needs, in one message, and exits 2."""
    without = {name: value for name, value in env.items() if not name.startswith(("MAMBU_", "XERO_"))}
    done = run(["blocks", "save", "nothing"], without)

    assert done.returncode == 2
    for name in ("MAMBU_BASE_URL", "MAMBU_API_KEY", "XERO_CLIENT_ID", "XERO_CLIENT_SECRET"):
        assert name in done.stderr


def test_blocks_are_registered(env: dict[str, str]) -> None:
    """`blocks register` makes the block types known to Prefect."""
    done = run(["blocks", "register"], env)

    assert done.returncode == 0, done.stderr
    assert "journal-connection" in done.stdout


def test_a_taken_sandbox_is_said_to_be_taken(env: dict[str, str], tmp_path: Path) -> None:
    """A sandbox folder that another run uses is refused with one sentence that names it."""
    folder = tmp_path / "taken"
    command = [sys.executable, "-m", "flows.main", "sandbox", "--dir", str(folder)]
    child = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        done = run(["flows.main", "--sandbox", "--sandbox-dir", str(folder)], env)
    finally:
        child.terminate()
        child.wait(timeout=30)
        child.stdout.close()  # type: ignore[union-attr]
    assert done.returncode == 1
    assert os.fspath(folder) in done.stderr
    assert "Traceback" not in done.stderr
