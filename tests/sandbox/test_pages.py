"""The pages of the sandbox: what an accountant sees of the manual journals, and approves."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal

import httpx
import pytest

from blocks.sandbox.app import Sandbox
from blocks.sandbox.clock import SandboxClock
from blocks.sandbox.infor_ln.app import LnStandIn
from blocks.sandbox.mambu.app import API_KEYS, ASSIGNED_USER_KEY, MambuStandIn
from blocks.sandbox.pages.app import Pages
from blocks.sandbox.pages.journals import Paging
from blocks.sandbox.world import chart
from blocks.sandbox.xero.app import XeroStandIn
from blocks.sandbox.xero.state import Attachment, Journal
from tests.helpers import stand_ins

BASE = "http://127.0.0.1:8765"
DAY = date(2026, 11, 20)
LOCK = "The document date cannot be before the period lock date, currently set at 20-Nov-2026"


@pytest.fixture
def xero() -> XeroStandIn:
    return XeroStandIn(None, SandboxClock())


@pytest.fixture
def mambu() -> MambuStandIn:
    clock = SandboxClock()
    clock.freeze(datetime(2026, 11, 20, 9, tzinfo=UTC))
    return MambuStandIn(None, clock)


@pytest.fixture
async def browser(mambu: MambuStandIn, xero: XeroStandIn) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that follows where it is sent."""
    pages = Pages(mambu, xero, LnStandIn(None, SandboxClock()))
    async with stand_ins.inside(pages, BASE, follow_redirects=True) as client:
        yield client


def _put(
    xero: XeroStandIn,
    narration: str = "Mambu journal data",
    day: date = DAY,
    *,
    status: str = "DRAFT",
    pairs: int = 1,
    amount: str = "1234.50",
    description: str = "EntryID: 1",
) -> str:
    """Store a journal of `pairs` debits and as many credits, and return its id."""
    state = xero.state
    line = {"AccountCode": "1010", "AccountName": "Cash at settlement bank", "Description": description}
    rows = [json.dumps(line)[:-1] + f', "LineAmount": {sign}{amount}}}' for sign in ("", "-")] * pairs
    journal = Journal(
        journal_id=state.new_id(),
        number=state.next_number(),
        narration=narration,
        day=day,
        status=status,
        updated_ms=0,
        lines=f"[{','.join(rows)}]".encode(),
        line_count=len(rows),
        debits=Decimal(amount) * pairs,
        credits=-Decimal(amount) * pairs,
    )
    state.note(journal.journal_id, "Created")
    return state.put(journal).journal_id


def _statuses(xero: XeroStandIn) -> list[str]:
    return [journal.status for journal in xero.state.journals.values()]


def _rows(page: httpx.Response) -> list[list[str]]:
    """Return the cells of every table row, as text."""
    rows = re.findall(r"<tr.*?</tr>", page.text, re.DOTALL)
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub(r"<.*?>", " ", cell).split()) for cell in row] for row in cells]


async def test_the_list_shows_drafts_and_their_totals(xero: XeroStandIn, browser: httpx.AsyncClient) -> None:
    """Every draft has a row, every booking date of several its sums, and the table ends in the total."""
    _put(xero, "first", amount="1000000.25")
    _put(xero, "second")
    _put(xero, "older", date(2026, 10, 1), pairs=2)
    _put(xero, "elsewhere", status="POSTED")
    _, *rows = _rows(await browser.get("/xero/"))
    assert rows == [
        ["20 Nov 2026", "2 journals", "4", "1,001,234.75", "1,001,234.75", "Approve all 2"],
        ["20 Nov 2026", "first", "2", "1,000,000.25", "1,000,000.25", "Draft", ""],
        ["20 Nov 2026", "second", "2", "1,234.50", "1,234.50", "Draft", ""],
        ["1 Oct 2026", "older", "4", "2,469.00", "2,469.00", "Draft", "Approve"],
        ["Total", "3 journals", "8", "1,003,703.75", "1,003,703.75", ""],
    ]


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("POSTED", {"POSTED"}),
        ("archived", {"ARCHIVED"}),
        ("DELETED", {"DELETED", "VOIDED"}),
        ("VOIDED", {"DELETED", "VOIDED"}),
        ("ALL", {"DRAFT", "POSTED", "ARCHIVED", "DELETED", "VOIDED"}),
        ("nonsense", {"DRAFT"}),
    ],
)
async def test_a_tab_shows_its_statuses(
    xero: XeroStandIn, browser: httpx.AsyncClient, status: str, shown: set[str]
) -> None:
    """Each tab lists the journals of its statuses only, and every tab says how many it has."""
    for one in ("DRAFT", "POSTED", "ARCHIVED", "DELETED", "VOIDED"):
        _put(xero, f"narration of {one}", status=one)
    page = await browser.get("/xero/", params={"status": status})
    assert set(re.findall(r"narration of (\w+)", page.text)) == shown
    tabs = re.findall(r">([\w&; ]+) <span>(\d+)</span>", page.text)
    assert [count for _, count in tabs] == ["1", "1", "1", "2", "5"]
    assert ("/approve" in page.text) == (shown == {"DRAFT"})


async def test_an_empty_tab_says_so(browser: httpx.AsyncClient) -> None:
    """A tab without journals is a page, not an empty table."""
    page = await browser.get("/xero")
    assert (page.status_code, page.url.path) == (200, "/xero/")
    assert "No journals here" in page.text
    assert "<table" not in page.text


async def test_the_detail_shows_lines_totals_and_history(
    xero: XeroStandIn, browser: httpx.AsyncClient
) -> None:
    """A journal's page shows account, description, debit or credit of each line, the sums, the history."""
    journal_id = _put(xero, "a journal")
    xero.state.attach(journal_id, Attachment("1", "list.csv", "text/csv", b"12345"))
    page = await browser.get(f"/xero/journals/{journal_id}")
    rows = _rows(page)
    assert rows[1:4] == [
        ["1", "1010 Cash at settlement bank", "EntryID: 1", "1,234.50", ""],
        ["2", "1010 Cash at settlement bank", "EntryID: 1", "", "1,234.50"],
        ["Total of 2 lines", "1,234.50", "1,234.50"],
    ]
    assert rows[5][1:] == ["System Generated", "Created", ""]
    assert "list.csv" in page.text


async def test_tracking_and_a_missing_account_are_shown(
    xero: XeroStandIn, browser: httpx.AsyncClient
) -> None:
    """A line shows its tracking options, and that it has no account where Xero has taken it away."""
    journal_id = _put(xero)
    tracking = [{"Name": "Branch", "Option": "London"}]
    lines = [{"LineAmount": amount, "Description": "", "Tracking": tracking} for amount in (0, 0)]
    journal = xero.state.journals[journal_id]
    xero.state.put(
        Journal(
            journal_id=journal_id,
            number=journal.number,
            narration="bare",
            day=DAY,
            status="DRAFT",
            updated_ms=0,
            lines=json.dumps(lines).encode(),
            line_count=2,
            debits=Decimal(),
            credits=Decimal(),
        )
    )
    rows = _rows(await browser.get(f"/xero/journals/{journal_id}"))
    assert rows[1] == ["1", "no account", "Branch: London", "0.00", ""]


async def test_approving_posts_the_journal(xero: XeroStandIn, browser: httpx.AsyncClient) -> None:
    """The button of a draft posts it, it alone, and leads back to its page, which says so once."""
    journal_id = _put(xero)
    _put(xero, "another")
    page = await browser.post(f"/xero/journals/{journal_id}/approve", headers={"Origin": BASE})
    assert [answer.status_code for answer in (*page.history, page)] == [303, 200]
    assert page.url.path == f"/xero/journals/{journal_id}"
    assert "Approved: the journal is posted." in page.text
    assert f"{page.url.path}/approve" not in page.text
    assert _statuses(xero) == ["POSTED", "DRAFT"]
    assert "Approved: the journal is posted." not in (await browser.get(page.url)).text


async def test_only_drafts_are_approved(xero: XeroStandIn, browser: httpx.AsyncClient) -> None:
    """Approving a journal that is no draft any more changes nothing, not even its history."""
    journal_id = _put(xero, status="POSTED")
    before = list(xero.state.history[journal_id])
    page = await browser.post(f"/xero/journals/{journal_id}/approve")
    assert "It is posted already. Only drafts can be approved." in page.text
    assert xero.state.history[journal_id] == before


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_refusal_is_shown_and_nothing_posted(
    xero: XeroStandIn, browser: httpx.AsyncClient, bulk: bool
) -> None:
    """A locked period is refused in Xero's words, said once, and the drafts stay drafts."""
    journal_id = _put(xero)
    _put(xero)
    await xero.control("lock_date", {"period": DAY.isoformat()})
    if bulk:
        page = await browser.post("/xero/approve", data={"day": DAY.isoformat()})
        assert "Not approved: 2 drafts of 20 Nov 2026." in page.text
    else:
        page = await browser.post(f"/xero/journals/{journal_id}/approve")
        assert "The journal was not approved. It is still a draft." in page.text
    assert page.text.count(LOCK) == 1
    assert _statuses(xero) == ["DRAFT", "DRAFT"]
    assert "Period lock date: 20 Nov 2026" in page.text


async def test_a_booking_date_is_approved_at_once(xero: XeroStandIn, browser: httpx.AsyncClient) -> None:
    """The button of a booking date posts all its drafts, on whatever page, and no others."""
    for _ in range(60):
        _put(xero)
    _put(xero, day=date(2026, 11, 19))
    _put(xero, status="DELETED")
    form = re.search(r'name="day" value="([^"]+)"', (await browser.get("/xero/")).text)
    assert form is not None
    page = await browser.post("/xero/approve", data={"day": form[1]})
    assert "Approved: 60 journals of 20 Nov 2026 posted." in page.text
    assert _statuses(xero) == ["POSTED"] * 60 + ["DRAFT", "DELETED"]
    again = await browser.post("/xero/approve", data={"day": form[1]})
    assert "There are no drafts of 20 Nov 2026 left to approve." in again.text


@pytest.mark.parametrize("form", [{}, {"day": "yesterday"}])
async def test_a_form_without_a_day_is_refused(
    xero: XeroStandIn, browser: httpx.AsyncClient, form: dict[str, str]
) -> None:
    """Bulk approval without a booking date approves nothing."""
    _put(xero)
    assert (await browser.post("/xero/approve", data=form)).status_code == 400
    assert _statuses(xero) == ["DRAFT"]


async def test_a_long_list_comes_in_pages(xero: XeroStandIn, browser: httpx.AsyncClient) -> None:
    """Fifty journals a page, each on exactly one, a date's sums and the total being those of all pages."""
    ids = [_put(xero, amount="1.00") for _ in range(120)]
    shown: list[str] = []
    for number in (1, 2, 3):
        page = await browser.get("/xero/", params={"page": number})
        shown += re.findall(r"/xero/journals/([0-9a-f-]+)", page.text)
        rows = _rows(page)
        assert rows[1][1:4] == ["120 journals", "240", "120.00"]
        assert rows[-1][1:4] == ["120 journals", "240", "120.00"]
    assert shown == ids
    assert "101–120 of 120 journals" in page.text


@pytest.mark.parametrize("wanted", ["0", "-1", "9", "x", "²", "9" * 5000])
async def test_an_impossible_page_is_the_nearest(
    xero: XeroStandIn, browser: httpx.AsyncClient, wanted: str
) -> None:
    """A page number that does not exist shows a page that does."""
    _put(xero, "here it is")
    page = await browser.get("/xero/", params={"page": wanted})
    assert (page.status_code, "here it is" in page.text) == (200, True)


async def test_a_long_journal_comes_in_pages(xero: XeroStandIn, browser: httpx.AsyncClient) -> None:
    """Five hundred lines a page, with the sums of the page above those of the journal."""
    journal_id = _put(xero, pairs=600, amount="2.00")
    rows = _rows(await browser.get(f"/xero/journals/{journal_id}?page=3"))
    assert (rows[1][0], rows[200][0]) == ("1,001", "1,200")
    assert rows[201] == ["Lines 1,001 to 1,200", "200.00", "200.00"]
    assert rows[202] == ["Total of 1,200 lines", "1,200.00", "1,200.00"]


def test_a_hundred_pages_have_few_links() -> None:
    """Of many pages the ends and the neighbours are linked, with gaps between."""
    assert Paging(50, 50, 5000).near() == [1, None, 48, 49, 50, 51, 52, None, 100]
    assert Paging(1, 50, 0).near() == [1]
    assert Paging(1, 50, 250).near() == [1, 2, 3, 4, 5]


async def _task(mambu: MambuStandIn, title: str, due: str, *, done: bool = False, **more: str) -> None:
    """Create a task, as a run does."""
    headers = {"apiKey": API_KEYS["admin"], "Accept": "application/vnd.mambu.v2+json"}
    async with stand_ins.inside(mambu, BASE, headers=headers) as client:
        answer = await client.post("/api/tasks", json={"title": title, "dueDate": due, **more})
        if done:
            complete = [{"op": "REPLACE", "path": "/status", "value": "COMPLETED"}]
            await client.patch(f"/api/tasks/{answer.json()['id']}", json=complete)


async def test_the_tasks_are_shown_as_an_accountant_sees_them(
    mambu: MambuStandIn, browser: httpx.AsyncClient
) -> None:
    """Open tasks show when they are due, what to do and who; completed ones have a tab of their own."""
    await _task(mambu, "18 Nov failed", "2026-11-19", description="Reason: Xero.\n\nRun the date.")
    await _task(mambu, "Correct <b>1010</b>", "2026-11-21", assignedUserKey=ASSIGNED_USER_KEY)
    await _task(mambu, "Done", "2026-11-18", done=True)
    created = "20 Nov 2026 09:00"
    _, *opened = _rows(await browser.get("/mambu/"))
    assert opened == [
        ["21 Nov 2026", "Correct &lt;b&gt;1010&lt;/b&gt;", "Fiona Nowak", created, "2"],
        ["19 Nov 2026 Overdue", "18 Nov failed Reason: Xero. Run the date.", "", created, "1"],
    ]
    _, *completed = _rows(await browser.get("/mambu/?status=COMPLETED"))
    assert completed == [["18 Nov 2026", "Done", "", created, "3"]]
    assert "2 open tasks" in (await browser.get("/")).text


async def test_no_tasks_are_said_to_be_none(browser: httpx.AsyncClient) -> None:
    """Without tasks the page says so, and what creates one."""
    page = (await browser.get("/mambu/")).text
    assert "No open tasks" in page
    assert "A run that fails creates one" in page


async def test_texts_are_never_markup(xero: XeroStandIn, browser: httpx.AsyncClient) -> None:
    """A narration, a description, a user or a detail with markup is shown as it is, in any script."""
    evil = '<script>alert("x")</script> & Zürich 東京 \u202eabc'
    safe = "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; Zürich 東京 \u202eabc"
    journal_id = _put(xero, evil, description=evil)
    xero.state.note(journal_id, evil, evil, evil)
    xero.state.attach(journal_id, Attachment("1", evil, "text/html", b""))
    for path in ("/xero/", f"/xero/journals/{journal_id}"):
        text = (await browser.get(path)).text
        assert "<script" not in text
        assert f"<bdi>{safe}</bdi>" in text


async def test_a_broken_character_does_not_break_the_page(
    xero: XeroStandIn, browser: httpx.AsyncClient
) -> None:
    """Half a character, which JSON can carry, leaves the list readable."""
    _put(xero, "half \ud800 a character")
    assert "half ? a character" in (await browser.get("/xero/")).text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null"},
    ],
)
async def test_forms_of_other_sites_are_refused(
    xero: XeroStandIn, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """A form of another site, or of another port of this machine, approves nothing."""
    journal_id = _put(xero)
    one = await browser.post(f"/xero/journals/{journal_id}/approve", headers=headers)
    many = await browser.post("/xero/approve", data={"day": DAY.isoformat()}, headers=headers)
    assert (one.status_code, many.status_code) == (403, 403)
    assert _statuses(xero) == ["DRAFT"]


async def test_a_link_cannot_approve(xero: XeroStandIn, browser: httpx.AsyncClient) -> None:
    """The addresses of the buttons take no GET, and say what they take."""
    journal_id = _put(xero)
    for path in (f"/xero/journals/{journal_id}/approve", "/xero/approve"):
        answer = await browser.get(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = await browser.delete("/xero/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert _statuses(xero) == ["DRAFT"]


async def test_an_address_cannot_hold_a_notice(browser: httpx.AsyncClient) -> None:
    """What a link says is not shown as a notice."""
    assert "words" not in (await browser.get("/xero/?notice=words")).text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/xero/journals/nobody"),
        ("POST", "/xero/journals/nobody/approve"),
        ("GET", "/xero/journals/"),
        ("GET", "/xero/<b>"),
        ("POST", "/xeroes"),
    ],
)
async def test_what_is_not_there_is_a_page(browser: httpx.AsyncClient, method: str, path: str) -> None:
    """An unknown journal or address is answered 404 with a page that leads on."""
    answer = await browser.request(method, path)
    assert answer.status_code == 404
    assert 'href="/xero/"' in answer.text
    assert "<b>" not in answer.text


async def test_every_answer_is_guarded(xero: XeroStandIn, browser: httpx.AsyncClient) -> None:
    """No answer may load or run anything, be framed, be guessed at, or be kept."""
    journal_id = _put(xero)
    for path in ("/", "/xero/", f"/xero/journals/{journal_id}", "/xero/nothing"):
        answer = await browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert re.search(r"<script|\bsrc=|<link|@import|url\(|style=|\bon\w+=", answer.text) is None
        assert '<html lang="en">' in answer.text


async def test_head_has_no_body(browser: httpx.AsyncClient) -> None:
    """HEAD answers as GET does, without the page."""
    answer = await browser.head("/xero/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000


async def test_the_home_page_names_what_is_served(sandbox: Sandbox) -> None:
    """The sandbox's front page names the organisation, both APIs, the journals and the control path."""
    async with stand_ins.inside(sandbox, BASE) as client:
        page = await client.get("/")
    assert page.status_code == 200
    for text in (f"{BASE}/api<", f"{BASE}/api.xro/2.0<", 'href="/xero/"', 'href="/control"', "0 drafts"):
        assert text in page.text
    assert chart.ORGANISATION_NAME in page.text
    assert "Sandbox" in page.text


def test_starting_does_not_load_the_templates() -> None:
    """A sandbox that nobody looks at does not import the template engine."""
    program = "import sys, blocks.sandbox.app; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
