"""Tasks through Mambu's client, against the stand-in."""

from __future__ import annotations

import itertools
import json
from datetime import date, timedelta
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from blocks.errors import (
    CallFailed,
    NotAllowed,
    NotFound,
    Rejected,
    Unavailable,
    UnknownOutcome,
    UnusableAnswer,
)
from blocks.http.retry import Patience, UnderWay, waited_out
from blocks.mambu import client as module
from blocks.mambu.client import KEY_LIFE, LONGEST_TASK_TITLE, PAGE_LINES, MambuClient
from blocks.mambu.credentials import MambuCredentials
from blocks.mambu.models import MambuTask
from blocks.sandbox.mambu.app import API_KEYS, ASSIGNED_USER_KEY
from tests.helpers.clocks import VirtualClock
from tests.helpers.mambu_client import There, there
from tests.helpers.scripted import Script, answer

DUE = date(2026, 7, 3)


async def created(place: There, title: str = "Daybook 7f3a: failed", key: str | None = None) -> MambuTask:
    """Create a task as an incident would."""
    return await place.mambu.create_task(
        title, "Start again with the date.", DUE, ASSIGNED_USER_KEY, key or str(uuid4())
    )


async def test_a_task_is_created_for_its_assignee() -> None:
    """A created task holds what was asked for, is open, and comes back as Mambu keeps it."""
    async with there() as place:
        task = await created(place)
        (kept,) = await place.tasks()
    assert (task.id, task.status, task.encoded_key) == (kept["id"], "OPEN", kept["encodedKey"])
    assert (task.title, task.description) == ("Daybook 7f3a: failed", "Start again with the date.")
    assert (kept["dueDate"], kept["assignedUserKey"]) == ("2026-07-03", ASSIGNED_USER_KEY)
    assert (task.due_date, task.assigned_user_key) == (kept["dueDate"], ASSIGNED_USER_KEY)
    assert task.creation_date == kept["creationDate"]


async def test_a_task_says_no_more_than_it_has_to() -> None:
    """Without an assignee the body names none, and the key goes along as a header."""
    key = str(uuid4())
    async with there() as place:
        task = await place.mambu.create_task("Title", "Text", DUE, None, key)
    (request,) = place.wire.requests
    assert json.loads(request.content) == {"title": "Title", "description": "Text", "dueDate": "2026-07-03"}
    assert (request.headers["idempotency-key"], task.assigned_user_key) == (key, None)


@pytest.mark.parametrize("kind", ["drop_after", "504", "cut", "truncate"])
async def test_a_lost_answer_makes_no_second_task(kind: str) -> None:
    """Where the answer is lost after the task was made, the same bytes under the same key find that one."""
    async with there() as place:
        place.fault("POST", kind=kind)
        task = await created(place)
        kept = await place.tasks()
    assert [one["encodedKey"] for one in kept] == [task.encoded_key]
    first, second = place.wire.requests
    assert (first.content, first.headers["idempotency-key"]) == (
        second.content,
        second.headers["idempotency-key"],
    )


async def test_a_task_still_in_the_making_is_waited_for() -> None:
    """While Mambu lets repeats of the key wait, they go on, and end with the one task."""

    def stop_hanging(place: There) -> None:
        place.standin.app.options = place.standin.app.options.changed(
            {"idempotency_hang": len(place.notices) < 3}
        )

    async with there(noticed=stop_hanging) as place:
        place.fault("POST", kind="drop_after")
        task = await created(place)
        kept = await place.tasks()
    assert [one["encodedKey"] for one in kept] == [task.encoded_key]
    assert len(place.wire.requests) == 4


async def test_no_clear_answer_is_an_unknown_outcome() -> None:
    """Where no attempt is answered clearly, whether there is a task is unknown, and is said to be."""
    async with there() as place:
        place.fault("POST", kind="drop_after", times=0)
        with pytest.raises(UnknownOutcome):
            await created(place)
        assert len(await place.tasks()) == 1
    assert len(place.wire.requests) == 5


async def test_a_task_is_repeated_for_as_long_as_mambu_knows_its_key() -> None:
    """Time-outs beyond Xero's five minutes do not end the repeats, those beyond Mambu's six hours do."""
    for minutes, sent in ((4, 5), (100, 4)):

        def pass_by(place: There, minutes: int = minutes) -> None:
            place.clock.advance(minutes * 60)

        async with there(noticed=pass_by) as place:
            place.fault("POST", kind="drop_before", times=0)
            with pytest.raises(UnknownOutcome):
                await created(place)
        assert len(place.wire.requests) == sent
    assert timedelta(hours=5) < KEY_LIFE < timedelta(hours=6)


async def test_the_longest_title_fits() -> None:
    """A title of 255 characters is taken, and one more is refused in Mambu's words."""
    async with there() as place:
        task = await created(place, "ü" * LONGEST_TASK_TITLE)
        assert task.title == "ü" * 255
        with pytest.raises(Rejected, match="INVALID_TASK_TITLE_LENGTH"):
            await created(place, "ü" * 256)


async def test_tasks_are_found_by_their_marker_on_every_page() -> None:
    """Tasks of any status whose title has the marker, letter by letter, are found on whatever page."""
    titles = {1: "[7f3a] a", 2: "[7F3A] b", PAGE_LINES: "c [7f3a]", 2 * PAGE_LINES + 5: "x[7f3a]x"}
    async with there() as place:
        made = await created(place, "first")
        (kept,) = await place.tasks()
        for number in range(1, 2 * PAGE_LINES + 6):
            status = "COMPLETED" if number == PAGE_LINES else "OPEN"
            task = {**kept, "id": number, "encodedKey": f"{number:032x}", "status": status}
            task["title"] = titles.get(number, f"[other] {number}")
            place.standin.app._tenant.state.save_task(number, json.dumps(task))
        found = await place.mambu.find_tasks("[7f3a]")
        assert await place.mambu.find_tasks(made.title) == []
    assert [(task.id, task.status) for task in found] == [
        (1, "OPEN"),
        (PAGE_LINES, "COMPLETED"),
        (2 * PAGE_LINES + 5, "OPEN"),
    ]
    offsets = [request.url.params["offset"] for request in place.wire.requests[1:4]]
    assert offsets == ["0", str(PAGE_LINES), str(2 * PAGE_LINES)]


async def test_a_task_on_two_pages_is_found_once() -> None:
    """A task that moved onto the next page while the pages were read is found once."""

    def task(number: int) -> dict[str, object]:
        return {"encodedKey": f"key{number}", "id": number, "title": "[7f3a]", "status": "OPEN"}

    script = Script(answer(200, [task(n) for n in range(PAGE_LINES)]), answer(200, [task(PAGE_LINES - 1)]))
    async with over(script) as mambu:
        assert len(await mambu.find_tasks("[7f3a]")) == PAGE_LINES


@pytest.mark.parametrize(("again", "calls"), [(True, 2), (False, 4)])
async def test_a_list_of_tasks_ends(again: bool, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Full pages of tasks that repeat, or that are ever new, end with an error."""
    monkeypatch.setattr(module, "MOST_TASKS", 4 * PAGE_LINES)
    numbers = itertools.count()

    def full(request: httpx.Request) -> httpx.Response:
        keys = [0 if again else next(numbers) for _ in range(PAGE_LINES)]
        return answer(200, [{"encodedKey": f"key{key}", "title": "other"} for key in keys])(request)

    script = Script(full)
    async with over(script) as mambu:
        with pytest.raises(UnusableAnswer, match="list of tasks"):
            await mambu.find_tasks("[7f3a]")
    assert len(script.requests) == calls


async def test_other_peoples_odd_tasks_do_not_matter() -> None:
    """A task of another shape is passed over, one of ours that is late or has nulls is read."""
    odd = [{"id": "x", "title": None}, {}, {"title": "other", "dueDate": 7}]
    ours = {"encodedKey": "k", "id": 5, "title": "[7f3a]", "status": "OVERDUE", "description": None}
    async with over(Script(answer(200, [*odd, ours]))) as mambu:
        (found,) = await mambu.find_tasks("[7f3a]")
    assert (found.id, found.status, found.description) == (5, "OVERDUE", None)


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"{}", b'[{"title": "[7f3a]"}]', b"[7]"])
async def test_a_list_that_cannot_be_read_is_unavailable(body: bytes) -> None:
    """A page that is no list of tasks, or in which one of ours is garbled, is repeated and then an error."""
    async with over(Script(answer(200, body, content_type="application/json"))) as mambu:
        with pytest.raises(Unavailable, match="a page of tasks"):
            await mambu.find_tasks("[7f3a]")


def over(script: Script) -> MambuClient:
    """Return a client of prepared answers."""
    block = MambuCredentials(base_url="https://acme.mambu.com/api", api_key=SecretStr("key"))
    return block.get_client(clock=VirtualClock(), http=script)


@pytest.mark.parametrize("by_key", [True, False])
async def test_a_task_is_completed_by_patch(*, by_key: bool) -> None:
    """One PATCH of the status completes a task, by id or key; completing it again is no error."""
    async with there() as place:
        task = await created(place)
        name = task.encoded_key if by_key else task.id
        await place.mambu.complete_task(name)
        assert [one["status"] for one in await place.tasks()] == ["COMPLETED"]
        await place.mambu.complete_task(name)
    assert [request.method for request in place.wire.requests] == ["POST", "PATCH", "PATCH"]


@pytest.mark.parametrize("status", [400, 405, 501])
async def test_where_there_is_no_patch_the_task_is_put_back_whole(status: int) -> None:
    """Where Mambu declines PATCH, the task is read and put back completed, all else unchanged, once."""
    refusal = {"errors": [{"errorCode": 5, "errorReason": "METHOD_NOT_IMPLEMENTED"}]}
    async with there() as place:
        task = await created(place)
        (before,) = await place.tasks()
        place.fault("PATCH", kind="status", status=status, body=refusal, times=0)
        await place.mambu.complete_task(task.id)
        await place.mambu.complete_task(task.id)
        (after,) = await place.tasks()
    assert after == {**before, "status": "COMPLETED", "lastModifiedDate": after["lastModifiedDate"]}
    assert [request.method for request in place.wire.requests].count("PUT") == 1


async def test_what_is_not_known_is_put_back_as_it_came() -> None:
    """The whole task that is put back has every field as Mambu wrote it, exact numbers included."""
    raw = b'{"encodedKey":"k","id":5,"title":"t","status":"OPEN","own":{"n":1.10000000000000000001}}'
    script = Script(answer(405), answer(200, raw, content_type="application/json"), answer(200, {}))
    async with over(script) as mambu:
        await mambu.complete_task(5)
    assert script.requests[-1].content == raw.replace(b"OPEN", b"COMPLETED")


async def test_a_completion_is_repeated_like_a_read() -> None:
    """A completion that was not answered is sent again: done twice, it leaves the same."""
    async with there() as place:
        task = await created(place)
        place.fault("PATCH", kind="drop_after")
        await place.mambu.complete_task(task.id)
        assert [one["status"] for one in await place.tasks()] == ["COMPLETED"]


@pytest.mark.parametrize("name", [4711, "no/such?task"])
async def test_a_task_that_is_not_there_is_not_found(name: int | str) -> None:
    """Completing a task that is not there is NotFound, whatever the name is made of."""
    async with there() as place:
        with pytest.raises(NotFound):
            await place.mambu.complete_task(name)


async def test_a_missing_permission_is_named() -> None:
    """A 403 to a call about tasks names the permissions for tasks, not those for the ledger."""
    async with there("ledger_reader") as place:
        for call in (created(place), place.mambu.find_tasks("x"), place.mambu.complete_task(1)):
            with pytest.raises(NotAllowed) as raised:
                await call
            text = str(raised.value)
            for permission in ("VIEW_TASK", "CREATE_TASK", "EDIT_TASK"):
                assert permission in text
            assert "VIEW_JOURNAL_ENTRIES" not in text


async def test_another_body_under_the_same_key_is_a_refusal() -> None:
    """What Mambu says to a key that was used for another task comes through in its words."""
    key = str(uuid4())
    async with there() as place:
        await created(place, key=key)
        with pytest.raises(Rejected, match="used for another request"):
            await created(place, "another title", key)


class Telling:
    """A Mambu that answers 503 but to the creation of tasks, and a run that is patient with it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.under_way = UnderWay()

    @staticmethod
    def _answer(request: httpx.Request) -> httpx.Response:
        return answer(504 if request.method == "POST" else 503)(request)

    def mambu(self) -> MambuClient:
        patience = Patience("Mambu", timedelta(minutes=15), self.clock, lambda _: None, self.under_way)
        block = MambuCredentials(base_url="https://mambu/api", api_key="key")
        return block.get_client(
            clock=self.clock, http=Script(self._answer), notice=lambda _: None, patience=patience
        )


async def test_no_outage_is_waited_for_on_account_of_a_task() -> None:
    """Whatever is to be done about tasks, a Mambu that is down is asked as often as allowed and no longer."""
    telling = Telling()
    async with telling.mambu() as mambu:
        for call in (
            mambu.find_tasks("x"),
            mambu.change_task(7, description="x"),
            mambu.complete_task(7),
            mambu.create_task("t", "d", DUE, None, str(uuid4())),
        ):
            began = telling.clock.now()
            with pytest.raises(CallFailed):
                await call
            assert telling.clock.now() - began < timedelta(seconds=20)


async def test_a_task_of_unknown_outcome_leaves_the_patience_with_the_ledger() -> None:
    """Where nobody knows whether a task was created, an outage is waited for all the same."""
    telling = Telling()
    async with telling.mambu() as mambu:
        with pytest.raises(UnknownOutcome):
            await mambu.create_task("t", "d", DUE, None, str(uuid4()))
        began = telling.clock.now()
        with pytest.raises(Unavailable):
            await waited_out(telling.clock, mambu.organisation)
    assert telling.clock.now() - began > timedelta(minutes=14)


async def test_no_key_shows_in_an_error() -> None:
    """An error of a call about tasks holds neither credentials nor the text of the task."""
    async with there() as place:
        place.fault("POST", kind="500", times=0)
        with pytest.raises(CallFailed) as raised:
            await created(place)
    assert API_KEYS["task_creator"] not in repr(raised.value)
    assert "Start again" not in str(raised.value)
