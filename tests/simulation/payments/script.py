"""What a schedule of the payments consists of, drawn from its seed."""

from __future__ import annotations

import random
from typing import NamedTuple

from tests.simulation.chance import Calm, Chance, Random, Rates
from tests.simulation.payments.assumptions import (
    CHECK_COMES_FIRST,
    CHECK_OFF,
    CLOCKS,
    IDS_APPEAR_WITH_KEPT_STORES_ONLY,
    OVERLAP_MINUTES,
    UNDOING_WITH_KEPT_STORES_ONLY,
)
from tests.simulation.payments.faults import (
    DEATHS,
    FAULTS,
    REFUSALS,
    SILENCE,
    WEIGHTS,
    Fault,
)


class Visit(NamedTuple):
    """One run: in which place (each has a clock), and when.

    It begins `after` seconds after the run before it ended, or, `beside` it, after that one began; people
    do `acts` things a little before. `store` says what happened to the store before: nothing, "lost", or
    "old" (an earlier copy put back).
    """

    place: int
    after: float
    beside: bool = False
    acts: int = 0
    store: str = ""


class Script(NamedTuple):
    """A schedule, all but the faults."""

    seed: int
    visits: tuple[Visit, ...]
    rest: float  # between the last fault and the run that must put all right
    duplicate_status: int
    check: str  # LN's own for what it has
    holds: bool  # what is of unknown outcome waits for a person
    retries: int
    parallel: int
    page_size: int
    overlap: int
    ahead: tuple[float, ...]  # the clocks, by place
    touches: bool  # an allocation moves the time of its prepayment
    ids: str  # of allocations: "shown", "hidden", or "appear" before the second run
    undoes: bool  # people take back what they did
    decides: float  # how often, of their acts, people discard, and take that back
    rates: Rates

    def chance(self) -> Chance:
        """Return what decides about the faults."""
        if not self.rates.fault and not self.rates.person:
            return Calm()
        return Random(random.Random(f"faults {self.seed}"), self.rates, FAULTS, WEIGHTS)  # noqa: S311


_GAPS = (0.0, 5.0, 60.0, 200.0, 700.0, 4000.0, 100_000.0)
_ALL: frozenset[Fault] = frozenset(Fault)
# The share of schedules in which LN does not check for what it has.
UNCHECKED = 0.12


def script(seed: int) -> Script:
    """Return the schedule of a seed."""
    rng = random.Random(f"payments {seed}")  # noqa: S311
    check = CHECK_OFF if rng.random() < UNCHECKED else CHECK_COMES_FIRST
    kept = check == CHECK_OFF or rng.random() < 0.7
    kinds = rng.choices((_ALL, SILENCE, DEATHS, REFUSALS), (60, 15, 10, 15))[0]
    overlap = rng.choice((0, OVERLAP_MINUTES, OVERLAP_MINUTES))
    clocks = CLOCKS if overlap else 0.0
    visits = _visits(rng, kept=kept)
    undoes = kept or not UNDOING_WITH_KEPT_STORES_ONLY
    ids_kept = IDS_APPEAR_WITH_KEPT_STORES_ONLY
    return Script(
        seed=seed,
        visits=visits,
        rest=rng.choice((0.0, 30.0, 400.0, 90_000.0)),
        duplicate_status=rng.choice((409, 409, 422, 400, 500)),
        check=check,
        holds=rng.random() < (0.5 if check == CHECK_OFF else 0.1),
        # Where nothing is repeated, a single fault ends a run, or leaves a document failed.
        retries=rng.choice((0, 0, 1, 4)),
        parallel=rng.choice((1, 2, 2, 4)),
        page_size=rng.choice((1000, 1000, 1000, 2)),
        overlap=overlap,
        ahead=tuple(rng.uniform(-clocks / 2, clocks / 2) for _ in range(2)),
        touches=rng.random() < 0.7,
        ids=rng.choice(("shown", "shown", "hidden", "appear" if kept or not ids_kept else "shown")),
        undoes=undoes,
        decides=rng.choice((0.0, 0.2)) if undoes else 0.0,
        rates=Rates(
            fault=rng.choice((0.1, 0.2)) if kinds != _ALL else rng.choice((0.02, 0.04, 0.08)),
            most=rng.choice((1, 2, 3, 5)),
            person=rng.choice((0.0, 0.01, 0.03)),
            kinds=kinds,
        ),
    )


def _visits(rng: random.Random, *, kept: bool) -> tuple[Visit, ...]:
    visits = [Visit(0, 0.0)]
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        beside = rng.random() < 0.2
        store = "" if kept or beside else rng.choice(("", "lost", "old"))
        gap = rng.choice(_GAPS) * rng.uniform(0.8, 1.2)
        visits.append(Visit(rng.randrange(2), gap, beside, rng.choice((0, 1, 2)), store))
    return tuple(visits)
