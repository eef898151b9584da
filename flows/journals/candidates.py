"""Candidates: which journals in Xero can matter to a day, told of each one by itself. Pure.

Of a page only these are kept, so that a list of any length fits. Whatever is let go here, the reconciliation
(flows/journals/reconciliation.py) would pass over.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection

from blocks.store.entries import Entries
from blocks.xero.models import ManualJournal
from flows.journals.as_sent import AsSent
from flows.journals.models import DELETED_OR_VOIDED, Plan
from flows.journals.narration import Narration, entry_id_in
from flows.journals.reconciliation import is_anothers, sums_of


class Candidates:
    """The journals that can matter to a day: by their ids, their name, their lines' entry ids, or their sums.

    `ids` are those of journals that are known to matter, whatever became of them since.
    """

    def __init__(self, plan: Plan, ids: Collection[str]) -> None:
        self._plan = plan
        self._ids = frozenset(ids)
        self._as_sent = AsSent(plan)
        self._entries = Entries.of(plan.lines["entry_id"].to_numpy())
        self._codes: dict[dt.date | None, set[str]] = defaultdict(set)
        pairs = plan.lines.select(["booking_date", "account_code"]).group_by(["booking_date", "account_code"])
        for row in pairs.aggregate([]).to_pylist():
            self._codes[row["booking_date"]].add(row["account_code"])

    def __call__(self, journal: ManualJournal) -> bool:
        """Tell whether a journal can matter to the day."""
        return (
            journal.journal_id in self._ids
            or self._is_named(journal)
            or self._holds_lines(journal)
            or self._may_look_alike(journal)
        )

    def kept(self, journal: ManualJournal) -> ManualJournal:
        """Return a journal as it is kept: without lines of its own where these are as the plan has them."""
        return self._as_sent(journal)

    def _is_named(self, journal: ManualJournal) -> bool:
        name = Narration.parse(journal.narration)
        return name is not None and name.created == self._plan.day and name.label == self._plan.label

    def _holds_lines(self, journal: ManualJournal) -> bool:
        found = (entry_id_in(line.description) for line in journal.lines)
        return not self._entries.isdisjoint(entry for entry in found if entry is not None)

    def _may_look_alike(self, journal: ManualJournal) -> bool:
        """Tell whether its date and accounts are the day's: which sums count depends on what is missing."""
        codes = self._codes.get(journal.date)
        if codes is None or journal.status in DELETED_OR_VOIDED or is_anothers(self._plan, journal):
            return False
        sums = sums_of(journal, self._plan.digits)
        return bool(sums) and sums.keys() <= codes
