"""What the bounds of the payments' world are raised to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.simulation.margin import Bounded
from tests.simulation.payments import assumptions
from tests.simulation.payments.script import Script, script


def _stated(bound: str) -> float:
    return float(getattr(assumptions.bounds, bound))


@contextmanager
def _raised(bound: str, value: float) -> Iterator[Callable[[int], Script | None]]:
    stated = _stated(bound)
    assumptions.raise_bounds(**{bound: value})
    try:
        yield script
    finally:
        assumptions.raise_bounds(**{bound: stated})


BOUNDED = Bounded(
    {
        "late": (600.0, 1800.0, 7200.0),
        "lag": (310.0, 330.0, 360.0, 600.0),
        "skew": (3600.0, 14_400.0, 86_400.0),
        "pause": (3600.0, 14_400.0, 86_400.0),
    },
    _stated,
    _raised,
)
