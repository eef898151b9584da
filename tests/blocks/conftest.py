"""What tests of the store share: an empty database of each kind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.helpers.stores import POSTGRES, Database, new_schema, on_postgres, skipped_without_postgres


@pytest.fixture(scope="session")
def schema_of_session() -> Iterator[str]:
    """Make a PostgreSQL schema for this session and drop it afterwards."""
    with ExitStack() as stack:
        with skipped_without_postgres():
            schema = stack.enter_context(new_schema("daybook_test"))
        yield schema


@pytest.fixture
def postgres_schema(schema_of_session: str) -> str:
    """Return an empty PostgreSQL schema, whatever the test before has left in it."""
    asyncio.run(on_postgres(f"DROP SCHEMA {schema_of_session} CASCADE", f"CREATE SCHEMA {schema_of_session}"))
    return schema_of_session


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Return an empty database of each kind."""
    if request.param == "sqlite":
        return Database("sqlite", f"sqlite:///{tmp_path / 'store' / 'daybook.sqlite3'}", None)
    return Database("postgresql", POSTGRES, request.getfixturevalue("postgres_schema"))
