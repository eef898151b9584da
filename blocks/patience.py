"""Waiting for a system that is out of order, for as long as a run may, while nothing is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta

from blocks.clock import Clock, SystemClock
from blocks.errors import CallFailed, Throttled, Unavailable, Unreachable

# A shorter wait is over before anybody could read what is waited for.
_WORTH_TELLING_SECONDS = 3.0
# The gateways' answers for a system that is not there; any other fault may be of one request alone.
_OUT_OF_ORDER = frozenset({None, 502, 503, 504})


class UnderWay:
    """Whether something that a run has sent may be carried out yet, for all that anybody knows."""

    def __init__(self) -> None:
        self.any = False

    def note(self) -> None:
        """Take note of a request that was never answered for."""
        self.any = True

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Forget what was noted within, for whoever leaves it without an error knows the end of all that."""
        before = self.any
        yield
        self.any = before


@dataclass(slots=True)
class _Outage:
    """Up to when the end of an outage is waited for, and whether that was told."""

    until: datetime | None = None
    told: bool = False


class Patience:
    """How long a run waits for one system, its token service included, once that is out of order.

    An outage begins with the first call that did nothing and ends with the first answer of the system itself.
    `tell` is given a sentence for whoever waits; `under_way` is shared by all systems of a run.
    """

    def __init__(
        self,
        system: str = "",
        limit: timedelta = timedelta(),
        clock: Clock | None = None,
        tell: Callable[[str], None] = lambda _text: None,
        under_way: UnderWay | None = None,
    ) -> None:
        self.under_way = under_way or UnderWay()
        self.ends_outages = True
        self._system = system
        self._limit = limit
        self._clock = clock or SystemClock()
        self._tell = tell
        self._outage = _Outage()

    def with_tokens(self) -> Patience:
        """Return the same patience for the token service: a token that was had ends no outage by itself."""
        same = copy(self)
        same.ends_outages = False
        return same

    def until(self, error: CallFailed) -> datetime | None:
        """Return up to when the end of what failed is waited for; None where it is not waited for at all."""
        if not self._limit or self.under_way.any or not _is_outage(error):
            return None
        self._outage.until = self._outage.until or self._clock.now() + self._limit
        return self._outage.until

    def waits(self, error: BaseException | None, seconds: float) -> None:
        """Tell, once in an outage, what is waited for."""
        outage = self._outage
        if outage.until and not outage.told and seconds >= _WORTH_TELLING_SECONDS:
            outage.told = True
            self._tell(f"Waiting for {self._system} until {outage.until:%H:%M} UTC at the latest. {error}")

    def answered(self) -> None:
        """Take an outage for over, unless it is only the token service that answered."""
        if not self.ends_outages:
            return
        if self._outage.told:
            self._tell(f"{self._system} answers again.")
        self._outage.until, self._outage.told = None, False


def _is_outage(error: CallFailed) -> bool:
    """Tell whether nothing was done, for a reason that is likely to pass by itself."""
    if isinstance(error, Unavailable):
        return error.status in _OUT_OF_ORDER
    return isinstance(error, Unreachable | Throttled)
