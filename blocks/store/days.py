"""The record of days: which were finished, and with how many lines, so that a later run can tell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Integer, Table, delete, insert, select

from blocks.store.database import Database, metadata, uncancellable
from blocks.store.models import DayRecord
from blocks.store.rows import Boolean, Date, String, record_of, row_of, rows

_days = Table(
    "days",
    metadata,
    Column("connection", String(200), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("zone", String(64), nullable=False),
    Column("stated_lines", Integer, nullable=False),
    Column("finished_at", String(40), nullable=False),
    # Null where it was not recorded yet.
    Column("read_at", String(40)),
    Column("label", String(40)),
    Column("first_day", Date),
    Column("by_xero", Boolean),
    Column("organisation", String(200)),
)


class Days:
    """The finished days in a store. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @uncancellable
    async def finished(self, record: DayRecord) -> None:
        """Record that a day is finished, in place of what was recorded of it."""
        async with self._database.begin() as database:
            await database.execute(_delete(record.connection, record.day))
            await database.execute(insert(_days).values(row_of(record)))

    @uncancellable
    async def reopened(self, connection: str, day: date) -> None:
        """Forget that a day was finished."""
        async with self._database.begin() as database:
            await database.execute(_delete(connection, day))

    @uncancellable
    async def since(
        self, connection: str, first: date, organisation: str | None = None
    ) -> dict[date, DayRecord]:
        """Return the finished days from one on; of an organisation, those that another one has are not."""
        query = select(_days).where(_days.c.connection == connection, _days.c.day >= first)
        async with self._database.begin() as database:
            found = await database.run_sync(rows, query, _days, _record)
        known = (None, organisation)
        return {one.day: one for one in found if organisation is None or one.organisation in known}

    @uncancellable
    async def last_zone(self, connection: str) -> str | None:
        """Return the time zone in which the latest finished day lay."""
        query = select(_days).where(_days.c.connection == connection).order_by(_days.c.day.desc()).limit(1)
        async with self._database.begin() as database:
            return next((one.zone for one in await database.run_sync(rows, query, _days, _record)), None)


def _delete(connection: str, day: date) -> Any:
    return delete(_days).where(_days.c.connection == connection, _days.c.day == day)


def _record(row: Mapping[str, Any]) -> DayRecord:
    ZoneInfo(row["zone"])
    return record_of(DayRecord, row)
