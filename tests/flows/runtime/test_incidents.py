"""Incidents: from a failure to its record and its task in Mambu, against the stand-in."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import text

from blocks.errors import StoreError
from blocks.sandbox.mambu.app import ASSIGNED_USER_KEY
from blocks.sandbox.mambu.reference import user_key
from blocks.store.block import open_store
from blocks.store.journals import Store
from blocks.store.models import Incident, Lease, TaskState
from flows.journals.report.failures import crashed, differences
from flows.runtime import incidents
from flows.runtime.failures import LONGEST_TEXT, WITHDRAWAL, Failure
from flows.runtime.incidents import LONGEST_TITLE, IncidentService
from tests.helpers.mambu_client import There, there
from tests.helpers.mambu_stand_in import NOW

DATE = dt.date(2026, 7, 1)
ZONE = ZoneInfo("Europe/London")
HOUR = 3600.0
FAILURE = Failure(
    stage="process",
    step="map",
    title="Journals of 2026-07-01: failed while matching accounts",
    happened="Two GL accounts have no counterpart in Xero.",
    details=("GL 4711 (2 lines)", "GL 4712 (1 line)"),
    safe=("This run has sent nothing to Xero.",),
    remedy="Add them in Xero, then start again.",
)
MARKER = "[Daybook default 2026-07-01 process/map]"
OTHER_WORDS = FAILURE._replace(details=("GL 4712 (1 line)",))
OTHER_STAGE = FAILURE._replace(
    stage="send", step="", title="Journals of 2026-07-01: failed before sending to Xero"
)


@dataclass
class Office:
    """Mambu, a store, and the incident services that use both."""

    place: There
    store: Store
    said: list[str] = field(default_factory=list)

    def service(
        self,
        store: Store | None = None,
        *,
        flow: str = "journals",
        user: str | None = ASSIGNED_USER_KEY,
        connection: str = "default",
    ) -> IncidentService:
        """Return an incident service, as each run has its own."""
        place = self.place
        log = self.said.append
        return IncidentService(flow, connection, store or self.store, place.mambu, user, place.clock, log)

    async def fails(self, failure: Failure = FAILURE) -> Incident:
        """Let a run of the day fail."""
        return await self.service().open(failure, DATE, ZONE)

    async def succeeds(self, **scope: Any) -> list[Incident]:
        """Let a run of the day succeed; return the incidents that this resolves."""
        return await self.service().resolve(DATE, ZONE, **scope)

    async def notifies(self) -> None:
        """Let a run bring the tasks in Mambu up to date."""
        await self.service().notify(ZONE)

    async def kept(self) -> list[Incident]:
        """Return all incidents on record."""
        return await self.store.incidents.all("default")

    async def statuses(self) -> list[str]:
        """Return the status of each task in Mambu."""
        return [task["status"] for task in await self.place.tasks()]

    def down(self, method: str | None = None, **rule: Any) -> None:
        """Let Mambu be out of order, until it is up again."""
        rule = {"system": "mambu", "times": 0, **(rule or {"kind": "status", "status": 503})}
        self.place.faults.add(rule if method is None else {**rule, "method": method})

    def up(self) -> None:
        """Let Mambu work again."""
        self.place.faults.clear()


@asynccontextmanager
async def office(folder: Path, role: str = "task_creator") -> AsyncIterator[Office]:
    """Open Mambu and a store."""
    async with there(role, start=NOW) as place, store_in(folder) as store:
        yield Office(place, store)


@pytest_asyncio.fixture
async def at(tmp_path: Path) -> AsyncIterator[Office]:
    """Give Mambu, and a store."""
    async with office(tmp_path) as at:
        yield at


@asynccontextmanager
async def store_in(folder: Path, name: str = "daybook") -> AsyncIterator[Store]:
    """Open a store."""
    async with open_store(f"sqlite:///{folder / name}.sqlite3") as store:
        yield store


async def test_a_failure_becomes_a_task(at: Office) -> None:
    """A failure is recorded, and its user gets a task: what happened, what is safe, and what to do."""
    await at.service().open(FAILURE, DATE, ZoneInfo("Pacific/Kiritimati"))
    (task,) = await at.place.tasks()
    (kept,) = await at.kept()
    assert task["title"] == f"Journals of 2026-07-01: failed while matching accounts {MARKER}"
    assert task["description"] == (
        "What happened\nTwo GL accounts have no counterpart in Xero.\n"
        "- GL 4711 (2 lines)\n- GL 4712 (1 line)\n"
        "\nWhat is safe\nThis run has sent nothing to Xero.\n"
        "\nWhat to do next\nAdd them in Xero, then start again."
    )
    assert (task["assignedUserKey"], task["status"]) == (ASSIGNED_USER_KEY, "OPEN")
    assert task["dueDate"] == "2026-07-02"
    assert (kept.flow, kept.day, kept.stage, kept.step) == ("journals", DATE, "process", "map")
    assert kept.error == "Two GL accounts have no counterpart in Xero: GL 4711 (2 lines); GL 4712 (1 line)"
    assert (kept.remedy, kept.opened) == ("Add them in Xero, then start again.", NOW)
    assert (kept.task_state, kept.task_id) == (TaskState.OPEN, str(task["id"]))


async def test_a_task_is_due_today_where_its_people_are(at: Office) -> None:
    """A task is due on the day it is logged, in the zone of the Mambu organisation."""
    at.place.pass_time(4 * HOUR)  # 12:00 UTC on 2 July, which on Kiritimati is 2:00 on 3 July
    await at.service().open(FAILURE, DATE, ZoneInfo("Pacific/Kiritimati"))
    (task,) = await at.place.tasks()
    assert task["dueDate"] == "2026-07-03"


async def test_the_same_failure_again_is_the_same_task(at: Office) -> None:
    """A failure that repeats is counted under its one task, at which Mambu is not asked again."""
    await at.fails()
    calls = len(at.place.wire.requests)
    await at.fails()
    assert len(at.place.wire.requests) == calls
    assert await at.statuses() == ["OPEN"]
    (kept,) = await at.kept()
    assert (kept.times, kept.task_state) == (2, TaskState.OPEN)


async def test_other_words_go_into_the_same_task(at: Office) -> None:
    """Where the same failure now names other lines, its one task says so."""
    for failure in (FAILURE, OTHER_WORDS):
        await at.fails(failure)
    (task,) = await at.place.tasks()
    assert task["description"] == OTHER_WORDS.text(LONGEST_TEXT)
    assert "4711" not in task["description"]


async def test_a_failure_elsewhere_completes_the_first_task(at: Office) -> None:
    """When the day fails at another stage, the first task is completed, and there is one for the second."""
    for failure in (FAILURE, OTHER_STAGE):
        await at.fails(failure)
        at.place.pass_time(HOUR)
    assert await at.statuses() == ["COMPLETED", "OPEN"]
    assert [one.task_state for one in await at.kept()] == [TaskState.CLOSED, TaskState.OPEN]


async def test_what_cannot_be_told_waits(at: Office) -> None:
    """While Mambu is down an incident is recorded and its task waits; the next run logs it, once."""
    at.down()
    await at.fails()
    (waiting,) = await at.kept()
    assert (waiting.task_state, waiting.task_id) == (TaskState.DUE, None)
    assert any("The next run tries again" in text for text in at.said)
    at.up()
    assert await at.statuses() == []
    for _ in range(2):
        await at.notifies()
    assert await at.statuses() == ["OPEN"]
    assert [one.task_state for one in await at.kept()] == [TaskState.OPEN]


async def test_what_was_never_told_is_not_told_after_a_success(at: Office) -> None:
    """A day that succeeds before Mambu is up again leaves no task behind."""
    at.down()
    await at.fails()
    await at.succeeds()
    at.up()
    await at.notifies()
    assert await at.statuses() == []
    assert [one.task_state for one in await at.kept()] == [TaskState.CLOSED]


@pytest.mark.parametrize("completed", [False, True])
async def test_a_task_whose_answer_was_lost_is_found(at: Office, *, completed: bool) -> None:
    """Where Mambu made the task and no answer came, the next run finds it, also once it is completed."""
    at.down("POST", kind="drop_after")
    await at.fails()
    at.up()
    (task,) = await at.place.tasks()
    if completed:
        await at.place.mambu.complete_task(task["id"])
    # Longer than Mambu knows the key of the first sending.
    at.place.pass_time(24 * HOUR)
    await at.notifies()
    assert len(await at.place.tasks()) == 1
    (kept,) = await at.kept()
    assert (kept.task_state, kept.task_id) == (TaskState.OPEN, str(task["id"]))


async def test_a_task_whose_answer_was_lost_is_completed(at: Office) -> None:
    """A task that stands in Mambu without our knowing is completed when its day succeeds."""
    at.down("POST", kind="drop_after")
    await at.fails()
    at.up()
    await at.succeeds()
    assert await at.statuses() == ["COMPLETED"]
    (kept,) = await at.kept()
    assert (kept.task_state, kept.task_id) == (TaskState.CLOSED, "1")


async def test_a_run_that_ends_while_it_tells_leaves_word_of_it(at: Office) -> None:
    """Before a task is sent to Mambu the store records that it may be there, in case the run ends."""
    at.down("POST", kind="hang")
    telling = asyncio.create_task(at.service().open(FAILURE, DATE, ZONE))
    async with asyncio.timeout(20):
        while not any(request.method == "POST" for request in at.place.wire.requests):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    (kept,) = await at.kept()
    assert (kept.task_state, kept.task_id, kept.task_tried) == (TaskState.DUE, None, True)


async def test_after_a_loss_of_the_store_the_task_is_found(at: Office, tmp_path: Path) -> None:
    """The same failure under a new store adopts the open task of the old one, and brings it up to date."""
    async with store_in(tmp_path, "new") as new:
        await at.fails()
        at.place.pass_time(24 * HOUR)
        await at.service(new).open(OTHER_WORDS, DATE, ZONE)
        (task,) = await at.place.tasks()
        (kept,) = await new.incidents.all("default")
    assert task["description"] == OTHER_WORDS.text(LONGEST_TEXT)
    assert (kept.task_state, kept.task_id) == (TaskState.OPEN, str(task["id"]))


async def test_an_older_incidents_task_is_not_this_ones(at: Office) -> None:
    """A completed task of an earlier incident at the same place does not swallow the next one."""
    await at.fails()
    await at.succeeds()
    at.place.pass_time(HOUR)
    await at.fails()
    assert await at.statuses() == ["COMPLETED", "OPEN"]
    assert [one.task_id for one in await at.kept()] == ["1", "2"]


async def test_a_failure_right_after_a_success_is_told(at: Office) -> None:
    """The task of an incident that ended a moment ago is not taken for that of the next one."""
    await at.fails()
    await at.succeeds()
    at.place.pass_time(5)
    await at.fails()
    assert await at.statuses() == ["COMPLETED", "OPEN"]


async def test_a_success_completes_the_days_tasks(at: Office) -> None:
    """Resolving a day completes its task and leaves those of other days, and says what it ended."""
    for date in (DATE, DATE - dt.timedelta(days=1)):
        await at.service().open(FAILURE, date, ZONE)
        at.place.pass_time(HOUR)
    (ended,) = await at.succeeds()
    assert (ended.day, ended.resolved) == (DATE, NOW + dt.timedelta(hours=2))
    assert await at.statuses() == ["COMPLETED", "OPEN"]
    states = {one.day: one.task_state for one in await at.kept()}
    assert states == {DATE: TaskState.CLOSED, DATE - dt.timedelta(days=1): TaskState.OPEN}


async def test_a_task_completed_too_early_is_opened_again(at: Office) -> None:
    """Where a person completed the task and the day fails again in other words, it is open again."""
    opened = await at.fails()
    (task,) = await at.place.tasks()
    await at.place.mambu.complete_task(task["id"])
    await at.service().open(FAILURE._replace(happened="Three GL accounts by now."), DATE, ZONE)
    (task,) = await at.place.tasks()
    assert (task["status"], "Three GL accounts" in task["description"]) == ("OPEN", True)
    assert [one.incident_id for one in await at.kept()] == [opened.incident_id]


async def test_a_task_that_cannot_be_completed_waits(at: Office) -> None:
    """While Mambu is down a success leaves the task to be completed, which the next run does."""
    await at.fails()
    at.down("PATCH")
    await at.succeeds()
    assert [one.task_state for one in await at.kept()] == [TaskState.CLOSING]
    at.up()
    await at.notifies()
    assert await at.statuses() == ["COMPLETED"]
    assert [one.task_state for one in await at.kept()] == [TaskState.CLOSED]


async def test_a_failure_does_not_take_over_the_task_of_one_that_has_ended(at: Office) -> None:
    """Where a day fails again before the task of its first failure could be completed, it gets its own."""
    await at.fails()
    at.down("PATCH")
    await at.succeeds()
    await at.fails()
    first, second = await at.kept()
    at.up()
    await at.notifies()
    assert await at.statuses() == ["COMPLETED", "OPEN"]
    assert (first.task_id, second.task_id) == ("1", "2")


async def test_a_removed_task_is_left_alone(at: Office) -> None:
    """A task that somebody removed is not logged again for the same incident, nor is it missed at its end."""
    await at.fails()
    at.place.remove_task(1)
    for failure in (FAILURE, OTHER_WORDS, OTHER_WORDS):
        await at.fails(failure)
    assert [one.task_state for one in await at.kept()] == [TaskState.CLOSED]
    await at.succeeds()
    assert await at.statuses() == []
    assert [one.task_state for one in await at.kept()] == [TaskState.CLOSED]


async def test_where_nobody_is_to_be_told_nobody_is(at: Office) -> None:
    """Without a user a failure is recorded and ended, and Mambu is not called at all."""
    incidents = at.service(user=None)
    await incidents.open(FAILURE, DATE, ZONE)
    await incidents.open(OTHER_STAGE, DATE, ZONE)
    await incidents.resolve(DATE, ZONE)
    assert at.place.wire.requests == []
    assert [(one.task_state, one.resolved) for one in await at.kept()] == [(TaskState.NONE, NOW)] * 2


async def test_without_a_store_people_are_told_all_the_same(at: Office) -> None:
    """A failure that cannot be recorded still becomes a task in Mambu, and the reason is logged."""
    async with at.store.database.begin() as connection:
        await connection.execute(text("DROP TABLE incidents"))
    incident = await at.fails()
    (task,) = await at.place.tasks()
    assert (incident.task_state, incident.task_id) == (TaskState.OPEN, str(task["id"]))
    assert at.said[0].startswith("The incident could not be recorded. ")
    with pytest.raises(StoreError):
        await at.succeeds()


async def test_after_a_loss_of_the_store_a_success_completes_the_tasks(at: Office, tmp_path: Path) -> None:
    """A success under a new store completes the day's tasks of the old one, and nobody else's."""
    async with store_in(tmp_path, "new") as new:
        await at.fails()
        for connection, date in (("default", DATE - dt.timedelta(days=1)), ("default-2", DATE)):
            await at.service(connection=connection).open(FAILURE, date, ZONE)
        await at.service(new).resolve(DATE, ZONE)
        assert await at.statuses() == ["COMPLETED", "OPEN", "OPEN"]
        at.down()
        assert await at.service(new).resolve(DATE, ZONE) == []
    assert at.said[-1].startswith("Mambu could not be searched for tasks of an earlier store. ")


async def test_a_success_leaves_the_tasks_of_what_goes_on(at: Office) -> None:
    """A task whose answer was lost is not completed by a success that leaves its incident open."""
    lasting = FAILURE._replace(stage="deliver", step="unanswered", title="LN does not answer")
    at.down()
    await at.fails(lasting)
    at.up()
    at.down("POST", kind="drop_after")
    await at.service().resolve(None, ZONE, but_steps={"unanswered"})
    (kept,) = await at.kept()
    assert (kept.resolved, kept.task_id) == (None, None)
    assert await at.statuses() == ["OPEN"]


@pytest.mark.parametrize(
    ("title", "text", "user"),
    [
        ("Ask the auditor: {}", "Is this right?", None),
        ("{}, says the auditor", FAILURE.text(LONGEST_TEXT), ASSIGNED_USER_KEY),
        ("{}", FAILURE.text(LONGEST_TEXT), user_key("m.branch")),
    ],
)
async def test_a_persons_own_task_is_left_alone(at: Office, title: str, text: str, user: str | None) -> None:
    """A task that only quotes one of ours, or is assigned to somebody else, is not completed by a success."""
    await at.fails()
    (task,) = await at.place.tasks()
    key = "0d4f9d56-0000-4000-8000-000000000000"
    await at.place.mambu.create_task(title.format(task["title"]), text, DATE, user, key)
    await at.succeeds()
    assert await at.statuses() == ["COMPLETED", "OPEN"]


async def test_a_persons_own_task_is_not_taken_over(at: Office) -> None:
    """A person's task that quotes a title is not taken for that of the next failure at the same place."""
    title, key = f"Ask the auditor: {FAILURE.title} {MARKER}", "0d4f9d56-0000-4000-8000-000000000000"
    await at.place.mambu.create_task(title, "Is this right?", DATE, None, key)
    await at.fails()
    assert [task["description"] for task in await at.place.tasks()] == [
        "Is this right?",
        FAILURE.text(LONGEST_TEXT),
    ]


def away_once(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store be away the next time that an incident is recorded."""
    real, asked = at.store.incidents.open, 0

    async def flaky(*given: Any) -> Incident:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise StoreError("It is away.")
        return await real(*given)

    monkeypatch.setattr(at.store.incidents, "open", flaky)


async def test_a_store_that_was_away_ends_nothing_that_goes_on(
    at: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure that is recorded only at the second try leaves what it leaves at the first."""
    lasting = FAILURE._replace(stage="deliver", step="unanswered", title="LN does not answer")
    await at.fails(lasting)
    away_once(at, monkeypatch)
    await at.service().open(OTHER_STAGE, DATE, ZONE, beside={"unanswered"})
    await at.notifies()
    assert [one.resolved for one in await at.kept()] == [None, None]
    assert await at.statuses() == ["OPEN", "OPEN"]


@pytest.mark.parametrize("told_before", [True, False])
async def test_a_store_that_was_away_multiplies_no_task(
    at: Office, monkeypatch: pytest.MonkeyPatch, *, told_before: bool
) -> None:
    """A failure that repeats while the store is down for a moment has one task, which its record knows."""
    if not told_before:
        at.down()
    await at.fails()
    at.up()
    away_once(at, monkeypatch)
    await at.fails()
    assert await at.statuses() == ["OPEN"]
    assert [(one.task_id, one.times) for one in await at.kept()] == [("1", 2)]


async def test_a_withdrawal_and_the_other_runs_do_not_end_each_others_incidents(at: Office) -> None:
    """A day that does not agree stays open when a withdrawal of it crashes and a second one succeeds."""
    disagree = differences(DATE, "They do not agree.", ["GL 1"], [])
    crash = crashed(Lease("journals", "default", DATE, "run", "place", "read", NOW, NOW), [])
    for failure in (disagree, crash, crash._replace(stage="verify"), disagree):
        await at.fails(failure)
    still = [(one.stage, one.step) for one in await at.kept() if one.resolved is None]
    assert sorted(still) == [("send", "confirm"), ("verify", "died")]
    await at.succeeds(stages=WITHDRAWAL)
    still = [(one.stage, one.step) for one in await at.kept() if one.resolved is None]
    assert still == [("send", "confirm")]


async def test_a_success_of_one_stage_leaves_the_others(at: Office) -> None:
    """Where only the incidents of some stages are over, those of others and their tasks stay open."""
    await at.fails()
    assert await at.succeeds(stages=("remove",)) == []
    assert await at.statuses() == ["OPEN"]
    (ended,) = await at.succeeds(stages=("remove", "process"))
    assert ended.task_id == "1"
    assert await at.statuses() == ["COMPLETED"]


async def test_a_task_is_looked_for_no_longer_than_it_is_worth(
    at: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Mambu that does not answer delays a success for a bounded time, and the success stands."""
    monkeypatch.setattr(incidents, "_SEARCH_SECONDS", 0.2)
    await at.fails()
    at.down("GET", kind="hang")
    async with asyncio.timeout(10):
        (ended,) = await at.succeeds()
    assert (ended.resolved, await at.kept()) != (None, [])
    assert at.said[-1].startswith("Mambu did not answer in time")


async def test_another_flows_tasks_are_that_flows(at: Office) -> None:
    """A run creates the waiting tasks of its own flow, not of another one."""
    at.down()
    await at.service(flow="payments").open(FAILURE, DATE, ZONE)
    at.up()
    await at.notifies()
    assert await at.statuses() == []
    await at.service(flow="payments").notify(ZONE)
    assert await at.statuses() == ["OPEN"]


async def test_a_missing_permission_holds_nothing_up(tmp_path: Path) -> None:
    """Where the Mambu user may not log tasks, the incident is kept, and the log names the permissions."""
    async with office(tmp_path, "ledger_reader") as at:
        await at.fails()
        assert [one.task_state for one in await at.kept()] == [TaskState.DUE]
    assert "CREATE_TASK" in at.said[-1]


@pytest.mark.parametrize("name", ["default", "n" * 200])
async def test_a_long_title_keeps_its_marker(at: Office, name: str) -> None:
    """A title of any length is cut to what Mambu takes, its marker whole, by which it is found again."""
    failure = FAILURE._replace(title="Journals " * 99)
    for _ in range(2):
        await at.service(connection=name).open(failure, DATE, ZONE)
    (task,) = await at.place.tasks()
    (found,) = await at.place.mambu.find_tasks(f"[Daybook {name} 2026-07-01 process/map]")
    assert len(task["title"]) == LONGEST_TITLE == 255
    assert found.title.startswith("Journals ")


@pytest.mark.parametrize("details", [2000, 0])
def test_a_long_text_keeps_its_end(details: int) -> None:
    """Of a text that is too long, details are cut, and never what is safe and what to do next."""
    failure = FAILURE._replace(
        happened="Two GL accounts." if details else "x" * 3 * LONGEST_TEXT,
        details=tuple(f"GL {number:05} has no counterpart" for number in range(details)),
    )
    said = failure.text(LONGEST_TEXT)
    beginning, _, end = said.partition("\n… The rest is on the date's failures page.")
    assert LONGEST_TEXT - 100 < len(said) <= LONGEST_TEXT
    assert end == FAILURE.text(LONGEST_TEXT).partition("- GL 4712 (1 line)")[2]
    assert beginning.endswith(" has no counterpart" if details else "xxx")


def test_a_text_that_just_fits_is_whole() -> None:
    """A text of exactly the greatest length is not cut."""
    whole = FAILURE.text(LONGEST_TEXT)
    assert FAILURE.text(len(whole)) == whole
    assert "failures page" in FAILURE.text(len(whole) - 1)
