"""A day of two transactions, and the connection under which each of them is a journal of its own."""

from __future__ import annotations

from typing import Any

from blocks.connections.journals import JournalConnection
from tests.helpers.sandboxed import Sandboxed, line


def two_units(sandbox: Sandboxed) -> None:
    """Plant a day of two transactions, which make one journal each with a cap of two lines."""
    sandbox.plant(
        [
            line(1, 5, transaction="T1"),
            line(2, 5, "CREDIT", transaction="T1"),
            line(3, 7, transaction="T2"),
            line(4, 7, "CREDIT", transaction="T2"),
        ]
    )


def two_lines_each(sandbox: Sandboxed, **changes: Any) -> JournalConnection:
    """Return a connection under which each transaction of two lines makes a journal of its own."""
    return sandbox.connection(lines_per_journal=2, xero_concurrency=1, **changes)


async def two_journals(sandbox: Sandboxed) -> None:
    """Send a day of two journals: entries 1 and 2, entries 3 and 4."""
    two_units(sandbox)
    outcome = await sandbox.run(connection=two_lines_each(sandbox))
    assert outcome.summary.journals_created == 2, outcome.message
    sandbox.http.delete("/control/requests")
