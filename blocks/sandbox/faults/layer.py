"""Scripted faults: an ASGI layer around each stand-in, which also writes the request log."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from blocks.sandbox.asgi import (
    BODILESS,
    TEXT,
    Answer,
    ASGIApp,
    Message,
    Receive,
    Scope,
    Send,
    read_body,
    send_answer,
    until_gone,
)
from blocks.sandbox.clock import TellsTime
from blocks.sandbox.faults.rules import Rule, parse_rules
from blocks.sandbox.request_log import Logged, RequestLog

# Under this key of the ASGI scope's "state" the server leaves the connection's asyncio transport.
TRANSPORT = "sandbox.transport"

_GATEWAY_TIMEOUT = Answer(504, content_type=TEXT)
_RESET = struct.pack("ii", 1, 0)


class ConnectionDropped(ConnectionError):
    """The stand-in closed the connection, as a fault asked, and there was no real connection to close.

    Only applications driven in process see it (httpx.ASGITransport, say); a transport around one
    can turn it into its own kind of broken connection. `fault` is the rule's kind and `started`
    tells whether the head of an answer went out before.
    """

    def __init__(self, fault: str, *, started: bool) -> None:
        super().__init__(f"the sandbox closed the connection (fault {fault})")
        self.fault = fault
        self.started = started


async def close_connection(
    scope: Scope, receive: Receive, fault: str, *, started: bool = False, reset: bool = False
) -> None:
    """Close the client's connection with nothing more said; raise ConnectionDropped when there is none.

    ASGI has no message for this: an application that returns or raises early makes the server
    answer 500 in its name. So the server of this package leaves each connection's transport in the
    scope (see TRANSPORT). `close` flushes what was written and ends the connection in order, which
    a client sees as an end before the answer's end; with `reset` the peer gets a TCP reset and what
    was not yet flushed is lost. Then the request is over only when the server has noticed: returning
    sooner would again be taken for an application that forgot to answer.
    """
    transport: asyncio.Transport | None = scope.get("state", {}).get(TRANSPORT)
    if transport is None:
        raise ConnectionDropped(fault, started=started)
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    else:
        transport.close()
    await until_gone(receive)


@dataclass(slots=True)
class _Call:
    """One request on its way to a stand-in, its body read already."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    body: bytes
    logged: Logged
    unread: bool = field(default=True, init=False)

    async def replay(self) -> Message:
        """Hand the body to the stand-in, as an ASGI `receive`."""
        if self.unread:
            self.unread = False
            return {"type": "http.request", "body": self.body, "more_body": False}
        return await self.receive()

    async def relay(self, message: Message) -> None:
        """Pass the stand-in's answer on, as an ASGI `send`."""
        if message["type"] == "http.response.start":
            self.logged.status = self.logged.app_status = message["status"]
        await self.send(message)

    async def run(self) -> Answer | None:
        """Let the stand-in do its work and keep its answer back; None when it gave none."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(self.scope, self.replay, keep)
        if not messages:
            return None
        status = self.logged.app_status = messages[0]["status"]
        headers = tuple(
            header for header in messages[0].get("headers", ()) if header[0].lower() != b"content-length"
        )
        return Answer(status, b"".join(part.get("body", b"") for part in messages[1:]), "", headers)

    async def say(self, answer: Answer, *, half: bool = False) -> None:
        """Send an answer, or with `half` its head and the first half of its body."""
        self.logged.status = answer.status
        if half:
            # A cut answer announces at least one byte, or it would be complete.
            answer = answer._replace(body=answer.body or b"?")
        part = answer.body[: len(answer.body) // 2] if half else None
        await send_answer(self.send, answer, part=part, more=half)

    async def drop(self, rule: Rule, *, started: bool = False) -> None:
        """Close the connection."""
        await close_connection(self.scope, self.receive, rule.kind, started=started, reset=rule.reset)


class Faults:
    """The rules in force and the `log` of requests, shared by the stand-ins it is put around.

    `sleep` is how delays pass; a simulation with a clock of its own gives its own.
    """

    def __init__(self, clock: TellsTime, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self.log = RequestLog(clock)
        self._sleep = sleep
        self._rules: list[Rule] = []
        self._late: set[asyncio.Task[None]] = set()
        self._behaviours: dict[str, Callable[[_Call, Rule], Awaitable[None]]] = {
            "answer": self._answer,
            "delay": self._delay,
            "drop": self._drop,
            "cut": self._cut,
            "late_commit": self._late_commit,
            "truncate": self._truncate,
            "hang": self._hang,
        }

    def around(self, system: str, app: ASGIApp) -> ASGIApp:
        """Return `app` with the faults of `system` ("mambu", "xero" or "ln") in front of it, and logged."""

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            body = await read_body(receive)
            if body is None:
                return  # the client went away in mid-request
            call = _Call(app, scope, receive, send, body, self.log.note(system, scope, body))
            rule = self._due(call.logged) if self._rules else None
            if rule is None:
                await app(scope, call.replay, call.relay)
            else:
                call.logged.fault = rule.kind
                await self._behaviours[rule.behaviour](call, rule)

        return faulty

    def add(self, document: object) -> None:
        """Put rules (one JSON object or a list of them) behind those in force.

        Every rule counts every request that fits it; the first that is due strikes, the others
        wait for the next one. So a list of one-shot rules plays in its order. Raises ValueError,
        and then adds none of them.
        """
        self._rules += parse_rules(document)

    def clear(self) -> None:
        """Forget all rules; what is under way goes on."""
        self._rules.clear()

    def rules(self) -> list[dict[str, object]]:
        """Return the rules as they came, each with its counts `matched` and `fired`."""
        return [{**rule.document, "matched": rule.matched, "fired": rule.fired} for rule in self._rules]

    def close(self) -> None:
        """Give up the commits that were to come late."""
        for task in self._late:
            task.cancel()

    def _due(self, logged: Logged) -> Rule | None:
        chosen: Rule | None = None
        for rule in self._rules:
            if rule.matches(logged.system, logged.method, logged.path):
                rule.matched += 1
                if chosen is None and rule.due():
                    rule.fired += 1
                    chosen = rule
        return chosen

    async def _answer(self, call: _Call, rule: Rule) -> None:
        if rule.after:
            await call.run()
        if rule.answer is not None:
            await call.say(rule.answer)

    async def _delay(self, call: _Call, rule: Rule) -> None:
        await self._sleep(rule.seconds)
        await call.app(call.scope, call.replay, call.relay)

    async def _drop(self, call: _Call, rule: Rule) -> None:
        if rule.after:
            await call.run()
        await call.drop(rule)

    async def _cut(self, call: _Call, rule: Rule) -> None:
        answer = await call.run()
        if answer is None or answer.status in BODILESS:
            await call.drop(rule)  # no body to cut: the head alone would be the whole answer
            return
        await call.say(answer, half=True)
        await call.drop(rule, started=True)

    async def _late_commit(self, call: _Call, rule: Rule) -> None:
        async def commit() -> None:
            await self._sleep(rule.seconds)
            await call.run()

        task = asyncio.create_task(commit())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        await call.say(_GATEWAY_TIMEOUT)

    async def _truncate(self, call: _Call, _rule: Rule) -> None:
        answer = await call.run()
        if answer is not None:
            await call.say(answer._replace(body=answer.body[: len(answer.body) // 2]))

    async def _hang(self, call: _Call, rule: Rule) -> None:
        if rule.after:
            await call.run()

        async def pause() -> None:
            await self._sleep(rule.seconds)

        waits = [asyncio.create_task(pause()), asyncio.create_task(until_gone(call.receive))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        await call.drop(rule)
