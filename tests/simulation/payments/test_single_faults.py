"""Every kind of fault at every point where a run of the payments touches the outside, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import pytest

from tests.simulation.chance import STORE, Point
from tests.simulation.exhaustive import points_of, struck
from tests.simulation.payments.assumptions import CHECK_LAST, CHECK_OFF
from tests.simulation.payments.faults import (
    FAULTS,
    LN_TOKEN,
    MAMBU,
    ONLY_WITH_CHECK,
    POST,
    READ,
    XERO_TOKEN,
    Fault,
)
from tests.simulation.payments.script import SMALL, SMALL_DAY, Script, Visit
from tests.simulation.simulator import Simulator, simulator
from tests.simulation.subjects import PAYMENTS


@pytest.fixture(scope="module")
def place() -> Iterator[Simulator]:
    """Give the tests a place to play schedules in."""
    with simulator(PAYMENTS) as opened:
        yield opened


def points(place: Simulator, script: Script) -> list[Point]:
    """Return the points of the first run of a schedule."""
    return [point for point in points_of(place, script) if point.run == 1]


def of_posting(points: Iterable[Point]) -> list[Point]:
    """Return the points of posting, and of the audit table around it: what habits of Xero and LN bear on."""
    return [point for point in points if point.place == POST or point.name.startswith("store.audit.")]


def healed(
    place: Simulator, script: Script, points: Iterable[Point], faults: Mapping[str, tuple[StrEnum, ...]]
) -> None:
    """Require that a small day comes right after each fault at each of some points."""
    wrong = struck(place, script, points, faults)
    assert not wrong, "\n".join(wrong)


def test_the_points_of_a_small_day(place: Simulator) -> None:
    """A small day posts four documents, and touches each system, and its store."""
    found = points(place, SMALL)
    assert {point.place for point in found} == {POST, LN_TOKEN, READ, XERO_TOKEN, MAMBU, STORE}
    assert [point.place for point in found].count(POST) == 4


def test_each_fault_of_a_post_heals_at_once(place: Simulator) -> None:
    """Each kind of fault at the day's last post is put right by a run right after."""
    posts = [point for point in points(place, SMALL) if point.place == POST]
    healed(place, SMALL, posts[-1:], FAULTS)


def test_each_post_heals_after_what_leaves_its_end_in_doubt(place: Simulator) -> None:
    """Each of the day's documents is in LN once after an answer was lost, before it was booked or after."""
    doubtful = (Fault.TIMEOUT, Fault.EMPTY_504_DONE, Fault.TIMEOUT_LATE, Fault.CRASH_DONE, Fault.CRASH_LATE)
    posts = [point for point in points(place, SMALL) if point.place == POST]
    healed(place, SMALL, posts, {POST: doubtful})


@pytest.mark.slow
def test_any_fault_at_any_point_of_a_small_day_heals_at_once(place: Simulator) -> None:
    """Whatever fails at whatever step of a small day, a run right after puts it right."""
    healed(place, SMALL, points(place, SMALL), FAULTS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "other",
    [
        {"duplicate_status": 422, "rest": 400.0, "retries": 0, "page_size": 2, "overlap": 0},
        {"duplicate_status": 500, "check": CHECK_LAST, "touches": False, "ids": "hidden", "lag": 290.0},
        {"check": CHECK_OFF, "holds": True, "parallel": 1},
    ],
    ids=["422, no retries, small pages", "500, unmoved, without ids, lagging", "no check, held"],
)
def test_faults_heal_however_xero_and_ln_behave(place: Simulator, other: dict[str, Any]) -> None:
    """Whatever fails around a post, a run puts it right in other worlds too."""
    script = SMALL._replace(**other)
    barred = ONLY_WITH_CHECK if script.check == CHECK_OFF else frozenset()
    faults = {name: tuple(one for one in kinds if one not in barred) for name, kinds in FAULTS.items()}
    healed(place, script, of_posting(points(place, script)), faults)


@pytest.mark.slow
def test_any_fault_of_mambu_heals(place: Simulator) -> None:
    """Whatever fails while people are told of a failure, they have one task of it, and none in the end."""
    failing = SMALL._replace(visits=(Visit(0, 0.0), Visit(0, 60.0)), retries=0)
    script = failing._replace(opening=(*SMALL_DAY, "an old payment"))
    found = [point for point in points_of(place, script) if point.place == MAMBU]
    assert found
    healed(place, script, found, FAULTS)
