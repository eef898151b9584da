"""What comes into Xero after a day was finished, and lines that were sent under another day."""

from __future__ import annotations

import datetime as dt
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace as replaced

from blocks.connections.journals import JournalConnection
from blocks.store.models import DayRecord
from blocks.xero.models import ManualJournal, XeroJournalLine
from flows.journals.late_journals import LATE, changed_since, holders, late_or_twice
from flows.journals.look_back import finished_days
from flows.journals.models import Known
from tests.helpers.failed_runs import (
    days_ago,
    ended,
    entries,
    incidents,
    night_of,
    reads,
    searches,
    tasks,
    units,
)
from tests.helpers.journals import DAY, edited, sent, transfers
from tests.helpers.journals_in_xero import journal_with, reverse, take_out
from tests.helpers.journals_run import listed, scripted_run
from tests.helpers.sandboxed import DATE, Sandboxed, line
from tests.helpers.zones import AUCKLAND, far_away, in_zone


async def finished(
    sandbox: Sandboxed, connection: JournalConnection, monkeypatch: pytest.MonkeyPatch
) -> tuple[dt.date, dt.date]:
    """Finish the night before last, and return its day and the one that is to come."""
    done, yesterday = days_ago(2), days_ago(1)
    sandbox.plant(units(1, 2, date=done), done)
    sandbox.plant(units(11, date=yesterday), yesterday)
    with sandbox.earlier(hours=20):
        await ended(sandbox, await night_of(sandbox, done, connection, monkeypatch), done)
    return done, yesterday


async def test_a_request_carried_out_after_all_was_finished_is_found(
    sandbox: Sandboxed, connection: JournalConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that comes again after its day was finished is told by the next night, until it is gone."""
    done, yesterday = await finished(sandbox, connection, monkeypatch)
    sandbox.control("xero/copy", {"journal_id": journal_with(sandbox, 3)["ManualJournalID"]})
    sandbox.http.delete("/control/requests")

    outcome = (await sandbox.run(None, connection=connection)).failed()
    assert outcome.summary.tied_out is True
    for word in (str(done), "contains 2 lines that were sent in another journal: EntryID 3, 4"):
        assert word in outcome.message
    (incident,) = await incidents(sandbox, done, only_open=True)
    assert (incident.stage, incident.step) == ("send", "changed later")
    assert any("changed later" in task["title"] and task["status"] == "OPEN" for task in tasks(sandbox))
    # Of the finished day only the count was asked for, and Xero's journals were listed once more.
    assert all("cursor" not in one["query"] for one in searches(sandbox) if str(done) in str(one))
    assert len(reads(sandbox, "/ManualJournals")) == 3

    extra = [one for one in sandbox.xero_journals() if "EntryID: 3," in str(one["JournalLines"])][-1]
    sandbox.control("xero/delete", {"journal_id": extra["ManualJournalID"]})
    await ended(sandbox, await sandbox.run(done, connection=connection), done)
    await ended(sandbox, await sandbox.run(None, connection=connection), yesterday)


async def test_a_reversal_after_all_was_finished_is_told_as_one(
    sandbox: Sandboxed, connection: JournalConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished day's journal that people approved and reversed is told as reversed, not as sent twice."""
    await finished(sandbox, connection, monkeypatch)
    reverse(sandbox, journal_with(sandbox, 3))

    outcome = await sandbox.run(None, connection=connection)

    outcome.failed("reverses 2 lines of it with opposite amounts (EntryID 3, 4)")
    assert "were sent in another journal" not in outcome.message


async def test_approving_a_finished_day_is_no_news(
    sandbox: Sandboxed, connection: JournalConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people do to the journals that were compared, such as approving them, is not told as come late."""
    _, yesterday = await finished(sandbox, connection, monkeypatch)
    for journal in sandbox.xero_journals():
        sandbox.control("xero/post", {"journal_id": journal["ManualJournalID"]})

    outcome = await sandbox.run(None, connection=connection)

    await ended(sandbox, outcome, yesterday)
    assert outcome.summary.looked_back == []


def strange(journal: ManualJournal, name: str) -> ManualJournal:
    """Return a journal of the same lines that the record does not know."""
    return journal._replace(journal_id="new", narration=name)


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        (None, "DRAFT", "EntryID 1, 2"),
        ("November", "POSTED", "EntryID 1, 2"),
        (None, "DELETED", ""),
        ("Rent", "VOIDED", ""),
    ],
)
def test_what_another_journal_was_sent_with_is_named(name: str | None, status: str, told: str) -> None:
    """A live journal that the record does not know is told with the lines that another was sent with."""
    (journal,) = sent(transfers(1)).live
    known = {journal.journal_id: Known(DAY.date, DAY.date, frozenset({1, 2}))}
    new = strange(journal, name or journal.narration)._replace(status=status)
    found = late_or_twice([DAY.date], None, [journal, new], known)
    assert told in str(found.get(DAY.date, ""))
    assert bool(found) is bool(told)


@pytest.mark.parametrize("part", ["all of it", "one line again"])
def test_a_reversal_has_opposite_amounts_throughout(part: str) -> None:
    """Only a journal that takes back every line that it shares is a reversal; any other is a copy."""
    (journal,) = sent(transfers(1)).live
    known = {journal.journal_id: Known(DAY.date, DAY.date, frozenset({1, 2}))}
    first = 1 if part == "one line again" else 2
    back = edited(journal, lambda line: replaced(line, amount=-line.amount), first=first)
    originals = {journal.journal_id: journal}
    assert holders(None, [strange(back, "November")], known) == {journal.journal_id}
    (text,) = late_or_twice([DAY.date], None, [strange(back, "November")], known, originals)[DAY.date]
    assert ("opposite amounts" in text) is (part == "all of it")


def test_a_journal_by_its_name_alone_is_late() -> None:
    """A journal named for a finished day with lines that no record has is told as not compared."""
    (journal,) = sent(transfers(1)).live
    assert "was not there when the day was compared" in str(late_or_twice([DAY.date], None, [journal], {}))


def test_journals_of_others_and_of_other_days_are_not_late() -> None:
    """Neither other people's journals, nor another tenant's, nor those of days still to be run are told."""
    theirs = sent(transfers(1), label="acme").live
    rent = ManualJournal("r", "Rent", DAY.date, "DRAFT", [XeroJournalLine(Decimal(5), "1100", "Rent")])
    other = dt.date(2026, 11, 19)
    assert late_or_twice([DAY.date], None, [*theirs, rent], {}) == {}
    assert late_or_twice([other], None, sent(transfers(1)).live, {}) == {}


async def test_looking_back_does_not_send_what_a_person_took_out(
    sandbox: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction taken out of a draft comes again by a run of its date only; late lines come at once."""
    connection = sandbox.connection()
    done, _ = await finished(sandbox, connection, monkeypatch)
    take_out(sandbox, 3)
    sandbox.plant(units(1, 2, 3, date=done), done)

    outcome = await sandbox.run(None, connection=connection)

    assert outcome.summary.looked_back == [done]
    assert entries(sandbox) == [1, 2, 5, 6, 21, 22]
    (said,) = [note for note in outcome.summary.notes if str(done) in note]
    assert "2 lines were removed in Xero by a user" in said
    assert "tie out" not in said

    await ended(sandbox, await sandbox.run(done, connection=connection), done)
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6, 21, 22]


@pytest.mark.parametrize("lost", [False, True], ids=["the record is there", "the record was lost"])
@pytest.mark.parametrize(
    ("booked", "agrees"), [("2026-11-17T02:00:00Z", True), ("2026-11-17T12:00:00Z", False)]
)
async def test_a_line_sent_under_another_day_is_not_sent_again(
    sandbox: Sandboxed, home: Path, booked: str, *, lost: bool, agrees: bool
) -> None:
    """After the time zone was set right, lines that went out under the day before stay there alone."""
    far_away(sandbox)
    at = {"created": "2026-11-17T13:30:00Z", "booked": booked}
    sandbox.plant([line(1, 7, **at), line(2, 7, "CREDIT", **at)])
    eve = DATE - dt.timedelta(days=1)
    sandbox.plant([], eve)
    with sandbox.earlier(days=1):
        first = await sandbox.run(eve, connection=in_zone(sandbox, "UTC"))
    assert first.summary.journals_created == 1, first.message
    if lost:
        shutil.rmtree(home)

    again = await sandbox.run(connection=in_zone(sandbox, AUCKLAND, mambu_offsets="utc"))

    assert entries(sandbox) == [1, 2]
    assert again.summary.tied_out is agrees, again.message
    if not agrees:
        assert "Mambu's booking date is 2026-11-18, the date in Xero is 2026-11-17" in again.message


async def test_what_changed_about_when_a_day_was_compared_is_looked_at_again(tmp_path: Path) -> None:
    """What Xero lists is asked for from a while before a day was last compared, for a list can lag behind."""
    async with scripted_run(tmp_path, listed()) as there:
        now = there.clock.now()
        for days_back, hours in ((2, 1), (1, 3)):
            day, read_at = DAY.date - dt.timedelta(days=days_back), now - dt.timedelta(hours=hours)
            await there.run.store.days.finished(DayRecord("default", day, "UTC", 0, now, read_at))
        assert await changed_since(there.run, [], await finished_days(there.run)) == {}
    (request,) = there.script.requests
    asked_from = dt.datetime.fromisoformat(f"{request.headers['if-modified-since']}Z")
    assert asked_from == now - dt.timedelta(hours=3) - LATE
