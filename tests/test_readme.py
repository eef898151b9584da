"""The README is short, and its two set-up commands do what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.prefect_server import ROOT, environment

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_short() -> None:
    """The README has at most 150 lines, and one picture: the rest is in the pages of docs."""
    assert len(README.splitlines()) <= 150
    assert len(re.findall(r"^!\[", README, re.MULTILINE)) == 1


def test_there_are_exactly_two_set_up_commands() -> None:
    """The README sets up with two commands, one for the main job and one for the tests."""
    assert len(re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)) == 2


@pytest.mark.slow
def test_the_first_command_runs_the_main_job_to_the_end(tmp_path: Path) -> None:
    """In a clone of its own, the README's first command installs and runs one day to its end."""
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "*.egg-info", "build")
    shutil.copytree(ROOT, clone, ignore=ignored)
    (command, _) = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=clone,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert "tie out to the cent" in " ".join(done.stdout.split())
