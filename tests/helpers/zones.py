"""Mambu as a tenant in another time zone, and the connection to it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from blocks.connections.journals import JournalConnection
from tests.helpers.sandboxed import DATE, Sandboxed

AUCKLAND = "Pacific/Auckland"


def far_away(sandbox: Sandboxed, zone: str = AUCKLAND) -> None:
    """Let Mambu be a tenant in another zone, whose settings the user may not read, with an empty next day."""
    sandbox.control("mambu/options", {"time_zone": zone, "organization_forbidden": True})
    sandbox.plant([], DATE + dt.timedelta(days=1))


def in_zone(sandbox: Sandboxed, zone: str, **changes: Any) -> JournalConnection:
    """Return the connection with a zone and a currency of its own."""
    return sandbox.connection(time_zone=zone, currency="GBP", **changes)
