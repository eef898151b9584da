"""A call, its answer, and what the answer means to whoever asked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from blocks.dates import askable
from blocks.errors import (
    CallFailed,
    NotAllowed,
    NotFound,
    Rejected,
    ResumeLater,
    Throttled,
    Unavailable,
    UnknownOutcome,
    UnusableAnswer,
)

if TYPE_CHECKING:
    import httpx

# Waiting longer than this inside a run helps nobody: it ends, and says when to go on.
LONGEST_WAIT_SECONDS = 120.0
# No limit starts anew later than this; what asks for more is a slip.
LONGEST_RETRY_AFTER_SECONDS = 31 * 24 * 3600.0
# Unless a system's manners say otherwise. Xero remembers a key for six minutes from its first use; we
# stop relying on it one minute earlier.
KEY_LIFE = timedelta(minutes=5)
LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
# What msgspec raises for bytes that are not the JSON that was asked for.
NOT_THE_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
READ_SECONDS = 120.0
# An answer that comes byte by byte keeps each read short; all of one is waited for no longer than this.
TOTAL_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `writes` is False for anything that can be repeated without a thought.

    A write carries its idempotency key among `headers`; `first_sent` is when these bytes first went
    out under it, where that was earlier than now; `not_after` is the last instant at which they may go
    out, for the first time or again: a repeat whose forerunners were lost on their way is the first.
    `if_forbidden` says what to do about a 403, where the system's own hint is about other calls. One that is
    not `urgent` may wait for another run, so that an outage is not waited for. A write that is not `money`
    changes no books, so that other calls wait for an outage though nobody knows what became of it.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    writes: bool = False
    first_sent: datetime | None = None
    not_after: datetime | None = None
    if_forbidden: str = ""
    urgent: bool = True
    money: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Whether the answer says that it is JSON."""
        return "json" in self.headers.get("content-type", "").lower()


class Authorisation(Protocol):
    """Where a call's credentials come from."""

    async def auth(self) -> httpx.Auth:
        """Return what authorises a call now."""

    def renewable(self, answer: Answer, used: httpx.Auth) -> bool:
        """Drop what was used, and return True if new credentials may turn this refusal around."""


@dataclass(frozen=True, slots=True)
class ApiProfile:
    """The part of the policy that differs between systems.

    How a system words its refusals, for how long after its first use an idempotency key surely lives,
    how long an answer is waited for, from one byte to the next and in total from the sending on, and how
    large an answer is taken: up to LARGEST_ANSWER_BYTES unless they say less.
    """

    system: str
    reasons: Callable[[Answer], tuple[str, ...]]
    hint: Callable[[Answer], str] = lambda _answer: ""
    key_life: timedelta = KEY_LIFE
    read_seconds: float = READ_SECONDS
    total_seconds: float = TOTAL_SECONDS
    largest_answer: int | None = None
    # When an answer was made, by the system's own clock; None where it does not say.
    time_stated: Callable[[Answer], datetime | None] = lambda answer: date_of(answer.headers)
    # Whether a refusal is for a token that has expired: if it was a new one, that passes.
    expired: Callable[[Answer], bool] = lambda _answer: False


def failure(call: Call, answer: Answer, profile: ApiProfile, now: datetime) -> CallFailed | None:
    """Say what an answer means: None for success, else the error to raise."""
    status = answer.status
    if 200 <= status < 300:
        return None
    reasons = profile.reasons(answer)
    said = "; ".join(reasons)[:1000].rstrip(".") or f"{profile.system} gave no reason"
    where = f"{profile.system}: {call.method} {call.path} was answered {status}"
    hint = (call.if_forbidden if status == 403 else "") or profile.hint(answer)
    text = f"{where}: {said}. {hint}".strip()
    if status == 401 and profile.expired(answer):
        return Unavailable(f"{where}, also with a new token: {said}.", status=status)
    if status in {401, 403}:
        return NotAllowed(text, status=status)
    if status == 404:
        return NotFound(text, status=status)
    if status == 429:
        return _too_many(answer, text, profile.system, now)
    if status >= 500 or status == 408:
        wait = retry_after(answer.headers, now)
        return (UnknownOutcome if call.writes else Unavailable)(text, status=status, retry_after_seconds=wait)
    if 300 <= status < 400:
        return UnusableAnswer(f"{text} It redirects elsewhere: the base URL is likely wrong.", status=status)
    return Rejected(text, status=status, reasons=reasons)


def _too_many(answer: Answer, text: str, system: str, now: datetime) -> CallFailed:
    wait = retry_after(answer.headers, now)
    if limit_named(answer).startswith("day") or (wait or 0) > LONGEST_WAIT_SECONDS:
        resume_at = now + timedelta(seconds=wait if wait is not None else 24 * 3600)
        return ResumeLater(
            f"{system} takes no further calls until {resume_at:%Y-%m-%d %H:%M} UTC: its limit is used up.",
            resume_at=resume_at,
            status=429,
        )
    return Throttled(text, status=429, retry_after_seconds=wait)


def limit_named(answer: Answer) -> str:
    return answer.headers.get("X-Rate-Limit-Problem", "").strip().lower()


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, whether it states seconds or a date.

    A date is one of the clock of whoever answers: it is held against the time that the answer states, and
    against ours, `now`, only where it states none.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return min(float(value), LONGEST_RETRY_AFTER_SECONDS)
    at = _http_date(value)
    if at is None:
        return None
    wait = (at - (date_of(headers) or now)).total_seconds()
    return min(max(0.0, wait), LONGEST_RETRY_AFTER_SECONDS)


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """Return when an answer was made, by its Date header; None for none, and for one beyond all books."""
    at = _http_date(headers.get("Date", ""))
    return at if at and askable(at) else None


def _http_date(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)
