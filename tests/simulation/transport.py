"""The network between a run of the journals and Xero: what can happen to a request on its way."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx

from blocks.sandbox.xero_chart import BOOKS
from blocks.sandbox.xero_wire import ms_of
from tests.simulation.assumptions import COMMIT, KEY_ANSWERS, PATIENCE, STALE
from tests.simulation.days import FRAGILE
from tests.simulation.faults import LIST, PUT, SINGLE, TOKEN, Fault
from tests.simulation.wire import PAGE, Reply, Wire, asked, reply

if TYPE_CHECKING:
    from tests.simulation.world import Run, World

OFFLINE = b"The Xero API is temporarily unavailable"


class Network(Wire):
    """The way of one run to Xero."""

    patience = PATIENCE
    commit = COMMIT

    def __init__(self, world: World, run: Run) -> None:
        super().__init__(world, run)
        self._world = world
        self._behaviours = {
            Fault.NO_CONNECTION: lambda _: self._fail(httpx.ConnectError("refused"), 0.0),
            Fault.TIMEOUT: lambda _: self._fail(httpx.ReadTimeout("silence"), PATIENCE),
            Fault.TIMEOUT_DONE: lambda request: self._silent(request, PATIENCE, at_once=True),
            Fault.TIMEOUT_LATE: lambda request: self._silent(request, PATIENCE, at_once=False),
            Fault.RESET: lambda _: self._fail(httpx.RemoteProtocolError("gone"), self._some(5)),
            Fault.RESET_DONE: self._reset_in_the_middle,
            Fault.LIMIT_MINUTE: lambda _: self._say(limit("minute", self._rng.randint(1, 60))),
            Fault.LIMIT_DAY: lambda _: self._say(limit("day", self._rng.randint(20_000, 80_000))),
            Fault.LIMIT_CONCURRENT: lambda _: self._say(limit("concurrent", None)),
            Fault.ERROR_500: lambda _: self._say(reply(500, b"{}", "application/json")),
            Fault.ERROR_500_DONE: lambda request: self._done_but(request, reply(500, b"oops")),
            Fault.CACHED_500: lambda request: self._kept_error(request, committed=False),
            Fault.CACHED_500_DONE: lambda request: self._kept_error(request, committed=True),
            Fault.KEYS_DOWN: self._keys_down,
            Fault.EXPIRED: self._expired,
            Fault.TEXT_503: lambda _: self._say(reply(503, OFFLINE)),
            Fault.TEXT_503_DONE: lambda request: self._done_but(request, reply(503, OFFLINE)),
            Fault.EMPTY_504: lambda _: self._say(reply(504), self._some(60)),
            Fault.EMPTY_504_DONE: lambda request: self._done_but(request, reply(504)),
            Fault.EMPTY_504_LATE: self._late_504,
            Fault.PARTLY_400: lambda request: self._refused(request, summarised=True),
            Fault.REFUSED: lambda request: self._refused(request, summarised=False),
            Fault.WARNED: self._warned,
            Fault.HTML: lambda request: self._done_but(request, reply(200, PAGE, "text/html")),
            Fault.CUT_JSON: self._cut,
            Fault.SLOW: self._slow,
            Fault.CRASH_DONE: self._crash_done,
            Fault.CRASH_LATE: self._crash_late,
        }

    def place(self, request: httpx.Request) -> str:
        """Return what kind of a point a request is."""
        if request.method == "GET":
            return LIST if request.url.path.endswith("/ManualJournals") else SINGLE
        return PUT if request.method == "PUT" else TOKEN

    async def carried_out(self, request: httpx.Request) -> Reply:
        """Let the stand-in answer, at this very instant; lists are as stale as chance has it."""
        stand_in, world = self._world.stand_in, self._world
        options, superseded = stand_in.options, stand_in.state.superseded
        listing = bool(world.stale) and self.place(request) == LIST
        if listing:
            stand_in.options = replace(options, read_lag_seconds=max(self._some(world.stale), 0.001))
            stand_in.state.superseded = deque(superseded)
        reply = await asked(stand_in, request)
        if listing:
            stand_in.options, stand_in.state.superseded = options, superseded
            while superseded and superseded[0][0] < stand_in.state.now_ms() - 1000 * STALE:
                superseded.popleft()
        world.look()
        return reply

    def _answers_already(self, request: httpx.Request) -> bool:
        state = self._world.stand_in.state
        kept = state.replays.get(request.headers.get("idempotency-key", ""))
        return kept is not None and state.now_ms() - kept.at_ms < KEY_ANSWERS * 1000

    async def _kept_error(self, request: httpx.Request, *, committed: bool) -> httpx.Response:
        if not self._answers_already(request):
            await self._world.stand_in.control("server_error", {"committed": committed})
        return await self._say(await self.carried_out(request))

    async def _keys_down(self, request: httpx.Request) -> httpx.Response:
        stand_in = self._world.stand_in
        options = stand_in.options
        stand_in.options = replace(options, key_store_down=True)
        reply = await self.carried_out(request)
        stand_in.options = options
        return await self._say(reply)

    async def _expired(self, request: httpx.Request) -> httpx.Response:
        await self._world.stand_in.control("expire_tokens", {})
        return await self._say(await self.carried_out(request))

    async def _refused(self, request: httpx.Request, *, summarised: bool) -> httpx.Response:
        """Let Xero refuse an account for this one request; with `summarised`, as one 400 for all."""
        state = self._world.stand_in.state
        fresh = not self._answers_already(request)
        state.books = state.books.with_account_archived(FRAGILE, ms_of(self._world.clock.now()))
        reply = await self.carried_out(request)
        state.books = BOOKS
        key = request.headers["idempotency-key"]
        if summarised and fresh and b'"ValidationErrors"' in reply.body:
            body = (
                b'{"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred",'
                b'"Elements":[{"ValidationErrors":[{"Message":"Account code has been archived"}]}]}'
            )
            reply = reply._replace(status=400, body=body)
            state.replays[key] = replace(state.replays[key], status=400, body=body)
        return await self._say(reply)

    async def _warned(self, request: httpx.Request) -> httpx.Response:
        if not self._answers_already(request):
            await self._world.stand_in.control("warn", {})
            self._world.warned(lambda: self._world.stand_in._journals.warn_next)
        return await self._say(await self.carried_out(request))


def limit(name: str, retry_after: int | None) -> Reply:
    """Return what Xero answers to a call too many."""
    more = {} if retry_after is None else {"retry_after": str(retry_after)}
    return reply(429, x_rate_limit_problem=name, **more)
