"""What clients of Mambu are asked to read, and what the stand-in must hold then."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import httpx

from blocks.sandbox.mambu.access import USERS
from blocks.sandbox.mambu.options import MambuOptions
from blocks.sandbox.mambu.reference import ASSIGNED_USER_KEY, USERS_BY_KEY, branches, gl_accounts
from blocks.sandbox.world.day_lines import render_day
from tests.clients.comparing import Checks, Row, amount, by_key, difference, instant
from tests.clients.driven import NOW, Driven

_DAYS = 3
_START = "2026-11-17T00:00:00+00:00"
# So far back the extractor looks with each window, into what the one before has read.
_OVERLAP = dt.timedelta(minutes=5)
_TASKS = ("The day has 2 lines without a code", "Übertrag – prüfen")


def seeded(lines_per_day: int, start: str = _START, end: str = NOW) -> list[dict[str, Any]]:
    """Return the seeded lines from an instant up to another, as they are before any search or page."""
    settings = MambuOptions(lines_per_day=lines_per_day).day_settings()
    first, last = dt.datetime.fromisoformat(start), dt.datetime.fromisoformat(end)
    found: list[dict[str, Any]] = []
    for number in range((last.date() - first.date()).days + 1):
        lines = render_day(first.date() + dt.timedelta(days=number), settings)
        text = b"[" + lines.cut(0, len(lines) - 1) + b"]"
        found += json.loads(text, parse_float=Decimal)
    return [one for one in found if first <= dt.datetime.fromisoformat(one["creationDate"]) <= last]


def check_extractor(driven: Driven, checks: Checks) -> None:
    """Let the extractor run its own sync over a few days, and then over what lines refer to."""
    lines_per_day = driven.sandbox.control("mambu/options")["lines_per_day"]
    tasks = _plan_tasks(driven)
    plan = {"start": _START, "streams": ["gl_journal_entries"]}
    lines = driven.run(plan)["records"].get("gl_journal_entries", [])
    _lines(lines, seeded(lines_per_day), checks)
    streams = ["branches", "gl_accounts", "users", "tasks"]
    found = driven.run({"start": "2019-01-01T00:00:00+00:00", "streams": streams})["records"]
    _reference(found, checks)
    checks.same(
        f"the {len(tasks)} open tasks: ids, titles, due dates, who is to do them",
        by_key([{**_snake(one, _TASK), "due_date": one["due_date"][:10]} for one in found["tasks"]], "id"),
        by_key([{**_renamed(one, _TASK), "due_date": one["dueDate"]} for one in tasks], "id"),
    )


_TASK = ("id", "encodedKey", "title", "status", "assignedUserKey")
_ACCOUNT = ("encodedKey", "glCode", "name", "type", "usage", "activated", "allowManualJournalEntries")
_BRANCH = ("encodedKey", "id", "name", "state")
_USER = ("encodedKey", "id", "username", "firstName", "lastName", "email")


def _lines(read: list[Row], held: list[dict[str, Any]], checks: Checks) -> None:
    keys = Counter(str(one["encoded_key"]) for one in read)
    rows = {str(one["encoded_key"]): _extracted(one) for one in read}
    checks.same(
        f"all {len(held)} lines of {_DAYS} days and a half, and no other",
        sorted(rows),
        sorted(by_key(held, "encodedKey")),
    )
    checks.same(
        "their entry ids, sides, accounts, postings, branches, instants, and amounts to the last digit",
        rows,
        {one["encodedKey"]: _line(one) for one in held},
    )
    twice = [one for one in read if keys[str(one["encoded_key"])] > 1]
    again = sum(count - 1 for count in keys.values())
    checks.says(
        f"each line comes once, but {again} in the five minutes that two of its windows have in common",
        next((found for one in twice if (found := _overlaps(one, rows))), ""),
    )


def _overlaps(line: Row, rows: Mapping[str, Row]) -> str:
    """Return what is wrong with a line that came again: it lies in no overlap, or is not the same."""
    created = dt.datetime.fromisoformat(str(line["creation_date"]))
    midnight = created.replace(hour=0, minute=0, second=0, microsecond=0)
    if created != midnight and midnight + dt.timedelta(days=1) - created > _OVERLAP:
        return f"{line['encoded_key']} of {created} comes twice"
    return difference(_extracted(line), rows[str(line["encoded_key"])])


def _line(line: Row) -> dict[str, Any]:
    """Return what is compared of a line, as Mambu words it."""
    foreign = line.get("foreignAmount")
    return {
        "entryID": line["entryID"],
        "transactionId": line.get("transactionId"),
        "type": line["type"],
        "amount": amount(line["amount"]),
        "glCode": line["glAccount"]["glCode"],
        "branch": line.get("assignedBranchKey"),
        "reversal": line.get("reversalEntryKey"),
        "notes": line.get("notes"),
        "created": instant(line["creationDate"]),
        "booked": instant(line["bookingDate"]),
        "foreign": None if foreign is None else (amount(foreign["amount"]), foreign["currency"]["code"]),
    }


def _extracted(record: Row) -> dict[str, Any]:
    """Return the same of a record of the extractor, which has names of its own."""
    foreign = record.get("foreign_amount")
    return {
        "entryID": record["entry_id"],
        "transactionId": record.get("transaction_id"),
        "type": record["type"],
        "amount": amount(record["amount"]),
        "glCode": record["gl_account"]["gl_code"],
        "branch": record.get("assigned_branch_key"),
        "reversal": record.get("reversal_entry_key"),
        "notes": record.get("notes"),
        "created": instant(record["creation_date"]),
        "booked": instant(record["booking_date"]),
        "foreign": None if foreign is None else (amount(foreign["amount"]), foreign["currency"]["code"]),
    }


def _reference(found: Mapping[str, list[Row]], checks: Checks) -> None:
    accounts = gl_accounts(MambuOptions().currency)
    checks.same(
        f"the {len(accounts)} general ledger accounts of five types: codes, names, types, uses",
        by_key([_snake(one, _ACCOUNT) for one in found["gl_accounts"]], "glCode"),
        by_key([_renamed(one, _ACCOUNT) for one in accounts], "glCode"),
    )
    checks.same(
        f"the {len(branches())} branches: ids, names, states",
        by_key([_snake(one, _BRANCH) for one in found["branches"]], "id"),
        by_key([_renamed(one, _BRANCH) for one in branches()], "id"),
    )
    checks.same(
        "the users: ids, names, addresses",
        by_key([_snake(one, _USER) for one in found["users"]], "id"),
        _users(),
    )


def _users() -> dict[str, dict[str, Any]]:
    rows = (
        {
            "encodedKey": key,
            "id": one.user_id,
            "username": one.username,
            "firstName": one.first_name,
            "lastName": one.last_name,
            "email": f"{one.username}@harbour.example",
        }
        for key, one in USERS_BY_KEY.items()
    )
    return by_key(rows, "id")


def _snake(record: Row, names: Iterable[str]) -> dict[str, Any]:
    """Return fields of a record of the extractor by Mambu's names: gl_code is glCode."""
    return {name: record.get("".join(f"_{c.lower()}" if c.isupper() else c for c in name)) for name in names}


def _renamed(row: Row, names: Iterable[str]) -> dict[str, Any]:
    return {name: row.get(name) for name in names}


def _plan_tasks(driven: Driven) -> list[dict[str, Any]]:
    """Create tasks, and return what the stand-in holds of them."""
    headers = {"apiKey": driven.env["MAMBU_API_KEY"], "Accept": "application/vnd.mambu.v2+json"}
    for title in _TASKS:
        body = {"title": title, "dueDate": "2026-11-23", "assignedUserKey": ASSIGNED_USER_KEY}
        answer = httpx.post(f"{driven.env['MAMBU_BASE_URL']}/tasks", json=body, headers=headers, timeout=60)
        answer.raise_for_status()
    return list(driven.sandbox.control("mambu/tasks"))


def check_library(driven: Driven, checks: Checks) -> None:
    """Let the library search lines by pages, read what they refer to, and create and complete a task."""
    lines_per_day = driven.sandbox.control("mambu/options")["lines_per_day"]
    username, password = USERS["admin"]
    plan = {
        "username": username,
        "password": password,
        "start": "2026-11-16T23:59:59Z",
        "end": "2026-11-20T00:00:00Z",
        "task": {"title": _TASKS[1], "dueDate": "2026-11-23", "assignedUserKey": ASSIGNED_USER_KEY},
    }
    found = driven.run(plan)
    held = seeded(lines_per_day, end="2026-11-19T23:59:59+00:00")
    checks.same(
        f"the {len(held)} lines of {_DAYS} days, by pages, each once: accounts, postings, instants, amounts",
        by_key(map(_line, found["lines"]), "entryID"),
        by_key(map(_line, held), "entryID"),
    )
    checks.same(
        f"the {len(branches())} branches: ids, names, states",
        by_key((_renamed(one, _BRANCH) for one in found["branches"]), "id"),
        by_key([_renamed(one, _BRANCH) for one in branches()], "id"),
    )
    checks.same(
        "the users: ids, names, addresses",
        by_key([_renamed(one, _USER) for one in found["users"]], "id"),
        _users(),
    )
    (task,) = driven.sandbox.control("mambu/tasks")
    checks.same(
        "a task is created, read by its id, and changed and completed by a patch",
        found["task"],
        {"id": task["id"], "title": _TASKS[1], "changed": f"{_TASKS[1]}!", "status": "COMPLETED"},
    )
    checks.same(
        "the task as it is held then", (task["title"], task["status"]), (f"{_TASKS[1]}!", "COMPLETED")
    )
    checks.same("a filter by status finds it no more among open ones", found["open"], [])
    checks.same(
        "an unknown filter field comes back as an error of Mambu's",
        "INVALID_PARAMETERS" in found["error"],
        True,
    )
