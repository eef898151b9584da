"""Classify: what is to be done with each document, and what its audit row says of it. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import replace

from blocks.store.audit_rows import (
    BEFORE_START,
    DELETED_FOR_REVIEW,
    GONE,
    LIVE,
    MADE_AGAIN,
    TO_REVERSE,
    AuditRow,
    Kind,
    Status,
    differences,
    was_gone,
)
from blocks.xero.payment_models import Shown
from flows.payments.case import Case, as_sent, case_of, hint_on, may_be_in_ln, message_of
from flows.payments.documents import Document, Role
from flows.payments.models import Action, Decision, Policy
from flows.payments.post_outcome import NEVER_ANSWERED, NOT_ON_RECORD

_SALES = frozenset({Role.SALES_PAYMENT, Role.CLIENT_PREPAYMENT})
_HELD_BACK = frozenset({Status.EXCEPTION, Status.FAILED, Status.UNSUPPORTED})
# Rows of earlier releases are recognised by how this reason begins, which must stay as it is.
_IS_HELD = "Its outcome is unknown, and "
_HELD = (
    f"{_IS_HELD}this connection holds such documents for review. Look for it in LN. If LN has it, discard "
    "it; if not, undiscard it, and the next run sends it again."
)


def classify(
    document: Document,
    row: AuditRow | None,
    prepayment: AuditRow | None,
    shown: Shown,
    policy: Policy,
) -> Decision:
    """Decide on a document; `row` is its audit row (see row_of), `prepayment` that of its prepayment.

    Prepayments are to be decided and delivered before what refers to them is decided.
    """
    case = case_of(document, row, prepayment, shown, policy)
    for rule in _RULES:
        if decision := rule(case):
            return decision
    return Decision(Action.SEND, "", case.entry, message=message_of(case), hint=hint_on(case, shown))


def _closed(case: Case) -> Decision | None:
    row = case.row
    if row is None:
        return None
    if row.closed_by_connector:
        there_again = was_gone(row) and not case.document.deleted
        return None if there_again else case.leave("It is discarded.")
    if row.closed_at_sight_of is None:
        return None
    changes = row.changes_since_closing(case.entry)
    if row.discarded and not changes:
        return case.leave("It is discarded.")
    who = row.discarded_by
    if case.document.deleted:
        said = f"It was deleted in Xero after {who} closed it: if it was booked in LN, reverse it there"
    elif case.entry.xero_status == MADE_AGAIN:
        said = (
            f"It was deleted in Xero and an identical one created after {who} closed it: if the first one "
            "was reversed in LN, enter this one manually in LN"
        )
    elif changes:
        said = f"It was changed in Xero after {who} closed it ({_listed(changes)}): correct it manually in LN"
    else:
        said = f"It was changed in Xero after {who} closed it, and changed back: check that LN agrees"
    return case.note(Status.EXCEPTION, f"{said}, then discard it.")


def _deleted(case: Case) -> Decision | None:
    if not case.document.deleted:
        return None
    row = case.row
    if case.document.is_credit_note:
        return case.note(Status.DISCARDED, "The problem with the credit note no longer exists in Xero.")
    if row is not None and row.sent_at is not None:
        return case.note(
            Status.EXCEPTION, "It was deleted in Xero after it was sent: reverse it manually in LN."
        )
    if row is not None and may_be_in_ln(row):
        return case.note(
            Status.EXCEPTION,
            "It was deleted in Xero while its outcome was unknown: check LN, and if it was booked, reverse "
            "it manually.",
        )
    if _is_for_people(row) or _left_to_people(case):
        return case.note(Status.EXCEPTION, DELETED_FOR_REVIEW)
    said = "It was deleted in Xero before it was sent."
    if row is None:
        return case.note(Status.DISCARDED, said)
    # It was shown to people as open, who may have seen to it in LN.
    said = f"{said} If it was booked manually in LN meanwhile, reverse it there."
    return replace(case.note(Status.DISCARDED, said), hint=said)


def _is_for_people(row: AuditRow | None) -> bool:
    """Tell whether a person was asked to enter it manually in LN, or to reverse it there."""
    if row is None:
        return False
    to_reverse = row.status is Status.EXCEPTION and row.reason.startswith(TO_REVERSE)
    # A person who reopened it since has said that LN does not have it.
    reopened = row.undiscarded_at is not None and row.undiscarded_at >= row.changed_at
    return row.status is Status.UNSUPPORTED or (to_reverse and not reopened)


def _left_to_people(case: Case) -> bool:
    """Tell whether it may be older than the connection, and no person has said that LN does not have it.

    Or whether its row may be of a copy of the store, since which another one may have sent it.

    Of one that no row knew when it went, also whether it may be older than the record, which may be new: by
    its date, and where it has none, or one ahead of the day on which it went, nothing tells that it is not.
    """
    row, day, policy = case.row, case.document.day or case.entry.day, case.policy
    if row is not None and _may_be_of_an_older_copy(row, policy):
        return True
    if row is not None and row.undiscarded_at is not None:
        return False
    before_start = policy.starts_on is not None if day is None else _before_the_start(day, policy)
    unknown = row is None or (was_gone(row) and row.tries == 0)
    return before_start or (unknown and _may_be_before_the_record(case, day))


def _may_be_of_an_older_copy(row: AuditRow, policy: Policy) -> bool:
    """Tell whether a row may be as a store had it that was set back: what came after it, nobody knows."""
    confirmed = policy.confirmed_on
    return confirmed is not None and row.changed_at.astimezone(dt.UTC).date() <= confirmed


def _may_be_before_the_record(case: Case, day: dt.date | None) -> bool:
    confirmed, went = case.policy.confirmed_on, case.document.changed_at
    if confirmed is None:
        return False
    # The time of change is that of the deletion, not of the entry: it tells of dates ahead of it alone.
    return day is None or day <= confirmed or went is None or day > went.date()


def _of_odd_status(case: Case) -> Decision | None:
    document, row = case.document, case.row
    if document.status in {LIVE, GONE} or document.role is None:
        return None
    said = f'the status "{document.status}"' if document.status else "no status"
    first = "Not sent"
    if row is not None and may_be_in_ln(row):
        first = "LN has it" if row.sent_at else "LN may have it"
    return case.note(
        Status.EXCEPTION,
        f"{first}: Xero shows {said} for it, so it is unknown whether it is valid or deleted. Check it "
        "there.",
    )


def _made_again(case: Case) -> Decision | None:
    if case.entry.xero_status != MADE_AGAIN:
        return None
    has = "has" if case.row and case.row.sent_at else "may have"
    return case.note(
        Status.EXCEPTION,
        f"It was deleted in Xero and an identical one created, and LN {has} the first one: if that was "
        "reversed in LN, enter this one manually in LN; then discard it.",
    )


def _unreadable(case: Case) -> Decision | None:
    row, problem = case.row, case.document.problem
    if not problem:
        return None
    if row is None or row.sent_at is None:
        # What LN may have is sent again as it was, whatever Xero shows now.
        if case.document.is_credit_note:
            problem = (
                f"{problem}: check in Xero what was applied of the credit note, and enter it manually in LN"
            )
        return _in_doubt(case) or case.note(Status.EXCEPTION, f"Not sent: {problem}.")
    if row.status is Status.EXCEPTION:
        return case.leave("LN has it.")
    return case.note(
        Status.EXCEPTION,
        f"LN has it, and Xero no longer shows it completely ({problem}), so it is unknown whether it has "
        "changed. Compare it with LN manually.",
    )


def _in_ln(case: Case) -> Decision | None:
    row = case.row
    if row is None or row.sent_at is None:
        return None
    sent, now = as_sent(row), case.entry
    unsure = NOT_ON_RECORD if NOT_ON_RECORD in row.result.reason else ""
    if changes := differences(sent, now):
        listed = _listed(changes)
        reason = f"It was changed in Xero after sending ({listed}): correct it manually in LN.{unsure}"
        noted = (row.result.status, row.result.reason, row.entry) == (Status.EXCEPTION, reason, now)
        return case.leave("LN has it.") if noted else case.note(Status.EXCEPTION, reason)
    if row.result.status is Status.EXCEPTION:
        # Any other cause than a change that was undone is for a person to close.
        undone = differences(sent, row.entry) or row.entry.xero_status not in {LIVE, None}
        if not undone:
            return case.leave("LN has it.")
        if unsure:
            # What was posted last LN did not take: a correction in LN may be right.
            said = f"LN reported that it has it, and Xero shows it again as it did then.{unsure}"
            return case.note(Status.DUPLICATE, said)
        return case.note(
            Status.SENT,
            "LN has it, and Xero again shows it as it was sent: undo any manual correction in LN.",
        )
    if now.contact_name != row.entry.contact_name:
        names = f'as "{sent.contact_name}"; in Xero the contact is now called "{now.contact_name}"'
        return case.note(row.result.status, f"LN has it, {names}.{unsure}")
    return case.leave("LN has it.")


def _listed(changes: Iterable[object]) -> str:
    return "; ".join(map(str, changes))


def _no_counterpart(case: Case) -> Decision | None:
    if case.document.role is not None:
        return None
    kind = case.document.xero_type or "a document without a type in Xero"
    return case.note(Status.UNSUPPORTED, f"LN has no counterpart to {kind}: enter it manually in LN.")


def _in_doubt(case: Case) -> Decision | None:
    row = case.row
    if row is None or not (row.in_doubt or row.status is Status.UNKNOWN):
        return None
    if case.document.key.kind in case.policy.hold_unknown:
        if row.status is Status.UNKNOWN:
            return case.note(Status.UNKNOWN, _HELD)
        # Where LN could not be asked again, the reason is of that, and does not say that it is held.
        is_said = row.reason.startswith(_IS_HELD) or NEVER_ANSWERED in row.reason
        return case.leave(row.reason) if is_said else case.note(Status.EXCEPTION, _HELD)
    return Decision(
        Action.SEND,
        "Its outcome was unknown: the same message is sent again.",
        row.entry,
        message=row.message.encode(),
    )


def _with_obstacles(case: Case) -> Decision | None:
    if _may_be_entered_manually(case):
        # No other obstacle is named: all of these are reported, and can be closed, together.
        return case.note(
            Status.EXCEPTION,
            f"{BEFORE_START}{case.policy.starts_on}, when this connection starts, and may have been entered "
            "manually in LN. If LN has it, discard it; if not, undiscard it, and the next run sends it.",
        )
    found = list(_obstacles(case))
    if not found:
        return None
    text = "; ".join(found)
    return case.note(Status.EXCEPTION, f"Not sent: {text}.")


_RULES = (
    _closed,
    _deleted,
    _of_odd_status,
    _made_again,
    _unreadable,
    _in_ln,
    _no_counterpart,
    _in_doubt,
    _with_obstacles,
)


def _obstacles(case: Case) -> Iterator[str]:
    document, amount = case.document, case.document.amount
    if document.day is None:
        yield "it has no date in Xero"
    if amount is None or not amount.is_finite() or amount <= 0:
        yield "its amount is missing or not positive"
    yield from _partner_obstacles(case)
    if document.key.kind is not Kind.PREPAYMENT and not document.invoice_number:
        yield "its invoice or bill has no number in Xero"
    if not document.currency:
        yield "it has no currency in Xero"
    elif case.rate is None or not case.rate.is_finite() or case.rate <= 0:
        yield f"it is in {document.currency} and has no exchange rate in Xero"
    if case.bank_problem:
        yield case.bank_problem
    if _prepayment_held_back(case):
        yield "its prepayment is not in LN, as far as is known: check the prepayment"


def _partner_obstacles(case: Case) -> Iterator[str]:
    if case.contact is None:
        yield "it has no contact in Xero"
    elif not case.contact.partner_code:
        name = case.contact.name
        if case.document.role in _SALES:
            yield f'the customer "{name}" has no LN code in Xero (contact number)'
        elif case.document.key.kind is not Kind.PAYMENT:
            yield f'the supplier "{name}" is not in LN, which a prepayment requires'
    if case.contact is not None and case.contact.problem:
        yield f"its contact cannot be read in Xero: {case.contact.problem}"
    elif case.contact is not None and not case.contact.name:
        yield "its contact has no name in Xero"


def _may_be_entered_manually(case: Case) -> bool:
    """Tell whether a payment, a prepayment, or a part applied of one, is older than the connection.

    Reconciling a payment, or applying a part of a prepayment, moves its time of change, so that it comes
    along as if it were new; one that was entered late looks the same. LN does not know by what id a person
    booked it, and would book it again. A person's word (undiscard) lets it go.
    """
    row, prepayment = case.row, case.prepayment
    if not _before_the_start(case.document.day, case.policy):
        return False
    if row is not None and (row.undiscarded_at is not None or row.tries > 0):
        return False
    applied = case.document.key.kind is Kind.ALLOCATION
    return not applied or prepayment is None or prepayment.sent_at is None


def _before_the_start(day: dt.date | None, policy: Policy) -> bool:
    return day is not None and policy.starts_on is not None and day < policy.starts_on


def _prepayment_held_back(case: Case) -> bool:
    prepayment = case.prepayment
    if case.document.key.kind is not Kind.ALLOCATION or prepayment is None:
        return False
    if prepayment.tries == 0 and _before_the_start(prepayment.entry.day, case.policy):
        # Entered manually, as far as is known: LN takes what is applied of it, or says that it cannot.
        return False
    if prepayment.discarded:
        # What LN has, or may have, a person closes once they have seen to it there.
        return not (prepayment.sent_at or prepayment.in_doubt or prepayment.result.status is Status.UNKNOWN)
    if prepayment.status is Status.UNKNOWN:
        return Kind.PREPAYMENT in case.policy.hold_unknown
    return prepayment.sent_at is None and prepayment.status in _HELD_BACK
