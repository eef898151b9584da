"""Every kind of fault at every point where a whole run touches the outside, one at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum

import pytest

from tests.simulation.chance import Point, Rates
from tests.simulation.exhaustive import points_of, struck
from tests.simulation.journals.faults import CHANGE, FAULTS, JUMPS, PUT, Fault
from tests.simulation.journals.mambu import TINY
from tests.simulation.journals.script import DATE, NIGHT, WITHDRAW, Script, Visit
from tests.simulation.play import Pause
from tests.simulation.simulator import Simulator, simulator

# What these do depends on a second run or on a clock that is wrong: the random schedules have them.
_NOT_ALONE = frozenset({*JUMPS, Pause.SHORT, Fault.LEFT_BEHIND})


def calm_script(*visits: Visit, rest: float = 0.0) -> Script:
    """Return a schedule in which nothing goes wrong."""
    return Script(1, "single faults", visits, Rates(0.0, 0, 0.0, frozenset()), kind=TINY, days=2, rest=rest)


@pytest.fixture(scope="module")
def place() -> Iterator[Simulator]:
    """Give the tests a place to play schedules in."""
    with simulator() as opened:
        yield opened


def faults_of(kinds: Collection[StrEnum] | None = None) -> dict[str, tuple[StrEnum, ...]]:
    """Return the faults that strike here, by kind of point."""
    return {
        where: tuple(one for one in of_place if one not in _NOT_ALONE and (kinds is None or one in kinds))
        for where, of_place in FAULTS.items()
    }


def of_runs(points: list[Point], places: Collection[str] | None = None) -> list[Point]:
    """Return the points of the visits, without those of the quiet world's runs."""
    return [point for point in points if point.run < 100 and (places is None or point.place in places)]


def test_any_fault_at_any_write_of_a_night_heals(place: Simulator) -> None:
    """Whatever fails at a request that creates journals, all is there once in the end."""
    script = calm_script(Visit(1, NIGHT))
    points = of_runs(points_of(place, script), {PUT})
    assert points
    wrong = struck(place, script, points, faults_of())
    assert not wrong, "\n".join(wrong)


def test_a_death_at_any_point_of_a_night_heals(place: Simulator) -> None:
    """Wherever a night's process dies, all is there once in the end, and the death has its task."""
    script = calm_script(Visit(1, NIGHT))
    points = of_runs(points_of(place, script))
    assert len(points) > 30
    # A half of them: each of the others, and each fault, is struck in the slow ones.
    wrong = struck(place, script, points[::4], faults_of({Fault.CRASH_DONE}))
    wrong += struck(place, script, points[2::4], faults_of({Fault.CRASH}))
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("rest", [0.0, 400.0])
def test_any_fault_at_any_point_of_a_night_heals(place: Simulator, rest: float) -> None:
    """Whatever fails at whatever step of a night, all is there once in the end."""
    script = calm_script(Visit(1, NIGHT), rest=rest)
    wrong = struck(place, script, of_runs(points_of(place, script)), faults_of())
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_any_fault_at_any_change_of_a_withdrawal_heals(place: Simulator) -> None:
    """Whatever fails while a day is withdrawn, a run of its date puts it right."""
    script = calm_script(Visit(1, DATE), Visit(2, WITHDRAW, after=5.0))
    points = [point for point in of_runs(points_of(place, script)) if point.run == 2]
    assert any(point.place == CHANGE for point in points)
    wrong = struck(place, script, points, faults_of())
    assert not wrong, "\n".join(wrong)
