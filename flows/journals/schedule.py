"""Schedule: what Prefect knows of the nightly runs: which are to come, at work, or have had their time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort

from flows.days import Day

# A run that should have begun needs a moment: a worker asks for work now and then, and others may be first.
PATIENCE = dt.timedelta(minutes=10)
_MOST_RUNS = 200
_ONE_DAY = dt.timedelta(days=1)
_JOURNALS = FlowFilter(name=FlowFilterName(any_=["journals"]))


class Nights(NamedTuple):
    """The days of which Prefect knows a nightly run, by where that run is.

    `coming`: its time is to come. `waiting`: its time has come, and it has only just been heard of.
    `at_work`: it was not heard of since, and is not known to have ended. `planned`: all of these, and those
    whose run has ended. `switched_off`: the connection has a schedule, and none that is on.
    """

    coming: frozenset[dt.date]
    waiting: frozenset[dt.date]
    at_work: frozenset[dt.date]
    planned: frozenset[dt.date]
    switched_off: bool

    def due(self, day: dt.date, *, alive: bool) -> bool:
        """Tell whether a day should be finished; `alive`: a run of the connection is at work on some day.

        A nightly run is at work on the days it looks back on before it comes to its own. Days of which
        Prefect knows nothing are due as well: its server may have been down, or its runs are deleted.
        """
        if day in self.coming or day in self.waiting or (day in self.at_work and alive):
            return False
        return day in self.planned or not self.switched_off


async def nights_of(name: str, first: dt.date, last: dt.date, zone: ZoneInfo, now: dt.datetime) -> Nights:
    """Return what Prefect knows of the nightly runs of a connection, for the days from `first` to `last`."""
    # Such a run begins on the date after its day.
    begun = FlowRunFilterExpectedStartTime(
        after_=Day(first, zone).end,
        before_=Day(last + _ONE_DAY, zone).end,
    )
    async with get_client() as client:
        runs = await client.read_flow_runs(
            flow_filter=_JOURNALS,
            flow_run_filter=FlowRunFilter(expected_start_time=begun),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=_MOST_RUNS,
        )
        deployments = await client.read_deployments(flow_filter=_JOURNALS)
    mine = [one for one in runs if _is_nightly(one.parameters, name)]
    scheduled = [one for one in deployments if one.schedules and _is_nightly(one.parameters, name)]
    return _nights(mine, scheduled, zone, now)


def _nights(
    runs: Iterable[FlowRun], scheduled: list[DeploymentResponse], zone: ZoneInfo, now: dt.datetime
) -> Nights:
    coming, waiting, at_work, planned = set(), set(), set(), set()
    for run in runs:
        if run.expected_start_time is None or run.state is None:
            continue
        day = run.expected_start_time.astimezone(zone).date() - _ONE_DAY
        planned.add(day)
        if run.state.is_final():
            continue
        if run.expected_start_time > now:
            coming.add(day)
        elif now - run.state.timestamp < PATIENCE:
            waiting.add(day)
        elif not run.state.is_scheduled() and not run.state.is_pending():
            at_work.add(day)
    on = any(one.active for deployed in scheduled if not deployed.paused for one in deployed.schedules)
    return Nights(
        frozenset(coming),
        frozenset(waiting),
        frozenset(at_work),
        frozenset(planned),
        switched_off=bool(scheduled) and not on,
    )


def _is_nightly(parameters: dict[str, object] | None, name: str) -> bool:
    """Tell whether a run with these parameters takes the day before its start, and sends it."""
    given = parameters or {}
    return given.get("connection", "default") == name and not given.get("date") and not given.get("dry_run")
