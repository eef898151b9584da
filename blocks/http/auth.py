"""What token services answer: how long a token lives, and their word alone for a refusal."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from blocks.http.models import NOT_THE_JSON, Answer

# With one of these a token service refuses the credentials; with any other status it has another trouble.
REFUSED = frozenset({400, 401, 403})
# RFC 6749, 4.1.2.1 and 5.2; RFC 6750, 3.1; RFC 8707, 2.
_WORDS = frozenset(
    [
        "access_denied",
        "insufficient_scope",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "invalid_target",
        "invalid_token",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
    ]
)


class _OAuthError(msgspec.Struct):
    error: str = ""


def oauth_word(answer: Answer) -> tuple[str, ...]:
    """Return OAuth's word for a refusal, such as invalid_grant; what the service adds is not told."""
    try:
        found = msgspec.json.decode(answer.body, type=_OAuthError).error
    except NOT_THE_JSON:
        return ()
    return (found,) if found in _WORDS else ()


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
