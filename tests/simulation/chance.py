"""What decides whether something goes wrong at a point where a run touches the outside. Of any simulation."""

from __future__ import annotations

import random
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

STORE = "store"


class Point(NamedTuple):
    """One touch of the outside: the how-manieth of the schedule, by which run, what it is.

    `touch` is the how-manieth of its run: a fault dropped elsewhere does not move it.
    """

    number: int
    run: int
    place: str
    name: str
    touch: int = 0


class Chance(Protocol):
    """What decides whether a fault strikes, or a person acts, at a point."""

    def fault(self, point: Point) -> StrEnum | None:
        """Return the fault that strikes here."""

    def person(self, point: Point) -> bool:
        """Tell whether a person does something just now."""


class Calm:
    """Nothing ever goes wrong."""

    def fault(self, point: Point) -> StrEnum | None:
        """Return None."""
        return None

    def person(self, point: Point) -> bool:
        """Return False."""
        return False


class OneFault(Calm):
    """One fault, at one point."""

    def __init__(self, number: int, kind: StrEnum) -> None:
        self._number, self._kind = number, kind

    def fault(self, point: Point) -> StrEnum | None:
        """Return the fault at its point, None at any other."""
        return self._kind if point.number == self._number else None


class Listing(Calm):
    """Writes down every point and changes nothing."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    def fault(self, point: Point) -> StrEnum | None:
        """Note the point."""
        self.points.append(point)
        return None


class Rates(NamedTuple):
    """How often faults strike (and how many at most, of which kinds), and how often people act, per point."""

    fault: float
    most: int
    person: float
    kinds: frozenset[StrEnum]


class Random:
    """Faults and people by chance, the same for the same generator.

    `faults` are those that can strike, by place; `weights` how much likelier than usual they are, by the name
    of a point or else its place; `acting` the same of people.
    """

    def __init__(
        self,
        rng: random.Random,
        rates: Rates,
        faults: Mapping[str, tuple[StrEnum, ...]],
        weights: Mapping[str, float],
        acting: Mapping[str, float] | None = None,
    ) -> None:
        self._rng, self._rates = rng, rates
        self._faults, self._weights, self._acting = faults, weights, acting or {}
        self._left = rates.most

    def fault(self, point: Point) -> StrEnum | None:
        """Return a fault of those that can strike here, or as a rule None."""
        rate = self._rates.fault * self._weights.get(point.name, self._weights.get(point.place, 1.0))
        if not self._left or self._rng.random() >= rate:
            return None
        kinds = [kind for kind in self._faults[point.place] if kind in self._rates.kinds]
        if not kinds:
            return None
        self._left -= 1
        return self._rng.choice(kinds)

    def person(self, point: Point) -> bool:
        """Tell whether a person acts just now."""
        rate = self._rates.person * self._acting.get(point.place, 1.0)
        return bool(rate) and self._rng.random() < rate
