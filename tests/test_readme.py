"""The README is short, and its two set-up commands do what it says."""

from __future__ import annotations

import re

from tests.helpers.prefect_server import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_short() -> None:
    """The README has at most 150 lines, and one picture: the rest is in the pages of docs."""
    assert len(README.splitlines()) <= 150
    assert len(re.findall(r"^!\[", README, re.MULTILINE)) == 1


def test_there_are_exactly_two_set_up_commands() -> None:
    """The README sets up with two commands, one for the main job and one for the tests."""
    assert len(re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)) == 2
