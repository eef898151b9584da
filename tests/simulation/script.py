"""What a schedule consists of, drawn from its seed: the day, Xero's habits, and one run after another."""

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
from tests.simulation.chance import Calm, Chance, Random, Rates
from tests.simulation.days import LARGE, SMALL, TINY, DayKind
from tests.simulation.faults import (
    DEATHS,
    FAULTS,
    OBJECTIONS,
    REFUSALS,
    SILENCE,
    SLOWNESS,
    WEIGHTS,
    Fault,
)

MACHINES = 3


class Visit(NamedTuple):
    """One run: on which machine (each has a store and a clock), and when.

    It begins `after` seconds after the run before it ended, or, `beside` it, after that one began.
    `store` says what happened to the store before: nothing, "lost", or "old" (an earlier copy put back).
    With `deleted`, a person deletes a draft a little before.
    """

    machine: int
    after: float
    beside: bool = False
    store: str = ""
    deleted: bool = False


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
        return Random(random.Random(f"faults {self.seed}"), self.rates, FAULTS, WEIGHTS)  # noqa: S311


_GAPS = (0.0, 5.0, 40.0, 100.0, 235.0, 290.0, 370.0, 430.0, 700.0, 4000.0)
_ALL = frozenset(Fault)


def script(seed: int) -> Script:
    """Return the schedule of a seed."""
    rng = random.Random(f"script {seed}")  # noqa: S311
    if rng.random() < _GHOSTS:
        return _of_ghosts(seed, rng)
    one_store = rng.random() < 0.45
    themes = (_ALL, SLOWNESS, SILENCE, DEATHS, OBJECTIONS)
    kinds = rng.choices(themes, (60, 12, 18, 10, 10 if one_store else 0))[0]
    if not one_store and REFUSALS_WITH_ONE_STORE_ONLY:
        kinds -= REFUSALS
    kind = rng.choices((SMALL, TINY, LARGE), (6, 3, 1))[0]
    visits = _visits(rng, one_store=one_store)
    if not one_store and rng.random() < _MEETINGS:
        kinds, visits = rng.choice((SILENCE, DEATHS)), _meeting(rng)
    late = kind is not LARGE and len(visits) > 1 and rng.random() < 0.2
    themed = not kinds >= _ALL - REFUSALS
    return Script(
        seed=seed,
        day=kind,
        late_from=len(visits) - 1 if late else None,
        parallel=rng.choice((1, 2, 2, 4)),
        stale=rng.choice((0.0, 0.0, rng.uniform(1, STALE), STALE)),
        shows_deleted=not ((one_store or not HIDDEN_DELETIONS_WITH_ONE_STORE_ONLY) and rng.random() < 0.2),
        reverses=rng.random() < 0.2,
        ahead=tuple(rng.uniform(-CLOCKS / 2, CLOCKS / 2) for _ in range(MACHINES)),
        visits=visits,
        rest=rng.choice((0.0, 30.0, 100.0, 250.0, 400.0, 750.0, 90_000.0)),
        removes=one_store or not REMOVALS_WITH_ONE_STORE_ONLY,
        fresh_at_end=rng.random() < 0.3 and not one_store,
        rates=Rates(
            fault=rng.choice((0.1, 0.2)) if themed else rng.choice((0.02, 0.04, 0.08, 0.15)),
            most=rng.choice((1, 2, 3, 5, 8)),
            person=rng.choice((0.0, 0.0, 0.01, 0.03)),
            kinds=kinds,
        ),
    )


def _visits(rng: random.Random, *, one_store: bool) -> tuple[Visit, ...]:
    visits = [Visit(0, 0.0)]
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        machine = 0 if one_store else rng.randrange(MACHINES)
        # Those under way when this one begins: the last that waited for others to end, and all beside it.
        began = max(number for number, one in enumerate(visits) if not one.beside)
        free = SAME_STORE_TOGETHER or all(one.machine != machine for one in visits[began:])
        beside = free and rng.random() < 0.7
        store = "" if one_store or beside else rng.choice(("", "", "lost", "lost", "old"))
        visits.append(Visit(machine, rng.choice(_GAPS) * rng.uniform(0.8, 1.2), beside, store))
    return tuple(visits)


# The share, of schedules with several stores, in which two that know different things meet.
_MEETINGS = 0.2


def _meeting(rng: random.Random) -> tuple[Visit, ...]:
    """Return runs of which the first may fail, and later goes on at the very time at which another begins."""
    second = Visit(1, rng.uniform(600, 800))
    third = Visit(0, rng.choice((rng.uniform(0, 3), rng.uniform(0, 60))), beside=True)
    return (
        (Visit(0, 0.0), second, third)
        if rng.random() < 0.5
        else (
            Visit(0, 0.0),
            third._replace(after=second.after, beside=False),
            second._replace(after=third.after, beside=True),
        )
    )


# The share of schedules about answers that Xero has kept for journals that are gone.
_GHOSTS = 0.06


def _of_ghosts(seed: int, rng: random.Random) -> Script:
    """Return a schedule in which a draft is deleted and its store lost while its key still answers for it.

    Lists hide what is deleted, are never stale, and nothing is carried out late: what a store knew of used
    numbers matters here, and one run after another starts without it.
    """
    again = [
        Visit(0, rng.choice((1.0, 30.0, 100.0, 400.0)), store=rng.choice(("lost", "lost", "")), deleted=True)
        for _ in range(rng.choice((1, 2)))
    ]
    return Script(
        seed=seed,
        day=rng.choice((TINY, SMALL)),
        late_from=None,
        parallel=rng.choice((1, 2)),
        stale=0.0,
        shows_deleted=False,
        reverses=False,
        ahead=tuple(rng.uniform(-CLOCKS / 2, CLOCKS / 2) for _ in range(MACHINES)),
        visits=(Visit(0, 0.0), *again),
        rest=rng.choice((0.0, 100.0, 750.0)),
        removes=False,
        fresh_at_end=False,
        rates=Rates(
            0.02, rng.choice((0, 1)), 0.0, frozenset({Fault.CRASH, Fault.CRASH_DONE, Fault.RESET_DONE})
        ),
    )
