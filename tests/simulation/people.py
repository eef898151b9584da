"""What people do in Xero between any two steps of a run, and tell the model, not the run."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from blocks.sandbox.xero import XeroStandIn
from blocks.sandbox.xero_state import Journal
from tests.flows.journals.builders import CASH
from tests.simulation.model import Model

REMOVALS = frozenset({"delete", "void"})


class Accountant:
    """A person at Xero's screen who does things at random. `copies` are ids of journals they made twice."""

    def __init__(self, rng: random.Random, stand_in: XeroStandIn, model: Model, *, removes: bool) -> None:
        self._rng, self._stand_in, self._model = rng, stand_in, model
        self.copies: list[str] = []
        acts = {
            "DRAFT": {
                "rename": self._rename,
                "redate": self._redate,
                "change amounts": self._change_amounts,
                "wipe a text": self._wipe,
                "copy": self._copy,
                "post": lambda one: self._status(one, "POSTED"),
                "delete": lambda one: self._status(one, "DELETED"),
            },
            "POSTED": {"void": lambda one: self._status(one, "VOIDED"), "copy": self._copy},
        }
        self._acts: dict[str, dict[str, Callable[[Journal], None]]] = {
            status: {name: act for name, act in of_status.items() if removes or name not in REMOVALS}
            for status, of_status in acts.items()
        }

    def act(self) -> str | None:
        """Do one thing to one journal, and return what; None where there is nothing to do."""
        journals = [one for one in self._stand_in.state.journals.values() if self._acts.get(one.status)]
        if not journals:
            return None
        journal = self._rng.choice(journals)
        names = sorted(self._acts[journal.status])
        # What changes a line's meaning ends much of what can happen afterwards: seldom.
        weights = [1 if name in {"wipe a text", "change amounts", "copy"} else 4 for name in names]
        name = self._rng.choices(names, weights)[0]
        self._acts[journal.status][name](journal)
        return f"{name} «{journal.narration}»"

    def delete_one(self) -> str | None:
        """Delete a draft, and return its name; None where there is none."""
        drafts = [one for one in self._stand_in.state.journals.values() if one.status == "DRAFT"]
        if not drafts:
            return None
        chosen = self._rng.choice(drafts)
        self._status(chosen, "DELETED")
        return chosen.narration

    def remove_copies(self) -> None:
        """Remove what was made twice, as a run's report asks."""
        for journal_id in self.copies:
            status = self._stand_in.state.journals[journal_id].status
            if status in {"DRAFT", "POSTED"}:
                removed = "DELETED" if status == "DRAFT" else "VOIDED"
                self._stand_in.people.change_status(journal_id, removed)
        self.copies.clear()

    def _status(self, journal: Journal, status: str) -> None:
        self._stand_in.people.change_status(journal.journal_id, status)

    def _rename(self, journal: Journal) -> None:
        self._stand_in.people.edit(journal.journal_id, narration=f"{journal.narration} (checked)")

    def _redate(self, journal: Journal) -> None:
        self._model.person_changed(journal.journal_id)
        moved = journal.day + timedelta(days=self._rng.choice([-1, 1]))
        self._stand_in.people.edit(journal.journal_id, day=moved.isoformat())

    def _change_amounts(self, journal: Journal) -> None:
        self._model.person_changed(journal.journal_id)
        self._edit_lines(journal, lambda _, line: {**line, "LineAmount": line["LineAmount"] * 2})

    def _wipe(self, journal: Journal) -> None:
        told = [
            number for number, row in enumerate(journal.rows()) if row["Description"].startswith("EntryID: ")
        ]
        if not told:
            return
        chosen = self._rng.choice(told)
        text = journal.rows()[chosen]["Description"]
        self._model.person_hid(journal.journal_id, int(text.removeprefix("EntryID: ").split(",")[0]))
        self._edit_lines(
            journal, lambda number, line: {**line, "Description": "see file"} if number == chosen else line
        )

    def _edit_lines(self, journal: Journal, edit: Callable[[int, dict[str, Any]], dict[str, Any]]) -> None:
        names = ("LineAmount", "AccountCode", "TaxType", "Description")
        lines = [
            # Xero lets nobody save a line without an account: one that it took away is put back first.
            edit(number, {"AccountCode": CASH, **{name: row[name] for name in names if name in row}})
            for number, row in enumerate(journal.rows())
        ]
        self._stand_in.people.edit(journal.journal_id, lines=lines)

    def _copy(self, journal: Journal) -> None:
        self._model.person_copied(journal.journal_id)
        copy = self._stand_in.people.copy(journal.journal_id)
        # A copy of a wiped line is as mute as the line.
        self._model.person_copy_is(journal.journal_id, copy.journal_id)
        self.copies.append(copy.journal_id)
