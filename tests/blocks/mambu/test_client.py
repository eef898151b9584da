"""Mambu's client and its credentials."""

from __future__ import annotations

import base64
import itertools
import json
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
from blocks.mambu.client import PAGE_LINES, MambuClient
from blocks.mambu.credentials import MambuCredentials
from blocks.mambu.models import Organisation, Page
from tests.helpers.clocks import VirtualClock
from tests.helpers.scripted import Script, Step, answer

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


async def pages(script: Script, **bound: int) -> list[Page]:
    async with client(script) as mambu:
        return [one async for one in mambu.journal_lines(AFTER, BEFORE, **bound)]


async def test_the_cursor_is_followed_to_the_empty_one() -> None:
    """All pages are yielded, each asked for with the cursor of the one before, up to the empty cursor."""
    script = Script(page(line(1), cursor="c1"), page(line(2), cursor="c2"), page(line(3)))
    found = await pages(script)
    assert [one.entry_id for each in found for one in each.lines] == [1, 2, 3]
    assert [request.url.params["cursor"] for request in script.requests] == ["_", "c1", "c2"]


async def test_a_search_pads_its_years() -> None:
    """A year before 1000 goes to Mambu in four digits, like any other."""
    script = Script(page(line(1)))
    async with client(script) as mambu:
        await mambu.count_lines(AFTER.replace(year=999), BEFORE.replace(year=1))
    criteria = json.loads(script.requests[0].content)["filterCriteria"]
    assert [one["value"] for one in criteria] == ["0999-11-19T23:59:59Z", "0001-11-21T00:00:00Z"]


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


def new_each_time(*lines: object) -> Step:
    """Return a step that answers with a cursor never seen before."""
    numbers = itertools.count()
    return lambda request: page(*lines, cursor=f"c{next(numbers)}")(request)


@pytest.mark.parametrize(
    ("steps", "calls"),
    [
        ([page(line(1), cursor="A"), page(line(2), cursor="B"), page(line(1), cursor="A")], 3),
        ([new_each_time(line(1))], 2501),
        ([new_each_time(*(line(number) for number in range(PAGE_LINES)))], 3),
        ([new_each_time()], 3),
    ],
    ids=["cursors in turn", "one line", "full pages", "empty pages"],
)
async def test_a_reading_that_might_never_end_is_given_up(steps: list[Step], calls: int) -> None:
    """Cursors that come again, and cursors ever new with more lines than there can be, end the reading."""
    script = Script(*steps)
    with pytest.raises(UnusableAnswer, match="cannot tell where the lines end"):
        await pages(script, most=2500)
    assert len(script.requests) == calls


async def test_as_many_lines_as_there_may_be_are_taken() -> None:
    """The end of a reading is taken for it, however many lines came before."""
    full = [line(number) for number in range(PAGE_LINES)]
    script = Script(page(*full, cursor="A"), page(*full, cursor="B"), page(*full, cursor=""))
    assert len(await pages(script, most=2 * PAGE_LINES)) == 3


@pytest.mark.parametrize("cursor", [None, "_"])
async def test_a_missing_or_standing_cursor_is_an_error(cursor: str | None) -> None:
    """An answer without a next cursor, or with the same one, is not taken for the end."""
    with pytest.raises(UnusableAnswer, match="cannot tell where the lines end"):
        await pages(Script(page(line(1), cursor=cursor)))


@pytest.mark.parametrize("total", ["", "many", "-1", "1.5"])
async def test_a_missing_total_is_an_error(total: str) -> None:
    """A count without a readable total fails, after being repeated: completeness could not be shown."""
    script = Script(answer(200, [], items_next_cursor="", items_total=total))
    with pytest.raises(Unavailable, match="total"):
        async with client(script) as mambu:
            await mambu.count_lines(AFTER, BEFORE)
    assert len(script.requests) == 5


@pytest.mark.parametrize("headers", [{}, {"items_total": ""}, {"items_total": "many"}])
async def test_a_page_need_not_state_the_total(headers: dict[str, str]) -> None:
    """A page of a cursor without a total is read: completeness is proved by the counts around it."""
    (found,) = await pages(Script(answer(200, [line(1)], items_next_cursor="", **headers)))
    assert [one.entry_id for one in found.lines] == [1]


@pytest.mark.parametrize("total", ["10000001", "9" * 5000])
async def test_a_count_beyond_all_days_is_refused(total: str) -> None:
    """A count of lines that no day has is refused at once, in a short sentence."""
    script = Script(page(line(1), total=total))
    async with client(script) as mambu:
        with pytest.raises(UnusableAnswer, match="at most 10,000,000") as raised:
            await mambu.count_lines(AFTER, BEFORE)
    assert len(str(raised.value)) < 200
    assert len(script.requests) == 1


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
        *(
            msgspec.json.encode(line(2, entryID=msgspec.Raw(number)))
            for number in (b"true", b"2.0", b"1e9", b"1E+99999999", b"1" * 5000)
        ),
        *(
            msgspec.json.encode(line(2, amount=msgspec.Raw(number)))
            for number in (b"true", b"1E+99999999999999999999", b'"1E-99999999999999999999"')
        ),
    ],
    ids=lambda bad: str(bad)[:20],
)
async def test_unreadable_lines_are_set_apart(bad: bytes) -> None:
    """A line of another shape is kept raw with its problem, and the others of its page are read."""
    body = b"[%b,%b,%b]" % (msgspec.json.encode(line(1)), bad, msgspec.json.encode(line(3)))
    (found,) = await pages(Script(raw_page(body)))
    assert [one.entry_id for one in found.lines] == [1, 3]
    assert [one.raw for one in found.unreadable] == [bad]
    assert found.unreadable[0].problem


def written(entry: int, *changes: tuple[str, str]) -> bytes:
    """Return a line's bytes, compact as Mambu writes them, some of their text replaced."""
    text = msgspec.json.encode(line(entry)).decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


TWICE = [
    ('"amount":12.5', '"amount":12.5,"amount":7'),
    ('"amount":12.5', '"amount":7,"amount" :12.5'),
    ('"amount":12.5', '"amount":7,"notes":1,"amount"\t: 12.5'),
    ('"amount":12.5', '"amount":7,"\\u0061mount":12.5'),
    ('"entryID":2', '"entryID":3,"entryID":2'),
    ('"entryID":2', '"entryID":3,"entry\\u0049D":2'),
    ('"encodedKey":"key2"', '"encodedKey":"key2","encodedKey":"key2"'),
    ('"transactionId":"T1"', '"transactionId":null,"transactionId":"T1"'),
    ('"transactionId":"T1"', '"transactionId":"T1","transactionId":null'),
    ('"transactionId":"T1"', '"transactionId":"T1","transactionId":""'),
    ('"type":"DEBIT"', '"type":"CREDIT","type":"DEBIT"'),
    ('"creationDate"', '"creationDate":"2026-11-19T10:00:00+00:00","creationDate"'),
    ('"bookingDate"', '"bookingDate":"2026-11-19T00:00:00+00:00","bookingDate"'),
    ('"glAccount"', '"glAccount":{"glCode":"1200"},"glAccount"'),
    ('"glAccount"', '"glAccount":null,"glAccount"'),
    ('"glCode":"1100"', '"glCode":"1200","glCode":"1100"'),
]


HALF = [
    *(("T1", text) for text in ("T\\ud800", "\\udfffT", "\\ude00\\ud83d")),
    ("DEBIT", "DEBIT\\ud800"),
    ("key2", "key\\ud800"),
    ("1100", "11\\ud800"),
]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [*((*one, "twice") for one in TWICE), *((*one, "half a character") for one in HALF)],
)
async def test_what_is_read_and_odd_makes_its_line_unreadable(old: str, new: str, problem: str) -> None:
    """A key that is read and is there twice, however written, or half a character, costs its line alone."""
    bad = written(2, (old, new))
    (found,) = await pages(Script(raw_page(b"[%b,%b,%b]" % (written(1), bad, written(3)))))
    assert [one.entry_id for one in found.lines] == [1, 3]
    assert [one.raw for one in found.unreadable] == [bad]
    assert problem in found.unreadable[0].problem


@pytest.mark.parametrize(("old", "new"), TWICE)
async def test_a_key_twice_is_seen_where_another_line_lacks_it(old: str, new: str) -> None:
    """What one line has too much is not made up for by what another one lacks."""
    less = written(1, ('"transactionId":"T1",', ""))
    account = '"glAccount":{"encodedKey":"a","type":"ASSET","creationDate":"2019-03-01","glCode":"1100",'
    full = written(3, ('"glAccount":{"encodedKey":"a","glCode":"1100",', account))
    bad = written(2, (old, new))
    (found,) = await pages(Script(raw_page(b"[%b,%b,%b]" % (bad, less, full))))
    assert [one.raw for one in found.unreadable] == [bad]
    assert [one.entry_id for one in found.lines] == [1, 3]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"unasked"', '"notes":1,"notes":2,"unasked"'),
        ('"for"', '"amount":1,"type":2,"for":3,"amount"'),
        ('"name":"Loans"', '"name":"Loans","name":"Cash","type":"ASSET","creationDate":null'),
        ('"unasked"', '"foreignAmount":{"amount":1,"accountingRate":{"encodedKey":"r"}},"unasked"'),
        ('"unasked"', '"foreignAmount":null,"notes":"\\"amount\\":5 : \\u0061mount","unasked"'),
        ('"name":"Loans"', '"name":"half \\ud800"'),
        ('"for"', '"half \\udc00 key"'),
        ('"name":"Loans"', '"name":"half \\ud83d \\ude00 turned"'),
        ('"name":"Loans"', '"name":NaN'),
        ('"transactionId":"T1",', ""),
        ('"encodedKey":"a",', ""),
    ],
)
async def test_what_is_not_read_costs_nothing(old: str, new: str) -> None:
    """Keys that nobody reads may stand twice, hold half a character, or be called as those that are read."""
    (found,) = await pages(Script(raw_page(b"[ %b, %b ]" % (written(1, (old, new)), written(2)))))
    assert found.unreadable == []
    assert [(one.entry_id, one.amount) for one in found.lines] == [(1, Decimal("12.5")), (2, Decimal("12.5"))]


@pytest.mark.parametrize(
    "amount",
    [
        *(f'"{one}"' for one in ("1_000", " 5 ", "5 ", "+5", "\u0665", "\uff15", "1e5_0")),
        *('"NaN"', '"-Infinity"', '"sNaN1"'),
        *('"05"', '".5"', '"5."', '""', '"1,5"', '"1\\n"', "NaN", "Infinity", "true", "null", "[1]"),
    ],
)
async def test_an_amount_is_a_plain_number(amount: str) -> None:
    """An amount that is not a number as JSON writes it, be it in quotes, makes its line unreadable."""
    bad = written(2, ("12.5", amount))
    (found,) = await pages(Script(raw_page(b"[%b,%b]" % (written(1), bad))))
    assert [one.entry_id for one in found.lines] == [1]
    assert [one.raw for one in found.unreadable] == [bad]


@pytest.mark.parametrize("amount", ["12.50", "-0", "1e3", "1.5E-2", "0.0000"])
async def test_a_number_in_quotes_is_a_number(amount: str) -> None:
    """An amount in quotes counts where it is written as JSON writes a number."""
    (found,) = await pages(Script(raw_page(b"[%b]" % written(2, ("12.5", f'"{amount}"')))))
    assert [one.amount for one in found.lines] == [Decimal(amount)]


@pytest.mark.parametrize("body", [b"[1 2]", b"[1],", b"[1]]", b"[,]", b"[1,]", b'["\x01"]', b"[1"])
async def test_what_is_no_json_is_not_taken_apart(body: bytes) -> None:
    """A page that is not JSON is garbled as a whole, whatever can be read of it."""
    with pytest.raises(Unavailable, match="Check that the base URL leads to Mambu's API"):
        await pages(Script(raw_page(body)))


@pytest.mark.parametrize("body", [b"<html>log in</html>", b'[{"encodedKey": "a"', b"", b"{}", b"[" * 100_000])
async def test_garbled_pages_are_repeated(body: bytes) -> None:
    """A page that is no list of objects is repeated and then Unavailable."""
    script = Script(raw_page(body))
    with pytest.raises(Unavailable, match="Check that the base URL leads to Mambu's API"):
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
    with pytest.raises(Rejected, match="Mambu gave no reason"):
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
