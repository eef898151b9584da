"""The command line in this process, and a Prefect server for commands as processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from blocks.process import run_command
from flows.main import main
from tests.helpers.prefect_server import environment, server


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[object, str, str]]:
    """Return what runs a command in this process; it returns the exit code, stdout and stderr."""

    def run(*words: str) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["flows.main", *words])
        with pytest.raises(SystemExit) as ended:
            run_command(main, "python -m flows.main")
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def prefect_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Share one Prefect server, and a home folder, between the commands of a module."""
    folder = tmp_path_factory.mktemp("commands")
    env = environment(folder)
    with server(env, folder / "server.log"):
        yield env
