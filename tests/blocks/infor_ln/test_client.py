"""Infor LN's client, its token and its credentials."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import pickle
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from blocks.errors import CallFailed, NotAllowed, UnknownOutcome, Unreachable, UsageError
from blocks.infor_ln.answers import NoToken
from blocks.infor_ln.credentials import IONAPI_KEYS, InforLNCredentials
from tests.helpers.clocks import VirtualClock
from tests.helpers.ln_client import (
    CANARY,
    DOCUMENT,
    IONAPI,
    PATH,
    TOKEN,
    TOKEN_URL,
    U14,
    Infor,
    block,
    client,
    tokens,
)
from tests.helpers.scripted import Step, answer, failing

# --- The token ----------------------------------------------------------------------------------


async def test_the_password_grant() -> None:
    """With a service account the token is a form post of its keys, with the app's keys as Basic."""
    script = Infor(answer(201))
    async with client(script) as ln:
        await ln.post(DOCUMENT)
        assert ln.calls == 2
    (asked,) = script.token_requests
    assert (asked.method, str(asked.url)) == ("POST", TOKEN_URL)
    login = base64.b64encode(f"{IONAPI['ci']}:{IONAPI['cs']}".encode()).decode()
    assert asked.headers["authorization"] == f"Basic {login}"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert dict(httpx.QueryParams(asked.content.decode())) == {
        "grant_type": "password",
        "username": IONAPI["saak"],
        "password": IONAPI["sask"],
    }


async def test_the_client_credentials_grant() -> None:
    """Without a service account the app asks for itself."""
    script = Infor(answer(201))
    without = {key: value for key, value in IONAPI.items() if key not in {"saak", "sask"}}
    async with client(script, ionapi=without) as ln:
        await ln.post(DOCUMENT)
    form = httpx.QueryParams(script.token_requests[0].content.decode())
    assert dict(form) == {"grant_type": "client_credentials"}


async def test_many_posts_share_one_token() -> None:
    """Posts that start together fetch a single token."""
    script = Infor(answer(201))
    async with client(script) as ln:
        await asyncio.gather(*(ln.post(DOCUMENT) for _ in range(10)))
    assert (len(script.token_requests), len(script.requests)) == (1, 10)


@pytest.mark.parametrize(
    ("expires_in", "used_until"),
    [(7200, 7140), ("7200", 7140), (60, 30), (1e14, 86340), (-5, 240), ("nan", 240), (None, 240)],
)
async def test_a_token_is_renewed_early(expires_in: object, used_until: int) -> None:
    """A token is used until 60 seconds before its end, or for half of a short life, and then renewed.

    A life that is none counts as five minutes, one of ages as a day.
    """
    clock = VirtualClock()
    script = Infor(answer(201), token=tokens(expires_in=expires_in))
    async with client(script, clock) as ln:
        await ln.post(DOCUMENT)
        clock.advance(used_until - 1)
        await ln.post(DOCUMENT)
        assert len(script.token_requests) == 1
        clock.advance(1)
        await ln.post(DOCUMENT)
    assert len(script.token_requests) == 2


async def test_an_expired_token_is_replaced_once() -> None:
    """A 401 leads to one new token and one further post; a second 401 is the answer."""
    script = Infor(answer(401), answer(201))
    async with client(script) as ln:
        assert (await ln.post(DOCUMENT)).status == 201
    assert [request.headers["authorization"] for request in script.requests] == [
        f"Bearer {TOKEN}-1",
        f"Bearer {TOKEN}-2",
    ]
    script = Infor(answer(401))
    async with client(script) as ln:
        assert (await ln.post(DOCUMENT)).status == 401
    assert len(script.requests) == 2


async def test_a_good_token_that_is_refused_is_kept() -> None:
    """The U14 refusal is an answer like others and drops no token; forgetting it is the caller's choice."""
    script = Infor(U14, U14, answer(201))
    async with client(script) as ln:
        assert (await ln.post(DOCUMENT)).status == 401
        assert (await ln.post(DOCUMENT)).status == 401
        assert len(script.token_requests) == 1
        ln.forget_token()
        assert (await ln.post(DOCUMENT)).status == 201
    assert len(script.token_requests) == 2


@pytest.mark.parametrize("status", [400, 401])
async def test_refused_credentials(status: int) -> None:
    """A refused token is NotAllowed in OAuth's word only, asked for once, and nothing is posted."""
    body = {"error": "invalid_grant", "error_description": f"no user {CANARY}"}
    script = Infor(answer(201), token=answer(status, body))
    with pytest.raises(NotAllowed, match="invalid_grant") as raised:
        async with client(script) as ln:
            await ln.post(DOCUMENT)
    assert CANARY not in str(raised.value)
    assert ".ionapi" in str(raised.value)
    assert (len(script.token_requests), script.requests) == (1, [])


@pytest.mark.parametrize(
    "step",
    [
        answer(503),
        failing(httpx.ConnectError),
        failing(httpx.ReadTimeout),
        answer(200, b"<html>"),
        answer(200, {"access_token": ""}),
        answer(200, {"access_token": "a\r\nb"}),
        answer(404),
        answer(302),
    ],
)
async def test_no_token_no_post(step: Step) -> None:
    """Where the token service is down, or gives no token, nothing is posted and the error says so."""
    script = Infor(answer(201), token=step)
    with pytest.raises(NoToken, match="so nothing was posted"):
        async with client(script) as ln:
            await ln.post(DOCUMENT)
    assert script.requests == []


async def test_a_token_service_out_of_order_is_no_matter_of_the_keys() -> None:
    """Where the token service is down, nobody is told to check the file, and the wait it asks for is kept."""
    script = Infor(answer(201), token=answer(503, {"error": CANARY}, retry_after="90"))
    with pytest.raises(NoToken) as raised:
        async with client(script) as ln:
            await ln.post(DOCUMENT)
    assert ".ionapi" not in str(raised.value)
    assert CANARY not in str(raised.value)
    assert raised.value.retry_after_seconds == 90


async def test_a_passing_fault_of_the_token_service() -> None:
    """A token call that fails by a fault is repeated: it books nothing."""
    steps = [answer(503), failing(httpx.ReadTimeout), tokens()]
    script = Infor(answer(201), token=lambda request: steps.pop(0)(request))
    async with client(script) as ln:
        assert (await ln.post(DOCUMENT)).status == 201


# --- Posting ------------------------------------------------------------------------------------


async def test_a_post_as_ln_wants_it() -> None:
    """A document goes out byte for byte to the path below the tenant, with company, language and types."""
    script = Infor(answer(201))
    async with client(script, language="de-DE", company="0303", path=f"/{PATH}/") as ln:
        found = await ln.post(DOCUMENT)
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", f"https://gateway.example/ACME_TST/{PATH}")
    assert request.content == DOCUMENT
    assert request.headers["authorization"] == f"Bearer {TOKEN}-1"
    assert request.headers["x-infor-lncompany"] == "303"
    assert request.headers["content-language"] == "de-DE"
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    assert request.extensions["timeout"]["read"] == 75.0
    assert found.status == 201


@pytest.mark.parametrize("status", [200, 302, 400, 403, 404, 409, 422, 429, 500, 502, 503, 504])
async def test_every_answer_is_returned_after_one_post(status: int) -> None:
    """Whatever the status, the answer is returned and nothing is repeated."""
    script = Infor(answer(status, {"error": {"message": "said"}}, retry_after="3"))
    async with client(script) as ln:
        found = await ln.post(DOCUMENT)
    assert (found.status, found.message, found.retry_after_seconds) == (status, "said", 3)
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError, Unreachable),
        (httpx.ConnectTimeout, Unreachable),
        (httpx.ReadTimeout, UnknownOutcome),
        (httpx.ReadError, UnknownOutcome),
        (httpx.WriteError, UnknownOutcome),
        (httpx.RemoteProtocolError, UnknownOutcome),
    ],
)
async def test_without_an_answer_nothing_is_repeated(error: type[Exception], kind: type[Exception]) -> None:
    """A post without an answer is made once; whether it left this machine decides what is raised."""
    clock = VirtualClock()
    script = Infor(failing(error))
    with pytest.raises(kind):
        async with client(script, clock) as ln:
            await ln.post(DOCUMENT)
    assert (len(script.requests), clock.slept) == (1, [])


async def test_a_lost_answer_after_a_new_token() -> None:
    """A post that is repeated for its token and then lost is an unknown outcome."""
    script = Infor(answer(401), failing(httpx.ReadTimeout))
    with pytest.raises(UnknownOutcome):
        async with client(script) as ln:
            await ln.post(DOCUMENT)


# --- The block ----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["ti", "ci", "cs", "iu", "pu", "ot", "saak", "sask"])
@pytest.mark.parametrize("value", [None, "", " ", 7, {}])
def test_a_missing_key_is_named_without_values(missing: str, value: object) -> None:
    """A key that is missing, empty or no text is named; no value of the file is shown."""
    content = {**IONAPI, missing: value}
    if value is None:
        del content[missing]
    with pytest.raises(UsageError, match=f"lacks {missing} ") as raised:
        block(content)
    assert "CANARY" not in str(raised.value)


def test_all_missing_keys_are_named_at_once() -> None:
    """Every missing key is named; the service account's are not among them where neither is there."""
    with pytest.raises(UsageError, match="lacks ti, ci, cs, iu, pu, ot "):
        block({})
    assert len(IONAPI_KEYS) == 8


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{", b"x" + json.dumps(IONAPI).encode()])
def test_a_file_that_is_none(content: bytes) -> None:
    """A file that is no JSON object is refused, and not shown."""
    with pytest.raises(UsageError, match="not a JSON object") as raised:
        InforLNCredentials.from_ionapi(content, company=303, path=PATH)
    assert "CANARY" not in f"{raised.value}{raised.value.__context__!r}"


def test_a_byte_order_mark_is_no_matter() -> None:
    """A file that begins with a byte order mark is read."""
    text = json.dumps(IONAPI)
    for content in (b"\xef\xbb\xbf" + text.encode(), "\ufeff" + text):
        assert InforLNCredentials.from_ionapi(content, company=1, path=PATH).tenant == "ACME_TST"


@pytest.mark.parametrize(("pu", "ot"), [("/as/", "t"), ("/as", "/t"), ("/as/", "/t/"), ("/as", "t")])
async def test_addresses_are_joined_with_one_slash(pu: str, ot: str) -> None:
    """However the file's parts end and begin, exactly one slash joins them."""
    script = Infor(answer(201))
    async with client(script, ionapi={**IONAPI, "pu": f"https://sso.example{pu}", "ot": ot}) as ln:
        await ln.post(DOCUMENT)
    assert str(script.token_requests[0].url) == "https://sso.example/as/t"


@pytest.mark.parametrize(
    "wrong",
    [
        {"company": -1},
        {"company": 10000},
        {"company": "x"},
        {"path": ""},
        {"path": "/"},
        {"path": "https://elsewhere/x"},
        {"path": "a?b"},
        {"path": "a/../b"},
        {"path": "a b"},
        {"language": "english!"},
        {"ionapi": {**IONAPI, "iu": f"http://u:{CANARY}@h"}},
        {"ionapi": {**IONAPI, "pu": "http://sso.example"}},
        {"ionapi": {**IONAPI, "ti": "a/b"}},
    ],
)
def test_what_a_block_refuses(wrong: dict[str, Any]) -> None:
    """A company, path, language, tenant or address that cannot be is refused, and no value is shown."""
    with pytest.raises(ValidationError) as raised:
        block(**wrong)
    assert "CANARY" not in str(raised.value)


def test_half_a_service_account_is_refused() -> None:
    """The block, too, takes both keys of the service account or neither."""
    made = block().model_dump()
    with pytest.raises(ValidationError, match="or neither"):
        InforLNCredentials(**{**made, "secret_key": None})
    with pytest.raises(ValidationError, match="client_secret"):
        InforLNCredentials(**{**made, "client_secret": SecretStr("")})


async def test_no_secret_shows() -> None:
    """Neither the block, its JSON, the client nor what the client holds shows a secret or the token."""
    made = block()
    ln = made.get_client(http=Infor(answer(201)), clock=VirtualClock())
    async with ln:
        await ln.post(DOCUMENT)
        shown = [str(made), repr(made), made.model_dump_json(), repr(made.model_dump())]
        parts = (ln, ln.transport, ln._token, ln._token.transport, ln._token.transport._authorisation)
        shown += [repr(held) for held in parts]
        shown += [repr(vars(ln)), repr(vars(ln._token)), repr(vars(ln.transport))]
    assert "CANARY" not in "".join(shown)


@pytest.mark.parametrize("where", ["post", "token"])
@pytest.mark.parametrize("step", [answer(401), answer(403), failing(httpx.ReadTimeout), answer(200, b"<h>")])
async def test_no_secret_leaves(step: Step, where: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither an error, its pickle, an answer nor any log record holds a secret or a token."""
    caplog.set_level(logging.DEBUG)
    script = Infor(step) if where == "post" else Infor(answer(201), token=step)
    told: list[str] = []
    try:
        async with client(script) as ln:
            told.append(repr(await ln.post(DOCUMENT)))
    except CallFailed as error:
        told += [str(error), repr(error), repr(pickle.dumps(error)), repr(error.__context__)]
    told += [f"{record.getMessage()} {record.args}" for record in caplog.records]
    assert "CANARY" not in "".join(told)


async def test_a_large_answer_leaves_the_outcome_unknown() -> None:
    """What is larger than any answer of LN's is not taken, and whether the document was booked is unknown."""
    script = Infor(answer(201, b" " * (1024 * 1024 + 1)))
    async with client(script) as ln:
        with pytest.raises(UnknownOutcome, match="larger than 1 MiB"):
            await ln.post(DOCUMENT)
    assert len(script.requests) == 1
