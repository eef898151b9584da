"""How far Xero's lists are behind: always by as much, by another time with each answer, or for stretches."""

from __future__ import annotations

import random
from dataclasses import replace

from blocks.sandbox.xero.app import XeroStandIn
from tests.simulation.loop import VirtualLoop
from tests.simulation.payments.script import EACH, STEADY, Script

# So long lists are behind by as much, in seconds.
_STRETCH = (20.0, 400.0)


class Lags:
    """By how much the lists of a schedule are behind, up to the most that its script says."""

    def __init__(self, loop: VirtualLoop, script: Script) -> None:
        self._loop, self._most, self._how = loop, script.lag, script.lags
        self._rng = random.Random(f"lags {script.seed}")  # noqa: S311
        self._now, self._until = script.lag, 0.0

    def set(self, xero: XeroStandIn) -> None:
        """Let the lists of a Xero be as far behind as they are just now."""
        if not self._most or self._how == STEADY:
            return
        if self._how == EACH or self._loop.time() >= self._until:
            self._until = self._loop.time() + self._rng.uniform(*_STRETCH)
            self._now = self._rng.choice((0.0, self._most, self._rng.uniform(0, self._most)))
        if xero.options.read_lag_seconds != self._now:
            xero.options = replace(xero.options, read_lag_seconds=self._now)
