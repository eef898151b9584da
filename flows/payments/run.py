"""What the stages of one run of the payments share: the connection, its open clients and store."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from blocks.clock import Clock, SystemClock
from blocks.connections.payments import PaymentConnection
from blocks.http.retry import Patience
from blocks.http.urls import is_loopback
from blocks.infor_ln.client import InforLNClient
from blocks.mambu.client import MambuClient
from blocks.sandbox.process import sandbox_of
from blocks.store.audit_rows import Kind
from blocks.store.journals import Store
from blocks.store.models import ALL_DAYS, CollectedWindow
from blocks.xero.client import XeroClient
from blocks.xero.payments import XeroPayments
from flows.payments.documents import Role
from flows.payments.models import Policy
from flows.payments.windows import Window
from flows.runtime.artifacts import RunLog
from flows.runtime.run import Calling, LeaseScope, Progress, Run


class PaymentsRun(Run):
    """One run from Xero to LN. Everything a stage needs, and nothing it decides."""

    connection: PaymentConnection

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
        self.last_window: CollectedWindow | None = None
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
    def lease_scope(self) -> LeaseScope:
        """Return the connection, of which one run at a time delivers."""
        return LeaseScope("payments", ALL_DAYS, f"the payments of {self.name}", self.connection.store.address)


@asynccontextmanager
async def opened(
    name: str,
    connection: PaymentConnection,
    run_id: str,
    log: RunLog,
    progress: Progress,
) -> AsyncIterator[PaymentsRun]:
    """Open the clients and the store of a connection for one run."""
    clock = SystemClock()
    calling = Calling(connection.retries, connection.patience_minutes, log, clock)
    attempts, patience = calling.attempts, calling.patience("Infor LN")
    xero = calling.xero(connection.xero, connection.xero_concurrency)
    ln = connection.ln.get_client(attempts=attempts, clock=clock, notice=log.warn, patience=patience)
    async with AsyncExitStack() as clients:
        store = await clients.enter_async_context(connection.store.open())
        for client in (xero, ln):
            await clients.enter_async_context(client)
        mambu = None
        if connection.mambu is not None:
            mambu = connection.mambu.get_client(attempts=attempts, clock=clock, notice=log.warn)
            await clients.enter_async_context(mambu)
        run = PaymentsRun(name, connection, xero, ln, mambu, store, clock, log.say, progress, run_id)
        run.warn, run.patience = log.warn, patience
        yield run


def policy_of(name: str, connection: PaymentConnection) -> Policy:
    """Return the policy of a connection, under the name that its audit rows bear."""
    unknown = {
        Kind.PAYMENT: connection.unknown_payments,
        Kind.PREPAYMENT: connection.unknown_prepayments,
        Kind.ALLOCATION: connection.unknown_allocations,
    }
    return Policy(
        name,
        {
            Role.SALES_PAYMENT: connection.type_sales_payment,
            Role.PURCHASE_PAYMENT: connection.type_purchase_payment,
            Role.SUPPLIER_PREPAYMENT: connection.type_supplier_prepayment,
            Role.CLIENT_PREPAYMENT: connection.type_client_prepayment,
        },
        connection.prepayment_field,
        connection.bank_numbers,
        frozenset(kind for kind, choice in unknown.items() if choice == "hold"),
    )
