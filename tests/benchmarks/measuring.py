"""What both benchmarks do: a home of their own, and one run of a flow under a stop watch."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from blocks.process import quiet_prefect


class Measured(NamedTuple):
    """A run's summary, the seconds that it took with all that Prefect does, the most memory, in MB, and the
    seconds of processor time of all threads of its process.
    """

    summary: Any
    seconds: float
    peak: float
    cpu: float


def shown(measured: Callable[[Path], dict[str, Any]]) -> None:
    """Measure in a folder that is the home of Daybook and Prefect, and print the figures."""
    with tempfile.TemporaryDirectory(prefix="daybook-benchmark-") as folder:
        os.environ["DAYBOOK_HOME"] = folder
        os.environ.setdefault("PREFECT_HOME", f"{folder}/prefect")
        quiet_prefect()
        print(json.dumps(measured(Path(folder))))


def one_run(connection: Any, flow: Callable[[], Coroutine[Any, Any, Any]]) -> Measured:
    """Run a flow by a connection. Raises what it ends with."""
    from blocks.connections import lookup
    from flows.runtime import artifacts as reports

    class Ends(reports.Observer):
        summary: Any

        def ended(self, summary: Any, error: Exception | None) -> None:
            if error:
                raise error
            self.summary = summary

    ends = Ends()
    with lookup.provided({"default": connection}), reports.observed_by(ends):
        began, worked = time.perf_counter(), time.process_time()
        asyncio.run(flow())
        seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    return Measured(ends.summary, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, cpu)
