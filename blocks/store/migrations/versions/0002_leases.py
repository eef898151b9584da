"""Leases, finished days, and incidents."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import Boolean, Column, Date, Integer, String, Text

revision = "2"
down_revision = "1"


def upgrade(op: Operations) -> None:
    """Make their tables."""
    op.create_table(
        "leases",
        Column("flow", String(20), primary_key=True),
        Column("connection", String(200), primary_key=True),
        Column("day", Date, primary_key=True),
        Column("owner", String(36), nullable=False),
        Column("place", String(64), nullable=False),
        Column("stage", String(20), nullable=False),
        Column("taken_at", String(40), nullable=False),
        Column("renewed_at", String(40), nullable=False),
    )
    op.create_table(
        "days",
        Column("connection", String(200), primary_key=True),
        Column("day", Date, primary_key=True),
        Column("zone", String(64), nullable=False),
        Column("stated_lines", Integer, nullable=False),
        Column("finished_at", String(40), nullable=False),
    )
    op.create_table(
        "incidents",
        Column("incident_id", String(36), primary_key=True),
        Column("flow", String(20), nullable=False),
        Column("connection", String(200), nullable=False, index=True),
        Column("day", Date, nullable=False, index=True),
        Column("stage", String(20), nullable=False),
        Column("step", String(40), nullable=False),
        Column("error", Text, nullable=False),
        Column("remedy", Text, nullable=False),
        Column("opened", String(40), nullable=False),
        Column("times", Integer, nullable=False),
        Column("resolved", String(40)),
        Column("task_state", String(10), nullable=False),
        Column("task_title", Text, nullable=False),
        Column("task_text", Text, nullable=False),
        Column("task_id", String(40)),
        Column("task_tried", Boolean, nullable=False),
    )
