"""Where a run can be killed: at every request it makes, and for those that write in several ways."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

# Xero's list of journals comes in pages of so many.
PAGE = 100
LIST = ("xero", "GET", "/api.xro/2.0/ManualJournals")

# What a kill is about, in the order in which they take turns.
AFTER = "write, done but not answered"
BEFORE = "write, not done"
READ_BACK = "read-back"
LATE = "write, done while the next run goes"
XERO = "read of Xero"
MOMENT = "any moment of sending"
MAMBU = "read of Mambu"
TWICE = "write, and then the next run, too"
KINDS = (AFTER, BEFORE, TWICE, READ_BACK, LATE, XERO, MOMENT, MAMBU)


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

    def rule(self, journals: int) -> dict[str, Any]:
        """Return the sandbox's rule that strikes there, with so many journals in Xero."""
        nth = self.nth
        if (self.system, self.method, self.path) == LIST and nth > self.lists:
            nth += self.lists * (max(1, math.ceil(journals / PAGE)) - 1)
        path = "^" + re.escape(self.path) + ("" if self.path.endswith("/") else "$")
        return {"system": self.system, "method": self.method, "path": path, "nth": nth, **self.fault}

    def earlier(self) -> Point:
        """Return the point one such request earlier."""
        return replace(self, nth=max(1, self.nth - 1))

    def __str__(self) -> str:
        name = self.path.rstrip("/").rsplit("/", 1)[-1].replace("gljournalentries:", "")
        return f"{self.method} {name} {self.nth}" + (f", {self.then}" if self.then else "")


# All further requests of the kind hang as well: what else is under way gets no further than the first.
_HANG = {"kind": "hang", "seconds": 300, "times": 0}
_DONE = {**_HANG, "after": True}
# Where a run is killed that has found what a killed one left: it sends that again, and tells people.
_NEXT = (
    Point(TWICE, "xero", "PUT", LIST[2], 1, _DONE),
    Point(TWICE, "mambu", "POST", "/api/tasks", 1, _DONE),
    Point(TWICE, "xero", "PUT", LIST[2], 1, _HANG),
    Point(TWICE, "mambu", "PATCH", "/api/tasks/", 1, _DONE),
    Point(TWICE, "mambu", "POST", "/api/tasks", 1, _HANG),
    Point(TWICE, "mambu", "PATCH", "/api/tasks/", 1, _HANG),
)


def points(requests: Sequence[dict[str, Any]], chance: random.Random) -> dict[str, list[Point]]:
    """Return all points of a run that made these requests, by kind."""
    found: dict[str, list[Point]] = {kind: [] for kind in KINDS}
    seen: Counter[tuple[str, str, str]] = Counter()
    lists, writes = 0, 0
    for request in requests:
        place = (request["system"], request["method"], request["path"])
        seen[place] += 1
        here = Point(BEFORE, *place, seen[place], _HANG)
        if place[1] == "PUT":
            writes += 1
            found[BEFORE].append(here)
            found[AFTER].append(replace(here, kind=AFTER, fault=_DONE))
            found[TWICE].append(replace(here, kind=TWICE, then=_NEXT[writes % len(_NEXT)]))
            late = {"kind": "delay", "seconds": round(chance.uniform(1, 7), 1)}
            found[LATE].append(replace(here, kind=LATE, fault=late))
            pause = round(chance.uniform(0, 0.1), 3)
            found[MOMENT].append(
                replace(here, kind=MOMENT, fault={"kind": "delay", "seconds": 0}, pause=pause)
            )
        else:
            lists += place == LIST and not writes
            kind = MAMBU if place[0] == "mambu" else READ_BACK if writes else XERO
            found[kind].append(replace(here, kind=kind))
    return {kind: [replace(one, lists=lists) for one in some] for kind, some in found.items()}


def deck(all_points: dict[str, list[Point]], count: int, chance: random.Random) -> list[Point]:
    """Return so many points: the kinds take turns, and each gives all of its own before any again."""

    def shuffled(kind: str) -> Iterator[Point]:
        while all_points[kind]:
            yield from chance.sample(all_points[kind], len(all_points[kind]))

    decks = [shuffled(kind) for kind in KINDS]
    turns = (next(some, None) for some in itertools.cycle(decks))
    return list(itertools.islice((point for point in turns if point), count))
