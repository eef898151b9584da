"""A stand-in for a client to talk to, and a driver that is run against it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from blocks.sandbox.exact_json import dumps
from tests.clients.installing import Client
from tests.helpers.sandboxed import Sandboxed

# A Friday noon: seeded days and payments lie before it.
NOW = "2026-11-20T12:00:00+00:00"
_PATIENCE_SECONDS = 300


class DriverError(Exception):
    """A driver has ended with an error, which the message has."""


class Driven:
    """A client that is installed, and a sandbox whose clock stands still."""

    def __init__(self, client: Client, installed: Path, sandbox: Sandboxed, folder: Path) -> None:
        self.client = client
        self.sandbox = sandbox
        self.env = sandbox.process.env
        self._installed = installed
        self._folder = folder

    def run(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Run the driver with a plan; return what it has written, decimals exact. Raises DriverError."""
        given, written = self._folder / "plan.json", self._folder / "result.json"
        given.write_text(dumps(plan), encoding="utf-8")
        try:
            done = subprocess.run(
                [*self.client.command(self._installed), given, written],
                env=self.client.environment(self._installed) | self.env,
                cwd=self._folder,
                capture_output=True,
                text=True,
                timeout=_PATIENCE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DriverError(f"{self.client.driver} is not done in {_PATIENCE_SECONDS} seconds") from None
        if done.returncode:
            raise DriverError(f"{self.client.driver} failed: {done.stderr.strip()[-3000:]}")
        found: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"), parse_float=Decimal)
        return found

    @contextmanager
    def xero(self) -> Iterator[httpx.Client]:
        """Yield a plain HTTP client of the stand-in for Xero, with a token."""
        env = self.env
        form = {"grant_type": "client_credentials", "scope": env["XERO_SCOPES"]}
        login = (env["XERO_CLIENT_ID"], env["XERO_CLIENT_SECRET"])
        token = httpx.post(env["XERO_TOKEN_URL"], data=form, auth=login, timeout=60).raise_for_status().json()
        headers = {"Authorization": f"Bearer {token['access_token']}", "Accept": "application/json"}
        with httpx.Client(base_url=env["XERO_BASE_URL"], headers=headers, timeout=60) as opened:
            yield opened


@contextmanager
def driven(client: Client, installed: Path, **settings: Any) -> Iterator[Driven]:
    """Start a sandbox for an installed client."""
    with (
        tempfile.TemporaryDirectory(prefix="daybook-clients-") as name,
        Sandboxed(Path(name) / "sandbox", **settings) as sandbox,
    ):
        sandbox.control("clock", {"freeze": NOW})
        yield Driven(client, installed, sandbox, Path(name))
