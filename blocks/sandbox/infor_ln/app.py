"""A stand-in for Infor LN behind the ION API gateway: strict, stateful and quick. An ASGI application.

It takes one payment document a call, as the customer's own service below /LN/lnapi/odata would. Infor
publishes neither that service nor its answers, so that what is strict here is our reading, and what
nobody knows is a switch of `LnOptions`. Left out: the SOAP services, an XML body, and reading by OData.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from blocks.sandbox.exact_json import dumps
from blocks.sandbox.faults.layer import read_body
from blocks.sandbox.infor_ln.books import Books, Known
from blocks.sandbox.infor_ln.control import LnControl
from blocks.sandbox.infor_ln.identity import REVOKE_PATH, TOKEN_PATH, Identity, ionapi
from blocks.sandbox.infor_ln.message import Message, read
from blocks.sandbox.infor_ln.options import DEFAULT_PATH, LnOptions
from blocks.sandbox.infor_ln.state import BankDocument, State
from blocks.sandbox.infor_ln.wire import TENANT, Answer, Problem, Refused, refusal
from blocks.sandbox.world.trade import COMPANY

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


__all__ = ["COMPANY", "DEFAULT_PATH", "TENANT", "LnOptions", "LnStandIn", "ionapi", "is_gateway"]

_DEFAULT_OPTIONS: Final = LnOptions()
_LARGEST_COMPANY: Final = 9999


def is_gateway(path: str) -> bool:
    """Whether a path is one of the gateway's, be its tenant the right one or not."""
    parts = path.split("/", 3)
    return len(parts) > 2 and (parts[1] == TENANT or parts[2] in {"LN", "as"})


class TellsTime(Protocol):
    """A clock as the stand-in sees it."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""


class _Call:
    """One request to the gateway; `company` is whose books it is about, once that is known."""

    def __init__(self, scope: Mapping[str, Any], body: bytes) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.body = body
        self.company = ""

    def header(self, name: bytes) -> str:
        """Return a header, "" where it is not there."""
        return self.headers.get(name, b"").decode("latin-1").strip()

    @property
    def english(self) -> bool:
        """Whether messages are to be in English; without a word they come in the user's language."""
        return self.header(b"content-language").lower().startswith("en")


class LnStandIn:
    """The application; `directory` keeps its state, None means memory only."""

    def __init__(
        self, directory: Path | None, clock: TellsTime, options: LnOptions = _DEFAULT_OPTIONS
    ) -> None:
        self.options = options
        self._first_options = options
        self._clock = clock
        self.state = State(directory, clock.now)
        self.known = Known(self.state)
        self._books = Books(self.state, self.known)
        self._identity = Identity(self.state)
        self._control = LnControl(self.state, self.known, self._identity, lambda: self.options)

    async def control(self, verb: str, body: object) -> object:
        """Carry out a verb of /control/ln. Raises ValueError for nonsense."""
        if verb == "options":
            if not isinstance(body, dict | None):
                raise ValueError("options are an object of names and values")
            self.options = self.options.changed(body or {})
            return self.options.document()
        if verb == "reset":
            self.options = self._first_options
        return self._control.act(verb, body)

    def payments_start(self) -> str:
        """Return from when on a connection sends: midnight UTC, three days before the sandbox began."""
        if "payments_start" not in self.state.settings:
            first = self._clock.now() - timedelta(days=3)
            self.state.set("payments_start", first.date().isoformat())
            self.state.commit()
        return f"{self.state.settings['payments_start']}T00:00:00+00:00"

    def close(self) -> None:
        """Close the state on disk."""
        self.state.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        body = await read_body(receive)
        if body is None:
            return
        if self.options.latency_seconds:
            await asyncio.sleep(self.options.latency_seconds)
        answer = self._answer(_Call(scope, body))
        self.state.commit()
        headers = [(b"content-length", b"%d" % len(answer.body)), *answer.headers]
        if answer.body:
            headers.append((b"content-type", answer.content_type.encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, call: _Call) -> Answer:
        if call.path in {TOKEN_PATH, REVOKE_PATH}:
            if call.method != "POST":
                return Answer(405, headers=((b"allow", b"POST"),))
            if call.path == REVOKE_PATH:
                return self._identity.revoke(call.headers, call.body, self.options)
            return self._identity.token(call.headers, call.body, self.options, self._clock.now())
        try:
            self._admit(call)
            return self._take(call)
        except Refused as refused:
            body = refusal(
                refused.status,
                refused.problems,
                self.options.error_shape,
                english=call.english,
                company=call.company,
            )
            return Answer(refused.status, body, headers=refused.headers)

    def _admit(self, call: _Call) -> None:
        """Raise Refused unless the request may reach the service: gateway first, then LN's own questions."""
        tenant = call.path.split("/", 2)[1]
        if tenant != TENANT:
            raise Refused(404, Problem("tenant", (tenant,)))
        self._identity.admit(call.headers, self.options, self._clock.now())
        path = call.path.removeprefix(f"/{TENANT}")
        if path != self.options.path:
            raise Refused(404, Problem("path", (path,)))
        if call.method != "POST":
            raise Refused(405, Problem("method", (call.method,)), headers=((b"allow", b"POST"),))
        accept = call.header(b"accept").lower()
        if accept and not any(kind in accept for kind in ("application/json", "application/*", "*/*")):
            raise Refused(406, Problem("accept", (accept,)))
        content_type = call.header(b"content-type").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise Refused(415, Problem("content-type", (content_type,)))
        call.company = self._company(call.header(b"x-infor-lncompany"))

    def _company(self, given: str) -> str:
        """Return whose books a call is about: the service user's company unless it names another."""
        companies = self.options.companies.split()
        if not given:
            return companies[0]
        if not (given.isascii() and given.isdigit() and int(given[:9]) <= _LARGEST_COMPANY):
            raise Refused(400, Problem("company-form", (given,)))
        if given not in companies:
            raise Refused(self.options.unknown_company_status, Problem("company", (given,)))
        return given

    def _take(self, call: _Call) -> Answer:
        message: Message | None = None
        try:
            message = read(call.body, self.options)
            document = self._books.take(message, call.company, self.options)
        except Refused as refused:
            self._note(message, refused)
            raise
        if self.options.success_status == 204 or self.options.success_body == "empty":
            return Answer(self.options.success_status)
        return Answer(self.options.success_status, _said_of(document))

    def _note(self, message: Message | None, refused: Refused) -> None:
        """Keep a refusal for people to look at, beside the books."""
        differs = False
        sent: dict[str, Any] = {}
        if message is not None:
            sent = {name: str(value) for name, value in asdict(message).items()}
            first = self._books.earlier(message)
            if first is not None:
                differs = any(value != str(getattr(first, name)) for name, value in sent.items())
        problem = refused.problems[0]
        self.state.note_refusal(refused.status, problem.code, problem.text(), sent, differs=differs)


def _said_of(document: BankDocument) -> bytes:
    return dumps(
        {
            "DocumentNumber": document.number,
            "Company": document.company,
            "XeroPaymentID": document.payment_id,
            "XeroPrepaymentID": document.prepayment_id,
        }
    ).encode()
