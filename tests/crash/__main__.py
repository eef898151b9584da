"""`python -m tests.crash`: many kills, and a table of what came of them."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from blocks.process import quiet_prefect
from tests.crash.journals import Journals
from tests.crash.killing import STORES, Kill, Lane, kill_runs, lanes, store
from tests.crash.payments import Payments
from tests.crash.points import choose_points
from tests.helpers.prefect_server import environment, server

FLOWS: dict[str, type[Lane]] = {"journals": Journals, "payments": Payments}


def main() -> int:
    """Kill, print, and return 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--of", choices=FLOWS, default="journals", help="the flow whose runs are killed")
    parser.add_argument("--kills", type=int, default=50, help="how many runs are killed")
    parser.add_argument("--store", choices=STORES, default="sqlite")
    parser.add_argument("--lanes", type=int, default=2, choices=(1, 2), help="how many at a time")
    parser.add_argument("--seed", type=int, default=2026, help="chooses where; the same seed, the same kills")
    asked = parser.parse_args()
    chance = random.Random(asked.seed)  # noqa: S311 - a choice of tests
    began = time.monotonic()
    print(
        f"{'killed at':<46}{'when':<36}{'date':<12}{'killed':>8}{'rerun':>8}{'of which flow':>15}"
        f"{'sent':>9}{'there':>7}  result"
    )
    with (
        tempfile.TemporaryDirectory(prefix="daybook-kill-") as name,
        lanes(FLOWS[asked.of], Path(name), asked.lanes) as all_lanes,
    ):
        folder = Path(name)
        env = environment(folder)
        with server(env, folder / "server.log"), store(asked.store, folder) as opened:
            for number, lane in enumerate(all_lanes):
                lane.connect(f"kill-{number}", opened, env)
            chosen = choose_points(all_lanes[0].points(chance), asked.kills, chance)
            made = kill_runs(all_lanes, chosen, _show)
    wrong = [kill for kill in made if kill.problems]
    for kill in wrong:
        print(f"\n{kill.point} ({kill.point.kind}) on {kill.date}:", *kill.problems, sep="\n  ")
    slowest = max(kill.rerun_took for kill in made)
    print(
        f"\n{asked.of}, {asked.store}, seed {asked.seed}: {len(made)} kills, {len(wrong)} with problems, ",
        end="",
    )
    print(f"slowest rerun {slowest:.1f} s, {time.monotonic() - began:.0f} s in all")
    again = sum(kill.duplicates for kill in made)
    print(f"{again} answers that something was already there; ", end="")
    print(", ".join(f"{count} x {kind}" for kind, count in Counter(k.point.kind for k in made).items()))
    return 1 if wrong else 0


def _show(kill: Kill) -> None:
    print(
        f"{kill.point!s:<46}{kill.point.kind:<36}{kill.date!s:<12}{kill.killed_after:>6.1f} s"
        f"{kill.rerun_took:>6.1f} s{kill.outcome.get('seconds', {}).get('total', 0):>13.1f} s"
        f"{kill.outcome.get('journals_created', kill.outcome.get('sent', '-')):>9}{kill.duplicates:>7}  "
        + ("PROBLEM" if kill.problems else "right"),
        flush=True,
    )


if __name__ == "__main__":
    quiet_prefect()
    sys.exit(main())
