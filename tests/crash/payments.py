"""Runs of the payments flow that are killed: where they can be, and what must be true afterwards."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from blocks.connections import environment
from blocks.connections.environment import Connections
from blocks.sandbox.infor_ln.app import DEFAULT_PATH, TENANT
from blocks.store.block import DaybookStore
from tests.crash import payment_books
from tests.crash.killing import Kill, Lane
from tests.crash.points import DONE, HANG, Point, WriteKinds

# Some fifteen documents of a day; and lists that go back over all days of a lane.
OPTIONS = {"payments_per_day": 10, "payment_history_days": 60}

# What a kill is about, in the order in which they take turns.
AFTER = "post, booked but not answered"
BEFORE = "post, not booked"
TWICE = "post, and then the next run, too"
READ = "read of Xero"
LATE = "post, booked while the next run goes"
MOMENT = "any moment of sending"
TOKEN = "token"
KINDS = (AFTER, BEFORE, TWICE, READ, LATE, MOMENT, TOKEN)
_WRITE = WriteKinds(BEFORE, AFTER, TWICE, LATE, MOMENT)

POST = ("ln", "POST", f"/{TENANT}{DEFAULT_PATH}")
# Where a run is killed that has found what a killed one left: it sends that again.
_NEXT = (
    Point(TWICE, *POST, 1, DONE),
    Point(TWICE, *POST, 1, HANG),
    Point(TWICE, "xero", "GET", "/api.xro/2.0/Accounts", 1, HANG),
)


class Payments(Lane):
    """Runs from Xero to Infor LN; the sandbox is always at the end of the day that is at hand."""

    flow = "payments"
    kinds = KINDS

    def new_connections(self, store: DaybookStore) -> Connections:
        """Return a connection that begins with the first day, and set the sandbox up."""
        self.sandbox.control("xero/options", OPTIONS)
        # Its books begin with the store that is to agree with them.
        self.sandbox.control("ln/reset")
        connection = environment.payment_connection(self.sandbox.process.env)
        start = dt.datetime.combine(self._next_day, dt.time(), dt.UTC)
        self.start, self._duplicates = start, self._answered_duplicate()
        update = {"store": store, "start": start, "mambu": None}
        return Connections(None, connection.model_copy(update=update))

    def set_clock(self, date: dt.date) -> None:
        """Let the sandbox be at the end of a date: windows end by Xero's clock."""
        end = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), dt.UTC)
        self.sandbox.control("clock", {"freeze": end.isoformat()})

    def points(self, chance: random.Random) -> dict[str, list[Point]]:
        """Run a day undisturbed, and return all points at which it can be killed, by kind."""
        found: dict[str, list[Point]] = {kind: [] for kind in KINDS}
        seen: Counter[tuple[str, str, str]] = Counter()
        for request in self.requests():
            place = (request["system"], request["method"], request["path"])
            seen[place] += 1
            here = Point(BEFORE, *place, seen[place], HANG)
            if place == POST:
                for point in _WRITE.points(here, _NEXT[seen[place] % len(_NEXT)], chance):
                    found[point.kind].append(point)
            else:
                kind = READ if place[1] == "GET" else TOKEN
                found[kind].append(replace(here, kind=kind))
        return found

    def is_right(self, outcome: Mapping[str, Any], code: int) -> bool:
        """Tell whether a rerun reached every document, and left the outcome of none unknown."""
        done = outcome.get("status") == "completed" and not outcome["waiting"] and not outcome["unknown"]
        left = outcome["failed"] + outcome["exception"] if done else 0
        return done and code == (1 if left else 0)

    def problems(self, kill: Kill) -> list[str]:
        """Compare what Xero shows with LN's books, these with the audit table, and look at the window."""
        answered = self._answered_duplicate()
        kill.duplicates, self._duplicates = answered - self._duplicates, answered
        end = dt.datetime.combine(kill.date + dt.timedelta(days=1), dt.time(), dt.UTC)
        rows, until = asyncio.run(self._record())
        problems = payment_books.problems(self.sandbox, rows, self.start, end)
        if until != end:
            problems.append(f"the window has advanced to {until}, and not to {end}")
        return problems

    async def _record(self) -> tuple[list[payment_books.AuditRow], dt.datetime | None]:
        async with self.store.open() as opened:
            rows = await opened.audit.rows(self.connection, discarded=True)
            return rows, await opened.audit.collected_until(self.connection)

    def incidents(self, kills: list[Kill]) -> None:
        """Note it where an incident is open: a run that crashed has none, the next one only mentions it.

        What is dated before the start of a lane, and came to be in Xero after it, waits for a person.
        """
        self.recorded_incidents(kills, lasting="before start")

    def booked(self) -> object:
        """Return all documents in LN."""
        return self.sandbox.control("ln/books")["documents"]

    def nothing_new(self, outcome: Mapping[str, Any], code: int) -> bool:
        """Tell whether a run found all documents there."""
        return self.is_right(outcome, code) and outcome["sent"] == outcome["duplicate"] == 0

    def _answered_duplicate(self) -> int:
        return sum(map(payment_books.is_duplicate, self.sandbox.control("ln/books")["refusals"]))
