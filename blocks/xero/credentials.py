"""The credentials block of Xero, which hands out its client."""

from __future__ import annotations

from typing import Unpack
from urllib.parse import quote

from pydantic import Field

from blocks.block import BaseUrl, FilledSecret, SystemCredentials
from blocks.clock import SystemClock
from blocks.http.auth import BasicLogin
from blocks.http.client import ClientOptions, Transport, for_tokens
from blocks.http.rate_limit import Pacer
from blocks.http.urls import is_loopback
from blocks.xero.client import JOURNAL_SCOPES, PROFILE, TOKEN_PROFILE, XeroClient, XeroToken

BASE_URL = "https://api.xero.com/api.xro/2.0"
TOKEN_URL = "https://identity.xero.com/connect/token"  # noqa: S105 - an address


class XeroCredentials(SystemCredentials):
    """A custom connection to one Xero organisation."""

    _block_type_name = "Xero Credentials"

    client_id: str = Field(min_length=1, description="The client id of the custom connection's app.")
    client_secret: FilledSecret = Field(description="The client secret of that app.")
    tenant_id: str | None = Field(
        default=None,
        description="The organisation's tenant id: guards against writing into another one. A custom "
        "connection works without it.",
    )
    scopes: str = Field(
        default=" ".join(JOURNAL_SCOPES),
        description="The scopes to ask for, separated by spaces; the app must have them.",
    )
    base_url: BaseUrl = Field(default=BASE_URL, description="Xero's address up to and with /api.xro/2.0.")
    token_url: BaseUrl = Field(default=TOKEN_URL, description="Where tokens are fetched.")

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
        **options: Unpack[ClientOptions],
    ) -> XeroClient:
        """Return a client that sends a call at most `attempts` times and `parallel` calls at a time."""
        options["clock"] = time = options.get("clock") or SystemClock()
        login = BasicLogin(self.client_id, self.client_secret)
        # Twice at most: a call that lacks its token for it is repeated itself.
        often = min(attempts, 2)
        asking = Transport(self.token_url, TOKEN_PROFILE, login, attempts=often, **for_tokens(options))
        token = XeroToken(asking, self.token_url, self.scopes, self.tenant_id, time)
        pacer = Pacer("Xero", time, parallel=parallel)
        transport = Transport(self.base_url, PROFILE, token, attempts=attempts, pacer=pacer, **options)
        return XeroClient(transport, token)
