"""What the Infor LN stand-in remembers: bank documents and what follows from them, in memory and on disk.

Bank documents are the only thing booked. What is left of a prepayment, what is settled of an invoice, the
balances and the ids already processed are all worked out from them, so that no two of them can disagree.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from blocks.sandbox.infor_ln.message import Message
from blocks.sandbox.kept_state import KeptState, read_settings

FILE_NAME: Final = "ln.sqlite3"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS document (serial INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE IF NOT EXISTS refusal (serial INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE IF NOT EXISTS token (digest TEXT PRIMARY KEY, kind TEXT, ends INTEGER);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT);
"""
_MOST_REFUSALS: Final = 10_000

KINDS: Final = {
    "receipt": "Customer receipt",
    "payment": "Supplier payment",
    "unallocated receipt": "Unallocated receipt",
    "unallocated payment": "Unallocated payment",
    "assignment": "Assignment",
    "expense": "Expense payment",
}
"""What a bank document can be. An assignment moves no cash."""


@dataclass(frozen=True, slots=True)
class BankDocument(Message):
    """One bank document: a message as LN booked it."""

    serial: int
    number: str
    kind: str
    company: str
    received_ms: int

    @property
    def key(self) -> tuple[str, str]:
        """What the duplicate check compares: the payment's id where there is one, else the prepayment's."""
        return ("payment", self.payment_id) if self.payment_id else ("prepayment", self.prepayment_id)

    @property
    def cash(self) -> Decimal:
        """What it adds to the bank account, in its own currency."""
        if self.kind == "assignment":
            return Decimal(0)
        return self.amount if self.kind.endswith("receipt") else -self.amount

    def shown(self) -> dict[str, Any]:
        """Return it as JSON can hold it, amounts as texts."""
        row = {name: getattr(self, name) for name in _COLUMNS}
        return {**row, "day": self.day.isoformat(), "rate": str(self.rate), "amount": str(self.amount)}


CARRIED: Final = tuple(field.name for field in fields(Message))
"""What a document has of its message."""
_COLUMNS: Final = ("serial", "number", "kind", "company", *CARRIED, "received_ms")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One call that LN refused, for people to look at; the books know nothing of it."""

    serial: int
    at_ms: int
    status: int
    code: str
    message: str
    sent: dict[str, Any]
    differs: bool = False  # a duplicate whose content is not that of the first


class State(KeptState):
    """All of it."""

    def __init__(self, directory: Path | None, now: Callable[[], datetime]) -> None:
        super().__init__(directory and directory / FILE_NAME, _SCHEMA, now)
        self._clear()
        if self._db is not None:
            self._load(self._db)

    def _clear(self) -> None:
        self.documents: list[BankDocument] = []
        self.by_key: dict[tuple[str, str], BankDocument] = {}
        self.prepayments: dict[str, BankDocument] = {}
        self.assigned: dict[str, Decimal] = {}  # by prepayment
        self.settled: dict[tuple[str, str], Decimal] = {}  # by partner and invoice
        self.refusals: list[Refusal] = []
        self.tokens: dict[str, tuple[str, int]] = {}
        self.settings: dict[str, Any] = {}
        self._refusal_serial = 0

    def reset(self) -> None:
        """Forget everything but the tokens: who is signed in stays so."""
        tokens = self.tokens
        self._clear()
        self.tokens = tokens
        self._empty("document", "refusal", "setting")

    # Documents

    def next_serial(self) -> int:
        """Return the serial of the document about to be booked."""
        return len(self.documents) + 1

    def book(self, document: BankDocument) -> None:
        """Book a document."""
        self._remember(document)
        self._run("INSERT INTO document VALUES (?, ?)", (document.serial, json.dumps(document.shown())))

    def _remember(self, document: BankDocument) -> None:
        self.documents.append(document)
        self.by_key.setdefault(document.key, document)
        if document.kind.startswith("unallocated"):
            self.prepayments.setdefault(document.prepayment_id, document)
            return
        if document.kind == "assignment":
            left = self.assigned.get(document.prepayment_id, Decimal(0))
            self.assigned[document.prepayment_id] = left + document.amount
        if document.kind != "expense":
            place = document.partner, document.invoice
            self.settled[place] = self.settled.get(place, Decimal(0)) + document.amount

    def remainder(self, prepayment_id: str) -> Decimal:
        """Return what is left of a prepayment that is booked."""
        return self.prepayments[prepayment_id].amount - self.assigned.get(prepayment_id, Decimal(0))

    def balances(self) -> dict[tuple[str, str], Decimal]:
        """Return what the documents moved, by bank account and currency of the documents."""
        moved: dict[tuple[str, str], Decimal] = {}
        for document in self.documents:
            place = document.bank_account, document.currency
            moved[place] = moved.get(place, Decimal(0)) + document.cash
        return moved

    # Refusals

    def note_refusal(
        self, status: int, code: str, message: str, sent: dict[str, Any], *, differs: bool = False
    ) -> None:
        """Note a refused call, and forget the oldest of very many."""
        self._refusal_serial += 1
        one = Refusal(self._refusal_serial, self.now_ms(), status, code, message, sent, differs)
        self.refusals.append(one)
        self._run("INSERT INTO refusal VALUES (?, ?)", (one.serial, json.dumps(asdict(one), default=str)))
        if len(self.refusals) > _MOST_REFUSALS:
            gone = self.refusals.pop(0)
            self._run("DELETE FROM refusal WHERE serial = ?", (gone.serial,))

    # Tokens

    def keep_token(self, digest: str, kind: str, ends_ms: int) -> None:
        """Keep a token's digest."""
        self.tokens[digest] = kind, ends_ms
        self._run("INSERT OR REPLACE INTO token VALUES (?, ?, ?)", (digest, kind, ends_ms))

    def forget_token(self, digest: str) -> None:
        """Forget one token."""
        self.tokens.pop(digest, None)
        self._run("DELETE FROM token WHERE digest = ?", (digest,))

    def forget_tokens(self) -> None:
        """Forget all tokens."""
        self.tokens.clear()
        self._run("DELETE FROM token")
        self.commit()

    def _load(self, db: sqlite3.Connection) -> None:
        for (body,) in db.execute("SELECT body FROM document ORDER BY serial"):
            row = json.loads(body)
            row |= {"day": date.fromisoformat(row["day"])}
            self._remember(
                BankDocument(**{**row, "rate": Decimal(row["rate"]), "amount": Decimal(row["amount"])})
            )
        for (body,) in db.execute("SELECT body FROM refusal ORDER BY serial"):
            self.refusals.append(Refusal(**json.loads(body)))
            self._refusal_serial = self.refusals[-1].serial
        for digest, kind, ends in db.execute("SELECT * FROM token"):
            self.tokens[digest] = kind, ends
        self.settings = read_settings(db)
