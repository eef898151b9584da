"""The credentials block of Mambu, which hands out its client."""

from __future__ import annotations

from typing import Self, Unpack

from pydantic import Field, SecretStr, model_validator

from blocks.block import BaseUrl, SystemCredentials
from blocks.http.auth import ApiKey, BasicLogin
from blocks.http.client import ClientOptions, Transport
from blocks.mambu.client import PROFILE, MambuClient


class MambuCredentials(SystemCredentials):
    """Where a Mambu tenant is, and as whom to call it."""

    _block_type_name = "Mambu Credentials"

    base_url: BaseUrl = Field(
        description="Mambu's address up to and with /api, such as https://acme.mambu.com/api.",
        examples=["https://acme.mambu.com/api"],
    )
    api_key: SecretStr | None = Field(default=None, description="The key of an API consumer in Mambu.")
    username: str | None = Field(
        default=None, description="The name of a Mambu user with API access, where there is no API key."
    )
    password: SecretStr | None = Field(default=None, description="That user's password.")

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        login = (self.username, self.password)
        if not (all(login) and not self.api_key) and not (self.api_key and not any(login)):
            raise ValueError("give either an API key, or a user name and a password")
        return self

    def get_client(self, *, attempts: int = 5, **options: Unpack[ClientOptions]) -> MambuClient:
        """Return a client for this tenant that sends a call at most `attempts` times."""
        authorisation = (
            ApiKey("apiKey", self.api_key)
            if self.api_key
            else BasicLogin(self.username or "", self.password or SecretStr(""))
        )
        return MambuClient(Transport(self.base_url, PROFILE, authorisation, attempts=attempts, **options))
