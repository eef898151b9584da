"""The simulation has teeth: it notices when the code is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.breaking import CHECKED, Patch, caught_after
from tests.simulation.teeth import BREAKS


@pytest.mark.slow
@pytest.mark.parametrize("break_it", BREAKS, ids=lambda one: one.__name__)
def test_a_break_is_caught(break_it: Callable[[Patch], None]) -> None:
    """Code broken in one small way breaks a rule of the model within a thousand schedules."""
    found = caught_after(break_it)
    assert found, f"{CHECKED} schedules did not notice: {break_it.__doc__}"
    print(f"{break_it.__name__}: caught in schedule {found[0]}: {found[1]}")
