"""The verbs of /control/xero: a person acts, and the sandbox's own switches."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from blocks.sandbox.xero.app import XeroOptions
from tests.helpers.xero_stand_in import DAY_MS, journal, line, messages, xero

NO_ID = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("change", "name", "shown"),
    [
        ({"narration": "by hand"}, "Narration", "by hand"),
        ({"day": "2026-11-02"}, "Date", f"/Date({DAY_MS + 86_400_000}+0000)/"),
    ],
)
async def test_a_person_edits_a_draft(change: dict[str, str], name: str, shown: str) -> None:
    """An edited draft shows the new value, keeps its lines and its id, and its instant of change moves."""
    async with xero() as standin:
        known = await standin.created()
        before = await standin.one(known)
        answered = await standin.control("edit", journal_id=known, **change)
        after = await standin.one(known)
    assert answered[name] == after[name] == shown
    assert after["JournalLines"] == before["JournalLines"]
    assert after["UpdatedDateUTC"] > before["UpdatedDateUTC"]


async def test_a_person_edits_amounts_to_the_digit() -> None:
    """New lines replace the old ones with the digits they were given, however many."""
    amount = Decimal("123456789012345678.91")
    lines = [{"LineAmount": amount, "AccountCode": "1020"}, {"LineAmount": -amount, "AccountCode": "2010"}]
    async with xero() as standin:
        known = await standin.created()
        shown = await standin.control("edit", journal_id=known, lines=lines)
        after = await standin.one(known)
    assert [row["LineAmount"] for row in shown["JournalLines"]] == [str(amount), str(-amount)]
    assert [row["LineAmount"] for row in after["JournalLines"]] == [amount, -amount]


async def test_edits_written_in_python_mean_the_digits_they_show() -> None:
    """A float of an edit counts as the number it prints."""
    async with xero() as standin:
        known = await standin.created()
        await standin.control("edit", journal_id=known, lines=[line(0.1), line(0.2), line(-0.3)])
        amounts = [str(row["LineAmount"]) for row in (await standin.one(known))["JournalLines"]]
    assert amounts == ["0.10", "0.20", "-0.30"]


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("post", "DRAFT", "POSTED"),
        ("post", "POSTED", None),
        ("delete", "DRAFT", "DELETED"),
        ("delete", "POSTED", None),
        ("void", "POSTED", "VOIDED"),
        ("void", "DRAFT", None),
        *(("archive_journal", before, "ARCHIVED") for before in ("POSTED", "DRAFT")),
    ],
)
async def test_a_person_changes_a_status(verb: str, before: str, after: str | None) -> None:
    """A person can do what the screen offers, the history says so, and nothing else is possible."""
    async with xero() as standin:
        known = await standin.created(journal(Status=before))
        if after is None:
            with pytest.raises(ValueError, match="cannot be applied to the document"):
                await standin.control(verb, journal_id=known)
        else:
            shown = await standin.control(verb, journal_id=known)
            assert shown["Status"] == after
            history = (await standin.get(f"ManualJournals/{known}/History")).json()["HistoryRecords"]
            assert (history[0]["Changes"], history[0]["User"]) == (f"Status changed to {after}", "A person")
        assert (await standin.one(known))["Status"] == (after or before)


async def test_an_archived_journal_stays_as_it_is() -> None:
    """Once archived a journal takes no update and no posting, and lists show it."""
    async with xero() as standin:
        known = await standin.created()
        await standin.control("archive_journal", journal_id=known)
        for status in ("DRAFT", "POSTED", "DELETED", "VOIDED", "ARCHIVED"):
            assert len(messages(await standin.changed(known, Status=status))) == 1
        with pytest.raises(ValueError, match="cannot be applied"):
            await standin.control("post", journal_id=known)
        assert [row["Status"] for row in await standin.listed()] == ["ARCHIVED"]


async def test_a_person_cannot_post_into_a_locked_period() -> None:
    """A posting by hand is refused in a locked period in Xero's words."""
    async with xero() as standin:
        known = await standin.created()
        await standin.control("lock_date", period="2026-11-30")
        with pytest.raises(ValueError, match="period lock date, currently set at 30-Nov-2026"):
            await standin.control("post", journal_id=known)


async def test_a_copy_has_the_narration_and_lines_of_its_original() -> None:
    """A copy is a draft of its own, under the same narration, without files."""
    async with xero(scopes="accounting.manualjournals accounting.attachments") as standin:
        known = await standin.created(journal(Status="POSTED"))
        await standin.http.put(f"/api.xro/2.0/ManualJournals/{known}/Attachments/a", content=b"x")
        copied = await standin.control("copy", journal_id=known)
        rows = {row["ManualJournalID"]: row for row in await standin.listed(where='Narration=="J1"')}
    original, copy = rows[known], rows[copied["ManualJournalID"]]
    assert (len(rows), original["Status"], copy["Status"]) == (2, "POSTED", "DRAFT")
    assert copy["JournalLines"][0]["LineAmount"] == original["JournalLines"][0]["LineAmount"]
    assert (original["HasAttachments"], copy["HasAttachments"]) == (True, False)


async def test_an_archived_account_takes_no_more_lines() -> None:
    """After archiving an account, by code or id, a line to it is refused as Xero words it."""
    async with xero() as standin:
        account = standin.app.state.books.by_code["2000"]
        await standin.control("archive_account", code="1010")
        await standin.control("archive_account", code=account.account_id)
        said = messages(await standin.outcome(journal()))
    assert said == [
        f"Account code '{code}' has been archived, or has been deleted." for code in ("1010", "2000")
    ]


async def test_an_archived_option_is_dropped_from_then_on() -> None:
    """After archiving an option lines that name it lose it, and the categories hide it."""
    tracked = journal("J1", line(1, Tracking=[{"Name": "Branch", "Option": "London"}]), line(-1, "2000"))
    async with xero() as standin:
        before = await standin.outcome(tracked)
        await standin.control("archive_option", category="Branch", option="London")
        after = await standin.outcome(tracked)
        branch = (await standin.get("TrackingCategories")).json()["TrackingCategories"][0]
    assert len(before["JournalLines"][0]["Tracking"]) == 1
    assert after["JournalLines"][0]["Tracking"] == []
    assert "London" not in [one["Name"] for one in branch["Options"]]


async def test_all_journals_are_shown_with_amounts_as_texts() -> None:
    """`journals` shows every journal in any state, with lines, and no amount as a float."""
    async with xero(list_deleted=False) as standin:
        known = await standin.created(journal("A", line("0.10"), line("-0.10")))
        await standin.control("delete", journal_id=known)
        await standin.created(journal("B"))
        rows = (await standin.control("journals"))["journals"]
    assert [(row["Narration"], row["Status"]) for row in rows] == [("A", "DELETED"), ("B", "DRAFT")]
    assert [one["LineAmount"] for one in rows[0]["JournalLines"]] == ["0.10", "-0.10"]
    assert rows[0]["Date"] == f"/Date({DAY_MS}+0000)/"


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("nothing", {}),
        ("edit", {"journal_id": NO_ID}),
        ("edit", {}),
        ("edit", {"journal_id": "{id}", "name": "x"}),
        ("edit", {"journal_id": "{id}", "narration": 7}),
        ("edit", {"journal_id": "{id}", "day": "tomorrow"}),
        ("edit", {"journal_id": "{id}", "day": 7}),
        ("edit", {"journal_id": "{id}", "lines": "x"}),
        ("edit", {"journal_id": "{id}", "lines": ["x"]}),
        ("edit", {"journal_id": "{id}", "lines": [line(1), line(-2)]}),
        ("edit", {"journal_id": "{id}", "lines": [line(1, "9999"), line(-1)]}),
        ("post", {"journal_id": NO_ID}),
        ("post", {}),
        ("copy", {"journal_id": NO_ID}),
        ("archive_account", {"code": "nothing"}),
        ("archive_account", {}),
        ("archive_option", {"category": "Branch", "option": "Paris"}),
        ("archive_option", {}),
        ("lock_date", {"period": "soon"}),
        ("lock_date", {"year": 2026}),
        ("options", {"nothing": 1}),
        ("options", {"limits": 1}),
        ("options", {"limits": "yes"}),
        ("options", {"missing_scope_status": 402}),
        ("options", {"unknown_account": "ignore"}),
        ("options", {"day_limit": -1}),
        ("options", {"day_reset_hour": 24}),
        ("options", {"day_limit": 1.5}),
        ("options", {"latency_seconds": -1}),
    ],
)
async def test_nonsense_is_refused_and_changes_nothing(verb: str, body: dict[str, Any]) -> None:
    """A verb, journal, value or option that makes no sense is a ValueError, and all stays as it was."""
    async with xero() as standin:
        known = await standin.created()
        before = await standin.one(known)
        sent = {name: known if value == "{id}" else value for name, value in body.items()}
        with pytest.raises(ValueError, match=r".+"):
            await standin.control(verb, **sent)
        assert await standin.one(known) == before
        assert len(await standin.listed()) == 1
        assert standin.app.options == XeroOptions()


@pytest.mark.parametrize("verb", ["options", "edit", "reset"])
async def test_a_body_is_an_object(verb: str) -> None:
    """A list for a body is refused by every verb that looks at one."""
    async with xero() as standin:
        with pytest.raises(ValueError, match="object"):
            await standin.app.control(verb, [1])


async def test_only_drafts_are_edited_by_hand() -> None:
    """A posted journal is not edited on the screen."""
    async with xero() as standin:
        known = await standin.created(journal(Status="POSTED"))
        with pytest.raises(ValueError, match="POSTED, and only drafts can be edited"):
            await standin.control("edit", journal_id=known, narration="x")


async def test_options_answer_with_all_of_them() -> None:
    """Changing switches answers with every switch as it now is, and without a change shows them."""
    async with xero() as standin:
        changed = await standin.control("options", limits=True, max_amount=5, latency_seconds=1)
        shown = await standin.app.control("options", None)
    assert changed == shown
    assert (shown["limits"], shown["max_amount"], shown["latency_seconds"]) == (True, "5", 1.0)
    assert shown.keys() == XeroOptions().document().keys()


async def test_verbs_are_listed_where_one_is_unknown() -> None:
    """An unknown verb is answered with the verbs there are."""
    async with xero() as standin:
        with pytest.raises(ValueError, match="archive_account, archive_journal, archive_option, contact"):
            await standin.control("help")


async def test_one_error_at_a_time() -> None:
    """server_error strikes once for each time it was asked, in order, and only writes with a key."""
    async with xero() as standin:
        await standin.control("server_error", committed=True)
        await standin.control("server_error", committed=False)
        plain = await standin.write(journal())
        statuses = [(await standin.write(journal(), key=key)).status_code for key in ("a", "b", "c")]
        assert len(await standin.listed()) == 3
    assert (plain.status_code, statuses) == (200, [500, 500, 200])
