"""What people do in Xero between any two steps of a run, and where their edits leave Mambu's lines."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from blocks.sandbox.xero.app import XeroStandIn
from blocks.sandbox.xero.chart import BOOKS
from blocks.sandbox.xero.state import Journal
from tests.simulation.journals.mambu import CASH, FRAGILE, LOANS

# Which entry each line of a journal carries, in their order.
Carried = tuple[int | None, ...]
_NAMES = ("LineAmount", "AccountCode", "TaxType", "Description")
_OWN = "Correction of the month"
_SENT_NAME = "Mambu journal data"


@dataclass
class Draft:
    """The lines of a journal as a person edits them, and what each carries."""

    rows: list[dict[str, Any]]
    carried: list[int | None]

    def without(self, entries: set[int]) -> Draft:
        """Return it without the lines that carry some entries."""
        kept = [pair for pair in zip(self.rows, self.carried, strict=True) if pair[1] not in entries]
        return Draft([row for row, _ in kept], [entry for _, entry in kept])


@dataclass
class Accountant:
    """A person at Xero's screen. `carried` says of each journal which of Mambu's lines it carries.

    `copies` are the copies they made that still stand, `made` are all journals they made, reversals included;
    `copied` are those that they made them of.
    """

    stand_in: XeroStandIn
    carried: dict[str, Carried] = field(default_factory=dict)
    copies: list[str] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    copied: set[str] = field(default_factory=set)
    transactions: Mapping[int, str | None] = field(default_factory=dict)

    def act(self, name: str, rng: random.Random) -> str | None:
        """Do one thing, and return what; None where there is nothing to do it to."""
        if name in _SETTINGS:
            return _SETTINGS[name](self)
        status, act = _ACTS[name]
        chosen = [one for one in self.stand_in.state.journals.values() if one.status in status]
        rng.shuffle(chosen)
        for journal in chosen:
            with suppress(ValueError):  # Xero refuses what a lock date or an archived account forbids
                if act(self, journal, rng):
                    return f"{name}: '{journal.narration}'"
        return None

    def put_right(self) -> list[str]:
        """Take copies out, and restore accounts, as runs ask for; return what was done."""
        done: list[str] = []
        for journal_id in self.copies:
            done += self.remove(journal_id)
        self.copies.clear()
        self.stand_in.state.books = BOOKS
        return done

    def remove(self, journal_id: str) -> list[str]:
        """Take a journal out, and return what was done."""
        journal = self.stand_in.state.journals[journal_id]
        status = {"DRAFT": "DELETED", "POSTED": "VOIDED"}.get(journal.status)
        if status is None:
            return []
        self.stand_in.people.change_status(journal_id, status)
        return [f"{status}: '{journal.narration}'"]

    # What can be done to a journal

    def _draft(self, journal: Journal) -> Draft:
        # Xero lets nobody save a line without an account: one that it took away is put back first.
        rows = [
            {"AccountCode": CASH, **{name: row[name] for name in _NAMES if name in row}}
            for row in journal.rows()
        ]
        return Draft(rows, list(self.carried[journal.journal_id]))

    def _save(self, journal: Journal, draft: Draft, **more: str) -> bool:
        if len(draft.rows) < 2 or sum(row["LineAmount"] for row in draft.rows):
            return False
        self.carried[journal.journal_id] = tuple(draft.carried)
        self.stand_in.people.edit(journal.journal_id, lines=draft.rows, **more)
        return True

    def status(self, journal: Journal, status: str) -> bool:
        """Give a journal another status."""
        self.stand_in.people.change_status(journal.journal_id, status)
        return True

    def add_to_name(self, journal: Journal, _rng: random.Random) -> bool:
        """Add a word to the name, as people do who have looked at it."""
        self.stand_in.people.edit(journal.journal_id, narration=f"{journal.narration} (checked)")
        return True

    def rename(self, journal: Journal, rng: random.Random) -> bool:
        """Give it a name of one's own."""
        self.stand_in.people.edit(journal.journal_id, narration=f"Loans of the month {rng.randrange(1000)}")
        return True

    def redate(self, journal: Journal, rng: random.Random) -> bool:
        """Move it to the day before or after."""
        moved = journal.day + timedelta(days=rng.choice([-1, 1]))
        self.stand_in.people.edit(journal.journal_id, day=moved.isoformat())
        return True

    def change_amounts(self, journal: Journal, _rng: random.Random) -> bool:
        """Double all amounts."""
        draft = self._draft(journal)
        for row in draft.rows:
            row["LineAmount"] *= 2
        return self._save(journal, draft)

    def change_account(self, journal: Journal, rng: random.Random) -> bool:
        """Move a line to another account."""
        draft = self._draft(journal)
        row = rng.choice(draft.rows)
        row["AccountCode"] = LOANS if row["AccountCode"] != LOANS else CASH
        return self._save(journal, draft)

    def add_words(self, journal: Journal, rng: random.Random) -> bool:
        """Write something behind a line's text."""
        draft = self._draft(journal)
        rng.choice(draft.rows)["Description"] += ", checked by A. N."
        return self._save(journal, draft)

    def rewrite_text(self, journal: Journal, rng: random.Random) -> bool:
        """Write something in the place of a line's text."""
        if journal.journal_id in self.made:
            return False
        draft = self._draft(journal)
        rng.choice(draft.rows)["Description"] = "see file"
        return self._save(journal, draft)

    def rewrite_texts(self, journal: Journal, _rng: random.Random) -> bool:
        """Write something in the place of all texts."""
        if journal.journal_id in self.made:
            return False
        draft = self._draft(journal)
        for row in draft.rows:
            row["Description"] = "see file"
        return self._save(journal, draft)

    def rewrite_all(self, journal: Journal, rng: random.Random) -> bool:
        """Give it another name, other texts and other amounts."""
        return (
            journal.journal_id not in self.made | self.copied
            and self.rewrite_texts(journal, rng)
            and self.change_amounts(self.stand_in.people.journal(journal.journal_id), rng)
            and self.rename(self.stand_in.people.journal(journal.journal_id), rng)
        )

    def add_lines(self, journal: Journal, rng: random.Random) -> bool:
        """Add two lines of one's own, which balance."""
        draft = self._draft(journal)
        for account, amount in ((CASH, 5), (rng.choice([LOANS, CASH]), -5)):
            draft.rows.append(
                {"LineAmount": amount, "AccountCode": account, "TaxType": "NONE", "Description": _OWN}
            )
            draft.carried.append(None)
        return self._save(journal, draft)

    def split(self, journal: Journal, rng: random.Random) -> bool:
        """Split a line into two of the same text."""
        draft = self._draft(journal)
        place = rng.randrange(len(draft.rows))
        row = draft.rows[place]
        draft.rows.insert(place + 1, {**row, "LineAmount": row["LineAmount"] - 1})
        draft.carried.insert(place + 1, draft.carried[place])
        row["LineAmount"] = row["LineAmount"] * 0 + 1
        return bool(draft.rows[place + 1]["LineAmount"]) and self._save(journal, draft)

    def replace_line(self, journal: Journal, rng: random.Random) -> bool:
        """Take a single line out, and put one of one's own in its place."""
        draft = self._draft(journal)
        place = rng.randrange(len(draft.rows))
        draft.rows[place]["Description"], draft.carried[place] = _OWN, None
        return self._save(journal, draft)

    def remove_transaction(self, journal: Journal, rng: random.Random) -> bool:
        """Take the lines of a transaction out."""
        entries = self._transaction(journal, rng)
        return bool(entries) and self._save(journal, self._draft(journal).without(entries))

    def move_transaction(self, journal: Journal, rng: random.Random) -> bool:
        """Move the lines of a transaction into another draft of the same date."""
        entries = self._transaction(journal, rng)
        others = [
            one
            for one in self.stand_in.state.journals.values()
            if one.status == "DRAFT" and one.day == journal.day and one.journal_id != journal.journal_id
            if self.made.isdisjoint({one.journal_id, journal.journal_id})
        ]
        draft = self._draft(journal)
        rest = draft.without(entries)
        told = _SENT_NAME in journal.narration
        if not entries or not others or len(rest.rows) < 2 or not told:
            return False
        moved = [pair for pair in zip(draft.rows, draft.carried, strict=True) if pair[1] in entries]
        target = self._draft(others[0])
        target.rows += [row for row, _ in moved]
        target.carried += [entry for _, entry in moved]
        # Where they are to be first: at no instant are they nowhere.
        return self._save(others[0], target) and self._save(journal, rest)

    def _transaction(self, journal: Journal, rng: random.Random) -> set[int]:
        """Return the entries of one of several transactions of a journal; none where there is only one."""
        units: dict[str, set[int]] = defaultdict(set)
        for entry in self.carried[journal.journal_id]:
            if entry is not None and (name := self.transactions.get(entry)):
                units[name].add(entry)
        return units[rng.choice(sorted(units))] if len(units) > 1 else set()

    def copy(self, journal: Journal, _rng: random.Random) -> bool:
        """Copy it, as Xero's screen does."""
        if any("EntryID: " not in row["Description"] for row in self._draft(journal).rows):
            # Rewritten texts are no record's in a copy: nobody could tell what it is.
            return False
        carried = self.carried[journal.journal_id]
        copy = self.stand_in.people.copy(journal.journal_id)
        self.carried[copy.journal_id] = carried
        self.copies.append(copy.journal_id)
        self.made.add(copy.journal_id)
        self.copied.add(journal.journal_id)
        return True

    def reverse(self, journal: Journal, rng: random.Random) -> bool:
        """Reverse it: a draft of opposite amounts."""
        if journal.journal_id in self.copies or not self.copy(journal, rng):
            return False
        copy = self.stand_in.people.journal(self.copies.pop())
        draft = self._draft(copy)
        for row in draft.rows:
            row["LineAmount"] = -row["LineAmount"]
        return self._save(copy, draft, narration=f"Reversal: {journal.narration}")

    def lock(self) -> str:
        """Lock the books up to some day."""
        day = self.stand_in.state.now().date() - timedelta(days=2)
        self.stand_in.state.set("period_lock", day.isoformat())
        return f"the books are locked up to {day}"

    def unlock(self) -> str | None:
        """Take the lock away."""
        if self.stand_in.state.settings.get("period_lock") is None:
            return None
        self.stand_in.state.set("period_lock", None)
        return "the books are not locked any more"

    def archive_account(self) -> str:
        """Archive an account that lines lead to."""
        self.stand_in.state.change_books("with_account_archived", FRAGILE)
        return f"account {FRAGILE} is archived"

    def restore_account(self) -> str | None:
        """Restore it."""
        if self.stand_in.state.books is BOOKS:
            return None
        self.stand_in.state.books = BOOKS
        return f"account {FRAGILE} is restored"


Act = Callable[[Accountant, Journal, random.Random], bool]
_DRAFT, _POSTED, _LIVE = frozenset({"DRAFT"}), frozenset({"POSTED"}), frozenset({"DRAFT", "POSTED"})


def _to(status: str) -> Act:
    return lambda person, journal, _rng: person.status(journal, status)


_ACTS: Mapping[str, tuple[frozenset[str], Act]] = {
    "post": (_DRAFT, _to("POSTED")),
    "delete": (_DRAFT, _to("DELETED")),
    "void": (_POSTED, _to("VOIDED")),
    "archive": (_LIVE, _to("ARCHIVED")),
    "add to the name": (_DRAFT, Accountant.add_to_name),
    "rename": (_DRAFT, Accountant.rename),
    "redate": (_DRAFT, Accountant.redate),
    "change amounts": (_DRAFT, Accountant.change_amounts),
    "change an account": (_DRAFT, Accountant.change_account),
    "add words to a text": (_DRAFT, Accountant.add_words),
    "rewrite a text": (_DRAFT, Accountant.rewrite_text),
    "rewrite all texts": (_DRAFT, Accountant.rewrite_texts),
    "rewrite all": (_DRAFT, Accountant.rewrite_all),
    "add lines": (_DRAFT, Accountant.add_lines),
    "split a line": (_DRAFT, Accountant.split),
    "replace a line": (_DRAFT, Accountant.replace_line),
    "remove a transaction": (_DRAFT, Accountant.remove_transaction),
    "move a transaction": (_DRAFT, Accountant.move_transaction),
    "copy": (_LIVE, Accountant.copy),
    "reverse": (_LIVE, Accountant.reverse),
}
_SETTINGS: Mapping[str, Callable[[Accountant], str | None]] = {
    "lock the books": Accountant.lock,
    "unlock the books": Accountant.unlock,
    "archive an account": Accountant.archive_account,
    "restore the account": Accountant.restore_account,
}
# What keeps every line where a run finds it again.
HARMLESS = ("post", "add to the name", "add words to a text", "split a line")
# What moves a journal to another page of a list.
STIRRING = ("post", "add to the name", "add words to a text")
REMOVALS = ("delete", "void", "remove a transaction", "replace a line")
EDITS = (
    *(*HARMLESS, "rename", "redate", "change amounts", "change an account", "add lines", "rewrite a text"),
    *("rewrite all texts", "move a transaction", "copy", "reverse", "archive", "rewrite all"),
)
SETTINGS = tuple(_SETTINGS)
