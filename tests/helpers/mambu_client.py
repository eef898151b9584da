"""Mambu's client, the stand-in behind it, and a wire between them that can break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from pydantic import SecretStr

from blocks.mambu.client import MambuClient
from blocks.mambu.credentials import MambuCredentials
from blocks.sandbox.clock import SandboxClock
from blocks.sandbox.faults.layer import ConnectionDropped, Faults
from blocks.sandbox.mambu.app import API_KEYS
from tests.helpers.clocks import START, VirtualClock
from tests.helpers.mambu_stand_in import Sandbox, sandbox

# Real time, in which an answer of the stand-in is waited for.
PATIENCE = 0.5


class Wire(httpx.AsyncBaseTransport):
    """The way to an application in this process that can break and time out as a real one does."""

    def __init__(self, app: Any) -> None:
        self._asgi = httpx.ASGITransport(app)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        try:
            return await asyncio.wait_for(self._asgi.handle_async_request(request), PATIENCE)
        except (ConnectionDropped, TimeoutError):
            raise httpx.ReadTimeout("no answer", request=request) from None


@dataclass
class There:
    """A client, the stand-in behind it, and what passes between them."""

    mambu: MambuClient
    standin: Sandbox
    faults: Faults
    wire: Wire
    clock: VirtualClock
    notices: list[str] = field(default_factory=list)

    async def tasks(self) -> list[dict[str, Any]]:
        """Return all tasks as the stand-in holds them."""
        return list(await self.standin.control("tasks"))

    def remove_task(self, task_id: int) -> None:
        """Remove a task, as a person may."""
        self.standin.app._tenant.state._database.execute("DELETE FROM tasks WHERE id = ?", (task_id,))

    def pass_time(self, seconds: float) -> None:
        """Let time pass on both sides."""
        self.clock.advance(seconds)
        self.standin.clock.advance(seconds)

    def fault(self, method: str, **rule: Any) -> None:
        """Let requests of a method fail."""
        self.faults.add({"system": "mambu", "method": method, **rule})


@asynccontextmanager
async def there(
    role: str = "task_creator",
    noticed: Callable[[There], None] = lambda _: None,
    attempts: int = 5,
    start: datetime = START,
) -> AsyncIterator[There]:
    """Run the stand-in and a client of it; `noticed` is called at each repeat."""
    async with sandbox() as standin:
        faults = Faults(SandboxClock())
        wire, clock = Wire(faults.around("mambu", standin.app)), VirtualClock(start)
        block = MambuCredentials(base_url="https://mambu/api", api_key=SecretStr(API_KEYS[role]))

        def notice(text: str) -> None:
            place.notices.append(text)
            noticed(place)

        client = block.get_client(attempts=attempts, clock=clock, http=wire, notice=notice)
        place = There(client, standin, faults, wire, clock)
        async with client:
            yield place
