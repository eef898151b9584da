"""What the end-to-end tests of the payments share."""

from __future__ import annotations

import pytest

from tests.sandboxed import Sandboxed


@pytest.fixture
def quiet(sandbox: Sandboxed) -> Sandboxed:
    """Give the test a sandbox in which nothing was paid but what the test pays."""
    sandbox.control("xero/options", {"payments_per_day": 0})
    return sandbox
