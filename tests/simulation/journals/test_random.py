"""Thousands of schedules of whole runs, and that each can be repeated, shortened, and holds."""

from __future__ import annotations

import pytest

from tests.simulation.chance import Calm, Rates
from tests.simulation.journals.faults import Fault
from tests.simulation.journals.judge import Judge
from tests.simulation.journals.script import DATE, THEMES, Script, Visit, script
from tests.simulation.many import report, timed
from tests.simulation.play import Pause, StoreFault
from tests.simulation.replayed import shown_whatever_the_hashes
from tests.simulation.shrink import Shrinking
from tests.simulation.simulator import Simulator, simulator
from tests.simulation.subjects import JOURNALS, subject

# So many schedules the checks play each time; the first ones are other ones than those of the quick test.
_FIRST, _SCHEDULES = 1000, 1000


def trace_of(place: Simulator, seed: int) -> list[str]:
    """Return what happens in a schedule."""
    trace: list[str] = []
    place.play(seed, trace=trace)
    return trace


def test_a_seed_takes_the_same_course_whatever_came_before() -> None:
    """A schedule played alone and after others is the same schedule, step by step."""
    with simulator() as place:
        alone = {seed: trace_of(place, seed) for seed in (3, 4)}
    with simulator() as place:
        assert {seed: trace_of(place, seed) for seed in (4, 3)} == alone


@pytest.mark.slow
def test_a_seed_takes_the_same_course_in_every_process() -> None:
    """Python's own random order of hashes changes nothing of a schedule."""
    shown = shown_whatever_the_hashes(JOURNALS, 8)
    assert len(shown) == 1
    assert "all is well" in shown.pop()


def test_fifteen_schedules_hold() -> None:
    """Fifteen schedules of whole runs break no rule."""
    with simulator() as place:
        for seed in range(15):
            place.play(seed)


def test_each_theme_is_met_in_a_thousand_schedules() -> None:
    """A thousand seeds bring about each theme a dozen times at least."""
    themes = [script(seed).theme for seed in range(1000)]
    assert min(themes.count(name) for name in THEMES) >= 12


def test_a_failing_schedule_is_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a schedule that fails, what has nothing to do with the failure is left out."""

    def never_content(judge: Judge, *_args: object) -> None:
        judge.broken.append("never content")

    monkeypatch.setattr(Judge, "said", never_content)
    visits = tuple(Visit(number, DATE, acts=("post",)) for number in (1, 2, 3))
    made = Script(1, "by hand", visits, Rates(0.0, 0, 0.0, frozenset()))
    with simulator() as place:
        found = Shrinking(place, subject(JOURNALS).faults).shrunk(made)
    assert found is not None
    assert [len(visit.acts) for visit in found.script.visits] == [0]
    assert isinstance(made.chance(), Calm)


@pytest.mark.slow(minutes=8)
def test_many_schedules_hold() -> None:
    """A thousand schedules of whole runs break no rule, and every kind of fault strikes in them."""
    tally, seconds = list(timed(range(_FIRST, _FIRST + _SCHEDULES)))[-1]
    print(report(tally, seconds))
    assert not tally.failures, report(tally, seconds)
    assert {str(kind) for kind in (*Fault, *Pause, *StoreFault)} <= tally.faults.keys()
