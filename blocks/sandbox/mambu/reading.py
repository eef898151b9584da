"""What a tenant is made of, as read by clients: accounts, branches, users, the organisation."""

from __future__ import annotations

from blocks.sandbox.asgi import Answer
from blocks.sandbox.mambu.errors import MambuError, invalid
from blocks.sandbox.mambu.fields import FILTER_FIELDS
from blocks.sandbox.mambu.http import Call
from blocks.sandbox.mambu.paging import parse_paging
from blocks.sandbox.mambu.reference import USERS_BY_KEY, branches, user
from blocks.sandbox.mambu.tenant import Tenant
from blocks.sandbox.world import chart
from blocks.sandbox.world.noise import fixed_key


class Reference:
    """The endpoints that only read."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def _paged(self, call: Call, rows: list[dict[str, object]]) -> Answer:
        options = self._tenant.options
        paging = parse_paging(call.query, default_limit=options.default_limit, page_cap=options.page_cap)
        if paging.cursor is not None:
            raise invalid("cursor: for searches only")
        page = rows[paging.offset : paging.offset + paging.limit]
        return self._tenant.answer(200, page, paging.headers(len(rows)))

    async def accounts(self, call: Call) -> Answer:
        """Answer `GET /glaccounts?type=`; that the type is needed is inferred.

        Here only is `balance` filled; it is made up, and does not follow the journal.
        """
        call.caller.require("VIEW_CHART_OF_ACCOUNTS")
        options = self._tenant.options
        paging = parse_paging(call.query, default_limit=options.default_limit, page_cap=options.page_cap)
        wanted = paging.parameters.get("type")
        if not wanted:
            raise MambuError(400, "MISSING_REQUIRED_PARAMETER", "type")
        if wanted not in FILTER_FIELDS["glAccountType"].choices:
            raise invalid(f"type: {wanted}")
        rows = [row for row in self._tenant.accounts() if row["type"] == wanted]
        balances = [{**row, "balance": int(fixed_key("balance", row["glCode"])[:6], 16)} for row in rows]
        return self._paged(call, balances)

    async def branches(self, call: Call) -> Answer:
        """Answer `GET /branches`, to any valid login: inferred from its use as a probe."""
        return self._paged(call, self._seen(call))

    async def branch(self, call: Call) -> Answer:
        """Answer `GET /branches/{id}`, by encodedKey or id; one that the caller may not see is not there."""
        for row in self._seen(call):
            if call.name in (row["encodedKey"], row["id"]):
                return self._tenant.answer(200, row)
        raise MambuError(404, "OBJECT_NOT_FOUND", call.name)

    @staticmethod
    def _seen(call: Call) -> list[dict[str, object]]:
        return [row for row in branches() if call.caller.branch in (None, row["encodedKey"])]

    async def users(self, call: Call) -> Answer:
        """Answer `GET /users`."""
        call.caller.require("VIEW_USER_DETAILS")
        return self._paged(call, [user(person) for person in USERS_BY_KEY.values()])

    async def user(self, call: Call) -> Answer:
        """Answer `GET /users/{key}`, by encodedKey, id or user name."""
        call.caller.require("VIEW_USER_DETAILS")
        for row in map(user, USERS_BY_KEY.values()):
            if call.name in (row["encodedKey"], row["id"], row["username"]):
                return self._tenant.answer(200, row)
        raise MambuError(404, "OBJECT_NOT_FOUND", call.name)

    async def organization(self, call: Call) -> Answer:
        """Answer `GET /setup/organization`, to administrators only."""
        call.caller.require("ADMIN")
        if self._tenant.options.organization_forbidden:
            raise MambuError(403, "INVALID_PERMISSIONS", "ADMIN")
        return self._tenant.answer(
            200,
            {
                "encodedKey": fixed_key("organization"),
                "name": chart.ORGANISATION_NAME,
                "timeZoneID": self._tenant.options.time_zone,
                "currency": {"code": self._tenant.options.currency},
                "dateFormat": "dd-MM-yyyy",
                "dateTimeFormat": "dd-MM-yyyy HH:mm:ss",
                "decimalSeparator": "POINT",
                "phoneNo": "+44 20 7946 0000",
                "emailAddress": "finance@harbour.example",
                "creationDate": "2019-03-01T09:00:00+00:00",
                "lastModifiedDate": "2024-11-18T14:25:07+00:00",
            },
        )
