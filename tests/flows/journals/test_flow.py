"""The journals flow against the sandbox, over real sockets."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import httpx
import pytest

from blocks.sandbox.world import chart
from tests.helpers.failed_runs import entries
from tests.helpers.journals_in_xero import live_lines
from tests.helpers.sandboxed import DATE, Sandboxed, line

NARRATION = re.compile(
    r"^Mambu journal data with creation date: (\d{4}-\d\d-\d\d) \| booking date (\d{4}-\d\d-\d\d) \| (\d+)"
    r"(?: \| ([A-Za-z0-9._-]{1,40}))?$"
)


def mambu_lines(sandbox: Sandboxed, date: dt.date = DATE) -> list[dict[str, Any]]:
    """Read a day straight from Mambu, by another way than the connector's."""
    after, before = f"{date}T00:00:00", f"{date + dt.timedelta(days=1)}T00:00:00"
    criteria = [
        {"field": "creationDate", "operator": "BETWEEN", "value": f"{after}Z", "secondValue": f"{before}Z"}
    ]
    headers = {"apiKey": sandbox.process.env["MAMBU_API_KEY"], "Accept": "application/vnd.mambu.v2+json"}
    found: list[dict[str, Any]] = []
    with httpx.Client(base_url=sandbox.process.env["MAMBU_BASE_URL"], headers=headers, timeout=60) as client:
        while True:
            answer = client.post(
                f"{client.base_url}gljournalentries:search".replace("/api/", "/api/"),
                params={"offset": len(found), "limit": 1000},
                json={"filterCriteria": criteria, "sortingCriteria": {"field": "entryId", "order": "ASC"}},
            )
            import json

            page = json.loads(answer.raise_for_status().content, parse_float=Decimal)
            found.extend(page)
            if len(page) < 1000:
                return [one for one in found if one["creationDate"][:10] == str(date)]


@pytest.mark.parametrize("nulls", [False, True])
async def test_a_day_arrives_whole_and_once(sandbox: Sandboxed, *, nulls: bool) -> None:
    """Xero holds exactly one live line per non-zero Mambu line, with its account, booking date and amount.

    So it is whether Mambu leaves fields without a value out or shows them as null.
    """
    sandbox.control("mambu/options", {"nulls": nulls})
    outcome = (await sandbox.run()).completed()
    expected = {
        one["entryID"]: (
            one["bookingDate"][:10],
            chart.ACCOUNT_MAP.get(one["glAccount"]["glCode"], one["glAccount"]["glCode"]),
            Decimal(one["amount"]) * (1 if one["type"] == "DEBIT" else -1),
        )
        for one in mambu_lines(sandbox)
        if Decimal(one["amount"])
    }
    found = live_lines(sandbox)
    assert len(found) == len(expected) > 1000
    assert {entry: rest for entry, *rest in found} == {entry: list(rest) for entry, rest in expected.items()}
    assert outcome.summary.tied_out is True


async def test_every_journal_is_a_balanced_draft_with_its_name(sandbox: Sandboxed) -> None:
    """Each journal sums to zero, is a draft without tax, and bears a name of the promised shape, once."""
    await sandbox.run()

    journals = sandbox.xero_journals()
    assert journals
    for journal in journals:
        match = NARRATION.match(journal["Narration"])
        assert match is not None
        assert match[1] == str(DATE)
        assert sum(Decimal(one["LineAmount"]) for one in journal["JournalLines"]) == 0
        assert (journal["Status"], journal["LineAmountTypes"]) == ("DRAFT", "NoTax")
        assert {one["TaxType"] for one in journal["JournalLines"]} == {"NONE"}
    assert max(Counter(journal["Narration"] for journal in journals).values()) == 1


async def test_a_second_run_finds_the_work_done(sandbox: Sandboxed) -> None:
    """A rerun creates nothing, says so, and reads no journal line from Mambu again."""
    first = await sandbox.run()
    sandbox.http.delete("/control/requests")
    second = (await sandbox.run()).completed()
    assert second.summary.journals_created == 0
    assert second.summary.journals_already_in_xero == first.summary.journals_created > 0
    assert "already in Xero" in second.message
    assert sandbox.requests("xero", "PUT") == []
    assert [one["query"] for one in sandbox.requests("mambu", "POST") if "cursor" in one["query"]] == []


async def test_refresh_reads_the_day_again(sandbox: Sandboxed) -> None:
    """With `refresh`, a rerun reads Mambu's lines again although nothing has changed."""
    await sandbox.run()
    sandbox.http.delete("/control/requests")
    await sandbox.run(refresh=True)

    assert any("cursor" in one["query"] for one in sandbox.requests("mambu", "POST"))


async def test_a_rerun_after_a_failed_send_repeats_neither_extract_nor_process(sandbox: Sandboxed) -> None:
    """After sending failed, the next run takes lines and steps from the cache and sends what is missing."""
    sandbox.fault(
        {"system": "xero", "method": "PUT", "kind": "status", "status": 400, "body": "", "times": 0}
    )
    first = await sandbox.run()
    sandbox.http.delete("/control/faults")
    sandbox.http.delete("/control/requests")
    second = await sandbox.run()

    first.failed()
    second.completed()
    assert not any("cursor" in one["query"] for one in sandbox.requests("mambu", "POST"))


async def test_a_dry_run_sends_nothing_and_shows_what_would_be_sent(sandbox: Sandboxed) -> None:
    """A dry run writes nothing to Xero and names exactly the journals that the real run then creates."""
    rehearsal = await sandbox.run(dry_run=True)
    assert sandbox.requests("xero", "PUT") == []
    real = await sandbox.run()

    rehearsal.completed()
    assert rehearsal.summary.status == "dry-run"
    told = sorted((row.narration, row.lines, row.debits) for row in rehearsal.summary.batches)
    assert told == sorted((row.narration, row.lines, row.debits) for row in real.summary.batches)
    assert {row.status for row in rehearsal.summary.batches} == {"would be sent"}


async def test_amounts_of_eighteen_digits_arrive_unchanged(sandbox: Sandboxed) -> None:
    """Eighteen significant digits in Mambu's bytes are the same digits in Xero."""
    import json

    text = json.dumps([line(1, "@"), line(2, "@", "CREDIT"), line(3, "#"), line(4, "#", "CREDIT")])
    sandbox.plant(text.replace('"@"', "1234567890123456.78").replace('"#"', "9007199254740993.01"))

    (await sandbox.run()).completed()
    amounts = sorted(abs(amount) for *_, amount in live_lines(sandbox))
    assert amounts == sorted([Decimal("1234567890123456.78"), Decimal("9007199254740993.01")] * 2)


async def test_a_day_without_lines_completes_and_says_so(sandbox: Sandboxed) -> None:
    """A day for which Mambu has no lines completes, sends nothing, and says that there was nothing."""
    sandbox.plant([])
    outcome = (await sandbox.run()).completed()
    assert "no journal lines" in outcome.message
    assert sandbox.xero_journals() == []


async def test_a_transaction_over_two_booking_dates_goes_into_two_journals(sandbox: Sandboxed) -> None:
    """The lines of one transaction with two booking dates balance and go out per booking date."""
    earlier = "2026-11-17T00:00:00+00:00"
    sandbox.plant(
        [line(1, 5), line(2, 5, "CREDIT"), line(3, 7, booked=earlier), line(4, 7, "CREDIT", booked=earlier)]
    )
    (await sandbox.run()).completed()
    dates: dict[str, set[int]] = defaultdict(set)
    for entry, date, *_ in live_lines(sandbox):
        dates[date].add(entry)
    assert dates == {"2026-11-18": {1, 2}, "2026-11-17": {3, 4}}


async def test_a_unit_larger_than_the_line_cap_stays_whole(sandbox: Sandboxed) -> None:
    """A transaction of more lines than a journal should have goes out as one journal."""
    many = [line(number, 1) for number in range(1, 13)]
    sandbox.plant(
        [
            *many,
            line(99, 12, "CREDIT"),
            line(100, 1, transaction="T2"),
            line(101, 1, "CREDIT", transaction="T2"),
        ]
    )
    (await sandbox.run(connection=sandbox.connection(lines_per_journal=5))).completed()
    assert sorted(len(journal["JournalLines"]) for journal in sandbox.xero_journals()) == [2, 13]


@pytest.mark.parametrize("date", [dt.date(2026, 3, 29), dt.date(2026, 10, 25)])
async def test_days_of_23_and_25_hours_arrive_whole(sandbox: Sandboxed, date: dt.date) -> None:
    """A day on which the clocks change arrives with its first and last line, and none of its neighbours."""
    clocks = {"start": "+00:00", "end": "+01:00"} if date.month == 3 else {"start": "+01:00", "end": "+00:00"}
    following = date + dt.timedelta(days=1)
    day_before = date - dt.timedelta(days=1)

    def pair(number: int, created: str) -> list[dict[str, Any]]:
        booked = f"{date}T12:00:00{clocks['end']}"
        name = f"T{number}"
        return [
            line(number, 3, created=created, booked=booked, transaction=name),
            line(number + 1, 3, "CREDIT", created=created, booked=booked, transaction=name),
        ]

    sandbox.plant(
        pair(1, f"{date}T00:00:00{clocks['start']}") + pair(3, f"{date}T23:59:59{clocks['end']}"), date
    )
    sandbox.plant(pair(5, f"{following}T00:00:00{clocks['end']}"), following)
    sandbox.plant(pair(7, f"{day_before}T23:59:59{clocks['start']}"), day_before)

    (await sandbox.run(date)).completed()
    assert entries(sandbox) == [1, 2, 3, 4]


async def test_lines_without_a_transaction_carry_none_in_xero(sandbox: Sandboxed) -> None:
    """An accrual's description names its entry only, and never a missing transaction."""
    sandbox.plant([line(1, 5, transaction=None), line(2, 5, "CREDIT", transaction=None)])
    await sandbox.run()

    (journal,) = sandbox.xero_journals()
    assert [one["Description"] for one in journal["JournalLines"]] == ["EntryID: 1", "EntryID: 2"]
