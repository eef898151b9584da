"""What the bounds of the journals' world are raised to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.simulation.journals.assumptions import BOUNDS
from tests.simulation.journals.script import Script, script
from tests.simulation.margin import Bounded

# In these something is always under way, or stands still, when somebody else looks.
_THEMES = frozenset({"one store", "separate stores", "a meeting", "a pause", "a lease", "a withdrawal"})


@contextmanager
def _raised(bound: str, value: float) -> Iterator[Callable[[int], Script | None]]:
    bounds = BOUNDS._replace(**{bound: value})

    def drawn(seed: int) -> Script | None:
        made = script(seed, bounds)
        return made if made.theme in _THEMES else None

    yield drawn


BOUNDED = Bounded(
    {
        "commit": (60.0, 90.0, 120.0, 180.0, 240.0, 300.0),
        "stale": (60.0, 90.0, 120.0, 180.0, 240.0, 300.0),
        "clocks": (40.0, 60.0, 90.0, 120.0, 180.0, 300.0),
        "pause": (30.0, 60.0, 90.0, 120.0, 180.0, 300.0),
    },
    lambda bound: float(getattr(BOUNDS, bound)),
    _raised,
)
