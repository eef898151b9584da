"""One schedule, played: whole runs, a Xero, an LN, a Mambu, stores, people, and a judge who is told."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from blocks.connections import lookup
from blocks.sandbox.infor_ln.app import LnOptions, LnStandIn
from blocks.sandbox.mambu.app import MambuOptions, MambuStandIn
from blocks.sandbox.world.chart import ORGANISATION_NAME
from blocks.sandbox.xero.app import XeroOptions, XeroStandIn
from blocks.xero import payments as xero_payments
from flows.payments.flow import payments
from flows.watch import watch
from tests.simulation.apart import Machine, Process, ProcessClock, apart, run_flow
from tests.simulation.chance import STORE, Calm
from tests.simulation.payments import assumptions
from tests.simulation.payments.administrators import NAMES, Administrator
from tests.simulation.payments.assumptions import (
    BY_HAND_WITH_ONE_STORE,
    CHECK_OFF,
    LEASE,
    LN_PATIENCE,
    SHORT_PAUSE,
)
from tests.simulation.payments.connection import connection
from tests.simulation.payments.doors import doors
from tests.simulation.payments.faults import MAMBU, POST, READ, Fault
from tests.simulation.payments.judge import Judge, Told
from tests.simulation.payments.lags import Lags
from tests.simulation.payments.people import Bookkeeper
from tests.simulation.payments.script import (
    ANY,
    DATE,
    DECIDE,
    DRY,
    ELSEWHERE,
    LOST,
    SINCE,
    UNTIL,
    WAIT,
    WATCH,
    Script,
    Visit,
)
from tests.simulation.payments.stores import PaymentsFile
from tests.simulation.play import Pause, Play, Runner, Violation
from tests.simulation.stores import Copy, WatchedStore

START = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
# A person confirms what may be confirmed, and the run is started again, so often.
_CONFIRMED_AT_MOST = 3
_DUE_TO_STAND_STILL = 5.0
_USUAL = Visit(0, 0.0)
_LONG_WAIT = 1200.0


class Run(Runner):
    """One run in a place, and what struck it."""

    def __init__(self, world: World, number: int, place: int, visit: Visit) -> None:
        super().__init__(world, number, world.store_of(place))
        self.world, self.place = world, place
        self.organisation = visit.organisation
        self.asked = dict(visit.asked) if visit.flow != WATCH else {}
        self.dry = DRY in self.asked
        self.struck: set[str] = set()
        self.released = False  # it has given the payments back
        self.process: Process | None = None

    def stand_still(self, seconds: float) -> None:
        """Let the process stand still from now on."""
        super().stand_still(seconds)
        self.struck.add("itself")
        if seconds > LN_PATIENCE:
            # What it may be asking of Mambu just now, it gives up; the next run tells people.
            self.struck.add(MAMBU)
        self.world.judge.stands_still(self.number, self.world.clock.now())

    def leaves(self, place: str, key: str, body: bytes) -> None:
        """Note that a request leaves the machine."""
        self.require_alive()
        world, now = self.world, self.world.clock.now()
        if place in {READ, POST}:
            world.judge.at_a_door(self.number, now)
        if place == POST:
            world.check(lambda: world.posts(self, body))


class World(Play):
    """A schedule under way. `play` plays it."""

    starts_at = START
    script: Script
    files: list[PaymentsFile]

    def set_up(self) -> None:
        """Make Mambu, Xero, LN, the people and the machines."""
        script = self.script
        self.start = START - dt.timedelta(hours=1)
        self.checked = script.check != CHECK_OFF
        self.by_hand = not (script.separate and BY_HAND_WITH_ONE_STORE)
        self.xeros = [_xero(self.clock, script, number) for number in range(script.organisations)]
        self.ln, self.lags = _ln(self.clock, script), Lags(self.loop, script)
        self.mambu = MambuStandIn(None, self.clock, MambuOptions())
        self.judge = Judge(
            self.start,
            lag=script.lag,
            parallel=script.parallel,
            lease=LEASE,
            once=self.checked or script.holds,
        )
        self._bookkeepers = [
            Bookkeeper(
                random.Random(f"people {script.seed}{number or ''}"),  # noqa: S311
                self.clock,
                xero,
                self.ln,
                self.judge,
                self.start,
                by_hand=self.by_hand and not script.earlier,
                organisation=number,
            )
            for number, xero in enumerate(self.xeros)
        ]
        self._settings: dict[str, str | int] = dict(_settings(script))
        self._machines = [Machine(_home(self.files[0], place)) for place in range(2)]
        self.administrators = [
            Administrator(self, number, file, random.Random(f"administrator {script.seed} {number}"))  # noqa: S311
            for number, file in enumerate(self.files)
        ]
        self.under_way = 0
        self.said = 0  # how often people said something of the audit table
        # Copies of stores, each with the number of runs that had come so far by then as to read Xero's lists.
        self._copies: list[tuple[int, int, Copy]] = []
        self._counted: set[int] = set()
        self._reads: Counter[int] = Counter()
        self._seen: Counter[int] = Counter()  # how many of them a place has seen
        self._calls_for: dict[int, int] = {}  # the place where a store that was spoilt is found out
        self._further = False  # a run that has nothing new to do
        self._before: dict[tuple[int, int], Told] = {}

    def store_of(self, place: int) -> int:
        """Return the number of the store that the runs of a place have."""
        return place if self.script.separate else 0

    @property
    def pending(self) -> bool:
        """Tell whether something is to happen later."""
        return bool(self._pending)

    # What runs meet

    def person_acts(self) -> str | None:
        """Let a person do something in Xero, or say something of the audit table."""
        if self.rng.random() < self.script.decides:
            self._decides()
            return "looks at the audit table"
        return self._somebody().act()

    def _somebody(self) -> Bookkeeper:
        return self.rng.choice(self._bookkeepers) if len(self._bookkeepers) > 1 else self._bookkeepers[0]

    def _decides(self) -> None:
        number = self.rng.randrange(2) if self.script.separate else 0
        self.later(0.0, self.administrators[number].decide)

    def look(self) -> None:
        """Look at nothing: the judge is told of each thing as it happens."""

    def reached(self, run: Runner, place: str, name: str) -> Any:
        """Count a touch of the outside, and return what strikes there."""
        assert isinstance(run, Run)
        if name.endswith("/Payments") and not run.dry:
            self._reads_lists(run)
        fault = super().reached(run, place, name)
        if fault is None:
            return None
        run.struck.add(place)
        if fault == Fault.JUMP:
            self._jumps(run)
            return None
        return fault

    def _jumps(self, run: Run) -> None:
        most = assumptions.bounds.skew
        if run.process is not None:
            # Within the bound, from wherever it is.
            run.process.clock.jump(self.rng.uniform(-most, most))

    def pause_seconds(self, pause: Pause) -> float:
        """Return how long a process stands still this time."""
        if pause is Pause.SHORT:
            return self.rng.uniform(0.1, SHORT_PAUSE)
        return self.rng.uniform(LEASE / 2, assumptions.bounds.pause)

    def posts(self, run: Run, body: bytes) -> None:
        """Let the judge know of a document that leaves. Raises Violation."""
        self.judge.leaves(run.number, body, self.clock.now())
        if self._further:
            self.judge.posts_again(body, self._before.get((run.machine, run.organisation)))

    def _reads_lists(self, run: Run) -> None:
        """Count a run that has come so far as to read Xero's lists, which it does with a store it trusts."""
        self.judge.sees(run.number, self.clock.now())
        if run.number not in self._counted:
            self._counted.add(run.number)
            self._reads[run.machine] += 1
            self._seen[run.place] = self._reads[run.machine]

    def look_at_tasks(self) -> None:
        """Let the judge know of Mambu's tasks. Raises Violation."""
        self.judge.mambu_has([json.loads(one) for one in self.mambu._tenant.state.tasks()])

    # Playing

    async def played(self) -> None:
        """Play the schedule. Raises Violation."""
        with apart(), patch.object(xero_payments, "PAGE_SIZE", self.script.page_size):
            for act in self.script.opening:
                for person in self._bookkeepers if act != WAIT else ():
                    person.act(act)
                await asyncio.sleep(_LONG_WAIT if act == WAIT else 1)
            await self._visits()
            await self._heal()

    async def _visits(self) -> None:
        under_way: list[asyncio.Task[Any]] = []
        for number, visit in enumerate(self.script.visits):
            if not visit.beside and under_way:
                await asyncio.wait(under_way)
                self.require_none()
            await asyncio.sleep(visit.after)
            if self.script.ids == "appear" and number == 1:
                for xero in self.xeros:
                    xero.options = xero.options.changed({"allocation_ids": True})
            await self._acts(visit)
            self._settings |= dict(visit.settings)
            if visit.store:
                self._spoil(visit)
            under_way.append(self.loop.create_task(self.run(visit.place, visit)))
        await asyncio.wait(under_way)
        self.require_none()

    async def _acts(self, visit: Visit) -> None:
        administrator = self.administrators[self.store_of(visit.place)]
        for name in visit.acts:
            what: str | None = name
            if name == DECIDE:
                await administrator.decide()
            elif name in {"close something", "book by hand"}:
                by_hand = name == "book by hand"
                await administrator.close_something(by_hand=by_hand)
            else:
                what = self.person_acts() if name == ANY else self._somebody().act(name)
            if what:
                self.acted(what)
            await asyncio.sleep(self.rng.uniform(0.5, 2))

    def _spoil(self, visit: Visit) -> None:
        """Let a store be lost, or an old copy be put back, where this place has seen later runs."""
        number = self.store_of(visit.place)
        file, administrator = self.files[number], self.administrators[number]
        # Elsewhere LN alone can tell, by what the second run sent it.
        seen = min(2, self._reads[number]) if visit.store == ELSEWHERE else self._seen[visit.place]
        olds = [copy for of, reads, copy in self._copies if of == number and reads < seen]
        if not seen or administrator.spoilt:
            return
        administrator.keep_copy()
        administrator.spoilt = True
        self._calls_for[number] = visit.place
        self.judge.forgot(number, self.clock.now())
        if visit.store != LOST and olds:
            file.restore(self.rng.choice(olds))
        else:
            file.lose()
        self.note(f"the store is {visit.store}")
        self.faults[f"store {visit.store}"] += 1

    async def run(self, place: int, visit: Visit = _USUAL) -> Told | None:
        """Run the flow of a visit in a place; return what it said, or None where it died."""
        number = self.store_of(place)
        if self.administrators[number].spoilt:
            place = self._calls_for[number]
        run = Run(self, len(self._runs) + 1, place, visit)
        flow: Any = watch if visit.flow == WATCH else payments
        self._runs.append(run)
        self._keep_copy(number)
        self.under_way += 1
        settings, where = dict(self._settings), visit.organisation
        if visit.named:
            settings["organisation"] = ORGANISATION_NAME
        if flow is payments:
            astray = visit.named and bool(where)
            began = self.clock.now()
            self.judge.began(run.number, number, began, organisation=where, dry=run.dry, astray=astray)
        self.note(f"run {run.number}: begins in place {place} {run.asked or ''}")
        alone = self.under_way == 1
        before = self._copies[-1][2], self.said, len(self._runs)
        try:
            name = NAMES[number]
            asked = self._parameters(run.asked)
            with lookup.provided({name: connection(self.start, number, settings, where)}):
                await self.attempt(run, run_flow(self._process(run), flow, connection=name, **asked))
        finally:
            self.under_way -= 1
            self._keep_copy(number)
        if run.dry:
            after = self._copies[-1][2], self.said, len(self._runs)
            if alone and before[1:] == after[1:]:
                self.check(lambda: self.judge.left_as_it_was(run.number, same=before[0] == after[0]))
            return None
        if flow is not payments:
            if not run.struck and self.under_way == 0:
                self.check(lambda: self.judge.watched(number, NAMES[number]))
            return None
        return await self._told(run)

    def _parameters(self, asked: dict[str, int]) -> dict[str, Any]:
        """Return what a run is asked for: nothing from before the start, unless people ask for that."""
        now, least = self.clock.now(), dt.datetime.min.replace(tzinfo=dt.UTC)
        if not self.script.earlier:
            least = self.start
        given: dict[str, Any] = {
            name: max(now - dt.timedelta(seconds=asked[name]), least)
            for name in (SINCE, UNTIL)
            if name in asked
        }
        if DATE in asked:
            given["date"] = max((now - dt.timedelta(days=asked[DATE])).date(), least.date())
        return {**given, "dry_run": True} if DRY in asked else given

    def _process(self, run: Run) -> Process:
        async def around(name: str, call: Any) -> Any:
            async def carried_out() -> Any:
                result = await call()
                if name == "leases.take":
                    self.judge.takes(run.number, self.clock.now())
                return result

            run.released = run.released or name == "leases.release"
            return await self.store_call(run, name, carried_out)

        clock = ProcessClock(run, self.script.ahead[run.place])
        store = WatchedStore(run.file.store, around)
        run.process = Process(run, self._machines[run.place], clock, store, doors(self, run))
        return run.process

    def _keep_copy(self, number: int) -> None:
        self._copies.append((number, self._reads[number], self.files[number].copy()))
        self.administrators[number].keep_copy()

    async def _told(self, run: Run) -> Told | None:
        process = run.process
        if process is None or not process.said or STORE in run.struck:
            self.judge.silent(run.machine, self.clock.now())
        if process is None or not process.said:
            if not run.released and self.under_way == 0:
                self.judge.died(run.number)
            return None
        summary, error = process.said[-1]
        if error is not None and "confirm that the payments may begin" in summary.message:
            await self.administrators[run.machine].confirm(self.script.ahead[run.place])
        pages = [text for key, text in process.artifacts.items() if key.startswith("payments-2")]
        told = Told(
            run=run.number,
            store=run.machine,
            connection=NAMES[run.machine],
            began=run.began,
            completed=error is None,
            exit_code=error.exit_code if error else int(summary.anything_open),
            sentence=summary.message,
            since=summary.since,
            until=summary.until,
            page=pages[0] if pages else "",
            calm=not run.struck & {MAMBU, STORE} and self.under_way == 0,
            by_hand=bool(run.asked),
            organisation=run.organisation,
        )
        self.ends(run, f"exit code {told.exit_code}")
        self.note(f"run {run.number}: said {told.exit_code}, {told.sentence} {told.open}")
        if STORE not in run.struck:
            self.check(lambda: self.judge.ended(told))
        return told

    # Healing

    async def _heal(self) -> None:
        """Let faults end, and require that all then comes right at once, and stays as it is."""
        self.note("faults end")
        self.chance = Calm()
        await self.nothing_pending()
        await asyncio.sleep(self.script.rest + self.script.lag + _DUE_TO_STAND_STILL)
        self._settings = dict(_settings(self.script))
        places = (0, 1) if self.script.separate else (0,)
        for place in places:
            if self.script.holds:
                # What a run finds of unknown outcome, people see after it, and the next one goes by that.
                await self._run_everywhere(place)
                await self.administrators[self.store_of(place)].answer_for_all()
            await self._run_everywhere(place)
        if not (self.checked or self.script.holds):
            # Where LN books twice, what is left of a prepayment is wrong there, and nothing comes right.
            return
        self.check(lambda: self.judge.all_is_well(places))
        self._further, self._before = True, dict(self.judge.told)
        for place in places:
            await self._run_everywhere(place)
        self.check(lambda: self.judge.all_is_well(places))
        self.require_none()

    async def _run_everywhere(self, place: int) -> None:
        """Run in each organisation, the first one last."""
        for number in reversed(range(self.script.organisations)):
            await self._run_well(place, _USUAL._replace(organisation=number))

    async def _run_well(self, place: int, visit: Visit) -> None:
        told: Told | None = None
        for _ in range(_CONFIRMED_AT_MOST):
            confirmed = self.faults["a beginning is confirmed"]
            told = await self.run(place, visit)
            self.require_none()
            if self.faults["a beginning is confirmed"] == confirmed:
                break
        if told is None or not told.completed:
            raise Violation(f"a run without faults fails: {told.sentence if told else 'it said nothing'}")


def _settings(script: Script) -> Iterator[tuple[str, str | int]]:
    yield "retries", script.retries
    yield "overlap_minutes", script.overlap
    yield "ln_concurrency", script.parallel
    yield "process_until", "now"
    for kind in ("unknown_payments", "unknown_prepayments", "unknown_allocations"):
        yield kind, "hold" if script.holds else "send"


def _xero(clock: Any, script: Script, number: int) -> XeroStandIn:
    options = XeroOptions(
        payments_per_day=0,
        payment_history_days=0,
        read_lag_seconds=script.lag,
        allocation_touches=script.touches,
        allocation_ids=script.ids == "shown",
    )
    xero = XeroStandIn(None, clock, options)
    if number:
        # No two organisations have the same ids.
        xero.state._ids = random.Random(number)  # noqa: S311
    return xero


def _ln(clock: Any, script: Script) -> LnStandIn:
    options = LnOptions(duplicate_status=script.duplicate_status, duplicate_check=script.check)
    return LnStandIn(None, clock, options)


def _home(file: PaymentsFile, place: int) -> Path:
    """Return the home folder of a place, with nothing of an earlier schedule in it."""
    home = file._file.parent / f"home-{place}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    return home
