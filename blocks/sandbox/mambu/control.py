"""What tests and demonstrations may do to the pretended tenant, beyond what Mambu offers.

Each verb takes and returns JSON values, and raises ValueError for a body that makes no sense.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import cast

from blocks.sandbox.exact_json import dumps
from blocks.sandbox.mambu.errors import MambuError
from blocks.sandbox.mambu.posting import JournalEntries
from blocks.sandbox.mambu.tasks import Tasks
from blocks.sandbox.mambu.tenant import Tenant

_ACCOUNT_FIELDS = {
    "glCode": str,
    "name": str,
    "type": str,
    "usage": str,
    "activated": bool,
    "allowManualJournalEntries": bool,
}


class Control:
    """The verbs."""

    def __init__(self, tenant: Tenant, tasks: Tasks, journal: JournalEntries) -> None:
        self._tenant, self._tasks, self._journal = tenant, tasks, journal
        self._first_options = tenant.options
        self._verbs: dict[str, Callable[[dict[str, object]], object]] = {
            "options": self._options,
            "lines": self._lines,
            "add_lines": self._add_lines,
            "live": self._live,
            "post": self._post,
            "accounts": self._accounts,
            "tasks": lambda _body: self._tasks.all(),
            "reset": self._reset,
        }

    def do(self, verb: str, body: object) -> object:
        """Do what a verb says."""
        if verb not in self._verbs:
            raise ValueError(f"{verb} is no verb; there are {', '.join(sorted(self._verbs))}")
        content = {} if body is None else body
        if not isinstance(content, dict):
            raise ValueError("the body is an object")  # noqa: TRY004 -- what the caller sent, not a type of ours
        return self._verbs[verb](cast("dict[str, object]", content))

    def _options(self, body: dict[str, object]) -> object:
        """Set switches by name; {} just returns all of them."""
        self._tenant.use(self._tenant.options.changed(body))
        return asdict(self._tenant.options)

    def _lines(self, body: dict[str, object]) -> object:
        """{"date", "lines": [objects] | "raw": "[...]"}: the date's lines are these, word for word."""
        return self._plant(body, replacing=True)

    def _add_lines(self, body: dict[str, object]) -> object:
        """The same, but added to the lines of the date."""
        return self._plant(body, replacing=False)

    def _plant(self, body: dict[str, object], *, replacing: bool) -> object:
        day = date.fromisoformat(str(body.get("date")))
        raw, lines = body.get("raw"), body.get("lines")
        if isinstance(raw, str) and lines is None:
            texts = split_array(raw)
        elif isinstance(lines, list) and raw is None:
            texts = [dumps(line).encode() for line in lines]
        else:
            raise ValueError('either "lines", a list, or "raw", the text of a JSON array')
        self._tenant.add_lines(day, texts, replacing=replacing)
        return {"date": day.isoformat(), "lines": len(texts)}

    def _live(self, body: dict[str, object]) -> object:
        """{"lines": n, "date"?}: n more lines after every search, created now or late on a date."""
        changes = {"live_lines": body.get("lines", 0), "live_date": body.get("date")}
        self._tenant.use(self._tenant.options.changed(changes))
        return changes

    def _post(self, body: dict[str, object]) -> object:
        """{"entry": body of POST /gljournalentries, "created"?: instant}: posts as of that instant."""
        created = self._tenant.now()
        if body.get("created") is not None:
            created = datetime.fromisoformat(str(body["created"]))
            if created.tzinfo is None:
                raise ValueError("created is an instant with an offset")
            created = created.astimezone(self._tenant.zone).replace(microsecond=0)
        # Once to text and back: amounts become exact, whatever they were.
        entry = json.loads(dumps(body.get("entry")), parse_float=Decimal)
        if not isinstance(entry, dict):
            raise ValueError("entry is an object")  # noqa: TRY004 -- as above
        try:
            answer = self._journal.post(entry, None, created)
        except MambuError as error:
            raise ValueError(str(error)) from None
        return json.loads(answer.body)

    def _accounts(self, body: dict[str, object]) -> object:
        """{"accounts": [{"glCode", "name"?, "type"?, ...}]}: adds GL accounts, or changes some."""
        rows = body.get("accounts")
        if not isinstance(rows, list):
            raise ValueError("accounts is a list")  # noqa: TRY004 -- as above
        for row in rows:
            if not isinstance(row, dict) or "glCode" not in row:
                raise ValueError("an account is an object with a glCode")
            for name, value in row.items():
                if not isinstance(value, _ACCOUNT_FIELDS.get(name, ())):
                    raise ValueError(f"{name}: {value!r} is not for an account")  # noqa: TRY004 -- as above
        kept = json.loads(self._tenant.state.fact("accounts") or "[]")
        self._tenant.state.save_fact("accounts", json.dumps(kept + rows))
        return self._tenant.accounts()

    def _reset(self, _body: dict[str, object]) -> object:
        """Forget everything posted, planted, created and switched."""
        self._tenant.reset()
        self._tenant.use(self._first_options)
        return {}


def split_array(text: str) -> list[bytes]:
    """Return the elements of a JSON array word for word; raise ValueError if it is none."""
    decoder = json.JSONDecoder(parse_float=Decimal)
    elements: list[bytes] = []
    if not isinstance(json.loads(text), list):
        raise ValueError("raw is a JSON array")  # noqa: TRY004 -- as above
    place = text.index("[") + 1
    while True:
        while text[place] in " \t\r\n,":
            place += 1
        if text[place] == "]":
            return elements
        _, end = decoder.raw_decode(text, place)
        elements.append(text[place:end].encode())
        place = end
