"""The command line: as a process where starting and ending is what matters, else in this one."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from click.testing import CliRunner
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, PREFECT_API_URL, temporary_settings

from blocks.__main__ import keep_database_private
from blocks.__main__ import main as blocks
from blocks.errors import UsageError
from blocks.sandbox.process import SandboxProcess, SandboxSettings
from blocks.store.block import open_store
from blocks.store.journals import Store
from blocks.store.models import ALL_DAYS, Lease
from tests.flows.cli.conftest import Command
from tests.helpers import interrupts
from tests.helpers.prefect_server import ROOT, environment, run, wait_until
from tests.helpers.sandboxed import DATE, Sandboxed

T = TypeVar("T")
NOISE = ("Traceback", "telemetry", "database is locked", "Warning", "WARNING", "ERROR")


@pytest.fixture
def env(prefect_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Give a test the server and a home of its own."""
    return {**prefect_env, "DAYBOOK_HOME": str(tmp_path / "home")}


@pytest.mark.slow
def test_the_first_run_creates_and_the_second_finds_all_there(env: dict[str, str], tmp_path: Path) -> None:
    """Run twice on one sandbox, the first creates every planned journal and ties out, the second none."""
    folder = tmp_path / "sandbox"
    command = ["flows.main", "--sandbox", "--sandbox-dir", str(folder), "--json", "--date", str(DATE)]
    first, second = run(command, env), run(command, env)

    one, two = json.loads(first.stdout), json.loads(second.stdout)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert one["journals_created"] == one["journals_planned"] > 0
    assert one["tied_out"] is two["tied_out"] is True
    assert two["journals_created"] == 0
    assert two["journals_already_in_xero"] == one["journals_planned"]
    assert "already in Xero" in two["message"]
    assert one["debits"] == one["credits"]
    assert list(one) == [
        "date", "connection", "status", "lines", "zero_lines", "journals_planned", "journals_created",
        "journals_already_in_xero", "debits", "credits", "currency", "tied_out", "mambu_calls", "xero_calls",
        "xero_bytes_read", "refused_as_too_many", "seconds", "flow_run_id", "looked_back", "held", "message",
    ]  # fmt: skip
    assert one["xero_bytes_read"] > 100 * one["lines"]
    assert first.stderr == second.stderr == ""
    # What holds customers' data is its owner's alone.
    places = (folder, Path(env["DAYBOOK_HOME"]), Path(env["PREFECT_HOME"]) / "storage")
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".parquet", ".sqlite3"}
    assert any(places[2] in path.parents for path in files)
    assert [str(path) for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_a_person_gets_a_table_and_a_sentence(at_sandbox: Command) -> None:
    """Without --json, a run ends with a table of the journals and what to do next, and no noise."""
    code, out, errors = at_sandbox("--date", str(DATE))

    assert code == 0, errors
    assert "Booking date" in out
    assert "approve the drafts in Xero" in " ".join(out.split())
    assert [word for word in NOISE if word in out + errors] == []


def test_without_a_connection_it_says_what_to_do(sandbox: Sandboxed, command: Command) -> None:
    """Without --sandbox and without a saved connection, it says what to do and exits 2."""
    code, _, errors = command()

    assert code == 2
    assert "python -m blocks save default" in " ".join(errors.split())
    assert "--sandbox" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("date", ["yesterday", "2026-02-30", "20-11-2026", ""])
def test_a_date_that_is_none_is_wrong_use(command: Command, date: str) -> None:
    """What is no date is said to be none at once, with an example, and exits 2."""
    code, out, errors = command("--date", date)

    assert code == 2
    assert "is not a date such as" in errors
    assert out == ""


@pytest.mark.parametrize(
    "words",
    [
        ["--date", "9999-12-31"],
        ["journals", "--date", "0001-01-01", "--json"],
        ["payments", "--since", "0001-01-01"],
        ["payments", "--since", "0001-01-01T00:00:00+14:00"],
        ["payments", "--until", "9999-12-31T23:59:59-12:00"],
        ["payments", "--date", "9999-12-31"],
        ["withdraw", "--yes", "--date", "0001-01-01"],
        ["incidents", "--date", "1999-12-31"],
        ["audit", "--since", "0001-01-01T00:00:00+14:00"],
    ],
)
def test_a_date_that_nobody_can_mean_is_wrong_use(words: list[str], home: Path, command: Command) -> None:
    """Any command says in one line which date cannot be asked for, exits 2, and makes no store for it."""
    code, out, errors = command(*words, "--sandbox")

    option = next(word for word in words if word in {"--date", "--since", "--until"})
    assert code == 2
    assert len(errors.splitlines()) == 1
    assert errors.startswith(f"{option} ")
    assert "between 2000-01-01 and 2999-12-31" in errors
    assert ("--json" in words) == bool(out)
    assert list(home.rglob("*.sqlite3")) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["payment"], "No such command 'payment'. Did you mean 'payments'?"),
        (["--dte", "2026-11-20"], "No such option '--dte'. Did you mean '--date'?"),
        (["--dry-run", "payments"], "Got unexpected extra argument (payments)"),
    ],
)
def test_a_word_that_is_no_command_is_not_taken_for_one_of_the_default(
    words: list[str], said: str, command: Command
) -> None:
    """A slip in a command is told as such, one in an option as one of the command that may be left out."""
    code, out, errors = command(*words)

    assert (code, out) == (2, "")
    assert errors.splitlines()[-1] == f"Error: {said}"
    assert ("main journals" in errors) == (words != ["payment"])


@pytest.mark.parametrize("name", ["incidents", "audit", "journals", "payments"])
def test_an_emptied_record_is_told_in_one_line(name: str, home: Path, command: Command) -> None:
    """Whichever command meets a record that was emptied, it says so in one line, and exits 1."""
    home.mkdir()
    file = home / "daybook.sqlite3"
    file.touch()
    code, out, errors = command(name, "--sandbox-dir", str(home))

    assert (code, out) == (1, "")
    (only,) = errors.splitlines()
    assert only.startswith(f"The file {file} is there, and there is no store in it any more.")
    assert file.stat().st_size == 0


def test_an_unfinished_day_is_refused_in_json_as_well(at_sandbox: Command) -> None:
    """With --json, a refusal is one JSON object of status failed, and the exit code is 1."""
    code, out, errors = at_sandbox("--json", "--date", "2999-01-01")

    told = json.loads(out)
    assert code == 1
    assert told["status"] == "failed"
    assert "not over yet" in told["message"]
    assert "Traceback" not in errors


STOPPED = "Interrupted. Nothing is lost: run the same command again."
SIGNALS = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)


def started(words: list[str], env: dict[str, str], number: signal.Signals) -> subprocess.Popen[str]:
    """Start a command that is to be stopped by a signal: for SIGTERM one that ignores interrupts.

    So it is in the background of a shell, where Ctrl-C does not come.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "flows.main", *words],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interrupts.let_through if number == signal.SIGINT else interrupts.ignored,
    )


@pytest.mark.slow
@SIGNALS
def test_a_command_that_is_stopped_ends_cleanly(
    env: dict[str, str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Stopped while it starts, a run ends with one sentence, no traceback, and no sandbox left."""
    held = tmp_path / "sandbox" / "lock"
    child = started(["--sandbox", "--sandbox-dir", str(held.parent)], env, number)
    wait_until(held.exists, 60, "its sandbox does not start")
    child.send_signal(number)
    out, errors = child.communicate(timeout=60)

    assert (child.returncode, out, errors.strip()) == (code, "", STOPPED)
    with held.open("a") as lock:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.fixture(scope="module")
def served(prefect_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """Serve the stand-ins, to which connections of both kinds lead that are saved as `served`."""
    with SandboxProcess(SandboxSettings(tmp_path_factory.mktemp("served"))) as sandbox:
        saved = run(["blocks", "save", "served"], {**prefect_env, **sandbox.env})
        assert saved.returncode == 0, saved.stderr
        yield sandbox


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "command", "place"),
    [
        (signal.SIGINT, 130, "journals", "gljournalentries:search"),
        (signal.SIGTERM, 143, "payments", "Payments"),
    ],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_a_run_that_is_stopped_at_work_ends_cleanly(
    env: dict[str, str], served: SandboxProcess, number: signal.Signals, code: int, command: str, place: str
) -> None:
    """Stopped at work, a run of either connector says so in one JSON object, and releases its lease."""
    system = "mambu" if command == "journals" else "xero"
    hang = {"system": system, "path": place, "kind": "hang", "times": 0}
    with httpx.Client(base_url=f"{served.url}/control", timeout=60) as control:
        control.delete("/requests").raise_for_status()
        control.post("/faults", json=hang).raise_for_status()
        child = started([command, "--connection", "served", "--json"], env, number)
        wait_until(
            lambda: any(place in one["path"] for one in control.get("/requests").json()),
            60,
            "it began nothing",
        )
        child.send_signal(number)
        out, errors = child.communicate(timeout=60)
        control.delete("/faults").raise_for_status()

    assert (child.returncode, errors.strip()) == (code, STOPPED)
    assert json.loads(out) == {"status": "failed", "message": STOPPED}
    assert in_store(served, lambda store: store.leases.of(command, "served")) == []


def in_store(served: SandboxProcess, action: Callable[[Store], Awaitable[T]]) -> T:
    """Do something with the store of the connections that are saved as `served`."""

    async def run() -> T:
        async with open_store(served.env["DAYBOOK_STORE_URL"]) as store:
            return await action(store)

    return asyncio.run(run())


@pytest.mark.parametrize("words", [["journals"], ["payments"], ["withdraw", "--yes"]])
def test_what_a_run_waits_for_is_said_beside_its_json(
    sandbox: Sandboxed, at_sandbox: Command, words: list[str]
) -> None:
    """With --json, and without a terminal, stderr says for which other run a run waits."""
    payments = words == ["payments"]
    flow, day = ("payments", ALL_DAYS) if payments else ("journals", DATE)
    store = sandbox.payment_connection().store if payments else sandbox.connection().store
    now = dt.datetime.now(dt.UTC)
    other = Lease(flow, "default", day, "the-other-run", "elsewhere", "send", now, now)

    async def take() -> None:
        async with store.open() as opened:
            await opened.leases.take(other, only_one_here=False)

    async def release() -> None:
        async with store.open() as opened:
            await opened.leases.release(other)

    asyncio.run(sandbox.confirm(sandbox.payment_connection()))
    asyncio.run(take())
    ends = threading.Timer(1.5, lambda: asyncio.run(release()))
    ends.start()
    _, out, errors = at_sandbox(*words, "--json", *([] if payments else ["--date", str(DATE)]))
    ends.join()

    assert "The run the-other-run is working on" in errors
    assert "Waiting until it ends" in errors
    assert isinstance(json.loads(out), dict)


IN_EXEC = "exec('raise KeyboardInterrupt')"
IN_PYDANTIC = (
    "import pydantic\n"
    "    class Stopped(pydantic.BaseModel):\n"
    "        @pydantic.model_serializer\n"
    "        def stopped(self): raise KeyboardInterrupt\n"
    "    Stopped().model_dump()"
)


@pytest.mark.parametrize("place", [IN_EXEC, IN_PYDANTIC])
def test_an_interrupt_anywhere_ends_with_the_same_exit_code(tmp_path: Path, place: str) -> None:
    """Interrupted within an exec(), or where pydantic makes an error of it, a command exits 130."""
    (tmp_path / "interrupted.py").write_text(
        "import click\n"
        "from blocks.process import run_command\n"
        "@click.group(invoke_without_command=True)\n"
        "def main():\n"
        f"    {place}\n"
        "run_command(main, 'interrupted')\n",
        encoding="utf-8",
    )

    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 130
    assert done.stderr.strip() == "Interrupted. Nothing is lost: run the same command again."


@contextmanager
def sandbox_command(folder: Path, env: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Run the command `sandbox`, yield its first line, and interrupt it: it has to end with 0."""
    command = [sys.executable, "-m", "flows.main", "sandbox", "--dir", str(folder)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=interrupts.let_through,
    ) as child:
        assert child.stdout is not None
        try:
            yield json.loads(child.stdout.readline())
        finally:
            child.send_signal(signal.SIGINT)
    assert child.returncode == 0


@pytest.mark.slow
def test_the_sandbox_prints_what_a_connection_needs(env: dict[str, str], tmp_path: Path) -> None:
    """The first line of `sandbox` is an object whose `env` saves a connection that works."""
    with sandbox_command(tmp_path / "served", env) as told:
        saved = run(["blocks", "save", "from-sandbox"], {**env, **told["env"]})
        assert saved.returncode == 0, saved.stderr
        done = run(["flows.main", "--connection", "from-sandbox", "--json", "--date", str(DATE)], env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["connection"] == "from-sandbox"


def test_saving_names_all_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`blocks save` without variables names every one it needs, in one message, and exits 2."""
    names = ("MAMBU_BASE_URL", "MAMBU_API_KEY", "XERO_CLIENT_ID", "XERO_CLIENT_SECRET")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    error = CliRunner().invoke(blocks, ["save", "nothing"]).exception

    assert isinstance(error, UsageError)
    assert error.exit_code == 2
    assert [name for name in names if name not in str(error)] == []


@pytest.mark.slow
def test_saving_makes_prefects_database_private(tmp_path: Path) -> None:
    """Where `blocks save` is the first to use Prefect, its owner alone can read the database it makes."""
    made = {
        "MAMBU_BASE_URL": "https://mambu.example/api",
        "MAMBU_API_KEY": "key",
        "XERO_CLIENT_ID": "id",
        "XERO_CLIENT_SECRET": "secret",
    }
    old = os.umask(0o022)
    try:
        done = run(["blocks", "save", "kept"], environment(tmp_path, **made))
    finally:
        os.umask(old)

    assert done.returncode == 0, done.stderr
    files = [*(tmp_path / "prefect").glob("prefect.db*")]
    assert files
    assert {stat.S_IMODE(file.stat().st_mode) & 0o077 for file in files} == {0}


def test_saving_takes_the_rights_of_others_off_prefects_database(tmp_path: Path) -> None:
    """A database of Prefect's that others could read is its owner's alone before a secret comes into it."""
    files = [tmp_path / name for name in ("prefect.db", "prefect.db-wal")]
    for file in files:
        file.touch(mode=0o644)
    url = f"sqlite+aiosqlite:///{files[0]}"
    with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: url}, restore_defaults={PREFECT_API_URL}):
        keep_database_private()
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]


@pytest.mark.slow
def test_blocks_are_registered(env: dict[str, str]) -> None:
    """`blocks register` makes the block types known to Prefect."""
    done = run(["blocks", "register"], env)

    assert done.returncode == 0, done.stderr
    assert "journal-connection" in done.stdout


def test_a_taken_sandbox_is_said_to_be_taken(sandbox: Sandboxed, command: Command) -> None:
    """A sandbox folder that another run uses is refused with one sentence that names it."""
    folder = sandbox.directory
    code, _, errors = command("--sandbox-dir", str(folder))
    assert code == 1
    assert str(folder) in errors
    assert "Traceback" not in errors
