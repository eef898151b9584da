"""Read: all journals in Xero that could contain a day's lines, and what they contain of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pyarrow.compute as pc

from blocks.errors import NotFound, Refusal
from blocks.store.entries import Entries
from blocks.store.models import OPEN_ENDED, JournalRecord, JournalState
from blocks.xero.models import ManualJournal
from blocks.xero.pages import Reading
from flows.days import Day
from flows.journals.calls import MOST_PAGES, require_calls_to_read
from flows.journals.candidates import Candidates
from flows.journals.freshness import DATED_WITHIN
from flows.journals.models import DELETED_OR_VOIDED, VOIDED, WITHDRAWN, Plan
from flows.journals.narration import Narration
from flows.journals.reconciliation import Reconciliation, reconcile
from flows.journals.records import entries_of, known_from
from flows.journals.run import JournalsRun
from flows.journals.unreadable import passed_over
from flows.runtime.tasks import run_task

# A day's journals are written after the day has ended by Xero's own clock (flows.journals.start); the margin
# is for what older versions wrote, by clocks that differ.
BEFORE_DAY_END = dt.timedelta(minutes=10)
_LINES_PER_PAGE = 25_000
# A list can change while its pages are read; it is then read again, this often.
_READINGS = 4


class XeroSnapshot(msgspec.Struct, frozen=True):
    """What Xero shows of the day and when it was read, and what the record said of it just before.

    `listed` is how many journals Xero lists of the time in question, whosever they are. Not `whole`: only
    what had changed since an earlier look was read.
    """

    matched: Reconciliation
    read_at: dt.datetime
    records: Sequence[JournalRecord] = ()
    listed: int = 0
    whole: bool = True


class Picture:
    """What Xero's lists have shown of a day so far, so that the next look asks only for what changed since.

    It is of one plan, and of one sending: with each look it is what a reading of the whole list would give.
    """

    def __init__(self) -> None:
        self._journals: dict[str, ManualJournal] = {}
        self._since: dt.datetime | None = None
        self._seen_at: dt.datetime | None = None
        self.items = 0
        self.whole = True

    async def look(
        self, run: JournalsRun, since: dt.datetime, wanted: Candidates
    ) -> dict[str, ManualJournal]:
        """Return the wanted journals changed since an instant, by their ids, as if all of them were read."""
        start, before = since, dict[str, ManualJournal]()
        if self._since is not None and self._seen_at is not None and self._since <= since:
            start = max(since, self._seen_at - DATED_WITHIN)
        if start > since:
            before = self._journals
        # What was there is replaced by what became of it, also where that is not the day's any more.
        found = await _listing(
            run, start, lambda one: wanted.kept(one) if one.journal_id in before or wanted(one) else None
        )
        # Only now, for a reading that fails has shown nothing.
        self.whole = start == since
        self._journals = dict(sorted({**before, **found.journals}.items())) if before else found.journals
        self._since, self._seen_at = since, found.seen_at
        self.items = found.items if self.whole else max(found.items, self.items)
        return dict(self._journals)


async def read(
    run: JournalsRun,
    plan: Plan,
    known_ids: Sequence[str],
    records: Sequence[JournalRecord] | None = None,
    picture: Picture | None = None,
) -> XeroSnapshot:
    """Read the journals that could contain the day's lines, and compare the plan with them.

    `known_ids`, and those in the record, are read singly where the list does not show them. `records` are
    the day's, where they have just been read; `picture` is what earlier looks have shown.
    """
    picture = picture or Picture()
    read_at = run.clock.now()
    records = await run.records() if records is None else records
    others = await _of_other_days(run, plan)
    since = await _since(run, others)
    every = [*records, *others]
    ids = {*known_ids, *(record.manual_journal_id for record in every if record.manual_journal_id)}
    shown = await picture.look(run, since, Candidates(plan, ids))
    found = await with_the_known(run, shown, every, known_ids)
    ours = withdrawn_ids([*records, *others])
    # A person who voids a journal means that its lines stay out; a withdrawal means that they may come again.
    live = [
        one._replace(status=WITHDRAWN) if one.status == VOIDED and one.journal_id in ours else one
        for one in found
    ]
    run.record_may_be_new = run.record_may_be_new or _may_be_new(plan, live, records)
    matched = reconcile(
        plan,
        live,
        known_from([*others, *records]),
        withhold_deleted=run.looking_back,
        record_may_be_new=run.record_may_be_new,
    )
    return XeroSnapshot(matched, read_at, records, picture.items, picture.whole)


async def _of_other_days(run: JournalsRun, plan: Plan) -> list[JournalRecord]:
    """Return the records of journals sent under another day that hold lines of this one.

    A line is in one live journal, whatever day it was sent under: a time zone that was set right since
    moves lines from day to day.
    """
    entries = plan.lines["entry_id"]
    if not len(entries):
        return []
    bounds = pc.min_max(entries).as_py()
    day = run.day.date
    other = await run.store.journals_with(run.organisation, run.name, day, bounds["min"], bounds["max"])
    if not other:
        return []
    planned = Entries.of(entries.to_numpy())
    return [record for record in other if not planned.isdisjoint(entries_of(record) or ())]


async def _since(run: JournalsRun, others: Sequence[JournalRecord]) -> dt.datetime:
    """Return from when on journals of the day may have been written.

    That is the day's end, unless lines of it may have been sent under a neighbouring day: where the record
    says so, or where it does not say that the day before was sent by the settings of now.
    """
    day = run.day
    since = day.end - BEFORE_DAY_END
    eve = day.date - dt.timedelta(days=1)
    before = (await run.store.days.since(run.name, eve, run.organisation)).get(eve)
    settings = (day.zone.key, run.connection.label, run.connection.first_day)
    if others or before is None or (before.zone, before.label, before.first_day) != settings:
        first = min([eve, *(record.day for record in others)])
        # No day ends earlier anywhere than fourteen hours ahead of UTC.
        since = min(since, Day(first, ZoneInfo("Etc/GMT-14")).end - BEFORE_DAY_END)
    return since


def _may_be_new(plan: Plan, live: Iterable[ManualJournal], records: Sequence[JournalRecord]) -> bool:
    """Tell whether the record may lack journals of the day: it was lost or set back, or an answer was."""
    ids = {record.manual_journal_id for record in records if record.manual_journal_id}
    open_ended = (*OPEN_ENDED, JournalState.POSSIBLE)
    if not ids or any(record.state in open_ended for record in records):
        return True
    names = ((one.journal_id, Narration.parse(one.narration)) for one in live)
    return any(
        name and name.created == plan.day and name.label == plan.label and journal_id not in ids
        for journal_id, name in names
    )


read_journals = run_task("send: read Xero")(read)


def page_size(lines_per_journal: int) -> int:
    """Return how many journals to ask for at a time, so that an answer stays of a size to take."""
    return max(1, min(100, _LINES_PER_PAGE // lines_per_journal))


def withdrawn_ids(records: Iterable[JournalRecord]) -> frozenset[str]:
    """Return the ids of the journals that our own command took out of Xero, or may have."""
    return frozenset(
        record.manual_journal_id
        for record in records
        if record.manual_journal_id and record.state in {JournalState.WITHDRAWING, JournalState.WITHDRAWN}
    )


async def journals_since(
    run: JournalsRun,
    since: dt.datetime,
    wanted: Callable[[ManualJournal], bool],
    records: Sequence[JournalRecord],
) -> list[ManualJournal]:
    """Return the wanted ones of Xero's journals changed since an instant, and all that are in the record."""
    ids = {record.manual_journal_id for record in records if record.manual_journal_id}
    shown = await list_journals(run, since, lambda one: one if one.journal_id in ids or wanted(one) else None)
    return await with_the_known(run, {one.journal_id: one for one in shown}, records)


async def with_the_known(
    run: JournalsRun,
    shown: Mapping[str, ManualJournal],
    records: Sequence[JournalRecord],
    known_ids: Iterable[str] = (),
) -> list[ManualJournal]:
    """Return the journals that a list has shown, and all that are known by their ids.

    Those that the list does not show, or shows alive although they were withdrawn, are read singly, for
    it can lag behind what was just written.
    """
    found = dict(shown)
    recorded = [record.manual_journal_id for record in records if record.manual_journal_id]
    withdrawn = withdrawn_ids(records)
    for journal_id in dict.fromkeys([*known_ids, *recorded]):
        shown_now = found.get(journal_id)
        if shown_now is None or (journal_id in withdrawn and shown_now.status not in DELETED_OR_VOIDED):
            try:
                found[journal_id] = await run.xero.manual_journal(journal_id)
            except NotFound:
                run.warn(f"Daybook's record lists journal {journal_id}, but Xero does not have it.")
    return list(found.values())


# What is to be kept of a journal of a list; None for nothing.
Keep = Callable[[ManualJournal], ManualJournal | None]


async def list_journals(run: JournalsRun, since: dt.datetime, keep: Keep) -> list[ManualJournal]:
    """Return what is to be kept of the journals changed in Xero since an instant.

    Raises Refusal and ResumeLater where there are too many, and Refusal where the list never stands still.
    """
    return list((await _listing(run, since, keep)).journals.values())


class _Listing(NamedTuple):
    """What was kept of a list, by id, how many journals it had, and from when on it may lack changes.

    `seen_at` is in Xero's time, or earlier; None where Xero did not say what time it was.
    """

    journals: dict[str, ManualJournal]
    items: int
    seen_at: dt.datetime | None


async def _listing(run: JournalsRun, since: dt.datetime, keep: Keep) -> _Listing:
    """Return what is to be kept of a list that stood still while its pages were read.

    Raises Refusal where it never stands still, or its pages never end: a journal that slips from one page
    to another unseen would be sent a second time.
    """
    size = page_size(run.connection.lines_per_journal)
    for _ in range(_READINGS):
        kept: dict[str, ManualJournal] = {}
        seen_at: dt.datetime | None = None
        reading = Reading(MOST_PAGES + 1)
        while not reading.ended:
            page = reading.page
            answer = await run.xero.manual_journals(modified_since=since, page=page, page_size=size)
            if page == 1:
                seen_at = _stated(run)
            others = passed_over(answer, page)
            for journal in answer.manual_journals:
                if (part := keep(journal)) is not None:
                    kept[journal.journal_id] = part
            reading.take({one.journal_id for one in answer.manual_journals} | others, answer.pagination)
            if not reading.ended:
                require_calls_to_read(run, since, page, answer.pagination)
        if reading.whole:
            return _Listing(kept, reading.size, seen_at)
        run.warn("Journals changed in Xero while they were read: reading them again.")
    raise Refusal(
        "The list of manual journals in Xero kept changing while it was read, or its pages repeat or never "
        "end. Nothing further was written. Run the same again when nobody is working in Xero."
    )


def _stated(run: JournalsRun) -> dt.datetime | None:
    """Return what time Xero's last answer states; ours where that is earlier, in case Xero's is a slip."""
    said = run.xero.transport.there.said
    return min(said, run.clock.now()) if said else None
