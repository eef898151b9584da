"""The record of days: which were finished, and with how many lines, so that a later run can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Date, Integer, String, Table, delete, insert, select

from blocks.database import Database, instant_text, metadata, to_its_end

_days = Table(
    "days",
    metadata,
    Column("connection", String(200), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("zone", String(64), nullable=False),
    Column("stated_lines", Integer, nullable=False),
    Column("finished_at", String(40), nullable=False),
)


@dataclass(frozen=True, slots=True)
class DayRecord:
    """A day that was brought into Xero.

    `stated_lines` is what Mambu stated for it, and for the edges around it that are asked for as well.
    """

    connection: str
    day: date
    zone: str
    stated_lines: int
    finished_at: datetime


class Days:
    """The finished days in a store. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @to_its_end
    async def finished(self, record: DayRecord) -> None:
        """Record that a day is finished, in place of what was recorded of it."""
        row = {**asdict(record), "finished_at": instant_text(record.finished_at)}
        async with self._database.begin() as database:
            await database.execute(_delete(record.connection, record.day))
            await database.execute(insert(_days).values(row))

    @to_its_end
    async def reopened(self, connection: str, day: date) -> None:
        """Forget that a day was finished."""
        async with self._database.begin() as database:
            await database.execute(_delete(connection, day))

    @to_its_end
    async def since(self, connection: str, first: date) -> dict[date, DayRecord]:
        """Return the finished days from one on."""
        query = select(_days).where(_days.c.connection == connection, _days.c.day >= first)
        async with self._database.begin() as database:
            rows = (await database.execute(query)).mappings().all()
        return {row["day"]: _record(row) for row in rows}

    @to_its_end
    async def last_zone(self, connection: str) -> str | None:
        """Return the time zone in which the latest finished day lay."""
        query = select(_days.c.zone).where(_days.c.connection == connection).order_by(_days.c.day.desc())
        async with self._database.begin() as database:
            return (await database.execute(query.limit(1))).scalar_one_or_none()


def _delete(connection: str, day: date) -> Any:
    return delete(_days).where(_days.c.connection == connection, _days.c.day == day)


def _record(row: Mapping[Any, Any]) -> DayRecord:
    values = {name: row[name] for name in DayRecord.__dataclass_fields__}
    return DayRecord(**{**values, "finished_at": datetime.fromisoformat(values["finished_at"])})
