"""Changing the status of a manual journal: what goes to Xero, and what its answers mean."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from blocks.errors import Overdue, Rejected, UnknownOutcome
from blocks.xero.journals import status_body, whole_body
from tests.helpers.clocks import START, VirtualClock
from tests.helpers.scripted import answer, failing
from tests.helpers.xero_client import client, xero

BODY = status_body("m-1", "DELETED")
# As Xero writes it: escaped dates, calculated fields, a number that no float holds.
SOURCE = rb"""{"ManualJournalID":"m-1","Narration":"N \u20ac","Date":"\/Date(1763424000000+0000)\/",
"Status":"DRAFT","LineAmountTypes":"NoTax","ShowOnCashBasisReports":false,"Url":null,"HasAttachments":true,
"UpdatedDateUTC":"\/Date(1763500000000+0000)\/","JournalLines":[
{"Description":"d","TaxType":"NONE","TaxAmount":0.00,"LineAmount":1234567890123456.78,"AccountCode":"1010",
"AccountID":"a-1","IsBlank":false,"Tracking":[{"Name":"Region","Option":"North","TrackingCategoryID":"c"}]},
{"TaxType":"NONE","LineAmount":-1234567890123456.78,"AccountID":"a-2","Tracking":[]}]}"""


async def test_a_status_is_posted_alone_with_its_key() -> None:
    """A change is one POST with summarizeErrors=false that names the journal, its new status, and no more."""
    script = xero(answer(200, {"ManualJournals": [{"ManualJournalID": "m-1", "Status": "DELETED"}]}))
    async with client(script) as there:
        verdict = await there.post_manual_journal(BODY, "key-1")
    (request,) = script.requests
    assert request.method == "POST"
    assert str(request.url) == "https://api.xero.com/api.xro/2.0/ManualJournals?summarizeErrors=false"
    assert request.headers["idempotency-key"] == "key-1"
    assert request.headers["content-type"] == "application/json"
    assert request.content == b'{"ManualJournals":[{"ManualJournalID":"m-1","Status":"DELETED"}]}'
    assert (verdict.status, verdict.objections) == ("DELETED", ())


async def test_a_lost_answer_is_repeated_under_the_same_key() -> None:
    """A change whose answer is lost is repeated byte for byte under its key; without any, it is unknown."""
    done = answer(200, {"ManualJournals": [{"Status": "DELETED"}]})
    script = xero(failing(httpx.ReadError), done)
    async with client(script) as there:
        assert (await there.post_manual_journal(BODY, "key-1")).status == "DELETED"
    assert [(one.headers["idempotency-key"], one.content) for one in script.requests] == [("key-1", BODY)] * 2
    async with client(xero(failing(httpx.ReadError))) as there:
        with pytest.raises(UnknownOutcome):
            await there.post_manual_journal(BODY, "key-1")


@pytest.mark.parametrize("journals", [[], [{}, {}]])
async def test_an_answer_about_none_or_two_says_nothing(journals: list[object]) -> None:
    """A success that does not speak of exactly one journal leaves open what became of it."""
    async with client(xero(answer(200, {"ManualJournals": journals}))) as there:
        with pytest.raises(UnknownOutcome):
            await there.post_manual_journal(BODY, "key-1")


async def test_a_refusal_has_xeros_words() -> None:
    """A 400 is Rejected with Xero's reasons, and is not repeated."""
    errors = [{"Message": "The status 'DELETED' cannot be applied to the document"}]
    script = xero(answer(400, {"ErrorNumber": 10, "Elements": [{"ValidationErrors": errors}]}))
    async with client(script) as there:
        with pytest.raises(Rejected) as raised:
            await there.post_manual_journal(BODY, "key-1")
    assert raised.value.reasons == ("The status 'DELETED' cannot be applied to the document",)
    assert len(script.requests) == 1


async def test_a_change_that_rests_on_an_old_look_is_not_sent() -> None:
    """A change whose turn comes after the instant up to which its look is good never leaves."""
    script = xero(answer(200, {"ManualJournals": [{}]}))
    async with client(script, VirtualClock()) as there:
        with pytest.raises(Overdue):
            await there.post_manual_journal(BODY, "key-1", not_after=START - timedelta(seconds=1))
    assert script.requests == []


async def test_a_journal_comes_with_its_source() -> None:
    """A single read gives the journal and its very bytes."""
    found = b'{"Id":"x","ManualJournals":[' + SOURCE + b"]}"
    async with client(xero(answer(200, found, content_type="application/json"))) as there:
        journal, source = await there.manual_journal_and_source("m-1")
    assert source == SOURCE
    assert journal.cash_basis is False
    assert [bool(line.tracking) for line in journal.lines] == [True, False]


def test_a_whole_journal_goes_back_as_it_came() -> None:
    """Sent back whole, a journal differs in its status alone, and in what Xero calculates itself."""
    whole = whole_body(SOURCE, "VOIDED")
    assert b"1234567890123456.78" in whole
    (element,) = json.loads(whole, parse_float=Decimal)["ManualJournals"]
    lines = element.pop("JournalLines")
    assert element == {
        "ManualJournalID": "m-1",
        "Status": "VOIDED",
        "Narration": "N €",
        "LineAmountTypes": "NoTax",
        "ShowOnCashBasisReports": False,
        "Date": "2025-11-18",
    }
    tracking = [{"Name": "Region", "Option": "North", "TrackingCategoryID": "c"}]
    amount = Decimal("1234567890123456.78")
    assert lines == [
        {
            "LineAmount": amount,
            "Description": "d",
            "TaxType": "NONE",
            "Tracking": tracking,
            "AccountCode": "1010",
        },
        {"LineAmount": -amount, "TaxType": "NONE", "Tracking": [], "AccountID": "a-2"},
    ]


def test_the_epoch_is_sent_back_as_the_date_it_is() -> None:
    """A journal of 1 January 1970 keeps its date where it is sent back whole."""
    source = SOURCE.replace(b"1763424000000", b"0")
    assert json.loads(whole_body(source, "DELETED"))["ManualJournals"][0]["Date"] == "1970-01-01"
