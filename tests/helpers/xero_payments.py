"""Pages of what was paid, as Xero answers them, and the client's reader of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from blocks.xero.payments import PAGE_SIZE, XeroPayments
from tests.helpers.scripted import Script, Step, answer
from tests.helpers.xero_client import client, xero


def page(name: str, items: Sequence[Mapping[str, Any]], pages: int = 1, count: int | None = None) -> Step:
    """Return a step that answers with a page of a list; it states as many items as it has, or `count`."""
    stated = len(items) if count is None else count
    pagination = {"page": 1, "pageSize": PAGE_SIZE, "pageCount": pages, "itemCount": stated}
    return answer(200, {"Id": "x", "Status": "OK", "pagination": pagination, name: items})


def raw(body: str) -> Step:
    """Return a step that answers with this JSON, byte for byte."""
    return answer(200, body.encode(), content_type="application/json; charset=utf-8")


@asynccontextmanager
async def reading(*steps: Step) -> AsyncIterator[tuple[XeroPayments, Script]]:
    """Read from a Xero that plays steps."""
    script = xero(*steps)
    async with client(script) as there:
        yield XeroPayments(there), script
