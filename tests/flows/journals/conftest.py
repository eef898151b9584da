"""What tests of the journals share."""

from __future__ import annotations

import pytest

from blocks.connections.journals import JournalConnection
from tests.helpers.sandboxed import Sandboxed
from tests.helpers.two_journals import two_lines_each


@pytest.fixture
def connection(sandbox: Sandboxed) -> JournalConnection:
    """Give a connection by which each transaction of two lines is a journal, sent one after the other."""
    return two_lines_each(sandbox)
