"""Runs of the flows while a system is out of order, with the stand-ins as they are."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from flows.cli.screen import Screen
from flows.journals.report.summary import Summary
from tests.helpers.sandboxed import Sandboxed, line
from tests.helpers.trading import pay, statuses

# Three calls fail where one may be repeated once: without patience the run ends here.
DOWN = {"kind": "503", "retry_after": 3, "times": 3}
PATIENT = {"retries": 1, "patience_minutes": 1}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what a run's log has as warnings."""
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


async def test_a_night_waits_for_xeros_token_service(
    sandbox: Sandboxed, caplog: pytest.LogCaptureFixture
) -> None:
    """A night for which Xero gives no token at first is done once it does, and who waits is told."""
    sandbox.plant([line(1, 5), line(2, 5, "CREDIT")])
    sandbox.fault({"system": "xero", "path": "connect/token", **DOWN})

    outcome = (await sandbox.run(connection=sandbox.connection(**PATIENT))).completed()
    first, last = outcome.waited_for
    assert first.startswith("Waiting for Xero until ")
    assert "secret" not in first
    assert last == "Xero answers again."
    assert {first, last} <= set(warnings(caplog))
    assert any("Next: attempt 2" in text for text in warnings(caplog))


async def test_payments_wait_for_infors_token_service(
    sandbox: Sandboxed, caplog: pytest.LogCaptureFixture
) -> None:
    """A payment for which Infor gives no token at first is sent by the same run once it does."""
    payment = pay(sandbox)
    sandbox.fault({"system": "ln", "path": "oauth2$", **DOWN})

    outcome = (await sandbox.pay_run(connection=sandbox.payment_connection(**PATIENT))).completed()
    assert (await statuses(sandbox))[payment] == "sent"
    assert outcome.waited_for[0].startswith("Waiting for Infor LN until ")
    assert set(outcome.waited_for) <= set(warnings(caplog))


def test_the_terminal_says_what_is_waited_for() -> None:
    """Whoever sits before the terminal reads what is waited for on stderr, as text."""
    bars = Screen[Summary]()
    told = io.StringIO()
    bars._progress.live.console = Console(file=told, width=200)
    with bars:
        bars.waits("Waiting for Xero [/red]\x1b")
    assert "Waiting for Xero [/red]\ufffd\n" in told.getvalue()
