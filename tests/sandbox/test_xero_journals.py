"""What Xero takes as a manual journal, what it refuses and in which words, and how journals change."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from blocks.sandbox.xero.app import SCOPES
from blocks.sandbox.xero.chart import ACCOUNTS, CATEGORIES
from tests.helpers.stand_ins import exact
from tests.helpers.xero_stand_in import DAY_MS, ZERO, journal, line, messages, xero

BY_CODE = {row.code: row for row in ACCOUNTS if row.code}
RESERVE = next(row for row in ACCOUNTS if row.type == "BANK" and not row.code)
BRANCH = CATEGORIES[0]


def two(code: str = "1010", **more: object) -> dict[str, Any]:
    """Return a balanced journal whose first line is the one under test."""
    return journal("J1", line("5.00", code, **more), line("-5.00", "2000"))


def tracked(*pairs: dict[str, str]) -> dict[str, Any]:
    """Return a journal whose first line is tracked so."""
    return two(Tracking=list(pairs))


# Xero's words for a change of status that is not possible, a code that no journal can use, and for a tax type
# that does not fit.
cannot = "The status '{}' cannot be applied to the document".format
not_valid = "Account code '{}' is not a valid code for this document.".format
no_tax = "The TaxType code '{}' cannot be used with account code '{}'".format


# What is echoed


async def test_what_was_sent_is_read_back() -> None:
    """A created journal reads back with its narration, date in UTC, switches, lines, codes and amounts."""
    sent = journal(
        "Mambu 2026-11-01 | p1",
        line("1234.56", "1010", Description='Loan repayment ‹ü› "x"'),
        line("-1234.56", "1900", Description=None),
        Url="https://ledger.example/1",
        ShowOnCashBasisReports=False,
    )
    async with xero() as standin:
        answered = await standin.outcome(sent)
        found = await standin.one(answered["ManualJournalID"])
    assert answered.pop("StatusAttributeString") == "OK"
    assert answered == found
    assert found["Narration"] == sent["Narration"]
    assert found["Date"] == f"/Date({DAY_MS}+0000)/"
    assert found["UpdatedDateUTC"] == "/Date(1795161600000+0000)/"
    assert (found["Status"], found["LineAmountTypes"]) == ("DRAFT", "NoTax")
    assert (found["Url"], found["ShowOnCashBasisReports"]) == ("https://ledger.example/1", False)
    assert found["HasAttachments"] is False
    first, second = found["JournalLines"]
    assert (first["AccountCode"], str(first["LineAmount"])) == ("1010", "1234.56")
    assert (first["AccountID"], first["AccountName"]) == (BY_CODE["1010"].account_id, BY_CODE["1010"].name)
    assert first["Description"] == 'Loan repayment ‹ü› "x"'
    assert (second["AccountCode"], second["Description"]) == ("1900", "")
    assert str(second["LineAmount"]) == "-1234.56"
    assert (first["TaxType"], first["TaxAmount"], first["IsBlank"]) == ("NONE", 0, False)
    assert first["JournalLineID"] != second["JournalLineID"]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        *{"7": "7.00", "1.5": "1.50", "1E+2": "100.00", "12.3400": "12.34"}.items(),
        *((same, same) for same in ("9999999999999999.99", "123456789012345678.91", "0.01", "0.10")),
    ],
)
async def test_amounts_are_echoed_to_the_digit(sent: str, shown: str) -> None:
    """Amounts of any size come back exactly, with two decimals, as bare numbers."""
    async with xero() as standin:
        known = await standin.created(journal("J1", line(sent), line(f"-{sent}", "2000")))
        answer = await standin.get(f"ManualJournals/{known}")
    assert f'"LineAmount":{shown},'.encode() in answer.content
    assert f'"LineAmount":-{shown},'.encode() in answer.content


async def test_zero_has_no_sign() -> None:
    """A line of minus nothing is a line of nothing."""
    async with xero() as standin:
        known = await standin.created(journal("J1", line("-0.0"), line("0", "2000")))
        amounts = [str(row["LineAmount"]) for row in (await standin.one(known))["JournalLines"]]
    assert amounts == ["0.00", "0.00"]


@pytest.mark.parametrize(
    "date",
    [
        "2026-11-01",
        "2026-11-01T00:00:00",
        f"/Date({DAY_MS})/",
        f"/Date({DAY_MS}+0000)/",
        f"/Date({DAY_MS}+1300)/",
    ],
)
async def test_both_forms_of_a_date_are_taken(date: str) -> None:
    """ISO dates and milliseconds mean the same day, read in UTC whatever offset is named."""
    async with xero() as standin:
        assert (await standin.outcome(journal(Date=date)))["Date"] == f"/Date({DAY_MS}+0000)/"


async def test_what_is_left_out_has_a_default() -> None:
    """Without date, status and tax kind a journal is a draft of today in UTC, under NoTax."""
    async with xero() as standin:
        made = await standin.outcome({"Narration": "n", "JournalLines": journal()["JournalLines"]})
    assert (made["Status"], made["LineAmountTypes"], made["ShowOnCashBasisReports"]) == (
        "DRAFT",
        "NoTax",
        True,
    )
    assert made["Date"] == "/Date(1795132800000+0000)/"


async def test_an_account_may_be_named_by_its_id() -> None:
    """An AccountID is taken in place of a code, in any case of letters."""
    async with xero() as standin:
        for account_id in (BY_CODE["1010"].account_id, BY_CODE["1010"].account_id.upper()):
            one = line("5.00", None, AccountID=account_id)
            made = await standin.outcome(journal("J1", one, line("-5.00", "2000")))
            assert made["JournalLines"][0]["AccountCode"] == "1010"


async def test_a_missing_tax_type_is_that_of_the_account() -> None:
    """A line without TaxType gets its account's default tax, which need not be NONE."""
    async with xero() as standin:
        one = journal(
            "J1", {"LineAmount": 5, "AccountCode": "4000"}, {"LineAmount": -5, "AccountCode": "2000"}
        )
        kinds = [row["TaxType"] for row in (await standin.outcome(one))["JournalLines"]]
    assert kinds == ["OUTPUT2", "NONE"]


@pytest.mark.parametrize("by_id", [True, False])
async def test_tracking_is_taken_by_name_or_id(by_id: bool) -> None:
    """A tracking pair names category and option by their names or ids and is echoed with both."""
    option = BRANCH.options[0]
    ids = {"TrackingCategoryID": BRANCH.category_id, "TrackingOptionID": option.option_id}
    names = {"Name": "Branch", "Option": "London"}
    async with xero() as standin:
        made = await standin.outcome(tracked(ids if by_id else names))
    assert made["JournalLines"][0]["Tracking"] == [names | ids]
    assert made["JournalLines"][1]["Tracking"] == []


async def test_two_categories_can_be_tracked() -> None:
    """A line can carry one option of each of two categories."""
    pairs = [{"Name": "Branch", "Option": "London"}, {"Name": "Product", "Option": "Savings"}]
    async with xero() as standin:
        made = await standin.outcome(tracked(*pairs))
    assert [one["Option"] for one in made["JournalLines"][0]["Tracking"]] == ["London", "Savings"]


@pytest.mark.parametrize(
    ("pairs", "left"),
    [
        ([{"Name": "Branch", "Option": "Leeds (closed)"}], []),
        ([{"Name": "Branch", "Option": "London"}, {"Name": "Branch", "Option": "Edinburgh"}], ["Edinburgh"]),
    ],
)
async def test_tracking_is_dropped_in_silence(pairs: list[dict[str, str]], left: list[str]) -> None:
    """An archived option vanishes and of two options of a category the last wins, without a word."""
    async with xero() as standin:
        made = await standin.outcome(tracked(*pairs))
        strict = await standin.control("options", drop_tracking=False)
        refused = await standin.outcome(tracked(*pairs))
    assert strict["drop_tracking"] is False
    assert (made["StatusAttributeString"], messages(made)) == ("OK", [])
    assert [one["Option"] for one in made["JournalLines"][0]["Tracking"]] == left
    assert messages(refused) == [f"The tracking option '{pairs[-1]['Option']}' cannot be used"]


# What is refused, element by element


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            journal("J", line("100.00"), line("-10.00", "2000")),
            "The total debits (100.00) must equal total credits (-10.00)",
        ),
        (
            journal("J", line("0.01"), line("0.00", "2000")),
            "The total debits (0.01) must equal total credits (0.00)",
        ),
        (
            journal("J", line("99999999999999999.99"), line("-99999999999999999.98", "2000")),
            "The total debits (99999999999999999.99) must equal total credits (-99999999999999999.98)",
        ),
        (two("9999"), not_valid("9999")),
        (two("1900-INTERBRANCH"), not_valid("1900-INTERBRANCH")),
        (two("090"), not_valid("090")),
        (two("610"), not_valid("610")),
        (two("800"), not_valid("800")),
        (two("814"), not_valid("814")),
        (two("960"), not_valid("960")),
        (two("630"), not_valid("630")),
        (two("640"), "Account code '640' has been archived, or has been deleted."),
        (two("1010", TaxType="OUTPUT2"), no_tax("OUTPUT2", "1010")),
        (two("4000", TaxType="INPUT2"), no_tax("INPUT2", "4000")),
        (two("5000", TaxType="OUTPUT2"), no_tax("OUTPUT2", "5000")),
        (two("5000", TaxType="nonsense"), no_tax("nonsense", "5000")),
        (two(""), "Account code or ID must be specified"),
        (two(AccountCode=["1010"]), "Account code or ID must be specified"),
        (two(AccountID=RESERVE.account_id), not_valid("Reserve bank account")),
        (journal("J", line("0.00")), "A manual journal needs at least 2 journal lines"),
        (journal("J", JournalLines=[]), "A manual journal needs at least 2 journal lines"),
        (journal("J", JournalLines=None), "A manual journal needs at least 2 journal lines"),
        (journal(None), "Narration is mandatory"),
        (journal(""), "Narration is mandatory"),
        (journal("  "), "Narration is mandatory"),
        (journal(Url="https://go.Xero.com/1"), "Url must not contain 'xero'"),
        (tracked({"Name": "Branch", "Option": "Paris"}), "The tracking option 'Paris' does not exist"),
        (tracked({"Name": "Region", "Option": "London"}), "The tracking option 'London' does not exist"),
        (
            tracked(*[{"Name": "Branch", "Option": "London"}] * 3),
            "A journal line has at most 2 tracking categories",
        ),
        (journal(Status="VOID"), cannot("VOID")),
        (journal(Status="DELETED"), cannot("DELETED")),
        (journal(Status="VOIDED"), cannot("VOIDED")),
        (journal(Status="ARCHIVED"), cannot("ARCHIVED")),
        (journal(Status=["DRAFT"]), cannot("['DRAFT']")),
        (
            journal(ManualJournalID="11111111-2222-4333-8444-555555555555"),
            "A PUT creates journals and takes no ManualJournalID",
        ),
        (journal(ManualJournalID={"a": 1}), "A PUT creates journals and takes no ManualJournalID"),
    ],
)
async def test_a_refused_element_says_why(one: dict[str, Any], said: str) -> None:
    """Each rule is refused in its own words, on a 200, and nothing is created."""
    async with xero() as standin:
        element = await standin.outcome(one)
        assert await standin.listed() == []
    assert (messages(element), element["StatusAttributeString"]) == ([said], "ERROR")
    assert element["ManualJournalID"] == ZERO


@pytest.mark.parametrize("code", ["820", "860", "1900", "4000"])
async def test_vat_and_rounding_can_be_posted_to(code: str) -> None:
    """System accounts that are not forbidden, and codes mapped from longer ones, are taken."""
    async with xero() as standin:
        await standin.created(two(code))


@pytest.mark.parametrize("tax", ["OUTPUT2", "EXEMPTOUTPUT", "NONE"])
async def test_income_takes_taxes_of_its_direction(tax: str) -> None:
    """A tax type that fits the account is echoed."""
    async with xero() as standin:
        made = await standin.outcome(two("4000", TaxType=tax))
    assert made["JournalLines"][0]["TaxType"] == tax


async def test_a_refused_element_echoes_what_was_sent() -> None:
    """A refused element carries narration, status and lines, so that strict decoders can read it."""
    bad = journal("J \ud800", line("100.10"), line("-10.00", "9999"))
    async with xero() as standin:
        answer = await standin.write(content=json.dumps({"ManualJournals": [bad]}, default=float))
    (element,) = exact(answer)["ManualJournals"]
    assert (element["Narration"], element["Status"]) == ("J ?", "DRAFT")
    assert [str(row["LineAmount"]) for row in element["JournalLines"]] == ["100.1", "-10.0"]
    assert len(messages(element)) == 2


@pytest.mark.parametrize(("switch", "shown"), [("zero", {"ManualJournalID": ZERO}), ("absent", {})])
async def test_the_id_of_a_refused_element(switch: str, shown: dict[str, str]) -> None:
    """A refused element has a zero id or none, as the switch says."""
    async with xero(reporting_of_failures=switch) as standin:
        element = await standin.outcome(two("9999"))
    assert {name: value for name, value in element.items() if name == "ManualJournalID"} == shown


async def test_an_unknown_account_can_be_a_warning_on_a_200() -> None:
    """With the switch an unknown code leaves its line without an account and the answer with a warning."""
    async with xero(unknown_account="warning") as standin:
        made = await standin.outcome(two("476"))
        found = await standin.one(made["ManualJournalID"])
    assert made["StatusAttributeString"] == "WARNING"
    assert messages(made, "Warnings") == [
        "Account code '476' has been removed as it does not match a recognised account."
    ]
    assert "AccountCode" not in found["JournalLines"][0]
    assert found["JournalLines"][1]["AccountCode"] == "2000"


@pytest.mark.parametrize(
    ("options", "one", "said"),
    [
        (
            {"max_lines": 2},
            journal("J", line(1), line(1), line(-2)),
            "A manual journal has at most 2 journal lines",
        ),
        ({"max_narration": 3}, journal("long"), "Narration has at most 3 characters"),
        ({"max_description": 3}, two(Description="long"), "A description has at most 3 characters"),
        (
            {"max_amount": 4},
            journal("J", line(5), line(-4), line(-1)),
            "LineAmount 5.00 is beyond the largest amount, 4",
        ),
    ],
)
async def test_bounds_can_be_set(options: dict[str, Any], one: dict[str, Any], said: str) -> None:
    """Bounds that Xero does not state are switches, and what keeps to them is still taken."""
    async with xero() as standin:
        await standin.created(one)
        await standin.control("options", **options)
        assert messages(await standin.outcome(one)) == [said]


# What is refused as a whole


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"7"),
        *(b'{"ManualJournals":[]}', b'{"ManualJournals":{}}', b'{"ManualJournals":["a"]}'),
        b'\xff{"Narration":"a"}',
        b"[" * 100_000,
        b'{"ManualJournals":[{"Narration":"a","JournalLines":[{"LineAmount":NaN}]}]}',
        b'{"ManualJournals":[{"Narration":"","JournalLines":[{"LineAmount":1,"TaxAmount":Infinity}]}]}',
        b'{"ManualJournals":[{"Narration":"a","JournalLines":[{"LineAmount":1e99999999999999999999}]}]}',
    ],
)
async def test_a_body_that_cannot_be_read_is_error_17(content: bytes) -> None:
    """A body that is no JSON, or holds no journals, is a 400 of its own number."""
    async with xero() as standin:
        answer = await standin.write(content=content)
    assert (answer.status_code, answer.json()["ErrorNumber"]) == (400, 17)
    assert answer.json()["Type"] == "PostDataInvalidException"


@pytest.mark.parametrize(
    "bad",
    [
        journal(Date="01/11/2026"),
        journal(Date="2026-02-30"),
        journal(Date=None),
        journal(Date="/Date(999999999999999)/"),
        journal(LineAmountTypes="Net"),
        journal(JournalLines="x"),
        journal(JournalLines=["x", "y"]),
        two(Description=7),
        two(Tracking="London"),
        two(Tracking=["London"]),
        two(Tracking=[{"Name": ["x"], "Option": "London"}]),
        journal("J", {"AccountCode": "1010"}, line("0", "2000")),
        journal("J", line(True), line("-1", "2000")),
    ],
)
async def test_a_value_of_a_wrong_kind_refuses_the_whole_body(bad: dict[str, Any]) -> None:
    """One unreadable value is error 17, and the good element before it is not created either."""
    async with xero() as standin:
        answer = await standin.write(journal("good"), bad)
        assert await standin.listed() == []
    assert (answer.status_code, answer.json()["ErrorNumber"]) == (400, 17)


@pytest.mark.parametrize(
    "bad",
    [
        journal(Reference="x"),
        two(Amount=1),
        two(Tracking=[{"Name": "Branch", "Option": "London", "Extra": 1}]),
        journal(ShowOnCashBasisReports="false"),
        journal("J", line("1.001"), line("-1.001", "2000")),
        journal("J", line(f"1{'0' * 99}"), line(f"-1{'0' * 99}", "2000")),
        journal("J", line(f"9{'0' * 97}"), line(f"9{'0' * 97}"), line(-1)),
        {**journal("J"), "JournalLines": [{**line(1), "LineAmount": "1.00"}, line(-1)]},
    ],
)
async def test_strict_mode_refuses_as_the_sandbox_not_as_xero(bad: dict[str, Any]) -> None:
    """Unknown keys, strings for numbers and a third decimal are a 422 that Xero never sends."""
    async with xero() as standin:
        answer = await standin.write(journal("good"), bad)
        assert await standin.listed() == []
    assert (answer.status_code, answer.headers["x-sandbox-refusal"]) == (422, "1")
    assert answer.json()["sandbox"] == "refused by the sandbox, not by Xero"


async def test_without_strict_mode_the_lenient_readings_hold() -> None:
    """With strict off unknown keys are ignored, and numbers and booleans in strings are read."""
    lenient = {
        "Narration": "n",
        "Reference": "x",
        "ShowOnCashBasisReports": "false",
        "JournalLines": [{**line(1, Extra=1), "LineAmount": "1.00"}, line(-1, "2000")],
    }
    async with xero(strict=False) as standin:
        made = await standin.outcome(lenient)
        words = {**lenient, "JournalLines": [{**line(1), "LineAmount": "one"}, line(-1)]}
        refused = await standin.write(words)
        capital = await standin.write(two("9999"), params={"summarizeErrors": "False"})
    assert (made["ShowOnCashBasisReports"], str(made["JournalLines"][0]["LineAmount"])) == (False, "1.00")
    assert (refused.status_code, refused.json()["ErrorNumber"]) == (400, 17)
    assert capital.status_code == 200


async def test_read_only_keys_are_ignored() -> None:
    """A reply that is sent back whole is taken, and what only Xero sets does not change."""
    async with xero() as standin:
        found = await standin.one(await standin.created())
        again = await standin.outcome(
            {**found, "HasAttachments": True, "UpdatedDateUTC": "/Date(0+0000)/", "Warnings": []},
            method="POST",
        )
    assert (again["StatusAttributeString"], again["HasAttachments"]) == ("OK", False)
    assert again["UpdatedDateUTC"] != "/Date(0+0000)/"
    assert again["JournalLines"] == found["JournalLines"]


async def test_too_large_a_body_is_refused() -> None:
    """A body above the bound is refused before anything of it is read."""
    async with xero(max_body_bytes=500) as standin:
        answer = await standin.write(*[journal()] * 3)
        assert await standin.listed() == []
    assert answer.status_code == 413


async def test_a_bound_on_elements_can_be_set() -> None:
    """With a bound on elements a longer request creates nothing."""
    async with xero(max_elements=2) as standin:
        answer = await standin.write(*[journal()] * 3)
        assert await standin.listed() == []
    assert answer.status_code == 400


@pytest.mark.parametrize("form", ["wrapped", "bare", "list"])
async def test_a_bare_journal_is_taken(form: str) -> None:
    """A journal alone, a list and the documented wrapping mean the same."""
    one = {"Narration": "n", "JournalLines": [line(1), line(-1, "2000")]}
    body = {"wrapped": {"ManualJournals": [one]}, "bare": one, "list": [one]}[form]
    async with xero() as standin:
        await standin.write(content=json.dumps(body))
        assert await standin.narrations() == ["n"]


# Several elements at once


async def test_each_element_stands_for_itself() -> None:
    """With summarizeErrors=false a 200 shows every element in the order sent, good ones are created."""
    async with xero() as standin:
        answer = await standin.write(journal("A"), journal("B", line(5)), journal("C"))
        elements = exact(answer)["ManualJournals"]
        assert await standin.narrations() == ["A", "C"]
    assert answer.status_code == 200
    assert [one["StatusAttributeString"] for one in elements] == ["OK", "ERROR", "OK"]
    assert [one["Narration"] for one in elements] == ["A", "B", "C"]


async def test_elements_can_come_in_another_order() -> None:
    """With the switch elements are answered in another order than they were sent."""
    async with xero(reverse_elements=True) as standin:
        answer = await standin.write(journal("A"), journal("B"))
    assert [one["Narration"] for one in exact(answer)["ManualJournals"]] == ["B", "A"]


@pytest.mark.parametrize("params", [{}, {"summarizeErrors": "true"}])
async def test_a_summarised_400_is_not_atomic(params: dict[str, str]) -> None:
    """Summarised, one bad element is a 400 that tells no ids, and the good ones were created all the same."""
    async with xero() as standin:
        answer = await standin.write(journal("A"), two("9999"), journal("C"), params=params)
        created = {row["ManualJournalID"] for row in await standin.listed()}
    body = exact(answer)
    assert answer.status_code == 400
    assert (body["ErrorNumber"], body["Type"]) == (10, "ValidationException")
    assert body["Message"] == "A validation exception occurred"
    (element,) = body["Elements"]
    assert messages(element) == [not_valid("9999")]
    assert len(created) == 2
    assert not any(one in answer.text for one in created)


async def test_a_summarised_400_can_be_atomic() -> None:
    """With the switch a summarised 400 creates nothing, and a pending warning is not used up."""
    async with xero(summarise_atomic=True) as standin:
        await standin.control("warn")
        answer = await standin.write(journal("A"), two("9999"), params={})
        assert await standin.listed() == []
        later = await standin.outcome(journal("A"))
    assert answer.status_code == 400
    assert [messages(one) for one in exact(answer)["Elements"]] == [[not_valid("9999")]]
    assert later["StatusAttributeString"] == "WARNING"


@pytest.mark.parametrize("params", [{}, {"summarizeErrors": "true"}])
async def test_summarised_success_is_a_200_with_ids(params: dict[str, str]) -> None:
    """Summarised, good elements alone are a 200 with ids."""
    async with xero() as standin:
        element = await standin.outcome(journal(), params=params)
        assert (await standin.one(element["ManualJournalID"]))["Narration"] == "J1"


async def test_what_an_absent_switch_means_is_a_switch() -> None:
    """The reading of an absent summarizeErrors can be turned."""
    async with xero(summarise_by_default=False) as standin:
        assert (await standin.write(two("9999"), params={})).status_code == 200


@pytest.mark.parametrize("value", ["False", "TRUE", "0", ""])
async def test_summarize_errors_is_lowercase(value: str) -> None:
    """A value other than lowercase true and false is refused by the sandbox, and nothing is created."""
    async with xero() as standin:
        answer = await standin.write(journal(), params={"summarizeErrors": value})
        assert await standin.listed() == []
    assert answer.status_code == 422


async def test_one_request_can_change_a_journal_twice() -> None:
    """Elements of one request about the same journal see what those before them did."""
    async with xero() as standin:
        known = await standin.created()
        remove = {"ManualJournalID": known, "Status": "DELETED"}
        first, second = exact(await standin.write(remove, remove, method="POST"))["ManualJournals"]
    assert first["Status"] == "DELETED"
    assert messages(second) == [cannot("DELETED")]


# Changes


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (["DRAFT"], True),
        (["POSTED"], True),
        (["DELETED"], True),
        (["VOIDED"], False),
        (["ARCHIVED"], False),
        (["VOID"], False),
        (["POSTED", "VOIDED"], True),
        (["POSTED", "POSTED"], True),
        (["POSTED", "DRAFT"], False),
        (["POSTED", "DELETED"], False),
        (["POSTED", "VOIDED", "VOIDED"], False),
        (["POSTED", "VOIDED", "POSTED"], False),
        (["DELETED", "DELETED"], False),
        (["DELETED", "DRAFT"], False),
        (["DELETED", "POSTED"], False),
    ],
)
@pytest.mark.parametrize("status_only", [True, False])
async def test_statuses_follow_each_other(path: list[str], allowed: bool, status_only: bool) -> None:
    """A change of status is possible exactly where Xero has it, sent alone or with the whole journal."""
    async with xero() as standin:
        known = await standin.created()
        for status in path:
            fields = {"Status": status} if status_only else {**journal(), "Status": status}
            last = await standin.changed(known, **fields)
        found = await standin.one(known)
    assert messages(last) == ([] if allowed else [cannot(path[-1])])
    before = "DRAFT" if len(path) == 1 else path[-2]
    assert found["Status"] == (path[-1] if allowed else before)


async def test_a_new_journal_can_be_posted_at_once() -> None:
    """A journal can be created POSTED."""
    async with xero() as standin:
        assert (await standin.outcome(journal(Status="POSTED")))["Status"] == "POSTED"


async def test_a_status_alone_keeps_the_rest() -> None:
    """An update that carries id and status, and read-only keys, leaves narration, date and lines alone."""
    async with xero() as standin:
        known = await standin.created()
        before = await standin.one(known)
        after = await standin.changed(known, Status="DELETED", HasAttachments=False)
    kept = ("Narration", "Date", "JournalLines", "LineAmountTypes")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert after["Status"] == "DELETED"


async def test_a_narration_and_a_status_keep_the_lines() -> None:
    """An update of id, narration and status, as Xero's schema has it, leaves the lines as they were."""
    async with xero() as standin:
        known = await standin.created()
        before = await standin.one(known)
        after = await standin.changed(known, Narration="Corrected", Status="POSTED")
        assert (await standin.one(known))["JournalLines"] == before["JournalLines"]
        empty = await standin.changed(known, Narration="Corrected", JournalLines=[])
    assert (after["Narration"], after["Status"]) == ("Corrected", "POSTED")
    assert [after[name] for name in ("Date", "JournalLines")] == [before["Date"], before["JournalLines"]]
    assert messages(empty) == ["A manual journal needs at least 2 journal lines"]


async def test_a_status_alone_can_be_too_little() -> None:
    """With the switch an update demands narration and lines, and the whole journal is then taken."""
    async with xero(status_only_updates=False) as standin:
        known = await standin.created()
        refused = await standin.changed(known, Status="DELETED")
        whole = await standin.changed(known, **{**journal(), "Status": "DELETED"})
    assert messages(refused) == ["Narration is mandatory", "A manual journal needs at least 2 journal lines"]
    assert whole["Status"] == "DELETED"


@pytest.mark.parametrize("way", ["id in the path", "id in the element", "id in capitals"])
async def test_an_update_replaces_narration_date_and_lines(way: str) -> None:
    """A POST with an id overwrites a draft under the same id, and its instant of change moves."""
    new = journal("new", line("7.00", "1020"), line("-7.00", "2010"), Date="2026-11-02")
    async with xero() as standin:
        known = await standin.created()
        before = await standin.one(known)
        name = known.upper() if way.endswith("capitals") else known
        if way == "id in the path":
            await standin.outcome(new, method="POST", journal_id=name)
        else:
            await standin.changed(name, **new)
        after = await standin.one(known)
        assert await standin.narrations() == ["new"]
    assert after["Date"] == f"/Date({DAY_MS + 86_400_000}+0000)/"
    assert [row["AccountCode"] for row in after["JournalLines"]] == ["1020", "2010"]
    assert after["UpdatedDateUTC"] > before["UpdatedDateUTC"]


async def test_what_an_update_leaves_out_stays() -> None:
    """An update of narration and lines alone keeps date, tax kind, link, switch and attachments' flag."""
    kept = {"LineAmountTypes": "Inclusive", "Url": "https://a.example", "ShowOnCashBasisReports": False}
    async with xero() as standin:
        known = await standin.created(journal(**kept))
        after = await standin.changed(known, Narration="new", JournalLines=journal()["JournalLines"])
    assert {name: after[name] for name in kept} == kept
    assert (after["Narration"], after["Date"]) == ("new", f"/Date({DAY_MS}+0000)/")


async def test_an_id_in_capitals_in_the_path_is_the_same_journal() -> None:
    """Reading and changing by an id do not look at the case of its letters."""
    async with xero() as standin:
        known = await standin.created()
        made = await standin.outcome({"Status": "POSTED"}, method="POST", journal_id=known.upper())
        assert (await standin.one(known.upper()))["Status"] == made["Status"] == "POSTED"


async def test_a_post_without_an_id_creates() -> None:
    """POST creates a journal where the element names none, or the zero id."""
    async with xero() as standin:
        await standin.write(journal("A"), journal("B", ManualJournalID=ZERO), method="POST")
        assert await standin.narrations() == ["A", "B"]


async def test_a_post_with_an_unknown_id_creates_nothing() -> None:
    """An id that names no journal is refused, and no journal comes of it."""
    async with xero() as standin:
        element = await standin.changed("11111111-2222-4333-8444-555555555555", **journal())
        assert await standin.listed() == []
    assert messages(element) == ["The resource you're looking for cannot be found"]


@pytest.mark.parametrize(("switch", "said"), [(True, []), (False, [cannot("POSTED")])])
async def test_editing_posted_journals_is_a_switch(switch: bool, said: list[str]) -> None:
    """Whether a posted journal can be edited is a switch; voiding one is possible either way."""
    async with xero(edit_posted=switch) as standin:
        known = await standin.created(journal(Status="POSTED"))
        edited = await standin.changed(known, **journal("new", Status="POSTED"))
        assert (await standin.one(known))["Narration"] == ("new" if switch else "J1")
        voided = await standin.changed(known, Status="VOIDED")
    assert messages(edited) == said
    assert voided["Status"] == "VOIDED"


# Lock dates


@pytest.mark.parametrize(
    ("locks", "said"),
    [
        ({"period": "2026-11-01"}, "period lock date, currently set at 01-Nov-2026"),
        ({"year": "2026-11-01"}, "end of year lock date, currently set at 01-Nov-2026"),
        (
            {"period": "2026-11-01", "year": "2026-12-31"},
            "end of year lock date, currently set at 31-Dec-2026",
        ),
        ({"period": "2026-11-30", "year": "2026-11-02"}, "period lock date, currently set at 30-Nov-2026"),
    ],
)
@pytest.mark.parametrize("way", ["create", "status", "whole"])
async def test_a_locked_period_takes_drafts_and_no_postings(
    locks: dict[str, str], said: str, way: str
) -> None:
    """On or before a lock date drafts are saved and postings refused, the later date being named."""
    async with xero() as standin:
        await standin.control("lock_date", **locks)
        known = await standin.created()
        posted = journal(Status="POSTED")
        if way == "create":
            refused = await standin.outcome(posted)
        elif way == "status":
            refused = await standin.changed(known, Status="POSTED")
        else:
            refused = await standin.changed(known, **posted)
        assert [row["Status"] for row in await standin.listed()] == ["DRAFT"]
    assert messages(refused) == [f"The document date cannot be before the {said}"]


async def test_a_journal_of_no_date_is_one_of_today_for_the_lock_too() -> None:
    """A posting without a date is measured by today."""
    async with xero() as standin:
        await standin.control("lock_date", period="2026-11-20")
        one = {name: value for name, value in journal(Status="POSTED").items() if name != "Date"}
        assert len(messages(await standin.outcome(one))) == 1
        await standin.control("lock_date", period="2026-11-19")
        assert messages(await standin.outcome(one)) == []


async def test_after_a_lock_date_postings_pass() -> None:
    """The day after a lock date is open, and so is every day once the date is taken back."""
    async with xero() as standin:
        await standin.control("lock_date", period="2026-10-31", year="2025-12-31")
        assert (await standin.outcome(journal(Status="POSTED")))["StatusAttributeString"] == "OK"
        await standin.control("lock_date", period="2026-11-30")
        await standin.control("lock_date", period=None)
        assert (await standin.outcome(journal(Status="POSTED")))["StatusAttributeString"] == "OK"


# History and attachments


@pytest.mark.parametrize("kind", ["application/xml", "text/xml; charset=utf-8"])
async def test_xml_is_refused_by_the_sandbox(kind: str) -> None:
    """What says it is XML, which Xero takes, is refused in the sandbox's own name; a file may be XML."""
    async with xero(scopes=f"{SCOPES} accounting.attachments") as standin:
        known = await standin.created()
        headers = {"Content-Type": kind}
        for call in (
            "PUT ManualJournals",
            f"POST ManualJournals/{known}",
            f"PUT ManualJournals/{known}/History",
        ):
            method, path = call.split()
            answer = await standin.http.request(
                method, f"/api.xro/2.0/{path}", content=b"<ManualJournal/>", headers=headers
            )
            assert (answer.status_code, answer.headers["x-sandbox-refusal"]) == (422, "1")
            assert "XML" in answer.json()["reason"]
        path = f"/api.xro/2.0/ManualJournals/{known}/Attachments/lines.xml"
        assert (await standin.http.put(path, content=b"<a/>", headers=headers)).status_code == 200
        assert await standin.narrations() == ["J1"]


async def test_history_tells_what_happened() -> None:
    """History lists creation, changes and notes, the newest first."""
    async with xero() as standin:
        known = await standin.created()
        await standin.changed(known, **journal("new"))
        await standin.changed(known, Status="POSTED")
        answer = await standin.http.put(
            f"/api.xro/2.0/ManualJournals/{known}/History", json={"HistoryRecords": [{"Details": "from ‹x›"}]}
        )
        rows = (await standin.get(f"ManualJournals/{known}/History")).json()["HistoryRecords"]
        # As a common client writes it.
        small = (await standin.get(f"ManualJournals/{known}/history/")).json()["HistoryRecords"]
    assert small == rows
    assert answer.json()["HistoryRecords"][0]["Details"] == "from ‹x›"
    assert [row["Changes"] for row in rows] == ["Note", "Status changed to POSTED", "Edited", "Created"]
    assert rows[0]["DateUTC"] == "/Date(1795161600000+0000)/"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"HistoryRecords": [{"Details": "x" * 2500}]}, 200),
        ({"HistoryRecords": [{"Details": "x" * 2501}]}, 400),
        ({"HistoryRecords": [{"Details": ""}]}, 400),
        ({"HistoryRecords": [{}]}, 400),
        ({"HistoryRecords": 7}, 400),
        ([], 400),
    ],
)
async def test_a_note_has_at_most_2500_characters(body: object, status: int) -> None:
    """A note of 2500 characters is taken; a longer, an empty or a missing one is refused."""
    async with xero() as standin:
        path = f"/api.xro/2.0/ManualJournals/{await standin.created()}/History"
        answer = await standin.http.put(path, json=body)
        rows = (await standin.http.get(path)).json()["HistoryRecords"]
    assert answer.status_code == status
    assert len(rows) == (2 if status == 200 else 1)


async def test_attachments_are_listed_and_flagged() -> None:
    """A file is listed with name, type and length, its journal says it has one, at most ten fit."""
    async with xero(scopes="accounting.manualjournals accounting.attachments") as standin:
        known = await standin.created()
        base = f"/api.xro/2.0/ManualJournals/{known}/Attachments"
        statuses = []
        for name in ("a b%2520c.csv", *(f"{number}.csv" for number in range(9)), "one-more.csv", "0.csv"):
            answer = await standin.http.put(
                f"{base}/{name}", content=b"1,2", headers={"Content-Type": "text/csv"}
            )
            statuses.append(answer.status_code)
        rows = (await standin.http.get(base)).json()["Attachments"]
        assert (await standin.one(known))["HasAttachments"] is True
        large = await standin.http.put(f"{base}/0.csv", content=b"x" * 10_000_001)
    assert statuses == [200] * 10 + [400, 200]
    assert (rows[0]["FileName"], rows[0]["MimeType"], rows[0]["ContentLength"]) == (
        "a b%20c.csv",
        "text/csv",
        3,
    )
    assert len(rows) == 10
    assert large.status_code == 400


async def test_what_belongs_to_no_journal_is_404() -> None:
    """History, attachments and reads of an unknown id are the plain 404."""
    async with xero(scopes="accounting.manualjournals accounting.attachments") as standin:
        paths = [f"ManualJournals/7{tail}" for tail in ("", "/History", "/Attachments")]
        assert [(await standin.get(path)).status_code for path in paths] == [404] * 3


async def test_an_australian_organisation_has_a_name_of_its_own_for_no_tax() -> None:
    """With the switch NONE is answered as BASEXCLUDED, to writes and reads, and taken back as that."""
    async with xero(no_tax="BASEXCLUDED") as standin:
        element = await standin.outcome(journal())
        journal_id = element["ManualJournalID"]
        (listed,) = await standin.listed()
        back = {name: listed[name] for name in ("Narration", "JournalLines")}
        again = await standin.changed(journal_id, **back)
    for shown in (element, listed, again):
        assert {one["TaxType"] for one in shown["JournalLines"]} == {"BASEXCLUDED"}
    assert again["StatusAttributeString"] == "OK"


async def test_lines_can_come_in_another_order() -> None:
    """With the switch the lines of a journal are listed in another order, their amounts as they were."""
    async with xero() as standin:
        journal_id = await standin.created()
        before = (await standin.get(f"ManualJournals/{journal_id}")).text
        await standin.control("options", reverse_lines=True)
        after = (await standin.get(f"ManualJournals/{journal_id}")).text
        (listed,) = await standin.listed()
    assert [one["LineAmount"] for one in listed["JournalLines"]] == [Decimal("-100.00"), Decimal("100.00")]
    assert after.count("100.00") == before.count("100.00") == 2


async def test_an_element_is_served_byte_for_byte() -> None:
    """A planted text stands in place of a journal, or as one more, and is counted; null takes it away."""
    odd = '{"ManualJournalID":"m-1","Narration":"\udcff","Odd":1.50}'
    async with xero() as standin:
        journal_id = await standin.created()
        await standin.control("plant", journal_id=journal_id, raw="null")
        await standin.control("plant", journal_id="m-1", raw=odd)
        listed = (await standin.get(params={"page": 1})).content
        single = (await standin.get("ManualJournals/m-1")).content
        await standin.control("plant", journal_id=journal_id, raw=None)
        await standin.control("plant", journal_id="m-1", raw=None)
        (left,) = await standin.listed()
        assert (await standin.get("ManualJournals/m-1")).status_code == 404
    served = odd.encode("utf-8", "surrogateescape")
    assert listed.endswith(b'"ManualJournals":[null,' + served + b"]}")
    assert b'"itemCount":2' in listed
    assert single.endswith(b'"ManualJournals":[' + served + b"]}")
    assert left["ManualJournalID"] == journal_id
