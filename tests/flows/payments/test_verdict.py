"""What an answer from LN means: a test for each row of the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import CallFailed, NotAllowed, UnknownOutcome, Unreachable
from blocks.infor_answers import LNAnswer
from blocks.infor_token import NoToken
from flows.payments.verdict import Means, judge

U14 = "OAuth [U14]: unknown oauth_consumer_key"


def refused(status: int, message: str = "", **more: object) -> LNAnswer:
    return LNAnswer(status, message=message, from_ln=bool(message), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_2xx_is_sent(status: int) -> None:
    """Any 2xx means that LN took it, whatever its body says."""
    assert judge(LNAnswer(status)).means is Means.SENT


def test_an_error_in_a_2xx_is_failed() -> None:
    """An error object under a 2xx is a refusal, quoted."""
    verdict = judge(refused(200, "No such partner"))
    assert (verdict.means, "No such partner" in verdict.reason) == (Means.FAILED, True)


def test_a_web_page_is_unknown() -> None:
    """A web page under a 2xx, such as a log-in page, is no word of LN's."""
    assert judge(LNAnswer(200, page=True)).means is Means.UNKNOWN


@pytest.mark.parametrize("status", [400, 405, 406, 410, 412, 413, 415, 428])
@pytest.mark.parametrize("message", ["", "Unknown key XeroPprepaymentId"])
def test_a_malformed_request_is_failed(status: int, message: str) -> None:
    """A request that is wrong in itself failed, and is for whoever looks after the connection."""
    verdict = judge(refused(status, message))
    assert verdict.means is Means.FAILED
    assert message in verdict.reason
    assert "looks after the connection" in verdict.reason


def test_a_good_token_that_is_refused_is_tried_again() -> None:
    """The U14 text means that the same token may be taken a moment later."""
    assert judge(refused(401, U14)).means is Means.RETRY_TOKEN
    assert judge(refused(401, U14.upper())).means is Means.RETRY_TOKEN


def test_another_401_stops_the_run() -> None:
    """A 401 that a new token did not turn around stops the run."""
    assert judge(LNAnswer(401)).means is Means.STOP


@pytest.mark.parametrize(("status", "cause"), [(403, "rights"), (404, "path"), (302, "address")])
def test_what_would_fail_for_all_stops_the_run(status: int, cause: str) -> None:
    """Missing rights, a wrong path and a redirect stop the run, naming what to look at."""
    verdict = judge(refused(status, "said"))
    assert (verdict.means, cause in verdict.reason) == (Means.STOP, True)


@pytest.mark.parametrize(
    ("message", "means"),
    [
        ("Payment already processed", Means.DUPLICATE),
        ("The document already exists", Means.DUPLICATE),
        ("It exists already", Means.DUPLICATE),
        ("Has already been processed", Means.DUPLICATE),
        ("Record is locked by user X", Means.RETRY),
        ("Table tfcmg100 is LOCKED", Means.RETRY),
        ("Period is closed", Means.FAILED),
        ("Account is blocked", Means.FAILED),
        ("", Means.FAILED),
    ],
)
def test_a_409_is_judged_by_its_text(message: str, means: Means) -> None:
    """A conflict is a duplicate, a lock or a failure, as its text says."""
    assert judge(refused(409, message)).means is means


def test_a_lock_is_waited_for_as_long_as_it_says() -> None:
    """A lock's and a quota's Retry-After are handed on."""
    assert judge(refused(409, "locked", retry_after_seconds=4.0)).wait_seconds == 4
    assert judge(refused(429, retry_after_seconds=9.0)).wait_seconds == 9
    assert judge(refused(429)).wait_seconds is None


def test_a_422_is_failed() -> None:
    """A refusal on business grounds failed, with LN's words."""
    verdict = judge(LNAnswer(422, "tc1", "Unknown invoice INV-00049", from_ln=True))
    assert verdict.means is Means.FAILED
    assert "Unknown invoice INV-00049 (tc1)" in verdict.reason


def test_a_429_is_tried_again() -> None:
    """A quota that is used up means that nothing was processed."""
    assert judge(LNAnswer(429)).means is Means.RETRY


def test_a_500_of_lns_own_is_failed() -> None:
    """A 500 that carries LN's own error is a refusal in disguise."""
    assert judge(refused(500, "No")).means is Means.FAILED


@pytest.mark.parametrize("status", [408, 500, 501, 502, 503, 504, 599])
def test_other_faults_are_unknown(status: int) -> None:
    """Any other fault leaves unknown whether LN booked it, and says so."""
    verdict = judge(LNAnswer(status))
    assert verdict.means is Means.UNKNOWN
    assert "is unknown" in verdict.reason


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_fault_with_an_error_in_it_is_unknown_too(status: int) -> None:
    """Only a 500 is a refusal in disguise: a gateway can put an error into the others."""
    assert judge(refused(status, "No")).means is Means.UNKNOWN


@given(st.integers(400, 599))
def test_already_processed_is_a_duplicate_under_any_status(status: int) -> None:
    """«Payment already processed» settles it whatever the status and the letter case."""
    for text in ("Payment already processed", "x; PAYMENT  ALREADY processed: 1234"):
        assert judge(refused(status, text)).means is Means.DUPLICATE


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (Unreachable("Infor LN: no connection."), Means.RETRY),
        (UnknownOutcome("Infor LN: the connection ended."), Means.UNKNOWN),
        (NotAllowed("Infor refuses a token."), Means.STOP),
        (NoToken("Infor's token service is down."), Means.STOP),
        (CallFailed("odd"), Means.FAILED),
    ],
)
def test_without_an_answer(error: CallFailed, means: Means) -> None:
    """Nothing sent may be tried again, a lost answer is unknown, and a run without a token stops."""
    verdict = judge(error)
    assert verdict.means is means
    assert str(error) in verdict.reason


@given(st.integers(200, 599), st.booleans(), st.booleans(), st.text(max_size=20))
def test_nothing_but_a_clear_word_counts_as_booked(
    status: int, from_ln: bool, page: bool, message: str
) -> None:
    """A document is sent under a clean 2xx only, and each verdict has a reason that is a sentence."""
    verdict = judge(LNAnswer(status, message=message, from_ln=from_ln, page=page))
    if verdict.means is Means.SENT:
        assert status < 300
        assert not from_ln
        assert not page
    assert verdict.reason.endswith((".", "?"))


@given(st.integers(200, 599), st.booleans())
def test_a_refusal_after_an_unknown_outcome_says_to_check(status: int, from_ln: bool) -> None:
    """A document whose earlier sending was lost and that now fails tells a person to look into LN."""
    answer = LNAnswer(status, message="No", from_ln=from_ln)
    plain, doubted = judge(answer), judge(answer, in_doubt=True)
    assert plain.means is doubted.means
    assert ("check in LN" in doubted.reason) == (plain.means is Means.FAILED)
