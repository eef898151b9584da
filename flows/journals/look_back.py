"""Look back: the last days that no run has finished, or into which lines have come since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping

from blocks.store.models import DayRecord
from blocks.xero.models import ManualJournal
from flows.days import Day
from flows.journals.extract import count_lines_of
from flows.journals.narration import Narration
from flows.journals.read import list_journals
from flows.journals.run import JournalsRun
from flows.runtime.tasks import run_task

# Xero is not searched for runs further back than this.
_WITHIN = dt.timedelta(days=10)


async def finished_days(run: JournalsRun) -> dict[dt.date, DayRecord]:
    """Return what is on record of the finished days of the look-back, of whatever organisation."""
    first = run.day.date - dt.timedelta(days=run.connection.look_back_days)
    return await run.store.days.since(run.name, first)


@run_task("look back")
async def unfinished_days(run: JournalsRun, recorded: Mapping[dt.date, DayRecord]) -> list[dt.date]:
    """Return the days before the run's own that have to be run, the oldest first.

    Those are: days whose run crashed, days without a finished run, and days for which Mambu now
    states another count of lines than it did for the finished one. Not those before the connection's
    first day: it is set, or the first that had a scheduled run by the record, or else by the journals in
    Xero. Raises CallFailed and StoreError.
    """
    today, back = run.day.date, run.connection.look_back_days
    leases = await run.store.leases.of("journals", run.name)
    found = {lease.day for lease in leases if lease.day < today and lease.expired(run.clock.now())}
    first = await _first_day(run)
    if first is None or back == 0:
        return sorted(found)
    start = max(first, today - dt.timedelta(days=back))
    days = [start + dt.timedelta(days=offset) for offset in range((today - start).days)]
    elsewhere = await _left_elsewhere(run, days, recorded)
    for date in days:
        record = recorded.get(date)
        if record is not None and (_is_here(run, record) or date in elsewhere):
            if record.stated_lines != await count_lines_of(run, Day(date, run.day.zone)):
                found.add(date)
        elif date not in elsewhere:
            found.add(date)
    return sorted(found)


async def _left_elsewhere(
    run: JournalsRun, days: Collection[dt.date], recorded: Mapping[dt.date, DayRecord]
) -> set[dt.date]:
    """Return the days that another organisation of Xero's got before this one got any of the connection's.

    A connection that was moved does not bring along what the former organisation has, finished or not. One
    that led elsewhere for some nights, and is back, has their days still to be sent here.
    """
    got = {day: one.finished_at for day, one in recorded.items() if day in days and not _is_here(run, one)}
    if not got and recorded.keys() >= set(days):
        return set()
    last, back = run.day.date, run.connection.look_back_days + _WITHIN.days
    sent = await run.store.journals_of(run.name, [last - dt.timedelta(days=one) for one in range(back)])
    for one in sent:
        if one.organisation != run.organisation and one.changed_at and one.day not in recorded:
            got[one.day] = min(one.changed_at, got.get(one.day, one.changed_at))
    here = [one.changed_at for one in sent if one.organisation == run.organisation and one.changed_at]
    return {day for day, at in got.items() if not here or at < min(here)}


def _is_here(run: JournalsRun, day: DayRecord) -> bool:
    return day.organisation in {None, run.organisation}


async def _first_day(run: JournalsRun) -> dt.date | None:
    if run.connection.first_day:
        return run.connection.first_day
    recorded = await run.store.runs.first_day(run.name)
    if recorded is not None and recorded < run.day.date:
        return recorded
    # The record knows of no nightly run: it is new, or was lost. Then Xero shows whether this connection was
    # in use; a day that somebody ran by its date, as far as is known, says nothing of that.
    requested = await run.store.runs.days(run.name)

    def of_connection(journal: ManualJournal) -> ManualJournal | None:
        name = Narration.parse(journal.narration)
        # Ten days' lines are many, and nothing is asked of them here.
        return journal._replace(lines=()) if name and name.label == run.connection.label else None

    found = [
        name.created
        for journal in await list_journals(run, run.day.start - _WITHIN, of_connection)
        if (name := Narration.parse(journal.narration)) and name.created not in requested
        if not _sent_late(journal, Day(name.created, run.day.zone))
    ]
    return min((day for day in found if day < run.day.date), default=None)


def _sent_late(journal: ManualJournal, day: Day) -> bool:
    """Tell whether a draft was sent later than on the date after its day, so not by that day's own run.

    Of a journal that is no draft any more, the time of its last change says nothing of its sending.
    """
    changed = journal.updated
    if changed is None or journal.status != "DRAFT":
        return False
    return changed.astimezone(day.zone).date() - day.date > dt.timedelta(days=1)
