"""Scripted faults, in process and over a real connection."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from blocks.sandbox.clock import SandboxClock
from blocks.sandbox.faults.layer import ConnectionDropped, Faults
from blocks.sandbox.faults.rules import KINDS
from blocks.sandbox.serving import http_server, listening
from tests.helpers import stand_ins

CREATED = {"journals": [{"id": "1", "narration": "Monday"}], "status": "OK"}


class Ledger:
    """A small stand-in: every request commits its body, then answers 201 with JSON."""

    def __init__(self) -> None:
        self.commits: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        self.commits.append(message["body"])
        status = 204 if scope["path"] == "/deleted" else 201
        body = json.dumps(CREATED).encode() if scope["path"] == "/journals" else b""
        headers = [(b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(body))]
        await send(
            {"type": "http.response.start", "status": status, "headers": [] if status == 204 else headers}
        )
        await send({"type": "http.response.body", "body": body})


@dataclass
class World:
    """A ledger behind faults, and where it can be reached."""

    url: str = "http://127.0.0.1"
    ledger: Ledger = field(default_factory=Ledger)
    clock: SandboxClock = field(default_factory=SandboxClock)
    faults: Faults = field(init=False)
    app: Any = field(init=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self.clock)
        self.app = self.faults.around("xero", self.ledger)

    def rule(self, kind: str, **members: object) -> None:
        self.faults.add({"system": "xero", "kind": kind, **members})


@pytest.fixture(scope="module")
def server() -> Iterator[World]:
    """A world on a real port, served in a thread."""
    listener = listening(0)
    world = World(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server = http_server(world.app)
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    yield world
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def real(server: World) -> World:
    """The real server's world, as new."""
    server.faults.clear()
    server.faults.log.clear()
    server.ledger.commits.clear()
    return server


@pytest.fixture
def client(real: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=real.url, timeout=5) as client:
        yield client


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def inside(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with stand_ins.inside(world.app, world.url) as client:
        yield client


def test_no_rule_leaves_the_answer_alone(real: World, client: httpx.Client) -> None:
    """Without rules the stand-in's own answer arrives."""
    answer = client.put("/journals", content=b"x")
    assert (answer.status_code, answer.json(), real.ledger.commits) == (201, CREATED, [b"x"])


def test_a_drop_before_commits_nothing(real: World, client: httpx.Client) -> None:
    """drop_before closes the connection without an answer and the stand-in never sees the request."""
    real.rule("drop_before")
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending a response"):
        client.put("/journals", content=b"x")
    assert real.ledger.commits == []
    assert client.put("/journals", content=b"y").status_code == 201


def test_a_drop_after_has_committed(real: World, client: httpx.Client) -> None:
    """drop_after closes the connection without an answer though the stand-in did its work."""
    real.rule("drop_after")
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending a response"):
        client.put("/journals", content=b"x")
    assert real.ledger.commits == [b"x"]
    assert real.faults.log.documents()[0]["status"] is None
    assert real.faults.log.documents()[0]["app_status"] == 201


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_reset_is_a_read_error(real: World, client: httpx.Client, kind: str) -> None:
    """With reset the peer sends a TCP reset, which httpx reports as another error than an end."""
    real.rule(kind, reset=True)
    with pytest.raises(httpx.ReadError):
        client.put("/journals", content=b"x")


def test_a_cut_ends_within_the_body(real: World, client: httpx.Client) -> None:
    """cut sends a head that promises the whole body, half of it, and closes."""
    real.rule("cut")
    whole = len(json.dumps(CREATED))
    with pytest.raises(httpx.RemoteProtocolError, match=f"received {whole // 2} bytes, expected {whole}"):
        client.put("/journals", content=b"x")
    assert real.ledger.commits == [b"x"]


@pytest.mark.parametrize("path", ["/deleted", "/empty"])
def test_a_cut_of_an_empty_answer_is_an_error_too(real: World, client: httpx.Client, path: str) -> None:
    """cut leaves no complete answer behind even where there is no body to cut."""
    real.rule("cut")
    with pytest.raises(httpx.RemoteProtocolError):
        client.patch(path)


def test_a_hang_outlasts_the_client(real: World, client: httpx.Client) -> None:
    """hang says nothing for as long as told, so that an impatient client times out."""
    real.rule("hang", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        client.get("/journals", timeout=0.1)
    assert real.ledger.commits == []


def test_a_hang_can_come_after_the_work(real: World, client: httpx.Client) -> None:
    """hang with after lets the stand-in do its work, which the log shows, and keeps the answer back."""
    real.rule("hang", seconds=30, after=True)
    with pytest.raises(httpx.ReadTimeout):
        client.put("/journals", content=b"x", timeout=0.1)
    assert real.ledger.commits == [b"x"]
    (logged,) = real.faults.log.documents()
    assert (logged["status"], logged["app_status"]) == (None, 201)


def test_a_hang_ends_in_a_closed_connection(real: World, client: httpx.Client) -> None:
    """hang closes without an answer when its seconds are over."""
    real.rule("hang", seconds=0.05)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/journals")


def test_a_late_commit_comes_after_the_504(real: World, client: httpx.Client) -> None:
    """late_commit answers an empty 504 at once and lets the stand-in do its work later."""
    real.rule("late_commit", seconds=0.2)
    answer = client.put("/journals", content=b"x")
    assert (answer.status_code, answer.content, real.ledger.commits) == (504, b"", [])
    deadline = time.monotonic() + 5
    while not real.ledger.commits and time.monotonic() < deadline:
        time.sleep(0.02)
    assert real.ledger.commits == [b"x"]
    assert real.faults.log.documents()[0]["app_status"] == 201


def test_dropping_writes_no_error(
    real: World, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """A dropped connection is no failure of the application in the server's eyes."""
    for kind in ("drop_before", "drop_after", "cut", "hang"):
        real.rule(kind, **({"seconds": 0} if kind == "hang" else {}))
        with contextlib.suppress(httpx.TransportError):
            client.put("/journals", content=b"x")
    assert client.put("/journals", content=b"x").status_code == 201
    assert caplog.records == []


async def test_in_process_a_drop_is_an_exception(world: World, inside: httpx.AsyncClient) -> None:
    """Where there is no connection to close, ConnectionDropped tells which fault it was."""
    for kind in ("drop_before", "drop_after", "cut", "hang"):
        world.rule(kind, **({"seconds": 0} if kind == "hang" else {}))
        with pytest.raises(ConnectionDropped) as caught:
            await inside.put("/journals", content=b"x")
        assert (caught.value.fault, caught.value.started) == (kind, kind == "cut")
    assert world.ledger.commits == [b"x", b"x"]


async def test_truncated_json_is_a_complete_answer(world: World, inside: httpx.AsyncClient) -> None:
    """truncate keeps status and type, halves the body and announces the halved length."""
    world.rule("truncate")
    answer = await inside.put("/journals", content=b"x")
    half = json.dumps(CREATED)[: len(json.dumps(CREATED)) // 2]
    assert (answer.status_code, answer.text, answer.headers["content-length"]) == (201, half, str(len(half)))
    assert answer.headers["content-type"] == "application/json"


async def test_delay_only_delays(world: World, inside: httpx.AsyncClient) -> None:
    """delay waits, on the sleep it was given, and then lets the request through."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    world.faults = Faults(SandboxClock(), sleep)
    world.rule("delay", seconds=600)
    async with stand_ins.inside(world.faults.around("xero", world.ledger), world.url) as client:
        assert (await client.get("/journals")).status_code == 201
    assert slept == [600.0]


async def test_status_replaces_the_work_and_status_after_the_answer(
    world: World, inside: httpx.AsyncClient
) -> None:
    """status keeps the request from the stand-in; status_after replaces only what is answered."""
    answer = {"status": 418, "body": {"teapot": True}, "headers": {"Retry-After": "3"}}
    world.rule("status", **answer)
    world.rule("status_after", **answer)
    for commits in ([], [b"x"]):
        response = await inside.put("/journals", content=b"x")
        assert (response.status_code, response.json()) == (418, {"teapot": True})
        assert response.headers["retry-after"] == "3"
        assert world.ledger.commits == commits


async def test_html_comes_under_200(world: World, inside: httpx.AsyncClient) -> None:
    """html is a page where JSON was asked for, with a status that promises success."""
    world.rule("html")
    answer = await inside.get("/journals")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("kind", "problem", "retry_after", "day"),
    [
        ("429", "minute", "2", "812"),
        ("429-minute", "minute", "2", "812"),
        ("429-day", "day", "66975", "0"),
        ("429-concurrent", "concurrent", None, "812"),
    ],
)
async def test_xero_limits_are_told_by_headers(
    world: World, inside: httpx.AsyncClient, kind: str, problem: str, retry_after: str | None, day: str
) -> None:
    """Each of Xero's 429 answers names its limit, and only minute and day say when to return."""
    world.rule(kind)
    answer = await inside.get("/journals")
    assert (answer.status_code, answer.headers["x-rate-limit-problem"]) == (429, problem)
    assert answer.headers.get("retry-after") == retry_after
    assert answer.headers["x-daylimit-remaining"] == day


@pytest.mark.parametrize(
    ("kind", "status", "text", "commits"),
    [
        ("503-maintenance", 503, "The Xero API is currently offline for maintenance", 0),
        ("503-unavailable", 503, "The Xero API is temporarily unavailable", 0),
        ("503-organisation", 503, "The Organisation is offline", 0),
        ("504", 504, "", 1),
        ("504-before", 504, "", 0),
    ],
)
async def test_xero_outages_are_no_json(
    world: World, inside: httpx.AsyncClient, kind: str, status: int, text: str, commits: int
) -> None:
    """Xero's 503 is one of three plain texts; its 504 is empty, and came after the commit unless told."""
    world.rule(kind)
    answer = await inside.put("/journals", content=b"x")
    assert (answer.status_code, answer.text, len(world.ledger.commits)) == (status, text, commits)
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("kind", sorted({"401", "403", "429", "500-json", "502", "503"}))
async def test_mambu_errors_use_its_envelope(kind: str) -> None:
    """Mambu's ready-made errors carry a list of coded reasons."""
    faults = Faults(SandboxClock())
    faults.add({"system": "mambu", "kind": kind})
    async with stand_ins.inside(faults.around("mambu", Ledger())) as client:
        answer = await client.get("/api/gljournalentries")
    assert answer.status_code == int(kind[:3])
    assert answer.json()["errors"][0].keys() == {"errorCode", "errorReason"}
    assert answer.headers.get("retry-after") == ("2" if kind == "429" else None)


async def test_a_preset_can_be_bent(world: World, inside: httpx.AsyncClient) -> None:
    """A preset takes another Retry-After, none, another status, and may come after the commit."""
    world.rule("429", retry_after=7)
    world.rule("429", retry_after=None)
    world.rule("500-json", status=599, after=True)
    answers = [await inside.put("/journals", content=b"x") for _ in range(3)]
    assert [answer.headers.get("retry-after") for answer in answers] == ["7", None, None]
    assert (answers[2].status_code, len(world.ledger.commits)) == (599, 1)


async def test_a_rule_strikes_from_its_nth_match(world: World, inside: httpx.AsyncClient) -> None:
    """nth and times count only the requests that match method and path."""
    world.rule("500-json", method="PUT", path="Journals$", nth=2, times=2)
    statuses = []
    for method, path in [("PUT", "/Journals"), ("GET", "/Journals"), ("PUT", "/Journals/1")] + [
        ("PUT", "/Journals")
    ] * 3:
        statuses.append((await inside.request(method, path)).status_code)
    assert statuses == [201, 201, 201, 500, 500, 201]
    assert [(rule["matched"], rule["fired"]) for rule in world.faults.rules()] == [(4, 2)]


async def test_a_list_of_one_shots_plays_in_order(world: World, inside: httpx.AsyncClient) -> None:
    """Rules that are due together strike one after the other, in the order they were added."""
    world.faults.add([{"system": "xero", "kind": kind} for kind in ("503", "429", "500")])
    statuses = [(await inside.get("/")).status_code for _ in range(4)]
    assert statuses == [503, 429, 500, 201]


async def test_zero_times_is_for_ever(world: World, inside: httpx.AsyncClient) -> None:
    """A rule with times 0 strikes until the rules are cleared."""
    world.rule("503", times=0)
    statuses = [(await inside.get("/")).status_code for _ in range(3)]
    world.faults.clear()
    assert [*statuses, (await inside.get("/")).status_code] == [503, 503, 503, 201]


async def test_a_rule_is_for_one_system(world: World, inside: httpx.AsyncClient) -> None:
    """A rule for one system leaves the other alone."""
    world.faults.add({"system": "mambu", "kind": "503", "times": 0})
    assert (await inside.get("/")).status_code == 201


async def test_every_kind_works(world: World, inside: httpx.AsyncClient) -> None:
    """Every kind that is listed can be asked for with its defaults, and does something."""
    for kind in KINDS["xero"]:
        world.rule(kind, **({"status": 500} if kind.startswith("status") else {}))
        if kind in {"delay", "hang", "late_commit"}:
            world.faults.clear()
            world.rule(kind, seconds=0)
        with contextlib.suppress(ConnectionDropped):
            await inside.get("/")
        await asyncio.sleep(0)
        assert [rule["fired"] for rule in world.faults.rules()] == [1], kind
        world.faults.clear()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ([], "fault: a JSON object"),
        ({"kind": "429"}, "system: one of mambu, xero"),
        ({"system": ["xero"], "kind": "429"}, "system: one of mambu, xero"),
        ({"system": "mambu", "kind": "429-day"}, "kind: for mambu one of"),
        ({"system": "xero", "kind": "429", "seconds": 3}, "429 does not take seconds"),
        ({"system": "xero", "kind": "429", "nth": 0}, "nth: a whole number from 1"),
        ({"system": "xero", "kind": "429", "times": True}, "times: a whole number"),
        ({"system": "xero", "kind": "429", "path": "("}, "path: '\\(' is not a regular expression"),
        ({"system": "xero", "kind": "429", "method": 3}, "method: an HTTP method or null"),
        ({"system": "xero", "kind": "429", "retry_after": "2"}, "retry_after: a whole number"),
        ({"system": "xero", "kind": "delay", "seconds": float("nan")}, "seconds: a number from 0"),
        ({"system": "xero", "kind": "drop_after", "reset": 1}, "reset: true or false"),
        ({"system": "xero", "kind": "status"}, "status is missing"),
        ({"system": "xero", "kind": "status", "status": 100}, "status: a whole number from 200"),
        ({"system": "xero", "kind": "status", "status": 204, "body": "x"}, "status 204 must not have one"),
        ({"system": "xero", "kind": "status", "status": 500, "headers": {"a": "b\r\nc: d"}}, "value of a"),
        ({"system": "xero", "kind": "status", "status": 500, "headers": {"Content-Length": "3"}}, "be set"),
        ({"system": "xero", "kind": "status", "status": 500, "headers": 3}, "headers: an object"),
    ],
)
def test_nonsense_is_refused_whole(rule: object, message: str) -> None:
    """A wrong rule is refused with the member's name, and a list with one wrong rule adds none."""
    faults = Faults(SandboxClock())
    with pytest.raises(ValueError, match=message):
        faults.add([{"system": "xero", "kind": "429"}, rule])
    assert faults.rules() == []


async def test_the_log_tells_what_arrived(world: World, inside: httpx.AsyncClient) -> None:
    """The request log keeps path, query, key and a hash of the body, and both statuses."""
    world.rule("504")
    at = datetime(2026, 3, 5, 12, tzinfo=UTC)
    world.clock.freeze(at)
    await inside.put("/journals?a=1&b=2", content=b"x", headers={"Idempotency-Key": "k"})
    await inside.get("/journals")
    first, second = world.faults.log.documents()
    assert first == {
        "n": 1,
        "system": "xero",
        "method": "PUT",
        "path": "/journals",
        "query": "a=1&b=2",
        "idempotency_key": "k",
        "body_sha256": hashlib.sha256(b"x").hexdigest(),
        "status": 504,
        "app_status": 201,
        "fault": "504",
        "at": "2026-03-05T12:00:00+00:00",
    }
    assert (second["n"], second["status"], second["fault"], second["idempotency_key"]) == (2, 201, None, None)


def test_a_large_body_arrives_whole(real: World, client: httpx.Client) -> None:
    """A body that comes in many pieces reaches the stand-in as it was sent."""
    body = bytes(range(256)) * 8_000
    client.put("/journals", content=body)
    assert real.ledger.commits == [body]
