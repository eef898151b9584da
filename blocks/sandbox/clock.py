"""The sandbox's clock: real time, shifted or frozen by hand; and instants as milliseconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from blocks.dates import FIRST, LAST, askable

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TellsTime(Protocol):
    """A clock as the stand-ins see it."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""


def ms_of(at: datetime) -> int:
    """Return an instant as whole milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def at_ms(ms: int) -> datetime:
    """Return the instant of a number of milliseconds."""
    return _EPOCH + timedelta(milliseconds=ms)


def day_ms(day: date) -> int:
    """Return the milliseconds of a document date: midnight in UTC."""
    return (day.toordinal() - _EPOCH.toordinal()) * 86_400_000


class SandboxClock:
    """Says what time it is for everything inside the sandbox.

    Until told otherwise it is real time. `advance` moves it, so that tokens expire and days end
    without anybody waiting; `freeze` stops it, so that a test sees the same instant twice; `reset` undoes
    both.
    """

    def __init__(self) -> None:
        self._offset = timedelta()
        self._frozen: datetime | None = None

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._frozen is not None

    def now(self) -> datetime:
        """Return the sandbox's present instant, aware, in UTC."""
        if self._frozen is not None:
            return self._frozen
        return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds`; a frozen clock moves and stays frozen. Negative goes back.

        Raises ValueError when the result is beyond what can be shown or `seconds` is no number.
        """
        try:
            step = timedelta(seconds=seconds)
            _require_showable(self.now() + step)
        except OverflowError:
            raise ValueError(f"the clock cannot be moved by {seconds} seconds") from None
        if self._frozen is not None:
            self._frozen += step
        else:
            self._offset += step

    def freeze(self, at: datetime | None) -> None:
        """Stop the clock at `at` (aware), or with None let it run again from where it stands.

        Raises ValueError for a naive datetime, of which nobody could say which instant it means, and for one
        so far off that the clock could not go on from there.
        """
        if at is None:
            if self._frozen is not None:
                self._offset = self._frozen - datetime.now(UTC)
                self._frozen = None
            return
        if at.tzinfo is None:
            raise ValueError("freeze needs an instant with a time zone, such as 2026-03-05T02:00:00Z")
        _require_showable(at)
        self._frozen = at.astimezone(UTC)

    def reset(self) -> None:
        """Show real time again."""
        self._frozen, self._offset = None, timedelta()


def _require_showable(at: datetime) -> None:
    if not askable(at):
        raise ValueError(f"the clock must stay between {FIRST} and {LAST}")
