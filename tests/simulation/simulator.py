"""Plays schedules one after another in one process: the loop and the stores are made once."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from blocks.process import quiet_prefect
from tests.simulation.chance import Chance
from tests.simulation.loop import VirtualLoop
from tests.simulation.play import Figures, Play, Witness
from tests.simulation.stores import StoreFile
from tests.simulation.subjects import JOURNALS, Subject, subject

# Virtual seconds: longer than anything waits.
_LONG = 1e6
# Where there is one, a folder in memory: nothing here has to outlast the process.
_IN_MEMORY = Path("/dev/shm")


class Simulator:
    """A place to play schedules in. Make it with `simulator()`."""

    def __init__(self, of: Subject, loop: VirtualLoop, files: list[StoreFile]) -> None:
        self._of, self._loop, self._files = of, loop, files

    def play(self, seed: int, *, trace: list[str] | None = None, witness: Witness | None = None) -> Figures:
        """Play the schedule of a seed. Raises Violation."""
        made = self._of.script(seed)
        return self.play_script(made, made.chance(), trace=trace, witness=witness)

    def play_script(
        self, made: Any, chance: Chance, *, trace: list[str] | None = None, witness: Witness | None = None
    ) -> Figures:
        """Play a schedule with the faults that `chance` decides. Raises Violation."""
        world = self._of.world(self._loop, self._files, made, chance, trace)
        world.witness = witness
        return self._loop.run_until_complete(self._played(world))

    async def _played(self, world: Play) -> Figures:
        try:
            return await world.play()
        finally:
            # What a dead run or a broken schedule left behind ends here, and stirs in no later one.
            world.end()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if left:
                _, stuck = await asyncio.wait(left, timeout=_LONG)
                for task in stuck:
                    task.cancel()


@contextmanager
def simulator(of: str = JOURNALS) -> Iterator[Simulator]:
    """Open a simulator of a subject, with stores in a temporary folder."""
    quiet_prefect()
    # Tables of a few lines: handing them to other threads costs more than the work.
    pa.set_cpu_count(1)
    what = subject(of)
    loop = VirtualLoop()
    loop.set_exception_handler(lambda _loop, _context: None)
    within = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="daybook-simulation-", dir=within) as folder:
        files = [what.file(Path(folder) / f"{number}.sqlite3") for number in range(what.machines)]
        for file in files:
            loop.run_really(file.open())
        gc.freeze()
        try:
            yield Simulator(what, loop, files)
        finally:
            for file in files:
                loop.run_really(file.close())
            loop.close()
