"""What Xero dates before the connection's start, and shows as changed after it, waits for a person's word."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from click.testing import CliRunner

from blocks.store.models import Incident
from flows.main import main
from tests.flows.payments.conftest import Audit
from tests.helpers.failed_runs import page, tasks
from tests.helpers.sandboxed import Sandboxed
from tests.helpers.trading import allocate, of_ln, pay, prepay, statuses

LONG_AGO = [dt.date(2026, 10, day) for day in (29, 30, 30)]
TODAY = dt.datetime.now(dt.UTC).date()


async def waiting(sandbox: Sandboxed) -> list[Incident]:
    """Return the incidents that tell of documents from before the start."""
    async with sandbox.payment_connection().store.open() as store:
        found = await store.incidents.all("default")
    return [one for one in found if one.stage == "exceptions"]


async def test_they_are_one_incident_and_one_line_until_a_person_closes_them(
    quiet: Sandboxed, audit: Audit
) -> None:
    """Payments from before the start are held and told of once, until one command closes them all."""
    old = {pay(quiet, date=str(day)) for day in LONG_AGO}
    new = pay(quiet, date=str(TODAY))

    first, again = await quiet.pay_run(), await quiet.pay_run()

    assert await statuses(quiet) == {**dict.fromkeys(old, "exception"), new: "sent"}
    for run in (first, again):
        (note,) = run.summary.notes
        assert "3 documents dated before the connection's start (2026-10-29 to 2026-10-30)" in note
        assert run.summary.as_json()["before_start"] == 3
        assert run.summary.left_open == 3
    (incident,) = await waiting(quiet)
    assert (incident.times, incident.resolved) == (1, None)
    assert "2026-10-29: 1 document; 2026-10-30: 2 documents" in incident.error
    assert "audit discard --before-start" in incident.remedy
    assert [one["status"] for one in tasks(quiet)] == ["OPEN"]
    text = await page(f"payments-{first.summary.date}", run=first.summary.flow_run_id)
    assert text is not None
    assert "Dated before the start: 3, by date" in text
    assert text.index("2026-10-29: ABC") < text.index("2026-10-30: ABC")

    told = await audit("discard", "--before-start", "--reason", "booked manually until November")

    assert told.exit_code == 0, told.output
    assert "Discarded 3 documents" in told.output
    assert await statuses(quiet) == {**dict.fromkeys(old, "discarded"), new: "sent"}
    assert (await waiting(quiet))[0].resolved is not None
    last = await quiet.pay_run()
    assert (last.summary.notes, last.summary.left_open) == ([], 0)
    assert [one["status"] for one in tasks(quiet)] == ["COMPLETED"]
    assert [of_ln(quiet, key) for key in old] == [[], [], []]


async def test_one_that_was_entered_late_is_let_go_and_the_others_are_closed(
    quiet: Sandboxed, audit: Audit
) -> None:
    """One that a person lets go is sent by the next run, and is not closed together with the others."""
    late, other = pay(quiet, date="2026-10-30"), pay(quiet, date="2026-10-29")
    await quiet.pay_run()
    shown = (await audit("--status", "exception")).output
    assert shown.index("2026-10-29") < shown.index("2026-10-30")

    assert (await audit("undiscard", late)).exit_code == 0
    told = await audit("discard", "--before-start", "--reason", "booked manually")

    assert "Discarded 1 document" in told.output
    await quiet.pay_run()
    assert await statuses(quiet) == {late: "sent", other: "discarded"}


async def test_prepayments_and_what_is_applied_of_them_are_among_them(quiet: Sandboxed, audit: Audit) -> None:
    """A prepayment from before the start, and a part applied of it then, are closed by the same word."""
    prepayment = prepay(quiet, date="2026-10-29")
    applied = allocate(quiet, prepayment, date="2026-10-30")
    await quiet.pay_run()
    assert await statuses(quiet) == {prepayment: "exception", applied: "exception"}

    told = await audit("discard", "--before-start", "--reason", "booked manually")

    assert "Discarded 2 documents" in told.output

    assert await statuses(quiet) == {prepayment: "discarded", applied: "discarded"}


async def test_other_exceptions_are_not_closed_with_them(quiet: Sandboxed, audit: Audit) -> None:
    """What is held back for another reason stays open, whatever its date and its contact's name."""
    name = "Not sent: it is dated before 2026"
    quiet.control("xero/contact", {"name": name, "side": "sales"})
    held = pay(quiet, name, date=str(TODAY))
    await quiet.pay_run()
    assert await statuses(quiet) == {held: "exception"}

    told = await audit("discard", "--before-start", "--reason", "booked manually")

    assert "Discarded 0 documents" in told.output

    assert await statuses(quiet) == {held: "exception"}


async def test_who_asks_for_the_time_before_the_start_has_it_sent(quiet: Sandboxed) -> None:
    """A window that begins before the start is a person's word for what is dated in it."""
    early, payment = pay(quiet, date="2026-09-30"), pay(quiet, date="2026-10-29")

    await quiet.pay_run(since=dt.datetime(2026, 10, 1, tzinfo=dt.UTC))

    assert await statuses(quiet) == {early: "exception", payment: "sent"}


async def test_what_waits_for_a_word_goes_with_no_window(quiet: Sandboxed) -> None:
    """What was held before stays held in every window that is asked for, whatever else is sent of it."""
    old = {pay(quiet, date="2026-11-05"): "exception", prepay(quiet, date="2026-11-06"): "exception"}
    await quiet.pay_run()
    assert await statuses(quiet) == old

    apart = await quiet.pay_run(date=dt.date(2026, 10, 29))

    assert await statuses(quiet) == old
    assert apart.summary.as_json()["before_start"] == 2
    new = pay(quiet, date="2026-11-05")
    await quiet.pay_run(since=dt.datetime(2026, 10, 1, tzinfo=dt.UTC))
    assert await statuses(quiet) == {**old, new: "sent"}
    assert [of_ln(quiet, key) for key in old] == [[], []]
    assert [one.resolved for one in await waiting(quiet)] == [None]


async def test_they_stay_one_incident_where_the_start_moves(quiet: Sandboxed) -> None:
    """With another start the incident goes on, and ends with the last of what it tells of."""
    payment = pay(quiet, date="2026-10-29")
    await quiet.pay_run()
    start = quiet.payment_connection().start
    assert start is not None
    moved = quiet.payment_connection(start=start + dt.timedelta(days=2))

    again = await quiet.pay_run(connection=moved)

    assert again.summary.as_json()["before_start"] == 1
    (incident,) = await waiting(quiet)
    assert incident.resolved is None
    async with moved.store.open() as store:
        (row,) = await store.audit.waiting_from_before_start("default")
        await store.audit.discard(row.key, "Ann", "booked manually", dt.datetime.now(dt.UTC))
    await quiet.pay_run(connection=moved)
    assert await statuses(quiet) == {payment: "discarded"}
    (incident,) = await waiting(quiet)
    assert incident.resolved is not None


@pytest.mark.parametrize("wrong", [["--reason", "R"], ["payment:1", "--before-start", "--reason", "R"]])
def test_one_or_all(wrong: list[str], home: Path) -> None:
    """Neither a key nor --before-start, or both, is wrong use."""
    told = CliRunner().invoke(main, ["audit", "discard", *wrong])
    assert told.exit_code == 2
    assert "either a KEY or --before-start" in told.output
