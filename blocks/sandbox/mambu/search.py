"""Reading the ledger: `POST /gljournalentries:search` and `GET /gljournalentries`."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from datetime import date

import numpy as np

from blocks.sandbox.asgi import Answer, Headers
from blocks.sandbox.mambu.dates import day_span, parse_date
from blocks.sandbox.mambu.errors import MambuError, invalid
from blocks.sandbox.mambu.fields import FILTER_FIELDS
from blocks.sandbox.mambu.http import Call, prepared
from blocks.sandbox.mambu.ledger import Found, View
from blocks.sandbox.mambu.paging import FIRST_PAGE, Paging, parse_paging, read_cursor, write_cursor
from blocks.sandbox.mambu.posting import live_lines
from blocks.sandbox.mambu.query import Query, Rules, Test, parse_search
from blocks.sandbox.mambu.reference import branch_key
from blocks.sandbox.mambu.tenant import Tenant

_REMEMBERED = 64


class Search:
    """The endpoints that list journal lines."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._parsed: OrderedDict[object, Query] = OrderedDict()
        self._writing = asyncio.Lock()
        self._turn = 0

    def _query(self, body: bytes, today: date) -> Query:
        options = self._tenant.options
        identity = (body, today, options.require_filter, options.bound_shift_seconds, options.time_zone)
        query = self._parsed.get(identity)
        if query is None:
            rules = Rules(self._tenant.zone, today, options.require_filter, options.bound_shift_seconds)
            query = self._parsed[identity] = parse_search(body, rules)
            if len(self._parsed) > _REMEMBERED:
                self._parsed.popitem(last=False)
        return query

    async def search(self, call: Call) -> Answer:
        """Answer `POST /gljournalentries:search`: a bare array, and the headers of its paging."""
        tenant = self._tenant
        call.caller.require("VIEW_JOURNAL_ENTRIES")
        paging = self._paging(call)
        now = tenant.now()
        query = self._query(call.body, now.date())
        view = tenant.view(call.caller, now)
        await self._write_days(query, view)
        answer = (
            self._cursor_page(query, view, paging)
            if paging.cursor is not None
            else self._page(query, view, paging)
        )
        if tenant.options.live_lines:
            day, texts = live_lines(tenant)
            tenant.add_lines(day, texts)
        return answer

    def _paging(self, call: Call) -> Paging:
        options = self._tenant.options
        return parse_paging(call.query, default_limit=options.default_limit, page_cap=options.page_cap)

    async def _write_days(self, query: Query, view: View) -> None:
        """Write out large days in a thread, so that other requests are answered meanwhile."""
        ledger = self._tenant.ledger
        if not ledger.to_write(query, view):
            return
        async with self._writing:
            for day in ledger.to_write(query, view):  # another request may have had some written
                ledger.keep(day, await asyncio.to_thread(ledger.write, day))

    def _page(self, query: Query, view: View, paging: Paging) -> Answer:
        ledger = self._tenant.ledger
        if self._tenant.options.unstable_order:
            self._turn += 1
            found = ledger.find_unstable(query, view, self._turn)
        else:
            found = ledger.find(query, view, by_entry_id=False)
        lines = found.page(paging.offset, paging.limit)
        return prepared(200, b"[" + lines + b"]", paging.headers(len(found)))

    def _cursor_page(self, query: Query, view: View, paging: Paging) -> Answer:
        """Answer in cursor mode: by ascending entry id, which is inferred; a sort is refused, ours."""
        if query.sort is not None:
            raise invalid("cursor: not together with sortingCriteria")
        after = None
        if paging.cursor is not None and paging.cursor != FIRST_PAGE:
            after = read_cursor(paging.cursor, query.digest)
        found = self._tenant.ledger.find(query, view, by_entry_id=True)
        first = 0
        if after is not None:
            first = int(np.searchsorted(found.entry_ids, after[0], side="left")) + after[1]
        lines = found.page(first, paging.limit)
        headers = paging.headers(len(found)) if self._tenant.options.cursor_totals else ()
        following = self._next(found, first, paging.limit, query.digest)
        return prepared(200, b"[" + lines + b"]", headers + following)

    def _next(self, found: Found, first: int, limit: int, digest: bytes) -> Headers:
        """Return Items-Next-Cursor; an empty one is the end. Where it comes is unknown: a switch."""
        end, cursor_end = min(first + limit, len(found)), self._tenant.options.cursor_end
        if end >= len(found) and (cursor_end != "extra-page" or first >= end):
            return () if cursor_end == "omit-header" else ((b"items-next-cursor", b""),)
        last = int(found.entry_ids[end - 1])
        delivered = end - int(np.searchsorted(found.entry_ids, last, side="left"))
        return ((b"items-next-cursor", write_cursor(digest, last, delivered)),)

    async def by_booking_date(self, call: Call) -> Answer:
        """Answer `GET /gljournalentries`: lines booked from `from` to `to`, newest first."""
        tenant = self._tenant
        call.caller.require("VIEW_JOURNAL_ENTRIES")
        paging = self._paging(call)
        if paging.cursor is not None:
            raise invalid("cursor: for searches only")
        days = [self._day(paging.parameters, name) for name in ("from", "to")]
        if days[1] < days[0]:
            raise MambuError(400, "START_DATE_AFTER_END_DATE")
        wanted = {name: paging.parameters.get(name) for name in ("branchId", "glAccountId")}
        digest = hashlib.blake2b(repr((days, wanted)).encode(), digest_size=8).digest()
        booked = day_span(days[0], days[1], tenant.zone)
        query = Query(booked=booked, tests=tuple(_tests(wanted)), digest=digest)
        view = tenant.view(call.caller, tenant.now())
        await self._write_days(query, view)
        return self._page(query, view, paging)

    @staticmethod
    def _day(parameters: dict[str, str], name: str) -> date:
        if not parameters.get(name):
            raise MambuError(400, f"MISSING_{name.upper()}_DATE")
        return parse_date(parameters[name], name)


def _tests(wanted: dict[str, str | None]) -> list[Test]:
    tests: list[Test] = []
    for name, field, value in (
        ("branchId", "assignedBranchKey", branch_key(wanted["branchId"] or "")),
        ("glAccountId", "glAccountId", wanted["glAccountId"]),
    ):
        if wanted[name]:
            tests.append(lambda line, read=FILTER_FIELDS[field].read, value=value: read(line) == value)  # type: ignore[misc]
    return tests
