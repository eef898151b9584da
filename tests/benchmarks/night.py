"""What a night costs by the command, against an empty flow of Prefect's.

    python -m tests.benchmarks.night --lines 1200

prints one JSON object. Both are processes of their own, from start to end, with a home in which Prefect has
run before; they take turns, so that whatever else the machine does falls on both. Each night is another day
of the same sandbox. The figures are medians.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import shown

FIRST = dt.date(2026, 11, 18)
# Prefect's own smallest program: what any run through it costs here.
_EMPTY = """
import asyncio
from prefect import flow

@flow
async def nothing():
    return None

asyncio.run(nothing())
"""


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lines", type=int, default=1200, help="journal lines of the day")
    parser.add_argument("--nights", type=int, default=5, help="how many nights are measured")
    asked = parser.parse_args()
    shown(lambda folder: measured(asked.lines, asked.nights, folder))


def measured(lines: int, nights: int, folder: Path) -> dict[str, Any]:
    """Run nights and empty flows in turn, and return the figures."""
    from blocks.sandbox.process import SandboxProcess, SandboxSettings

    with SandboxProcess(SandboxSettings(folder / "sandbox", lines_per_day=lines)) as sandbox:
        env = {**os.environ, **sandbox.env}

        def both(number: int) -> tuple[float, float]:
            date = str(FIRST - dt.timedelta(days=number))
            night, said = _timed(["-m", "flows.main", "--date", date, "--json"], env)
            summary = json.loads(said)
            if (summary["lines"], summary["tied_out"]) != (lines, True):
                raise RuntimeError(f"the night of {date} did not tie out: {summary['message']}")
            return night, _timed(["-c", _EMPTY], env)[0]

        _timed(["-m", "blocks", "save", "default"], env)
        # The first ones make Prefect's database, which is not what is measured.
        both(0)
        found = [both(number) for number in range(1, nights + 1)]
    night, empty = (statistics.median(times) for times in zip(*found, strict=True))
    return {
        "lines": lines,
        "nights": nights,
        "night_seconds": round(night, 3),
        "empty_flow_seconds": round(empty, 3),
        "ratio": round(night / empty, 2),
    }


def _timed(arguments: Sequence[str], env: dict[str, str]) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{arguments} ended with exit code {done.returncode}: {done.stdout}{done.stderr}")
    return time.perf_counter() - began, done.stdout


if __name__ == "__main__":
    main()
