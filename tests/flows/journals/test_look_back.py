"""Runs that died and nights that were missed: the next run finds them, and finishes those days first."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections import Counter
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from blocks.connections.journals import JournalConnection
from blocks.sandbox.mambu.app import ASSIGNED_USER_KEY
from blocks.store.models import DayRecord, Incident, JournalState
from flows.journals.look_back import finished_days, unfinished_days
from tests.helpers.failed_runs import (
    days_ago,
    ended,
    entries,
    incidents,
    killed_midway,
    night_of,
    page,
    tasks,
    units,
)
from tests.helpers.journals import DAY, sent, transfers
from tests.helpers.journals_in_xero import journal_with
from tests.helpers.journals_run import scripted_run
from tests.helpers.sandboxed import DATE, Outcome, Sandboxed
from tests.helpers.scripted import Script, answer


async def a_dead_run_was_told(sandbox: Sandboxed, date: dt.date) -> Incident:
    """Require that the one incident of a day, of a run that died, was told, and has ended since."""
    (incident,) = await incidents(sandbox, date)
    assert (incident.stage, incident.step) == ("send", "died")
    assert incident.resolved is not None
    (task,) = [one for one in tasks(sandbox) if str(date) in one["title"]]
    assert task["title"].endswith(f"[Daybook default {date} send/died]")
    assert (task["status"], task["assignedUserKey"]) == ("COMPLETED", ASSIGNED_USER_KEY)
    assert incident.remedy in task["description"]
    for words in (
        "crashed. Its last known stage was send",
        "In Xero: 1 journal",
        "Not known whether in Xero: 2 journals",
    ):
        assert words in incident.error
        assert words in task["description"]
    assert f"journals --date {date}" in incident.remedy
    assert f"withdraw --date {date}" in incident.remedy
    return incident


async def test_a_run_that_died_is_found_by_the_next_of_its_date(
    sandbox: Sandboxed, connection: JournalConnection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of the date finds that the one before it died in sending, tells of it, and finishes the day."""
    sandbox.plant(units(1, 2, 3))
    await killed_midway(sandbox, home, monkeypatch, connection)
    assert entries(sandbox) == [1, 2]

    await ended(sandbox, await sandbox.run(connection=connection))

    assert entries(sandbox) == [1, 2, 3, 4, 5, 6]
    await a_dead_run_was_told(sandbox, DATE)


async def test_a_run_that_died_is_found_by_the_nightly_one(
    sandbox: Sandboxed, connection: JournalConnection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nightly run finds that the one of the night before died, and finishes that day before its own."""
    died, yesterday = days_ago(2), days_ago(1)
    sandbox.plant(units(1, 2, 3, date=died), died)
    sandbox.plant(units(11, 12, date=yesterday), yesterday)
    await killed_midway(sandbox, home, monkeypatch, connection, died)

    outcome = await sandbox.run(None, connection=connection)

    await ended(sandbox, outcome, yesterday)
    assert outcome.summary.date == yesterday
    assert outcome.summary.looked_back == [died]
    assert f"Earlier day {died}" in (
        await page(f"journals-{yesterday}", run=outcome.summary.flow_run_id) or ""
    )
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6, 21, 22, 23, 24]
    order = [journal["Narration"] for journal in sandbox.xero_journals()]
    assert [str(died) in name for name in order] == [True, True, True, False, False]
    await a_dead_run_was_told(sandbox, died)
    assert await incidents(sandbox, yesterday) == []


async def run_nightly(sandbox: Sandboxed, connection: JournalConnection) -> Outcome:
    """Run as the schedule does: without a date."""
    return await sandbox.run(None, connection=connection)


async def test_three_missed_nights_are_finished_in_order(
    sandbox: Sandboxed, connection: JournalConnection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three missed nights, one of them half sent, the fourth finishes all days in order, tied out."""
    began = dt.datetime.now(dt.UTC)
    before, *missed = (days_ago(number) for number in (5, 4, 3, 2))
    yesterday = days_ago(1)
    for number, date in enumerate((before, *missed, yesterday)):
        sandbox.plant(units(10 * number + 1, 10 * number + 2, 10 * number + 3, date=date), date)
    await ended(sandbox, await night_of(sandbox, before, connection, monkeypatch), before)
    await killed_midway(sandbox, home, monkeypatch, connection, missed[1])

    outcome = await run_nightly(sandbox, connection)

    await ended(sandbox, outcome, yesterday)
    assert outcome.summary.looked_back == missed
    names = [journal["Narration"] for journal in sandbox.xero_journals()]
    after = names[3 + 1 :]
    days = [next(date for date in (*missed, yesterday) if f"date: {date}" in name) for name in after]
    assert days == sorted(days)
    assert set(days) == {*missed, yesterday}
    assert entries(sandbox) == [20 * day + entry for day in range(5) for entry in range(1, 7)]
    for date in missed:
        (incident,) = await incidents(sandbox, date)
        assert incident.resolved is not None
        assert incident.step == ("died" if date == missed[1] else "never finished")
    assert len(tasks(sandbox)) == 3
    for date in (*missed, yesterday):
        text = await page(f"journals-{date}", since=began)
        assert "| yes, to the cent |" in (text or "")
    await a_dead_run_was_told(sandbox, missed[1])


async def test_a_look_back_that_fails_is_named_and_the_night_goes_on(
    sandbox: Sandboxed, connection: JournalConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missed day that cannot be finished is named with its reason, and the night's own day is sent."""
    before, missed, yesterday = days_ago(3), days_ago(2), days_ago(1)
    sandbox.plant(units(1, date=before), before)
    sandbox.plant(units(11, date=missed)[:1], missed)
    sandbox.plant(units(21, date=yesterday), yesterday)
    await ended(sandbox, await night_of(sandbox, before, connection, monkeypatch), before)

    outcome = await run_nightly(sandbox, connection)

    outcome.failed(f"The earlier day {missed} is not finished", f"booking date {missed} is out of balance by")
    assert entries(sandbox) == [1, 2, 41, 42]
    (incident,) = await incidents(sandbox, missed, only_open=True)
    assert (incident.stage, incident.step) == ("process", "balance")
    assert await incidents(sandbox, yesterday) == []
    open_tasks = [one for one in tasks(sandbox) if one["status"] == "OPEN"]
    assert [str(missed) in one["title"] for one in open_tasks] == [True]

    sandbox.plant(units(11, date=missed), missed)
    await ended(sandbox, await run_nightly(sandbox, connection), yesterday)
    assert entries(sandbox) == [1, 2, 21, 22, 41, 42]


async def test_a_deleted_draft_is_not_sent_again_by_looking_back(
    sandbox: Sandboxed, connection: JournalConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person deleted is sent again by a run of that date, and by no look back, also on late lines."""
    earlier, yesterday = days_ago(2), days_ago(1)
    sandbox.plant(units(1, 2, date=earlier), earlier)
    sandbox.plant(units(11, date=yesterday), yesterday)
    await ended(sandbox, await night_of(sandbox, earlier, connection, monkeypatch), earlier)
    sandbox.control("xero/delete", {"journal_id": journal_with(sandbox, 3)["ManualJournalID"]})

    first = await run_nightly(sandbox, connection)
    await ended(sandbox, first, yesterday)
    assert first.summary.looked_back == []
    assert entries(sandbox) == [1, 2, 21, 22]

    sandbox.control("mambu/add_lines", {"date": str(earlier), "lines": units(3, date=earlier)})
    second = await run_nightly(sandbox, connection)
    await ended(sandbox, second, yesterday)
    assert second.summary.looked_back == [earlier]
    assert entries(sandbox) == [1, 2, 5, 6, 21, 22]
    text = await page(f"journals-{yesterday}", run=second.summary.flow_run_id)
    assert f"Earlier day {earlier}" in (text or "")

    third = await run_nightly(sandbox, connection)
    assert third.summary.looked_back == []
    assert entries(sandbox) == [1, 2, 5, 6, 21, 22]

    await ended(sandbox, await sandbox.run(earlier, connection=connection), earlier)
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6, 21, 22]


@pytest.mark.parametrize("lost", [False, True], ids=["the record is there", "the record was lost"])
async def test_a_rerun_of_an_older_date_is_not_the_beginning(
    sandbox: Sandboxed,
    connection: JournalConnection,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    lost: bool,
) -> None:
    """After a run of an older date the first night sends its own day alone, with its record or without."""
    older, between, yesterday = days_ago(3), days_ago(2), days_ago(1)
    for number, date in enumerate((older, between, yesterday)):
        sandbox.plant(units(10 * number + 1, date=date), date)
    await ended(sandbox, await sandbox.run(older, connection=connection), older)
    if lost:
        monkeypatch.setenv("DAYBOOK_HOME", str(home.with_name("another")))

    outcome = await run_nightly(sandbox, connection)

    await ended(sandbox, outcome, yesterday)
    assert outcome.summary.looked_back == []
    assert entries(sandbox) == [1, 2, 41, 42]
    assert await incidents(sandbox, between) == []


async def test_a_requested_date_of_yesterday_is_not_the_beginning(
    sandbox: Sandboxed, connection: JournalConnection
) -> None:
    """A date known to be asked for is no beginning either where its drafts came on the date after it."""
    requested, between, yesterday = days_ago(3), days_ago(2), days_ago(1)
    for number, date in enumerate((requested, between, yesterday)):
        sandbox.plant(units(10 * number + 1, date=date), date)
    with sandbox.earlier(days=2):
        await ended(sandbox, await sandbox.run(requested, connection=connection), requested)

    outcome = await run_nightly(sandbox, connection)

    assert outcome.summary.looked_back == []


async def test_without_its_record_a_connection_is_known_by_the_drafts_of_its_nights(
    sandbox: Sandboxed, connection: JournalConnection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the record was lost, the first day whose drafts came in the night after it is the beginning."""
    older, first, missed, yesterday = (days_ago(number) for number in (4, 3, 2, 1))
    for number, date in enumerate((older, first, missed, yesterday)):
        sandbox.plant(units(10 * number + 1, date=date), date)
    await ended(sandbox, await sandbox.run(older, connection=connection), older)
    with sandbox.earlier(days=2):
        await ended(sandbox, await night_of(sandbox, first, connection, monkeypatch), first)
    monkeypatch.setenv("DAYBOOK_HOME", str(home.with_name("another")))

    outcome = await run_nightly(sandbox, connection)

    await ended(sandbox, outcome, yesterday)
    assert outcome.summary.looked_back == [first, missed]


@pytest.mark.parametrize(("first_day", "looked_back"), [(3, [3, 2]), (1, [])], ids=["earlier", "later"])
async def test_the_first_day_that_is_set_goes_before_the_record(
    sandbox: Sandboxed,
    connection: JournalConnection,
    monkeypatch: pytest.MonkeyPatch,
    first_day: int,
    looked_back: list[int],
) -> None:
    """Where the connection says its first day, looking back ends there, whatever was scheduled first."""
    scheduled, yesterday = days_ago(2), days_ago(1)
    for number, date in enumerate((days_ago(3), scheduled, yesterday)):
        sandbox.plant(units(10 * number + 1, date=date), date)
    await night_of(sandbox, scheduled, connection, monkeypatch)
    async with connection.store.open() as store:
        await store.days.reopened("default", scheduled)

    outcome = await run_nightly(sandbox, connection.model_copy(update={"first_day": days_ago(first_day)}))

    await ended(sandbox, outcome, yesterday)
    assert outcome.summary.looked_back == [days_ago(number) for number in looked_back]


async def test_a_dry_run_looks_back_on_nothing(sandbox: Sandboxed) -> None:
    """A dry run without a date shows its own day, and sends nothing of the days before it either."""
    connection = sandbox.connection(first_day=days_ago(3))
    for number in (3, 2, 1):
        sandbox.plant(units(10 * number + 1, date=days_ago(number)), days_ago(number))
    outcome = (await sandbox.run(None, connection=connection, dry_run=True)).completed()
    assert outcome.summary.looked_back == []
    assert sandbox.xero_journals() == []


def six_of_the_18th(request: httpx.Request) -> httpx.Response:
    """State six lines of the 18th, and five of any other day."""
    after = msgspec.json.decode(request.content)["filterCriteria"][0]["value"]
    return answer(200, [], items_total="6" if after.startswith("2026-11-17") else "5")(request)


@pytest.mark.parametrize(
    ("first", "back", "finished", "due"),
    [
        (1, 3, (17, 18, 19), [18]),
        (1, 3, (17, 18), [18, 19]),
        (1, 3, (), [17, 18, 19]),
        (1, 2, (), [18, 19]),
        (1, 0, (), []),
        (19, 3, (), [19]),
        (20, 3, (), []),
    ],
)
async def test_the_days_that_are_run_first(
    tmp_path: Path, first: int, back: int, finished: tuple[int, ...], due: list[int]
) -> None:
    """Due are the days of the look-back, from the connection's first on, that are not finished, or grew."""
    asked = {"first_day": dt.date(2026, 11, first), "look_back_days": back}
    async with scripted_run(tmp_path, **asked) as there:
        credentials = there.run.connection.mambu
        for number in finished:
            record = DayRecord("default", dt.date(2026, 11, number), "UTC", 5, there.clock.now())
            await there.run.store.days.finished(record)
        script = Script(six_of_the_18th)
        async with credentials.get_client(clock=there.clock, http=script) as there.run.mambu:
            found = await unfinished_days(there.run, await finished_days(there.run))
            assert found == [DAY.date.replace(day=number) for number in due]


@pytest.mark.parametrize(
    ("organisation", "sent_here", "due"),
    [
        ("organisation", "before", [17]),
        (None, "before", [17]),
        ("another", "before", [17, 18, 19]),
        ("another", "since", [17]),
        ("another", "never", [17]),
    ],
    ids=["this one", "not recorded", "led astray", "moved, and run here since", "moved"],
)
async def test_what_was_finished_in_another_organisation_is_run(
    tmp_path: Path, organisation: str | None, sent_here: str, due: list[int]
) -> None:
    """A day that another organisation of Xero's has is not finished in one that got days before it did."""
    async with scripted_run(tmp_path, first_day=dt.date(2026, 11, 17), look_back_days=3) as there:

        async def send_here(when: str) -> None:
            if sent_here == when:
                requests, day = sent(transfers(1)).prepared.requests, dt.date(2026, 11, 17)
                await there.keep(requests, JournalState.PREPARED, day=day, manual_journal_id="id")

        await send_here("before")
        there.clock.advance(60)
        for number, lines in ((18, 6), (19, 5)):
            day, now = dt.date(2026, 11, number), there.clock.now()
            finished = DayRecord("default", day, "UTC", lines, now, organisation=organisation)
            await there.run.store.days.finished(finished)
        there.clock.advance(60)
        await send_here("since")
        credentials, script = there.run.connection.mambu, Script(six_of_the_18th)
        async with credentials.get_client(clock=there.clock, http=script) as there.run.mambu:
            found = await unfinished_days(there.run, await finished_days(there.run))
            assert found == [DAY.date.replace(day=number) for number in due]


@pytest.mark.parametrize("again", [False, True])
async def test_rows_of_the_store_are_read_once_per_stage(
    sandbox: Sandboxed,
    connection: JournalConnection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    again: bool,
) -> None:
    """No stage of a nightly run asks the store twice for the same journals or days, nor does a repeat."""
    yesterday, before = days_ago(1), days_ago(2)
    for number, date in enumerate((before, yesterday)):
        sandbox.plant(units(number + 1, date=date), date)
    for date in (before, *[yesterday] * again):
        await ended(sandbox, await night_of(sandbox, date, connection, monkeypatch), date)
    caplog.set_level(logging.INFO)
    asked: Counter[tuple[str, str]] = Counter()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if re.match(r"SELECT .*FROM (journals|days)\b", statement, re.DOTALL):
            asked[
                next(said for said in reversed(caplog.messages) if said.endswith(": begins")), statement
            ] += 1

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await ended(sandbox, await night_of(sandbox, yesterday, connection, monkeypatch), yesterday)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert {stage for stage, _ in asked} == {"day: begins", "send: begins", "confirm: begins"}
    assert set(asked.values()) == {1}


async def test_what_another_organisation_has_of_an_unfinished_day_stays_there(tmp_path: Path) -> None:
    """After a connection was moved, a day that the former organisation has in part stays there."""
    async with scripted_run(tmp_path, first_day=dt.date(2026, 11, 18), look_back_days=3) as there:
        requests, day = sent(transfers(1)).prepared.requests, dt.date(2026, 11, 18)
        await there.keep(requests, JournalState.CREATED, day=day, manual_journal_id="id")
        there.run.organisation = "another"
        assert await unfinished_days(there.run, await finished_days(there.run)) == [dt.date(2026, 11, 19)]
