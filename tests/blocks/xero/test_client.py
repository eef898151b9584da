"""Xero's client, its token and its credentials."""

from __future__ import annotations

import asyncio
import base64
import logging
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from blocks.errors import (
    CallFailed,
    NotAllowed,
    NotFound,
    Rejected,
    ResumeLater,
    Transient,
    Unavailable,
    UnknownOutcome,
    UnusableAnswer,
)
from blocks.xero.client import dated
from blocks.xero.credentials import XeroCredentials
from blocks.xero.models import NOTHING, XeroOrganisation, journal_date, xero_date, xero_instant
from tests.helpers.clocks import START, VirtualClock
from tests.helpers.scripted import Script, Step, answer, failing
from tests.helpers.xero_client import BODY, CANARY, SCOPES, TOKEN, client, tokens, xero

ORGANISATION = {"Organisations": [{"Name": "Acme", "BaseCurrency": "EUR", "OrganisationID": "o-1"}]}


def detail(status: int, text: str) -> Step:
    return answer(status, {"Type": None, "Title": "No", "Status": status, "Detail": text, "Extensions": {}})


async def test_years_have_four_digits() -> None:
    """A year before 1000 goes to Xero in four digits, in an instant as in a filter."""
    script = xero(answer(200, {"ManualJournals": []}))
    async with client(script) as there:
        await there.manual_journals(modified_since=START.replace(year=999), page=1, page_size=1)
    (changed,) = script.requests
    assert changed.headers["if-modified-since"].startswith("0999-")
    assert dated(date(1, 1, 31)) == "Date==DateTime(0001,01,31)"


async def test_a_null_where_nothing_is_needed_is_overlooked() -> None:
    """What an organisation may do without can be null, and what it needs cannot."""
    (held,) = ORGANISATION["Organisations"]
    nothing = {**held, "ShortCode": None, "OrganisationID": None, "PeriodLockDate": None}
    script = xero(answer(200, {"Organisations": [nothing]}), answer(200, {"Organisations": [{"Name": None}]}))
    async with client(script) as there:
        found = await there.organisation()
        assert (found.name, found.short_code, found.organisation_id) == (held["Name"], "", "")
        with pytest.raises(Unavailable):
            await there.organisation()


# --- The token ----------------------------------------------------------------------------------


async def test_the_token_is_asked_for_as_xero_wants() -> None:
    """A token is a form post with Basic credentials, the grant and the scopes; calls carry it as Bearer."""
    script = xero(answer(200, ORGANISATION))
    async with client(script, tenant_id="t-1") as there:
        await there.organisation()
        assert there.calls == 2
    asked, called = script.token_requests[0], script.requests[0]
    assert (asked.method, str(asked.url)) == ("POST", "https://identity.xero.com/connect/token")
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(f"client:{CANARY}".encode()).decode()
    form = httpx.QueryParams(asked.content.decode())
    assert dict(form) == {"grant_type": "client_credentials", "scope": SCOPES}
    assert called.headers["authorization"] == f"Bearer {TOKEN}-1"
    assert called.headers["xero-tenant-id"] == "t-1"
    assert called.headers["accept"] == "application/json"


async def test_without_a_tenant_no_tenant_header_is_sent() -> None:
    """A connection without a tenant id leaves the header out."""
    script = xero(answer(200, ORGANISATION))
    async with client(script) as there:
        await there.organisation()
    assert "xero-tenant-id" not in script.requests[0].headers


async def test_ten_calls_share_one_token() -> None:
    """Ten calls that start together fetch a single token."""
    script = xero(answer(200, ORGANISATION))
    async with client(script, parallel=5) as there:
        await asyncio.gather(*(there.organisation() for _ in range(10)))
    assert len(script.token_requests) == 1
    assert len(script.requests) == 10


@pytest.mark.parametrize(
    ("expires_in", "used_until"),
    [(1800, 1680), (60, 30), ("1800", 1680), (1e14, 86280), (-5, 180), ("nan", 180)],
)
async def test_a_token_is_renewed_early(expires_in: object, used_until: int) -> None:
    """A token is used until two minutes before its end, or for half of a short life, and then renewed.

    A life that is none counts as five minutes, one of ages as a day.
    """
    clock = VirtualClock()
    script = xero(answer(200, ORGANISATION), token=tokens(expires_in=expires_in))
    async with client(script, clock) as there:
        await there.organisation()
        clock.advance(used_until - 1)
        await there.organisation()
        assert len(script.token_requests) == 1
        clock.advance(1)
        await there.organisation()
    assert len(script.token_requests) == 2


async def test_an_expired_token_is_replaced_once() -> None:
    """A 401 TokenExpired leads to one new token and the same bytes and key once more."""
    expired = detail(401, "TokenExpired: token expired at 11/20/2026 03:00:00")
    script = xero(expired, answer(200, {"ManualJournals": []}))
    async with client(script) as there:
        await there.put_manual_journals(BODY, "key-1")
    sent = [(r.headers["authorization"], r.headers["idempotency-key"], r.content) for r in script.requests]
    assert sent == [(f"Bearer {TOKEN}-1", "key-1", BODY), (f"Bearer {TOKEN}-2", "key-1", BODY)]


async def test_a_token_that_expires_under_many_calls_is_replaced_once() -> None:
    """Calls that all learn that their token expired share one new one, also where one learns it late."""

    again = asyncio.Event()

    def by_token(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"].endswith("-1"):
            return detail(401, "TokenExpired: token expired")(request)
        again.set()
        return answer(200, ORGANISATION)(request)

    class Uneven(Script):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            if self.requests[1:] == [request]:
                await again.wait()
            return response

    script = Uneven(by_token, token=tokens())
    async with client(script, parallel=5) as there:
        await asyncio.gather(*(there.organisation() for _ in range(5)))
    assert len(script.token_requests) == 2


async def test_new_tokens_that_have_expired_are_an_outage() -> None:
    """Where a new token has expired as well, the call is repeated later, each time with one new token."""
    script = xero(detail(401, "TokenExpired: token expired"))
    with pytest.raises(Unavailable, match="401, also with a new token: TokenExpired"):
        async with client(script) as there:
            await there.organisation()
    assert len(script.requests) == 2 * (len(script.token_requests) - 1) > 2


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        (detail(401, "AuthorizationUnsuccessful"), "lacks a scope"),
        (detail(403, "AuthorizationUnsuccessful"), "lacks a scope"),
        (detail(403, "AuthenticationUnsuccessful"), "wrong organisation"),
        (answer(403, b"<html>no</html>", content_type="text/html"), "reporting permission"),
    ],
)
async def test_other_refusals_stop_with_a_cause(step: Step, cause: str) -> None:
    """Any other 401 or 403 ends the call after one request, naming the likely cause."""
    script = xero(step)
    with pytest.raises(NotAllowed, match=cause):
        async with client(script) as there:
            await there.organisation()
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("error", ["invalid_scope", "invalid_client", "unauthorized_client"])
async def test_a_refused_token_names_what_to_check(error: str, status: int) -> None:
    """A refused token is NotAllowed, in Xero's word and with the remedy, and no call is made."""
    script = xero(answer(200, ORGANISATION), token=answer(status, {"error": error}))
    with pytest.raises(NotAllowed, match=error) as raised:
        async with client(script) as there:
            await there.organisation()
    assert "Check the client id and secret" in str(raised.value)
    assert script.requests == []


@pytest.mark.parametrize("step", [answer(503), answer(500), answer(429), failing(httpx.ConnectError)])
async def test_a_token_service_in_trouble_is_no_matter_of_credentials(step: Step) -> None:
    """Where the token service is out of order, nobody is told to check a secret, and no call is made."""
    script = xero(answer(200, ORGANISATION), token=step)
    with pytest.raises(Transient) as raised:
        async with client(script) as there:
            await there.organisation()
    assert "token service" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert script.requests == []


@pytest.mark.parametrize("status", [400, 401, 403, 500, 503])
@pytest.mark.parametrize(
    "step",
    [
        lambda status: answer(status, {"error": f"client_secret={CANARY}"}),
        lambda status: answer(status, {"error": CANARY.lower().replace("-", "_")}),
        lambda status: answer(status, {"error": "invalid_client", "error_description": f"got {CANARY}"}),
        lambda status: answer(status, {"Message": f"got {CANARY}", "Detail": CANARY}),
        lambda status: answer(status, f"client_secret is {CANARY}".encode(), content_type="text/plain"),
    ],
)
async def test_what_a_token_service_echoes_is_not_told(step: Callable[[int], Step], status: int) -> None:
    """A token service that repeats what it was sent gets no part of it into the error."""
    script = xero(answer(200, ORGANISATION), token=step(status))
    with pytest.raises(CallFailed) as raised:
        async with client(script) as there:
            await there.organisation()
    assert CANARY.lower().replace("-", "_") not in str(raised.value).lower().replace("-", "_")


@pytest.mark.parametrize("body", [b"<html>", b'{"access_token": 1}', b'{"access_token":"\xff"}', b"{}"])
async def test_a_garbled_token_sends_no_call(body: bytes) -> None:
    """A token answer that cannot be read is Unavailable, also for a write: nothing was sent."""
    script = xero(answer(200), token=answer(200, body, content_type="application/json"))
    with pytest.raises(Unavailable):
        async with client(script) as there:
            await there.put_manual_journals(BODY, "key-1")
    assert script.requests == []


# --- Reading ------------------------------------------------------------------------------------


async def test_a_page_of_journals() -> None:
    """A page is asked for with page, size, order and a since without a zone, and holds exact lines."""
    shown = {
        "ManualJournalID": "m-1",
        "Narration": "N",
        "Status": "DRAFT",
        "Date": "/Date(1763596800000+0000)/",
        "JournalLines": [{"LineAmount": 123456789012345.67, "AccountCode": "400"}],
    }
    body = {
        "pagination": {"page": 1, "pageSize": 100, "pageCount": 3, "itemCount": 201},
        "ManualJournals": [shown],
    }
    script = xero(answer(200, body))
    zone = datetime.fromisoformat("2026-11-20T01:00:00+02:00")
    async with client(script) as there:
        page = await there.manual_journals(modified_since=zone, page=2, page_size=100)
    request = script.requests[0]
    expected = {"page": "2", "pageSize": "100", "order": "ManualJournalID ASC"}
    assert dict(request.url.params) == expected
    assert request.headers["if-modified-since"] == "2026-11-19T23:00:00"
    assert page.pagination is not None
    assert page.pagination.page_count == 3
    assert page.manual_journals[0].lines[0].amount == Decimal("123456789012345.67")
    assert page.manual_journals[0].date == date(2025, 11, 20)


@pytest.mark.parametrize("body", [b"{}", b'{"Status": "ERROR"}', b"[]", b"<html>", b'{"ManualJournals": [{'])
async def test_an_odd_answer_is_no_empty_list(body: bytes) -> None:
    """An answer without a list of journals is Unavailable, never an empty list; a write is unknown."""
    step = answer(200, body, content_type="application/json")
    async with client(xero(step)) as there:
        with pytest.raises(Unavailable):
            await there.manual_journals(modified_since=START, page=1, page_size=10)
        with pytest.raises(UnknownOutcome):
            await there.put_manual_journals(BODY, "key-1")


async def test_json_must_be_called_json() -> None:
    """An answer of another content type is not decoded, whatever it holds."""
    async with client(xero(answer(200, b'{"Accounts": []}', content_type="text/html"))) as there:
        with pytest.raises(Unavailable, match="text/html, not JSON"):
            await there.accounts()


async def test_one_journal() -> None:
    """A single read returns its journal; 404 is NotFound, and an empty or double answer is neither."""
    script = xero(
        answer(200, {"ManualJournals": [{"Narration": "N"}]}),
        answer(404, b"The resource you're looking for cannot be found"),
        answer(200, {"ManualJournals": []}),
        answer(200, {"ManualJournals": [{}, {}]}),
    )
    async with client(script) as there:
        assert (await there.manual_journal("m-1")).narration == "N"
        with pytest.raises(NotFound, match="cannot be found"):
            await there.manual_journal("m-1")
        for _ in range(2):
            with pytest.raises(UnusableAnswer):
                await there.manual_journal("m-1")
    assert script.requests[0].url.path == "/api.xro/2.0/ManualJournals/m-1"


async def test_accounts_without_a_code_are_read() -> None:
    """The chart keeps archived accounts, and bank accounts without a code."""
    rows = [
        {"Name": "Bank", "Status": "ACTIVE", "Type": "BANK"},
        {"Name": "Old", "Status": "ARCHIVED", "Type": "EXPENSE", "Code": "9", "SystemAccount": ""},
    ]
    async with client(xero(answer(200, {"Accounts": rows}))) as there:
        found = await there.accounts()
    assert [(one.name, one.code, one.status) for one in found] == [
        ("Bank", None, "ACTIVE"),
        ("Old", "9", "ARCHIVED"),
    ]


async def test_no_organisation_is_named() -> None:
    """A connection that leads to no organisation is NotAllowed."""
    async with client(xero(answer(200, {"Organisations": []}))) as there:
        with pytest.raises(NotAllowed, match="no organisation"):
            await there.organisation()


# --- Writing ------------------------------------------------------------------------------------


async def test_a_put_is_as_xero_wants_it() -> None:
    """Journals are PUT with summarizeErrors=false in lower case, their key, and their very bytes."""
    script = xero(answer(200, {"ManualJournals": [{"Narration": "N", "ManualJournalID": "m-1"}]}))
    async with client(script) as there:
        verdicts = await there.put_manual_journals(BODY, "key-1")
    request = script.requests[0]
    assert request.method == "PUT"
    assert str(request.url) == "https://api.xero.com/api.xro/2.0/ManualJournals?summarizeErrors=false"
    assert request.headers["idempotency-key"] == "key-1"
    assert request.headers["content-type"] == "application/json"
    assert request.content == BODY
    assert [one.journal_id for one in verdicts] == ["m-1"]


async def test_a_validation_error_names_each_reason() -> None:
    """A 400 is Rejected with the message of every validation error."""
    errors = [{"Message": "The total debits (1) must equal"}, {"Message": "Account code 'X' is not valid"}]
    body = {
        "ErrorNumber": 10,
        "Message": "A validation exception",
        "Elements": [{"ValidationErrors": errors}],
    }
    async with client(xero(answer(400, body))) as there:
        with pytest.raises(Rejected) as raised:
            await there.put_manual_journals(BODY, "key-1")
    assert raised.value.reasons == tuple(item["Message"] for item in errors)


async def test_the_day_limit_says_when_to_go_on() -> None:
    """A 429 of the day ends a write at once, known to be undone, with the instant to go on."""
    clock = VirtualClock()
    script = xero(answer(429, b"", x_rate_limit_problem="day", retry_after="66975", x_daylimit_remaining="0"))
    async with client(script, clock) as there:
        with pytest.raises(ResumeLater) as raised:
            await there.put_manual_journals(BODY, "key-1")
    assert raised.value.resume_at == START + timedelta(seconds=66975)
    assert clock.slept == []


async def test_maintenance_is_told_in_xeros_words() -> None:
    """A 503 in plain text keeps its words; HTML is not passed on."""
    offline = answer(503, b"The Organisation is offline", content_type="text/plain")
    page = answer(503, b"<html><body>long page</body></html>", content_type="text/html")
    for step, expected in ((offline, "The Organisation is offline"), (page, "Xero gave no reason")):
        with pytest.raises(Unavailable, match=expected) as raised:
            async with client(xero(step)) as there:
                await there.organisation()
        assert "<" not in str(raised.value)


@pytest.mark.parametrize(
    ("verdict", "complaints"),
    [
        ({"StatusAttributeString": "OK"}, ()),
        ({}, ()),
        ({"StatusAttributeString": "ERROR", "ValidationErrors": [{"Message": "a"}]}, ("a",)),
        ({"StatusAttributeString": "OK", "Warnings": [{"Message": "w"}]}, ("w",)),
        ({"StatusAttributeString": "WARNING"}, ("Xero marked it WARNING without saying why",)),
    ],
)
async def test_complaints(verdict: dict[str, object], complaints: tuple[str, ...]) -> None:
    """An element without complaints is one that Xero took as it is: no error, no warning, no mark."""
    async with client(xero(answer(200, {"ManualJournals": [verdict]}))) as there:
        (found,) = await there.put_manual_journals(BODY, "key-1")
    assert found.objections == complaints


async def test_an_id_that_is_not_given_is_nothing() -> None:
    """An answer to a write without an id has the id that means that nothing was created."""
    async with client(xero(answer(200, {"ManualJournals": [{"Narration": "N"}]}))) as there:
        (found,) = await there.put_manual_journals(BODY, "key-1")
    assert (found.journal_id, found.is_in_xero) == (NOTHING, False)


# --- Dates --------------------------------------------------------------------------------------


_ON_21_MARCH = (
    "1553126400000+0000",
    "1553126400000",
    "1553126400000+1300",
    "1553126400000-0800",
    "1553212799999+0000",
)
# What Xero writes of a day, the day of a document, and that of a manual journal: a journal always has a date,
# so there the epoch is a date and does not stand for none.
DATES = [
    *((f"/Date({written})/", date(2019, 3, 21), date(2019, 3, 21)) for written in _ON_21_MARCH),
    ("/Date(-86400000+0000)/", date(1969, 12, 31), date(1969, 12, 31)),
    ("/Date(0+0000)/", None, date(1970, 1, 1)),
    ("/Date(0)/", None, date(1970, 1, 1)),
    ("1970-01-01", date(1970, 1, 1), date(1970, 1, 1)),
    ("2019-03-21", date(2019, 3, 21), date(2019, 3, 21)),
    ("2019-03-21T00:00:00", date(2019, 3, 21), date(2019, 3, 21)),
    *((text, None, None) for text in ("/Date(99999999999999999+0000)/", "", None)),
]


@pytest.mark.parametrize(("value", "day", "of_journal"), DATES)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_document_dates(
    value: str | None, day: date | None, of_journal: date | None, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A date is the day in UTC, wherever the machine stands and whatever offset is written."""
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert (xero_date(value), journal_date(value)) == (day, of_journal)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@pytest.mark.parametrize(
    "value",
    [None, "", "/Date(253402300799999)/", "/Date(-62135596800000)/", f"/Date({'9' * 5000})/", "2026-11-20"],
)
def test_an_instant_beyond_all_clocks_is_none(value: str | None) -> None:
    """An instant that has no local time somewhere, or that cannot be read, is none."""
    assert xero_instant(value) is None
    assert xero_instant("/Date(1593388800001+0000)/") == datetime(2020, 6, 29, 0, 0, 0, 1000, tzinfo=UTC)


def test_the_later_lock_date_governs() -> None:
    """The lock date is the later of the two, one of them, or none."""
    earlier, later = "/Date(1553126400000+0000)/", "/Date(1553212800000+0000)/"
    both = XeroOrganisation("A", "EUR", period_lock_date=later, end_of_year_lock_date=earlier)
    assert both.lock_date() == date(2019, 3, 22)
    one = XeroOrganisation("A", "EUR", end_of_year_lock_date=earlier)
    assert one.lock_date() == date(2019, 3, 21)
    assert XeroOrganisation("A", "EUR", period_lock_date="/Date(0+0000)/").lock_date() is None


# --- The block ----------------------------------------------------------------------------------


def test_an_empty_secret_is_refused() -> None:
    """An empty client id or secret is refused when the block is made."""
    with pytest.raises(ValidationError, match="client_secret"):
        XeroCredentials(client_id="c", client_secret=SecretStr(""))
    with pytest.raises(ValidationError, match="client_id"):
        XeroCredentials(client_id="", client_secret=SecretStr(CANARY))


def test_links_lead_to_the_journal() -> None:
    """A link leads to Xero's own page of the journal, and for the sandbox to the sandbox."""
    block = XeroCredentials(client_id="c", client_secret=SecretStr("s"))
    assert block.journal_link("m-1", "!abc") == (
        "https://go.xero.com/organisationlogin/default.aspx?shortcode=!abc"
        "&redirecturl=/Journal/View.aspx?invoiceID=m-1"
    )
    local = XeroCredentials(
        client_id="c", client_secret=SecretStr("s"), base_url="http://127.0.0.1:8/api.xro/2.0"
    )
    assert local.journal_link("m-1", "") == "http://127.0.0.1:8/xero/journals/m-1"


async def test_no_secret_shows() -> None:
    """Neither the block, its JSON, the client nor what the client holds shows the secret or the token."""
    block = XeroCredentials(client_id="client", client_secret=SecretStr(CANARY))
    there = block.get_client(http=xero(answer(200, ORGANISATION)), clock=VirtualClock())
    async with there:
        await there.organisation()
        shown = [str(block), repr(block), block.model_dump_json(), repr(block.model_dump())]
        for held in (there, there.transport, there._token, there._token.transport):
            shown += [repr(held), repr(vars(held))]
        shown.append(repr(there._token.transport._authorisation))
    assert "CANARY" not in "".join(shown)


STEPS = [
    answer(401),
    detail(401, "TokenExpired: x"),
    answer(403),
    answer(429, retry_after="9"),
    answer(500),
    answer(200, b"<html>"),
]


@pytest.mark.parametrize("where", ["call", "token"])
@pytest.mark.parametrize("step", STEPS)
async def test_no_secret_leaves(step: Step, where: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither an error, its pickle, nor any log record holds the secret, its encoding, or a token."""
    caplog.set_level(logging.DEBUG)
    script = xero(step) if where == "call" else xero(answer(200, ORGANISATION), token=step)
    with pytest.raises(CallFailed) as raised:
        async with client(script) as there:
            await there.put_manual_journals(BODY, "key-1")
    error = raised.value
    told = [str(error), repr(error), repr(error.args), repr(pickle.dumps(error)), repr(error.__context__)]
    told += [f"{record.getMessage()} {record.args}" for record in caplog.records]
    assert "CANARY" not in "".join(told)
    assert base64.b64encode(f"client:{CANARY}".encode()).decode() not in "".join(told)


def test_times_are_aware() -> None:
    """The virtual clock of these tests starts at an aware instant in UTC, as a run's clock must."""
    assert START.tzinfo is UTC


# --- Xero's time --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("/Date(1763607600000+0000)/", datetime(2025, 11, 20, 3, 0, tzinfo=UTC)),
        ("/Date(1763607600000)/", datetime(2025, 11, 20, 3, 0, tzinfo=UTC)),
        ("/Date(0+0000)/", START),
        ("soon", START),
        (None, START),
    ],
)
async def test_xeros_time_is_what_its_answers_state(stated: str | None, expected: datetime) -> None:
    """Xero's time is an answer's DateTimeUTC, and where that says nothing its Date header."""
    frame = {"DateTimeUTC": stated} if stated else {}
    date_header = START.strftime("%a, %d %b %Y %H:%M:%S GMT")
    script = xero(answer(200, {**frame, **ORGANISATION}, date=date_header))
    async with client(script, VirtualClock(START + timedelta(hours=1))) as there:
        await there.organisation()
    assert there.transport.there.said == expected


async def test_a_text_that_names_a_time_is_not_xeros_time() -> None:
    """What people write into a name is no statement of the time."""
    name = 'x","DateTimeUTC":"/Date(1763607600000)/"'
    script = xero(answer(200, {"Organisations": [{"Name": name, "BaseCurrency": "EUR"}]}))
    async with client(script) as there:
        await there.organisation()
    assert there.transport.there.said is None
