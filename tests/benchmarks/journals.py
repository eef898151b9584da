"""How fast the journals run is, against the floor of the same exchange with nothing done to it.

    python -m tests.benchmarks.journals --lines 10000

prints one JSON object. The floor is measured in the same run, against the same sandbox process: the
bare download of the same pages, the bare upload of the same bytes and the bare read-back of the same
journals, each at the run's own concurrency, with nothing parsed and no Prefect; the median of three.
"""

from __future__ import annotations

import argparse
import datetime as dt
import http.client
import json
import statistics
import sys
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.benchmarks.measuring import one_run, shown

DATE = dt.date(2026, 11, 18)
ROUNDS = 3


class Bare:
    """HTTP with nothing around it: one kept connection per thread, bytes in, bytes out."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(base_url)
        self._host, self._port, self._path = parts.hostname or "", parts.port or 80, parts.path
        self._headers = dict(headers)
        self._threads = local()

    def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[http.client.HTTPMessage, bytes]:
        """Send a request and return the answer's headers and bytes."""
        connection = getattr(self._threads, "connection", None)
        if connection is None:
            connection = self._threads.connection = http.client.HTTPConnection(self._host, self._port)
        target = f"{self._path}/{path}?{urlencode(params)}"
        connection.request(method, target, body, {**self._headers, **(headers or {})})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {content[:300]!r}")
        return answer.headers, content


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lines", type=int, default=10_000, help="journal lines of the day")
    arguments = parser.parse_args()
    shown(lambda folder: measured(arguments.lines, folder))


def measured(lines: int, folder: Path) -> dict[str, Any]:
    """Run the flow once and the floor three times, and return the figures."""
    from blocks.connections import environment
    from blocks.sandbox.process import SandboxProcess, SandboxSettings
    from flows.journals.flow import journals

    with SandboxProcess(SandboxSettings(folder / "sandbox", lines_per_day=lines)) as sandbox:
        connection = environment.journal_connection(sandbox.env)
        # The day is made up when it is first asked for, which is not what is measured.
        warm = Bare(connection.mambu.base_url, _mambu_headers(sandbox.env))
        _search(warm, *_day(), {"offset": "0", "limit": "1"})
        summary, process_seconds, peak = one_run(connection, lambda: journals(DATE))
        floor = _floor(sandbox.env, connection, summary)
    seconds = summary.seconds
    stages = {name: seconds[name] for name in ("extract", "process", "send", "confirm")}
    total_floor = sum(floor.values())
    return {
        "lines": summary.lines,
        "seconds": seconds,
        "lines_per_second": {name: round(summary.lines / max(spent, 1e-9)) for name, spent in stages.items()},
        "seconds_with_prefect": round(process_seconds, 3),
        "peak_memory_mb": round(peak, 1),
        "mambu_calls": summary.mambu_calls,
        "xero_calls": summary.xero_calls,
        "xero_bytes_read": summary.xero_bytes_read,
        "self_inflicted_429": summary.refused_as_too_many,
        "floor": {name: round(spent, 3) for name, spent in floor.items()},
        "floor_seconds": round(total_floor, 3),
        "ratio_to_floor": round(seconds["total"] / total_floor, 2),
        "tied_out": summary.tied_out,
        "python": sys.version.split()[0],
    }


def _floor(env: Mapping[str, str], connection: Any, summary: Any) -> dict[str, float]:
    from flows.journals.prepare import PreparePolicy, prepare_journals

    bodies = [
        request.body
        for request in prepare_journals(*_plan(connection, PreparePolicy), taken={}, generations={}).requests
    ]
    mambu = Bare(connection.mambu.base_url, _mambu_headers(env))
    xero = Bare(connection.xero.base_url, _xero_headers(env))
    control = Bare(env["XERO_BASE_URL"].removesuffix("/api.xro/2.0") + "/control", {})

    def empty_xero() -> None:
        control.send("POST", "xero/reset", {}, b"{}", {"Content-Type": "application/json"})

    def upload() -> None:
        _side_by_side(connection.xero_concurrency, (lambda body=body: _put(xero, body) for body in bodies))

    found: dict[str, list[float]] = {"download": [], "upload": [], "read_back": []}
    for _ in range(ROUNDS):
        empty_xero()
        found["download"].append(_timed(lambda: _download(mambu, connection, summary.lines)))
        found["upload"].append(_timed(upload))
        found["read_back"].append(_timed(lambda: _read_back(xero, connection)))
    return {name: statistics.median(times) for name, times in found.items()}


def _plan(connection: Any, policy: Any) -> tuple[Any, ...]:
    """Return what the run sealed from: the plan it left in its files, and nothing in Xero."""
    from flows.journals.lines import read_lines
    from flows.journals.models import Plan
    from flows.journals.reconciliation import reconcile
    from flows.journals.run import staged_folder

    (batched,) = staged_folder("default", DATE).glob("5-batch-*.parquet")
    plan = Plan(DATE, read_lines(batched), 2, connection.label, {})
    return plan, reconcile(plan, []), policy("organisation", connection.lines_per_journal, True)


def _download(mambu: Bare, connection: Any, lines: int) -> None:
    from flows.days import windows

    around = _day()
    _search(mambu, *around, {"offset": "0", "limit": "1"})
    cuts = windows(_as_day(), lines)
    _side_by_side(connection.mambu_concurrency, (lambda cut=cut: _follow(mambu, *cut) for cut in cuts))
    _search(mambu, *around, {"offset": "0", "limit": "1"})


def _follow(mambu: Bare, after: dt.datetime, before: dt.datetime) -> None:
    cursor = "_"
    while cursor:
        headers = _search(mambu, after, before, {"cursor": cursor, "limit": "1000"})
        cursor = headers["Items-Next-Cursor"]


def _search(
    mambu: Bare, after: dt.datetime, before: dt.datetime, params: Mapping[str, str]
) -> http.client.HTTPMessage:
    criteria = [
        {"field": "creationDate", "operator": operator, "value": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        for operator, at in (("AFTER", after), ("BEFORE", before))
    ]
    body = json.dumps({"filterCriteria": criteria}).encode()
    headers, _ = mambu.send(
        "POST",
        "gljournalentries:search",
        {**params, "paginationDetails": "ON", "detailsLevel": "BASIC"},
        body,
    )
    return headers


def _put(xero: Bare, body: bytes) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
    xero.send("PUT", "ManualJournals", {"summarizeErrors": "false"}, body, key)


def _read_back(xero: Bare, connection: Any) -> None:
    from flows.journals.read import page_size

    page, pages = 1, 1
    while page <= pages:
        size = page_size(connection.lines_per_journal)
        _, body = xero.send("GET", "ManualJournals", {"page": str(page), "pageSize": str(size)})
        start = body.index(b'"pageCount":') + len(b'"pageCount":')
        pages = int(body[start : start + 8].split(b",")[0].split(b"}")[0])
        page += 1


def _side_by_side(concurrency: int, jobs: Iterable[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(concurrency) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def _timed(job: Callable[[], None]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def _as_day() -> Any:
    from zoneinfo import ZoneInfo

    from blocks.sandbox.world.chart import TIME_ZONE
    from flows.days import Day

    return Day(DATE, ZoneInfo(TIME_ZONE))


def _day() -> tuple[dt.datetime, dt.datetime]:
    from flows.days import whole

    after, before = whole(_as_day())
    return after, before


def _mambu_headers(env: Mapping[str, str]) -> dict[str, str]:
    return {
        "Accept": "application/vnd.mambu.v2+json",
        "Content-Type": "application/json",
        "apiKey": env["MAMBU_API_KEY"],
    }


def _xero_headers(env: Mapping[str, str]) -> dict[str, str]:
    login = b64encode(f"{env['XERO_CLIENT_ID']}:{env['XERO_CLIENT_SECRET']}".encode()).decode()
    form = {"grant_type": "client_credentials", "scope": env["XERO_SCOPES"]}
    tokens = Bare(
        env["XERO_TOKEN_URL"].rsplit("/", 1)[0],
        {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    _, body = tokens.send("POST", "token", {}, urlencode(form).encode())
    return {"Authorization": f"Bearer {json.loads(body)['access_token']}", "Accept": "application/json"}


if __name__ == "__main__":
    main()
