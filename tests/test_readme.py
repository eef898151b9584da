"""The README's commands do what it says, and its tables name what there is."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from prefect.blocks.core import Block

from blocks.__main__ import main as blocks_commands
from blocks.connections.environment import VARIABLES
from blocks.connections.journals import JournalConnection
from blocks.connections.payments import PaymentConnection
from flows.main import main as flows_commands
from tests.helpers.prefect_server import ROOT, environment

README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    """Return every command of ours that the README shows, in a block or in a sentence."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", README, re.DOTALL | re.MULTILINE)
    lines = [line.strip().removeprefix(".venv/bin/") for block in blocks for line in block.splitlines()]
    shown = [line for line in lines if line.startswith("python -m ")]
    return list(dict.fromkeys([*shown, *re.findall(r"`(python -m [^`]+)`", README)]))


def parsed(group: click.Command, arguments: list[str]) -> None:
    """Parse arguments down to the last command without running anything."""
    context = group.make_context("python", list(arguments), resilient_parsing=False)
    left = [*context._protected_args, *context.args]
    if isinstance(group, click.Group) and (left or not group.invoke_without_command):
        name, command, rest = group.resolve_command(context, left)
        assert command is not None, name
        parsed(command, rest)


def _places(file: str) -> list[Path]:
    """Return where a test's file is, of the journals or of the payments."""
    folders = (ROOT / "tests" / "flows" / flow for flow in ("journals", "payments"))
    return [folder / file for folder in folders if (folder / file).exists()]


@pytest.mark.parametrize("command", commands())
def test_each_command_of_the_readme_exists_with_its_options(command: str) -> None:
    """Every command of ours in the README parses as it stands there."""
    program, *arguments = shlex.split(command)[2:]
    if arguments and arguments[0] == "COMMAND":
        return
    if program.startswith("tests."):
        assert find_spec(program) is not None
        return
    programs: dict[str, click.Command] = {"flows.main": flows_commands, "blocks": blocks_commands}
    with suppress(click.MissingParameter):  # a sentence may leave out the NAME
        parsed(programs[program], arguments)


def test_every_variable_that_is_read_is_in_the_readme() -> None:
    """The README's table names each environment variable that `python -m blocks save` reads."""
    assert [name for name in VARIABLES if f"`{name}`" not in README] == []


@pytest.mark.parametrize("kind", [JournalConnection, PaymentConnection])
def test_every_field_of_a_connection_is_in_the_readme(kind: type[Block]) -> None:
    """The README's tables of the configuration name each field of a connection of each kind."""
    fields = set(kind.model_fields) - {"mambu", "xero", "ln", "store"}
    assert sorted(name for name in fields if f"`{name}`" not in README) == []


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


def test_every_check_of_the_readme_has_its_test() -> None:
    """Each test that the README's table of checks names is there, under that name."""
    named = re.findall(r"`((?:\w+/)?test_\w+\.py)::(test_\w+)`", README)
    assert len(named) >= 15
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not any(f"def {name}(" in place.read_text() for place in _places(file))
    ]
    assert missing == []
