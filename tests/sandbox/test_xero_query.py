"""Lists: filters, order, pages, If-Modified-Since, delay; and what the settings show."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.sandbox.xero.app import TENANT_ID
from blocks.sandbox.xero.chart import ACCOUNTS
from tests.helpers.stand_ins import exact
from tests.helpers.xero_stand_in import journal, messages, numbered, xero

# Filters


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ('Narration=="J1"', ["J1"]),
        ('Narration = "J1"', ["J1"]),
        ('  Narration  ==  "J1"  ', ["J1"]),
        ('Narration=="j1"', []),
        ('Narration=="J"', []),
        ('Narration=="J 1 | p1"', ["J 1 | p1"]),
        ('Narration=="a+b%20&c"', ["a+b%20&c"]),
        ('Narration==""', []),
        ('Status=="POSTED"', ["a+b%20&c"]),
        ('Status=="DRAFT" AND Narration=="J1"', ["J1"]),
        ('Status=="POSTED"&&Narration=="J1"', []),
        ("Date>=DateTime(2026,11,02)", ["J 1 | p1"]),
        ("Date==DateTime(2026, 11, 02, 00, 00, 00)", ["J 1 | p1"]),
        ("Date>DateTime(2026,10,31) AND Date<DateTime(2026,11,02)", ["J1", "a+b%20&c"]),
        ("Date<=DateTime(2026,10,31)", []),
    ],
)
@pytest.mark.parametrize("lag", [0.0, 1.0])
async def test_where_filters(where: str, found: list[str], lag: float) -> None:
    """A filter compares texts to the letter and dates by order, joined by AND, whether lists lag or not."""
    async with xero(read_lag_seconds=lag) as standin:
        await standin.write(
            journal("J1"), journal("J 1 | p1", Date="2026-11-02"), journal("a+b%20&c", Status="POSTED")
        )
        standin.clock.advance(2)
        assert await standin.narrations(where=where) == found


async def test_spaces_come_as_plus_or_as_percent() -> None:
    """A space in a filter is decoded from both of its forms."""
    async with xero() as standin:
        await standin.created(journal("J 1"))
        for space in ("+", "%20"):
            answer = await standin.http.get(
                f"/api.xro/2.0/ManualJournals?where=Narration%3D%3D%22J{space}1%22&page=1"
            )
            assert len(answer.json()["ManualJournals"]) == 1


@pytest.mark.parametrize("lag", [0.0, 1.0])
async def test_a_filter_can_ignore_case(lag: float) -> None:
    """With the switch a narration is found whatever the case of its letters on either side."""
    async with xero(narration_ignores_case=True, read_lag_seconds=lag) as standin:
        await standin.write(journal("Mambu P1"), journal("MAMBU p1"), journal("Mambu"))
        standin.clock.advance(2)
        assert await standin.narrations(where='Narration=="mambu P1"') == ["Mambu P1", "MAMBU p1"]


async def test_a_filter_follows_a_changed_narration() -> None:
    """A journal is found under the narration it has now and no longer under the one it had."""
    async with xero() as standin:
        known = await standin.created(journal("old"))
        await standin.changed(known, **journal("new"))
        assert await standin.narrations(where='Narration=="old"') == []
        assert await standin.narrations(where='Narration=="new"') == ["new"]


@pytest.mark.parametrize(
    "where",
    [
        "",
        *(
            f"Narration{rest}"
            for rest in ("", '=="a', '=="a"b"', "==J1", '=="a" XOR Status=="b"', '=="a" AND')
        ),
        *('Narration.StartsWith("J")', 'Reference=="x"', 'Narration>"a"'),
        *(f"Date>=DateTime({day})" for day in ("2026,13,01", "2026", ",", "99999999999999999999,1,1")),
        'Status=="DRAFT" OR Status=="POSTED"',
        'JournalLines[0].AccountCode=="1010"',
    ],
)
async def test_a_filter_that_cannot_be_read_is_error_16(where: str) -> None:
    """A filter of bad syntax, or beyond what is known here, is a 400 of its own number and never ignored."""
    async with xero() as standin:
        answer = await standin.get(params={"where": where, "page": 1})
    assert answer.status_code == 400
    assert (answer.json()["ErrorNumber"], answer.json()["Type"]) == (16, "QueryParseException")


# Order


async def test_lists_are_in_the_order_of_change() -> None:
    """The default order is that of the last change, so that a changed journal moves to the end."""
    async with xero() as standin:
        known = await standin.created(journal("A"))
        await standin.write(journal("B"), journal("C"))
        assert await standin.narrations() == ["A", "B", "C"]
        await standin.changed(known, **journal("A2"))
        assert await standin.narrations() == ["B", "C", "A2"]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("Date", ["B", "A", "C"]),
        ("Date ASC", ["B", "A", "C"]),
        ("Date DESC", ["C", "A", "B"]),
        ("date desc", None),
        ("UpdatedDateUTC DESC", ["C", "B", "A"]),
        ("", ["A", "B", "C"]),
        ("Nothing", None),
        ("Date UP", None),
    ],
)
async def test_order(order: str, found: list[str] | None) -> None:
    """Lists can be ordered by date, id or change, either way, and by nothing unknown."""
    async with xero() as standin:
        for name, day in (("A", 2), ("B", 1), ("C", 3)):
            await standin.created(journal(name, Date=f"2026-11-0{day}"))
            standin.clock.advance(1)
        answer = await standin.get(params={"order": order, "page": 1})
    if found is None:
        assert (answer.status_code, answer.json()["ErrorNumber"]) == (400, 16)
    else:
        assert [row["Narration"] for row in answer.json()["ManualJournals"]] == found


async def test_order_by_id() -> None:
    """Ordered by ManualJournalID the ids ascend."""
    async with xero() as standin:
        await standin.write(*numbered(9))
        ids = [row["ManualJournalID"] for row in await standin.listed(order="ManualJournalID")]
    assert ids == sorted(ids)


# Pages


async def test_without_page_a_list_has_no_lines() -> None:
    """Unpaged lists hold every journal without lines and no pagination; a page of 0 lines is never meant."""
    async with xero() as standin:
        await standin.write(*numbered(120))
        bare = exact(await standin.get(params={"pageSize": 7}))
        paged = exact(await standin.get(params={"page": 1}))
    assert len(bare["ManualJournals"]) == 120
    assert not any("JournalLines" in row for row in bare["ManualJournals"])
    assert "pagination" not in bare
    assert all(len(row["JournalLines"]) == 2 for row in paged["ManualJournals"])
    assert paged["pagination"] == {"page": 1, "pageSize": 100, "pageCount": 2, "itemCount": 120}


@pytest.mark.parametrize(
    ("count", "params", "first", "shown", "pages"),
    [
        (0, {"page": 1}, None, 0, 0),
        (7, {"page": 1, "pageSize": 3}, "J1", 3, 3),
        (7, {"page": 3, "pageSize": 3}, "J7", 1, 3),
        (7, {"page": 4, "pageSize": 3}, None, 0, 3),
        (6, {"page": 2, "pageSize": 3}, "J4", 3, 2),
        (7, {"page": 1, "pageSize": 1000}, "J1", 7, 1),
        (7, {"page": 7, "pageSize": 1}, "J7", 1, 7),
        (7, {"page": 999999999, "pageSize": 1}, None, 0, 7),
    ],
)
async def test_pages(count: int, params: dict[str, Any], first: str | None, shown: int, pages: int) -> None:
    """Pages cut the list without gap or overlap and say how many there are; beyond the last is nothing."""
    async with xero() as standin:
        if count:
            await standin.write(*numbered(count))
        answer = exact(await standin.get(params=params))
    rows = answer["ManualJournals"]
    assert len(rows) == shown
    assert (rows[0]["Narration"] if rows else None) == first
    size = params.get("pageSize", 100)
    assert answer["pagination"] == {
        "page": params["page"],
        "pageSize": size,
        "pageCount": pages,
        "itemCount": count,
    }


@pytest.mark.parametrize(
    "params",
    [
        {"page": 0},
        {"page": -1},
        {"page": "x"},
        {"page": ""},
        {"page": "²"},
        {"page": "9" * 5000},
        {"page": 1, "pageSize": 0},
        {"page": 1, "pageSize": 1001},
        {"page": 1, "pageSize": "1.5"},
    ],
)
async def test_a_page_out_of_range_is_refused(params: dict[str, Any]) -> None:
    """A page is a number from 1 and its size one from 1 to 1000; all else is a 400."""
    async with xero() as standin:
        answer = await standin.get(params=params)
    assert (answer.status_code, answer.json()["ErrorNumber"]) == (400, 10)


async def test_a_journal_changed_between_pages_shows_twice_or_not_at_all() -> None:
    """A change between two pages moves its journal to the end and lets another slip past the reader."""
    async with xero() as standin:
        first = exact(await standin.write(*numbered(4)))["ManualJournals"][0]
        one = await standin.narrations(page=1, pageSize=2)
        await standin.changed(first["ManualJournalID"], **journal("J1"))
        two = await standin.narrations(page=2, pageSize=2)
    assert (one, two) == (["J1", "J2"], ["J4", "J1"])


# If-Modified-Since


@pytest.mark.parametrize(
    ("inclusive", "since", "found"),
    [
        (False, "2026-11-20T07:59:59", ["A", "B"]),
        (False, "2026-11-20T08:00:00", ["B"]),
        (True, "2026-11-20T08:00:00", ["A", "B"]),
        (False, "2026-11-20T08:01:00", []),
        (True, "2026-11-20T08:01:00", ["B"]),
        (True, "2026-11-20T08:01:01", []),
        (False, "2026-11-20T08:00:00Z", ["B"]),
        (False, "2026-11-20T08:00:00.000+00:00", ["B"]),
        (False, "2026-11-20T09:00:00+01:00", ["B"]),
        (False, "2026-11-20T09:00:00", []),
        (False, "Fri, 20 Nov 2026 08:00:00 GMT", ["B"]),
    ],
)
async def test_if_modified_since(inclusive: bool, since: str, found: list[str]) -> None:
    """The header, in any form that clients send, leaves what changed after an instant, or from it on."""
    async with xero(modified_since_inclusive=inclusive) as standin:
        await standin.created(journal("A"))
        standin.clock.advance(60)
        await standin.created(journal("B"))
        for where in ({}, {"where": 'Status=="DRAFT"'}):
            answer = await standin.get(params={"page": 1, **where}, headers={"If-Modified-Since": since})
            assert [row["Narration"] for row in answer.json()["ManualJournals"]] == found


async def test_if_modified_since_sees_changes() -> None:
    """A removal counts as a change."""
    async with xero() as standin:
        known = await standin.created()
        standin.clock.advance(60)
        await standin.changed(known, Status="DELETED")
        answer = await standin.get(headers={"If-Modified-Since": "2026-11-20T08:00:30"})
    assert [row["Status"] for row in answer.json()["ManualJournals"]] == ["DELETED"]


@pytest.mark.parametrize(
    "since",
    ["Fri, 20 Nov 2026 25:00:00 GMT", "20 Nov", "2026-11-20", "2026-11-20T25:00:00", "yesterday", ""],
)
@pytest.mark.parametrize("path", ["ManualJournals", "Accounts"])
async def test_if_modified_since_is_an_instant(path: str, since: str) -> None:
    """What is no instant is a 412, never ignored."""
    async with xero() as standin:
        answer = await standin.get(path, headers={"If-Modified-Since": since})
    assert answer.status_code == 412


# What lists hide and when they show


@pytest.mark.parametrize("listed", [True, False])
async def test_removed_journals_in_lists_are_a_switch(listed: bool) -> None:
    """DELETED and VOIDED journals are in lists or not, as the switch says, and always read by their id."""
    async with xero(list_deleted=listed) as standin:
        deleted, voided = await standin.created(), await standin.created(journal(Status="POSTED"))
        await standin.changed(deleted, Status="DELETED")
        await standin.changed(voided, Status="VOIDED")
        await standin.created(journal("kept"))
        rows = {row["Status"] for row in await standin.listed()}
        named = await standin.listed(where='Narration=="J1"')
        assert (await standin.one(deleted))["Status"] == "DELETED"
        assert (await standin.one(voided))["Status"] == "VOIDED"
    assert rows == ({"DELETED", "VOIDED", "DRAFT"} if listed else {"DRAFT"})
    assert len(named) == (2 if listed else 0)


async def test_lists_can_lag_behind() -> None:
    """With a lag, lists and filters show journals as they were; a read by id shows the present."""
    async with xero(read_lag_seconds=30.0) as standin:
        known = await standin.created(journal("old"))
        assert await standin.narrations() == []
        assert await standin.narrations(where='Narration=="old"') == []
        assert (await standin.one(known))["Narration"] == "old"
        standin.clock.advance(20)
        await standin.changed(known, **journal("middle"))
        standin.clock.advance(10)
        assert await standin.narrations() == ["old"]
        await standin.changed(known, **journal("new"))
        copied = await standin.control("copy", journal_id=known)
        assert await standin.narrations() == ["old"]
        standin.clock.advance(20)
        assert await standin.narrations() == ["middle"]
        standin.clock.advance(10)
        assert await standin.narrations() == ["new", "new"]
        assert copied["ManualJournalID"] != known


# Settings


async def test_the_organisation_shows_lock_dates_only_where_set() -> None:
    """The organisation has its id, name and currency, and a lock date only while there is one."""
    async with xero() as standin:
        (before,) = (await standin.get("Organisation")).json()["Organisations"]
        await standin.control("lock_date", period="2026-10-31", year="2025-12-31")
        (after,) = (await standin.get("Organisation")).json()["Organisations"]
        await standin.control("lock_date", period=None)
        (left,) = (await standin.get("Organisation")).json()["Organisations"]
    assert before["OrganisationID"] == TENANT_ID
    assert (before["Name"], before["BaseCurrency"]) == ("Harbour Lending Ltd", "GBP")
    assert before["Timezone"] == "GMTSTANDARDTIME"
    assert not {"PeriodLockDate", "EndOfYearLockDate"} & before.keys()
    assert after["PeriodLockDate"] == "/Date(1793404800000+0000)/"
    assert after["EndOfYearLockDate"] == "/Date(1767139200000+0000)/"
    assert "PeriodLockDate" not in left
    assert "EndOfYearLockDate" in left


@pytest.mark.parametrize("path", ["", "/Actions"])
async def test_the_organisation_is_found_by_the_plural(path: str) -> None:
    """Who asks for Organisations is told the same as who asks for Organisation."""
    async with xero() as standin:
        one, other = [
            (await standin.get(f"{name}{path}")).json() for name in ("Organisation", "Organisations")
        ]
    differing = {"Id", "DateTimeUTC"}
    assert {name for name in one if one[name] != other[name]} <= differing


async def test_accounts_are_all_there_at_once() -> None:
    """GET /Accounts is unpaged, in order of code; a bank account may lack a code, and one its number."""
    async with xero() as standin:
        rows = (await standin.get("Accounts", params={"page": 2})).json()["Accounts"]
    assert len(rows) == len(ACCOUNTS)
    assert [row.get("Code", "") for row in rows] == sorted(row.code for row in ACCOUNTS)
    banks = [row for row in rows if row["Type"] == "BANK"]
    assert {"Code" in row for row in banks} == {False, True}
    assert [row["Name"] for row in banks if not row["BankAccountNumber"]] == ["Cash drawer"]
    assert {row["CurrencyCode"] for row in banks} == {"GBP", "EUR", "USD"}
    assert all(len(row.get("Code", "")) <= 10 for row in rows)


@pytest.mark.parametrize(
    ("params", "codes"),
    [
        ({"where": 'Status=="ARCHIVED"'}, ["640"]),
        ({"where": 'Type=="BANK"'}, [None, None, "090", "092", "093", "094", "095", "096"]),
        ({"where": 'SystemAccount=="DEBTORS"'}, ["610"]),
        ({"where": 'Class=="EQUITY" AND Status=="ACTIVE"', "order": "Code DESC"}, ["960", "3000"]),
    ],
)
async def test_accounts_filter_and_order(params: dict[str, str], codes: list[str | None]) -> None:
    """Accounts can be filtered and ordered by their fields."""
    async with xero() as standin:
        rows = (await standin.get("Accounts", params=params)).json()["Accounts"]
    assert [row.get("Code") for row in rows] == codes


async def test_accounts_by_change() -> None:
    """If-Modified-Since leaves the accounts that changed after it."""
    async with xero() as standin:
        header = {"If-Modified-Since": "2026-11-01T00:00:00"}
        before = (await standin.get("Accounts", headers=header)).json()["Accounts"]
        await standin.control("archive_account", code="1010")
        after = (await standin.get("Accounts", headers=header)).json()["Accounts"]
    assert before == []
    assert [(row["Code"], row["Status"]) for row in after] == [("1010", "ARCHIVED")]


@pytest.mark.parametrize(("params", "archived"), [({}, False), ({"includeArchived": "true"}, True)])
async def test_tracking_categories_hide_archived_options(params: dict[str, str], archived: bool) -> None:
    """Two categories are shown with their options, archived ones only if asked for."""
    async with xero() as standin:
        rows = (await standin.get("TrackingCategories", params=params)).json()["TrackingCategories"]
    names = {row["Name"]: [one["Name"] for one in row["Options"]] for row in rows}
    assert list(names) == ["Branch", "Product"]
    assert ("Leeds (closed)" in names["Branch"]) is archived
    assert "London" in names["Branch"]


async def test_a_warned_journal_differs_when_read_back() -> None:
    """After `warn` the next journal loses an account code on a 200, and only that one."""
    async with xero() as standin:
        await standin.control("warn")
        first, second = await standin.outcome(journal("A")), await standin.outcome(journal("B"))
        found = await standin.one(first["ManualJournalID"])
    assert messages(first, "Warnings") == [
        "Account code '1010' has been removed as it does not match a recognised account."
    ]
    assert [row.get("AccountCode") for row in found["JournalLines"]] == [None, "2000"]
    assert second["StatusAttributeString"] == "OK"
