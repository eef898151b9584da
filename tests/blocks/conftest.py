"""What tests of the store share: an empty database of each kind."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.helpers.stores import POSTGRES, Database, on_postgres


@pytest.fixture(scope="session")
def postgres_schema() -> Iterator[str]:
    """Make a PostgreSQL schema for this session and drop it afterwards."""
    schema = f"daybook_test_{uuid.uuid4().hex[:12]}"
    try:
        asyncio.run(on_postgres(f"CREATE SCHEMA {schema}"))
    except (OSError, asyncpg.PostgresError) as error:
        reason = f"no PostgreSQL answers at {POSTGRES} ({type(error).__name__}); set DAYBOOK_TEST_POSTGRES"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    yield schema
    asyncio.run(on_postgres(f"DROP SCHEMA {schema} CASCADE"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Return an empty database of each kind."""
    if request.param == "sqlite":
        return Database("sqlite", f"sqlite:///{tmp_path / 'store' / 'daybook.sqlite3'}", None)
    schema: str = request.getfixturevalue("postgres_schema")
    asyncio.run(on_postgres(f"DROP SCHEMA {schema} CASCADE", f"CREATE SCHEMA {schema}"))
    return Database("postgresql", POSTGRES, schema)
