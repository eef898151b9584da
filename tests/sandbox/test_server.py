"""The sandbox as a process: how it starts, what it refuses, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from blocks.sandbox.app import Sandbox, build
from blocks.sandbox.process import SandboxError, SandboxProcess, SandboxSettings
from blocks.sandbox.world import chart
from tests.helpers import interrupts

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """One sandbox for the tests that only look at it."""
    settings = SandboxSettings(tmp_path_factory.mktemp("state") / "sandbox", lines_per_day=40)
    with SandboxProcess(settings) as process:
        yield process


def _token(env: dict[str, str]) -> dict[str, str]:
    answer = httpx.post(
        env["XERO_TOKEN_URL"],
        auth=(env["XERO_CLIENT_ID"], env["XERO_CLIENT_SECRET"]),
        data={"grant_type": "client_credentials", "scope": env["XERO_SCOPES"]},
        timeout=60,
    )
    return {
        "Authorization": f"Bearer {answer.json()['access_token']}",
        "xero-tenant-id": env["XERO_TENANT_ID"],
        "Accept": "application/json",
    }


def _gone(url: str) -> bool:
    """Whether nothing listens there any more, or comes to be so in time."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))):
                return True
        time.sleep(0.05)
    return False


def _command(directory: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "blocks.sandbox", "--dir", str(directory), "--lines-per-day", "40", *more]


def test_the_announced_environment_leads_to_xero(running: SandboxProcess) -> None:
    """With nothing but the announced variables a client gets a token and reads the organisation."""
    env = running.env
    answer = httpx.get(f"{env['XERO_BASE_URL']}/Organisation", headers=_token(env), timeout=60)
    assert answer.json()["Organisations"][0]["Name"] == chart.ORGANISATION_NAME


def test_the_announced_environment_leads_to_mambu(running: SandboxProcess) -> None:
    """With nothing but the announced variables a client reads Mambu's accounts, and knows who gets tasks."""
    env = running.env
    headers = {"apiKey": env["MAMBU_API_KEY"], "Accept": "application/vnd.mambu.v2+json"}
    answer = httpx.get(f"{env['MAMBU_BASE_URL']}/glaccounts?type=ASSET", headers=headers, timeout=60)
    assert "1010" in [account["glCode"] for account in answer.json()]
    assert json.loads(env["DAYBOOK_ACCOUNT_MAP"]) == chart.ACCOUNT_MAP
    key = env["DAYBOOK_ASSIGNED_USER_KEY"]
    assert httpx.get(f"{env['MAMBU_BASE_URL']}/users/{key}", headers=headers, timeout=60).status_code == 200


def test_the_announced_pages_answer(running: SandboxProcess) -> None:
    """Every page the announcement names can be opened."""
    assert running.pages
    for page in running.pages.values():
        assert httpx.get(page, follow_redirects=True, timeout=60).status_code == 200


def test_small_answers_leave_at_once(running: SandboxProcess) -> None:
    """Requests on a kept connection do not wait for delayed acknowledgements (40 ms each)."""
    with httpx.Client(timeout=60) as client:
        took = []
        for _ in range(25):
            begin = time.perf_counter()
            client.get(f"{running.url}/control/clock", timeout=60)
            took.append(time.perf_counter() - begin)
    # Each would wait for them: on a busy machine some take longer anyhow.
    assert min(took) < 0.03


def test_the_state_is_for_this_user_only(running: SandboxProcess) -> None:
    """The directory is 0700 and every file in it 0600."""
    directory = running._settings.directory
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    files = list(directory.iterdir())
    assert len(files) >= 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_second_one_on_the_same_directory_is_refused(running: SandboxProcess) -> None:
    """A directory in use gives one line that names it and what to do, and exit code 1."""
    with pytest.raises(SandboxError, match="another directory with --dir") as caught:
        SandboxProcess(running._settings).wait()
    message = str(caught.value)
    assert (caught.value.exit_code, message.count("\n")) == (1, 0)
    assert str(running._settings.directory) in message
    assert str(running.pid) in message


def test_a_taken_port_is_refused(running: SandboxProcess, tmp_path: Path) -> None:
    """A port in use gives one line that names it and what to do, and exit code 2."""
    port = int(running.url.rpartition(":")[2])
    with pytest.raises(SandboxError, match=rf"Port {port} .* with --port") as caught:
        SandboxProcess(SandboxSettings(tmp_path, port=port)).wait()
    assert (caught.value.exit_code, str(caught.value).count("\n")) == (2, 0)


def test_broken_state_is_named(tmp_path: Path) -> None:
    """A state file that is no database gives one line that names the directory, and exit code 1."""
    build(SandboxSettings(tmp_path, lines_per_day=40)).close()
    databases = [file for file in tmp_path.iterdir() if file.read_bytes()[:6] == b"SQLite"]
    assert len(databases) == 3
    for database in databases:
        content = database.read_bytes()
        database.write_bytes(b"no database at all" * 500)
        with pytest.raises(SandboxError, match="begin afresh") as caught:
            SandboxProcess(SandboxSettings(tmp_path)).wait()
        assert (caught.value.exit_code, str(caught.value).count("\n")) == (1, 0)
        database.write_bytes(content)


@pytest.mark.parametrize(("number", "busy"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: int, busy: bool) -> None:
    """Told to stop, it ends with exit code 0 and not a word, even with a request under way."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        _command(tmp_path), cwd=ROOT, stdout=pipe, stderr=pipe, preexec_fn=interrupts.let_through
    ) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        httpx.post(f"{url}/control/faults", json={"system": "mambu", "kind": "hang"}, timeout=60)
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as connection:
            if busy:
                connection.sendall(b"GET /api/branches HTTP/1.1\r\nHost: localhost\r\n\r\n")
                while not httpx.get(f"{url}/control/requests", timeout=60).json():
                    time.sleep(0.01)
            process.send_signal(number)
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, b"", b"")


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """A parent killed outright takes the sandbox with it."""
    program = (
        "import sys, time; from pathlib import Path\n"
        "from blocks.sandbox.process import SandboxProcess, SandboxSettings\n"
        "process = SandboxProcess(SandboxSettings(Path(sys.argv[1]), lines_per_day=40)); process.wait()\n"
        "print(process.url, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert httpx.get(f"{url}/control/clock", timeout=60).status_code == 200
        parent.kill()
    assert _gone(url)


def test_starting_does_not_wait(tmp_path: Path) -> None:
    """start returns long before the child is ready; wait then finds it; stop ends it and can be repeated."""
    process = SandboxProcess(SandboxSettings(tmp_path, lines_per_day=40))
    process.start()
    assert (process.url, process.env) == ("", {})
    process.wait()
    url = process.url
    assert httpx.get(f"{url}/control/clock", timeout=60).status_code == 200
    assert os.getpgid(process.pid or 0) != os.getpgid(0)
    process.stop()
    process.stop()
    assert _gone(url)


def test_a_restart_finds_everything(tmp_path: Path) -> None:
    """What was written before a SIGKILL is there after the next start on the same directory."""
    settings = SandboxSettings(tmp_path, lines_per_day=40)
    journal = {
        "Narration": "Kept",
        "JournalLines": [{"LineAmount": 5, "AccountCode": "4000"}, {"LineAmount": -5, "AccountCode": "1200"}],
    }
    with SandboxProcess(settings) as process:
        base = process.env["XERO_BASE_URL"]
        answer = httpx.put(f"{base}/ManualJournals", headers=_token(process.env), json=journal, timeout=60)
        created = answer.json()["ManualJournals"][0]["ManualJournalID"]
        os.kill(process.pid or 0, signal.SIGKILL)
    with SandboxProcess(settings) as process:
        answer = httpx.get(
            f"{process.env['XERO_BASE_URL']}/ManualJournals/{created}",
            headers=_token(process.env),
            timeout=60,
        )
        assert answer.json()["ManualJournals"][0]["Narration"] == "Kept"


@pytest.mark.parametrize(
    "arguments", [["--port", "70000"], ["--lines-per-day", "-1"], ["--lines-per-day", "1"], ["--port", "x"]]
)
def test_wrong_arguments_are_named(tmp_path: Path, arguments: list[str]) -> None:
    """An argument out of range is a usage error, not a traceback."""
    done = subprocess.run(
        _command(tmp_path, *arguments), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert arguments[0].strip("-").split("-")[0] in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:80", "LOCALHOST", "[::1]:8000", "[::1]", "127.0.0.1:9"]
)
async def test_loopback_names_are_let_in(inside: httpx.AsyncClient, host: str) -> None:
    """A request addressed to this machine by any of its own names is answered."""
    answer = await inside.get("/control/clock", headers={"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", ""]
)
async def test_other_names_are_refused(inside: httpx.AsyncClient, host: str) -> None:
    """A request addressed to any other name is refused on every path, as DNS rebinding would come."""
    for path in ("/", "/xero/", "/control/clock", "/api/branches", "/api.xro/2.0/Organisation", "/nothing"):
        answer = await inside.get(path, headers={"Host": host})
        assert (answer.status_code, "127.0.0.1 or localhost" in answer.text) == (403, True)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:1", 200),
        ("http://127.0.0.1:2", 403),
        ("http://localhost:3000", 403),
        ("https://127.0.0.1:1", 403),
        ("https://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("null", 403),
    ],
)
async def test_pages_of_other_sites_are_refused(inside: httpx.AsyncClient, origin: str, status: int) -> None:
    """A form of another site, or of another port here, cannot move the clock through a browser."""
    body = {"advance_seconds": 60}
    answer = await inside.post("/control/clock", json=body, headers={"Origin": origin})
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/control/faults", "/api/tasks", "/connect/token", "/xero/", "/ln/"])
@pytest.mark.parametrize("stated", [True, False])
async def test_a_body_has_a_bound(
    inside: httpx.AsyncClient, path: str, monkeypatch: pytest.MonkeyPatch, *, stated: bool
) -> None:
    """A body beyond the bound is refused on every path, whether it says its length or comes in parts."""
    monkeypatch.setattr("blocks.sandbox.app.LARGEST_BODY", 1 << 20)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield bytes(1 << 16)

    headers = {"Content-Length": str((1 << 20) + 1)} if stated else {}
    answer = await inside.post(path, content=b"" if stated else parts(), headers=headers)

    assert answer.status_code == 413, answer.text
    assert "no body larger than" in answer.text


async def test_every_prefix_has_its_system(sandbox: Sandbox, inside: httpx.AsyncClient) -> None:
    """Requests reach the system their path belongs to, and only those of the two systems are logged."""
    of_xero = ("/connect/token", "/connections", "/api.xro/2.0/X")
    for path in ("/api/x", *of_xero, "/xero/", "/control", "/nothing"):
        await inside.get(path)
    logged = [(entry["system"], entry["path"]) for entry in sandbox.faults.log.documents()]
    assert logged == [("mambu", "/api/x"), *(("xero", path) for path in of_xero)]


async def test_an_unknown_path_points_to_what_there_is(inside: httpx.AsyncClient) -> None:
    """A path of nobody's is answered 404 with where to look."""
    answer = await inside.get("/nothing")
    assert (answer.status_code, "/control" in answer.text) == (404, True)


async def test_a_fault_strikes_the_assembled_system(inside: httpx.AsyncClient) -> None:
    """A rule posted to the control path strikes the next request of its system and shows in the log."""
    await inside.post(
        "/control/faults", json={"system": "xero", "kind": "503-maintenance", "path": "/Accounts$"}
    )
    answer = await inside.get("/api.xro/2.0/Accounts")
    assert (answer.status_code, answer.text) == (503, "The Xero API is currently offline for maintenance")
    assert (await inside.get("/control/requests")).json()[0]["fault"] == "503-maintenance"
