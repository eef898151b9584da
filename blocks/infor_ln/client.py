"""The client of Infor LN behind the ION API gateway.

It knows HTTP and Infor's wire format, and nothing of what the documents are for. It posts a document a
single time and returns the answer, whatever the status: what that means for the document is judged in one
place, flows/payments/verdict.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from blocks.http.client import Transport
from blocks.http.models import ApiProfile, Call
from blocks.infor_ln.answers import LNAnswer, ln_answer, reasons
from blocks.infor_ln.token import IonToken

# The gateway gives up after 60 seconds with a 504, which is worth waiting for.
READ_SECONDS = 75.0
TOTAL_SECONDS = 120.0
# LN answers with a few lines; what is longer is not LN's.
LARGEST_ANSWER_BYTES = 1024 * 1024


class InforLNClient:
    """Calls to one company of one Infor LN. Use as an async context manager, from one event loop."""

    def __init__(self, transport: Transport, token: IonToken, path: str, headers: Mapping[str, str]) -> None:
        self.transport = transport
        self._token = token
        self._path = path
        self._headers = dict(headers)

    async def __aenter__(self) -> Self:
        await self.transport.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.transport.__aexit__(None, None, None)
        await self._token.transport.__aexit__(None, None, None)

    @property
    def calls(self) -> int:
        """Return how many requests were sent, those for tokens included."""
        return self.transport.calls + self._token.transport.calls

    async def post(self, document: bytes) -> LNAnswer:
        """Post a document a single time and return the answer, whatever its status.

        Nothing is repeated but a post that was refused for its token, once, with a new one. Raises
        Unreachable (nothing was posted), UnknownOutcome (it may have been booked), NotAllowed (Infor
        refuses the credentials) and NoToken; after the last two nothing was posted either.
        """
        call = Call("POST", self._path, headers=self._headers, content=document, writes=True)
        answer = await self.transport.single(call)
        return ln_answer(answer, self._token.now())

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
