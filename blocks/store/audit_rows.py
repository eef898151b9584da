"""The audit row of a document for LN, and the rules by which it changes. Pure.

One row per document: whatever happens to it overwrites its row.

    status        meaning                                            later runs
    sent          accepted by LN                                     do not send it again
    duplicate     LN already had it                                  do not send it again
    failed        LN refused it, or the tries were used up           send it again
    exception     not sent, or a person must act in LN               look at it again, unless it was sent
    unknown       posted, and no answer said what became of it       send the same message again, or hold it
    discarded     a person closed it, or it went before it was sent  leave it, while it is as it was then
    unsupported   LN has no counterpart, a person enters it manually leave it

Three memories outlast the status. `sent_at`: LN has it, so it is never sent again, not even when it
turned to an exception on being deleted in Xero. `in_doubt`: a sending of it was never answered, so LN may
have it, and no other message may go out under its id. `closing`: what a person saw who closed it. A closing
covers that and nothing else: a later change in Xero opens the row again, as an exception that is not sent
until a person undiscards it, for LN may have what was entered manually.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from blocks.errors import Refusal, UsageError

# How the reason of a document begins that is older than the connection, and waits for a person's word.
BEFORE_START = "Not sent: it is dated before "
# Who discards what was deleted in Xero before it was sent.
CONNECTOR = "Daybook"
# How the reason of a document begins that was deleted in Xero, and that people may have to reverse in LN.
# Rows of earlier releases are recognised by it.
TO_REVERSE = "It was deleted in Xero: "
DELETED_FOR_REVIEW = (
    f"{TO_REVERSE}if it was booked in LN (manually, or from a store that was lost), reverse it there. Then "
    "discard it."
)


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
        raise UsageError(f"{text!r} is not a key such as payment:1234. The kinds are {', '.join(Kind)}.")
    return Kind(kind), xero_id


@dataclass(frozen=True, slots=True)
class Entry:
    """What a row says of its document, as Xero last showed it; all but the key may be unknown.

    `amount` and `rate` are texts, exact as in Xero. `prepayment_id`: the prepayment, overpayment or credit
    note that an allocation is of. `xero_status`: LIVE, GONE, MADE_AGAIN, or what Xero says and nobody knows.
    None in one of the last three: the row is older than they are.
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
    bank_account: str | None = None
    rate: str | None = None
    xero_status: str | None = None


_GAPS = frozenset({"bank_account", "partner", "invoice_number", "currency", "rate"})
_MAY_BE_UNKNOWN = frozenset({"bank_account", "rate", "xero_status"})
LIVE = "live"
GONE = "gone"
MADE_AGAIN = "made again"  # it was gone, and there is one like it, under the same id
# How people call the fields of a document. The name of a contact that has a code is none of them.
FIELDS = {
    "xero_status": "status in Xero",
    "document_type": "type",
    "day": "date",
    "bank_account": "bank account",
    "partner": "partner",
    "invoice_number": "invoice",
    "currency": "currency",
    "rate": "rate",
    "amount": "amount",
}


class Difference(NamedTuple):
    """A field that is not what it was, as people call it, with both its values; empty for none."""

    field: str
    before: str
    now: str

    def __str__(self) -> str:
        """Return it as reasons show it."""
        return f"{self.field} {self.before or 'none'} -> {self.now or 'none'}"


def differences(before: Entry, now: Entry, *, gaps: bool = True) -> list[Difference]:
    """Return in what a document is another than it was; what was not known then (None) says nothing.

    `gaps`: what has come to light of a partner, bank account and the like that was missing counts, too.
    """
    fields = {**FIELDS, "contact_name": "contact"}
    if before.partner:
        del fields["contact_name"]
    elif before.contact_name == now.contact_name:
        # Without a code the name says who it is: the same partner has got one since.
        del fields["partner"]
    return [
        Difference(said, _said(old), _said(new))
        for name, said in fields.items()
        if (old := getattr(before, name)) != (new := getattr(now, name))
        and old is not None
        and (gaps or old != "" or name not in _GAPS)
        and not (new is None and name in _MAY_BE_UNKNOWN)
    ]


def _said(value: object) -> str:
    return "" if value is None else str(value)


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


_NO_ANSWER = Result(Status.UNKNOWN, "It is being posted. If this stays, the run crashed before an answer.")
_NOT_POSTED = Result(
    Status.FAILED,
    "Not sent: the run came to its end before this document's turn. The next run sends it.",
    posted=False,
)


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
    # Of a row that a change in Xero has opened again: JSON of the entry as a person saw it who closed it.
    closing: str | None = None

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
    def closed_by_connector(self) -> bool:
        """Tell whether it is closed because it went before it was sent."""
        return self.discarded and self.discarded_by == CONNECTOR

    @property
    def closed_at_sight_of(self) -> Entry | None:
        """Return what a person saw who closed it; None where no person did, or one has reopened it.

        A closed row says what was shown. Raises ValueError and LookupError where `closing` is damaged.
        """
        if self.closing is not None:
            return _seen(self.closing, self.entry)
        return _with_status(self) if self.discarded and not self.closed_by_connector else None

    def changes_since_closing(self, now: Entry) -> list[Difference]:
        """Return in what a document is another than a person saw who closed it, if one did.

        Of what was not sent the gaps are what held it back: that a customer has got a code is no change.
        """
        seen = self.closed_at_sight_of
        return differences(seen, now, gaps=self.sent_at is not None) if seen else []

    @property
    def retried(self) -> bool:
        """Tell whether later runs look at it again."""
        return not self.discarded and self.sent_at is None and self.result.status in RETRIED


def waits_from_before_start(row: AuditRow) -> bool:
    """Tell whether a document is older than the connection, and waits for a person's word on it."""
    untouched = row.tries == 0 and row.sent_at is None and not row.discarded and row.undiscarded_at is None
    held = row.result.status is Status.EXCEPTION and row.result.reason.startswith(BEFORE_START)
    return untouched and held


def was_gone(row: AuditRow) -> bool:
    """Tell whether Xero no longer showed a document when its row was last written, by whatever Daybook."""
    if row.entry.xero_status is None:
        return row.result.reason.startswith("It was deleted in Xero")
    return row.entry.xero_status in {GONE, MADE_AGAIN}


def _with_status(row: AuditRow) -> Entry:
    if row.entry.xero_status is not None:
        return row.entry
    return replace(row.entry, xero_status=GONE if was_gone(row) else LIVE)


def _as_seen(entry: Entry) -> str:
    return json.dumps({name: getattr(entry, name) for name in _SEEN} | {"day": _said(entry.day)})


def _seen(text: str, entry: Entry) -> Entry:
    """Return the entry of a closing. Raises ValueError and LookupError."""
    found = json.loads(text)
    day = date.fromisoformat(found["day"]) if found["day"] else None
    return replace(entry, **{name: found[name] for name in _SEEN}, day=day)


_SEEN = tuple(name for name in (*FIELDS, "contact_name") if name != "day")


class Overtaken(Refusal):
    """A row no longer is as it was when its document was decided on: a person has seen to it meanwhile."""


class MayNotSend(Overtaken):
    """A document must not be posted."""


def posting(held: AuditRow | None, entry: Entry, message: str, run_id: str, at: datetime) -> AuditRow:
    """Return the row as it must stand before a post leaves: unknown, so that a crash leaves a trace.

    Raises MayNotSend for what LN has, what a person closed, and another message than one that LN may have.
    What the connector closed, for it was gone, may be there again.
    """
    if held is None:
        return AuditRow(entry, _NO_ANSWER, run_id, at, at, 1, at, message)
    if held.sent_at is not None or held.closed_at_sight_of or (held.discarded and not was_gone(held)):
        raise MayNotSend(f"{entry.key} is {held.status} and is not sent again.")
    in_doubt = held.in_doubt or held.result.status is Status.UNKNOWN
    if in_doubt and held.message != message:
        raise MayNotSend(f"{entry.key} may be in LN already, so it is not sent with different content.")
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
        discarded=False,
    )


def posted_again(held: AuditRow, at: datetime) -> AuditRow:
    """Return the row with one more post of the same run, after an answer that nothing was booked.

    Raises MayNotSend for what was discarded meanwhile.
    """
    if held.discarded:
        raise MayNotSend(f"{held.key} is discarded and is not sent again.")
    return replace(held, tries=held.tries + 1, last_try=at, changed_at=at)


def still_posting(held: AuditRow, run_id: str) -> AuditRow:
    """Return the row of a document that was to be posted, as long as it is.

    Raises MayNotSend for what was discarded meanwhile, and what another run has taken up.
    """
    if held.discarded or not _is_being_posted(held, run_id):
        raise MayNotSend(f"{held.key} is {held.status} by now and is not sent.")
    return held


def not_posted(held: AuditRow, run_id: str, at: datetime) -> AuditRow:
    """Return the row of a document that was to be posted, and of which no byte has left in this posting.

    What another run has taken up since stays as it is.
    """
    return settled(held, _NOT_POSTED, at) if _is_being_posted(held, run_id) else held


def _is_being_posted(held: AuditRow, run_id: str) -> bool:
    return held.run_id == run_id and held.result == _NO_ANSWER


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
    was sent; unknown only words anew why an unknown outcome is held; sent and duplicate, what has become of
    a document that LN has. A row follows Xero, but where LN may have it, it keeps what was sent. A discarded
    row stays as it is, unless Xero shows something else by now: then it is open again. What a person has
    closed, also while it was decided on, is not closed as never sent: they may have entered it in LN.
    """
    if held is not None and held.discarded and not _opens(held, entry):
        return held
    if status is Status.DISCARDED and held is not None and held.closed_at_sight_of:
        status, reason = Status.EXCEPTION, DELETED_FOR_REVIEW
    _require_notable(held, entry, status)
    closed = status is Status.DISCARDED
    result = Result(Status.EXCEPTION if closed else status, reason)
    if held is None:
        row = AuditRow(entry, result, run_id, at, at)
    else:
        seen = held.closed_at_sight_of
        in_doubt = held.in_doubt or held.result.status is Status.UNKNOWN
        # Of what is gone Xero may not say any more what it was.
        as_sent = replace(held.entry, xero_status=entry.xero_status)
        kept = as_sent if closed or (in_doubt and not seen) else entry
        row = replace(
            held,
            entry=kept,
            result=replace(held.result, status=result.status, reason=reason) if held.sent_at else result,
            run_id=run_id,
            changed_at=at,
            in_doubt=in_doubt,
            discarded=False,
            closing=_as_seen(seen) if seen else None,
        )
    return replace(row, discarded=True, discarded_by=CONNECTOR, discarded_at=at) if closed else row


def _opens(held: AuditRow, entry: Entry) -> bool:
    """Tell whether a closed document is another by now than its closing covers."""
    if held.closed_by_connector:
        return was_gone(held) and entry.xero_status != GONE
    return bool(held.changes_since_closing(entry))


def _require_notable(held: AuditRow | None, entry: Entry, status: Status) -> None:
    unknown = held is not None and held.result.status is Status.UNKNOWN
    there = held is not None and (held.sent_at is not None or held.in_doubt or unknown)
    in_ln = held is not None and held.sent_at is not None
    fits = {
        Status.SENT: in_ln,
        Status.DUPLICATE: in_ln,
        Status.EXCEPTION: True,
        Status.UNSUPPORTED: not there,
        Status.DISCARDED: not there,
        Status.UNKNOWN: unknown,
    }
    if not fits.get(status, False):
        now = held.status if held else "new"
        raise Overtaken(f"{entry.key} is {now} and cannot become {status} without an answer from LN.")


def discarded(held: AuditRow, who: str, reason: str, at: datetime) -> AuditRow:
    """Return the row closed by a person, as it is shown to them; the first one to close it is kept."""
    if held.discarded:
        return held
    return replace(
        held,
        discarded=True,
        discarded_by=who,
        discarded_at=at,
        discard_reason=reason,
        changed_at=at,
        closing=None,
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
        closing=None,
        undiscarded_by=who,
        undiscarded_at=at,
        changed_at=at,
    )


def decided(row: AuditRow) -> datetime | None:
    """Return when a person last said what is to become of a document; None where nobody did."""
    closed = row.discarded_at if row.discarded_by != CONNECTOR else None
    return max((at for at in (closed, row.undiscarded_at) if at), default=None)


def carried_over(held: AuditRow | None, other: AuditRow) -> AuditRow:
    """Return the row with what a person has said of the document in another store, unless said here since.

    Where nothing was posted or said here yet, it is the other one's: with it comes what else must not be
    forgotten.
    """
    if held is None or (held.tries == 0 and decided(held) is None):
        return other
    said, here = decided(other), decided(held)
    if said is None or (here and here >= said):
        return held
    if other.undiscarded_at == said:
        return held if held.sent_at else undiscarded(held, other.undiscarded_by, said)
    return _closed_elsewhere(held, other, said)


def _closed_elsewhere(held: AuditRow, other: AuditRow, said: datetime) -> AuditRow:
    """Return the row closed as a person closed it in another store; open where that does not cover it here.

    Raises ValueError and LookupError where what they saw is damaged.
    """
    who, seen = other.discarded_by, other.closed_at_sight_of or _with_status(other)
    closing = replace(
        held,
        discarded=True,
        discarded_by=who,
        discarded_at=said,
        discard_reason=other.discard_reason,
        changed_at=said,
        closing=_as_seen(seen),
    )
    changes = closing.changes_since_closing(_with_status(held))
    if not changes:
        return replace(closing, closing=None)
    listed = ", ".join(map(str, changes))
    reason = f"{who} closed it when it was different ({listed}): correct it manually in LN, then discard it."
    return noted(closing, _with_status(held), Status.EXCEPTION, reason, held.run_id, said)
