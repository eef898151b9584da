"""A person acts in Xero, and the sandbox's own switches: what /control/xero offers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from blocks.sandbox.exact_json import dumps
from blocks.sandbox.stand_in import Verb, Verbs
from blocks.sandbox.xero.identity import Identity
from blocks.sandbox.xero.journals import ManualJournals, status_change
from blocks.sandbox.xero.limits import Limits
from blocks.sandbox.xero.lines import LineReader
from blocks.sandbox.xero.options import XeroOptions
from blocks.sandbox.xero.state import Journal, State
from blocks.sandbox.xero.wire import Refused, ms_date

_JOURNAL: Final = {"journal_id": "the ManualJournalID"}
_ACCOUNT: Final = {"code": "its code, or its AccountID"}
_STATUSES: Final = {
    "post": ("approve a draft: it is posted", "POSTED"),
    "delete": ("delete a draft", "DELETED"),
    "void": ("void a posted journal", "VOIDED"),
    "archive_journal": ("archive a journal", "ARCHIVED"),
}


class People:
    """What people do in Xero, by id of the journal; each raises ValueError with what Xero would say."""

    def __init__(self, state: State, options: Callable[[], XeroOptions]) -> None:
        self._state = state
        self._options = options

    def journal(self, journal_id: object) -> Journal:
        """Return a journal."""
        found = self._state.journals.get(str(journal_id))
        if found is None:
            raise ValueError(f"no manual journal {journal_id!r}")
        return found

    def change_status(self, journal_id: object, status: str) -> Journal:
        """Post, delete, void or archive a journal."""
        changed = status_change(self._state, self.journal(journal_id), status, self._options())
        self._state.commit()
        return changed

    def edit(
        self, journal_id: object, narration: str | None = None, day: str | None = None, lines: object = None
    ) -> Journal:
        """Change a draft on the screen: its narration, its date (YYYY-MM-DD), or all of its lines."""
        old = self.journal(journal_id)
        if narration is not None and not isinstance(narration, str):
            raise ValueError("a narration must be a text")
        if old.status != "DRAFT":
            raise ValueError(f"the journal is {old.status}, and only drafts can be edited")
        new = replace(
            old, narration=narration or old.narration, day=date.fromisoformat(str(day)) if day else old.day
        )
        if lines is not None:
            new = self._with_lines(new, lines)
        changed = self._state.put(new, keep_previous=self._options().read_lag_seconds > 0)
        self._state.note(old.journal_id, "Edited", user="A person")
        self._state.commit()
        return changed

    def copy(self, journal_id: object) -> Journal:
        """Copy a journal, as Xero's screen does: a draft of the same narration and lines."""
        old = self.journal(journal_id)
        copied = replace(
            old,
            journal_id=self._state.new_id(),
            number=self._state.next_number(),
            status="DRAFT",
            has_attachments=False,
        )
        changed = self._state.put(copied, keep_previous=self._options().read_lag_seconds > 0)
        self._state.note(copied.journal_id, "Created", user="A person")
        self._state.commit()
        return changed

    def _with_lines(self, journal: Journal, lines: object) -> Journal:
        reader = LineReader(self._state.books, self._options())
        try:
            # Through JSON, so that a float handed over in Python means the digits it shows.
            read = reader.read(json.loads(dumps(lines), parse_float=Decimal), journal.journal_id)
        except (Refused, TypeError):
            raise ValueError("these are not journal lines") from None
        if reader.errors:
            raise ValueError("; ".join(reader.errors))
        return replace(
            journal, lines=read.json, line_count=read.count, debits=read.debits, credits=read.credits
        )


class XeroControl:
    """The verbs of /control/xero."""

    def __init__(
        self,
        state: State,
        people: People,
        identity: Identity,
        limits: Limits,
        journals: ManualJournals,
    ) -> None:
        self._state = state
        self._identity = identity
        self._limits = limits
        self._journals = journals
        self.server_errors: list[bool] = []
        self.verbs: Verbs = {
            "journals": Verb(
                lambda _: {"journals": [_shown(one) for one in state.journals.values()]},
                "show all manual journals with their lines",
            ),
            "edit": Verb(
                lambda body: _shown(people.edit(**{"journal_id": None, **body})),
                "change a draft on the screen",
                {
                    **_JOURNAL,
                    "narration": "its narration",
                    "day": "its date, YYYY-MM-DD",
                    "lines": "all of its lines, as the API takes them",
                },
            ),
            **{name: self._status(people, does, status) for name, (does, status) in _STATUSES.items()},
            "plant": Verb(
                lambda body: self._plant(str(body.get("journal_id")), body.get("raw")),
                "serve a text in place of a journal, or as one more",
                {**_JOURNAL, "raw": "the text; U+DC80 to U+DCFF stand for single bytes; null takes it away"},
            ),
            "copy": Verb(
                lambda body: _shown(people.copy(body.get("journal_id"))),
                "copy a journal: a draft of the same narration and lines",
                _JOURNAL,
            ),
            "archive_account": Verb(
                lambda body: self._change("with_account_archived", str(body.get("code"))),
                "archive an account",
                _ACCOUNT,
            ),
            "restore_account": Verb(
                lambda body: self._change("with_account_restored", str(body.get("code"))),
                "restore an archived account",
                _ACCOUNT,
            ),
            "archive_option": Verb(
                lambda body: self._change(
                    "with_option_archived", str(body.get("category")), str(body.get("option"))
                ),
                "archive an option of a tracking category",
                {"category": "the name of the category", "option": "the name of the option"},
            ),
            "lock_date": Verb(
                self._lock,
                "set the lock dates",
                {"period": "YYYY-MM-DD, or null for none", "year": "the same, of the financial year"},
            ),
            "expire_tokens": Verb(
                lambda _: self._identity.expire_all(), "let all tokens given so far have expired"
            ),
            "warn": Verb(
                lambda _: self._warn(), "let the next creation lose an account code, with a warning"
            ),
            "server_error": Verb(
                self._server_error,
                "let the next write with a key end in a 500, which the key repeats",
                {"committed": "whether it is carried out all the same"},
            ),
            "reset": Verb(lambda _: self._reset(), "forget all that was created, changed and switched"),
        }

    @staticmethod
    def _status(people: People, does: str, status: str) -> Verb:
        return Verb(lambda body: _shown(people.change_status(body.get("journal_id"), status)), does, _JOURNAL)

    def _change(self, method: str, *reference: str) -> None:
        self._state.change_books(method, *reference)
        self._state.commit()

    def _plant(self, journal_id: str, raw: object) -> None:
        if raw is not None and type(raw) is not str:
            raise ValueError("raw must be a text, or null to remove what was planted")
        kept = {
            name: held for name, held in self._state.settings.get("planted", {}).items() if name != journal_id
        }
        self._state.set("planted", kept if raw is None else {**kept, journal_id: raw})

    def _lock(self, body: Mapping[str, Any]) -> None:
        for name, setting in (("period", "period_lock"), ("year", "year_lock")):
            if name in body:
                value = body[name]
                self._state.set(setting, date.fromisoformat(str(value)).isoformat() if value else None)
        self._state.commit()

    def _warn(self) -> None:
        self._journals.warn_next = True

    def _server_error(self, body: Mapping[str, Any]) -> None:
        self.server_errors.append(bool(body.get("committed")))

    def _reset(self) -> None:
        self._state.reset()
        self._limits.reset()
        self._journals.warn_next = False
        self.server_errors.clear()


def _shown(journal: Journal) -> dict[str, object]:
    # As the API words it, with amounts as texts, so that nobody reads them through a float.
    return {
        "ManualJournalID": journal.journal_id,
        "Narration": journal.narration,
        "Date": json.loads(ms_date((journal.day - date(1970, 1, 1)).days * 86_400_000)),
        "Status": journal.status,
        "LineAmountTypes": journal.line_amount_types,
        "ShowOnCashBasisReports": journal.cash_basis,
        "JournalLines": json.loads(journal.lines, parse_float=str),
    }
