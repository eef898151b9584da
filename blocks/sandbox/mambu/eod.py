"""End-of-day processing: started by hand, and its state read.

That a manual run is answered 202 and the states are documented; the read path, the body of the 202
and the refusal outside manual mode are unknown in public, so they are ours.
"""

from __future__ import annotations

import json
from datetime import datetime, time, timedelta

from blocks.sandbox.asgi import Answer
from blocks.sandbox.mambu.errors import MambuError, invalid
from blocks.sandbox.mambu.http import Call, json_answer
from blocks.sandbox.mambu.paging import parse_paging
from blocks.sandbox.mambu.tenant import Tenant
from blocks.sandbox.world.noise import fixed_key

_AUTOMATIC, _MANUAL, _EARLY = "CRON_JOBS", "MANUAL_CRON_JOBS_TRIGGER", "EARLY_MANUAL_CRON_JOBS_TRIGGER"
_RUN = timedelta(minutes=4)
_ENDED = frozenset({"COMPLETE", "CANCEL", "TIMED_OUT", "ERROR", "OVERRIDDEN"})


class EndOfDay:
    """The endpoints of end-of-day processing."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def run(self, call: Call) -> Answer:
        """Answer `POST /crons/eod:run`."""
        return self._start(call, _MANUAL)

    async def run_early(self, call: Call) -> Answer:
        """Answer `POST /crons/earlyeod:run`."""
        return self._start(call, _EARLY)

    def _start(self, call: Call, kind: str) -> Answer:
        call.caller.require("ADMIN")
        if not self._tenant.options.eod_manual:
            raise MambuError(400, "FEATURE_DISABLED", "end-of-day processing is automatic")
        started = self._tenant.now()
        self._tenant.state.save_fact(kind, json.dumps(started.isoformat()))
        return json_answer(202, self._process(kind, started, "QUEUED"))

    async def latest(self, call: Call) -> Answer:
        """Answer `GET /backgroundprocess/latest?type=` with the last run; its state is a switch."""
        parameters = parse_paging(call.query, default_limit=1, page_cap=1).parameters
        kind = parameters.get("type")
        if kind not in (_AUTOMATIC, _MANUAL, _EARLY):
            raise invalid(f"type: {kind}")
        if kind == _AUTOMATIC:  # every night at the accounting cut-off
            started = datetime.combine(self._tenant.now().date(), time(), tzinfo=self._tenant.zone)
            return json_answer(200, self._process(kind, started, self._tenant.options.eod_state))
        kept = self._tenant.state.fact(kind)
        if kept is None:
            return json_answer(200, self._process(kind, None, "NOT_FOUND"))
        started = datetime.fromisoformat(json.loads(kept))
        return json_answer(200, self._process(kind, started, self._tenant.options.eod_state))

    @staticmethod
    def _process(kind: str, started: datetime | None, state: str) -> dict[str, object]:
        begun = started.isoformat() if started else None
        return {
            "encodedKey": fixed_key("process", kind, begun),
            "type": kind,
            "state": state,
            "creationDate": begun,
            "startDate": None if state == "QUEUED" else begun,
            "endDate": (started + _RUN).isoformat() if started and state in _ENDED else None,
        }
