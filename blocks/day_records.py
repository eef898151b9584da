"""The record of days: which were finished, and with how many lines, so that a later run can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Boolean, Column, Date, Integer, String, Table, delete, insert, select

from blocks.database import Database, instant_of, instant_text, metadata, rows, to_its_end

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


@dataclass(frozen=True, slots=True)
class DayRecord:
    """A day that was brought into Xero.

    `stated_lines` is what Mambu stated for it, and for the edges around it that are asked for as well.
    `read_at` is when Xero was read to confirm it, None where that is not known: by Xero's clock, or, where
    `by_xero` is False, as in records of older versions, by the machine's. `label` and `first_day` are what
    the connection said at that time, `organisation` the one of Xero's that the day was brought into: None
    where that was not recorded yet.
    """

    connection: str
    day: date
    zone: str
    stated_lines: int
    finished_at: datetime
    read_at: datetime | None = None
    label: str | None = None
    first_day: date | None = None
    by_xero: bool = True
    organisation: str | None = None


class Days:
    """The finished days in a store. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @to_its_end
    async def finished(self, record: DayRecord) -> None:
        """Record that a day is finished, in place of what was recorded of it."""
        row = asdict(record)
        for name in ("finished_at", "read_at"):
            row[name] = instant_text(row[name]) if row[name] else None
        async with self._database.begin() as database:
            await database.execute(_delete(record.connection, record.day))
            await database.execute(insert(_days).values(row))

    @to_its_end
    async def reopened(self, connection: str, day: date) -> None:
        """Forget that a day was finished."""
        async with self._database.begin() as database:
            await database.execute(_delete(connection, day))

    @to_its_end
    async def since(
        self, connection: str, first: date, organisation: str | None = None
    ) -> dict[date, DayRecord]:
        """Return the finished days from one on; of an organisation, those that another one has are not."""
        query = select(_days).where(_days.c.connection == connection, _days.c.day >= first)
        async with self._database.begin() as database:
            found = await rows(database, query, _days, _record)
        known = (None, organisation)
        return {one.day: one for one in found if organisation is None or one.organisation in known}

    @to_its_end
    async def last_zone(self, connection: str) -> str | None:
        """Return the time zone in which the latest finished day lay."""
        query = select(_days).where(_days.c.connection == connection).order_by(_days.c.day.desc()).limit(1)
        async with self._database.begin() as database:
            return next((one.zone for one in await rows(database, query, _days, _record)), None)


def _delete(connection: str, day: date) -> Any:
    return delete(_days).where(_days.c.connection == connection, _days.c.day == day)


def _record(row: Mapping[str, Any]) -> DayRecord:
    ZoneInfo(row["zone"])
    values = {name: row[name] for name in DayRecord.__dataclass_fields__}
    values |= {name: instant_of(values[name]) for name in ("finished_at", "read_at")}
    return DayRecord(**{**values, "by_xero": bool(values["by_xero"])})
