"""A failed run of the payments in words: where it failed, what is safe, and what to do next. Pure text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from blocks.errors import NotAllowed, ResumeLater, Transient, UsageError
from blocks.store.audit_rows import AuditRow
from blocks.store.models import Incident, Lease
from flows.payments.errors import LNSaysNothing, LNStops, NotConfirmed, NoTokenNow
from flows.runtime.failures import Failure
from flows.runtime.text import asked_wait, capital, counted

# A system, or something on the way to it, is out of order: wherever runs meet with that, it is one incident.
OUTAGE = "outage"
# LN answers nothing, be it on everything or on a document of which it said nothing before.
UNANSWERED = "unanswered"
# What outlasts the runs that come through, and ends with what it is about.
LASTING = frozenset({UNANSWERED})
_WHATEVER_STAGE = frozenset({OUTAGE, UNANSWERED})
_NOTHING_SENT = (
    "This run has sent nothing to Infor LN, and the window has not moved on: the next run reads the same "
    "changes again."
)
_ROWS_KNOW = (
    "Each document that went out has its row in the audit table; what LN took is not sent again. What was "
    "not reached has not been sent, and the window has not moved on: the next run goes on there."
)
_AGAIN = (
    "The next scheduled run tries again by itself. To try at once: in Prefect's pages Deployments, "
    "payments/rerun, Quick run; or: python -m flows.main payments"
)


def failure_of(connection: str, stage: str, error: Exception, said: str) -> Failure:
    """Return what a run's error comes to; `stage` is where the run was, `said` the error in a sentence."""
    delivered = stage in {"deliver", "audit"}
    return Failure(
        stage or "window",
        _step(error),
        f"Payments of {connection}: {_stopped(stage)}",
        said,
        (),
        (_ROWS_KNOW if delivered else _NOTHING_SENT,),
        _remedy(error),
    )


def unanswered(connection: str, rows: Sequence[AuditRow], command: str) -> Failure:
    """Return what it comes to that LN still has not said what became of some documents, sent again by now.

    `command` is how the command audit is called for them.
    """
    documents = counted(len(rows), "document")
    return Failure(
        "deliver",
        UNANSWERED,
        f"Payments of {connection}: LN does not answer for {documents}",
        f"LN was sent the same message more than once and has not said what became of it, for {documents}",
        tuple(_described(row) for row in rows),
        (
            "All others are as the audit table says, and the window moves on.",
            "Each run sends these again, unless the connection holds them.",
        ),
        f"Look for each in LN by its Xero id. Where LN has it: {command} discard KEY --reason R. Where not, "
        "see with whoever looks after Infor LN why it gives no clear answer for it.",
    )


def continued(failure: Failure, day: dt.date, open_incidents: Iterable[Incident]) -> tuple[Failure, dt.date]:
    """Return a failure and its day as those of the open incident that it goes on with, if there is one.

    What began before midnight is the same after it.
    """
    for one in open_incidents:
        if one.flow != "payments" or one.step != failure.step:
            continue
        if one.stage == failure.stage or failure.step in _WHATEVER_STAGE:
            return failure._replace(stage=one.stage), one.day
    return failure, day


def died(connection: str, lease: Lease) -> Failure:
    """Return what a run comes to that was not heard of again; its lease knows where it last was."""
    return Failure(
        lease.stage or "window",
        "died",
        f"Payments of {connection}: a run died",
        f"The run {lease.owner}, begun at {lease.taken_at:%Y-%m-%d %H:%M:%S} UTC and last heard of at "
        f"{lease.stage or 'its beginning'}, ended without a word: its process was killed, or its machine was "
        "lost.",
        (),
        (_ROWS_KNOW,),
        f"{_AGAIN}. If it was started with a window (since, until or a date), start it again with the same.",
    )


def stopped_sentence(stage: str, error: Exception, since: dt.datetime | None) -> str:
    """Return an error with the stage in which it stopped the run."""
    where = capital(_stopped(stage))
    window = f" (changes since {since.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC)" if since else ""
    return f"{where}{window}. {error}"


def _stopped(stage: str) -> str:
    return f"stopped at {stage}" if stage else "stopped before it began"


def _step(error: Exception) -> str:
    if isinstance(error, LNSaysNothing):
        return UNANSWERED
    return OUTAGE if isinstance(error, Transient) else ""


def _described(row: AuditRow) -> str:
    entry = row.entry
    whom = (entry.contact_name, entry.invoice_number, f"{entry.amount} {entry.currency}")
    return f"{row.key} ({', '.join(part for part in whom if part.strip())})"


def _remedy(error: Exception) -> str:
    first = ""
    if isinstance(error, NoTokenNow):
        first = "See with whoever looks after Infor whether its token service is at work."
    elif isinstance(error, NotAllowed | LNStops):
        first = "Correct what is named above: the connection (python -m blocks save NAME), or rights in LN."
    elif isinstance(error, LNSaysNothing):
        first = "See with whoever looks after Infor LN and its gateway whether they are at work."
    elif isinstance(error, NotConfirmed):
        first = "See to people's decisions and confirm the beginning, as said above."
    elif isinstance(error, ResumeLater):
        first = f"Wait until {error.resume_at:%Y-%m-%d %H:%M} UTC."
    elif isinstance(error, Transient) and error.retry_after_seconds:
        first = asked_wait(error.retry_after_seconds)
    elif isinstance(error, UsageError):
        first = "Correct what is named above."
    return f"{first} {capital(_AGAIN)}.".strip()
