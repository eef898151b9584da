"""What the page of Mambu's tasks shows: what is to be done, by when and by whom."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from blocks.sandbox.mambu.reference import USERS_BY_KEY
from blocks.sandbox.pages.journals import paging_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blocks.sandbox.mambu.tasks import Task


TASKS_A_PAGE: Final = 50


class Tab(NamedTuple):
    """One tab of the page; `key` is the status of its tasks, and stands in the address."""

    key: str
    name: str
    what: str


TABS: Final = (Tab("OPEN", "Open", "open tasks"), Tab("COMPLETED", "Completed", "completed tasks"))


class Row(NamedTuple):
    """One task; `paragraphs` are those of its description, `late` says that it is open and overdue."""

    number: int
    title: str
    paragraphs: list[str]
    due: date
    late: bool
    assignee: str
    created: datetime


def task_list(tasks: Sequence[Task], today: date, status: str, page: str) -> dict[str, Any]:
    """Return what one tab shows, the newest first."""
    tab = next((one for one in TABS if one.key == status), TABS[0])
    found = {one.key: [task for task in tasks if task["status"] == one.key][::-1] for one in TABS}
    paging = paging_of(page, TASKS_A_PAGE, len(found[tab.key]))
    return {
        "tab": tab,
        "tabs": [(one, len(found[one.key])) for one in TABS],
        "rows": [_row(task, today) for task in found[tab.key][paging.slice()]],
        "paging": paging,
    }


def _row(task: Any, today: date) -> Row:
    due, assignee = date.fromisoformat(task["dueDate"]), USERS_BY_KEY.get(task["assignedUserKey"])
    return Row(
        number=task["id"],
        title=task["title"],
        paragraphs=[text for text in (task["description"] or "").splitlines() if text.strip()],
        due=due,
        late=task["status"] == "OPEN" and due < today,
        assignee=f"{assignee.first_name} {assignee.last_name}" if assignee else "",
        created=datetime.fromisoformat(task["creationDate"]),
    )
