"""The failure of a journals run in words: where it failed, what is safe, and what to do next. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Literal

from blocks.errors import NotAllowed, Refusal, UnknownOutcome
from blocks.store.models import JournalRecord, JournalState, Lease, latest
from flows.journals.process.errors import StepRefusal
from flows.runtime.failures import WITHDRAWAL, Failure, wait_asked_for
from flows.runtime.text import capital, counted

HAND_OVER = "hand-over"
CRASHED = "died"
NEVER_FINISHED = "never finished"
CHANGED_LATER = "changed later"

_IN_XERO = (JournalState.CREATED, JournalState.CONFIRMED, JournalState.DRIFT)
_UNKNOWN = (JournalState.SENDING, JournalState.UNKNOWN)
_UNDER_WAY = (JournalState.PREPARED, *_UNKNOWN, JournalState.CREATED)
# What a run was doing, by stage and step, in the words of its title.
_DOING = {
    ("extract", ""): "while reading the lines from Mambu",
    ("process", ""): "while processing the lines",
    ("process", "validate"): "while checking the lines",
    ("process", "map"): "while matching accounts",
    ("process", "group"): "while grouping the lines into transactions",
    ("process", "balance"): "while balancing the transactions",
    ("process", "batch"): "while dividing the lines into journals",
    ("process", HAND_OVER): "before processing the lines",
    ("send", ""): "while sending to Xero",
    ("send", "confirm"): "while comparing Mambu with Xero",
    ("send", HAND_OVER): "before sending to Xero",
}
_SENT_NOTHING = "This run sent nothing to Xero. What was there before is unchanged."
_NO_RECORD = (
    "It is not known what was sent, because the record cannot be read at the moment. The next run checks "
    "what Xero already has and does not send it again."
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
    """Return the failure that a run's error means.

    `stage` is where the run was and `under_way` whether that stage had done any work; `said` is the error in
    a sentence, `records` what the store knows of the day's journals: None where it could
    not be asked.
    """
    where = failed_where(stage, error, under_way=under_way)
    stage, step = place_of(stage, error, under_way=under_way)
    details = error.offenders if isinstance(error, StepRefusal) else ()
    happened = error.summary if isinstance(error, StepRefusal) else said
    safe, lists = _safe(stage, records)
    return Failure(
        stage,
        step,
        f"Journals of {date}: {where}",
        happened,
        (*details, *lists),
        safe,
        _remedy(date, stage, step, error),
    )


def place_of(stage: str, error: Exception, *, under_way: bool) -> tuple[str, str]:
    """Return the stage and step under which a run's error is recorded and reported."""
    step = error.step if isinstance(error, StepRefusal) else ""
    if stage in {"", "day", "extract"}:
        return "extract", step
    if stage == "confirm":
        return "send", "confirm"
    return stage, step or ("" if under_way else HAND_OVER)


def failed_where(stage: str, error: Exception, *, under_way: bool) -> str:
    """Say where a run failed; see `failure_of`."""
    if stage in {"", "day"}:
        return "failed before reading the lines from Mambu"
    place = place_of(stage, error, under_way=under_way)
    return f"failed {_DOING.get(place) or _DOING[place[0], '']}"


def differences(
    date: dt.date, said: str, open_points: Sequence[str], records: Iterable[JournalRecord]
) -> Failure:
    """Return the failure of a day for which Mambu and Xero do not agree."""
    safe, _ = _safe("send", records)
    return Failure(
        "send",
        "confirm",
        f"Journals of {date}: Mambu and Xero do not agree",
        said,
        tuple(open_points),
        ("Nothing in Xero was overwritten.", *safe),
        "Decide for each point whether Mambu or Xero is right, and correct it in Xero. Then "
        f"{_start_again(date)}: the run compares again and sends only what is missing.",
    )


def changed_later(date: dt.date, points: Sequence[str]) -> Failure:
    """Return the failure of a finished day of which something came into Xero later, or a second time."""
    return Failure(
        "send",
        CHANGED_LATER,
        f"Journals of {date}: Xero was changed after the day was finished",
        f"{date} had been compared and tied out. Since then more of it has come into Xero:",
        tuple(points),
        ("Nothing was sent or changed. The earlier comparison still holds.",),
        f"{capital(_start_again(date))}: the run compares the whole day and lists duplicates. Then correct "
        "these journals in Xero.",
    )


def crashed(lease: Lease, records: Iterable[JournalRecord]) -> Failure:
    """Return the failure of a run that had the lease of a day and was not heard of again.

    The lease knows where it was a minute before; the record of journals knows whether it was sending.
    """
    records = list(records)
    if lease.stage in WITHDRAWAL:
        return _withdrawal_crashed(lease, records)
    stage = "extract" if lease.stage in {"", "day"} else lease.stage
    if stage == "confirm" or any(one.state in _UNDER_WAY for one in latest(records).values()):
        stage = "send"
    safe, lists = _safe("send", records)
    return Failure(
        stage,
        CRASHED,
        f"Journals of {lease.day}: a run crashed",
        f"The run {lease.owner}, started at {lease.taken_at:%Y-%m-%d %H:%M:%S} UTC, crashed. Its last known "
        f"stage was {stage}. Its process was killed, or its machine failed.",
        lists,
        safe,
        capital(_ways_on(lease.day)),
    )


def _withdrawal_crashed(lease: Lease, records: Sequence[JournalRecord]) -> Failure:
    asked = any(one.state in _ASKED_FOR for one in records)
    _, lists = _safe("send", records)
    return Failure(
        lease.stage,
        CRASHED,
        f"Withdrawal of {lease.day}: the run crashed",
        f"The run {lease.owner}, started at {lease.taken_at:%Y-%m-%d %H:%M:%S} UTC, crashed during the "
        f"withdrawal of the day from Xero, {_DURING[lease.stage]}. Its process was killed, or its machine "
        "failed.",
        lists,
        (
            "Journals that were removed, or whose removal was requested, are recorded. The others are in "
            "Xero as before."
            if asked
            else "Nothing was removed from Xero.",
        ),
        f"Run the withdrawal again (Deployments, by-date, date {lease.day}, confirmed; or: python -m "
        f"flows.main withdraw --date {lease.day}): it checks what was removed, and removes the rest. Or "
        f"leave the rest in Xero, and {_start_again(lease.day)}: only what is missing is sent.",
    )


_ASKED_FOR = (JournalState.WITHDRAWING, JournalState.WITHDRAWN)
_DURING = {
    "read": "while reading the day's journals and before removing any",
    "remove": "while removing the journals",
    "verify": "while checking that the journals were removed",
}


def never_finished(
    date: dt.date, finished_by: Literal["this run", "next run", "nobody"] = "this run"
) -> Failure:
    """Return the failure of a day that no run has finished, and of which no failure is recorded.

    `finished_by` is who will finish it: the run that found it, the next nightly run, or nobody unless a
    person starts a run.
    """
    again = _start_again(date)
    remedies = {
        "this run": f"The run that found this now finishes the day. If this task stays open, {again}.",
        "next run": "This check sends nothing. The next nightly run finishes this day before its own. If "
        f"that is too late, or if this task is still open after it, {again}.",
        "nobody": "This check sends nothing, and no future nightly run will process this day. "
        f"{capital(again)}.",
    }
    return Failure(
        "extract",
        NEVER_FINISHED,
        f"Journals of {date}: no run has finished this day",
        f"No run has finished {date}: none was started, or it was stopped.",
        (),
        ("What is already in Xero is recognised and not sent again.",),
        remedies[finished_by],
    )


def _remedy(date: dt.date, stage: str, step: str, error: Exception) -> str:
    first = ""
    if isinstance(error, NotAllowed):
        first = "Correct the connection (python -m blocks save NAME). Then "
    elif wait := wait_asked_for(error):
        first = f"{wait} Then "
    elif isinstance(error, Refusal) and stage == "send" and step != HAND_OVER:
        first = "Correct what is named above. Then "
    if stage == "send" and step != HAND_OVER:
        if isinstance(error, UnknownOutcome):
            first = "The next run checks whether Xero accepted the last request. "
        text = _ways_on(date)
    elif isinstance(error, StepRefusal):
        return f"{error.remedy} In Prefect's pages: Deployments, rerun-journals, Custom run, date {date}."
    elif step == HAND_OVER:
        text = (
            f"start the journals flow from the stage {stage}, with the date {date} (in Prefect's pages: "
            f"Deployments, rerun-journals, Custom run, date {date}, start_from {stage}; or: python -m "
            f"flows.main journals --date {date} --start-from {stage})."
        )
    else:
        text = f"{_start_again(date)}."
    return first + (text if first.endswith("Then ") else capital(text))


def _ways_on(date: dt.date) -> str:
    return (
        f"{_start_again(date)}: only what is missing is sent. Or withdraw the day's drafts first "
        f"(Deployments, by-date, date {date}; or: python -m flows.main withdraw --date {date}), then "
        "start it again: the whole day is sent again."
    )


def _start_again(date: dt.date) -> str:
    return (
        f"start the journals flow again with the date {date} (in Prefect's pages: Deployments, "
        f"rerun-journals, Custom run; or: python -m flows.main journals --date {date})"
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
        ("Not known whether in Xero", _UNKNOWN),
        ("Needs review: another journal may already contain it", (JournalState.POSSIBLE,)),
        ("Rejected by Xero", (JournalState.REFUSED,)),
        ("Not sent yet", (JournalState.PREPARED,)),
        ("Withdrawal requested, not known whether removed", (JournalState.WITHDRAWING,)),
        ("Withdrawn", (JournalState.WITHDRAWN,)),
    ):
        found = [one for one in newest if one.state in states]
        if found:
            lists.append(f"{title}: {counted(len(found), 'journal')}")
            lists.extend(f"{title}: {_named(one)}" for one in found)
    there = sum(1 for one in newest if one.state in _IN_XERO)
    safe = (
        f"What is in Xero ({counted(there, 'journal')}) is kept and not sent again."
        if there
        else "No journal of this day is known to be in Xero."
    )
    return (safe,), tuple(lists)


def _named(record: JournalRecord) -> str:
    reason = f" ({record.reason})" if record.reason else ""
    return f"booking date {record.booking_date}, number {record.number}, {record.debits}{reason}"
