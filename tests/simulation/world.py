"""One schedule, played: runs of the real code, a Xero, stores, people, and a model that watches."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Callable, Mapping

from blocks.sandbox.xero import XeroOptions, XeroStandIn
from flows.journals import deliver as delivery
from flows.journals.books import Plan
from tests.simulation.assumptions import COMMIT, STALE
from tests.simulation.chance import Calm, Chance
from tests.simulation.days import Expected, day
from tests.simulation.faults import LIST, PUT
from tests.simulation.loop import VirtualLoop
from tests.simulation.model import Model
from tests.simulation.night import night_of
from tests.simulation.people import Accountant
from tests.simulation.play import Play, Runner, Violation
from tests.simulation.script import Script, Visit
from tests.simulation.stores import Copy, JournalsFile
from tests.simulation.transport import Network

# A minute after the day that is sent has ended.
START = dt.datetime(2026, 11, 21, 0, 1, tzinfo=dt.UTC)
# How often a run of the healed world may fail for what is left of the faults, and how long it then waits.
HEALING_RUNS = 5
HEALING_GAP = 800.0


class Run(Runner):
    """One run on a machine, and what the model must know of it."""

    def __init__(self, world: World, number: int, machine: int) -> None:
        super().__init__(world, number, machine)
        self.world = world
        self.read_at: dt.datetime | None = None

    def leaves(self, place: str, key: str, body: bytes) -> None:
        """Note that a request leaves the machine."""
        self.require_alive()
        now = self.world.clock.now()
        if place == LIST:
            self.read_at = now
        elif place == PUT:
            self.world.puts += 1
            self.world.check(
                lambda: self.world.model.write_leaves(body, self.file.intent(key), now, self.read_at)
            )


class World(Play):
    """A schedule under way. `play` plays it."""

    def __init__(
        self,
        loop: VirtualLoop,
        files: list[JournalsFile],
        script: Script,
        chance: Chance,
        trace: list[str] | None,
    ) -> None:
        super().__init__(loop, files, script, chance, trace, START)
        self.script: Script = script
        self.stale = script.stale
        self.stand_in = XeroStandIn(
            None,
            self.clock,
            XeroOptions(
                # Anything above nothing lets it remember what was.
                read_lag_seconds=script.stale,
                list_deleted=script.shows_deleted,
                reverse_elements=script.reverses,
            ),
        )
        self.plan, self.expected = day(script.day)
        self.model = Model(day(script.day, late=True)[1], shows_voided=script.shows_deleted)
        self.person = Accountant(
            random.Random(f"people {script.seed}"),  # noqa: S311
            self.stand_in,
            self.model,
            removes=script.removes,
        )
        self.puts = self.under_way = 0
        self._copies: dict[int, list[Copy]] = {}
        self._version = -1

    def person_acts(self) -> str | None:
        """Let a person do something in Xero."""
        return self.person.act()

    def warned(self, unused: Callable[[], bool]) -> None:
        """Excuse what the next journal loses to a warning."""
        known = set(self.stand_in.state.journals)
        look = self.look

        def excuse() -> None:
            for journal_id in self.stand_in.state.journals.keys() - known:
                self.model.person_changed(journal_id)
            if unused():
                self.stand_in._journals.warn_next = False
            self.look = look  # type: ignore[method-assign]
            look()

        self.look = excuse  # type: ignore[method-assign]

    def look(self) -> None:
        """Let the model look at the books, if they have changed."""
        if self.stand_in.state.version != self._version:
            self._version = self.stand_in.state.version
            self.check(lambda: self.model.look(self.stand_in.state.journals))

    async def played(self) -> None:
        """Play the schedule. Raises Violation."""
        await self._visits()
        await self._heal()

    async def _visits(self) -> None:
        under_way: list[asyncio.Task[None]] = []
        for number, visit in enumerate(self.script.visits):
            if not visit.beside and under_way:
                await asyncio.wait(under_way)
                self.require_none()
            await asyncio.sleep(visit.after)
            if number == self.script.late_from:
                self.plan, self.expected = day(self.script.day, late=True)
            if visit.deleted and (what := self.person.delete_one()):
                self.acted(f"delete «{what}»")
                await asyncio.sleep(self.stale + 2)
            if visit.store:
                self._spoil(visit)
            under_way.append(self.loop.create_task(self.run(visit.machine)))
        await asyncio.wait(under_way)
        self.require_none()

    def _spoil(self, visit: Visit) -> None:
        file = self.files[visit.machine]
        copies = self._copies.get(visit.machine, [])
        if visit.store == "old" and copies:
            file.restore(self.rng.choice(copies))
        else:
            file.lose()
        self.note(f"machine {visit.machine}: the store is {visit.store}")
        self.faults[f"store {visit.store}"] += 1

    async def run(self, machine: int) -> bool:
        """Run the day on a machine; return whether it ended without an error."""
        run = Run(self, len(self._runs) + 1, machine)
        self._runs.append(run)
        self._copies.setdefault(machine, []).append(run.file.copy())
        plan, expected = self.plan, self.expected
        self.under_way += 1
        for one in self._runs:
            one.disturbed = one.disturbed or self.under_way > 1
        self.note(f"run {run.number}: begins on machine {machine}")
        try:
            return await self._delivered(run, plan, expected)
        finally:
            self._copies[machine].append(run.file.copy())
            self.under_way -= 1

    async def _delivered(self, run: Run, plan: Plan, expected: Mapping[int, Expected]) -> bool:
        night = night_of(self, run)
        done = await self.attempt(run, delivery.deliver(night, plan))
        await night.xero.__aexit__()
        self.check(lambda: self.model.recorded(run.file.recorded(), self.stand_in.state.journals))
        if done is None:
            return False
        confirmed, _ = done
        self.note(f"run {run.number}: ended, {'all there' if confirmed.tied_out else confirmed.open}")
        since = (run.read_at or run.began) - dt.timedelta(seconds=self.stale + 1)
        if confirmed.tied_out and (self.acted_at is None or self.acted_at < since):
            self.check(lambda: self.model.claimed_complete(expected))
        acted = self.acted_at is not None and self.acted_at >= run.began - dt.timedelta(
            seconds=self.stale + 1
        )
        if not run.disturbed and not acted:
            self.check(lambda: self.model.ended_calmly(expected))
        return True

    async def _heal(self) -> None:
        """Let faults end, and require that the day then comes right, and stays as it is."""
        self.note("faults end")
        self.chance = Calm()
        if self.person.copies:
            self.person.remove_copies()
            self.acted_at = self.clock.now()
            self.look()
        await asyncio.sleep(self.script.rest)
        for _ in range(HEALING_RUNS):
            ended = await self.run(0)
            self.require_none()
            if ended and not self.model.missing(self.expected):
                break
            await asyncio.sleep(HEALING_GAP)
        else:
            raise Violation(f"after {HEALING_RUNS} runs without faults the day is not done")
        await self._settled()
        self.check(lambda: self.model.ended_calmly(self.expected))
        await self._rerun(0)
        if self.script.fresh_at_end:
            self.files[2].lose()
            await self._rerun(2)

    async def _settled(self) -> None:
        await self.nothing_pending()
        await asyncio.sleep(COMMIT + STALE)

    async def _rerun(self, machine: int) -> None:
        puts, version = self.puts, self.stand_in.state.version
        ended = await self.run(machine)
        self.require_none()
        if not ended:
            raise Violation("a further run fails")
        if (puts, version) != (self.puts, self.stand_in.state.version):
            raise Violation("a further run writes to Xero")

    def network(self, run: Run) -> Network:
        """Return a run's way to Xero."""
        return Network(self, run)
