"""Runs of the journals flow that are killed: where they can be, and what must be true afterwards."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from blocks.connections.environment import Connections
from blocks.store.block import DaybookStore
from tests.crash import books
from tests.crash.killing import Kill, Lane
from tests.crash.points import DONE, HANG, LIST, Point, WriteKinds

LINES_PER_DAY = 40
LINES_PER_JOURNAL = 4

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
_WRITE = WriteKinds(BEFORE, AFTER, TWICE, LATE, MOMENT)


# Where a run is killed that has found what a killed one left: it sends that again, and tells people.
_NEXT = (
    Point(TWICE, "xero", "PUT", LIST[2], 1, DONE),
    Point(TWICE, "mambu", "POST", "/api/tasks", 1, DONE),
    Point(TWICE, "xero", "PUT", LIST[2], 1, HANG),
    Point(TWICE, "mambu", "PATCH", "/api/tasks/", 1, DONE),
    Point(TWICE, "mambu", "POST", "/api/tasks", 1, HANG),
    Point(TWICE, "mambu", "PATCH", "/api/tasks/", 1, HANG),
)


def points(requests: Sequence[dict[str, Any]], chance: random.Random) -> dict[str, list[Point]]:
    """Return all points of a run that made these requests, by kind."""
    found: dict[str, list[Point]] = {kind: [] for kind in KINDS}
    seen: Counter[tuple[str, str, str]] = Counter()
    lists, writes = 0, 0
    for request in requests:
        place = (request["system"], request["method"], request["path"])
        seen[place] += 1
        here = Point(BEFORE, *place, seen[place], HANG)
        if place[1] == "PUT":
            writes += 1
            for point in _WRITE.points(here, _NEXT[writes % len(_NEXT)], chance):
                found[point.kind].append(point)
        else:
            lists += place == LIST and not writes
            kind = MAMBU if place[0] == "mambu" else READ_BACK if writes else XERO
            found[kind].append(replace(here, kind=kind))
    return {kind: [replace(one, lists=lists) for one in some] for kind, some in found.items()}


class Journals(Lane):
    """Runs from Mambu to Xero."""

    flow = "journals"
    kinds = KINDS
    settings: ClassVar[Mapping[str, Any]] = {"lines_per_day": LINES_PER_DAY}

    def new_connections(self, store: DaybookStore) -> Connections:
        """Return a connection whose days are many journals."""
        return Connections(self.sandbox.connection(store=store, lines_per_journal=LINES_PER_JOURNAL), None)

    def points(self, chance: random.Random) -> dict[str, list[Point]]:
        """Run a day undisturbed, and return all points at which it can be killed, by kind."""
        return points(self.requests(), chance)

    def rule(self, point: Point) -> dict[str, Any]:
        """Return the sandbox's rule that strikes at a point."""
        return point.rule(len(self.sandbox.xero_journals()))

    def is_right(self, outcome: Mapping[str, Any], code: int) -> bool:
        """Tell whether a rerun tied its day out."""
        return code == 0 and outcome.get("tied_out") is True

    def problems(self, kill: Kill) -> list[str]:
        """Compare the day in both systems, and look at what people were told of it."""
        return books.problems(self.sandbox, kill.date) + self._tasks(kill)

    def _tasks(self, kill: Kill) -> list[str]:
        """Say which tasks of the day are still open in Mambu, or there twice."""
        tasks = [one for one in self.sandbox.control("mambu/tasks") if f" {kill.date} " in one["title"]]
        titles = Counter(one["title"] for one in tasks)
        return [
            *(f"still open: {one['title']}" for one in tasks if one["status"] != "COMPLETED"),
            *(f"{count} tasks named {title}" for title, count in titles.items() if count > 1),
            *(["a task, and no run crashed"] if tasks and not kill.held else []),
            *(["no task, and a run crashed"] if kill.held and not tasks else []),
        ]

    def incidents(self, kills: list[Kill]) -> None:
        """Note it where there is not one incident for each run that crashed, resolved."""
        found = self.recorded_incidents(kills)
        for kill in kills:
            ours = [one for one in found if one["date"] == str(kill.date)]
            if bool(ours) is not kill.held or not all(one["resolved"] for one in ours):
                kill.problems.append(f"incidents (a run that held the day crashed: {kill.held}): {ours}")

    def booked(self) -> list[dict[str, Any]]:
        """Return all journals in Xero."""
        return self.sandbox.xero_journals()

    def nothing_new(self, outcome: Mapping[str, Any], code: int) -> bool:
        """Tell whether a run found all journals there."""
        return code == 0 and outcome["journals_created"] == 0
