"""What tests of flows share beside the rest: a store of each kind."""

from __future__ import annotations

from tests.blocks.conftest import database, postgres_schema, schema_of_session

__all__ = ["database", "postgres_schema", "schema_of_session"]
