"""What a schedule consists of, drawn from its seed: days, machines and stores, Xero's habits, and runs.

A theme makes a situation common that chance alone would hardly ever bring about; `THEMES` names them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from tests.simulation.chance import STORE, Calm, Chance, Random, Rates
from tests.simulation.journals.assumptions import BOUNDS, QUIET, WRONG_CLOCK, Bounds
from tests.simulation.journals.faults import (
    CHANGE,
    CLOCKS_JUMP,
    DEATHS,
    FAULTS,
    LINES,
    LIST,
    MORE,
    OBJECTIONS,
    PAUSES,
    PUT,
    REFUSALS,
    SILENCE,
    SLOWNESS,
    USUAL,
    WEIGHTS,
    WRITES_FIRST,
    Fault,
)
from tests.simulation.journals.mambu import LARGE, SINGLE_ONES, SMALL, TINY, Kind
from tests.simulation.journals.people import EDITS, HARMLESS, REMOVALS, SETTINGS, STIRRING
from tests.simulation.play import Pause

MACHINES = 3
NIGHT, DATE, WITHDRAW, WATCH = "night", "date", "withdraw", "watch"
REHEARSAL, REFRESH = "rehearsal", "refresh"
ONE_STORE, SHARED, SEPARATE = (0, 0, 0), (0, 0, 1), (0, 1, 2)
LATE, TAKEN_BACK, REVERSED = "late lines", "lines taken back", "lines reversed"
HIDE, SHOW, ZONE = "a branch is hidden", "the branch is shown", "another zone"
LABEL, MAP, ORGANISATION = "another label", "another account map", "another organisation"


class Visit(NamedTuple):
    """A run: of which kind, on which machine, and when.

    It begins `after` seconds after the one before it ended or, `beside` it, after that one began; a night at
    the next half past midnight and `after`. `back` says of which day it is, counted back from the last that
    is over. `store` says what happened to the store before: nothing, "lost", or "old" (an earlier copy put
    back). `acts` are done before. `options` are those of a withdrawal.
    """

    number: int
    kind: str
    machine: int = 0
    after: float = 0.0
    beside: bool = False
    back: int = 1
    store: str = ""
    acts: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class Script(NamedTuple):
    """A schedule, all but the faults. `stores` gives the store of each machine, `ahead` its clock."""

    seed: int
    theme: str
    visits: tuple[Visit, ...]
    rates: Rates
    kind: Kind = SMALL
    days: int = 3
    stores: tuple[int, ...] = ONE_STORE
    ahead: tuple[float, ...] = (0.0, 0.0, 0.0)
    parallel: int = 2
    stale: float = 0.0
    page_size: int = 0  # of the lists of both systems; 0 leaves it as it is
    block: int = 0  # how many journals a request holds, from one more than these on; 0 leaves it as it is
    uneven: bool = False  # whether lists lag for each journal by another time
    other: str = ""  # whether the connection can lead to another organisation: "", "refused" or "served"
    shows_deleted: bool = True
    reverses: bool = False
    zone: str = "Europe/London"
    late_hours: bool = False
    first_day: bool = True
    rest: float = 0.0  # between the last fault and the first run of the quiet world
    healer: int = 0  # the machine of the quiet world's runs
    fresh_at_end: bool = False
    acts: tuple[str, ...] = ()
    weights: Mapping[str, float] = MappingProxyType(WEIGHTS)
    acting: Mapping[str, float] = MappingProxyType({})
    pauses: tuple[float, float] | None = None  # how long a long pause is, where not as long as any
    bounds: Bounds = BOUNDS

    def chance(self) -> Chance:
        """Return what decides about the faults."""
        if not self.rates.fault and not self.rates.person:
            return Calm()
        rng = random.Random(f"faults {self.seed}")  # noqa: S311
        return Random(rng, self.rates, FAULTS, self.weights, self.acting)


_GAPS = (0.0, 5.0, 40.0, 100.0, 235.0, 290.0, 370.0, 430.0, 700.0, 4000.0)
_NONE: frozenset[StrEnum] = frozenset()


def script(seed: int, bounds: Bounds = BOUNDS) -> Script:
    """Return the schedule of a seed."""
    rng = random.Random(f"script {seed}")  # noqa: S311
    names = list(THEMES)
    theme = rng.choices(names, [THEMES[name][0] for name in names])[0]
    made = THEMES[theme][1](seed, rng)
    skew = bounds.clocks / 2
    return made._replace(
        theme=theme,
        bounds=bounds,
        stale=min(made.stale * bounds.stale, bounds.stale),
        ahead=tuple(ahead or rng.uniform(-skew, skew) for ahead in made.ahead),
        rest=rng.choice((0.0, 30.0, 100.0, 250.0, 400.0, 750.0)),
    )


def _numbered(visits: list[Visit]) -> tuple[Visit, ...]:
    return tuple(visit._replace(number=number) for number, visit in enumerate(visits, 1))


def _script(seed: int, visits: list[Visit], rates: Rates) -> Script:
    return Script(seed, "", _numbered(visits), rates)


def _gap(rng: random.Random) -> float:
    return rng.choice(_GAPS) * rng.uniform(0.8, 1.2)


def _stale(rng: random.Random) -> float:
    """Return how much of the bound a list lags behind."""
    return rng.choice((0.0, 0.0, rng.uniform(0.02, 1), 1.0))


def _rates(
    rng: random.Random, kinds: frozenset[StrEnum], *, person: float | None = None, themed: bool = True
) -> Rates:
    fault = rng.choice((0.08, 0.15)) if themed else rng.choice((0.01, 0.02, 0.04, 0.08))
    acts = rng.choice((0.0, 0.0, 0.01, 0.03)) if person is None else person
    return Rates(fault if kinds else 0.0, rng.choice((1, 2, 3, 5)), acts, kinds)


def _first(rng: random.Random) -> Visit:
    return Visit(0, rng.choice((NIGHT, NIGHT, DATE)))


def _one_store(seed: int, rng: random.Random) -> Script:
    """One store from the first run to the last: whatever can happen to a run, to people and to Mambu."""
    stores = rng.choice((ONE_STORE, SHARED))
    visits = [_first(rng)]
    for _ in range(rng.choice((0, 1, 1, 2))):
        kind = rng.choices((DATE, NIGHT, REFRESH, REHEARSAL, WATCH), (6, 3, 1, 1, 1))[0]
        machine = rng.randrange(2)
        beside = kind != NIGHT and rng.random() < 0.4
        acts = (rng.choice((LATE, TAKEN_BACK)),) if rng.random() < 0.2 and not beside else ()
        visits.append(Visit(0, kind, machine, _gap(rng), beside, rng.choice((1, 1, 2)), acts=acts))
    themes = (USUAL, SLOWNESS, SILENCE, DEATHS, OBJECTIONS)
    kinds = rng.choices(themes, (60, 10, 16, 8, 8))[0]
    return _script(seed, visits, _rates(rng, kinds, themed=kinds is not USUAL))._replace(
        kind=rng.choices((SMALL, TINY, LARGE), (7, 3, 0.6))[0],
        stores=stores,
        parallel=rng.choice((1, 2, 2, 4)),
        stale=_stale(rng),
        shows_deleted=rng.random() < 0.85,
        reverses=rng.random() < 0.2,
        first_day=rng.random() < 0.8,
        acts=(*HARMLESS, *EDITS, *REMOVALS),
    )


def _separate(seed: int, rng: random.Random) -> Script:
    """Stores of their own, lost stores and old copies: two that know different things meet."""
    stores = rng.choice((SEPARATE, SEPARATE, SHARED))
    visits = [_first(rng)]
    for _ in range(rng.choice((1, 1, 2))):
        machine = rng.randrange(MACHINES)
        began = max(number for number, one in enumerate(visits) if not one.beside)
        free = all(stores[one.machine] != stores[machine] for one in visits[began:])
        beside = free and rng.random() < 0.7
        store = "" if beside else rng.choice(("", "", "lost", "lost", "old"))
        kind = DATE if beside or rng.random() < 0.7 else NIGHT
        visits.append(Visit(0, kind, machine, _gap(rng), beside, rng.choice((1, 1, 1, 2)), store))
    kinds = rng.choices((USUAL - REFUSALS, SLOWNESS, SILENCE, DEATHS), (50, 12, 20, 12))[0]
    return _script(seed, visits, _rates(rng, kinds, themed=kinds != USUAL - REFUSALS))._replace(
        kind=rng.choices((SMALL, TINY, LARGE), (6, 3, 0.6))[0],
        stores=stores,
        parallel=rng.choice((1, 2, 2, 4)),
        stale=_stale(rng),
        acts=(*HARMLESS, *EDITS),
        fresh_at_end=rng.random() < 0.3,
    )


def _meeting(seed: int, rng: random.Random) -> Script:
    """A run that may fail and later goes on at the very time at which another begins, with another store."""
    again = rng.uniform(600, 800)
    close = rng.choice((rng.uniform(0, 3), rng.uniform(0, 60)))
    order = rng.choice(((1, 0), (0, 1)))
    visits = [Visit(0, DATE), Visit(0, DATE, order[0], again), Visit(0, DATE, order[1], close, beside=True)]
    if rng.random() < 0.5:
        # Lines that came late let the two pack what is missing in different ways.
        visits[2] = visits[2]._replace(acts=(LATE,))
    rates = _rates(rng, rng.choice((SILENCE, DEATHS, SLOWNESS, _NONE)), person=0.0)
    return _script(seed, visits, rates)._replace(
        kind=rng.choice((SMALL, SMALL, TINY)),
        stores=SEPARATE,
        parallel=rng.choice((1, 2)),
        stale=_stale(rng),
        fresh_at_end=rng.random() < 0.3,
    )


def _blocks(seed: int, rng: random.Random) -> Script:
    """A request holds several journals, and lists show some of them before others while others look.

    Lines that come late let two runs see different members of one block.
    """
    beside = rng.random() < 0.7
    visits = [
        Visit(0, DATE),
        Visit(0, DATE, 1 if beside else 0, rng.uniform(0, 50), beside, store="" if beside else "lost"),
    ]
    if rng.random() < 0.5:
        visits[1] = visits[1]._replace(acts=(LATE,))
    if rng.random() < 0.4:
        visits.append(Visit(0, rng.choice((DATE, NIGHT)), rng.randrange(MACHINES), _gap(rng)))
    rates = _rates(rng, rng.choice((_NONE, _NONE, SILENCE, DEATHS, SLOWNESS)), person=0.0)
    return _script(seed, visits, rates)._replace(
        kind=SINGLE_ONES,
        stores=SEPARATE,
        parallel=rng.choice((1, 1, 2)),
        stale=rng.choice((rng.uniform(0.2, 1), 1.0)),
        block=rng.choice((2, 3)),
        uneven=True,
    )


def _organisations(seed: int, rng: random.Random) -> Script:
    """The connection leads to another organisation of Xero's for some runs, and then back."""
    visits = [_first(rng)]
    for turn in range(rng.choice((2, 2, 3))):
        kind = rng.choices((DATE, NIGHT, WITHDRAW, REHEARSAL), (5, 6, 2, 1))[0]
        acts = (ORGANISATION,) if turn == 0 or rng.random() < 0.7 else ()
        if rng.random() < 0.3:
            acts = (*acts, rng.choice((LATE, "post", "add to the name")))
        visits.append(Visit(0, kind, rng.randrange(2), _gap(rng), acts=acts, back=rng.choice((1, 1, 2))))
    rates = _rates(rng, rng.choice((_NONE, _NONE, SILENCE, DEATHS, SLOWNESS)), person=rng.choice((0.0, 0.01)))
    return _script(seed, visits, rates)._replace(
        kind=rng.choice((SMALL, TINY)),
        stores=rng.choice((ONE_STORE, SHARED)),
        stale=_stale(rng),
        other=rng.choice(("served", "served", "refused")),
        acts=HARMLESS,
    )


def _branch(seed: int, rng: random.Random) -> Script:
    """The API user may see some of Mambu's branches only, from any page of a run on, and then all again."""
    visits = [Visit(0, rng.choice((NIGHT, DATE)))]
    for _ in range(rng.choice((1, 2, 2))):
        acts = (rng.choice((HIDE, SHOW, SHOW, LATE)),) if rng.random() < 0.6 else ()
        kind = rng.choices((DATE, NIGHT, REFRESH, REHEARSAL), (4, 4, 1, 1))[0]
        visits.append(Visit(0, kind, after=_gap(rng), acts=acts, store=rng.choice(("", "", "", "lost"))))
    rates = _rates(rng, rng.choice((_NONE, _NONE, SLOWNESS, DEATHS)), person=0.004)
    return _script(seed, visits, rates)._replace(
        kind=rng.choice((SMALL, SINGLE_ONES)),
        days=4,
        page_size=2,
        stale=_stale(rng),
        acts=(HIDE, SHOW),
        acting=MappingProxyType({LINES: 40.0}),
    )


def _ghosts(seed: int, rng: random.Random) -> Script:
    """A draft is deleted and its store lost while its key still answers for it; lists hide what is deleted.

    They are never stale, and nothing is carried out late: what a store knew of used numbers matters here,
    and one run after another starts without it.
    """
    visits = [Visit(0, DATE)]
    for _ in range(rng.choice((1, 2))):
        store = rng.choice(("lost", "lost", ""))
        visits.append(
            Visit(0, DATE, after=rng.choice((1.0, 30.0, 100.0, 400.0)), store=store, acts=("delete",))
        )
    kinds = frozenset({Fault.CRASH, Fault.CRASH_DONE, Fault.RESET_DONE})
    return _script(seed, visits, Rates(0.02, rng.choice((0, 1)), 0.0, kinds))._replace(
        kind=rng.choice((TINY, SMALL)),
        parallel=rng.choice((1, 2)),
        shows_deleted=False,
    )


def _unanswered(seed: int, rng: random.Random) -> Script:
    """One request after another gets no answer, until its key may be forgotten."""
    visits = [Visit(0, DATE)]
    if rng.random() < 0.5:
        visits.append(Visit(0, DATE, rng.randrange(2), _gap(rng), beside=rng.random() < 0.5))
    kinds = frozenset({Fault.TIMEOUT, rng.choice((Fault.TIMEOUT_LATE, Fault.EMPTY_504_LATE, Fault.SLOW))})
    return _script(seed, visits, Rates(0.9, rng.choice((3, 4, 5, 6)), 0.0, kinds))._replace(
        kind=rng.choice((SMALL, TINY)),
        stores=rng.choice((ONE_STORE, SHARED, SEPARATE)),
        parallel=rng.choice((1, 2)),
        stale=_stale(rng),
        weights=MappingProxyType(WRITES_FIRST),
    )


def _pages(seed: int, rng: random.Random) -> Script:
    """Lists have pages of two, and people move journals from page to page while they are read."""
    visits = [Visit(0, DATE)]
    visits += [Visit(0, DATE, after=QUIET + _gap(rng)) for _ in range(rng.choice((1, 2)))]
    if rng.random() < 0.3:
        visits.append(Visit(0, NIGHT, acts=(LATE,)))
    return Script(
        seed,
        "",
        _numbered(
            [visits[0], *(visit._replace(store=rng.choice(("", "lost", "lost"))) for visit in visits[1:])]
        ),
        _rates(rng, rng.choice((_NONE, SLOWNESS)), person=0.01),
        kind=SINGLE_ONES,
        page_size=2,
        # Where lists do not show what is deleted, a deletion moves all that comes behind it to the front.
        shows_deleted=rng.random() < 0.3,
        stale=_stale(rng),
        acts=(*STIRRING, "delete", "delete", "delete"),
        acting=MappingProxyType({LIST: 5.0, MORE: 40.0}),
    )


# Where a process is to stand still: its last look is behind it, and its next write not yet written down.
_BEFORE_SENDING = {
    **dict.fromkeys(FAULTS, 0.0),
    STORE: 0.02,
    "store.sending": 1.0,
    "store.journals": 0.1,
    "store.move": 0.1,
}


def _lease(seed: int, rng: random.Random) -> Script:
    """Two machines share a store, and one stands still while the other takes its day over."""
    other = rng.choice((DATE, WITHDRAW, WITHDRAW))
    visits = [
        Visit(0, DATE),
        Visit(0, other, 1, rng.uniform(0, 30), beside=True, acts=(rng.choice((LATE, "post")),)),
    ]
    if rng.random() < 0.5:
        visits.append(Visit(0, DATE, rng.randrange(2), _gap(rng)))
    kinds: frozenset[StrEnum] = frozenset({Pause.LONG})
    return _script(seed, visits, Rates(0.4, rng.choice((1, 2)), 0.0, kinds))._replace(
        kind=SMALL,
        stores=SHARED,
        parallel=rng.choice((1, 1, 2)),
        weights=MappingProxyType(_BEFORE_SENDING),
        # Longer than a lease lives, and shorter than a look at Xero may rest.
        pauses=rng.choice(((180.0, 236.0), (180.0, 236.0), None)),
    )


_MOMENTS: frozenset[StrEnum] = frozenset({Pause.SHORT})


def _pause(seed: int, rng: random.Random) -> Script:
    """A process stands still, for longer than anybody reckons with, between its last check and a write."""
    stores = rng.choice((SHARED, SHARED, SEPARATE))
    visits = [
        Visit(0, rng.choice((DATE, NIGHT))),
        Visit(0, DATE, 1, rng.choice((rng.uniform(1, 60), rng.uniform(200, 900))), beside=True),
    ]
    rates = Rates(0.5, rng.choice((1, 1, 2)), 0.0, rng.choice((PAUSES, PAUSES, _MOMENTS)))
    return _script(seed, visits, rates)._replace(
        kind=rng.choice((SMALL, TINY)),
        stores=stores,
        parallel=rng.choice((1, 2)),
        stale=_stale(rng),
        weights=MappingProxyType(WRITES_FIRST),
        # Longer than its key answers, and shorter than its token lives.
        pauses=rng.choice((None, (700.0, 1700.0), (700.0, 1700.0))),
        healer=1,
    )


def _withdrawal(seed: int, rng: random.Random) -> Script:
    """A day is withdrawn, and sent afresh at once, or as late as one likes."""
    options = tuple(one for one in ("posted", "edited") if rng.random() < 0.4)
    before = tuple(
        rng.choice(("post", "add to the name", "change amounts", "copy")) for _ in range(rng.randrange(3))
    )
    visits = [
        Visit(0, DATE),
        Visit(0, WITHDRAW, after=_gap(rng), acts=before, options=options),
        Visit(
            0,
            rng.choice((DATE, DATE, DATE, WITHDRAW, NIGHT)),
            after=rng.choice((0.0, 1.0, 20.0, 60.0, 400.0)),
        ),
    ]
    if rng.random() < 0.3:
        visits.append(Visit(0, DATE, after=_gap(rng)))
    late = frozenset({Fault.TIMEOUT_LATE, Fault.EMPTY_504_LATE, Fault.CRASH_LATE, Fault.TWICE})
    if rng.random() < 0.5:
        late = frozenset({Fault.CRASH_LATE})
    kinds = rng.choices((late, SILENCE, USUAL - REFUSALS, _NONE), (45, 20, 20, 15))[0]
    return _script(seed, visits, _rates(rng, kinds, person=rng.choice((0.0, 0.0, 0.01))))._replace(
        kind=rng.choice((SMALL, TINY)),
        stale=rng.choice((0.0, 1.0, 1.0)),
        parallel=rng.choice((1, 2, 4)),
        acts=(*HARMLESS, "change amounts", "delete"),
        weights=MappingProxyType({**WRITES_FIRST, CHANGE: 6.0, PUT: 0.3, STORE: 0.1}),
    )


def _people(seed: int, rng: random.Random) -> Script:
    """People edit what was sent, before further nights and runs of the same date; the store may be lost."""
    edits = (*EDITS, *REMOVALS, "rewrite all texts", "rewrite a text", "rename", "add lines")

    def some() -> tuple[str, ...]:
        return tuple(rng.choice(edits) for _ in range(rng.choice((1, 2, 2, 3))))

    visits = [Visit(0, DATE)]
    for _ in range(rng.choice((1, 2))):
        store = rng.choice(("", "", "", "lost", "old"))
        kind = rng.choice((DATE, DATE, NIGHT, WITHDRAW))
        gap = QUIET + _gap(rng)
        options = tuple(one for one in ("posted", "edited") if rng.random() < 0.3)
        visits.append(Visit(0, kind, after=gap, store=store, acts=some(), options=options))
    rates = _rates(rng, rng.choice((_NONE, _NONE, SLOWNESS)), person=rng.choice((0.0, 0.01)))
    return _script(seed, visits, rates)._replace(
        kind=rng.choice((SMALL, SMALL, TINY)),
        stale=_stale(rng),
        acts=HARMLESS,
        fresh_at_end=rng.random() < 0.2,
    )


def _nights(seed: int, rng: random.Random) -> Script:
    """Several nights: lines come late, people take some out, Mambu takes some back, a night fails."""
    acts = (
        LATE,
        LATE,
        LATE,
        TAKEN_BACK,
        REVERSED,
        HIDE,
        SHOW,
        *REMOVALS,
        *REMOVALS,
        "copy",
        "post",
        "reverse",
    )

    def some() -> tuple[str, ...]:
        # What a person takes out matters where lines then come late, for then the day is run again.
        usual = tuple(rng.choice(acts) for _ in range(rng.choice((0, 1, 2))))
        return rng.choice((usual, usual, ("delete", LATE, LATE), ("remove a transaction", LATE, LATE)))

    kinds = (NIGHT, NIGHT, NIGHT, WATCH)
    more = [Visit(0, rng.choice(kinds), acts=some()) for _ in range(rng.choice((1, 2)))]
    rates = _rates(rng, rng.choice((_NONE, DEATHS, SILENCE)), person=rng.choice((0.0, 0.0, 0.01)))
    return _script(seed, [Visit(0, NIGHT), *more], rates)._replace(
        kind=rng.choice((SMALL, TINY)),
        days=4,
        stale=_stale(rng),
        acts=(*HARMLESS, "delete"),
    )


def _zone(seed: int, rng: random.Random) -> Script:
    """Mambu's time zone changes between two runs, so that lines of the evening belong to the next day."""
    visits = [
        Visit(0, NIGHT),
        Visit(0, NIGHT, acts=(ZONE,)),
        Visit(0, DATE, after=_gap(rng), back=rng.choice((1, 2)), acts=(ZONE,) if rng.random() < 0.2 else ()),
    ]
    if rng.random() < 0.5:
        visits[1] = Visit(0, DATE, after=_gap(rng), acts=(ZONE,))
    if rng.random() < 0.3:
        visits[2] = visits[2]._replace(store="lost")
    return _script(seed, visits, _rates(rng, rng.choice((_NONE, SLOWNESS, DEATHS)), person=0.0))._replace(
        kind=rng.choice((SMALL, TINY)),
        days=4,
        stale=_stale(rng),
        late_hours=True,
    )


def _clocks(seed: int, rng: random.Random) -> Script:
    """A machine's clock is wrong, or jumps, by up to half an hour."""
    more = [
        Visit(0, rng.choice((DATE, DATE, NIGHT)), rng.randrange(2), _gap(rng))
        for _ in range(rng.choice((1, 2)))
    ]
    kinds = rng.choice((CLOCKS_JUMP, CLOCKS_JUMP | SILENCE, CLOCKS_JUMP | SLOWNESS))
    return _script(seed, [_first(rng), *more], _rates(rng, kinds, person=0.0))._replace(
        kind=rng.choice((SMALL, TINY)),
        stores=rng.choice((ONE_STORE, SHARED)),
        ahead=tuple(rng.uniform(-WRONG_CLOCK, WRONG_CLOCK) for _ in range(MACHINES)),
        stale=_stale(rng),
    )


def _settings(seed: int, rng: random.Random) -> Script:
    """The connection's label or account map changes, books are locked, an account is archived."""
    acts = (LABEL, MAP, LATE, *SETTINGS)
    visits = [_first(rng)]
    for _ in range(rng.choice((1, 2))):
        some = tuple(rng.choice(acts) for _ in range(rng.choice((1, 2))))
        visits.append(Visit(0, rng.choice((DATE, NIGHT, WITHDRAW)), 0, _gap(rng), acts=some))
    rates = _rates(rng, rng.choice((_NONE, USUAL)), person=rng.choice((0.0, 0.01)))
    return _script(seed, visits, rates)._replace(
        kind=rng.choice((SMALL, TINY)),
        stale=_stale(rng),
        acts=(*HARMLESS, *SETTINGS, "delete"),
    )


THEMES: Mapping[str, tuple[float, Callable[[int, random.Random], Script]]] = MappingProxyType(
    {
        "one store": (22, _one_store),
        "separate stores": (16, _separate),
        "a meeting": (9, _meeting),
        "blocks": (4, _blocks),
        "organisations": (5, _organisations),
        "a branch": (4, _branch),
        "ghosts": (4, _ghosts),
        "unanswered": (4, _unanswered),
        "pages": (6, _pages),
        "a lease": (6, _lease),
        "a pause": (6, _pause),
        "a withdrawal": (8, _withdrawal),
        "people": (8, _people),
        "nights": (7, _nights),
        "a zone": (3, _zone),
        "clocks": (4, _clocks),
        "settings": (4, _settings),
    }
)
