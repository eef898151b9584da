"""Each way in which sending can fail: what is in Xero stays, the rest is told, and a rerun sends only it."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest

from tests.helpers.failed_runs import ended, entries, incidents, searches, tasks, told, unit, units
from tests.helpers.journals_in_xero import journal_with
from tests.helpers.sandboxed import DATE, Sandboxed
from tests.helpers.two_journals import two_lines_each

PUT = {"system": "xero", "method": "PUT"}


def archived(code: str) -> dict[str, Any]:
    """Return the fault by which Xero declines one request, for an account archived after the check."""
    reason = {"ValidationErrors": [{"Message": f"Account code '{code}' has been archived"}]}
    body = {"ErrorNumber": 10, "Type": "ValidationException", "Message": "Invalid", "Elements": [reason]}
    answer = {"kind": "status", "status": 400, "content_type": "application/json", "body": json.dumps(body)}
    return {**PUT, "nth": 2, **answer}


def both_ways(remedy: str) -> None:
    """Require that a remedy names both ways on."""
    assert f"python -m flows.main journals --date {DATE}" in remedy
    assert "only what is missing is sent" in remedy
    assert f"python -m flows.main withdraw --date {DATE}" in remedy


@pytest.mark.parametrize(
    ("fault", "listed", "sent_later", "in_xero"),
    [
        (
            archived("5400"),
            ["In Xero: 2 journals", "Rejected by Xero: 1 journal", "number 1, 7.00 (", "has been archived"],
            1,
            2,
        ),
        (
            {**PUT, "nth": 2, "times": 0, "kind": "429-day"},
            ["In Xero: 1 journal", "number 1, 6.00", "Not sent yet: 2 journals", "number 1, 7.00"],
            2,
            1,
        ),
        (
            {**PUT, "nth": 2, "times": 0, "kind": "drop_before"},
            ["In Xero: 1 journal", "Not known whether in Xero: 1 journal", "Not sent yet: 1 journal"],
            2,
            1,
        ),
        (
            {**PUT, "nth": 2, "times": 0, "kind": "drop_after"},
            ["In Xero: 1 journal", "Not known whether in Xero: 1 journal", "Not sent yet: 1 journal"],
            1,
            2,
        ),
    ],
    ids=["declined", "day limit", "unanswered and absent", "unanswered and there"],
)
async def test_sending_stops_in_the_middle(
    sandbox: Sandboxed, fault: dict[str, Any], listed: list[str], sent_later: int, in_xero: int
) -> None:
    """What is in Xero is kept, what is open is listed, and the rerun sends each missing journal once."""
    # First journals of one month would go out in one request.
    booked = [dt.date(2025, 12, 18), dt.date(2026, 1, 18), DATE]
    sandbox.plant([one for n, day in enumerate(booked, start=1) for one in unit(n, 5 + n, booked=day)])
    connection = sandbox.connection(xero_concurrency=1, retries=0)
    sandbox.fault(fault)

    stopped = await sandbox.run(connection=connection)
    seen = await told(sandbox, stopped, "send", *listed)
    assert stopped.summary.journals_planned == 3
    assert f"{seen.task['description']}".count("kept and not sent again") == 1
    both_ways(seen.incident.remedy)
    assert "saved by process" in seen.page
    assert len(sandbox.xero_journals()) == in_xero
    before = {journal["ManualJournalID"] for journal in sandbox.xero_journals()}

    sandbox.http.delete("/control/faults")
    sandbox.http.delete("/control/requests")
    await ended(sandbox, await sandbox.run(connection=connection))
    # Mambu is asked for its count only.
    assert not any("cursor" in one["query"] for one in searches(sandbox))
    assert len(sandbox.requests("xero", "PUT")) == sent_later
    assert before <= {journal["ManualJournalID"] for journal in sandbox.xero_journals()}
    assert len(sandbox.xero_journals()) == 3
    assert entries(sandbox) == [1, 2, 3, 4, 5, 6]
    assert len(tasks(sandbox)) == 1


async def test_a_day_limit_says_when_to_go_on(sandbox: Sandboxed) -> None:
    """Where Xero takes no further calls, the remedy begins with the time at which it does."""
    sandbox.plant(units(1))
    sandbox.fault({**PUT, "kind": "429-day"})

    seen = await told(sandbox, await sandbox.run(), "send", "Not sent yet: 1 journal")

    assert re.match(r"Wait until \d{4}-\d\d-\d\d \d\d:\d\d UTC\. Then start the ", seen.incident.remedy)
    assert "No journal of this day is known to be in Xero" in seen.task["description"]


async def test_one_element_of_a_block_is_declined(sandbox: Sandboxed) -> None:
    """In a request of twenty journals the one that Xero declines is named, and the others are kept."""
    lines = units(*range(1, 8), *range(9, 25)) + unit(8, 3, gl_code="5100")
    sandbox.plant(lines)
    connection = sandbox.connection(lines_per_journal=2)
    await sandbox.run(connection=connection, dry_run=True)
    # What process has left was checked against the accounts as they were then.
    sandbox.control("xero/archive_account", {"code": "5100"})
    sandbox.http.delete("/control/requests")

    failed = await sandbox.run(connection=connection, start_from="send")

    assert len(sandbox.requests("xero", "PUT")) == 2
    said = ("In Xero: 23 journals", "Rejected by Xero: 1 journal", "number 8, 3.00 (", "5100")
    seen = await told(sandbox, failed, "send", *said)
    both_ways(seen.incident.remedy)
    assert seen.incident.remedy.startswith("Correct what is named above. Then start the journals flow again")
    assert len(entries(sandbox)) == 46
    assert not {15, 16} & set(entries(sandbox))

    sandbox.http.delete("/control/requests")
    corrected = connection.model_copy(update={"account_map": {**connection.account_map, "5100": "5200"}})
    await ended(sandbox, await sandbox.run(connection=corrected))
    assert len(sandbox.requests("xero", "PUT")) == 1
    assert entries(sandbox) == list(range(1, 49))


async def test_a_warning_on_a_success(sandbox: Sandboxed) -> None:
    """A journal that Xero took with a warning is told as such, and ends once it is put right in Xero."""
    sandbox.plant(units(1, 2))
    connection = two_lines_each(sandbox)
    sandbox.control("xero/warn")

    failed = await sandbox.run(connection=connection)

    seen = await told(sandbox, failed, "send", "with a warning", "has been removed", "In Xero: 2 journals")
    both_ways(seen.incident.remedy)
    accounts = {1: "5400", 2: "1010", 3: "5400", 4: "1010"}
    for journal in sandbox.xero_journals():
        sandbox.edit(
            journal,
            lambda one: {
                "AccountCode": accounts[int(one["Description"].split(",")[0].split()[1])],
                "TaxType": "NONE",
            },
        )

    await ended(sandbox, await sandbox.run(connection=connection))
    assert entries(sandbox) == [1, 2, 3, 4]
    assert len(sandbox.xero_journals()) == 2


async def test_a_draft_that_a_person_edits(sandbox: Sandboxed) -> None:
    """A draft with other amounts than Mambu's is told with both sides, and left alone until put right."""
    sandbox.plant(units(1, 2))
    connection = sandbox.connection(lines_per_journal=2)
    await ended(sandbox, await sandbox.run(connection=connection))
    journal = journal_with(sandbox, 3)
    sandbox.double(journal)
    sandbox.http.delete("/control/requests")
    failed = await sandbox.run(connection=connection)

    assert failed.summary.tied_out is False
    said = ("EntryID 3 ", "Mambu 7.00 on 5400, Xero 14.00 on 5400", "EntryID 4 ")
    seen = await told(sandbox, failed, "send/confirm", *said)
    assert "Nothing in Xero was overwritten" in seen.task["description"]
    assert "correct it in Xero" in seen.incident.remedy
    assert sandbox.requests("xero", "PUT") == []
    assert journal_with(sandbox, 3)["JournalLines"][0]["LineAmount"].startswith("14")

    sandbox.edit(journal, lambda _: {})
    await ended(sandbox, await sandbox.run(connection=connection))
    assert len(await incidents(sandbox)) == len(tasks(sandbox)) == 1
