"""What a payments run decides with and what it has decided: policy, decisions, documents so far. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from blocks.store.audit_rows import AuditRow, Entry, Key, Kind, Status
from blocks.xero.payment_models import Shown
from flows.payments.documents import Document, Role
from flows.payments.message import PREPAYMENT_FIELD


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of the connection that decides on documents."""

    connection: str
    document_types: Mapping[Role, int]
    prepayment_field: str = PREPAYMENT_FIELD
    bank_numbers: Mapping[str, str] = field(default_factory=dict)
    hold_unknown: frozenset[Kind] = frozenset()
    # The day (UTC) from which on documents are this connection's; None holds nothing back for its date.
    starts_on: dt.date | None = None
    # The day (UTC) on which a person confirmed a record that may be new: LN may have what is dated up to then
    # from an earlier one, or entered manually. None where none had to.
    confirmed_on: dt.date | None = None


class Action(StrEnum):
    """What to do with a document."""

    SEND = "send"
    NOTE = "note"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a document, and what its audit row says of it.

    `status` is what to note; `message` what to send; `hint` what people should know of what is not open.
    """

    action: Action
    reason: str
    entry: Entry
    status: Status | None = None
    message: bytes = b""
    hint: str = ""


@dataclass(slots=True)
class Collected:
    """What a run has to do with: documents in the order of delivery, and what has become of them so far.

    `of_window` are the keys of those that the window covers; `rows` the audit rows as they now stand, by key,
    those of the prepayments that allocations are of among them; `unseen` the rows that earlier runs left
    open and which Xero no longer shows. `decisions` are by the key of the document. The others are keys of
    rows: `written` of those that this run wrote, `posted` of what it posted, `overtaken` of those that a
    person changed first, and `under_way` of those whose outcome could not be recorded: LN may have them.
    """

    documents: list[Document]
    of_window: frozenset[Key]
    rows: dict[Key, AuditRow]
    shown: Shown
    unseen: list[AuditRow]
    decisions: dict[Key, Decision] = field(default_factory=dict)
    written: set[Key] = field(default_factory=set)
    posted: set[Key] = field(default_factory=set)
    overtaken: set[Key] = field(default_factory=set)
    under_way: set[Key] = field(default_factory=set)
