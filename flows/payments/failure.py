"""A failed run of the payments in words: where it failed, what is safe, and what to do next. Pure text."""

from __future__ import annotations

import datetime as dt

from blocks.errors import NotAllowed, ResumeLater, UsageError
from blocks.leases import Lease
from flows.incidents import Failure
from flows.payments.deliveries import LNSaysNothing, LNStops
from flows.words import capital

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
    stage = stage or "window"
    delivered = stage in {"deliver", "audit"}
    return Failure(
        stage,
        "",
        f"Payments of {connection}: stopped at {stage}",
        said,
        (),
        (_ROWS_KNOW if delivered else _NOTHING_SENT,),
        _remedy(error),
    )


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
        f"{_AGAIN}.",
    )


def stopped_sentence(stage: str, error: Exception, since: dt.datetime | None) -> str:
    """Return an error with the stage in which it stopped the run."""
    where = f"Stopped at {stage}" if stage else "Stopped before it began"
    window = f" (changes since {since.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC)" if since else ""
    return f"{where}{window}. {error}"


def _remedy(error: Exception) -> str:
    first = ""
    if isinstance(error, NotAllowed | LNStops):
        first = "Correct what is named above: the connection (python -m blocks save NAME), or rights in LN."
    elif isinstance(error, LNSaysNothing):
        first = "See with whoever looks after Infor LN and its gateway whether they are at work."
    elif isinstance(error, ResumeLater):
        first = f"Wait until {error.resume_at:%Y-%m-%d %H:%M} UTC."
    elif isinstance(error, UsageError):
        first = "Correct what is named above."
    return f"{first} {capital(_AGAIN)}.".strip()
