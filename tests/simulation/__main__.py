"""python -m tests.simulation --schedules 100000, or --seed N to see one of them step by step."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from tests.simulation.many import report, timed
from tests.simulation.margin import report_margins
from tests.simulation.shrink import shrunk_seed
from tests.simulation.simulator import simulator
from tests.simulation.subjects import JOURNALS, SUBJECTS, subject

# Of so many failing schedules the shortest form is shown.
_SHRUNK = 3


def main() -> int:
    """Play what was asked for; return 1 where something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--of", choices=SUBJECTS, default=JOURNALS, help="of what (default: journals)")
    parser.add_argument("--schedules", type=int, default=3000, help="how many (default: 3000)")
    parser.add_argument("--first", type=int, default=0, help="the seed to begin with (default: 0)")
    parser.add_argument("--seed", type=int, help="play this one alone, and show what happens")
    parser.add_argument("--shrink", action="store_true", help="show the shortest schedule that still fails")
    parser.add_argument(
        "--margin", action="store_true", help="raise each bound of the world until a rule breaks"
    )
    asked = parser.parse_args()
    if asked.margin:
        return report_margins(asked.of, range(asked.first, asked.first + asked.schedules))
    if asked.seed is None:
        return _many(asked.of, asked.first, asked.schedules)
    return _shrunk(asked.of, asked.seed) if asked.shrink else _one(asked.of, asked.seed)


def _many(of: str, first: int, count: int) -> int:
    failed = 0
    for tally, seconds in timed(range(first, first + count), of):
        left = seconds / tally.schedules * (count - tally.schedules)
        for seed, what in list(tally.failures.items())[failed:]:
            print(f"\nseed {seed}: {what}", file=sys.stderr)
        failed = len(tally.failures)
        print(
            f"\r{tally.schedules}/{count} schedules, {failed} failures, {left / 60:.0f} min left ",
            end="",
            file=sys.stderr,
            flush=True,
        )
        if tally.schedules == count:
            print(file=sys.stderr)
            print(report(tally, seconds, of))
            for seed in sorted(tally.failures)[:_SHRUNK]:
                _shrunk(of, seed, whole=False)
    return 1 if failed else 0


def _shrunk(of: str, seed: int, *, whole: bool = True) -> int:
    found = shrunk_seed(of, seed)
    if found is None:
        print(f"seed {seed}: all is well")
        return 0
    failing, trace = found
    print(f"\nseed {seed}, as short as it still fails:", *failing.shown(), sep="\n")
    print(*(trace if whole else ()), sep="\n")
    return 1


def _shown(of: str, seed: int) -> Iterator[tuple[str, object]]:
    made = subject(of).script(seed)
    for name, value in made._asdict().items():
        if name != "rates":
            yield name, value
    for name, value in made.rates._asdict().items():
        # In an order that does not hang on Python's hashes.
        yield name, ", ".join(sorted(value)) if isinstance(value, frozenset) else value


def _one(of: str, seed: int) -> int:
    trace: list[str] = []
    print("\n".join(f"{name:14} {value}" for name, value in _shown(of, seed)))
    try:
        with simulator(of) as place:
            place.play(seed, trace=trace)
    except Exception as failure:  # noqa: BLE001 - shown below, after the trace that led to it
        print("\n".join(trace))
        print(f"FAILED: {type(failure).__name__}: {failure}")
        return 1
    print("\n".join(trace))
    print("all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
