"""Prefect's own standard for blocks, held against every block of the project."""

from __future__ import annotations

import importlib
import pkgutil
import struct
from abc import ABC
from pathlib import Path

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite

import blocks
from blocks.http.urls import LOGO_URL

ROOT = Path(__file__).parents[2]


def all_blocks() -> list[type[Block]]:
    """Return every block class that the modules of `blocks` define, and that Prefect can register."""
    found: set[type[Block]] = set()
    for module in pkgutil.walk_packages(blocks.__path__, "blocks."):
        if module.ispkg or module.name == "blocks.__main__" or module.name.startswith("blocks.sandbox."):
            continue
        members = vars(importlib.import_module(module.name)).values()
        found |= {
            one
            for one in members
            if isinstance(one, type)
            and issubclass(one, Block)
            and one.__module__.startswith("blocks.")
            and ABC not in one.__bases__
        }
    return sorted(found, key=lambda kind: kind.__name__)


class TestEveryBlock(BlockStandardTestSuite):
    """Prefect's suite; only what would need the network is put otherwise."""

    @pytest.fixture(params=all_blocks(), ids=lambda kind: kind.__name__)
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        """Return one block class after the other."""
        kind: type[Block] = request.param
        return kind

    def test_all_fields_have_a_description(self, block: type[Block]) -> None:
        """Every field, nested blocks included, has a description that ends with a period."""
        super().test_all_fields_have_a_description(block)
        for name, field in block.model_fields.items():
            assert (field.description or "").endswith("."), name

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """The logo is the repository's own square PNG, read from the repository instead of the network."""
        assert block._logo_url == LOGO_URL
        logo = ROOT / "docs" / "daybook.png"
        if not logo.exists():
            pytest.skip(f"{logo.relative_to(ROOT)} is not in the repository yet")
        head = logo.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", head[16:24])
        assert width == height
        assert 200 <= width < 1000

    def test_the_name_is_its_own(self, block: type[Block]) -> None:
        """No two blocks share a slug, and a slug is the block's name in small letters."""
        slugs = [kind.get_block_type_slug() for kind in all_blocks()]
        assert slugs.count(block.get_block_type_slug()) == 1
        assert block.get_block_type_slug() == block.get_block_type_name().lower().replace(" ", "-")


def test_there_are_blocks() -> None:
    """The suite above has found all blocks, and no base of theirs: an empty list would pass everything."""
    assert [kind.__name__ for kind in all_blocks()] == [
        "DaybookStore",
        "InforLNCredentials",
        "JournalConnection",
        "MambuCredentials",
        "PaymentConnection",
        "XeroCredentials",
    ]
