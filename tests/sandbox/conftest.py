"""The whole sandbox in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from blocks.sandbox.app import Sandbox, build
from blocks.sandbox.process import SandboxSettings
from tests.helpers import stand_ins


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """Return a sandbox whose state is in `tmp_path`."""
    with closing(build(SandboxSettings(tmp_path, lines_per_day=40))) as sandbox:
        yield sandbox


@pytest.fixture
async def inside(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the sandbox."""
    async with stand_ins.inside(sandbox) as client:
        yield client
