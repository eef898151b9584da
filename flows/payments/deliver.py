"""Delivering one decision: write down, post, write down how it ended. No Prefect in it.

The row says `unknown` before anything leaves this machine, so that a run that dies in between leaves a
trace, and the next one sends the same message under the same id. How a document ended is written down
while the next one already begins, so that both share a transaction.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from blocks.audit import Audit
from blocks.audit_rows import AuditRow, Result, Status
from blocks.clock import Clock
from blocks.infor_ln import InforLNClient
from blocks.leases import Lease
from flows.payments.classify import Action, Decision
from flows.payments.invoice_number import hint
from flows.payments.posting import Posted, post
from flows.payments.verdict import Means

_STATUSES = {
    Means.SENT: Status.SENT,
    Means.DUPLICATE: Status.DUPLICATE,
    Means.UNKNOWN: Status.UNKNOWN,
    Means.FAILED: Status.FAILED,
    # What stops the run is left as failed: the next run sends it again.
    Means.STOP: Status.FAILED,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a run needs to deliver; `slots` admits as many documents at a time as may be on their way."""

    audit: Audit
    ln: InforLNClient
    clock: Clock
    run_id: str
    retries: int
    lease: Lease | None = None
    slots: AbstractAsyncContextManager[None] = field(default_factory=nullcontext)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A document's row as it now stands; `stop` says why the run must end, where it must.

    `posted`: it went to LN, or was to; `silent`: LN took no stand on it, so that it may be down.
    """

    row: AuditRow
    stop: str = ""
    posted: bool = False
    silent: bool = False


async def deliver(delivery: Delivery, decision: Decision) -> Delivered | None:
    """Carry out a decision; None where it was to leave the document.

    Raises StoreError, LeaseLost, and MayNotSend, before anything is posted; StoreError also after it, and
    then the row stays unknown.
    """
    audit, clock, run_id = delivery.audit, delivery.clock, delivery.run_id
    if decision.action is Action.LEAVE:
        return None
    if decision.action is Action.NOTE:
        if decision.status is None:
            raise AssertionError("what is noted has a status")
        noted = await audit.noted(
            decision.entry, decision.status, decision.reason, run_id, clock.now(), delivery.lease
        )
        return Delivered(noted)
    key = decision.entry.key

    async def again() -> None:
        await audit.posted_again(key, clock.now(), delivery.lease)

    async with delivery.slots:
        row = await audit.posting(
            decision.entry, decision.message.decode(), run_id, clock.now(), delivery.lease
        )
        posted = await post(
            delivery.ln,
            decision.message,
            clock,
            retries=delivery.retries,
            in_doubt=row.in_doubt,
            again=again,
        )
    settled = await audit.settled(key, result_of(posted, decision.entry.invoice_number), clock.now())
    means = posted.verdict.means
    return Delivered(
        settled,
        stop=posted.verdict.reason if means is Means.STOP else "",
        posted=True,
        # That somebody holds it in LN is an answer, of this one document.
        silent=means is Means.UNKNOWN or (posted.given_up and not _locked(posted)),
    )


def _locked(posted: Posted) -> bool:
    return posted.answer is not None and posted.answer.status == 409


def result_of(posted: Posted, invoice_number: str = "") -> Result:
    """Return what the audit row says of a posting; a refusal comes with a hint at the invoice's origin."""
    status, answer = _STATUSES[posted.verdict.means], posted.answer
    refused = posted.verdict.means is Means.FAILED and answer is not None and answer.from_ln
    reason = posted.verdict.reason + (hint(invoice_number) if refused else "")
    if answer is None:
        # A lost answer was posted; without a token or a connection nothing left this machine.
        return Result(status, reason, posted=status is Status.UNKNOWN)
    return Result(status, reason, answer.status, answer.code, answer.message, answer.request_id)
