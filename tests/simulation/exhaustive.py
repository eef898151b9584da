"""One fault at a time, at every point of a schedule where a run touches the outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from tests.simulation.chance import Listing, OneFault, Point
from tests.simulation.play import Violation
from tests.simulation.simulator import Simulator


def points_of(place: Simulator, script: Any) -> list[Point]:
    """Return the points of a schedule in which nothing goes wrong."""
    listing = Listing()
    place.play_script(script, listing)
    return listing.points


def struck(
    place: Simulator, script: Any, points: Iterable[Point], faults: Mapping[str, tuple[StrEnum, ...]]
) -> list[str]:
    """Let each fault that can strike at each of some points do so; return what went wrong."""
    wrong: list[str] = []
    for point in points:
        for kind in faults[point.place]:
            try:
                figures = place.play_script(script, OneFault(point.number, kind))
                if not figures.faults[kind]:
                    wrong.append(f"'{kind}' never struck at point {point}")
            except Violation as violation:
                wrong.append(f"'{kind}' at point {point}, then {script.rest:.0f} s: {violation}")
    return wrong
