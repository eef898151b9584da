"""Posting entries, and the control verbs that plant lines."""

from __future__ import annotations

import json
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from blocks.sandbox.mambu.app import MambuOptions
from tests.helpers.mambu_stand_in import YESTERDAY, error, sandbox, whole_day
from tests.helpers.stand_ins import exact

ENTRY: dict[str, Any] = {
    "date": "2026-06-20",
    "branchId": "LDN",
    "debits": [{"glAccount": "5400", "amount": 1000.10}],
    "credits": [{"glAccount": "1010", "amount": 1000}, {"glAccount": "2300", "amount": 0.10}],
    "notes": "Löhne",
}
TODAY = [{"field": "creationDate", "operator": "TODAY"}]


async def test_an_entry_is_posted() -> None:
    """An entry becomes lines created now and booked on its date, with the next ids and exact amounts."""
    async with sandbox() as mambu:
        answer = await mambu.http.post("/api/gljournalentries", json=ENTRY)
        lines = exact(answer)
        assert answer.status_code == 201
        assert [(line["type"], line["amount"]) for line in lines] == [
            ("DEBIT", Decimal("1000.1")),
            ("CREDIT", 1000),
            ("CREDIT", Decimal("0.1")),
        ]
        assert {line["creationDate"] for line in lines} == {"2026-07-02T09:00:00+01:00"}
        assert {line["bookingDate"] for line in lines} == {"2026-06-20T00:00:00+01:00"}
        assert len({line["transactionId"] for line in lines}) == 1
        today = await mambu.by_cursor(TODAY)
        assert today[-3:] == lines
        assert set(lines[0]) <= {name for line in today for name in line}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"date": None}, "MISSING_REQUIRED_PARAMETER"),
        ({"date": "2026-07-03"}, "JOURNAL_ENTRY_DATE_IN_THE_FUTURE"),
        ({"date": "2026-05-31"}, "JOURNAL_ENTRY_BEFORE_CLOSURE"),
        ({"date": "20/06/2026"}, "INVALID_DATE_FORMAT"),
        ({"date": "2026-06-20T00:00:00+00:00"}, "INVALID_PARAMETERS"),
        ({"debits": []}, "MISSING_REQUIRED_PARAMETER"),
        ({"debits": [{"glAccount": "5400", "amount": 1000.11}]}, "INVALID_PARAMETERS"),
        ({"debits": [{"glAccount": "5400", "amount": "1000.10"}]}, "INVALID_PARAMETERS"),
        ({"debits": [{"glAccount": "9999", "amount": 1000.10}]}, "INVALID_GL_ACCOUNT_ID"),
        ({"debits": [{"glAccount": "0100", "amount": 1000.10}]}, "GL_ACCOUNT_IS_HEADER"),
        (
            {"debits": [{"glAccount": "1100", "amount": 1000.10}]},
            "GL_ACCOUNT_DOES_NOT_SUPPORT_MANUALLY_ENTRIES",
        ),
        ({"branchId": "PAR"}, "INVALID_PARAMETERS"),
        ({"valueDate": "2026-06-20"}, "INVALID_PARAMETERS"),
        ({"transactionId": "T1"}, "DUPLICATE_JOURNAL_TRANSACTION_ID"),
    ],
)
async def test_wrong_entries_are_refused(change: dict[str, Any], reason: str) -> None:
    """An entry that breaks a rule is a 400 with its reason, and adds nothing."""
    async with sandbox(closed_until="2026-05-31") as mambu:
        await mambu.http.post("/api/gljournalentries", json={**ENTRY, "transactionId": "T1"})
        before = len(await mambu.by_cursor(TODAY))
        answer = await mambu.http.post("/api/gljournalentries", json={**ENTRY, **change})
        assert (answer.status_code, error(answer)["errorReason"]) == (400, reason)
        assert len(await mambu.by_cursor(TODAY)) == before


async def test_posting_needs_permission() -> None:
    """A reader of the ledger cannot post."""
    async with sandbox(role="ledger_reader") as mambu:
        assert (await mambu.http.post("/api/gljournalentries", json=ENTRY)).status_code == 403


ODD_AMOUNT = '{"encodedKey":"k1","amount":123456789012345678.90,"creationDate":"2026-07-01T10:00:00+05:30"}'
ODD_FIELDS = '{"entryID":"seven",  "note":"]é\\u00e9"}'
RAW = f"[ {ODD_AMOUNT} ,\n{ODD_FIELDS}, 5 ]"


async def test_planted_lines_are_served_word_for_word(tmp_path: Path) -> None:
    """Raw lines replace a date's and come back byte for byte, malformed ones too, also after a restart."""
    async with sandbox(tmp_path) as mambu:
        assert await mambu.control("lines", {"date": "2026-07-01", "raw": RAW}) == {
            "date": "2026-07-01",
            "lines": 3,
        }
        served = (await mambu.search(whole_day(), {"field": "entryId", "order": "ASC"})).content
    for line in (ODD_AMOUNT, ODD_FIELDS):
        assert line.encode() in served
    assert len(json.loads(served)) == 3
    async with sandbox(tmp_path) as mambu:
        assert (await mambu.search(whole_day(), {"field": "entryId", "order": "ASC"})).content == served
    assert stat.S_IMODE((tmp_path / "mambu.sqlite3").stat().st_mode) == 0o600


async def test_malformed_lines_survive_every_filter_and_sort() -> None:
    """Malformed planted lines disturb no filter and no sort."""
    async with sandbox() as mambu:
        await mambu.control("add_lines", {"date": "2026-07-01", "raw": RAW})
        for field in ("debit", "glAccountName", "userName", "transactionId"):
            assert len(exact(await mambu.search(whole_day(), {"field": field}, limit=1000))) == 123
        criteria = [*whole_day(), {"field": "debit", "operator": "MORE_THAN", "value": "1"}]
        assert (await mambu.search(criteria)).status_code == 200


async def test_late_lines_are_added() -> None:
    """Added lines join the seeded ones of their date; exact decimals stay exact."""
    line = {"encodedKey": "late", "creationDate": "2026-07-01T23:59:59+01:00", "amount": Decimal("0.10")}
    async with sandbox() as mambu:
        assert len(await mambu.by_cursor(whole_day())) == 120
        await mambu.control("add_lines", {"date": "2026-07-01", "lines": [line]})
        lines = await mambu.by_cursor(whole_day())
        assert (len(lines), lines[-1]) == (121, line)


async def test_an_empty_day_can_be_planted() -> None:
    """A date whose lines are replaced by none is empty."""
    async with sandbox() as mambu:
        await mambu.control("lines", {"date": YESTERDAY.isoformat(), "lines": []})
        assert await mambu.by_cursor(whole_day()) == []


async def test_reset_forgets_everything() -> None:
    """Reset brings back the seeded tenant and its first switches."""
    async with sandbox() as mambu:
        await mambu.control("lines", {"date": "2026-07-01", "lines": []})
        await mambu.control("options", {"page_cap": 5})
        await mambu.http.post("/api/tasks", json={"title": "t", "dueDate": "2026-07-03"})
        await mambu.control("reset")
        assert len(await mambu.by_cursor(whole_day())) == 120
        assert await mambu.control("tasks") == []


async def test_posting_as_of_another_instant() -> None:
    """The control path posts an entry as created at a chosen instant."""
    async with sandbox() as mambu:
        body = {"entry": ENTRY, "created": "2026-07-01T22:30:00Z"}
        lines = await mambu.control("post", body)
        assert {line["creationDate"] for line in lines} == {"2026-07-01T23:30:00+01:00"}
        assert len(await mambu.by_cursor(whole_day())) == 123
        with pytest.raises(ValueError, match="JOURNAL_ENTRY_DATE_IN_THE_FUTURE"):
            await mambu.control("post", {"entry": {**ENTRY, "date": "2026-07-04"}})


async def test_accounts_can_be_added(tmp_path: Path) -> None:
    """An account the other ledger lacks can be added to the chart, and stays there."""
    async with sandbox(tmp_path) as mambu:
        await mambu.control(
            "accounts", {"accounts": [{"glCode": "6000-NEW", "name": "New", "type": "EXPENSE"}]}
        )
    async with sandbox(tmp_path) as mambu:
        codes = [row["glCode"] for row in (await mambu.http.get("/api/glaccounts?type=EXPENSE")).json()]
        assert "6000-NEW" in codes


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("fly", {}),
        ("options", {"pagecap": 5}),
        ("options", {"page_cap": "5"}),
        ("options", {"page_cap": True}),
        ("options", {"cursor_end": "never"}),
        ("options", {"time_zone": "Nowhere"}),
        ("options", {"archive_before": "yesterday"}),
        ("options", {"live_lines": 3}),
        ("options", []),
        ("lines", {"lines": []}),
        ("lines", {"date": "2026-07-01"}),
        ("lines", {"date": "2026-07-01", "raw": "{}"}),
        ("lines", {"date": "2026-07-01", "raw": "[1,"}),
        ("accounts", {"accounts": [{"name": "no code"}]}),
        ("post", {}),
    ],
)
async def test_nonsense_is_refused(verb: str, body: Any) -> None:
    """A verb or body that makes no sense raises ValueError and changes nothing."""
    async with sandbox() as mambu:
        before = mambu.app.options
        with pytest.raises(ValueError, match=r"."):
            await mambu.control(verb, body)
        assert mambu.app.options == before


async def test_options_are_read_and_set() -> None:
    """Switches are set by name, and all returned; another volume is another ledger."""
    async with sandbox() as mambu:
        assert (await mambu.control("options", {"lines_per_day": 200}))["lines_per_day"] == 200
        assert len(await mambu.by_cursor(whole_day())) == 200
        mambu.app.options = MambuOptions(lines_per_day=60)
        assert len(await mambu.by_cursor(whole_day())) == 60


async def test_large_days_are_kept_on_disk(tmp_path: Path) -> None:
    """A large day is written to disk once and paged from there, whole."""
    async with sandbox(tmp_path, lines_per_day=20_500) as mambu:
        lines = await mambu.by_cursor(whole_day(), limit=1000)
    assert len({line["encodedKey"] for line in lines}) == 20_500
    assert len(list((tmp_path / "days").glob("2026-07-01-*"))) == 2
