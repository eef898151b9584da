"""The audit row of a document for LN, and the rules by which it changes. Pure.

One row per document: whatever happens to it overwrites its row.

    status        meaning                                            later runs
    sent          LN took it                                         do not send it again
    duplicate     LN already had it                                  do not send it again
    failed        LN refused it, or the tries were used up           send it again
    exception     not sent, or a person must act in LN               look at it again, unless it was sent
    unknown       posted, and no answer said what became of it       send the same message again, or hold it
    discarded     a person closed it, or it went before it was sent  leave it
    unsupported   LN has no counterpart, a person does it by hand    leave it

Three memories outlast the status. `sent_at`: LN has it, so it is never sent again, not even when it
turned to an exception on being deleted in Xero. `in_doubt`: a sending of it was never answered, so LN may
have it, and no other message may go out under its id. `discarded`: it is closed until a person reopens it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from blocks.errors import Refusal, UsageError

# Who discards what was deleted in Xero before it was sent.
CONNECTOR = "Daybook"


class Kind(StrEnum):
    """What a document is in Xero."""

    PAYMENT = "payment"
    PREPAYMENT = "prepayment"
    ALLOCATION = "allocation"
    OVERPAYMENT = "overpayment"


class Status(StrEnum):
    """Where a document stands; see the table at the top of the module."""

    SENT = "sent"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    EXCEPTION = "exception"
    UNKNOWN = "unknown"
    DISCARDED = "discarded"
    UNSUPPORTED = "unsupported"


IN_LN = frozenset({Status.SENT, Status.DUPLICATE})
RETRIED = frozenset({Status.FAILED, Status.EXCEPTION, Status.UNKNOWN})


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What a document is known by: in LN, in the record, and to the person who discards it."""

    organisation: str
    kind: Kind
    xero_id: str

    def __str__(self) -> str:
        """Return the key as commands take it."""
        return f"{self.kind}:{self.xero_id}"


def parsed_key(text: str) -> tuple[Kind, str]:
    """Return kind and id of a key such as payment:1234. Raises UsageError."""
    kind, colon, xero_id = text.partition(":")
    if not colon or not xero_id or kind not in set(Kind):
        raise UsageError(f"{text!r} is no key such as payment:1234; the kinds are {', '.join(Kind)}.")
    return Kind(kind), xero_id


@dataclass(frozen=True, slots=True)
class Entry:
    """What a row says of its document; all but the key may be unknown.

    `amount` is text, exact as in Xero. `prepayment_id`: the prepayment that an allocation is of.
    """

    key: Key
    connection: str
    document_type: int | None = None
    partner: str = ""
    invoice_number: str = ""
    contact_name: str = ""
    day: date | None = None
    amount: str = ""
    currency: str = ""
    prepayment_id: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """How a posting ended; `posted` is False where it was given up before anything left."""

    status: Status
    reason: str
    http_status: int | None = None
    ln_code: str = ""
    ln_message: str = ""
    ln_request_id: str = ""
    posted: bool = True


_NO_ANSWER = Result(Status.UNKNOWN, "It is being posted; if this stays, the run died before the answer came.")


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row: the document, how its last posting ended, and what must not be forgotten.

    `tries` counts posts; `message` is what was posted, or last would have been.
    """

    entry: Entry
    result: Result
    run_id: str
    first_seen: datetime
    changed_at: datetime
    tries: int = 0
    last_try: datetime | None = None
    message: str = ""
    sent_at: datetime | None = None
    in_doubt: bool = False
    discarded: bool = False
    discarded_by: str = ""
    discarded_at: datetime | None = None
    discard_reason: str = ""
    undiscarded_by: str = ""
    undiscarded_at: datetime | None = field(default=None)

    @property
    def key(self) -> Key:
        """Return the document's key."""
        return self.entry.key

    @property
    def status(self) -> Status:
        """Return where the document stands: discarded whatever became of it before."""
        return Status.DISCARDED if self.discarded else self.result.status

    @property
    def reason(self) -> str:
        """Return why, in words a person understands."""
        if not self.discarded or self.discarded_by == CONNECTOR:
            return self.result.reason
        return f"{self.discard_reason} (discarded by {self.discarded_by}; before: {self.result.reason})"

    @property
    def retried(self) -> bool:
        """Tell whether later runs look at it again."""
        return not self.discarded and self.sent_at is None and self.result.status in RETRIED


class MayNotSend(Refusal):
    """A document must not be posted; to get here is a fault of the caller's."""


def posting(held: AuditRow | None, entry: Entry, message: str, run_id: str, at: datetime) -> AuditRow:
    """Return the row as it must stand before a post leaves: unknown, so that a crash leaves a trace.

    Raises MayNotSend for what LN has, what was discarded, and another message than one that LN may have.
    """
    if held is None:
        return AuditRow(entry, _NO_ANSWER, run_id, at, at, 1, at, message)
    if held.sent_at is not None or held.discarded:
        raise MayNotSend(f"{entry.key} is {held.status} and is not sent again.")
    in_doubt = held.in_doubt or held.result.status is Status.UNKNOWN
    if in_doubt and held.message != message:
        raise MayNotSend(f"{entry.key} may be in LN already, so it is not sent with other content.")
    return replace(
        held,
        entry=entry,
        result=_NO_ANSWER,
        run_id=run_id,
        changed_at=at,
        tries=held.tries + 1,
        last_try=at,
        message=message,
        in_doubt=in_doubt,
    )


def posted_again(held: AuditRow, at: datetime) -> AuditRow:
    """Return the row with one more post of the same run, after an answer that nothing was booked."""
    return replace(held, tries=held.tries + 1, last_try=at, changed_at=at)


def settled(held: AuditRow, result: Result, at: datetime) -> AuditRow:
    """Return the row with the end of its posting. What is in LN never turns into anything less."""
    if held.sent_at is not None and result.status not in IN_LN:
        return held
    in_ln = result.status in IN_LN
    return replace(
        held,
        result=result,
        changed_at=at,
        tries=held.tries if result.posted else max(held.tries - 1, 0),
        sent_at=held.sent_at or (at if in_ln else None),
        in_doubt=not in_ln and (held.in_doubt or result.status is Status.UNKNOWN),
    )


def noted(
    held: AuditRow | None, entry: Entry, status: Status, reason: str, run_id: str, at: datetime
) -> AuditRow:
    """Return the row with something that came about without a post.

    Exception and unsupported are what the connector finds; discarded, what was deleted in Xero before it
    was sent; unknown only words anew why an unknown outcome is held. Of what LN has, or may have, the row
    keeps what was sent. A discarded row stays as it is.
    """
    if held is not None and held.discarded:
        return held
    _require_notable(held, entry, status)
    closed = status is Status.DISCARDED
    result = Result(Status.EXCEPTION if closed else status, reason)
    if held is None:
        row = AuditRow(entry, result, run_id, at, at)
    else:
        in_doubt = held.in_doubt or held.result.status is Status.UNKNOWN
        # Of what is gone Xero may not say any more what it was.
        kept = held.entry if in_doubt or held.sent_at or closed else entry
        row = replace(held, entry=kept, result=result, run_id=run_id, changed_at=at, in_doubt=in_doubt)
    return replace(row, discarded=True, discarded_by=CONNECTOR, discarded_at=at) if closed else row


def _require_notable(held: AuditRow | None, entry: Entry, status: Status) -> None:
    unknown = held is not None and held.result.status is Status.UNKNOWN
    there = held is not None and (held.sent_at is not None or held.in_doubt or unknown)
    fits = {
        Status.EXCEPTION: True,
        Status.UNSUPPORTED: not there,
        Status.DISCARDED: not there,
        Status.UNKNOWN: unknown,
    }
    if not fits.get(status, False):
        now = held.status if held else "new"
        raise Refusal(f"{entry.key} is {now} and cannot become {status} without an answer of LN's.")


def discarded(held: AuditRow, who: str, reason: str, at: datetime) -> AuditRow:
    """Return the row closed by a person; the first one to close it is kept."""
    if held.discarded:
        return held
    return replace(
        held, discarded=True, discarded_by=who, discarded_at=at, discard_reason=reason, changed_at=at
    )


def undiscarded(held: AuditRow, who: str, at: datetime) -> AuditRow:
    """Return the row reopened by a person, who thereby says that LN does not have what is in doubt."""
    result = held.result
    if result.status is Status.UNKNOWN:
        result = replace(result, status=Status.FAILED, reason=f"{who} says that LN does not have it.")
    return replace(
        held,
        result=result,
        discarded=False,
        in_doubt=False,
        undiscarded_by=who,
        undiscarded_at=at,
        changed_at=at,
    )
