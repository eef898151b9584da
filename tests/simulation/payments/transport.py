"""The network between a run of the payments and Xero, and LN: what can happen to a request on its way."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import httpx

from blocks.sandbox.fault_presets import PRESETS
from tests.simulation.payments.assumptions import COMMIT, LN_PATIENCE, XERO_PATIENCE
from tests.simulation.payments.faults import IN_THE_DARK, LN_TOKEN, POST, READ, XERO_TOKEN, Fault
from tests.simulation.transport import OFFLINE, limit
from tests.simulation.wire import PAGE, Behaviour, Reply, Wire, asked, reply

if TYPE_CHECKING:
    from tests.simulation.payments.world import Run, World


class _Wire(Wire):
    """What can happen on either way."""

    commit = COMMIT

    def __init__(self, world: World, run: Run) -> None:
        super().__init__(world, run)
        self._world, self._of = world, run
        self._behaviours: dict[Fault, Behaviour] = {
            Fault.NO_CONNECTION: lambda _: self._fail(httpx.ConnectError("refused"), 0.0),
            Fault.TIMEOUT: lambda _: self._fail(httpx.ReadTimeout("silence"), self.patience),
            Fault.RESET: lambda _: self._fail(httpx.RemoteProtocolError("gone"), self._some(5)),
            Fault.RESET_DONE: self._reset_in_the_middle,
            Fault.BARE_500: lambda _: self._say(reply(500)),
            Fault.TEXT_503: lambda _: self._say(reply(503, OFFLINE)),
            Fault.EMPTY_504: lambda _: self._say(reply(504), self._some(60)),
            Fault.HTML: lambda request: self._done_but(request, reply(200, PAGE, "text/html")),
            Fault.CUT_JSON: self._cut,
            Fault.SLOW: self._slow,
            Fault.CRASH_DONE: self._crash_done,
            Fault.EXPIRED: self._expired,
        }

    async def _slow(self, request: httpx.Request) -> httpx.Response:
        # Within the caller's patience, which is shorter than all that LN may take.
        return await self._say(await self.carried_out(request), self._some(self.patience - 2))

    async def _expired(self, request: httpx.Request) -> httpx.Response:
        raise NotImplementedError


class XeroWire(_Wire):
    """The way of one run to Xero."""

    patience = XERO_PATIENCE

    def __init__(self, world: World, run: Run) -> None:
        super().__init__(world, run)
        self._behaviours |= {
            Fault.LIMIT_SECONDS: lambda _: self._say(limit("minute", self._rng.randint(1, 60))),
            Fault.LIMIT_DAY: lambda _: self._say(limit("day", self._rng.randint(20_000, 80_000))),
        }

    def place(self, request: httpx.Request) -> str:
        """Return what kind of a point a request is."""
        return READ if request.method == "GET" else XERO_TOKEN

    async def carried_out(self, request: httpx.Request) -> Reply:
        """Let Xero answer, at this very instant."""
        return await asked(self._world.xero, request)

    async def _expired(self, request: httpx.Request) -> httpx.Response:
        await self._world.xero.control("expire_tokens", {})
        return await self._say(await self.carried_out(request))


class LNWire(_Wire):
    """The way of one run to LN."""

    patience = LN_PATIENCE

    def __init__(self, world: World, run: Run) -> None:
        super().__init__(world, run)
        self._behaviours |= {
            Fault.TIMEOUT_DONE: lambda request: self._silent(request, self.patience, at_once=True),
            Fault.TIMEOUT_LATE: lambda request: self._silent(request, self.patience, at_once=False),
            Fault.EMPTY_504_DONE: lambda request: self._done_but(request, reply(504)),
            Fault.EMPTY_504_LATE: self._late_504,
            Fault.BARE_500_DONE: lambda request: self._done_but(request, reply(500)),
            Fault.TEXT_503_DONE: lambda request: self._done_but(request, reply(503, b"Service Unavailable")),
            Fault.FAULT_500: lambda _: self._preset("500-fault"),
            Fault.REFUSED: lambda _: self._preset("422"),
            Fault.ERROR_200: lambda _: self._preset("200-error"),
            Fault.FORBIDDEN: lambda _: self._preset("403"),
            Fault.LOCKED: lambda _: self._preset("409-lock"),
            Fault.GOOD_TOKEN: lambda _: self._preset("401-u14"),
            Fault.LIMIT_SECONDS: lambda _: self._too_many(str(self._rng.randint(1, 60))),
            Fault.LIMIT_LONG: lambda _: self._too_many(str(self._rng.randint(200, 90_000))),
            Fault.LIMIT_DATE: self._too_many_until,
            Fault.LIMIT_BARE: lambda _: self._preset("429-bare"),
            Fault.NO_GRANT: lambda _: self._say(reply(400, b'{"error":"invalid_grant"}', "application/json")),
            Fault.CRASH_LATE: self._crash_late,
        }

    def place(self, request: httpx.Request) -> str:
        """Return what kind of a point a request is."""
        return LN_TOKEN if request.url.path.endswith("token.oauth2") else POST

    def struck(self, place: str, fault: StrEnum, request: httpx.Request) -> None:
        """Let the model know of a document of which the run cannot know what becomes."""
        if place == POST and fault in IN_THE_DARK:
            self._world.check(lambda: self._world.model.unanswered(self._of.number, request.content))

    async def carried_out(self, request: httpx.Request) -> Reply:
        """Let LN answer, at this very instant."""
        answer = await asked(self._world.ln, request)
        self._world.booked(self._of)
        return answer

    async def _expired(self, request: httpx.Request) -> httpx.Response:
        await self._world.ln.control("expire_tokens", {})
        return await self._say(await self.carried_out(request))

    async def _preset(self, name: str) -> httpx.Response:
        preset = PRESETS["ln"][name]
        return await self._say(reply(preset.status, preset.body.encode(), preset.content_type))

    async def _too_many(self, retry_after: str) -> httpx.Response:
        return await self._say(reply(429, b"Quota exceeded", retry_after=retry_after))

    async def _too_many_until(self, _request: httpx.Request) -> httpx.Response:
        until = self._world.clock.now() + timedelta(seconds=self._rng.randint(1, 60))
        return await self._too_many(format_datetime(until, usegmt=True))
