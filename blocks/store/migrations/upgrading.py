"""Alembic's revisions, carried out on an older store. Loaded for an upgrade alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text

SCRIPTS: Final = ScriptDirectory(Path(__file__).parent)


def bring_up_to_date(connection: Connection, schema: str | None, found: int | None) -> None:
    """Carry out, in the connection's transaction, the revisions after a schema version; None: all of them.

    `schema`: the PostgreSQL schema that holds the tables, where it is not the default. Raises
    SQLAlchemyError where the tables are not as that version left them.
    """
    if schema:
        # Alembic names the tables it alters as they are, past SQLAlchemy's translation of schemas.
        name = connection.dialect.identifier_preparer.quote(schema)
        connection.execute(text(f"SET LOCAL search_path TO {name}"))
    # Not Alembic's own `op`, which is one for the whole process, while Prefect may be upgrading its tables.
    op = Operations(MigrationContext.configure(connection))
    after = "base" if found is None else str(found)
    for script in reversed(list(SCRIPTS.iterate_revisions("head", after))):
        script.module.upgrade(op)


def lacks(connection: Connection, metadata: MetaData) -> list[str]:
    """Return what tables, columns and indexes there should be and are not, in Alembic's words."""

    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name in metadata.tables

    options = {"compare_type": False, "include_name": is_ours}
    context = MigrationContext.configure(connection, opts=options)
    differences = compare_metadata(context, metadata)
    return [one[0] for one in differences if isinstance(one, tuple) and one[0].startswith("add_")]
