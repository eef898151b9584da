"""What is looked for in years of journals: those of a request, and those that hold some lines."""

from __future__ import annotations

from alembic.operations import Operations

revision = "6"
down_revision = "5"


def upgrade(op: Operations) -> None:
    """Make these indexes, and drop the one that nothing needs now."""
    op.create_index("journals_of_request", "journals", ["request_key"])
    op.create_index("journals_of_entries", "journals", ["connection", "highest_entry"])
    op.drop_index("ix_journals_connection", "journals")
