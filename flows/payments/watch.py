"""Look around: a run of the payments that died is recorded, and people are told."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from flows.payments.record import desk_of
from flows.payments.report.failures import LASTING, died
from flows.payments.run import Exchange
from flows.runtime.lease import has_died, settled_leases
from flows.runtime.tasks import run_task


@run_task("look around: payments")
async def look_around(exchange: Exchange) -> list[str]:
    """Open an incident where a run died, and tell of it; return what was found, for people."""
    desk, zone = desk_of(exchange), ZoneInfo("UTC")
    held = await settled_leases(exchange, "payments")
    left = [lease for lease in held if lease.expired(exchange.clock.now())]
    dead = [lease for lease in left if await has_died(lease)]
    collected = await exchange.store.audit.collected_until(exchange.name)
    for lease in dead:
        # A day that stays the same however often it is looked at: one incident.
        began = collected or exchange.connection.start or lease.taken_at
        await desk.open(died(exchange.name, lease), began.astimezone(dt.UTC).date(), zone, beside=LASTING)
    await desk.tell(zone)
    return [f"a run of the payments that died at {lease.stage or 'its beginning'}" for lease in dead]
