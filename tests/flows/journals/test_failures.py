"""Each way in which a day can fail before sending: what is recorded, who is told what, and that it ends.

Of the five steps of process, group accepts every day there is, so it cannot fail on what it is given.
"""

from __future__ import annotations

from typing import Any

import pytest

from flows.journals.run import staged_folder
from flows.journals.staging import read_manifest
from tests.helpers.failed_runs import (
    MAMBU_LINES,
    Told,
    ended,
    entries,
    incidents,
    reads,
    searches,
    tasks,
    told,
    unit,
    units,
)
from tests.helpers.sandboxed import DATE, Sandboxed, line

START_AGAIN = f"journals --date {DATE}"
DOING = {
    "validate": "checking the lines",
    "map": "matching accounts",
    "balance": "balancing the transactions",
    "batch": "dividing the lines into journals",
}


@pytest.mark.parametrize("nth", [1, 2])
async def test_a_day_that_cannot_be_read(sandbox: Sandboxed, nth: int) -> None:
    """Extract repeats a call as often as it is told to, leaves nothing staged, and says to start again."""
    sandbox.plant(units(1, 2))
    await sandbox.run(dry_run=True)
    assert read_manifest(staged_folder("default", DATE)).stages
    sandbox.http.delete("/control/requests")
    fault = {"system": "mambu", "path": MAMBU_LINES, "kind": "500", "times": 0, "nth": nth}
    sandbox.fault(fault)

    failed = await sandbox.run(refresh=True, connection=sandbox.connection(retries=2))

    assert "failed while reading the lines from Mambu" in failed.message
    assert len(searches(sandbox)) == nth - 1 + 3
    assert not staged_folder("default", DATE).exists()
    seen = await told(sandbox, failed, "extract", "was answered 500")
    assert "sent nothing to Xero" in seen.task["description"]
    assert START_AGAIN in seen.incident.remedy
    assert "no lines are kept for this day" in seen.page
    assert sandbox.xero_journals() == []

    sandbox.http.delete("/control/faults")
    await ended(sandbox, await sandbox.run())
    assert entries(sandbox) == [1, 2, 3, 4]
    assert [one.resolved is None for one in await incidents(sandbox)] == [False]


async def test_the_same_failure_twice_is_one_incident_with_one_task(sandbox: Sandboxed) -> None:
    """A day that fails in the same way again has one incident that counts twice, and one task."""
    sandbox.plant(units(1))
    sandbox.fault({"system": "mambu", "path": MAMBU_LINES, "kind": "500", "times": 0})
    for _ in range(2):
        failed = await sandbox.run(connection=sandbox.connection(retries=0))

    seen = await told(sandbox, failed, "extract")
    assert seen.incident.times == 2
    assert "2 times so far" in seen.page


async def refused(sandbox: Sandboxed, step: str, *offenders: str, **changes: Any) -> str:
    """Run a day that a step refuses, require that all is told and nothing sent; return the remedy."""
    failed = await sandbox.run(connection=sandbox.connection(**changes))
    assert f"failed while {DOING[step]}. " in failed.message
    seen = await told(sandbox, failed, f"process/{step}", *offenders)
    assert "sent nothing to Xero" in seen.task["description"]
    assert sandbox.xero_journals() == []
    assert sandbox.requests("xero", "PUT") == []
    # What extract has left can be looked at, and the next run holds it against Mambu.
    assert "saved by extract" in seen.page
    return seen.incident.remedy


async def test_lines_that_are_malformed(sandbox: Sandboxed) -> None:
    """Validate names every malformed line, and the day is sent once they are corrected in Mambu."""
    wrong = [{**one, "type": "BOTH"} for one in units(2)]
    sandbox.plant([*units(1), *wrong])

    remedy = await refused(sandbox, "validate", "EntryID 3 ", "EntryID 4 ", "neither DEBIT nor CREDIT")

    assert "Correct them in Mambu" in remedy
    sandbox.plant(units(1, 2))
    await ended(sandbox, await sandbox.run())
    assert entries(sandbox) == [1, 2, 3, 4]


async def test_accounts_that_xero_has_not(sandbox: Sandboxed) -> None:
    """Map names every GL account without a usable one, and the day is sent once the map is corrected."""
    sandbox.plant([*unit(1, gl_code="9999"), *unit(2, gl_code="5400"), *unit(3, gl_code="5300")])
    sandbox.control("xero/archive_account", {"code": "5400"})

    remedy = await refused(sandbox, "map", "GL account 9999", "GL account 5400", "is archived in Xero")

    assert "account map" in remedy
    corrected = sandbox.connection(account_map={"9999": "5300", "5400": "5300"})
    await ended(sandbox, await sandbox.run(connection=corrected))
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6]


async def test_booking_dates_that_do_not_balance(sandbox: Sandboxed) -> None:
    """Balance names every booking date that is off and by how much, and says what to look for in Mambu."""
    earlier = [{**one, "bookingDate": "2026-11-17T00:00:00+00:00"} for one in units(2)]
    sandbox.plant([units(1)[0], earlier[1], *units(3)])

    remedy = await refused(
        sandbox,
        "balance",
        f"booking date {DATE} is out of balance by +6.",
        "booking date 2026-11-17 is out of balance by -7.",
    )

    assert "branches" in remedy
    sandbox.plant([*units(1), *earlier, *units(3)])
    await ended(sandbox, await sandbox.run())
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6]


async def test_a_transaction_too_large_for_one_request(sandbox: Sandboxed) -> None:
    """Batch names the transaction that no request can carry, and the day is sent once it is in parts."""

    def booked(*names: str) -> list[dict[str, Any]]:
        return [
            line(number, 1, "DEBIT" if number % 2 else "CREDIT", transaction=names[number % 4 // 2])
            for number in range(1, 3001)
        ]

    name, other = "T" * 400, "U" * 400
    sandbox.plant(booked(name, name))

    remedy = await refused(sandbox, "batch", f"transaction {name}", "(3000 lines)")

    assert "book it in parts" in remedy
    sandbox.plant(booked(name, other))
    await ended(sandbox, await sandbox.run())
    assert len(sandbox.xero_journals()) == 2


async def test_process_that_cannot_start(sandbox: Sandboxed) -> None:
    """Where Xero's accounts cannot be read, the lines are kept, and process starts from them."""
    seen = await handed_over_in_vain(sandbox, "process", "Accounts")

    assert "start_from process" in seen.incident.remedy
    assert "Run the date again" not in seen.task["description"]
    assert "4 lines of" in seen.page
    assert "saved by extract" in seen.page


async def test_send_that_cannot_start(sandbox: Sandboxed) -> None:
    """Where Xero's journals cannot be read, what process made is kept, and send starts from it."""
    seen = await handed_over_in_vain(sandbox, "send", "ManualJournals")

    assert "saved by process" in seen.page
    assert "No journal of this day is known to be in Xero" in seen.page or "sent nothing" in seen.page
    assert reads(sandbox, "/Accounts") == []


async def handed_over_in_vain(sandbox: Sandboxed, stage: str, unread: str) -> Told:
    """Require that a stage fails before it starts, and starts from what was kept; return what was told."""
    sandbox.plant(units(1, 2))
    sandbox.fault({"system": "xero", "method": "GET", "path": unread, "kind": "500", "times": 0})
    failed = await sandbox.run(connection=sandbox.connection(retries=1))
    assert len(reads(sandbox, f"/{unread}")) == 2
    seen = await told(sandbox, failed, f"{stage}/hand-over", "was answered 500")
    assert f"--date {DATE} --start-from {stage}" in seen.incident.remedy
    assert sandbox.xero_journals() == sandbox.requests("xero", "PUT") == []

    sandbox.http.delete("/control/faults")
    sandbox.http.delete("/control/requests")
    await ended(sandbox, await sandbox.run(start_from=stage))
    assert searches(sandbox) == []
    assert entries(sandbox) == [1, 2, 3, 4]
    return seen


@pytest.mark.parametrize(
    ("start_from", "lost", "said", "read_again"),
    [
        ("send", "5-batch-*.parquet", "The saved results of process are missing", False),
        ("process", "lines.parquet", "The saved lines of extract are missing", True),
        ("send", "lines.parquet", "The saved lines of extract are missing", True),
    ],
)
@pytest.mark.parametrize("how", ["deleted", "corrupted"])
async def test_what_was_left_is_not_whole_any_more(
    sandbox: Sandboxed,
    caplog: pytest.LogCaptureFixture,
    start_from: Any,
    lost: str,
    said: str,
    read_again: bool,
    how: str,
) -> None:
    """A run that finds what it should start from gone or changed starts earlier, says so, and finishes."""
    sandbox.plant(units(1, 2))
    await sandbox.run(dry_run=True)
    (file,) = staged_folder("default", DATE).glob(lost)
    if how == "deleted":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    sandbox.http.delete("/control/requests")

    await ended(sandbox, await sandbox.run(start_from=start_from))
    assert said in caplog.text
    assert bool(searches(sandbox)) is read_again
    assert entries(sandbox) == [1, 2, 3, 4]
    assert tasks(sandbox) == []
