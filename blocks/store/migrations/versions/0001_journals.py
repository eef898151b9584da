"""Runs, journals, and the requests that carried them."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import Column, Date, Integer, LargeBinary, String, Text

revision = "1"
down_revision = None


def upgrade(op: Operations) -> None:
    """Make the tables of the first store."""
    op.create_table("daybook", Column("schema_version", Integer, primary_key=True))
    op.create_table(
        "runs",
        Column("run_id", String(36), primary_key=True),
        Column("connection", String(200), nullable=False),
        Column("day", Date, nullable=False),
        Column("started_at", String(40), nullable=False),
        Column("ended_at", String(40)),
        Column("status", String(20), nullable=False),
        Column("message", Text, nullable=False),
    )
    op.create_table(
        "journals",
        Column("organisation", String(200), primary_key=True),
        Column("narration", String(200), primary_key=True),
        Column("generation", Integer, primary_key=True),
        Column("connection", String(200), nullable=False, index=True),
        Column("day", Date, nullable=False, index=True),
        Column("booking_date", Date, nullable=False),
        Column("number", Integer, nullable=False),
        Column("request_key", String(36), nullable=False),
        Column("digest", String(64), nullable=False),
        Column("lines", Integer, nullable=False),
        Column("debits", String(40), nullable=False),
        Column("state", String(20), nullable=False),
        Column("manual_journal_id", String(36)),
        Column("reason", Text),
        Column("changed_at", String(40), nullable=False),
    )
    op.create_table(
        "requests",
        Column("request_key", String(36), primary_key=True),
        Column("body", LargeBinary, nullable=False),
        Column("first_sent_at", String(40)),
    )
