"""A failed run in words: where it failed, what is safe, and what to do next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest

from blocks import errors
from blocks.errors import DaybookError, NotAllowed, Refusal, ResumeLater, Unavailable, UnknownOutcome
from blocks.store.models import JournalRecord, JournalState, Lease
from flows.journals.process.errors import StepRefusal
from flows.journals.report.failures import crashed, differences, failure_of, never_finished
from flows.runtime.failures import Failure
from tests.helpers.stores import record

DATE = dt.date(2026, 11, 20)
RESUME_AT = dt.datetime(2026, 11, 22, 0, 5, tzinfo=dt.UTC)
ERROR = Unavailable("Mambu is out of order.")
OFFENDERS = tuple(f"GL {code}" for code in range(4700, 4730))
REFUSAL = StepRefusal("map", "2 lines have no account in Xero", OFFENDERS, "Add them in Xero.")
SENT_NOTHING = ("This run sent nothing to Xero. What was there before is unchanged.",)
AGAIN = (
    "start the journals flow again with the date 2026-11-20 (in Prefect's pages: Deployments, "
    "rerun-journals, Custom run; or: python -m flows.main journals --date 2026-11-20)"
)
WAYS_ON = (
    f"{AGAIN}: only what is missing is sent. Or withdraw the day's drafts first (Deployments, by-date, date "
    "2026-11-20; or: python -m flows.main withdraw --date 2026-11-20), then start it again: the whole day is "
    "sent again."
)
CORRECT = "Correct the connection (python -m blocks save NAME). Then "
ASKED = "Wait 2 minutes, as the system asks. Then "
BOTH = (False, True)
WAIT = "Wait until 2026-11-22 00:05 UTC. Then "


def journal(number: int, state: JournalState, **other: object) -> JournalRecord:
    """Return the record of a journal in a state."""
    return record(number, **{"debits": f"{number}00.00", "state": state, **other})


def died(at: str, *records: JournalRecord) -> Failure:
    """Return what is told of a run that was last heard of at a stage."""
    begun = dt.datetime(2026, 11, 21, 3, tzinfo=dt.UTC)
    return crashed(Lease("journals", "default", DATE, "run-1", "here", at, begun, begun), list(records))


def failure(
    stage: str, error: DaybookError = ERROR, records: Sequence[JournalRecord] = (), *, under_way: bool = True
) -> Failure:
    """Return what an error in a stage comes to."""
    return failure_of(DATE, stage, error, "It went wrong.", records, under_way=under_way)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@pytest.mark.parametrize(
    ("stage", "under_way", "error", "place", "title"),
    [
        *((one, False, ERROR, ("extract", ""), "before reading the lines from Mambu") for one in ("", "day")),
        *(("extract", one, ERROR, ("extract", ""), "while reading the lines from Mambu") for one in BOTH),
        ("process", False, ERROR, ("process", "hand-over"), "before processing the lines"),
        ("process", True, ERROR, ("process", ""), "while processing the lines"),
        *(("process", one, REFUSAL, ("process", "map"), "while matching accounts") for one in BOTH),
        ("send", False, ERROR, ("send", "hand-over"), "before sending to Xero"),
        ("send", True, ERROR, ("send", ""), "while sending to Xero"),
        *(("confirm", one, ERROR, ("send", "confirm"), "while comparing Mambu with Xero") for one in BOTH),
    ],
)
def test_where_it_is_recorded(
    stage: str, error: DaybookError, place: tuple[str, str], title: str, *, under_way: bool
) -> None:
    """A failure is recorded under the stage that failed or did not start, and a step's under that step."""
    found = failure(stage, error, under_way=under_way)
    assert (found.stage, found.step) == place
    assert found.title == f"Journals of 2026-11-20: failed {title}"


def test_a_steps_refusal_names_every_offender() -> None:
    """What a step refuses is told with every offender, however many, and with the step's own remedy."""
    found = failure("process", REFUSAL)
    assert found.happened == "2 lines have no account in Xero"
    assert found.details == OFFENDERS
    assert found.safe == SENT_NOTHING
    assert found.remedy == (
        "Add them in Xero. In Prefect's pages: Deployments, rerun-journals, Custom run, date 2026-11-20."
    )


@pytest.mark.parametrize(
    ("stage", "error", "remedy"),
    [
        ("extract", ERROR, f"{capital(AGAIN)}."),
        ("extract", NotAllowed("No."), f"{CORRECT}{AGAIN}."),
        ("extract", ResumeLater("Later.", resume_at=RESUME_AT), f"{WAIT}{AGAIN}."),
        ("extract", Unavailable("No.", retry_after_seconds=61), f"{ASKED}{AGAIN}."),
        ("confirm", Unavailable("No.", retry_after_seconds=61), f"{ASKED}{WAYS_ON}"),
        ("process", errors.StoreError("No."), f"{capital(AGAIN)}."),
        ("process", NotAllowed("No."), f"{CORRECT}{AGAIN}."),
        ("send", Refusal("Declined."), f"Correct what is named above. Then {WAYS_ON}"),
        ("send", errors.Rejected("Declined."), capital(WAYS_ON)),
        ("send", NotAllowed("No."), f"{CORRECT}{WAYS_ON}"),
        ("send", ResumeLater("Later.", resume_at=RESUME_AT), f"{WAIT}{WAYS_ON}"),
        (
            "send",
            UnknownOutcome("No answer."),
            f"The next run checks whether Xero accepted the last request. {capital(WAYS_ON)}",
        ),
        ("confirm", ERROR, capital(WAYS_ON)),
        ("confirm", NotAllowed("No."), f"{CORRECT}{WAYS_ON}"),
    ],
)
def test_what_to_do_next(stage: str, error: DaybookError, remedy: str) -> None:
    """The remedy is that of the stage, after what the error asks for first, in whole sentences."""
    found = failure(stage, error)
    assert (found.happened, found.remedy) == ("It went wrong.", remedy)


@pytest.mark.parametrize(
    ("error", "first"),
    [(ERROR, ""), (NotAllowed("No."), CORRECT), (ResumeLater("Later.", resume_at=RESUME_AT), WAIT)],
)
@pytest.mark.parametrize("stage", ["process", "send"])
def test_a_stage_that_did_not_start_is_started_from(stage: str, error: DaybookError, first: str) -> None:
    """After a hand-over that failed the remedy is to start from the stage that did not begin."""
    text = (
        f"start the journals flow from the stage {stage}, with the date 2026-11-20 (in Prefect's pages: "
        f"Deployments, rerun-journals, Custom run, date 2026-11-20, start_from {stage}; or: python -m "
        f"flows.main journals --date 2026-11-20 --start-from {stage})."
    )
    assert failure(stage, error, under_way=False).remedy == (first + text if first else capital(text))


def test_before_sending_nothing_was_sent() -> None:
    """Where sending had not begun, or nothing was ever sealed, nothing was sent, and nothing is listed."""
    records = [journal(1, JournalState.CONFIRMED)]
    for found in (failure("extract", records=records), failure("process", records=records), failure("send")):
        assert (found.safe, found.details) == (SENT_NOTHING, ())


def test_journals_are_listed_by_what_is_known_of_them() -> None:
    """After sending began, the task lists which journals are in Xero, unknown, declined and not sent."""
    records = [
        journal(7, JournalState.PREPARED),
        journal(6, JournalState.REFUSED, reason="Account code 9999 is not valid"),
        journal(5, JournalState.UNKNOWN),
        journal(4, JournalState.SENDING),
        journal(3, JournalState.DRIFT),
        journal(2, JournalState.CONFIRMED),
        journal(1, JournalState.CREATED),
        journal(9, JournalState.CREATED, booking_date=dt.date(2026, 11, 17)),
    ]
    found = failure("send", records=records)
    assert found.safe == ("What is in Xero (4 journals) is kept and not sent again.",)
    assert found.details == (
        "In Xero: 4 journals",
        "In Xero: booking date 2026-11-17, number 9, 900.00",
        "In Xero: booking date 2026-11-18, number 1, 100.00",
        "In Xero: booking date 2026-11-18, number 2, 200.00",
        "In Xero: booking date 2026-11-18, number 3, 300.00",
        "Not known whether in Xero: 2 journals",
        "Not known whether in Xero: booking date 2026-11-18, number 4, 400.00",
        "Not known whether in Xero: booking date 2026-11-18, number 5, 500.00",
        "Rejected by Xero: 1 journal",
        "Rejected by Xero: booking date 2026-11-18, number 6, 600.00 (Account code 9999 is not valid)",
        "Not sent yet: 1 journal",
        "Not sent yet: booking date 2026-11-18, number 7, 700.00",
    )


def test_every_state_is_listed() -> None:
    """A journal in whatever state is in one of the lists, so that none is kept from people."""
    for state in JournalState:
        assert len(failure("send", records=[journal(1, state)]).details) == 2, state


def test_only_the_newest_generation_is_listed() -> None:
    """Of a journal that was sent again, only the last generation counts."""
    records = [journal(1, JournalState.CREATED, generation=1), journal(1, JournalState.UNKNOWN)]
    assert failure("confirm", records=records).details[0] == "In Xero: 1 journal"


def test_without_the_record_nothing_is_promised() -> None:
    """Where the store cannot be asked after sending began, the task does not say that nothing was sent."""
    said = "It is not known what was sent, because the record cannot be read at the moment."
    for stage, under_way in (("send", True), ("confirm", True), ("send", False)):
        found = failure_of(DATE, stage, errors.StoreError("No."), "It went wrong.", None, under_way=under_way)
        assert (found.safe[0].startswith(said), found.details) == (True, ())
    before = failure_of(DATE, "process", errors.StoreError("No."), "It went wrong.", None, under_way=True)
    assert before.safe == SENT_NOTHING


def test_where_nothing_is_known_to_be_in_xero() -> None:
    """Where no journal is known to be in Xero, the task says so, and does not claim that none is."""
    found = failure("send", records=[journal(1, JournalState.UNKNOWN)])
    assert found.safe == ("No journal of this day is known to be in Xero.",)


def test_a_day_that_does_not_agree() -> None:
    """Differences are told point by point, with what is safe, and left to a person to decide."""
    points = ['EntryID 1 in draft journal "N | 1": Mambu 5.00 on 1100, Xero 5.01 on 1100']
    found = differences(DATE, "Mambu and Xero do not agree.", points, [journal(1, JournalState.DRIFT)])
    assert (found.stage, found.step) == ("send", "confirm")
    assert found.title == "Journals of 2026-11-20: Mambu and Xero do not agree"
    assert (found.happened, list(found.details)) == ("Mambu and Xero do not agree.", points)
    assert found.safe == (
        "Nothing in Xero was overwritten.",
        "What is in Xero (1 journal) is kept and not sent again.",
    )
    assert found.remedy == (
        "Decide for each point whether Mambu or Xero is right, and correct it in Xero. Then "
        f"{AGAIN}: the run compares again and sends only what is missing."
    )


@pytest.mark.parametrize(
    ("at", "stage"),
    [
        ("", "extract"),
        ("day", "extract"),
        ("extract", "extract"),
        ("process", "process"),
        ("send", "send"),
        ("confirm", "send"),
    ],
)
def test_a_run_that_died(at: str, stage: str) -> None:
    """A run that died is told under the stage at which it was last heard of, with both ways on."""
    found = died(at)
    assert (found.stage, found.step) == (stage, "died")
    assert found.title == "Journals of 2026-11-20: a run crashed"
    assert found.happened == (
        "The run run-1, started at 2026-11-21 03:00:00 UTC, crashed. Its last known stage was "
        f"{stage}. Its process was killed, or its machine failed."
    )
    assert found.remedy == capital(WAYS_ON)


@pytest.mark.parametrize("at", ["", "day", "extract", "process", "send", "confirm"])
def test_a_run_that_died_while_it_was_sending(at: str) -> None:
    """Where the record shows a journal under way, the run died at send, whatever its lease says."""
    found = died(at, journal(1, JournalState.SENDING))
    assert found.stage == "send"
    assert found.safe == ("No journal of this day is known to be in Xero.",)
    assert found.details[0] == "Not known whether in Xero: 1 journal"


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("read", "while reading the day's journals and before removing any"),
        ("remove", "while removing the journals"),
        ("verify", "while checking that the journals were removed"),
    ],
)
def test_a_withdrawal_that_died(at: str, words: str) -> None:
    """A withdrawal that died is told as one, at the very stage, with what was asked for and the way on."""
    found = died(at, journal(1, JournalState.WITHDRAWING), journal(2, JournalState.SENDING))
    assert (found.stage, found.step) == (at, "died")
    assert found.title == "Withdrawal of 2026-11-20: the run crashed"
    assert f"crashed during the withdrawal of the day from Xero, {words}." in found.happened
    assert "Withdrawal requested, not known whether removed: 1 journal" in found.details
    assert "python -m flows.main withdraw --date 2026-11-20" in found.remedy
    assert died(at).safe == ("Nothing was removed from Xero.",)


def test_a_day_that_no_run_finished() -> None:
    """A day that nobody finished is told as such, and is being finished by the run that tells it."""
    found = never_finished(DATE)
    assert (found.stage, found.step) == ("extract", "never finished")
    assert found.title == "Journals of 2026-11-20: no run has finished this day"
    assert found.happened == "No run has finished 2026-11-20: none was started, or it was stopped."
    assert found.safe == ("What is already in Xero is recognised and not sent again.",)
    assert found.remedy == (
        f"The run that found this now finishes the day. If this task stays open, {AGAIN}."
    )


def test_a_day_that_the_watch_finds_unfinished() -> None:
    """The watch runs nothing, and says so: a nightly run to come finishes the day, or a person has to."""
    coming, never = (never_finished(DATE, "next run"), never_finished(DATE, "nobody"))
    assert coming._replace(remedy="") == never._replace(remedy="") == never_finished(DATE)._replace(remedy="")
    assert coming.remedy == (
        "This check sends nothing. The next nightly run finishes this day before its own. "
        f"If that is too late, or if this task is still open after it, {AGAIN}."
    )
    assert never.remedy == (
        f"This check sends nothing, and no future nightly run will process this day. {capital(AGAIN)}."
    )


def test_a_text_has_its_three_parts() -> None:
    """Every task says in this order what happened, what is safe, and what to do next."""
    begun = dt.datetime(2026, 11, 21, 3, tzinfo=dt.UTC)
    lease = Lease("journals", "default", DATE, "run-1", "here", "send", begun, begun)
    for one in (
        failure("process", REFUSAL),
        failure("send", records=[journal(1, JournalState.CREATED)]),
        differences(DATE, "They differ.", ["Here."], []),
        crashed(lease, []),
        never_finished(DATE),
        never_finished(DATE, "next run"),
        never_finished(DATE, "nobody"),
    ):
        heads = ("What happened\n", "\n\nWhat is safe\n", "\n\nWhat to do next\n")
        places = [one.text(20_000).index(head) for head in heads]
        assert places[0] == 0
        assert places == sorted(places)
