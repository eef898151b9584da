"""Read: the journals in Xero that could hold a day's lines, all of them, and what they hold of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from blocks.errors import NotFound, Refusal
from blocks.xero import JournalPage, ManualJournal, xero_date, xero_instant
from flows.journals.books import LiveJournal, LiveLine, Match, Plan, match
from flows.journals.night import Night
from flows.tasks import run_task

# A day's journals are written after the day has ended; the margin is for clocks that differ.
BEFORE_DAY_END = dt.timedelta(minutes=10)
# Of a day long past, not everything changed since is read, but what has its booking dates.
MOST_JOURNALS = 3000
_LINES_PER_PAGE = 25_000
# A list can change while its pages are read; it is then read again, this often.
_READINGS = 4


class Books(msgspec.Struct, frozen=True):
    """What Xero shows of the day, and when it was read."""

    matched: Match
    read_at: dt.datetime


async def _read(night: Night, plan: Plan, known_ids: Sequence[str]) -> Books:
    """Read the journals that could hold the day, and hold the plan against them.

    `known_ids`, and those in the record, are read singly where the list does not show them: it can lag
    behind what was just written.
    """
    read_at = night.clock.now()
    found = await _listed(night, plan)
    shown = {journal.manual_journal_id for journal in found}
    for journal_id in dict.fromkeys([*known_ids, *await _recorded_ids(night)]):
        if journal_id not in shown:
            try:
                found.append(await night.xero.manual_journal(journal_id))
            except NotFound:
                night.log(f"The record names journal {journal_id}, which Xero does not know.")
    live = (_live(journal) for journal in found)
    return Books(match(plan, live, withhold_deleted=night.looking_back), read_at)


read_journals = run_task("send: read Xero")(_read)
read_back = run_task("confirm: read back")(_read)


def page_size(lines_per_journal: int) -> int:
    """Return how many journals to ask for at a time, so that an answer stays of a size to take."""
    return max(1, min(100, _LINES_PER_PAGE // lines_per_journal))


async def _recorded_ids(night: Night) -> list[str]:
    records = await night.store.journals(night.organisation, night.name, night.day.date)
    return [record.manual_journal_id for record in records if record.manual_journal_id]


async def list_journals(night: Night, since: dt.datetime) -> list[ManualJournal] | None:
    """Return the journals changed in Xero since an instant; None if they are too many."""
    size = page_size(night.connection.lines_per_journal)

    async def changed(page: int) -> JournalPage:
        return await night.xero.manual_journals(modified_since=since, page=page, page_size=size)

    return await _whole_list(night, changed)


async def _listed(night: Night, plan: Plan) -> list[ManualJournal]:
    size = page_size(night.connection.lines_per_journal)
    found = await list_journals(night, night.day.end - BEFORE_DAY_END)
    if found is not None:
        return found
    night.log(f"More than {MOST_JOURNALS} journals were changed since that day: reading by booking date.")
    everything: list[ManualJournal] = []
    for date in sorted(set(plan.lines["booking_date"].to_pylist())):

        async def dated(page: int, date: dt.date = date) -> JournalPage:
            return await night.xero.manual_journals_dated(date, page=page, page_size=size)

        of_date = await _whole_list(night, dated)
        if of_date is None:
            raise Refusal(
                f"Xero has more than {MOST_JOURNALS} manual journals of {date}, too many to see whether this "
                "day is among them. Nothing was sent."
            )
        everything.extend(of_date)
    return everything


async def _whole_list(
    night: Night, ask: Callable[[int], Awaitable[JournalPage]]
) -> list[ManualJournal] | None:
    """Return all journals of a list that stood still while its pages were read; None if they are too many.

    Raises Refusal where it never stands still: a journal that slips from one page to another unseen
    would be sent a second time.
    """
    for _ in range(_READINGS):
        found: dict[str, ManualJournal] = {}
        counts: set[int] = set()
        page, last = 0, False
        while not last:
            page += 1
            answer = await ask(page)
            found.update((journal.manual_journal_id, journal) for journal in answer.manual_journals)
            if answer.pagination is None:
                last = not answer.manual_journals
            else:
                counts.add(answer.pagination.item_count)
                last = page >= answer.pagination.page_count
            if max([len(found), *counts]) > MOST_JOURNALS:
                return None
        if counts <= {len(found)}:
            return list(found.values())
        night.log("Journals came or went in Xero while they were read: reading them again.")
    raise Refusal(
        "Manual journals keep coming and going in Xero while they are read. Nothing further was sent. Run "
        "the date again when nobody is working there."
    )


def _live(journal: ManualJournal) -> LiveJournal:
    lines = [
        LiveLine(line.line_amount, line.account_code, line.description, line.tax_type)
        for line in journal.journal_lines or ()
    ]
    return LiveJournal(
        journal.manual_journal_id,
        journal.narration,
        xero_date(journal.date),
        journal.status,
        lines,
        journal.line_amount_types,
        xero_instant(journal.updated_date_utc),
    )
