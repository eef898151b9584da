"""Before a run reads anything: which organisation, and which of its changes."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from blocks.errors import UsageError
from blocks.xero import PAYMENT_SCOPES, XeroOrganisation
from flows.payments.exchange import Exchange
from flows.payments.windows import Window, window
from flows.tasks import run_task


@run_task("window: ask Xero")
async def ask_xero(exchange: Exchange) -> XeroOrganisation:
    """Return what Xero says of itself. Raises NotAllowed for what the credentials lack."""
    await exchange.xero.require_scopes(PAYMENT_SCOPES)
    return await exchange.xero.organisation()


async def settle_window(exchange: Exchange, since: dt.datetime | None, until: dt.datetime | None) -> None:
    """Fix the Xero organisation and the window of a run.

    Raises UsageError for the wrong organisation, and where it is not known from when on to send.
    """
    connection = exchange.connection
    # Before anything is asked: what is asked for must make sense first.
    collected = await exchange.store.audit.collected_until(exchange.name)
    exchange.young_record = collected is None
    exchange.window = window(
        exchange.clock.now(),
        collected_until=collected,
        start=connection.start,
        until_yesterday=connection.process_until == "yesterday",
        overlap=dt.timedelta(minutes=connection.overlap_minutes),
        since=since,
        until=until,
    )
    started = await sending_since(exchange)
    # Who asks for an earlier window wants what is in it.
    earliest = min(started, since or started)
    exchange.policy = replace(exchange.policy, starts_on=earliest.astimezone(dt.UTC).date())
    xero = await ask_xero(exchange)
    expected = connection.organisation
    if expected and expected not in {xero.name, xero.organisation_id}:
        raise UsageError(
            f"This is the wrong organisation: the credentials lead to {xero.name!r} in Xero, and the "
            f"connection is for {expected!r}. Nothing was sent. Correct one of them."
        )
    exchange.organisation = xero.organisation_id or connection.xero.tenant_id or connection.xero.client_id
    exchange.base_currency = xero.base_currency


async def sending_since(exchange: Exchange) -> dt.datetime:
    """Return from when on changes are this connection's: its start, else where its first window began."""
    first = await exchange.store.audit.first_since(exchange.name)
    return exchange.connection.start or first or exchange.window.since


def goes_on(window_: Window, collected_until: dt.datetime | None, start: dt.datetime | None) -> bool:
    """Tell whether a window leaves no gap behind the last one, or behind the connection's start."""
    places = [place for place in (collected_until, start) if place is not None]
    return not places or window_.asked_from <= max(places)
