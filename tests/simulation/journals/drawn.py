"""Faults and people by chance, in a schedule of the journals."""

from __future__ import annotations

import random
from collections.abc import Mapping
from enum import StrEnum

from tests.simulation.chance import Point, Rates
from tests.simulation.journals.faults import FAULTS


class Drawn:
    """Faults and people by chance, the same for the same generator.

    `weights` says how much likelier than usual faults are, by the name of a point or else its place; `acting`
    the same of people.
    """

    def __init__(
        self, rng: random.Random, rates: Rates, weights: Mapping[str, float], acting: Mapping[str, float]
    ) -> None:
        self._rng, self._rates = rng, rates
        self._weights, self._acting = weights, acting
        self._left = rates.most

    def fault(self, point: Point) -> StrEnum | None:
        """Return a fault of those that can strike here, or as a rule None."""
        rate = self._rates.fault * self._weights.get(point.name, self._weights.get(point.place, 1.0))
        if not self._left or self._rng.random() >= rate:
            return None
        kinds = [kind for kind in FAULTS[point.place] if kind in self._rates.kinds]
        if not kinds:
            return None
        self._left -= 1
        return self._rng.choice(kinds)

    def person(self, point: Point) -> bool:
        """Tell whether a person acts just now."""
        rate = self._rates.person * self._acting.get(point.place, 1.0)
        return bool(rate) and self._rng.random() < rate
