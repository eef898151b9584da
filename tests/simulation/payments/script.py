"""What a schedule of the payments consists of, drawn from its seed: plain data, all of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from tests.simulation.chance import Calm, Chance, Random, Rates
from tests.simulation.payments import assumptions
from tests.simulation.payments.assumptions import CHECK_FIRST, CHECK_LAST, CHECK_OFF
from tests.simulation.payments.faults import (
    ALL,
    DEATHS,
    FAULTS,
    IN_THE_DARK,
    ONLY_WITH_CHECK,
    REFUSALS,
    SILENCE,
    STANDSTILLS,
    WEIGHTS,
    Fault,
)
from tests.simulation.play import Pause

# Acts of people that are not drawn by their name: something in Xero, or something about the audit table.
ANY, DECIDE = "anything", "decide"
# Nobody does anything for longer than windows overlap.
WAIT = "wait"
LOST, OLD, ELSEWHERE = "lost", "old", "old, and elsewhere"
PAYMENTS, WATCH = "payments", "watch"
# How far lists are behind: always by as much, by less or more with each answer, or for stretches of time.
STEADY, EACH, STRETCHES = "always the same", "with each answer", "for stretches"
# What a run is asked for: times in seconds before it begins, a date in days before.
SINCE, UNTIL, DATE, DRY = "since", "until", "date", "dry run"
_LONG_AGO = 3 * 86_400


class Visit(NamedTuple):
    """One run: in which place (each has a clock, and a home), and when.

    It begins `after` seconds after the run before it ended, or, `beside` it, after that one began; people do
    `acts` a little before. `store` says what happened to the place's store before: nothing, LOST, OLD (an
    earlier copy put back), or ELSEWHERE (the same, in a place that has not seen a later one). `settings` of
    the connection change before it. `flow` is PAYMENTS or WATCH. `asked` is what somebody asks for by hand.
    The credentials lead to the Xero `organisation`, by its number; `named`: the connection names the first.
    """

    place: int
    after: float
    beside: bool = False
    acts: tuple[str, ...] = ()
    store: str = ""
    settings: tuple[tuple[str, str | int], ...] = ()
    flow: str = PAYMENTS
    asked: tuple[tuple[str, int], ...] = ()
    organisation: int = 0
    named: bool = False


class Script(NamedTuple):
    """A schedule, all but the faults."""

    seed: int
    theme: str
    visits: tuple[Visit, ...]
    rest: float  # between the last fault and the run that must put all right
    opening: tuple[str, ...]  # what people do before the first run
    separate: bool  # the second place has a store of its own
    duplicate_status: int
    check: str  # LN's own for what it has
    holds: bool  # what is of unknown outcome waits for a person
    retries: int
    parallel: int
    page_size: int
    overlap: int
    lag: float  # by so many seconds Xero's lists are behind, at most
    ahead: tuple[float, ...]  # the clocks, by place
    touches: bool  # an allocation moves the time of its prepayment
    ids: str  # of allocations: "shown", "hidden", or "appear" before the second run
    decides: float  # how often, of their acts, people see to the audit table
    rates: Rates
    lags: str = STEADY  # how the lists are behind by `lag` at most
    organisations: int = 1  # of Xero, in each of which people are at work
    earlier: bool = False  # people ask for windows from before the start: nothing of then is in LN yet

    def chance(self) -> Chance:
        """Return what decides about the faults."""
        if not self.rates.fault and not self.rates.person:
            return Calm()
        return Random(random.Random(f"faults {self.seed}"), self.rates, FAULTS, WEIGHTS)  # noqa: S311


SMALL_DAY = ("receive", "pay an employee", "receive from a stranger", "receive a prepayment", "apply a part")
NO_FAULTS = Rates(0.0, 0, 0.0, frozenset())
# Two post side by side. No list is behind, and the clocks are the same: those come with the random schedules.
SMALL = Script(
    seed=1,
    theme="a small day",
    visits=(Visit(0, 0.0),),
    rest=0.0,
    opening=SMALL_DAY,
    separate=False,
    duplicate_status=409,
    check=CHECK_FIRST,
    holds=False,
    retries=4,
    parallel=2,
    page_size=1000,
    overlap=10,
    lag=0.0,
    ahead=(0.0, 0.0),
    touches=True,
    ids="shown",
    decides=0.0,
    rates=NO_FAULTS,
)
_GAPS = (0.0, 5.0, 60.0, 200.0, 700.0, 4000.0, 100_000.0)
# The share of schedules in which LN does not check for what it has.
UNCHECKED = 0.12
_KINDS = ("unknown_payments", "unknown_prepayments", "unknown_allocations")


def script(seed: int) -> Script:
    """Return the schedule of a seed."""
    rng = random.Random(f"payments {seed}")  # noqa: S311
    themed = rng.random() < 0.55
    theme = rng.choice(tuple(THEMES.values())) if themed else None
    made = _anything(rng, seed)
    made = theme(rng, made) if theme else made
    # What was paid a moment before a run, the next one reads again in any case, for windows overlap.
    return made._replace(opening=(*made.opening, WAIT)) if seed % 3 == 0 else made


def _anything(rng: random.Random, seed: int) -> Script:
    check = CHECK_OFF if rng.random() < UNCHECKED else CHECK_LAST if rng.random() < 0.1 else CHECK_FIRST
    separate = check != CHECK_OFF and rng.random() < 0.15
    holds = rng.random() < (0.5 if check == CHECK_OFF else 0.1)
    spoilt = rng.random() < 0.3 and (check != CHECK_OFF or holds)
    kinds = rng.choices((ALL, SILENCE, DEATHS, REFUSALS, STANDSTILLS), (60, 12, 8, 12, 8))[0]
    skew = rng.choice((0.0, 10.0, assumptions.bounds.skew))
    return Script(
        seed=seed,
        theme="anything",
        visits=_visits(rng, spoilt=spoilt, settles=check != CHECK_OFF),
        rest=rng.choice((0.0, 30.0, 400.0, 90_000.0)),
        opening=SMALL_DAY,
        separate=separate,
        duplicate_status=rng.choice((409, 409, 422, 400, 500)),
        check=check,
        holds=holds,
        # Where nothing is repeated, a single fault ends a run, or leaves a document failed.
        retries=rng.choice((0, 0, 1, 4)),
        parallel=rng.choice((1, 2, 2, 4)),
        page_size=rng.choice((1000, 1000, 2)),
        overlap=rng.choice((0, 5, 10)),
        lag=rng.choice((0.0, 0.0, rng.uniform(0, assumptions.bounds.lag), assumptions.bounds.lag)),
        ahead=tuple(rng.uniform(-skew, skew) for _ in range(2)),
        touches=rng.random() < 0.7,
        ids=rng.choice(("shown", "shown", "hidden", "shown" if spoilt or separate else "appear")),
        decides=rng.choice((0.0, 0.2, 0.4)),
        rates=Rates(
            fault=rng.choice((0.02, 0.04, 0.08)) if kinds is ALL else rng.choice((0.1, 0.2)),
            most=rng.choice((1, 2, 3, 5)),
            person=rng.choice((0.0, 0.01, 0.03)),
            kinds=_that_may(kinds, check),
        ),
        lags=rng.choice((STEADY, EACH, STRETCHES)),
    )


def _that_may(kinds: frozenset[StrEnum], check: str) -> frozenset[StrEnum]:
    return kinds - ONLY_WITH_CHECK if check == CHECK_OFF else kinds


def _visits(rng: random.Random, *, spoilt: bool, settles: bool) -> tuple[Visit, ...]:
    visits = [Visit(0, 0.0)]
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        beside = rng.random() < 0.25
        visits.append(
            Visit(
                place=rng.randrange(2),
                after=rng.choice(_GAPS) * rng.uniform(0.8, 1.2),
                beside=beside,
                acts=tuple(rng.choice((ANY, ANY, DECIDE)) for _ in range(rng.choice((0, 1, 1, 2)))),
                store=rng.choice(("", LOST, OLD)) if spoilt and not beside else "",
                settings=_settings(rng) if settles and rng.random() < 0.2 else (),
                flow=WATCH if rng.random() < 0.15 else PAYMENTS,
                asked=_asked(rng) if rng.random() < 0.15 else (),
            )
        )
    return tuple(visits)


def _asked(rng: random.Random) -> tuple[tuple[str, int], ...]:
    """Return what somebody asks for: a window of their own, a dry run, or a dry run of such a window."""
    since = rng.choice((600, 3600, 100_000))
    until = rng.choice((1, 30, 200, 599))
    window = rng.choice(
        (((SINCE, since),), ((UNTIL, until),), ((SINCE, since), (UNTIL, until)), ((DATE, rng.randrange(2)),))
    )
    return rng.choice((window, window, ((DRY, 1),), (*window, (DRY, 1))))


def _settings(rng: random.Random) -> tuple[tuple[str, str | int], ...]:
    some: tuple[tuple[str, str | int], ...] = (
        ("retries", rng.choice((0, 3))),
        ("overlap_minutes", rng.choice((0, 30))),
        ("ln_concurrency", rng.choice((1, 3))),
        ("process_until", rng.choice(("now", "yesterday"))),
        (rng.choice(_KINDS), rng.choice(("send", "hold"))),
    )
    return tuple(rng.sample(some, 2))


# Themes: what must be met often


def _our_clock(rng: random.Random, made: Script) -> Script:
    """Things are paid between two runs of a machine whose clock is far ahead."""
    acts = ("receive", *rng.choices(("receive", "pay a supplier", "receive a prepayment"), k=1))
    return _calmly(made)._replace(
        theme="our clock is ahead",
        visits=(Visit(0, 0.0), Visit(0, rng.uniform(1, 500), acts=acts), Visit(0, 1000.0)),
        ahead=(rng.uniform(0.5, 1.0) * assumptions.bounds.skew, 0.0),
    )


def _lists_lag(rng: random.Random, made: Script) -> Script:
    """Things are paid just before a run, which its lists do not show yet."""
    visits = (
        Visit(0, 0.0),
        Visit(0, 400.0, acts=("receive", "pay a supplier")),
        Visit(0, rng.uniform(310, 900)),
    )
    return _calmly(made)._replace(
        theme="lists lag", visits=visits, lag=assumptions.bounds.lag * rng.uniform(0.7, 1.0), overlap=0
    )


def _lists_lag_unevenly(rng: random.Random, made: Script) -> Script:
    """One answer shows Xero as it is, and the next as it was, while things are made and undone."""
    first = rng.choices(("receive", "apply all", "receive a prepayment", "edit a prepayment"), k=2)
    then = rng.choice(("delete a payment", "remove an allocation", "apply a part", "void a prepayment"))
    visits = (
        Visit(0, 0.0),
        Visit(0, rng.choice((200.0, 400.0)), acts=tuple(first)),
        Visit(0, rng.choice((10.0, 100.0, 310.0)), acts=(then,)),
    )
    return _calmly(made)._replace(
        theme="lists lag unevenly",
        visits=visits,
        lag=assumptions.bounds.lag * rng.uniform(0.7, 1.0),
        lags=rng.choice((EACH, STRETCHES)),
    )


def _other_organisation(rng: random.Random, made: Script) -> Script:
    """The credentials lead to another organisation of Xero for a while, and people go on in both."""
    acts = ("receive", "pay a supplier", ANY, ANY)
    gap = rng.choice((0.0, 400.0, 4000.0))
    there = Visit(0, gap, acts=acts, organisation=1, named=rng.random() < 0.3)
    return _calmly(made)._replace(
        theme="another organisation",
        # The way back comes once faults have ended.
        visits=(Visit(0, 0.0), there),
        organisations=2,
        check=CHECK_FIRST,
    )


def _by_hand(rng: random.Random, made: Script) -> Script:
    """Somebody asks for windows of their own, and for dry runs, between those of the scheduled runs."""
    asked = [_asked(rng) for _ in range(2)]
    acts = (("receive", "pay a supplier"), ("receive a prepayment", "receive"))
    gaps = [rng.choice((30.0, 400.0, 4000.0, 100_000.0)) for _ in range(2)]
    visits = (
        Visit(0, 0.0),
        Visit(0, gaps[0], acts=acts[0], asked=asked[0]),
        Visit(0, gaps[1], acts=acts[1], asked=asked[1]),
    )
    return _calmly(made)._replace(theme="windows by hand", visits=visits[rng.randrange(2) :])


def _earlier(rng: random.Random, made: Script) -> Script:
    """Somebody asks for a window from before the start, and scheduled runs go on behind it."""
    window = rng.choice((((SINCE, _LONG_AGO),), ((SINCE, _LONG_AGO), (UNTIL, rng.choice((1, 500))))))
    # The first such run asks whether the store may be new, and a person confirms it.
    asked = Visit(0, 400.0, asked=window)
    visits = (asked, asked._replace(acts=("receive",)))
    before = Visit(0, 0.0, asked=((DRY, 1),)) if rng.random() < 0.5 else Visit(0, 0.0)
    return _calmly(made)._replace(
        theme="from before the start",
        visits=(before, *visits) if rng.random() < 0.5 else visits,
        opening=(*made.opening, "an old payment", "an old prepayment"),
        check=CHECK_FIRST,
        earlier=True,
    )


def _task_lost(rng: random.Random, made: Script) -> Script:
    """A run fails, Mambu's answer to its task is lost, and then the store is, or an old copy comes back."""
    kinds = frozenset({Fault.NO_GRANT, Fault.RESET_DONE, Fault.TIMEOUT_DONE, Fault.EMPTY_504_DONE})
    visits = (
        Visit(0, 0.0),
        Visit(0, rng.choice((60.0, 700.0)), acts=("receive",), store=rng.choice(("", LOST, OLD))),
        Visit(0, rng.choice((60.0, 700.0, 50_000.0)), store=rng.choice((LOST, LOST, OLD))),
    )
    old = rng.choice(((), ("an old payment",)))
    return made._replace(
        theme="a task and the store are lost",
        visits=visits,
        opening=(*made.opening, *old),
        separate=False,
        check=CHECK_FIRST,
        retries=0,
        decides=0.0,
        ids="shown",
        rates=Rates(fault=0.5, most=rng.choice((3, 5, 8)), person=0.0, kinds=kinds),
    )


def _quietly_closed(rng: random.Random, made: Script) -> Script:
    """What is from before the start, or held back for people, goes in Xero once they were told of it."""
    first, then = rng.choice(
        (
            ("an old prepayment", "void an old prepayment"),
            ("an old payment", "delete an old payment"),
            ("prepay an employee", "void a prepayment"),
            ("receive from a stranger", "delete a payment"),
            ("overpay", "void an overpayment"),
        )
    )
    visits = (Visit(0, 0.0), Visit(0, 300.0), Visit(0, 400.0, acts=(then,)), Visit(0, 900.0))
    return _calmly(made)._replace(
        theme="what LN may have goes", visits=visits[rng.randrange(2) :], opening=(*made.opening, first)
    )


def _gone_in_doubt(rng: random.Random, made: Script) -> Script:
    """What was posted and never answered for goes in Xero before the next run."""
    acts = rng.choices(("delete a payment", "delete a payment", "void a prepayment"), k=3)
    kinds = IN_THE_DARK | {Fault.CRASH_DONE, Fault.CRASH_LATE}
    return made._replace(
        theme="what is in doubt goes",
        rates=Rates(fault=0.08, most=4, person=0.0, kinds=kinds),
        decides=0.0,
        visits=(Visit(0, 0.0), Visit(0, rng.choice((0.0, 60.0, 400.0)), acts=tuple(acts)), Visit(0, 900.0)),
        opening=(*made.opening, "prepay a supplier", "pay a supplier"),
        separate=False,
    )


def _closing_hides(rng: random.Random, made: Script) -> Script:
    """A person closes what is open, and then it changes in Xero."""
    first, then = rng.choice(
        (
            *(("prepay an employee", act) for act in ("edit", "take back", "apply")),
            ("receive from a stranger", "take back"),
            ("an old prepayment", "edit"),
            ("an old payment", "take back"),
        )
    )
    visits = (
        Visit(0, 0.0),
        Visit(0, 400.0, acts=("close something",)),
        Visit(0, 400.0, acts=(f"{then} what is closed",)),
        Visit(0, 900.0),
    )
    return _calmly(made)._replace(
        theme="a closing hides", visits=visits, opening=(*made.opening, first), separate=False
    )


def _set_back(rng: random.Random, made: Script) -> Script:
    """A person books by hand and closes, or LN books, and then an old copy of the store comes back."""
    acts = rng.choice((("book by hand",), ("receive",), ("book by hand", "receive")))
    visits = (
        Visit(0, 0.0),
        Visit(0, 400.0, acts=(*acts, "give a code")),
        Visit(0, 400.0),
        Visit(0, 400.0, store=rng.choice((OLD, OLD, LOST))),
    )
    calm, check = _calmly(made), rng.choice((made.check, CHECK_OFF))
    return calm._replace(
        theme="the store is set back",
        visits=visits,
        separate=False,
        check=check,
        holds=made.holds or check == CHECK_OFF,
        ids="shown",
        # LN may have lost its check only here, and nothing may strike that it alone makes good.
        rates=calm.rates._replace(kinds=_that_may(calm.rates.kinds, check)),
    )


def _set_back_elsewhere(rng: random.Random, made: Script) -> Script:
    """An old copy comes back on a machine that remembers nothing, once LN and people have booked more.

    What LN was sent since is older than what people booked by hand: only so can LN's word tell in time.
    """
    visits = (
        Visit(0, 0.0),
        Visit(0, 400.0, acts=("receive", "receive from a stranger")),
        Visit(0, 400.0, acts=("book by hand", "give a code")),
        Visit(1, 400.0, store=ELSEWHERE),
    )
    return _calmly(made)._replace(
        theme="the store is set back elsewhere",
        visits=visits,
        opening=("receive", "pay an employee"),
        check=CHECK_FIRST,
        duplicate_status=rng.choice((409, 422)),
        ids="shown",
        rates=NO_FAULTS,
    )


def _standing_still(rng: random.Random, made: Script) -> Script:
    """A run stands still in the middle of posting, and another one takes over.

    LN refuses some of it, again and again: what it has taken, nobody would post again in any case.
    """
    opening = (*made.opening, *(("receive from a stranger",) * 5), "merge the stranger")
    visits = (Visit(0, 0.0), Visit(1, rng.uniform(5, 300), beside=True))
    return made._replace(
        theme="a run stands still",
        visits=visits,
        opening=opening,
        separate=False,
        check=CHECK_FIRST,
        parallel=rng.choice((1, 1, 2)),
        ahead=(0.0, rng.uniform(-30, 30)),
        retries=0,
        rates=Rates(fault=0.04, most=1, person=0.0, kinds=frozenset({Pause.LONG})),
    )


def _pages(rng: random.Random, made: Script) -> Script:
    """Every list has pages, people act while they are read, and no list shows what was applied last."""
    visits = (Visit(0, 0.0), Visit(0, 700.0, acts=("apply all",)), *made.visits[1:])
    rates = made.rates._replace(person=0.05)
    return made._replace(theme="pages", visits=visits, page_size=2, touches=False, rates=rates)


def _calmly(made: Script) -> Script:
    """Return a schedule in which little else happens than what it is about."""
    rates = made.rates._replace(fault=made.rates.fault * (made.seed % 2), most=1, person=0.0)
    return made._replace(
        rates=rates, decides=0.0, separate=False, ahead=tuple(one / 10 for one in made.ahead)
    )


THEMES: dict[str, Callable[[random.Random, Script], Script]] = {
    "our clock": _our_clock,
    "lists lag": _lists_lag,
    "lists lag unevenly": _lists_lag_unevenly,
    "other organisation": _other_organisation,
    "by hand": _by_hand,
    "earlier": _earlier,
    "task lost": _task_lost,
    "quietly closed": _quietly_closed,
    "gone in doubt": _gone_in_doubt,
    "closing hides": _closing_hides,
    "set back": _set_back,
    "set back elsewhere": _set_back_elsewhere,
    "standing still": _standing_still,
    "pages": _pages,
}
