"""Other people's journals, accounts and apps in Xero: what of them stops a run of ours, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from blocks.errors import UnusableAnswer
from blocks.sandbox.xero.chart import ACCOUNTS
from blocks.xero.models import JournalPage
from flows.journals.unreadable import passed_over
from tests.helpers.failed_runs import page
from tests.helpers.journals_in_xero import journal_with
from tests.helpers.sandboxed import DATE, Sandboxed
from tests.helpers.two_journals import two_lines_each, two_units
from tests.helpers.withdrawals import withdraw
from tests.helpers.xero_client import journal_page

ID = "7d0d8a5c-3c1f-4c57-8c5c-6f2b0f3a9a11"
# Journals of other people, by their fields, none of which can hold our lines.
ODD = [
    '"Narration":null,"Status":"POSTED","JournalLines":[{"LineAmount":1.00,"AccountCode":"1010"}]',
    '"Narration":"Rent","JournalLines":null',
    '"Narration":"Rent"',
    '"Narration":"Rent","JournalLines":[{"LineAmount":null,"AccountCode":"1010"}]',
    '"Narration":"Rent","JournalLines":[{"Description":"a note"},null]',
    '"Narration":"Rent","JournalLines":[{"LineAmount":"1.00"},{"LineAmount":"NaN"}]',
    '"Narration":["Rent"],"Status":"UNHEARD OF","Date":0,"JournalLines":{}',
    '"Narration":"\\ud800","Url":"\\udc00","JournalLines":[{"LineAmount":1.00}]',
    '"Narration":"\udcff","JournalLines":[{"LineAmount":1.00}]',  # a byte that is no UTF-8
    '"Narration":"a","Narration":"b","JournalLines":[],"JournalLines":[{"LineAmount":1.00}]',
    '"ValidationErrors":"none","Warnings":0,"Attachments":[[]],"HasAttachments":"no"',
]
# Journals that cannot be read, or not their lines, and that may be ours.
PERHAPS_OURS = [
    '"Narration":"Rent","JournalLines":[{"LineAmount":null,"Description":"was EntryID: 1, T1"}]',
    '"Narration":"Rent","JournalLines":[{"LineAmount":null,"Description":"\\u0045ntryID: 1"}]',
    '"Narration":"x Mambu journal data with creation date: 2026-11-18","JournalLines":[null]',
    '"Narration":"Mambu journal data with creation date: 2026-11-18 | booking date 2026-11-18 | 7"',
    '"Narration":"Rent","JournalLines":[{"LineAmount":"NaN"}],"Odd":{"EntryID: 1":[]}',
]


def plant(sandbox: Sandboxed, fields: str, journal_id: str = ID) -> None:
    """Let Xero hold one more journal, or show one of ours, with just these fields."""
    plant_raw(sandbox, f'{{"ManualJournalID":"{journal_id}",{fields}}}', journal_id)


def plant_raw(sandbox: Sandboxed, raw: str, journal_id: str) -> None:
    """Let Xero list one more element, whatever it is."""
    # As ASCII, so that what stands for a byte that is no UTF-8 passes.
    body = json.dumps({"journal_id": journal_id, "raw": raw})
    assert sandbox.http.post("/control/xero/plant", content=body).is_success


async def test_odd_journals_of_others_do_not_stop_a_run(sandbox: Sandboxed) -> None:
    """Journals that cannot hold our lines are passed over, however odd, with an id or without."""
    for number, fields in enumerate(ODD):
        plant(sandbox, fields, ID.replace("7d0d8a5c", f"{number:08}"))
    for number, raw in enumerate(["null", "{}", "{}", '{"ManualJournalID":null}', "[1]"]):
        plant_raw(sandbox, raw, str(number))
    two_units(sandbox)
    for created in (1, 0):
        outcome = (await sandbox.run()).completed()
        assert outcome.summary.tied_out is True
        assert outcome.summary.journals_created == created


async def listed(fields: str) -> JournalPage:
    """Return a page of Xero's with one journal of these fields, as the client reads it."""
    return await journal_page(f'{{"ManualJournalID":"{ID}",{fields}}}'.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("fields", ODD)
async def test_an_odd_journal_of_others_is_passed_over(fields: str) -> None:
    """A journal that cannot hold our lines is read, or else counted as one that is passed over."""
    found = await listed(fields)
    assert len(found.manual_journals) + len(passed_over(found, 1)) == 1


@pytest.mark.parametrize("fields", PERHAPS_OURS)
async def test_a_journal_that_may_hold_our_lines_is_not_passed_over(fields: str) -> None:
    """A journal that cannot be read and may be ours is an error that names it, not the base URL."""
    found = await listed(fields)
    with pytest.raises(UnusableAnswer, match=ID) as raised:
        passed_over(found, 1)
    assert "base URL" not in str(raised.value)


async def test_a_journal_of_ours_without_lines_is_passed_over_once_it_is_gone() -> None:
    """What is deleted holds nothing any more, so that its lines are not shown does not matter."""
    assert passed_over(await listed(f'{PERHAPS_OURS[3]},"Status":"DELETED"'), 1) == set()


async def test_a_journal_that_may_hold_our_lines_stops_the_run(sandbox: Sandboxed) -> None:
    """What cannot be read and may be ours is named with its fault, and nothing is sent."""
    plant(sandbox, PERHAPS_OURS[0])
    two_units(sandbox)

    (await sandbox.run()).failed(f'the manual journal "Rent" {ID} cannot be read')
    assert sandbox.requests("xero", "PUT") == []
    assert sandbox.xero_journals() == []


@pytest.mark.parametrize("way", ["run", "withdraw"])
async def test_a_recorded_journal_is_never_passed_over(sandbox: Sandboxed, way: str) -> None:
    """A journal of our record that cannot be read any more is named, whatever its name and texts are now."""
    two_units(sandbox)
    await sandbox.run()
    journal_id = journal_with(sandbox, 1)["ManualJournalID"]
    plant(sandbox, '"Narration":"Rent","JournalLines":[{"LineAmount":null}]', journal_id)
    sandbox.http.delete("/control/requests")

    outcome: Any = await (sandbox.run() if way == "run" else withdraw(sandbox))

    outcome.failed(f'the manual journal "Rent" {journal_id} cannot be read')
    assert sandbox.requests("xero", "PUT") == []
    assert [one["Status"] for one in sandbox.xero_journals()] == ["DRAFT"]


async def test_a_refusal_beside_nulls_stays_a_refusal_in_xeros_words(sandbox: Sandboxed) -> None:
    """Where Xero declines a journal, its reason is told although nulls stand before it."""
    two_units(sandbox)
    body = {"Elements": [{"ValidationErrors": None}, {"ValidationErrors": [{"Message": "locked"}]}]}
    rule = {"system": "xero", "method": "PUT", "kind": "status", "status": 400, "times": 0}
    sandbox.fault({**rule, "content_type": "application/json", "body": json.dumps(body)})
    outcome = (await sandbox.run()).failed("Xero reported problems with 1 of 1 journals")
    assert outcome.message.count("locked") == 1
    assert len(sandbox.requests("xero", "PUT")) == 1


async def test_a_refusal_inside_a_success_is_one(sandbox: Sandboxed) -> None:
    """A 200 whose journal carries its error at a line, and nulls for the rest, is a refusal of it."""
    two_units(sandbox)
    names = [f"Mambu journal data with creation date: {DATE} | booking date {DATE} | {n}" for n in (1, 2)]
    elements = [
        {
            "Narration": name,
            "ManualJournalID": None,
            "ValidationErrors": None,
            "JournalLines": [{"LineAmount": None, "ValidationErrors": [None, {"Message": "locked"}]}],
        }
        for name in names
    ]
    rules = [
        {
            "system": "xero",
            "method": "PUT",
            "kind": "status",
            "status": 200,
            "content_type": "application/json",
            "body": json.dumps({"ManualJournals": [element]}),
        }
        for element in elements
    ]
    sandbox.fault(*rules)
    outcome = await sandbox.run(connection=two_lines_each(sandbox))
    outcome.failed("Xero reported problems with 2 of 2 journals")
    assert outcome.message.count("locked") == 2


async def test_an_archived_account_does_not_hide_the_active_one(sandbox: Sandboxed) -> None:
    """Where an archived account had a code before, lines go to the active one and bear its name."""
    two_units(sandbox)
    rows = [json.loads(account.json()) for account in ACCOUNTS]
    cash = next(row for row in rows if row.get("Code") == "1010")
    rows.append({**cash, "AccountID": ID, "Name": "zz old cash", "Status": "ARCHIVED"})
    chart = {"system": "xero", "method": "GET", "path": "Accounts$", "kind": "status", "status": 200}
    body = json.dumps({"Accounts": rows})
    sandbox.fault({**chart, "times": 0, "content_type": "application/json", "body": body})
    outcome = (await sandbox.run()).completed()
    assert outcome.summary.account_names["1010"] == cash["Name"]
    shown = await page(f"journals-{DATE}", run=outcome.summary.flow_run_id)
    assert shown is None or "zz old cash" not in shown


async def test_an_app_with_broad_scopes_sends_a_day(sandbox: Sandboxed) -> None:
    """The scopes of apps made before March 2026 are enough for the journals."""
    scopes = "accounting.transactions accounting.settings"
    sandbox.control("xero/options", {"assigned_scopes": scopes})
    two_units(sandbox)
    connection = sandbox.connection()
    block = connection.xero.model_copy(update={"scopes": scopes})
    (await sandbox.run(connection=connection.model_copy(update={"xero": block}))).completed()
