"""The command line in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from blocks.connections import lookup
from flows.main import main
from tests.helpers.command import exit_code
from tests.helpers.sandboxed import Sandboxed

Command = Callable[..., tuple[object, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return what runs a command in this process; it returns the exit code, stdout and stderr."""

    def run(*words: str) -> tuple[object, str, str]:
        code = exit_code(main, "python -m flows.main", *words)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def at_sandbox(sandbox: Sandboxed, command: Command) -> Command:
    """Return the same for a connection that leads to a sandbox, apart from Prefect."""

    def run(*words: str) -> tuple[object, str, str]:
        payments = words[:1] == ("payments",)
        found = sandbox.payment_connection() if payments else sandbox.connection()
        with lookup.provided({"default": found}):
            return command(*words)

    return run
