"""A real Prefect server and worker for tests, each a process of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import httpx
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment whose Prefect and Daybook live in a folder of the test."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DAYBOOK_"))
    }
    return {
        **kept,
        "PREFECT_HOME": str(home / "prefect"),
        "DAYBOOK_HOME": str(home / "daybook"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Nobody reads them there, and sending them is work.
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        **more,
    }


@contextlib.contextmanager
def process(arguments: list[str], env: Mapping[str, str], log: Path, cwd: Path = ROOT) -> Iterator[None]:
    """Run `python -m ARGUMENTS` for as long as the block lasts; its output goes to a file."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=dict(env),
            cwd=cwd,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        finally:
            child.terminate()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextlib.contextmanager
def server(env: dict[str, str], log: Path) -> Iterator[str]:
    """Run a Prefect server and yield the address of its API, which is put into `env` as well."""
    database = Path(env["PREFECT_HOME"]) / "prefect.db"
    if not database.exists():
        database.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_empty_database(), database)
    with _server(env, log) as url:
        env["PREFECT_API_URL"] = url
        yield url


def _empty_database() -> Path:
    """Return a database of Prefect's without rows but its own, made once: that takes longer than all else."""
    kept = ROOT / ".pytest_cache" / f"prefect-{version('prefect')}.db"
    kept.parent.mkdir(exist_ok=True)
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            with tempfile.TemporaryDirectory() as folder:
                env = environment(Path(folder))
                with _server(env, Path(folder) / "server.log"):
                    pass
                made, whole = Path(env["PREFECT_HOME"]) / "prefect.db", Path(folder) / "whole.db"
                with closing(sqlite3.connect(made)) as left, closing(sqlite3.connect(whole)) as one_file:
                    left.backup(one_file)
                shutil.copy(whole, f"{kept}.part")
                Path(f"{kept}.part").rename(kept)
    return kept


@contextlib.contextmanager
def _server(env: dict[str, str], log: Path) -> Iterator[str]:
    port = free_port()
    arguments = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with process(arguments, env, log):
        url = f"http://127.0.0.1:{port}/api"
        wait_until(lambda: _healthy(url), 120, f"the Prefect server is not up; see {log}")
        yield url


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


def wait_until(done: object, seconds: float, complaint: str) -> None:
    """Call `done` until it is true. Raises TimeoutError."""
    assert callable(done)
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(complaint)
        time.sleep(0.5)


def run(arguments: list[str], env: Mapping[str, str], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `python -m ARGUMENTS` to its end and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=dict(env),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
