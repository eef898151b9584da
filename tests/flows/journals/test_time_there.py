"""Bounds in Mambu's and Xero's time come from their clocks, whatever this machine's shows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from blocks.store.models import DayRecord
from flows.journals.freshness import KEY_EXPIRED
from flows.journals.late_journals import LATE, _compared_at
from flows.journals.send import _wait_for_others
from tests.helpers.failed_runs import LONDON, days_ago, searches, units
from tests.helpers.journals import DAY, sent, transfers
from tests.helpers.journals_run import MORNING, scripted_run, snapshot_of
from tests.helpers.sandboxed import Sandboxed

BEHIND = dt.timedelta(minutes=20)


def seconds_before_midnight(seconds: float) -> float:
    """Return by how much a clock is behind ours that shows so many seconds before our last midnight."""
    now = dt.datetime.now(LONDON)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return (now - midnight).total_seconds() + seconds


async def test_a_day_that_is_over_by_our_clock_alone_is_refused(sandbox: Sandboxed) -> None:
    """A day that is not over in Mambu is refused though our clock says it is, and why that is so is told."""
    with sandbox.earlier(seconds=seconds_before_midnight(600)):
        outcome = await sandbox.run(days_ago(1))

    outcome.failed("is not over yet in Europe/London")
    told = " ".join(outcome.summary.notes)
    assert "ahead of Mambu's" in told
    assert "ahead of Xero's" in told
    assert sandbox.xero_journals() == []


async def test_a_nightly_run_that_begins_too_early_waits_for_its_day_to_end(sandbox: Sandboxed) -> None:
    """Where our clock starts the night a little early, no line is asked for before Mambu's day is over."""
    date = days_ago(1)
    sandbox.plant(units(1, date=date), date)
    with sandbox.earlier(seconds=seconds_before_midnight(8)):
        outcome = await sandbox.run(None, connection=sandbox.connection(look_back_days=0))

    outcome.completed()
    assert outcome.summary.date == date
    end = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), LONDON)
    asked = [dt.datetime.fromisoformat(one["at"]) for one in searches(sandbox)]
    assert min(asked) > end


@pytest.mark.parametrize("ahead", [-BEHIND, dt.timedelta(0), BEHIND])
async def test_journals_that_have_just_come_are_waited_for_by_xeros_clock(
    tmp_path: Path, ahead: dt.timedelta
) -> None:
    """Journals from another run are waited for as long, however far Xero's clock is from ours."""
    one = sent(transfers(1))
    async with scripted_run(tmp_path) as at:
        at.run.xero.transport.there.note(MORNING + ahead, MORNING, MORNING)
        shown = [each._replace(updated=MORNING + ahead) for each in one.live]
        assert await _wait_for_others(at.run, snapshot_of(one.plan, shown))
    assert at.clock.slept == [KEY_EXPIRED.total_seconds()]


def test_what_was_compared_by_another_clock_is_looked_at_a_day_further_back() -> None:
    """Of a day compared by our own clock, as older versions did, a day more of Xero is looked at again."""
    made = DayRecord("default", DAY.date, "Europe/London", 2, MORNING, read_at=MORNING)
    assert _compared_at(made) == MORNING
    day = dt.timedelta(days=1)
    assert _compared_at(replace(made, by_xero=False)) == MORNING - day
    assert _compared_at(replace(made, read_at=None)) == MORNING - day
    assert day > LATE
