"""What an answer from Infor LN, or the lack of one, means for the document that was posted. Pure.

The table in short; whoever changes a row changes the tests of that row:

    what came back                               verdict
    2xx                                          sent; with an error object in it: failed
    any status, «Payment already processed»      duplicate
    401 «OAuth [U14]»                            retry with the same token
    401 otherwise (a new token was tried)        stop the run
    403, 404, a redirect                         stop the run
    409, already there                           duplicate
    409, locked                                  retry
    429                                          retry, when it says so
    500 with an error of LN's own                failed: a refusal in disguise
    other 4xx                                    failed
    408, other 5xx, a web page under a 2xx       unknown: LN may have booked it
    connection lost or timed out after sending   unknown
    no connection                                retry
    no token                                     stop the run

What is `failed` is sent again by later runs; what is `unknown` never by this one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from blocks.errors import CallFailed, NotAllowed, UnknownOutcome, Unreachable
from blocks.infor_answers import LNAnswer
from blocks.infor_token import GOOD_TOKEN_REFUSED, NoToken

_ALREADY_PROCESSED = re.compile(r"payment\s+already\s+processed", re.IGNORECASE)
_ALREADY_THERE = re.compile(
    r"already\s+(?:been\s+)?(?:processed|exist|present)|exists\s+already|duplicate", re.IGNORECASE
)
_LOCKED = re.compile(r"\block(?:ed|s)?\b|in use by", re.IGNORECASE)
_CHECK_LN = (
    " An earlier sending of it was never answered: check in LN whether that one was booked, which could be "
    "why it is refused. Where LN has it, discard it; where it has not, undiscard it, and it is sent as Xero "
    "shows it now."
)


class Means(StrEnum):
    """What is to become of the document.

    RETRY and RETRY_TOKEN: nothing was booked, and this run may post it again, the latter with the same
    token first; failed (and for the token: stop) once the tries are used up. STOP: the document failed,
    and so would every other one.
    """

    SENT = "sent"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    UNKNOWN = "unknown"
    RETRY = "retry"
    RETRY_TOKEN = "retry-token"  # noqa: S105 - a word
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict with its reason in words; `wait_seconds` is what the other side asks for, if it does."""

    means: Means
    reason: str
    wait_seconds: float | None = None


def judge(outcome: LNAnswer | CallFailed, *, in_doubt: bool = False) -> Verdict:
    """Say what became of a posted document; `in_doubt`: an earlier sending of it was never answered."""
    verdict = _of_answer(outcome) if isinstance(outcome, LNAnswer) else _of_error(outcome)
    if in_doubt and verdict.means is Means.FAILED:
        return Verdict(verdict.means, verdict.reason + _CHECK_LN)
    return verdict


def _of_error(error: CallFailed) -> Verdict:
    if isinstance(error, NotAllowed | NoToken):
        return Verdict(Means.STOP, str(error))
    if isinstance(error, Unreachable):
        return Verdict(Means.RETRY, f"{error} Nothing was posted.")
    if isinstance(error, UnknownOutcome):
        return Verdict(Means.UNKNOWN, f"{error} Whether LN booked it is unknown.")
    return Verdict(Means.FAILED, str(error))


def _of_answer(answer: LNAnswer) -> Verdict:
    if _ALREADY_PROCESSED.search(answer.message):
        return Verdict(Means.DUPLICATE, f"LN has it already: {answer.said}.")
    if answer.status < 300:
        return _of_success(answer)
    if answer.status >= 500 or answer.status == 408:
        return _of_fault(answer)
    return _REFUSALS.get(answer.status, _of_refusal)(answer)


def _of_success(answer: LNAnswer) -> Verdict:
    if answer.page:
        return Verdict(
            Means.UNKNOWN,
            f"A web page came back (HTTP {answer.status}) instead of LN's answer, so whether LN booked it is "
            "unknown. Does the gateway's address lead past any log-in page?",
        )
    if answer.from_ln:
        return Verdict(Means.FAILED, f"LN refuses it: {_words(answer)}.")
    return Verdict(Means.SENT, "LN took it.")


def _of_fault(answer: LNAnswer) -> Verdict:
    if answer.status == 500 and answer.from_ln:
        return Verdict(Means.FAILED, f"LN refuses it: {_words(answer)}.")
    gave_up = " (the gateway gave up waiting for LN)" if answer.status == 504 else ""
    return Verdict(
        Means.UNKNOWN,
        f"The answer was HTTP {answer.status}{gave_up}{_quoted(answer)}. Whether LN booked it is unknown.",
    )


def _of_refusal(answer: LNAnswer) -> Verdict:
    if 300 <= answer.status < 400:
        return Verdict(
            Means.STOP,
            f"The gateway redirects elsewhere (HTTP {answer.status}): its address or the path is wrong.",
        )
    return Verdict(
        Means.FAILED,
        f"The request is not one that the service takes (HTTP {answer.status}){_quoted(answer)}. This is for "
        "whoever looks after the connection.",
    )


def _unauthorised(answer: LNAnswer) -> Verdict:
    if GOOD_TOKEN_REFUSED in answer.message.lower():
        return Verdict(Means.RETRY_TOKEN, f"LN does not take a good token at once{_quoted(answer)}.")
    return Verdict(
        Means.STOP,
        f"A new token is refused too (HTTP 401){_quoted(answer)}. Check the authorised app in Infor, and "
        "save the connection with its current .ionapi file.",
    )


def _forbidden(answer: LNAnswer) -> Verdict:
    return Verdict(
        Means.STOP,
        f"LN denies access (HTTP 403){_quoted(answer)}. The service account's user needs rights to the "
        "service and the company in LN.",
    )


def _nowhere(answer: LNAnswer) -> Verdict:
    return Verdict(
        Means.STOP,
        f"There is no such service (HTTP 404){_quoted(answer)}. Check the path and the tenant, and that the "
        "service is active in LN and known to the gateway.",
    )


def _conflict(answer: LNAnswer) -> Verdict:
    if _ALREADY_THERE.search(answer.message):
        return Verdict(Means.DUPLICATE, f"LN has it already: {answer.said}.")
    if _LOCKED.search(answer.message):
        return Verdict(
            Means.RETRY, f"Somebody else holds it in LN: {answer.said}.", answer.retry_after_seconds
        )
    return Verdict(Means.FAILED, f"LN answers that it conflicts with what is there: {_words(answer)}.")


def _declined(answer: LNAnswer) -> Verdict:
    return Verdict(Means.FAILED, f"LN refuses it: {_words(answer)}.")


def _too_many(answer: LNAnswer) -> Verdict:
    return Verdict(
        Means.RETRY,
        f"The gateway's quota is used up (HTTP 429){_quoted(answer)}. It was not processed.",
        answer.retry_after_seconds,
    )


_REFUSALS = {
    401: _unauthorised,
    403: _forbidden,
    404: _nowhere,
    409: _conflict,
    422: _declined,
    429: _too_many,
}


def _words(answer: LNAnswer) -> str:
    return answer.said or f"without a reason (HTTP {answer.status})"


def _quoted(answer: LNAnswer) -> str:
    return f": {answer.said}" if answer.said else ""
