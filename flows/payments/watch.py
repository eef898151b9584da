"""Look around: a run of the payments that died is recorded, and people are told."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from flows.payments.record import incident_service
from flows.payments.report.failures import LASTING, died
from flows.payments.run import PaymentsRun
from flows.runtime.lease import has_crashed, open_leases
from flows.runtime.tasks import run_task


@run_task("look around: payments")
async def look_around(run: PaymentsRun) -> list[str]:
    """Open an incident where a run died, and tell of it; return what was found, for people."""
    desk, zone = incident_service(run), ZoneInfo("UTC")
    held = await open_leases(run, "payments")
    left = [lease for lease in held if lease.expired(run.clock.now())]
    dead = [lease for lease in left if await has_crashed(lease)]
    collected = await run.store.audit.collected_until(run.name)
    for lease in dead:
        # A day that stays the same however often it is looked at: one incident.
        began = collected or run.connection.start or lease.taken_at
        await desk.open(died(run.name, lease), began.astimezone(dt.UTC).date(), zone, beside=LASTING)
    await desk.tell(zone)
    return [f"a run of the payments that died at {lease.stage or 'its beginning'}" for lease in dead]
