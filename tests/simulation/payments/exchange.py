"""The run as the simulation starts it: the one place that knows how an Exchange is put together."""

from __future__ import annotations

import datetime as dt
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr

from blocks.infor_ln import InforLNCredentials
from blocks.payment_connection import PaymentConnection
from blocks.sandbox.ln import DEFAULT_PATH, ionapi
from blocks.sandbox.trade import COMPANY
from blocks.sandbox.xero import CLIENT_ID, CLIENT_SECRET, PAYMENT_SCOPES, TENANT_ID
from blocks.store import DaybookStore
from blocks.xero import XeroCredentials
from flows.payments.exchange import Exchange
from flows.payments.flow import Asked
from flows.payments.flow import run as run_payments
from flows.payments.record import recorded
from flows.payments.summary import PaymentsSummary
from tests.simulation.loop import LoopClock
from tests.simulation.payments.transport import LNWire, XeroWire
from tests.simulation.stores import WatchedStore

if TYPE_CHECKING:
    from tests.simulation.payments.world import Run, World

NAME = "default"
# A loopback address, so that no proxy of the machine is asked about; nothing listens there.
_ADDRESS = "http://127.0.0.1:9"
_KINDS = ("unknown_payments", "unknown_prepayments", "unknown_allocations")


@lru_cache
def _connection(
    start: dt.datetime, overlap: int, parallel: int, retries: int, *, holds: bool
) -> PaymentConnection:
    return PaymentConnection(
        xero=XeroCredentials(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            tenant_id=TENANT_ID,
            base_url=f"{_ADDRESS}/api.xro/2.0",
            token_url=f"{_ADDRESS}/connect/token",
            scopes=PAYMENT_SCOPES,
        ),
        ln=InforLNCredentials.from_ionapi(json.dumps(ionapi(_ADDRESS)), company=COMPANY, path=DEFAULT_PATH),
        # Never opened: each run is given the store of the simulation.
        store=DaybookStore(url=SecretStr("sqlite:///unused.sqlite3")),
        start=start,
        overlap_minutes=overlap,
        retries=retries,
        ln_concurrency=parallel,
        **dict.fromkeys(_KINDS, "hold" if holds else "send"),
    )


async def payments_run(world: World, run: Run) -> PaymentsSummary:
    """Take one run of the payments through all its stages, as the flow does. Raises what the run raises."""
    script = world.script
    connection = _connection(world.start, script.overlap, script.parallel, script.retries, holds=script.holds)
    clock = LoopClock(world.loop, world.clock.now(), script.ahead[run.place])

    def note(text: str) -> None:
        world.note(f"run {run.number}:   {text}")

    async def progress(stage: str, done: int, of: int) -> None:
        return None

    async def around(name: str, call: Any) -> Any:
        return await world.store_call(run, name, call)

    attempts = connection.retries + 1
    xero = connection.xero.get_client(
        attempts=attempts,
        parallel=connection.xero_concurrency,
        clock=clock,
        http=XeroWire(world, run),
        notice=note,
    )
    ln = connection.ln.get_client(attempts=attempts, clock=clock, http=LNWire(world, run), notice=note)
    store = cast(Any, WatchedStore(run.file.store, around))
    run_id = f"run {run.number}"
    exchange = Exchange(NAME, connection, xero, ln, None, store, clock, note, progress, run_id)
    run.exchange = exchange
    summary = PaymentsSummary(NAME, run_id)
    async with xero, ln, recorded(exchange, summary, dry_run=False, by_hand=False):
        await run_payments(exchange, summary, Asked(NAME))
    return summary
