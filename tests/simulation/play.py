"""One schedule under way, whatever it is of: runs that touch the outside, and what strikes them there."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar

import httpx

from blocks.errors import DaybookError, StoreError
from tests.simulation.chance import STORE, Chance, Point
from tests.simulation.loop import LoopClock, VirtualLoop
from tests.simulation.stores import StoreFile

_MOST_POINTS = 20_000
T = TypeVar("T")


class Violation(AssertionError):
    """Something that must never happen has happened."""


class Crashed(BaseException):
    """The process that ran has died. Nothing catches it, and nothing it did goes on."""


class StoreFault(StrEnum):
    """What can strike a call of a store.

    "Written" is said of what the call writes.
    """

    CRASH = "the run dies before"
    CRASH_DONE = "the run dies after"
    STORE_DOWN = "the store fails, nothing written"
    STORE_DOWN_DONE = "the store fails, all written"


class Pause(StrEnum):
    """How a process can stand still, at any point: within the bound that the code relies on, or beyond it."""

    SHORT = "the process stands still for a moment"
    LONG = "the process stands still for long"


class Figures(NamedTuple):
    """What a schedule came to."""

    seconds: float
    points: int
    faults: Mapping[str, int]


class Script(Protocol):
    """A schedule, as far as every simulation has it."""

    @property
    def seed(self) -> int:
        """What it was drawn from."""

    @property
    def rates(self) -> tuple[Any, ...]:
        """How often what strikes."""

    def chance(self) -> Chance:
        """Return what decides about the faults."""

    def _asdict(self) -> dict[str, Any]:
        """Return all of it by name, for people."""


class Witness(Protocol):
    """Who sees what leaves the runs of a schedule and how they end, whatever they do with their stores."""

    def leaves(self, run: Runner, request: httpx.Request) -> None:
        """See a request leave."""

    def ends(self, run: Runner, word: str) -> None:
        """Hear how a run ended: how its process did, or with which exit code its command would."""


class Runner:
    """One run, and the process that it lives in."""

    def __init__(self, play: Play, number: int, machine: int) -> None:
        self.play, self.number, self.machine = play, number, machine
        self.file = play.files[machine]
        self.dead = False
        self.disturbed = False
        self.began = play.clock.now()
        self.touches = 0
        self._stands_until = 0.0

    @property
    def stands_still(self) -> bool:
        """Tell whether the process stands still just now."""
        return self._stands_until > self.play.loop.time()

    def stand_still(self, seconds: float) -> None:
        """Let the process stand still from now on: whatever of it would go on waits."""
        self._stands_until = self.play.loop.time() + seconds

    async def goes_on(self) -> None:
        """Return once the process does not stand still. Raises Crashed where it has died."""
        while (left := self._stands_until - self.play.loop.time()) > 0:  # noqa: ASYNC110 - it may be told anew
            await asyncio.sleep(left)
        self.require_alive()

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


class Play:
    """A schedule under way. `play` plays it.

    With a `witness`, stores are no part of the outside: a call of one takes no time, never fails, and moves
    nothing that is left to chance. So what the witness sees is the same however often stores are asked.
    """

    starts_at: dt.datetime
    witness: Witness | None = None

    def __init__(
        self,
        loop: VirtualLoop,
        files: Sequence[StoreFile],
        script: Script,
        chance: Chance,
        trace: list[str] | None,
    ) -> None:
        self.loop, self.files, self.script = loop, files, script
        self.chance: Chance = chance
        self.trace = trace
        self.rng = random.Random(f"world {script.seed}")  # noqa: S311
        self.clock = LoopClock(loop, self.starts_at)
        self.points = 0
        self.faults: Counter[str] = Counter()
        self.acted_at: dt.datetime | None = None
        self.violation: BaseException | None = None
        self._began = loop.time()
        self._runs: list[Any] = []
        self._pending: set[asyncio.Task[Any]] = set()
        self.set_up()

    def set_up(self) -> None:
        """Make the systems, people and machines that the schedule is played with."""
        raise NotImplementedError

    @property
    def elapsed(self) -> float:
        """Return the virtual seconds since the schedule began."""
        return self.loop.time() - self._began

    async def play(self) -> Figures:
        """Play the schedule. Raises Violation."""
        for file in self.files:
            file.lose()
        random.seed(self.script.seed)
        await self.played()
        self.require_none()
        return Figures(self.elapsed, self.points, self.faults)

    async def played(self) -> None:
        """Play the schedule, whatever it consists of. Raises Violation."""
        raise NotImplementedError

    def person_acts(self) -> str | None:
        """Let a person do something, and return what; None where there is nothing to do."""
        raise NotImplementedError

    def acts_at(self, point: Point) -> str | None:
        """Let a person do something at a point, and return what; None where there is nothing to do."""
        return self.person_acts()

    def look(self) -> None:
        """Let the model look at the books, if they have changed."""
        raise NotImplementedError

    # What runs meet

    def reached(self, run: Runner, place: str, name: str) -> Any:
        """Count a touch of the outside, let people act, and return the fault that strikes."""
        self.points += 1
        if self.points > _MOST_POINTS:
            self.violation = self.violation or Violation("the runs never end")
        run.touches += 1
        point = Point(self.points, run.number, place, name, run.touches)
        if self.chance.person(point) and (what := self.acts_at(point)):
            self.acted(what)
        fault = self.chance.fault(point)
        self.note(f"run {run.number}: {name}{f' !! {fault}' if fault else ''}")
        if fault is not None:
            self.faults[fault] += 1
            for one in self._runs:
                one.disturbed = True
        if fault == StoreFault.CRASH:
            raise run.crashes()
        if isinstance(fault, Pause):
            run.stand_still(self.pause_seconds(fault))
            return None
        return fault

    def pause_seconds(self, pause: Pause) -> float:
        """Return how long a process stands still this time."""
        raise NotImplementedError

    def acted(self, what: str) -> None:
        """Note that a person has done something."""
        self.note(f"a person: {what}")
        self.faults["a person acts"] += 1
        self.acted_at = self.clock.now()
        self.look()

    async def store_call(self, run: Runner, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call of a run's store, or let it fail."""
        run.require_alive()
        if self.witness is not None:
            return await call()
        fault = self.reached(run, STORE, f"store.{name}")
        await asyncio.sleep(self.rng.uniform(0, 0.02))
        await run.goes_on()
        if fault == StoreFault.STORE_DOWN:
            raise StoreError("the store is down")
        async with run.file.turn:
            result = await call()
        if fault == StoreFault.CRASH_DONE:
            raise run.crashes()
        if fault == StoreFault.STORE_DOWN_DONE:
            raise StoreError("the store went down")
        await run.goes_on()
        return result

    def later(self, seconds: float, act: Callable[[], Awaitable[Any]]) -> None:
        """Let something happen in a while, whatever becomes of the run that caused it."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            self.note("carried out late")
            await act()

        task = self.loop.create_task(wait())
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def nothing_pending(self) -> None:
        """Return once all that was to happen later has happened."""
        while self._pending:
            await asyncio.wait(self._pending)

    async def attempt(self, run: Runner, work: Awaitable[T]) -> T | None:
        """Let a run do its work; return what came of it, or None where it failed or died."""
        try:
            done = await work
        except Crashed:
            self.ends(run, "died")
            self.note(f"run {run.number}: died")
        except DaybookError as error:
            self.ends(run, f"exit code {error.exit_code}")
            self.note(f"run {run.number}: {type(error).__name__}: {error}")
        except Violation:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, no run may end in it
            self.violation = self.violation or error
            self.note(f"run {run.number}: {error!r}")
        else:
            self.ends(run, str(getattr(done, "type", "")))
            return done
        finally:
            run.dead = True
        return None

    def ends(self, run: Runner, word: str) -> None:
        """Let the witness hear how a run ended, if there is one."""
        if self.witness is not None:
            self.witness.ends(run, word)

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
            self.trace.append(f"{self.elapsed:9.1f} s  {text}")

    def require_none(self) -> None:
        """Raise the first violation, if there was one."""
        if self.violation is not None:
            raise self.violation

    def end(self) -> None:
        """Let all runs die, those included that a violation has cut off."""
        for run in self._runs:
            run.dead = True
