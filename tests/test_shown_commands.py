"""The commands that the pages show are run as they stand there: in a clone, against the sandbox.

Where a page has a placeholder, a port or an address of its own, that of the test takes its place.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from blocks.private_files import write_private
from blocks.sandbox.process import SandboxProcess, SandboxSettings
from tests.helpers import interrupts
from tests.helpers.documents import Shown, all_commands
from tests.helpers.prefect_server import ROOT, environment, free_port, wait_until

_SERVER = "prefect server start"
_WORKER = "prefect worker start --pool daybook"
_SANDBOX = "python -m flows.main sandbox --port 8765"
# What is run, in this order: the exit codes that it may have, and what it says. 1 is "something is open",
# for the sandbox has documents that wait for a person.
_RUN: dict[str, tuple[tuple[int, ...], str]] = {
    "prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api": ((0,), "Set 'PREFECT_API_URL'"),
    "python -m blocks register": ((0,), "Registered mambu-credentials"),
    "python -m blocks save default --env-file connection.env": ((0,), "Saved the payment connection default"),
    "python -m blocks save NAME": ((2,), "MAMBU_BASE_URL is missing"),  # for the environment has none
    "python -m blocks upgrade NAME": ((0,), "default is up to date"),
    "python -m flows.main --dry-run": ((0,), "a run would send"),
    "python -m flows.main --date 2026-11-20": ((0,), "tie out to the cent"),
    "python -m flows.main withdraw --date 2026-11-20": ((2,), "9 drafts would be deleted"),  # nobody to ask
    "python -m flows.main payments --dry-run": ((0, 1), "would be sent"),
    "python -m flows.main audit begin": ((0,), "Confirmed"),
    "python -m flows.main payments": ((0, 1), " sent"),
    "python -m flows.main audit": ((0, 1), " open"),
    "python -m flows.main audit discard KEY --reason R": ((0,), "is discarded"),
    "python -m flows.main audit undiscard KEY": ((0,), "is exception"),
    'python -m flows.main audit discard payment:XERO-ID --reason "entered manually"': ((0,), "is discarded"),
    "python -m flows.main audit discard --before-start --reason R": ((0,), "Discarded "),
    "python -m flows.main audit export FILE": ((0,), "Exported the decisions"),
    "python -m flows.main audit import FILE": ((0,), "Imported the decisions"),
    "python -m flows.main incidents": ((0, 1), "open incidents"),
    "prefect work-pool create daybook --type process": ((0,), "Created work pool 'daybook'"),
    "prefect --no-prompt deploy --all": ((0,), "'payments/rerun-payments' successfully created"),
    _WORKER: ((), "started"),
    "prefect deployment run journals/rerun-journals --param date=2026-11-20": ((0,), "Created flow run"),
    "prefect work-pool pause daybook": ((0,), "Paused"),
    "prefect work-pool resume daybook": ((0,), "Resumed"),
    "python -m flows.main automations --notify slack-webhook/finance": ((0,), "Daybook: a run went silent"),
    _SANDBOX: ((), '"env"'),
}
_EVENT = "curl -X POST http://127.0.0.1:4200/api/events "
# What only names a command, or is run elsewhere.
_NAMED = {
    "python -m flows.main COMMAND",
    "python -m flows.main audit discard",
    "python -m flows.main audit undiscard",
    "python -m blocks save",
    "prefect deploy",
}
_CLOUD = "prefect cloud webhook create "
_OF_CONTRIBUTORS = (".ci/run", "pip install ", "pre-commit ", "python -m pytest", "python -m sphinx ")
_PROGRAMS = [shown for shown in all_commands() if shown.command.startswith("python -m tests.")]


def test_every_command_is_run_or_has_a_reason_not_to_be() -> None:
    """A command of a page is among those that are run here, unless it needs what no test has."""
    left = {
        shown.command
        for shown in all_commands()
        if shown not in _PROGRAMS and not shown.command.startswith((_EVENT, _CLOUD, *_OF_CONTRIBUTORS))
    }
    assert left - _NAMED == {*_RUN, _SERVER}
    assert left >= _NAMED


class Clone:
    """A clone with a connection file, beside a Prefect server and a sandbox."""

    def __init__(self, folder: Path, sandbox: SandboxProcess) -> None:
        self.folder = folder / "clone"
        self.folder.mkdir()
        for name in ("flows", "blocks"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("prefect.yaml", "pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, self.folder / name)
        lines = "".join(f"{name}={value}\n" for name, value in sandbox.env.items())
        write_private(self.folder / "connection.env", lines.encode())
        self._port = free_port()
        self.sandbox_port = free_port()
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.env = environment(folder, PATH=programs, PREFECT_SERVER_API_PORT=str(self._port))
        self.key = ""

    def entered(self, command: str) -> str:
        """Return a command as a person enters it, with what is theirs in place of what a page has."""
        own = {
            "127.0.0.1:4200": f"127.0.0.1:{self._port}",
            "--port 8765": f"--port {self.sandbox_port}",
            "payment:XERO-ID": self.key,
            "KEY": self.key,
            "NAME": "default",
            "FILE": str(self.folder / "decisions"),
            "--reason R": "--reason 'entered manually'",
        }
        for shown, mine in own.items():
            command = command.replace(shown, mine)
        return command

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            ["bash", "-c", self.entered(command)],
            env=self.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @contextmanager
    def running(self, command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command that goes on, until it is interrupted at the end of the block."""
        with log.open("wb") as output:
            child = subprocess.Popen(
                ["bash", "-c", f"exec {self.entered(command)}"],
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=interrupts.let_through,
            )
            try:
                yield child
            finally:
                child.send_signal(signal.SIGINT)
                try:
                    child.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def healthy(self) -> bool:
        """Tell whether the server answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/api/health", timeout=5).is_success
        except httpx.HTTPError:
            return False


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    """Yield a clone whose server runs, started as a page says."""
    with SandboxProcess(SandboxSettings(tmp_path / "sandbox")) as sandbox:
        made = Clone(tmp_path, sandbox)
        with made.running(_SERVER, tmp_path / "server.log"):
            wait_until(made.healthy, 120, f"the Prefect server is not up; see {tmp_path / 'server.log'}")
            yield made


@pytest.mark.slow(minutes=5)
def test_the_commands_of_the_pages_run(clone: Clone, tmp_path: Path) -> None:
    """From the first connection to the worker, each command ends as it is to, none with a traceback."""
    (event,) = (shown.command for shown in all_commands() if shown.command.startswith(_EVENT))
    for command, (codes, said) in _RUN.items():
        if command in {_WORKER, _SANDBOX}:
            _serve(clone, command, tmp_path / "log", said)
            continue
        if "--notify" in command:
            _save_notification(clone)
        done = clone.run(command)
        told = " ".join((done.stdout + done.stderr).split())
        assert done.returncode in codes, (command, told)
        assert said in f" {told}", (command, told)
        assert "Traceback" not in told, (command, told)
        if command == "python -m flows.main audit":
            rows = json.loads(clone.run(f"{command} --json").stdout)["rows"]
            clone.key = next(row["key"] for row in rows if row["status"] == "exception")
    if shutil.which("curl"):
        done = clone.run(event)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


def _serve(clone: Clone, command: str, log: Path, said: str) -> None:
    pages = ("xero/", "ln/", "control") if command == _SANDBOX else ()
    with clone.running(command, log) as child:
        wait_until(lambda: said in log.read_text(), 60, f"{command} does not run; see {log}")
        assert child.poll() is None, log.read_text()
        for page in pages:
            httpx.get(f"http://127.0.0.1:{clone.sandbox_port}/{page}", timeout=60).raise_for_status()
    assert "Traceback" not in log.read_text(), log.read_text()


def _save_notification(clone: Clone) -> None:
    block = "from prefect.blocks.notifications import SlackWebhook as W"
    saved = clone.run(
        f"""python -c "{block}; W(url='https://hooks.slack.com/services/a').save('finance')" """
    )
    assert saved.returncode == 0, saved.stderr


@pytest.mark.slow
@pytest.mark.parametrize("shown", _PROGRAMS, ids=lambda shown: shown.command)
def test_programs_of_the_tests_have_the_options_shown(shown: Shown) -> None:
    """Each option that a page gives to a program of the tests is one of those that it says it has."""
    program, options = shown.words[2], [word for word in shown.words if word.startswith("--")]
    if not options:
        return
    done = subprocess.run(
        [sys.executable, "-m", program, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [one for one in options if one not in done.stdout] == []
