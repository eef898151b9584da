"""Look back: the last days that no run has finished, or into which lines have come since."""

from __future__ import annotations

import datetime as dt

from flows.days import Day
from flows.journals.extract import count_lines_of
from flows.journals.narration import Narration
from flows.journals.night import Night
from flows.journals.read import list_journals
from flows.tasks import run_task

# Beyond it, who has run what is not looked for in Xero.
_WITHIN = dt.timedelta(days=10)


@run_task("look back")
async def unfinished_days(night: Night) -> list[dt.date]:
    """Return the days before the night's own that have to be run, the oldest first.

    Those are: days held by a run that died, days without a finished run, and days for which Mambu now
    states another count of lines than it did for the finished one. Not those before the connection's
    first day: it is set, or the first that was ever run by the record, or else by the names of the
    journals in Xero. Raises CallFailed and StoreError.
    """
    today, back = night.day.date, night.connection.look_back_days
    held = await night.store.leases.of("journals", night.name)
    found = {lease.day for lease in held if lease.day < today and lease.expired(night.clock.now())}
    first = await _first_day(night)
    if first is None or back == 0:
        return sorted(found)
    start = max(first, today - dt.timedelta(days=back))
    finished = await night.store.days.since(night.name, start)
    for offset in range((today - start).days):
        date = start + dt.timedelta(days=offset)
        record = finished.get(date)
        if record is None or record.stated_lines != await count_lines_of(night, Day(date, night.day.zone)):
            found.add(date)
    return sorted(found)


async def _first_day(night: Night) -> dt.date | None:
    if night.connection.first_day:
        return night.connection.first_day
    recorded = await night.store.first_day(night.name)
    if recorded is not None and recorded < night.day.date:
        return recorded
    # The record knows nothing: it is new, or was lost. Then Xero tells whether this connection was at work.
    journals = await list_journals(night, night.day.start - _WITHIN)
    names = (Narration.parse(journal.narration) for journal in journals or ())
    days = [name.created for name in names if name and name.label == night.connection.label]
    return min((day for day in days if day < night.day.date), default=None)
