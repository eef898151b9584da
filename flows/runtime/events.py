"""Events of Prefect's at the end of a run, for automations of the user's own: daybook.journals.completed.

Their resource is `daybook.CONNECTION`, their payload the object that --json prints.
"""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger
from prefect.events import emit_event
from prefect.exceptions import EventTooLarge

from flows.runtime.summary import RunSummary


def announce(summary: RunSummary) -> None:
    """Emit what a run has come to. A message that no event holds is left out: the figures are what counts."""
    resource = {
        "prefect.resource.id": f"daybook.{summary.connection}",
        "prefect.resource.name": f"Daybook, connection {summary.connection}",
    }
    payload: dict[str, Any] = summary.as_json()
    for name in summary.events:
        try:
            emit_event(f"daybook.{name}", resource, payload=payload)
        except EventTooLarge:
            get_run_logger().warning(f"The event daybook.{name} was too large: it goes without its texts.")
            emit_event(f"daybook.{name}", resource, payload={**payload, "message": "", "notes": []})
