"""Connections: their policy, and how a run finds one."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from blocks.connections.journals import JournalConnection
from blocks.connections.lookup import provided
from blocks.errors import UsageError
from tests.helpers.connections import CANARY, journal_connection


@pytest.mark.parametrize("zone", ["Europe/London", "UTC", "Asia/Kathmandu", None])
def test_zones_that_exist(zone: str | None) -> None:
    """An IANA zone, or none, is taken."""
    assert journal_connection(time_zone=zone).time_zone == zone


@pytest.mark.parametrize("zone", ["Europe", "Mars/Base", "../UTC", "/etc/passwd", "", "Europe/\x00"])
def test_zones_that_do_not_exist(zone: str) -> None:
    """Anything that is no zone, folders of zones included, is refused."""
    with pytest.raises(ValidationError, match="not a time zone"):
        journal_connection(time_zone=zone)


@pytest.mark.parametrize("label", ["a", "acme-uk", "A.b_9", "x" * 40])
def test_labels_that_fit(label: str) -> None:
    """A label of 1 to 40 plain characters is taken."""
    assert journal_connection(label=label).label == label


@pytest.mark.parametrize("label", ["", "x" * 41, "a b", "a|b", 'a"b', "é", "a\n"])
def test_labels_that_do_not_fit(label: str) -> None:
    """A label that could not be found again in a narration is refused."""
    with pytest.raises(ValidationError, match="1 to 40 letters"):
        journal_connection(label=label)


def test_account_codes_fit_xero() -> None:
    """A mapped account code longer than ten characters, or empty, is refused by its GL code."""
    assert journal_connection(account_map={"A": "1234567890"}).account_map == {"A": "1234567890"}
    with pytest.raises(ValidationError, match="A -> 12345678901, B -> "):
        journal_connection(account_map={"B": "", "A": "12345678901", "C": "1"})


@pytest.mark.parametrize(
    ("field", "number"),
    [
        *(("retries", -1), ("lines_per_journal", 1)),
        *(("mambu_concurrency", 0), ("xero_concurrency", 0), ("xero_concurrency", 6)),
    ],
)
def test_numbers_out_of_bounds(field: str, number: int) -> None:
    """A number that the systems could not bear is refused."""
    with pytest.raises(ValidationError):
        journal_connection(**{field: number})


def test_no_secret_shows() -> None:
    """Neither a connection, nor its JSON, nor the refusal of one shows a secret of its parts."""
    whole = journal_connection()
    assert CANARY not in f"{whole}{whole!r}{whole.model_dump_json()}{whole.model_dump()!r}"
    with pytest.raises(ValidationError) as raised:
        JournalConnection.model_validate(
            {
                "mambu": {"base_url": f"https://u:{CANARY}@h", "api_key": CANARY, "password": CANARY},
                "xero": {"client_id": "", "client_secret": CANARY},
                "store": {"url": CANARY, "schema_name": [CANARY]},
                "label": CANARY * 9,
            }
        )
    assert CANARY not in f"{raised.value!s}{raised.value!r}"


async def test_a_provided_connection_is_found_by_its_name() -> None:
    """A connection provided by this process is found inside the block, by its own name, innermost first."""
    outer, inner = journal_connection(), journal_connection()
    with provided({"default": outer, "other": outer}):
        with provided({"default": inner}):
            assert await JournalConnection.named("default") is inner
            assert await JournalConnection.named("other") is outer
            found = await asyncio.create_task(JournalConnection.named("default"))
            assert found is inner
        assert await JournalConnection.named("default") is outer


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("Unable to find block document named x"), "There is no connection named 'x'"),
        (ValueError(f"odd\n{CANARY}"), "cannot be loaded: odd"),
        (RuntimeError(f"Unable to load 'x'\n{CANARY}"), "saved by another version"),
    ],
)
async def test_a_connection_that_cannot_be_loaded(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever Prefect says about a saved connection becomes one sentence with its remedy."""

    async def aload(_name: str) -> JournalConnection:
        raise error

    monkeypatch.setattr(JournalConnection, "aload", aload)
    with pytest.raises(UsageError, match=said) as raised:
        await JournalConnection.named("x")
    assert "python -m blocks save x" in str(raised.value)
    assert CANARY not in str(raised.value)
