"""Words that all runs use to people."""

from __future__ import annotations

from blocks.errors import DaybookError


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: 1 line, 1,204 lines."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def fault_of(fault: Exception) -> DaybookError:
    """Return the sentence for an error that nobody foresaw; its traceback is in the log."""
    return (
        fault
        if isinstance(fault, DaybookError)
        else DaybookError(f"Daybook met a fault of its own ({type(fault).__name__}).")
    )


def capital(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]
