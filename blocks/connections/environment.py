"""Connections out of environment variables: what `python -m blocks save` reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from prefect.blocks.core import Block
from pydantic import ValidationError

from blocks.connections.journals import JournalConnection
from blocks.connections.payments import PaymentConnection
from blocks.errors import UsageError
from blocks.infor_ln.credentials import IONAPI_KEYS, ionapi_fields
from blocks.xero.client import PAYMENT_SCOPES

B = TypeVar("B", bound=Block)

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
    "DAYBOOK_MAMBU_OFFSETS": "mambu_offsets",
    "DAYBOOK_ASSIGNED_USER_KEY": "assigned_user_key",
    "DAYBOOK_LABEL": "label",
    "DAYBOOK_ACCOUNT_MAP": "account_map",
    "DAYBOOK_PATIENCE_MINUTES": "patience_minutes",
}
_INFOR = {
    "INFOR_LN_IONAPI_FILE": "ionapi",
    "INFOR_LN_PATH": "path",
    "INFOR_LN_COMPANY": "company",
}
_PAYMENT_POLICY = {
    "DAYBOOK_PAYMENTS_START": "start",
    "DAYBOOK_ASSIGNED_USER_KEY": "assigned_user_key",
    "DAYBOOK_PATIENCE_MINUTES": "patience_minutes",
}
VARIABLES = (*_MAMBU, *_XERO, *_INFOR, *_STORE, *_POLICY, "DAYBOOK_PAYMENTS_START")


@dataclass(frozen=True, slots=True)
class Connections:
    """What variables describe: a journal connection, a payment connection, or both."""

    journals: JournalConnection | None
    payments: PaymentConnection | None


def connections(environment: Mapping[str, str]) -> Connections:
    """Return the connections that variables describe. Raises UsageError naming all that is wrong.

    Mambu's variables make a journal connection, Infor's a payment connection, both make both. An empty
    variable counts as one that is not there.
    """
    given = _given(environment)
    pays = any(name in given for name in (*_INFOR, "DAYBOOK_PAYMENTS_START"))
    posts = any(name in given for name in _MAMBU) or not pays
    problems: list[str] = []
    journals = _made(_journals, given, problems) if posts else None
    payments = _made(_payments, given, problems) if pays else None
    _refuse(problems)
    return Connections(journals, payments)


def journal_connection(environment: Mapping[str, str]) -> JournalConnection:
    """Return the journal connection that variables describe. Raises UsageError naming all that is wrong."""
    return _alone(_journals, environment)


def payment_connection(environment: Mapping[str, str]) -> PaymentConnection:
    """Return the payment connection that variables describe. Raises UsageError naming all that is wrong."""
    return _alone(_payments, environment)


def _given(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value.strip() for name, value in environment.items() if value.strip()}


def _alone(draft_of: Callable[[Mapping[str, str]], _Draft[B]], environment: Mapping[str, str]) -> B:
    problems: list[str] = []
    made = _made(draft_of, _given(environment), problems)
    _refuse(problems)
    if made is None:
        raise AssertionError("a connection that is not made has problems")
    return made


def _refuse(problems: list[str]) -> None:
    if problems:
        # What two connections share is told once.
        texts = "".join(f"\n  - {text}" for text in dict.fromkeys(problems))
        raise UsageError(f"The connection cannot be made from these variables:{texts}")


@dataclass(slots=True)
class _Draft(Generic[B]):
    """A connection's values before it is made, and what is wrong with them so far."""

    kind: type[B]
    values: dict[str, Any]
    # By part, the variable that each field comes from; the connection's own fields are under "".
    names: dict[str, dict[str, str]]
    problems: list[str] = field(default_factory=list)

    def variable(self, where: list[str]) -> str:
        """Return the variable, or the key of the .ionapi file, in which a field's value came."""
        if not where:
            return "the connection"
        part, name = (where[0], where[1]) if len(where) > 1 and where[0] in self.names else ("", where[0])
        return self.names[part].get(name, ".".join(where))


def _made(
    draft_of: Callable[[Mapping[str, str]], _Draft[B]], given: Mapping[str, str], problems: list[str]
) -> B | None:
    """Return the connection of a draft; where something is wrong with it, add that to the problems."""
    draft = draft_of(given)
    made = None
    try:
        made = draft.kind(**draft.values)
    except ValidationError as error:
        draft.problems.extend(_problems(error, draft))
    problems.extend(draft.problems)
    return made


def _journals(given: Mapping[str, str]) -> _Draft[JournalConnection]:
    parts = {"mambu": _MAMBU, "xero": _XERO, "store": _STORE}
    values: dict[str, Any] = {part: _fields(given, names) for part, names in parts.items()}
    values |= _fields(given, _POLICY)
    problems = [*_missing(given, "MAMBU_BASE_URL"), *_missing(given, *_XERO_NEEDED), *_mambu_login(given)]
    if "account_map" in values:
        try:
            values["account_map"] = msgspec.json.decode(values["account_map"], type=dict[str, str])
        except msgspec.DecodeError:
            del values["account_map"]
            problems.append('DAYBOOK_ACCOUNT_MAP is not a JSON object such as {"LOANS-LONG-NAME": "1100"}')
    return _Draft(JournalConnection, values, _by_field({**parts, "": _POLICY}), problems)


def _payments(given: Mapping[str, str]) -> _Draft[PaymentConnection]:
    parts = {"xero": _XERO, "store": _STORE, "ln": _INFOR}
    values: dict[str, Any] = {part: _fields(given, names) for part, names in parts.items()}
    values |= _fields(given, _PAYMENT_POLICY)
    problems = [*_missing(given, *_XERO_NEEDED), *_missing(given, *_INFOR)]
    values["xero"].setdefault("scopes", " ".join(PAYMENT_SCOPES))
    file = values["ln"].pop("ionapi", None)
    if file is not None:
        try:
            values["ln"] |= _ionapi(Path(file))
        except UsageError as error:
            problems.append(f"INFOR_LN_IONAPI_FILE: {error}")
    names = _by_field({**parts, "": _PAYMENT_POLICY})
    names["ln"] |= {name: f"INFOR_LN_IONAPI_FILE, {key}" for key, name in IONAPI_KEYS.items()}
    if any(name in given for name in _MAMBU):
        # The journal connection, which is then made too, tells what is wrong with these.
        values["mambu"] = _fields(given, _MAMBU)
        names |= _by_field({"mambu": _MAMBU})
        problems += [*_missing(given, "MAMBU_BASE_URL"), *_mambu_login(given)]
    return _Draft(PaymentConnection, values, names, problems)


def _ionapi(path: Path) -> dict[str, str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or 'the system does not say why'}."
        ) from None
    return ionapi_fields(content)


_XERO_NEEDED = ("XERO_CLIENT_ID", "XERO_CLIENT_SECRET")


def _by_field(parts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {part: {field: name for name, field in names.items()} for part, names in parts.items()}


def _fields(given: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {field: given[name] for name, field in names.items() if name in given}


def _missing(given: Mapping[str, str], *needed: str) -> list[str]:
    return [f"{name} is missing" for name in needed if name not in given]


def _mambu_login(given: Mapping[str, str]) -> list[str]:
    login = [name for name in ("MAMBU_USERNAME", "MAMBU_PASSWORD") if name in given]
    if "MAMBU_API_KEY" not in given and len(login) < 2:
        return ["MAMBU_API_KEY is missing, or MAMBU_USERNAME and MAMBU_PASSWORD in its place"]
    if "MAMBU_API_KEY" in given and login:
        return [f"MAMBU_API_KEY and {' and '.join(login)} are two ways to log in. Give only one"]
    return []


def _problems(error: ValidationError, draft: _Draft[B]) -> list[str]:
    """Word pydantic's findings by variable, without the values, which can be secret."""
    texts: list[str] = []
    known = " ".join(draft.problems)
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        variable = draft.variable([str(part) for part in item["loc"]])
        login = "give either an API key" in item["msg"]
        # What is missing has been told, and so has what is wrong with a whole file.
        missing = item["type"] == "missing" and variable.split(",")[0] in known
        if missing or (login and "MAMBU_API_KEY" in known):
            continue
        texts.append(f"{variable}: {item['msg'].removeprefix('Value error, ')}")
    return texts


def env_file(path: Path) -> dict[str, str]:
    """Read NAME=value lines; blank lines and those that start with # are passed over.

    A value may stand in single or double quotes; nothing in it is expanded. Raises UsageError.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} cannot be read: it is not a text in UTF-8.") from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or 'the system does not say why'}."
        ) from None
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
        raise UsageError(f"{path}: these lines are not NAME=value: {', '.join(map(str, odd))}.")
    return found
