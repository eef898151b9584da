"""Before a run does anything: which day, which currency, and whether it is the right organisation."""

from __future__ import annotations

import asyncio
import datetime as dt
from zoneinfo import ZoneInfo

from prefect import runtime

from blocks.errors import UsageError
from blocks.mambu.models import Organisation
from blocks.xero.client import JOURNAL_SCOPES
from blocks.xero.models import XeroOrganisation
from flows.days import OVERLAP, Day, agreed_currency, agreed_zone, day_to_run
from flows.journals.run import JournalsRun
from flows.runtime.tasks import run_task

# So much too early a nightly run waits for its day to end; before that its day is refused.
_EARLIEST = dt.timedelta(hours=1)


@run_task("day: ask both systems")
async def organisations(run: JournalsRun) -> tuple[Organisation | None, XeroOrganisation]:
    """Return what Mambu and Xero say of themselves. Raises NotAllowed for what the credentials lack."""
    return await asyncio.gather(run.mambu.organisation(), _ask_xero(run))


async def _ask_xero(run: JournalsRun) -> XeroOrganisation:
    await run.xero.require_scopes(JOURNAL_SCOPES)
    return await run.xero.organisation()


ask_xero = run_task("day: ask Xero")(_ask_xero)


async def determine_day(run: JournalsRun, date: dt.date | None) -> None:
    """Fix the day, the currency and the Xero organisation of a run.

    Raises UsageError where the two systems do not belong together, and Refusal for an unfinished day.
    """
    mambu, xero = await organisations(run)
    connection = run.connection
    zone = agreed_zone(mambu.time_zone if mambu else None, connection.time_zone)
    run.currency = agreed_currency(mambu.currency if mambu else None, connection.currency)
    scheduled = runtime.flow_run.scheduled_start_time or run.clock.now()
    # A run that nobody gave a date begins a little early where the clock that started it is ahead.
    early = dt.timedelta(0) if date else _EARLIEST
    run.day = day_to_run(date, scheduled, zone, run.time_there() + early)
    _take_organisation(run, xero)
    lock_date = xero.lock_date()
    if lock_date:
        run.warn(f"Xero's lock date is {lock_date}: drafts dated up to then can be saved, but not approved.")
    # What is asked for must lie in the past, or lines appear while they are counted. In Xero's past as well:
    # whatever is dated before the day's end there is not looked for when it is asked what it has of the day.
    wait = (run.day.end + OVERLAP - run.time_there()).total_seconds()
    if wait > 0:
        run.waits(f"Waiting {wait:.0f} s until {run.day.date} is over in both Mambu and Xero.")
        await run.clock.sleep(wait)


async def determine_day_without_mambu(run: JournalsRun, date: dt.date) -> None:
    """Fix the same for a run that asks Xero alone, of whose day nothing but the date counts.

    Raises UsageError where the organisation is not the connection's.
    """
    xero = await ask_xero(run)
    run.currency = run.connection.currency or xero.base_currency
    run.day = Day(date, ZoneInfo("UTC"))
    _take_organisation(run, xero)


def _take_organisation(run: JournalsRun, xero: XeroOrganisation) -> None:
    _require_right_organisation(run, xero)
    credentials = run.connection.xero
    run.organisation = xero.organisation_id or credentials.tenant_id or credentials.client_id
    run.short_code = xero.short_code


def _require_right_organisation(run: JournalsRun, xero: XeroOrganisation) -> None:
    expected = run.connection.organisation
    if expected and expected not in {xero.name, xero.organisation_id}:
        raise UsageError(
            f"This is the wrong organisation: the credentials belong to {xero.name!r} in Xero, but the "
            f"connection is for {expected!r}. Nothing was sent. Correct one of them."
        )
    if xero.base_currency != run.currency:
        raise UsageError(
            f"This is the wrong organisation: Mambu keeps its books in {run.currency}, but {xero.name!r} "
            f"in Xero uses {xero.base_currency}. Nothing was sent. Correct the connection."
        )
