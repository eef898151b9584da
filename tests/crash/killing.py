"""Kill a run, run its date again, and see whether the books are right: what journals and payments share."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, ClassVar, TypeVar

from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from blocks.__main__ import _save
from blocks.connections.environment import Connections
from blocks.store.block import DaybookStore
from blocks.store.models import ALL_DAYS
from tests.crash.points import Point
from tests.helpers.prefect_server import ROOT, run
from tests.helpers.sandboxed import Sandboxed
from tests.helpers.stores import POSTGRES, new_schema

STORES = ("sqlite", "postgresql")
# How long a run may take until it makes the request at which it is killed.
PATIENCE = 120.0
# How often a point is tried, each time one request earlier: another day can have fewer of them.
TRIES = 3

_RUN_AGAIN = """
import sys
from flows.main import main
for date in sys.argv[3:]:
    try:
        main([sys.argv[1], "--connection", sys.argv[2], "--date", date, "--json"])
    except SystemExit as end:
        print(end.code)
"""


@dataclass
class Kill:
    """One kill and what came of it.

    `held` tells that a run crashed which held the day, `duplicates` how often the other side said that it had
    already what was sent.
    """

    point: Point
    date: dt.date
    held: bool = False
    killed_after: float = 0.0
    rerun_took: float = 0.0
    outcome: dict[str, Any] = field(default_factory=dict)
    duplicates: int = 0
    problems: list[str] = field(default_factory=list)


class Lane(ABC):
    """A sandbox, a connection to it, and the days whose runs are killed there, one after the other.

    `kinds` are those of its points, in the order in which they take turns; `settings` are the sandbox's.
    """

    flow: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]
    settings: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, sandbox: Sandboxed, first_day: dt.date) -> None:
        self.sandbox = sandbox
        self.first_day = self._next_day = first_day
        self.connection = ""
        self.store = DaybookStore()
        self.env: Mapping[str, str] = {}

    @abstractmethod
    def new_connections(self, store: DaybookStore) -> Connections:
        """Return a connection between the sandbox and a store."""

    @abstractmethod
    def points(self, chance: random.Random) -> dict[str, list[Point]]:
        """Run a day undisturbed, and return all points at which it can be killed, by kind."""

    @abstractmethod
    def problems(self, kill: Kill) -> list[str]:
        """Say what is not as it should be after the rerun of a day."""

    @abstractmethod
    def incidents(self, kills: list[Kill]) -> None:
        """Note where the record of incidents is not as it should be."""

    @abstractmethod
    def booked(self) -> Any:
        """Return all that is in the books at which the flow aims."""

    @abstractmethod
    def nothing_new(self, outcome: Mapping[str, Any], code: int) -> bool:
        """Tell whether a run, by its outcome and exit code, found that all was there."""

    def set_clock(self, date: dt.date) -> None:  # noqa: B027 - not every sandbox has to be anywhere
        """Let the sandbox be where a date's first run finds it."""

    def connect(self, name: str, store: DaybookStore, env: Mapping[str, str]) -> None:
        """Save a connection between the sandbox and a store, as `python -m blocks save` does."""
        self.store, self.env, self.connection = store, env, name
        with temporary_settings({PREFECT_API_URL: env["PREFECT_API_URL"]}):
            asyncio.run(_save(name, self.new_connections(store)))

    def requests(self) -> list[dict[str, Any]]:
        """Run a day undisturbed and return what it asked the systems for."""
        self._calm()
        done = run(self.command(self._day()), self.env)
        assert done.stdout, done.stderr
        assert self.is_right(json.loads(done.stdout), done.returncode), done.stdout + done.stderr
        found: list[dict[str, Any]] = self.sandbox.http.get("/control/requests").json()
        return found

    def kill(self, point: Point) -> Kill:
        """Kill a run of the next day at a point, run the day again, and check the books."""
        for _ in range(TRIES):
            kill = Kill(point, self._day())
            began = time.monotonic()
            if self._killed(kill, point):
                kill.killed_after = time.monotonic() - began
                if point.then and not self._killed(kill, point.then):
                    kill.problems.append(f"the second run did not come to {point.then}")
                self._rerun(kill)
                return kill
            point = point.earlier()
        kill.problems.append("no run came to this point")
        return kill

    def recorded_incidents(self, kills: list[Kill], lasting: str = "") -> list[dict[str, Any]]:
        """Return the connection's incidents; note it where any is open that is not of a lasting step."""
        done = run(["flows.main", "incidents", "--connection", self.connection, "--json"], self.env)
        found: list[dict[str, Any]] = json.loads(done.stdout)["incidents"]
        if any(one["resolved"] is None and one["step"] != lasting for one in found):
            kills[0].problems.append(f"incidents ended with {done.returncode}: {done.stdout}{done.stderr}")
        return found

    def run_again(self, kills: list[Kill]) -> None:
        """Run all the days once more, in one process, and note where anything changed."""
        before = self.booked()
        dates = [str(kill.date) for kill in kills]
        command = [sys.executable, "-c", _RUN_AGAIN, self.flow, self.connection, *dates]
        done = subprocess.run(
            command, cwd=ROOT, env=dict(self.env), capture_output=True, text=True, timeout=600, check=False
        )
        said = done.stdout.splitlines()
        for kill, told, code in zip(kills, said[::2], said[1::2], strict=False):
            if not self.nothing_new(json.loads(told), int(code)):
                kill.problems.append(f"a further run did not find everything: {told}")
        if len(said) != 2 * len(kills) or self.booked() != before:
            kills[0].problems.append(f"a further run of {dates} changed the books or failed: {done.stderr}")

    def _day(self) -> dt.date:
        day, self._next_day = self._next_day, self._next_day + dt.timedelta(days=1)
        self.set_clock(day)
        return day

    def command(self, date: dt.date) -> list[str]:
        """Return the command of a date's run, as `python -m` takes it."""
        return ["flows.main", self.flow, "--connection", self.connection, "--date", str(date), "--json"]

    def rule(self, point: Point) -> dict[str, Any]:
        """Return the sandbox's rule that strikes at a point."""
        return point.rule()

    def _calm(self) -> None:
        self.sandbox.http.delete("/control/faults")
        self.sandbox.http.delete("/control/requests")

    def _killed(self, kill: Kill, point: Point) -> bool:
        """Start a run and kill it at a point; return False where it ended before."""
        self._calm()
        self.sandbox.fault(self.rule(point))
        child = subprocess.Popen(
            [sys.executable, "-m", *self.command(kill.date)],
            cwd=ROOT,
            env=dict(self.env),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + PATIENCE
            while not (struck := self._struck(point)) and child.poll() is None:
                assert time.monotonic() < deadline, f"a run of {kill.date} does not come to {point}"
                # What hangs stands still meanwhile; where nothing does, every moment counts.
                time.sleep(0.1 if point.fault["kind"] == "hang" else 0.01)
            time.sleep(point.pause)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            self.sandbox.http.delete("/control/faults")
        kill.held |= asyncio.run(self._is_held(kill.date))
        return bool(struck) and child.returncode == -signal.SIGKILL

    async def _is_held(self, date: dt.date) -> bool:
        async with self.store.open() as opened:
            leases = await opened.leases.of(self.flow, self.connection)
        return any(lease.day in {date, ALL_DAYS} for lease in leases)

    def _struck(self, point: Point) -> list[dict[str, Any]]:
        """Return the requests that the point's rule has struck, done already where it is to be done."""
        logged: list[dict[str, Any]] = self.sandbox.http.get("/control/requests").json()
        struck = [one for one in logged if one["fault"]]
        return [one for one in struck if one["app_status"]] if point.fault.get("after") else struck

    def _rerun(self, kill: Kill) -> None:
        began = time.monotonic()
        done = run(self.command(kill.date), self.env)
        kill.rerun_took = time.monotonic() - began
        self._until_all_is_done(kill.point)
        try:
            kill.outcome = json.loads(done.stdout)
        except ValueError:
            kill.problems.append(f"the rerun printed nothing: {done.stdout}{done.stderr}")
        if not self.is_right(kill.outcome, done.returncode):
            kill.problems.append(f"the rerun ended with {done.returncode}: {kill.outcome}{done.stderr}")
        kill.problems.extend(self.problems(kill))

    @abstractmethod
    def is_right(self, outcome: Mapping[str, Any], code: int) -> bool:
        """Tell whether a rerun, by its outcome and exit code, made an end of its day."""

    def _until_all_is_done(self, point: Point) -> None:
        """Wait for the request that was to be done late."""
        deadline = time.monotonic() + 20
        while point.fault["kind"] == "delay" and time.monotonic() < deadline:
            if all(one["app_status"] for one in self._struck(point)):
                return
            time.sleep(0.05)


L = TypeVar("L", bound=Lane)


def kill_runs(
    lanes: Sequence[Lane], points: list[Point], told: Callable[[Kill], None] = lambda _: None
) -> list[Kill]:
    """Make these kills, side by side in the lanes, and run every day once more at the end.

    An interrupt, or a fault of one lane, ends every lane after the kill at hand.
    """
    stopped = Event()

    def work(lane: Lane, share: list[Point]) -> list[Kill]:
        made: list[Kill] = []
        for point in share:
            if stopped.is_set():
                return made
            made.append(lane.kill(point))
            told(made[-1])
        lane.incidents(made)
        lane.run_again(made)
        return made

    with ThreadPoolExecutor(len(lanes)) as pool:
        parts = [pool.submit(work, lane, points[n :: len(lanes)]) for n, lane in enumerate(lanes)]
        try:
            wait(parts, return_when=FIRST_EXCEPTION)
            return [kill for part in parts for kill in part.result()]
        finally:
            stopped.set()


@contextlib.contextmanager
def store(kind: str, folder: Path) -> Iterator[DaybookStore]:
    """Yield an empty store; a schema of its own in PostgreSQL, dropped at the end.

    Raises OSError or asyncpg's errors where no PostgreSQL answers.
    """
    if kind == "sqlite":
        yield DaybookStore(url=SecretStr(f"sqlite:///{folder / 'killed.sqlite3'}"))
        return
    with new_schema("daybook_kill") as schema:
        yield DaybookStore(url=SecretStr(POSTGRES), schema_name=schema)


@contextlib.contextmanager
def lanes(of: type[L], folder: Path, count: int = 2) -> Iterator[list[L]]:
    """Serve so many sandboxes and yield a lane to each, on days that none shares with another."""
    with contextlib.ExitStack() as stack:
        yield [
            of(
                stack.enter_context(Sandboxed(folder / f"{of.flow}-{n}", **of.settings)),
                dt.date(2026, 2 + 4 * n, 2),
            )
            for n in range(count)
        ]
