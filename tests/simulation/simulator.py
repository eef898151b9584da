"""Plays schedules one after another in one process: the loop and the stores are made once."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blocks.quiet import quiet_prefect
from tests.simulation.faults import Chance
from tests.simulation.loop import VirtualLoop
from tests.simulation.script import MACHINES, Script, script
from tests.simulation.stores import StoreFile
from tests.simulation.world import Figures, World

# Virtual seconds: longer than anything waits.
_LONG = 1e6


class Simulator:
    """A place to play schedules in. Make it with `simulator()`."""

    def __init__(self, loop: VirtualLoop, files: list[StoreFile]) -> None:
        self._loop, self._files = loop, files

    def play(self, seed: int, *, trace: list[str] | None = None) -> Figures:
        """Play the schedule of a seed. Raises Violation."""
        made = script(seed)
        return self.play_script(made, made.chance(), trace=trace)

    def play_script(self, made: Script, chance: Chance, *, trace: list[str] | None = None) -> Figures:
        """Play a schedule with the faults that `chance` decides. Raises Violation."""
        return self._loop.run_until_complete(
            self._played(World(self._loop, self._files, made, chance, trace))
        )

    async def _played(self, world: World) -> Figures:
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
def simulator() -> Iterator[Simulator]:
    """Open a simulator with stores in a temporary folder."""
    quiet_prefect()
    loop = VirtualLoop()
    loop.set_exception_handler(lambda _loop, _context: None)
    with tempfile.TemporaryDirectory(prefix="daybook-simulation-") as folder:
        files = [StoreFile(Path(folder) / f"{number}.sqlite3") for number in range(MACHINES)]
        for file in files:
            loop.run_really(file.open())
        gc.freeze()
        try:
            yield Simulator(loop, files)
        finally:
            for file in files:
                loop.run_really(file.close())
            loop.close()
