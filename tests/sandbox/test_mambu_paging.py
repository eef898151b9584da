"""Pages: limits, offsets, cursors and their headers."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.sandbox.mambu.paging import write_cursor
from tests.helpers.mambu_stand_in import error, sandbox, whole_day
from tests.helpers.stand_ins import exact


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"offset": "x"}, 11),
        ({"offset": ""}, 11),
        ({"offset": "1.5"}, 11),
        ({"offset": -1}, 12),
        ({"limit": "x"}, 13),
        ({"limit": 0}, 14),
        ({"limit": -1}, 14),
        ({"limit": 1001}, 14),
        ({"paginationDetails": "on"}, 4),
        ({"detailsLevel": "ALL"}, 4),
        ({"cursor": "nonsense"}, 4),
        ({"cursor": ""}, 4),
        ({"cursor": "_", "offset": 0}, 4),
    ],
)
async def test_wrong_paging_is_refused(parameters: dict[str, Any], code: int) -> None:
    """Wrong paging is a 400 with the documented code."""
    async with sandbox() as mambu:
        answer = await mambu.search(whole_day(), **parameters)
    assert (answer.status_code, error(answer)["errorCode"]) == (400, code)


async def test_limit_is_50_unless_given() -> None:
    """Fifty lines come without a limit, and fewer than asked at the end; past the end none."""
    async with sandbox() as mambu:
        counts = [
            len(exact(await mambu.search(whole_day(), **page)))
            for page in ({}, {"offset": 100}, {"offset": 120}, {"limit": 1000})
        ]
    assert counts == [50, 20, 0, 120]


async def test_offset_pages_join_up() -> None:
    """Pages by offset are the whole in pieces when sorted."""
    sort = {"field": "entryId", "order": "ASC"}
    async with sandbox() as mambu:
        whole = exact(await mambu.search(whole_day(), sort, limit=1000))
        pieces = [
            line
            for offset in range(0, 120, 7)
            for line in exact(await mambu.search(whole_day(), sort, limit=7, offset=offset))
        ]
    assert pieces == whole


async def test_details_only_when_asked() -> None:
    """Items-Limit, -Offset and -Total come with paginationDetails=ON only; details levels are accepted."""
    async with sandbox() as mambu:
        plain = await mambu.search(whole_day(), limit=10, offset=5, detailsLevel="BASIC")
        detailed = await mambu.search(
            whole_day(), limit=10, offset=5, detailsLevel="FULL", paginationDetails="ON"
        )
    names = ("Items-Limit", "Items-Offset", "Items-Total")
    assert [plain.headers.get(name) for name in names] == [None] * 3
    assert [detailed.headers.get(name) for name in names] == ["10", "5", "120"]
    assert plain.content == detailed.content


@pytest.mark.parametrize(
    ("cursor_end", "limit", "pages"),
    [
        ("with-last", 40, 3),
        ("extra-page", 40, 4),
        ("with-last", 50, 3),
        ("extra-page", 50, 4),
        ("extra-page", 1000, 2),
    ],
)
async def test_cursor_ends_with_an_empty_header(cursor_end: str, limit: int, pages: int) -> None:
    """The empty cursor comes with the last lines, or on an extra empty page, by the switch."""
    async with sandbox(cursor_end=cursor_end) as mambu:
        cursor, counts = "_", []
        while cursor:
            answer = await mambu.search(whole_day(), limit=limit, cursor=cursor)
            counts.append(len(answer.json()))
            cursor = answer.headers["Items-Next-Cursor"]
    assert len(counts) == pages
    assert sum(counts) == 120
    assert (counts[-1] == 0) is (cursor_end == "extra-page")


async def test_cursor_header_may_be_missing_at_the_end() -> None:
    """The third switch leaves the header out at the end, and there only."""
    async with sandbox(cursor_end="omit-header") as mambu:
        first = await mambu.search(whole_day(), limit=100, cursor="_")
        last = await mambu.search(whole_day(), limit=100, cursor=first.headers["Items-Next-Cursor"])
    assert "Items-Next-Cursor" not in last.headers
    assert len(last.json()) == 20


async def test_no_cursor_header_outside_cursor_mode() -> None:
    """Items-Next-Cursor belongs to cursor mode, and its details count all lines."""
    async with sandbox() as mambu:
        assert "Items-Next-Cursor" not in (await mambu.search(whole_day())).headers
        answer = await mambu.search(whole_day(), cursor="_", paginationDetails="ON")
        assert (answer.headers["Items-Total"], answer.headers["Items-Limit"]) == ("120", "50")


async def test_empty_result_ends_at_once() -> None:
    """A cursor over nothing is at its end, whichever switch."""
    for cursor_end in ("with-last", "extra-page"):
        async with sandbox(cursor_end=cursor_end, archive_before="2026-07-02") as mambu:
            answer = await mambu.search(whole_day(), cursor="_")
            assert (answer.text, answer.headers["Items-Next-Cursor"]) == ("[]", "")


async def test_cursor_of_another_search_or_with_sorting_is_refused() -> None:
    """A cursor belongs to its search, goes with no sorting, and cannot be made up."""
    async with sandbox() as mambu:
        token = (await mambu.search(whole_day(), cursor="_")).headers["Items-Next-Cursor"]
        made_up = write_cursor(b"12345678", 1, 1).decode()
        other = [*whole_day(), {"field": "glAccountId", "operator": "EQUALS", "value": "1010"}]
        for answer in (
            await mambu.search(other, cursor=token),
            await mambu.search(whole_day(), {"field": "entryId"}, cursor="_"),
            await mambu.search(whole_day(), cursor=made_up),
            await mambu.search(whole_day(), cursor=token[:-1]),
        ):
            assert (answer.status_code, error(answer)["errorCode"]) == (400, 4)


async def test_cursor_outlives_a_changed_limit_and_equal_ids() -> None:
    """Lines that share an entry id are not lost where a page ends among them."""
    lines = [
        {"encodedKey": f"{number:032x}", "entryID": 7, "creationDate": "2026-07-01T12:00:00+01:00"}
        for number in range(5)
    ]
    async with sandbox() as mambu:
        await mambu.control("lines", {"date": "2026-07-01", "lines": lines})
        assert await mambu.by_cursor(whole_day(), limit=2) == lines
        assert await mambu.by_cursor(whole_day(), limit=1) == lines


@pytest.mark.parametrize("limit", [10, 64])
async def test_live_lines_appear_while_paging(limit: int) -> None:
    """Lines that appear while a client pages by cursor are seen once each; by offset they shift pages."""
    async with sandbox() as mambu:
        await mambu.control("live", {"lines": 4, "date": "2026-07-01"})
        lines = await mambu.by_cursor(whole_day(), limit=limit)
        keys = [line["encodedKey"] for line in lines]
        assert len(set(keys)) == len(keys) > 120
        offset: list[dict[str, Any]] = []
        for first in range(0, 120, limit):
            offset += exact(await mambu.search(whole_day(), limit=limit, offset=first))
        assert len({line["encodedKey"] for line in offset}) < len(offset)


async def test_page_cap_is_a_switch() -> None:
    """A tenant with a lower cap refuses more."""
    async with sandbox(page_cap=200, default_limit=20) as mambu:
        assert error(await mambu.search(whole_day(), limit=201))["errorCode"] == 14
        assert len((await mambu.search(whole_day())).json()) == 20
