"""A stand-in for Mambu's API v2: strict, stateful, seeded, and quick. An ASGI application for /api.

It answers as Mambu's documentation says; what is inferred or unknown in public is said where it is
decided, and the likelier answers are switches of `MambuOptions`. Left out: the archives' own endpoints
(archived lines are just gone here, see `archive_before`), the accounting report and the cancelling of
a background process, whose paths or bodies are unknown in public.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from blocks.sandbox.asgi import Answer, Request
from blocks.sandbox.clock import TellsTime
from blocks.sandbox.mambu.access import API_KEYS, USERS, authenticate
from blocks.sandbox.mambu.control import Control
from blocks.sandbox.mambu.eod import CONFIGURATION, EndOfDay
from blocks.sandbox.mambu.errors import MambuError, invalid
from blocks.sandbox.mambu.http import (
    MEDIA_TYPE,
    YAML,
    Call,
    Handler,
    accepts,
    check_content_type,
    prepared,
    route,
)
from blocks.sandbox.mambu.idempotency import idempotent
from blocks.sandbox.mambu.options import MambuOptions
from blocks.sandbox.mambu.posting import JournalEntries
from blocks.sandbox.mambu.reading import Reference
from blocks.sandbox.mambu.reference import ASSIGNED_USER_KEY
from blocks.sandbox.mambu.search import Search
from blocks.sandbox.mambu.tasks import Tasks
from blocks.sandbox.mambu.tenant import Tenant
from blocks.sandbox.stand_in import StandIn

__all__ = ["API_KEYS", "ASSIGNED_USER_KEY", "USERS", "MambuOptions", "MambuStandIn"]

_BASE = "/api"
# A request body beyond this is no search, task or entry; Mambu's own bound is unknown in public.
_LARGEST_BODY = 4 << 20
_DEFAULT_OPTIONS = MambuOptions()


class MambuStandIn(StandIn[MambuOptions]):
    """The application; `directory` keeps its state, None means memory only."""

    def __init__(
        self, directory: Path | None, clock: TellsTime, options: MambuOptions = _DEFAULT_OPTIONS
    ) -> None:
        self._tenant = tenant = Tenant(directory, clock, options)
        search, journal, reference = Search(tenant), JournalEntries(tenant), Reference(tenant)
        self.tasks = tasks = Tasks(tenant)
        end_of_day = EndOfDay(tenant)
        super().__init__(options, Control(tenant, tasks, journal).verbs)
        self._routes = (
            route("POST", "/gljournalentries:search", search.search),
            route("GET", "/gljournalentries", search.by_booking_date),
            route("POST", "/gljournalentries", idempotent(tenant, journal.create)),
            route("GET", "/glaccounts", reference.accounts),
            route("GET", "/branches", reference.branches),
            route("GET", "/branches/{}", reference.branch),
            route("GET", "/users", reference.users),
            route("GET", "/users/{}", reference.user),
            route("GET", "/setup/organization", reference.organization),
            route("GET", "/tasks", tasks.list),
            route("POST", "/tasks", idempotent(tenant, tasks.create)),
            route("GET", "/tasks/{}", tasks.get),
            route("PUT", "/tasks/{}", idempotent(tenant, tasks.put)),
            route("PATCH", "/tasks/{}", idempotent(tenant, tasks.patch)),
            route("POST", "/crons/eod:run", idempotent(tenant, end_of_day.run)),
            route("POST", "/crons/earlyeod:run", idempotent(tenant, end_of_day.run_early)),
            route("GET", "/backgroundprocess/latest", end_of_day.latest),
            route("GET", f"/configuration/{CONFIGURATION}", end_of_day.configuration),
        )

    @property
    def options(self) -> MambuOptions:
        """The switches in force; assign other ones to change them."""
        return self._tenant.options

    @options.setter
    def options(self, options: MambuOptions) -> None:
        self._tenant.use(options)

    def today(self) -> date:
        """Return the date that it is for the organisation."""
        return self._tenant.now().date()

    def close(self) -> None:
        """Close what is kept on disk."""
        self._tenant.state.close()

    async def answer(self, request: Request) -> Answer | None:
        """Answer one HTTP request whose path begins with /api."""
        try:
            return await self._answered(request)
        except MambuError as error:
            return prepared(error.status, error.body())

    async def _answered(self, request: Request) -> Answer | None:
        headers, body, method = request.headers, request.body, request.method
        if len(body) > _LARGEST_BODY:
            raise invalid("the body is too large")
        caller = authenticate(headers)
        path = request.path.removeprefix(_BASE)
        if not accepts(headers, YAML if path.endswith(".yaml") else MEDIA_TYPE):
            raise MambuError(self.options.accept_status, "INVALID_API_OPERATION", "Accept")
        handler, name = self._handler(method, path)
        if body:
            check_content_type(headers)
        return await handler(Call(method, path, request.query, headers, body, caller, name))

    def _handler(self, method: str, path: str) -> tuple[Handler, str]:
        """Return what answers, and the object the path names; raise 404, or 405 for another method."""
        known = False
        for row in self._routes:
            match = row.path.fullmatch(path)
            if match:
                if row.method == method:
                    return row.handler, match[1] if row.path.groups else ""
                known = True
        if known:
            raise MambuError(405, "METHOD_NOT_IMPLEMENTED", method)
        raise MambuError(404, "OBJECT_NOT_FOUND", path)
