"""Copies of the repository to break: the repository itself is never touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
# What tests look at, beside the code.
_TREE = (
    *("blocks", "flows", "tests", "docs"),
    *("pyproject.toml", "README.md", "CONTRIBUTING.md", "prefect.yaml", "constraints.txt"),
)
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".hypothesis")


class Ended(NamedTuple):
    """How a command ended: `code` is None where it was stopped because it took too long."""

    code: int | None
    seconds: float
    output: str


class Copy:
    """A copy of the repository in a folder, with a home of its own for everything that tests leave."""

    def __init__(self, folder: Path) -> None:
        self._tree = folder / "tree"
        self._home = folder / "home"
        self._home.mkdir(parents=True)
        for name in _TREE:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, self._tree / name, ignore=_LEFT_OUT)
            else:
                shutil.copy2(source, self._tree / name)

    @contextmanager
    def broken(self, mutant: Mutant) -> Iterator[None]:
        """Break the code while the block lasts. Raises DoesNotApply."""
        file = self._tree / mutant.file
        text = file.read_text(encoding="utf-8")
        try:
            self._write(file, mutant.applied(text))
            yield
        finally:
            self._write(file, text)

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text, encoding="utf-8")
        # Python knows current compiled code by a second and a size, which a slip may leave as they were.
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            compiled.unlink(missing_ok=True)

    def run(self, *arguments: str, seconds: float) -> Ended:
        """Run Python in the copy, for at most so many seconds."""
        began = time.monotonic()
        said = self._home / "said.txt"
        with said.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self._tree,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                # With all that it has started: servers, and the simulation's other processes.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return Ended(code, time.monotonic() - began, said.read_text(encoding="utf-8", errors="replace"))

    def _environment(self) -> dict[str, str]:
        own = {name: self._home / name.lower() for name in ("TMPDIR", "PREFECT_HOME", "DAYBOOK_HOME")}
        own["TMPDIR"].mkdir(exist_ok=True)
        # Before the installed package, which is the repository itself.
        return {**os.environ, **{name: str(at) for name, at in own.items()}, "PYTHONPATH": str(self._tree)}
