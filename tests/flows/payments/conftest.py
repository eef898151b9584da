"""What the end-to-end tests of the payments share."""

from __future__ import annotations

import pytest

from tests.blocks.conftest import database, postgres_schema
from tests.sandboxed import Sandboxed

__all__ = ["database", "postgres_schema", "quiet"]


@pytest.fixture
def quiet(sandbox: Sandboxed) -> Sandboxed:
    """Give the test a sandbox in which nothing was paid but what the test pays."""
    sandbox.control("xero/options", {"payments_per_day": 0})
    return sandbox
