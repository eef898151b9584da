"""Trying mutants: first the fast tests that guard each, then the simulation of its code.

Before that the tests and the simulation run on the code as it is: where they fail there, nothing that they
find in a mutant would say anything. How long they take there bounds how long they may take with a mutant.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from pathlib import Path
from queue import SimpleQueue
from xml.etree import ElementTree

from tests.mutants.copies import Copy, Ended
from tests.mutants.mutant import Mutant

Say = Callable[[str], None]

# So many are tried at a time.
WORKERS = os.cpu_count() or 1
# The simulation ends a run of many schedules only with the last: most mutants show within a few.
_FIRST_SCHEDULES = 100
# How much longer than on the code as it is something may take before it is stopped, and counts as stuck.
_PATIENCE, _TIMES = 60.0, 5.0
_LONGEST = 3600.0
# One process, one order, the same examples each time, and nothing kept for the next time.
_PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0")
_PASSED, _USAGE, _NO_TESTS = 0, 4, 5


class Unsound(Exception):
    """The code as it is does not pass, or tests that should guard a mutant are not there."""


class By(StrEnum):
    """What noticed a mutant."""

    TESTS = "fast tests"
    SIMULATION = auto()
    TIME_OUT = "time-out"
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a mutant: what noticed it, and how long that took."""

    mutant: Mutant
    by: By
    seconds: float

    @property
    def caught(self) -> bool:
        """Tell whether anything noticed it."""
        return self.by is not By.NOTHING


def tried(mutants: Sequence[Mutant], *, schedules: int, simulation_only: bool, say: Say) -> list[Tried]:
    """Try mutants, several at a time, and return what became of each, in their order.

    Raises Unsound where the code as it is does not pass, and DoesNotApply.
    """
    with tempfile.TemporaryDirectory(prefix="daybook-mutants-") as folder:
        workers = _Workers([Copy(Path(folder) / str(number)) for number in range(WORKERS)], say)
        if simulation_only:
            found = [Tried(mutant, By.NOTHING, 0.0) for mutant in mutants]
        else:
            found = workers.by_tests(mutants)
        return workers.by_simulation(found, schedules)


class _Workers:
    """The copies in which mutants are tried, each by one at a time."""

    def __init__(self, copies: Sequence[Copy], say: Say) -> None:
        self._free: SimpleQueue[Copy] = SimpleQueue()
        for copy in copies:
            self._free.put(copy)
        self._copies, self._say = copies, say

    @contextmanager
    def _copy(self) -> Iterator[Copy]:
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)

    def by_tests(self, mutants: Sequence[Mutant]) -> list[Tried]:
        """Let the fast tests of each mutant look at it."""
        spent = self._unbroken_tests(sorted({test for mutant in mutants for test in mutant.tests}))

        def one(mutant: Mutant) -> Tried:
            usual = sum(spent.get(_file_of(test), 0.0) for test in mutant.tests)
            began = time.monotonic()
            with self._copy() as copy, copy.broken(mutant):
                ended = copy.run(*_PYTEST, "-n0", *mutant.tests, seconds=_bound(usual))
            if ended.code in {_USAGE, _NO_TESTS}:
                raise Unsound(f"The tests of {mutant.name!r} cannot be run:\n{_end_of(ended)}")
            return Tried(mutant, _noticed(ended, By.TESTS), time.monotonic() - began)

        return self._each(one, mutants, "fast tests")

    def by_simulation(self, found: Sequence[Tried], schedules: int) -> list[Tried]:
        """Let the simulation look at what nothing has noticed yet, where it plays its code."""
        left = [one for one in found if not one.caught and one.mutant.simulation]
        usual = {
            name: self._unbroken_simulation(name, schedules)
            for name in sorted({one.mutant.simulation for one in left if one.mutant.simulation})
        }

        def one(before: Tried) -> Tried:
            name, began, by = before.mutant.simulation or "", time.monotonic(), By.NOTHING
            with self._copy() as copy, copy.broken(before.mutant):
                for first, count in _stretches(schedules):
                    ended = _simulated(copy, name, first, count, _bound(usual[name]))
                    by = _noticed(ended, By.SIMULATION)
                    if by is not By.NOTHING:
                        break
            return replace(before, by=by, seconds=before.seconds + time.monotonic() - began)

        later = {one.mutant.name: one for one in self._each(one, left, "simulation")}
        return [later.get(one.mutant.name, one) for one in found]

    def _each(self, one: Callable[..., Tried], items: Sequence[object], what: str) -> list[Tried]:
        done: list[Tried] = []

        def told(item: object) -> Tried:
            result = one(item)
            done.append(result)
            self._say(
                f"{what} {len(done)}/{len(items)}: {result.mutant.name!r}: {result.by}, "
                f"{result.seconds:.0f} s"
            )
            return result

        with ThreadPoolExecutor(len(self._copies)) as pool:
            try:
                return list(pool.map(told, items))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _unbroken_tests(self, tests: Sequence[str]) -> dict[str, float]:
        """Run tests on the code as it is; return how long those of each file take. Raises Unsound."""
        self._say(f"The tests of {len(tests)} files, on the code as it is.")
        with self._copy() as copy, tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            ended = copy.run(
                *_PYTEST,
                f"-n{WORKERS}",
                f"--junitxml={report}",
                "-ojunit_family=xunit1",
                *tests,
                seconds=_LONGEST,
            )
            if ended.code != _PASSED:
                raise Unsound(f"The tests do not pass on the code as it is:\n{_end_of(ended)}")
            spent: dict[str, float] = {}
            for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it just now
                file = case.get("file", "")
                spent[file] = spent.get(file, 0.0) + float(case.get("time", "0"))
        self._say(f"They pass, in {ended.seconds:.0f} s.")
        return spent

    def _unbroken_simulation(self, name: str, schedules: int) -> float:
        """Play schedules on the code as it is, and return how long that takes. Raises Unsound."""
        self._say(f"{schedules} schedules of the {name}, on the code as it is.")
        with self._copy() as copy:
            ended = _simulated(copy, name, 0, schedules, _LONGEST)
        if ended.code != _PASSED:
            raise Unsound(f"The simulation of the {name} fails on the code as it is:\n{_end_of(ended)}")
        self._say(f"They hold, in {ended.seconds:.0f} s.")
        return ended.seconds


def _simulated(copy: Copy, name: str, first: int, count: int, seconds: float) -> Ended:
    asked = ("--of", name, "--first", str(first), "--schedules", str(count))
    return copy.run("-m", "tests.simulation", *asked, seconds=seconds)


def _stretches(schedules: int) -> Iterator[tuple[int, int]]:
    """Yield the first seed and the number of schedules of each stretch that is played in one go."""
    first = min(_FIRST_SCHEDULES, schedules)
    yield 0, first
    if schedules > first:
        yield first, schedules - first


def _noticed(ended: Ended, by: By) -> By:
    if ended.code is None:
        return By.TIME_OUT
    return By.NOTHING if ended.code == _PASSED else by


def _bound(usual: float) -> float:
    return _PATIENCE + _TIMES * usual


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def _end_of(ended: Ended) -> str:
    return "\n".join(ended.output.splitlines()[-30:])
