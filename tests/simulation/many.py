"""Many schedules at once, on all processors, and what they came to."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from tests.simulation.simulator import simulator
from tests.simulation.subjects import JOURNALS

# So many schedules a process plays before it says how it gets on.
_BATCH = 50


@dataclass
class Tally:
    """What schedules came to: how many, how much virtual time, the faults that struck, and what failed."""

    schedules: int = 0
    points: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Count another tally in."""
        self.schedules += other.schedules
        self.points += other.points
        self.seconds += other.seconds
        self.faults.update(other.faults)
        self.failures.update(other.failures)


def played(seeds: range, of: str = JOURNALS) -> Iterator[Tally]:
    """Play schedules on all processors; yield a tally of each batch as it is done."""
    batches = [seeds[first : first + _BATCH] for first in range(0, len(seeds), _BATCH)]
    workers = max(1, min(os.cpu_count() or 1, len(batches)))
    # A process of its own, started afresh: threads of the parent are no business of the simulation's.
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(partial(_batch, of), batches)


def _batch(of: str, seeds: range) -> Tally:
    tally = Tally()
    with simulator(of) as place:
        for seed in seeds:
            tally.schedules += 1
            try:
                figures = place.play(seed)
            except Exception as failure:  # noqa: BLE001 - whatever it is, it is this seed's failure
                tally.failures[seed] = f"{type(failure).__name__}: {failure}"
            else:
                tally.points += figures.points
                tally.seconds += figures.seconds
                tally.faults.update({str(name): count for name, count in figures.faults.items()})
    return tally


def report(tally: Tally, seconds: float, of: str = JOURNALS) -> str:
    """Return what a person wants to know of many schedules."""
    days, rate = tally.seconds / 86_400, tally.schedules / max(seconds, 0.001)
    lines = [
        f"{tally.schedules} schedules in {seconds:.0f} s ({rate:.1f} schedules a second)",
        f"{tally.points} touches of the outside in {days:,.1f} days of virtual time",
        "",
        "what struck, and how often:",
        *(f"  {count:8}  {name}" for name, count in tally.faults.most_common()),
        "",
        f"{len(tally.failures)} failures",
        *(f"  seed {seed}: {what}" for seed, what in sorted(tally.failures.items())),
    ]
    if tally.failures:
        which = "" if of == JOURNALS else f"--of {of} "
        lines.append(f"replay one with: python -m tests.simulation {which}--seed N")
    return "\n".join(lines)


def timed(seeds: range, of: str = JOURNALS) -> Iterator[tuple[Tally, float]]:
    """Play schedules; yield the tally so far and the seconds it took, after each batch."""
    began = time.monotonic()
    total = Tally()
    for one in played(seeds, of):
        total.add(one)
        yield total, time.monotonic() - began
