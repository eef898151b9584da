"""Tasks, and Idempotency-Key."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from blocks.sandbox.mambu.app import ASSIGNED_USER_KEY
from tests.helpers.mambu_stand_in import Sandbox, error, sandbox, whole_day
from tests.helpers.stand_ins import exact

TASK = {"title": "Export failed", "dueDate": "2026-07-03", "assignedUserKey": ASSIGNED_USER_KEY}


async def post(mambu: Sandbox, task: Any = TASK, key: str | None = None) -> httpx.Response:
    """Create a task."""
    headers = {"Idempotency-Key": key} if key else {}
    return await mambu.http.post("/api/tasks", json=task, headers=headers)


async def test_a_task_is_created_and_read() -> None:
    """A task comes back 201 with what the server sets, is OPEN, and is found by id and key."""
    async with sandbox(role="task_creator") as mambu:
        answer = await post(mambu, {**TASK, "description": "Zoë ✓", "status": "COMPLETED"})
        task = answer.json()
        assert answer.status_code == 201
        assert (task["id"], task["status"], task["description"]) == (1, "OPEN", "Zoë ✓")
        assert task["createdByFullName"] == "Tomás Reyes"
        assert task["creationDate"] == "2026-07-02T09:00:00+01:00"
        for name in ("1", task["encodedKey"]):
            assert (await mambu.http.get(f"/api/tasks/{name}")).json() == task
        assert (await mambu.http.get("/api/tasks/2")).status_code == 404
        assert [one | task for one in await mambu.control("tasks")] == await mambu.control("tasks")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dueDate": None}, "MISSING_REQUIRED_PARAMETER"),
        ({"dueDate": "2026-07-03T00:00:00+01:00"}, "INVALID_DATE_FORMAT"),
        ({"dueDate": "03-07-2026"}, "INVALID_DATE_FORMAT"),
        ({"title": "x" * 256}, "INVALID_TASK_TITLE_LENGTH"),
        ({"title": None}, "INVALID_TASK_TITLE_LENGTH"),
        ({"title": 5}, "INVALID_PARAMETERS"),
        ({"assignedUserKey": "nobody"}, "INVALID_PARAMETERS"),
        ({"taskLinkType": "ACCOUNT", "taskLinkKey": ASSIGNED_USER_KEY}, "INVALID_PARAMETERS"),
        ({"taskLinkType": "USER", "taskLinkKey": "nobody"}, "INVALID_PARAMETERS"),
        ({"taskLinkType": "USER"}, "INVALID_PARAMETERS"),
        ({"taskLinkKey": ASSIGNED_USER_KEY}, "INVALID_PARAMETERS"),
        ({"taskLinkType": "GL_JOURNAL_ENTRY", "taskLinkKey": "0" * 32}, "INVALID_PARAMETERS"),
        ({"status": "DONE"}, "INVALID_TASK_STATUS"),
        ({"id": 7}, "INVALID_PARAMETERS"),
        ({"createdByUserKey": ASSIGNED_USER_KEY}, "INVALID_PARAMETERS"),
    ],
)
async def test_impossible_tasks_are_refused(change: dict[str, Any], reason: str) -> None:
    """A task that cannot be is a 400 with its reason, and none is made."""
    async with sandbox() as mambu:
        answer = await post(mambu, {**TASK, **change})
        assert (answer.status_code, error(answer)["errorReason"]) == (400, reason)
        assert await mambu.control("tasks") == []


async def test_a_task_links_to_a_line() -> None:
    """A task can point at a seeded line, a planted line, a user or an account."""
    async with sandbox() as mambu:
        lines = exact(await mambu.search(whole_day(), limit=1000))
        await mambu.control("add_lines", {"date": "2026-07-01", "lines": [{"encodedKey": "planted"}]})
        account = next(
            line["accountKey"] for line in lines if line["productType"] == "LOAN" and line["accountKey"]
        )
        for kind, key in (
            ("GL_JOURNAL_ENTRY", lines[5]["encodedKey"]),
            ("GL_JOURNAL_ENTRY", "planted"),
            ("USER", ASSIGNED_USER_KEY),
            ("LOAN_ACCOUNT", account),
        ):
            assert (await post(mambu, {**TASK, "taskLinkType": kind, "taskLinkKey": key})).status_code == 201
        wrong = {**TASK, "taskLinkType": "DEPOSIT_ACCOUNT", "taskLinkKey": account}
        assert (await post(mambu, wrong)).status_code == 400


async def test_list_filters_and_pages() -> None:
    """Tasks are listed by assignee and status, and paged."""
    async with sandbox() as mambu:
        for number in range(3):
            await post(mambu, {**TASK, "title": f"task {number}", "dueDate": f"2026-07-0{number + 1}"})
        await post(mambu, {"title": "nobody's", "dueDate": "2026-07-09"})
        await mambu.http.patch(
            "/api/tasks/2", json=[{"op": "REPLACE", "path": "/status", "value": "COMPLETED"}]
        )

        async def ids(query: str) -> list[int]:
            return [task["id"] for task in (await mambu.http.get(f"/api/tasks?{query}")).json()]

        assert await ids("") == [1, 2, 3, 4]
        assert await ids("username=finance.ops&status=OPEN") == [1, 3]
        assert await ids("status=COMPLETED") == [2]
        assert await ids("status=OVERDUE") == [1]
        assert await ids("clientId=1") == await ids("groupId=1") == []
        assert await ids("limit=2&offset=1") == [2, 3]
        assert (await mambu.http.get("/api/tasks?limit=1&paginationDetails=ON")).headers["Items-Total"] == "4"
        assert error(await mambu.http.get("/api/tasks?status=DONE"))["errorReason"] == "INVALID_TASK_STATUS"
        assert (await mambu.http.get("/api/tasks?username=nobody")).status_code == 400


async def test_patch_and_put() -> None:
    """PATCH answers 204, PUT 200 with the task; a bad status or a server's field is refused."""
    async with sandbox() as mambu:
        task = (await post(mambu)).json()
        mambu.clock.advance(60)
        done = await mambu.http.patch(
            "/api/tasks/1", json=[{"op": "REPLACE", "path": "status", "value": "COMPLETED"}]
        )
        assert (done.status_code, done.content) == (204, b"")
        after = (await mambu.http.get("/api/tasks/1")).json()
        assert (after["status"], after["lastModifiedDate"]) == ("COMPLETED", "2026-07-02T09:01:00+01:00")
        put = await mambu.http.put("/api/tasks/1", json={**after, "status": "OPEN", "title": "Again"})
        assert (put.status_code, put.json()["title"], put.json()["status"]) == (200, "Again", "OPEN")
        for request, reason in (
            (mambu.http.put("/api/tasks/1", json={**task, "status": "OVERDUE"}), "INVALID_TASK_STATUS"),
            (mambu.http.put("/api/tasks/1", json={**task, "id": 9}), "INVALID_TASK_FIELD_CHANGE"),
            (
                mambu.http.patch("/api/tasks/1", json=[{"op": "REPLACE", "path": "id", "value": 9}]),
                "INVALID_TASK_FIELD_CHANGE",
            ),
            (mambu.http.patch("/api/tasks/1", json={"status": "OPEN"}), "INVALID_PARAMETERS"),
        ):
            assert error(await request)["errorReason"] == reason


async def test_operations_may_be_written_small() -> None:
    """PATCH takes replace for REPLACE, as some clients write it."""
    async with sandbox() as mambu:
        await post(mambu)
        done = await mambu.http.patch(
            "/api/tasks/1", json=[{"op": "replace", "path": "/status", "value": "COMPLETED"}]
        )
        assert done.status_code == 204
        assert (await mambu.http.get("/api/tasks/1")).json()["status"] == "COMPLETED"


async def test_fields_are_removed_and_moved() -> None:
    """PATCH takes REMOVE, MOVE and several operations at once, and does nothing where one is refused."""
    async with sandbox() as mambu:
        await post(mambu, {**TASK, "description": "Run the date again"})
        remove, move = {"op": "REMOVE", "path": "/assignedUserKey"}, {"op": "MOVE", "from": "/description"}
        for wrong, reason in (
            ([remove, {"op": "REMOVE", "path": "/title"}], "INVALID_TASK_TITLE_LENGTH"),
            ([remove, {"op": "REMOVE", "path": "/status"}], "INVALID_TASK_STATUS"),
            ([remove, {"op": "COPY", "from": "/title", "path": "/description"}], "INVALID_PARAMETERS"),
            ([remove, {"op": "MOVE", "from": "/templateKey", "path": "/title"}], "INVALID_PARAMETERS"),
            ([remove, {**move, "path": "/id"}], "INVALID_TASK_FIELD_CHANGE"),
        ):
            answer = await mambu.http.patch("/api/tasks/1", json=wrong)
            assert error(answer)["errorReason"] == reason
        before = (await mambu.http.get("/api/tasks/1")).json()
        assert (before["assignedUserKey"], before["title"]) == (TASK["assignedUserKey"], TASK["title"])
        done = await mambu.http.patch("/api/tasks/1", json=[remove, {**move, "path": "/title"}])
        after = (await mambu.http.get("/api/tasks/1")).json()
    assert done.status_code == 204
    assert after["title"] == "Run the date again"
    assert before.keys() - after.keys() == {"assignedUserKey", "description"}


async def test_a_repeated_key_makes_no_second_task() -> None:
    """The same request with its key gets the first answer for six hours, then makes another task."""
    key = str(uuid4())
    async with sandbox() as mambu:
        first = await post(mambu, key=key)
        mambu.clock.advance(6 * 3600 - 1)
        again = await post(mambu, key=key.upper())
        assert (again.status_code, again.content) == (201, first.content)
        assert len(await mambu.control("tasks")) == 1
        mambu.clock.advance(1)
        assert (await post(mambu, key=key)).json()["id"] == 2


async def test_a_key_belongs_to_one_request() -> None:
    """A key used for another body, or one that is no UUID, is a 400; a refused request uses up no key."""
    key = str(uuid4())
    async with sandbox() as mambu:
        assert (await post(mambu, {**TASK, "title": ""}, key)).status_code == 400
        assert (await post(mambu, key=key)).status_code == 201
        assert (await post(mambu, {**TASK, "title": "other"}, key)).status_code == 400
        assert error(await post(mambu, key="run-2026-07-01"))["errorCode"] == 4
        assert len(await mambu.control("tasks")) == 1


async def test_still_running_sends_nothing() -> None:
    """With the switch a repeated key is left without an answer until the client gives up."""
    key = str(uuid4())
    async with sandbox(idempotency_hang=True) as mambu:
        assert (await post(mambu, key=key)).status_code == 201
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(post(mambu, key=key), 0.05)
        await mambu.control("options", {"idempotency_hang": False})
        assert (await post(mambu, key=key)).json()["id"] == 1


async def test_tasks_and_keys_survive_a_restart(tmp_path: Path) -> None:
    """After a restart the tasks and the remembered keys are still there."""
    key = str(uuid4())
    async with sandbox(tmp_path) as mambu:
        first = await post(mambu, key=key)
    async with sandbox(tmp_path) as mambu:
        assert (await post(mambu, key=key)).content == first.content
        assert (await mambu.http.get("/api/tasks")).json() == [first.json()]
