"""An ASGI application on a port of this machine: the HTTP server, its socket, its lock and its end."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from blocks.sandbox.asgi import ASGIApp
from blocks.sandbox.faults.layer import TRANSPORT
from blocks.sandbox.process import SandboxError


class _Protocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with the connection left where a fault can close it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class Stop:
    """The wish that the server end, from a signal or from the parent's end, at whatever moment it comes."""

    def __init__(self) -> None:
        self._wanted = False
        self._server: uvicorn.Server | None = None

    def want(self, *_: object) -> None:
        """Ask for the end; also fit to be a signal handler."""
        self._wanted = True
        if self._server is not None:
            self._server.should_exit = True

    def attach(self, server: uvicorn.Server) -> None:
        """Pass the wish on to `server`, now or later."""
        self._server = server
        server.should_exit = self._wanted

    def when_stdin_ends(self) -> None:
        """Want it once nobody holds the other end of standard input any more."""

        def watch() -> None:
            # The descriptor itself: a thread blocked in sys.stdin would stall the interpreter's end.
            while os.read(0, 4096):
                pass
            self.want()

        threading.Thread(target=watch, name="stop-with-parent", daemon=True).start()


def http_server(app: ASGIApp) -> uvicorn.Server:
    """Return the server for `app`, quiet unless something is wrong; `run(sockets=[...])` serves."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        interface="asgi3",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # the sandbox states its own time
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    logging.getLogger("uvicorn.error").addFilter(_not_about_stopping)
    return uvicorn.Server(config)


def _not_about_stopping(record: logging.LogRecord) -> bool:
    """Drop what uvicorn says about requests it cuts short when told to stop: it was told to."""
    cancelled = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not (cancelled or "timeout graceful shutdown exceeded" in str(record.msg))


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory, made if missing, for this process alone; SandboxError when another has it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SandboxError(f"The directory {directory} cannot be used: {error.strerror}.") from None
    with open(descriptor, "r+") as lock:  # noqa: PTH123 - it is a descriptor, not a path
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read(20).strip()
            raise SandboxError(
                f"Another sandbox{f' (process {holder})' if holder else ''} is using {directory}. "
                "Stop it, or choose another directory with --dir."
            ) from None
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def listening(port: int) -> socket.socket:
    """Return a listening socket on loopback; SandboxError with exit code 2 when the port is taken."""
    # asyncio switches off Nagle's delay only on sockets that say they are TCP; with protocol 0, every
    # small answer on a kept connection would wait some 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # So that a restart need not wait for the connections of the run before to be forgotten.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise SandboxError(
            f"Port {port} on 127.0.0.1 {reason}. Choose another one with --port, or 0 for any free one.", 2
        ) from None
    return listener
