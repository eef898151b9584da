"""A failed run of the journals in words: where it failed, what is safe, and what to do next. Pure text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Literal

from blocks.errors import NotAllowed, Refusal, ResumeLater, Transient, UnknownOutcome
from blocks.store.models import JournalRecord, JournalState, Lease, latest
from flows.journals.process.errors import StepRefusal
from flows.runtime.failures import WITHDRAWAL, Failure
from flows.runtime.text import asked_wait, capital, counted

HAND_OVER = "hand-over"
CRASHED = "died"
NEVER_FINISHED = "never finished"
CHANGED_LATER = "changed later"

_IN_XERO = (JournalState.CREATED, JournalState.CONFIRMED, JournalState.DRIFT)
_UNKNOWN = (JournalState.SENDING, JournalState.UNKNOWN)
_UNDER_WAY = (JournalState.PREPARED, *_UNKNOWN, JournalState.CREATED)
_SENT_NOTHING = "This run has sent nothing to Xero. What was there before is untouched."
_NO_RECORD = (
    "What was sent cannot be told, for the record of it cannot be read now. The next run finds in Xero what "
    "is there, and does not send it again."
)


def failure_of(
    date: dt.date,
    stage: str,
    error: Exception,
    said: str,
    records: Iterable[JournalRecord] | None,
    *,
    under_way: bool,
) -> Failure:
    """Return what a run's error comes to.

    `stage` is where the run was and `under_way` whether that stage had more than begun to begin; `said`
    is the error in a sentence, `records` what the store knows of the day's journals: None where it could
    not be asked.
    """
    stage, step = place_of(stage, error, under_way=under_way)
    details = error.offenders if isinstance(error, StepRefusal) else ()
    happened = error.summary if isinstance(error, StepRefusal) else said
    safe, lists = _safe(stage, records)
    return Failure(
        stage,
        step,
        f"Journals of {date}: stopped at {stage}{f' ({step})' if step else ''}",
        happened,
        (*details, *lists),
        safe,
        _remedy(date, stage, step, error),
    )


def place_of(stage: str, error: Exception, *, under_way: bool) -> tuple[str, str]:
    """Return the stage and step under which a run's error is recorded and told."""
    step = error.step if isinstance(error, StepRefusal) else ""
    if stage in {"", "day", "extract"}:
        return "extract", step
    if stage == "confirm":
        return "send", "confirm"
    return stage, step or ("" if under_way else HAND_OVER)


def differences(
    date: dt.date, said: str, open_points: Sequence[str], records: Iterable[JournalRecord]
) -> Failure:
    """Return what a day comes to for which Mambu and Xero do not agree."""
    safe, _ = _safe("send", records)
    return Failure(
        "send",
        "confirm",
        f"Journals of {date}: Mambu and Xero do not agree",
        said,
        tuple(open_points),
        ("Nothing in Xero was overwritten.", *safe),
        "Decide for each of these points in Xero which side is right, and put it right there. Then "
        f"{_start_again(date)}: it compares again, and sends only what is missing.",
    )


def changed_later(date: dt.date, points: Sequence[str]) -> Failure:
    """Return what a finished day comes to into which something came in Xero later, or a second time."""
    return Failure(
        "send",
        CHANGED_LATER,
        f"Journals of {date}: Xero was changed after the day was finished",
        f"{date} had been compared and tied out. Since then Xero has more of it:",
        tuple(points),
        ("Nothing was sent or changed. What was compared before stands.",),
        f"{capital(_start_again(date))}: it compares the whole day and names what stands there twice. Decide "
        "in Xero about these journals.",
    )


def died(lease: Lease, records: Iterable[JournalRecord]) -> Failure:
    """Return what a run comes to that held a day and was not heard of again.

    The lease knows where it was a minute before; the record of journals knows whether it was sending.
    """
    records = list(records)
    if lease.stage in WITHDRAWAL:
        return _withdrawal_died(lease, records)
    stage = "extract" if lease.stage in {"", "day"} else lease.stage
    if stage == "confirm" or any(one.state in _UNDER_WAY for one in latest(records).values()):
        stage = "send"
    safe, lists = _safe("send", records)
    return Failure(
        stage,
        CRASHED,
        f"Journals of {lease.day}: a run died",
        f"The run {lease.owner}, begun at {lease.taken_at:%Y-%m-%d %H:%M:%S} UTC and last heard of at "
        f"{stage}, ended without a word: its process was killed, or its machine was lost.",
        lists,
        safe,
        capital(_ways_on(lease.day)),
    )


def _withdrawal_died(lease: Lease, records: Sequence[JournalRecord]) -> Failure:
    asked = any(one.state in _ASKED_FOR for one in records)
    _, lists = _safe("send", records)
    return Failure(
        lease.stage,
        CRASHED,
        f"Withdrawal of {lease.day}: the run died",
        f"The run {lease.owner}, begun at {lease.taken_at:%Y-%m-%d %H:%M:%S} UTC, was withdrawing the "
        f"day from Xero and was last heard of {_AT[lease.stage]}. It ended without a word: its process was "
        "killed, or its machine was lost.",
        lists,
        (
            "What was taken out, or asked for, is recorded. What was not reached is in Xero as before."
            if asked
            else "Nothing was taken out of Xero.",
        ),
        f"Run the withdrawal again (Deployments, by-date, date {lease.day}, confirmed; or: python -m "
        f"flows.main withdraw --date {lease.day}): it finds out what is gone, and does what remains. Or "
        f"leave what remains in Xero, and {_start_again(lease.day)}: only what is missing is sent.",
    )


_ASKED_FOR = (JournalState.WITHDRAWING, JournalState.WITHDRAWN)
_AT = {
    "read": "while it read the day's journals, before it took any out",
    "remove": "while it took them out",
    "verify": "while it read again what it had taken out",
}


def never_finished(
    date: dt.date, seen_to_by: Literal["this run", "next night", "nobody"] = "this run"
) -> Failure:
    """Return what a day comes to that no run has finished, and of which no failure is recorded.

    `seen_to_by` is who goes on to finish it: the run that found it, the nightly run to come, or nobody
    unless a person starts a run.
    """
    again = _start_again(date)
    remedies = {
        "this run": f"The run that found this goes on to finish the day. If this task stays open, {again}.",
        "next night": "The watch that found this sends nothing. The next nightly run finishes the day before "
        f"its own. So as not to wait for it, or if this task stays open after it, {again}.",
        "nobody": "The watch that found this sends nothing, and no nightly run to come sees to this day. "
        f"{capital(again)}.",
    }
    return Failure(
        "extract",
        NEVER_FINISHED,
        f"Journals of {date}: no run has finished this day",
        f"No run has finished {date}: none was started, or it was stopped.",
        (),
        ("What is in Xero is found there and left alone.",),
        remedies[seen_to_by],
    )


def _remedy(date: dt.date, stage: str, step: str, error: Exception) -> str:
    first = ""
    if isinstance(error, NotAllowed):
        first = "Correct the connection (python -m blocks save NAME). Then "
    elif isinstance(error, ResumeLater):
        first = f"Wait until {error.resume_at:%Y-%m-%d %H:%M} UTC. Then "
    elif isinstance(error, Transient) and error.retry_after_seconds:
        first = f"{asked_wait(error.retry_after_seconds)} Then "
    elif isinstance(error, Refusal) and stage == "send" and step != HAND_OVER:
        first = "Put right what is named above. Then "
    if stage == "send" and step != HAND_OVER:
        if isinstance(error, UnknownOutcome):
            first = "Whether Xero took the last request is found out by the next run. "
        text = _ways_on(date)
    elif isinstance(error, StepRefusal):
        return f"{error.remedy} In Prefect's pages: Deployments, rerun, Custom run, date {date}."
    elif step == HAND_OVER:
        text = (
            f"start the journals flow from the stage {stage}, with the date {date} (in Prefect's pages: "
            f"Deployments, rerun, Custom run, date {date}, start_from {stage}; or: python -m flows.main "
            f"journals --date {date} --start-from {stage})."
        )
    else:
        text = f"{_start_again(date)}."
    return first + (text if first.endswith("Then ") else capital(text))


def _ways_on(date: dt.date) -> str:
    return (
        f"{_start_again(date)}: only what is missing is sent. Or withdraw the day's drafts first "
        f"(Deployments, by-date, date {date}; or: python -m flows.main withdraw --date {date}), and then "
        "start it again: the day is sent afresh."
    )


def _start_again(date: dt.date) -> str:
    return (
        f"start the journals flow again with the date {date} (in Prefect's pages: Deployments, rerun, Custom "
        f"run; or: python -m flows.main journals --date {date})"
    )


def _safe(stage: str, records: Iterable[JournalRecord] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is safe, and, where sending had begun, a list of what is in Xero and what is open."""
    if stage != "send":
        return (_SENT_NOTHING,), ()
    if records is None:
        return (_NO_RECORD,), ()
    newest = sorted(latest(records).values(), key=lambda one: (one.booking_date, one.number))
    if not newest:
        return (_SENT_NOTHING,), ()
    lists: list[str] = []
    for title, states in (
        ("In Xero", _IN_XERO),
        ("Unknown whether in Xero", _UNKNOWN),
        ("Waiting, since a journal may hold it already", (JournalState.POSSIBLE,)),
        ("Declined by Xero", (JournalState.REFUSED,)),
        ("Not sent yet", (JournalState.PREPARED,)),
        ("Withdrawal asked for, unknown whether gone", (JournalState.WITHDRAWING,)),
        ("Withdrawn", (JournalState.WITHDRAWN,)),
    ):
        found = [one for one in newest if one.state in states]
        if found:
            lists.append(f"{title}: {counted(len(found), 'journal')}")
            lists.extend(f"{title}: {_named(one)}" for one in found)
    there = sum(1 for one in newest if one.state in _IN_XERO)
    safe = (
        f"What is in Xero ({counted(there, 'journal')}) is kept, and is not sent again."
        if there
        else "Nothing of this day is known to be in Xero."
    )
    return (safe,), tuple(lists)


def _named(record: JournalRecord) -> str:
    reason = f" ({record.reason})" if record.reason else ""
    return f"booking date {record.booking_date}, number {record.number}, {record.debits}{reason}"
