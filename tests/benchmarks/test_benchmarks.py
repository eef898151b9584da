"""The benchmarks print what they are asked for; how fast anything is, is not asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_JOURNALS = [
    "lines",
    "seconds",
    "lines_per_second",
    "cpu_us_per_line",
    "peak_memory_mb",
    "mambu_calls",
    "xero_calls",
    "fewest_xero_calls",
    "xero_bytes_read",
    "self_inflicted_429",
    "floor_seconds",
    "ratio_to_floor",
    "fair_floor_seconds",
    "ratio_to_fair_floor",
    "paced_floor_seconds",
    "ratio_to_paced_floor",
]
_PAYMENTS = [
    "documents",
    "seconds",
    "floor_seconds",
    "ratio_to_floor",
    "concurrency",
    "xero_calls",
    "ln_calls",
]
_STAGES = {"extract", "process", "send", "confirm", "total"}


def printed(name: str, *asked: str) -> dict[str, Any]:
    """Return the one JSON object that a benchmark prints."""
    command = [sys.executable, "-m", f"tests.benchmarks.{name}", *asked]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_the_journals() -> None:
    """A day over some booking dates, after nights on record and within the limits, has all its figures."""
    found = printed("journals", "--lines", "600", "--limits", "--days-before", "2", "--booking-dates", "5")
    assert set(_JOURNALS) <= found.keys()
    assert set(found["seconds"]) >= _STAGES
    assert (found["lines"], found["tied_out"], found["self_inflicted_429"]) == (600, True, 0)
    assert 0 < found["fewest_xero_calls"] <= found["xero_calls"] + 1
    assert found["paced_floor_seconds"] == found["fewest_xero_calls"]


@pytest.mark.slow
def test_the_payments() -> None:
    """A few documents have all their figures, by as many at a time as were asked for."""
    found = printed("payments", "--documents", "30", "--concurrency", "3")
    assert set(_PAYMENTS) <= found.keys()
    assert (found["concurrency"], found["same_answers"]) == (3, True)


def test_the_store() -> None:
    """A move of journals costs something, in an empty store and after a night."""
    found = printed("store", "--nights", "2", "--journals", "30", "--moves", "3")
    assert found["journals_before"] == 60
    assert min(found["empty_ms"], found["full_ms"], found["ratio"]) > 0


@pytest.mark.slow
def test_a_night() -> None:
    """A night by the command and an empty flow cost something, and are compared."""
    found = printed("night", "--lines", "60", "--nights", "1")
    assert found["lines"] == 60
    assert min(found["night_seconds"], found["empty_flow_seconds"], found["ratio"]) > 0
