"""How a run of a day is recorded once it has come to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.store.models import DayRecord
from flows.journals.record import end
from flows.journals.report.summary import Summary
from tests.helpers.journals import DAY
from tests.helpers.journals_run import scripted_run


@pytest.mark.parametrize("status", ["failed", "completed"])
async def test_only_a_day_that_ties_out_is_finished(tmp_path: Path, home: Path, status: str) -> None:
    """A day that does not tie out is finished no more, and an incident; one that does is finished."""
    summary = Summary(DAY.date, "default")
    summary.status, summary.currency, summary.open = status, "GBP", ["EntryID 1 is not in Xero"]
    async with scripted_run(tmp_path) as at:
        store, now = at.run.store, at.clock.now()
        await store.days.finished(DayRecord("default", DAY.date, "UTC", 2, now))
        await end(at.run, summary)
        finished = await store.days.since("default", DAY.date)
        open_ones = await store.incidents.all("default", only_open=True)
    assert (len(finished), len(open_ones)) == ((0, 1) if status == "failed" else (1, 0))
