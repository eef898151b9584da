"""One schedule, played: runs of the real code, a Xero, an LN, a store, people, and a model that watches."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from filelock import Timeout

from blocks import xero_payments
from blocks.audit_rows import Key, Kind
from blocks.sandbox.ln import LnOptions, LnStandIn
from blocks.sandbox.xero import XeroOptions, XeroStandIn
from flows import lease
from tests.simulation.chance import Calm, Chance
from tests.simulation.loop import VirtualLoop
from tests.simulation.payments.assumptions import CHECK_OFF, CLOCKS
from tests.simulation.payments.exchange import payments_run
from tests.simulation.payments.faults import POST
from tests.simulation.payments.model import Model
from tests.simulation.payments.people import Bookkeeper
from tests.simulation.payments.script import Script, Visit
from tests.simulation.payments.stores import PaymentsFile, Row
from tests.simulation.play import Play, Runner, Violation
from tests.simulation.stores import Copy

START = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
# What writes into the audit table, or says that a window was collected.
_WRITES = frozenset({"audit.posting", "audit.posted_again", "audit.settled", "audit.noted", "audit.advance"})


class Run(Runner):
    """One run in a place, and the lock that it holds there as long as it lives."""

    def __init__(self, world: World, number: int, place: int) -> None:
        super().__init__(world, number, 0)
        self.world, self.place = world, place
        self.exchange: Any = None

    def leaves(self, place: str, key: str, body: bytes) -> None:
        """Note that a request leaves the machine."""
        self.require_alive()
        if place == POST:
            self.world.posts += 1
            self.world.check(lambda: self.world.model.leaves(self.number, body, self.file.rows()))


class _Lock:
    """A lock of one place, that dies with its process."""

    def __init__(self, world: World, run: Run) -> None:
        self._world, self._run = world, run
        self.place = f"place {run.place}"

    def acquire(self, timeout: float) -> None:
        """Take the lock. Raises filelock.Timeout where a run that lives has it."""
        holder = self._world.locks.get(self._run.place)
        if holder is not None and holder is not self._run and not holder.dead:
            raise Timeout(self.place)
        self._world.locks[self._run.place] = self._run

    def release(self) -> None:
        """Give the lock back."""
        if self._world.locks.get(self._run.place) is self._run:
            del self._world.locks[self._run.place]


class World(Play):
    """A schedule under way. `play` plays it."""

    def __init__(
        self,
        loop: VirtualLoop,
        files: list[PaymentsFile],
        script: Script,
        chance: Chance,
        trace: list[str] | None,
    ) -> None:
        super().__init__(loop, files, script, chance, trace, START)
        self.script: Script = script
        self.start = START - dt.timedelta(hours=1)
        self.file = files[0]
        self.xero = XeroStandIn(
            None,
            self.clock,
            XeroOptions(
                payments_per_day=0,
                payment_history_days=0,
                allocation_touches=script.touches,
                allocation_ids=script.ids == "shown",
            ),
        )
        self.ln = LnStandIn(
            None,
            self.clock,
            LnOptions(duplicate_status=script.duplicate_status, duplicate_check=script.check),
        )
        slack = dt.timedelta(seconds=CLOCKS if any(script.ahead) else 0)
        self.checked = script.check != CHECK_OFF
        self.model = Model(self.start, slack, checked=self.checked, held=script.holds)
        self.person = Bookkeeper(
            random.Random(f"people {script.seed}"),  # noqa: S311
            self.clock,
            self.xero,
            self.ln,
            self.model,
            undoes=script.undoes,
        )
        self.posts = self.under_way = 0
        self.locks: dict[int, Run] = {}
        self._copies: list[Copy] = []

    # What runs meet

    def person_acts(self) -> str | None:
        """Let a person do something in Xero, or in the audit table."""
        if self.rng.random() < self.script.decides and self.file.rows():
            self.later(0.0, self._decide)
            return "looks at the audit table"
        return self.person.act()

    async def store_call(self, run: Runner, name: str, call: Any) -> Any:
        """Make a call of the store, and let the model look at what it has written."""
        try:
            return await super().store_call(run, name, call)
        finally:
            if name in _WRITES:
                self.look()

    def look(self) -> None:
        """Let the model look at the store."""
        self.check(lambda: self.model.rows(self.file.rows(), self.file.windows()))

    def booked(self, run: Run) -> None:
        """Let the model look at what LN has booked on a message of a run."""
        self.check(lambda: self.model.look(run.number, self.ln.state.documents))

    async def _decide(self) -> None:
        """Let a person discard something that waits, or take that back."""
        rows = [row for row in self.file.rows() if row.sent_at is None]
        if not rows:
            return
        row = self.rng.choice(rows)
        if row.status == "unknown" and self.under_way:
            # It may be on its way this very moment, as the row says.
            return
        if row.in_doubt or row.status == "unknown":
            # Whoever answers for what is in doubt has looked into LN.
            await self._answer(row, there=self.model.is_booked(row))
        else:
            await self._answer(row, there=not row.discarded)

    async def _answer(self, row: Row, *, there: bool) -> None:
        """Discard a document, or take that back, as a person does who says whether LN has it."""
        key = Key(self._organisation(), Kind(row.kind), row.xero_id)
        audit, now = self.file.store.audit, self.clock.now()
        async with self.file.turn:
            if there:
                await type(audit).discard.__wrapped__(audit, key, "A person", "by hand", now)  # type: ignore[attr-defined]
            else:
                await type(audit).undiscard.__wrapped__(audit, key, "A person", now)  # type: ignore[attr-defined]
        self.note(f"a person: {'discards' if there else 'reopens'} {key}")

    def _organisation(self) -> str:
        return next(run.exchange.organisation for run in self._runs if hasattr(run.exchange, "organisation"))

    @contextmanager
    def _seams(self) -> Iterator[None]:
        """Let locks die with the runs of the simulation, and lists come in as small pages as it wants."""
        lock = {"_lock": lambda exchange: _Lock(self, self._run_of(exchange)), "_place": lambda it: it.place}
        with patch.multiple(lease, **lock), patch.object(xero_payments, "PAGE_SIZE", self.script.page_size):
            yield

    def _run_of(self, exchange: Any) -> Run:
        return next(run for run in self._runs if run.exchange is exchange)

    # Playing

    async def played(self) -> None:
        """Play the schedule. Raises Violation."""
        with self._seams():
            await self._a_small_day()
            await self._visits()
            await self._heal()

    async def _a_small_day(self) -> None:
        """Let there be one of each kind to begin with."""
        for who in (self.person.client, self.person.employee, self.person.stranger):
            self.person.pay(who)
            await asyncio.sleep(1)
        prepayment = self.person.prepay(self.person.client)
        await asyncio.sleep(1)
        self.person.apply(prepayment, prepayment.amount / 2 // 1 + 1)
        await asyncio.sleep(1)

    async def _visits(self) -> None:
        under_way: list[asyncio.Task[bool]] = []
        for number, visit in enumerate(self.script.visits):
            if not visit.beside and under_way:
                await asyncio.wait(under_way)
                self.require_none()
            await asyncio.sleep(visit.after)
            if self.script.ids == "appear" and number == 1:
                self.xero.options = self.xero.options.changed({"allocation_ids": True})
            for _ in range(visit.acts):
                if what := self.person_acts():
                    self.acted(what)
                await asyncio.sleep(self.rng.uniform(0.5, 2))
            if visit.store:
                self._spoil(visit)
            under_way.append(self.loop.create_task(self.run(visit.place)))
        await asyncio.wait(under_way)
        self.require_none()

    def _spoil(self, visit: Visit) -> None:
        self.model.forgetful = True
        if visit.store == "old" and self._copies:
            self.file.restore(self.rng.choice(self._copies))
        else:
            self.file.lose()
        self.note(f"the store is {visit.store}")
        self.faults[f"store {visit.store}"] += 1

    async def run(self, place: int) -> bool:
        """Run in a place; return whether the run ended without an error."""
        run = Run(self, len(self._runs) + 1, place)
        self._runs.append(run)
        self._copies.append(run.file.copy())
        self.under_way += 1
        for one in self._runs:
            one.disturbed = one.disturbed or self.under_way > 1
        self.note(f"run {run.number}: begins in place {place}")
        try:
            summary = await self.attempt(run, payments_run(self, run))
        finally:
            self._copies.append(run.file.copy())
            self.under_way -= 1
        self.look()
        if summary is None:
            return False
        self.note(f"run {run.number}: ended. {summary.sentence()}")
        acted = self.acted_at is not None and self.acted_at >= run.began
        if not (run.disturbed or acted or self.script.holds) and self.checked:
            before = run.began - dt.timedelta(seconds=CLOCKS)
            self.check(lambda: self.model.ended_calmly(before, self.file.rows()))
        return True

    async def _heal(self) -> None:
        """Let faults end, and require that all then comes right at once, and stays as it is."""
        self.note("faults end")
        self.chance = Calm()
        await self.nothing_pending()
        # Whoever's clock is behind is to see all that was done.
        await asyncio.sleep(self.script.rest + CLOCKS)
        if self.script.holds:
            await self._answer_for_all()
        await self._run_well()
        if not (self.checked or self.script.holds):
            # Where LN books twice, what is left of a prepayment is wrong there, and nothing comes right.
            return
        self.check(lambda: self.model.ended_well(self.file.rows()))
        posts = self.posts
        await self._run_well()
        self.check(lambda: self.model.ended_well(self.file.rows()))
        if self.posts != posts:
            raise Violation("a further run posts something")

    async def _run_well(self) -> None:
        ended = await self.run(0)
        self.require_none()
        if not ended:
            raise Violation("a run without faults fails")

    async def _answer_for_all(self) -> None:
        """Let a person look into LN for all that is held, as the reasons of the rows ask."""
        for row in self.file.rows():
            if row.status == "unknown" and not row.discarded:
                await self._answer(row, there=self.model.is_booked(row))
