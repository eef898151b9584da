"""The command withdraw: the plan, the question, and the exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import threading
from collections.abc import Callable

import pytest

from tests.flows.cli.conftest import Command
from tests.helpers.sandboxed import DATE, Sandboxed


@pytest.fixture
def sent(sandbox: Sandboxed) -> int:
    """Send the day and return how many journals it has."""
    return asyncio.run(sandbox.run()).completed().summary.journals_planned


@pytest.fixture
def withdraw(at_sandbox: Command) -> Command:
    """Return what runs the command with options."""
    return lambda *options: at_sandbox("withdraw", "--date", str(DATE), *options)


@pytest.fixture
def answered(withdraw: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[object, str]]:
    """Return what runs it on a terminal and answers its question; it returns the exit code and the screen."""

    def run(answer: str) -> tuple[object, str]:
        ours, theirs = pty.openpty()
        screen = bytearray()
        reader = threading.Thread(target=_read_all, args=(ours, screen))
        reader.start()
        os.write(ours, f"{answer}\n".encode())
        with (
            os.fdopen(os.dup(theirs)) as keys,
            os.fdopen(theirs, "w") as shown,
            monkeypatch.context() as patch,
        ):
            patch.setattr("sys.stdin", keys)
            patch.setattr("sys.stdout", shown)
            patch.setattr("sys.stderr", shown)
            code, *_ = withdraw()
        reader.join()
        os.close(ours)
        return code, screen.decode()

    return run


def _read_all(terminal: int, screen: bytearray) -> None:
    try:
        while part := os.read(terminal, 65536):
            screen += part
    except OSError:  # how Linux tells that nobody writes there any more
        return


def test_without_a_terminal_it_shows_the_plan_and_asks_for_yes(withdraw: Command, sent: int) -> None:
    """Without a terminal and --yes it shows the plan, does nothing, and exits 2 saying so."""
    code, out, errors = withdraw()
    assert code == 2
    assert "Action" in out
    assert out.count("delete ") >= sent
    assert "Add --yes" in errors

    code, out, _ = withdraw("--json")
    assert code == 2
    assert json.loads(out)["deleted"] == []


def test_with_yes_it_does_it_and_says_so_in_json(withdraw: Command, sent: int) -> None:
    """With --yes the drafts go; one JSON object names each; a second time there is nothing to do."""
    code, out, errors = withdraw("--yes", "--json")
    told = json.loads(out)
    assert code == 0, errors
    assert list(told) == ["date", "deleted", "voided", "refused", "message"]
    assert len(told["deleted"]) == sent
    assert all(set(one) == {"narration", "manual_journal_id"} for one in told["deleted"])
    assert (told["date"], told["voided"], told["refused"]) == (str(DATE), [], [])
    assert errors == ""

    code, out, errors = withdraw()
    assert code == 0, errors
    assert "already removed from Xero" in " ".join(out.split())


def test_on_a_terminal_it_asks(answered: Callable[[str], tuple[object, str]], sent: int) -> None:
    """On a terminal it asks once the plan is shown: no changes nothing and exits 1, yes does it."""
    code, screen = answered("n")
    assert code == 1, screen
    assert "Action" in screen.partition("[y/N]")[0]
    assert "Nothing was changed in Xero." in screen

    code, screen = answered("y")
    assert code == 0, screen
    assert f"{sent} drafts were deleted" in " ".join(screen.split())


def test_what_is_wrong_is_said_before_anything_is_asked(
    sandbox: Sandboxed, withdraw: Command, command: Command
) -> None:
    """A missing date, or a connection that nobody saved, is wrong use, with what to do."""
    code, _, errors = command("withdraw", "--sandbox")
    assert code == 2
    assert "--date" in errors
    code, _, errors = withdraw("--connection", "none", "--yes")
    assert code == 2
    assert "python -m blocks save none" in " ".join(errors.split())
    assert "Traceback" not in errors
