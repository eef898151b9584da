"""Prefect's automations for Daybook: people are told of a run that crashed, went silent, is late, or failed.

A run that went silent (its process was killed, or its worker, or the machine) stays `Running` in Prefect. An
automation marks it as crashed, which frees the place for the next run of its deployment, and triggers the
automation for crashed runs.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prefect.automations import (
    Automation,
    ChangeFlowRunState,
    EventTrigger,
    Posture,
    ResourceSpecification,
    RunDeployment,
    SendNotification,
)
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound

from blocks.errors import UsageError

DEPLOYMENT = "watch/after-trouble"
_OCCASIONS = {
    "Crashed": "a run crashed",
    "Late": "a run is late",
    "Failed": "a run failed",
}
_FLOWS = ["journals", "withdraw", "payments"]
# A run sends a heartbeat as often as blocks.process and prefect.yaml set, or else every 180 s.
SILENT_FOR = timedelta(minutes=5)
_BEAT = "prefect.flow-run.heartbeat"
_MADE_BY = "Created by python -m flows.main automations. Run that command again to update it."
# The watch checks the connection of the run that is in trouble.
_OF_THAT_RUN = {
    "__prefect_kind": "jinja",
    "template": "{{ flow_run.parameters.get('connection', 'default') }}",
}
_SUBJECT = "Daybook: {{ flow_run.name }} is {{ flow_run.state.name }}"
_BODY = (
    "{{ flow_run.state.message }}\n\nTo see what is open and what to do: python -m flows.main incidents, "
    "or the artifact journals-failures-DATE or payments-DATE."
)


async def create(notify: str | None) -> list[str]:
    """Create the automations, or update them; return their names.

    `notify` is a notification block such as slack-webhook/finance. Raises UsageError.
    """
    deployment = await _deployment()
    block = await _block(notify) if notify else None
    reactions = [_automation(state, deployment, block) for state in _OCCASIONS]
    return [await _put(one) for one in (*reactions, _silent())]


def _silent() -> Automation:
    """Return the automation that marks a run as crashed after its last heartbeat, unless it ended."""
    return Automation(
        name="Daybook: a run went silent",
        description=_MADE_BY,
        trigger=EventTrigger(
            after={_BEAT},
            # Any sign of life: a further heartbeat, or its end in whatever state.
            expect={"prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            match_related=_of_flows([*_FLOWS, "journals: look back", "watch"]),
            posture=Posture.Proactive,
            threshold=1,
            within=SILENT_FOR,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                message=f"This run did not respond for {SILENT_FOR.seconds // 60} minutes: its process, its "
                "worker or its machine was stopped.",
            )
        ],
    )


def _of_flows(names: list[str]) -> ResourceSpecification:
    return ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": names})


def _automation(state: str, deployment: UUID, block: UUID | None) -> Automation:
    actions: list[RunDeployment | SendNotification] = [
        RunDeployment(deployment_id=deployment, parameters={"connection": _OF_THAT_RUN})
    ]
    if block is not None:
        actions.append(SendNotification(block_document_id=block, subject=_SUBJECT, body=_BODY))
    return Automation(
        name=f"Daybook: {_OCCASIONS[state]}",
        description=_MADE_BY,
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{state}"},
            match_related=_of_flows(_FLOWS),
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=actions,
    )


async def _put(automation: Automation) -> str:
    try:
        automation.id = (await Automation.aread(name=automation.name)).id
    except ValueError:
        await automation.acreate()
    else:
        await automation.aupdate()
    return automation.name


async def _deployment() -> UUID:
    async with get_client() as client:
        try:
            return (await client.read_deployment_by_name(DEPLOYMENT)).id
        except ObjectNotFound:
            raise UsageError(
                f"There is no deployment {DEPLOYMENT} yet. Run `prefect --no-prompt deploy --all` first."
            ) from None


async def _block(name: str) -> UUID:
    kind, slash, document = name.partition("/")
    async with get_client() as client:
        try:
            if slash:
                return (await client.read_block_document_by_name(document, kind)).id
        except ObjectNotFound:
            pass
    raise UsageError(
        f"There is no notification block {name!r}. Give its kind and name, such as slack-webhook/finance. "
        "Prefect's pages list them under Blocks."
    )
