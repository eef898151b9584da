"""Driving the Mambu stand-in as a client would: over ASGI, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from blocks.sandbox.clock import SandboxClock
from blocks.sandbox.mambu.app import API_KEYS, MambuOptions, MambuStandIn
from tests.helpers.stand_ins import exact, frozen, inside

ACCEPT = "application/vnd.mambu.v2+json"
NOW = datetime(2026, 7, 2, 8, tzinfo=UTC)
YESTERDAY = date(2026, 7, 1)


def between(first: datetime, last: datetime) -> list[dict[str, str]]:
    """Return criteria for creation from `first` to `last`, both included, as a careful client asks."""
    second = timedelta(seconds=1)
    return [
        {
            "field": "creationDate",
            "operator": operator,
            "value": f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        }
        for operator, instant in (("AFTER", first - second), ("BEFORE", last + second))
    ]


def whole_day(day: date = YESTERDAY, zone: str = "Europe/London") -> list[dict[str, str]]:
    """Return criteria for creation on a local day."""
    start, end = (
        datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)) for d in (day, day + timedelta(days=1))
    )
    return between(start.astimezone(UTC), end.astimezone(UTC) - timedelta(seconds=1))


@dataclass
class Sandbox:
    """The stand-in, its clock and a client of it."""

    app: MambuStandIn
    clock: SandboxClock
    http: httpx.AsyncClient

    async def search(self, criteria: Any, sort: Any = None, **parameters: Any) -> httpx.Response:
        """Send one search."""
        body = {"filterCriteria": criteria}
        if sort is not None:
            body["sortingCriteria"] = sort
        return await self.http.post("/api/gljournalentries:search", params=parameters, json=body)

    async def by_cursor(self, criteria: Any, limit: int = 500) -> list[dict[str, Any]]:
        """Return all lines of a search, paged by cursor."""
        lines: list[dict[str, Any]] = []
        cursor = "_"
        while cursor:
            answer = await self.search(criteria, limit=limit, cursor=cursor)
            assert answer.status_code == 200, answer.text
            lines += exact(answer)
            cursor = answer.headers["Items-Next-Cursor"]
        return lines

    async def control(self, verb: str, body: object = None) -> Any:
        """Use a control verb."""
        return await self.app.control(verb, body)


@asynccontextmanager
async def sandbox(
    directory: Path | None = None, role: str = "admin", now: datetime = NOW, **options: Any
) -> AsyncIterator[Sandbox]:
    """Run a stand-in with 120 lines a day unless told otherwise."""
    clock = frozen(now)
    app = MambuStandIn(directory, clock, MambuOptions(**{"lines_per_day": 120, **options}))
    headers = {"apiKey": API_KEYS[role], "Accept": ACCEPT}
    with closing(app):
        async with inside(app, "http://mambu", headers=headers) as http:
            yield Sandbox(app, clock, http)


def error(response: httpx.Response) -> dict[str, Any]:
    """Return the one error of Mambu's envelope."""
    (only,) = response.json()["errors"]
    return only  # type: ignore[no-any-return]
