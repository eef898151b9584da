"""The block that says where the store is, and how it is opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import create_async_engine

from blocks.block import DaybookBlock
from blocks.errors import UsageError
from blocks.http.urls import documentation_url
from blocks.private_files import home, private_folder
from blocks.store import sqlite_file
from blocks.store.journals import Store

# In seconds, for asyncpg. No command takes a minute, the wait for another run's transaction included: a
# connection that stays silent for longer is given up. Without this it would be waited for without an end.
_POSTGRESQL_WAITS = {"timeout": 10, "command_timeout": 60}


def open_store(url: str, *, schema: str | None = None) -> Store:
    """Return a store at a database URL such as sqlite:///file or postgresql://user@host/database.

    `schema` names an existing PostgreSQL schema to keep the tables in. Raises UsageError.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise UsageError("The store's URL is not a database URL such as postgresql://user@host/db.") from None
    drivers = {
        "sqlite": "sqlite+aiosqlite",
        "postgresql": "postgresql+asyncpg",
        "postgres": "postgresql+asyncpg",
    }
    driver = drivers.get(address.get_backend_name())
    if driver is None:
        raise UsageError(
            f"The store can be SQLite or PostgreSQL, and its URL names {address.get_backend_name()}."
        )
    file = None
    if driver.startswith("sqlite") and address.database not in {None, "", ":memory:"}:
        # Where a link leads: what is made is put there.
        file = Path(os.path.realpath(str(address.database)))
        private_folder(file.parent)
    options: dict[str, Any] = {}
    if schema:
        options["execution_options"] = {"schema_translate_map": {None: schema}}
    if driver.startswith("postgresql"):
        options["connect_args"] = _POSTGRESQL_WAITS
    if "sslmode" in address.query:
        # As every PostgreSQL tool spells it; asyncpg's own word for the same values is `ssl`.
        mode = address.query["sslmode"]
        address = address.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    # What was dropped while nobody used it is replaced before it is used; a file is never dropped.
    engine = create_async_engine(address.set(drivername=driver), pool_pre_ping=file is None, **options)
    if file is not None:
        sqlite_file.set_up(engine.sync_engine)
    if driver.startswith("postgresql"):
        # A silent connection would be closed only after the time of a command; by this, after two seconds.
        event.listen(engine.sync_engine, "close", lambda connection, _record: connection.terminate())
    return Store(engine, file)


class DaybookStore(DaybookBlock):
    """The database in which Daybook records its runs and journals."""

    _block_type_name = "Daybook Store"
    _documentation_url = documentation_url("configuration.md#the-home-folder-and-the-store")

    url: SecretStr | None = Field(
        default=None,
        description="A database URL, such as postgresql://user:password@host/daybook. Without it, a SQLite "
        "file in the home folder of the machine that runs the flow.",
    )
    schema_name: str | None = Field(
        default=None, description="The PostgreSQL schema that holds the tables, where it is not the default."
    )

    @property
    def address(self) -> str:
        """Return the database's URL, which may hold a password."""
        return self.url.get_secret_value() if self.url else f"sqlite:///{home() / 'daybook.sqlite3'}"

    def open(self) -> Store:
        """Return the store, still to be entered as an async context manager. Raises UsageError."""
        return open_store(self.address, schema=self.schema_name)
