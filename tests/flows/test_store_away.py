"""The store is down at the worst moment: how people are notified, and what is left after a success."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from blocks.connections.journals import JournalConnection
from blocks.connections.payments import PaymentConnection
from blocks.store.block import DaybookStore
from tests.helpers.failed_runs import MAMBU_LINES, tasks, units
from tests.helpers.sandboxed import Outcome, Sandboxed
from tests.helpers.stores import Database
from tests.helpers.trading import pay

# What a run writes down when it fails and when it ends, and nothing of what it needs before.
ALL_ENDS = {"incidents": "INSERT", "leases": "DELETE", "runs": "UPDATE", "days": "DELETE"}


def kept_in(database: Database) -> DaybookStore:
    """Return the block of a store."""
    return DaybookStore(url=SecretStr(database.url), schema_name=database.schema)


@asynccontextmanager
async def refusing(database: Database, refused: dict[str, str]) -> AsyncIterator[None]:
    """Let the database refuse to change some tables while the block lasts, as one that can only be read."""
    at = f"{database.schema}." if database.schema else ""
    begin, end = [], []
    if database.kind == "postgresql":
        body = "BEGIN RAISE EXCEPTION 'read-only' USING ERRCODE = '25006'; END"
        begin.append(f"CREATE FUNCTION {at}refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
        end.append(f"DROP FUNCTION {at}refuse() CASCADE")
    for number, (table, change) in enumerate(refused.items()):
        name, when = f"refused_{number}", ""
        change, _, condition = change.partition(" WHEN ")
        if condition:
            when = f"WHEN ({condition})"
        if database.kind == "postgresql":
            begin.append(
                f"CREATE TRIGGER {name} BEFORE {change} ON {at}{table} FOR EACH ROW {when} "
                f"EXECUTE FUNCTION {at}refuse()"
            )
        else:
            refusal = "BEGIN SELECT RAISE(ABORT, 'read-only'); END"
            begin.append(f"CREATE TRIGGER {name} BEFORE {change} ON {table} {when} {refusal}")
            end.append(f"DROP TRIGGER {name}")
    await change_tables(database, begin)
    try:
        yield
    finally:
        await change_tables(database, end)


async def change_tables(database: Database, statements: list[str]) -> None:
    """Run statements beside the code under test."""
    async with database.store() as store, store.database.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


class Connector:
    """One of the two connectors: how it is run, and how it fails."""

    def __init__(
        self,
        sandbox: Sandboxed,
        database: Database,
        run: Callable[..., Any],
        connection: JournalConnection | PaymentConnection,
        fault: dict[str, Any],
    ) -> None:
        self._sandbox, self._database, self._run = sandbox, database, run
        self._connection = connection.model_copy(update={"store": kept_in(database), "retries": 0})
        self._fault = fault

    async def run(self) -> Outcome[Any]:
        """Run it."""
        outcome: Outcome[Any] = await self._run(connection=self._connection)
        return outcome

    async def failed(self) -> Outcome[Any]:
        """Run it while the other side is out of order."""
        self._sandbox.fault(self._fault)
        outcome = await self.run()
        self._sandbox.http.delete("/control/faults")
        outcome.failed()
        return outcome

    async def incidents(self) -> list[tuple[str, bool]]:
        """Return the step of each incident, and whether it is open."""
        async with self._database.store() as store:
            return [(one.step, one.resolved is None) for one in await store.incidents.all("default")]


@pytest.fixture(params=["journals", "payments"])
def connector(request: pytest.FixtureRequest, sandbox: Sandboxed, database: Database) -> Connector:
    """Return each of the connectors, with something to do."""
    if request.param == "journals":
        sandbox.plant(units(1))
        fault = {"system": "mambu", "path": MAMBU_LINES, "kind": "500", "times": 0}
        return Connector(sandbox, database, sandbox.run, sandbox.connection(), fault)
    sandbox.control("xero/options", {"payments_per_day": 0})
    pay(sandbox)
    connection = sandbox.payment_connection()
    told = sandbox.connection()
    connection = connection.model_copy(
        update={"mambu": told.mambu, "assigned_user_key": told.assigned_user_key}
    )
    fault = {"system": "xero", "path": "Payments", "kind": "503", "times": 0}
    return Connector(sandbox, database, sandbox.pay_run, connection, fault)


@pytest.mark.parametrize("refused", [{"incidents": "INSERT"}, ALL_ENDS], ids=["the incident", "every end"])
async def test_a_failure_that_could_not_be_recorded_is_over_after_a_success(
    sandbox: Sandboxed, prefect: None, database: Database, connector: Connector, refused: dict[str, str]
) -> None:
    """A failure with a task but no record has the task completed by the next success; no run crashed."""
    async with database.store():
        pass
    async with refusing(database, refused):
        await connector.failed()
    assert [task["status"] for task in tasks(sandbox)] == ["OPEN"]
    assert await connector.incidents() == []

    healed = await connector.run()

    healed.completed()
    assert [task["status"] for task in tasks(sandbox)] == ["COMPLETED"]
    assert await connector.incidents() == []
    assert "ended without" not in " ".join(getattr(healed.summary, "notes", []))


async def test_a_store_that_comes_back_has_the_failure(
    sandbox: Sandboxed, database: Database, connector: Connector
) -> None:
    """A failure is still recorded where the store is back once the task was created."""
    async with database.store():
        pass
    async with refusing(database, {"incidents": "INSERT WHEN NEW.task_id IS NULL"}):
        await connector.failed()
    assert [still for _, still in await connector.incidents()] == [True]
    assert [task["status"] for task in tasks(sandbox)] == ["OPEN"]

    await connector.run()

    assert [still for _, still in await connector.incidents()] == [False]
    assert [task["status"] for task in tasks(sandbox)] == ["COMPLETED"]


async def test_the_figures_of_a_stopped_day_are_those_of_the_books(
    sandbox: Sandboxed, database: Database
) -> None:
    """Stopped while it writes down what Xero took, a run counts it; stopped early, what was there before."""
    connection = sandbox.connection(store=kept_in(database), lines_per_journal=2, retries=0)
    sandbox.plant(units(1, 2))
    async with database.store():
        pass
    async with refusing(database, {"journals": "UPDATE WHEN NEW.state = 'created'"}):
        stopped = await sandbox.run(connection=connection)
    stopped.failed()
    figures = stopped.summary.as_json()
    there = len(sandbox.xero_journals())
    assert there > 0
    assert (figures["journals_created"], figures["journals_already_in_xero"]) == (there, 0)
    assert figures["journals_planned"] == 2

    assert (await sandbox.run(connection=connection)).state.is_completed()
    sandbox.fault({"system": "mambu", "path": MAMBU_LINES, "kind": "500", "times": 0})
    early = await sandbox.run(connection=connection, refresh=True)
    figures = early.summary.as_json()
    early.failed()
    assert (figures["journals_created"], figures["journals_already_in_xero"]) == (0, 2)


async def test_the_figures_of_a_stopped_delivery_are_those_of_the_audit_table(
    sandbox: Sandboxed, database: Database
) -> None:
    """A document that LN took and whose row could not say so is counted as unknown, as its row stands."""
    sandbox.control("xero/options", {"payments_per_day": 0})
    key = pay(sandbox)
    connection = sandbox.payment_connection(store=kept_in(database), retries=0)
    async with database.store():
        pass
    async with refusing(database, {"audit": "UPDATE WHEN NEW.status = 'sent'"}):
        stopped = await sandbox.pay_run(connection=connection)
    figures = stopped.summary.as_json()
    async with database.store() as store:
        (row,) = await store.audit.rows("default")
    stopped.failed()
    assert (str(row.key), str(row.status)) == (key, "unknown")
    assert (figures["unknown"], figures["sent"], figures["waiting"], figures["documents"]) == (1, 0, 0, 1)
