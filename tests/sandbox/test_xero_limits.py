"""Xero's limits on calls and the headers that state them."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.helpers.xero_stand_in import JOURNALS, journal, xero

HEADERS = ("x-daylimit-remaining", "x-minlimit-remaining", "x-appminlimit-remaining")


@pytest.mark.parametrize("limits", [True, False])
@pytest.mark.parametrize("path", ["ManualJournals", "Invoices", "ManualJournals/7"])
async def test_every_answer_states_what_is_left(limits: bool, path: str) -> None:
    """The three headers are on answers of every status, where limits are switched on, and else on none."""
    async with xero(limits=limits) as standin:
        first = await standin.get(path)
        second = await standin.get(path, headers={"Authorization": ""})
    expected = [["4999", "59", "9999"], ["4998", "58", "9998"]] if limits else [[], []]
    stated = [[one.headers[name] for name in HEADERS if name in one.headers] for one in (first, second)]
    assert stated == expected


async def test_tokens_are_not_counted() -> None:
    """The token endpoint belongs to no limit and states none."""
    async with xero(limits=True) as standin:
        answer = await standin.token()
        counted = await standin.get()
    assert not set(HEADERS) & set(answer.headers)
    assert counted.headers["x-minlimit-remaining"] == "59"


async def test_the_sixty_first_call_of_a_minute_is_refused() -> None:
    """60 calls pass, the next is a 429 naming the minute, and 60 seconds after a call its place is free."""
    async with xero(limits=True) as standin:
        for _ in range(30):
            assert (await standin.get("Organisation")).status_code == 200
        standin.clock.advance(20)
        for _ in range(30):
            assert (await standin.get("Organisation")).status_code == 200
        refused = await standin.get("Organisation")
        standin.clock.advance(39)
        assert (await standin.get("Organisation")).status_code == 429
        standin.clock.advance(1)
        later = await standin.get("Organisation")
    assert (refused.status_code, refused.headers["x-rate-limit-problem"]) == (429, "minute")
    assert 40 <= int(refused.headers["retry-after"]) <= 41
    assert refused.headers["x-minlimit-remaining"] == "0"
    assert (later.status_code, later.headers["x-minlimit-remaining"]) == (200, "29")


async def test_the_day_ends_at_its_hour() -> None:
    """Beyond the day's limit a 429 names the day and the seconds until its window ends, hours later."""
    async with xero(limits=True, day_limit=2, day_reset_hour=10) as standin:
        for _ in range(2):
            assert (await standin.get("Organisation")).status_code == 200
        refused = await standin.get("Organisation")
        wait = int(refused.headers["retry-after"])
        standin.clock.advance(wait)
        await standin.sign_in()
        later = await standin.get("Organisation")
    assert (refused.status_code, refused.headers["x-rate-limit-problem"]) == (429, "day")
    assert refused.headers["x-daylimit-remaining"] == "0"
    assert 2 * 3600 <= wait <= 2 * 3600 + 1
    assert later.status_code == 200


async def test_six_calls_at_once_are_one_too_many() -> None:
    """Of six calls under way together one is a 429 without Retry-After, and five pass."""
    async with xero(limits=True, latency_seconds=0.05) as standin:
        answers = await asyncio.gather(*(standin.get("Organisation") for _ in range(6)))
        after = await standin.get("Organisation")
    refused = [one for one in answers if one.status_code == 429]
    assert Counter(one.status_code for one in answers) == {200: 5, 429: 1}
    assert refused[0].headers["x-rate-limit-problem"] == "concurrent"
    assert "retry-after" not in refused[0].headers
    assert after.status_code == 200


async def test_without_the_switch_nothing_is_refused() -> None:
    """Where limits are off the 61st call of a minute passes."""
    async with xero() as standin:
        statuses = {(await standin.get("Organisation")).status_code for _ in range(61)}
    assert statuses == {200}


async def test_a_refused_write_changes_nothing() -> None:
    """A write that meets the limit creates nothing."""
    async with xero(limits=True, day_limit=1) as standin:
        await standin.get("Organisation")
        refused = await standin.write(journal())
        await standin.control("options", limits=False)
        assert await standin.listed() == []
    assert (refused.status_code, refused.content) == (429, b"")


async def test_a_reset_gives_all_calls_back() -> None:
    """After a reset the day and the minute are untouched."""
    async with xero(limits=True) as standin:
        for _ in range(3):
            await standin.http.get(JOURNALS)
        await standin.control("reset")
        answer = await standin.get()
    assert answer.headers["x-daylimit-remaining"] == "4999"
