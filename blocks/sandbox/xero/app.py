"""A stand-in for Xero's Accounting API: strict, stateful and quick. An ASGI application.

It answers as Xero's documentation says; what is unknown in public is a switch of `XeroOptions` or is
said where it is decided. Left out: XML, writing anything but journals (payments, invoices, contacts are
read only), all other resources, and authorisation-code tokens (an unattended job uses a custom
connection). What is left out is refused in the sandbox's own name, for Xero may well answer it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from blocks.sandbox.asgi import Answer, Request
from blocks.sandbox.clock import TellsTime, ms_of
from blocks.sandbox.exact_json import dumps
from blocks.sandbox.stand_in import StandIn
from blocks.sandbox.xero import files
from blocks.sandbox.xero.chart import ORGANISATION, TENANT_ID, Account, Named, organisation
from blocks.sandbox.xero.identity import CLIENT_ID, CLIENT_SECRET, Identity
from blocks.sandbox.xero.journals import ManualJournals
from blocks.sandbox.xero.limits import Limits
from blocks.sandbox.xero.lines import shown
from blocks.sandbox.xero.options import PAYMENT_SCOPES, SCOPES, XeroOptions
from blocks.sandbox.xero.payment_people import PaymentPeople
from blocks.sandbox.xero.payments import NAMES, PaymentReads
from blocks.sandbox.xero.people import People, XeroControl
from blocks.sandbox.xero.query import exact_text, filtered, modified_since, ordered, page_of
from blocks.sandbox.xero.state import Journal, Replay, State
from blocks.sandbox.xero.wire import (
    SANDBOX_STATUS,
    Refused,
    envelope,
    not_found,
    problem,
    sandbox_refusal,
    validation,
)

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "PAYMENT_SCOPES",
    "SCOPES",
    "TENANT_ID",
    "XeroOptions",
    "XeroStandIn",
]

_BASE = "/api.xro/2.0/"
_KEY_LIFE_MS = 6 * 60 * 1000
_LONGEST_KEY = 128
_KEYED = frozenset({"POST", "PUT", "PATCH"})
_DEFAULT_OPTIONS = XeroOptions()
# Documented in the singular; a common client asks for it by the plural, as all other lists are called.
_ORGANISATION = ("Organisation", "Organisations")
# A common client writes it small.
_HISTORY = (["History"], ["history"])
_NOT_IMPLEMENTED = Answer(501, content_type="text/plain")


class XeroStandIn(StandIn[XeroOptions]):
    """The application; `directory` keeps its state, None means memory only.

    It is one organisation. Another one is another stand-in, whose tokens do not open this one.
    """

    def __init__(
        self,
        directory: Path | None,
        clock: TellsTime,
        options: XeroOptions = _DEFAULT_OPTIONS,
        named: Named = ORGANISATION,
    ) -> None:
        self.named = named
        self._clock = clock
        # No two organisations of Xero's have a journal of the same id.
        self.state = State(directory, clock.now, ids="2026" if named is ORGANISATION else named.tenant_id)
        self.people = People(self.state, lambda: self.options)
        self._identity = Identity(named)
        self._limits = Limits()
        self._journals = ManualJournals(self.state)
        self.payments = PaymentReads(self.state, lambda: self.options)
        self._control = XeroControl(self.state, self.people, self._identity, self._limits, self._journals)
        super().__init__(options, {**self._control.verbs, **PaymentPeople(self.state, self.payments).verbs})
        self._reads: dict[str, Callable[[Request], bytes]] = {
            **dict.fromkeys(_ORGANISATION, self._organisation),
            "Accounts": self._accounts,
            "TrackingCategories": self._tracking,
            "ManualJournals": self._list,
        }

    def commit(self) -> None:
        """Make all that was done so far outlast this process."""
        self.state.commit()

    def close(self) -> None:
        """Close the state on disk."""
        self.state.close()

    async def answer(self, request: Request) -> Answer:
        """Answer one HTTP request."""
        if not request.path.startswith(_BASE):
            return self._answered(request)
        answer = self._limits.enter(self.options, self._clock.now())
        try:
            if answer is None:
                if self.options.latency_seconds:
                    await asyncio.sleep(self.options.latency_seconds)
                answer = self._answered(request)
        finally:
            self._limits.leave()
        left = self._limits.headers(self.options, self._clock.now())
        return answer._replace(headers=(*left, *answer.headers))

    def _answered(self, request: Request) -> Answer:
        try:
            return self._routed(request, self._clock.now())
        except Refused as refused:
            return refused.answer
        finally:
            self.state.commit()

    def _routed(self, request: Request, now: datetime) -> Answer:
        headers = request.headers
        if request.path == "/connect/token":
            if request.method != "POST":
                return Answer(405, content_type="text/plain")
            return self._identity.token(headers, request.body, self.options, now)
        if request.path == "/connections":
            return self._identity.connections(headers, now)
        if not request.path.startswith(_BASE):
            raise _not_served(request)
        self._identity.admit(request.method, _resource(request), headers, self.options, now)
        if b"json" not in headers.get(b"accept", b""):
            # Xero's default answer is XML, which no client of this sandbox wants.
            raise sandbox_refusal("send Accept: application/json; Xero would answer XML")
        return self._read(request) if request.method == "GET" else self._once(request)

    # Reads

    def _read(self, call: Request) -> Answer:
        parts = _resource(call).split("/")
        first, *rest = parts
        if first in _ORGANISATION and rest == ["Actions"]:
            return Answer(200, self._actions())
        if first in NAMES and len(rest) <= 1:
            return Answer(200, self.payments.read(parts, call.params, call.headers))
        if first == "ManualJournals" and rest:
            return Answer(200, self._single(call, rest))
        read = self._reads.get(first)
        if read is None or rest:
            raise _not_served(call)
        return Answer(200, read(call))

    def _organisation(self, _call: Request) -> bytes:
        period, year = (self._lock(name) for name in ("period_lock", "year_lock"))
        return envelope(self._clock.now(), "Organisations", [organisation(period, year, self.named)])

    def _lock(self, name: str) -> date | None:
        value = self.state.settings.get(name)
        return date.fromisoformat(value) if value else None

    def _actions(self) -> bytes:
        allowed = "ALLOWED" if self.options.reporting_permission else "NOT-ALLOWED"
        return envelope(
            self._clock.now(), "Actions", [dumps({"Name": "CreateManualJournal", "Status": allowed}).encode()]
        )

    def _accounts(self, call: Request) -> bytes:
        fields: dict[str, Callable[[Account], object]] = {
            "Code": lambda row: row.code,
            "Name": lambda row: row.name,
            "Status": lambda row: row.status,
            "Type": lambda row: row.type,
            "Class": lambda row: row.account_class,
            "SystemAccount": lambda row: row.system,
        }
        since = modified_since(call.headers.get(b"if-modified-since"))
        rows = filtered(self.state.books.accounts, call.params.get("where"), fields)
        changed = [row for row in rows if since is None or row.updated_ms > since]
        in_order = ordered(changed, call.params.get("order"), fields, "Code")
        return envelope(self._clock.now(), "Accounts", [row.json() for row in in_order])

    def _tracking(self, call: Request) -> bytes:
        archived = call.params.get("includeArchived", "false").lower() == "true"
        rows = [row.json(archived=archived) for row in self.state.books.categories]
        return envelope(self._clock.now(), "TrackingCategories", rows)

    def _list(self, call: Request) -> bytes:
        fields: dict[str, Callable[[Journal], object]] = {
            "Narration": lambda row: row.narration,
            "Date": lambda row: row.day,
            "Status": lambda row: row.status,
        }
        keys: dict[str, Callable[[Journal], Any]] = {
            "UpdatedDateUTC": lambda row: (row.updated_ms, row.number),
            "Date": lambda row: (row.day, row.number),
            "ManualJournalID": lambda row: row.journal_id,
            "Narration": lambda row: row.narration,
        }
        in_order = ordered(self._chosen(call, fields), call.params.get("order"), keys, "UpdatedDateUTC")
        planted = self.state.planted()
        others = [raw for journal_id, raw in planted.items() if journal_id not in self.state.journals]
        every: list[Journal | bytes] = [*in_order, *others]
        paged = page_of(every, call.params)
        if paged is None:
            # Without `page` a list has no lines: the trap that makes every journal look empty.
            return envelope(self._clock.now(), "ManualJournals", [row.summary() for row in in_order])
        rows, pagination = paged
        elements = [row if isinstance(row, bytes) else self._full(row, planted) for row in rows]
        return envelope(self._clock.now(), "ManualJournals", elements, pagination)

    def _full(self, row: Journal, planted: Mapping[str, bytes]) -> bytes:
        return planted.get(row.journal_id) or row.full(shown(row.lines, self.options))

    def _chosen(self, call: Request, fields: Mapping[str, Callable[[Journal], object]]) -> Iterable[Journal]:
        """Return the journals that fit the `where` and If-Modified-Since."""
        where = call.params.get("where")
        narration = exact_text(where, "Narration")
        if narration is not None and not self.options.read_lag_seconds:
            # The usual question, answered without a look at every journal.
            rows = self._changed(call, self.state.named(narration))
            return rows if self.options.narration_ignores_case else filtered(rows, where, fields)
        rows = self._changed(call, self.state.seen(self.options.read_lag_seconds))
        if narration is not None and self.options.narration_ignores_case:
            return [row for row in rows if row.narration.casefold() == narration.casefold()]
        return filtered(rows, where, fields)

    def _changed(self, call: Request, rows: Iterable[Journal]) -> list[Journal]:
        since = modified_since(call.headers.get(b"if-modified-since"))
        # Whether an instant counts as since itself is unknown.
        least = 0 if since is None else since + (0 if self.options.modified_since_inclusive else 1)
        hidden = () if self.options.list_deleted else ("DELETED", "VOIDED")
        return [row for row in rows if row.updated_ms >= least and row.status not in hidden]

    def _single(self, call: Request, rest: list[str]) -> bytes:
        if rest[1:] not in ([], *_HISTORY, ["Attachments"]):
            raise _not_served(call)
        planted = self.state.planted()
        if len(rest) == 1 and rest[0] in planted:
            return envelope(self._clock.now(), "ManualJournals", [planted[rest[0]]])
        journal = self._journal(rest[0])
        if rest[1:] in _HISTORY:
            return files.history(self.state, journal)
        if rest[1:] == ["Attachments"]:
            return files.attachments(self.state, journal)
        return envelope(self._clock.now(), "ManualJournals", [self._full(journal, planted)])

    def _journal(self, journal_id: str) -> Journal:
        journal = self.state.journals.get(journal_id.lower())
        if journal is None:
            raise Refused(not_found())
        return journal

    # Writes

    def _once(self, call: Request) -> Answer:
        """Carry a write out, or repeat the answer that its Idempotency-Key has had."""
        key = call.headers.get(b"idempotency-key", b"").decode("latin-1")
        if not key or call.method not in _KEYED:
            return self._write(call)
        if self.options.key_store_down:
            return problem(500, "An error occurred", "The idempotency store is unavailable")
        if len(key) > _LONGEST_KEY:
            return validation(f"Idempotency Key must not exceed {_LONGEST_KEY} characters")
        now = ms_of(self._clock.now())
        request = hashlib.sha256(
            b"\n".join((call.method.encode(), _resource(call).encode(), call.query, call.body))
        ).digest()
        kept = self.state.replays.get(key)
        if kept is not None and now - kept.at_ms < _KEY_LIFE_MS:
            if kept.request != request:
                return validation(f"Idempotency Key: {key} is used with a different request.")
            return Answer(kept.status, kept.body, kept.content_type)
        answer = self._write_or_fail(call)
        if answer.status == SANDBOX_STATUS:
            return answer
        replay = Replay(now, request, answer.status, answer.content_type, answer.body)
        self.state.keep_answer(key, replay, now - _KEY_LIFE_MS)
        return answer

    def _write_or_fail(self, call: Request) -> Answer:
        errors = self._control.server_errors
        if errors:
            if errors.pop(0):
                self._write(call)
            return problem(500, "An error occurred", "An unexpected error occurred")
        return self._write(call)

    def _write(self, call: Request) -> Answer:
        try:
            return self._written(call)
        except Refused as refused:
            return refused.answer

    def _written(self, call: Request) -> Answer:
        first, *rest = _resource(call).split("/")
        if first != "ManualJournals":
            raise _not_served(call)
        if len(rest) >= 2:
            return Answer(200, self._beside(call, self._journal(rest[0]), rest[1:]))
        if call.method not in {"PUT", "POST"} or (rest and call.method == "PUT"):
            # There is no DELETE: a draft is removed by a status.
            return _NOT_IMPLEMENTED
        if rest:
            self._journal(rest[0])
        _refuse_xml(call)
        status, elements, refusal = self._journals.write(
            call.method, call.params, call.body, self.options, rest[0] if rest else ""
        )
        if refusal is not None:
            return refusal
        return Answer(status, envelope(self._clock.now(), "ManualJournals", elements))

    def _beside(self, call: Request, journal: Journal, rest: list[str]) -> bytes:
        if rest in _HISTORY and call.method == "PUT":
            _refuse_xml(call)
            return files.add_history(self.state, journal, call.body)
        if len(rest) == 2 and rest[0] == "Attachments" and call.method in {"PUT", "POST"}:
            kind = call.headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
            return files.attach(self.state, journal, rest[1], kind, call.body)
        raise _not_served(call)


def _refuse_xml(request: Request) -> None:
    """Raise Refused for a body that says it is XML, and not JSON: Xero takes either."""
    if b"xml" in request.headers.get(b"content-type", b"").lower():
        raise sandbox_refusal("send JSON; Xero would take XML as well")


def _not_served(request: Request) -> Refused:
    return sandbox_refusal(f"{request.method} {request.path} is not served here; Xero may well answer it")


def _resource(request: Request) -> str:
    """Return what of the path follows the base."""
    return request.path.removeprefix(_BASE).strip("/")
