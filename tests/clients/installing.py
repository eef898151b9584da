"""Each client is installed into a place of its own: never into this project's environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DRIVERS = Path(__file__).parent / "drivers"


class InstallError(Exception):
    """A client cannot be installed; the message says why."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client of somebody else: its package with a version, and the script here that drives it.

    The packages have licences of their own, some of them such that this project could not depend on them.
    """

    name: str
    package: str
    driver: str

    @property
    def is_python(self) -> bool:
        """Whether it comes from PyPI; else it is from npm."""
        return self.driver.endswith(".py")

    def install(self, folder: Path, *, fresh: bool = False) -> None:
        """Install it into a folder, unless it is there already. Raises InstallError."""
        installed = folder / "installed"
        if not fresh and installed.exists() and installed.read_text(encoding="utf-8") == self.package:
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if self.is_python:
            _run([sys.executable, "-m", "venv", os.fspath(folder / "venv")], folder)
            _run([_python(folder), "-m", "pip", "install", "--quiet", self.package], folder)
        else:
            (folder / "package.json").write_text("{}", encoding="utf-8")
            _run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", self.package], folder)
        installed.write_text(self.package, encoding="utf-8")

    def command(self, folder: Path) -> list[str]:
        """Return what runs its driver, to which arguments are added."""
        return [_python(folder) if self.is_python else "node", os.fspath(DRIVERS / self.driver)]

    def environment(self, folder: Path) -> dict[str, str]:
        """Return where the driver finds the client, beside the variables of this process."""
        found = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "NODE_PATH"}}
        return found if self.is_python else {**found, "NODE_PATH": os.fspath(folder / "node_modules")}


def _python(folder: Path) -> str:
    return os.fspath(folder / "venv" / "bin" / "python")


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise InstallError(f"{command[0]} is not there; install it first") from None
    if done.returncode:
        raise InstallError(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
