"""The client of Infor LN behind the ION API gateway.

It knows HTTP and Infor's wire format, and nothing of what the documents are for. It posts a document a
single time and returns the answer, whatever the status: what that means for the document is judged in one
place, flows/payments/post_outcome.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import httpx

from blocks.errors import CallFailed, NotAllowed, Rejected, Transient
from blocks.http.auth import OAuthToken, token_profile
from blocks.http.client import ApiClient, Transport
from blocks.http.models import Answer, ApiProfile, Call
from blocks.infor_ln.answers import GOOD_TOKEN_REFUSED, LNAnswer, NoToken, ln_answer, reasons

# The gateway gives up after 60 seconds with a 504, which is worth waiting for.
READ_SECONDS = 75.0
TOTAL_SECONDS = 120.0
# LN answers with a few lines; what is longer is not LN's.
LARGEST_ANSWER_BYTES = 1024 * 1024


class IonToken(OAuthToken):
    """The access token of the ION API gateway, which lives for about two hours."""

    renew_early = timedelta(seconds=60)

    def renewable(self, answer: Answer, used: httpx.Auth) -> bool:
        """Drop the token that was used, unless LN refuses it in the words it has for good ones."""
        if GOOD_TOKEN_REFUSED in answer.body[:4000].decode("utf-8", "replace").lower():
            return False
        return super().renewable(answer, used)

    def failure(self, error: CallFailed) -> CallFailed:
        """Return the error to raise where no token was given: refused credentials, or NoToken."""
        if isinstance(error, Rejected | NotAllowed):
            return NotAllowed(f"Infor refused a token. {error} Nothing was posted.", status=error.status)
        wait = error.retry_after_seconds if isinstance(error, Transient) else None
        return NoToken(
            f"{error} Daybook has no token, so nothing was posted.",
            status=error.status,
            retry_after_seconds=wait,
        )


class InforLNClient(ApiClient):
    """Calls to one company of one Infor LN."""

    def __init__(self, transport: Transport, token: IonToken, path: str, headers: Mapping[str, str]) -> None:
        super().__init__(transport, token.transport)
        self._token = token
        self._path = path
        self._headers = dict(headers)

    async def post(self, document: bytes) -> LNAnswer:
        """Post a document a single time and return the answer, whatever its status.

        Nothing is repeated but a post that was refused for its token, once, with a new one. Raises
        Unreachable (nothing was posted), UnknownOutcome (it may have been booked), NotAllowed (Infor
        refuses the credentials) and NoToken; after the last two nothing was posted either.
        """
        call = Call("POST", self._path, headers=self._headers, content=document, writes=True)
        answer = await self.transport.single(call)
        return ln_answer(answer, self._token.clock.now())

    def forget_token(self) -> None:
        """Have the next call fetch a new token."""
        self._token.forget()


PROFILE = ApiProfile(
    "Infor LN",
    reasons,
    read_seconds=READ_SECONDS,
    total_seconds=TOTAL_SECONDS,
    largest_answer=LARGEST_ANSWER_BYTES,
)
TOKEN_PROFILE = token_profile(
    "Infor's token service",
    "Check that the .ionapi file is current: its keys may have been revoked or replaced.",
)
