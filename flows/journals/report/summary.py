"""The outcome of one run of the journals flow: its figures and tables. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec.structs import replace

from blocks.store.models import OPEN_ENDED, JournalRecord, JournalState, latest
from flows.journals.as_sent import minors_of
from flows.journals.models import Plan
from flows.journals.narration import Narration
from flows.journals.prepare import Prepared, PreparedJournal
from flows.journals.reconciliation import Reconciliation
from flows.journals.tie_out import Confirmed, TieOutRow, batches_in_review, open_points
from flows.money import grouped, money_text
from flows.runtime.summary import RunSummary
from flows.runtime.text import counted, listed

IN_XERO = (JournalState.CREATED, JournalState.CONFIRMED, JournalState.DRIFT)
TO_BE_SENT = (JournalState.PREPARED, JournalState.REFUSED, *OPEN_ENDED)


class BatchRow(NamedTuple):
    """One journal of the day, planned or in Xero; amounts in minor units."""

    narration: str
    booking_date: dt.date | None
    lines: int
    debits: int
    credits: int
    journal_id: str
    status: str
    link: str

    @property
    def number(self) -> int:
        """Return the journal's number among those of its booking date; 0 where its name has none."""
        name = Narration.parse(self.narration)
        return name.number if name else 0


@dataclass
class Summary(RunSummary):
    """One run of one day. Counts are of lines or journals, `debits` and `credits` in minor units.

    `in_review` counts batches that need review, `suppressed` lines that people removed from Xero and that
    this run does not send again.
    """

    lines: int = 0
    zero_lines: int = 0
    journals_planned: int = 0
    journals_created: int = 0
    journals_already_in_xero: int = 0
    debits: int = 0
    credits: int = 0
    currency: str = ""
    digits: int = 2
    tied_out: bool | None = None
    in_review: int = 0
    suppressed: int = 0
    mambu_calls: int = 0
    refused_as_too_many: int = 0
    looked_back: list[dt.date] = field(default_factory=list)
    # Whether the stage had more than begun to begin.
    under_way: bool = True
    # What became of days that were looked back on, where they are not finished yet.
    still_open: list[str] = field(default_factory=list)
    staged: list[str] = field(default_factory=list)
    batches: list[BatchRow] = field(default_factory=list)
    tie_out: list[TieOutRow] = field(default_factory=list)
    account_names: dict[str, str] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    def take_day(self, date: dt.date, currency: str, digits: int) -> None:
        """Take over the day and currency that the run has determined."""
        self.date, self.currency, self.digits = date, currency, digits

    def take_look_back(self, date: dt.date, message: str, *, done: bool) -> None:
        """Take over how a look back on an earlier day ended."""
        self.looked_back.append(date)
        if done:
            self.notes.append(f"Earlier day {date}: {message}")
        else:
            self.still_open.append(f"The earlier day {date} is not finished: {message}")

    def take_plan(self, plan: Plan, lines: int, notes: Mapping[str, Any]) -> None:
        """Take over what extract and process found: `lines` came, `notes` are what the steps left."""
        minor = plan.lines["minor"].to_pylist()
        self.debits = sum(amount for amount in minor if amount > 0)
        self.credits = -sum(amount for amount in minor if amount < 0)
        zero, pooled = notes.get("zero_lines", []), notes.get("pooled", [])
        rounded, away = notes.get("rounded", []), notes.get("rounded_away", [])
        self.lines, self.zero_lines = lines, len(zero)
        if zero:
            self.notes.append(f"Zero-amount lines are not posted: EntryID {listed(zero)}.")
        self.notes.extend(
            f"These transactions balance only together and are posted as one unit: {text}." for text in pooled
        )
        if rounded:
            self.notes.append(
                f"{counted(len(rounded), 'line has', 'lines have')} more decimals than the currency and "
                f"{'was' if len(rounded) == 1 else 'were'} rounded. Each transaction still balances: "
                f"EntryID {listed(rounded)}."
            )
        if away:
            self.notes.append(f"Of these, rounded to zero and not posted: EntryID {listed(away)}.")

    def take_rehearsal(self, plan: Plan, matched: Reconciliation, prepared: Prepared) -> None:
        """Take over what a dry run would send."""
        self.status = "dry-run"
        self.batches = [_prepared_row(journal) for journal in prepared.journals]
        self.batches.extend(_live_rows(plan, matched, link=lambda _: ""))
        self.journals_created = len(prepared.journals)
        self.journals_already_in_xero = len(matched.journals)
        self.journals_planned = self.journals_created + self.journals_already_in_xero
        # What is missing would be sent, if nothing speaks against it.
        self.open = open_points(replace(matched, missing=frozenset()), prepared.partially_posted)
        self.in_review = batches_in_review(plan, matched)

    def take_outcome(
        self, plan: Plan, confirmed: Confirmed, created: Collection[str], link: Callable[[str], str]
    ) -> None:
        """Take over what Xero holds of the day; `created` are the narrations that this run sent."""
        matched = confirmed.matched
        holding = matched.holding
        self.journals_created = sum(1 for journal in holding if journal.narration in created)
        self.journals_already_in_xero = len(holding) - self.journals_created
        self.journals_planned = len(holding)
        self.batches = _live_rows(plan, matched, link)
        self.tie_out, self.open, self.tied_out = confirmed.rows, confirmed.open, confirmed.tied_out
        self.in_review, self.suppressed = confirmed.in_review, len(matched.suppressed)
        self.status = "completed" if confirmed.settled else "failed"
        if matched.suppressed:
            self.notes.append(
                f"{counted(len(matched.suppressed), 'line was', 'lines were')} removed in Xero by a user and "
                f"not sent again (EntryID {listed(sorted(matched.suppressed))}). To send what was removed, "
                "run the journals with this date."
            )

    def take_stop(
        self, created: Collection[str], found: Sequence[str] | None, records: Sequence[JournalRecord]
    ) -> None:
        """Take over what Xero has of a day whose run stopped.

        `created` are the narrations that Xero accepted from this run, `found` those of the journals that were
        there before; where Xero was not read, the record says so.
        """
        # What is there is not to be sent, whatever the record still has of it: its answer may have been lost.
        there = {*created, *(found or ())}
        others = [one for one in latest(records).values() if one.narration not in there]
        recorded = sum(one.state in IN_XERO for one in others)
        self.journals_created = len(created)
        self.journals_already_in_xero = recorded if found is None else len(found)
        to_be_sent = sum(one.state in TO_BE_SENT for one in others)
        self.journals_planned = self.journals_created + self.journals_already_in_xero + to_be_sent

    def money(self, minor: int) -> str:
        """Return an amount with the currency's decimals."""
        return money_text(minor, self.digits)

    def grouped(self, minor: int) -> str:
        """Return an amount for reading, its thousands set apart."""
        return grouped(minor, self.digits)

    def exact(self, minor: Decimal) -> str:
        """Return an exact amount for reading: the currency's decimals, and more where it has more."""
        amount = minor.scaleb(-self.digits)
        decimals = max(self.digits, -int(amount.normalize().as_tuple().exponent))
        return f"{amount:,.{decimals}f}"

    @property
    def events(self) -> list[str]:
        """Return how the day ended, and what waits for a person; nothing of a dry run."""
        if self.status == "dry-run":
            return []
        ready = ["journals.drafts-ready"] if self.journals_created else []
        differs = ["journals.differs"] if self.tied_out is False else []
        return [f"journals.{self.status}", *ready, *differs]

    def as_json(self) -> dict[str, Any]:
        """Return the object that --json prints; its keys are an interface."""
        return {
            "date": str(self.date) if self.date else None,
            "connection": self.connection,
            "status": self.status,
            "lines": self.lines,
            "zero_lines": self.zero_lines,
            "journals_planned": self.journals_planned,
            "journals_created": self.journals_created,
            "journals_already_in_xero": self.journals_already_in_xero,
            "debits": self.money(self.debits),
            "credits": self.money(self.credits),
            "currency": self.currency,
            "tied_out": self.tied_out,
            "mambu_calls": self.mambu_calls,
            "xero_calls": self.xero_calls,
            "xero_bytes_read": self.xero_bytes_read,
            "refused_as_too_many": self.refused_as_too_many,
            "seconds": self.seconds,
            "flow_run_id": self.flow_run_id or None,
            "looked_back": [str(date) for date in self.looked_back],
            "held": self.in_review,
            "message": self.message,
        }


def _prepared_row(journal: PreparedJournal) -> BatchRow:
    name = journal.narration
    amounts = (journal.debits, journal.debits)
    return BatchRow(str(name), name.booking_date, journal.lines, *amounts, "", "would be sent", "")


def _live_rows(plan: Plan, matched: Reconciliation, link: Callable[[str], str]) -> list[BatchRow]:
    rows: list[BatchRow] = []
    for journal in matched.journals:
        minor = [one or 0 for one in minors_of(journal, plan.digits)]
        debits, credits_ = sum(one for one in minor if one > 0), -sum(one for one in minor if one < 0)
        rows.append(
            BatchRow(
                journal.narration,
                journal.date,
                len(minor),
                debits,
                credits_,
                journal.journal_id,
                journal.status,
                link(journal.journal_id),
            )
        )
    return sorted(rows, key=lambda row: (str(row.booking_date), row.number, row.narration))
