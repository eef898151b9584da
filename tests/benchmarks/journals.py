"""How fast the journals run is, against floors of the same exchange.

    python -m tests.benchmarks.journals --lines 10000

prints one JSON object. The floors are measured in the same run, against the same sandbox process, each at
the run's own concurrency, without Prefect; the median of three:

floor_seconds        the bare download of the same pages, the bare upload of the same bytes and the bare
                     read-back of the same journals, with nothing parsed
fair_floor_seconds   the same, with the pages decoded, the bodies encoded, and the verdicts and the read-back
                     decoded: what any program must do, with nothing decided
paced_floor_seconds  the fewest calls of Xero that the day needs, at the 60 a minute that Xero allows; with
                     `--limits` alone. A run may make the calls of its first minute at once, so one of few
                     calls is faster than that

`cpu_us_per_line` is the processor time of the whole flow, with what Prefect needs, by the line.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import http.client
import json
import re
import statistics
import sys
import time
import uuid
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import local
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from tests.benchmarks.history import fill
from tests.benchmarks.measuring import Measured, one_run, shown

DATE = dt.date(2026, 11, 18)
ROUNDS = 3
CALLS_A_MINUTE = 60
# By a planted line's transaction it is drawn which of the booking dates it has.
_TRANSACTION = re.compile(rb'"transactionI[dD]":"([^"]*)"')
_CREATED = f'"creationDate":"{DATE}'.encode()
_BOOKED = re.compile(rb'("bookingDate":")\d{4}-\d{2}-\d{2}')


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
        asked = (method, target, body, {**self._headers, **(headers or {})})
        try:
            connection.request(*asked)
            answer = connection.getresponse()
        except ConnectionError:
            # A connection that nobody has used for seconds was closed at the other end.
            connection.close()
            connection.request(*asked)
            answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {content[:300]!r}")
        return answer.headers, content


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lines", type=int, default=10_000, help="journal lines of the day")
    parser.add_argument("--limits", action="store_true", help="Xero refuses what is beyond its call limits")
    parser.add_argument(
        "--days-before", type=int, default=0, help="nights of 4,000 journals on record before"
    )
    parser.add_argument("--booking-dates", type=int, default=0, help="spread the lines over so many dates")
    arguments = parser.parse_args()
    shown(lambda folder: measured(arguments, folder))


def measured(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the flow once and the floors three times, and return the figures."""
    from blocks.connections import environment
    from blocks.sandbox.process import SandboxProcess, SandboxSettings
    from flows.journals.flow import journals

    settings = SandboxSettings(folder / "sandbox", lines_per_day=asked.lines, limits=asked.limits)
    with SandboxProcess(settings) as sandbox:
        connection = environment.journal_connection(sandbox.env)
        mambu = Bare(connection.mambu.base_url, _mambu_headers(sandbox.env))
        control = Bare(f"{sandbox.url}/control", {"Content-Type": "application/json"})
        # The day is made up when it is first asked for, which is not what is measured.
        _search(mambu, *_day(), {"offset": "0", "limit": "1"})
        if asked.booking_dates:
            _spread(mambu, control, asked.booking_dates)
        if asked.days_before:
            asyncio.run(fill(connection.store.open(), asked.days_before, before=DATE))
        ran = one_run(connection, lambda: journals(DATE))
        once = _asked_once(control)
        floors = Floors(sandbox.env, connection, ran.summary, control)
        bare, fair = floors.measured(_as_it_is), floors.measured(msgspec.json.decode)
    fewest = len(floors.bodies) + floors.pages + once
    paced = fewest * 60 / CALLS_A_MINUTE if asked.limits else None
    return _figures(ran, bare, fair, fewest, paced)


def _figures(
    ran: Measured, bare: Mapping[str, float], fair: Mapping[str, float], fewest: int, paced: float | None
) -> dict[str, Any]:
    summary, seconds = ran.summary, ran.summary.seconds
    stages = {name: seconds[name] for name in ("extract", "process", "send", "confirm")}
    total, floor, fair_floor = seconds["total"], sum(bare.values()), sum(fair.values())
    return {
        "lines": summary.lines,
        "seconds": seconds,
        "lines_per_second": {name: round(summary.lines / max(spent, 1e-9)) for name, spent in stages.items()},
        "seconds_with_prefect": round(ran.seconds, 3),
        "cpu_us_per_line": round(ran.cpu * 1e6 / max(summary.lines, 1), 1),
        "peak_memory_mb": round(ran.peak, 1),
        "mambu_calls": summary.mambu_calls,
        "xero_calls": summary.xero_calls,
        "fewest_xero_calls": fewest,
        "xero_bytes_read": summary.xero_bytes_read,
        "self_inflicted_429": summary.refused_as_too_many,
        "floor": {name: round(spent, 3) for name, spent in bare.items()},
        "floor_seconds": round(floor, 3),
        "ratio_to_floor": round(total / floor, 2),
        "fair_floor": {name: round(spent, 3) for name, spent in fair.items()},
        "fair_floor_seconds": round(fair_floor, 3),
        "ratio_to_fair_floor": round(total / fair_floor, 2),
        "paced_floor_seconds": paced,
        "ratio_to_paced_floor": round(total / paced, 2) if paced else None,
        "tied_out": summary.tied_out,
        "python": sys.version.split()[0],
    }


def _asked_once(control: Bare) -> int:
    """Return how many calls of Xero a run needs besides what it sends and reads back.

    One of each kind that it made, such as the organisation, and one look at the day before it is sent.
    """
    _, logged = control.send("GET", "requests", {})
    paths = {one["path"].rsplit("/", 1)[-1] for one in json.loads(logged) if one["system"] == "xero"}
    return len(paths - {"ManualJournals"}) + 1


def _spread(mambu: Bare, control: Bare, dates: int) -> None:
    """Plant the day's lines anew, their transactions spread over so many booking dates up to the day."""
    from blocks.sandbox.mambu.control import split_array

    lines: list[bytes] = []
    _follow(mambu, *_day(), lambda page: lines.extend(split_array(page.decode())))

    def moved(line: bytes) -> bytes:
        found = _TRANSACTION.search(line)
        back = zlib.crc32(found[1]) % dates if found else 0
        return _BOOKED.sub(rb"\g<1>" + str(DATE - dt.timedelta(back)).encode(), line)

    # The search reaches into the days around.
    raw = b"[" + b",".join(moved(line) for line in lines if _CREATED in line) + b"]"
    control.send("POST", "mambu/lines", {}, json.dumps({"date": str(DATE), "raw": raw.decode()}).encode())


def _as_it_is(body: bytes) -> bytes:
    return body


class Floors:
    """A run's exchange with nothing decided; `bodies` is what it sends, `pages` how many it reads back."""

    def __init__(self, env: Mapping[str, str], connection: Any, summary: Any, control: Bare) -> None:
        from flows.journals.prepare import PreparePolicy, prepare_journals

        plan = _plan(connection, PreparePolicy)
        self.bodies = [one.body for one in prepare_journals(*plan, taken={}, generations={}).requests]
        self.pages = 0
        self._decoded = [msgspec.json.decode(body) for body in self.bodies]
        self._connection, self._lines, self._control = connection, summary.lines, control
        self._mambu = Bare(connection.mambu.base_url, _mambu_headers(env))
        self._xero = Bare(connection.xero.base_url, _xero_headers(env))

    def measured(self, read: Callable[[bytes], Any]) -> dict[str, float]:
        """Return the seconds of each part; `read` is done to all answers, its opposite to what is sent."""
        found: dict[str, list[float]] = {"download": [], "upload": [], "read_back": []}
        for _ in range(ROUNDS):
            self._control.send("POST", "xero/reset", {}, b"{}")
            # A reset brings the limits back, and a floor knows of none.
            self._control.send("POST", "xero/options", {}, b'{"limits": false}')
            found["download"].append(
                _timed(lambda: _download(self._mambu, self._connection, self._lines, read))
            )
            found["upload"].append(_timed(lambda: self._upload(read)))
            found["read_back"].append(_timed(lambda: self._read_back(read)))
        return {name: statistics.median(times) for name, times in found.items()}

    def _upload(self, read: Callable[[bytes], Any]) -> None:
        bodies, made = (self.bodies, _as_it_is) if read is _as_it_is else (self._decoded, msgspec.json.encode)

        def put(body: Any) -> None:
            read(_put(self._xero, made(body)))

        _side_by_side(self._connection.xero_concurrency, (partial(put, body) for body in bodies))

    def _read_back(self, read: Callable[[bytes], Any]) -> None:
        self.pages = _read_back(self._xero, self._connection, read)


def _plan(connection: Any, policy: Any) -> tuple[Any, ...]:
    """Return what the run sealed from: the plan it left in its files, and nothing in Xero."""
    from flows.journals.lines import read_lines
    from flows.journals.models import Plan
    from flows.journals.reconciliation import reconcile
    from flows.journals.run import staged_folder

    (batched,) = staged_folder("default", DATE).glob("5-batch-*.parquet")
    plan = Plan(DATE, read_lines(batched), 2, connection.label, {})
    return plan, reconcile(plan, []), policy("organisation", connection.lines_per_journal, True)


def _download(mambu: Bare, connection: Any, lines: int, read: Callable[[bytes], Any]) -> None:
    from flows.days import windows

    around = _day()
    _search(mambu, *around, {"offset": "0", "limit": "1"})
    cuts = windows(_as_day(), lines)
    _side_by_side(connection.mambu_concurrency, (lambda cut=cut: _follow(mambu, *cut, read) for cut in cuts))
    _search(mambu, *around, {"offset": "0", "limit": "1"})


def _follow(mambu: Bare, after: dt.datetime, before: dt.datetime, read: Callable[[bytes], Any]) -> None:
    cursor = "_"
    while cursor:
        headers, page = _search(mambu, after, before, {"cursor": cursor, "limit": "1000"})
        read(page)
        cursor = headers["Items-Next-Cursor"]


def _search(
    mambu: Bare, after: dt.datetime, before: dt.datetime, params: Mapping[str, str]
) -> tuple[http.client.HTTPMessage, bytes]:
    criteria = [
        {"field": "creationDate", "operator": operator, "value": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        for operator, at in (("AFTER", after), ("BEFORE", before))
    ]
    body = json.dumps({"filterCriteria": criteria}).encode()
    return mambu.send(
        "POST",
        "gljournalentries:search",
        {**params, "paginationDetails": "ON", "detailsLevel": "BASIC"},
        body,
    )


def _put(xero: Bare, body: bytes) -> bytes:
    key = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
    return xero.send("PUT", "ManualJournals", {"summarizeErrors": "false"}, body, key)[1]


def _read_back(xero: Bare, connection: Any, read: Callable[[bytes], Any]) -> int:
    from flows.journals.read import page_size

    page, pages = 1, 1
    while page <= pages:
        size = page_size(connection.lines_per_journal)
        _, body = xero.send("GET", "ManualJournals", {"page": str(page), "pageSize": str(size)})
        start = body.index(b'"pageCount":') + len(b'"pageCount":')
        pages = int(body[start : start + 8].split(b",")[0].split(b"}")[0])
        read(body)
        page += 1
    return pages


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
