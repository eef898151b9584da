"""The time zone of a run is the one in which Mambu's lines say they were created and booked."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from flows.journals.process.errors import StepRefusal
from tests.helpers.sandboxed import DATE, Outcome, Sandboxed, line
from tests.helpers.zones import AUCKLAND, far_away, in_zone


def transfer(**moments: str) -> list[dict[str, Any]]:
    """Return a debit and a credit."""
    return [line(1, 7, **moments), line(2, 7, "CREDIT", **moments)]


def contradicted(outcome: Outcome[Any], sandbox: Sandboxed, *words: str) -> None:
    """Require that a run stopped in the step validate with these words, and sent nothing."""
    outcome.failed()
    assert isinstance(outcome.error, StepRefusal), repr(outcome.error)
    assert (outcome.error.step, outcome.error.exit_code) == ("validate", 1)
    for word in words:
        assert word in outcome.message
    assert sandbox.xero_journals() == []


async def test_lines_of_another_zone_stop_the_run(sandbox: Sandboxed) -> None:
    """With the zone set to UTC, lines of Auckland would move to another day: nothing is sent."""
    far_away(sandbox)
    sandbox.plant(transfer(created=f"{DATE}T14:00:00+13:00", booked=f"{DATE}T00:00:00+13:00"))
    outcome = await sandbox.run(connection=in_zone(sandbox, "UTC"))
    contradicted(
        outcome,
        sandbox,
        "the time zone UTC of this run",
        "creation: 2 lines with the offset +13:00, where the time zone UTC has +00:00",
        "booking: 2 lines with the offset +13:00, where the time zone UTC has +00:00",
        "DAYBOOK_TIMEZONE",
    )


async def test_the_right_zone_sends_what_the_wrong_one_did_not(sandbox: Sandboxed) -> None:
    """Once the zone is corrected, the same lines go out under their own dates."""
    far_away(sandbox)
    sandbox.plant(transfer(created=f"{DATE}T14:00:00+13:00", booked=f"{DATE}T00:00:00+13:00"))
    await sandbox.run(connection=in_zone(sandbox, "UTC"))
    (await sandbox.run(connection=in_zone(sandbox, AUCKLAND))).completed()
    (journal,) = sandbox.xero_journals()
    assert f"booking date {DATE}" in journal["Narration"]


async def test_a_whole_day_of_a_tenant_far_away_agrees(sandbox: Sandboxed) -> None:
    """Seeded lines of a tenant whose clocks change on the day agree with its zone."""
    far_away(sandbox)
    changing = dt.date(2026, 9, 27)
    outcome = await sandbox.run(changing, connection=in_zone(sandbox, AUCKLAND), dry_run=True)
    outcome.completed()
    assert outcome.summary.batches


@pytest.mark.parametrize(
    ("moments", "wrong", "right"),
    [
        ({"created": f"{DATE}T12:00:00+01:00"}, "creation: 2 lines", "booking"),
        ({"booked": "2026-07-01T00:00:00+00:00"}, "booking: 2 lines", "creation"),
    ],
)
async def test_creation_and_booking_are_told_apart(
    sandbox: Sandboxed, moments: dict[str, str], wrong: str, right: str
) -> None:
    """Either of the two moments alone stops the run, also where Mambu itself names the zone."""
    sandbox.plant(transfer(**moments))
    outcome = await sandbox.run()
    contradicted(outcome, sandbox, wrong, "Europe/London", "+01:00")
    assert f"{right}:" not in outcome.message


async def test_one_line_of_another_zone_is_enough(sandbox: Sandboxed) -> None:
    """One line with another offset stops the run and is named, together with lines that cannot be used."""
    odd = [line(3, 1, created=f"{DATE}T12:00:00+02:00"), {**line(4, 1), "type": "BOTH"}]
    sandbox.plant([*transfer(), *odd])
    outcome = await sandbox.run()
    contradicted(outcome, sandbox, "creation: 1 line with the offset +02:00", "EntryID 3", "EntryID 4")


async def test_a_tenant_that_answers_in_utc(sandbox: Sandboxed) -> None:
    """All lines in UTC stop a run, with the setting that lets them through under the zone's own dates."""
    far_away(sandbox)
    sandbox.plant(transfer(created="2026-11-18T01:00:00Z", booked="2026-11-17T11:00:00+00:00"))
    outcome = await sandbox.run(connection=in_zone(sandbox, AUCKLAND))
    contradicted(outcome, sandbox, "Mambu seems to give its times in UTC", "mambu_offsets to utc")
    told = in_zone(sandbox, AUCKLAND, mambu_offsets="utc")
    (await sandbox.run(connection=told)).completed()
    (journal,) = sandbox.xero_journals()
    assert f"booking date {DATE}" in journal["Narration"]


async def test_a_setting_that_is_not_so_is_a_contradiction(sandbox: Sandboxed) -> None:
    """Where the connection says UTC and Mambu writes its zone's offset, nothing is sent either."""
    far_away(sandbox)
    sandbox.plant(transfer(created=f"{DATE}T14:00:00+13:00", booked=f"{DATE}T00:00:00+13:00"))
    told = in_zone(sandbox, AUCKLAND, mambu_offsets="utc")
    contradicted(await sandbox.run(connection=told), sandbox, "mambu_offsets", AUCKLAND, "+13:00")


async def test_a_changed_setting_is_not_answered_from_the_cache(sandbox: Sandboxed) -> None:
    """What passed under one setting is held against the other one, too."""
    far_away(sandbox)
    sandbox.plant(transfer(created=f"{DATE}T14:00:00+13:00", booked=f"{DATE}T00:00:00+13:00"))
    (await sandbox.run(connection=in_zone(sandbox, AUCKLAND), dry_run=True)).completed()
    told = in_zone(sandbox, AUCKLAND, mambu_offsets="utc")
    contradicted(await sandbox.run(connection=told, dry_run=True), sandbox, "mambu_offsets")
