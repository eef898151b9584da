"""End-of-day processing: started by hand, and its state read.

That a manual run is answered 202 with its state, the states, and how it is configured are documented;
the read path and the refusal outside manual mode are unknown in public, so they are ours.
"""

from __future__ import annotations

import json
from datetime import datetime, time, timedelta

from blocks.sandbox.asgi import Answer
from blocks.sandbox.mambu.errors import MambuError, invalid
from blocks.sandbox.mambu.http import Call, yaml_answer
from blocks.sandbox.mambu.paging import parse_paging
from blocks.sandbox.mambu.tenant import Tenant
from blocks.sandbox.world.noise import fixed_key

_AUTOMATIC, _MANUAL, _EARLY = "CRON_JOBS", "MANUAL_CRON_JOBS_TRIGGER", "EARLY_MANUAL_CRON_JOBS_TRIGGER"
CONFIGURATION = "endofdayprocessing.yaml"
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
        return self._tenant.answer(202, {"state": "QUEUED"})

    async def latest(self, call: Call) -> Answer:
        """Answer `GET /backgroundprocess/latest?type=` with the last run; its state is a switch."""
        parameters = parse_paging(call.query, default_limit=1, page_cap=1).parameters
        kind = parameters.get("type")
        if kind not in (_AUTOMATIC, _MANUAL, _EARLY):
            raise invalid(f"type: {kind}")
        if kind == _AUTOMATIC:  # every night at the accounting cut-off
            started = datetime.combine(self._tenant.now().date(), time(), tzinfo=self._tenant.zone)
            return self._tenant.answer(200, self._process(kind, started, self._tenant.options.eod_state))
        kept = self._tenant.state.fact(kind)
        if kept is None:
            return self._tenant.answer(200, self._process(kind, None, "NOT_FOUND"))
        started = datetime.fromisoformat(json.loads(kept))
        return self._tenant.answer(200, self._process(kind, started, self._tenant.options.eod_state))

    async def configuration(self, call: Call) -> Answer:
        """Answer `GET /configuration/endofdayprocessing.yaml`; the form of a time, and who may, are ours."""
        call.caller.require("ADMIN")
        method = "MANUAL" if self._tenant.options.eod_manual else "AUTOMATIC"
        return yaml_answer(f'---\naccountingCutOffTime: "00:00:00"\nendOfDayProcessingMethod: "{method}"\n')

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
