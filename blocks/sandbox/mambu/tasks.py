"""Tasks: created, read, listed and changed as Mambu's documentation says, strictly where it is silent.

Ours, being unknown in public: a title is needed and holds 255 characters at most; fields the server
sets are refused on creation; PATCH takes a list of operations and answers 204, PUT the whole task and
answers 200; a list is in the order of ids.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import date
from typing import cast

from blocks.sandbox.asgi import Answer
from blocks.sandbox.mambu.dates import parse_date
from blocks.sandbox.mambu.errors import MambuError, invalid
from blocks.sandbox.mambu.http import Call, prepared
from blocks.sandbox.mambu.paging import parse_paging
from blocks.sandbox.mambu.query import parse_object, refuse_unknown
from blocks.sandbox.mambu.reference import BRANCH_KEYS, PRODUCT_TYPES, USERS_BY_KEY, customer_account_ids
from blocks.sandbox.mambu.tenant import Tenant

LONGEST_TITLE = 255
LINK_TYPES = (
    "CLIENT",
    "GROUP",
    "LOAN_PRODUCT",
    "SAVINGS_PRODUCT",
    "CENTRE",
    "BRANCH",
    "USER",
    "LOAN_ACCOUNT",
    "DEPOSIT_ACCOUNT",
    "ID_DOCUMENT",
    "LINE_OF_CREDIT",
    "GL_JOURNAL_ENTRY",
)
_CHANGEABLE = (
    "title",
    "description",
    "dueDate",
    "assignedUserKey",
    "taskLinkType",
    "taskLinkKey",
    "templateKey",
    "status",
)
Task = dict[str, object]


class Tasks:
    """The endpoints of tasks."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def all(self) -> list[Task]:
        """Return every task by id."""
        return [cast("Task", json.loads(body)) for body in self._tenant.state.tasks()]

    async def create(self, call: Call) -> Answer:
        """Answer `POST /tasks` with 201 and the task; its status is OPEN whatever was sent."""
        call.caller.require("CREATE_TASK")
        content = parse_object(call.body)
        refuse_unknown(content, set(_CHANGEABLE), "")
        self._check(content, call)
        creator, now = USERS_BY_KEY[call.caller.key], self._tenant.now().isoformat()
        existing = self.all()
        task: Task = {
            "encodedKey": uuid.uuid4().hex,
            "id": cast("int", existing[-1]["id"]) + 1 if existing else 1,
            "creationDate": now,
            "lastModifiedDate": now,
            **{name: content.get(name) for name in _CHANGEABLE},
            "status": "OPEN",
            "createdByUserKey": call.caller.key,
            "createdByFullName": f"{creator.first_name} {creator.last_name}",
        }
        self._save(task)
        return self._tenant.answer(201, task)

    async def get(self, call: Call) -> Answer:
        """Answer `GET /tasks/{id}`, by id or encodedKey."""
        call.caller.require("VIEW_TASK")
        return self._tenant.answer(200, self._named(call.name))

    async def list(self, call: Call) -> Answer:
        """Answer `GET /tasks`, filtered by username, clientId, groupId and status, and paged."""
        call.caller.require("VIEW_TASK")
        options = self._tenant.options
        paging = parse_paging(call.query, default_limit=options.default_limit, page_cap=options.page_cap)
        if paging.cursor is not None:
            raise invalid("cursor: for searches only")
        wanted = _filters(paging.parameters, self._tenant.now().date())
        tasks = [task for task in self.all() if all(test(task) for test in wanted)]
        return self._tenant.answer(
            200, tasks[paging.offset : paging.offset + paging.limit], paging.headers(len(tasks))
        )

    async def put(self, call: Call) -> Answer:
        """Answer `PUT /tasks/{id}`: the whole task, whose fields of the server's have to be unchanged."""
        call.caller.require("EDIT_TASK")
        task, content = self._named(call.name), parse_object(call.body)
        refuse_unknown(content, set(task), "")
        for name, value in content.items():
            if name not in (*_CHANGEABLE, "lastModifiedDate") and value != task[name]:
                raise MambuError(400, "INVALID_TASK_FIELD_CHANGE", name)
        changed = {name: content.get(name) for name in _CHANGEABLE}
        if changed["status"] is None:
            changed["status"] = task["status"]
        return self._tenant.answer(200, self._change(task, changed, call))

    async def patch(self, call: Call) -> Answer:
        """Answer `PATCH /tasks/{id}`: a list of {op, path, value} or {op, from, path}; 204."""
        call.caller.require("EDIT_TASK")
        task = self._named(call.name)
        changed = dict(task)
        for operation in _operations(call.body):
            _carry_out(operation, changed)
        self._change(task, changed, call)
        return prepared(204, b"")

    def _change(self, task: Task, changed: dict[str, object], call: Call) -> Task:
        after = {**task, **changed}
        self._check(after, call)
        if after["status"] not in ("OPEN", "COMPLETED"):
            raise MambuError(400, "INVALID_TASK_STATUS", str(after["status"]))
        after["lastModifiedDate"] = self._tenant.now().isoformat()
        self._save(after)
        return after

    def _save(self, task: Task) -> None:
        self._tenant.state.save_task(cast("int", task["id"]), json.dumps(task, ensure_ascii=False))

    def _named(self, name: str) -> Task:
        for task in self.all():
            if name in (str(task["id"]), task["encodedKey"]):
                return task
        raise MambuError(404, "OBJECT_NOT_FOUND", name)

    def _check(self, content: dict[str, object], call: Call) -> None:
        """Raise the 400 of a task that cannot be."""
        for name in _CHANGEABLE:
            if content.get(name) is not None and not isinstance(content[name], str):
                raise invalid(name)
        title, status = str(content.get("title") or ""), content.get("status")
        if not 1 <= len(title) <= LONGEST_TITLE:
            raise MambuError(400, "INVALID_TASK_TITLE_LENGTH", "title")
        if content.get("dueDate") is None:
            raise MambuError(400, "MISSING_REQUIRED_PARAMETER", "dueDate")
        parse_date(str(content["dueDate"]), "dueDate")
        if status is not None and status not in ("OPEN", "COMPLETED"):
            raise MambuError(400, "INVALID_TASK_STATUS", str(status))
        assignee = content.get("assignedUserKey")
        if assignee is not None and assignee not in USERS_BY_KEY:
            raise invalid(f"assignedUserKey: {assignee}")
        self._check_link(content.get("taskLinkType"), content.get("taskLinkKey"), call)

    def _check_link(self, link_type: object, key: object, call: Call) -> None:
        if link_type is None and key is None:
            return
        if link_type not in LINK_TYPES:
            raise invalid(f"taskLinkType: {link_type}")
        if not self._exists(str(link_type), str(key), call):
            raise invalid(f"taskLinkKey: {key}")

    def _exists(self, link_type: str, key: str, call: Call) -> bool:
        """Return whether the linked object is there; of the types not named here this tenant has none."""
        if link_type == "GL_JOURNAL_ENTRY":
            view = self._tenant.view(call.caller, self._tenant.now())
            return self._tenant.ledger.has_line(key, view)
        known: dict[str, bool] = {
            "USER": key in USERS_BY_KEY,
            "BRANCH": key in BRANCH_KEYS,
            "LOAN_PRODUCT": PRODUCT_TYPES.get(key) == "LOAN",
            "SAVINGS_PRODUCT": PRODUCT_TYPES.get(key) == "SAVINGS",
            "LOAN_ACCOUNT": customer_account_ids().get(key, ("",))[0] == "LOAN",
            "DEPOSIT_ACCOUNT": customer_account_ids().get(key, ("",))[0] == "SAVINGS",
        }
        return known.get(link_type, False)


def _operations(body: bytes) -> list[dict[str, object]]:
    try:
        operations = json.loads(body)
    except (ValueError, RecursionError):
        raise MambuError(400, "INVALID_JSON_SYNTAX") from None
    if not isinstance(operations, list) or not all(isinstance(row, dict) for row in operations):
        raise invalid("a list of operations is expected")
    return operations


def _carry_out(operation: dict[str, object], task: Task) -> None:
    """Change a task by one operation: ADD and REPLACE set a field, REMOVE empties it, MOVE does both.

    They are documented in capitals; a common client writes them small, as JSON Patch does.
    """
    op, name = str(operation.get("op")).upper(), _changeable(operation.get("path"))
    value = operation.get("value")
    if op == "MOVE":
        source = _changeable(operation.get("from"))
        value, task[source] = task[source], None
        if value is None:
            raise invalid(f"from: {operation['from']} is empty")
    elif op == "REMOVE":
        value = None
    elif op not in ("ADD", "REPLACE"):
        raise invalid(f"op: {operation.get('op')}")
    task[name] = value


def _changeable(path: object) -> str:
    name = str(path).removeprefix("/")
    if name not in _CHANGEABLE:
        raise MambuError(400, "INVALID_TASK_FIELD_CHANGE", name)
    return name


def _filters(parameters: dict[str, str], today: date) -> list[Callable[[Task], bool]]:
    """Return the tests a task has to pass; OVERDUE means open and due before today, which is ours."""
    tests: list[Callable[[Task], bool]] = []
    username, status = parameters.get("username"), parameters.get("status")
    if username:
        keys = [key for key, user in USERS_BY_KEY.items() if user.username == username]
        if not keys:
            raise invalid(f"username: {username}")
        tests.append(lambda task: task["assignedUserKey"] == keys[0])
    if status == "OVERDUE":
        tests.append(lambda task: task["status"] == "OPEN" and str(task["dueDate"]) < today.isoformat())
    elif status in ("OPEN", "COMPLETED"):
        tests.append(lambda task: task["status"] == status)
    elif status is not None:
        raise MambuError(400, "INVALID_TASK_STATUS", status)
    if parameters.get("clientId") or parameters.get("groupId"):
        tests.append(lambda _task: False)  # this tenant has no clients and no groups
    return tests
