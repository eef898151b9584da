"""What a test of any stand-in needs: a client inside this process, a frozen clock, logins."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx

from blocks.sandbox.asgi import ASGIApp
from blocks.sandbox.clock import SandboxClock


def inside(app: ASGIApp, url: str = "http://127.0.0.1:1", **more: Any) -> httpx.AsyncClient:
    """Return a client of an application in this process."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url, **more)


def frozen(at: datetime) -> SandboxClock:
    """Return a clock that stands still."""
    clock = SandboxClock()
    clock.freeze(at)
    return clock


def basic(login: str) -> dict[str, str]:
    """Return a Basic header."""
    return {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()}


def exact(response: httpx.Response) -> Any:
    """Return a response's JSON with exact decimals."""
    return json.loads(response.content, parse_float=Decimal)
