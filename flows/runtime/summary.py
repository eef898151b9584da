"""What the summary of every run has, whatever it takes from one system to the other. Pure."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Literal

from blocks.store.models import Incident
from flows.runtime.failures import Failure

Status = Literal["completed", "dry-run", "failed"]


@dataclass
class RunSummary(ABC):
    """One run: `message` is its outcome in sentences, `stage` the one it was last at, `seconds` by stage.

    `xero_bytes_read` are the bytes of Xero's answers, unpacked and without their headers.
    """

    date: dt.date | None
    connection: str
    status: Status = "failed"
    flow_run_id: str = ""
    xero_calls: int = 0
    xero_bytes_read: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    message: str = ""
    stage: str = ""
    failure: Failure | None = None
    incident: Incident | None = None
    notes: list[str] = field(default_factory=list)

    @property
    @abstractmethod
    def events(self) -> list[str]:
        """Return the names of the events that the run comes to, such as `journals.completed`."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """Return the object that --json prints."""
