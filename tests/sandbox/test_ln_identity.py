"""ION's token endpoint and the .ionapi file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blocks.sandbox.infor_ln.app import TENANT, ionapi
from blocks.sandbox.infor_ln.identity import ACCOUNT_KEY, ACCOUNT_SECRET, CLIENT_ID, CLIENT_SECRET
from tests.helpers.ln_stand_in import LOGIN, PASSWORD, TOKEN, ln, message
from tests.helpers.stand_ins import basic

REVOKE = TOKEN.replace("token", "revoke_token")
IN_BODY = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def test_the_file_leads_to_the_stand_in() -> None:
    """pu ends in the tenant's /as/, iu is the bare address, and pu and ot make the token's address."""
    file = ionapi("http://127.0.0.1:1234")
    assert file["pu"] == f"http://127.0.0.1:1234/{TENANT}/as/"
    assert (file["iu"], file["ti"]) == ("http://127.0.0.1:1234", TENANT)
    assert file["pu"] + file["ot"] == f"http://127.0.0.1:1234{TOKEN}"
    assert {file["ci"], file["cs"], file["saak"], file["sask"]} == {
        CLIENT_ID,
        CLIENT_SECRET,
        ACCOUNT_KEY,
        ACCOUNT_SECRET,
    }


async def test_a_password_gives_a_token() -> None:
    """The password grant with a Basic client gives a bearer token of two hours."""
    async with ln() as standin:
        answer = (await standin.token()).json()
    assert answer.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 7200)


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {}, "data": {**PASSWORD, **IN_BODY}},
        {"data": {"grant_type": "client_credentials"}},
        {"headers": {}, "data": {"grant_type": "client_credentials", **IN_BODY}},
        {"data": {**PASSWORD, "scope": ""}},
    ],
)
async def test_other_ways_to_ask_give_a_token_that_opens(changes: dict[str, Any]) -> None:
    """The client may stand in the body, the grant may be client_credentials, a scope may be there."""
    async with ln() as standin:
        await standin.sign_in(**changes)
        assert await standin.status() == 201


async def test_the_refresh_token_can_be_off() -> None:
    """With refresh_tokens off, and with client_credentials ever, there is none in the answer."""
    async with ln() as standin:
        other = (await standin.token(data={"grant_type": "client_credentials"})).json()
        await standin.control("options", refresh_tokens=False)
        answer = (await standin.token()).json()
    assert "refresh_token" not in answer
    assert "refresh_token" not in other


async def test_a_refresh_token_gives_another_token() -> None:
    """grant_type=refresh_token gives a token that opens; an access token does not serve for it."""
    async with ln() as standin:
        first = (await standin.token()).json()
        form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        await standin.sign_in(data=form)
        wrong = await standin.token(data={**form, "refresh_token": first["access_token"]})
        assert await standin.status() == 201
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"headers": basic(f"{CLIENT_ID}:wrong")}, 401, "invalid_client"),
        ({"headers": basic(f"other:{CLIENT_SECRET}")}, 401, "invalid_client"),
        ({"headers": {"Authorization": "Basic %%%"}}, 401, "invalid_client"),
        ({"headers": {}}, 401, "invalid_client"),
        ({"headers": {}, "data": {**PASSWORD, **IN_BODY, "client_secret": "x"}}, 401, "invalid_client"),
        ({"data": {**PASSWORD, **IN_BODY}}, 400, "invalid_request"),
        ({"data": {**PASSWORD, "username": "x"}}, 400, "invalid_grant"),
        ({"data": {**PASSWORD, "password": "x"}}, 400, "invalid_grant"),
        ({"data": {"grant_type": "password", "username": ACCOUNT_KEY}}, 400, "invalid_request"),
        ({"data": {**PASSWORD, "grant_type": "authorization_code"}}, 400, "unsupported_grant_type"),
        ({"data": {"username": ACCOUNT_KEY, "password": ACCOUNT_SECRET}}, 400, "invalid_request"),
        ({"data": {**PASSWORD, "password": [ACCOUNT_SECRET, "x"]}}, 400, "invalid_request"),
        ({"data": None, "json": PASSWORD}, 400, "invalid_request"),
    ],
)
async def test_a_wrong_token_request_is_told_in_oauths_words(
    changes: dict[str, Any], status: int, error: str
) -> None:
    """Client, grant, user and form are checked, each with its own word and status."""
    async with ln() as standin:
        answer = await standin.token(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_grants_can_be_taken_away() -> None:
    """A grant that is not among the switch's is unsupported."""
    async with ln(grants="password") as standin:
        answer = await standin.token(data={"grant_type": "client_credentials"})
    assert answer.json()["error"] == "unsupported_grant_type"


async def test_tokens_are_posted_for() -> None:
    """The token endpoint answers nothing but POST."""
    async with ln() as standin:
        answer = await standin.http.get(TOKEN, headers=basic(LOGIN))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_token_ends_when_it_said() -> None:
    """A token opens until its expires_in is over, on the sandbox's clock, which can be short."""
    async with ln(token_seconds=60) as standin:
        standin.clock.advance(59)
        before = await standin.status()
        standin.clock.advance(1)
        after = await standin.status()
        await standin.sign_in()
        again = await standin.status(message(XeroPaymentID="other"))
    assert (before, after, again) == (201, 401, 201)


async def test_a_revoked_token_is_refused() -> None:
    """A token given to the revocation endpoint opens nothing any more, and others go on."""
    async with ln() as standin:
        revoked = await standin.sign_in()
        kept = await standin.sign_in()
        answer = await standin.http.post(REVOKE, headers=basic(LOGIN), data={"token": revoked})
        assert answer.status_code == 200
        assert await standin.status() == 201
        standin.bearer = revoked
        assert await standin.status() == 401
    assert kept != revoked


async def test_revoking_needs_the_client() -> None:
    """The revocation endpoint checks the client as the token endpoint does."""
    async with ln() as standin:
        answer = await standin.http.post(REVOKE, data={"token": standin.bearer})
        assert await standin.status() == 201
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_revoked_client_is_refused_for_good() -> None:
    """With client_revoked neither the tokens at hand nor new ones open anything."""
    async with ln() as standin:
        await standin.control("options", client_revoked=True)
        assert await standin.status() == 401
        assert (await standin.token()).json()["error"] == "invalid_client"


async def test_expire_tokens_ends_every_token() -> None:
    """After expire_tokens a token is refused, and a new one opens."""
    async with ln() as standin:
        await standin.control("expire_tokens")
        assert await standin.status() == 401
        await standin.sign_in()
        assert await standin.status() == 201


async def test_tokens_are_counted() -> None:
    """The control path tells how many tokens were handed out, by grant, and how many refused."""
    async with ln() as standin:
        await standin.token(data={"grant_type": "client_credentials"})
        await standin.token(headers={})
        counts = await standin.control("tokens")
    assert counts == {"issued": 2, "by_grant": {"password": 1, "client_credentials": 1}, "refused": 1}


def _holding(directory: Path, text: str) -> list[str]:
    """Return the files of a directory that hold a text."""
    return [file.name for file in directory.iterdir() if text.encode() in file.read_bytes()]


async def test_a_token_outlives_a_restart_and_is_not_on_disk(tmp_path: Path) -> None:
    """A stand-in started anew knows the tokens of the one before, by digest only."""
    async with ln(tmp_path) as standin:
        token = standin.bearer
    async with ln(tmp_path) as standin:
        standin.bearer = token
        assert await standin.status() == 201
    assert not _holding(tmp_path, token)
