"""The client of Mambu API v2.

It knows HTTP and Mambu's wire format, and nothing of what the lines are for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from blocks.dates import utc_text
from blocks.errors import CallFailed, NotAllowed, Rejected, UnusableAnswer
from blocks.http.client import ApiClient
from blocks.http.models import Answer, ApiProfile, Call
from blocks.mambu.answers import (
    read_organisation,
    read_page,
    read_raw_task,
    read_stated_total,
    read_task,
    read_tasks_titled,
    reasons,
)
from blocks.mambu.models import MOST_LINES, MambuTask, Organisation, Page

T = TypeVar("T")

PAGE_LINES = 1000  # Mambu's largest page
MOST_TASKS = 500_000
LONGEST_TASK_TITLE = 255
# Mambu remembers a key for six hours; we stop relying on it ten minutes earlier.
KEY_LIFE = timedelta(hours=5, minutes=50)
ACCEPT = "application/vnd.mambu.v2+json"


class MambuClient(ApiClient):
    """Calls to one Mambu tenant. Every method raises blocks.errors.CallFailed."""

    async def organisation(self) -> Organisation | None:
        """Return the tenant's time zone and currency, or None where the user may not read them.

        Mambu reserves this call for administrators.
        """
        try:
            return await self.transport.call(
                Call("GET", "setup/organization", headers=_HEADERS), read_organisation
            )
        except NotAllowed as error:
            if error.status == 403:
                return None
            raise

    async def count_lines(self, after: datetime, before: datetime) -> int:
        """Return how many lines Mambu states to have been created between two instants."""
        return await self._search(after, before, {"offset": "0", "limit": "1"}, read_stated_total)

    async def journal_lines(
        self, after: datetime, before: datetime, *, most: int = MOST_LINES
    ) -> AsyncIterator[Page]:
        """Yield all lines created after one instant and before another, by entry id, page by page.

        Follows Mambu's cursor to the empty one that means the end; an answer without any cursor is an
        error, for it could be mistaken for the end. A page need not state the total, which `count_lines`
        is for. Mambu does not say whether the bounds themselves belong: ask for more than is needed and
        filter.

        Raises UnusableAnswer where it might never end: at a cursor that was there before, and where more
        than `most` lines came.
        """
        cursor, used, came = "_", {"_"}, 0
        while cursor:
            page = await self._search(after, before, {"cursor": cursor, "limit": str(PAGE_LINES)}, read_page)
            yield page
            # A page without lines counts as a full one, so that these end too.
            came += len(page.lines) + len(page.unreadable) or PAGE_LINES
            cursor = _following(page, used, came, most)
            used.add(cursor)

    async def create_task(
        self, title: str, description: str, due: date, assigned_user_key: str | None, key: str
    ) -> MambuTask:
        """Create a task, once for all calls with the same arguments and the same key, which is a UUID.

        Mambu keeps that promise for six hours. While a first sending is still at work there, a second one
        gets no answer at all; so one that was not answered is sent again.
        """
        task = {"title": title, "description": description, "dueDate": due.isoformat()}
        if assigned_user_key is not None:
            task["assignedUserKey"] = assigned_user_key
        headers = {**_JSON_HEADERS, "Idempotency-Key": key}
        content = msgspec.json.encode(task)
        call = _task_call("POST", "tasks", headers, content=content, writes=True)
        return await self.transport.call(call, read_task)

    async def find_tasks(self, marker: str) -> list[MambuTask]:
        """Return the tasks, open or completed, whose title contains a marker."""
        found: dict[str, MambuTask] = {}
        before: list[str | None] = []
        for offset in range(0, MOST_TASKS, PAGE_LINES):
            params = {"offset": str(offset), "limit": str(PAGE_LINES), "paginationDetails": "ON"}
            call = _task_call("GET", "tasks", params=params)
            keys, page = await self.transport.call(call, lambda answer: read_tasks_titled(answer, marker))
            # By key: a task created meanwhile can push others onto the next page.
            found |= {task.encoded_key: task for task in page}
            if len(keys) != PAGE_LINES:
                return list(found.values())
            if keys == before:
                break
            before = keys
        raise UnusableAnswer(
            f"Mambu: the list of tasks repeats itself or has more than {MOST_TASKS:,} entries. Daybook "
            "cannot tell which tasks are its own."
        )

    async def complete_task(self, task_id: int | str) -> None:
        """Complete a task; one that is completed stays so. Raises NotFound where there is none."""
        await self.change_task(task_id, status="COMPLETED")

    async def change_task(self, task_id: int | str, **fields: str) -> None:
        """Give fields of a task, in Mambu's spelling, other values. Raises NotFound where there is none."""
        path = f"tasks/{quote(str(task_id), safe='')}"
        change = [{"op": "REPLACE", "path": f"/{name}", "value": value} for name, value in fields.items()]
        try:
            await self.transport.call(_task_change("PATCH", path, change), lambda _answer: None)
        except CallFailed as error:
            # Mambu does not say in public how a task is changed: the second way is to put it back whole.
            if not (isinstance(error, Rejected) or error.status == 501):
                raise
            task = await self.transport.call(_task_call("GET", path), read_raw_task)
            if any(msgspec.json.decode(task.get(name, b"null")) != value for name, value in fields.items()):
                await self.transport.call(_task_change("PUT", path, {**task, **fields}), lambda _answer: None)

    async def _search(
        self, after: datetime, before: datetime, params: Mapping[str, str], read: Callable[[Answer], T]
    ) -> T:
        criteria = [
            {"field": "creationDate", "operator": "AFTER", "value": _instant(after)},
            {"field": "creationDate", "operator": "BEFORE", "value": _instant(before)},
        ]
        return await self.transport.call(
            Call(
                "POST",
                "gljournalentries:search",
                params={**params, "paginationDetails": "ON", "detailsLevel": "BASIC"},
                headers=_JSON_HEADERS,
                content=msgspec.json.encode({"filterCriteria": criteria}),
            ),
            read,
        )


_HEADERS = {"Accept": ACCEPT}
_JSON_HEADERS = {**_HEADERS, "Content-Type": "application/json"}

_TASK_HINT = "The Mambu user lacks a permission: for tasks it needs VIEW_TASK, CREATE_TASK and EDIT_TASK."


def _instant(at: datetime) -> str:
    # In UTC with a Z, which Mambu takes in every tenant; any other offset must be the tenant's own.
    return f"{utc_text(at)}Z"


def _following(page: Page, used: Collection[str], came: int, most: int) -> str:
    """Return the cursor behind a page, empty at the end."""
    cursor = page.next_cursor
    if cursor is None:
        problem = "a page of journal lines has no next cursor"
    elif cursor in used:
        problem = "a page of journal lines has a cursor that was there before"
    elif cursor and came > most:
        problem = f"it sent more than {most:,} journal lines, far more than it stated"
    else:
        return cursor
    raise UnusableAnswer(f"Mambu: {problem}. Daybook cannot tell where the lines end, and read no further.")


def _task_call(method: str, path: str, headers: Mapping[str, str] = _HEADERS, **more: Any) -> Call:
    # No money hangs on a task, and a later run sees to what was not done about one.
    return Call(method, path, headers=headers, if_forbidden=_TASK_HINT, urgent=False, money=False, **more)


def _task_change(method: str, path: str, change: object) -> Call:
    # No write in the transport's sense: made twice, it leaves what it leaves when made once.
    return _task_call(method, path, _JSON_HEADERS, content=msgspec.json.encode(change))


def _hint(answer: Answer) -> str:
    if answer.status == 401:
        return "Check the API key, or the user name and password, in the Mambu block; keys can expire."
    if answer.status == 403:
        return "The Mambu user lacks a permission: it needs VIEW_JOURNAL_ENTRIES for all branches."
    return ""


PROFILE = ApiProfile("Mambu", reasons, _hint, KEY_LIFE)
