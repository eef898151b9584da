"""Idempotency-Key: what is repeated, for how long, and what is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.stand_ins import exact
from tests.helpers.xero_stand_in import JOURNALS, journal, line, messages, xero

MINUTE = 60


async def test_a_replay_gets_the_first_answer_and_creates_nothing() -> None:
    """The same request under its key, inside six minutes, gets the same bytes and one journal exists."""
    async with xero() as standin:
        first = await standin.write(journal(), key="k")
        standin.clock.advance(6 * MINUTE - 1)
        second = await standin.write(journal(), key="k")
        assert len(await standin.listed()) == 1
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["content-type"] == first.headers["content-type"]


@pytest.mark.parametrize("pause", [0, 5 * MINUTE])
async def test_after_six_minutes_from_the_first_call_a_key_is_new(pause: int) -> None:
    """Six minutes after the first call, replays in between or not, the key creates a second journal."""
    async with xero() as standin:
        await standin.write(journal(), key="k")
        standin.clock.advance(pause)
        await standin.write(journal(), key="k")
        standin.clock.advance(6 * MINUTE - pause)
        await standin.write(journal(), key="k")
        assert len(await standin.listed()) == 2


async def test_without_a_key_every_put_creates() -> None:
    """Two equal requests without keys, and two with different ones, make a journal each."""
    async with xero() as standin:
        for key in (None, None, "a", "b"):
            await standin.write(journal(), key=key)
        assert await standin.narrations() == ["J1"] * 4


@pytest.mark.parametrize(
    "other",
    [
        {"content": b'{"ManualJournals": []}'},
        {"method": "POST"},
        {"params": {"summarizeErrors": "true"}},
        {"params": {}},
    ],
)
async def test_a_key_belongs_to_one_request(other: dict[str, Any]) -> None:
    """Another body, method or URL under a key in use is a 400 that says so, and changes nothing."""
    async with xero() as standin:
        await standin.write(journal(), key="k 1")
        answer = await standin.write(journal(), key="k 1", **other)
        assert len(await standin.listed()) == 1
    assert answer.status_code == 400
    assert answer.json() == {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "Idempotency Key: k 1 is used with a different request.",
    }


async def test_the_same_amounts_in_other_digits_are_another_request() -> None:
    """A body rebuilt with other number formatting does not pass for a replay."""
    async with xero() as standin:
        await standin.write(journal(), key="k")
        rebuilt = journal("J1", line("100.0"), line("-100.0", "2000"))
        assert (await standin.write(rebuilt, key="k")).status_code == 400


@pytest.mark.parametrize(("length", "status"), [(128, 200), (129, 400)])
async def test_a_key_has_at_most_128_characters(length: int, status: int) -> None:
    """128 characters are taken, 129 are a 400 and nothing is created."""
    async with xero() as standin:
        answer = await standin.write(journal(), key="k" * length)
        assert len(await standin.listed()) == (status == 200)
    assert answer.status_code == status


@pytest.mark.parametrize("committed", [True, False])
async def test_an_error_is_kept_under_its_key_too(committed: bool) -> None:
    """A 500 is repeated to its key after the fault is gone, whether or not the write had been carried out."""
    async with xero() as standin:
        await standin.control("server_error", committed=committed)
        first = await standin.write(journal(), key="k")
        second = await standin.write(journal(), key="k")
        assert len(await standin.listed()) == committed
        third = await standin.write(journal(), key="k2")
        assert len(await standin.listed()) == committed + 1
    assert (first.status_code, second.status_code, third.status_code) == (500, 500, 200)
    assert first.content == second.content
    assert first.json()["Title"] == "An error occurred"


async def test_a_refusal_is_kept_under_its_key() -> None:
    """A 400 is repeated to its key even when the reason for it has gone."""
    async with xero() as standin:
        await standin.control("lock_date", period="2026-11-30")
        one = journal(Status="POSTED")
        first = await standin.write(one, params={}, key="k")
        await standin.control("lock_date", period=None)
        second = await standin.write(one, params={}, key="k")
        assert await standin.listed() == []
    assert (first.status_code, second.content) == (400, first.content)


async def test_what_the_sandbox_refuses_is_not_kept() -> None:
    """A refusal of the sandbox's own comes anew each time, marked as such."""
    async with xero() as standin:
        answers = [await standin.write(journal(Extra=1), key="k") for _ in range(2)]
    assert [(one.status_code, one.headers["x-sandbox-refusal"]) for one in answers] == [(422, "1")] * 2


async def test_replays_are_counted_against_the_limits() -> None:
    """A replay costs a call and can meet a limit itself."""
    async with xero(limits=True, day_limit=2) as standin:
        answers = [await standin.write(journal(), key="k") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["x-daylimit-remaining"] for one in answers] == ["1", "0", "0"]


async def test_reads_ignore_a_key() -> None:
    """The same key on a GET repeats nothing: each read shows the present."""
    async with xero() as standin:
        key = {"Idempotency-Key": "k"}
        before = await standin.get(params={"page": 1}, headers=key)
        await standin.write(journal(), key="k")
        after = await standin.get(params={"page": 1}, headers=key)
    assert [len(one.json()["ManualJournals"]) for one in (before, after)] == [0, 1]


async def test_a_method_without_effect_does_not_use_up_a_key() -> None:
    """A DELETE, which Xero does not have, leaves its key free for a write."""
    async with xero() as standin:
        await standin.http.delete(JOURNALS, headers={"Idempotency-Key": "k"})
        answer = await standin.write(journal(), key="k")
    assert answer.status_code == 200


async def test_keys_end_with_a_500_while_their_store_is_down() -> None:
    """With the key store down a write with a key fails and creates nothing; one without a key passes."""
    async with xero(key_store_down=True) as standin:
        keyed = await standin.write(journal(), key="k")
        plain = await standin.write(journal("plain"))
        await standin.control("options", key_store_down=False)
        again = await standin.write(journal(), key="k")
        assert sorted(await standin.narrations()) == ["J1", "plain"]
    assert [one.status_code for one in (keyed, plain, again)] == [500, 200, 200]


async def test_two_at_once_under_one_key_create_one() -> None:
    """The same request sent twice at the same time makes one journal and two equal answers."""
    async with xero(latency_seconds=0.01) as standin:
        one, two = await asyncio.gather(*(standin.write(journal(), key="k") for _ in range(2)))
        assert len(await standin.listed()) == 1
    assert one.content == two.content


async def test_a_key_outlives_a_restart_and_no_longer_than_six_minutes(tmp_path: Path) -> None:
    """A process that comes back replays to its keys; seven minutes later the same key makes a duplicate."""
    async with xero(tmp_path) as standin:
        first = await standin.write(journal(), key="k")
    async with xero(tmp_path) as standin:
        second = await standin.write(journal(), key="k")
        assert len(await standin.listed()) == 1
        standin.clock.advance(7 * MINUTE)
        await standin.write(journal(), key="k")
        assert len(await standin.listed()) == 2
    assert first.content == second.content


async def test_updates_are_replayed_as_creations_are() -> None:
    """A removal under a key succeeds twice under the key, though a second removal would be refused."""
    async with xero() as standin:
        known = await standin.created()
        body = {"ManualJournalID": known, "Status": "DELETED"}
        answers = [await standin.write(body, method="POST", key="k") for _ in range(2)]
        without = await standin.outcome(body, method="POST")
    assert [exact(one)["ManualJournals"][0]["Status"] for one in answers] == ["DELETED"] * 2
    assert messages(without) == ["The status 'DELETED' cannot be applied to the document"]


async def test_answers_are_forgotten_when_their_time_is_over() -> None:
    """Old answers are not kept: of many keys only those of the last six minutes are in memory."""
    async with xero() as standin:
        for number in range(10):
            await standin.write(journal(), key=f"k{number}")
            standin.clock.advance(MINUTE)
        assert list(standin.app.state.replays) == [f"k{number}" for number in range(4, 10)]
