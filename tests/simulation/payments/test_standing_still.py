"""Two runs that stand still: the second one, once it has taken over from the first."""

from __future__ import annotations

from itertools import takewhile

from tests.simulation.exhaustive import points_of
from tests.simulation.payments.faults import FAULTS
from tests.simulation.payments.script import SMALL, Visit
from tests.simulation.play import Pause
from tests.simulation.recorded import Again, Place
from tests.simulation.simulator import simulator
from tests.simulation.subjects import PAYMENTS

TWO_RUNS = SMALL._replace(visits=(Visit(0, 0.0), Visit(1, 300.0, beside=True)))


def test_a_run_that_took_over_may_post_though_the_other_wakes_up_first() -> None:
    """A run that took over, and stood still, breaks no rule, wherever the run before it stood still."""
    with simulator(PAYMENTS) as place:
        before_lists = list(
            takewhile(lambda point: not point.name.endswith("/Payments"), points_of(place, SMALL))
        )
        there = Place(2, before_lists[-1].touch)
        for point in before_lists:
            faults = {Place(1, point.touch): Pause.LONG, there: Pause.LONG}
            place.play_script(TWO_RUNS, Again(faults, (), FAULTS))
