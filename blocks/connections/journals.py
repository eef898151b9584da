"""Which systems belong together, and the policy for that pair."""

from __future__ import annotations

import re
from datetime import date
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, field_validator

from blocks.connections.lookup import connection_named
from blocks.http.urls import LOGO_URL, documentation_url
from blocks.mambu.credentials import MambuCredentials
from blocks.mambu.models import MambuOffsets
from blocks.store.block import DaybookStore
from blocks.xero.credentials import XeroCredentials

# Accounts that Xero does not let a manual journal use, or keeps for itself.
SYSTEM_ACCOUNTS_REFUSED = ("DEBTORS", "CREDITORS", "RETAINEDEARNINGS", "WAGEPAYABLES")
_LABEL = re.compile(r"[A-Za-z0-9._-]{1,40}")


class JournalConnection(Block):
    """One Mambu tenant whose journal lines go to one Xero organisation.

    Example:
        ```python
        from blocks.connections.journals import JournalConnection

        connection = JournalConnection.load("BLOCK_NAME")
        ```
    """

    # Where validation fails, pydantic would show what it was given.
    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Journal Connection"
    _block_type_slug = "journal-connection"
    _logo_url = LOGO_URL
    _documentation_url = documentation_url("configuration")

    mambu: MambuCredentials = Field(description="The Mambu tenant.")
    xero: XeroCredentials = Field(description="The Xero organisation.")
    store: DaybookStore = Field(default_factory=DaybookStore, description="Where runs are recorded.")
    time_zone: str | None = Field(
        default=None,
        description="Mambu's IANA time zone, such as Europe/London: needed where the Mambu user may not "
        "read the organisation's settings; otherwise it must agree with them.",
    )
    mambu_offsets: MambuOffsets = Field(
        default="zone",
        description="The UTC offset that Mambu's times carry: the one of its time zone (zone), or always "
        "+00:00 (utc). A run stops at lines that carry another.",
    )
    currency: str | None = Field(
        default=None,
        description="Mambu's currency as an ISO 4217 code: needed where the Mambu user may not read the "
        "organisation's settings; otherwise it must agree with them.",
    )
    organisation: str | None = Field(
        default=None, description="The Xero organisation's name; a run stops at any other name."
    )
    assigned_user_key: str | None = Field(
        default=None, description="The encoded key of the Mambu user who is told of failures."
    )
    first_day: date | None = Field(
        default=None,
        description="The first day that this connection sends. No run looks back beyond it. Without it, no "
        "run looks back beyond the day of the first nightly run, which is one started without a date.",
    )
    look_back_days: int = Field(
        default=3, ge=0, le=31, description="How many earlier days a nightly run completes before its own."
    )
    retries: int = Field(default=4, ge=0, le=20, description="How often a failed call is repeated.")
    patience_minutes: int = Field(
        default=15,
        ge=0,
        le=24 * 60,
        description="How many minutes a run waits for a system that is unavailable, while no request of its "
        "own is unanswered. Without retries it does not wait.",
    )
    mambu_concurrency: int = Field(
        default=4, ge=1, le=16, description="How many windows of a day are read from Mambu at a time."
    )
    xero_concurrency: int = Field(
        default=2, ge=1, le=5, description="How many calls go to Xero at a time; Xero allows five."
    )
    lines_per_journal: int = Field(
        default=250,
        ge=2,
        le=5000,
        description="How many lines a manual journal has at most; a transaction is never split for it.",
    )
    account_map: dict[str, str] = Field(
        default_factory=dict,
        description="Xero account codes by GL code, for GL accounts whose code differs in Xero.",
    )
    refused_system_accounts: list[str] = Field(
        default_factory=lambda: list(SYSTEM_ACCOUNTS_REFUSED),
        description="Xero's system accounts that no journal line may use.",
    )
    label: str | None = Field(
        default=None,
        description="A text at the end of each narration and description. Needed where two Mambu tenants "
        "share one Xero organisation. Up to 40 letters, digits, dots, dashes and underscores.",
    )
    show_on_cash_basis_reports: bool = Field(
        default=True, description="Whether Xero counts the journals in cash basis reports."
    )

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder such as Europe
                raise ValueError(f"{value!r} is not a time zone such as Europe/London") from None
        return value

    @field_validator("label")
    @classmethod
    def _label_fits(cls, value: str | None) -> str | None:
        if value is not None and not _LABEL.fullmatch(value):
            raise ValueError("must be 1 to 40 letters, digits, dots, dashes and underscores")
        return value

    @field_validator("account_map")
    @classmethod
    def _codes_fit_xero(cls, value: dict[str, str]) -> dict[str, str]:
        long = sorted(f"{gl} -> {code}" for gl, code in value.items() if not 1 <= len(code) <= 10)
        if long:
            raise ValueError(f"Xero's account codes have 1 to 10 characters: {', '.join(long)}")
        return value

    @classmethod
    async def named(cls, name: str) -> Self:
        """Return the connection a run asks for. Raises UsageError naming the remedy."""
        return await connection_named(cls, name)
