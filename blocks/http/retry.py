"""What is repeated, when, and how long a run waits for a system that is out of order."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from blocks.clock import Clock, SystemClock
from blocks.errors import CallFailed, Throttled, Transient, Unavailable, UnknownOutcome, Unreachable
from blocks.http.models import KEY_LIFE, LONGEST_WAIT_SECONDS, Call

T = TypeVar("T")


def back_off(doublings: int) -> float:
    """Return the wait in seconds where none is stated: 0.5 s doubled each time, at most 30 s, with jitter."""
    # In a long outage there are thousands of attempts, and no float holds two to the power of that.
    return min(0.5 * 2.0 ** min(doublings, 6), 30.0) * random.uniform(0.5, 1.0)  # noqa: S311


def repeating(
    call: Call,
    attempts: int,
    clock: Clock,
    notice: Callable[[str], None],
    key_life: timedelta = KEY_LIFE,
) -> AsyncRetrying:
    """Return the whole retry policy for one call; what it gives up, a task may do again (see `pause_after`).

    - Only Transient errors and unknown outcomes are repeated. What is Terminal would fail again.
    - An unknown outcome is repeated with the same bytes under the same idempotency key, and only
      while that key surely lives, and not after `not_after`: a repeat after that could be carried out a
      second time.
    - The wait is what the system asks for, plus up to a second so that parallel calls part ways; where
      it asks for nothing, 0.5 s doubled per attempt up to 30 s, of which up to half is dropped at random.
    - No wait is longer than LONGEST_WAIT_SECONDS: a read that is asked for more is given up, and so is what
      a limit asks it of, which is ResumeLater (see `failure`).
    - After the last attempt the last error stands.
    """
    key_dies = (call.first_sent or clock.now()) + key_life

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_seconds if isinstance(error, Transient | UnknownOutcome) else None
        if asked is not None:
            return min(asked + random.random(), LONGEST_WAIT_SECONDS)  # noqa: S311
        return back_off(state.attempt_number - 1)

    def stop(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        next_at = clock.now() + timedelta(seconds=state.upcoming_sleep)
        if state.attempt_number >= attempts or (not call.writes and _asked(error) > LONGEST_WAIT_SECONDS):
            return True
        if call.not_after and isinstance(error, UnknownOutcome) and next_at > call.not_after:
            return True
        return call.writes and next_at >= key_dies

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        again = f"attempt {state.attempt_number + 1} of {attempts}"
        notice(f"{error} Next: {again} in {state.upcoming_sleep:.1f} s.")

    return AsyncRetrying(
        retry=retry_if_exception_type((Transient, UnknownOutcome)),
        wait=wait,
        stop=stop,
        sleep=clock.sleep,
        before_sleep=before_sleep,
        reraise=True,
    )


def _asked(error: object) -> float:
    """Return for how many seconds a system has asked to be left alone."""
    asked = error.retry_after_seconds if isinstance(error, Transient | UnknownOutcome) else None
    return asked or 0.0


# So long a run waits at least before it does again what met a system that is out of order.
PAUSE_SECONDS = 15.0


def pause_after(error: object, now: datetime) -> float | None:
    """Return after how many seconds a step that failed is done again; None where it is not.

    It is where nothing was done, nothing is under way, and the run waits for that long. One rule for
    Prefect's tasks (flows.runtime.tasks), and for `waited_out` where there is no Prefect. Pure.
    """
    until = error.wait_until if isinstance(error, CallFailed) else None
    pause = max(PAUSE_SECONDS, _asked(error))
    return pause if until is not None and now + timedelta(seconds=pause) <= until else None


async def waited_out(clock: Clock, step: Callable[[], Awaitable[T]]) -> T:
    """Do a step, again after each failure that is waited out. Raises what it raises at last."""
    while True:
        try:
            return await step()
        except CallFailed as error:
            pause = pause_after(error, clock.now())
            if pause is None:
                raise
        await clock.sleep(pause)


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

    @property
    def told(self) -> bool:
        """Tell whether somebody was told of an outage that is not over yet."""
        return self._outage.told

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
