"""Delivering one decision: write down, post, write down how it ended. No Prefect in it.

The row says `unknown` before anything leaves this machine, so that a run that dies in between leaves a
trace, and the next one sends the same message under the same id. Documents are written down before it is
their turn, and how they ended afterwards, so that many share a transaction; what may not leave when its turn
comes is written down as not posted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from blocks.clock import Clock
from blocks.http.retry import Patience
from blocks.infor_ln.client import InforLNClient
from blocks.store.audit import Audit
from blocks.store.audit_rows import AuditRow, Key, MayNotSend, Overtaken, Result, Status
from blocks.store.models import Lease
from flows.payments.message import hint
from flows.payments.models import Action, Decision
from flows.payments.post_outcome import AGREED_TEXT, Interpretation, PostOutcome
from flows.payments.posting import post

# What was written down longer ago than this is looked at again before it leaves.
_FRESH = timedelta(seconds=1)
_STATUSES = {
    PostOutcome.SENT: Status.SENT,
    PostOutcome.DUPLICATE: Status.DUPLICATE,
    PostOutcome.UNKNOWN: Status.UNKNOWN,
    PostOutcome.FAILED: Status.FAILED,
    # What stops the run is left as failed: the next run sends it again.
    PostOutcome.STOP: Status.FAILED,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a run needs to deliver; `slots` admits as many documents at a time as may be on their way.

    `stopped` tells whether the run is to end: what waits for its slot then is not posted. `agreed_text` is
    what LN says of a document that it has. `doubt` is asked where LN has a document that the record has as
    never sent: it tells whether the record is to be doubted, and writes that down first.
    """

    audit: Audit
    ln: InforLNClient
    clock: Clock
    run_id: str
    retries: int
    lease: Lease | None = None
    slots: AbstractAsyncContextManager[None] = field(default_factory=nullcontext)
    patience: Patience = field(default_factory=Patience)
    agreed_text: str = AGREED_TEXT
    doubt: Callable[[Key], Awaitable[bool]] | None = None
    stopped: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Delivered:
    """A document's row as it now stands; `stop` says why the run must end, where it must, and `passing`
    whether that is an outage, and nothing to be corrected.

    `posted`: it went to LN, or was to; `silent`: LN gave no clear answer, so that it may be down;
    `contradicts_record`: LN has it, which the record may not know because it is older than what was sent;
    `overtaken`: it was left, for somebody has seen to it meanwhile.
    """

    row: AuditRow
    stop: str = ""
    passing: bool = False
    posted: bool = False
    silent: bool = False
    contradicts_record: bool = False
    overtaken: bool = False


async def deliver(delivery: Delivery, decision: Decision) -> Delivered | None:
    """Carry out a decision; None where it was to leave the document.

    Where a person, or another run, has seen to the document since it was decided on, it is left, and its row
    returned as it now stands. Raises StoreError and LeaseLost before anything is posted; StoreError also
    after it, and then the row stays unknown.
    """
    if decision.action is Action.LEAVE:
        return None
    try:
        return await (_sent if decision.action is Action.SEND else _noted)(delivery, decision)
    except Overtaken:
        key = decision.entry.key
        rows = await delivery.audit.rows_of([key])
        if key not in rows:
            raise
        return Delivered(rows[key], overtaken=True)


async def _noted(delivery: Delivery, decision: Decision) -> Delivered:
    if decision.status is None:
        raise AssertionError("what is noted has a status")
    row = await delivery.audit.noted(
        decision.entry,
        decision.status,
        decision.reason,
        delivery.run_id,
        delivery.clock.now(),
        delivery.lease,
    )
    return Delivered(row)


async def _sent(delivery: Delivery, decision: Decision) -> Delivered:
    audit, clock, run_id = delivery.audit, delivery.clock, delivery.run_id
    key = decision.entry.key

    async def again() -> None:
        await audit.posted_again(key, clock.now(), delivery.lease)

    row = await audit.posting(decision.entry, decision.message.decode(), run_id, clock.now(), delivery.lease)
    written = clock.now()
    async with delivery.slots:
        if not await _may_leave(delivery, key, written):
            left = await audit.not_posted(key, run_id, clock.now())
            return Delivered(left, overtaken=not delivery.stopped())
        posted = await post(
            delivery.ln,
            decision.message,
            clock,
            retries=delivery.retries,
            document_id=key.xero_id,
            agreed_text=delivery.agreed_text,
            in_doubt=row.in_doubt,
            again=again,
            patience=delivery.patience,
        )
    # No earlier delivery of this record has posted it, and none of this one's earlier posts was booked: only
    # what booked nothing is posted again. `row` is from before the first post.
    never_posted = posted.outcome is PostOutcome.DUPLICATE and row.tries == 1
    contradicts_record = never_posted and delivery.doubt is not None and await delivery.doubt(key)
    result = result_of(posted, decision.entry.invoice_number)
    result = replace(result, reason=result.reason + decision.hint)
    settled = await audit.settled(key, result, clock.now())
    outcome = posted.outcome
    return Delivered(
        settled,
        stop=posted.reason if outcome is PostOutcome.STOP else "",
        passing=posted.passing,
        posted=True,
        silent=(outcome is PostOutcome.UNKNOWN or posted.given_up) and not _of_this_one(posted),
        contradicts_record=contradicts_record,
    )


async def _may_leave(delivery: Delivery, key: Key, written: datetime) -> bool:
    """Tell whether a document may be posted that was written down some time ago. Raises LeaseLost."""
    if delivery.stopped():
        return False
    if delivery.clock.now() - written <= _FRESH:
        return True
    try:
        await delivery.audit.still_posting(key, delivery.run_id, delivery.lease)
    except MayNotSend:
        return False
    return not delivery.stopped()


def _of_this_one(posted: Interpretation) -> bool:
    """Tell whether LN answered of this one document: it is held there, or something like it is there."""
    return posted.answer is not None and posted.answer.status == 409


def result_of(posted: Interpretation, invoice_number: str = "") -> Result:
    """Return what the audit row says of a posting; a refusal comes with a hint at the invoice's origin."""
    status, answer = _STATUSES[posted.outcome], posted.answer
    refused = posted.outcome is PostOutcome.FAILED and answer is not None and answer.from_ln
    reason = posted.reason + (hint(invoice_number) if refused else "")
    if answer is None:
        # A lost answer was posted; without a token or a connection nothing left this machine.
        return Result(status, reason, posted=status is Status.UNKNOWN)
    return Result(status, reason, answer.status, answer.code, answer.message, answer.request_id)
