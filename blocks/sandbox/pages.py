"""The pages that show Xero's manual journals as an accountant sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.sandbox.xero import XeroStandIn

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class Pages:
    """The ASGI application of the pages."""

    def __init__(self, xero: XeroStandIn) -> None:
        self._xero = xero

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
