"""The window ends at Xero's own time, whatever this machine's clock shows."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.helpers.sandboxed import Sandboxed
from tests.helpers.trading import pay, statuses

MINUTE = dt.timedelta(minutes=1)


@contextmanager
def clocks_apart(sandbox: Sandboxed, ours_ahead: dt.timedelta) -> Iterator[None]:
    """Let this machine's clock be ahead of that of Xero, which is then that of the whole sandbox."""
    with sandbox.earlier(seconds=ours_ahead.total_seconds()):
        yield


async def test_a_payment_made_while_our_clock_is_ahead_arrives(quiet: Sandboxed) -> None:
    """With our clock 20 minutes ahead, what is paid after a run is sent by the next one, and it is told."""
    with clocks_apart(quiet, 20 * MINUTE):
        before = pay(quiet)
        first = await quiet.pay_run()
        after = pay(quiet)
        second = await quiet.pay_run()

    assert await statuses(quiet) == {before: "sent", after: "sent"}
    assert first.summary.until is not None
    assert dt.datetime.now(dt.UTC) - first.summary.until > 19 * MINUTE
    assert second.summary.since == first.summary.until
    for run in (first, second):
        assert "20 minutes ahead of Xero's" in " ".join(run.summary.as_json()["notes"])


async def test_a_payment_made_while_our_clock_is_behind_is_sent_at_once(quiet: Sandboxed) -> None:
    """With our clock 20 minutes behind, what was paid just now lies in the window, and it is told."""
    with clocks_apart(quiet, -20 * MINUTE):
        payment = pay(quiet)
        outcome = await quiet.pay_run()

    assert await statuses(quiet) == {payment: "sent"}
    assert "20 minutes behind Xero's" in " ".join(outcome.summary.notes)


async def test_clocks_that_are_alike_are_not_spoken_of(quiet: Sandboxed) -> None:
    """Where the clocks differ by less than a minute nothing is said of them."""
    with clocks_apart(quiet, MINUTE / 2):
        outcome = await quiet.pay_run()

    assert outcome.summary.notes == []


async def test_a_date_is_xeros(quiet: Sandboxed) -> None:
    """A date that has begun by our clock alone is refused; one that is under way ends at Xero's time."""
    today = dt.datetime.now(dt.UTC).date()
    with clocks_apart(quiet, dt.timedelta(days=1)):
        early = await quiet.pay_run(date=today)
        yesterday = await quiet.pay_run(date=today - dt.timedelta(days=1))

    assert "has not begun yet" in early.message
    assert yesterday.summary.until is not None
    assert dt.datetime.now(dt.UTC) - yesterday.summary.until > dt.timedelta(hours=23)


async def test_the_first_run_after_windows_by_our_clock_goes_back_a_day(quiet: Sandboxed, home: Path) -> None:
    """Where the last window is of an older version, a payment that it missed by its clock is sent."""
    await quiet.pay_run()
    with quiet.earlier(hours=20):
        missed = pay(quiet)
    await quiet.pay_run()
    assert await statuses(quiet) == {}
    with closing(sqlite3.connect(home / "daybook.sqlite3")) as file, file:
        file.execute("UPDATE windows SET by_xero = NULL")

    await quiet.pay_run()

    assert await statuses(quiet) == {missed: "sent"}
