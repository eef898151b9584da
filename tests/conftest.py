"""What tests of flows share: a Prefect server for the session, a home of their own, a sandbox."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from blocks.process import quiet_prefect
from tests.helpers.prefect_apart import in_memory
from tests.helpers.prefect_server import environment, server
from tests.helpers.sandboxed import Sandboxed

quiet_prefect()
# How long an example takes says something of the machine and of what else it does, not of the code.
settings.register_profile("whatever the machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("whatever the machine")
# Four workers and some hundred commands read the same modules: compiled once, not by each of them.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only slow tests are asked for, leave out the files without any: to import them takes long."""
    if config.option.markexpr != "slow" or not collection_path.name.startswith("test_"):
        return None
    return "mark.slow" not in collection_path.read_text(encoding="utf-8") or None


class _ByServer(LoadFileScheduling):
    """A file's tests stay together, and all files that need a Prefect server: one worker starts one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "Prefect" if _needs_prefect(file) else file


@cache
def _needs_prefect(file: str) -> bool:
    """Tell whether tests of a file ask for the server, by the ways in which they do."""
    text = (Path(__file__).parents[1] / file).read_text(encoding="utf-8")
    return any(asked in text for asked in ("prefect_env: ", "prefect: None", 'usefixtures("prefect")'))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Share out the tests among the workers."""
    return _ByServer(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, by their slow tests' minutes, and those that start processes.

    What is quick then fills the gaps at the end.
    """
    dear = {
        item.path
        for item in items
        if isinstance(item, pytest.Function)
        if item.path.parent == Path(__file__).parent or "prefect_env" in item.fixturenames
    }
    minutes: Counter[Path] = Counter()
    for item in items:
        for mark in item.iter_markers("slow"):
            minutes[item.path] += mark.kwargs.get("minutes", 1)
    items.sort(key=lambda item: (-minutes[item.path], item.path not in dear))


@pytest.fixture(scope="session", autouse=True)
def few_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let clients load one certificate, not all of the world's: tests speak with this machine alone.

    Prefect loads them for each task anew, and a run has dozens of tasks.
    """
    file = tmp_path_factory.mktemp("certificates") / "one.pem"
    end = "-----END CERTIFICATE-----\n"
    file.write_text(
        Path(certifi.where()).read_text(encoding="utf-8").partition(end)[0] + end, encoding="utf-8"
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SSL_CERT_FILE", "PREFECT_API_SSL_CERT_FILE"):
            patch.setenv(name, str(file))
        yield


@pytest.fixture(scope="session")
def prefect_env(few_certificates: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Share one Prefect server, and a home folder, between the tests of a worker that need one."""
    folder = tmp_path_factory.mktemp("prefect")
    env = environment(folder)
    with server(env, folder / "server.log"):
        yield env


@pytest.fixture(scope="session")
def prefect(prefect_env: dict[str, str]) -> Iterator[None]:
    """Run the flows of this process by the same Prefect server.

    Logs stay here: nobody reads them there, and sending them is a tenth of the work.
    """
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_LOCAL_STORAGE_PATH,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    results = Path(prefect_env["PREFECT_HOME"]) / "storage"
    with temporary_settings(
        {
            PREFECT_API_URL: prefect_env["PREFECT_API_URL"],
            PREFECT_LOCAL_STORAGE_PATH: results,
            PREFECT_LOGGING_TO_API_ENABLED: False,
        }
    ):
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home folder of its own."""
    monkeypatch.setenv("DAYBOOK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandboxed]:
    """Serve the stand-ins, in a process of their own."""
    with Sandboxed(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, sandbox_process: Sandboxed, home: Path) -> Iterator[Sandboxed]:
    """Give the test an untouched sandbox and an empty home.

    Flows run apart from Prefect, which has nothing to do with what arrives where; a test that asks for
    `prefect` as well has them run by it.
    """
    sandbox_process.reset()
    if "prefect" in request.fixturenames:
        request.getfixturevalue("prefect")
        yield sandbox_process
    else:
        with in_memory():
            yield sandbox_process
