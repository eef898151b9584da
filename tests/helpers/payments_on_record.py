"""What the store knows of the payments' runs: up to where all was collected, and what is open."""

from __future__ import annotations

import datetime as dt

from blocks.store.models import Incident
from tests.helpers.sandboxed import Sandboxed


async def collected_until(sandbox: Sandboxed) -> dt.datetime | None:
    """Return up to where all was collected."""
    async with sandbox.payment_connection().store.open() as store:
        return await store.audit.collected_until("default")


async def incidents(sandbox: Sandboxed) -> list[Incident]:
    """Return the incidents that are open."""
    async with sandbox.payment_connection().store.open() as store:
        return await store.incidents.all("default", only_open=True)
