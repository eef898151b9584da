"""Thousands of schedules of several faults, people, stores and runs, and that each can be repeated."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.breaking import CHECKED
from tests.simulation.faults import Fault
from tests.simulation.many import report, timed
from tests.simulation.simulator import Simulator, simulator


def trace_of(place: Simulator, seed: int) -> list[str]:
    """Return what happens in a schedule."""
    trace: list[str] = []
    place.play(seed, trace=trace)
    return trace


def test_a_seed_takes_the_same_course_whatever_came_before() -> None:
    """A schedule played alone and after others is the same schedule, step by step."""
    with simulator() as place:
        alone = {seed: trace_of(place, seed) for seed in (3, 4, 5)}
    with simulator() as place:
        assert {seed: trace_of(place, seed) for seed in (5, 4, 3)} == alone


def test_a_seed_takes_the_same_course_in_every_process() -> None:
    """Python's own random order of hashes changes nothing of a schedule."""
    command = [sys.executable, "-m", "tests.simulation", "--seed", "8"]
    shown = {
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(shown) == 1
    assert "all is well" in shown.pop()


def test_a_hundred_schedules_hold() -> None:
    """A hundred schedules of several faults each leave every line in Xero once."""
    with simulator() as place:
        for seed in range(100):
            place.play(seed)


@pytest.mark.slow
def test_three_thousand_schedules_hold() -> None:
    """Three thousand schedules leave every line in Xero once, and every kind of fault struck in them."""
    tally, seconds = list(timed(range(CHECKED, CHECKED + 3000)))[-1]
    print(report(tally, seconds))
    assert not tally.failures, report(tally, seconds)
    assert tally.schedules == 3000
    assert {str(kind) for kind in Fault} <= tally.faults.keys()
