"""The network between a run of the payments and Xero, LN and Mambu: what can happen to a request there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import httpx

from blocks.sandbox.faults.presets import PRESETS
from blocks.sandbox.world.chart import ORGANISATION_NAME
from tests.simulation.payments import assumptions
from tests.simulation.payments.assumptions import LN_PATIENCE, XERO_PATIENCE
from tests.simulation.payments.connection import TENANTS
from tests.simulation.payments.faults import IN_THE_DARK, LN_TOKEN, MAMBU, POST, READ, XERO_TOKEN, Fault
from tests.simulation.wire import PAGE, Behaviour, Reply, Wire, asked, reply

if TYPE_CHECKING:
    from tests.simulation.payments.world import Run, World

_OFFLINE = b"The Xero API is temporarily unavailable"


class _Door(Wire):
    """What can happen on any way."""

    def __init__(self, world: World, run: Run) -> None:
        super().__init__(world, run)
        self._world, self._of = world, run
        self.commit = assumptions.bounds.late
        self._behaviours: dict[Fault, Behaviour] = {
            Fault.NO_CONNECTION: lambda _: self._fail(httpx.ConnectError("refused"), 0.0),
            Fault.TIMEOUT: lambda _: self._fail(httpx.ReadTimeout("silence"), self.patience),
            Fault.TIMEOUT_DONE: lambda request: self._silent(request, self.patience, at_once=True),
            Fault.RESET: lambda _: self._fail(httpx.RemoteProtocolError("gone"), self._some(5)),
            Fault.RESET_DONE: self._reset_in_the_middle,
            Fault.BARE_500: lambda _: self._say(reply(500)),
            Fault.TEXT_503: lambda _: self._say(reply(503, _OFFLINE)),
            Fault.EMPTY_504: lambda _: self._say(reply(504), self._some(60)),
            Fault.EMPTY_504_DONE: lambda request: self._done_but(request, reply(504)),
            Fault.HTML: lambda request: self._done_but(request, reply(200, PAGE, "text/html")),
            Fault.CUT_JSON: self._cut,
            Fault.SLOW: self._slow,
            Fault.TWICE: self._twice,
            Fault.TWICE_LAST: self._twice_and_last,
            Fault.LIMIT_SECONDS: lambda _: self._too_many(str(self._rng.randint(1, 60))),
            Fault.CRASH_DONE: self._crash_done,
        }

    async def _slow(self, request: httpx.Request) -> httpx.Response:
        # Within the caller's patience, which is shorter than all that LN may take.
        return await self._say(await self.carried_out(request), self._some(self.patience - 2))

    async def _twice(self, request: httpx.Request) -> httpx.Response:
        first = await self.carried_out(request)
        self._play.later(self._some(5), lambda: self.carried_out(request))
        return await self._say(first)

    async def _twice_and_last(self, request: httpx.Request) -> httpx.Response:
        await self.carried_out(request)
        return await self._say(await self.carried_out(request))

    async def _too_many(self, retry_after: str) -> httpx.Response:
        return await self._say(reply(429, b"Quota exceeded", retry_after=retry_after))


class XeroDoor(_Door):
    """The way of one run to Xero."""

    patience = XERO_PATIENCE

    def __init__(self, world: World, run: Run) -> None:
        super().__init__(world, run)
        self._behaviours |= {
            Fault.LIMIT_SECONDS: lambda _: self._limit("minute", self._rng.randint(1, 60)),
            Fault.LIMIT_DAY: lambda _: self._limit("day", self._rng.randint(20_000, 80_000)),
            Fault.EXPIRED: self._expired,
        }

    def place(self, request: httpx.Request) -> str:
        """Return what kind of a point a request is."""
        return READ if request.method == "GET" else XERO_TOKEN

    async def carried_out(self, request: httpx.Request) -> Reply:
        """Let Xero answer, at this very instant; its lists are as far behind as they are just now."""
        organisation = self._of.organisation
        xero = self._world.xeros[organisation]
        if request.method == "GET":
            self._world.lags.set(xero)
        if not organisation:
            return await asked(xero, request)
        # Another organisation is a Xero by itself, which calls itself by another name.
        if "xero-tenant-id" in request.headers:
            request.headers["xero-tenant-id"] = TENANTS[0]
        answer = await asked(xero, request)
        if not request.url.path.endswith("/Organisation"):
            return answer
        body = answer.body.replace(TENANTS[0].encode(), TENANTS[organisation].encode())
        return answer._replace(body=body.replace(ORGANISATION_NAME.encode(), b"Another Ltd"))

    async def _expired(self, request: httpx.Request) -> httpx.Response:
        await self._world.xeros[self._of.organisation].control("expire_tokens", {})
        return await self._say(await self.carried_out(request))

    async def _limit(self, problem: str, seconds: int) -> httpx.Response:
        headers = {"X_Rate_Limit_Problem": problem, "Retry_After": str(seconds)}
        return await self._say(reply(429, **headers))


class LNDoor(_Door):
    """The way of one run to LN."""

    patience = LN_PATIENCE

    def __init__(self, world: World, run: Run) -> None:
        super().__init__(world, run)
        self._behaviours |= {
            Fault.TIMEOUT_LATE: lambda request: self._silent(request, self.patience, at_once=False),
            Fault.EMPTY_504_LATE: self._late_504,
            Fault.BARE_500_DONE: lambda request: self._done_but(request, reply(500)),
            Fault.TEXT_503_DONE: lambda request: self._done_but(request, reply(503, b"Service Unavailable")),
            Fault.FAULT_500: self._always("500-fault"),
            Fault.FAULT_500_DONE: self._denied,
            Fault.REFUSED: self._always("422"),
            Fault.ERROR_200: self._always("200-error"),
            Fault.ERROR_200_DONE: lambda request: self._done_but(request, _preset("200-error")),
            Fault.FORBIDDEN: self._always("403"),
            Fault.LOCKED: self._always("409-lock"),
            Fault.GOOD_TOKEN: self._always("401-u14"),
            Fault.LIMIT_LONG: lambda _: self._too_many(str(self._rng.randint(200, 90_000))),
            Fault.LIMIT_DATE: self._too_many_until,
            Fault.LIMIT_BARE: self._always("429-bare"),
            Fault.NO_GRANT: lambda _: self._say(reply(400, b'{"error":"invalid_grant"}', "application/json")),
            Fault.EXPIRED: self._expired,
            Fault.CRASH_LATE: self._crash_late,
        }

    def place(self, request: httpx.Request) -> str:
        """Return what kind of a point a request is."""
        return LN_TOKEN if request.url.path.endswith("token.oauth2") else POST

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request to LN, or let it fail on the way."""
        if self.place(request) == POST:
            self._world.check(lambda: self._world.judge.sets_out(request.content))
        return await super().handle_async_request(request)

    def struck(self, place: str, fault: StrEnum, request: httpx.Request) -> None:
        """Let the judge know of a document of which the run cannot know what becomes."""
        if place == POST and fault in IN_THE_DARK:
            self._world.check(lambda: self._world.judge.unanswered(self._of.number, request.content))

    async def carried_out(self, request: httpx.Request) -> Reply:
        """Let LN answer, at this very instant."""
        answer = await asked(self._world.ln, request)
        if self.place(request) == POST and answer.status < 300:
            self._world.check(lambda: self._world.judge.books(self._of.number, request.content))
        return answer

    async def _denied(self, request: httpx.Request) -> httpx.Response:
        answer = await self.carried_out(request)
        if answer.status < 300:
            self._world.check(lambda: self._world.judge.denies(request.content))
        return await self._say(_preset("500-fault"))

    async def _expired(self, request: httpx.Request) -> httpx.Response:
        await self._world.ln.control("expire_tokens", {})
        return await self._say(await self.carried_out(request))

    def _always(self, name: str) -> Behaviour:
        return lambda _request: self._say(_preset(name))

    async def _too_many_until(self, _request: httpx.Request) -> httpx.Response:
        until = self._world.clock.now() + timedelta(seconds=self._rng.randint(1, 60))
        return await self._too_many(format_datetime(until, usegmt=True))


class MambuDoor(_Door):
    """The way of one run to Mambu, for tasks alone."""

    patience = XERO_PATIENCE

    def place(self, request: httpx.Request) -> str:
        """Return what kind of a point a request is."""
        return MAMBU

    async def carried_out(self, request: httpx.Request) -> Reply:
        """Let Mambu answer, at this very instant."""
        if request.method != "GET":
            self._world.check(lambda: self._world.judge.tells_mambu(self._of.number))
        answer = await asked(self._world.mambu, request)
        if request.method != "GET":
            self._world.check(self._world.look_at_tasks)
        return answer


def doors(world: World, run: Run) -> Mapping[str, Wire]:
    """Return the ways of a run to the systems, by their names."""
    return {"xero": XeroDoor(world, run), "ln": LNDoor(world, run), "mambu": MambuDoor(world, run)}


def _preset(name: str) -> Reply:
    preset = PRESETS["ln"][name]
    return reply(preset.status, preset.body.encode(), preset.content_type)
