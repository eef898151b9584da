"""The pretended tenant: its clock, switches, ledger and kept state, shared by all endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from blocks.sandbox.asgi import Answer, Headers
from blocks.sandbox.clock import TellsTime
from blocks.sandbox.mambu.access import Caller
from blocks.sandbox.mambu.dates import EARLIEST
from blocks.sandbox.mambu.http import json_answer
from blocks.sandbox.mambu.ledger import Ledger, View
from blocks.sandbox.mambu.options import MambuOptions
from blocks.sandbox.mambu.planted import Planted
from blocks.sandbox.mambu.reference import gl_account, gl_accounts, shown
from blocks.sandbox.mambu.state import State
from blocks.sandbox.world.days import day_start


class Tenant:
    """One tenant of the stand-in."""

    def __init__(self, directory: Path | None, clock: TellsTime, options: MambuOptions) -> None:
        self._directory, self._clock = directory, clock
        self.state = State(directory)
        self.options = options
        self._build()

    def use(self, options: MambuOptions) -> None:
        """Set the switches; another zone, currency, volume or seed makes another ledger."""
        before, self.options = self.options.day_settings(), options
        if options.day_settings() != before:
            self._build()
        self.ledger.forget()

    def _build(self) -> None:
        self.zone = ZoneInfo(self.options.time_zone)
        self.planted = Planted(self.options.time_zone)
        for day in self.state.replaced():
            self.planted.replace(day, [])
        days: dict[date, list[bytes]] = {}
        for day, text in self.state.lines():
            days.setdefault(day, []).append(text)
        for day, texts in days.items():
            self.planted.add(day, texts)
        self.ledger = Ledger(self._directory, self.options.day_settings(), self.planted)

    @property
    def _archived_before(self) -> int:
        before = self.options.archive_before
        return EARLIEST if before is None else day_start(date.fromisoformat(before), self.zone)

    def reset(self) -> None:
        """Forget all that was posted, planted or created; the switches stay."""
        self.state.clear()
        self._build()

    def now(self) -> datetime:
        """Return the current instant in the tenant's zone, whole seconds."""
        return self._clock.now().astimezone(self.zone).replace(microsecond=0)

    def view(self, caller: Caller | None, now: datetime) -> View:
        """Return what of the ledger a caller may see."""
        branch = caller.branch if caller else None
        return View(int(now.timestamp()), branch, self._archived_before, self.options.horizon_days)

    def answer(self, status: int, value: object, headers: Headers = ()) -> Answer:
        """Return an answer that carries a value as JSON, as the tenant shows fields without one."""
        return json_answer(status, shown(value, nulls=self.options.nulls), headers)

    def add_lines(self, day: date, texts: Iterable[bytes], *, replacing: bool = False) -> None:
        """Add lines to a date, or make them its only ones."""
        texts = list(texts)
        self.state.add_lines(day, texts, replacing=replacing)
        (self.planted.replace if replacing else self.planted.add)(day, texts)
        self.ledger.forget()

    def accounts(self) -> list[dict[str, object]]:
        """Return the chart of accounts with what the control path added or changed."""
        chart = {str(row["glCode"]): row for row in gl_accounts(self.options.currency)}
        for change in json.loads(self.state.fact("accounts") or "[]"):
            code = change["glCode"]
            row = chart.get(code) or gl_account(code, code, "ASSET", self.options.currency)
            chart[code] = {**row, **change}
        return list(chart.values())
