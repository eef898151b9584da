"""Every kind of fault at every point where a run of a day touches the outside, one at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.chance import Rates
from tests.simulation.days import LARGE, SMALL, DayKind
from tests.simulation.exhaustive import points_of, struck
from tests.simulation.faults import FAULTS, PUT
from tests.simulation.script import Script, Visit
from tests.simulation.simulator import Simulator, simulator


def calm_script(day: DayKind, *, rest: float) -> Script:
    """Return a schedule of one run in a world without faults, and one that must put all right."""
    return Script(
        seed=1,
        day=day,
        late_from=None,
        parallel=2,
        stale=0.0,
        shows_deleted=True,
        reverses=False,
        ahead=(0.0, 0.0, 0.0),
        visits=(Visit(0, 0.0),),
        rest=rest,
        removes=False,
        fresh_at_end=True,
        rates=Rates(0.0, 0, 0.0, frozenset()),
    )


@pytest.fixture(scope="module")
def place() -> Iterator[Simulator]:
    """Give the tests a place to play schedules in."""
    with simulator() as opened:
        yield opened


def all_struck(place: Simulator, day: DayKind, rest: float) -> None:
    """Require that a day comes right after any fault at any of its points, run again `rest` seconds later."""
    points = points_of(place, calm_script(day, rest=0.0))
    wrong = struck(place, calm_script(day, rest=rest), points, FAULTS)
    assert not wrong, "\n".join(wrong)
    assert len(points) > 20


def test_any_fault_at_any_point_of_a_small_day_heals_at_once(place: Simulator) -> None:
    """Whatever fails at whatever step of a day of four journals, a run right after puts it right."""
    all_struck(place, SMALL, 0.0)


@pytest.mark.slow
def test_any_fault_at_any_point_of_a_small_day_heals_later(place: Simulator) -> None:
    """Whatever fails at whatever step, a run puts it right after the key has died too."""
    all_struck(place, SMALL, 400.0)


def test_any_fault_at_any_block_of_a_large_day_heals(place: Simulator) -> None:
    """Whatever fails while blocks of journals are sent, each line ends up in Xero once."""
    large = calm_script(LARGE, rest=0.0)
    blocks = [point for point in points_of(place, large) if point.place == PUT]
    assert len(blocks) == 2
    wrong = struck(place, large, blocks, FAULTS)
    assert not wrong, "\n".join(wrong)
