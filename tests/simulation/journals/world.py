"""One schedule, played: whole runs of the real code, Mambu, Xero, stores, people, and a judge."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
from pyarrow import parquet

from blocks.connections import lookup
from blocks.connections.journals import JournalConnection
from blocks.mambu import client as mambu
from blocks.mambu.credentials import MambuCredentials
from blocks.sandbox.mambu.app import API_KEYS, ASSIGNED_USER_KEY
from blocks.sandbox.xero.app import CLIENT_ID, CLIENT_SECRET, XeroOptions, XeroStandIn
from blocks.sandbox.xero.chart import ORGANISATION as FIRST_ORGANISATION
from blocks.sandbox.xero.chart import OTHER_ORGANISATION, Named
from blocks.sandbox.xero.state import Journal as HeldJournal
from blocks.store.database import metadata
from blocks.xero.credentials import XeroCredentials
from flows import watch as watching
from flows.cli import journals as journals_command
from flows.cli import withdraw as withdraw_command
from flows.journals import extract as extracting
from flows.journals import prepare as sealing
from flows.journals import read as reading
from flows.journals.flow import journals
from flows.journals.withdraw import flow as withdrawals
from tests.simulation.apart import Machine, Process, ProcessClock, Said, apart, run_flow
from tests.simulation.chance import Calm, Point
from tests.simulation.journals.assumptions import LONGEST_PAUSE, WRONG_CLOCK
from tests.simulation.journals.doors import MambuDoor, XeroDoor
from tests.simulation.journals.faults import CLOCKS_JUMP, JUMPS, PUT, Fault
from tests.simulation.journals.judge import (
    JOURNALS,
    WITHDRAWAL,
    Change,
    End,
    Journal,
    Judge,
    Line,
    Row,
    Word,
    marks_of,
)
from tests.simulation.journals.judge import Run as Facts
from tests.simulation.journals.mambu import Ledger
from tests.simulation.journals.people import Accountant
from tests.simulation.journals.script import (
    DATE,
    HIDE,
    LABEL,
    LATE,
    MACHINES,
    MAP,
    NIGHT,
    ORGANISATION,
    REFRESH,
    REHEARSAL,
    REVERSED,
    SHOW,
    TAKEN_BACK,
    WATCH,
    WITHDRAW,
    ZONE,
    Script,
    Visit,
)
from tests.simulation.play import Pause, Play, Runner, Violation
from tests.simulation.stores import Copy, StoreFile, WatchedStore

FIRST = dt.date(2026, 11, 20)
START = dt.datetime(2026, 11, 21, 0, 30, tzinfo=dt.UTC)
_NIGHTLY = dt.time(0, 30, tzinfo=dt.UTC)
# A loopback address, so that no proxy of the machine is asked about; nothing listens there.
_ADDRESS = "http://127.0.0.1:9"
_OTHER_MAP = (("4100", "4110"),)
_OF_MAMBU = frozenset({LATE, TAKEN_BACK, REVERSED, HIDE, SHOW, ZONE})


class JournalsFile(StoreFile):
    """A store of the journals: all of it."""

    tables = tuple(name for name in metadata.tables if name not in {"daybook", "audit", "windows", "starts"})


class Settings:
    """What of the connection changes."""

    def __init__(self) -> None:
        self.label: str | None = None
        self.account_map: tuple[tuple[str, str], ...] = ()
        # Which of the two organisations it leads to.
        self.organisation = 0


class Office:
    """An organisation of Xero's: its books, the people at them, its judge, and what was said of it last."""

    def __init__(self, world: World, named: Named) -> None:
        script = world.script
        self.judge = Judge(stale=script.stale, shows_deleted=script.shows_deleted, moves=bool(script.other))
        self.xero = XeroStandIn(
            None,
            world.clock,
            XeroOptions(
                # Anything above nothing lets it remember what was.
                read_lag_seconds=script.stale,
                list_deleted=script.shows_deleted,
                reverse_elements=script.reverses,
                payments_per_day=0,
            ),
            named,
        )
        self.person = Accountant(self.xero)
        self.last_words: dict[str, Word] = {}
        self.seen: dict[str, HeldJournal] = {}
        self.version = -1


@lru_cache
def _connection(
    lines_per_journal: int,
    parallel: int,
    first_day: dt.date | None,
    label: str | None,
    account_map: tuple[tuple[str, str], ...],
    tenant_id: str,
    organisation: str | None,
) -> JournalConnection:
    return JournalConnection(
        mambu=MambuCredentials(base_url=f"{_ADDRESS}/api", api_key=API_KEYS["admin"]),
        xero=XeroCredentials(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            tenant_id=tenant_id,
            base_url=f"{_ADDRESS}/api.xro/2.0",
            token_url=f"{_ADDRESS}/connect/token",
        ),
        lines_per_journal=lines_per_journal,
        xero_concurrency=parallel,
        mambu_concurrency=1,
        first_day=first_day,
        label=label,
        organisation=organisation,
        account_map=dict(account_map),
        assigned_user_key=ASSIGNED_USER_KEY,
    )


class Run(Runner):
    """One run of the flow, the process that it lives in, and what the judge knows of it."""

    def __init__(self, world: World, number: int, visit: Visit) -> None:
        super().__init__(world, number, visit.machine)
        store = world.script.stores[visit.machine]
        self.file = world.files[store]
        # Whatever becomes of the connection meanwhile: a run reads it as it begins.
        self.office = world.office
        self.process: RunProcess | None = None
        kind = WITHDRAWAL if visit.kind == WITHDRAW else WATCH if visit.kind == WATCH else JOURNALS
        accounts = dict(world.settings.account_map)
        self.facts = Facts(number, kind, store, world.loop.time(), accounts, dry=visit.kind == REHEARSAL)
        self.facts.include_posted = "posted" in visit.options
        self.facts.include_edited = "edited" in visit.options
        self.facts.refused = world.script.other == "refused" and self.office is not world.offices[0]
        # The requests before which the process stood still beyond the bound.
        self.late: set[bytes] = set()
        # When it had read each journal, as of each request to change one, and when that left.
        self.left: dict[bytes, float] = {}
        self.read_before: dict[bytes, dict[str, float]] = {}
        self.words: list[Word] = []

    def leaves(self, place: str, key: str, body: bytes) -> None:
        """Note that a request leaves the machine."""
        super().leaves(place, key, body)
        world = self.play
        assert isinstance(world, World)
        if place == PUT and body + key.encode() not in self.late and world.clocks_are_right:
            self.office.judge.leaves(world.loop.time(), self.number, key)
            world.judged()


class RunProcess(Process):
    """A process, whose words go to the judge as they are said."""

    def ended(self, said: Said) -> None:
        """Tell the judge what a flow run said."""
        super().ended(said)
        world = self.run.play
        assert isinstance(world, World)
        world.heard(self.run, said)


class World(Play):
    """A schedule under way: a Mambu, one organisation or two, people, and machines with their runs.

    `play` plays it.
    """

    starts_at = START
    script: Script

    def set_up(self) -> None:
        """Make Mambu, Xero, the people and the machines."""
        script = self.script
        self.settings = Settings()
        names = (FIRST_ORGANISATION, OTHER_ORGANISATION) if script.other else (FIRST_ORGANISATION,)
        self.offices = [Office(self, named) for named in names]
        self.mambu = Ledger(
            random.Random(f"ledger {script.seed}"),  # noqa: S311
            self.clock,
            FIRST,
            script.days,
            script.kind,
            self._mambu_has,
            zone=script.zone,
            late_hours=script.late_hours,
        )
        folder = self.files[0].folder
        self.machines = [Machine(folder / f"machine {number}") for number in range(MACHINES)]
        self.warns = False
        self.writes = self.under_way = 0
        self._copies: dict[int, list[tuple[float, Copy]]] = {}
        self._ids = random.Random(f"ids {script.seed}")  # noqa: S311

    @property
    def office(self) -> Office:
        """Return the organisation that the connection leads to just now."""
        return self.offices[self.settings.organisation]

    @property
    def judge(self) -> Judge:
        """Return the judge of that organisation."""
        return self.office.judge

    @property
    def clocks_are_right(self) -> bool:
        """Tell whether no machine's clock is wrong, or jumps, beyond the bound."""
        bound = self.script.bounds.clocks
        return max(map(abs, self.script.ahead)) <= bound and not CLOCKS_JUMP & self.script.rates.kinds

    # What the judge is told

    def _mambu_has(self, lines: list[Line]) -> None:
        for office in self.offices:
            office.person.transactions = {line.entry: line.transaction for line in lines}
            office.judge.mambu_has(self.loop.time(), lines)

    def look(self) -> None:
        """Let the judges see what a person has done."""
        for office in self.offices:
            self._observe(office, None)

    def observe(self, run: Run, *, late: bool = False, left: float | None = None) -> None:
        """Let the judge see what a run has changed in Xero."""
        self._observe(run.office, run, late=late, left=left)

    def _observe(
        self, office: Office, run: Run | None, *, late: bool = False, left: float | None = None
    ) -> None:
        state = office.xero.state
        if state.version == office.version:
            return
        office.version = state.version
        changes: list[Change] = []
        for journal_id, journal in state.journals.items():
            if office.seen.get(journal_id) is not journal:
                office.seen[journal_id] = journal
                shown = _shown(office, journal)
                number = run.number if run else None
                changes.append(Change(self.loop.time(), shown, number, late, self.warns, left))
        if run is not None:
            self.writes += len(changes)
        office.judge.changed(changes)
        self.judged()

    def require_own(self, run: Run, tenant: str | None) -> None:
        """Require that a request names no other organisation than the one its run is for."""
        if tenant is not None and tenant != run.office.xero.named.tenant_id:
            self._fail(f"run {run.number} asks another organisation than the one it is for")

    def judged(self) -> None:
        """Keep the first rule that a judge has found broken."""
        for office in self.offices:
            if office.judge.broken:
                self._fail(office.judge.broken[0])

    def heard(self, run: Runner, said: Said) -> None:
        """Let the judge hear what a run said of a day."""
        assert isinstance(run, Run)
        told = said.summary
        if run.dead or run.facts.dry or told.date is None:
            return
        day = str(told.date)
        if run.facts.kind == WITHDRAWAL:
            left = [f"{journal.narration}: {why}" for journal, why in told.left]
            done = told.confirmed and told.error is None and not told.left
            status, texts = "completed" if done else "failed", [told.message, *left]
        else:
            # A day that came through itself is no failure for those that the night looked back on.
            status, texts = (
                ("completed" if told.still_open and told.failure is None else told.status),
                _texts(told),
            )
        incident = getattr(told, "incident", None) is not None
        word = Word(run.number, day, status, " ".join(texts), self.loop.time(), incident)
        run.words.append(word)
        if run.facts.kind == JOURNALS:
            run.office.last_words[day] = word
        run.office.judge.said(word)
        self.judged()

    # What people, Mambu and the connection do

    def acts_at(self, point: Point) -> str | None:
        """Let a person do something at a point; what depends on the point alone."""
        rng = random.Random(f"act {self.script.seed} {point.run} {point.touch}")  # noqa: S311
        return self._act(rng.choice(self.script.acts), rng) if self.script.acts else None

    def _act(self, name: str, rng: random.Random) -> str | None:
        if name in _OF_MAMBU:
            done = self.mambu.act(name, rng)
            if done and name in {TAKEN_BACK, HIDE, ZONE}:
                self._touch_all(done)
            return done
        if name in {LABEL, MAP, ORGANISATION}:
            return self._other_settings(name)
        done = self.office.person.act(name, rng)
        if done and name == "archive an account":
            self._touch_all(done)
        return done

    def _other_settings(self, name: str) -> str:
        settings = self.settings
        if name == ORGANISATION:
            # No reason for a run to be unhappy with a day of the one or of the other.
            settings.organisation = 1 - settings.organisation
            return f"the connection leads to {self.office.xero.named.name!r}"
        if name == LABEL:
            settings.label = None if settings.label else "acme"
        else:
            settings.account_map = () if settings.account_map else _OTHER_MAP
        self._touch_all(name)
        return f"the connection has {name}"

    def _touch_all(self, why: str) -> None:
        for number in range(self.script.days + 2):
            for office in self.offices:
                office.judge.touch(str(FIRST + dt.timedelta(days=number)), why)

    def reached(self, run: Runner, place: str, name: str) -> Any:
        """Count a touch of the outside, and return the fault that strikes, if it is one of the way there."""
        fault = super().reached(run, place, name)
        if fault in JUMPS:
            assert isinstance(run, Run)
            seconds = self.rng.uniform(60, WRONG_CLOCK)
            self._clock_of[run.number].jump(seconds if fault == Fault.JUMP_AHEAD else -seconds)
            return None
        return fault

    def pause_seconds(self, pause: Pause) -> float:
        """Return how long a process stands still this time."""
        bound = self.script.bounds.pause
        if pause == Pause.SHORT:
            return self.rng.uniform(0, bound * 0.99)
        if self.script.pauses:
            return self.rng.uniform(*self.script.pauses)
        short, taken_over = self.rng.uniform(bound, 300), self.rng.uniform(185, 240)
        return self.rng.choice((short, taken_over, *(self.rng.uniform(300, LONGEST_PAUSE) for _ in range(2))))

    # Playing

    @contextmanager
    def _seams(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(apart())
            stack.enter_context(patch.object(uuid, "uuid4", self._uuid))
            # Without threads a small file is read in a tenth of the time.
            stack.enter_context(patch.object(parquet, "read_table", _read_here))
            if size := self.script.page_size:
                stack.enter_context(patch.object(mambu, "PAGE_LINES", size))
                stack.enter_context(patch.object(extracting, "PAGE_LINES", size))
                stack.enter_context(patch.object(reading, "page_size", lambda _: size))
            if block := self.script.block:
                stack.enter_context(patch.object(sealing, "BLOCK_JOURNALS", block))
            yield

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self._ids.getrandbits(128), version=4)

    async def played(self) -> None:
        """Play the schedule. Raises Violation."""
        self._clock_of: dict[int, ProcessClock] = {}
        for machine in self.machines:
            shutil.rmtree(machine.home, ignore_errors=True)
            machine.home.mkdir()
        with self._seams():
            await self._visits()
            await self._heal()

    async def _visits(self) -> None:
        under_way: list[asyncio.Task[bool]] = []
        for visit in self.script.visits:
            if not visit.beside and under_way:
                await asyncio.wait(under_way)
                self.require_none()
            if visit.kind == NIGHT:
                await self._until_night()
            await asyncio.sleep(visit.after)
            await self._prepare(visit)
            under_way.append(self.loop.create_task(self.run(visit)))
        await asyncio.wait(under_way)
        await self.nothing_pending()
        self.require_none()

    async def _until_night(self) -> None:
        now = self.clock.now()
        night = dt.datetime.combine(now.date(), _NIGHTLY)
        while night < now:
            night += dt.timedelta(days=1)
        await asyncio.sleep((night - now).total_seconds())

    async def _prepare(self, visit: Visit) -> None:
        for turn, name in enumerate(visit.acts):
            rng = random.Random(f"act {self.script.seed} {visit.number} before {turn}")  # noqa: S311
            if what := self._act(name, rng):
                self.acted(what)
            # Not at one instant; and what a person did before they asked for a run is to be seen by it.
            await asyncio.sleep(self.script.stale + 2 if turn + 1 == len(visit.acts) else 1)
        if visit.store:
            self._spoil(visit)

    def _spoil(self, visit: Visit) -> None:
        store = self.script.stores[visit.machine]
        copies = self._copies.get(store, [])
        since = -1.0
        if visit.store == "old" and copies:
            since, copy = self.rng.choice(copies)
            self.files[store].restore(copy)
        else:
            self.files[store].lose()
        self._store_lost(store, since)
        self.note(f"store {store}: it is {visit.store} ({since:.0f} s)")
        self.faults[f"store {visit.store}"] += 1

    def _store_lost(self, store: int, since: float = -1.0) -> None:
        for office in self.offices:
            office.judge.store_lost(self.loop.time(), store, since)

    def _keep_copy(self, store: int) -> None:
        if any(visit.store == "old" for visit in self.script.visits):
            self._copies.setdefault(store, []).append((self.loop.time(), self.files[store].copy()))

    def days_over(self) -> list[dt.date]:
        """Return the days that are over, of those that have lines."""
        today = self.clock.now().date()
        dates = [FIRST + dt.timedelta(days=number) for number in range(self.script.days)]
        return [date for date in dates if date < today]

    async def run(self, visit: Visit) -> bool:
        """Run what a visit asks for; return whether it ended well by its own word."""
        run = Run(self, visit.number, visit)
        self._runs.append(run)
        self._keep_copy(run.facts.store)
        self.under_way += 1
        for one in self._runs:
            one.disturbed = one.disturbed or self.under_way > 1
        try:
            state = await self.attempt(run, self._flow(run, visit))
        finally:
            self._keep_copy(run.facts.store)
            self.under_way -= 1
        if state is not None:
            self.note(f"run {run.number}: {state.type.value}: {state.message}")
            self._tell_end(run, state)
            self._check_tasks(run)
        elif run.facts.kind == JOURNALS and not run.facts.dry:
            run.office.judge.died(run.number)
        return state is not None and state.is_completed()

    async def _flow(self, run: Run, visit: Visit) -> Any:
        over = self.days_over()
        asked = over[-min(visit.back, len(over))]
        now = self.clock.now()
        night = now.replace(hour=0, minute=30, second=0, microsecond=0)
        scheduled = night if visit.kind == NIGHT else now
        run.facts.day = str(scheduled.date() - dt.timedelta(days=1) if visit.kind == NIGHT else asked)
        self.note(f"run {run.number}: begins on machine {run.machine}: {visit.kind} of {run.facts.day}")
        script, settings = self.script, self.settings
        connection = _connection(
            script.kind.lines_per_journal,
            script.parallel,
            FIRST if script.first_day else None,
            settings.label,
            settings.account_map,
            run.office.xero.named.tenant_id,
            FIRST_ORGANISATION.name if script.other == "refused" else None,
        )
        if visit.kind == NIGHT and script.first_day:
            own = scheduled.date() - dt.timedelta(days=1)
            back = dt.timedelta(days=connection.look_back_days)
            left = self._left_elsewhere(run.office)
            days = (str(day) for day in over if own - back <= day <= own)
            run.facts.answers_for = tuple(day for day in days if day not in left)
        run.office.judge.begins(run.facts)
        process = run.process = self._process(run)
        with lookup.provided({"default": connection}):
            if visit.kind == WATCH:
                return await run_flow(process, watching.watch, scheduled)
            if visit.kind == WITHDRAW:
                asks = {
                    "include_posted": run.facts.include_posted,
                    "include_edited": run.facts.include_edited,
                }
                return await run_flow(
                    process, withdrawals.withdraw, scheduled, date=asked, confirmed=True, **asks
                )
            parameters: dict[str, Any] = {} if visit.kind == NIGHT else {"date": asked}
            parameters["dry_run"] = visit.kind == REHEARSAL
            parameters["refresh"] = visit.kind == REFRESH
            return await run_flow(process, journals, scheduled, **parameters)

    def _left_elsewhere(self, office: Office) -> set[str]:
        """Return the days that runs told of elsewhere before one came through here: those stay there."""
        judge = office.judge
        through = (one.at for one in judge.words if one.status == "completed")
        began = min(through, default=self.loop.time())
        words = [word for other in self.offices if other is not office for word in other.judge.words]
        return {word.day for word in words if word.at < began}

    def _process(self, run: Run) -> RunProcess:
        async def around(name: str, call: Any) -> Any:
            return await self.store_call(run, name, call)

        clock = self._clock_of[run.number] = ProcessClock(run, self.script.ahead[run.machine])
        wires = {"mambu": MambuDoor(self, run), "xero": XeroDoor(self, run)}
        store = WatchedStore(run.file.store, around)
        return RunProcess(run, self.machines[run.machine], clock, store, wires)

    # How runs end

    def _tell_end(self, run: Run, state: Any) -> None:
        """Let the judge hear what the command line would have ended with."""
        if run.process is None or not run.process.said or run.facts.kind == WATCH:
            return
        told, error = run.process.said[-1]
        if run.facts.kind == WITHDRAWAL:
            code, open_, differs = withdraw_command.exit_code(told), tuple(why for _, why in told.left), False
        else:
            code, differs = journals_command.exit_code(told, error), told.tied_out is False
            open_ = _named_open(run.process.artifacts, f"journals-{told.date}")
        self.note(f"run {run.number}: exit code {code}")
        self.ends(run, f"exit code {code}")
        calm = not run.disturbed and not self.under_way
        run.office.judge.ended(
            End(run.number, code, state.is_completed(), state.message or "", open_, differs, calm)
        )
        self.judged()

    # Tasks

    def _check_tasks(self, run: Run) -> None:
        """Let the judge see what a run that nothing disturbed has left in Mambu."""
        if run.disturbed or self.under_way or run.facts.kind != JOURNALS:
            return
        titles = self._open_titles()
        # Of a day that the run came back to, its last word counts.
        for word in {word.day: word for word in run.words}.values():
            run.office.judge.told(word, titles)
        self.judged()

    def _open_titles(self) -> list[str]:
        return [one["title"] for one in self.mambu.tasks() if one["status"] == "OPEN"]

    def _fail(self, text: str) -> None:
        def fails() -> None:
            raise Violation(text)

        self.check(fails)

    # Healing

    async def _heal(self) -> None:
        """Let faults end, and require that all days then come right, or say why not, and stay as they are."""
        self.note("faults end")
        self.chance = Calm()
        self._put_right()
        await asyncio.sleep(self.script.rest)
        # What a pause has let in is often to be found by the night itself.
        if not self.judge.second_ones() or self.rng.random() < 0.3:
            await self._heal_run(Visit(101, DATE, self.script.healer))
        await self.nothing_pending()
        await self._until_night()
        await asyncio.sleep(1)
        await self._heal_run(Visit(102, NIGHT, self.script.healer))
        self._night_said()
        self._take_doubles_out()
        # Lists lag behind, and keys answer.
        await asyncio.sleep(800)
        for number, date in enumerate(self.days_over()):
            if self._is_open(str(date)):
                back = len(self.days_over()) - number
                await self._heal_run(Visit(110 + number, DATE, self.script.healer, back=back))
        titles = self._open_titles()
        for date in self.days_over():
            word = self.office.last_words.get(str(date))
            self.judge.healed(str(date), word)
            if word is not None:
                self.judge.told(word, titles)
            self.judged()
        self.require_none()
        await self._rerun()

    def _put_right(self) -> None:
        self.settings.label = None
        if self.script.other == "refused":
            self.settings.organisation = 0
        if self.mambu.act(SHOW, self.rng):
            self.note("Mambu shows all again")
        for what in (done for office in self.offices for done in office.person.put_right()):
            self.acted(what)

    def _night_said(self) -> None:
        tasks = [one for one in self.mambu.tasks() if one["status"] == "OPEN"]
        night = self._runs[-1]
        texts = [word.text for word in night.words]
        self.judge.night_said([*texts, *(f"{one['title']} {one['description']}" for one in tasks)])
        self.judged()
        self.require_none()

    def _take_doubles_out(self) -> None:
        for journal_id in self.judge.second_ones():
            for what in self.office.person.remove(journal_id):
                self.acted(what)

    def _is_open(self, day: str) -> bool:
        word = self.office.last_words.get(day)
        if word is None or word.status != "completed":
            return True
        # Where a task is open, somebody runs the date again, as it says.
        told = marks_of(day, self._open_titles())
        return bool(told or self.judge.problems(day, self.judge.runs[word.run]))

    async def _heal_run(self, visit: Visit) -> bool:
        ended = await self.run(visit)
        self.require_none()
        return ended

    async def _rerun(self) -> None:
        """Require that one more run, of a store that is lost in some schedules, writes nothing."""
        date = self.days_over()[0]
        word = self.office.last_words[str(date)]
        writes = self.writes
        machine = 2 if self.script.fresh_at_end else self.script.healer
        if self.script.fresh_at_end:
            store = self.script.stores[machine]
            self.files[store].lose()
            self._store_lost(store)
        ended = await self._heal_run(Visit(199, DATE, machine, back=len(self.days_over())))
        if (
            word.status == "completed"
            and self.office.last_words[str(date)].status == "completed"
            and self.writes != writes
        ):
            self._fail("a further run writes to Xero")
        if word.status == "completed" and not ended and not self.judge.touched.get(str(date)):
            self._fail("a further run fails")
        self.require_none()


def _shown(office: Office, journal: HeldJournal) -> Journal:
    rows = journal.rows()
    carried = office.person.carried.get(journal.journal_id)
    if carried is None:
        carried = tuple(_entry(row["Description"]) for row in rows)
        office.person.carried[journal.journal_id] = carried
    return Journal(
        journal.journal_id,
        journal.narration,
        str(journal.day),
        journal.status,
        tuple(
            Row(
                entry,
                int(row["LineAmount"] * 100),
                row.get("AccountCode", ""),
                entry is None or _entry(row["Description"]) == entry,
            )
            for row, entry in zip(rows, carried, strict=True)
        ),
    )


def _read_here(path: Path) -> pa.Table:
    """Read a small file without any thread, which takes half the time."""
    return parquet.ParquetFile(pa.BufferReader(path.read_bytes())).read(use_threads=False)


def _entry(text: str) -> int | None:
    head, _, rest = text.partition("EntryID: ")
    del head
    digits = rest.split(",")[0].split(" ")[0]
    return int(digits) if digits.isdigit() else None


def _named_open(artifacts: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return what the page of a day says that does not agree."""
    pages = [text for name, text in artifacts.items() if name.startswith(key)]
    _, _, rest = (pages[0] if pages else "").partition("## What does not agree\n\n")
    return tuple(line for line in rest.partition("\n\n")[0].splitlines() if line.startswith("- "))


def _texts(told: Any) -> list[str]:
    failure = [told.failure.what, *told.failure.details] if told.failure else []
    return [told.message, *told.open, *told.notes, *failure]
