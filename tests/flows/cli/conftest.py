"""The command line in this process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from blocks.connections import lookup
from blocks.process import run_command
from flows.main import main
from tests.helpers.sandboxed import Sandboxed

Command = Callable[..., tuple[object, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Return what runs a command in this process; it returns the exit code, stdout and stderr."""

    def run(*words: str) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["flows.main", *words])
        with pytest.raises(SystemExit) as ended:
            run_command(main, "python -m flows.main")
        return ended.value.code, *capsys.readouterr()

    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield run
    for number, handler in signals.items():
        signal.signal(number, handler)


@pytest.fixture
def at_sandbox(sandbox: Sandboxed, command: Command) -> Command:
    """Return the same for a connection that leads to a sandbox, apart from Prefect."""

    def run(*words: str) -> tuple[object, str, str]:
        payments = words[:1] == ("payments",)
        found = sandbox.payment_connection() if payments else sandbox.connection()
        with lookup.provided({"default": found}):
            return command(*words)

    return run
