"""The control path /control/...: the sandbox's own switches, part of neither system."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from blocks.sandbox.asgi import Answer, Application, Request
from blocks.sandbox.clock import SandboxClock
from blocks.sandbox.faults.layer import Faults
from blocks.sandbox.faults.rules import KINDS
from blocks.sandbox.stand_in import Verbs

_HELP = {
    "GET /control": "this list, the kinds of faults, and all verbs with their fields",
    "GET /control/clock": "the sandbox's clock",
    "POST /control/clock": "{'advance_seconds': number} or {'freeze': an ISO instant, or null to let it run}",
    "DELETE /control/clock": "return to real time",
    "GET /control/faults": "the rules in force, with how often each matched and was applied",
    "POST /control/faults": "one rule or a list of rules, added after those in force",
    "DELETE /control/faults": "remove all rules",
    "GET /control/requests": "the requests the stand-ins received, oldest first",
    "DELETE /control/requests": "empty that list",
    "POST /control/mambu/<verb>": "change a switch of the Mambu stand-in, or act as a person in Mambu",
    "POST /control/xero/<verb>": "change a switch of the Xero stand-in, or act as a person in Xero",
    "POST /control/ln/<verb>": "change a switch of the Infor LN stand-in, or read its books",
}


class Controllable(Protocol):
    """A stand-in as the control path sees it."""

    verbs: Verbs

    async def control(self, verb: str, body: object) -> object:
        """Do what `verb` says and return something JSON can hold; ValueError for nonsense."""


class Control(Application):
    """The ASGI application of /control/...; JSON in, JSON out, `{"error": ...}` with 400, 404 or 405."""

    def __init__(self, clock: SandboxClock, faults: Faults, standins: dict[str, Controllable]) -> None:
        self._clock = clock
        self._faults = faults
        self._standins = standins
        self._actions: dict[str, dict[str, Callable[[object], object]]] = {
            "": {"GET": lambda _: {"paths": _HELP, "fault_kinds": KINDS, "verbs": self._verbs()}},
            "clock": {
                "GET": lambda _: self._time(),
                "POST": self._set_clock,
                "DELETE": lambda _: self._reset_clock(),
            },
            "faults": {
                "GET": lambda _: self._faults.rules(),
                "POST": self._add_faults,
                "DELETE": lambda _: self._faults.clear(),
            },
            "requests": {
                "GET": lambda _: self._faults.log.documents(),
                "DELETE": lambda _: self._faults.log.clear(),
            },
        }

    async def answer(self, request: Request) -> Answer:
        """Answer one request."""
        try:
            status, answer = await self._handle(request.method, request.path, request.body)
        except ValueError as error:
            status, answer = 400, {"error": str(error)}
        return Answer(status, json.dumps(answer, default=_plain).encode(), "application/json")

    async def _handle(self, method: str, path: str, content: bytes) -> tuple[int, object]:
        name = path.removeprefix("/control").strip("/")
        system, slash, verb = name.partition("/")
        methods: dict[str, Callable[[object], object]]
        if name in self._actions:
            methods = self._actions[name]
        elif slash and verb and system in self._standins:
            standin = self._standins[system]
            methods = {"POST": lambda body: standin.control(verb, body)}
        else:
            return 404, {"error": f"no control path {path}", "paths": _HELP}
        if method not in methods:
            return 405, {"error": f"{path} accepts {', '.join(methods)}, not {method}"}
        # Amounts for a stand-in stay exact; a fault's body goes out again as it came.
        answer = methods[method](_decoded(content, float if name == "faults" else Decimal))
        return 200, await answer if isinstance(answer, Awaitable) else answer

    def _verbs(self) -> dict[str, object]:
        return {
            system: {
                name: {"does": verb.does, "fields": dict(verb.fields)}
                for name, verb in sorted(standin.verbs.items())
            }
            for system, standin in self._standins.items()
        }

    def _time(self) -> dict[str, object]:
        return {"now": self._clock.now(), "frozen": self._clock.frozen}

    def _set_clock(self, body: object) -> object:
        match body:
            case {"advance_seconds": bool()}:
                raise ValueError("advance_seconds must be a number of seconds")
            case {"advance_seconds": int() | Decimal() as seconds, **rest} if not rest:
                self._clock.advance(float(seconds))
            case {"freeze": None, **rest} if not rest:
                self._clock.freeze(None)
            case {"freeze": str() as at, **rest} if not rest:
                self._clock.freeze(datetime.fromisoformat(at))
            case _:
                raise ValueError(_HELP["POST /control/clock"])
        return self._time()

    def _reset_clock(self) -> object:
        self._clock.reset()
        return self._time()

    def _add_faults(self, body: object) -> object:
        self._faults.add(body)
        return self._faults.rules()


def _decoded(content: bytes, parse_float: type[float | Decimal]) -> object:
    if not content:
        return None
    try:
        return json.loads(content, parse_float=parse_float)
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from None


def _plain(value: object) -> str:
    """Write what JSON has no word for: amounts as strings, so that none becomes a float; instants as ISO."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")
