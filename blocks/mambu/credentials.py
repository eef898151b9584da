"""The credentials block of Mambu, which hands out its client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import httpx
from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from blocks.clock import Clock
from blocks.http.auth import ApiKey, BasicLogin
from blocks.http.client import Transport
from blocks.http.retry import Patience
from blocks.http.urls import LOGO_URL, checked_base_url, documentation_url
from blocks.mambu.client import PROFILE, MambuClient


class MambuCredentials(CredentialsBlock):
    """Where a Mambu tenant is, and as whom to call it.

    Example:
        ```python
        from blocks.mambu.credentials import MambuCredentials

        mambu = MambuCredentials.load("BLOCK_NAME")
        ```
    """

    # Where validation fails, pydantic would show what it was given.
    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Mambu Credentials"
    _block_type_slug = "mambu-credentials"
    _logo_url = LOGO_URL
    _documentation_url = documentation_url("connecting-real-systems")

    base_url: str = Field(
        description="Mambu's address up to and with /api, such as https://acme.mambu.com/api.",
        examples=["https://acme.mambu.com/api"],
    )
    api_key: SecretStr | None = Field(default=None, description="The key of an API consumer in Mambu.")
    username: str | None = Field(
        default=None, description="The name of a Mambu user with API access, where there is no API key."
    )
    password: SecretStr | None = Field(default=None, description="That user's password.")

    @field_validator("base_url")
    @classmethod
    def _base_url_is_usable(cls, value: str) -> str:
        return checked_base_url(value)

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        login = (self.username, self.password)
        if not (all(login) and not self.api_key) and not (self.api_key and not any(login)):
            raise ValueError("give either an API key, or a user name and a password")
        return self

    def get_client(
        self,
        *,
        attempts: int = 5,
        clock: Clock | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        notice: Callable[[str], None] | None = None,
        patience: Patience | None = None,
    ) -> MambuClient:
        """Return a client for this tenant that sends a call at most `attempts` times."""
        authorisation = (
            ApiKey("apiKey", self.api_key)
            if self.api_key
            else BasicLogin(self.username or "", self.password or SecretStr(""))
        )
        return MambuClient(
            Transport(
                self.base_url,
                PROFILE,
                authorisation,
                attempts=attempts,
                clock=clock,
                http=http,
                notice=notice,
                patience=patience,
            )
        )
