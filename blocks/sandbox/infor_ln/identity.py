"""ION's authorisation server: what its .ionapi file says, its tokens, and their revocation.

The file is what an administrator downloads from Authorized Apps. LN's own guides have the password grant,
with the service account as user; since 2026 also client_credentials. Public clients send the client's id
and secret either as HTTP Basic or in the form. Tokens outlive the process, as ION's would; kept are their
digests only.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs

from blocks.sandbox.asgi import Answer, basic_login
from blocks.sandbox.clock import ms_of
from blocks.sandbox.exact_json import dumps
from blocks.sandbox.infor_ln.options import LnOptions
from blocks.sandbox.infor_ln.state import State
from blocks.sandbox.infor_ln.wire import TENANT, Problem, Refused

CLIENT_ID: Final = f"{TENANT}~sandbox-client"
CLIENT_SECRET: Final = "ln-client-secret-of-no-use-elsewhere"  # noqa: S105 - opens nothing but the sandbox
ACCOUNT_KEY: Final = f"{TENANT}#sandbox-service-account"
ACCOUNT_SECRET: Final = "ln-account-secret-of-no-use-elsewhere"  # noqa: S105 - as above
AUTHORISATION: Final = f"/{TENANT}/as/"
TOKEN_PATH: Final = f"{AUTHORISATION}token.oauth2"
REVOKE_PATH: Final = f"{AUTHORISATION}revoke_token.oauth2"


def ionapi(url: str) -> dict[str, str]:
    """Return the .ionapi file of a sandbox at `url`, the keys as ION names them."""
    return {
        "ti": TENANT,
        "cn": "Daybook",
        "dt": "12",
        "ci": CLIENT_ID,
        "cs": CLIENT_SECRET,
        "iu": url,
        "pu": f"{url}{AUTHORISATION}",
        "oa": "authorization.oauth2",
        "ot": "token.oauth2",
        "or": "revoke_token.oauth2",
        "ev": "U1478650450",
        "v": "1.0",
        "saak": ACCOUNT_KEY,
        "sask": ACCOUNT_SECRET,
    }


class _OAuthError(Exception):
    """A refusal in OAuth's words."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


class Identity:
    """Hands out tokens, revokes them, and checks them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.issued: Counter[str] = Counter()  # by grant, since the start or the last reset
        self.refused = 0

    def token(self, headers: Mapping[bytes, bytes], body: bytes, options: LnOptions, now: datetime) -> Answer:
        """Answer a POST to the token endpoint."""
        try:
            form = _form(headers, body)
            _client(headers, form, options)
            return self._granted(form, options, now)
        except _OAuthError as error:
            self.refused += 1
            return _said(error)

    def revoke(self, headers: Mapping[bytes, bytes], body: bytes, options: LnOptions) -> Answer:
        """Answer a POST to the revocation endpoint; a token that does not exist is as good as revoked."""
        try:
            form = _form(headers, body)
            _client(headers, form, options)
            self._state.forget_token(_digest(_needed(form, "token")))
        except _OAuthError as error:
            return _said(error)
        return Answer(200)

    def admit(self, headers: Mapping[bytes, bytes], options: LnOptions, now: datetime) -> None:
        """Let a call through the gateway in. Raises Refused, 401."""
        kind, _, value = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        ends = self._state.tokens.get(_digest(value)) if kind.lower() == "bearer" else None
        if ends is None or ends[0] != "access" or ends[1] <= ms_of(now) or options.client_revoked:
            raise Refused(401, Problem("token"), headers=((b"www-authenticate", b"Bearer"),))

    def counts(self) -> dict[str, object]:
        """Return how many tokens were handed out, by grant, so that a test can prove that they are kept."""
        by_grant = dict(self.issued)
        return {"issued": sum(by_grant.values()), "by_grant": by_grant, "refused": self.refused}

    def expire_all(self) -> None:
        """Let every token handed out so far be refused."""
        self._state.forget_tokens()

    def _granted(self, form: Mapping[str, str], options: LnOptions, now: datetime) -> Answer:
        grant = _needed(form, "grant_type")
        check = _GRANTS.get(grant)
        if check is None or grant not in options.grants.split():
            raise _OAuthError("unsupported_grant_type", f"grant type {grant} is not supported")
        check(form, self._state)
        self.issued[grant] += 1
        answer: dict[str, object] = {"access_token": self._new("access", options.token_seconds, now)}
        if grant == "password" and options.refresh_tokens:
            answer["refresh_token"] = self._new("refresh", 30 * 86_400, now)
        answer |= {"token_type": "Bearer", "expires_in": options.token_seconds}
        return Answer(200, dumps(answer).encode(), headers=((b"cache-control", b"no-store"),))

    def _new(self, kind: str, seconds: int, now: datetime) -> str:
        token = secrets.token_urlsafe(32)
        self._state.keep_token(_digest(token), kind, ms_of(now) + seconds * 1000)
        return token


def _form(headers: Mapping[bytes, bytes], body: bytes) -> dict[str, str]:
    kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise _OAuthError("invalid_request", "the body must be application/x-www-form-urlencoded")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    for name, values in fields.items():
        if len(values) > 1:
            raise _OAuthError("invalid_request", f"{name} is given more than once")
    return {name: values[0] for name, values in fields.items()}


def _client(headers: Mapping[bytes, bytes], form: Mapping[str, str], options: LnOptions) -> None:
    authorization = headers.get(b"authorization", b"")
    in_body = "client_id" in form or "client_secret" in form
    if authorization and in_body:
        raise _OAuthError("invalid_request", "the client authenticates in two ways")
    login = f"{form.get('client_id', '')}:{form.get('client_secret', '')}".encode()
    if authorization:
        login = basic_login(authorization) or b""
    right = secrets.compare_digest(login, f"{CLIENT_ID}:{CLIENT_SECRET}".encode())
    if not right or options.client_revoked:
        raise _OAuthError("invalid_client", "client authentication failed")


def _needed(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value:
        raise _OAuthError("invalid_request", f"{name} is missing")
    return value


def _password(form: Mapping[str, str], _state: State) -> None:
    login = f"{_needed(form, 'username')}:{_needed(form, 'password')}".encode()
    if not secrets.compare_digest(login, f"{ACCOUNT_KEY}:{ACCOUNT_SECRET}".encode()):
        raise _OAuthError("invalid_grant", "user name or password is wrong")


def _refresh(form: Mapping[str, str], state: State) -> None:
    kept = state.tokens.get(_digest(_needed(form, "refresh_token")))
    if kept is None or kept[0] != "refresh" or kept[1] <= state.now_ms():
        raise _OAuthError("invalid_grant", "the refresh token is not valid")


_GRANTS: Final[Mapping[str, Callable[[Mapping[str, str], State], None]]] = {
    "password": _password,
    "client_credentials": lambda _form, _state: None,
    "refresh_token": _refresh,
}


def _said(error: _OAuthError) -> Answer:
    body = dumps({"error": error.error, "error_description": error.description}).encode()
    if error.error == "invalid_client":
        return Answer(401, body, headers=((b"www-authenticate", b'Basic realm="ION"'),))
    return Answer(400, body)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
