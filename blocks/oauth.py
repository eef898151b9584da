"""What a token service says of a refusal: its word alone, for all else could repeat what it was sent."""

from __future__ import annotations

import msgspec

from blocks.transport import NOT_THE_JSON, Answer

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
