"""What is older than the connection and waits for a person's decision: one incident, and one line. Pure.

Xero shows it as changed since the connection's start. It may have been entered manually in LN, or it was only
entered late: nothing in Xero tells the two apart but, to a person, its date.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import groupby

from blocks.store.audit_rows import BEFORE_START, AuditRow, Entry, waits_from_before_start
from flows.payments.models import Decision
from flows.runtime.failures import Failure
from flows.runtime.text import counted

STAGE = "exceptions"
STEP = "before start"


def entries_waiting(rows: Iterable[AuditRow], planned: Iterable[Decision]) -> list[Entry]:
    """Return the documents, of rows and of decisions that are not written down, that so wait, by date."""
    found = {row.key: row.entry for row in rows if waits_from_before_start(row)}
    found |= {one.entry.key: one.entry for one in planned if is_before_start(one)}
    return sorted(found.values(), key=lambda one: (one.day or dt.date.min, one.key))


def is_before_start(decision: Decision) -> bool:
    """Tell whether a document is held back because it is older than the connection."""
    return decision.status is not None and decision.reason.startswith(BEFORE_START)


def line(entries: Sequence[Entry], command: str) -> str:
    """Return the one line that tells of them all; `command` is how the command audit is called for them."""
    return f"{_what(entries)}. {_remedy(command)}"


def failure(connection: str, entries: Sequence[Entry], command: str) -> Failure:
    """Return what they come to as an incident: its text changes only as they do."""
    by_day = groupby(entries, key=lambda one: one.day)
    details = (f"{day}: {counted(len(list(those)), 'document')}" for day, those in by_day)
    return Failure(
        STAGE,
        STEP,
        f"Payments of {connection}: documents dated before the start need a decision",
        f"{_what(entries)}. They may have been entered manually in LN.",
        tuple(details),
        ("None of them was sent to Infor LN. Other payments are not affected.",),
        _remedy(command),
    )


def _what(entries: Sequence[Entry]) -> str:
    days = sorted({str(one.day) for one in entries})
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    number = counted(len(entries), "document")
    return f"Not sent: {number} dated before the connection's start ({span}) and changed in Xero since"


def _remedy(command: str) -> str:
    return (
        f"Check their dates ({command} --status exception). For each that was only entered late in Xero: "
        f"{command} undiscard KEY, and the next run sends it. Then close all others, which LN has: "
        f"{command} discard --before-start --reason R"
    )
