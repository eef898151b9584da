"""What passes the doors of a simulated schedule, without the texts that are for people."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sys
from functools import partial
from typing import Any

import httpx

from tests.golden.stored import words_of
from tests.simulation.play import Runner, Violation
from tests.simulation.simulator import simulator

# So many schedules of each kind, and so many share a digest.
_SCHEDULES, _TOGETHER = 100, 10
# The headers on which an answer hangs, and what is sent only once.
_HEADERS = ("idempotency-key", "if-modified-since")


class Seen:
    """Writes down what leaves at the doors, and how runs end, in its order."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.words: set[str] = set()

    def leaves(self, run: Runner, request: httpx.Request) -> None:
        """Write a request down: when it left, for where, under which key, and its bytes."""
        headers = [request.headers.get(name, "") for name in _HEADERS]
        body: Any = request.content.decode("latin-1")
        if is_task(request) and body:
            # Keys of tasks are drawn for each; and their texts are for people.
            headers, body = [], bare_task(json.loads(body))
        self._add(run, request.method, str(request.url), *headers, body)
        self.words.update(words_of(run.file))

    def ends(self, run: Runner, word: str) -> None:
        """Write down how a run ended."""
        self._add(run, word)

    def _add(self, run: Runner, *told: Any) -> None:
        self.lines.append(json.dumps([f"{run.play.elapsed:.3f}", run.number, *told]))


def is_task(request: httpx.Request) -> bool:
    """Tell whether a request is about tasks in Mambu."""
    return "/tasks" in request.url.path


def marker_of(title: str) -> str:
    """Return the end of a task's title, by which it is found again."""
    return title[title.rfind("[") :]


def bare_task(body: Any) -> dict[str, str]:
    """Return what a request makes of a task, of the fields that are not for people alone."""
    fields = {one["path"].strip("/"): one["value"] for one in body} if isinstance(body, list) else body
    kept = {name: str(fields[name]) for name in ("status", "assignedUserKey") if name in fields}
    return {**kept, "marker": marker_of(fields["title"])} if "title" in fields else kept


def seen_of(of: str, seed: int) -> list[str]:
    """Return what is seen of the schedule of a seed."""
    seen = Seen()
    with simulator(of) as place:
        place.play(seed, witness=seen)
    return seen.lines


def digests(of: str) -> dict[str, Any]:
    """Play schedules on all processors; return a digest of each few, and what words stood in their stores."""
    firsts = range(0, _SCHEDULES, _TOGETHER)
    # As tests/simulation/many.py does it.
    with multiprocessing.get_context("spawn").Pool(os.cpu_count() or 1) as pool:
        found = pool.map(partial(_few, of), firsts, chunksize=1)
    words = set().union(*(seen.words for seen in found))
    return {
        "digests": {
            f"{first:03} to {first + _TOGETHER - 1:03}": _digest(seen)
            for first, seen in zip(firsts, found, strict=True)
        },
        "words in the store": sorted(words),
    }


def _few(of: str, first: int) -> Seen:
    seen = Seen()
    with simulator(of) as place:
        for seed in range(first, first + _TOGETHER):
            try:
                place.play(seed, witness=seen)
            except Violation:
                seen.lines.append("a rule is broken")
    return seen


def _digest(seen: Seen) -> str:
    return hashlib.sha256("\n".join(seen.lines).encode()).hexdigest()


if __name__ == "__main__":
    # python -m tests.golden.doors payments 4711: one schedule, to be compared with another code's
    print(*seen_of(sys.argv[1], int(sys.argv[2])), sep="\n")
