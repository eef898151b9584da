"""A failed payments run in words: where it failed, what is safe, and what to do next. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from blocks.errors import NotAllowed, Transient, UsageError
from blocks.store.audit_rows import AuditRow
from blocks.store.models import Incident, Lease
from flows.payments.errors import LNSaysNothing, LNStops, NotConfirmed, NoTokenNow
from flows.runtime.failures import Failure, wait_asked_for
from flows.runtime.text import capital, counted

# A system, or something on the way to it, is out of order: wherever runs meet with that, it is one incident.
OUTAGE = "outage"
# LN answers nothing, be it on everything or on a document of which it said nothing before.
UNANSWERED = "unanswered"
# What outlasts the runs that come through, and ends with what it is about.
LASTING = frozenset({UNANSWERED})
_WHATEVER_STAGE = frozenset({OUTAGE, UNANSWERED})
_NOTHING_SENT = (
    "This run sent nothing to Infor LN. The window has not moved on: the next run reads the same changes "
    "again."
)
_ROWS_KNOW = (
    "Each document that was sent has its row in the audit table. What LN accepted is not sent again; what "
    "was not reached was not sent. The window has not moved on: the next run continues there."
)
# What a run does in each of its stages.
_DOING = {
    "window": "determining the window",
    "collect": "reading from Xero",
    "classify": "deciding what to send",
    "deliver": "sending to LN",
    "audit": "recording the results",
}
_AGAIN = (
    "The next scheduled run tries again automatically. To try at once: in Prefect's pages Deployments, "
    "payments/every-15-minutes, Quick run; or: python -m flows.main payments"
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
    """Return the failure for documents that were sent again, and that LN still gives no clear answer for.

    `command` is how the command audit is called for them.
    """
    documents = counted(len(rows), "document")
    return Failure(
        "deliver",
        UNANSWERED,
        f"Payments of {connection}: LN gives no clear answer for {documents}",
        f"The same message was sent more than once for {documents}, and LN has not said if it was booked",
        tuple(_described(row) for row in rows),
        (
            "All other documents are as the audit table says, and the window moves on.",
            "Each run sends these again, unless the connection holds them.",
        ),
        f"Look for each in LN by its Xero id. If LN has it: {command} discard KEY --reason R. If not, ask "
        "the administrator of Infor LN why it gives no clear answer for it.",
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


def crashed(connection: str, lease: Lease) -> Failure:
    """Return the failure for a run that ended without a report; its lease has the stage it was last in."""
    return Failure(
        lease.stage or "window",
        "died",
        f"Payments of {connection}: a run crashed",
        f"The run {lease.owner}, started at {lease.taken_at:%Y-%m-%d %H:%M:%S} UTC and last seen at "
        f"{lease.stage or 'its start'}, ended without a report: its process was killed, or its machine was "
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
    return f"failed while {_DOING.get(stage, stage)}" if stage else "failed before it started"


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
        first = "Ask the administrator of Infor whether its token service is working."
    elif isinstance(error, NotAllowed | LNStops):
        first = (
            "Correct what is named above: the connection (python -m blocks save NAME), or the rights in LN."
        )
    elif isinstance(error, LNSaysNothing):
        first = "Ask the administrators of Infor LN and its gateway whether both are working."
    elif isinstance(error, NotConfirmed):
        first = "Review people's decisions and confirm the start, as described above."
    elif wait := wait_asked_for(error):
        first = wait
    elif isinstance(error, UsageError):
        first = "Correct what is named above."
    return f"{first} {capital(_AGAIN)}.".strip()
