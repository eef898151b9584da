"""A connection out of environment variables: what `python -m blocks save` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from blocks.connections import JournalConnection
from blocks.errors import UsageError

_MAMBU = {
    "MAMBU_BASE_URL": "base_url",
    "MAMBU_API_KEY": "api_key",
    "MAMBU_USERNAME": "username",
    "MAMBU_PASSWORD": "password",
}
_XERO = {
    "XERO_BASE_URL": "base_url",
    "XERO_TOKEN_URL": "token_url",
    "XERO_CLIENT_ID": "client_id",
    "XERO_CLIENT_SECRET": "client_secret",
    "XERO_TENANT_ID": "tenant_id",
    "XERO_SCOPES": "scopes",
}
_STORE = {"DAYBOOK_STORE_URL": "url"}
_POLICY = {
    "DAYBOOK_TIMEZONE": "time_zone",
    "DAYBOOK_ASSIGNED_USER_KEY": "assigned_user_key",
    "DAYBOOK_LABEL": "label",
    "DAYBOOK_ACCOUNT_MAP": "account_map",
}
_ALL = {"mambu": _MAMBU, "xero": _XERO, "store": _STORE}
VARIABLES = (*_MAMBU, *_XERO, *_STORE, *_POLICY)


def journal_connection(environment: Mapping[str, str]) -> JournalConnection:
    """Return the connection that variables describe. Raises UsageError naming all that are wrong.

    An empty variable counts as one that is not there.
    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    values: dict[str, Any] = {part: _fields(given, names) for part, names in _ALL.items()}
    values |= _fields(given, _POLICY)
    problems = _missing(given)
    if "account_map" in values:
        try:
            values["account_map"] = msgspec.json.decode(values["account_map"], type=dict[str, str])
        except msgspec.DecodeError:
            del values["account_map"]
            problems.append('DAYBOOK_ACCOUNT_MAP is not a JSON object such as {"LOANS-LONG-NAME": "1100"}')
    try:
        connection = JournalConnection(**values)
    except ValidationError as error:
        problems.extend(_problems(error, problems))
    if problems:
        raise UsageError(
            "The connection cannot be made from these variables:\n"
            + "\n".join(f"  - {text}" for text in problems)
        )
    return connection


def _fields(given: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {field: given[name] for name, field in names.items() if name in given}


def _missing(given: Mapping[str, str]) -> list[str]:
    problems = [
        f"{name} is missing"
        for name in ("MAMBU_BASE_URL", "XERO_CLIENT_ID", "XERO_CLIENT_SECRET")
        if name not in given
    ]
    login = [name for name in ("MAMBU_USERNAME", "MAMBU_PASSWORD") if name in given]
    if "MAMBU_API_KEY" not in given and len(login) < 2:
        problems.append("MAMBU_API_KEY is missing, or MAMBU_USERNAME and MAMBU_PASSWORD in its place")
    elif "MAMBU_API_KEY" in given and login:
        problems.append(f"MAMBU_API_KEY and {' and '.join(login)} are two ways to log in: give one")
    return problems


def _problems(error: ValidationError, known: list[str]) -> list[str]:
    """Word pydantic's findings by variable, without the values, which can be secret."""
    texts: list[str] = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        where = [str(part) for part in item["loc"]]
        variable = _variable(where)
        missing = item["type"] == "missing" or "give either an API key" in item["msg"]
        if missing and any(variable in text or "MAMBU_API_KEY" in text for text in known):
            continue
        texts.append(f"{variable}: {item['msg'].removeprefix('Value error, ')}")
    return texts


def _variable(where: list[str]) -> str:
    if len(where) > 1 and where[0] in _ALL:
        names = {field: name for name, field in _ALL[where[0]].items()}
        return names.get(where[1], ".".join(where))
    names = {field: name for name, field in _POLICY.items()}
    return names.get(where[0], ".".join(where)) if where else "the connection"


def env_file(path: Path) -> dict[str, str]:
    """Read NAME=value lines; blank lines and those that start with # are passed over.

    A value may stand in single or double quotes; nothing in it is expanded. Raises UsageError.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({type(error).__name__}).") from None
    found: dict[str, str] = {}
    odd: list[int] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip().removeprefix("export ")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            odd.append(number)
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name.strip()] = value
    if odd:
        raise UsageError(f"{path}: not NAME=value in line {', '.join(map(str, odd))}.")
    return found
