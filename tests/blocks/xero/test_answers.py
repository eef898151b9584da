"""What Xero answers beyond what it documents: reasons anywhere, journals that cannot be read."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from blocks.errors import NotAllowed, Rejected, UnknownOutcome, UnusableAnswer
from blocks.xero.models import NOTHING
from tests.helpers.scripted import answer
from tests.helpers.xero_client import BODY, SCOPES, client, journal_page, tokens, xero

LOCKED = {"Message": "locked"}
LINE = {"LineAmount": 5.00, "AccountCode": "400", "Description": "d"}


async def refused(body: object) -> Rejected:
    """Return the refusal that a 400 with this body is taken for."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    step = answer(400, content, content_type="application/json")
    async with client(xero(step)) as there:
        with pytest.raises(Rejected) as raised:
            await there.put_manual_journals(BODY, "key-1")
    return raised.value


@pytest.mark.parametrize(
    "body",
    [
        {"Elements": [{"ValidationErrors": None}, {"ValidationErrors": [LOCKED]}]},
        {"Elements": [None, {"ValidationErrors": [None, {"Message": None}, LOCKED]}]},
        b'{"Elements":[{"JournalLines":[{"LineAmount":1e400,"ValidationErrors":[{"Message":"locked"}]}]}]}',
        {"Elements": [{"JournalLines": [{"Tracking": [{"ValidationErrors": [LOCKED, LOCKED]}]}]}]},
        {"Elements": {"ValidationErrors": LOCKED}},
        {"Elements": [{"ValidationErrors": ["locked"]}]},
        {"Elements": [{"ValidationErrors": "locked"}]},
        {"Elements": [{"Errors": [LOCKED]}]},
        {"Elements": [{"Warnings": [{"Message": "w"}], "ValidationErrors": [LOCKED]}], "Message": "A"},
        {"ErrorNumber": "10", "Message": 5, "Detail": [1], "elements": [{"validationErrors": [LOCKED]}]},
        {"Elements": None, "Message": "locked", "Detail": None, "Extra": {"Of": [None, 1.5, True]}},
        {"Elements": [{"ValidationErrors": []}], "Message": "locked"},
        {"Elements": [LOCKED]},
        {"error": {"message": "locked"}},
        [LOCKED],
        b'{"Elements":[{"Narration":"\\ud800","ValidationErrors":[{"Message":"locked"}]}]}',
        b'{"Elements":[{"Narration":"\xff","ValidationErrors":[{"Message":"locked"}]}]}',
        b'\xef\xbb\xbf{"Elements":[{"ValidationErrors":[{"Message":"locked"}]}]}',
    ],
)
async def test_reasons_are_found_wherever_they_stand(body: object) -> None:
    """A refusal keeps Xero's own words at any depth, beside nulls, and beside what nobody knows."""
    assert (await refused(body)).reasons == ("locked",)


async def test_reasons_keep_their_order() -> None:
    """All reasons of all elements are told, in Xero's order; warnings only where no error is worded."""
    first, second = {"ValidationErrors": [{"Message": "b"}]}, {"ValidationErrors": ["a", {"Message": "b"}]}
    assert (await refused({"Elements": [first, {"Warnings": ["w"], **second}]})).reasons == ("b", "a")
    assert (await refused({"Message": "No.", "Elements": [{"Warnings": ["w"]}]})).reasons == ("No.",)
    assert (await refused({"Message": None, "Elements": [{"Warnings": [{"Message": "w"}]}]})).reasons == (
        "w",
    )


@pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b'{"Elements":[{"ValidationErrors":[null]}]}', b"<"])
async def test_an_answer_without_words_is_a_refusal_without_reasons(body: bytes) -> None:
    """Where Xero words nothing, no word is made up."""
    assert (await refused(body)).reasons == ()


async def test_a_reason_that_is_no_text_can_be_written_down() -> None:
    """Half a surrogate pair in a reason is replaced, so that the reason can be stored and shown."""
    (reason,) = (await refused(rb'{"Message":"a \ud800 \ud83d\ude00"}')).reasons
    assert reason.encode().decode() == "a \ufffd \U0001f600"


@pytest.mark.parametrize(
    ("element", "complaints"),
    [
        ({"ValidationErrors": None, "Warnings": None}, ()),
        ({"ValidationErrors": [], "Warnings": []}, ()),
        ({"ValidationErrors": [None, LOCKED]}, ("locked",)),
        ({"JournalLines": [{"ValidationErrors": [LOCKED]}]}, ("locked",)),
        ({"JournalLines": [{"LineAmount": None, "Warnings": ["locked"]}]}, ("locked",)),
        ({"ValidationErrors": [{"Message": None}]}, ("Xero objects to it without saying why",)),
        ({"StatusAttributeString": 5}, ("Xero marked it 5 without saying why",)),
        ({"StatusAttributeString": None, "Narration": "N", "Status": None}, ()),
        ({"Description": "no Errors, no Warnings"}, ()),
    ],
)
async def test_a_verdict_is_read_at_any_depth(element: dict[str, Any], complaints: tuple[str, ...]) -> None:
    """A verdict's objections are found in its lines too, and beside nulls; its echo does not matter."""
    sent = {"Narration": "N", "ManualJournalID": None, "JournalLines": [{"LineAmount": "x"}]}
    async with client(xero(answer(200, {"ManualJournals": [{**sent, **element}]}))) as there:
        (found,) = await there.put_manual_journals(BODY, "key-1")
    assert (found.narration, found.journal_id) == ("N", NOTHING)
    assert found.objections == complaints


@pytest.mark.parametrize("element", [None, 5, "N", []])
async def test_what_is_no_verdict_is_left_out(element: object) -> None:
    """An element that is no journal says nothing of any, and hides no other's verdict."""
    other = {"Narration": "N", "ManualJournalID": "m-1"}
    async with client(xero(answer(200, {"ManualJournals": [element, other]}))) as there:
        verdicts = await there.put_manual_journals(BODY, "key-1")
    assert [one.journal_id for one in verdicts] == ["m-1"]
    async with client(xero(answer(200, {"ManualJournals": [element]}))) as there:
        with pytest.raises(UnknownOutcome):
            await there.post_manual_journal(BODY, "key-1")


@pytest.mark.parametrize(
    "odd",
    [
        b'"Narration":null',
        b'"Narration":null,"Date":null,"Status":null,"JournalLines":null,"LineAmountTypes":null',
        b'"Status":"UNHEARD OF","Url":{"a":[null]},"HasAttachments":"false"',
        b'"JournalLines":[{"LineAmount":"12.50","Description":null,"Tracking":null}]',
        b'"Narration":"\\ud800 \\udc00 \\\\ud800"',
        b'"Url":"\\ud83d"',
        b'"Narration":"\xff\xed\xa0\x80"',
        b'"Narration":"a","Narration":"b"',
        b'"ValidationErrors":5,"Warnings":"w","StatusAttributeString":[]',
    ],
)
async def test_an_odd_journal_is_read_where_it_can_be(odd: bytes) -> None:
    """What is null is absent, bad characters are replaced, what nobody reads does not matter."""
    found = await journal_page(
        b'{"ManualJournalID":"m-1",%s}' % odd, b'{"ManualJournalID":"m-2","Narration":"N"}'
    )
    assert [one.journal_id for one in found.manual_journals] == ["m-1", "m-2"]
    assert found.unreadable == []
    found.manual_journals[0].narration.encode()


@pytest.mark.parametrize(
    ("odd", "problem"),
    [
        (b'"JournalLines":[{"LineAmount":null}]', "LineAmount"),
        (b'"JournalLines":[{"AccountCode":"400"}]', "LineAmount"),
        (b'"JournalLines":[null]', "JournalLines[0]"),
        (b'"JournalLines":"none"', "JournalLines"),
        (b'"JournalLines":[{"LineAmount":"twelve"}]', "LineAmount"),
        (b'"JournalLines":[{"LineAmount":"NaN"}]', "NaN is no amount"),
        (b'"JournalLines":[{"LineAmount":1e400}]', "is no amount"),
        (b'"JournalLines":[{"LineAmount":1e-99999999}]', "1E-99999999 is no amount"),
        (b'"JournalLines":[{"LineAmount":%b}]' % (b"1" * 5000), "1… is no amount"),
        (b'"Status":7', "Status"),
        (b'"Date":{}', "Date"),
    ],
)
async def test_an_unreadable_journal_stands_beside_the_others(odd: bytes, problem: str) -> None:
    """A journal that cannot be read is named, with its fault and every text in it; the others are read."""
    element = rb'{"ManualJournalID":"m-1","Narration":"Caf\u00e9","Extra":["\u0045ntryID: 7"],%s}' % odd
    found = await journal_page(element, b'{"ManualJournalID":"m-2"}')
    assert [one.journal_id for one in found.manual_journals] == ["m-2"]
    (one,) = found.unreadable
    assert (one.journal_id, one.narration) == ("m-1", "Café")
    assert "EntryID: 7" in one.texts
    assert problem in one.problem
    assert str(one).startswith('the manual journal "Café" m-1 cannot be read: ')


@pytest.mark.parametrize("element", [b"null", b"5", b'"text"', b"[]", b"{}", b'{"ManualJournalID":null}'])
async def test_what_has_no_id_is_none_of_the_journals(element: bytes) -> None:
    """An element without an id cannot be told from others, and is not taken for a journal."""
    found = await journal_page(element, b'{"ManualJournalID":"m-2"}', element)
    assert [one.journal_id for one in found.manual_journals] == ["m-2"]
    assert [one.journal_id for one in found.unreadable] == ["", ""]


async def test_a_single_journal_that_cannot_be_read_is_named() -> None:
    """A journal that is asked for and cannot be read is an error with its name, not one of the base URL."""
    shown = {"ManualJournalID": "m-1", "Narration": "N", "JournalLines": [LINE, {"LineAmount": None}]}
    async with client(xero(answer(200, {"ManualJournals": [shown]}))) as there:
        with pytest.raises(UnusableAnswer, match=r'"N" m-1 cannot be read: .*LineAmount') as raised:
            await there.manual_journal("m-1")
    assert "base URL" not in str(raised.value)


async def test_a_single_odd_journal_is_read() -> None:
    """A single read takes nulls as absent too, and amounts written as texts exactly."""
    shown = {"Narration": None, "JournalLines": [{"LineAmount": "12.10"}]}
    async with client(xero(answer(200, {"ManualJournals": [shown]}))) as there:
        found = await there.manual_journal("m-1")
    assert found.narration == ""
    assert found.lines[0].amount == Decimal("12.10")


JOURNALS = ("accounting.manualjournals", "accounting.settings.read")
PAYMENTS = ("accounting.payments.read", "accounting.invoices.read", "accounting.banktransactions.read")


@pytest.mark.parametrize(
    ("granted", "needed", "missing"),
    [
        ("accounting.transactions accounting.settings", JOURNALS, ""),
        ("accounting.transactions", PAYMENTS, ""),
        ("accounting.transactions.read", PAYMENTS, ""),
        ("accounting.transactions.read accounting.settings", JOURNALS, "accounting.manualjournals"),
        ("accounting.transactions", ("accounting.settings.read",), "accounting.settings.read"),
        ("accounting.transactions", ("accounting.contacts.read",), "accounting.contacts.read"),
        ("accounting.transactions.reader", PAYMENTS[:1], "accounting.payments.read"),
        ("accounting.transaction openid accounting", PAYMENTS[:1], "accounting.payments.read"),
        ("accounting.settings", ("accounting.manualjournals",), "accounting.manualjournals"),
        (SCOPES, JOURNALS, ""),
        ("accounting.settings", ("accounting.settings.read",), ""),
        ("accounting.contacts.read", ("accounting.contacts",), "accounting.contacts"),
        ("accounting.settings.readers", ("accounting.settings.read",), "accounting.settings.read"),
        ("a.b.read c", ("a", "b", "c"), "a b"),
        ("", ("anything",), ""),
    ],
)
async def test_a_broad_scope_counts_for_what_it_includes(
    granted: str, needed: tuple[str, ...], missing: str
) -> None:
    """A whole word counts for itself, its .read and what a broad scope includes, reading only with .read."""
    async with client(xero(answer(200), token=tokens(scope=granted))) as there:
        if not missing:
            await there.require_scopes(needed)
            return
        with pytest.raises(NotAllowed, match=f"lacks the scopes {missing}. "):
            await there.require_scopes(needed)
