"""The stand-in and what Daybook sends it against Xero's published contract, field by field."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from blocks.sandbox.xero.app import PAYMENT_SCOPES, SCOPES
from blocks.sandbox.xero.payments import NAMES
from tests.helpers.journals import sent, transfers
from tests.helpers.stand_ins import exact
from tests.helpers.xero_contract import departures
from tests.helpers.xero_stand_in import journal, line, xero

# The frame around every list, which the contract does not describe.
FRAME = {"Id", "Status", "ProviderName", "DateTimeUTC"}
ALL = f"{SCOPES} {PAYMENT_SCOPES} accounting.attachments"


@pytest.mark.parametrize("kind", [*sorted(NAMES), "Organisation", "Accounts", "TrackingCategories"])
async def test_a_list_is_as_the_contract_has_it(kind: str) -> None:
    """Every field of every seeded document is one of the contract's, of its kind."""
    name = "Organisations" if kind == "Organisation" else kind
    async with xero(scopes=ALL) as standin:
        answer = exact(
            await standin.get(kind, params={"page": 1, "pageSize": 1000, "includeArchived": "true"})
        )
    assert len(answer[name]) > (2 if kind in NAMES else 0)
    body = {field: value for field, value in answer.items() if field not in FRAME}
    assert list(departures(body, name)) == []


@pytest.mark.parametrize(
    "path", ["ManualJournals/{id}", "ManualJournals/{id}/History", "ManualJournals/{id}/Attachments"]
)
async def test_what_belongs_to_a_journal_is_as_the_contract_has_it(path: str) -> None:
    """A journal by its id, its history and its files have no field that the contract lacks."""
    tracked = line(1, Tracking=[{"Name": "Branch", "Option": "London"}])
    async with xero(scopes=ALL) as standin:
        known = await standin.created(journal("J1", tracked, line(-1, "2000"), Url="https://a.example"))
        await standin.http.put(f"/api.xro/2.0/ManualJournals/{known}/Attachments/a.csv", content=b"1")
        answer = exact(await standin.get(path.replace("{id}", known)))
    model = {"History": "HistoryRecords", "Attachments": "Attachments"}.get(
        path.rpartition("/")[2], "ManualJournals"
    )
    body = {field: value for field, value in answer.items() if field not in FRAME}
    assert body
    assert list(departures(body, model)) == []


async def test_answers_to_writes_are_as_the_contract_has_them() -> None:
    """What is taken, taken with a warning and refused is answered by elements of the contract's fields."""
    async with xero(scopes=ALL, unknown_account="warning") as standin:
        outcomes = [
            await standin.outcome(journal()),
            await standin.outcome(journal("J2", line(1, "9999"), line(-1, "2000"))),
            await standin.outcome(journal("J3", line(1), line(-2, "2000"))),
        ]
    assert [one["StatusAttributeString"] for one in outcomes] == ["OK", "WARNING", "ERROR"]
    assert list(departures({"ManualJournals": outcomes}, "ManualJournals")) == []


def test_what_daybook_sends_is_as_the_contract_has_it() -> None:
    """A request of journals has the contract's fields and no other, each of its kind."""
    for request in sent(transfers(3), cap=2).prepared.requests:
        body = json.loads(request.body, parse_float=Decimal)
        assert list(departures(body, "ManualJournals")) == []


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"Narration": "J", "Colour": "red"}, ["ManualJournals[0].Colour: ManualJournal has no such field"]),
        ({"Narration": 5}, ["ManualJournals[0].Narration: 5 is no str"]),
        ({"LineAmountTypes": "Net"}, ["ManualJournals[0].LineAmountTypes: 'Net' is no LineAmountTypes"]),
        ({"Date": "18/11/2026"}, ["ManualJournals[0].Date: '18/11/2026' is no date[ms-format]"]),
        ({"JournalLines": {}}, ["ManualJournals[0].JournalLines: {} is no list"]),
        (
            {"JournalLines": [{"LineAmount": "1.00", "IsBlank": 0}]},
            [
                "ManualJournals[0].JournalLines[0].LineAmount: '1.00' is no float",
                "ManualJournals[0].JournalLines[0].IsBlank: 0 is no bool",
            ],
        ),
    ],
)
def test_departures_are_found(document: dict[str, object], found: list[str]) -> None:
    """A field of no meaning, and a value of another kind, are named with their place."""
    assert list(departures({"ManualJournals": [document]}, "ManualJournals")) == found
