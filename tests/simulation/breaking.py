"""Breaks the code on purpose, and plays schedules until one of them notices."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.simulator import simulator
from tests.simulation.subjects import JOURNALS

# Within so many schedules a break must be caught.
CHECKED = 1000

Patch = pytest.MonkeyPatch


def caught_after(
    break_it: Callable[[Patch], None], most: int = CHECKED, of: str = JOURNALS
) -> tuple[int, str] | None:
    """Break the code, and return after how many schedules that shows, and how."""
    with pytest.MonkeyPatch.context() as patch, simulator(of) as place:
        break_it(patch)
        for seed in range(most):
            try:
                place.play(seed)
            except Exception as caught:  # noqa: BLE001 - a break may show as anything
                return seed + 1, f"{type(caught).__name__}: {caught}"
    return None
