"""The record of incidents, which is also the outbox of the tasks that tell people of them in Mambu.

state of a task   what is to be done
none              nothing: nobody is to be told, or it was resolved before anybody was
due               it must be logged in Mambu, or brought up to date there
open              nothing: it stands in Mambu
closing           it must be completed in Mambu
closed            nothing
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import Column, Integer, Table, and_, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.store.database import Database, in_turn, metadata, uncancellable
from blocks.store.models import Incident, TaskState
from blocks.store.rows import Boolean, Date, String, Text, record_of, row_of, rows

_incidents = Table(
    "incidents",
    metadata,
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


class Incidents:
    """The incidents in a store. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @uncancellable
    async def open(
        self, incident: Incident, beside: Collection[str] = (), apart: Collection[str] = ()
    ) -> Incident:
        """Record an incident and return it as it now stands.

        The same one still open (same day, stage and step) is taken further, not multiplied; those of the
        day's other stages are resolved, for the day has come past them, but for the steps `beside`, which are
        of something else. The stages `apart` and all others do not resolve each other.
        """
        async with self._database.begin() as database:
            await _day_in_turn(database, incident.flow, incident.connection, incident.day)
            same, others = None, []
            for held in await _selected(database, _open_on(incident.flow, incident.connection, incident.day)):
                if (held.stage, held.step) == (incident.stage, incident.step):
                    same = held
                elif held.step not in beside and (held.stage in apart) == (incident.stage in apart):
                    others.append(held)
            await _resolve(database, others, incident.opened)
            if same is not None:
                changed = (same.task_text, same.error) != (incident.task_text, incident.error)
                incident = replace(
                    incident,
                    incident_id=same.incident_id,
                    opened=same.opened,
                    times=same.times + 1,
                    # It has one of its own where it was told while the record was away.
                    task_id=same.task_id or incident.task_id,
                    task_tried=same.task_tried or incident.task_tried,
                    task_title=same.task_title or incident.task_title,
                    task_state=incident.task_state if changed or not same.task_id else same.task_state,
                )
            await _put(database, incident)
        return incident

    @uncancellable
    async def resolve(
        self,
        flow: str,
        connection: str,
        day: date | None,
        at: datetime,
        *,
        stages: Collection[str] = (),
        but_stages: Collection[str] = (),
        but_steps: Collection[str] = (),
    ) -> list[Incident]:
        """Mark the open incidents of a day, or of all days, as resolved, and return them.

        `stages`: only those of these stages. Those of `but_stages` and of `but_steps` stay open.
        """
        async with self._database.begin() as database:
            await _day_in_turn(database, flow, connection, day)
            found = [
                one
                for one in await _selected(database, _open_on(flow, connection, day))
                if (not stages or one.stage in stages)
                and one.stage not in but_stages
                and one.step not in but_steps
            ]
            return await _resolve(database, found, at)

    @uncancellable
    async def change_task(self, incident: Incident) -> None:
        """Record what became of an incident's task.

        What another run made of the incident meanwhile is not lost: where it was resolved, its task is
        to be closed, and where its words have changed, the task is to be brought up to date.
        """
        state: Any = incident.task_state
        if state in {TaskState.DUE, TaskState.OPEN}:
            other_words = _incidents.c.task_text != incident.task_text
            state = case(
                (_incidents.c.resolved.is_not(None), TaskState.CLOSING),
                (other_words, TaskState.DUE),
                else_=state,
            )
        values = {
            "task_state": state,
            "task_id": incident.task_id,
            "task_tried": incident.task_tried,
        }
        async with self._database.begin() as database:
            await database.execute(
                update(_incidents).where(_incidents.c.incident_id == incident.incident_id).values(values)
            )

    @uncancellable
    async def outbox(self, connection: str) -> list[Incident]:
        """Return the incidents of a connection whose tasks have something to be done in Mambu."""
        waiting = _incidents.c.task_state.in_((TaskState.DUE, TaskState.CLOSING))
        async with self._database.begin() as database:
            return await _selected(database, and_(_incidents.c.connection == connection, waiting))

    @uncancellable
    async def all(
        self, connection: str, *, day: date | None = None, only_open: bool = False
    ) -> list[Incident]:
        """Return the incidents of a connection, the oldest first."""
        wanted = [_incidents.c.connection == connection]
        if day is not None:
            wanted.append(_incidents.c.day == day)
        if only_open:
            wanted.append(_incidents.c.resolved.is_(None))
        async with self._database.begin() as database:
            return await _selected(database, and_(*wanted))


async def _day_in_turn(database: AsyncConnection, flow: str, connection: str, day: date | None) -> None:
    await in_turn(database, f"incidents {flow} {connection} {day}")


async def _resolve(database: AsyncConnection, found: list[Incident], at: datetime) -> list[Incident]:
    resolved = [replace(one, resolved=at, task_state=_after(one)) for one in found]
    for one in resolved:
        await _put(database, one)
    return resolved


def _after(incident: Incident) -> TaskState:
    """Return the state of a task whose incident is resolved."""
    if incident.task_state is TaskState.NONE or (
        incident.task_state is TaskState.DUE and not incident.task_tried and not incident.task_id
    ):
        return TaskState.NONE
    return TaskState.CLOSING


async def _put(database: AsyncConnection, incident: Incident) -> None:
    await database.execute(delete(_incidents).where(_incidents.c.incident_id == incident.incident_id))
    await database.execute(insert(_incidents).values(row_of(incident)))


async def _selected(database: AsyncConnection, wanted: Any) -> list[Incident]:
    query = select(_incidents).where(wanted).order_by(_incidents.c.opened, _incidents.c.incident_id)
    return await database.run_sync(rows, query, _incidents, _incident)


def _open_on(flow: str, connection: str, day: date | None) -> Any:
    return and_(
        _incidents.c.flow == flow,
        _incidents.c.connection == connection,
        _incidents.c.resolved.is_(None),
        *([_incidents.c.day == day] if day else []),
    )


_incident = partial(record_of, Incident)
