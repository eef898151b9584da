"""Read: all journals in Xero that could contain a day's lines, and what they contain of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from zoneinfo import ZoneInfo

import msgspec
import pyarrow.compute as pc

from blocks.errors import NotFound, Refusal
from blocks.store.models import OPEN_ENDED, JournalRecord, JournalState
from blocks.xero.models import JournalPage, ManualJournal
from blocks.xero.pages import Reading
from flows.days import Day
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
# Of a day long past, not everything changed since is read, but what has its booking dates.
MOST_JOURNALS = 3000
_LINES_PER_PAGE = 25_000
# A list can change while its pages are read; it is then read again, this often.
_READINGS = 4


class XeroSnapshot(msgspec.Struct, frozen=True):
    """What Xero shows of the day and when it was read, and what the record said of it just before."""

    matched: Reconciliation
    read_at: dt.datetime
    records: Sequence[JournalRecord] = ()


async def _read(
    run: JournalsRun, plan: Plan, known_ids: Sequence[str], records: Sequence[JournalRecord] | None = None
) -> XeroSnapshot:
    """Read the journals that could contain the day's lines, and compare the plan with them.

    `known_ids`, and those in the record, are read singly where the list does not show them. `records` are
    the day's, where they have just been read.
    """
    read_at = run.clock.now()
    records = await run.records() if records is None else records
    others = await _of_other_days(run, plan)
    since = await _since(run, others)
    found = await journals_since(run, since, lambda: _booking_dates(plan), [*records, *others], known_ids)
    ours = withdrawn_ids([*records, *others])
    # A person who voids a journal means that its lines stay out; a withdrawal means that they may come again.
    live = [
        one._replace(status=WITHDRAWN) if one.status == VOIDED and one.journal_id in ours else one
        for one in found
    ]
    matched = reconcile(
        plan,
        live,
        known_from([*others, *records]),
        withhold_deleted=run.looking_back,
        record_may_be_new=_may_be_new(plan, live, records),
    )
    return XeroSnapshot(matched, read_at, records)


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
    planned = frozenset(entries.to_pylist())
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


read_journals = run_task("send: read Xero")(_read)
read_back = run_task("confirm: read back")(_read)


def page_size(lines_per_journal: int) -> int:
    """Return how many journals to ask for at a time, so that an answer stays of a size to take."""
    return max(1, min(100, _LINES_PER_PAGE // lines_per_journal))


def _booking_dates(plan: Plan) -> list[dt.date]:
    dates: list[dt.date] = plan.lines["booking_date"].unique().to_pylist()
    return dates


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
    dates: Callable[[], Collection[dt.date]],
    records: Sequence[JournalRecord],
    known_ids: Iterable[str] = (),
) -> list[ManualJournal]:
    """Return Xero's journals changed since an instant, and all that are known by their ids.

    Those that the list does not show, or shows alive although they were withdrawn, are read singly, for
    it can lag behind what was just written. `dates` gives the booking dates to read instead, where the
    list is too long to take.
    """
    found = {one.journal_id: one for one in await _listed(run, since, dates)}
    recorded = [record.manual_journal_id for record in records if record.manual_journal_id]
    withdrawn = withdrawn_ids(records)
    for journal_id in dict.fromkeys([*known_ids, *recorded]):
        shown = found.get(journal_id)
        if shown is None or (journal_id in withdrawn and shown.status not in DELETED_OR_VOIDED):
            try:
                found[journal_id] = await run.xero.manual_journal(journal_id)
            except NotFound:
                run.warn(f"Daybook's record lists journal {journal_id}, but Xero does not have it.")
    return list(found.values())


async def list_journals(run: JournalsRun, since: dt.datetime) -> list[ManualJournal] | None:
    """Return the journals changed in Xero since an instant; None if they are too many."""
    size = page_size(run.connection.lines_per_journal)

    async def changed(page: int) -> JournalPage:
        return await run.xero.manual_journals(modified_since=since, page=page, page_size=size)

    return await _whole_list(run, changed)


async def _listed(
    run: JournalsRun, since: dt.datetime, dates: Callable[[], Collection[dt.date]]
) -> list[ManualJournal]:
    found = await list_journals(run, since)
    if found is not None:
        return found
    run.log(f"More than {MOST_JOURNALS} journals were changed since that day: reading by booking date.")
    size = page_size(run.connection.lines_per_journal)
    everything: list[ManualJournal] = []
    for date in sorted(dates()):

        async def dated(page: int, date: dt.date = date) -> JournalPage:
            return await run.xero.manual_journals_dated(date, page=page, page_size=size)

        of_date = await _whole_list(run, dated)
        if of_date is None:
            raise Refusal(
                f"Xero has more than {MOST_JOURNALS} manual journals dated {date}, too many to check for "
                "this day's journals. Nothing was written."
            )
        everything.extend(of_date)
    return everything


async def _whole_list(
    run: JournalsRun, ask: Callable[[int], Awaitable[JournalPage]]
) -> list[ManualJournal] | None:
    """Return all journals of a list that stood still while its pages were read; None if they are too many.

    Raises Refusal where it never stands still, or its pages never end: a journal that slips from one page
    to another unseen would be sent a second time.
    """
    for _ in range(_READINGS):
        found: dict[str, ManualJournal] = {}
        reading = Reading(MOST_JOURNALS + 1)
        while not reading.ended:
            answer = await ask(reading.page)
            page = {journal.journal_id: journal for journal in answer.manual_journals}
            others = passed_over(answer, reading.page)
            found.update(page)
            reading.take(page.keys() | others, answer.pagination)
            if reading.size > MOST_JOURNALS:
                return None
        if reading.whole:
            return list(found.values())
        run.warn("Journals changed in Xero while they were read: reading them again.")
    raise Refusal(
        "The list of manual journals in Xero kept changing while it was read, or its pages repeat or never "
        "end. Nothing further was written. Run the same again when nobody is working in Xero."
    )
