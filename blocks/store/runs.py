"""The record of runs: when they began, how they ended, and whether they were scheduled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Table, delete, insert, select, update

from blocks.store.database import Database, metadata, uncancellable
from blocks.store.rows import Boolean, Date, String, Text, instant, instant_text, rows

_runs = Table(
    "runs",
    metadata,
    Column("run_id", String(36), primary_key=True),
    Column("connection", String(200), nullable=False),
    Column("day", Date, nullable=False),
    Column("started_at", String(40), nullable=False),
    Column("ended_at", String(40)),
    Column("status", String(20), nullable=False),
    Column("message", Text, nullable=False),
    # Whether it was the day's own run, started without a date. Null where it was not recorded yet.
    Column("scheduled", Boolean),
)


class Runs:
    """The runs in a store. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @uncancellable
    async def started(
        self, run_id: str, connection: str, day: date, at: datetime, *, scheduled: bool
    ) -> None:
        """Record that a run began; `scheduled`: without a date, so that its day followed from its start."""
        row = {
            "run_id": run_id,
            "connection": connection,
            "day": day,
            "started_at": instant_text(at),
            "status": "running",
            "message": "",
            "scheduled": scheduled,
        }
        async with self._database.begin() as database:
            await database.execute(delete(_runs).where(_runs.c.run_id == run_id))
            await database.execute(insert(_runs).values(row))

    async def first_day(self, connection: str) -> date | None:
        """Return the first day that had a scheduled run by the record; None where none had."""
        days = await self.days(connection)
        return min((day for day, scheduled in days.items() if scheduled), default=None)

    @uncancellable
    async def days(self, connection: str) -> dict[date, bool]:
        """Return the days of which the record knows a run, and whether one of these was scheduled."""
        query = select(_runs).where(_runs.c.connection == connection)
        found: dict[date, bool] = {}
        async with self._database.begin() as database:
            for day, scheduled in await database.run_sync(rows, query, _runs, _day_and_schedule):
                found[day] = found.get(day, False) or scheduled
        return found

    @uncancellable
    async def ended(self, run_id: str, status: str, message: str, at: datetime) -> None:
        """Record how a run ended."""
        async with self._database.begin() as database:
            await database.execute(
                update(_runs)
                .where(_runs.c.run_id == run_id)
                .values(status=status, message=message, ended_at=instant_text(at))
            )


def _day_and_schedule(row: Mapping[str, Any]) -> tuple[date, bool]:
    day: date = row["day"]
    scheduled: bool | None = row["scheduled"]
    began = instant(row["started_at"])
    if scheduled is None:
        # Recorded before it was known: the night's own run comes on the date after its day (in UTC as
        # well, wherever it is); one that came later was for a date that somebody gave.
        scheduled = began.date() - day <= timedelta(days=1)
    return day, scheduled
