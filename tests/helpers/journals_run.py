"""A run without a Prefect server: a real store and a real client of Xero, whose answers are prepared."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blocks.connections.journals import JournalConnection
from blocks.mambu.credentials import MambuCredentials
from blocks.store.block import open_store
from blocks.store.entries import pack
from blocks.store.models import JournalRecord, JournalState, StoredRequest
from blocks.xero.credentials import XeroCredentials
from blocks.xero.models import ManualJournal
from flows.journals.models import Plan
from flows.journals.prepare import PreparedJournal, PreparedRequest
from flows.journals.read import XeroSnapshot
from flows.journals.reconciliation import reconcile
from flows.journals.run import JournalsRun
from tests.helpers.clocks import VirtualClock
from tests.helpers.journals import DAY, id_of
from tests.helpers.scripted import Script, Step, answer

# The morning after the day that is sent.
MORNING = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
# A loopback address, so that no proxy of the machine is asked about; nothing listens there.
_ADDRESS = "http://127.0.0.1:9"


class ScriptedRun:
    """A run, its clock, and what goes from it to Xero."""

    def __init__(self, run: JournalsRun, clock: VirtualClock, script: Script) -> None:
        self.run, self.clock, self.script = run, clock, script

    @property
    def methods(self) -> list[str]:
        """Return the methods of the requests that came to Xero."""
        return [request.method for request in self.script.requests]

    async def keep(self, requests: Iterable[PreparedRequest], state: JournalState, **other: Any) -> None:
        """Record the journals of requests in a state, with their bytes, and with other values as given."""
        requests = list(requests)
        held = [replace(one, **other) for one in records(requests)]
        for request in requests:
            its = [one for one in held if one.request_key == request.key]
            await self.run.store.sending(its, StoredRequest(request.key, request.body), self.clock.now())
        if state is not JournalState.SENDING:
            reasons = {one.narration: one.reason for one in held if one.reason}
            await self.run.store.move(held, state, self.clock.now(), reasons=reasons)

    async def left(self, request: PreparedRequest) -> None:
        """Record that a request went out now, and that its answer is still to come."""
        await self.keep([request], JournalState.SENDING)

    async def records(self) -> list[JournalRecord]:
        """Return all that the store knows of the day's journals."""
        return await self.run.store.journals("organisation", "default", DAY.date)

    async def record(self) -> JournalRecord:
        """Return the one journal of the day that the store knows."""
        (only,) = await self.records()
        return only

    async def states(self) -> list[JournalState]:
        """Return the states of the day's journals, in the order of their numbers."""
        return [record.state for record in await self.records()]


@asynccontextmanager
async def scripted_run(folder: Path, *steps: Step, **connection: Any) -> AsyncIterator[ScriptedRun]:
    """Open a run on a store in a folder, with a Xero that answers by steps, and each call is made once."""
    clock = VirtualClock(MORNING)
    token = answer(200, {"access_token": "token", "expires_in": 1800})
    script = Script(*(steps or [answer(500)]), token=token)
    configured = JournalConnection(
        mambu=MambuCredentials(base_url=f"{_ADDRESS}/mambu", api_key="unused"),
        xero=XeroCredentials(
            client_id="client",
            client_secret="unused",
            base_url=f"{_ADDRESS}/api.xro/2.0",
            token_url=f"{_ADDRESS}/connect/token",
        ),
        **connection,
    )

    async def progress(stage: str, done: int, of: int) -> None:
        return None

    mambu = configured.mambu.get_client(attempts=1, clock=clock, http=script, notice=lambda _: None)
    xero = configured.xero.get_client(attempts=1, clock=clock, http=script, notice=lambda _: None)
    async with open_store(f"sqlite:///{folder / 'daybook.sqlite3'}") as store, xero:
        run = JournalsRun("default", configured, mambu, xero, store, clock, lambda _: None, progress)
        run.day, run.currency, run.organisation = DAY, "GBP", "organisation"
        yield ScriptedRun(run, clock, script)


def snapshot_of(
    plan: Plan, live: Iterable[ManualJournal], held: Sequence[JournalRecord] = ()
) -> XeroSnapshot:
    """Return a read of Xero that shows these journals, while the store has these records."""
    return XeroSnapshot(reconcile(plan, live), MORNING, held)


def records(requests: Iterable[PreparedRequest]) -> list[JournalRecord]:
    """Return the records of the journals in requests, sealed."""
    return [_record(request, journal) for request in requests for journal in request.journals]


def _record(request: PreparedRequest, journal: PreparedJournal) -> JournalRecord:
    return JournalRecord(
        organisation="organisation",
        narration=str(journal.narration),
        generation=journal.generation,
        connection="default",
        day=DAY.date,
        booking_date=journal.narration.booking_date,
        number=journal.narration.number,
        request_key=request.key,
        digest=journal.digest,
        lines=journal.lines,
        debits="1.25",
        **pack(journal.entries)._asdict(),
    )


def listed(*journals: dict[str, Any]) -> Step:
    """Return a step: Xero lists these journals and no others."""
    pages = {"page": 1, "pageSize": 100, "pageCount": 1, "itemCount": len(journals)}
    return answer(200, {"pagination": pages, "ManualJournals": journals})


def drafts_of(request: PreparedRequest) -> list[dict[str, Any]]:
    """Return the drafts that Xero makes of a request, as it shows them."""
    journals: Sequence[dict[str, Any]] = json.loads(request.body)["ManualJournals"]
    return [{**one, "ManualJournalID": id_of(one["Narration"])} for one in journals]
