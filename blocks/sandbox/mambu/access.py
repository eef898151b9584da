"""Who may call the Mambu stand-in: API consumers' keys, logins, and what each role may do."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from blocks.sandbox.asgi import basic_login
from blocks.sandbox.mambu.errors import MambuError
from blocks.sandbox.mambu.reference import branch_key, user_key

API_KEYS: dict[str, str] = {
    "admin": "6f1e1d3c-52a8-4d35-9a5e-0c1f6d2b7a01",
    "ledger_reader": "6f1e1d3c-52a8-4d35-9a5e-0c1f6d2b7a02",
    "branch_limited": "6f1e1d3c-52a8-4d35-9a5e-0c1f6d2b7a03",
    "task_creator": "6f1e1d3c-52a8-4d35-9a5e-0c1f6d2b7a04",
    "expired": "6f1e1d3c-52a8-4d35-9a5e-0c1f6d2b7a05",
}
# Role -> (user name, password) for HTTP Basic.
USERS: dict[str, tuple[str, str]] = {
    "admin": ("a.okafor", "sandbox-admin"),
    "ledger_reader": ("finance.ops", "sandbox-ledger"),
    "branch_limited": ("m.branch", "sandbox-branch"),
    "task_creator": ("t.service", "sandbox-tasks"),
}

_LEDGER = frozenset({"VIEW_JOURNAL_ENTRIES", "VIEW_CHART_OF_ACCOUNTS"})
_TASKS = frozenset({"VIEW_TASK", "CREATE_TASK", "EDIT_TASK", "VIEW_USER_DETAILS"})
_ADMIN = frozenset({"ADMIN", "MAKE_JOURNAL_ENTRIES"})
_PERMISSIONS: dict[str, frozenset[str]] = {
    "admin": _LEDGER | _TASKS | _ADMIN,
    "ledger_reader": _LEDGER,
    "branch_limited": _LEDGER | _TASKS,
    "task_creator": _TASKS,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls; `branch` is the key of the only branch whose data the caller sees, or None for all."""

    role: str
    username: str
    branch: str | None

    @property
    def key(self) -> str:
        """The encodedKey of the user."""
        return user_key(self.username)

    def require(self, permission: str) -> None:
        """Raise the 403 of a caller who lacks the permission."""
        if permission not in _PERMISSIONS[self.role]:
            raise MambuError(403, "INVALID_PERMISSIONS", permission)


_CALLERS = {
    role: Caller(role, USERS[role][0], branch_key("MAN") if role == "branch_limited" else None)
    for role in _PERMISSIONS
}
_BY_KEY: dict[bytes, Caller] = {API_KEYS[role].encode(): caller for role, caller in _CALLERS.items()}
_BY_LOGIN = {f"{name}:{password}": _CALLERS[role] for role, (name, password) in USERS.items()}


def _basic(header: bytes) -> Caller | None:
    login = basic_login(header)
    if login is not None:
        with suppress(UnicodeDecodeError):
            return _BY_LOGIN.get(login.decode())
    raise MambuError(401, "INVALID_BASIC_AUTHORIZATION")


def authenticate(headers: dict[bytes, bytes]) -> Caller:
    """Return who calls, by header `apikey` or HTTP Basic; raise the 401 of nobody known.

    An expired key is answered like a wrong one: what Mambu tells them apart by is unknown in public.
    """
    key = headers.get(b"apikey")
    caller = _BY_KEY.get(key) if key is not None else _basic(headers.get(b"authorization", b"basic "))
    if caller is None:
        raise MambuError(401, "INVALID_CREDENTIALS")
    return caller
