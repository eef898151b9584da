"""The errors of Daybook. Pure.

    DaybookError                    one sentence for a person: what is wrong and what to do
    ├── UsageError                  wrong use or configuration; exit code 2
    ├── Refusal                     the input of a run was understood and is not acceptable
    ├── StoreError                  the store cannot be read or written
    ├── LeaseLost                   another run has taken the day over
    └── CallFailed                  a call to another system did not do what it was asked to
        ├── Terminal                repeating it cannot help
        │   ├── NotAllowed          bad login, missing permission or scope, wrong organisation
        │   ├── NotFound            the system answers that the thing does not exist
        │   ├── UnusableAnswer      an answer that is too large, or not what the system answers
        │   ├── Rejected            the system understood the request and declines it
        │   ├── Overdue             held back until it was too late to send; nothing was sent
        │   └── ResumeLater         a limit is used up; `resume_at` says when to go on
        ├── Transient               nothing was done; repeating it may help
        │   ├── Unreachable         no connection came about
        │   ├── Throttled           asked to slow down
        │   └── Unavailable         the system or something on the way to it is out of order
        └── UnknownOutcome          a write was sent and nobody knows whether it was carried out

No error carries a request, a header or a body: only the system, the method, the path, the status
and the reason that the system gave.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any


class DaybookError(Exception):
    """Anything Daybook refuses or fails at; its text is fit for the person who runs it.

    `exit_code` is the command line's: 2 where use or configuration is wrong, else 1.
    """

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Let an error pass between processes; Exception's own way cannot give keywords."""
        return _restored, (type(self), self.args), self.__dict__


def _restored(kind: type[DaybookError], arguments: tuple[object, ...]) -> DaybookError:
    return kind.__new__(kind, *arguments)


class UsageError(DaybookError):
    """A command, parameter, environment or block is wrong; nothing was attempted."""

    exit_code = 2


class Refusal(DaybookError):
    """A run cannot go on with what it was given; its text names every offender."""


class StoreError(DaybookError):
    """The database of runs and journals cannot be used; its text tells no password."""


class LeaseLost(DaybookError):
    """This run was taken for dead, and another one is finishing its day."""


class CallFailed(DaybookError):
    """A call to another system failed.

    `wait_until` is up to when a run waits for the reason to pass; None where it does not wait at all.
    """

    wait_until: datetime | None = None

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Terminal(CallFailed):
    """The same call would fail again."""


class NotAllowed(Terminal):
    """The credentials are wrong, or lack a permission, a scope or the organisation."""

    exit_code = 2


class NotFound(Terminal):
    """The thing asked for does not exist; never used for a read that failed."""


class UnusableAnswer(Terminal):
    """The answer is too large to take, or is not the system's."""


class Rejected(Terminal):
    """The request was read and declined; `reasons` are the system's own words."""

    def __init__(self, message: str, *, status: int | None = None, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message, status=status)
        self.reasons = reasons


class Overdue(Terminal):
    """A write waited for its turn until what it rests on was too old; it never left this machine."""


class ResumeLater(Terminal):
    """A limit is used up for longer than a run should wait."""

    def __init__(self, message: str, *, resume_at: datetime, status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.resume_at = resume_at


class Transient(CallFailed):
    """Nothing was done, and the same call may succeed later: in `retry_after_seconds`, if that was said."""

    def __init__(
        self, message: str, *, status: int | None = None, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after_seconds = retry_after_seconds


class Unreachable(Transient):
    """No connection came about, so nothing can have been done."""


class Throttled(Transient):
    """The system asks to slow down, and did nothing."""


class Unavailable(Transient):
    """A read was answered by a fault of the system or of something on the way."""


class UnknownOutcome(CallFailed):
    """A write left this machine, and no answer says what became of it.

    `resume_at` is set where the reason not to try again at once is a limit.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        resume_at: datetime | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, status=status)
        self.resume_at = resume_at
        self.retry_after_seconds = retry_after_seconds
