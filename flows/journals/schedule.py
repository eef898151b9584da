"""Schedule: what Prefect knows of the nightly runs: which are planned, running, or over."""

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

# A run that is due needs a moment: its worker polls now and then, and other runs may be first.
PATIENCE = dt.timedelta(minutes=10)
_MOST_RUNS = 200
_ONE_DAY = dt.timedelta(days=1)
_JOURNALS = FlowFilter(name=FlowFilterName(any_=["journals"]))


class NightlyRuns(NamedTuple):
    """The days for which Prefect knows a nightly run, by the state of that run.

    `coming`: it is planned for later. `waiting`: it is due, and Prefect has only just heard of it.
    `at_work`: Prefect has not heard of it since, and does not know that it ended. `planned`: all of these,
    and days whose run has ended. `switched_off`: the connection has schedules, and all of them are off.
    """

    coming: frozenset[dt.date]
    waiting: frozenset[dt.date]
    at_work: frozenset[dt.date]
    planned: frozenset[dt.date]
    switched_off: bool

    def due(self, day: dt.date, *, alive: bool) -> bool:
        """Return whether a day should be finished; `alive`: a run of the connection is working on some day.

        A nightly run works on the days it looks back on before its own. Days of which Prefect knows nothing
        are due as well: its server may have been down, or its runs were deleted.
        """
        if day in self.coming or day in self.waiting or (day in self.at_work and alive):
            return False
        return day in self.planned or not self.switched_off


async def nightly_runs(
    name: str, first: dt.date, last: dt.date, zone: ZoneInfo, now: dt.datetime
) -> NightlyRuns:
    """Return what Prefect knows of the nightly runs of a connection, for the days from `first` to `last`."""
    # A nightly run starts on the date after its day.
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
    return _sorted_by_state(mine, scheduled, zone, now)


def _sorted_by_state(
    runs: Iterable[FlowRun], scheduled: list[DeploymentResponse], zone: ZoneInfo, now: dt.datetime
) -> NightlyRuns:
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
    return NightlyRuns(
        frozenset(coming),
        frozenset(waiting),
        frozenset(at_work),
        frozenset(planned),
        switched_off=bool(scheduled) and not on,
    )


def _is_nightly(parameters: dict[str, object] | None, name: str) -> bool:
    """Return whether a run with these parameters sends the day before its start."""
    given = parameters or {}
    return given.get("connection", "default") == name and not given.get("date") and not given.get("dry_run")
