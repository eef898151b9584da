"""Watch: runs that died or never came about are recorded, and people are told.

Started by Prefect's automations after a crashed, late or failed run (flows/cli/automations.py). It sends
nothing: the next run of the flow makes good what is missing, and this one sees that nobody has to wait for
it to be told.
"""

from __future__ import annotations

from typing import Any, TypeVar

from prefect import flow, runtime
from prefect.blocks.core import Block
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from blocks.connections.journals import JournalConnection
from blocks.connections.lookup import NoSuchConnection, connection_named
from blocks.connections.payments import PaymentConnection
from blocks.errors import DaybookError
from flows.journals import run as night
from flows.journals import watch as journals
from flows.payments import run as exchange
from flows.payments import watch as payments
from flows.runtime.artifacts import run_log

B = TypeVar("B", bound=Block)


@flow(name="watch", flow_run_name="watch over {connection}")
async def watch(connection: str = "default") -> State[Any]:
    """Record runs that died or never came about, and tell people of them in Mambu."""
    try:
        found = await look_around(connection)
    except DaybookError as error:
        return Failed(message=str(error))
    return Completed(message=f"Found: {', '.join(found)}." if found else "Nothing was found amiss.")


async def look_around(name: str) -> list[str]:
    """Look after the connections of a name, of both kinds; return what was found.

    Raises UsageError where there is none.
    """
    log = run_log()
    for_journals, for_payments = await _named(JournalConnection, name), await _named(PaymentConnection, name)
    found: list[str] = []
    if for_journals is not None:
        async with night.opened(name, for_journals, log.say, _unseen, warn=log.warn) as tonight:
            scheduled = runtime.flow_run.scheduled_start_time or tonight.clock.now()
            found += map(str, await journals.look_around(tonight, scheduled))
    if for_payments is not None:
        run_id = str(runtime.flow_run.id)
        async with exchange.opened(name, for_payments, run_id, log.say, _unseen, warn=log.warn) as one:
            found += await payments.look_around(one)
    if for_journals is None and for_payments is None:
        await JournalConnection.named(name)  # which says what to do
    return found


async def _named(kind: type[B], name: str) -> B | None:
    try:
        found = await connection_named(kind, name)
    except NoSuchConnection:
        return None
    # People are to be told now, whatever is out of order.
    return found.model_copy(update={"patience_minutes": 0})


async def _unseen(_stage: str, _done: int, _total: int) -> None:
    """Take no note of progress, for there is hardly any."""
