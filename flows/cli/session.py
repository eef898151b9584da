"""A run started by hand on this machine: with or without the sandbox, watched in the terminal."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from blocks.errors import DaybookError
from blocks.process import end_soon_when_interrupted, home, keep_new_files_private, private_folder
from blocks.sandbox.process import SandboxProcess, SandboxSettings, store_url

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from blocks.store.journals import Store
    from flows.cli.screen import Bars
    from flows.journals.report.summary import Summary


SANDBOX = "sandbox"


def sandbox_directory(directory: Path | None) -> Path:
    """Return where a sandbox keeps its state, creating the folder."""
    return private_folder(directory.expanduser() if directory else home() / "sandbox")


def run_journals(parameters: dict[str, Any], connection: str, sandbox: Path | None, *, as_json: bool) -> int:
    """Run the journals flow in this process, show it, and return the exit code."""
    with reached(connection, sandbox) as name:
        from flows.cli.screen import Screen
        from flows.journals.flow import journals

        screen = Screen(as_json=as_json)
        state = watched(screen, journals, {**parameters, "connection": name})
    if screen.summary is None:
        raise DaybookError(f"The run ended before it began: {state.message}")
    screen.show(sandbox)
    return exit_code(screen.summary, screen.error)


def exit_code(summary: Summary, error: DaybookError | None) -> int:
    """Return what the command line ends with after a run of the journals."""
    if error is not None:
        return error.exit_code
    return 1 if summary.open or summary.status == "failed" else 0


def show_incidents(
    connection: str, sandbox: Path | None, date: dt.date | None, *, only_open: bool, as_json: bool
) -> int:
    """Show the incidents of a connection, and return the exit code. The sandbox need not run for it."""
    from flows.cli import incidents as incidents_shown

    async def shown() -> int:
        store, name = await opened_store(connection, sandbox)
        return await incidents_shown.show(store, name, date, only_open=only_open, as_json=as_json)

    return asyncio.run(shown())


async def opened_store(connection: str, sandbox: Path | None) -> tuple[Store, str]:
    """Return the store of a connection, not yet open, and the connection's name. The sandbox need not run."""
    from blocks.connections.payments import store_of
    from blocks.store.block import open_store

    if sandbox is None:
        return (await store_of(connection)).open(), connection
    await _up_to_date(sandbox)
    return open_store(store_url(sandbox)), SANDBOX if connection == "default" else connection


async def _up_to_date(sandbox: Path) -> None:
    """Bring the record of an older Daybook's sandbox up to date: nobody else is at work on it."""
    from blocks.store.block import open_store

    await open_store(store_url(sandbox)).upgrade()


@contextmanager
def reached(
    connection: str, sandbox: Path | None, kind: Literal["journals", "payments"] = "journals"
) -> Iterator[str]:
    """Let runs inside this block reach a connection, in a sandbox where there is one; yields its name."""
    keep_new_files_private()
    with _sandbox(sandbox) as running:
        # Imported while the sandbox starts: both take a second or two.
        from blocks.connections import environment, lookup
        from flows.journals import send  # noqa: F401 - most of what the flows need

        provided: dict[str, Any] = {}
        if sandbox is not None and running is not None:
            connection = SANDBOX if connection == "default" else connection
            asyncio.run(_up_to_date(sandbox))
            announced = _announced(running, sandbox)
            if kind == "journals":
                provided[connection] = environment.journal_connection(announced)
            else:
                provided[connection] = environment.payment_connection(announced)
        with lookup.provided(provided):
            yield connection


def watched(screen: Bars, flow: Any, parameters: dict[str, Any]) -> State[Any]:
    """Run a flow in this process, and let a screen watch it."""
    from flows.runtime import artifacts as reports

    async def run() -> State[Any]:
        end_soon_when_interrupted()
        ended: State[Any] = await flow(**parameters, return_state=True)
        return ended

    with screen, reports.observed_by(screen):
        return asyncio.run(run())


@contextmanager
def _sandbox(directory: Path | None) -> Iterator[SandboxProcess | None]:
    """Start the sandbox, without waiting for it, and stop it at the end."""
    if directory is None:
        yield None
        return
    process = SandboxProcess(SandboxSettings(directory, _port_of(directory)))
    process.start()
    try:
        yield process
    finally:
        process.stop()


def _announced(process: SandboxProcess, directory: Path) -> dict[str, str]:
    """Wait for the sandbox and return the environment that leads to it."""
    process.wait()
    # The same port every time, so that links to its pages stay good, and what is cached of it.
    (directory / "port").write_text(str(urlsplit(process.url).port))
    return process.env


def _port_of(directory: Path) -> int:
    try:
        return int((directory / "port").read_text())
    except (OSError, ValueError):
        return 0
