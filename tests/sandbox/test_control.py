"""The control path and the clock behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import ClassVar

import httpx
import pytest

from blocks.sandbox.app import Sandbox
from blocks.sandbox.clock import SandboxClock
from blocks.sandbox.control import Control
from blocks.sandbox.faults.layer import Faults
from blocks.sandbox.stand_in import Verb, Verbs
from tests.helpers.stand_ins import inside

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


class Switch:
    """A stand-in with one verb: it hands back what it was told, exactly."""

    verbs: ClassVar[Verbs] = {"switch": Verb(lambda _: None, "hand it back", {"amount": "a number"})}

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    async def control(self, verb: str, body: object) -> object:
        if verb == "break":
            raise ValueError("it cannot be broken")
        self.told.append((verb, body))
        return {"amount": Decimal("1.10"), "at": NOON}


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock()


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
async def client(clock: SandboxClock, switch: Switch) -> AsyncIterator[httpx.AsyncClient]:
    app = Control(clock, Faults(clock), {"xero": switch})
    async with inside(app, "http://127.0.0.1/control") as client:
        yield client


async def test_advancing_moves_the_clock(client: httpx.AsyncClient, clock: SandboxClock) -> None:
    """advance_seconds moves a running clock, and fractions count."""
    before = datetime.now(UTC)
    answer = await client.post("/clock", json={"advance_seconds": 86_400.5})
    moved = clock.now() - before
    assert answer.json()["frozen"] is False
    assert timedelta(days=1, seconds=0.5) <= moved < timedelta(days=1, seconds=5)


async def test_a_frozen_clock_stands_and_steps(client: httpx.AsyncClient, clock: SandboxClock) -> None:
    """freeze stops the clock at an instant, advance then moves it by exactly that, null lets it run."""
    await client.post("/clock", json={"freeze": "2026-03-05T13:00:00+01:00"})
    assert clock.now() == clock.now() == NOON
    await client.post("/clock", json={"advance_seconds": -60})
    assert (await client.get("/clock")).json() == {"now": "2026-03-05T11:59:00+00:00", "frozen": True}
    await client.post("/clock", json={"freeze": None})
    assert timedelta() < clock.now() - (NOON - timedelta(minutes=1)) < timedelta(seconds=5)


@pytest.mark.parametrize("body", [{"freeze": "2026-03-05T12:00:00Z"}, {"advance_seconds": -86_400}])
async def test_what_was_done_to_the_clock_can_be_undone(
    client: httpx.AsyncClient, clock: SandboxClock, body: object
) -> None:
    """A clock that was frozen, let run from there, or moved shows real time again once it is told to."""
    await client.post("/clock", json=body)
    await client.post("/clock", json={"freeze": None})
    answer = await client.delete("/clock")
    assert (answer.status_code, answer.json()["frozen"]) == (200, False)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "body",
    [
        {"freeze": "2026-03-05T12:00:00"},
        {"freeze": "yesterday"},
        {"freeze": "9999-12-31T23:59:59Z"},
        {"freeze": "0001-01-01T00:00:00Z"},
        {"advance_seconds": 200_000_000_000},
        {"advance_seconds": True},
        {"advance_seconds": "60"},
        {"advance_seconds": 1e300},
        {"advance_seconds": 10**15},
        {"advance_seconds": 1, "freeze": None},
        {"forward": 1},
        [],
        None,
    ],
)
async def test_a_clock_refuses_nonsense(client: httpx.AsyncClient, clock: SandboxClock, body: object) -> None:
    """What is no movement of the clock is answered 400 with a reason and moves nothing."""
    answer = await client.post("/clock", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_rules_are_added_listed_and_cleared(client: httpx.AsyncClient) -> None:
    """POST adds to the rules in force, GET lists them as they came, DELETE forgets them."""
    rule = {"system": "xero", "kind": "delay", "seconds": 0.5}
    status = {"system": "mambu", "kind": "status", "status": 500, "body": {"rate": 1.25}}
    await client.post("/faults", json=rule)
    answer = await client.post("/faults", json=[status])
    listed = [{**rule, "matched": 0, "fired": 0}, {**status, "matched": 0, "fired": 0}]
    assert answer.json() == (await client.get("/faults")).json() == listed
    assert (await client.delete("/faults")).status_code == 200
    assert (await client.get("/faults")).json() == []


async def test_a_wrong_rule_is_answered_400(client: httpx.AsyncClient) -> None:
    """A rule that is none is answered with what is wrong about it."""
    answer = await client.post("/faults", json={"system": "sage"})
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "system: one of mambu, xero, ln, not 'sage'"},
    )


async def test_a_verb_reaches_its_stand_in_exactly(client: httpx.AsyncClient, switch: Switch) -> None:
    """A verb's amounts arrive as decimals, and decimals and instants are answered as strings."""
    answer = await client.post("/xero/edit-draft", content=b'{"amount": 10.10}')
    await client.post("/xero/reset")
    assert answer.json() == {"amount": "1.10", "at": "2026-03-05T12:00:00+00:00"}
    assert switch.told == [("edit-draft", {"amount": Decimal("10.10")}), ("reset", None)]
    assert str(switch.told[0][1]) == "{'amount': Decimal('10.10')}"


async def test_a_stand_ins_refusal_is_answered_400(client: httpx.AsyncClient) -> None:
    """What a stand-in calls nonsense is answered 400 with its words."""
    answer = await client.post("/xero/break", json={})
    assert (answer.status_code, answer.json()) == (400, {"error": "it cannot be broken"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/sage/reset", 404),
        ("POST", "/xero/", 404),
        ("GET", "/xero/reset", 405),
        ("PUT", "/faults", 405),
        ("GET", "", 200),
        ("GET", "/requests", 200),
        ("DELETE", "/requests", 200),
    ],
)
async def test_paths_and_methods(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    """Unknown paths are 404, known ones with another method 405, always in JSON."""
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    answer.json()


async def test_broken_json_is_named(client: httpx.AsyncClient) -> None:
    """A body that is no JSON is answered 400."""
    answer = await client.post("/clock", content=b"{")
    assert answer.status_code == 400
    assert "not JSON" in answer.json()["error"]


async def test_the_help_lists_paths_and_kinds(client: httpx.AsyncClient) -> None:
    """GET /control tells what can be done here."""
    answer = (await client.get("")).json()
    assert "POST /control/faults" in answer["paths"]
    assert "429-day" in answer["fault_kinds"]["xero"]
    assert {tuple(verbs) for verbs in answer["verbs"].values()} == {("switch",)}
    shown = {"does": "hand it back", "fields": {"amount": "a number"}}
    assert [verbs["switch"] for verbs in answer["verbs"].values()] == [shown] * len(answer["verbs"])


async def test_every_verb_is_listed_with_its_fields(sandbox: Sandbox) -> None:
    """GET /control says of each verb of each stand-in what it does, and what each of its fields is."""
    async with inside(sandbox) as http:
        listed = (await http.get("/control")).json()["verbs"]
    standins = {"mambu": sandbox.mambu, "xero": sandbox.xero, "ln": sandbox.ln}
    assert {system: set(verbs) for system, verbs in listed.items()} == {
        system: set(standin.verbs) for system, standin in standins.items()
    }
    for verbs in listed.values():
        assert all(verb["does"] and all(verb["fields"].values()) for verb in verbs.values())
        assert verbs["options"]["fields"]["seed"] == "2026 unless set"
    assert (
        listed["xero"]["options"]["fields"]["unknown_account"] == 'one of error, warning; "error" unless set'
    )


async def test_a_field_that_a_verb_does_not_have_is_refused(sandbox: Sandbox) -> None:
    """A field under a name of no meaning changes nothing, and the answer names those that there are."""
    async with inside(sandbox) as http:
        answer = await http.post("/control/xero/lock_date", json={"periods": "2026-10-31"})
        none = await http.post("/control/xero/warn", json={"now": True})
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "lock_date has no field periods; it takes period, year"},
    )
    assert none.json() == {"error": "warn has no field now; it takes no field"}
