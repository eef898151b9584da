"""One schedule, played: runs of the real code, a Xero, stores, people, and a model that watches."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from blocks.errors import DaybookError, StoreError
from blocks.sandbox.xero import XeroOptions, XeroStandIn
from flows.journals import deliver as delivery
from flows.journals.books import Plan
from tests.simulation.assumptions import COMMIT, STALE
from tests.simulation.days import Expected, day
from tests.simulation.faults import LIST, PUT, STORE, Calm, Chance, Fault, Point
from tests.simulation.loop import LoopClock, VirtualLoop
from tests.simulation.model import Model, Violation
from tests.simulation.night import night_of
from tests.simulation.people import Accountant
from tests.simulation.script import Script, Visit
from tests.simulation.stores import Copy, StoreFile
from tests.simulation.transport import Network

# A minute after the day that is sent has ended.
START = dt.datetime(2026, 11, 21, 0, 1, tzinfo=dt.UTC)
# How often a run of the healed world may fail for what is left of the faults, and how long it then waits.
HEALING_RUNS = 5
HEALING_GAP = 800.0
_MOST_POINTS = 20_000


class Crashed(BaseException):
    """The process that ran has died. Nothing catches it, and nothing it did goes on."""


class Figures(NamedTuple):
    """What a schedule came to."""

    seconds: float
    points: int
    faults: Mapping[str, int]


class Run:
    """One run on a machine, and what the model must know of it."""

    def __init__(self, world: World, number: int, machine: int) -> None:
        self.world, self.number, self.machine = world, number, machine
        self.file = world.files[machine]
        self.dead = False
        self.disturbed = False
        self.read_at: dt.datetime | None = None
        self.began = world.clock.now()

    def require_alive(self) -> None:
        """Raise Crashed where the run has died: what still stirs of it does nothing."""
        if self.dead:
            raise Crashed

    def crashes(self) -> Crashed:
        """Let the run die here, and return what to raise."""
        self.dead = True
        return Crashed()

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


class World:
    """A schedule under way. `play` plays it."""

    def __init__(
        self,
        loop: VirtualLoop,
        files: list[StoreFile],
        script: Script,
        chance: Chance,
        trace: list[str] | None,
    ) -> None:
        self.loop, self.files, self.script = loop, files, script
        self.chance: Chance = chance
        self.trace = trace
        self.rng = random.Random(f"world {script.seed}")  # noqa: S311
        self.clock = LoopClock(loop, START)
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
        self.points = self.puts = self.under_way = 0
        self.faults: Counter[str] = Counter()
        self.acted_at: dt.datetime | None = None
        self.violation: BaseException | None = None
        self._began = loop.time()
        self._runs: list[Run] = []
        self._copies: dict[int, list[Copy]] = {}
        self._pending: set[asyncio.Task[Any]] = set()
        self._version = -1

    # What runs meet

    def reached(self, run: Run, place: str, name: str) -> Fault | None:
        """Count a touch of the outside, let people act, and return the fault that strikes."""
        self.points += 1
        if self.points > _MOST_POINTS:
            self.check(lambda: _raise(Violation("the runs never end")))
        point = Point(self.points, run.number, place, name)
        if self.chance.person(point) and (what := self.person.act()):
            self.note(f"a person: {what}")
            self.faults["a person acts"] += 1
            self.acted_at = self.clock.now()
            self.look()
        fault = self.chance.fault(point)
        self.note(f"run {run.number}: {name}{f' !! {fault}' if fault else ''}")
        if fault is not None:
            self.faults[fault] += 1
            for one in self._runs:
                one.disturbed = True
        if fault is Fault.CRASH:
            raise run.crashes()
        return fault

    async def store_call(self, run: Run, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call of a run's store, or let it fail."""
        run.require_alive()
        fault = self.reached(run, STORE, f"store.{name}")
        await asyncio.sleep(self.rng.uniform(0, 0.02))
        run.require_alive()
        if fault is Fault.STORE_DOWN:
            raise StoreError("the store is down")
        async with run.file.turn:
            result = await call()
        if fault is Fault.CRASH_DONE:
            raise run.crashes()
        if fault is Fault.STORE_DOWN_DONE:
            raise StoreError("the store went down")
        return result

    def later(self, seconds: float, act: Callable[[], Awaitable[Any]]) -> None:
        """Let something happen in Xero in a while, whatever becomes of the run that caused it."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            self.note("xero: carries out what came late")
            await act()

        task = self.loop.create_task(wait())
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

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

    def check(self, check: Callable[[], None]) -> None:
        """Keep the first violation, wherever it is seen: code under test must not be able to swallow it."""
        try:
            check()
        except Violation as violation:
            self.note(f"VIOLATION: {violation}")
            self.violation = self.violation or violation

    def note(self, text: str) -> None:
        """Add a line to the trace, if there is one."""
        if self.trace is not None:
            self.trace.append(f"{self.loop.time() - self._began:9.1f} s  {text}")

    # Playing

    async def play(self) -> Figures:
        """Play the schedule. Raises Violation."""
        for file in self.files:
            file.lose()
        random.seed(self.script.seed)
        await self._visits()
        await self._heal()
        self._require_none()
        return Figures(self.loop.time() - self._began, self.points, self.faults)

    async def _visits(self) -> None:
        under_way: list[asyncio.Task[None]] = []
        for number, visit in enumerate(self.script.visits):
            if not visit.beside and under_way:
                await asyncio.wait(under_way)
                self._require_none()
            await asyncio.sleep(visit.after)
            if number == self.script.late_from:
                self.plan, self.expected = day(self.script.day, late=True)
            if visit.deleted and (what := self.person.delete_one()):
                self.note(f"a person: delete «{what}»")
                self.faults["a person acts"] += 1
                self.acted_at = self.clock.now()
                self.look()
                await asyncio.sleep(self.stale + 2)
            if visit.store:
                self._spoil(visit)
            under_way.append(self.loop.create_task(self.run(visit.machine)))
        await asyncio.wait(under_way)
        self._require_none()

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
        try:
            confirmed, _ = await delivery.deliver(night, plan)
        except Crashed:
            self.note(f"run {run.number}: died")
            return False
        except DaybookError as error:
            self.note(f"run {run.number}: {type(error).__name__}: {error}")
            return False
        except Violation:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, no run may end in it
            self.violation = self.violation or error
            self.note(f"run {run.number}: {error!r}")
            return False
        finally:
            run.dead = True
            await night.xero.__aexit__()
            self.check(lambda: self.model.recorded(run.file.recorded(), self.stand_in.state.journals))
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
            self._require_none()
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
        while self._pending:
            await asyncio.wait(self._pending)
        await asyncio.sleep(COMMIT + STALE)

    async def _rerun(self, machine: int) -> None:
        puts, version = self.puts, self.stand_in.state.version
        ended = await self.run(machine)
        self._require_none()
        if not ended:
            raise Violation("a further run fails")
        if (puts, version) != (self.puts, self.stand_in.state.version):
            raise Violation("a further run writes to Xero")

    def _require_none(self) -> None:
        if self.violation is not None:
            raise self.violation

    def end(self) -> None:
        """Let all runs die, those included that a violation has cut off."""
        for run in self._runs:
            run.dead = True

    def network(self, run: Run) -> Network:
        """Return a run's way to Xero."""
        return Network(self, run)


def _raise(error: BaseException) -> None:
    raise error
