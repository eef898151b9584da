"""Withdrawing a day, over the sandbox: what goes, what stays, and what a run of the date makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import io
import json
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.connections import lookup
from blocks.connections.journals import JournalConnection
from blocks.errors import UsageError
from blocks.store.block import DaybookStore, open_store
from blocks.store.journals import Store
from blocks.store.models import JournalState, Lease
from flows.cli.incidents import show
from flows.journals.withdraw.report import Withdrawal
from flows.runtime import artifacts as reports
from tests.helpers.failed_runs import entries, page, tasks
from tests.helpers.journals_in_xero import changes, journal_with, live_lines, statuses
from tests.helpers.sandboxed import DATE, Outcome, Sandboxed, line
from tests.helpers.stores import Database
from tests.helpers.two_journals import two_journals, two_lines_each, two_units
from tests.helpers.withdrawals import withdraw


def edit(sandbox: Sandboxed, entry: int) -> None:
    """Let a person double the amounts of the journal with an entry."""
    sandbox.double(journal_with(sandbox, entry))


def refusal(message: str) -> dict[str, Any]:
    """Return a fault: Xero declines a change of a journal, in these words."""
    reason = {"ValidationErrors": [{"Message": message}]}
    body = {"ErrorNumber": 10, "Type": "ValidationException", "Message": "Invalid", "Elements": [reason]}
    rule = {"system": "xero", "method": "POST", "path": "ManualJournals", "kind": "status", "status": 400}
    return {**rule, "content_type": "application/json", "body": json.dumps(body)}


def late(seconds: float) -> dict[str, Any]:
    """Return a fault: a change of a journal is not answered, and carried out so much later."""
    rule = {"system": "xero", "method": "POST", "path": "ManualJournals"}
    return {**rule, "kind": "late_commit", "seconds": seconds}


async def states(home: Path) -> list[JournalState]:
    """Return the states of all recorded journals."""
    async with store(home) as kept:
        return [one.state for one in await _all_records(kept)]


def store(home: Path) -> Store:
    """Return the store that runs of the test use."""
    return open_store(f"sqlite:///{home / 'daybook.sqlite3'}")


async def test_a_day_withdrawn_and_run_again_at_once_is_the_same_day(sandbox: Sandboxed) -> None:
    """Withdrawn and sent afresh at once, a day has the same lines, each live once, under new names."""
    await sandbox.run()
    before = sorted(live_lines(sandbox))
    names = Counter(journal["Narration"] for journal in sandbox.xero_journals())

    gone = (await withdraw(sandbox, connection=sandbox.connection())).completed()
    assert live_lines(sandbox) == []
    assert len(gone.summary.as_json()["deleted"]) == len(names) > 0
    assert "to send the day again, run the date" in gone.message

    again = (await sandbox.run()).completed()
    assert again.summary.tied_out is True
    assert sorted(live_lines(sandbox)) == before
    names.update(journal["Narration"] for journal in sandbox.xero_journals())
    # Each old name stands for one deleted draft, and each new one is new.
    assert set(names.values()) == {1, 2}


async def test_without_confirmation_nothing_is_written(sandbox: Sandboxed) -> None:
    """A plan names every journal and what would become of it, and writes nothing to Xero."""
    await two_journals(sandbox)

    plan = (await withdraw(sandbox, confirmed=False)).completed()
    assert [row.happens for row in plan.summary.rows()] == ["delete", "delete"]
    assert [row.debits for row in plan.summary.rows()] == ["5.00", "7.00"]
    assert "2 drafts would be deleted" in plan.message
    assert "Nothing was changed yet" in plan.message
    assert plan.summary.as_json()["deleted"] == []
    assert changes(sandbox) == []


async def test_mambu_is_not_needed(sandbox: Sandboxed) -> None:
    """A day is withdrawn while Mambu is down."""
    await two_journals(sandbox)
    sandbox.fault({"system": "mambu", "kind": "status", "status": 503, "times": 0})

    (await withdraw(sandbox)).completed()
    assert set(statuses(sandbox).values()) == {"DELETED"}


async def test_posted_and_edited_journals_stay_and_are_named(sandbox: Sandboxed) -> None:
    """What a person posted or edited is left as it is and listed with its reason; the run says so."""
    await two_journals(sandbox)
    sandbox.control("xero/post", {"journal_id": journal_with(sandbox, 1)["ManualJournalID"]})
    edit(sandbox, 3)

    gone = (await withdraw(sandbox)).failed()
    assert statuses(sandbox) == {1: "POSTED", 3: "DRAFT"}
    assert changes(sandbox) == []
    reasons = [one["reason"] for one in gone.summary.as_json()["refused"]]
    assert "posted" in reasons[0]
    assert "it was edited after" in reasons[1]
    assert "--include-posted" in gone.message
    assert "--include-edited" in gone.message
    assert "nothing was changed in Xero" in gone.message


async def test_posted_and_edited_journals_go_where_that_is_asked_for(sandbox: Sandboxed) -> None:
    """With both options a posted journal is voided, an edited draft deleted, and the day sent again."""
    await two_journals(sandbox)
    before = sorted(live_lines(sandbox))
    sandbox.control("xero/post", {"journal_id": journal_with(sandbox, 1)["ManualJournalID"]})
    edit(sandbox, 3)

    gone = (await withdraw(sandbox, include_posted=True, include_edited=True)).completed()
    assert statuses(sandbox) == {1: "VOIDED", 3: "DELETED"}
    told = gone.summary.as_json()
    assert (len(told["deleted"]), len(told["voided"]), told["refused"]) == (1, 1, [])

    (await sandbox.run(connection=two_lines_each(sandbox))).completed()
    assert sorted(live_lines(sandbox)) == before


async def test_a_lost_answer_is_no_failure(sandbox: Sandboxed) -> None:
    """Where the answer to a deletion is lost, it is repeated under its key, and nothing else happens."""
    await two_journals(sandbox)
    sandbox.fault({"system": "xero", "method": "POST", "path": "ManualJournals", "kind": "drop_after"})

    gone = (await withdraw(sandbox)).completed()
    assert set(statuses(sandbox).values()) == {"DELETED"}
    assert len(gone.summary.as_json()["deleted"]) == 2
    sent = changes(sandbox)
    assert len(sent) == 3
    assert sent[0]["idempotency_key"] == sent[1]["idempotency_key"]


async def test_an_answer_that_never_comes_is_settled_by_the_status(sandbox: Sandboxed) -> None:
    """Where no answer comes at all, the journal is read: gone is gone, and what is there still is listed."""
    await two_journals(sandbox)
    lost = {"system": "xero", "method": "POST", "path": "ManualJournals"}
    sandbox.fault({**lost, "kind": "drop_after"}, {**lost, "kind": "drop_before", "times": 0})

    gone = (await withdraw(sandbox, connection=two_lines_each(sandbox, retries=0))).failed()
    assert statuses(sandbox) == {1: "DELETED", 3: "DRAFT"}
    assert len(gone.summary.as_json()["deleted"]) == 1
    (left,) = gone.summary.as_json()["refused"]
    assert "no clear answer" in left["reason"]


@pytest.mark.parametrize("rests", [0, 4])
@pytest.mark.parametrize("posted", [True, False])
async def test_a_withdrawal_carried_out_late_is_our_own(
    sandbox: Sandboxed, monkeypatch: pytest.MonkeyPatch, posted: bool, rests: int
) -> None:
    """A journal that goes seconds after Xero gave no answer is sent again by the next run of the date."""
    # No eleven minutes: here nothing is carried out later than three seconds after it was asked for.
    monkeypatch.setattr("flows.journals.pending.KEY_EXPIRED", timedelta(seconds=8))
    await two_journals(sandbox)
    before = sorted(live_lines(sandbox))
    if posted:
        for journal in sandbox.xero_journals():
            sandbox.control("xero/post", {"journal_id": journal["ManualJournalID"]})
    sandbox.fault(late(3))

    gone = await withdraw(sandbox, connection=two_lines_each(sandbox, retries=0), include_posted=True)

    await asyncio.sleep(rests)
    again = (await sandbox.run(connection=two_lines_each(sandbox))).completed()
    assert "voided" not in again.message
    assert again.summary.tied_out is True
    assert again.summary.journals_created == 2
    await asyncio.sleep(4 - rests)
    assert sorted(live_lines(sandbox)) == before
    (await sandbox.run(connection=two_lines_each(sandbox))).completed(created=0)
    gone.failed()
    assert "no clear answer" in gone.summary.as_json()["refused"][0]["reason"]
    assert "A run of the date waits until that is known" in gone.message
    assert "Run the command again in ten minutes" in gone.message


async def test_a_second_withdrawal_finds_out_about_the_first(
    sandbox: Sandboxed, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan names what was not answered, and a withdrawal waits for its end and tells that it is gone."""
    monkeypatch.setattr("flows.journals.pending.KEY_EXPIRED", timedelta(seconds=8))
    await two_journals(sandbox)
    sandbox.fault(late(3))
    await withdraw(sandbox, connection=two_lines_each(sandbox, retries=0))

    plan = await withdraw(sandbox, confirmed=False)
    assert "Xero gave no clear answer to the withdrawal of 1 journal" in plan.message
    (await withdraw(sandbox)).completed()
    assert set(statuses(sandbox).values()) == {"DELETED"}
    assert set(await states(home)) == {JournalState.WITHDRAWN}


async def test_a_late_end_of_a_journal_unknown_to_the_record_is_our_own(
    sandbox: Sandboxed, home: Path
) -> None:
    """Where the store was lost, what Xero is asked for is recorded all the same, and comes again."""
    await two_journals(sandbox)
    before = sorted(live_lines(sandbox))
    for journal in sandbox.xero_journals():
        sandbox.control("xero/post", {"journal_id": journal["ManualJournalID"]})
    shutil.rmtree(home)
    sandbox.fault({**late(1), "times": 2})
    unanswered = two_lines_each(sandbox, retries=0)
    await withdraw(sandbox, connection=unanswered, include_posted=True, include_edited=True)
    assert await states(home) == [JournalState.WITHDRAWING] * 2
    await asyncio.sleep(2)

    (await sandbox.run(connection=two_lines_each(sandbox))).completed()
    assert sorted(live_lines(sandbox)) == before


async def test_a_copy_that_was_voided_too_keeps_nothing_out(sandbox: Sandboxed) -> None:
    """A copy of a journal that the withdrawal voids beside it counts as taken out by us, as that does."""
    await two_journals(sandbox)
    before = sorted(live_lines(sandbox))
    copy = sandbox.control("xero/copy", {"journal_id": journal_with(sandbox, 1)["ManualJournalID"]})
    for journal in sandbox.xero_journals():
        sandbox.control("xero/post", {"journal_id": journal["ManualJournalID"]})

    gone = (await withdraw(sandbox, include_posted=True, include_edited=True)).completed()
    assert copy["ManualJournalID"] in {one["manual_journal_id"] for one in gone.summary.as_json()["voided"]}
    (await sandbox.run(connection=two_lines_each(sandbox))).completed()
    assert sorted(live_lines(sandbox)) == before


async def test_a_journal_that_xero_declines_is_listed_and_the_others_go(sandbox: Sandboxed) -> None:
    """A journal that Xero will not delete, also when sent back whole, is listed with Xero's own reason."""
    await two_journals(sandbox)
    sandbox.fault({**refusal("The journal is linked to a report"), "times": 2})

    gone = (await withdraw(sandbox)).failed()
    assert statuses(sandbox) == {1: "DRAFT", 3: "DELETED"}
    (left,) = gone.summary.as_json()["refused"]
    assert left["manual_journal_id"] == journal_with(sandbox, 1)["ManualJournalID"]
    assert "The journal is linked to a report" in left["reason"]
    assert "to send the day again, run the date" in gone.message


async def test_a_whole_journal_is_sent_where_a_status_alone_is_refused(sandbox: Sandboxed) -> None:
    """Where Xero wants more than the new status, the journal goes back as it was read, and is deleted."""
    await two_journals(sandbox)
    sandbox.control("xero/options", {"status_only_updates": False})
    before = [one["JournalLines"] for one in sandbox.xero_journals()]

    (await withdraw(sandbox)).completed()
    assert set(statuses(sandbox).values()) == {"DELETED"}

    def without_ids(lines: list[list[dict[str, Any]]]) -> list[tuple[Any, ...]]:
        return [(one["AccountCode"], one["LineAmount"], one["Description"]) for of in lines for one in of]

    assert without_ids([one["JournalLines"] for one in sandbox.xero_journals()]) == without_ids(before)


async def test_without_the_store_nothing_goes_until_the_date_was_run(sandbox: Sandboxed, home: Path) -> None:
    """With the store lost nothing goes, the message says to run the date first, and then everything goes."""
    await two_journals(sandbox)
    shutil.rmtree(home)

    refused = (await withdraw(sandbox)).failed()
    assert set(statuses(sandbox).values()) == {"DRAFT"}
    assert changes(sandbox) == []
    assert "Run the date first" in refused.message
    assert "not known" in refused.message

    (await sandbox.run(connection=two_lines_each(sandbox))).completed()
    (await withdraw(sandbox)).completed()
    assert set(statuses(sandbox).values()) == {"DELETED"}


async def test_without_the_store_numbers_stay_taken(sandbox: Sandboxed, home: Path) -> None:
    """What is taken out unknown to the store is recorded, so that its names are never used again."""
    await two_journals(sandbox)
    shutil.rmtree(home)
    # The record alone must do: Xero may hide from its lists what was deleted.
    sandbox.control("xero/options", {"list_deleted": False})
    (await withdraw(sandbox, include_edited=True)).completed()

    (await sandbox.run(connection=two_lines_each(sandbox))).completed(created=2)
    names = [journal["Narration"] for journal in sandbox.xero_journals()]
    assert len(names) == len(set(names)) == 4


async def test_another_labels_and_another_days_journals_are_not_touched(sandbox: Sandboxed) -> None:
    """Journals of another day or label, and those of people, stay as they are, whatever is asked for."""
    await two_journals(sandbox)
    other_day = DATE.replace(day=17)
    sandbox.plant(
        [
            line(11, 1, created=f"{other_day}T12:00:00+00:00"),
            line(12, 1, "CREDIT", created=f"{other_day}T12:00:00+00:00"),
        ],
        other_day,
    )
    assert (await sandbox.run(other_day)).state.is_completed()
    labelled = two_lines_each(sandbox, label="acme-uk")
    sandbox.plant([line(21, 3), line(22, 3, "CREDIT")])
    assert (await sandbox.run(connection=labelled, name="acme")).state.is_completed()

    (await withdraw(sandbox, include_posted=True, include_edited=True)).completed()
    assert statuses(sandbox) == {1: "DELETED", 3: "DELETED", 11: "DRAFT", 21: "DRAFT"}


async def test_a_renamed_journal_is_found_by_the_record(sandbox: Sandboxed) -> None:
    """A journal whose name a person changed is found by its id: left as edited, gone where that is asked."""
    await two_journals(sandbox)
    journal = journal_with(sandbox, 1)
    sandbox.control("xero/edit", {"journal_id": journal["ManualJournalID"], "narration": "November, Mambu"})

    left = await withdraw(sandbox)
    assert statuses(sandbox) == {1: "DRAFT", 3: "DELETED"}
    assert left.summary.as_json()["refused"][0]["narration"] == "November, Mambu"

    (await withdraw(sandbox, include_edited=True)).completed()
    assert set(statuses(sandbox).values()) == {"DELETED"}


async def test_a_lagging_list_neither_hides_nor_revives_a_journal(sandbox: Sandboxed) -> None:
    """Where Xero's list lags, what was just sent is withdrawn, and what was withdrawn is sent again."""
    two_units(sandbox)
    sandbox.control("xero/options", {"read_lag_seconds": 600.0})
    connection = two_lines_each(sandbox)
    assert (await sandbox.run(connection=connection)).state.is_completed()

    (await withdraw(sandbox)).completed()
    assert set(statuses(sandbox).values()) == {"DELETED"}
    (await sandbox.run(connection=connection)).completed(created=2)
    assert entries(sandbox) == [1, 2, 3, 4]


async def test_a_list_that_shows_the_old_status_does_not_revive_a_journal(sandbox: Sandboxed) -> None:
    """A list that still shows withdrawn drafts as drafts does not make a run believe that they are there."""
    await two_journals(sandbox)
    # From now on the list shows what was, and so the drafts.
    sandbox.control("xero/options", {"read_lag_seconds": 600.0})
    (await withdraw(sandbox)).completed()

    (await sandbox.run(connection=two_lines_each(sandbox))).completed(created=2)
    assert entries(sandbox) == [1, 2, 3, 4]


async def test_withdrawing_twice_is_harmless(sandbox: Sandboxed) -> None:
    """A second withdrawal finds the day gone, says so, and writes nothing."""
    await two_journals(sandbox)
    await withdraw(sandbox)
    sandbox.http.delete("/control/requests")

    again = (await withdraw(sandbox)).completed()
    assert "already removed from Xero" in again.message
    assert changes(sandbox) == []


@pytest.mark.parametrize("all_of_it", [True, False], ids=["all of it", "a part"])
async def test_what_was_voided_without_us_is_not_promised(
    sandbox: Sandboxed, home: Path, all_of_it: bool
) -> None:
    """A withdrawal does not promise that a run sends again what no record says that we voided."""
    await two_journals(sandbox)
    for entry in (1, 3) if all_of_it else (1,):
        sandbox.control("xero/post", {"journal_id": journal_with(sandbox, entry)["ManualJournalID"]})
    known = (await withdraw(sandbox, include_posted=True)).completed()
    assert "to send the day again" in known.message
    shutil.rmtree(home)

    told = (await withdraw(sandbox, include_posted=True)).completed().message
    number = 2 if all_of_it else 1
    assert f"{number} journal{'s were' if all_of_it else ' was'} voided by no withdrawal on record" in told
    assert ("to send" in told) == (not all_of_it)
    assert ("to send the rest of the day again" in told) == (not all_of_it)
    again = (await sandbox.run(connection=two_lines_each(sandbox))).failed("voided in Xero, so they are not")
    assert again.summary.journals_created == 2 - number


async def test_a_day_that_was_never_sent_has_nothing_to_withdraw(sandbox: Sandboxed) -> None:
    """For a day without journals, a withdrawal completes and says that there is nothing."""
    outcome = (await withdraw(sandbox)).completed()
    assert "nothing to withdraw" in outcome.message


async def test_a_request_in_flight_is_settled_before_the_day_is_looked_at(sandbox: Sandboxed) -> None:
    """A journal whose answer never came is first brought to a known end, and then withdrawn as well."""
    two_units(sandbox)
    rule = {"system": "xero", "method": "PUT", "kind": "504", "times": 0, "nth": 2}
    sandbox.fault(rule)
    (await sandbox.run(connection=two_lines_each(sandbox, retries=0))).failed()
    sandbox.http.delete("/control/faults")
    plan = await withdraw(sandbox, confirmed=False)
    assert "Xero gave no answer for" in plan.message

    (await withdraw(sandbox)).completed()
    assert statuses(sandbox) == {1: "DELETED", 3: "DELETED"}


async def test_a_used_up_limit_ends_it_and_tells_what_was_done(sandbox: Sandboxed, home: Path) -> None:
    """When Xero's day limit ends in the middle, run and record say what went and what remains."""
    await two_journals(sandbox)
    rule = {"system": "xero", "method": "POST", "path": "ManualJournals", "kind": "429-day", "nth": 2}
    sandbox.fault(rule)

    stopped = (await withdraw(sandbox)).failed("1 draft was deleted", "until")
    assert statuses(sandbox) == {1: "DELETED", 3: "DRAFT"}
    assert len(stopped.summary.as_json()["deleted"]) == len(stopped.summary.as_json()["refused"]) == 1
    async with store(home) as kept:
        (organisation,) = {one.organisation for one in await _all_records(kept)}
        records = await kept.journals(organisation, "default", DATE)
    # Nobody could look at the first one since, so its end is still to be seen.
    assert [one.state for one in records] == [JournalState.WITHDRAWING, JournalState.CONFIRMED]


async def _all_records(kept: Store) -> list[Any]:
    from sqlalchemy import select

    from blocks.store.journals import _journals, _record

    async with kept.database.begin() as database:
        return [_record(row) for row in (await database.execute(select(_journals))).mappings().all()]


@pytest.mark.parametrize("confirmed", [False, True])
async def test_each_run_leaves_its_page(sandbox: Sandboxed, confirmed: bool) -> None:
    """The date's artifact has the message and every journal with what becomes of it."""
    await two_journals(sandbox)
    outcome = await withdraw(sandbox, confirmed=confirmed)

    text = await page(f"withdraw-{DATE}")
    assert text is not None
    assert outcome.message in text
    assert text.count("deleted |" if confirmed else "delete |") == 2


@pytest.mark.parametrize("date", [dt.date.min, dt.date.max])
async def test_a_date_beyond_all_books_is_wrong_use(sandbox: Sandboxed, date: dt.date) -> None:
    """A date that cannot be asked for is refused by name, before Xero is asked for anything."""
    from flows.journals.withdraw.flow import withdraw as flow

    outcome = Outcome[Withdrawal]()
    known = {"default": sandbox.connection()}
    with lookup.provided(known), reports.observed_by(outcome):
        outcome.state = await flow(date, confirmed=True, return_state=True)
    assert isinstance(outcome.error, UsageError), outcome.message
    assert f"date {date}" in outcome.message
    assert sandbox.requests("xero", "GET") == []


@pytest.mark.parametrize(
    ("place", "stage", "safe"),
    [
        ({"method": "POST", "path": "ManualJournals"}, "remove", "whose removal was requested, are recorded"),
        ({"method": "GET", "path": "ManualJournals$"}, "read", "Nothing was removed from Xero."),
    ],
)
async def test_a_withdrawal_that_was_killed_is_told_as_one_and_closed_by_the_next(
    sandbox: Sandboxed,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    place: dict[str, str],
    stage: str,
    safe: str,
) -> None:
    """Killed, a withdrawal is told as a withdrawal, at the stage that it was at; the next one ends that."""
    monkeypatch.setattr("flows.journals.pending.KEY_EXPIRED", timedelta(seconds=2))
    kept = DaybookStore(url=SecretStr(database.url), schema_name=database.schema)
    connection = two_lines_each(sandbox, store=kept)
    two_units(sandbox)
    assert (await sandbox.run(connection=connection)).state.is_completed()
    lease = await _killed(sandbox, connection, {"system": "xero", "kind": "hang", "times": 0, **place})
    assert lease.stage == stage
    # What a process leaves that is killed, and not only told to end.
    async with kept.open() as store:
        assert await store.leases.take(lease, only_one_here=False) is None

    (await withdraw(sandbox, connection=connection)).completed()
    async with kept.open() as store:
        (incident,) = await store.incidents.all("default")
    (task,) = tasks(sandbox)
    assert (incident.stage, incident.step, incident.resolved is None) == (stage, "died", False)
    assert task["title"].startswith(f"Withdrawal of {DATE}: the run crashed [")
    assert (task["status"], safe in task["description"]) == ("COMPLETED", True)
    assert "Run the withdrawal again" in incident.remedy
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        async with kept.open() as store:
            assert await show(store, "default", None, only_open=False, as_json=False) == 0
    assert task["title"].partition(" [")[0] in shown.getvalue()


async def _killed(sandbox: Sandboxed, connection: JournalConnection, hang: dict[str, Any]) -> Lease:
    """Stop a withdrawal that hangs, and return the lease that it held then."""
    known = [len(sandbox.http.get("/control/requests").json())]
    sandbox.fault(hang)
    running = asyncio.create_task(withdraw(sandbox, connection=connection))

    async def held() -> Lease | None:
        async with connection.store.open() as store:
            return next(iter(await store.leases.of("journals", "default")), None)

    async with asyncio.timeout(60):
        while not any(one["fault"] for one in sandbox.http.get("/control/requests").json()[known[0] :]):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        lease = await held()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    sandbox.http.delete("/control/faults")
    assert lease is not None
    return lease
