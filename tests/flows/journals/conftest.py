"""What tests of the journals share."""

from __future__ import annotations

import pytest

from blocks.connections.journals import JournalConnection
from tests.helpers.sandboxed import Sandboxed


@pytest.fixture
def connection(sandbox: Sandboxed) -> JournalConnection:
    """Give a connection by which each transaction of two lines is a journal, sent one after the other."""
    return sandbox.connection(lines_per_journal=2, xero_concurrency=1)
