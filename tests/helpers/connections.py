"""A connection of each kind, whose secrets must not show anywhere."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from blocks.connections.journals import JournalConnection
from blocks.connections.payments import PaymentConnection
from blocks.mambu.credentials import MambuCredentials
from blocks.store.block import DaybookStore
from blocks.xero.credentials import XeroCredentials
from tests.helpers.ln_client import block

CANARY = "CANARY-in-block"


def journal_connection(**policy: Any) -> JournalConnection:
    """Return a connection of the journals with this policy."""
    return JournalConnection(
        mambu=MambuCredentials(base_url="https://acme.mambu.com/api", api_key=SecretStr(CANARY)),
        xero=XeroCredentials(client_id="c", client_secret=SecretStr(CANARY)),
        store=DaybookStore(url=SecretStr(f"postgresql://u:{CANARY}@h/d")),
        **policy,
    )


def payment_connection(**policy: Any) -> PaymentConnection:
    """Return a connection of the payments with this policy."""
    return PaymentConnection(
        xero=XeroCredentials(client_id="c", client_secret=SecretStr(CANARY)),
        ln=block(),
        store=DaybookStore(url=SecretStr(f"postgresql://u:{CANARY}@h/d")),
        **policy,
    )
