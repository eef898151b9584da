"""The sandbox as a child process, for whoever needs the three systems and has none of them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from blocks.errors import DaybookError

IONAPI_FILE = "daybook.ionapi"
_STOP_SECONDS = 5.0


class SandboxError(DaybookError):
    """The sandbox cannot run; the message says why and what to do. `exit_code` is the process's."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Where the state lives and what is seeded.

    `port` 0 takes any free one. `lines_per_day` is the number of journal lines of a seeded day.
    `limits` switches on Xero's call limits. The same `seed` gives the same days.
    """

    directory: Path
    port: int = 0
    lines_per_day: int = 1200
    limits: bool = False
    seed: int = 2026


def store_url(directory: Path) -> str:
    """Return where runs against a sandbox are recorded."""
    return f"sqlite:///{directory.absolute() / 'daybook.sqlite3'}"


def sandbox_of(store: str) -> Path | None:
    """Return the folder of the sandbox whose own store has this URL; None for any other store."""
    folder = Path(store.removeprefix("sqlite:///")).parent
    return folder if store == store_url(folder) and (folder / IONAPI_FILE).exists() else None


class SandboxProcess:
    """`python -m blocks.sandbox` as a child that cannot outlive its parent.

    As a context manager it starts the child, waits for its announcement, and stops it at the end.
    A caller with something else to do meanwhile calls `start`, then `wait`, then `stop`. The child
    has a session of its own, so that Ctrl-C reaches the parent only, which then decides; it watches
    its standard input, whose other end the parent holds, and ends when that closes, however the
    parent came to die.
    """

    def __init__(self, settings: SandboxSettings, *, start_seconds: float = 60.0) -> None:
        self._settings = settings
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._announcement: dict[str, object] = {}

    @property
    def url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:8123`; empty before `wait`."""
        return str(self._announcement.get("url", ""))

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that point a client at it; empty before `wait`."""
        return _strings(self._announcement.get("env"))

    @property
    def pages(self) -> dict[str, str]:
        """Addresses of the pages for people, by name; empty before `wait`."""
        return _strings(self._announcement.get("pages"))

    @property
    def pid(self) -> int | None:
        """The child's process id, None before `start` and after `stop`."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the child and return at once."""
        if self._process is not None:
            return
        # A file rather than a pipe: nobody has to keep reading it.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            _command(self._settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=_environment(),
            start_new_session=True,
        )

    def wait(self) -> None:
        """Return once the child has announced itself; SandboxError with its own message when it fails."""
        self.start()
        process = self._process
        assert process is not None  # noqa: S101 - start() has set it
        if self._announcement:
            return
        line = self._first_line(process)
        try:
            self._announcement = json.loads(line)
        except ValueError:
            running = process.poll() is None
            message = self.stderr().strip()
            code = self._end()
            if running and not message:
                message = f"the sandbox did not start within {self._start_seconds:g} seconds"
            raise SandboxError(message or f"the sandbox ended at once with exit code {code}", code) from None

    def stderr(self) -> str:
        """Return what the child has written to its standard error so far; empty after `stop`."""
        if self._stderr is None:
            return ""
        return os.pread(self._stderr.fileno(), 1_000_000, 0).decode(errors="replace")

    def stop(self) -> None:
        """End the child, gently first; does nothing when there is none."""
        if self._process is not None:
            self._end()

    def __enter__(self) -> Self:
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _first_line(self, process: subprocess.Popen[bytes]) -> bytes:
        """Read up to the first newline; less when the child ends or the time is up before."""
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        descriptor = process.stdout.fileno()
        deadline = time.monotonic() + self._start_seconds
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(descriptor, 65_536) if ready else b""
            if not chunk:
                if ready:  # its end is near: let it happen, so that its exit code can be told
                    _wait(process)
                break
            line += chunk
        return line

    def _end(self) -> int:
        process, self._process = self._process, None
        self._announcement = {}
        if process is None:
            return 0
        process.terminate()
        code = _wait(process)
        if code is None:
            process.kill()
            code = process.wait()
        for stream in (process.stdin, process.stdout, self._stderr):
            if stream is not None:
                stream.close()
        self._stderr = None
        return code


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _strings(value: object) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _command(settings: SandboxSettings) -> list[str]:
    command = [sys.executable, "-m", "blocks.sandbox", "--stop-with-parent"]
    command += ["--dir", os.fspath(settings.directory.absolute()), "--port", str(settings.port)]
    command += ["--lines-per-day", str(settings.lines_per_day), "--seed", str(settings.seed)]
    return [*command, "--limits"] if settings.limits else command


def _environment() -> dict[str, str]:
    """Return this process's environment, in which the child finds the same package as its parent."""
    environment = dict(os.environ)
    root = Path(__file__).resolve().parents[2]
    if root.name not in {"site-packages", "dist-packages"}:
        given = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{root}{os.pathsep}{given}" if given else str(root)
    return environment
