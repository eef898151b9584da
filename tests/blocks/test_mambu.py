"""Mambu's client and its credentials."""

from __future__ import annotations

import base64
import logging
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from pydantic import SecretStr, ValidationError

from blocks.errors import CallFailed, NotAllowed, Rejected, Unavailable, UnusableAnswer
from blocks.mambu import MambuClient, MambuCredentials, Organisation, Page
from tests.blocks.scripted import Script, Step, answer
from tests.clocks import VirtualClock

AFTER = datetime(2026, 11, 19, 23, 59, 59, tzinfo=UTC)
BEFORE = datetime(2026, 11, 21, tzinfo=UTC)
CANARY = "CANARY-51c9"


def line(entry: int, **other: object) -> dict[str, object]:
    return {
        "encodedKey": f"key{entry}",
        "entryID": entry,
        "transactionId": "T1",
        "creationDate": "2026-11-20T10:00:00+00:00",
        "bookingDate": "2026-11-20T00:00:00+00:00",
        "type": "DEBIT",
        "amount": 12.5,
        "glAccount": {"encodedKey": "a", "glCode": "1100", "name": "Loans"},
        "unasked": {"for": [1, 2]},
        **other,
    }


def page(*lines: object, cursor: str | None = "", total: str = "1") -> Step:
    headers = {"items_total": total} | ({} if cursor is None else {"items_next_cursor": cursor})
    return answer(200, list(lines), **headers)


def raw_page(body: bytes) -> Step:
    return answer(200, body, content_type="application/json", items_total="1", items_next_cursor="")


def client(script: Script, **credentials: Any) -> MambuClient:
    given = credentials or {"api_key": SecretStr(CANARY)}
    block = MambuCredentials(base_url="https://acme.mambu.com/api", **given)
    return block.get_client(clock=VirtualClock(), http=script)


async def pages(script: Script) -> list[Page]:
    async with client(script) as mambu:
        return [one async for one in mambu.journal_lines(AFTER, BEFORE)]


async def test_the_cursor_is_followed_to_the_empty_one() -> None:
    """All pages are yielded, each asked for with the cursor of the one before, up to the empty cursor."""
    script = Script(page(line(1), cursor="c1"), page(line(2), cursor="c2"), page(line(3)))
    found = await pages(script)
    assert [one.entry_id for each in found for one in each.lines] == [1, 2, 3]
    assert [request.url.params["cursor"] for request in script.requests] == ["_", "c1", "c2"]


async def test_a_search_says_what_it_wants() -> None:
    """A search is a POST with both bounds in UTC, the total asked for, and Mambu's version header."""
    script = Script(page())
    await pages(script)
    request = script.requests[0]
    assert (request.method, request.url.path) == ("POST", "/api/gljournalentries:search")
    assert request.url.params["paginationDetails"] == "ON"
    assert request.url.params["limit"] == "1000"
    assert request.headers["accept"] == "application/vnd.mambu.v2+json"
    assert msgspec.json.decode(request.content)["filterCriteria"] == [
        {"field": "creationDate", "operator": "AFTER", "value": "2026-11-19T23:59:59Z"},
        {"field": "creationDate", "operator": "BEFORE", "value": "2026-11-21T00:00:00Z"},
    ]


@pytest.mark.parametrize("cursor", [None, "_"])
async def test_a_missing_or_standing_cursor_is_an_error(cursor: str | None) -> None:
    """An answer without a next cursor, or with the same one, is not taken for the end."""
    with pytest.raises(UnusableAnswer, match="cannot be told"):
        await pages(Script(page(line(1), cursor=cursor)))


@pytest.mark.parametrize("total", ["", "many", "-1", "1.5"])
async def test_a_missing_total_is_an_error(total: str) -> None:
    """A search without a readable total fails, after being repeated: completeness could not be shown."""
    script = Script(answer(200, [], items_next_cursor="", items_total=total))
    with pytest.raises(Unavailable, match="total"):
        await pages(script)
    assert len(script.requests) == 5


async def test_the_count_is_the_stated_total() -> None:
    """Counting asks for one line and returns the total that Mambu states."""
    script = Script(page(line(1), total="4711"))
    async with client(script) as mambu:
        assert await mambu.count_lines(AFTER, BEFORE) == 4711
    assert script.requests[0].url.params["limit"] == "1"


@pytest.mark.parametrize("amount", ["123456789012345678.123456789", "0.1", "9007199254740993", "1.10", "0"])
async def test_amounts_are_exact(amount: str) -> None:
    """An amount arrives with exactly the digits that Mambu wrote, also beyond a float's."""
    body = msgspec.json.encode([line(1, amount=msgspec.Raw(amount.encode()))])
    found = await pages(Script(raw_page(body)))
    assert str(found[0].lines[0].amount) == amount
    assert found[0].lines[0].amount == Decimal(amount)


@pytest.mark.parametrize(
    "bad",
    [
        b'{"entryID": 2}',
        b'{"encodedKey": 7}',
        b"null",
        b'"text"',
        b'{"encodedKey": "k\xff", "entryID": 2}',
        msgspec.json.encode(line(2, amount="twelve")),
        msgspec.json.encode(line(2, entryID="two")),
    ],
)
async def test_unreadable_lines_are_set_apart(bad: bytes) -> None:
    """A line of another shape is kept raw with its problem, and the others of its page are read."""
    body = b"[%b,%b,%b]" % (msgspec.json.encode(line(1)), bad, msgspec.json.encode(line(3)))
    (found,) = await pages(Script(raw_page(body)))
    assert [one.entry_id for one in found.lines] == [1, 3]
    assert [one.raw for one in found.unreadable] == [bad]
    assert found.unreadable[0].problem


@pytest.mark.parametrize("body", [b"<html>log in</html>", b'[{"encodedKey": "a"', b"", b"{}", b"[" * 100_000])
async def test_garbled_pages_are_repeated(body: bytes) -> None:
    """A page that is no list of objects is repeated and then Unavailable."""
    script = Script(raw_page(body))
    with pytest.raises(Unavailable, match="does the base URL lead to Mambu's API"):
        await pages(script)
    assert len(script.requests) == 5


@pytest.mark.parametrize("currency", [{"code": "EUR", "name": "Euro"}, "EUR"])
async def test_the_organisation(currency: object) -> None:
    """The organisation's zone and currency are read, whether the currency is an object or a code."""
    script = Script(answer(200, {"name": "Acme", "timeZoneID": "Europe/Paris", "currency": currency}))
    async with client(script) as mambu:
        assert await mambu.organisation() == Organisation("Europe/Paris", "EUR")


async def test_a_forbidden_organisation_is_none() -> None:
    """Where the user may not read the organisation, it is None; wrong credentials are an error still."""
    async with client(Script(answer(403), answer(401))) as mambu:
        assert await mambu.organisation() is None
        with pytest.raises(NotAllowed, match="Check the API key"):
            await mambu.organisation()


async def test_mambus_own_words_are_told() -> None:
    """A refusal names Mambu's reasons and their sources."""
    said = {"errors": [{"errorCode": 4, "errorReason": "INVALID_PARAMETERS", "errorSource": "limit"}]}
    with pytest.raises(Rejected, match=r"INVALID_PARAMETERS \(limit\)"):
        await pages(Script(answer(400, said)))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b'{"errors": "\xff"}', b'{"errors": 1}'])
async def test_odd_refusals_are_refusals(body: bytes) -> None:
    """A refusal whose body says nothing readable keeps its meaning."""
    with pytest.raises(Rejected, match="no reason that Mambu words"):
        await pages(Script(answer(400, body, content_type="application/json")))


async def test_how_to_log_in() -> None:
    """A key goes into Mambu's apiKey header, a user name and password into Basic, and never both."""
    script = Script(page())
    await pages(script)
    assert script.requests[0].headers["apiKey"] == CANARY
    assert "authorization" not in script.requests[0].headers
    script = Script(page())
    async with client(script, username="ann", password=SecretStr("pässword")) as mambu:
        await mambu.count_lines(AFTER, BEFORE)
    basic = base64.b64encode("ann:pässword".encode()).decode()
    assert script.requests[0].headers["authorization"] == f"Basic {basic}"
    assert "apiKey" not in script.requests[0].headers


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"api_key": ""},
        {"username": "ann"},
        {"password": CANARY},
        {"username": "ann", "password": ""},
        {"api_key": CANARY, "username": "ann", "password": CANARY},
        {"api_key": CANARY, "username": "ann"},
        {"api_key": CANARY, "password": CANARY},
    ],
)
def test_one_way_to_log_in(given: dict[str, Any]) -> None:
    """Anything but either a key or a whole login is refused, without showing a value."""
    with pytest.raises(ValidationError, match="either an API key") as raised:
        MambuCredentials(base_url="https://acme.mambu.com/api", **given)
    assert CANARY not in f"{raised.value!s}{raised.value!r}"


def test_no_secret_shows() -> None:
    """Neither a block nor its client nor the block's JSON shows a secret."""
    for given in ({"api_key": CANARY}, {"username": "ann", "password": CANARY}):
        block = MambuCredentials.model_validate({"base_url": "https://acme.mambu.com/api", **given})
        mambu = block.get_client()
        shown = [str(block), repr(block), block.model_dump_json(), repr(block.model_dump())]
        shown += [repr(mambu), repr(vars(mambu)), repr(vars(mambu.transport))]
        assert CANARY not in "".join(shown)


@pytest.mark.parametrize("step", [answer(401), answer(403), answer(500), answer(429), answer(200, b"<html>")])
async def test_no_secret_leaves(step: Step, caplog: pytest.LogCaptureFixture) -> None:
    """Neither an error, its pickle nor any log record holds the credentials."""
    caplog.set_level(logging.DEBUG)
    secret = base64.b64encode(f"ann:{CANARY}".encode()).decode()
    for given in ({"api_key": SecretStr(CANARY)}, {"username": "ann", "password": SecretStr(CANARY)}):
        with pytest.raises(CallFailed) as raised:
            async with client(Script(step), **given) as mambu:
                await mambu.count_lines(AFTER, BEFORE)
        error = raised.value
        told = [str(error), repr(error), repr(pickle.dumps(error)), repr(error.__context__)]
        told += [f"{record.getMessage()} {record.args}" for record in caplog.records]
        assert CANARY not in "".join(told)
        assert secret not in "".join(told)


async def test_a_client_can_stand_on_any_transport() -> None:
    """The client's answers come from the transport it is given, and closing it closes that transport."""

    class Closing(httpx.AsyncBaseTransport):
        closed = False

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, headers={"Items-Total": "3"})

        async def aclose(self) -> None:
            self.closed = True

    http = Closing()
    block = MambuCredentials(base_url="https://acme.mambu.com/api", api_key=SecretStr(CANARY))
    async with block.get_client(http=http) as mambu:
        assert await mambu.count_lines(AFTER, BEFORE) == 3
    assert http.closed
