"""What a store's history costs: a move of 20 journals in an empty store, and after years of nights.

    python -m tests.benchmarks.store --nights 365

prints one JSON object. A move is what a request's answer does to its journals: each gets its state and its
id in Xero, in one transaction of a SQLite store on disk. The figures are medians of so many moves each;
processor time is that of all threads, and does not hang on how busy the disk is.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from blocks.store.block import open_store
from blocks.store.journals import Store
from blocks.store.models import JournalRecord, JournalState, StoredRequest
from tests.benchmarks.history import JOURNALS, fill

DATE = dt.date(2026, 11, 18)
AT = dt.datetime(2026, 11, 19, 3, tzinfo=dt.UTC)
TOGETHER = 20


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--nights", type=int, default=365, help="nights on record before")
    parser.add_argument("--journals", type=int, default=JOURNALS, help="journals of each")
    parser.add_argument("--moves", type=int, default=100, help="how many moves are measured")
    asked = parser.parse_args()
    print(json.dumps(asyncio.run(measured(asked.nights, asked.journals, asked.moves))))


async def measured(nights: int, journals: int, moves: int) -> dict[str, Any]:
    """Move journals in an empty store and in one with a history, and return the figures."""
    with tempfile.TemporaryDirectory(prefix="daybook-benchmark-") as folder:
        new, old = (open_store(f"sqlite:///{Path(folder) / name}.sqlite3") for name in ("new", "old"))
        await fill(old, nights, before=DATE, journals=journals)
        async with new, old:
            # In turn, so that whatever else the machine does falls on both.
            pairs = [(await _moved(new, one), await _moved(old, one)) for one in range(moves)]
    empty, full = (_medians([pair[place] for pair in pairs]) for place in (0, 1))
    return {
        "journals_before": nights * journals,
        "together": TOGETHER,
        "empty_ms": round(empty[0], 3),
        "full_ms": round(full[0], 3),
        "ratio": round(full[0] / empty[0], 2),
        "empty_cpu_ms": round(empty[1], 3),
        "full_cpu_ms": round(full[1], 3),
        "ratio_of_cpu": round(full[1] / empty[1], 2),
    }


def _medians(found: list[tuple[float, float]]) -> list[float]:
    return [statistics.median(times) for times in zip(*found, strict=True)]


async def _moved(store: Store, number: int) -> tuple[float, float]:
    """Record a request and its journals, and return what their move costs, in milliseconds, and of CPU."""
    key = f"request {number}"
    records = [
        JournalRecord(
            organisation="organisation",
            narration=f"Journal {number} {one}",
            generation=0,
            connection="default",
            day=DATE,
            booking_date=DATE,
            number=number * TOGETHER + one,
            request_key=key,
            digest="0" * 64,
            lines=250,
            debits="1234.56",
            state=JournalState.SENDING,
        )
        for one in range(TOGETHER)
    ]
    await store.sending(records, StoredRequest(key, b"{}"), AT)
    ids = {one.narration: f"{number}-{one.number}" for one in records}
    began, worked = time.perf_counter(), time.process_time()
    await store.move(records, JournalState.CREATED, AT, ids=ids)
    return (time.perf_counter() - began) * 1e3, (time.process_time() - worked) * 1e3


if __name__ == "__main__":
    main()
