"""The switches of the Mambu stand-in: what its makers do not know about Mambu, and what tests provoke."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from blocks.sandbox.options import Options
from blocks.sandbox.world import chart
from blocks.sandbox.world.days import DaySettings

CURSOR_ENDS = ("with-last", "extra-page", "omit-header")
EOD_STATES = (
    "QUEUED",
    "IN_PROGRESS",
    "COMPLETE",
    "NOT_FOUND",
    "CANCEL",
    "TO_BE_CANCELED",
    "TIMED_OUT",
    "ERROR",
    "TRANSIENT_ERROR",
    "OVERRIDDEN",
    "RECOVERABLE_ERROR",
)


@dataclass(frozen=True, slots=True)
class MambuOptions(Options):
    """Every switch, set to the likeliest behaviour of a real tenant.

    The first four say which tenant it is. `nulls`: a field without a value is null, and not left out.
    `cursor_end`: where the empty cursor comes, one of `CURSOR_ENDS`.
    `bound_shift_seconds`: moves AFTER and BEFORE inwards, negative outwards.
    `unstable_order`: lines that sort alike change places between requests. `require_filter`: an empty
    filter list is refused. `cursor_totals`: the pages of a cursor state the total, as other pages do.
    `archive_before`: lines created before this date (yyyy-MM-dd) are gone.
    `horizon_days`: how far back a search looks that has no beginning, or one over 400 days before its end.
    `idempotency_hang`: a repeated key gets no answer, as if its first request still ran.
    `organization_forbidden`: 403 for admins, too. `page_cap`, `default_limit`: bounds of `limit`.
    `eod_state`: of the last end-of-day run. `eod_manual`: whether it may be run by hand.
    `accept_status`: the answer to a wrong Accept header. `closed_until`: the accounting closure, a date.
    `live_lines`: so many lines, an even number, appear after every search, created now or at 23:59:59
    of `live_date`.
    """

    choices: ClassVar = {"cursor_end": CURSOR_ENDS, "eod_state": EOD_STATES}
    signed: ClassVar = frozenset({"bound_shift_seconds", "seed"})

    time_zone: str = chart.TIME_ZONE
    currency: str = chart.CURRENCY
    lines_per_day: int = 1200
    seed: int = 2026
    nulls: bool = False
    cursor_end: str = "with-last"
    bound_shift_seconds: int = 0
    unstable_order: bool = False
    require_filter: bool = True
    cursor_totals: bool = True
    archive_before: str | None = None
    horizon_days: int = 60
    idempotency_hang: bool = False
    organization_forbidden: bool = False
    page_cap: int = 1000
    default_limit: int = 50
    eod_state: str = "COMPLETE"
    eod_manual: bool = True
    accept_status: int = 406
    closed_until: str | None = None
    live_lines: int = 0
    live_date: str | None = None

    def __post_init__(self) -> None:
        for name in ("archive_before", "closed_until", "live_date"):
            if getattr(self, name) is not None:
                date.fromisoformat(getattr(self, name))
        if min(self.page_cap, self.default_limit) < 1 or min(self.horizon_days, self.live_lines) < 0:
            raise ValueError("page_cap, default_limit, horizon_days or live_lines is too small")
        if self.live_lines % 2:
            raise ValueError("live_lines must be even, so that each debit has its credit")
        if not 200 <= self.accept_status <= 599:
            raise ValueError(f"accept_status is {self.accept_status}: it must be from 200 to 599")
        self.day_settings()

    def day_settings(self) -> DaySettings:
        """Return what the seeded days depend on."""
        return DaySettings(self.time_zone, self.currency, self.lines_per_day, self.seed, self.nulls)
