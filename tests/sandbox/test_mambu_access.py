"""Logins, permissions, headers, and the endpoints that only read."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from blocks.sandbox.mambu.app import API_KEYS, ASSIGNED_USER_KEY, USERS
from blocks.sandbox.world import chart
from tests.helpers.mambu_stand_in import ACCEPT, error, sandbox, whole_day
from tests.helpers.stand_ins import basic, inside

SEARCH, ORGANIZATION = "/api/gljournalentries:search", "/api/setup/organization"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 2),
        ({"apiKey": "6f1e1d3c-0000-4d35-9a5e-0c1f6d2b7a01"}, 2),
        ({"apiKey": API_KEYS["expired"]}, 2),
        (basic("a.okafor:wrong"), 2),
        ({"Authorization": "Basic %%%"}, 1),
        ({"Authorization": "Bearer x"}, 1),
    ],
)
async def test_bad_login_is_401(headers: dict[str, str], code: int) -> None:
    """Nobody known, an expired key included, is a 401."""
    async with sandbox() as mambu:
        answer = await mambu.http.get(
            "/api/branches", headers={"apiKey": "", **headers} if "apiKey" in headers else headers
        )
        async with inside(mambu.app) as bare:
            answer = await bare.get("/api/branches", headers={"Accept": ACCEPT, **headers})
    assert (answer.status_code, error(answer)["errorCode"]) == (401, code)


@pytest.mark.parametrize(
    "headers", [{"APIKEY": API_KEYS["admin"]}, {"apikey": API_KEYS["admin"]}, basic(":".join(USERS["admin"]))]
)
async def test_good_logins(headers: dict[str, str]) -> None:
    """A key under a header of any case and HTTP Basic both work."""
    async with sandbox() as mambu, inside(mambu.app) as bare:
        answer = await bare.get("/api/branches", headers={"Accept": ACCEPT, **headers})
    assert answer.status_code == 200
    assert [row["id"] for row in answer.json()] == ["LDN", "MAN", "EDI"]


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("admin", (200, 200, 200, 200)),
        ("ledger_reader", (200, 403, 403, 403)),
        ("branch_limited", (200, 200, 200, 403)),
        ("task_creator", (403, 200, 200, 403)),
    ],
)
async def test_roles(role: str, statuses: tuple[int, ...]) -> None:
    """Each role may do its part; the rest is a 403 with code 15."""
    async with sandbox(role=role) as mambu:
        answers = [
            await mambu.search(whole_day()),
            *[await mambu.http.get(path) for path in ("/api/tasks", "/api/users", ORGANIZATION)],
        ]
    assert tuple(answer.status_code for answer in answers) == statuses
    for answer in answers:
        if answer.status_code == 403:
            assert error(answer)["errorCode"] == 15


@pytest.mark.parametrize(
    ("accept", "status"),
    [(ACCEPT, 200), (f"text/html, {ACCEPT};q=0.9", 200), ("application/json", 406), ("*/*", 406)],
)
async def test_accept_names_the_version(accept: str, status: int) -> None:
    """A call without the media type of API v2 is refused."""
    async with sandbox() as mambu:
        answer = await mambu.http.get("/api/branches", headers={"Accept": accept})
        await mambu.control("options", {"accept_status": 415})
        again = await mambu.http.get("/api/branches", headers={"Accept": accept})
    assert (answer.status_code, again.status_code) == (status, 415 if status == 406 else 200)


async def test_unknown_paths_and_methods() -> None:
    """An unknown path is a 404, a known one with another method a 405, a body of another type a 415."""
    async with sandbox() as mambu:
        assert (
            error(await mambu.http.get("/api/gljournalentries/archives"))["errorReason"] == "OBJECT_NOT_FOUND"
        )
        assert (await mambu.http.get("/api/nothing")).status_code == 404
        assert error(await mambu.http.delete("/api/branches"))["errorCode"] == 5
        assert (await mambu.http.post(SEARCH, content=b"{}")).status_code == 415


async def test_organization() -> None:
    """The organisation says its zone and currency to administrators, unless the switch forbids it."""
    async with sandbox(time_zone="Pacific/Auckland", currency="NZD") as mambu:
        organization = (await mambu.http.get(ORGANIZATION)).json()
        assert (organization["timeZoneID"], organization["currency"]["code"]) == ("Pacific/Auckland", "NZD")
        await mambu.control("options", {"organization_forbidden": True})
        assert (await mambu.http.get(ORGANIZATION)).status_code == 403


async def test_accounts_by_type() -> None:
    """GET /glaccounts needs a type, and together the types are the chart with its headers."""
    async with sandbox() as mambu:
        assert error(await mambu.http.get("/api/glaccounts"))["errorReason"] == "MISSING_REQUIRED_PARAMETER"
        assert error(await mambu.http.get("/api/glaccounts?type=X"))["errorCode"] == 4
        rows: list[dict[str, Any]] = []
        for gl_type in ("ASSET", "LIABILITY", "EQUITY", "INCOME", "EXPENSE"):
            rows += (await mambu.http.get(f"/api/glaccounts?type={gl_type}")).json()
        page = await mambu.http.get("/api/glaccounts?type=ASSET&limit=2&offset=1&paginationDetails=ON")
    codes = {row["glCode"] for row in rows if row["usage"] == "DETAIL"}
    assert codes == {row.gl_code for row in chart.CHART}
    assert all(row["balance"] is not None for row in rows)
    assert (len(page.json()), page.headers["Items-Total"]) == (2, "13")


async def test_users() -> None:
    """Users are listed, and found by key; each says whether it may manage all branches."""
    async with sandbox() as mambu:
        users = (await mambu.http.get("/api/users")).json()
        user = (await mambu.http.get(f"/api/users/{ASSIGNED_USER_KEY}")).json()
        missing = await mambu.http.get("/api/users/nobody")
    assert user in users
    assert {row["username"]: row["access"]["canManageAllBranches"] for row in users}["m.branch"] is False
    assert missing.status_code == 404


async def test_a_branch_is_found_by_id_and_key() -> None:
    """GET /branches/{id} shows a branch by its id or key, to those who may see it."""
    async with sandbox() as mambu:
        branch = (await mambu.http.get("/api/branches/MAN")).json()
        assert (await mambu.http.get(f"/api/branches/{branch['encodedKey']}")).json() == branch
        assert branch in (await mambu.http.get("/api/branches")).json()
        assert (await mambu.http.get("/api/branches/PAR")).status_code == 404
    async with sandbox(role="branch_limited") as mambu:
        assert (await mambu.http.get("/api/branches/MAN")).json() == branch
        assert (await mambu.http.get("/api/branches/LDN")).status_code == 404


@pytest.mark.parametrize("nulls", [False, True])
async def test_fields_without_a_value_are_left_out_unless_switched(*, nulls: bool) -> None:
    """No answer of Mambu's has a null, and all have the missing fields as null where that is switched."""
    async with sandbox(nulls=nulls) as mambu:
        task = {"title": "Export failed", "dueDate": "2026-07-03"}
        created = await mambu.http.post("/api/tasks", json=task)
        legs = {"debits": "5400", "credits": "1010"}
        entry = {side: [{"glAccount": code, "amount": 1}] for side, code in legs.items()}
        posted = await mambu.http.post("/api/gljournalentries", json={"date": "2026-07-01", **entry})
        paths = (
            "tasks",
            "users",
            "glaccounts?type=ASSET",
            "backgroundprocess/latest?type=MANUAL_CRON_JOBS_TRIGGER",
        )
        answers = [created, posted, *[await mambu.http.get(f"/api/{path}") for path in paths]]
        lines = await mambu.search(
            [{"field": "creationDate", "operator": "ON", "value": "2026-07-01"}], limit="1000"
        )
    assert {answer.is_success for answer in answers} == {True}
    assert {b"null" in answer.content for answer in (*answers, lines)} == {nulls}
    rates = [line["foreignAmount"]["accountingRate"] for line in lines.json() if line.get("foreignAmount")]
    assert {"endDate" in rate for rate in rates} == {nulls}
    assert {rate["startDate"] for rate in rates} == {"2026-01-01T00:00:00+00:00"}


async def test_the_start_of_a_rate_is_in_the_tenants_zone() -> None:
    """Dates of an accounting rate have the organisation's offset, as the line's own have."""
    async with sandbox(time_zone="Pacific/Auckland") as mambu:
        lines = await mambu.by_cursor([{"field": "creationDate", "operator": "ON", "value": "2026-07-01"}])
    rates = [line["foreignAmount"]["accountingRate"] for line in lines if "foreignAmount" in line]
    assert {rate["startDate"] for rate in rates} == {"2026-01-01T00:00:00+13:00"}


async def test_end_of_day() -> None:
    """The state of end-of-day processing is read and switched, and a manual run is answered 202."""
    async with sandbox() as mambu:
        path = "/api/backgroundprocess/latest"
        assert (await mambu.http.get(path)).status_code == 400
        night = (await mambu.http.get(f"{path}?type=CRON_JOBS")).json()
        assert (night["state"], night["creationDate"]) == ("COMPLETE", "2026-07-02T00:00:00+01:00")
        manual = f"{path}?type=MANUAL_CRON_JOBS_TRIGGER"
        assert (await mambu.http.get(manual)).json()["state"] == "NOT_FOUND"
        for started in ("eod:run", "earlyeod:run"):
            answer = await mambu.http.post(f"/api/crons/{started}")
            assert (answer.status_code, answer.json()) == (202, {"state": "QUEUED"})
        await mambu.control("options", {"eod_state": "IN_PROGRESS"})
        run = (await mambu.http.get(manual)).json()
        assert (run["state"], run.get("endDate")) == ("IN_PROGRESS", None)
        await mambu.control("options", {"eod_manual": False})
        assert (await mambu.http.post("/api/crons/eod:run")).status_code == 400


@pytest.mark.parametrize(("manual", "method"), [(True, "MANUAL"), (False, "AUTOMATIC")])
async def test_how_end_of_day_is_configured(*, manual: bool, method: str) -> None:
    """Administrators read as YAML when the day is cut off, and whether its end is run by hand."""
    path = "/api/configuration/endofdayprocessing.yaml"
    accept = {"Accept": "application/vnd.mambu.v2+yaml"}
    async with sandbox(eod_manual=manual) as mambu:
        answer = await mambu.http.get(path, headers=accept)
        assert (await mambu.http.get(path)).status_code == 406
    assert yaml.safe_load(answer.text) == {
        "accountingCutOffTime": "00:00:00",
        "endOfDayProcessingMethod": method,
    }
    async with sandbox(role="ledger_reader") as mambu:
        assert (await mambu.http.get(path, headers=accept)).status_code == 403
