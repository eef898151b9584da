"""Which systems belong together, and the policy for that pair."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from blocks.connections.connection import (
    AssignedUserKey,
    Connection,
    OrganisationName,
    PatienceMinutes,
    XeroConcurrency,
)
from blocks.http.urls import documentation_url
from blocks.mambu.credentials import MambuCredentials
from blocks.mambu.models import MambuOffsets
from blocks.store.block import DaybookStore
from blocks.xero.credentials import XeroCredentials

# Accounts that Xero does not let a manual journal use, or keeps for itself.
SYSTEM_ACCOUNTS_REFUSED = ("DEBTORS", "CREDITORS", "RETAINEDEARNINGS", "WAGEPAYABLES")
_LABEL = re.compile(r"[A-Za-z0-9._-]{1,40}")


def _zone_exists(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder such as Europe
        raise ValueError(f"{value!r} is not a time zone such as Europe/London") from None
    return value


def _label_fits(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError("must be 1 to 40 letters, digits, dots, dashes and underscores")
    return value


def _codes_fit_xero(value: dict[str, str]) -> dict[str, str]:
    long = sorted(f"{gl} -> {code}" for gl, code in value.items() if not 1 <= len(code) <= 10)
    if long:
        raise ValueError(f"Xero's account codes have 1 to 10 characters: {', '.join(long)}")
    return value


TimeZone = Annotated[str, AfterValidator(_zone_exists)]
Label = Annotated[str, AfterValidator(_label_fits)]
AccountMap = Annotated[dict[str, str], AfterValidator(_codes_fit_xero)]


class JournalConnection(Connection):
    """One Mambu tenant whose journal lines go to one Xero organisation."""

    _block_type_name = "Journal Connection"
    _documentation_url = documentation_url("configuration.md#a-journal-connection")

    mambu: MambuCredentials = Field(description="The Mambu tenant.")
    xero: XeroCredentials = Field(description="The Xero organisation.")
    store: DaybookStore = Field(default_factory=DaybookStore, description="Where runs are recorded.")
    time_zone: TimeZone | None = Field(
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
    organisation: OrganisationName = None
    assigned_user_key: AssignedUserKey = None
    first_day: date | None = Field(
        default=None,
        description="The first day that this connection sends. No run looks back beyond it. Without it, no "
        "run looks back beyond the day of the first nightly run, which is one started without a date.",
    )
    look_back_days: int = Field(
        default=3, ge=0, le=31, description="How many earlier days a nightly run completes before its own."
    )
    retries: int = Field(default=4, ge=0, le=20, description="How often a failed call is repeated.")
    patience_minutes: PatienceMinutes = 15
    mambu_concurrency: int = Field(
        default=4, ge=1, le=16, description="How many windows of a day are read from Mambu at a time."
    )
    xero_concurrency: XeroConcurrency = 2
    lines_per_journal: int = Field(
        default=250,
        ge=2,
        le=5000,
        description="How many lines a manual journal has at most; a transaction is never split for it.",
    )
    account_map: AccountMap = Field(
        default_factory=dict,
        description="Xero account codes by GL code, for GL accounts whose code differs in Xero.",
    )
    refused_system_accounts: list[str] = Field(
        default_factory=lambda: list(SYSTEM_ACCOUNTS_REFUSED),
        description="Xero's system accounts that no journal line may use.",
    )
    label: Label | None = Field(
        default=None,
        description="A text at the end of each narration and description. Needed where two Mambu tenants "
        "share one Xero organisation. Up to 40 letters, digits, dots, dashes and underscores.",
    )
    show_on_cash_basis_reports: bool = Field(
        default=True, description="Whether Xero counts the journals in cash basis reports."
    )
