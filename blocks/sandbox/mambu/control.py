"""What tests and demonstrations may do to the pretended tenant, beyond what Mambu offers.

Each verb takes and returns JSON values, and raises ValueError for a body that makes no sense.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from blocks.sandbox.exact_json import dumps
from blocks.sandbox.mambu.errors import MambuError
from blocks.sandbox.mambu.posting import JournalEntries
from blocks.sandbox.mambu.tasks import Tasks
from blocks.sandbox.mambu.tenant import Tenant
from blocks.sandbox.stand_in import Verb, Verbs

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
        lines = {
            "date": "the date on which they are created",
            "lines": "a list of lines, shown word for word",
            "raw": 'or the text of a JSON array of them: "[...]"',
        }
        self.verbs: Verbs = {
            "lines": Verb(self._lines, "let a date have these lines and no others", lines),
            "add_lines": Verb(self._add_lines, "add lines to a date", lines),
            "live": Verb(
                self._live,
                "let lines appear after every search",
                {"lines": "how many, an even number", "date": "late on this date; now without"},
            ),
            "post": Verb(
                self._post,
                "post a journal entry, as POST /gljournalentries does",
                {"entry": "the body of that request", "created": "an instant with an offset; now without"},
            ),
            "accounts": Verb(
                self._accounts,
                "add GL accounts, or change some",
                {"accounts": f"a list of objects of {', '.join(_ACCOUNT_FIELDS)}; glCode is a must"},
            ),
            "tasks": Verb(lambda _: self._tasks.all(), "show all tasks, each with all fields"),
            "reset": Verb(self._reset, "forget all that was posted, planted, created and switched"),
        }

    def _lines(self, body: Mapping[str, Any]) -> object:
        return self._plant(body, replacing=True)

    def _add_lines(self, body: Mapping[str, Any]) -> object:
        return self._plant(body, replacing=False)

    def _plant(self, body: Mapping[str, Any], *, replacing: bool) -> object:
        day = date.fromisoformat(str(body.get("date")))
        raw, lines = body.get("raw"), body.get("lines")
        if isinstance(raw, str) and lines is None:
            texts = split_array(raw)
        elif isinstance(lines, list) and raw is None:
            texts = [dumps(line).encode() for line in lines]
        else:
            raise ValueError('give either "lines", a list, or "raw", the text of a JSON array')
        self._tenant.add_lines(day, texts, replacing=replacing)
        return {"date": day.isoformat(), "lines": len(texts)}

    def _live(self, body: Mapping[str, Any]) -> object:
        changes = {"live_lines": body.get("lines", 0), "live_date": body.get("date")}
        self._tenant.use(self._tenant.options.changed(changes))
        return changes

    def _post(self, body: Mapping[str, Any]) -> object:
        created = self._tenant.now()
        if body.get("created") is not None:
            created = datetime.fromisoformat(str(body["created"]))
            if created.tzinfo is None:
                raise ValueError("created must be an instant with an offset")
            created = created.astimezone(self._tenant.zone).replace(microsecond=0)
        # Once to text and back: amounts become exact, whatever they were.
        entry = json.loads(dumps(body.get("entry")), parse_float=Decimal)
        if not isinstance(entry, dict):
            raise ValueError("entry must be an object")  # noqa: TRY004 -- as above
        try:
            answer = self._journal.post(entry, None, created)
        except MambuError as error:
            raise ValueError(str(error)) from None
        return json.loads(answer.body)

    def _accounts(self, body: Mapping[str, Any]) -> object:
        rows = body.get("accounts")
        if not isinstance(rows, list):
            raise ValueError("accounts must be a list")  # noqa: TRY004 -- as above
        for row in rows:
            if not isinstance(row, dict) or "glCode" not in row:
                raise ValueError("an account must be an object with a glCode")
            for name, value in row.items():
                if not isinstance(value, _ACCOUNT_FIELDS.get(name, ())):
                    raise ValueError(f"{name}: {value!r} is not valid for an account")  # noqa: TRY004 -- as above
        kept = json.loads(self._tenant.state.fact("accounts") or "[]")
        self._tenant.state.save_fact("accounts", json.dumps(kept + rows))
        return self._tenant.accounts()

    def _reset(self, _body: Mapping[str, Any]) -> object:
        self._tenant.reset()
        return {}


def split_array(text: str) -> list[bytes]:
    """Return the elements of a JSON array word for word; raise ValueError if it is none."""
    decoder = json.JSONDecoder(parse_float=Decimal)
    elements: list[bytes] = []
    if not isinstance(json.loads(text), list):
        raise ValueError("raw must be a JSON array")  # noqa: TRY004 -- as above
    place = text.index("[") + 1
    while True:
        while text[place] in " \t\r\n,":
            place += 1
        if text[place] == "]":
            return elements
        _, end = decoder.raw_decode(text, place)
        elements.append(text[place:end].encode())
        place = end
