"""What happens when a stage fails: it is recorded, somebody is told in Mambu, and a success ends it.

The record in the store is the outbox of the tasks in Mambu as well: what cannot be told now is told by the
next run. Each task's title carries a marker, by which it is found again after its answer, or the whole
store, was lost; so no task is ever logged twice.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from blocks.clock import Clock
from blocks.errors import CallFailed, NotFound, StoreError
from blocks.mambu.client import MambuClient
from blocks.mambu.models import MambuTask
from blocks.store.journals import Store
from blocks.store.models import Incident, TaskState
from blocks.text import visible
from flows.runtime.failures import HAPPENED, LONGEST_TEXT, WITHDRAWAL, Failure

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:daybook:mambu:tasks")
LONGEST_TITLE = 255
_LOOKED_FOR_SECONDS = 30
# A task this much older than its incident can still be its own: clocks differ.
_CLOCKS_DIFFER = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class IncidentService:
    """Where the incidents of a flow and connection are recorded, and from where people are told of them.

    `user` is the encoded key of the Mambu user who is told; without one, or without a Mambu, nobody is.
    """

    flow: str
    connection: str
    store: Store
    mambu: MambuClient | None
    user: str | None
    clock: Clock
    log: Callable[[str], None]

    async def open(
        self, failure: Failure, day: dt.date, zone: ZoneInfo, *, beside: Collection[str] = ()
    ) -> Incident:
        """Record a failure and tell people of it. Without a store it is told all the same, and not kept.

        It ends the incidents of the day's other stages, but for those of the steps `beside`. A withdrawal's
        failures and those of other runs do not end each other.
        """
        incident = self._incident(failure, day)
        try:
            incident = await self.store.incidents.open(incident, beside, WITHDRAWAL)
        except StoreError as error:
            self.log(f"The incident could not be recorded. {error}")
            told = await self._try(incident, zone)
            with suppress(StoreError):  # it may be back by now; if not, a success finds the task in Mambu
                return await self.store.incidents.open(told, beside, WITHDRAWAL)
            return told
        await self.tell(zone)
        return incident

    async def resolve(
        self,
        day: dt.date | None,
        zone: ZoneInfo,
        *,
        stages: Collection[str] = (),
        but_stages: Collection[str] = (),
        but_steps: Collection[str] = (),
    ) -> list[Incident]:
        """End the incidents of a day, or of all days, and complete their tasks; `stages`: only theirs.

        Those of `but_stages` and of `but_steps` go on. Tasks that the record does not know are looked for in
        Mambu itself, by the marker: the store that had them was lost, or it could not be written to when they
        were logged. Those of incidents that go on are left, and those of other users. Raises StoreError.
        """
        ended = await self.store.incidents.resolve(
            self.flow,
            self.connection,
            day,
            self.clock.now(),
            stages=stages,
            but_stages=but_stages,
            but_steps=but_steps,
        )
        await self.tell(zone)
        if not stages and self.user and self.mambu:
            await self._complete_unrecorded(day, self.mambu)
        return ended

    async def _complete_unrecorded(self, day: dt.date | None, mambu: MambuClient) -> None:
        held = await self.store.incidents.all(self.connection, day=day, only_open=True)
        # Not by their numbers: that of a task whose answer was lost is not on record.
        going_on = {_marker(incident.task_title) for incident in held}
        try:
            # A success does not wait for this as long as for what it rests on.
            async with asyncio.timeout(_LOOKED_FOR_SECONDS):
                marked = self._marked(day)
                for task in await mambu.find_tasks(marked):
                    theirs = task.assigned_user_key not in {None, self.user}
                    if task.status == "COMPLETED" or theirs or _marker(task.title) in going_on:
                        continue
                    if _is_own(task, marked):
                        with suppress(NotFound):
                            await mambu.complete_task(task.id)
        except TimeoutError:
            self.log("Mambu took too long to say whether tasks of an earlier record are open there.")
        except CallFailed as error:
            self.log(f"Tasks of an earlier record could not be looked for in Mambu. {error}")

    async def tell(self, zone: ZoneInfo) -> None:
        """Bring to Mambu what waits for it; what cannot be brought now keeps waiting. Raises StoreError."""
        for incident in await self.store.incidents.outbox(self.connection):
            if incident.flow == self.flow:
                # Written down first: from here on the task may stand in Mambu without our knowing.
                await self.store.incidents.change_task(replace(incident, task_tried=True))
                told = await self._try(incident, zone)
                await self.store.incidents.change_task(told)

    def _incident(self, failure: Failure, day: dt.date) -> Incident:
        place = f"{failure.stage}/{failure.step}" if failure.step else failure.stage
        marker = f"{self._marked(day)}{place}]"
        return Incident(
            incident_id=str(uuid.uuid4()),
            flow=self.flow,
            connection=self.connection,
            day=day,
            stage=failure.stage,
            step=failure.step,
            error=visible(failure.what, lines=True),
            remedy=visible(failure.remedy, lines=True),
            opened=self.clock.now(),
            task_state=TaskState.DUE if self.user and self.mambu else TaskState.NONE,
            task_title=f"{visible(failure.title)[: LONGEST_TITLE - len(marker) - 1]} {marker}",
            task_text=failure.text(LONGEST_TEXT),
        )

    def _marked(self, day: dt.date | None) -> str:
        """Return how the markers of a day's tasks begin; those of the journals name no flow."""
        flow = "" if self.flow == "journals" else f"{self.flow} "
        return f"[Daybook {flow}{self.connection} {f'{day} ' if day else ''}"

    async def _try(self, incident: Incident, zone: ZoneInfo) -> Incident:
        if self.mambu is None:
            # The connection has lost its Mambu since: what waits goes on waiting.
            return incident
        try:
            if incident.task_state is TaskState.CLOSING:
                return await self._closed(incident, self.mambu)
            if incident.task_state is TaskState.DUE:
                return await self._told(incident, zone, self.mambu)
        except CallFailed as error:
            self.log(f"The task in Mambu has to wait for the next run. {error}")
        return replace(incident, task_tried=True)

    async def _told(self, incident: Incident, zone: ZoneInfo, mambu: MambuClient) -> Incident:
        if incident.task_id is None:
            mine = await self._found(incident, mambu)
            if not mine:
                task = await mambu.create_task(
                    incident.task_title,
                    incident.task_text,
                    mambu.transport.there.at(self.clock.now()).astimezone(zone).date(),
                    self.user,
                    str(uuid.uuid5(_NAMESPACE, incident.incident_id)),
                )
                return replace(incident, task_state=TaskState.OPEN, task_id=str(task.id), task_tried=True)
            incident = replace(incident, task_id=str(mine[0].id), task_tried=True)
        try:
            # Open, also where somebody has completed it meanwhile: the day has failed again.
            await mambu.change_task(incident.task_id or "", description=incident.task_text, status="OPEN")
        except NotFound:
            # Somebody has removed it: they know.
            return replace(incident, task_state=TaskState.CLOSED)
        return replace(incident, task_state=TaskState.OPEN)

    async def _closed(self, incident: Incident, mambu: MambuClient) -> Incident:
        ids = (
            [incident.task_id]
            if incident.task_id
            else [str(one.id) for one in await self._found(incident, mambu)]
        )
        for task_id in ids:
            try:
                await mambu.complete_task(task_id)
            except NotFound:
                self.log(f"Mambu's task {task_id} is gone.")
        return replace(incident, task_state=TaskState.CLOSED, task_id=ids[0] if ids else None)

    async def _found(self, incident: Incident, mambu: MambuClient) -> list[MambuTask]:
        """Return the incident's own tasks: those with its marker that are open; and completed ones no older
        than itself, where a task may have been logged without our knowing.

        One that is known to be another incident's is not among them: that one's end would end it, too. But
        of two open ones of one place the task is the same: this one was told while the record was away.
        """
        marker = _marker(incident.task_title)
        others: set[str | None] = set()
        with suppress(StoreError):  # without a store all that can be known is in Mambu
            held = await self.store.incidents.all(incident.connection, day=incident.day)
            others = {
                one.task_id
                for one in held
                if one.incident_id != incident.incident_id and (one.resolved or incident.resolved)
            }
        found = await mambu.find_tasks(marker)
        # By Mambu's clock, which dates its tasks.
        since = mambu.transport.there.at(incident.opened) - _CLOCKS_DIFFER
        return [
            task
            for task in found
            if _is_own(task, marker)
            and str(task.id) not in others
            and (task.status != "COMPLETED" or (incident.task_tried and _created(task) >= since))
        ]


def _marker(title: str) -> str:
    """Return the marker at the end of a task's title."""
    return title[max(title.rfind("["), 0) :]


def _is_own(task: MambuTask, marked: str) -> bool:
    """Tell whether a task was logged by Daybook: its title ends with a marker that begins like this, and its
    text is laid out as ours are. A person's own task may quote the title of one.
    """
    marker = _marker(task.title)
    text = HAPPENED if task.description is None else task.description
    return marker.startswith(marked) and marker.endswith("]") and HAPPENED in text


def _created(task: MambuTask) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(task.creation_date or "")
    except ValueError:
        return dt.datetime.min.replace(tzinfo=dt.UTC)
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
