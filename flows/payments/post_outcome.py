"""What an answer from Infor LN, or the lack of one, means for the document that was posted. Pure.

The table in short; whoever changes a row changes the tests of that row:

    what came back                               outcome
    any status, the agreed text (see below)      duplicate
    any status, "already there" of our own id    duplicate
    2xx                                          sent
    2xx with a "no" in it, or a web page; 207    unknown, with LN's words
    401 "OAuth [U14]"                            retry with the same token
    401 otherwise (a new token was tried)        stop the run
    403, 404, a redirect                         stop the run
    409, locked                                  retry
    409, "already there" of something unnamed     unknown: it may be this document that is meant
    429                                          retry, when it says so
    500 with an error of LN's own                failed: a refusal in disguise
    other 4xx                                    failed
    4xx or 500 that speaks of a time-out on
    the way                                      unknown
    408, other 5xx                               unknown: LN may have booked it
    connection lost or timed out after sending   unknown
    no connection                                retry
    no token                                     stop the run

What is `failed` is sent again by later runs; what is `unknown` never by this one.

That LN has a document counts only where LN says so of this document: in the words agreed with whoever looks
after LN, or as a statement about its Xero id. "Duplicate document number in series" is about something else,
as is "Payment 1234: invoice already posted", and the payment is not booked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from blocks.errors import CallFailed, NotAllowed, UnknownOutcome, Unreachable
from blocks.infor_ln.answers import GOOD_TOKEN_REFUSED, LNAnswer, NoToken

# Of the published description; a connection can say otherwise.
AGREED_TEXT = "Payment already processed"
# A 409 that speaks of something there, whatever it is.
_SOMETHING_THERE = re.compile(
    r"(?<!not )(?<!no )\balready\b|\bduplicated?\b(?<!not a duplicate)(?<!no duplicate)", re.IGNORECASE
)
# The document's own id, wherever it stands in a message.
_ID = "\0"
_THING = r"(?:(?:bank|xero) )?(?:payment|prepayment|allocation|document|transaction|record|entry|message)"
_NAMES = r"(?:key\W{1,3})?(?:xero ?)?(?:payment|pp?repayment|allocation)? ?(?:id|key|number|no|reference)"
_OURS = (
    rf"(?:(?:the|an?|this) )?(?:{_THING} (?:with|for|of) (?:the )?)?(?:{_THING}\b)?[\s:]{{0,2}}"
    rf"(?:\b{_NAMES}\b)?[\s\"'\u00ab(\[)=:#]{{0,4}}{_ID}"
)
_STATE = r"(?:processed|booked|posted|exists?|present|there|in (?:infor )?ln)\b"
_ALREADY = (
    rf"(?:(?:is|was|has|had|been|it|does) ){{0,3}}(?:already (?:been )?{_STATE}|{_STATE} already\b)"
    r"(?!\s*\?)(?![^.;]{0,120}(?:error|fail|reject|cancel|revers|delet|invalid|refus|declin|abort))"
)
_NO_MORE = (
    r"[\"'\u00bb)\]]{0,2}(?: \([\w.-]{1,20}\))?\s?"
    r"(?:$|[.;!]|(?:found|detected|ignored|skipped|refused|rejected)\b)"
)
# That this document is there: its id and the statement together, from the beginning of what is said on, so
# that it is not what could not be checked, or would be so if, or is said of the document's invoice.
_IS_THERE = re.compile(
    r"(?:^|[.;:!?] ?| - )(?:"
    rf"{_OURS}[\s\"'\u00bb)\],:-]{{0,4}}(?:in (?:infor )?ln )?"
    rf"(?:{_ALREADY}|(?:(?:is|was) )?(?:an? )?duplicate(?: payment| id)?{_NO_MORE})"
    rf"|(?:this is )?(?:an? )?duplicate(?: of)?[\s:]{{0,2}}{_OURS}{_NO_MORE}"
    rf"|(?:(?:the|an?|this) )?(?:{_THING} )?{_ALREADY}[\s:]{{0,2}}{_OURS}{_NO_MORE}"
    rf"|there is already {_OURS}{_NO_MORE}"
    r")",
    re.IGNORECASE,
)
_ON_THE_WAY = re.compile(
    r"\btim(?:ed?|ing)[\s-]?out\b|\bgateway\b|\bupstream\b|\bback-?end\b"
    r"|\bconnection\b.{0,40}\b(?:reset|refused|closed|lost|aborted)\b",
    re.IGNORECASE,
)
_LOCKED = re.compile(r"\block(?:ed|s)?\b|in use by", re.IGNORECASE)
# What is answered so never came to LN.
_BEFORE_LN = frozenset({*range(300, 400), 401, 403, 404, 429})
# The reason of a refusal that may be due to an earlier sending ends with this. Rows of earlier releases are
# recognised by its beginning, which must stay as it is.
NEVER_ANSWERED = " An earlier sending of it was never answered"
CHECK_LN = (
    f"{NEVER_ANSWERED}. Check in LN whether it was booked then, which could be why it is refused now. If LN "
    "has it, discard it; if not, undiscard it, and the next run sends it as Xero shows it now."
)
# In the reason of a document that LN has from a sending of which the record does not know: what was posted
# now, and LN did not take, may be another message than the one that it has. Rows are recognised by it.
NOT_ON_RECORD = (
    " What LN was sent of it is not on record: if it was changed in Xero since then, correct it manually in "
    "LN."
)


class PostOutcome(StrEnum):
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
class Interpretation:
    """An outcome with its reason in words; `wait_seconds` is what the other side asks for, if it does.

    `passing`: what stops the run is likely to pass by itself. `answer` is what LN answered, None for nothing;
    `posts` how often the document was posted for it, and `given_up`: nothing was booked, for LN was not to be
    had within the tries.
    """

    outcome: PostOutcome
    reason: str
    wait_seconds: float | None = None
    passing: bool = False
    answer: LNAnswer | None = None
    posts: int = 1
    given_up: bool = False


def interpret(
    outcome: LNAnswer | CallFailed,
    document_id: str = "",
    *,
    agreed_text: str = AGREED_TEXT,
    in_doubt: bool = False,
) -> Interpretation:
    """Say what became of a posted document.

    `document_id` is the Xero id by which LN knows it, and `agreed_text` what LN says of one that it has;
    `in_doubt`: an earlier sending of it was never answered.
    """
    answer = outcome if isinstance(outcome, LNAnswer) else None
    if not isinstance(outcome, LNAnswer):
        meaning = _of_error(outcome)
    elif _is_there(outcome, document_id, agreed_text):
        # What is in doubt is posted in the same words again, so that the record has what LN has.
        since = "" if in_doubt else NOT_ON_RECORD
        meaning = Interpretation(
            PostOutcome.DUPLICATE, f"LN reports it as already processed: {outcome.said}.{since}"
        )
    else:
        meaning = _of_answer(outcome)
    if in_doubt and meaning.outcome is PostOutcome.FAILED:
        return Interpretation(meaning.outcome, meaning.reason + CHECK_LN, answer=answer)
    return replace(meaning, answer=answer)


def _is_there(answer: LNAnswer, document_id: str, agreed_text: str) -> bool:
    """Tell whether LN says that it has this document."""
    if not answer.message:
        return False
    if _phrase(agreed_text).search(answer.message):
        return True
    if not document_id:
        return False
    said = " ".join(_phrase(document_id).sub(_ID, answer.message.replace(_ID, "")).split())
    return _IS_THERE.search(said) is not None


def _phrase(text: str) -> re.Pattern[str]:
    """Return what finds a text as whole words, in any letter case and spacing."""
    words = r"\s+".join(map(re.escape, text.split()))
    return re.compile(rf"(?<![\w-]){words}(?![\w-])", re.IGNORECASE)


def _of_error(error: CallFailed) -> Interpretation:
    if isinstance(error, NotAllowed | NoToken):
        return Interpretation(PostOutcome.STOP, str(error), passing=isinstance(error, NoToken))
    if isinstance(error, Unreachable):
        return Interpretation(PostOutcome.RETRY, f"{error} Nothing was posted.")
    if isinstance(error, UnknownOutcome):
        return Interpretation(PostOutcome.UNKNOWN, f"{error} It is unknown whether LN booked it.")
    return Interpretation(PostOutcome.FAILED, str(error))


def _of_answer(answer: LNAnswer) -> Interpretation:
    if answer.status < 300:
        return _of_success(answer)
    if answer.status >= 500 or answer.status == 408:
        return _of_fault(answer)
    if _is_time_out(answer):
        return _unanswered(answer)
    return _REFUSALS.get(answer.status, _of_refusal)(answer)


def _is_time_out(answer: LNAnswer) -> bool:
    """Tell whether a refusal is a gateway's that lost LN's answer; waiting for a lock is LN's own."""
    if answer.status in _BEFORE_LN or _LOCKED.search(answer.said):
        return False
    return _ON_THE_WAY.search(answer.said) is not None


def _of_success(answer: LNAnswer) -> Interpretation:
    if answer.page:
        return Interpretation(
            PostOutcome.UNKNOWN,
            f"A web page came back (HTTP {answer.status}) instead of LN's answer, so it is unknown whether "
            "LN booked it. Check that the gateway's address does not lead to a log-in page.",
        )
    if answer.denies or answer.from_ln or answer.status == 207:
        return Interpretation(
            PostOutcome.UNKNOWN,
            f"LN reports success (HTTP {answer.status}), but with an error or incomplete{_quoted(answer)}. "
            "It is unknown whether LN booked it.",
        )
    return Interpretation(PostOutcome.SENT, "Accepted by LN.")


def _of_fault(answer: LNAnswer) -> Interpretation:
    if answer.status == 500 and answer.from_ln and not _is_time_out(answer):
        return Interpretation(PostOutcome.FAILED, f"LN refused it: {_words(answer)}.")
    return _unanswered(answer)


def _unanswered(answer: LNAnswer) -> Interpretation:
    gave_up = " (the gateway timed out waiting for LN)" if answer.status == 504 else ""
    return Interpretation(
        PostOutcome.UNKNOWN,
        f"The answer was HTTP {answer.status}{gave_up}{_quoted(answer)}. It is unknown whether LN booked it.",
    )


def _of_refusal(answer: LNAnswer) -> Interpretation:
    if 300 <= answer.status < 400:
        return Interpretation(
            PostOutcome.STOP,
            f"The gateway redirects to another address (HTTP {answer.status}): its own or the path is wrong.",
        )
    return Interpretation(
        PostOutcome.FAILED,
        f"The service does not accept the request (HTTP {answer.status}){_quoted(answer)}. Ask the "
        "administrator of the connection to check it.",
    )


def _unauthorised(answer: LNAnswer) -> Interpretation:
    if GOOD_TOKEN_REFUSED in answer.message.lower():
        return Interpretation(
            PostOutcome.RETRY_TOKEN, f"LN does not accept a valid token yet{_quoted(answer)}."
        )
    return Interpretation(
        PostOutcome.STOP,
        f"LN also refused a new token (HTTP 401){_quoted(answer)}. Check the authorised app in Infor, and "
        "save the connection with its current .ionapi file.",
    )


def _forbidden(answer: LNAnswer) -> Interpretation:
    return Interpretation(
        PostOutcome.STOP,
        f"LN denied access (HTTP 403){_quoted(answer)}. The service account's user needs rights to the "
        "service and the company in LN.",
    )


def _nowhere(answer: LNAnswer) -> Interpretation:
    return Interpretation(
        PostOutcome.STOP,
        f"The service was not found (HTTP 404){_quoted(answer)}. Check the path and the tenant, and that the "
        "service is active in LN and known to the gateway.",
    )


def _conflict(answer: LNAnswer) -> Interpretation:
    if _LOCKED.search(answer.message):
        return Interpretation(
            PostOutcome.RETRY, f"Another user has locked it in LN: {answer.said}.", answer.retry_after_seconds
        )
    if _SOMETHING_THERE.search(answer.message):
        return Interpretation(
            PostOutcome.UNKNOWN,
            f"LN reports that something already exists, but not that it is this document: {answer.said}. "
            "It is unknown whether LN has it. If this stays, look for it in LN.",
        )
    return Interpretation(PostOutcome.FAILED, f"LN reports a conflict with existing data: {_words(answer)}.")


def _declined(answer: LNAnswer) -> Interpretation:
    return Interpretation(PostOutcome.FAILED, f"LN refused it: {_words(answer)}.")


def _too_many(answer: LNAnswer) -> Interpretation:
    return Interpretation(
        PostOutcome.RETRY,
        f"The gateway's quota is used up (HTTP 429){_quoted(answer)}. The document was not processed.",
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
    return answer.said or f"no reason given (HTTP {answer.status})"


def _quoted(answer: LNAnswer) -> str:
    return f": {answer.said}" if answer.said else ""
