"""The command withdraw, as a process: the plan, the question, and the exit codes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from tests.helpers.prefect_server import ROOT, run
from tests.helpers.sandboxed import DATE


@pytest.fixture
def env(prefect_env: dict[str, str]) -> dict[str, str]:
    """Share one home folder, and the sandbox in it."""
    return prefect_env


@pytest.fixture
def sent(env: dict[str, str]) -> int:
    """Send the day and return how many journals it has."""
    done = run(["flows.main", "--sandbox", "--json", "--date", str(DATE)], env)
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["journals_planned"])


def withdraw(*options: str) -> list[str]:
    """Return the arguments of the command."""
    return ["flows.main", "withdraw", "--sandbox", "--date", str(DATE), *options]


def answered(env: dict[str, str], answer: str) -> tuple[int, str]:
    """Run the command on a terminal, answer its question, and return exit code and screen."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", *withdraw()], cwd=ROOT, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    screen, asked = b"", False
    try:
        while part := _read(ours):
            screen += part
            if not asked and b"[y/N]" in screen:
                asked = True
                os.write(ours, f"{answer}\n".encode())
        return child.wait(timeout=60), screen.decode()
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux tells that nobody writes there any more
        return b""


def test_without_a_terminal_it_shows_the_plan_and_asks_for_yes(env: dict[str, str], sent: int) -> None:
    """Without a terminal and --yes it shows the plan, does nothing, and exits 2 saying so."""
    shown = run(withdraw(), env)
    assert shown.returncode == 2
    assert "Action" in shown.stdout
    assert shown.stdout.count("delete ") >= sent
    assert "Add --yes" in shown.stderr

    told = run(withdraw("--json"), env)
    assert told.returncode == 2
    assert json.loads(told.stdout)["deleted"] == []


def test_with_yes_it_does_it_and_says_so_in_json(env: dict[str, str], sent: int) -> None:
    """With --yes the drafts go; one JSON object names each; a second time there is nothing to do."""
    done = run(withdraw("--yes", "--json"), env)
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert list(told) == ["date", "deleted", "voided", "refused", "message"]
    assert len(told["deleted"]) == sent
    assert all(set(one) == {"narration", "manual_journal_id"} for one in told["deleted"])
    assert (told["date"], told["voided"], told["refused"]) == (str(DATE), [], [])
    assert done.stderr == ""

    again = run(withdraw(), env)
    assert again.returncode == 0, again.stderr
    assert "already removed from Xero" in " ".join(again.stdout.split())


def test_on_a_terminal_it_asks(env: dict[str, str], sent: int) -> None:
    """On a terminal it asks once the plan is shown: no changes nothing and exits 1, yes does it."""
    code, screen = answered(env, "n")
    assert code == 1, screen
    assert "Nothing was changed in Xero." in screen

    code, screen = answered(env, "y")
    assert code == 0, screen
    assert f"{sent} drafts were deleted" in " ".join(screen.split())


def test_what_is_wrong_is_said_before_anything_is_asked(env: dict[str, str]) -> None:
    """A missing date, or a connection that nobody saved, is wrong use, with what to do."""
    without = run(["flows.main", "withdraw", "--sandbox"], env)
    assert without.returncode == 2
    assert "--date" in without.stderr
    unknown = run(["flows.main", "withdraw", "--date", str(DATE), "--connection", "none", "--yes"], env)
    assert unknown.returncode == 2
    assert "python -m blocks save none" in " ".join(unknown.stderr.split())
    assert "Traceback" not in unknown.stderr
