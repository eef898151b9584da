"""What can be simulated, by name: the journals, and the payments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from tests.simulation.play import Play
from tests.simulation.stores import StoreFile

JOURNALS = "journals"
PAYMENTS = "payments"
SUBJECTS = (JOURNALS, PAYMENTS)


class Subject(NamedTuple):
    """How schedules are drawn from seeds, the world that plays them, and a store for each of its machines.

    `faults` are those that can strike, by kind of point.
    """

    script: Callable[[int], Any]
    world: Callable[..., Play]
    file: type[StoreFile]
    machines: int
    faults: Mapping[str, tuple[StrEnum, ...]]


def subject(name: str) -> Subject:
    """Return what a name stands for; each is imported when it is asked for."""
    if name == PAYMENTS:
        from tests.simulation.payments.faults import FAULTS as PAYMENTS_FAULTS
        from tests.simulation.payments.script import script as payments_script
        from tests.simulation.payments.stores import PaymentsFile
        from tests.simulation.payments.world import World as PaymentsWorld

        return Subject(payments_script, PaymentsWorld, PaymentsFile, 2, PAYMENTS_FAULTS)
    from tests.simulation.journals.faults import FAULTS
    from tests.simulation.journals.script import MACHINES, script
    from tests.simulation.journals.world import JournalsFile, World

    return Subject(script, World, JournalsFile, MACHINES, FAULTS)
