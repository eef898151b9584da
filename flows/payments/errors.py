"""What stops a run of the payments. Pure."""

from __future__ import annotations

from blocks.errors import Refusal, UsageError


class LNSaysNothing(Refusal):
    """LN cannot be reached, or answers nothing that can be understood: the rest waits for the next run."""


class LNStops(Refusal):
    """LN refuses something that would meet every other document as well."""


class NoTokenNow(LNStops):
    """Infor gives no token now, without which nothing can be posted."""


class NotConfirmed(UsageError):
    """Nothing is sent before a person has confirmed that the record may be gone by."""
