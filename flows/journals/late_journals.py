"""Look again: what came into Xero after a finished day was last compared with Mambu.

A run that paused between its last read and its request sends when nobody expects it any more. That cannot
be prevented entirely, so it is checked: each nightly run lists once what changed in Xero since, for all
finished days of the look-back, and compares it with the record. No day is read whole for it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from blocks.errors import NotFound
from blocks.store.models import DayRecord, JournalRecord
from blocks.xero.models import ManualJournal
from flows.journals.differences import named
from flows.journals.models import DELETED_OR_VOIDED, Known
from flows.journals.narration import Narration, entry_id_in, has_label
from flows.journals.read import list_journals
from flows.journals.records import known_from
from flows.journals.run import JournalsRun
from flows.runtime.tasks import run_task
from flows.runtime.text import counted, listed

# A request may be carried out, and a list show it, this long after its time; most of it is for clocks.
LATE = dt.timedelta(minutes=10)
# So many journals are read singly to distinguish a reversal from a copy; any more count as copies.
_ORIGINALS = 50
# What was recorded by another clock than Xero's may be as far off as anybody would not have noticed.
_BY_ANOTHER_CLOCK = dt.timedelta(days=1)


@run_task("look again")
async def changed_since(
    run: JournalsRun, besides: Collection[dt.date], recorded: Mapping[dt.date, DayRecord]
) -> dict[dt.date, list[str]]:
    """Return sentences on what came late or twice, by finished day of the look-back.

    `besides` are days that are run anyway, which compares them whole. Raises CallFailed and StoreError.
    """
    days = {
        day: one
        for day, one in recorded.items()
        if day < run.day.date and day not in besides and one.organisation in {None, run.organisation}
    }
    if not days:
        return {}
    records = await _records(run, days)
    ids = {one.manual_journal_id for one in records}

    def unknown(journal: ManualJournal) -> ManualJournal | None:
        ours = may_be_ours(run.connection.label, journal)
        return journal if ours and journal.journal_id not in ids else None

    journals = await list_journals(run, min(map(_compared_at, days.values())) - LATE, unknown)
    if not journals or not late_or_twice(days, run.connection.label, journals, known_from(records)):
        return {}
    # Once more: another run may have sent and recorded some meanwhile.
    known = known_from(await _records(run, days))
    originals: dict[str, ManualJournal] = {}
    for journal_id in sorted(holders(run.connection.label, journals, known))[:_ORIGINALS]:
        with suppress(NotFound):
            originals[journal_id] = await run.xero.manual_journal(journal_id)
    return late_or_twice(days, run.connection.label, journals, known, originals)


async def _records(run: JournalsRun, days: Iterable[dt.date]) -> list[JournalRecord]:
    records = await run.store.journals_of(run.name, list(days))
    return [one for one in records if one.organisation == run.organisation]


def _compared_at(day: DayRecord) -> dt.datetime:
    """Return from when on Xero was not compared with a day any more, in Xero's time."""
    if day.by_xero and day.read_at:
        return day.read_at
    return (day.read_at or day.finished_at) - _BY_ANOTHER_CLOCK


class _Shared(NamedTuple):
    """A journal unknown to the record, and which recorded journal was sent with lines that it holds."""

    journal: ManualJournal
    ours: Narration | None
    holders: dict[int, str]


def may_be_ours(label: str | None, journal: ManualJournal) -> bool:
    """Tell whether a journal is live, and named as ours or holding lines as ours."""
    if journal.status in DELETED_OR_VOIDED:
        return False
    name = Narration.parse(journal.narration)
    if name is not None and name.label == label:
        return True
    texts = (line.description or "" for line in journal.lines)
    return any(entry_id_in(text) is not None and has_label(text, label) for text in texts)


def _shared(
    label: str | None, journals: Iterable[ManualJournal], known: Mapping[str, Known]
) -> Iterator[_Shared]:
    sent_in = {
        entry: journal_id
        for journal_id, one in known.items()
        for entry in one.entries or ()
        if not one.possible
    }
    for journal in journals:
        if journal.status in DELETED_OR_VOIDED or journal.journal_id in known:
            continue
        name = Narration.parse(journal.narration)
        ours = name if name is not None and name.label == label else None
        texts = (line.description or "" for line in journal.lines)
        entries = {entry_id_in(text) for text in texts if ours or has_label(text, label)}
        yield _Shared(journal, ours, {one: sent_in[one] for one in sorted(sent_in.keys() & entries)})


def holders(label: str | None, journals: Iterable[ManualJournal], known: Mapping[str, Known]) -> set[str]:
    """Return the ids of recorded journals that were sent with lines which a journal not recorded holds."""
    return {journal_id for one in _shared(label, journals, known) for journal_id in one.holders.values()}


def late_or_twice(
    days: Collection[dt.date],
    label: str | None,
    journals: Iterable[ManualJournal],
    known: Mapping[str, Known],
    originals: Mapping[str, ManualJournal] = MappingProxyType({}),
) -> dict[dt.date, list[str]]:
    """Return sentences on journals that the record does not know and that are, or hold lines, of the days.

    `known` is what the record says of the days' journals, by their Xero ids; `originals` are those of them
    that were read, which distinguish a reversal from a second copy.
    """
    found: dict[dt.date, list[str]] = defaultdict(list)
    for journal, name, sent_in in _shared(label, journals, known):
        by_day: dict[dt.date, list[int]] = defaultdict(list)
        for entry, journal_id in sent_in.items():
            by_day[known[journal_id].day].append(entry)
        for day, its in by_day.items():
            lines, ids = counted(len(its), "line"), listed(its)
            if all(_takes_back(journal, originals.get(sent_in[entry]), entry) for entry in its):
                text = (
                    f"reverses {lines} of it with opposite amounts (EntryID {ids}): decide whether Mambu or "
                    "Xero is right"
                )
            else:
                text = f"contains {lines} that were sent in another journal: EntryID {ids}"
            found[day].append(f"{named(journal)} {text}")
        if name is not None and not by_day and name.created in days:
            found[name.created].append(f"{named(journal)} was not there when the day was compared")
    return dict(found)


def _takes_back(journal: ManualJournal, original: ManualJournal | None, entry: int) -> bool:
    amount = _amount(journal, entry)
    return original is not None and amount != 0 and amount == -_amount(original, entry)


def _amount(journal: ManualJournal, entry: int) -> Decimal:
    return sum(
        (line.amount for line in journal.lines if entry_id_in(line.description or "") == entry), Decimal(0)
    )
