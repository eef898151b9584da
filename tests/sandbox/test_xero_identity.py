"""Tokens, scopes, the tenant, and what a request must carry."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.sandbox.xero.app import CLIENT_ID, CLIENT_SECRET, PAYMENT_SCOPES, SCOPES, TENANT_ID
from blocks.sandbox.xero.chart import OTHER_ORGANISATION
from tests.helpers.stand_ins import basic, exact
from tests.helpers.xero_stand_in import BASE, LOGIN, journal, xero

READS = "accounting.manualjournals.read accounting.settings.read"


async def test_a_token_says_what_it_opens_and_for_how_long() -> None:
    """A token lasts 1800 seconds and the answer repeats the granted scopes."""
    async with xero() as standin:
        answer = (await standin.token(SCOPES)).json()
    assert (answer["expires_in"], answer["token_type"], answer["scope"]) == (1800, "Bearer", SCOPES)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"headers": basic(f"{CLIENT_ID}:wrong")}, "invalid_client"),
        ({"headers": basic(f"other:{CLIENT_SECRET}")}, "invalid_client"),
        ({"headers": basic(f":{CLIENT_SECRET}")}, "invalid_request"),
        ({"headers": {"Authorization": "Basic %%%"}}, "invalid_request"),
        ({"headers": {"Authorization": "Bearer x"}}, "invalid_request"),
        ({"data": {"grant_type": "password", "scope": SCOPES}}, "unsupported_grant_type"),
        ({"data": {"scope": SCOPES}}, "unsupported_grant_type"),
        ({"data": {"grant_type": "client_credentials"}}, "invalid_scope"),
        ({"data": {"grant_type": "client_credentials", "scope": "accounting.payments"}}, "invalid_scope"),
        (
            {"data": {"grant_type": "client_credentials", "scope": f"{SCOPES} accounting.contacts"}},
            "invalid_scope",
        ),
    ],
)
async def test_a_wrong_token_request_is_400(changes: dict[str, Any], error: str) -> None:
    """Credentials, grant type and assigned scopes are checked, each with its own word."""
    async with xero() as standin:
        answer = await standin.token(**changes)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


async def test_tokens_are_posted_for() -> None:
    """The token endpoint answers nothing but POST."""
    async with xero() as standin:
        answer = await standin.http.get("/connect/token", headers=basic(LOGIN))
    assert answer.status_code == 405


async def test_a_token_ends_after_thirty_minutes() -> None:
    """A token opens for 30 minutes on the sandbox's clock and is then refused as expired."""
    async with xero() as standin:
        standin.clock.advance(1799)
        before = await standin.get("Organisation")
        standin.clock.advance(1)
        after = await standin.get("Organisation")
        await standin.sign_in()
        again = await standin.get("Organisation")
    assert (before.status_code, after.status_code, again.status_code) == (200, 401, 200)
    body = after.json()
    assert body.keys() == {"Type", "Title", "Status", "Detail", "Instance", "Extensions"}
    assert body["Detail"].startswith("TokenExpired: token expired at ")
    assert (body["Title"], body["Status"]) == ("Unauthorized", 401)


async def test_expire_tokens_ends_every_token() -> None:
    """After expire_tokens a token is refused as an expired one is."""
    async with xero() as standin:
        await standin.control("expire_tokens")
        answer = await standin.get()
    assert (answer.status_code, answer.json()["Detail"][:12]) == (401, "TokenExpired")


@pytest.mark.parametrize("authorization", ["", "Basic x", "Bearer "])
async def test_without_a_token_is_401(authorization: str) -> None:
    """A request without a bearer token is refused, and not as an expired one."""
    async with xero() as standin:
        answer = await standin.get(headers={"Authorization": authorization})
    assert (answer.status_code, answer.json()["Detail"]) == (401, "AuthenticationUnsuccessful")


@pytest.mark.parametrize(
    ("tenant", "status"), [(None, 200), (TENANT_ID, 200), (TENANT_ID.upper(), 200), ("x", 403)]
)
async def test_the_tenant_may_be_left_out_but_not_be_another(tenant: str | None, status: int) -> None:
    """A custom connection needs no tenant header, and a foreign tenant is a 403."""
    async with xero() as standin:
        answer = await standin.get(headers={} if tenant is None else {"xero-tenant-id": tenant})
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["Detail"] == "AuthenticationUnsuccessful"


async def test_connections_name_the_tenant() -> None:
    """GET /connections names the one organisation, under an id that is not the tenant's."""
    async with xero() as standin:
        (row,) = (await standin.http.get("/connections")).json()
    assert (row["tenantId"], row["tenantName"]) == (TENANT_ID, "Harbour Lending Ltd")
    assert row["id"] != TENANT_ID


async def test_another_organisation_is_another_stand_in() -> None:
    """A stand-in can be another organisation, with an id of its own; the first one's id is a 403 there."""
    async with xero(named=OTHER_ORGANISATION) as standin:
        (row,) = exact(await standin.get("Organisation"))["Organisations"]
        foreign = await standin.get(headers={"xero-tenant-id": TENANT_ID})
    assert (row["OrganisationID"], row["Name"]) == (OTHER_ORGANISATION.tenant_id, OTHER_ORGANISATION.name)
    assert foreign.status_code == 403


async def test_the_broad_scope_opens_what_it_includes() -> None:
    """`accounting.transactions` opens journals, invoices and payments, `.read` for reading; no settings."""
    scope = "accounting.transactions"
    async with xero(scopes=scope, assigned_scopes=f"{scope} {scope}.read") as standin:
        for read in (scope, f"{scope}.read"):
            await standin.sign_in(read)
            for path in ("ManualJournals", "Payments", "Invoices", "BankTransactions"):
                assert (await standin.get(path)).status_code == 200
            for path in ("Accounts", "Contacts"):
                assert (await standin.get(path)).status_code == 401
            assert (await standin.write(journal())).status_code == (200 if read == scope else 401)


@pytest.mark.parametrize(
    ("scopes", "method", "path", "allowed"),
    [
        (READS, "GET", "ManualJournals", True),
        (READS, "PUT", "ManualJournals", False),
        (READS, "GET", "Accounts", True),
        ("accounting.manualjournals", "GET", "ManualJournals", True),
        ("accounting.manualjournals", "PUT", "ManualJournals", True),
        ("accounting.manualjournals", "GET", "Organisation", False),
        ("accounting.manualjournals", "GET", "Accounts", False),
        ("accounting.manualjournals", "GET", "TrackingCategories", False),
        ("accounting.settings.read", "GET", "TrackingCategories", True),
        ("accounting.settings.read", "GET", "Organisation/Actions", True),
        ("accounting.settings.read", "GET", "ManualJournals", False),
        ("accounting.attachments accounting.settings.read", "GET", "ManualJournals", False),
    ],
)
@pytest.mark.parametrize("status", [401, 403])
async def test_a_scope_opens_its_paths_only(
    scopes: str, method: str, path: str, allowed: bool, status: int
) -> None:
    """A path wants its scope, `.read` opens reading alone, and lack of one is the status of the switch."""
    async with xero(scopes=scopes, missing_scope_status=status) as standin:
        body = {"ManualJournals": [journal()]} if method == "PUT" else None
        answer = await standin.http.request(method, f"{BASE}/{path}", json=body if method != "PUT" else {})
    if allowed:
        assert answer.status_code not in {401, 403}
    else:
        title = {401: "Unauthorized", 403: "Forbidden"}[status]
        found = answer.json()
        assert (answer.status_code, found["Title"], found["Detail"]) == (
            status,
            title,
            "AuthorizationUnsuccessful",
        )


async def test_attachments_need_a_scope_of_their_own() -> None:
    """The scope of journals does not open their attachments."""
    async with xero() as standin:
        path = f"ManualJournals/{await standin.created()}/Attachments"
        refused = await standin.get(path)
        await standin.sign_in(f"{SCOPES} accounting.attachments")
        allowed = await standin.get(path)
    assert (refused.status_code, allowed.status_code) == (401, 200)


async def test_without_the_reporting_permission_journals_are_refused() -> None:
    """Without the permission every journal call is a 403, the settings stay open, and Actions says so."""
    async with xero(reporting_permission=False) as standin:
        statuses = [
            (await standin.get()).status_code,
            (await standin.write(journal())).status_code,
            (await standin.get("Organisation")).status_code,
        ]
        denied = (await standin.get("Organisation/Actions")).json()["Actions"]
        await standin.control("options", reporting_permission=True)
        allowed = (await standin.get("Organisation/Actions")).json()["Actions"]
        listed = await standin.listed()
    assert statuses == [403, 403, 200]
    assert denied == [{"Name": "CreateManualJournal", "Status": "NOT-ALLOWED"}]
    assert allowed == [{"Name": "CreateManualJournal", "Status": "ALLOWED"}]
    assert listed == []


@pytest.mark.parametrize("accept", ["*/*", "application/xml", "text/html"])
async def test_who_does_not_ask_for_json_is_refused_by_the_sandbox(accept: str) -> None:
    """Where Xero would answer XML the sandbox refuses in a way that cannot be taken for Xero's."""
    async with xero() as standin:
        answer = await standin.get(headers={"Accept": accept})
    assert (answer.status_code, answer.headers["x-sandbox-refusal"]) == (422, "1")
    assert "not by Xero" in answer.json()["sandbox"]


@pytest.mark.parametrize(
    "path",
    [
        *(f"/api.xro/2.0/{path}" for path in ("Items", "TaxRates", "Organisation/Other", "Accounts/7")),
        "/api.xro/2.0/ManualJournals/7/Other",
        "/api.xro/2.0/Payments/7/History",
        "/api.xro/1.0/ManualJournals",
        "/x",
    ],
)
async def test_what_is_not_served_is_refused_by_the_sandbox(path: str) -> None:
    """A path that Xero may well have, and the sandbox has not, is refused in the sandbox's own name."""
    async with xero(scopes=f"{SCOPES} {PAYMENT_SCOPES}") as standin:
        answer = await standin.http.get(path)
    assert (answer.status_code, answer.headers["x-sandbox-refusal"]) == (422, "1")
    assert answer.json() == {
        "sandbox": "refused by the sandbox, not by Xero",
        "reason": f"GET {path} is not served here; Xero may well answer it",
    }


async def test_a_journal_that_is_not_there_is_a_404_in_plain_text() -> None:
    """What is not there is a 404 whose body is text and no JSON."""
    async with xero() as standin:
        answer = await standin.get("ManualJournals/7")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "The resource you're looking for cannot be found"


@pytest.mark.parametrize(
    ("call", "status"),
    [
        *((f"{method} ManualJournals", 501) for method in ("DELETE", "PATCH")),
        *((f"{method} ManualJournals/{{id}}", 501) for method in ("DELETE", "PUT")),
        ("POST ManualJournals/7", 404),
        *((call, 422) for call in ("PUT Organisation", "POST Accounts", "PUT Items")),
        *((call, 422) for call in ("PUT ManualJournals/{id}/Other", "DELETE ManualJournals/{id}/History")),
    ],
)
async def test_a_method_that_is_not_there_is_501(call: str, status: int) -> None:
    """Journals have no DELETE, which is a 501; what the sandbox alone lacks is refused in its own name."""
    method, path = call.split()
    async with xero(scopes=f"{SCOPES} accounting.settings.read", strict=False) as standin:
        standin.app.options = standin.app.options.changed(
            {"assigned_scopes": f"{SCOPES} accounting.settings"}
        )
        await standin.sign_in(f"{SCOPES} accounting.settings")
        known = await standin.created()
        answer = await standin.http.request(method, f"{BASE}/{path.replace('{id}', known)}", json={})
        assert len(await standin.listed()) == 1
    assert answer.status_code == status


async def test_the_envelope_is_that_of_xero() -> None:
    """Every list stands in an envelope with an id, a status, a provider and an instant in milliseconds."""
    async with xero() as standin:
        answer = exact(await standin.get("Organisation"))
    assert answer.keys() == {"Id", "Status", "ProviderName", "DateTimeUTC", "Organisations"}
    assert (answer["Status"], answer["DateTimeUTC"]) == ("OK", "/Date(1795161600000+0000)/")
