"""Connections out of environment variables: what `python -m blocks save` reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from dotenv.parser import parse_stream
from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict

from blocks.connections.connection import AssignedUserKey, PatienceMinutes
from blocks.connections.journals import AccountMap, JournalConnection, Label, TimeZone
from blocks.connections.payments import PaymentConnection, Start
from blocks.errors import UsageError
from blocks.http.models import NOT_THE_JSON
from blocks.infor_ln.credentials import IONAPI_KEYS, InforLNCredentials, ionapi_fields
from blocks.mambu.credentials import MambuCredentials
from blocks.mambu.models import MambuOffsets
from blocks.store.block import DaybookStore
from blocks.xero.client import PAYMENT_SCOPES
from blocks.xero.credentials import XeroCredentials

C = TypeVar("C", JournalConnection, PaymentConnection)
VARIABLES = (
    *("MAMBU_BASE_URL", "MAMBU_API_KEY", "MAMBU_USERNAME", "MAMBU_PASSWORD"),
    *("XERO_BASE_URL", "XERO_TOKEN_URL", "XERO_CLIENT_ID", "XERO_CLIENT_SECRET"),
    *("XERO_TENANT_ID", "XERO_SCOPES"),
    *("INFOR_LN_IONAPI_FILE", "INFOR_LN_PATH", "INFOR_LN_COMPANY"),
    *("DAYBOOK_STORE_URL", "DAYBOOK_TIMEZONE", "DAYBOOK_MAMBU_OFFSETS", "DAYBOOK_ASSIGNED_USER_KEY"),
    *("DAYBOOK_LABEL", "DAYBOOK_ACCOUNT_MAP", "DAYBOOK_PATIENCE_MINUTES", "DAYBOOK_PAYMENTS_START"),
)
_FILE = "INFOR_LN_IONAPI_FILE"
# What an .ionapi file holds is read as if variables did, and told as the file's.
_IN_FILE = {f"INFOR_LN_{field}".upper(): f"{_FILE}, {key}" for key, field in IONAPI_KEYS.items()}


def _account_map(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except NOT_THE_JSON:
        raise ValueError('must be a JSON object such as {"LOANS-LONG-NAME": "1100"}') from None


class _Variables(BaseSettings):
    """Fields of a connection by their variables: that of a block's field ends in the field's own name."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="_", env_nested_max_split=1, validate_default=False
    )

    mambu: MambuCredentials | None = None
    xero: XeroCredentials
    store: DaybookStore | None = Field(default=None, validation_alias="DAYBOOK_STORE")
    assigned_user_key: AssignedUserKey = Field(default=None, validation_alias="DAYBOOK_ASSIGNED_USER_KEY")
    patience_minutes: PatienceMinutes = Field(default=15, validation_alias="DAYBOOK_PATIENCE_MINUTES")


class _ForJournals(_Variables):
    mambu: MambuCredentials
    time_zone: TimeZone | None = Field(default=None, validation_alias="DAYBOOK_TIMEZONE")
    mambu_offsets: MambuOffsets = Field(default="zone", validation_alias="DAYBOOK_MAMBU_OFFSETS")
    label: Label | None = Field(default=None, validation_alias="DAYBOOK_LABEL")
    account_map: Annotated[AccountMap, BeforeValidator(_account_map), NoDecode] = Field(
        default={}, validation_alias="DAYBOOK_ACCOUNT_MAP"
    )


class _ForPayments(_Variables):
    ln: InforLNCredentials = Field(validation_alias="INFOR_LN")
    start: Start = Field(default=None, validation_alias="DAYBOOK_PAYMENTS_START")


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
    pays = any(name.startswith(("INFOR_", "DAYBOOK_PAYMENTS_")) for name in given)
    posts = _names_mambu(given) or not pays
    problems: list[str] = []
    made = Connections(
        _journals(given, problems) if posts else None, _payments(given, problems) if pays else None
    )
    _refuse(problems)
    return made


def journal_connection(environment: Mapping[str, str]) -> JournalConnection:
    """Return the journal connection that variables describe. Raises UsageError naming all that is wrong."""
    return _alone(_journals, environment)


def payment_connection(environment: Mapping[str, str]) -> PaymentConnection:
    """Return the payment connection that variables describe. Raises UsageError naming all that is wrong."""
    return _alone(_payments, environment)


def _given(environment: Mapping[str, str]) -> dict[str, str]:
    values = {name: environment.get(name, "").strip() for name in VARIABLES}
    return {name: value for name, value in values.items() if value}


def _alone(make: Callable[[dict[str, str], list[str]], C | None], environment: Mapping[str, str]) -> C:
    problems: list[str] = []
    made = make(_given(environment), problems)
    _refuse(problems)
    if made is None:
        raise AssertionError("a connection that is not made has problems")
    return made


def _refuse(problems: list[str]) -> None:
    if problems:
        # What two connections share is told once.
        texts = "".join(f"\n  - {text}" for text in dict.fromkeys(problems))
        raise UsageError(f"The connection cannot be made from these variables:{texts}")


def _journals(given: dict[str, str], problems: list[str]) -> JournalConnection | None:
    return _made(JournalConnection, _ForJournals, given, _mambu_login(given), problems)


def _payments(given: dict[str, str], problems: list[str]) -> PaymentConnection | None:
    given = {"XERO_SCOPES": " ".join(PAYMENT_SCOPES), **given}
    told = _mambu_login(given) if _names_mambu(given) else []
    file = given.pop(_FILE, None)
    try:
        if file is not None:
            given |= {
                f"INFOR_LN_{field}": text for field, text in ionapi_fields(_content(Path(file))).items()
            }
    except UsageError as error:
        told.append(f"{_FILE}: {error}")
    return _made(PaymentConnection, _ForPayments, given, told, problems)


def _made(
    kind: type[C], variables: type[_Variables], given: Mapping[str, str], told: list[str], problems: list[str]
) -> C | None:
    """Return a connection of variables, or None; what is wrong besides what is told goes to the problems."""
    source = EnvSettingsSource(variables)
    # Where none of a block's variables is there, its fields are missing, and not the block.
    blocks = {"xero": "{}", "infor_ln" if kind is PaymentConnection else "mambu": "{}"}
    source.env_vars = blocks | {name.lower(): value for name, value in given.items()}
    try:
        read = variables(_build_sources=((source,), {}))
    except ValidationError as error:
        problems += _found(error, told)
    else:
        if not told:
            return kind(**{name: getattr(read, name) for name in read.model_fields_set})
    problems += told
    return None


def _found(error: ValidationError, told: list[str]) -> list[str]:
    """Word pydantic's findings by variable, without the values, which can be secret.

    What has been told is left out: nothing of a file that cannot be read is there, for one.
    """
    texts: list[str] = []
    items = error.errors(include_url=False, include_context=False, include_input=False)
    for item in sorted(items, key=lambda item: item["type"] != "missing"):
        where = "_".join(map(str, item["loc"])).upper()
        where = _IN_FILE.get(where, where)
        variable = where.partition(",")[0]
        if not any(text.startswith(variable) for text in told):
            said = f"{where}: {item['msg'].removeprefix('Value error, ')}"
            texts.append(f"{variable} is missing" if item["type"] == "missing" else said)
    return texts


def _names_mambu(given: Mapping[str, str]) -> bool:
    return any(name.startswith("MAMBU_") for name in given)


def _mambu_login(given: Mapping[str, str]) -> list[str]:
    login = [name for name in ("MAMBU_USERNAME", "MAMBU_PASSWORD") if name in given]
    if "MAMBU_API_KEY" not in given and len(login) < 2:
        return ["MAMBU_API_KEY is missing, or MAMBU_USERNAME and MAMBU_PASSWORD in its place"]
    if "MAMBU_API_KEY" in given and login:
        return [f"MAMBU_API_KEY and {' and '.join(login)} are two ways to log in. Give only one"]
    return []


def env_file(path: Path) -> dict[str, str]:
    """Read NAME=value lines; blank lines and those that start with # are passed over.

    A value may stand in single or double quotes; nothing in it is expanded, and one that other programs
    would read otherwise, for a backslash or the beginning of a comment, is refused. Raises UsageError.
    """
    try:
        text = _content(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} cannot be read: it is not a text in UTF-8.") from None
    found: dict[str, str] = {}
    odd: list[int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.partition("=")[2].strip()
        for one in parse_stream(StringIO(line)):
            name, value = one.key or "", one.value or ""
            if "=" in line and name.isidentifier() and written in {value, f"'{value}'", f'"{value}"'}:
                found[name] = value
            elif name or one.error:
                odd.append(number)
    if odd:
        raise UsageError(
            f"{path}: these lines are not NAME=value: {', '.join(map(str, odd))}. A value with a quote, a "
            "backslash or a # stands in single quotes."
        )
    return found


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or 'the system does not say why'}."
        ) from None
