"""What the pretended Mambu tenant is made of: GL accounts, branches, products, customer accounts, users.

Everything here is fixed, so a key is the same in every sandbox and every run.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from blocks.sandbox.world import chart
from blocks.sandbox.world.day_kinds import PRODUCTS
from blocks.sandbox.world.noise import fixed_key

ACCOUNTS_PER_PRODUCT = 2_000

# Mambu's charts hold header accounts, which group others and cannot be posted to.
_HEADERS = (
    ("0100", "Assets", "ASSET"),
    ("0200", "Liabilities", "LIABILITY"),
    ("0300", "Equity", "EQUITY"),
    ("0400", "Income", "INCOME"),
    ("0500", "Expenses", "EXPENSE"),
)
# Principal and deposits are moved by loan and deposit transactions only, never by hand.
_NO_MANUAL_ENTRIES = frozenset(row.asset_or_liability for row in PRODUCTS)


class User(NamedTuple):
    """A person who can log in, or be assigned a task."""

    user_id: str
    username: str
    first_name: str
    last_name: str
    can_manage_all_branches: bool
    branch: str | None = None


USERS: tuple[User, ...] = (
    User("1", "a.okafor", "Adaeze", "Okafor", can_manage_all_branches=True),
    User("2", "finance.ops", "Fiona", "Nowak", can_manage_all_branches=True),
    User("3", "m.branch", "Mårten", "Lindqvist", can_manage_all_branches=False, branch="MAN"),
    User("4", "t.service", "Tomás", "Reyes", can_manage_all_branches=True),
)


def account_key(gl_code: str) -> str:
    """Return the encodedKey of a GL account."""
    return fixed_key("glaccount", gl_code)


def branch_key(branch_id: str) -> str:
    """Return the encodedKey of a branch."""
    return fixed_key("branch", branch_id)


def product_key(code: str) -> str:
    """Return the encodedKey of a product."""
    return fixed_key("product", code)


def user_key(username: str) -> str:
    """Return the encodedKey of a user."""
    return fixed_key("user", username)


ASSIGNED_USER_KEY = user_key("finance.ops")
BRANCH_KEYS: dict[str, str] = {branch_key(branch_id): name for branch_id, name in chart.BRANCHES}
PRODUCT_TYPES: dict[str, str] = {product_key(row.code): row.product_type for row in PRODUCTS}
USERS_BY_KEY: dict[str, User] = {user_key(user.username): user for user in USERS}


@cache
def customer_account_keys() -> tuple[str, ...]:
    """Return the keys of all loan and deposit accounts: product after product, 2,000 each."""
    return tuple(
        fixed_key("account", row.code, number) for row in PRODUCTS for number in range(ACCOUNTS_PER_PRODUCT)
    )


@cache
def customer_account_ids() -> dict[str, tuple[str, str]]:
    """Return account key -> (LOAN or SAVINGS, the id people see)."""
    loans = sum(row.product_type == "LOAN" for row in PRODUCTS) * ACCOUNTS_PER_PRODUCT
    return {
        key: ("LOAN", f"LN{number:06d}") if number < loans else ("SAVINGS", f"DA{number:06d}")
        for number, key in enumerate(customer_account_keys())
    }


def shown(value: object, *, nulls: bool) -> Any:
    """Return what an answer shows of a value: with nulls, or without the fields that have none."""
    if nulls:
        return value
    if isinstance(value, dict):
        return {name: shown(field, nulls=False) for name, field in value.items() if field is not None}
    return [shown(one, nulls=False) for one in value] if isinstance(value, list) else value


def gl_account(
    gl_code: str, name: str, gl_type: str, currency: str, usage: str = "DETAIL"
) -> dict[str, object]:
    """Return a GL account as Mambu's `glAccount` object.

    `balance` is null here: it is filled by `GET /glaccounts` only. Its dates are in UTC, unlike a
    journal line's, which is one of the traps Mambu's documentation sets.
    """
    return {
        "encodedKey": account_key(gl_code),
        "creationDate": "2019-03-01T09:00:00+00:00",
        "lastModifiedDate": "2024-11-18T14:25:07+00:00",
        "glCode": gl_code,
        "name": name,
        "type": gl_type,
        "usage": usage,
        "activated": True,
        "allowManualJournalEntries": usage == "DETAIL" and gl_code not in _NO_MANUAL_ENTRIES,
        "balance": None,
        "currency": {"code": currency},
        "description": f"{name} in the general ledger, {usage.lower()} account",
        "migrationEventKey": None,
        "stripTrailingZeros": True,
    }


def gl_accounts(currency: str) -> list[dict[str, object]]:
    """Return the whole chart, headers first."""
    headers = [gl_account(code, name, kind, currency, "HEADER") for code, name, kind in _HEADERS]
    return headers + [gl_account(row.gl_code, row.name, row.gl_type, currency) for row in chart.CHART]


def branches() -> list[dict[str, object]]:
    """Return the branches as `GET /branches` shows them."""
    return [
        {
            "encodedKey": branch_key(branch_id),
            "id": branch_id,
            "name": name,
            "state": "ACTIVE",
            "creationDate": "2019-03-01T09:00:00+00:00",
            "lastModifiedDate": "2024-11-18T14:25:07+00:00",
        }
        for branch_id, name in chart.BRANCHES
    ]


def user(person: User) -> dict[str, object]:
    """Return one user as `GET /users` shows them."""
    return {
        "encodedKey": user_key(person.username),
        "id": person.user_id,
        "username": person.username,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "email": f"{person.username}@harbour.example",
        "userState": "ACTIVE",
        "assignedBranchKey": branch_key(person.branch) if person.branch else None,
        "access": {
            "administratorAccess": person.username == "a.okafor",
            "apiAccess": True,
            "mambuAccess": True,
            "canManageAllBranches": person.can_manage_all_branches,
        },
    }
