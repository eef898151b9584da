"""How far the bounds are from where a rule breaks: each is raised alone, the others as they are stated."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

from tests.simulation.simulator import simulator
from tests.simulation.subjects import PAYMENTS


class Bounded(NamedTuple):
    """The bounds of a subject's world: what each is raised to, what is stated, and a world that goes further.

    `raised` takes a bound and a value, and while it lasts returns the schedule of a seed in that world; None
    where the bound is of no matter to it.
    """

    steps: Mapping[str, tuple[float, ...]]
    stated: Callable[[str], float]
    raised: Callable[[str, float], AbstractContextManager[Callable[[int], Any]]]


class Margin(NamedTuple):
    """A bound at a value: how many schedules were played with it, and at which seed what broke."""

    bound: str
    value: float
    schedules: int
    seed: int | None
    failure: str


def bounded(of: str) -> Bounded:
    """Return the bounds of a subject."""
    if of == PAYMENTS:
        from tests.simulation.payments.margin import BOUNDED
    else:
        from tests.simulation.journals.margin import BOUNDED
    return BOUNDED


def tried(of: str, seeds: range, step: tuple[str, float]) -> Margin:
    """Play schedules in a world that goes so far in one respect, until one of them breaks a rule."""
    played = 0
    with simulator(of) as place, bounded(of).raised(*step) as script:
        for seed in seeds:
            made = script(seed)
            if made is None:
                continue
            played += 1
            try:
                place.play_script(made, made.chance())
            except Exception as failure:  # noqa: BLE001 - whatever it is, it is where the margin ends
                return Margin(*step, played, seed, str(failure))
    return Margin(*step, played, None, "")


def report_margins(of: str, seeds: range) -> int:
    """Print of each bound how far it held and where a rule broke; return 0."""
    world = bounded(of)
    steps = [(bound, value) for bound, values in world.steps.items() for value in values]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count() or 1) as pool:
        for one in pool.imap(partial(tried, of, seeds), steps):
            what = "holds" if one.seed is None else f"breaks at seed {one.seed}: {one.failure[:200]}"
            print(
                f"{one.bound} {one.value:g} s (stated: {world.stated(one.bound):g} s), "
                f"{one.schedules} schedules: {what}",
                flush=True,
            )
    return 0
