"""Look around: a run of the payments that died is recorded, and people are told."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from flows.lease import settled_leases
from flows.payments.exchange import Exchange
from flows.payments.failure import died
from flows.payments.record import desk_of
from flows.tasks import run_task


@run_task("look around: payments")
async def look_around(exchange: Exchange) -> list[str]:
    """Open an incident where a run died, and tell of it; return what was found, for people."""
    desk, zone = desk_of(exchange), ZoneInfo("UTC")
    held = await settled_leases(exchange, "payments")
    dead = [lease for lease in held if lease.expired(exchange.clock.now())]
    collected = await exchange.store.audit.collected_until(exchange.name)
    began = collected or exchange.connection.start or exchange.clock.now()
    for lease in dead:
        await desk.open(died(exchange.name, lease), began.astimezone(dt.UTC).date(), zone)
    await desk.tell(zone)
    return [f"a run of the payments that died at {lease.stage or 'its beginning'}" for lease in dead]
