"""People act in Xero between runs, and Xero declines journals: what a run does about it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.failed_runs import entries
from tests.helpers.journals_in_xero import journal_with
from tests.helpers.sandboxed import DATE, Sandboxed, line
from tests.helpers.two_journals import two_units


async def two_units_sent(sandbox: Sandboxed) -> None:
    """Plant that day, and send it."""
    two_units(sandbox)
    await sandbox.run()


async def test_a_deleted_draft_is_sent_again_under_a_new_number(sandbox: Sandboxed) -> None:
    """A draft that a person deleted is sent again by the next run of the date, under a number never used."""
    two_units(sandbox)
    connection = sandbox.connection(lines_per_journal=2)
    await sandbox.run(connection=connection)
    sandbox.control("xero/delete", {"journal_id": journal_with(sandbox, 3)["ManualJournalID"]})

    (await sandbox.run(connection=connection)).completed(created=1)
    assert entries(sandbox) == [1, 2, 3, 4]
    names = [journal["Narration"] for journal in sandbox.xero_journals()]
    assert len(names) == len(set(names)) == 3


async def test_an_edited_draft_is_reported_and_not_overwritten(sandbox: Sandboxed) -> None:
    """A draft whose amounts a person changed makes the run fail with both sides, and stays as it is."""
    await two_units_sent(sandbox)
    sandbox.double(sandbox.xero_journals()[0])
    sandbox.http.delete("/control/requests")

    again = (await sandbox.run()).failed("EntryID 1", "5.00", "10.00")
    assert again.summary.tied_out is False
    assert sandbox.requests("xero", "PUT") == []


async def test_an_edited_narration_is_still_the_same_journal(sandbox: Sandboxed) -> None:
    """A draft that a person renamed is found by its lines: nothing is sent twice."""
    await two_units_sent(sandbox)
    journal = sandbox.xero_journals()[0]
    sandbox.control("xero/edit", {"journal_id": journal["ManualJournalID"], "narration": "November, Mambu"})

    (await sandbox.run()).completed(created=0)


async def test_a_voided_journal_is_reported_and_never_sent_again(sandbox: Sandboxed) -> None:
    """A journal that was posted and voided is reported, and not replaced."""
    await two_units_sent(sandbox)
    journal = sandbox.xero_journals()[0]
    sandbox.control("xero/post", {"journal_id": journal["ManualJournalID"]})
    sandbox.control("xero/void", {"journal_id": journal["ManualJournalID"]})

    (await sandbox.run()).failed("voided")
    assert len(sandbox.xero_journals()) == 1


async def test_a_copied_journal_stops_the_run(sandbox: Sandboxed) -> None:
    """Lines that stand in two live journals stop the run before anything is sent."""
    await two_units_sent(sandbox)
    sandbox.control("xero/copy", {"journal_id": sandbox.xero_journals()[0]["ManualJournalID"]})
    (await sandbox.run()).failed("more than once")


async def test_late_lines_go_out_in_a_further_journal(sandbox: Sandboxed) -> None:
    """Lines that appear in Mambu after the day was sent are sent alone, under the next number."""
    await two_units_sent(sandbox)
    late = [line(8, 1, transaction="T0"), line(9, 1, "CREDIT", transaction="T0")]
    sandbox.control("mambu/add_lines", {"date": str(DATE), "lines": late})

    (await sandbox.run()).completed(created=1)
    assert entries(sandbox) == [1, 2, 3, 4, 8, 9]
    assert journal_with(sandbox, 8)["Narration"].endswith("| 2")


async def test_a_store_that_was_lost_leads_to_no_second_journal(sandbox: Sandboxed, home: Any) -> None:
    """After the store and all staged files are gone, a rerun finds everything in Xero and sends nothing."""
    await sandbox.run()
    shutil.rmtree(home)
    (await sandbox.run()).completed(created=0)


async def test_a_declined_journal_is_named_and_the_others_are_kept(sandbox: Sandboxed) -> None:
    """A journal that Xero declines fails the run with Xero's reason; the others are there, and stay alone."""
    lines = [
        line(1, 5, transaction="T1"),
        line(2, 5, "CREDIT", transaction="T1"),
        line(3, 7, transaction="T2", gl_code="5400"),
        line(4, 7, "CREDIT", transaction="T2"),
    ]
    sandbox.plant(lines)
    connection = sandbox.connection(lines_per_journal=2)
    # Archived between the check of the chart and the sending, which the check cannot see.
    reason = {"ValidationErrors": [{"Message": "Account code '5400' has been archived"}]}
    body = {"ErrorNumber": 10, "Type": "ValidationException", "Message": "Invalid", "Elements": [reason]}
    rule = {"system": "xero", "method": "PUT", "nth": 2, "kind": "status", "status": 400}
    sandbox.fault({**rule, "content_type": "application/json", "body": json.dumps(body)})
    (await sandbox.run(connection=connection)).failed("archived")
    assert len(sandbox.xero_journals()) == 1

    (await sandbox.run(connection=connection)).completed(created=1)
    assert entries(sandbox) == [1, 2, 3, 4]


async def test_a_warning_on_a_success_is_a_failure(sandbox: Sandboxed) -> None:
    """A journal that Xero takes while dropping an account code fails the run, and is not sent twice."""
    two_units(sandbox)
    sandbox.control("xero/warn")
    (await sandbox.run()).failed("has been removed")

    (await sandbox.run()).failed()
    assert len(sandbox.xero_journals()) == 1


async def test_a_lost_answer_does_not_double_a_journal(sandbox: Sandboxed) -> None:
    """A request that was carried out but whose answer got lost is repeated under its key: one journal."""
    two_units(sandbox)
    sandbox.fault({"system": "xero", "method": "PUT", "kind": "drop_after"})
    (await sandbox.run()).completed()
    assert len(sandbox.xero_journals()) == 1
    keys = {one["idempotency_key"] for one in sandbox.requests("xero", "PUT")}
    bodies = {one["body_sha256"] for one in sandbox.requests("xero", "PUT")}
    assert len(sandbox.requests("xero", "PUT")) == 2
    assert len(keys) == len(bodies) == 1


PUT = {"system": "xero", "method": "PUT"}


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([{**PUT, "kind": "504", "times": 0}], id="no answer comes at all"),
        pytest.param(
            [
                {
                    **PUT,
                    "kind": "status_after",
                    "status": 200,
                    "content_type": "application/json",
                    "body": '{"ManualJournals":[]}',
                }
            ],
            id="a success does not mention the journal",
        ),
        pytest.param(
            [{**PUT, "kind": "drop_after"}, {**PUT, "kind": "status", "status": 409, "body": ""}],
            id="a 409 from somewhere on the way, after an answer was lost",
        ),
    ],
)
async def test_what_no_answer_settled_is_settled_by_the_next_run(
    sandbox: Sandboxed, faults: list[dict[str, Any]]
) -> None:
    """Where no answer says what became of a journal, the run fails saying so; the next one sends no copy."""
    two_units(sandbox)
    sandbox.fault(*faults)
    (await sandbox.run(connection=sandbox.connection(retries=1))).failed("not known")
    sandbox.http.delete("/control/faults")

    (await sandbox.run()).completed()
    assert len(sandbox.xero_journals()) == 1


async def test_a_used_up_day_limit_ends_the_run_with_the_time_to_go_on(sandbox: Sandboxed) -> None:
    """A day limit ends the run at once, with the time at which it can go on."""
    two_units(sandbox)
    sandbox.fault({"system": "xero", "method": "PUT", "kind": "429-day"})
    outcome = (await sandbox.run()).failed("until")
    assert outcome.summary.seconds["total"] < 30
    assert sandbox.xero_journals() == []


async def test_a_list_that_lags_behind_does_not_lead_to_a_copy(sandbox: Sandboxed) -> None:
    """Where Xero's list does not show yet what the record knows, it is read singly, and nothing is sent."""
    two_units(sandbox)
    # Set before the write: the stand-in lags for what happens while the switch is on.
    sandbox.control("xero/options", {"read_lag_seconds": 600.0})
    (await sandbox.run()).completed()

    (await sandbox.run()).completed(created=0)
    assert len(sandbox.xero_journals()) == 1


async def test_a_draft_whose_lines_cannot_be_told_is_not_sent_a_second_time(
    sandbox: Sandboxed, home: Path
) -> None:
    """A draft of ours with rewritten texts that the record does not know stops its booking date."""
    two_units(sandbox)
    with sandbox.earlier(days=1):
        await sandbox.run()
    shutil.rmtree(home)
    sandbox.edit(sandbox.xero_journals()[0], lambda _: {"Description": "Loan", "TaxType": "NONE"})

    (await sandbox.run()).failed("can no longer be recognised")
    assert len(sandbox.xero_journals()) == 1


async def test_a_label_that_was_added_later_is_refused(sandbox: Sandboxed) -> None:
    """A day that was sent without a label is not sent again under one."""
    await two_units_sent(sandbox)
    (await sandbox.run(connection=sandbox.connection(label="acme-uk"))).failed("label")
    assert len(sandbox.xero_journals()) == 1


async def test_the_same_day_under_another_connections_name_is_found_done(sandbox: Sandboxed) -> None:
    """A connection saved under a second name finds the day in Xero and completes, time and again."""
    await two_units_sent(sandbox)
    for _ in range(2):
        (await sandbox.run(name="acme")).completed(created=0)


async def test_a_draft_that_has_tax_now_does_not_tie_out(sandbox: Sandboxed) -> None:
    """A draft on which a person chose a tax rate is reported, although its amounts are the same."""
    sandbox.plant([line(1, 5, gl_code="5300"), line(2, 5, "CREDIT")])
    await sandbox.run()
    journal = sandbox.xero_journals()[0]
    sandbox.edit(journal, lambda one: {"TaxType": "INPUT2" if one["AccountCode"] == "5300" else "NONE"})

    (await sandbox.run()).failed("tax")
