"""What token services answer, within bounds: how long, and how long-lived. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

# A token is a few kilobytes at most, and there in a moment; other calls wait for it.
LARGEST_TOKEN_ANSWER = 1024 * 1024
TOKEN_SECONDS = 60.0
# A short life costs a call, a long one a refusal.
UNSAID = timedelta(minutes=5)
_LONGEST_SECONDS = 24 * 3600.0


def renew_at(now: datetime, expires_in: bytes, early: timedelta) -> datetime:
    """Return when to renew a token that was fetched now: `early` before its end, or after half its life.

    `expires_in` is its life in seconds as JSON, a number or a text. What is no number above zero counts
    as UNSAID, for no guide says how long such a token lives; more than a day counts as a day.
    """
    life = _life(expires_in)
    return now + max(life - early, life / 2)


def _life(expires_in: bytes) -> timedelta:
    try:
        # The first digits tell all there is to know of a number of thousands.
        seconds = float(bytes(expires_in).strip(b'"')[:40])
    except ValueError:
        return UNSAID
    # Not a number is not above zero either.
    return timedelta(seconds=min(seconds, _LONGEST_SECONDS)) if seconds > 0 else UNSAID
