"""The sandbox's clock: real time, shifted or frozen by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class SandboxClock:
    """Says what time it is for everything inside the sandbox.

    Until told otherwise it is real time. `advance` moves it, so that tokens expire and days end
    without anybody waiting; `freeze` stops it, so that a test sees the same instant twice.
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

        Raises ValueError when the result is beyond what a datetime holds or `seconds` is no number.
        """
        try:
            step = timedelta(seconds=seconds)
            if self._frozen is not None:
                self._frozen += step
            else:
                # Adding once here proves that now() will not fail later.
                _ = datetime.now(UTC) + self._offset + step
                self._offset += step
        except OverflowError:
            raise ValueError(f"the clock cannot move by {seconds} seconds") from None

    def freeze(self, at: datetime | None) -> None:
        """Stop the clock at `at` (aware), or with None let it run again from where it stands.

        Raises ValueError for a naive datetime: nobody could say which instant it means.
        """
        if at is None:
            if self._frozen is not None:
                self._offset = self._frozen - datetime.now(UTC)
                self._frozen = None
            return
        if at.tzinfo is None:
            raise ValueError("the clock freezes only at an instant with a zone, such as 2026-03-05T02:00:00Z")
        self._frozen = at.astimezone(UTC)
