"""What a connection of either kind has."""

from __future__ import annotations

from abc import ABC
from typing import Annotated, Self

from pydantic import Field

from blocks.block import DaybookBlock
from blocks.connections.lookup import connection_named

AssignedUserKey = Annotated[
    str | None, Field(description="The encoded key of the Mambu user who is told of failures.")
]
OrganisationName = Annotated[
    str | None, Field(description="The Xero organisation's name; a run stops at any other name.")
]
PatienceMinutes = Annotated[
    int,
    Field(
        ge=0,
        le=24 * 60,
        description="How many minutes a run waits for a system that is unavailable, while no request of its "
        "own is unanswered. Without retries it does not wait.",
    ),
]
XeroConcurrency = Annotated[
    int, Field(ge=1, le=5, description="How many calls go to Xero at a time; Xero allows five.")
]


class Connection(DaybookBlock, ABC):
    """Which systems belong together, and the policy for them; each kind of flow has a class of its own."""

    @classmethod
    async def named(cls, name: str) -> Self:
        """Return the connection a run asks for. Raises UsageError naming the remedy."""
        return await connection_named(cls, name)
