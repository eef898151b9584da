"""The store of the payments, and what it says, read past the code under test."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from tests.simulation.stores import StoreFile

_COLUMNS = (
    "kind, xero_id, prepayment_id, invoice_number, status, discarded, discarded_by, discarded_at, last_try, "
    "message, sent_at, in_doubt"
)


class Row(NamedTuple):
    """What the audit table says of a document."""

    kind: str
    xero_id: str
    prepayment_id: str
    invoice_number: str
    status: str
    discarded: bool
    discarded_by: str
    discarded_at: datetime | None
    last_try: datetime | None
    message: str
    sent_at: datetime | None
    in_doubt: bool


class Window(NamedTuple):
    """A window that a run says was collected whole."""

    since: datetime
    until: datetime


class PaymentsFile(StoreFile):
    """A store of the payments."""

    tables = ("audit", "windows", "leases", "incidents")

    def rows(self) -> list[Row]:
        """Return the audit table."""
        found = self._beside.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY kind, xero_id")  # noqa: S608
        return [
            Row(*first, bool(discarded), by, _at(discarded_at), _at(last), text, _at(sent), bool(doubt))
            for *first, discarded, by, discarded_at, last, text, sent, doubt in found
        ]

    def windows(self) -> list[Window]:
        """Return the windows, in the order of their beginnings."""
        found = self._beside.execute("SELECT since, until FROM windows ORDER BY since")
        return [
            Window(datetime.fromisoformat(since), datetime.fromisoformat(until)) for since, until in found
        ]


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
