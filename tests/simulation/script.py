"""What a schedule consists of, drawn from its seed: the day, Xero's habits, and the runs one after another."""

from __future__ import annotations

import random
from typing import NamedTuple

from tests.simulation.assumptions import (
    CLOCKS,
    HIDDEN_DELETIONS_WITH_ONE_STORE_ONLY,
    REFUSALS_WITH_ONE_STORE_ONLY,
    REMOVALS_WITH_ONE_STORE_ONLY,
    SAME_STORE_TOGETHER,
    STALE,
)
from tests.simulation.days import LARGE, SMALL, TINY, DayKind
from tests.simulation.faults import REFUSALS, Calm, Chance, Random, Rates

MACHINES = 3


class Visit(NamedTuple):
    """One run: on which machine (each has a store and a clock), and when.

    It begins `after` seconds after the run before it ended, or, `beside` it, after that one began.
    `store` says what happened to the store before: nothing, "lost", or "old" (an earlier copy put back).
    """

    machine: int
    after: float
    beside: bool
    store: str


class Script(NamedTuple):
    """A schedule, all but the faults."""

    seed: int
    day: DayKind
    late_from: int | None  # from this visit on, the day has more lines
    parallel: int
    stale: float
    shows_deleted: bool
    reverses: bool
    ahead: tuple[float, ...]  # the machines' clocks
    visits: tuple[Visit, ...]
    rest: float  # between the last fault and the run that must put all right
    removes: bool  # people delete and void
    fresh_at_end: bool  # a last run with an empty store
    rates: Rates

    def chance(self) -> Chance:
        """Return what decides about the faults."""
        if not self.rates.fault and not self.rates.person:
            return Calm()
        return Random(random.Random(f"faults {self.seed}"), self.rates)


_GAPS = (0.0, 5.0, 40.0, 100.0, 235.0, 290.0, 370.0, 430.0, 700.0, 4000.0)


def script(seed: int) -> Script:
    """Return the schedule of a seed."""
    rng = random.Random(f"script {seed}")
    kind = rng.choices((SMALL, TINY, LARGE), (6, 3, 1))[0]
    one_store = rng.random() < 0.45
    visits: list[Visit] = []
    for number in range(rng.choice((1, 1, 2, 2, 3))):
        first = number == 0
        machine = 0 if one_store or first else rng.randrange(MACHINES)
        beside = not first and rng.random() < 0.5 and (SAME_STORE_TOGETHER or machine != visits[-1].machine)
        if beside and any(one.machine == machine for one in visits) and not SAME_STORE_TOGETHER:
            beside = False
        gap = rng.choice(_GAPS)
        after = 0.0 if first else gap * rng.uniform(0.8, 1.2)
        store = "" if one_store or first or beside else rng.choice(("", "", "lost", "lost", "old"))
        visits.append(Visit(machine, after, beside, store))
    shows = (one_store and HIDDEN_DELETIONS_WITH_ONE_STORE_ONLY and rng.random() < 0.8) or not one_store
    without = frozenset() if one_store or not REFUSALS_WITH_ONE_STORE_ONLY else REFUSALS
    rates = Rates(
        fault=rng.choice((0.02, 0.04, 0.08, 0.15)),
        most=rng.choice((1, 2, 3, 5, 8)),
        person=rng.choice((0.0, 0.0, 0.01, 0.03)),
        without=without,
    )
    return Script(
        seed=seed,
        day=kind,
        late_from=len(visits) - 1 if kind is not LARGE and len(visits) > 1 and rng.random() < 0.2 else None,
        parallel=rng.choice((1, 2, 2, 4)),
        stale=rng.choice((0.0, 0.0, rng.uniform(1, STALE), STALE)),
        shows_deleted=shows,
        reverses=rng.random() < 0.2,
        ahead=tuple(rng.uniform(-CLOCKS / 2, CLOCKS / 2) for _ in range(MACHINES)),
        visits=tuple(visits),
        rest=rng.choice((0.0, 30.0, 100.0, 250.0, 400.0, 750.0, 90_000.0)),
        removes=one_store or not REMOVALS_WITH_ONE_STORE_ONLY,
        fresh_at_end=rng.random() < 0.3 and not REFUSALS_WITH_ONE_STORE_ONLY,
        rates=rates,
    )
