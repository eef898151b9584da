"""Kill a run, run its date again, and see whether the books are right."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from blocks.__main__ import _save
from blocks.store import DaybookStore
from tests.kill import books
from tests.kill.points import Point
from tests.prefect_server import ROOT, run
from tests.sandboxed import Sandboxed

POSTGRES = os.environ.get("DAYBOOK_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
STORES = ("sqlite", "postgresql")
LINES_PER_DAY = 40
LINES_PER_JOURNAL = 4
# How long a run may take until it makes the request at which it is killed.
PATIENCE = 120.0
# How often a point is tried, each time one request earlier: another day can have fewer of them.
TRIES = 3

_AGAIN = """
import sys
from flows.main import main
for date in sys.argv[2:]:
    try:
        main(["journals", "--connection", sys.argv[1], "--date", date, "--json"])
    except SystemExit as end:
        print(end.code)
"""


@dataclass
class Kill:
    """One kill and what came of it; `held` tells that a run died which held the day."""

    point: Point
    date: dt.date
    held: bool = False
    killed_after: float = 0.0
    rerun_took: float = 0.0
    told: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class Lane:
    """A sandbox, a connection to it, and the days whose runs are killed there, one after the other."""

    def __init__(self, sandbox: Sandboxed, first_day: dt.date) -> None:
        self.sandbox = sandbox
        self._next_day = first_day
        self.connection = ""
        self.store = DaybookStore()
        self.env: Mapping[str, str] = {}

    def connect(self, name: str, store: DaybookStore, env: Mapping[str, str]) -> None:
        """Save a connection between the sandbox and a store, as `python -m blocks save` does."""
        connection = self.sandbox.connection(store=store, lines_per_journal=LINES_PER_JOURNAL)
        with temporary_settings({PREFECT_API_URL: env["PREFECT_API_URL"]}):
            asyncio.run(_save(name, connection))
        self.connection, self.store, self.env = name, store, env

    def requests(self) -> list[dict[str, Any]]:
        """Run a day undisturbed and return what it asked the systems for."""
        self._calm()
        done = run(self._command(self._day()), self.env)
        assert done.returncode == 0, done.stdout + done.stderr
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

    def incidents(self, kills: list[Kill]) -> None:
        """Note where the record of incidents is not as it should be: one for each run that died, resolved."""
        done = run(["flows.main", "incidents", "--connection", self.connection, "--json"], self.env)
        found = json.loads(done.stdout)["incidents"]
        for kill in kills:
            ours = [one for one in found if one["date"] == str(kill.date)]
            if bool(ours) is not kill.held or not all(one["resolved"] for one in ours):
                kill.problems.append(f"incidents (a run that held the day died: {kill.held}): {ours}")
        if done.returncode != 0:
            kills[0].problems.append(f"incidents ended with {done.returncode}: {done.stdout}{done.stderr}")

    def again(self, kills: list[Kill]) -> None:
        """Run all the days once more, in one process, and note where anything changed."""
        before = self.sandbox.xero_journals()
        dates = [str(kill.date) for kill in kills]
        command = [sys.executable, "-c", _AGAIN, self.connection, *dates]
        done = subprocess.run(
            command, cwd=ROOT, env=dict(self.env), capture_output=True, text=True, timeout=600, check=False
        )
        said = done.stdout.splitlines()
        for kill, told, code in zip(kills, said[::2], said[1::2], strict=False):
            if code != "0" or json.loads(told)["journals_created"] != 0:
                kill.problems.append(f"a further run did not find all there: {told}")
        if len(said) != 2 * len(kills) or self.sandbox.xero_journals() != before:
            kills[0].problems.append(f"a further run of {dates} changed Xero or failed: {done.stderr}")

    def _day(self) -> dt.date:
        day, self._next_day = self._next_day, self._next_day + dt.timedelta(days=1)
        return day

    def _command(self, date: dt.date) -> list[str]:
        return ["flows.main", "journals", "--connection", self.connection, "--date", str(date), "--json"]

    def _calm(self) -> None:
        self.sandbox.http.delete("/control/faults")
        self.sandbox.http.delete("/control/requests")

    def _killed(self, kill: Kill, point: Point) -> bool:
        """Start a run and kill it at a point; return False where it ended before."""
        self._calm()
        self.sandbox.fault(point.rule(len(self.sandbox.xero_journals())))
        child = subprocess.Popen(
            [sys.executable, "-m", *self._command(kill.date)],
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
            return any(lease.day == date for lease in await opened.leases.of("journals", self.connection))

    def _struck(self, point: Point) -> list[dict[str, Any]]:
        """Return the requests that the point's rule has struck, done already where it is to be done."""
        logged: list[dict[str, Any]] = self.sandbox.http.get("/control/requests").json()
        struck = [one for one in logged if one["fault"]]
        return [one for one in struck if one["app_status"]] if point.fault.get("after") else struck

    def _rerun(self, kill: Kill) -> None:
        began = time.monotonic()
        done = run(self._command(kill.date), self.env)
        kill.rerun_took = time.monotonic() - began
        self._until_all_is_done(kill.point)
        try:
            kill.told = json.loads(done.stdout)
        except ValueError:
            kill.problems.append(f"the rerun told nothing: {done.stdout}{done.stderr}")
        if done.returncode != 0 or kill.told.get("tied_out") is not True:
            kill.problems.append(f"the rerun ended with {done.returncode}: {kill.told}{done.stderr}")
        for check in CHECKS:
            kill.problems.extend(check(self, kill))

    def _until_all_is_done(self, point: Point) -> None:
        """Wait for the request that was to be done late."""
        deadline = time.monotonic() + 20
        while point.fault["kind"] == "delay" and time.monotonic() < deadline:
            if all(one["app_status"] for one in self._struck(point)):
                return
            time.sleep(0.05)


def _tasks(lane: Lane, kill: Kill) -> list[str]:
    """Say which tasks of the day are still open in Mambu, or there twice."""
    tasks = [one for one in lane.sandbox.control("mambu/tasks") if f" {kill.date} " in one["title"]]
    titles = Counter(one["title"] for one in tasks)
    return [
        *(f"still open: {one['title']}" for one in tasks if one["status"] != "COMPLETED"),
        *(f"{count} tasks named {title}" for title, count in titles.items() if count > 1),
        *(["a task, and no run died"] if tasks and not kill.held else []),
        *(["no task, and a run died"] if kill.held and not tasks else []),
    ]


def _books(lane: Lane, kill: Kill) -> list[str]:
    return books.problems(lane.sandbox, kill.date)


# What has to be true of a day after the rerun; each returns what is wrong.
CHECKS: tuple[Callable[[Lane, Kill], list[str]], ...] = (_books, _tasks)


def kills(
    lanes: list[Lane], points: list[Point], told: Callable[[Kill], None] = lambda _: None
) -> list[Kill]:
    """Make these kills, side by side in the lanes, and run every day once more at the end."""

    def work(lane: Lane, share: list[Point]) -> list[Kill]:
        made: list[Kill] = []
        for point in share:
            made.append(lane.kill(point))
            told(made[-1])
        lane.incidents(made)
        lane.again(made)
        return made

    with ThreadPoolExecutor(len(lanes)) as pool:
        parts = [pool.submit(work, lane, points[n :: len(lanes)]) for n, lane in enumerate(lanes)]
        return [kill for part in parts for kill in part.result()]


@contextlib.contextmanager
def store(kind: str, folder: Path) -> Iterator[DaybookStore]:
    """Yield an empty store; a schema of its own in PostgreSQL, dropped at the end.

    Raises OSError or asyncpg's errors where no PostgreSQL answers.
    """
    if kind == "sqlite":
        yield DaybookStore(url=SecretStr(f"sqlite:///{folder / 'killed.sqlite3'}"))
        return
    schema = f"daybook_kill_{uuid.uuid4().hex[:12]}"
    asyncio.run(_on_postgres(f"CREATE SCHEMA {schema}"))
    try:
        yield DaybookStore(url=SecretStr(POSTGRES), schema_name=schema)
    finally:
        asyncio.run(_on_postgres(f"DROP SCHEMA {schema} CASCADE"))


async def _on_postgres(statement: str) -> None:
    connection = await asyncpg.connect(POSTGRES, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextlib.contextmanager
def lanes(folder: Path, count: int = 2) -> Iterator[list[Lane]]:
    """Serve so many sandboxes and yield a lane to each, on days that none shares with another."""
    with contextlib.ExitStack() as stack:
        yield [
            Lane(
                stack.enter_context(Sandboxed(folder / f"sandbox-{n}", lines_per_day=LINES_PER_DAY)),
                dt.date(2026, 1 + 4 * n, 2),
            )
            for n in range(count)
        ]
