"""Who may call: the token endpoint, and what a token opens."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qs

from blocks.sandbox.asgi import Answer, basic_login
from blocks.sandbox.exact_json import dumps
from blocks.sandbox.xero.chart import CONNECTION_ID, ORGANISATION, Named
from blocks.sandbox.xero.options import XeroOptions
from blocks.sandbox.xero.wire import Refused, problem

CLIENT_ID: Final = "DAYBOOKSANDBOXCLIENT"
CLIENT_SECRET: Final = "sandbox-secret-of-no-use-elsewhere"  # noqa: S105 - opens nothing but the sandbox
TOKEN_LIFE: Final = timedelta(minutes=30)

# What a path asks for; the scope without `.read` opens reading too.
_SETTINGS: Final = "accounting.settings"
_ATTACHMENTS: Final = "accounting.attachments"
_OPENED: Final = {
    "accounting.manualjournals": ("ManualJournals",),
    "accounting.payments": ("Payments", "BatchPayments", "Prepayments", "Overpayments"),
    "accounting.invoices": ("Invoices", "CreditNotes"),
    "accounting.banktransactions": ("BankTransactions",),
    "accounting.contacts": ("Contacts",),
}
_SCOPES: Final = {path: scope for scope, paths in _OPENED.items() for path in paths}
# What the broad scope of apps made before March 2026 opens; it ends in September 2027.
_TRANSACTIONS: Final = "accounting.transactions"
_IN_TRANSACTIONS: Final = _OPENED.keys() - {"accounting.contacts"}


@dataclass(frozen=True, slots=True)
class _Token:
    expires: datetime
    scopes: frozenset[str]


class Identity:
    """Hands out tokens and checks them. Tokens do not outlive the process, as they would Xero's half hour."""

    def __init__(self, organisation: Named = ORGANISATION) -> None:
        self._organisation = organisation
        self._tokens: dict[str, _Token] = {}

    def token(
        self, headers: Mapping[bytes, bytes], body: bytes, options: XeroOptions, now: datetime
    ) -> Answer:
        """Answer POST /connect/token."""
        login = basic_login(headers.get(b"authorization", b"")) or b""
        if not login.partition(b":")[0]:
            # An empty client id is refused in words that hide the cause.
            return _refusal("invalid_request")
        if not secrets.compare_digest(login, f"{CLIENT_ID}:{CLIENT_SECRET}".encode()):
            return _refusal("invalid_client")
        form = parse_qs(body.decode("utf-8", "replace"))
        if form.get("grant_type") != ["client_credentials"]:
            return _refusal("unsupported_grant_type")
        scopes = " ".join(form.get("scope", [])).split()
        if not scopes or not set(scopes) <= set(options.assigned_scopes.split()):
            return _refusal("invalid_scope")
        token = secrets.token_urlsafe(48)
        self._tokens[token] = _Token(now + TOKEN_LIFE, frozenset(scopes))
        answer = {
            "access_token": token,
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "token_type": "Bearer",
            "scope": " ".join(scopes),
        }
        return Answer(200, dumps(answer).encode())

    def expire_all(self) -> None:
        """Let every token handed out so far be refused as expired."""
        self._tokens.clear()

    def connections(self, headers: Mapping[bytes, bytes], now: datetime) -> Answer:
        """Answer GET /connections, which needs a token and no scope."""
        self._valid(headers, now)
        row = {
            "id": CONNECTION_ID,
            "tenantId": self._organisation.tenant_id,
            "tenantType": "ORGANISATION",
            "tenantName": self._organisation.name,
        }
        return Answer(200, dumps([row]).encode())

    def admit(
        self, method: str, path: str, headers: Mapping[bytes, bytes], options: XeroOptions, now: datetime
    ) -> None:
        """Let a call to the Accounting API in. Raises Refused: 401 or 403."""
        token = self._valid(headers, now)
        tenant = headers.get(b"xero-tenant-id")
        # A custom connection leads to one organisation, so the header may be left out.
        if tenant is not None and tenant.decode("latin-1").lower() != self._organisation.tenant_id:
            raise Refused(problem(403, "Forbidden", "AuthenticationUnsuccessful"))
        scope = _scope_for(path)
        reading = method == "GET"
        wanted = {scope, _TRANSACTIONS} if scope in _IN_TRANSACTIONS else {scope}
        if reading:
            wanted |= {f"{one}.read" for one in wanted}
        if token.scopes.isdisjoint(wanted):
            status = options.missing_scope_status
            title = "Unauthorized" if status == 401 else "Forbidden"
            raise Refused(problem(status, title, "AuthorizationUnsuccessful"))
        if path.startswith("ManualJournals") and not options.reporting_permission:
            # Since 29 June 2026 the authorising user needs the reporting permission; the wording is unknown.
            raise Refused(problem(403, "Forbidden", "AuthorizationUnsuccessful"))

    def _valid(self, headers: Mapping[bytes, bytes], now: datetime) -> _Token:
        kind, _, value = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        token = self._tokens.get(value)
        if kind.lower() != "bearer" or not value:
            raise Refused(problem(401, "Unauthorized", "AuthenticationUnsuccessful"))
        if token is None or token.expires <= now:
            # A token this process never handed out is taken for one of an earlier process.
            raise Refused(
                problem(401, "Unauthorized", f"TokenExpired: token expired at {now:%m/%d/%Y %H:%M:%S}")
            )
        return token


def _refusal(error: str) -> Answer:
    return Answer(400, dumps({"error": error}).encode())


def _scope_for(path: str) -> str:
    if "/Attachments" in path:
        return _ATTACHMENTS
    return _SCOPES.get(path.partition("/")[0], _SETTINGS)
