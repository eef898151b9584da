"""What the store keeps: journals and their requests, days, leases, incidents, windows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final


class JournalState(StrEnum):
    """Where a journal is on its way, and which stage moves it there.

    state        moved there by
    PREPARED     send: recorded with its key, and surely not in Xero
    SENDING      send: recorded before the request is sent
    REFUSED      send: Xero declined this journal, with its reason
    UNKNOWN      send: no clear answer came
    CREATED      send: Xero accepted it and gave its id
    CONFIRMED    confirm: read back, every line equal
    DRIFT        confirm: read back and different, or accepted with a warning
    POSSIBLE     confirm: an unknown journal may be this one; its lines are not sent meanwhile
    WITHDRAWING  withdraw: recorded before Xero is asked to delete or void it; outcome unknown
    WITHDRAWN    withdraw: deleted or voided by our command; its number is not used again
    """

    PREPARED = "sealed"
    SENDING = "sending"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    CREATED = "created"
    CONFIRMED = "confirmed"
    DRIFT = "drift"
    POSSIBLE = "possible"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"


# States in which a request may still be carried out, or may have been, without our knowing.
OPEN_ENDED = (JournalState.SENDING, JournalState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """What the store knows of one journal; `organisation` is the Xero organisation it belongs to.

    `entries` are the entry ids of its lines, packed; None where they are not known. `changed_at` is when
    it came into its state, where it was read from the store.
    """

    organisation: str
    narration: str
    generation: int
    connection: str
    day: date
    booking_date: date
    number: int
    request_key: str
    digest: str
    lines: int
    debits: str
    state: JournalState = JournalState.PREPARED
    manual_journal_id: str | None = None
    reason: str | None = None
    entries: bytes | None = None
    lowest_entry: int | None = None
    highest_entry: int | None = None
    changed_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """The very bytes of a request, and when they first went out."""

    request_key: str
    body: bytes
    first_sent_at: datetime | None = None


def latest(records: Iterable[JournalRecord]) -> dict[str, JournalRecord]:
    """Return the record of the newest generation of each narration."""
    newest: dict[str, JournalRecord] = {}
    for record in records:
        held = newest.get(record.narration)
        if held is None or held.generation < record.generation:
            newest[record.narration] = record
    return newest


@dataclass(frozen=True, slots=True)
class DayRecord:
    """A day that was brought into Xero.

    `stated_lines` is what Mambu stated for it, and for the edges around it that are asked for as well.
    `read_at` is when Xero was read to confirm it, None where that is not known: by Xero's clock, or, where
    `by_xero` is False, as in records of older versions, by the machine's. `label` and `first_day` are what
    the connection said at that time, `organisation` the one of Xero's that the day was brought into: None
    where that was not recorded yet.
    """

    connection: str
    day: date
    zone: str
    stated_lines: int
    finished_at: datetime
    read_at: datetime | None = None
    label: str | None = None
    first_day: date | None = None
    by_xero: bool = True
    organisation: str | None = None


RENEWED_EVERY: Final = timedelta(seconds=60)
# Three renewals missed; clocks of two machines may differ by up to a minute of it.
LEASE_LIFE: Final = timedelta(seconds=180)
# The day of a lease on all of a connection, of a flow that does not go by days.
ALL_DAYS: Final = date.min


@dataclass(frozen=True, slots=True)
class Lease:
    """A day held by a run; `place` is where the run lives, so that others there can tell whether it does."""

    flow: str
    connection: str
    day: date
    owner: str
    place: str
    stage: str
    taken_at: datetime
    renewed_at: datetime

    @property
    def what(self) -> str:
        """Return what is held, for people."""
        return f"the {self.flow} of {self.connection}" if self.day == ALL_DAYS else str(self.day)

    def expired(self, now: datetime) -> bool:
        """Tell whether its run has died, as far as time tells."""
        return now >= self.renewed_at + LEASE_LIFE


class LeaseTaken(Exception):
    """Another run holds the day, and lives."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(lease.owner)
        self.lease = lease


class TaskState(StrEnum):
    """Where an incident's task is on its way; see the table at the top of blocks/store/incidents.py."""

    NONE = "none"
    DUE = "due"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Incident:
    """What went wrong on a day: where, what to do about it, and the task that says so in Mambu.

    `step` is empty where a stage failed as a whole; `times` counts how often the same has happened;
    `task_id` is Mambu's number of the task. `task_tried`: it may stand in Mambu without our knowing.
    """

    incident_id: str
    flow: str
    connection: str
    day: date
    stage: str
    step: str
    error: str
    remedy: str
    opened: datetime
    times: int = 1
    resolved: datetime | None = None
    task_state: TaskState = TaskState.NONE
    task_title: str = ""
    task_text: str = ""
    task_id: str | None = None
    task_tried: bool = False


@dataclass(frozen=True, slots=True)
class CollectedWindow:
    """A stretch of Xero's changes that a run has collected whole; `until` itself is not in it.

    `by_xero`: it ended by Xero's clock, and not, as those of older versions, by that of the machine.
    `organisation` is Xero's; older versions did not record it.
    """

    connection: str
    since: datetime
    until: datetime
    run_id: str
    by_xero: bool = True
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Who has confirmed that a connection may begin from this store, and what speaks against it since.

    `runs` is how many runs have begun with this store, as far as it knows.
    """

    connection: str
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    doubt: str = ""
    runs: int = 0
