"""The record of incidents and the outbox of their tasks, on SQLite files and on PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from blocks.store.journals import Store
from blocks.store.models import Incident, TaskState
from tests.helpers.stores import AT, DAY, Database

LATER = AT + timedelta(hours=1)
EASTERN = timezone(timedelta(hours=-5))


def incident(number: int = 1, **other: object) -> Incident:
    """Return what went wrong on the day, as a run reports it."""
    what, remedy = "GL 4711 has no account", "Add it in Xero."
    made = Incident(f"incident-{number}", "journals", "default", DAY, "process", "map", what, remedy, AT)
    task = {"task_state": TaskState.DUE, "task_title": f"stopped {number}", "task_text": f"{what}. {remedy}"}
    return replace(made, **{**task, **other})  # type: ignore[arg-type]


async def everything(store: Store) -> list[Incident]:
    return await store.incidents.all("default")


async def opened(store: Store, one: Incident, state: TaskState, **other: object) -> Incident:
    """Open an incident and bring its task into a state."""
    kept = replace(await store.incidents.open(one), task_state=state, **other)  # type: ignore[arg-type]
    await store.incidents.change_task(kept)
    return kept


async def test_an_incident_is_kept_as_it_was_reported(database: Database) -> None:
    """An incident is read back as it was reported, its instants aware and in UTC."""
    async with database.store() as store:
        reported = incident(opened=AT.astimezone(EASTERN))
        assert await store.incidents.open(reported) == reported
        assert await everything(store) == [reported]
        (ended,) = await store.incidents.resolve("journals", "default", DAY, LATER.astimezone(EASTERN))
        (kept,) = await everything(store)
    assert kept == ended == replace(reported, resolved=LATER, task_state=TaskState.NONE)
    assert kept.resolved is not None
    assert kept.opened.utcoffset() == kept.resolved.utcoffset() == timedelta(0)


async def test_the_same_again_is_one_incident(database: Database) -> None:
    """What fails again in the same stage and step is counted, and keeps its beginning, title and task."""
    async with database.store() as store:
        first = await opened(store, incident(1), TaskState.OPEN, task_id="7", task_tried=True)
        again = await store.incidents.open(incident(2, opened=LATER))
        assert again == replace(first, times=2)
        assert await everything(store) == [again]


async def test_other_words_make_the_task_due_again(database: Database) -> None:
    """Where the same failure has other words now, they are kept, and its task is brought up to date."""
    words = {"error": "GL 4712 has no account", "task_text": "GL 4712 has no account. Add it in Xero."}
    async with database.store() as store:
        first = await opened(store, incident(1), TaskState.OPEN, task_id="7", task_tried=True)
        again = await store.incidents.open(incident(2, **words))
        assert again == replace(first, times=2, task_state=TaskState.DUE, **words)


@pytest.mark.parametrize(
    ("before", "reported", "after"),
    [
        (TaskState.DUE, TaskState.DUE, TaskState.DUE),
        (TaskState.NONE, TaskState.DUE, TaskState.DUE),
        (TaskState.DUE, TaskState.NONE, TaskState.NONE),
    ],
)
async def test_without_a_task_it_is_as_due_as_now_reported(
    database: Database, before: TaskState, reported: TaskState, after: TaskState
) -> None:
    """Where no task was logged yet, whether one is due depends on whether somebody is to be told now."""
    async with database.store() as store:
        await store.incidents.open(incident(1, task_state=before))
        assert (await store.incidents.open(incident(2, task_state=reported))).task_state is after


async def test_another_step_ends_those_before(database: Database) -> None:
    """A failure elsewhere in the day resolves what was open of that day, and nothing else."""
    strangers = [
        incident(2, day=DAY - timedelta(days=1)),
        incident(3, connection="other"),
        incident(4, flow="payments"),
    ]
    async with database.store() as store:
        before = await opened(store, incident(1), TaskState.OPEN, task_id="7")
        for one in strangers:
            await store.incidents.open(one)
        await store.incidents.open(incident(5, stage="send", step="", opened=LATER))
        by_id = {
            one.incident_id: one for one in [*await everything(store), *await store.incidents.all("other")]
        }
    assert by_id["incident-1"] == replace(before, resolved=LATER, task_state=TaskState.CLOSING)
    assert {name for name, one in by_id.items() if one.resolved is None} == {
        "incident-2",
        "incident-3",
        "incident-4",
        "incident-5",
    }


async def test_what_was_resolved_is_not_taken_further(database: Database) -> None:
    """The same failure after a success is a new incident, beside the resolved one."""
    async with database.store() as store:
        await store.incidents.open(incident(1))
        await store.incidents.resolve("journals", "default", DAY, AT)
        await store.incidents.open(incident(2, opened=LATER))
        assert [(one.incident_id, one.times) for one in await everything(store)] == [
            ("incident-1", 1),
            ("incident-2", 1),
        ]


@pytest.mark.parametrize(
    ("task_state", "task_id", "task_tried", "after"),
    [
        (TaskState.NONE, None, False, TaskState.NONE),
        (TaskState.DUE, None, False, TaskState.NONE),
        (TaskState.DUE, None, True, TaskState.CLOSING),
        (TaskState.DUE, "7", False, TaskState.CLOSING),
        (TaskState.OPEN, "7", True, TaskState.CLOSING),
    ],
)
async def test_a_task_that_may_stand_in_mambu_is_closed(
    database: Database, task_state: TaskState, task_id: str | None, after: TaskState, *, task_tried: bool
) -> None:
    """A resolved incident's task is to be closed where it may stand in Mambu, and else is forgotten."""
    async with database.store() as store:
        await opened(store, incident(), task_state, task_id=task_id, task_tried=task_tried)
        (ended,) = await store.incidents.resolve("journals", "default", DAY, LATER)
        assert (ended.task_state, ended.resolved) == (after, LATER)
        assert await everything(store) == [ended]
        assert await store.incidents.resolve("journals", "default", DAY, LATER) == []


async def test_the_outbox_is_what_has_to_be_done(database: Database) -> None:
    """The outbox holds a connection's tasks that are due or to be closed, the oldest first, and no others."""
    async with database.store() as store:
        for number, state in enumerate(TaskState):
            day = DAY - timedelta(days=number)
            await opened(store, incident(number, day=day, opened=LATER - timedelta(minutes=number)), state)
        await store.incidents.open(incident(9, connection="other"))
        found = await store.incidents.outbox("default")
    assert [one.task_state for one in found] == [TaskState.CLOSING, TaskState.DUE]


async def test_incidents_are_listed_as_asked(database: Database) -> None:
    """All incidents of a connection are listed by age, or those of a day, or those still open."""
    earlier = incident(1, day=DAY - timedelta(days=1), opened=LATER)
    async with database.store() as store:
        for one in (earlier, incident(2), incident(3, connection="other")):
            await store.incidents.open(one)
        await store.incidents.resolve("journals", "default", DAY, LATER)

        async def listed(**wanted: object) -> list[str]:
            found = await store.incidents.all("default", **wanted)  # type: ignore[arg-type]
            return [one.incident_id for one in found]

        assert await listed() == ["incident-2", "incident-1"]
        assert await listed(day=DAY) == ["incident-2"]
        assert await listed(only_open=True) == ["incident-1"]
        assert await listed(day=DAY, only_open=True) == []


async def test_two_that_report_the_same_at_once_make_one(database: Database) -> None:
    """Of runs that report the same failure at the same instant, one opens the incident, the others count."""
    async with database.store() as first, database.store() as second:
        stores = (first, second) * 3
        await asyncio.gather(*(store.incidents.open(incident(n)) for n, store in enumerate(stores)))
        (kept,) = await everything(first)
    assert kept.times == 6


@pytest.mark.parametrize("told", [TaskState.DUE, TaskState.OPEN])
async def test_a_task_told_too_late_is_still_closed(database: Database, told: TaskState) -> None:
    """Where an incident was resolved while its task was being logged, the task is closed after all."""
    async with database.store() as store:
        reported = await store.incidents.open(incident())
        await store.incidents.resolve("journals", "default", DAY, LATER)
        await store.incidents.change_task(replace(reported, task_state=told, task_id="7", task_tried=True))
        (kept,) = await store.incidents.outbox("default")
    assert (kept.task_state, kept.task_id, kept.resolved) == (TaskState.CLOSING, "7", LATER)


async def test_words_that_changed_meanwhile_are_still_to_be_told(database: Database) -> None:
    """Where an incident got other words while its task was being logged, the task is still due."""
    async with database.store() as store:
        reported = await store.incidents.open(incident())
        await store.incidents.open(incident(2, task_text="Other words."))
        await store.incidents.change_task(replace(reported, task_state=TaskState.OPEN, task_id="7"))
        (kept,) = await store.incidents.outbox("default")
    assert (kept.task_state, kept.task_id, kept.task_text) == (TaskState.DUE, "7", "Other words.")
