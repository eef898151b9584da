"""Incidents: a failure is recorded and becomes a task in Mambu; a later success resolves both.

The record in the store is also the outbox of the tasks in Mambu: a task that cannot be created now is created
by the next run. Each task's title ends with a marker by which it is found again when Mambu's answer, or the
whole store, was lost; so no task is created twice.
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
_SEARCH_SECONDS = 30
# A task that is older than its incident by this much can still belong to it: clocks differ.
_CLOCKS_DIFFER = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class IncidentService:
    """Records the incidents of a flow and connection, and notifies people by tasks in Mambu.

    `user` is the encoded key of the Mambu user who gets the tasks; without one, or without Mambu,
    there are none.
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
        """Record a failure and notify people, even where the store is down and it cannot be recorded.

        This resolves the incidents of the day's other stages, except those of the steps `beside`. Failures of
        a withdrawal and of other runs do not resolve each other.
        """
        incident = self._incident(failure, day)
        try:
            incident = await self.store.incidents.open(incident, beside, WITHDRAWAL)
        except StoreError as error:
            self.log(f"The incident could not be recorded. {error}")
            sent = await self._send(incident, zone)
            with suppress(StoreError):  # it may be back by now; if not, a success finds the task in Mambu
                return await self.store.incidents.open(sent, beside, WITHDRAWAL)
            return sent
        await self.notify(zone)
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
        """Resolve the incidents of a day, or of all days, and complete their tasks; `stages`: only theirs.

        Those of `but_stages` and of `but_steps` stay open. Tasks that the store does not know are searched
        for in Mambu by the marker: their store was lost, or could not be written to when they were created.
        Tasks of open incidents and of other users are left alone. Raises StoreError.
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
        await self.notify(zone)
        if not stages and self.user and self.mambu:
            await self._complete_unrecorded(day, self.mambu)
        return ended

    async def _complete_unrecorded(self, day: dt.date | None, mambu: MambuClient) -> None:
        still = await self.store.incidents.all(self.connection, day=day, only_open=True)
        # Not by the tasks' ids: where Mambu's answer was lost, the id is not known.
        open_markers = {_marker(incident.task_title) for incident in still}
        try:
            # A success must not wait long for this.
            async with asyncio.timeout(_SEARCH_SECONDS):
                start = self._marker_start(day)
                for task in await mambu.find_tasks(start):
                    theirs = task.assigned_user_key not in {None, self.user}
                    if task.status == "COMPLETED" or theirs or _marker(task.title) in open_markers:
                        continue
                    if _is_own(task, start):
                        with suppress(NotFound):
                            await mambu.complete_task(task.id)
        except TimeoutError:
            self.log("Mambu did not answer in time whether tasks of an earlier store are still open there.")
        except CallFailed as error:
            self.log(f"Mambu could not be searched for tasks of an earlier store. {error}")

    async def notify(self, zone: ZoneInfo) -> None:
        """Bring the tasks in Mambu up to date; what fails now is tried by the next run. Raises StoreError."""
        for incident in await self.store.incidents.outbox(self.connection):
            if incident.flow == self.flow:
                # Recorded first: from here on the task may be in Mambu although no answer says so.
                await self.store.incidents.change_task(replace(incident, task_tried=True))
                sent = await self._send(incident, zone)
                await self.store.incidents.change_task(sent)

    def _incident(self, failure: Failure, day: dt.date) -> Incident:
        place = f"{failure.stage}/{failure.step}" if failure.step else failure.stage
        marker = f"{self._marker_start(day)}{place}]"
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

    def _marker_start(self, day: dt.date | None) -> str:
        """Return how the markers of a day's tasks start; those of the journals do not name the flow."""
        flow = "" if self.flow == "journals" else f"{self.flow} "
        return f"[Daybook {flow}{self.connection} {f'{day} ' if day else ''}"

    async def _send(self, incident: Incident, zone: ZoneInfo) -> Incident:
        """Create, change or complete the task of an incident; return the incident with the task's state."""
        if self.mambu is None:
            # The connection no longer has a Mambu: the task stays in the outbox.
            return incident
        try:
            if incident.task_state is TaskState.CLOSING:
                return await self._complete(incident, self.mambu)
            if incident.task_state is TaskState.DUE:
                return await self._create(incident, zone, self.mambu)
        except CallFailed as error:
            self.log(f"The task in Mambu could not be updated. The next run tries again. {error}")
        return replace(incident, task_tried=True)

    async def _create(self, incident: Incident, zone: ZoneInfo, mambu: MambuClient) -> Incident:
        if incident.task_id is None:
            mine = await self._own_tasks(incident, mambu)
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
            # Open, even if somebody completed it meanwhile: the day has failed again.
            await mambu.change_task(incident.task_id or "", description=incident.task_text, status="OPEN")
        except NotFound:
            # Somebody removed it, so they know.
            return replace(incident, task_state=TaskState.CLOSED)
        return replace(incident, task_state=TaskState.OPEN)

    async def _complete(self, incident: Incident, mambu: MambuClient) -> Incident:
        ids = (
            [incident.task_id]
            if incident.task_id
            else [str(one.id) for one in await self._own_tasks(incident, mambu)]
        )
        for task_id in ids:
            try:
                await mambu.complete_task(task_id)
            except NotFound:
                self.log(f"Task {task_id} no longer exists in Mambu.")
        return replace(incident, task_state=TaskState.CLOSED, task_id=ids[0] if ids else None)

    async def _own_tasks(self, incident: Incident, mambu: MambuClient) -> list[MambuTask]:
        """Return the incident's own tasks: open ones with its marker, and completed ones that are not older
        than the incident, where Mambu may have created a task although no answer said so.

        Tasks of other incidents are not among them: those would be completed with the wrong incident. But two
        open incidents of one place share their task: one was opened while the store was down.
        """
        marker = _marker(incident.task_title)
        others: set[str | None] = set()
        with suppress(StoreError):  # without the store, only Mambu knows
            known = await self.store.incidents.all(incident.connection, day=incident.day)
            others = {
                one.task_id
                for one in known
                if one.incident_id != incident.incident_id and (one.resolved or incident.resolved)
            }
        found = await mambu.find_tasks(marker)
        # By Mambu's clock, as the tasks' own dates are.
        since = mambu.transport.there.at(incident.opened) - _CLOCKS_DIFFER
        return [
            task
            for task in found
            if _is_own(task, marker)
            and str(task.id) not in others
            and (task.status != "COMPLETED" or (incident.task_tried and _created(task) >= since))
        ]


def heading(incident: Incident) -> str:
    """Return the title of an incident's task without the marker at its end."""
    return incident.task_title.removesuffix(_marker(incident.task_title)).rstrip()


def _marker(title: str) -> str:
    """Return the marker at the end of a task's title."""
    return title[max(title.rfind("["), 0) :]


def _is_own(task: MambuTask, start: str) -> bool:
    """Return whether Daybook created a task: its title ends with a marker that starts like this, and its text
    has our headings. A person's own task may quote the title of one.
    """
    marker = _marker(task.title)
    text = HAPPENED if task.description is None else task.description
    return marker.startswith(start) and marker.endswith("]") and HAPPENED in text


def _created(task: MambuTask) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(task.creation_date or "")
    except ValueError:
        return dt.datetime.min.replace(tzinfo=dt.UTC)
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
