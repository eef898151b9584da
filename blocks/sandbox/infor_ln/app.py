"""A stand-in for Infor LN behind the ION API gateway: strict, stateful and quick. An ASGI application.

It takes one payment document a call, as the customer's own service below /LN/lnapi/odata would. Infor
publishes neither that service nor its answers, so that what is strict here is our reading, and what
nobody knows is a switch of `LnOptions`. Left out: the SOAP services, an XML body, and reading by OData.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from blocks.sandbox.asgi import Answer, Request
from blocks.sandbox.clock import TellsTime
from blocks.sandbox.exact_json import dumps
from blocks.sandbox.infor_ln.books import Books, Known
from blocks.sandbox.infor_ln.control import LnControl
from blocks.sandbox.infor_ln.identity import REVOKE_PATH, TOKEN_PATH, Identity, ionapi
from blocks.sandbox.infor_ln.message import Message, read
from blocks.sandbox.infor_ln.options import DEFAULT_PATH, LnOptions
from blocks.sandbox.infor_ln.state import BankDocument, State
from blocks.sandbox.infor_ln.wire import TENANT, Problem, Refused, refusal
from blocks.sandbox.stand_in import StandIn
from blocks.sandbox.world.trade import COMPANY

__all__ = ["COMPANY", "DEFAULT_PATH", "TENANT", "LnOptions", "LnStandIn", "ionapi", "is_gateway"]

_DEFAULT_OPTIONS: Final = LnOptions()
_LARGEST_COMPANY: Final = 9999


def is_gateway(path: str) -> bool:
    """Whether a path is one of the gateway's, be its tenant the right one or not."""
    parts = path.split("/", 3)
    return len(parts) > 2 and (parts[1] == TENANT or parts[2] in {"LN", "as"})


class LnStandIn(StandIn[LnOptions]):
    """The application; `directory` keeps its state, None means memory only."""

    def __init__(
        self, directory: Path | None, clock: TellsTime, options: LnOptions = _DEFAULT_OPTIONS
    ) -> None:
        self._clock = clock
        self.state = State(directory, clock.now)
        self.known = Known(self.state)
        self._books = Books(self.state, self.known)
        self._identity = Identity(self.state)
        control = LnControl(self.state, self.known, self._identity, lambda: self.options)
        super().__init__(options, control.verbs)

    def commit(self) -> None:
        """Make all that was done so far outlast this process."""
        self.state.commit()

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

    async def answer(self, request: Request) -> Answer:
        """Answer one HTTP request."""
        if self.options.latency_seconds:
            await asyncio.sleep(self.options.latency_seconds)
        answer = self._routed(request)
        self.state.commit()
        return answer if answer.body else answer._replace(content_type="")

    def _routed(self, request: Request) -> Answer:
        if request.path in {TOKEN_PATH, REVOKE_PATH}:
            if request.method != "POST":
                return Answer(405, headers=((b"allow", b"POST"),))
            if request.path == REVOKE_PATH:
                return self._identity.revoke(request.headers, request.body, self.options)
            return self._identity.token(request.headers, request.body, self.options, self._clock.now())
        company = ""
        try:
            self._admit(request)
            company = self._company(request.header(b"x-infor-lncompany"))
            return self._take(request.body, company)
        except Refused as refused:
            # Without a word messages come in the language of the service user.
            english = request.header(b"content-language").lower().startswith("en")
            shape = self.options.error_shape
            body = refusal(refused.status, refused.problems, shape, english=english, company=company)
            return Answer(refused.status, body, headers=refused.headers)

    def _admit(self, request: Request) -> None:
        """Raise Refused unless the request may reach the service: gateway first, then LN's own questions."""
        tenant = request.path.split("/", 2)[1]
        if tenant != TENANT:
            raise Refused(404, Problem("tenant", (tenant,)))
        self._identity.admit(request.headers, self.options, self._clock.now())
        path = request.path.removeprefix(f"/{TENANT}")
        if path != self.options.path:
            raise Refused(404, Problem("path", (path,)))
        if request.method != "POST":
            raise Refused(405, Problem("method", (request.method,)), headers=((b"allow", b"POST"),))
        accept = request.header(b"accept").lower()
        if accept and not any(kind in accept for kind in ("application/json", "application/*", "*/*")):
            raise Refused(406, Problem("accept", (accept,)))
        content_type = request.header(b"content-type").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise Refused(415, Problem("content-type", (content_type,)))

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

    def _take(self, body: bytes, company: str) -> Answer:
        message: Message | None = None
        try:
            message = read(body, self.options)
            document = self._books.take(message, company, self.options)
        except Refused as refused:
            self._note(message, refused)
            raise
        status = self.options.success_status
        if status == 204:
            # It states a length all the same, which HTTP has none of here: a client has to bear that.
            return Answer(status, headers=((b"content-length", b"0"),))
        return Answer(status, b"" if self.options.success_body == "empty" else _said_of(document))

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
