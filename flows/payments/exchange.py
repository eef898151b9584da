"""What the stages of one run of the payments share: the connection, its open clients and store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from blocks.clock import Clock, SystemClock
from blocks.infor_ln import InforLNClient
from blocks.leases import ALL_DAYS
from blocks.mambu import MambuClient
from blocks.payment_connection import PaymentConnection
from blocks.store import Store
from blocks.xero import XeroClient
from blocks.xero_payments import XeroPayments
from flows.payments.policy import Policy, policy_of
from flows.payments.windows import Window
from flows.run import Hold, Progress, Run


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
        self.window: Window
        # No window is on record: it is new, or was lost.
        self.young_record = True
        self.organisation: str
        self.base_currency: str

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
) -> AsyncIterator[Exchange]:
    """Open the clients and the store of a connection for one run."""
    attempts = connection.retries + 1
    ticking = clock or SystemClock()
    xero = connection.xero.get_client(
        attempts=attempts, parallel=connection.xero_concurrency, clock=ticking, notice=log
    )
    ln = connection.ln.get_client(attempts=attempts, clock=ticking, notice=log)
    async with xero, ln, connection.store.open() as store:
        if connection.mambu is None:
            yield Exchange(name, connection, xero, ln, None, store, ticking, log, progress, run_id)
            return
        async with connection.mambu.get_client(attempts=attempts, clock=ticking, notice=log) as mambu:
            yield Exchange(name, connection, xero, ln, mambu, store, ticking, log, progress, run_id)
