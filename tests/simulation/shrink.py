"""The shortest schedule that still fails: visits, acts and faults are left out, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from tests.simulation.recorded import Again, Place, Recording
from tests.simulation.simulator import Simulator, simulator
from tests.simulation.subjects import subject

_ROUNDS = 6


class Failing(NamedTuple):
    """A schedule that fails: its script, what strikes and who acts where, and what it fails with."""

    script: Any
    faults: Mapping[Place, StrEnum]
    acts: tuple[Place, ...]
    failure: str

    def shown(self) -> list[str]:
        """Return it in lines for people."""
        lines = [f"  {self.failure}"]
        lines += [f"  visit {visit}" for visit in self.script.visits]
        lines += [f"  run {run}, touch {touch}: {kind}" for (run, touch), kind in self.faults.items()]
        return lines + [f"  run {run}, touch {touch}: a person acts" for run, touch in self.acts]


def shrunk_seed(of: str, seed: int) -> tuple[Failing, list[str]] | None:
    """Return the shortest failing schedule that a seed leads to, and what happens in it; None for none."""
    with simulator(of) as place:
        shrinking = Shrinking(place, subject(of).faults)
        found = shrinking.shrunk(subject(of).script(seed))
        return None if found is None else (found, shrinking.trace(found))


class Shrinking:
    """Shrinks schedules at a place; `possible` are the faults that can strike, by kind of point."""

    def __init__(self, place: Simulator, possible: Mapping[str, tuple[StrEnum, ...]]) -> None:
        self._place, self._possible = place, possible

    def shrunk(self, script: Any) -> Failing | None:
        """Return the shortest failing schedule that a script leads to; None where it does not fail."""
        chance = Recording(script.chance())
        try:
            self._place.play_script(script, chance)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is the failure
            found = Failing(script, chance.faults, tuple(chance.acts), _text(failure))
        else:
            return None
        for _ in range(_ROUNDS):
            smaller = self._smaller(found)
            if smaller is found:
                break
            found = smaller
        return found

    def trace(self, failing: Failing) -> list[str]:
        """Return what happens in a failing schedule, step by step."""
        trace: list[str] = []
        try:
            self._place.play_script(failing.script, self._again(failing), trace=trace)
        except Exception as failure:  # noqa: BLE001 - it is the last line
            trace.append(f"FAILED: {_text(failure)}")
        return trace

    def _again(self, failing: Failing) -> Again:
        return Again(failing.faults, failing.acts, self._possible)

    def _smaller(self, failing: Failing) -> Failing:
        turn = 0
        while True:
            candidates = list(_smaller_ones(failing))
            if turn >= len(candidates):
                return failing
            failure = self._fails(candidates[turn])
            if failure is None:
                turn += 1
            else:
                failing = candidates[turn]._replace(failure=failure)

    def _fails(self, failing: Failing) -> str | None:
        try:
            self._place.play_script(failing.script, self._again(failing))
        except Exception as failure:  # noqa: BLE001 - as above
            return _text(failure)
        return None


def _smaller_ones(failing: Failing) -> Iterator[Failing]:
    """Yield schedules with one thing less."""
    visits = failing.script.visits
    for turn in reversed(range(1, len(visits))):
        rest = (*visits[:turn], *visits[turn + 1 :])
        yield failing._replace(script=failing.script._replace(visits=rest))
    for turn, visit in enumerate(visits):
        acts = getattr(visit, "acts", ())
        for number in range(len(acts)) if isinstance(acts, tuple) else ():
            fewer = visit._replace(acts=(*acts[:number], *acts[number + 1 :]))
            rest = (*visits[:turn], fewer, *visits[turn + 1 :])
            yield failing._replace(script=failing.script._replace(visits=rest))
    for place in failing.faults:
        yield failing._replace(faults={one: kind for one, kind in failing.faults.items() if one != place})
    for place in failing.acts:
        yield failing._replace(acts=tuple(one for one in failing.acts if one != place))


def _text(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"
