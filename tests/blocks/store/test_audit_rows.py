"""The rules by which an audit row changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.errors import Refusal, UsageError
from blocks.store import audit_rows as rules
from blocks.store.audit_rows import (
    CONNECTOR,
    GONE,
    AuditRow,
    Entry,
    Key,
    Kind,
    MayNotSend,
    Result,
    Status,
    parsed_key,
)

AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
KEY = Key("org", Kind.PAYMENT, "1234-1234-1234-1234")
ENTRY = Entry(KEY, "default", 1, "300000366", "303-SI1-1", "ABC", date(2020, 6, 29), "1.0", "EUR")
OTHER = replace(ENTRY, amount="2.0")
MESSAGE = '{"DocumentType":1}'


def posted(message: str = MESSAGE) -> AuditRow:
    return rules.posting(None, ENTRY, message, "run-1", AT)


def ended(status: Status, **more: object) -> AuditRow:
    return rules.settled(posted(), Result(status, "said"), AT) if not more else replace(ended(status), **more)  # type: ignore[arg-type]


def found(status: Status) -> AuditRow:
    return rules.noted(None, ENTRY, status, "why", "run-1", AT)


def again(row: AuditRow, message: str = MESSAGE) -> AuditRow:
    return rules.posting(row, ENTRY, message, "run-2", LATER)


def test_a_post_is_unknown_before_it_leaves() -> None:
    """Before a post the row is unknown, has one try and the message, and is not yet in doubt."""
    row = posted()
    assert (row.status, row.tries, row.message, row.in_doubt) == (Status.UNKNOWN, 1, MESSAGE, False)
    assert (row.first_seen, row.last_try, row.sent_at) == (AT, AT, None)


@pytest.mark.parametrize("status", [Status.SENT, Status.DUPLICATE])
def test_what_ln_has_is_never_posted_again(status: Status) -> None:
    """A sent or duplicate row has its instant, and no further post is let out."""
    row = ended(status)
    assert (row.status, row.sent_at, row.retried) == (status, AT, False)
    with pytest.raises(MayNotSend):
        again(row)
    with pytest.raises(MayNotSend):
        again(rules.undiscarded(rules.discarded(row, "ann", "x", LATER), "ann", LATER))


@pytest.mark.parametrize("status", [Status.FAILED, Status.UNKNOWN])
def test_what_ln_has_never_turns_into_less(status: Status) -> None:
    """A late word of a failure leaves a sent row as it is."""
    row = ended(Status.SENT)
    assert rules.settled(row, Result(status, "late"), LATER) == row


def test_a_failed_row_is_posted_again_and_overwritten() -> None:
    """A further try overwrites the row, counts, and may carry other content."""
    row = rules.posting(ended(Status.FAILED), OTHER, "{}", "run-2", LATER)
    assert (row.status, row.tries, row.message, row.entry) == (Status.UNKNOWN, 2, "{}", OTHER)
    assert (row.first_seen, row.last_try, row.run_id, row.in_doubt) == (AT, LATER, "run-2", False)


@pytest.mark.parametrize("row", [posted(), ended(Status.UNKNOWN)], ids=["crashed", "lost"])
def test_an_unknown_outcome_is_posted_with_the_same_message_only(row: AuditRow) -> None:
    """What LN may have goes out again in the very same words, or not at all."""
    with pytest.raises(MayNotSend, match="different content"):
        again(row, "{}")
    sent = again(row)
    assert (sent.in_doubt, sent.tries) == (True, 2)
    failed = rules.settled(sent, Result(Status.FAILED, "no"), LATER)
    assert failed.in_doubt
    with pytest.raises(MayNotSend):
        again(failed, "{}")
    assert not rules.settled(sent, Result(Status.DUPLICATE, "there"), LATER).in_doubt


def test_retries_within_a_run_leave_no_doubt() -> None:
    """A further post after an answer that nothing was booked counts as a try and leaves nothing in doubt."""
    row = rules.settled(rules.posted_again(posted(), LATER), Result(Status.FAILED, "busy"), LATER)
    assert (row.tries, row.in_doubt, row.last_try) == (2, False, LATER)


def test_a_post_that_never_left_is_no_try() -> None:
    """A posting given up before anything left this machine is not counted."""
    assert rules.settled(posted(), Result(Status.FAILED, "no token", posted=False), AT).tries == 0


def test_what_did_not_leave_is_no_try_and_what_another_run_posts_stays() -> None:
    """A run that ends takes back what it had written down ahead, and nothing that another run posts now."""
    left = rules.not_posted(posted(), "run-1", LATER)
    assert (left.status, left.tries, left.in_doubt) == (Status.FAILED, 0, False)
    theirs = again(ended(Status.FAILED))
    assert rules.not_posted(theirs, "run-1", LATER) == theirs


def test_an_exception_adds_no_try() -> None:
    """What the connector finds by itself is no try, and is overwritten by what it finds next."""
    row = rules.noted(found(Status.EXCEPTION), OTHER, Status.UNSUPPORTED, "now so", "run-2", LATER)
    assert (row.tries, row.last_try, row.status, row.entry) == (0, None, Status.UNSUPPORTED, OTHER)
    assert row.first_seen == AT


@pytest.mark.parametrize("status", [Status.SENT, Status.DUPLICATE])
def test_a_sent_row_that_turns_to_an_exception_stays_sent(status: Status) -> None:
    """What changes in Xero after it was sent follows Xero, and is an exception that never goes out again."""
    row = rules.noted(ended(status), OTHER, Status.EXCEPTION, "reverse by hand", "run-2", LATER)
    assert (row.status, row.sent_at, row.entry, row.retried) == (Status.EXCEPTION, AT, OTHER, False)
    assert row.message == MESSAGE
    with pytest.raises(MayNotSend):
        again(row)


def test_an_unknown_row_that_turns_to_an_exception_stays_in_doubt() -> None:
    """A payment deleted while its outcome is unknown keeps its message and its doubt."""
    row = rules.noted(ended(Status.UNKNOWN), OTHER, Status.EXCEPTION, "check", "run-2", LATER)
    assert (row.in_doubt, row.message, row.entry) == (True, MESSAGE, ENTRY)
    crashed = rules.noted(posted(), OTHER, Status.EXCEPTION, "check", "run-2", LATER)
    assert crashed.in_doubt


@pytest.mark.parametrize(
    ("row", "status"),
    [
        (None, Status.SENT),
        (None, Status.FAILED),
        (None, Status.UNKNOWN),
        (ended(Status.FAILED), Status.UNKNOWN),
        (ended(Status.SENT), Status.DISCARDED),
        (ended(Status.SENT), Status.UNSUPPORTED),
        (ended(Status.UNKNOWN), Status.DISCARDED),
        (posted(), Status.DISCARDED),
        (ended(Status.FAILED, in_doubt=True), Status.DISCARDED),
    ],
)
def test_what_cannot_come_about_without_a_post(row: AuditRow | None, status: Status) -> None:
    """Nothing is sent or failed by itself, and nothing that LN has or may have is closed silently."""
    with pytest.raises(Refusal):
        rules.noted(row, ENTRY, status, "x", "run-2", LATER)


def test_a_held_outcome_is_worded_anew() -> None:
    """An unknown row that is held for a person stays unknown, with the reason."""
    row = rules.noted(ended(Status.UNKNOWN), ENTRY, Status.UNKNOWN, "held", "run-2", LATER)
    assert (row.status, row.reason, row.message) == (Status.UNKNOWN, "held", MESSAGE)


def test_the_connector_closes_what_went_before_it_was_sent() -> None:
    """A deletion before sending is discarded by the connector, with its reason."""
    row = found(Status.DISCARDED)
    found_so = (row.status, row.discarded_by, row.discarded_at, row.reason)
    assert found_so == (Status.DISCARDED, CONNECTOR, AT, "why")


@pytest.mark.parametrize("reopened", [True, False])
def test_what_a_person_closed_is_not_closed_as_never_sent(reopened: bool) -> None:
    """What a person closed, maybe while a run decided on it, is an exception once it is deleted in Xero."""
    row = rules.discarded(found(Status.EXCEPTION), "ann", "entered manually", AT)
    if reopened:
        row = rules.noted(row, replace(ENTRY, amount="7"), Status.EXCEPTION, "changed", "run-2", LATER)
    deleted = replace(ENTRY, xero_status=GONE)
    row = rules.noted(row, deleted, Status.DISCARDED, "It was deleted before it was sent.", "run-2", LATER)
    assert (row.status, row.reason) == (Status.EXCEPTION, rules.DELETED_FOR_REVIEW)


def test_a_person_closes_and_reopens() -> None:
    """Both acts keep who and when; a closed row is left alone; a reopened one is what it was before."""
    row = rules.discarded(found(Status.EXCEPTION), "ann", "done by hand", AT)
    assert (row.status, row.discarded_by, row.discarded_at) == (Status.DISCARDED, "ann", AT)
    assert row.reason == "done by hand (discarded by ann; before: why)"
    assert rules.discarded(row, "bob", "me too", LATER) == row
    assert rules.noted(row, ENTRY, Status.EXCEPTION, "x", "run-2", LATER) == row
    with pytest.raises(MayNotSend):
        again(row)
    back = rules.undiscarded(row, "bob", LATER)
    assert (back.status, back.reason, back.undiscarded_by, back.undiscarded_at) == (
        Status.EXCEPTION,
        "why",
        "bob",
        LATER,
    )
    assert (back.discarded_by, back.discarded_at) == ("ann", AT)


def test_reopening_is_a_persons_word_that_ln_does_not_have_it() -> None:
    """An unknown row that a person reopens may be sent anew, with what Xero shows now."""
    row = rules.undiscarded(ended(Status.UNKNOWN), "ann", LATER)
    assert (row.status, row.in_doubt, row.retried) == (Status.FAILED, False, True)
    assert again(row, "{}").message == "{}"


@pytest.mark.parametrize(
    ("row", "retried"),
    [
        (ended(Status.FAILED), True),
        (ended(Status.UNKNOWN), True),
        (found(Status.EXCEPTION), True),
        (found(Status.UNSUPPORTED), False),
        (found(Status.DISCARDED), False),
        (ended(Status.SENT), False),
    ],
)
def test_which_rows_later_runs_look_at(row: AuditRow, retried: bool) -> None:
    """Failed, unknown and exceptional rows are looked at again; the others are not."""
    assert row.retried is retried


def test_keys_as_commands_take_them() -> None:
    """A key is written and read as kind and id; anything else is refused by naming the kinds."""
    assert parsed_key(str(KEY)) == (Kind.PAYMENT, KEY.xero_id)
    assert parsed_key("allocation:a:b") == (Kind.ALLOCATION, "a:b")
    for wrong in ("", "1234", "payment:", "cheque:1", "Payment:1"):
        with pytest.raises(UsageError, match="overpayment"):
            parsed_key(wrong)


_acts = st.sampled_from(["post", "other", "again", "discard", "undiscard", *Status])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_acts, st.booleans()), max_size=12))
def test_whatever_happens_what_must_not_be_forgotten_is_kept(acts: list[tuple[str, bool]]) -> None:
    """In any order of events: sent stays sent, a doubt keeps its message, tries only grow by posts."""
    row: AuditRow | None = None
    for number, (act, by_post) in enumerate(acts):
        before, at = row, AT + timedelta(minutes=number)
        try:
            row = _after(row, act, by_post, at)
        except Refusal:
            continue
        if before is None or row is None:
            continue
        assert before.sent_at is None or (row.sent_at == before.sent_at and row.result.status in _THERE)
        assert row.first_seen == before.first_seen
        assert not (act in {"post", "other"} and (before.sent_at or before.discarded))
        doubted = before.in_doubt or (before.result.status is Status.UNKNOWN and act in {"post", "other"})
        assert not doubted or act == "undiscard" or row.message == before.message
        assert row.tries - before.tries == (act in {"post", "other", "again"})


_THERE = {Status.SENT, Status.DUPLICATE, Status.EXCEPTION}


def _after(row: AuditRow | None, act: str, by_post: bool, at: datetime) -> AuditRow | None:
    if act in {"post", "other"}:
        return rules.posting(row, ENTRY, MESSAGE if act == "post" else "{}", "run", at)
    if row is None:
        return (
            None
            if act in {"again", "discard", "undiscard"}
            else rules.noted(None, ENTRY, Status(act), "x", "run", at)
        )
    if act == "again":
        return rules.posted_again(row, at)
    if act == "discard":
        return rules.discarded(row, "ann", "x", at)
    if act == "undiscard":
        return rules.undiscarded(row, "ann", at)
    if by_post and act in {"sent", "duplicate", "failed", "unknown"}:
        return rules.settled(row, Result(Status(act), "x"), at)
    return rules.noted(row, ENTRY, Status(act), "x", "run", at)


# --- Decisions from another store ---------------------------------------------------------------

CLOSED = rules.discarded(ended(Status.FAILED), "Ann", "by hand", LATER)
LATEST = LATER + timedelta(hours=1)


def test_what_this_store_knows_nothing_of_comes_whole() -> None:
    """Where nothing was posted or said here, the other row comes with its doubts and its tries."""
    doubtful = rules.discarded(posted(), "Ann", "by hand", LATER)
    assert rules.carried_over(None, doubtful) == doubtful
    assert rules.carried_over(found(Status.EXCEPTION), doubtful) == doubtful


def test_a_decision_closes_or_opens_what_was_posted_here() -> None:
    """On a row that this store has posted, a decision from elsewhere is taken, and nothing else of it."""
    held = ended(Status.FAILED)
    closed = rules.carried_over(held, CLOSED)
    assert closed == rules.discarded(held, "Ann", "by hand", LATER)
    opened = rules.carried_over(closed, rules.undiscarded(CLOSED, "Ben", LATEST))
    assert (opened.discarded, opened.undiscarded_by, opened.undiscarded_at) == (False, "Ben", LATEST)


def test_what_was_decided_here_later_stands() -> None:
    """An older decision from elsewhere, or the same, changes nothing; nor does one to reopen what LN has."""
    reopened = rules.undiscarded(CLOSED, "Ben", LATEST)
    assert rules.carried_over(reopened, CLOSED) == reopened
    assert rules.carried_over(CLOSED, CLOSED) == CLOSED
    assert rules.carried_over(ended(Status.SENT), reopened) == ended(Status.SENT)


def opened_by_xero(held: AuditRow) -> AuditRow:
    """Return a row that Ann closed, and that a change in Xero has opened again since."""
    return rules.noted(
        rules.discarded(held, "Ann", "by hand", LATER), OTHER, Status.EXCEPTION, "changed", "run-2", LATEST
    )


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.FAILED])
def test_a_closing_that_xero_has_opened_again_is_still_a_closing(status: Status) -> None:
    """A row that Ann closed elsewhere is closed here too, whatever Xero has changed there since."""
    held = ended(status)
    row = rules.carried_over(held, opened_by_xero(held))
    assert row == rules.discarded(held, "Ann", "by hand", LATER)
    assert rules.noted(row, OTHER, Status.EXCEPTION, "changed", "run-3", LATEST).status is Status.EXCEPTION


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.FAILED, Status.SENT])
def test_a_closing_covers_what_was_seen_in_the_other_store_alone(status: Status) -> None:
    """A row that is not here as Ann saw it elsewhere is open, is not sent, and says what she saw."""
    held = replace(ended(status), entry=OTHER)
    for other in (CLOSED, opened_by_xero(ended(status))):
        row = rules.carried_over(held, other)
        assert (row.status, row.discarded_by, row.undiscarded_at) == (Status.EXCEPTION, "Ann", None)
        assert "amount 1.0 -> 2.0" in row.reason
        assert row.closed_at_sight_of is not None
        assert row.closed_at_sight_of.amount == "1.0"
        with pytest.raises(MayNotSend):
            again(row)
        assert rules.carried_over(row, other) == row


def test_a_closing_before_it_was_deleted_leaves_the_reversal_open() -> None:
    """What LN has and Xero has deleted stays open where the person who closed it elsewhere saw it there."""
    sent = ended(Status.SENT)
    gone = rules.noted(sent, replace(ENTRY, xero_status=GONE), Status.EXCEPTION, "reverse", "run-2", LATER)
    row = rules.carried_over(gone, rules.discarded(sent, "Ann", "right in LN", LATEST))
    assert (row.status, row.discarded) == (Status.EXCEPTION, False)
    assert "live -> gone" in row.reason


def test_what_was_reopened_and_then_went_is_reopened_here_too() -> None:
    """A closing by the connector is nobody's: what a person last said, that it may go out, is taken."""
    reopened = rules.undiscarded(CLOSED, "Ben", LATEST)
    went = rules.noted(
        reopened, replace(ENTRY, xero_status=GONE), Status.DISCARDED, "deleted", "run-3", LATEST
    )
    assert went.closed_by_connector
    row = rules.carried_over(CLOSED, went)
    assert (row.discarded, row.undiscarded_by) == (False, "Ben")


def test_what_the_connector_closes_is_nobodys_decision() -> None:
    """Only what a person said is a decision."""
    assert rules.decided(found(Status.DISCARDED)) is None
    assert rules.decided(CLOSED) == LATER
