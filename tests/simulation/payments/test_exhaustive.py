"""Every kind of fault at every point where a run of the payments touches the outside, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulation.chance import STORE, Rates
from tests.simulation.exhaustive import points_of, struck
from tests.simulation.payments.assumptions import CHECK_COMES_FIRST, CHECK_OFF, OVERLAP_MINUTES
from tests.simulation.payments.faults import FAULTS, LN_TOKEN, POST, READ, XERO_TOKEN
from tests.simulation.payments.script import Script, Visit
from tests.simulation.simulator import Simulator, simulator
from tests.simulation.subjects import PAYMENTS

# Of a payment from a client, one to an employee whom LN does not know, a prepayment, what is applied of it,
# and a payment of a client without a code. Two post side by side.
SMALL_DAY = Script(
    seed=1,
    visits=(Visit(0, 0.0),),
    rest=0.0,
    duplicate_status=409,
    check=CHECK_COMES_FIRST,
    holds=False,
    retries=4,
    parallel=2,
    page_size=1000,
    overlap=OVERLAP_MINUTES,
    ahead=(0.0, 0.0),
    touches=True,
    ids="shown",
    undoes=True,
    decides=0.0,
    rates=Rates(0.0, 0, 0.0, frozenset()),
)


@pytest.fixture(scope="module")
def place() -> Iterator[Simulator]:
    """Give the tests a place to play schedules in."""
    with simulator(PAYMENTS) as opened:
        yield opened


def all_struck(place: Simulator, **other: Any) -> None:
    """Require that a small day comes right after any fault at any point of its first run."""
    script = SMALL_DAY._replace(**other)
    points = [point for point in points_of(place, script) if point.run == 1]
    assert {point.place for point in points} == {POST, LN_TOKEN, READ, XERO_TOKEN, STORE}
    assert [point.place for point in points].count(POST) == 4
    wrong = struck(place, script, points, FAULTS)
    assert not wrong, "\n".join(wrong)


def test_any_fault_at_any_point_of_a_small_day_heals_at_once(place: Simulator) -> None:
    """Whatever fails at whatever step of a small day, a run right after puts it right."""
    all_struck(place)


@pytest.mark.slow
@pytest.mark.parametrize(
    "other",
    [
        {"duplicate_status": 422, "rest": 400.0, "parallel": 1},
        {"duplicate_status": 400, "retries": 0, "page_size": 2, "overlap": 0},
        {"duplicate_status": 500, "touches": False, "ids": "hidden", "rest": 90_000.0},
        {"check": CHECK_OFF, "holds": True},
    ],
    ids=["422, later", "400, no retries, small pages", "500, unmoved and without ids", "no check, held"],
)
def test_any_fault_at_any_point_heals_however_xero_and_ln_behave(
    place: Simulator, other: dict[str, Any]
) -> None:
    """Whatever fails, a run puts it right in worlds of other habits too."""
    all_struck(place, **other)


@pytest.mark.slow
def test_no_single_fault_lets_a_run_post_twice(place: Simulator) -> None:
    """Where LN does not check for what it has, no run books a document twice, whatever fails."""
    all_struck(place, check=CHECK_OFF)
