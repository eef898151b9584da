"""What the end-to-end tests of the payments share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from click.testing import CliRunner, Result

from blocks.connections import lookup
from flows.main import main
from tests.blocks.conftest import database, postgres_schema, schema_of_session
from tests.helpers.sandboxed import Sandboxed

Audit = Callable[..., Awaitable[Result]]

__all__ = ["database", "postgres_schema", "quiet", "schema_of_session"]


@pytest.fixture
def quiet(sandbox: Sandboxed) -> Sandboxed:
    """Give the test a sandbox in which nothing was paid but what the test pays."""
    sandbox.control("xero/options", {"payments_per_day": 0})
    return sandbox


@pytest.fixture
def audit(quiet: Sandboxed) -> Audit:
    """Give the test the command `audit` for the connection that leads to the sandbox."""

    def invoked(*arguments: str) -> Result:
        with lookup.provided({"default": quiet.payment_connection()}):
            return CliRunner().invoke(main, ["audit", *arguments])

    async def run(*arguments: str) -> Result:
        # A command has an event loop of its own.
        return await asyncio.to_thread(invoked, *arguments)

    return run
