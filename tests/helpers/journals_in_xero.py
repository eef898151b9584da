"""The journals that the sandbox's Xero holds, and what people do to them there: for the end-to-end tests."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

from tests.helpers.sandboxed import Sandboxed


def live_lines(sandbox: Sandboxed) -> list[tuple[int, str, str, Decimal]]:
    """Return (entry id, booking date, account, amount) of every line in a live journal."""
    rows: list[tuple[int, str, str, Decimal]] = []
    for journal in sandbox.xero_journals():
        if journal["Status"] in {"DELETED", "VOIDED"}:
            continue
        milliseconds = int(re.findall(r"-?\d+", journal["Date"])[0])
        date = str((dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=milliseconds)).date())  # noqa: DTZ001
        for one in journal["JournalLines"]:
            entry = int(re.match(r"EntryID: (\d+)", one["Description"])[1])  # type: ignore[index]
            rows.append((entry, date, one["AccountCode"], Decimal(one["LineAmount"])))
    return rows


def journal_with(sandbox: Sandboxed, entry: int) -> dict[str, Any]:
    """Return the journal that holds an entry."""
    return next(
        journal
        for journal in sandbox.xero_journals()
        if any(one["Description"].startswith(f"EntryID: {entry},") for one in journal["JournalLines"])
    )


def statuses(sandbox: Sandboxed) -> dict[int, str]:
    """Return the status of each journal by its first entry; the day must hold each entry in one journal."""
    found: dict[int, str] = {}
    for journal in sandbox.xero_journals():
        entry = int(journal["JournalLines"][0]["Description"].split(",")[0].removeprefix("EntryID: "))
        assert entry not in found
        found[entry] = journal["Status"]
    return found


def changes(sandbox: Sandboxed) -> list[dict[str, Any]]:
    """Return the requests that were to change something in Xero."""
    posts = [one for one in sandbox.requests("xero", "POST") if "ManualJournals" in one["path"]]
    return [*posts, *sandbox.requests("xero", "PUT")]


def take_out(sandbox: Sandboxed, entry: int) -> None:
    """Let a person take the two lines of a transaction out of a draft."""
    journal = journal_with(sandbox, entry)
    gone = (f"EntryID: {entry},", f"EntryID: {entry + 1},")
    kept = [one for one in journal["JournalLines"] if not one["Description"].startswith(gone)]
    sandbox.edit({**journal, "JournalLines": kept}, lambda _: {})


def reverse(sandbox: Sandboxed, journal: dict[str, Any], *, first: int = 100) -> None:
    """Let a person post a draft and reverse it: a copy of opposite amounts under another name and date."""
    sandbox.control("xero/post", {"journal_id": journal["ManualJournalID"]})
    known = {one["ManualJournalID"] for one in sandbox.xero_journals()}
    sandbox.control("xero/copy", {"journal_id": journal["ManualJournalID"]})
    (copy,) = [one for one in sandbox.xero_journals() if one["ManualJournalID"] not in known]
    sandbox.edit(
        {**copy, "JournalLines": copy["JournalLines"][:first]},
        lambda one: {"LineAmount": -float(one["LineAmount"])},
        narration=f"Reversal: {journal['Narration']}",
        day="2026-11-25",
    )
