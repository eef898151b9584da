"""Where a run can be killed: at every request it makes, and for those that write in several ways."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

# Xero's list of journals comes in pages of so many.
PAGE = 100
LIST = ("xero", "GET", "/api.xro/2.0/ManualJournals")


@dataclass(frozen=True, slots=True)
class Point:
    """The request at which a run is killed: the `nth` with this system, method and path.

    `path` stands for all below it where it ends with a slash. `fault` is what holds the request up, and
    `pause` how long after its arrival the process dies. `lists` is how often a run lists Xero's journals
    before it writes; with more than a page of them, each is several requests. `then` is where the next run
    is killed as well.
    """

    kind: str
    system: str
    method: str
    path: str
    nth: int
    fault: dict[str, Any]
    lists: int = 0
    pause: float = 0.0
    then: Point | None = None

    def rule(self, journals: int = 0) -> dict[str, Any]:
        """Return the sandbox's rule that strikes there, with so many journals in Xero."""
        nth = self.nth
        if (self.system, self.method, self.path) == LIST and nth > self.lists:
            nth += self.lists * (max(1, math.ceil(journals / PAGE)) - 1)
        path = "^" + re.escape(self.path) + ("" if self.path.endswith("/") else "$")
        return {"system": self.system, "method": self.method, "path": path, "nth": nth, **self.fault}

    def earlier(self) -> Point:
        """Return a point a few such requests earlier."""
        return replace(self, nth=max(1, self.nth - max(1, self.nth // 4)))

    def __str__(self) -> str:
        name = self.path.rstrip("/").rsplit("/", 1)[-1].replace("gljournalentries:", "")
        return f"{self.method} {name} {self.nth}" + (f", {self.then}" if self.then else "")


# All further requests of the kind hang as well: what else is under way gets no further than the first.
HANG = {"kind": "hang", "seconds": 300, "times": 0}
DONE = {**HANG, "after": True}


def late(chance: random.Random) -> dict[str, Any]:
    """Return a fault by which a request is done while the next run goes."""
    return {"kind": "delay", "seconds": round(chance.uniform(2, 12), 1)}


class WriteKinds(NamedTuple):
    """What a flow calls the ways in which a run is killed at a request that writes."""

    before: str
    after: str
    twice: str
    late: str
    moment: str

    def points(self, here: Point, then: Point, chance: random.Random) -> list[Point]:
        """Return the points of a request; `then` is where the run after a killed one is killed as well."""
        moment = {"kind": "delay", "seconds": 0}
        return [
            replace(here, kind=self.before),
            replace(here, kind=self.after, fault=DONE),
            replace(here, kind=self.twice, then=then),
            replace(here, kind=self.late, fault=late(chance)),
            replace(here, kind=self.moment, fault=moment, pause=round(chance.uniform(0, 0.1), 3)),
        ]


def choose_points(all_points: dict[str, list[Point]], count: int, chance: random.Random) -> list[Point]:
    """Return so many points: the kinds take turns, and each gives all of its own before any again."""

    def shuffled(kind: str) -> Iterator[Point]:
        while all_points[kind]:
            yield from chance.sample(all_points[kind], len(all_points[kind]))

    by_kind = [shuffled(kind) for kind in all_points]
    turns = (next(some, None) for some in itertools.cycle(by_kind))
    return list(itertools.islice((point for point in turns if point), count))
