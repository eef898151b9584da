"""The five steps that turn a day's lines into batches: validate, map, group, balance, batch. Pure.

Each is a pure function from a frame to a frame that names every offender at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import Refusal

_SHOWN = 20


class StepRefusal(Refusal):
    """A step cannot accept what it was given; `offenders` names each one.

    `what` is the summary with the first offenders, `remedy` says what to do.
    """

    def __init__(self, step: str, summary: str, offenders: Sequence[str], remedy: str) -> None:
        self.step = step
        self.summary = summary
        self.offenders = tuple(offenders)
        self.remedy = remedy
        shown = "; ".join(self.offenders[:_SHOWN])
        more = f"; and {len(self.offenders) - _SHOWN} more" if len(self.offenders) > _SHOWN else ""
        self.what = f"{summary}: {shown}{more}."
        super().__init__(f"{self.what} {remedy}")

    def __reduce__(self) -> tuple[type[StepRefusal], tuple[str, str, tuple[str, ...], str]]:
        return type(self), (self.step, self.summary, self.offenders, self.remedy)
