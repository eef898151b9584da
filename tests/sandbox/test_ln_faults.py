"""Faults in front of the Infor LN stand-in, and how it is put into the sandbox."""

from __future__ import annotations

import json
import re
import stat
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from blocks.sandbox.app import Sandbox
from blocks.sandbox.faults.layer import ConnectionDropped
from blocks.sandbox.faults.presets import PRESETS
from blocks.sandbox.infor_ln.app import DEFAULT_PATH, TENANT
from blocks.sandbox.process import SandboxProcess, SandboxSettings
from tests.helpers.ln_stand_in import LOGIN, PASSWORD, TOKEN, ln, message
from tests.helpers.stand_ins import basic


def rule(kind: str, **more: Any) -> dict[str, Any]:
    """Return a rule about the payment call."""
    return {"system": "ln", "path": "BankTransactions$", "kind": kind, **more}


@pytest.mark.parametrize("kind", sorted(set(PRESETS["ln"]) - {"200-error", "html"}))
async def test_each_preset_says_its_status_once(kind: str) -> None:
    """A preset answers with the status its name begins with, and the next call goes through or is known."""
    async with ln() as standin:
        standin.faults.add(rule(kind))
        assert await standin.status() == int(kind[:3])
        assert await standin.status() == (409 if kind == "504" else 201)
        assert len(await standin.documents()) == 1


async def test_the_token_call_is_spared() -> None:
    """A rule about the payment's path leaves the token call alone, and one about the token's strikes it."""
    async with ln() as standin:
        standin.faults.add([rule("503", times=0), {"system": "ln", "path": "oauth2$", "kind": "500"}])
        assert (await standin.token()).status_code == 500
        assert (await standin.token()).status_code == 200


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("401-u14", "OAuth [U14]: unknown oauth_consumer_key"),
        ("409-lock", "locked by another user"),
        ("409-duplicate", "Payment already processed"),
        ("500-fault", '"Message"'),
        ("500-soap", "<S:Fault>"),
        ("200-error", '"Message"'),
        ("html", "<html>"),
    ],
)
async def test_texts_tell_the_presets_apart(kind: str, text: str) -> None:
    """What only the body tells is in the body."""
    async with ln() as standin:
        standin.faults.add(rule(kind))
        answer = await standin.send()
        assert await standin.documents() == []
    assert text in answer.text


async def test_a_good_token_is_rejected_for_a_while() -> None:
    """The U14 refusal strikes n calls with a good token, and the same token then opens."""
    async with ln() as standin:
        standin.faults.add(rule("401-u14", times=2))
        assert [await standin.status() for _ in range(3)] == [401, 401, 201]


async def test_a_lock_goes_away() -> None:
    """n calls meet the lock, under the duplicate's own status, and then one succeeds."""
    async with ln() as standin:
        standin.faults.add(rule("409-lock", times=2))
        assert [await standin.status() for _ in range(4)] == [409, 409, 201, 409]


@pytest.mark.parametrize(("kind", "wanted"), [("429", r"2"), ("429-date", r".* GMT"), ("429-bare", None)])
async def test_retry_after_comes_in_seconds_as_a_date_or_not(kind: str, wanted: str | None) -> None:
    """A 429 says when to come again in each of the ways."""
    async with ln() as standin:
        standin.faults.add(rule(kind))
        value = (await standin.send()).headers.get("retry-after")
    assert (value is None) if wanted is None else re.fullmatch(wanted, value or "")


async def test_the_date_of_retry_after_lies_ahead() -> None:
    """The date is so many seconds from now, on real clocks."""
    async with ln() as standin:
        standin.faults.add(rule("429-date", retry_after=60))
        at = parsedate_to_datetime((await standin.send()).headers["retry-after"])
    assert timedelta(50) > at - datetime.now(UTC) > timedelta(seconds=50)


@pytest.mark.parametrize(("kind", "booked"), [("504", True), ("504-before", False)])
async def test_a_gateway_timeout_is_before_or_after_the_booking(kind: str, booked: bool) -> None:
    """A 504 has an empty body either way; sending again tells which it was."""
    async with ln() as standin:
        standin.faults.add(rule(kind))
        answer = await standin.send()
        assert (answer.status_code, answer.content) == (504, b"")
        again = await standin.send()
        assert len(await standin.documents()) == 1
    assert (again.status_code, "already processed" in again.text) == ((409, True) if booked else (201, False))


@pytest.mark.parametrize(("kind", "booked"), [("drop_after", True), ("cut", True), ("drop_before", False)])
async def test_a_lost_connection_is_before_or_after_the_booking(kind: str, booked: bool) -> None:
    """A connection cut after the work leaves the booking in place, one cut before leaves nothing."""
    async with ln() as standin:
        standin.faults.add(rule(kind))
        with pytest.raises(ConnectionDropped):
            await standin.send()
        assert len(await standin.documents()) == int(booked)
        assert await standin.status() == (409 if booked else 201)


async def test_nothing_secret_is_in_the_log() -> None:
    """The log of requests and the notes of refusals hold neither the secrets nor a token."""
    async with ln() as standin:
        await standin.send(message(XeroPaymentID=""))
        noted = json.dumps(await standin.control("books")) + repr(standin.faults.log.documents())
    assert not [one for one in (*PASSWORD.values(), standin.bearer) if one != "password" and one in noted]


async def test_gateway_paths_reach_the_stand_in(sandbox: Sandbox, inside: httpx.AsyncClient) -> None:
    """Calls below the tenant, and those of a wrong tenant, are answered by the gateway and logged as ln."""
    wrong = await inside.post(f"/OTHER{DEFAULT_PATH}")
    await inside.post(TOKEN, headers=basic(LOGIN), data=PASSWORD)
    assert (wrong.status_code, wrong.json()["Message"]) == (404, "Tenant OTHER bestaat niet")
    logged = [(one["system"], one["path"], one["status"]) for one in sandbox.faults.log.documents()]
    assert logged == [("ln", f"/OTHER{DEFAULT_PATH}", 404), ("ln", TOKEN, 200)]


async def test_the_control_path_reaches_the_books(inside: httpx.AsyncClient) -> None:
    """/control/ln has the verbs, and says which there are when asked for another."""
    books = await inside.post("/control/ln/books")
    unknown = await inside.post("/control/ln/help")
    assert (books.status_code, books.json()["documents"]) == (200, [])
    assert (unknown.status_code, "remove_partner" in unknown.json()["error"]) == (400, True)


async def test_the_page_shows_the_books(sandbox: Sandbox, inside: httpx.AsyncClient) -> None:
    """/ln/ has a tab each for documents, prepayments with what is left, expenses and refusals."""
    token = (await inside.post(TOKEN, headers=basic(LOGIN), data=PASSWORD)).json()["access_token"]
    signed = {"Authorization": f"Bearer {token}", "Content-Language": "en"}
    address = f"/{TENANT}{DEFAULT_PATH}"
    for row in (
        message(4, InvoiceAmount=500, XeroContactName="<b>ABC</b>"),
        message(2, BusinessPartner="", InvoiceAmount=20, XeroContactName="Federico Rossi Expenses"),
        message(1, BusinessPartner="nobody", XeroPaymentID="other", InvoiceAmount=7),
    ):
        await inside.post(address, json={**row, "CurrencyRate": 1}, headers=signed)
    pages = {
        view: (await inside.get(f"/ln/?view={view}")).text
        for view in ("documents", "prepayments", "expenses", "refusals")
    }
    assert "Unallocated receipt" in pages["documents"]
    assert "&lt;b&gt;ABC&lt;/b&gt;" in pages["documents"]
    assert pages["prepayments"].count("GBP 500.00") == 2
    assert "Federico Rossi Expenses" in pages["expenses"]
    assert "Business partner nobody does not exist" in pages["refusals"]
    assert (await inside.get("/ln/?view=x&page=9")).text == (await inside.get("/ln/")).text
    assert "2 bank documents" in (await inside.get("/")).text


async def test_an_empty_page_says_so(inside: httpx.AsyncClient) -> None:
    """Each tab without rows says what would be there."""
    for view, what in (("documents", "bank documents"), ("refusals", "refusals")):
        assert f"No {what} here" in (await inside.get(f"/ln/?view={view}")).text


def test_the_announcement_leads_to_ln(tmp_path: Path) -> None:
    """With nothing but the announced variables a client books a payment; the file is this user's alone."""
    with SandboxProcess(SandboxSettings(tmp_path / "s", lines_per_day=40)) as process:
        env = process.env
        path = Path(env["INFOR_LN_IONAPI_FILE"])
        file = json.loads(path.read_text())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        token = httpx.post(
            file["pu"] + file["ot"],
            auth=(file["ci"], file["cs"]),
            data={"grant_type": "password", "username": file["saak"], "password": file["sask"]},
            timeout=60,
        ).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "X-Infor-LnCompany": env["INFOR_LN_COMPANY"]}
        address = f"{file['iu']}/{file['ti']}{env['INFOR_LN_PATH']}"
        row = {**message(4), "CurrencyRate": 1, "InvoiceAmount": 1.5}
        assert httpx.post(address, json=row, headers=headers, timeout=60).status_code == 201
        start = env["DAYBOOK_PAYMENTS_START"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00\+00:00", start)
    with SandboxProcess(SandboxSettings(tmp_path / "s", lines_per_day=40)) as process:
        assert process.env["DAYBOOK_PAYMENTS_START"] == start
        books = httpx.post(f"{process.url}/control/ln/books", timeout=60).json()
    assert [row["amount"] for row in books["documents"]] == ["1.5"]
