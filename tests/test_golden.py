"""What must stay as it is whatever is moved, renamed or worded anew; kept in tests/golden, see `python -m
tests.golden`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.golden import commands, doors, names, small_days
from tests.golden.kept import as_kept
from tests.helpers.sandboxed import Sandboxed
from tests.simulation.subjects import SUBJECTS


@pytest.fixture(scope="module")
def told(prefect: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run the commands of both connectors once."""
    folder = tmp_path_factory.mktemp("golden")
    with pytest.MonkeyPatch.context() as patch, Sandboxed(folder / "sandbox", lines_per_day=300) as sandbox:
        patch.setenv("DAYBOOK_HOME", str(folder / "home"))
        return commands.session(sandbox, folder, patch.setenv)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["commands", "writes to Xero", "tasks", "tables", "Prefect", "places"])
def test_what_commands_say_and_leave(told: Any, part: str) -> None:
    """Exit codes, JSON, requests, tasks, tables, artifacts, blocks and files are those of an earlier code."""
    now, before = as_kept(part.replace(" ", "_").lower(), told[part])
    assert now == before


@pytest.mark.slow
def test_two_failures_are_one_task(told: Any) -> None:
    """A failure is one open task in Mambu, found again when it comes twice, and then completed."""
    first, second, at_last = (
        [one for one in told["tasks"][when] if one.startswith("OPEN")]
        for when in ("after a failure", "after two", "after a success")
    )
    assert len(first) == 1
    assert (second, at_last) == (first, [])


def test_what_small_days_of_the_journals_write() -> None:
    """Each request that changes something in Xero or Mambu has the bytes and the key of an earlier code."""
    now, before = as_kept("journals", small_days.small_days_of_journals())
    assert now == before


def test_what_small_days_of_the_payments_write() -> None:
    """Each document that goes to Infor LN has the bytes of an earlier code, and the store its words."""
    now, before = as_kept("payments", small_days.small_days_of_payments())
    assert now == before


def test_names_of_commands_and_deployments() -> None:
    """Commands, their options, and deployments are called what they were called."""
    found = {
        "flows.main": names.commands("flows.main"),
        "blocks": names.commands("blocks.__main__"),
        "blocks.sandbox": names.sandbox_options(),
        "deployments": names.deployments(),
    }
    now, before = as_kept("names", found)
    assert now == before


@pytest.mark.slow
@pytest.mark.parametrize("of", SUBJECTS)
def test_what_passes_the_doors_of_many_schedules(of: str) -> None:
    """Simulated runs send the same requests at the same instants, and end in the same way, as before."""
    now, before = as_kept(f"schedules_of_{of}", doors.digests(of))
    assert now == before
