"""The network between a run of the journals and the two systems: what can happen to a request on its way."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import httpx

from blocks.sandbox.clock import ms_of
from tests.simulation.journals.assumptions import KEY_ANSWERS, PATIENCE
from tests.simulation.journals.faults import (
    CHANGE,
    LINES,
    LIST,
    MAMBU,
    MORE,
    NOT_TAKEN,
    PUT,
    SINGLE,
    TASK,
    TOKEN,
    Fault,
)
from tests.simulation.journals.mambu import FRAGILE
from tests.simulation.play import Pause
from tests.simulation.wire import OFFLINE, PAGE, Behaviour, Reply, Wire, asked, limit, reply

if TYPE_CHECKING:
    from tests.simulation.journals.world import Run, World

_JSON = "application/json"


class Door(Wire):
    """The way of one run to a system, with what can happen on any such way."""

    patience = PATIENCE

    def __init__(self, world: World, run: Run) -> None:
        super().__init__(world, run)
        self.commit = world.script.bounds.commit
        self._world, self._here = world, run
        # When requests left: Xero dates what they change by that, in every other schedule.
        self._began: dict[bytes, float] = {}
        self._behaviours: Mapping[StrEnum, Behaviour] = {
            Fault.NO_CONNECTION: lambda _: self._fail(httpx.ConnectError("refused"), 0.0),
            Fault.TIMEOUT: lambda _: self._fail(httpx.ReadTimeout("silence"), PATIENCE),
            Fault.TIMEOUT_DONE: lambda request: self._silent(request, PATIENCE, at_once=True),
            Fault.TIMEOUT_LATE: lambda request: self._silent(request, PATIENCE, at_once=False),
            Fault.RESET: lambda _: self._fail(httpx.RemoteProtocolError("gone"), self._some(5)),
            Fault.RESET_DONE: self._reset_in_the_middle,
            Fault.ERROR_500: lambda _: self._say(reply(500, b"{}", _JSON)),
            Fault.ERROR_500_DONE: lambda request: self._done_but(request, reply(500, b"oops")),
            Fault.TEXT_503: lambda _: self._say(reply(503, OFFLINE)),
            Fault.TEXT_503_DONE: lambda request: self._done_but(request, reply(503, OFFLINE)),
            Fault.EMPTY_504: lambda _: self._say(reply(504), self._some(60)),
            Fault.EMPTY_504_DONE: lambda request: self._done_but(request, reply(504)),
            Fault.EMPTY_504_LATE: self._late_504,
            Fault.HTML: lambda request: self._done_but(request, reply(200, PAGE, "text/html")),
            Fault.CUT_JSON: self._cut,
            Fault.SLOW: self._slow,
            Fault.TWICE: self._twice,
            Fault.CRASH_DONE: self._crash_done,
            Fault.CRASH_LATE: self._crash_late,
            Fault.LEFT_BEHIND: self._left_behind,
        }

    async def _twice(self, request: httpx.Request) -> httpx.Response:
        reply = await self.carried_out(request)
        self._later(request)
        return await self._say(reply)

    async def _left_behind(self, request: httpx.Request) -> httpx.Response:
        # To all others it is dead from the instant on at which it stands still; only its request is to come.
        self._here.late.add(_identity(request))
        if self.place(request) == CHANGE:
            self._here.read_before[_identity(request)] = dict(self._here.facts.read)
        self._play.later(self._world.pause_seconds(Pause.LONG), lambda: self._leaves_at_last(request))
        raise self._run.crashes()

    async def _leaves_at_last(self, request: httpx.Request) -> Reply:
        self._began[_identity(request)] = self._play.loop.time()
        return await self.carried_out(request)

    async def _carried(self, request: httpx.Request, place: str, fault: Any) -> httpx.Response:
        began = self._play.loop.time()
        try:
            await self._run.goes_on()
        finally:
            stood = self._play.loop.time() - began
            if stood > self._world.script.bounds.pause:
                self._here.late.add(_identity(request))
        self._began.setdefault(_identity(request), self._play.loop.time())
        if place == CHANGE:
            self._here.read_before[_identity(request)] = dict(self._here.facts.read)
            self._here.left.setdefault(_identity(request), self._play.loop.time())
        return await super()._carried(request, place, fault)


def _is_first(request: httpx.Request) -> bool:
    return str(request.url.params.get("page", "1")) == "1"


def _identity(request: httpx.Request) -> bytes:
    return bytes(request.content) + str(request.headers.get("idempotency-key", "")).encode()


class MambuDoor(Door):
    """The way to Mambu."""

    def place(self, request: httpx.Request) -> str:
        """Return what kind of a point a request is."""
        if "/tasks" in request.url.path:
            return TASK
        return LINES if request.method == "POST" else MAMBU

    async def carried_out(self, request: httpx.Request) -> Reply:
        """Let the stand-in answer, at this very instant."""
        return await asked(self._world.mambu.stand_in, request)


class XeroDoor(Door):
    """The way to Xero."""

    def __init__(self, world: World, run: Run) -> None:
        super().__init__(world, run)
        self._stand_in = run.office.xero
        # By how much the list that is being read lags for each journal.
        self._lags: dict[str, float] = {}
        self._behaviours = {
            **self._behaviours,
            Fault.LIMIT_MINUTE: lambda _: self._say(limit("minute", self._rng.randint(1, 60))),
            Fault.LIMIT_DAY: lambda _: self._say(limit("day", self._rng.randint(20_000, 80_000))),
            Fault.LIMIT_CONCURRENT: lambda _: self._say(limit("concurrent", None)),
            Fault.CACHED_500: lambda request: self._kept_error(request, committed=False),
            Fault.CACHED_500_DONE: lambda request: self._kept_error(request, committed=True),
            Fault.KEYS_DOWN: self._keys_down,
            Fault.EXPIRED: self._expired,
            Fault.PARTLY_400: lambda request: self._refused(request, summarised=True),
            Fault.REFUSED: lambda request: self._refused(request, summarised=False),
            Fault.WARNED: self._warned,
        }

    def struck(self, place: str, fault: StrEnum, request: httpx.Request) -> None:
        """Let the judge know of a request that was not taken at all."""
        if place == PUT and fault in NOT_TAKEN:
            key = str(request.headers.get("idempotency-key", ""))
            self._here.office.judge.not_taken(self._play.loop.time(), self._here.number, key)

    def place(self, request: httpx.Request) -> str:
        """Return what kind of a point a request is."""
        path = request.url.path
        if request.method == "GET":
            if path.endswith("/ManualJournals"):
                return LIST if _is_first(request) else MORE
            return SINGLE
        if request.method == "PUT":
            return PUT
        return CHANGE if "/ManualJournals" in path else TOKEN

    async def carried_out(self, request: httpx.Request) -> Reply:
        """Let the stand-in answer, at this very instant; lists are as stale as chance has it."""
        self._world.require_own(self._here, request.headers.get("xero-tenant-id"))
        place = self.place(request)
        if place in {LIST, MORE}:
            return await self._listed(request)
        if place == SINGLE and "/ManualJournals/" in request.url.path:
            journal_id = request.url.path.rsplit("/", 1)[1]
            self._here.facts.read[journal_id] = self._play.loop.time()
        reply = await asked(self._stand_in, request)
        if place in {PUT, CHANGE} and self._world.script.seed % 2:
            self._date_back(self._began.get(_identity(request), self._play.loop.time()))
        if place == CHANGE:
            self._here.facts.read_before = self._here.read_before[_identity(request)]
        if place in {PUT, CHANGE}:
            left = self._here.left.get(_identity(request))
            self._world.observe(self._here, late=_identity(request) in self._here.late, left=left)
        return reply

    def _date_back(self, began: float) -> None:
        """Date what was changed just now by when its request began, as Xero may."""
        state = self._stand_in.state
        at_ms = state.now_ms() - int(1000 * (self._play.loop.time() - began))
        for journal_id, journal in state.journals.items():
            was = self._here.office.seen.get(journal_id)
            if was is not journal:
                dated = max(at_ms, was.updated_ms + 1) if was else at_ms
                state.journals[journal_id] = replace(journal, updated_ms=dated)

    async def _listed(self, request: httpx.Request) -> Reply:
        if _is_first(request):
            self._here.facts.listed = self._play.loop.time()
            self._lags.clear()
        stale, stand_in = self._world.script.stale, self._stand_in
        if not stale:
            return await asked(stand_in, request)
        options, superseded = stand_in.options, stand_in.state.superseded
        uneven = self._world.script.uneven
        lag = stale if uneven else max(self._some(stale), 0.001)
        stand_in.options = replace(options, read_lag_seconds=lag)
        stand_in.state.superseded = deque(filter(self._still_shown, superseded) if uneven else superseded)
        reply = await asked(stand_in, request)
        stand_in.options, stand_in.state.superseded = options, superseded
        while superseded and superseded[0][0] < stand_in.state.now_ms() - 1000 * stale:
            superseded.popleft()
        return reply

    def _still_shown(self, change: tuple[int, str, Any]) -> bool:
        """Tell whether a list shows a journal as it was before a change: it lags for each by another time."""
        at_ms, journal_id, _ = change
        if journal_id not in self._lags:
            self._lags[journal_id] = self._some(self._world.script.stale)
        return at_ms > self._stand_in.state.now_ms() - 1000 * self._lags[journal_id]

    def _answers_already(self, request: httpx.Request) -> bool:
        state = self._stand_in.state
        kept = state.replays.get(request.headers.get("idempotency-key", ""))
        return kept is not None and state.now_ms() - kept.at_ms < KEY_ANSWERS * 1000

    async def _kept_error(self, request: httpx.Request, *, committed: bool) -> httpx.Response:
        if not self._answers_already(request):
            await self._stand_in.control("server_error", {"committed": committed})
        return await self._say(await self.carried_out(request))

    async def _keys_down(self, request: httpx.Request) -> httpx.Response:
        options = self._stand_in.options
        self._stand_in.options = replace(options, key_store_down=True)
        reply = await self.carried_out(request)
        self._stand_in.options = options
        return await self._say(reply)

    async def _expired(self, request: httpx.Request) -> httpx.Response:
        await self._stand_in.control("expire_tokens", {})
        return await self._say(await self.carried_out(request))

    async def _refused(self, request: httpx.Request, *, summarised: bool) -> httpx.Response:
        """Let Xero refuse an account for this one request; with `summarised`, as one 400 for all."""
        state = self._stand_in.state
        fresh, books = not self._answers_already(request), state.books
        state.books = books.with_account_archived(FRAGILE, ms_of(self._world.clock.now()))
        reply = await self.carried_out(request)
        state.books = books
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
            await self._stand_in.control("warn", {})
            self._world.warns = True
        reply = await self.carried_out(request)
        self._world.warns = self._stand_in._journals.warn_next = False
        return await self._say(reply)
