"""The credentials block of Xero, which hands out its client."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import httpx
from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, SecretStr, field_validator

from blocks.clock import Clock, SystemClock
from blocks.http.auth import BasicLogin
from blocks.http.client import Transport
from blocks.http.rate_limit import Pacer
from blocks.http.retry import Patience
from blocks.http.urls import LOGO_URL, checked_base_url, documentation_url, is_loopback
from blocks.xero.client import JOURNAL_SCOPES, PROFILE, TOKEN_PROFILE, XeroClient, XeroToken

BASE_URL = "https://api.xero.com/api.xro/2.0"
TOKEN_URL = "https://identity.xero.com/connect/token"  # noqa: S105 - an address


class XeroCredentials(CredentialsBlock):
    """A custom connection to one Xero organisation.

    Example:
        ```python
        from blocks.xero.credentials import XeroCredentials

        xero = XeroCredentials.load("BLOCK_NAME")
        ```
    """

    # Where validation fails, pydantic would show what it was given.
    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Xero Credentials"
    _block_type_slug = "xero-credentials"
    _logo_url = LOGO_URL
    _documentation_url = documentation_url("connecting-real-systems")

    client_id: str = Field(min_length=1, description="The client id of the custom connection's app.")
    client_secret: SecretStr = Field(description="The client secret of that app.")
    tenant_id: str | None = Field(
        default=None,
        description="The organisation's tenant id: guards against writing into another one. A custom "
        "connection works without it.",
    )
    scopes: str = Field(
        default=" ".join(JOURNAL_SCOPES),
        description="The scopes to ask for, separated by spaces; the app must have them.",
    )
    base_url: str = Field(default=BASE_URL, description="Xero's address up to and with /api.xro/2.0.")
    token_url: str = Field(default=TOKEN_URL, description="Where tokens are fetched.")

    @field_validator("base_url", "token_url")
    @classmethod
    def _url_is_usable(cls, value: str) -> str:
        return checked_base_url(value)

    @field_validator("client_secret")
    @classmethod
    def _secret_is_there(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            # Xero's own answer to an empty secret hides the cause.
            raise ValueError("must not be empty")
        return value

    def journal_link(self, journal_id: str, short_code: str) -> str:
        """Return where a person finds a manual journal in Xero, or on the sandbox's pages."""
        journal, organisation = quote(journal_id, safe=""), quote(short_code, safe="!")
        if is_loopback(self.base_url):
            return f"{self.base_url.removesuffix('/api.xro/2.0')}/xero/journals/{journal}"
        target = f"/Journal/View.aspx?invoiceID={journal}"
        return (
            f"https://go.xero.com/organisationlogin/default.aspx?shortcode={organisation}"
            f"&redirecturl={target}"
        )

    def get_client(
        self,
        *,
        attempts: int = 5,
        parallel: int = 2,
        clock: Clock | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        notice: Callable[[str], None] | None = None,
        patience: Patience | None = None,
    ) -> XeroClient:
        """Return a client that sends a call at most `attempts` times and `parallel` calls at a time."""
        time = clock or SystemClock()
        asking = Transport(
            # Twice at most: a call that lacks its token for it is repeated itself.
            self.token_url,
            TOKEN_PROFILE,
            BasicLogin(self.client_id, self.client_secret),
            attempts=min(attempts, 2),
            clock=time,
            http=http,
            notice=notice,
            patience=patience.with_tokens() if patience else None,
        )
        token = XeroToken(asking, self.token_url, self.scopes, self.tenant_id, time)
        pacer = Pacer("Xero", time, parallel=parallel)
        transport = Transport(
            self.base_url,
            PROFILE,
            token,
            attempts=attempts,
            pacer=pacer,
            clock=time,
            http=http,
            notice=notice,
            patience=patience,
        )
        return XeroClient(transport, token)
