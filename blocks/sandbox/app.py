"""The sandbox put together, and served: one process, one port, loopback only.

/api/...                                   Mambu
/connect/token /connections /api.xro/...   Xero
/DAYBOOK_DEM/...                           Infor LN behind the ION gateway
/ , /xero/... and /ln/...                  pages for people
/control/...                               the sandbox's own switches
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from contextlib import closing
from email.utils import format_datetime
from pathlib import Path

from blocks.sandbox.asgi import TEXT, Answer, ASGIApp, Message, Receive, Scope, Send, send_answer
from blocks.sandbox.clock import SandboxClock
from blocks.sandbox.control import Control
from blocks.sandbox.faults.layer import Faults
from blocks.sandbox.infor_ln import app as ln
from blocks.sandbox.mambu import app as mambu
from blocks.sandbox.pages.app import Pages
from blocks.sandbox.process import IONAPI_FILE, SandboxError, SandboxProcess, SandboxSettings, store_url
from blocks.sandbox.serving import Stop, http_server, listening, locked
from blocks.sandbox.world import chart
from blocks.sandbox.xero import app as xero

__all__ = ["Sandbox", "SandboxError", "SandboxProcess", "SandboxSettings", "announcement", "build", "serve"]

_LOOPBACK = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})
LARGEST_BODY = 64 << 20
_LENGTH_DIGITS = 20


def _plain(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), TEXT)


_NOT_LOOPBACK = _plain(403, "This sandbox answers only requests addressed to 127.0.0.1 or localhost.\n")
_FOREIGN_PAGE = _plain(403, "This sandbox refuses requests from pages of other sites.\n")
_TOO_LARGE = _plain(413, "This sandbox accepts no body larger than 64 MiB.\n")
_NOTHING_HERE = _plain(
    404, "Nothing is served here. /control lists the sandbox's paths, and its pages start at /.\n"
)


class Sandbox:
    """The whole sandbox as one ASGI application.

    The parts are open to tests: `clock`, `faults`, `mambu`, `xero`, `ln`. `close` when done.
    """

    def __init__(self, settings: SandboxSettings, clock: SandboxClock, faults: Faults) -> None:
        self.clock = clock
        self.faults = faults
        self.mambu = mambu.MambuStandIn(
            settings.directory,
            clock,
            mambu.MambuOptions(lines_per_day=settings.lines_per_day, seed=settings.seed),
        )
        self.xero = xero.XeroStandIn(
            settings.directory, clock, xero.XeroOptions(limits=settings.limits, seed=settings.seed)
        )
        self.ln = ln.LnStandIn(settings.directory, clock, ln.LnOptions(seed=settings.seed))
        control = Control(clock, faults, {"mambu": self.mambu, "xero": self.xero, "ln": self.ln})
        pages = Pages(self.mambu, self.xero, self.ln)
        in_front_of_xero = faults.around("xero", self.xero)
        self._gateway = faults.around("ln", self.ln)
        # The busiest first, and plain prefixes, for the sandbox must not be what is measured.
        self._routes: tuple[tuple[str, ASGIApp], ...] = (
            ("/api/", faults.around("mambu", self.mambu)),
            ("/api.xro/", in_front_of_xero),
            (f"/{ln.TENANT}/", self._gateway),
            ("/connect/token", in_front_of_xero),
            ("/connections", in_front_of_xero),
            ("/control", control),
            ("/xero", pages),
            ("/mambu", pages),
            ("/ln", pages),
        )
        self._front_page = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the sandbox speaks HTTP only, not {scope['type']}")
        send = self._dated(send)
        refusal = _refusal(scope["headers"])
        if refusal is not None:
            await send_answer(send, refusal)
            return
        try:
            await self._passed_on(scope, _bounded(receive), send)
        except _TooLarge:
            await send_answer(send, _TOO_LARGE)

    async def _passed_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        for prefix, app in self._routes:
            if path.startswith(prefix):
                await app(scope, receive, send)
                return
        if path == "/":
            await self._front_page(scope, receive, send)
        elif ln.is_gateway(path):
            await self._gateway(scope, receive, send)  # another tenant: the gateway says so itself
        else:
            await send_answer(send, _NOTHING_HERE)

    def _dated(self, send: Send) -> Send:
        """Let each answer state when it was made, by the sandbox's own clock."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self.clock.now(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        return dated

    def close(self) -> None:
        """Close the state on disk."""
        self.faults.close()
        self.mambu.close()
        self.xero.close()
        self.ln.close()


def build(
    settings: SandboxSettings, clock: SandboxClock | None = None, faults: Faults | None = None
) -> Sandbox:
    """Put a sandbox together; `settings.directory` must exist, `port` is not looked at.

    A simulation may bring its own clock, and faults whose delays pass on it.
    """
    clock = clock or SandboxClock()
    return Sandbox(settings, clock, faults or Faults(clock))


class _TooLarge(Exception):
    """More of a body came than the sandbox takes."""


def _bounded(receive: Receive) -> Receive:
    """Return what hands a body on up to LARGEST_BODY, whatever its headers say. Raises _TooLarge."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise _TooLarge
        return message

    return bounded


def _refusal(headers: list[tuple[bytes, bytes]]) -> Answer | None:
    """Return the answer to a request that may not come in, or None.

    The pages have buttons and the control path has switches. A page of another site must not reach
    them through the browser of whoever runs the sandbox: neither under a name of its own that points
    to 127.0.0.1 (then Host is that name), nor by posting a form here (then Origin is that page). A page
    on another port of this machine is another site, too.
    """
    host = origin = length = b""
    for name, value in headers:
        if name == b"host":
            host = value
        elif name == b"origin":
            origin = value
        elif name == b"content-length":
            length = value
    if _without_port(host) not in _LOOPBACK:
        return _NOT_LOOPBACK
    if origin and origin.lower() != b"http://" + host.lower():
        return _FOREIGN_PAGE
    # Before any of it is read; a length of more digits than that is no number anybody needs to know.
    if len(length) > _LENGTH_DIGITS or (length.isdigit() and int(length) > LARGEST_BODY):
        return _TOO_LARGE
    return None


def _without_port(host: bytes) -> bytes:
    name, colon, port = host.rpartition(b":")
    return (name if colon and port.isdigit() else host).lower()


def announcement(url: str, directory: Path, payments_start: str) -> dict[str, object]:
    """Return what a started sandbox prints: its addresses and the environment that leads a client to it."""
    return {
        "url": url,
        "pages": {
            "home": f"{url}/",
            "drafts": f"{url}/xero/",
            "ln": f"{url}/ln/",
            "control": f"{url}/control",
        },
        "env": {
            "MAMBU_BASE_URL": f"{url}/api",
            "MAMBU_API_KEY": mambu.API_KEYS["admin"],
            "XERO_BASE_URL": f"{url}/api.xro/2.0",
            "XERO_TOKEN_URL": f"{url}/connect/token",
            "XERO_CLIENT_ID": xero.CLIENT_ID,
            "XERO_CLIENT_SECRET": xero.CLIENT_SECRET,
            "XERO_TENANT_ID": xero.TENANT_ID,
            # Those of journals and of payments, so that either kind of connection can be saved from here.
            "XERO_SCOPES": " ".join(dict.fromkeys(f"{xero.SCOPES} {xero.PAYMENT_SCOPES}".split())),
            "INFOR_LN_IONAPI_FILE": str(directory / IONAPI_FILE),
            "INFOR_LN_PATH": ln.DEFAULT_PATH,
            "INFOR_LN_COMPANY": ln.COMPANY,
            "DAYBOOK_PAYMENTS_START": payments_start,
            # A record of its own: what is in one sandbox says nothing of another, or of the real thing.
            "DAYBOOK_STORE_URL": store_url(directory),
            "DAYBOOK_ASSIGNED_USER_KEY": mambu.ASSIGNED_USER_KEY,
            "DAYBOOK_ACCOUNT_MAP": json.dumps(chart.ACCOUNT_MAP),
        },
    }


def write_ionapi(url: str, directory: Path) -> None:
    """Write the file that leads a client to the LN stand-in, readable by this user alone."""
    file = directory / IONAPI_FILE
    # A new file each time: the port may be another one, and so may have been the rights of the old file.
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(ln.ionapi(url), indent=2) + "\n", encoding="utf-8")


def serve(settings: SandboxSettings, *, stop_with_parent: bool = False) -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM (or, if told so, until standard input ends).

    The first line of standard output is the announcement, one JSON object, printed when connections
    are taken already. Raises SandboxError when the directory is in use or unreadable (exit code 1),
    or when the port is taken or a setting out of range (2). State files are this user's alone.
    """
    stop = Stop()
    # uvicorn raises the signal anew after its own orderly end; here that must end nothing more.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.want)
    if stop_with_parent:
        stop.when_stdin_ends()
    os.umask(0o077)
    with locked(settings.directory), closing(listening(settings.port)) as listener:
        try:
            sandbox = build(settings)
        except sqlite3.DatabaseError as error:
            raise SandboxError(
                f"The state in {settings.directory} cannot be read ({error}). "
                "Remove that directory to begin afresh, or choose another one with --dir."
            ) from None
        except ValueError as error:
            raise SandboxError(f"The sandbox cannot start with these settings: {error}.", 2) from error
        with closing(sandbox):
            server = http_server(sandbox)
            stop.attach(server)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            directory = settings.directory.absolute()
            write_ionapi(url, directory)
            announced = announcement(url, directory, sandbox.ln.payments_start())
            sys.stdout.write(json.dumps(announced) + "\n")
            sys.stdout.flush()
            server.run(sockets=[listener])
