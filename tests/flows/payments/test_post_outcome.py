"""What an answer from LN means: a test for each row of the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import CallFailed, NotAllowed, UnknownOutcome, Unreachable
from blocks.infor_ln.answers import LNAnswer, NoToken
from flows.payments.post_outcome import NOT_ON_RECORD, PostOutcome, interpret

U14 = "OAuth [U14]: unknown oauth_consumer_key"


def refused(status: int, message: str = "", **more: object) -> LNAnswer:
    return LNAnswer(status, message=message, from_ln=bool(message), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_2xx_is_sent(status: int) -> None:
    """Any 2xx means that LN accepted it, whatever its body says."""
    assert interpret(LNAnswer(status)).outcome is PostOutcome.SENT


@pytest.mark.parametrize(
    "answer",
    [
        refused(200, "No such partner"),
        LNAnswer(201, message="No such partner", denies=True),
        LNAnswer(207, message="No such partner"),
    ],
)
def test_a_no_under_a_2xx_is_unknown(answer: LNAnswer) -> None:
    """A "no" under a 2xx, or a success in part, leaves unknown what LN did, and quotes it."""
    meaning = interpret(answer)
    assert (meaning.outcome, "No such partner" in meaning.reason) == (PostOutcome.UNKNOWN, True)


def test_a_web_page_is_unknown() -> None:
    """A web page under a 2xx, such as a log-in page, is no word of LN's."""
    assert interpret(LNAnswer(200, page=True)).outcome is PostOutcome.UNKNOWN


@pytest.mark.parametrize("status", [400, 405, 406, 410, 412, 413, 415, 428])
@pytest.mark.parametrize("message", ["", "Unknown key XeroPprepaymentId"])
def test_a_malformed_request_is_failed(status: int, message: str) -> None:
    """A request that is wrong in itself failed, and is for the administrator of the connection."""
    meaning = interpret(refused(status, message))
    assert meaning.outcome is PostOutcome.FAILED
    assert message in meaning.reason
    assert "administrator of the connection" in meaning.reason


def test_a_good_token_that_is_refused_is_tried_again() -> None:
    """The U14 text means that the same token may be taken a moment later."""
    assert interpret(refused(401, U14)).outcome is PostOutcome.RETRY_TOKEN
    assert interpret(refused(401, U14.upper())).outcome is PostOutcome.RETRY_TOKEN


def test_another_401_stops_the_run() -> None:
    """A 401 that a new token did not turn around stops the run."""
    assert interpret(LNAnswer(401)).outcome is PostOutcome.STOP


@pytest.mark.parametrize(("status", "cause"), [(403, "rights"), (404, "path"), (302, "address")])
def test_what_would_fail_for_all_stops_the_run(status: int, cause: str) -> None:
    """Missing rights, a wrong path and a redirect stop the run, naming what to look at."""
    meaning = interpret(refused(status, "said"))
    assert (meaning.outcome, cause in meaning.reason) == (PostOutcome.STOP, True)


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("Payment already processed", PostOutcome.DUPLICATE),
        ("Duplicate value in index 2", PostOutcome.UNKNOWN),
        ("Duplicate document number in series", PostOutcome.UNKNOWN),
        ("Batch already processed", PostOutcome.UNKNOWN),
        ("The document already exists", PostOutcome.UNKNOWN),
        ("Prepayment already processed", PostOutcome.UNKNOWN),
        ("1234-5678 has already been processed", PostOutcome.UNKNOWN),
        ("Document 1234 already exists", PostOutcome.DUPLICATE),
        ("Duplicate: XeroPaymentID=1234.", PostOutcome.DUPLICATE),
        ("1234 HAS ALREADY BEEN PROCESSED", PostOutcome.DUPLICATE),
        ("Payment 1234 is not a duplicate, but late", PostOutcome.FAILED),
        ("Payment 1234 is in a closed period", PostOutcome.FAILED),
        ("Record is locked by user X", PostOutcome.RETRY),
        ("Table tfcmg100 is LOCKED", PostOutcome.RETRY),
        ("Period is closed", PostOutcome.FAILED),
        ("Account is blocked", PostOutcome.FAILED),
        ("", PostOutcome.FAILED),
    ],
)
def test_a_409_is_interpreted_by_its_text(message: str, outcome: PostOutcome) -> None:
    """A conflict is a duplicate only where it is our document that is there; else a lock, a doubt or a no."""
    meaning = interpret(refused(409, message), "1234")
    assert (meaning.outcome, message in meaning.reason) == (outcome, True)


@pytest.mark.parametrize("status", [200, 409, 422, 500])
@pytest.mark.parametrize(
    "message",
    [
        "Payment 12-34 was already processed.",
        "txdbk1024: The payment with id '12-34' has already been posted (txdbk1024)",
        "Refused; Payment 12-34: already booked on 2026-11-20",
        "XeroPaymentID 12-34 exists already",
        "12-34 is already there",
        'A document with XeroPaymentID "12-34" does already exist',
        "duplicate key value: Key (xeropaymentid)=(12-34) already exists.",
        "Payment 12-34 in LN already exists",
        "There is already a payment with id 12-34",
        "Document already exists: XeroPprepaymentID = 12-34",
        "This is a duplicate of payment 12-34.",
        "Duplicate payment id: 12-34 (txdbk1024)",
        "Duplicate payment 12-34 ignored",
        "Payment 12-34 is a duplicate",
    ],
)
def test_a_statement_about_our_own_id_is_a_duplicate(status: int, message: str) -> None:
    """Where LN says of the document's own id that it is there, that settles it under any status."""
    assert interpret(refused(status, message), "12-34").outcome is PostOutcome.DUPLICATE
    assert interpret(refused(status, message), "12").outcome is not PostOutcome.DUPLICATE
    assert interpret(refused(status, message), "12-34-56").outcome is not PostOutcome.DUPLICATE


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (409, PostOutcome.UNKNOWN),
        (422, PostOutcome.FAILED),
        (500, PostOutcome.FAILED),
        (503, PostOutcome.UNKNOWN),
    ],
)
@pytest.mark.parametrize(
    "message",
    [
        "Duplicate check failed for payment 12-34: no number group, is it there already",
        "Payment 12-34: already used number group; could not be checked, maybe a duplicate",
        "Payment 12-34: invoice already posted to a closed period",
        "Payment 12-34: Duplicate document number in series",
        "Payment 12-34: its document number already exists",
        "Document number of payment 12-34 already exists",
        "Invoice of payment 12-34 was already posted",
        "Could not check whether payment 12-34 already exists",
        "If payment 12-34 already exists, discard it",
        "Payment 12-34 may already exist",
        "Payment 12-34 is already being processed",
        "Payment 12-34 already exists with status Rejected",
        "Is payment 12-34 already processed?",
        "Possible duplicate of 12-34",
        "Duplicate payment 12-34 could not be checked",
        "Duplicate of 12-34 or of another one",
        "Payment 12-34 is a duplicate number in series",
        "Invoice already posted: payment 12-34",
        "Partner 7 already exists. See payment 12-34",
    ],
)
def test_what_is_said_of_something_else_is_no_duplicate(
    status: int, outcome: PostOutcome, message: str
) -> None:
    """A text with our id and a word of duplicates that does not say that we are there goes by its status."""
    assert interpret(refused(status, message), "12-34").outcome is outcome


@pytest.mark.parametrize(
    ("status", "message", "outcome"),
    [
        (500, "Duplicate check failed for payment 12-34: table tfcmg101 locked", PostOutcome.FAILED),
        (422, "Payment 12-34: could not be checked for duplicates, number group missing", PostOutcome.FAILED),
        (422, "Payment 12-34 refused: bank account does not already exist", PostOutcome.FAILED),
        (409, "Payment 12-34: bank account does not already exist", PostOutcome.FAILED),
    ],
)
def test_a_check_for_duplicates_is_none(status: int, message: str, outcome: PostOutcome) -> None:
    """That a check for duplicates failed, or found none, says nothing of the document being there."""
    assert interpret(refused(status, message), "12-34").outcome is outcome


@pytest.mark.parametrize(
    "message",
    ["No duplicate of 12-34", "12-34 booked; duplicate check passed", "12-34 accepted, no duplicates"],
)
def test_a_success_that_speaks_of_duplicates_is_sent(message: str) -> None:
    """A success that tells of its check for duplicates is a success."""
    assert interpret(LNAnswer(201, message=message), "12-34").outcome is PostOutcome.SENT


@pytest.mark.parametrize("status", [200, 400, 409, 422, 500])
def test_the_agreed_text_is_the_connections(status: int) -> None:
    """Where another text is agreed, that one settles it under any status, and the usual one no more."""
    other = refused(status, "Betaling is  al VERWERKT: 99")
    assert interpret(other, agreed_text="Betaling is al verwerkt").outcome is PostOutcome.DUPLICATE
    assert interpret(other).outcome is not PostOutcome.DUPLICATE
    usual = refused(status, "Payment already processed")
    assert interpret(usual, agreed_text="Betaling is al verwerkt").outcome is not PostOutcome.DUPLICATE


def test_a_lock_is_waited_for_as_long_as_it_says() -> None:
    """A lock's and a quota's Retry-After are handed on."""
    assert interpret(refused(409, "locked", retry_after_seconds=4.0)).wait_seconds == 4
    assert interpret(refused(429, retry_after_seconds=9.0)).wait_seconds == 9
    assert interpret(refused(429)).wait_seconds is None


def test_a_422_is_failed() -> None:
    """A refusal on business grounds failed, with LN's words."""
    meaning = interpret(LNAnswer(422, "tc1", "Unknown invoice INV-00049", from_ln=True))
    assert meaning.outcome is PostOutcome.FAILED
    assert "Unknown invoice INV-00049 (tc1)" in meaning.reason


def test_a_429_is_tried_again() -> None:
    """A quota that is used up means that nothing was processed."""
    assert interpret(LNAnswer(429)).outcome is PostOutcome.RETRY


def test_a_500_of_lns_own_is_failed() -> None:
    """A 500 that carries LN's own error is a refusal in disguise."""
    assert interpret(refused(500, "No")).outcome is PostOutcome.FAILED


@pytest.mark.parametrize("status", [400, 409, 422, 500])
@pytest.mark.parametrize(
    "message",
    ["Backend connection timed out", "Gateway Time-out", "upstream timeout", "Connection to LN was reset"],
)
def test_a_time_out_on_the_way_is_unknown_in_whatever_shape(status: int, message: str) -> None:
    """What speaks of a time-out between the gateway and LN is no refusal of LN's, however it is worded."""
    assert interpret(refused(status, message)).outcome is PostOutcome.UNKNOWN
    # Waiting for a lock is LN's own, and books nothing.
    assert interpret(refused(409, f"Record is locked: {message}")).outcome is PostOutcome.RETRY


@pytest.mark.parametrize("status", [408, 500, 501, 502, 503, 504, 599])
def test_other_faults_are_unknown(status: int) -> None:
    """Any other fault leaves unknown whether LN booked it, and says so."""
    meaning = interpret(LNAnswer(status))
    assert meaning.outcome is PostOutcome.UNKNOWN
    assert "is unknown" in meaning.reason


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_fault_with_an_error_in_it_is_unknown_too(status: int) -> None:
    """Only a 500 is a refusal in disguise: a gateway can put an error into the others."""
    assert interpret(refused(status, "No")).outcome is PostOutcome.UNKNOWN


def test_what_ln_has_without_an_earlier_sending_is_not_on_record() -> None:
    """That LN has a document says as what only where the same message went out before, unanswered."""
    there = refused(409, "Payment already processed")
    assert NOT_ON_RECORD in interpret(there).reason
    assert NOT_ON_RECORD not in interpret(there, in_doubt=True).reason


@given(st.integers(400, 599))
def test_already_processed_is_a_duplicate_under_any_status(status: int) -> None:
    """ "Payment already processed" settles it whatever the status and the letter case."""
    for text in ("Payment already processed", "x; PAYMENT  ALREADY processed: 99"):
        assert interpret(refused(status, text)).outcome is PostOutcome.DUPLICATE


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Unreachable("Infor LN: no connection."), PostOutcome.RETRY),
        (UnknownOutcome("Infor LN: the connection ended."), PostOutcome.UNKNOWN),
        (NotAllowed("Infor refuses a token."), PostOutcome.STOP),
        (NoToken("Infor's token service is down."), PostOutcome.STOP),
        (CallFailed("odd"), PostOutcome.FAILED),
    ],
)
def test_without_an_answer(error: CallFailed, outcome: PostOutcome) -> None:
    """Nothing sent may be tried again, a lost answer is unknown, and a run without a token stops."""
    meaning = interpret(error)
    assert meaning.outcome is outcome
    assert str(error) in meaning.reason


@given(st.integers(200, 599), st.sets(st.sampled_from(["from_ln", "page", "denies"])), st.text(max_size=20))
def test_nothing_but_a_clear_word_counts_as_booked(status: int, flaws: set[str], message: str) -> None:
    """A document is sent under a clean 2xx only, and each outcome has a reason that is a sentence."""
    meaning = interpret(LNAnswer(status, message=message, **dict.fromkeys(flaws, True)))  # type: ignore[arg-type]
    if meaning.outcome is PostOutcome.SENT:
        assert status < 300
        assert not flaws
    assert meaning.reason.endswith((".", "?"))


@given(st.integers(200, 599), st.booleans())
def test_a_refusal_after_an_unknown_outcome_says_to_check(status: int, from_ln: bool) -> None:
    """A document whose earlier sending was lost and that now fails tells a person to look into LN."""
    answer = LNAnswer(status, message="No", from_ln=from_ln)
    plain, doubted = interpret(answer), interpret(answer, in_doubt=True)
    assert plain.outcome is doubted.outcome
    assert ("Check in LN" in doubted.reason) == (plain.outcome is PostOutcome.FAILED)
