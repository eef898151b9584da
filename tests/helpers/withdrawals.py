"""Withdrawals of a day over the sandbox."""

from __future__ import annotations

from typing import Any

from blocks.connections import lookup
from blocks.connections.journals import JournalConnection
from flows.journals.withdraw.report import Withdrawal
from flows.runtime import artifacts as reports
from tests.helpers.sandboxed import DATE, Outcome, Sandboxed
from tests.helpers.two_journals import two_lines_each


async def withdraw(
    sandbox: Sandboxed,
    *,
    connection: JournalConnection | None = None,
    confirmed: bool = True,
    **parameters: Any,
) -> Outcome[Withdrawal]:
    """Run the withdraw flow and return how it ended."""
    from flows.journals.withdraw.flow import withdraw as flow

    outcome = Outcome[Withdrawal]()
    # One call at a time, so that a fault strikes the request that a test means.
    known = {"default": connection or two_lines_each(sandbox)}
    with lookup.provided(known), reports.observed_by(outcome):
        outcome.state = await flow(DATE, confirmed=confirmed, return_state=True, **parameters)
    assert outcome.summary.message == outcome.message
    return outcome
