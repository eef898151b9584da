"""The run as the simulation starts it: the one place that knows how a Night is put together."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from blocks.connections import JournalConnection
from blocks.mambu import MambuCredentials
from blocks.sandbox.xero import CLIENT_ID, CLIENT_SECRET, TENANT_ID
from blocks.xero import XeroCredentials
from flows.journals.night import Night
from tests.flows.journals.builders import DAY
from tests.simulation.loop import LoopClock
from tests.simulation.stores import WatchedStore

if TYPE_CHECKING:
    from tests.simulation.world import Run, World

# A loopback address, so that no proxy of the machine is asked about; nothing listens there.
_ADDRESS = "http://127.0.0.1:9"


@lru_cache
def _connection(lines_per_journal: int, parallel: int) -> JournalConnection:
    return JournalConnection(
        mambu=MambuCredentials(base_url=f"{_ADDRESS}/mambu", api_key="unused"),
        xero=XeroCredentials(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            tenant_id=TENANT_ID,
            base_url=f"{_ADDRESS}/api.xro/2.0",
            token_url=f"{_ADDRESS}/connect/token",
        ),
        lines_per_journal=lines_per_journal,
        xero_concurrency=parallel,
    )


def night_of(world: World, run: Run) -> Night:
    """Return the night of a run: real clients and a real store, behind the seams of the simulation."""

    connection = _connection(world.script.day.lines_per_journal, world.script.parallel)
    clock = LoopClock(world.loop, world.clock.now(), world.script.ahead[run.machine])

    def note(text: str) -> None:
        world.note(f"run {run.number}:   {text}")

    async def progress(stage: str, done: int, of: int) -> None:
        return None

    xero = connection.xero.get_client(
        attempts=connection.retries + 1,
        parallel=connection.xero_concurrency,
        clock=clock,
        http=world.network(run),
        notice=note,
    )

    async def around(name: str, call: Any) -> Any:
        return await world.store_call(run, name, call)

    store = WatchedStore(run.file.store, around)
    night = Night("default", connection, cast(Any, None), xero, cast(Any, store), clock, note, progress)
    night.day = DAY
    night.currency = "GBP"
    night.organisation = "organisation"
    night.short_code = "!short"
    return night
