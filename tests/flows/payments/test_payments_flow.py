"""The payments flow over HTTP: once each, whatever fails in between."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from blocks.errors import UsageError
from blocks.sandbox.mambu.app import ASSIGNED_USER_KEY
from blocks.store.audit import Audit
from blocks.store.audit_rows import AuditRow, Entry, Status
from blocks.store.models import CollectedWindow
from flows.payments.deliver import SILENT_FRESH
from tests.helpers.failed_runs import page, tasks
from tests.helpers.payments_on_record import collected_until, incidents
from tests.helpers.sandboxed import Outcome, Sandboxed, forget
from tests.helpers.trading import (
    BILL,
    LN_CALL,
    SUPPLIER,
    WALK_IN,
    allocate,
    books_agree,
    message,
    of_ln,
    pay,
    prepay,
    statuses,
)

XERO_DOWN = {"system": "xero", "kind": "503", "times": 0}


async def refused_token(sandbox: Sandboxed, **changes: Any) -> Outcome:
    """Run while Infor refuses the app."""
    sandbox.control("ln/options", {"client_revoked": True})
    outcome = await sandbox.pay_run(connection=sandbox.payment_connection(retries=0, **changes))
    sandbox.control("ln/options", {"client_revoked": False})
    return outcome


async def test_pages_that_never_end_stop_the_run(quiet: Sandboxed) -> None:
    """Where Xero states pages without end, nothing is collected or sent, and an incident says why."""
    key = pay(quiet)
    pagination = {"page": 1, "pageSize": 1000, "pageCount": 10**9, "itemCount": 1}
    body = {"Payments": [{"PaymentID": "p-1"}], "pagination": pagination}
    endless = {"system": "xero", "path": "/Payments$", "kind": "status", "status": 200, "body": body}
    quiet.fault({**endless, "times": 0})

    (await quiet.pay_run()).failed("repeat or never end")
    (incident,) = await incidents(quiet)
    assert (incident.flow, incident.stage) == ("payments", "collect")
    assert quiet.ln_posts() == []
    assert len([one for one in quiet.requests("xero", "GET") if one["path"].endswith("/Payments")]) == 8
    quiet.http.delete("/control/faults")
    assert (await quiet.pay_run()).state.is_completed()
    assert (await statuses(quiet))[key] == "sent"
    assert await incidents(quiet) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"since": dt.datetime(1, 1, 1, tzinfo=dt.UTC)},
        {"since": dt.datetime.fromisoformat("0001-01-01T00:00:00+14:00")},
        {"since": dt.datetime.fromisoformat("0001-01-01")},
        {"until": dt.datetime.fromisoformat("9999-12-31T23:59:59-12:00")},
        {"since": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "until": dt.datetime.fromisoformat("9999-12-31")},
        {"date": dt.date.min},
        {"date": dt.date.max},
    ],
)
async def test_a_window_beyond_all_books_is_refused_and_leaves_nothing(
    quiet: Sandboxed, asked: dict[str, Any]
) -> None:
    """A window that cannot be asked for is wrong use: Xero is not asked, and nothing stays open of it."""
    outcome = await quiet.pay_run(**asked)

    assert isinstance(outcome.error, UsageError), outcome.message
    assert "between 2000-01-01 and 2999-12-31" in outcome.message
    assert quiet.requests("xero", "GET") == []
    assert await incidents(quiet) == []
    assert await collected_until(quiet) is None


# --- Once each ----------------------------------------------------------------------------------


async def test_a_second_run_does_not_call_ln(quiet: Sandboxed) -> None:
    """Once all is sent, a further run posts nothing to LN, nor asks it for a token, and says so."""
    prepayment = prepay(quiet)
    keys = {pay(quiet), prepayment, allocate(quiet, prepayment)}
    await quiet.pay_run()
    before = await quiet.audit()
    quiet.http.delete("/control/requests")

    again = await quiet.pay_run()

    assert quiet.requests("ln", "POST") == []
    assert await quiet.audit() == before
    assert before.keys() == keys
    assert (again.summary.counts[Status.SENT], again.summary.already_sent) == (0, 3)
    assert "3 sent earlier" in again.message


async def test_ln_is_down_for_three_runs(quiet: Sandboxed) -> None:
    """While the gateway is out of order nothing is lost: all arrives once, each try counted in its row."""
    prepayment = prepay(quiet)
    keys = {pay(quiet), pay(quiet, SUPPLIER, BILL), prepayment, allocate(quiet, prepayment)}
    quiet.fault({**LN_CALL, "kind": "503", "times": 0})
    down = [await quiet.pay_run() for _ in range(3)]
    assert all(outcome.state.is_failed() for outcome in down)
    assert quiet.ln_books() == []
    assert set((await statuses(quiet)).values()) == {"unknown"}
    assert len(await incidents(quiet)) == 1
    quiet.http.delete("/control/faults")

    (await quiet.pay_run()).completed()
    rows = await quiet.audit()
    assert {key: str(row.status) for key, row in rows.items()} == dict.fromkeys(keys, "sent")
    assert {row.tries for row in rows.values()} == {4}
    assert len(quiet.ln_posts()) == 16
    await books_agree(quiet)


async def test_prepayments_that_ln_cannot_take_hold_no_payments_up(quiet: Sandboxed) -> None:
    """Where LN answers for no prepayment, the payments go out all the same, and the run still fails."""
    prepayments = [prepay(quiet) for _ in range(SILENT_FRESH)]
    payment = pay(quiet)
    quiet.fault({**LN_CALL, "kind": "503", "times": SILENT_FRESH})

    (await quiet.pay_run()).failed()
    assert await statuses(quiet) == {payment: "sent", **dict.fromkeys(prepayments, "unknown")}


async def test_documents_that_are_locked_are_no_silence(quiet: Sandboxed) -> None:
    """That somebody holds a document in LN is an answer: it fails alone, and LN is not taken for down."""
    keys = {pay(quiet) for _ in range(6)}
    quiet.fault({**LN_CALL, "kind": "409-lock", "times": 0})

    (await quiet.pay_run(connection=quiet.payment_connection(retries=0))).completed()
    assert await statuses(quiet) == dict.fromkeys(keys, "failed")


async def test_an_ln_that_is_down_is_not_asked_for_everything(quiet: Sandboxed) -> None:
    """Where LN answers nothing several times in a row, the rest waits unsent for the next run."""
    keys = {pay(quiet) for _ in range(8)}
    quiet.fault({**LN_CALL, "kind": "503", "times": 0})
    down = (await quiet.pay_run(connection=quiet.payment_connection(ln_concurrency=1))).failed()
    posts = len(quiet.ln_posts())
    rows = (await quiet.audit()).values()
    assert posts == sum(row.tries for row in rows) < len(keys)
    # What was written down already when the run ended did not leave, and is as if it never had been sent.
    assert {(row.status, row.in_doubt) for row in rows if not row.tries} <= {(Status.FAILED, False)}
    assert down.summary.waiting == len(keys) - posts
    assert await collected_until(quiet) is None
    quiet.http.delete("/control/faults")

    await quiet.pay_run()

    assert await statuses(quiet) == dict.fromkeys(keys, "sent")
    assert len(quiet.ln_posts()) == posts + len(keys)
    await books_agree(quiet)


async def test_ln_cannot_be_reached_for_three_runs(quiet: Sandboxed) -> None:
    """While connections are refused nothing counts as tried or unknown: all is failed, and arrives later."""
    keys = {pay(quiet), prepay(quiet)}
    connection = quiet.payment_connection(retries=0)
    nowhere = connection.ln.model_copy(update={"gateway_url": "http://127.0.0.1:1"})
    elsewhere = connection.model_copy(update={"ln": nowhere})
    down = [await quiet.pay_run(connection=elsewhere) for _ in range(3)]
    assert all(outcome.state.is_failed() for outcome in down)
    rows = await quiet.audit()
    assert {row.status for row in rows.values()} == {Status.FAILED}
    assert not any(row.in_doubt for row in rows.values())

    (await quiet.pay_run()).completed()
    assert await statuses(quiet) == dict.fromkeys(keys, "sent")
    assert len(quiet.ln_posts()) == 2
    await books_agree(quiet)


async def test_one_document_that_ln_never_answers_is_one_incident(quiet: Sandboxed) -> None:
    """Where LN never answers for a document, later runs come through: one incident and task, to its end."""
    old, connection = pay(quiet), quiet.payment_connection(ln_concurrency=1)
    found: list[str] = []
    for fresh in (0, 0, 1):
        news = [pay(quiet) for _ in range(fresh)]
        # What goes out for the first time goes first.
        quiet.fault({**LN_CALL, "kind": "503", "nth": fresh + 1})
        outcome = await quiet.pay_run(connection=connection)
        (incident,) = await incidents(quiet)
        (task,) = tasks(quiet)
        found.append(incident.incident_id)
        assert (incident.step, task["status"]) == ("unanswered", "OPEN")
        assert await statuses(quiet) == {old: "unknown", **dict.fromkeys(news, "sent")}
        quiet.http.delete("/control/faults")
    outcome.completed()
    assert (set(found), incident.times) == ({found[0]}, 3)
    assert old in incident.error

    await quiet.pay_run(connection=connection)

    assert set((await statuses(quiet)).values()) == {"sent"}
    assert await incidents(quiet) == []
    assert [task["status"] for task in tasks(quiet)] == ["COMPLETED"]


async def test_an_outage_is_one_incident_over_midnight(quiet: Sandboxed) -> None:
    """However long Xero is down, and wherever a run meets with that, it is one incident and one task."""
    pay(quiet)
    connection = quiet.payment_connection(retries=0)
    quiet.fault({**XERO_DOWN, "path": "Prepayments$"})
    await quiet.pay_run(connection=connection)
    (first,) = await incidents(quiet)
    async with quiet.payment_connection().store.open() as store, store.database.begin() as database:
        await database.execute(
            text("UPDATE incidents SET day = :day"), {"day": str(first.day - dt.timedelta(days=1))}
        )
    quiet.http.delete("/control/faults")
    quiet.fault({**XERO_DOWN, "path": "Organisation$"})

    await quiet.pay_run(connection=connection)

    (second,) = await incidents(quiet)
    assert (second.incident_id, second.times) == (first.incident_id, 2)
    assert "Organisation" in second.error
    assert len(tasks(quiet)) == 1
    quiet.http.delete("/control/faults")

    await quiet.pay_run(connection=connection)

    assert await incidents(quiet) == []
    assert [task["status"] for task in tasks(quiet)] == ["COMPLETED"]


@pytest.mark.parametrize("fault", ["504", "drop_after"])
async def test_an_answer_that_was_lost_is_settled_by_ln(quiet: Sandboxed, fault: str) -> None:
    """What LN booked without our hearing of it is unknown, is posted again, and is then a duplicate."""
    payment = pay(quiet)
    quiet.fault({**LN_CALL, "kind": fault})
    await quiet.pay_run()
    assert await statuses(quiet) == {payment: "unknown"}
    assert len(of_ln(quiet, payment)) == 1

    (await quiet.pay_run()).completed()
    row = (await quiet.audit())[payment]
    assert (row.status, row.tries) == (Status.DUPLICATE, 2)
    assert len({one["body_sha256"] for one in quiet.ln_posts()}) == 1
    await books_agree(quiet)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (409, {"Code": "txdbk9", "Message": "Duplicate value in index 2", "Details": []}),
        (200, {"success": False, "text": "Duplicate value in index 2"}),
        (500, {"error": {"message": "Backend connection timed out (Duplicate value in index 2)"}}),
    ],
)
async def test_what_is_not_said_of_our_document_does_not_count_as_booked(
    quiet: Sandboxed, status: int, body: object
) -> None:
    """Neither a duplicate of who knows what nor a "no" under a success closes a payment: LN gets it later."""
    payment = pay(quiet)
    quiet.fault({**LN_CALL, "kind": "status", "status": status, "body": body})

    await quiet.pay_run()

    row = (await quiet.audit())[payment]
    assert (row.status, row.sent_at) == (Status.UNKNOWN, None)
    assert "Duplicate value in index 2" in row.reason
    assert quiet.ln_books() == []

    await quiet.pay_run()

    assert await statuses(quiet) == {payment: "sent"}
    await books_agree(quiet)


async def test_the_store_is_lost(quiet: Sandboxed, home: Path) -> None:
    """After the store was deleted the next run goes over all since the start; LN books nothing twice."""
    with quiet.earlier(hours=30):
        prepayment = prepay(quiet)
        keys = {pay(quiet), prepayment, allocate(quiet, prepayment)}
    await quiet.pay_run()
    booked = quiet.ln_books()
    forget(home)
    keys.add(pay(quiet))

    outcome = (await quiet.pay_run()).completed()
    assert outcome.summary.since == quiet.payment_connection().start
    assert sorted((await statuses(quiet)).values()) == ["duplicate", "duplicate", "duplicate", "sent"]
    assert (await statuses(quiet)).keys() == keys
    assert quiet.ln_books()[:-1] == booked
    await books_agree(quiet)


async def test_two_runs_at_the_same_time(quiet: Sandboxed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two runs of one connection at the same time one sends all, and the other nothing again."""
    monkeypatch.setattr("flows.runtime.lease._RETRY_SECONDS", 0.05)
    for _ in range(4):
        pay(quiet)
    quiet.fault({**LN_CALL, "kind": "delay", "seconds": 2})

    outcomes = await asyncio.gather(quiet.pay_run(), quiet.pay_run())

    assert all(outcome.state.is_completed() for outcome in outcomes)
    assert sorted(outcome.summary.counts[Status.SENT] for outcome in outcomes) == [0, 4]
    assert len(quiet.ln_posts()) == 4
    await books_agree(quiet)


# --- Windows ------------------------------------------------------------------------------------


async def test_a_failed_payment_is_retried_long_after_its_window(quiet: Sandboxed) -> None:
    """What LN refuses is posted by each later run until LN takes it, though its window is long past."""
    with quiet.earlier(days=2):
        payment = pay(quiet)
    quiet.fault({**LN_CALL, "kind": "422", "times": 2})
    exact = quiet.payment_connection(overlap_minutes=0)
    first, second, third = [await quiet.pay_run(connection=exact) for _ in range(3)]

    assert (second.summary.since, third.summary.since) == (first.summary.until, second.summary.until)
    row = (await quiet.audit())[payment]
    assert (row.status, row.tries) == (Status.SENT, 3)
    assert len(of_ln(quiet, payment)) == 1


async def test_a_first_run_without_a_beginning(quiet: Sandboxed) -> None:
    """Without a start and without an earlier run it is wrong use, which names --since and sends nothing."""
    pay(quiet)

    outcome = (await quiet.pay_run(connection=quiet.payment_connection(start=None))).failed()
    assert isinstance(outcome.error, UsageError)
    assert "--since" in outcome.message
    assert quiet.requests("xero", "GET") == quiet.requests("ln", "POST") == []


async def test_a_date_beside_a_window(quiet: Sandboxed) -> None:
    """A date and a `since` at once is wrong use: nothing is read, sent or recorded."""
    pay(quiet)
    now = dt.datetime.now(dt.UTC)

    outcome = (await quiet.pay_run(date=now.date(), since=now)).failed()
    assert isinstance(outcome.error, UsageError)
    assert quiet.requests("xero", "GET") == quiet.requests("ln", "POST") == []
    assert await incidents(quiet) == []


async def test_since_begins_a_connection_without_a_start(quiet: Sandboxed) -> None:
    """What is given as `since` begins a connection, and the next run goes on without being told."""
    with quiet.earlier(hours=3):
        pay(quiet)
    with quiet.earlier(hours=1):
        payment = pay(quiet)
    connection = quiet.payment_connection(start=None)

    first = await quiet.pay_run(connection=connection, since=dt.datetime.now(dt.UTC) - dt.timedelta(hours=2))
    second = await quiet.pay_run(connection=connection)

    assert await statuses(quiet) == {payment: "sent"}
    assert second.summary.since == first.summary.until


@pytest.mark.parametrize("path", ["Overpayments$", "Prepayments$", "Contacts$"])
async def test_a_list_that_cannot_be_read(quiet: Sandboxed, path: str) -> None:
    """Where one of Xero's lists fails, nothing is posted and the window stays; the next run has it all."""
    keys = {pay(quiet), prepay(quiet)}
    quiet.fault({**XERO_DOWN, "path": path})
    failed = (await quiet.pay_run(connection=quiet.payment_connection(retries=0))).failed()
    assert failed.summary.stage == "collect"
    assert await collected_until(quiet) is None
    assert quiet.ln_posts() == []
    assert await quiet.audit() == {}
    quiet.http.delete("/control/faults")

    outcome = await quiet.pay_run()

    assert outcome.summary.since == failed.summary.since
    assert await statuses(quiet) == dict.fromkeys(keys, "sent")


async def test_a_later_page_that_cannot_be_read(quiet: Sandboxed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a list fails at its second page, what the first page showed is not posted either."""
    monkeypatch.setattr("blocks.xero.payments.PAGE_SIZE", 2)
    keys = {pay(quiet) for _ in range(3)}
    quiet.fault({**XERO_DOWN, "path": "2.0/Payments$", "nth": 2})
    (await quiet.pay_run(connection=quiet.payment_connection(retries=0))).failed()
    assert (await collected_until(quiet), quiet.ln_posts()) == (None, [])
    quiet.http.delete("/control/faults")

    await quiet.pay_run()

    assert await statuses(quiet) == dict.fromkeys(keys, "sent")


async def test_windows_of_another_organisation_leave_nothing_out(quiet: Sandboxed) -> None:
    """What changed while the credentials led to another organisation is sent once they lead back."""
    with quiet.earlier(hours=5):
        key = pay(quiet)
    now = dt.datetime.now(dt.UTC)
    async with quiet.payment_connection().store.open() as store:
        whole = CollectedWindow("default", now - dt.timedelta(hours=9), now, "run-1", organisation="another")
        await store.audit.advance(whole, [], now)

    await quiet.pay_run()

    assert await statuses(quiet) == {key: "sent"}


async def test_a_window_that_leaves_a_gap_moves_nothing(quiet: Sandboxed) -> None:
    """What lies between the last window's end and a later `since` is still covered by the next run."""
    with quiet.earlier(minutes=40):
        between = pay(quiet)
    with quiet.earlier(minutes=20):
        after = pay(quiet)
    now = dt.datetime.now(dt.UTC)
    exact = quiet.payment_connection(overlap_minutes=0)
    first = await quiet.pay_run(connection=exact, until=now - dt.timedelta(hours=1))

    ahead = await quiet.pay_run(connection=exact, since=now - dt.timedelta(minutes=30))

    assert await statuses(quiet) == {after: "sent"}
    assert any("starts after the last completed one" in note for note in ahead.summary.notes)
    assert await collected_until(quiet) == first.summary.until

    last = await quiet.pay_run(connection=exact)

    assert last.summary.since == first.summary.until
    assert await statuses(quiet) == {after: "sent", between: "sent"}


async def test_one_date_again(quiet: Sandboxed) -> None:
    """A run for a date takes what changed on that day (UTC), and sends what of it LN lacks."""
    with quiet.earlier(days=1):
        payment, refused = pay(quiet), pay(quiet)
    today = pay(quiet)
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    quiet.fault({**LN_CALL, "kind": "422"})
    connection = quiet.payment_connection(start=None, ln_concurrency=1)

    first = await quiet.pay_run(connection=connection, date=yesterday)
    assert sorted((await statuses(quiet)).values()) == ["failed", "sent"]
    again = await quiet.pay_run(connection=connection, date=yesterday)

    assert await statuses(quiet) == {payment: "sent", refused: "sent"}
    assert today not in await quiet.audit()
    assert (first.summary.date, again.summary.date) == (yesterday, yesterday)
    assert (again.summary.counts[Status.SENT], again.summary.already_sent) == (1, 1)


async def test_until_yesterday(quiet: Sandboxed) -> None:
    """With process_until yesterday, what changed today (UTC) is left for a later run."""
    with quiet.earlier(days=1):
        yesterday = pay(quiet)
    today = pay(quiet)

    outcome = await quiet.pay_run(connection=quiet.payment_connection(process_until="yesterday"))

    assert await statuses(quiet) == {yesterday: "sent"}
    midnight = dt.datetime.combine(dt.datetime.now(dt.UTC), dt.time(), dt.UTC)
    assert outcome.summary.until == midnight

    await quiet.pay_run()

    assert await statuses(quiet) == {yesterday: "sent", today: "sent"}


async def test_a_dry_run_writes_nothing(quiet: Sandboxed) -> None:
    """A dry run names what would be sent and held back; it leaves no row and no window, nor calls LN."""
    sent, held = pay(quiet), pay(quiet, WALK_IN)

    dry = (await quiet.pay_run(dry_run=True)).completed()
    assert dry.summary.status == "dry-run"
    assert {str(one.entry.key): str(one.action) for one in dry.summary.planned} == {
        sent: "send",
        held: "note",
    }
    assert "1 would be sent" in dry.message
    assert await quiet.audit() == {}
    assert await collected_until(quiet) is None
    assert quiet.requests("ln", "POST") == []
    text = await page(f"payments-{dry.summary.date}", run=dry.summary.flow_run_id)
    assert text is not None
    assert sent in text


# --- People -------------------------------------------------------------------------------------


async def test_a_discarded_payment_is_left_until_it_is_reopened(quiet: Sandboxed) -> None:
    """What a person discards is posted no more, and again once a person reopens it."""
    payment = pay(quiet)
    quiet.fault({**LN_CALL, "kind": "422"})
    await quiet.pay_run()
    key = (await quiet.audit())[payment].key
    now = dt.datetime.now(dt.UTC)
    async with quiet.payment_connection().store.open() as store:
        await store.audit.discard(key, "Ann", "booked manually", now)
        await quiet.pay_run()
        assert await statuses(quiet) == {payment: "discarded"}
        assert len(quiet.ln_posts()) == 1
        await store.audit.undiscard(key, "Ben", now)

    await quiet.pay_run()

    row = (await quiet.audit())[payment]
    assert row.status is Status.SENT
    assert (row.discarded_by, row.undiscarded_by) == ("Ann", "Ben")


async def test_what_is_discarded_in_the_instant_before_its_post_is_left(
    quiet: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who closes a payment right before it is posted is heard, and the others go out."""
    first, second = pay(quiet), pay(quiet)
    quiet.fault({**LN_CALL, "kind": "422", "times": 2})
    await quiet.pay_run()
    closed = (await quiet.audit())[first].key
    posting = Audit.posting

    async def with_ann(audit: Audit, entry: Entry, *told: Any) -> AuditRow:
        if entry.key == closed:
            await audit.discard(closed, "Ann", "booked manually", dt.datetime.now(dt.UTC))
        return await posting(audit, entry, *told)

    monkeypatch.setattr(Audit, "posting", with_ann)

    outcome = (await quiet.pay_run()).completed()
    assert await statuses(quiet) == {first: "discarded", second: "sent"}
    assert (outcome.summary.counts[Status.DISCARDED], outcome.summary.waiting) == (1, 0)
    assert of_ln(quiet, first) == []


async def test_a_refused_token_stops_the_run(quiet: Sandboxed) -> None:
    """Where Infor refuses the app the run stops: nothing is booked, the window stays, an incident is open."""
    for _ in range(4):
        pay(quiet)

    outcome = await refused_token(quiet, ln_concurrency=1)

    outcome.failed()
    assert outcome.summary.stage == "deliver"
    assert await collected_until(quiet) is None
    assert quiet.ln_books() == []
    (incident,) = await incidents(quiet)
    assert (incident.flow, incident.stage) == ("payments", "deliver")
    assert ".ionapi" in incident.error + incident.remedy
    # Beyond what was on its way none were tried: they would meet the same.
    assert len(quiet.requests("ln", "POST")) <= 2
    assert outcome.summary.waiting >= 2


async def test_a_task_in_mambu_tells_of_the_failure_and_of_its_end(quiet: Sandboxed) -> None:
    """However often it fails, one task names the payments flow; the next good run completes it."""
    payment = pay(quiet)
    for _ in range(2):
        await refused_token(quiet)
        (task,) = tasks(quiet)
        assert (task["status"], task["assignedUserKey"]) == ("OPEN", ASSIGNED_USER_KEY)
        assert "[Daybook payments default" in task["title"]

    (await quiet.pay_run()).completed()
    assert await statuses(quiet) == {payment: "sent"}
    assert await incidents(quiet) == []
    (task,) = tasks(quiet)
    assert task["status"] == "COMPLETED"


async def test_without_mambu_there_is_no_task(quiet: Sandboxed) -> None:
    """A connection without a Mambu records its incident, and calls no Mambu."""
    pay(quiet)

    await refused_token(quiet, mambu=None)

    assert len(await incidents(quiet)) == 1
    assert quiet.requests("mambu", "POST") == quiet.requests("mambu", "GET") == []
    assert tasks(quiet) == []


async def test_the_page_of_a_failed_run_says_what_to_do(quiet: Sandboxed) -> None:
    """A run that stops leaves the date's page with what happened, what is safe, and what to do next."""
    pay(quiet)

    outcome = await refused_token(quiet)

    text = await page(f"payments-{outcome.summary.date}", run=outcome.summary.flow_run_id)
    assert text is not None
    for heading in ("## What happened", "## What is safe", "## What to do next"):
        assert heading in text
    (incident,) = await incidents(quiet)
    assert incident.remedy in text


# --- Figures and dates --------------------------------------------------------------------------


async def test_amounts_and_rates_arrive_exactly(quiet: Sandboxed) -> None:
    """An amount of twelve digits and a rate of five decimals are the same digits in LN."""
    payment = pay(quiet, amount="1234567890.12", rate="1.09177")

    await quiet.pay_run()

    row = (await quiet.audit())[payment]
    assert '"CurrencyRate":1.09177,"InvoiceAmount":1234567890.12,' in row.message
    (document,) = of_ln(quiet, payment)
    assert (document["amount"], document["rate"]) == ("1234567890.12", "1.09177")


@pytest.fixture(params=["Pacific/Auckland", "America/Los_Angeles"])
def far_away(request: pytest.FixtureRequest, quiet: Sandboxed) -> Iterator[Sandboxed]:
    """Let this machine be somewhere else, once Prefect and the sandbox run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield quiet
    time.tzset()


async def test_dates_do_not_depend_on_where_the_machine_is(far_away: Sandboxed) -> None:
    """The date of a payment is midnight UTC of its day in Xero, whatever the machine's time zone."""
    days = {pay(far_away, date=day): day for day in ("2026-03-01", "2026-03-29", "2026-10-25")}

    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    await far_away.pay_run(connection=far_away.payment_connection(start=start))

    rows = await far_away.audit()
    for key, day in days.items():
        midnight = dt.datetime.fromisoformat(f"{day}T00:00:00+00:00")
        assert int(message(rows[key])["DocumentDate"]) == midnight.timestamp()
        assert str(rows[key].entry.day) == day
        assert of_ln(far_away, key)[0]["day"] == day
