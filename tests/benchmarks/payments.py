"""How fast the payments run is, against the floor of the same documents posted with nothing around it.

    python -m tests.benchmarks.payments --documents 10000

prints one JSON object. The floor is measured in the same run, against the same sandbox process: bare
posts by httpx of the very same bytes in the same order, as many at a time as the run has, into books that
were emptied before, so that they are booked again; with no audit table and no Prefect; the median of three.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import statistics
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.measuring import one_run, shown

DATE = dt.date(2026, 11, 18)
ROUNDS = 3


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000, help="documents of the day, about")
    parser.add_argument("--concurrency", type=int, help="posts at a time, where not the connection's default")
    arguments = parser.parse_args()
    shown(lambda folder: measured(arguments.documents, arguments.concurrency, folder))


def measured(documents: int, concurrency: int | None, folder: Path) -> dict[str, Any]:
    """Run the flow once and the floor three times, and return the figures."""
    from blocks.connections import environment
    from blocks.sandbox.process import SandboxProcess, SandboxSettings
    from flows.payments.flow import payments

    with SandboxProcess(SandboxSettings(folder / "sandbox")) as sandbox:
        connection = environment.payment_connection(sandbox.env)
        given = {} if concurrency is None else {"ln_concurrency": concurrency}
        connection = connection.model_copy(update={"start": _midnight(), "mambu": None, **given})
        with httpx.Client(base_url=sandbox.url, timeout=120) as http:
            _make_day(http, documents)
        summary, process_seconds, peak, cpu = one_run(connection, lambda: payments(date=DATE))
        asked = _calls(sandbox.url)
        bodies = [row.message.encode() for row in sorted(summary.rows, key=_when) if row.tries]
        found = [asyncio.run(_floor(sandbox.url, connection, bodies)) for _ in range(ROUNDS)]
    floor = statistics.median(seconds for seconds, _ in found)
    seconds = summary.seconds
    return {
        "documents": summary.documents,
        "posted": len(bodies),
        "by_status": {str(status): number for status, number in summary.counts.items()},
        "seconds": seconds,
        "seconds_with_prefect": round(process_seconds, 3),
        "documents_per_second": round(summary.documents / seconds["total"]),
        "xero_calls": summary.xero_calls,
        "xero_calls_by_path": {path: number for (name, path), number in asked.items() if name == "xero"},
        "ln_calls": summary.ln_calls,
        "concurrency": connection.ln_concurrency,
        "cpu_us_per_document": round(cpu * 1e6 / max(summary.documents, 1), 1),
        "peak_memory_mb": round(peak, 1),
        "floor_seconds": round(floor, 3),
        "floor_rounds": [round(seconds, 3) for seconds, _ in found],
        "floor_posts_per_second": round(len(bodies) / floor),
        "same_answers": all(answers == found[0][1] for _, answers in found)
        and found[0][1][201] == summary.counts["sent"],
        "ratio_to_floor": round(seconds["total"] / floor, 2),
        "deliver_to_floor": round(seconds["deliver"] / floor, 2),
        "python": sys.version.split()[0],
    }


def _make_day(http: httpx.Client, documents: int) -> None:
    """Let the sandbox be at the end of a day with so many documents, and show no other day's."""
    at = dt.datetime.combine(DATE, dt.time(23, 59), dt.UTC)
    http.post("/control/clock", json={"freeze": at.isoformat()}).raise_for_status()
    options = {"payments_per_day": _events(documents), "payment_history_days": 0}
    http.post("/control/xero/options", json=options).raise_for_status()


def _events(documents: int) -> int:
    """Return how many events of the day make so many documents, the few that are undone that day included."""
    from blocks.sandbox.world.trade_days import MOST_A_DAY
    from blocks.sandbox.xero.options import XeroOptions
    from blocks.sandbox.xero.seeded import documents_of

    seed, made = XeroOptions().seed, 0
    for events in count():
        if made >= documents:
            return events
        if events == MOST_A_DAY:
            raise SystemExit(f"A day of the sandbox has no more than {made:,} documents.")
        for one in documents_of(seed, DATE, events):
            made += one.kind in {"Payments", "Prepayments", "Overpayments"}
            made += len(one.versions[-1].body.get("Allocations", ()))
    raise AssertionError("a day has an end")


def _calls(url: str) -> Counter[tuple[str, str]]:
    logged = httpx.get(f"{url}/control/requests", timeout=120).raise_for_status().json()
    return Counter((one["system"], one["path"].rsplit("/", 1)[-1]) for one in logged)


async def _floor(url: str, connection: Any, bodies: list[bytes]) -> tuple[float, Counter[int]]:
    """Post the same bytes into emptied books; return how long it took, and how often which answer came."""
    answers: Counter[int] = Counter()
    async with httpx.AsyncClient(timeout=75, trust_env=False) as http:
        (await http.post(f"{url}/control/ln/reset")).raise_for_status()
        headers = await _headers(http, connection.ln)
        path = f"{connection.ln.base_url}/{connection.ln.path}"
        waiting = iter(bodies)

        async def work() -> None:
            for body in waiting:
                answers[(await http.post(path, content=body, headers=headers)).status_code] += 1

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(connection.ln_concurrency)))
        return time.perf_counter() - began, answers


async def _headers(http: httpx.AsyncClient, ln: Any) -> dict[str, str]:
    form = {
        "grant_type": "password",
        "username": ln.access_key.get_secret_value(),
        "password": ln.secret_key.get_secret_value(),
    }
    login = (ln.client_id, ln.client_secret.get_secret_value())
    answer = await http.post(f"{ln.authorisation_url}/{ln.token_path}", data=form, auth=login)
    return {
        "Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Content-Language": ln.language,
        "X-Infor-LnCompany": str(ln.company),
    }


def _midnight() -> dt.datetime:
    return dt.datetime.combine(DATE, dt.time(), dt.UTC)


def _when(row: Any) -> dt.datetime:
    return row.last_try or row.changed_at


if __name__ == "__main__":
    main()
