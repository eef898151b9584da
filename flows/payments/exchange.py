"""What the stages of one run of the payments share: the connection, its open clients and store."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from blocks import audit
from blocks.clock import Clock, SystemClock
from blocks.infor_ln import InforLNClient
from blocks.leases import ALL_DAYS
from blocks.mambu import MambuClient
from blocks.patience import Patience, UnderWay
from blocks.payment_connection import PaymentConnection
from blocks.sandbox.process import sandbox_of
from blocks.store import Store
from blocks.transport import is_loopback
from blocks.xero import XeroClient
from blocks.xero_payments import XeroPayments
from flows.payments.policy import Policy, policy_of
from flows.payments.windows import Window
from flows.run import Hold, Progress, Run, patience_with


class Exchange(Run):
    """One run from Xero to LN. Everything a stage needs, and nothing it decides."""

    def __init__(
        self,
        name: str,
        connection: PaymentConnection,
        xero: XeroClient,
        ln: InforLNClient,
        mambu: MambuClient | None,
        store: Store,
        clock: Clock,
        log: Callable[[str], None],
        progress: Progress,
        run_id: str,
    ) -> None:
        super().__init__(name, store, clock, log, progress)
        self.connection = connection
        self.xero = xero
        self.paid = XeroPayments(xero)
        self.ln = ln
        self.mambu = mambu
        self.run_id = run_id
        self.policy: Policy = policy_of(name, connection)
        # How long LN is waited for.
        self.patience = Patience()
        self.window: Window
        # The day (UTC) with which a window begins that a person asks for; None for the usual one.
        self.asked_since: dt.date | None = None
        # None is on record where it is new, or was lost.
        self.last_window: audit.Window | None = None
        # Where it is noted beside the store how many runs that has recorded.
        self.run_count: Path | None = None
        # When, in Xero's time, a person confirmed that the record may be gone by; None where none had to.
        self.confirmed_at: dt.datetime | None = None
        self.organisation: str
        self.base_currency: str

    @property
    def sandbox(self) -> Path | None:
        """Return the folder of the sandbox in which all this happens, its own store included, if it does."""
        return (
            sandbox_of(self.connection.store.address) if is_loopback(self.connection.xero.base_url) else None
        )

    @property
    def audit_command(self) -> str:
        """Return how the command `audit` is called for this connection; a subcommand may follow."""
        if self.sandbox:
            return f"python -m flows.main audit --sandbox-dir {self.sandbox}"
        named = "" if self.name == "default" else f" --connection {self.name}"
        return f"python -m flows.main audit{named}"

    @property
    def hold(self) -> Hold:
        """Return the connection, of which one run at a time delivers."""
        return Hold("payments", ALL_DAYS, f"the payments of {self.name}", self.connection.store.address)


@asynccontextmanager
async def opened(
    name: str,
    connection: PaymentConnection,
    run_id: str,
    log: Callable[[str], None],
    progress: Progress,
    clock: Clock | None = None,
    warn: Callable[[str], None] | None = None,
) -> AsyncIterator[Exchange]:
    """Open the clients and the store of a connection for one run."""
    attempts, minutes = connection.retries + 1, connection.patience_minutes
    ticking, notice, under_way = clock or SystemClock(), warn or log, UnderWay()
    patience = patience_with("Infor LN", minutes, ticking, notice, under_way)
    xero = connection.xero.get_client(
        attempts=attempts,
        parallel=connection.xero_concurrency,
        clock=ticking,
        notice=notice,
        patience=patience_with("Xero", minutes, ticking, notice, under_way),
    )
    ln = connection.ln.get_client(attempts=attempts, clock=ticking, notice=notice, patience=patience)
    async with AsyncExitStack() as clients:
        store = await clients.enter_async_context(connection.store.open())
        for client in (xero, ln):
            await clients.enter_async_context(client)
        mambu = None
        if connection.mambu is not None:
            mambu = connection.mambu.get_client(attempts=attempts, clock=ticking, notice=notice)
            await clients.enter_async_context(mambu)
        exchange = Exchange(name, connection, xero, ln, mambu, store, ticking, log, progress, run_id)
        exchange.warn, exchange.patience = notice, patience
        yield exchange
