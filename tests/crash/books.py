"""What Xero holds of a day against what Mambu has of it, without any of the connector's own code."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import httpx

from blocks.sandbox.world import chart
from tests.helpers.sandboxed import Sandboxed

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Entry(NamedTuple):
    """A line as it has to be in Xero: entry id, account, amount with debits positive, booking date."""

    entry_id: int
    account: str
    amount: Decimal
    date: str


def problems(sandbox: Sandboxed, date: dt.date) -> list[str]:
    """Say what is wrong with a day: lines missing, duplicated, unknown or changed, sums off."""
    journals = [one for one in sandbox.xero_journals() if one["Status"] not in {"DELETED", "VOIDED"}]
    ours = [one for one in journals if f"creation date: {date} " in one["Narration"]]
    wanted = set(_wanted(sandbox, date))
    found = Counter(entry for one in ours for entry in _entries(one))
    # Anywhere in Xero, whatever a journal is called.
    ids = Counter(entry.entry_id for one in journals for entry in _entries(one))
    names = Counter(one["Narration"] for one in ours)
    return [
        *([] if wanted else ["Mambu has no lines of the day"]),
        *(f"not in Xero as it should be: {entry}" for entry in sorted(wanted - found.keys())),
        *(f"in Xero without reason: {entry}" for entry in sorted(found.keys() - wanted)),
        *(f"in Xero {ids[one.entry_id]} times: {one}" for one in sorted(wanted) if ids[one.entry_id] > 1),
        *(f"{count} journals named {name}" for name, count in names.items() if count > 1),
        *(f"{one['Narration']} does not balance" for one in ours if sum(e.amount for e in _entries(one))),
    ]


def _wanted(sandbox: Sandboxed, date: dt.date) -> Iterator[Entry]:
    for line in _mambu_lines(sandbox, date):
        amount = Decimal(line["amount"]) * (1 if line["type"] == "DEBIT" else -1)
        code = line["glAccount"]["glCode"]
        if amount:
            account = chart.ACCOUNT_MAP.get(code, code)
            yield Entry(line["entryID"], account, amount, line["bookingDate"][:10])


def _mambu_lines(sandbox: Sandboxed, date: dt.date) -> list[dict[str, Any]]:
    bounds = (("AFTER", date - dt.timedelta(days=1)), ("BEFORE", date + dt.timedelta(days=2)))
    criteria = [
        {"field": "creationDate", "operator": operator, "value": f"{day}T00:00:00Z"}
        for operator, day in bounds
    ]
    answer = httpx.post(
        f"{sandbox.process.env['MAMBU_BASE_URL']}/gljournalentries:search",
        params={"limit": 1000, "paginationDetails": "ON"},
        json={"filterCriteria": criteria},
        headers={"apiKey": sandbox.process.env["MAMBU_API_KEY"], "Accept": "application/vnd.mambu.v2+json"},
        timeout=60,
    ).raise_for_status()
    lines: list[dict[str, Any]] = json.loads(answer.content, parse_float=Decimal)
    assert len(lines) == int(answer.headers["Items-Total"]), "more lines than one page holds"
    return [line for line in lines if line["creationDate"][:10] == str(date)]


def _entries(journal: dict[str, Any]) -> list[Entry]:
    milliseconds = int(re.findall(r"-?\d+", journal["Date"])[0])
    date = str((_EPOCH + dt.timedelta(milliseconds=milliseconds)).date())
    found: list[Entry] = []
    for line in journal["JournalLines"]:
        named = re.match(r"EntryID: (\d+)", line["Description"])
        assert named, line
        found.append(Entry(int(named[1]), line["AccountCode"], Decimal(line["LineAmount"]), date))
    return found
