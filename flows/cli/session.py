"""How commands on this machine reach a connection, the sandbox and the store, and run a flow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from blocks.errors import DaybookError
from blocks.private_files import home, keep_new_files_private, private_folder
from blocks.process import end_soon_when_interrupted
from blocks.sandbox.process import SandboxProcess, SandboxSettings, store_url

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from blocks.store.journals import Store
    from flows.cli.screen import Screen

T = TypeVar("T")
SANDBOX = "sandbox"


def sandbox_directory(directory: Path | None) -> Path:
    """Return the folder in which a sandbox keeps its state; it need not exist yet."""
    return directory.expanduser() if directory else home() / "sandbox"


def in_store(
    connection: str, sandbox: Path | None, action: Callable[[Store, str], Awaitable[T]]
) -> tuple[T, str]:
    """Do something with the open store of a connection; return its result and the connection's name.

    The sandbox need not run.
    """

    async def run() -> tuple[T, str]:
        from blocks.connections.payments import store_of
        from blocks.store.block import open_store

        if sandbox is None:
            found, name = (await store_of(connection)).open(), connection
        else:
            private_folder(sandbox)
            await _upgrade(sandbox)
            found, name = open_store(store_url(sandbox)), _sandbox_name(connection)
        async with found as store:
            return await action(store, name), name

    return _run(run())


def _run(work: Coroutine[Any, Any, T]) -> T:
    import asyncio  # not at the top, where it would slow down the help of every command

    return asyncio.run(work)


async def _upgrade(sandbox: Path) -> None:
    """Bring the store of an older Daybook's sandbox up to date: nobody else uses it."""
    from blocks.store.block import open_store

    await open_store(store_url(sandbox)).upgrade()


def _sandbox_name(connection: str) -> str:
    return SANDBOX if connection == "default" else connection


@contextmanager
def connected(
    connection: str, sandbox: Path | None, kind: Literal["journals", "payments"] = "journals"
) -> Iterator[str]:
    """Let runs inside this block use a connection, which leads to a sandbox where one is given.

    Yields the connection's name.
    """
    keep_new_files_private()
    with _sandbox(sandbox) as running:
        # Imported while the sandbox starts: both take a second or two.
        from blocks.connections import environment, lookup
        from flows.journals import send  # noqa: F401 - most of what the flows need

        provided: dict[str, Any] = {}
        if sandbox is not None and running is not None:
            connection = _sandbox_name(connection)
            _run(_upgrade(sandbox))
            env = _environment(running, sandbox)
            if kind == "journals":
                provided[connection] = environment.journal_connection(env)
            else:
                provided[connection] = environment.payment_connection(env)
        with lookup.provided(provided):
            yield connection


def run_watched(screen: Screen[T], flow: Any, parameters: dict[str, Any]) -> T:
    """Run a flow in this process while a screen shows its progress; return the flow's outcome."""
    from flows.runtime.artifacts import observed_by

    async def run() -> State[Any]:
        end_soon_when_interrupted()
        ended: State[Any] = await flow(**parameters, return_state=True)
        return ended

    with screen, observed_by(screen):
        state = _run(run())
    if screen.outcome is None:
        raise DaybookError(f"The run failed before it started. {state.message}")
    return screen.outcome


@contextmanager
def _sandbox(directory: Path | None) -> Iterator[SandboxProcess | None]:
    """Start the sandbox, without waiting for it, and stop it at the end."""
    if directory is None:
        yield None
        return
    process = SandboxProcess(SandboxSettings(private_folder(directory), _port_of(directory)))
    process.start()
    try:
        yield process
    finally:
        process.stop()


def _environment(process: SandboxProcess, directory: Path) -> dict[str, str]:
    """Wait for the sandbox and return the environment variables that lead to it."""
    process.wait()
    # The same port every time, so that links to its pages, and what is cached of it, stay valid.
    (directory / "port").write_text(str(urlsplit(process.url).port))
    return process.env


def _port_of(directory: Path) -> int:
    try:
        return int((directory / "port").read_text())
    except (OSError, ValueError):
        return 0
