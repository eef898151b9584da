"""What the payments need: the audit table, and the windows that were collected."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import Boolean, Column, Date, Integer, String, Text

revision = "3"
down_revision = "2"


def upgrade(op: Operations) -> None:
    """Make their tables."""
    op.create_table(
        "audit",
        Column("organisation", String(200), primary_key=True),
        Column("kind", String(20), primary_key=True),
        Column("xero_id", String(200), primary_key=True),
        Column("connection", String(200), nullable=False),
        Column("document_type", Integer),
        Column("partner", String(200), nullable=False),
        Column("invoice_number", Text, nullable=False),
        Column("contact_name", Text, nullable=False),
        Column("day", Date),
        Column("amount", String(40), nullable=False),
        Column("currency", String(10), nullable=False),
        Column("prepayment_id", String(200), nullable=False, index=True),
        Column("status", String(20), nullable=False),
        Column("reason", Text, nullable=False),
        Column("http_status", Integer),
        Column("ln_code", Text, nullable=False),
        Column("ln_message", Text, nullable=False),
        Column("ln_request_id", Text, nullable=False),
        Column("posted", Boolean, nullable=False),
        Column("run_id", String(36), nullable=False),
        Column("first_seen", String(40), nullable=False),
        Column("changed_at", String(40), nullable=False),
        Column("tries", Integer, nullable=False),
        Column("last_try", String(40)),
        Column("message", Text, nullable=False),
        Column("sent_at", String(40)),
        Column("in_doubt", Boolean, nullable=False),
        Column("discarded", Boolean, nullable=False),
        Column("discarded_by", String(200), nullable=False),
        Column("discarded_at", String(40)),
        Column("discard_reason", Text, nullable=False),
        Column("undiscarded_by", String(200), nullable=False),
        Column("undiscarded_at", String(40)),
    )
    op.create_index("audit_of_connection", "audit", ["connection", "status"])
    op.create_table(
        "windows",
        Column("connection", String(200), primary_key=True),
        Column("until", String(40), primary_key=True),
        Column("since", String(40), nullable=False),
        Column("run_id", String(36), nullable=False),
        Column("advanced_at", String(40), nullable=False),
    )
