"""The credentials block of Infor LN, which hands out its client, and the .ionapi file it can be read from."""

from __future__ import annotations

import re
from typing import Self, Unpack

import msgspec
from pydantic import Field, SecretStr, field_validator, model_validator

from blocks.block import BaseUrl, FilledSecret, SystemCredentials
from blocks.clock import SystemClock
from blocks.errors import UsageError
from blocks.http.auth import BasicLogin
from blocks.http.client import ClientOptions, Transport, for_tokens
from blocks.http.models import NOT_THE_JSON
from blocks.http.urls import documentation_url
from blocks.infor_ln.client import PROFILE, TOKEN_PROFILE, InforLNClient, IonToken

# Key of an .ionapi file: the block's field. The file's other keys (cn, dt, oa, or, ev, v) are of no use here.
IONAPI_KEYS = {
    "ti": "tenant",
    "ci": "client_id",
    "cs": "client_secret",
    "iu": "gateway_url",
    "pu": "authorisation_url",
    "ot": "token_path",
    "saak": "access_key",
    "sask": "secret_key",
}
_SERVICE_ACCOUNT = ("saak", "sask")
_ServiceKey = SecretStr | None  # both or neither


class InforLNCredentials(SystemCredentials):
    """An authorised app of the ION API gateway, and the service in LN that takes payment documents."""

    _block_type_name = "Infor LN Credentials"
    _documentation_url = documentation_url("connect.md#the-payments")

    tenant: str = Field(description="The tenant: ti in the .ionapi file.", pattern=r"^[A-Za-z0-9_.-]+$")
    client_id: str = Field(min_length=1, description="The app's client id: ci in the .ionapi file.")
    client_secret: FilledSecret = Field(description="The app's client secret: cs in the .ionapi file.")
    gateway_url: BaseUrl = Field(description="The gateway's address: iu in the .ionapi file.")
    authorisation_url: BaseUrl = Field(
        description="The authorisation server's address: pu in the .ionapi file."
    )
    token_path: str = Field(
        default="token.oauth2",
        min_length=1,
        description="Where tokens are fetched, below that address: ot in the .ionapi file.",
    )
    access_key: _ServiceKey = Field(
        default=None,
        description="The service account's access key: saak in the .ionapi file. Without it and the secret "
        "key, tokens are asked for as the app itself (client credentials).",
    )
    secret_key: _ServiceKey = Field(
        default=None, description="The service account's secret key: sask in the .ionapi file."
    )
    company: int = Field(
        ge=0,
        le=9999,
        description="The number of the company in LN that the documents are for, such as 303.",
    )
    path: str = Field(
        description="The path of the service that takes the documents, below the gateway's address and the "
        "tenant, such as LN/lnapi/odata/txPayments/BankTransactions.",
        examples=["LN/lnapi/odata/txPayments/BankTransactions"],
    )
    language: str = Field(
        default="en-US",
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        description="The language of LN's messages. Duplicates and locks are told by their English words.",
    )

    @field_validator("path", "token_path")
    @classmethod
    def _path_is_relative(cls, value: str) -> str:
        path = value.strip().strip("/")
        if not path or re.search(r"://|[?#\\\s]|(^|/)\.{1,2}(/|$)", path):
            raise ValueError("must be a plain path below the address: no scheme, no ? and no #")
        return path

    @model_validator(mode="after")
    def _service_account_is_whole(self) -> Self:
        if bool(self.access_key) != bool(self.secret_key):
            raise ValueError("give the service account's access key and secret key, or neither")
        return self

    @classmethod
    def from_ionapi(
        cls, content: bytes | str, *, company: int | str, path: str, language: str = "en-US"
    ) -> InforLNCredentials:
        """Return the block that an .ionapi file describes. Raises UsageError naming what is wrong with it."""
        return cls(**ionapi_fields(content), company=company, path=path, language=language)

    @property
    def base_url(self) -> str:
        """Return the address below which LN's services of this tenant are."""
        return f"{self.gateway_url}/{self.tenant}"

    def get_client(self, *, attempts: int = 5, **options: Unpack[ClientOptions]) -> InforLNClient:
        """Return a client that asks for a token at most `attempts` times, and posts a document once."""
        options["clock"] = time = options.get("clock") or SystemClock()
        login, tokens = BasicLogin(self.client_id, self.client_secret), for_tokens(options)
        asking = Transport(self.authorisation_url, TOKEN_PROFILE, login, attempts=attempts, **tokens)
        token = IonToken(asking, f"{self.authorisation_url}/{self.token_path}", self._grant(), time)
        transport = Transport(self.base_url, PROFILE, token, attempts=1, **options)
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Content-Language": self.language,
            "X-Infor-LnCompany": str(self.company),
        }
        return InforLNClient(transport, token, self.path, headers)

    def _grant(self) -> dict[str, SecretStr]:
        if self.access_key and self.secret_key:
            grant = {"grant_type": SecretStr("password"), "username": self.access_key}
            return {**grant, "password": self.secret_key}
        return {"grant_type": SecretStr("client_credentials")}


def ionapi_fields(content: bytes | str) -> dict[str, str]:
    """Return the block's fields from an .ionapi file. Raises UsageError naming keys, never a value."""
    try:
        found = msgspec.json.decode(
            content.removeprefix(b"\xef\xbb\xbf") if isinstance(content, bytes) else content.lstrip("\ufeff"),
            type=dict[str, msgspec.Raw],
        )
    except NOT_THE_JSON:
        raise UsageError("The .ionapi file is not a JSON object. Download it again from Infor.") from None
    values: dict[str, str] = {}
    for key in IONAPI_KEYS:
        try:
            text = msgspec.json.decode(found.get(key, b'""'), type=str).strip()
        except NOT_THE_JSON:
            continue
        if text:
            values[key] = text
    # An app without a service account has neither of its two keys; one alone is a damaged file.
    account = [key for key in _SERVICE_ACCOUNT if key in values]
    optional = set(_SERVICE_ACCOUNT) if not account else set()
    missing = [key for key in IONAPI_KEYS if key not in values and key not in optional]
    if missing:
        raise UsageError(
            f"The .ionapi file lacks {', '.join(missing)} (as text). Download it again from Infor: an "
            "authorised app of the type Backend Service, with a service account."
        )
    return {IONAPI_KEYS[key]: value for key, value in values.items()}
