"""A failure as accountants read it: what happened, what is safe, what to do next. Pure."""

from __future__ import annotations

from typing import NamedTuple

from blocks.errors import ResumeLater, Transient
from blocks.text import visible
from flows.runtime.text import asked_wait

LONGEST_TEXT = 20_000
_REST = "\n… The rest is on the date's failures page."
HAPPENED = "What happened"
# The stages that only a withdrawal has.
WITHDRAWAL = ("read", "remove", "verify")


class Failure(NamedTuple):
    """What went wrong: what happened, what is safe, what to do next.

    `step` is the part of the stage that failed, or empty; `details` names everything affected.
    """

    stage: str
    step: str
    title: str
    happened: str
    details: tuple[str, ...]
    safe: tuple[str, ...]
    remedy: str

    @property
    def what(self) -> str:
        """Return what happened, with all details."""
        if not self.details:
            return self.happened
        return f"{self.happened.removesuffix('.')}: {'; '.join(self.details)}"

    def text(self, longest: int) -> str:
        """Return the text of a task; where it is too long, details are left out, never the remedy."""
        what = "\n".join((HAPPENED, visible(self.happened), *_bullets(self.details)))
        safe, remedy = map(visible, self.safe), visible(self.remedy)
        end = "\n".join(("", "", "What is safe", *safe, "", "What to do next", remedy))
        return _cut(what, longest - len(end)) + end


def wait_asked_for(error: Exception) -> str:
    """Return the advice to wait as long as an error says, or nothing."""
    if isinstance(error, ResumeLater):
        return f"Wait until {error.resume_at:%Y-%m-%d %H:%M} UTC."
    if isinstance(error, Transient) and error.retry_after_seconds:
        return asked_wait(error.retry_after_seconds)
    return ""


def _bullets(texts: tuple[str, ...]) -> list[str]:
    return [f"- {visible(text)}" for text in texts]


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    kept = text[: longest - len(_REST)]
    whole, _, _ = kept.rpartition("\n")
    # Whole details only; where not one fits, a part of the sentence before them.
    return (whole if whole.count("\n") else kept) + _REST
