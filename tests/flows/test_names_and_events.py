"""What Prefect shows of a run beside its state: its name, its tags, and the events that it ends with."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.utilities.callables import parameter_schema

from blocks.store.audit_rows import Status
from flows.journals.flow import rerun as rerun_journals
from flows.journals.report.summary import Summary
from flows.payments.flow import rerun as rerun_payments
from flows.payments.report.summary import PaymentsSummary
from flows.runtime import artifacts as reports
from tests.helpers.sandboxed import DATE, Sandboxed, line

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect")]

# Prefect's server takes events in after the run has ended.
_SECONDS = 30


async def shown(flow_run_id: str) -> FlowRun:
    """Return what Prefect has of a run."""
    async with get_client() as client:
        return await client.read_flow_run(UUID(flow_run_id))


async def events_of(connection: str, number: int) -> dict[str, dict[str, Any]]:
    """Return the payloads of a connection's events by their names, once there are so many of them."""
    wanted = {"filter": {"resource": {"id": [f"daybook.{connection}"]}}}
    async with get_client() as client:
        for _ in range(_SECONDS * 5):
            answer = await client.request("POST", "/events/filter", json=wanted)
            found = {one["event"]: one["payload"] for one in answer.json()["events"]}
            if len(found) >= number:
                return found
            await asyncio.sleep(0.2)
    raise AssertionError(f"no {number} events of {connection}: {sorted(found)}")


async def test_a_nightly_run_has_the_name_of_its_day(sandbox: Sandboxed) -> None:
    """A run without a date is named for the day that it turned out to cover."""
    outcome = await sandbox.run(date=None)
    run = await shown(outcome.summary.flow_run_id)
    assert run.name == f"journals of {outcome.summary.date} for default"
    assert run.tags == []


async def test_a_dry_run_says_so(sandbox: Sandboxed) -> None:
    """A dry run, of the journals and of the payments, has it in its name and among its tags."""
    sandbox.plant([line(1, 5), line(2, 5, "CREDIT")])
    night = await shown((await sandbox.run(dry_run=True)).summary.flow_run_id)
    assert (night.name, night.tags) == (f"dry run: journals of {DATE} for default", ["dry-run"])

    window = await shown((await sandbox.pay_run(date=DATE, dry_run=True)).summary.flow_run_id)
    day = f"{DATE} 00:00 to {DATE + dt.timedelta(days=1)} 00:00 UTC"
    assert (window.name, window.tags) == (f"dry run: payments of {day} for default", ["dry-run"])


async def test_a_window_that_was_refused_has_the_name_of_its_date(sandbox: Sandboxed) -> None:
    """A run that ends before its window is fixed is named for the date that it was asked for."""
    asked = dt.date(2999, 1, 1)
    refused = await shown((await sandbox.pay_run(date=asked)).failed("not begun").summary.flow_run_id)
    assert refused.name == f"payments of {asked} for default"


async def test_a_name_that_prefect_does_not_take_ends_no_run(
    sandbox: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Prefect's server does not take the name of a window, the run goes on without it."""

    def unreachable() -> None:
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(reports, "get_client", unreachable)
    outcome = (await sandbox.pay_run(date=DATE)).completed()
    assert (await shown(outcome.summary.flow_run_id)).name == f"payments of {DATE} for default"


async def test_a_day_ends_with_its_events(sandbox: Sandboxed) -> None:
    """A day that was sent ends with an event for its end and one for its drafts, with the figures in each."""
    sandbox.plant([line(1, 5), line(2, 5, "CREDIT")])
    summary = (await sandbox.run(name="of-events")).completed().summary
    found = await events_of("of-events", 2)
    assert set(found) == {"daybook.journals.completed", "daybook.journals.drafts-ready"}
    assert [one == summary.as_json() for one in found.values()] == [True, True]


async def test_a_failed_day_ends_with_its_event(sandbox: Sandboxed) -> None:
    """A day that nothing was sent of ends with one event, whose message says why."""
    sandbox.plant([line(1, 5), line(2, 4, "CREDIT")])
    summary = (await sandbox.run(name="of-failures")).failed().summary
    found = await events_of("of-failures", 1)
    assert {name: one["message"] for name, one in found.items()} == {
        "daybook.journals.failed": summary.message
    }


async def test_payments_end_with_their_events(sandbox: Sandboxed) -> None:
    """A window with documents to review ends with an event for its end and one for these."""
    summary = (await sandbox.pay_run(name="of-payments", date=DATE)).summary
    assert summary.counts[Status.EXCEPTION]
    found = await events_of("of-payments", 2)
    assert set(found) == {f"daybook.payments.{summary.status}", "daybook.payments.exceptions"}
    assert found["daybook.payments.exceptions"]["exception"] == summary.counts[Status.EXCEPTION]


def test_what_differs_is_an_event() -> None:
    """A day that does not tie out has an event of its own, and a dry run has none at all."""
    assert Summary(DATE, "default", tied_out=False).events == ["journals.failed", "journals.differs"]
    assert Summary(DATE, "default", status="dry-run", journals_created=3).events == []
    assert PaymentsSummary(DATE, "default", status="dry-run").events == []


@pytest.mark.parametrize("flow", [rerun_journals, rerun_payments])
def test_the_form_of_a_rerun_asks_for_a_date(flow: Flow[..., Any]) -> None:
    """Prefect's form for running a date again has the date as a required field with a date picker."""
    schema = parameter_schema(flow.fn)
    assert schema.required == ["date"]
    assert schema.properties["date"]["format"] == "date"
    assert schema.properties["date"]["description"]


async def test_a_refusal_is_one_sentence_in_the_log(
    sandbox: Sandboxed, caplog: pytest.LogCaptureFixture
) -> None:
    """Of an account that Xero does not have the log of the run tells in sentences, and shows no traceback."""
    sandbox.plant([line(1, 5, gl_code="9876"), line(2, 5, "CREDIT")])
    (await sandbox.run()).failed("9876")
    told = [one for one in caplog.records if one.name.startswith("prefect.") and "9876" in one.getMessage()]
    assert {one.name for one in told} >= {"prefect.task_runs", "prefect.flow_runs"}
    assert [one for one in caplog.records if one.exc_info or one.exc_text] == []
