"""Reading Xero's journals page by page."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace as replaced

from blocks.errors import NotAllowed, Refusal, ResumeLater
from blocks.store.models import DayRecord, JournalState
from blocks.xero.models import ManualJournal
from flows.journals import calls
from flows.journals.freshness import DATED_WITHIN
from flows.journals.read import Picture, XeroSnapshot, list_journals, read_journals
from flows.journals.send import prepare, require_calls, send
from tests.helpers.clocks import START
from tests.helpers.journals import DAY, id_of, sent, transfers
from tests.helpers.journals_run import MORNING, drafts_of, listed, scripted_run
from tests.helpers.scripted import Step, answer


def whole(journal: ManualJournal) -> ManualJournal:
    """Keep a journal as it is."""
    return journal


SINCE = START - dt.timedelta(days=1)


def page(*ids: str, pages: int | None = None, items: int = 0) -> Step:
    """Return a page of journals, with what Xero states of the list where `pages` is given."""
    found: dict[str, Any] = {"ManualJournals": [{"ManualJournalID": one, "Narration": one} for one in ids]}
    if pages is not None:
        found["pagination"] = {"page": 1, "pageSize": 100, "pageCount": pages, "itemCount": items}
    return answer(200, found)


def new_each_time(pages: int | None, items: int) -> Step:
    """Return a step that answers with a journal never seen before."""
    numbers = itertools.count()

    def give(request: httpx.Request) -> httpx.Response:
        return page(f"{next(numbers)}", pages=pages, items=items)(request)

    return give


@pytest.mark.parametrize(
    ("endless", "calls"),
    [
        (page("a", pages=10**9, items=1), 2),
        (page("a"), 2),
        (page(pages=10**9, items=0), 1),
        (new_each_time(10**9, 5), 6),
    ],
    ids=["same page", "same page, none stated", "empty pages", "more than stated"],
)
async def test_a_list_without_an_end_is_refused(endless: Step, calls: int, tmp_path: Path) -> None:
    """A list whose pages repeat, bring nothing or never end is read four times at most, and not taken."""
    async with scripted_run(tmp_path, endless) as there:
        with pytest.raises(Refusal, match="repeat or never end"):
            await list_journals(there.run, SINCE, whole)
    assert len(there.script.requests) == 4 * calls


@pytest.mark.parametrize(
    ("endless", "pages"), [(new_each_time(10**9, 10**9), 1), (new_each_time(None, 0), 20)]
)
async def test_a_list_of_ever_new_journals_is_too_long(
    endless: Step, pages: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that brings new journals for ever is refused at once where it says so, else after many pages."""
    monkeypatch.setattr(calls, "MOST_PAGES", 20)
    async with scripted_run(tmp_path, endless) as there:
        with pytest.raises(Refusal, match="has more than 20 pages"):
            await list_journals(there.run, SINCE, whole)
    assert len(there.script.requests) == pages


async def test_a_list_that_stood_still_is_taken(tmp_path: Path) -> None:
    """A list is whole behind its last page, where as many came as were stated, or behind an empty page."""
    async with scripted_run(tmp_path, page("a", "b", pages=2, items=3), page("c", pages=2, items=3)) as there:
        found = await list_journals(there.run, SINCE, whole)
    assert [one.journal_id for one in found] == ["a", "b", "c"]
    async with scripted_run(tmp_path / "other", page("a"), page("b"), page()) as there:
        found = await list_journals(there.run, SINCE, whole)
    assert [one.journal_id for one in found] == ["a", "b"]


async def test_a_list_that_moved_is_read_again(tmp_path: Path) -> None:
    """Where fewer journals came than Xero states, or its pages state different numbers, all is read again."""
    fewer = [page("a", pages=2, items=3), page("b", pages=2, items=3)]
    grown = [page("a", pages=2, items=2), page("b", "c", pages=2, items=3)]
    still = [page("a", "b", pages=2, items=3), page("c", pages=2, items=3)]
    async with scripted_run(tmp_path, *fewer, *grown, *still) as there:
        found = await list_journals(there.run, SINCE, whole)
    assert [one.journal_id for one in found] == ["a", "b", "c"]
    assert len(there.script.requests) == 6


async def test_a_list_that_never_stands_still_is_refused(tmp_path: Path) -> None:
    """A list that always brings fewer journals than it states is not taken: what it lacks would be sent."""
    async with scripted_run(tmp_path, page("a", pages=1, items=2)) as there:
        with pytest.raises(Refusal, match="kept changing while it was read"):
            await list_journals(there.run, SINCE, whole)
    assert len(there.script.requests) == 4


@pytest.mark.parametrize("state", [JournalState.WITHDRAWING, JournalState.WITHDRAWN])
@pytest.mark.parametrize("status", ["DELETED", "VOIDED"])
async def test_a_withdrawn_journal_that_a_list_shows_alive_is_looked_at(
    tmp_path: Path, state: JournalState, status: str
) -> None:
    """Where a list lags behind a withdrawal, the journal itself is read, and its lines count as missing."""
    one = sent(transfers(1))
    (request,) = one.prepared.requests
    (draft,) = drafts_of(request)
    gone = answer(200, {"ManualJournals": [{**draft, "Status": status}]})
    async with scripted_run(tmp_path, listed(draft), gone) as there:
        await there.keep([request], state, manual_journal_id=id_of(draft["Narration"]))
        found = (await read_journals(there.run, one.plan, [])).matched
    assert there.methods == ["GET", "GET"]
    assert (found.missing, found.found, found.voided) == ({1, 2}, {}, set())


# What is read of a day of one journal, of two lines.

ONE = sent(transfers(1))
(REQUEST,) = ONE.prepared.requests
(DRAFT,) = drafts_of(REQUEST)
BOTH = {1, 2}


def single(**changed: Any) -> Step:
    """Return a step: Xero shows the day's journal by its id, with changes."""
    return answer(200, {"ManualJournals": [{**DRAFT, **changed}]})


async def test_a_recorded_journal_that_a_list_does_not_show_is_read_by_its_id(tmp_path: Path) -> None:
    """Where the list lags behind what was sent, the journal itself tells that its lines are there."""
    async with scripted_run(tmp_path, listed(), single()) as there:
        await there.keep([REQUEST], JournalState.CREATED, manual_journal_id=DRAFT["ManualJournalID"])
        found = (await read_journals(there.run, ONE.plan, [])).matched
    assert (found.missing, set(found.found)) == (set(), BOTH)


async def test_what_was_sent_under_another_day_is_not_missing(tmp_path: Path) -> None:
    """Lines that the record has under another day are looked for there, and are not sent a second time."""
    eve = DAY.date - dt.timedelta(days=1)
    async with scripted_run(tmp_path, listed(), single()) as there:
        known = {"manual_journal_id": DRAFT["ManualJournalID"], "day": eve}
        await there.keep([REQUEST], JournalState.CONFIRMED, **known)
        found = (await read_journals(there.run, ONE.plan, [])).matched
    assert (found.missing, set(found.found)) == (set(), BOTH)


async def test_a_journal_of_another_day_that_holds_more_than_the_lines_counts(tmp_path: Path) -> None:
    """A journal that the record has under another day counts where it also holds lines of this one."""
    two = sent(transfers(2))
    (request,) = two.prepared.requests
    (draft,) = drafts_of(request)
    shown = answer(200, {"ManualJournals": [draft]})
    async with scripted_run(tmp_path, listed(), shown) as there:
        known = {"manual_journal_id": draft["ManualJournalID"], "day": DAY.date - dt.timedelta(days=1)}
        await there.keep([request], JournalState.CONFIRMED, **known)
        found = (await read_journals(there.run, ONE.plan, [])).matched
    assert (found.missing, set(found.found)) == (set(), BOTH)


@pytest.mark.parametrize("looking_back", [True, False])
async def test_a_deleted_draft_is_missing_unless_a_run_looks_back(
    tmp_path: Path, *, looking_back: bool
) -> None:
    """What a person deleted is sent again by a run of its date, and is left alone by one that looks back."""
    async with scripted_run(tmp_path, listed(), single(Status="DELETED")) as there:
        there.run.looking_back = looking_back
        await there.keep([REQUEST], JournalState.CONFIRMED, manual_journal_id=DRAFT["ManualJournalID"])
        found = (await read_journals(there.run, ONE.plan, [])).matched
    assert found.suppressed == (BOTH if looking_back else set())
    assert found.missing == (set() if looking_back else BOTH)


async def test_journals_are_listed_from_before_the_days_end(tmp_path: Path) -> None:
    """Of a day whose eve was sent by the same settings, what changed since just before its end is listed."""
    async with scripted_run(tmp_path, listed()) as there:
        now, eve = there.clock.now(), DAY.date - dt.timedelta(days=1)
        await there.run.store.days.finished(DayRecord("default", eve, "UTC", 0, now, now))
        await read_journals(there.run, ONE.plan, [])
    (request,) = there.script.requests
    assert request.headers["if-modified-since"] == "2026-11-20T23:50:00"


async def test_without_a_record_a_rewritten_journal_is_waited_for(tmp_path: Path) -> None:
    """Where the store was lost, a journal that has the day's sums and none of its texts may be the day's."""
    lines = [{**one, "Description": "rent"} for one in DRAFT["JournalLines"]]
    async with scripted_run(
        tmp_path, listed({**DRAFT, "Narration": "November", "JournalLines": lines})
    ) as there:
        found = (await read_journals(there.run, ONE.plan, [])).matched
    assert (found.missing, found.waiting) == (set(), BOTH)


# Looks that follow each other.


def listed_at(at: dt.datetime | None, *journals: dict[str, Any]) -> Step:
    """Return a step: Xero lists these journals, and states what time it is."""
    pages = {"page": 1, "pageSize": 100, "pageCount": 1, "itemCount": len(journals)}
    stated = {"DateTimeUTC": f"/Date({at.timestamp() * 1000:.0f})/"} if at else {}
    return answer(200, {**stated, "pagination": pages, "ManualJournals": journals})


async def looked_twice(
    folder: Path, stated: dt.datetime | None, *then: dict[str, Any]
) -> tuple[str, XeroSnapshot]:
    """Return since when a second look asks, where the first showed the day's journal, and what it shows."""
    async with scripted_run(folder, listed_at(stated, DRAFT), listed_at(stated, *then)) as there:
        picture = Picture()
        await read_journals(there.run, ONE.plan, [], picture=picture)
        there.clock.advance(240)
        second = await read_journals(there.run, ONE.plan, [], picture=picture)
    assert there.methods == ["GET", "GET"]
    return there.script.requests[1].headers["if-modified-since"], second


@pytest.mark.parametrize("ahead", [-3600, 0, 86400])
async def test_a_further_look_asks_for_what_changed_since(tmp_path: Path, ahead: float) -> None:
    """It asks from so long before the first as anything can be dated back, by the earlier of both clocks."""
    since, second = await looked_twice(tmp_path, MORNING + dt.timedelta(seconds=ahead))
    first = MORNING + dt.timedelta(seconds=min(ahead, 0))
    assert since == f"{first - DATED_WITHIN:%Y-%m-%dT%H:%M:%S}"
    assert (second.whole, second.listed) == (False, 1)
    assert (second.matched.missing, set(second.matched.found)) == (set(), BOTH)


@pytest.mark.parametrize(
    "change",
    [
        {"Status": "DELETED"},
        {
            "Narration": "November",
            "JournalLines": [
                {**one, "Description": "x", "AccountCode": "9"} for one in DRAFT["JournalLines"]
            ],
        },
    ],
)
async def test_what_became_of_a_journal_since_the_first_look_counts(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    """A journal that people deleted or rewrote between two looks does not hold the day's lines any more."""
    _, second = await looked_twice(tmp_path, MORNING, {**DRAFT, **change})
    assert second.matched.found == {}


async def test_without_xeros_time_all_is_read_again(tmp_path: Path) -> None:
    """Where Xero does not say what time it is, the next look reads the whole list, and believes it."""
    since, second = await looked_twice(tmp_path, None)
    assert since < "2026-11-20"
    assert (second.whole, second.listed, second.matched.found) == (True, 0, {})


async def test_a_look_that_failed_has_shown_nothing(tmp_path: Path) -> None:
    """After a look that broke off in the middle, the next one asks from the last whole one on."""
    broken = [page("a", pages=2, items=2), answer(403)]
    steps = [listed_at(MORNING, DRAFT), *broken, listed_at(MORNING)]
    async with scripted_run(tmp_path, *steps) as there:
        picture = Picture()
        await read_journals(there.run, ONE.plan, [], picture=picture)
        there.clock.advance(3600)
        with pytest.raises(NotAllowed):
            await read_journals(there.run, ONE.plan, [], picture=picture)
        found = (await read_journals(there.run, ONE.plan, [], picture=picture)).matched
    assert there.script.requests[3].headers["if-modified-since"] == "2026-11-21T02:49:00"
    assert set(found.found) == BOTH


# The calls of the day.


async def test_a_list_with_more_pages_than_calls_is_not_begun(tmp_path: Path) -> None:
    """A list that takes more calls than Xero allows today is refused after its first page, with figures."""
    first = {"ManualJournals": [DRAFT], "pagination": {"pageCount": 12, "itemCount": 1200}}
    async with scripted_run(tmp_path, answer(200, first, X_DayLimit_Remaining="10")) as there:
        with pytest.raises(ResumeLater) as raised:
            await read_journals(there.run, ONE.plan, [])
    assert there.methods == ["GET"]
    assert "lists 1,200 manual journals" in str(raised.value)
    assert "takes 11 calls, but Xero allows only 10 more today. Nothing further was written" in str(
        raised.value
    )


@pytest.mark.parametrize(("left", "methods"), [(51, ["GET", "PUT"]), (50, ["GET"])])
async def test_a_day_that_needs_more_calls_than_are_left_is_not_begun(
    tmp_path: Path, left: int, methods: list[str]
) -> None:
    """Where Xero does not allow the calls that the day needs, nothing of it is sent, and the figures told."""
    taken = answer(200, {"ManualJournals": [DRAFT]})
    pages = {"pagination": {"pageCount": 1, "itemCount": 0}, "ManualJournals": []}
    async with scripted_run(tmp_path, answer(200, pages, X_DayLimit_Remaining=f"{left}"), taken) as there:
        if len(methods) > 1:
            await send(there.run, ONE.plan)
        else:
            with pytest.raises(ResumeLater, match=r"takes 1 call .* takes 50 more, but .* only 50 more"):
                await send(there.run, ONE.plan)
    assert there.methods == methods


async def test_the_pages_to_be_read_back_count(tmp_path: Path) -> None:
    """What others changed is read back as well, and counts where a day needs more calls than are left."""
    pages = {
        "pagination": {"pageCount": 1, "itemCount": 1},
        "ManualJournals": [DRAFT | {"Status": "DELETED"}],
    }
    async with scripted_run(tmp_path, answer(200, pages, X_DayLimit_Remaining="60")) as there:
        snapshot = await read_journals(there.run, ONE.plan, [])
        prepared = await prepare(there.run, ONE.plan, snapshot)
        require_calls(there.run, prepared, replaced(snapshot, listed=5_899), 0)
        with pytest.raises(ResumeLater, match="takes 60 more"):
            require_calls(there.run, prepared, replaced(snapshot, listed=5_900), 0)


async def test_a_record_that_was_new_stays_so_for_all_of_a_run(tmp_path: Path) -> None:
    """A journal that may hold lines is waited for also once this run has sent and recorded another one."""
    two = sent(transfers(2), cap=2)
    first, second = [draft for request in two.prepared.requests for draft in drafts_of(request)]
    lines = [{**one, "Description": "rent"} for one in second["JournalLines"]]
    theirs = {**second, "Narration": "November", "JournalLines": lines}
    async with scripted_run(tmp_path, listed(theirs), listed(first, theirs), lines_per_journal=2) as there:
        before = (await read_journals(there.run, two.plan, [])).matched
        await there.keep(
            two.prepared.requests[:1], JournalState.CREATED, manual_journal_id=first["ManualJournalID"]
        )
        after = (await read_journals(there.run, two.plan, [])).matched
    assert (before.missing, before.waiting) == ({1, 2}, {3, 4})
    assert (after.missing, after.waiting) == (set(), {3, 4})
