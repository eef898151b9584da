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
from flows.journals.run import Night
from flows.runtime.tasks import run_task

# So much too early a nightly run waits for its day to end; before that its day is refused.
_EARLIEST = dt.timedelta(hours=1)


@run_task("day: ask both systems")
async def organisations(night: Night) -> tuple[Organisation | None, XeroOrganisation]:
    """Return what Mambu and Xero say of themselves. Raises NotAllowed for what the credentials lack."""
    return await asyncio.gather(night.mambu.organisation(), _ask_xero(night))


async def _ask_xero(night: Night) -> XeroOrganisation:
    await night.xero.require_scopes(JOURNAL_SCOPES)
    return await night.xero.organisation()


ask_xero = run_task("day: ask Xero")(_ask_xero)


async def settle_day(night: Night, date: dt.date | None) -> None:
    """Fix the day, the currency and the Xero organisation of a run.

    Raises UsageError where the two systems do not belong together, and Refusal for an unfinished day.
    """
    mambu, xero = await organisations(night)
    connection = night.connection
    zone = agreed_zone(mambu.time_zone if mambu else None, connection.time_zone)
    night.currency = agreed_currency(mambu.currency if mambu else None, connection.currency)
    scheduled = runtime.flow_run.scheduled_start_time or night.clock.now()
    # A run that nobody gave a date begins a little early where the clock that started it is ahead.
    early = dt.timedelta(0) if date else _EARLIEST
    night.day = day_to_run(date, scheduled, zone, night.time_there() + early)
    _take_organisation(night, xero)
    lock_date = xero.lock_date()
    if lock_date:
        night.warn(f"Xero is locked up to {lock_date}: drafts up to then can be saved, but not approved.")
    # What is asked for must lie in the past, or lines appear while they are counted. In Xero's past as well:
    # whatever is dated before the day's end there is not looked for when it is asked what it has of the day.
    wait = (night.day.end + OVERLAP - night.time_there()).total_seconds()
    if wait > 0:
        night.waits(f"Waiting {wait:.0f} s until {night.day.date} is over by the clocks of Mambu and Xero.")
        await night.clock.sleep(wait)


async def settle_without_mambu(night: Night, date: dt.date) -> None:
    """Fix the same for a run that asks Xero alone, of whose day nothing but the date counts.

    Raises UsageError where the organisation is not the connection's.
    """
    xero = await ask_xero(night)
    night.currency = night.connection.currency or xero.base_currency
    night.day = Day(date, ZoneInfo("UTC"))
    _take_organisation(night, xero)


def _take_organisation(night: Night, xero: XeroOrganisation) -> None:
    _require_right_organisation(night, xero)
    credentials = night.connection.xero
    night.organisation = xero.organisation_id or credentials.tenant_id or credentials.client_id
    night.short_code = xero.short_code


def _require_right_organisation(night: Night, xero: XeroOrganisation) -> None:
    expected = night.connection.organisation
    if expected and expected not in {xero.name, xero.organisation_id}:
        raise UsageError(
            f"This is the wrong organisation: the credentials lead to {xero.name!r} in Xero, and the "
            f"connection is for {expected!r}. Nothing was sent. Correct one of them."
        )
    if xero.base_currency != night.currency:
        raise UsageError(
            f"This is the wrong organisation: Mambu keeps its books in {night.currency}, and {xero.name!r} "
            f"in Xero in {xero.base_currency}. Nothing was sent. Correct the connection."
        )
