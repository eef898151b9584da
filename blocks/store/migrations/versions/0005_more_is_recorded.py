"""Which lines each journal was sent with, whose clock a day and a window go by, and where payments begin.

No store ever had schema version 4.
"""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, LargeBinary, String, Text

revision = "5"
down_revision = "3"


def upgrade(op: Operations) -> None:
    """Add the columns, empty in rows that are there, and the table of beginnings."""
    op.add_column("runs", Column("scheduled", Boolean))
    op.add_column("journals", Column("entries", LargeBinary))
    op.add_column("journals", Column("lowest_entry", BigInteger))
    op.add_column("journals", Column("highest_entry", BigInteger))
    op.add_column("days", Column("read_at", String(40)))
    op.add_column("days", Column("label", String(40)))
    op.add_column("days", Column("first_day", Date))
    op.add_column("days", Column("by_xero", Boolean))
    op.add_column("days", Column("organisation", String(200)))
    for name in ("bank_account", "rate", "xero_status", "closing"):
        op.add_column("audit", Column(name, Text))
    op.add_column("windows", Column("by_xero", Boolean))
    op.add_column("windows", Column("organisation", String(200)))
    op.create_table(
        "starts",
        Column("connection", String(200), primary_key=True),
        Column("confirmed_by", String(200), nullable=False),
        Column("confirmed_at", String(40)),
        Column("doubt", Text, nullable=False),
        Column("runs", Integer, nullable=False),
    )
