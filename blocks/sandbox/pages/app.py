"""The pages: Xero's manual journals as an accountant sees them, Mambu's tasks, and LN's books.

GET  /                              what is served here
GET  /xero/?status=&page=           the manual journals, a tab per status
GET  /xero/journals/{id}?page=      one of them, with its lines
POST /xero/journals/{id}/approve    post a draft
POST /xero/approve                  post all drafts of one booking date (form field `day`)
GET  /mambu/?status=&page=          the tasks in Mambu, a tab per status
GET  /ln/?view=&page=               the books of Infor LN
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

from blocks.sandbox.asgi import HTML, Answer, Application, Headers, Request
from blocks.sandbox.infor_ln.app import TENANT, LnStandIn
from blocks.sandbox.mambu.app import MambuStandIn
from blocks.sandbox.pages import journals as pages_shown
from blocks.sandbox.pages import ln as pages_ln
from blocks.sandbox.pages import tasks as pages_tasks
from blocks.sandbox.pages.journals import Notice, counted, short_day
from blocks.sandbox.world import chart
from blocks.sandbox.xero.app import XeroStandIn

if TYPE_CHECKING:
    from jinja2 import Environment

    from blocks.sandbox.xero.state import Journal


_TEMPLATES: Final = Path(__file__).parent / "templates"
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)
_READ: Final = ("GET", "HEAD")
_ACT: Final = ("POST",)
_OWN_SITES: Final = frozenset({b"", b"same-origin", b"none"})
_MOST_NOTICES: Final = 100


class _Problem(Exception):
    """The request ends with a page that says why."""

    def __init__(self, status: int, title: str, text: str, headers: Headers = ()) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.text = text
        self.headers = headers


def _takes(request: Request, methods: tuple[str, ...]) -> None:
    """Raise _Problem unless the request comes by one of these methods and, to act, from these pages."""
    if request.method not in methods:
        text = f"This address accepts {' and '.join(methods)}, not {request.method}."
        raise _Problem(405, "Method not allowed", text, ((b"allow", ", ".join(methods).encode()),))
    if methods is _ACT and not _from_here(request.headers):
        raise _Problem(403, "Refused", "Journals can be approved only on the sandbox's own pages.")


def _from_here(headers: Mapping[bytes, bytes]) -> bool:
    # Another port of this machine is another origin too. Programs send neither header.
    origin = headers.get(b"origin", b"").lower()
    own = b"http://" + headers.get(b"host", b"").lower()
    return origin in {b"", own} and headers.get(b"sec-fetch-site", b"").lower() in _OWN_SITES


class Pages(Application):
    """The ASGI application of the pages."""

    def __init__(self, mambu: MambuStandIn, xero: XeroStandIn, ln: LnStandIn) -> None:
        self._mambu = mambu
        self._xero = xero
        self._ln = ln
        self._templates: Environment | None = None
        self._notices: dict[str, Notice] = {}

    async def answer(self, request: Request) -> Answer:
        """Answer one request."""
        try:
            answer = self._route(request)
        except _Problem as problem:
            page = self._render("problem.html", title=problem.title, text=problem.text)
            answer = Answer(problem.status, page, HTML, problem.headers)
        return answer._replace(headers=_HEADERS + answer.headers)

    def _route(self, request: Request) -> Answer:
        match request.path.split("/")[1:]:
            case [""]:
                _takes(request, _READ)
                return self._home(request)
            case ["xero" | "mambu" | "ln" as system]:
                _takes(request, _READ)
                return _see_other(f"/{system}/")
            case ["xero", ""]:
                _takes(request, _READ)
                return self._list(request)
            case ["mambu", ""]:
                _takes(request, _READ)
                return self._tasks(request)
            case ["ln", ""]:
                _takes(request, _READ)
                return self._ln_books(request)
            case ["xero", "journals", journal_id]:
                _takes(request, _READ)
                return self._detail(request, self._journal(journal_id))
            case ["xero", "approve"]:
                _takes(request, _ACT)
                return self._approve_day(request)
            case ["xero", "journals", journal_id, "approve"]:
                _takes(request, _ACT)
                return self._approve_one(self._journal(journal_id))
        raise _Problem(404, "No such page", "There is no page at this address.")

    def _home(self, request: Request) -> Answer:
        drafts = sum(journal.status == "DRAFT" for journal in self._xero.state.journals.values())
        shown = {
            "base": f"http://{request.header(b'host')}",
            "tenant": TENANT,
            "drafts": drafts,
            "tasks": sum(task["status"] == "OPEN" for task in self._mambu.tasks.all()),
            "documents": len(self._ln.state.documents),
        }
        return Answer(200, self._render("home.html", **shown), HTML)

    def _tasks(self, request: Request) -> Answer:
        status, page = request.params.get("status", ""), request.params.get("page", "")
        shown = pages_tasks.task_list(self._mambu.tasks.all(), self._mambu.today(), status, page)
        return Answer(200, self._render("tasks.html", **shown), HTML)

    def _ln_books(self, request: Request) -> Answer:
        view, page = request.params.get("view", ""), request.params.get("page", "")
        return Answer(200, self._render("ln.html", **pages_ln.ln_books(self._ln.state, view, page)), HTML)

    def _list(self, request: Request) -> Answer:
        tab = pages_shown.tab_of(request.params.get("status", ""))
        shown = pages_shown.journal_list(self._xero.state, tab, request.params.get("page", ""))
        return Answer(200, self._render("journals.html", notice=self._notice(request), **shown), HTML)

    def _detail(self, request: Request, journal: Journal) -> Answer:
        shown = pages_shown.journal_detail(self._xero.state, journal, request.params.get("page", ""))
        return Answer(200, self._render("journal.html", notice=self._notice(request), **shown), HTML)

    def _journal(self, journal_id: str) -> Journal:
        journal = self._xero.state.journals.get(journal_id.lower())
        if journal is None:
            raise _Problem(404, "No such journal", "There is no manual journal with this id in the sandbox.")
        return journal

    def _approve_one(self, journal: Journal) -> Answer:
        notice = Notice(True, "Approved: the journal is posted.")
        if journal.status != "DRAFT":
            text = f"It is {journal.status.lower()} already. Only drafts can be approved."
            notice = Notice(False, "The journal was not approved.", text)
        else:
            refusals = self._post([journal])
            if refusals:
                notice = Notice(False, "The journal was not approved. It is still a draft.", refusals[0])
        return self._back(f"/xero/journals/{journal.journal_id}", notice)

    def _approve_day(self, request: Request) -> Answer:
        form = dict(parse_qsl(request.body.decode("latin-1")))
        try:
            day = date.fromisoformat(form.get("day", ""))
        except ValueError:
            raise _Problem(400, "No booking date", "The form names no booking date.") from None
        drafts = pages_shown.drafts_of(self._xero.state, day)
        refusals = self._post(drafts)
        done = len(drafts) - len(refusals)
        reasons = " ".join(dict.fromkeys(refusals))
        if not drafts:
            notice = Notice(False, f"There are no drafts of {short_day(day)} left to approve.")
        elif refusals:
            title = f"Not approved: {counted(len(refusals), 'draft')} of {short_day(day)}."
            notice = Notice(False, f"{title} Approved: {done:,}." if done else title, reasons)
        else:
            notice = Notice(True, f"Approved: {counted(done, 'journal')} of {short_day(day)} posted.")
        return self._back("/xero/", notice, page=form.get("page", ""))

    def _post(self, drafts: list[Journal]) -> list[str]:
        """Post drafts one by one, and return what Xero says of those it refuses."""
        refusals = []
        for draft in drafts:
            try:
                self._xero.people.change_status(draft.journal_id, "POSTED")
            except ValueError as refusal:
                refusals.append(str(refusal))
        return refusals

    def _back(self, path: str, notice: Notice, **query: str) -> Answer:
        # The notice waits here: were it in the address, a link could put words into Xero's mouth.
        token = secrets.token_urlsafe(9)
        while len(self._notices) >= _MOST_NOTICES:
            del self._notices[next(iter(self._notices))]
        self._notices[token] = notice
        given = {name: value for name, value in query.items() if value}
        return _see_other(f"{path}?{urlencode({**given, 'notice': token})}")

    def _notice(self, request: Request) -> Notice | None:
        # A person who reloads the page has read it.
        return self._notices.pop(request.params.get("notice", ""), None)

    def _render(self, template: str, **values: object) -> bytes:
        if self._templates is None:
            self._templates = _environment()
        # A lone surrogate, which JSON can carry, has no place in UTF-8.
        return self._templates.get_template(template).render(values).encode("utf-8", "replace")


def _see_other(address: str) -> Answer:
    return Answer(303, b"", HTML, ((b"location", address.encode()),))


def _environment() -> Environment:
    # Imported when the first page is asked for: most sandboxes serve none, and start sooner without.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "money": pages_shown.money,
        "whole": pages_shown.whole,
        "day": short_day,
        "moment": pages_shown.moment,
        "counted": counted,
    }
    environment.globals |= {"organisation": chart.ORGANISATION_NAME, "currency": chart.CURRENCY}
    return environment
