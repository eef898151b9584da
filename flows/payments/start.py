"""Before a run reads anything: which organisation, and which of its changes."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from blocks.errors import UnusableAnswer, UsageError
from blocks.store.models import CollectedWindow
from blocks.xero.client import PAYMENT_SCOPES
from blocks.xero.models import XeroOrganisation
from flows.payments.run import PaymentsRun
from flows.payments.windows import Window, beginning, overlap, window
from flows.runtime.tasks import run_task


@run_task("window: ask Xero")
async def ask_xero(run: PaymentsRun) -> XeroOrganisation:
    """Return what Xero says of itself. Raises NotAllowed for what the credentials lack."""
    await run.xero.require_scopes(PAYMENT_SCOPES)
    return await run.xero.organisation()


async def determine_window(
    run: PaymentsRun,
    since: dt.datetime | None,
    until: dt.datetime | None,
    date: dt.date | None = None,
) -> None:
    """Fix the Xero organisation and the window of a run: what is asked for, or the whole of a date (UTC).

    Raises UsageError for the wrong organisation, and where it is not known from when on to send.
    """
    connection, audit = run.connection, run.store.audit
    # Before anything is asked: what is asked for must make sense first.
    last = await audit.last_window(run.name)
    collected = last.until if last else None
    since = _midnight(date) if date else since
    if since is None:
        beginning(collected, connection.start)
    _take_organisation(run, await ask_xero(run))
    run.last_window = last = await _of_this_organisation(run, last)
    collected = last.until if last else None
    now = _time_in_xero(run)
    if date:
        until = _end_of(date, now)
    run.window = window(
        now,
        collected_until=collected,
        start=connection.start,
        until_yesterday=connection.process_until == "yesterday",
        overlap=overlap(
            connection.overlap_minutes,
            now=now,
            collected_until=collected,
            by_xero=last is not None and last.by_xero,
        ),
        since=since,
        until=until,
    )
    started = await sending_since(run)
    run.policy = replace(run.policy, starts_on=started.astimezone(dt.UTC).date())
    run.asked_since = since.astimezone(dt.UTC).date() if since else None


def _time_in_xero(run: PaymentsRun) -> dt.datetime:
    """Return Xero's time in the last answer, which came before any list was asked for."""
    said = run.xero.transport.there.said
    if said is None:
        raise UnusableAnswer(
            "Xero's answers state no time (neither DateTimeUTC nor a Date header), so it is unknown what "
            "changed up to now. Nothing was sent. Check whether something between here and Xero "
            "alters its answers."
        )
    return said


def _midnight(date: dt.date) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(), dt.UTC)


def _end_of(date: dt.date, now: dt.datetime) -> dt.datetime:
    """Return the end of a date, as far as it has come. Raises UsageError where it has not begun."""
    if _midnight(date) >= now:
        raise UsageError(f"{date} has not begun yet (days are UTC).")
    return min(_midnight(date) + dt.timedelta(days=1), now)


def _take_organisation(run: PaymentsRun, xero: XeroOrganisation) -> None:
    connection = run.connection
    expected = connection.organisation
    if expected and expected not in {xero.name, xero.organisation_id}:
        raise UsageError(
            f"Wrong organisation: the credentials belong to {xero.name!r} in Xero, and the connection is for "
            f"{expected!r}. Nothing was sent. Correct one of them."
        )
    run.organisation = xero.organisation_id or connection.xero.tenant_id or connection.xero.client_id
    run.base_currency = xero.base_currency


async def last_window_of(run: PaymentsRun) -> CollectedWindow | None:
    """Return the last window of the organisation that the credentials lead to.

    Those of another one, to which they led before, say nothing of what was collected of this.
    """
    return await _of_this_organisation(run, await run.store.audit.last_window(run.name))


async def _of_this_organisation(run: PaymentsRun, last: CollectedWindow | None) -> CollectedWindow | None:
    if last is None or last.organisation in {"", run.organisation}:
        return last
    return await run.store.audit.last_window(run.name, run.organisation)


async def sending_since(run: PaymentsRun) -> dt.datetime:
    """Return from when on changes are this connection's: its start, else where its first window began."""
    first = await run.store.audit.first_since(run.name, run.organisation)
    return run.connection.start or first or run.window.since


def goes_on(window_: Window, collected_until: dt.datetime | None, start: dt.datetime | None) -> bool:
    """Tell whether a window leaves no gap behind the last one, or behind the connection's start.

    What Xero is read again for behind the last window's end is read only by a window that begins there.
    """
    if collected_until is None and start is None:
        return True
    behind_last = collected_until is not None and window_.since <= collected_until
    return behind_last or (start is not None and window_.asked_from <= start)
