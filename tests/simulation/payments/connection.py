"""The connections by which the runs of the simulation reach the stand-ins and their stores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from blocks.connections.payments import PaymentConnection
from blocks.infor_ln.credentials import InforLNCredentials
from blocks.mambu.credentials import MambuCredentials
from blocks.sandbox.infor_ln.app import DEFAULT_PATH, ionapi
from blocks.sandbox.mambu.app import API_KEYS, ASSIGNED_USER_KEY
from blocks.sandbox.world.trade import COMPANY
from blocks.sandbox.xero.app import CLIENT_ID, CLIENT_SECRET, PAYMENT_SCOPES, TENANT_ID
from blocks.store.block import DaybookStore
from blocks.xero.credentials import XeroCredentials

# Those of the organisations that the credentials can lead to.
TENANTS = (TENANT_ID, str(UUID(int=2, version=4)))
# A loopback address, so that no proxy of the machine is asked about; nothing listens there.
_ADDRESS = "http://127.0.0.1:9"


def connection(
    start: datetime, store: int, settings: Mapping[str, str | int], organisation: int = 0
) -> PaymentConnection:
    """Return the connection of a store, by its number, with some settings, to a Xero organisation."""
    return _made(start, store, tuple(sorted(settings.items())), organisation)


@lru_cache
def _made(
    start: datetime, store: int, settings: tuple[tuple[str, Any], ...], organisation: int
) -> PaymentConnection:
    return PaymentConnection(
        xero=XeroCredentials(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            tenant_id=TENANTS[organisation],
            base_url=f"{_ADDRESS}/api.xro/2.0",
            token_url=f"{_ADDRESS}/connect/token",
            scopes=PAYMENT_SCOPES,
        ),
        ln=InforLNCredentials.from_ionapi(json.dumps(ionapi(_ADDRESS)), company=COMPANY, path=DEFAULT_PATH),
        mambu=MambuCredentials(base_url=f"{_ADDRESS}/api", api_key=API_KEYS["admin"]),
        assigned_user_key=ASSIGNED_USER_KEY,
        # Never opened: each run is given the store of the simulation.
        store=DaybookStore(url=SecretStr(f"sqlite:///unused-{store}.sqlite3")),
        start=start,
        **dict(settings),
    )
