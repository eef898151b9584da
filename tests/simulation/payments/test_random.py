"""Thousands of schedules of several faults, people, stores and runs of the payments."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.breaking import CHECKED
from tests.simulation.many import report, timed
from tests.simulation.payments.faults import Fault
from tests.simulation.simulator import simulator
from tests.simulation.subjects import PAYMENTS


def test_a_seed_takes_the_same_course_in_every_process() -> None:
    """A schedule is the same step by step, whatever Python's order of hashes, and one command shows it."""
    command = [sys.executable, "-m", "tests.simulation", "--of", PAYMENTS, "--seed", "8"]
    shown = {
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(shown) == 1
    assert "all is well" in shown.pop()


def test_a_seed_takes_the_same_course_whatever_came_before() -> None:
    """A schedule played alone and after others is the same schedule, step by step."""

    def traces(seeds: tuple[int, ...]) -> dict[int, list[str]]:
        shown: dict[int, list[str]] = {seed: [] for seed in seeds}
        with simulator(PAYMENTS) as place:
            for seed in seeds:
                place.play(seed, trace=shown[seed])
        return shown

    assert traces((3, 4, 5)) == traces((5, 4, 3))


def test_a_hundred_schedules_hold() -> None:
    """A hundred schedules of several faults each leave every document in LN once."""
    with simulator(PAYMENTS) as place:
        for seed in range(100):
            place.play(seed)


@pytest.mark.slow
def test_three_thousand_schedules_hold() -> None:
    """Three thousand schedules leave every document in LN once, and every kind of fault struck in them."""
    tally, seconds = list(timed(range(CHECKED, CHECKED + 3000), PAYMENTS))[-1]
    print(report(tally, seconds, PAYMENTS))
    assert not tally.failures, report(tally, seconds, PAYMENTS)
    assert tally.schedules == 3000
    assert {str(kind) for kind in Fault} <= tally.faults.keys()
