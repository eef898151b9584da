"""Words that all runs use to people."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

from blocks.clock import ClockThere
from blocks.errors import DaybookError

_LISTED = 20
# Clocks that differ by no more than this are told of no further.
_ALIKE = dt.timedelta(minutes=1)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: 1 line, 1,204 lines."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(numbers: Sequence[int]) -> str:
    """Return numbers for reading; of many, the first ones and how many more there are."""
    shown = ", ".join(map(str, numbers[:_LISTED]))
    return f"{shown} and {len(numbers) - _LISTED:,} more" if len(numbers) > _LISTED else shown


def fault_of(fault: Exception) -> DaybookError:
    """Return the sentence for an error that nobody foresaw; its traceback is in the log."""
    return (
        fault
        if isinstance(fault, DaybookError)
        else DaybookError(
            "Daybook met a fault of its own. The run's log in Prefect has it whole: show that to "
            "whoever looks after Daybook."
        )
    )


def asked_wait(seconds: float) -> str:
    """Return the advice to wait as long as a system has asked for, in whole minutes."""
    return f"Wait {counted(max(1, math.ceil(seconds / 60)), 'minute')}, as the system asks."


def capital(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def clocks_differ(system: str, there: ClockThere) -> list[str]:
    """Return a sentence on how much this machine's clock differs from a system's; none if by little."""
    if abs(there.ahead) <= _ALIKE:
        return []
    which = "behind" if there.ahead > dt.timedelta(0) else "ahead of"
    seconds = round(abs(there.ahead).total_seconds())
    by = counted(seconds, "second") if seconds < 120 else counted(round(seconds / 60), "minute")
    goes_by = f"What is read goes by {system}'s; have the machine's clock set right."
    return [f"This machine's clock is {by} {which} {system}'s. {goes_by}"]
