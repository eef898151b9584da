"""What struck in a schedule, as a list that can be played again with something left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple

from tests.simulation.chance import Chance, Point


class Place(NamedTuple):
    """Where something struck: at which touch of the outside of which run."""

    run: int
    touch: int


class Recording:
    """Whatever another chance decides, written down."""

    def __init__(self, inner: Chance) -> None:
        self._inner = inner
        self.faults: dict[Place, StrEnum] = {}
        self.acts: list[Place] = []

    def fault(self, point: Point) -> StrEnum | None:
        """Return the fault that strikes here, if any."""
        kind = self._inner.fault(point)
        if kind is not None:
            self.faults[Place(point.run, point.touch)] = kind
        return kind

    def person(self, point: Point) -> bool:
        """Tell whether a person acts just now."""
        acts = self._inner.person(point)
        if acts:
            self.acts.append(Place(point.run, point.touch))
        return acts


class Again:
    """The faults and acts of a list, and no others; `possible` are the faults that can strike, by place."""

    def __init__(
        self,
        faults: Mapping[Place, StrEnum],
        acts: Collection[Place],
        possible: Mapping[str, tuple[StrEnum, ...]],
    ) -> None:
        self._faults, self._acts, self._possible = faults, frozenset(acts), possible

    def fault(self, point: Point) -> StrEnum | None:
        """Return the fault that is on the list for here, if it can strike here."""
        kind = self._faults.get(Place(point.run, point.touch))
        return kind if kind in self._possible[point.place] else None

    def person(self, point: Point) -> bool:
        """Tell whether a person acts just now."""
        return Place(point.run, point.touch) in self._acts
