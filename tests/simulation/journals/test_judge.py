"""The judge is not blind: told wrong histories by hand, it names each rule that they break."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.simulation.journals import judge as judging
from tests.simulation.journals.judge import Change, End, Journal, Judge, Line, Row, Run, Word

DAY = "2026-11-20"
NAME = "Mambu journal data with creation date: 2026-11-20 | booking date 2026-11-20 | {}"
LINES = [Line(1, DAY, DAY, 500, "1100", "T1"), Line(2, DAY, DAY, -500, "1200", "T1")]
ROWS = (Row(1, 500, "1100"), Row(2, -500, "1200"))
ALL_THERE = "all tie out to the cent"


def sent(number: int = 1, *, status: str = "DRAFT", rows: tuple[Row, ...] = ROWS, date: str = DAY) -> Journal:
    """Return a journal as a run sends it, or as it is afterwards."""
    return Journal(f"id {number}", NAME.format(number), date, status, rows)


class History:
    """A history told step by step, each step ten seconds after the one before."""

    def __init__(self) -> None:
        self.judge = Judge(stale=0.0, shows_deleted=True)
        self.judge.mambu_has(0.0, LINES)
        self.now = 0.0

    def run(self, number: int = 1, kind: str = judging.JOURNALS, store: int = 0, day: str = DAY) -> Run:
        """Let a run begin, and look at Xero."""
        self.now += 10
        run = Run(number, kind, store, self.now, {}, day=day, listed=self.now)
        self.judge.begins(run)
        return run

    def change(self, journal: Journal, run: int | None = None, *, late: bool = False) -> None:
        """Let a journal be created or changed."""
        self.now += 10
        self.judge.changed([Change(self.now, journal, run, late)])

    def say(self, run: int, text: str, status: str = "completed") -> None:
        """Let a run say how the day stands."""
        self.now += 10
        self.judge.said(Word(run, DAY, status, text, self.now))

    def person(self, journal: Journal) -> None:
        """Let a person create or change a journal."""
        self.change(journal)

    @property
    def broken(self) -> str:
        """Return the first rule that was broken, or nothing."""
        return self.judge.broken[0] if self.judge.broken else ""


@pytest.fixture
def history() -> History:
    """Give the tests a history in which a run has sent the day."""
    told = History()
    told.run()
    told.change(sent(), 1)
    return told


def test_the_judge_knows_nothing_of_the_code() -> None:
    """The judge imports the standard library alone."""
    tree = ast.parse(Path(judging.__file__).read_text(encoding="utf-8"))
    names = [one.module or "" for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)]
    names += [name.name for one in ast.walk(tree) if isinstance(one, ast.Import) for name in one.names]
    assert not [name for name in names if name.split(".")[0] in {"flows", "blocks", "tests"}]


def test_what_is_right_breaks_no_rule(history: History) -> None:
    """A day that is sent once and counts as completed is as it should be."""
    history.say(1, ALL_THERE)
    history.judge.healed(DAY, history.judge.words[-1])
    assert not history.broken


def test_a_line_in_two_journals(history: History) -> None:
    """A line that a run sends a second time is a double."""
    history.run(2)
    history.change(sent(2), 2)
    assert "stands in two live journals" in history.broken


def test_a_line_that_a_person_copied_is_no_fault_of_a_run(history: History) -> None:
    """A person may copy a journal, but the day does not count as completed then."""
    history.person(sent()._replace(journal_id="copy"))
    assert not history.broken
    history.run(2)
    history.say(2, ALL_THERE)
    assert "stands in two live journals" in history.broken


def test_a_double_after_a_long_pause_is_said_by_the_night(history: History) -> None:
    """What a pause beyond the bound let in must be named by the night after."""
    history.run(2)
    history.change(sent(2), 2, late=True)
    assert not history.broken
    history.judge.night_said(["all is well"])
    assert "the night after does not say" in history.broken


def test_the_stated_limit_needs_a_lost_store(history: History) -> None:
    """A draft all of which was rewritten may be sent again after a loss of the store, and only then."""
    other = (Row(1, 900, "1100", told=False), Row(2, -900, "1200", told=False))
    history.person(Journal("id 1", "Loans of the month", DAY, "DRAFT", other))
    history.run(2, store=1)
    history.change(sent(2), 2)
    assert not history.broken
    history.say(2, ALL_THERE)
    assert not history.broken
    history.run(3, store=0)
    history.change(sent(3), 3)
    assert "stands in two live journals" in history.broken


@pytest.mark.parametrize(("store", "rule"), [(0, "stands in two live journals"), (1, "")])
def test_the_stated_limit_holds_for_what_was_copied_before(history: History, store: int, rule: str) -> None:
    """A draft that was copied and then rewritten whole is told beside its copy, unless the store was lost."""
    history.person(sent(2))
    other = (Row(1, 900, "1100", told=False), Row(2, -900, "1200", told=False))
    history.person(Journal("id 1", "Loans of the month", DAY, "DRAFT", other))
    history.run(2, store=store)
    history.say(2, ALL_THERE)
    assert rule in history.broken
    assert bool(rule) == bool(history.broken)


@pytest.mark.parametrize(("told", "rule"), [(True, ""), (False, "is not in Xero")])
def test_lines_moved_into_a_draft_that_was_rewritten_whole(history: History, told: bool, rule: str) -> None:
    """Lines that a person moves into a draft which nobody can tell stand there, if their texts say so."""
    other = (Row(1, 900, "1100", told=False), Row(2, -900, "1200", told=False))
    history.person(Journal("id 1", "Loans of the month", DAY, "DRAFT", other))
    history.run(2, store=1)
    history.change(sent(2), 2)
    moved = tuple(row._replace(told=told) for row in ROWS)
    history.person(Journal("id 1", "Loans of the month", DAY, "DRAFT", (*other, *moved)))
    history.person(sent(2, status="DELETED"))
    history.run(3, store=1)
    history.say(3, ALL_THERE)
    assert rule in history.broken
    assert bool(rule) == bool(history.broken)


def test_a_journal_that_does_not_balance(history: History) -> None:
    """Each journal sums to zero."""
    history.change(sent(2, rows=(Row(1, 500, "1100"),)), 1)
    assert "does not sum to zero" in history.broken


@pytest.mark.parametrize(
    "rows",
    [
        (Row(1, 400, "1100"), Row(2, -400, "1200")),
        (Row(1, 500, "4100"), Row(2, -500, "1200")),
        (Row(7, 500, "1100"), Row(2, -500, "1200")),
    ],
    ids=["amount", "account", "entry"],
)
def test_a_run_sends_what_mambu_has_not(rows: tuple[Row, ...]) -> None:
    """What a run sends has Mambu's amounts and the connection's accounts."""
    told = History()
    told.run()
    told.change(sent(rows=rows), 1)
    assert told.broken


def test_completed_with_a_line_missing(history: History) -> None:
    """A day with a line that is nowhere does not count as completed."""
    history.judge.mambu_has(
        history.now, [*LINES, Line(3, DAY, DAY, 0, "1100", None), LINES[0]._replace(entry=4)]
    )
    history.run(2)
    history.say(2, ALL_THERE)
    assert "entry 4 is not in Xero" in history.broken


def test_completed_with_lines_of_a_person(history: History) -> None:
    """A day whose journals hold more than Mambu has does not tie out."""
    history.person(sent(rows=(*ROWS, Row(None, 100, "1100"), Row(None, -100, "1200"))))
    history.run(2)
    history.say(2, ALL_THERE)
    assert "has a line that is not Mambu's" in history.broken


def test_what_changed_after_the_last_look_is_no_lie(history: History) -> None:
    """A run cannot know what a person does after it has looked."""
    history.person(sent(status="DELETED"))
    history.say(1, ALL_THERE)
    assert not history.broken


def test_what_its_own_store_did_is_no_excuse() -> None:
    """A run whose store withdrew a journal before knows that it is gone, however old its list is."""
    told = History()
    told.judge = Judge(stale=45.0, shows_deleted=True)
    told.judge.mambu_has(0.0, LINES)
    told.run()
    told.change(sent(), 1)
    told.run(2, judging.WITHDRAWAL)
    told.change(sent(status="DELETED"), 2)
    told.run(3)
    told.say(3, ALL_THERE)
    assert "is not in Xero" in told.broken


def test_a_persons_edit_is_overwritten(history: History) -> None:
    """No run changes what stands in a journal."""
    history.run(2, judging.WITHDRAWAL)
    history.change(sent(date="2026-11-21"), 2)
    assert "overwrites" in history.broken


def test_a_persons_edit_is_withdrawn(history: History) -> None:
    """A withdrawal leaves what a person edited, unless it is told to take it too."""
    history.person(sent(date="2026-11-21"))
    run = history.run(2, judging.WITHDRAWAL)
    run.read_before["id 1"] = history.now
    history.change(sent(date="2026-11-21", status="DELETED"), 2)
    assert "which a person edited" in history.broken


def test_a_look_back_sends_what_a_person_took_out(history: History) -> None:
    """What a person deleted is sent again by a run of its date alone."""
    history.say(1, ALL_THERE)
    history.person(sent(status="DELETED"))
    history.run(2, day="2026-11-21")
    history.change(sent(2), 2)
    assert "a look back sends entry 1 again" in history.broken


def test_a_voided_line_is_sent_again(history: History) -> None:
    """What a person voided is not sent again by anybody."""
    history.person(sent(status="POSTED"))
    history.person(sent(status="VOIDED"))
    history.run(2)
    history.change(sent(2), 2)
    assert "which a person voided" in history.broken


def test_a_journal_behind_a_withdrawal(history: History) -> None:
    """Once a withdrawal says that it is done, nothing comes in from a run that looked before."""
    history.run(2)
    history.run(3, judging.WITHDRAWAL)
    history.change(sent(status="DELETED"), 3)
    history.say(3, "1 draft was deleted")
    history.change(sent(2), 2)
    assert "comes behind a withdrawal" in history.broken


def test_a_withdrawal_that_leaves_something(history: History) -> None:
    """A withdrawal that says all is done has left nothing of the day."""
    history.run(2, judging.WITHDRAWAL)
    history.say(2, "nothing to withdraw")
    assert "says that all is done" in history.broken


def test_a_day_that_rests_on_what_is_on_its_way_out(history: History) -> None:
    """No run calls a day completed while a request of its store to withdraw it may still be carried out."""
    history.run(2, judging.WITHDRAWAL)
    left = history.now + 1
    history.run(3)
    history.say(3, ALL_THERE)
    history.judge.changed([Change(history.now + 5, sent(status="DELETED"), 2, left=left)])
    assert "a withdrawal asked before takes" in history.broken


def test_a_run_that_only_watches_sends(history: History) -> None:
    """The watch sends nothing."""
    history.run(2, "watch")
    history.change(sent(2, rows=()), 2)
    assert "a run that sends nothing sends" in history.broken


def test_a_failure_without_a_reason(history: History) -> None:
    """A day that nobody has touched comes right once all is quiet."""
    history.say(1, "something is wrong", "failed")
    history.judge.healed(DAY, history.judge.words[-1])
    assert "fails without a reason" in history.broken


@pytest.mark.parametrize(
    ("status", "store", "lost", "text", "rule"),
    [
        ("VOIDED", 0, -1.0, "entries 1, 2 were voided", ""),
        ("VOIDED", 0, 0.0, "entries 1, 2 were voided", ""),
        ("VOIDED", 1, None, "entries 1, 2 were voided", ""),
        ("VOIDED", 0, None, "entries 1, 2 were voided", "fails without a reason"),
        ("VOIDED", 0, 60.0, "entries 1, 2 were voided", "fails without a reason"),
        ("DELETED", 0, -1.0, "entries 1, 2 were voided", "fails without a reason"),
        ("VOIDED", 0, -1.0, "entries 1, 2 are not in Xero", "fails without a reason"),
        ("VOIDED", 0, -1.0, "entry 1 was voided", "does not name it"),
    ],
    ids=[
        "lost",
        "set back",
        "another store",
        "known",
        "known by the copy",
        "deleted",
        "not said",
        "not named",
    ],
)
def test_what_a_withdrawal_voided_that_the_store_does_not_know(
    history: History, status: str, store: int, lost: float | None, text: str, rule: str
) -> None:
    """What a withdrawal voided may stay out, named as voided, only where the store has no record of that."""
    history.person(sent(status="POSTED"))
    history.run(2, judging.WITHDRAWAL).include_posted = True
    history.change(sent(status=status), 2)
    history.now = 60.0
    if lost is not None:
        history.judge.store_lost(history.now, 0, lost)
    history.run(3, store=store)
    history.say(3, text, "failed")
    history.judge.healed(DAY, history.judge.words[-1])
    assert rule in history.broken
    assert bool(rule) == bool(history.broken)


def test_what_is_missing_beside_what_a_withdrawal_voided(history: History) -> None:
    """A line that was never sent has no reason in the journal that a withdrawal voided."""
    history.person(sent(status="POSTED"))
    history.run(2, judging.WITHDRAWAL).include_posted = True
    history.change(sent(status="VOIDED"), 2)
    history.judge.mambu_has(history.now, [*LINES, LINES[0]._replace(entry=3)])
    history.judge.store_lost(history.now, 0)
    history.run(3)
    history.say(3, "entries 1, 2, 3 were voided", "failed")
    history.judge.healed(DAY, history.judge.words[-1])
    assert "fails without a reason" in history.broken


def test_a_failure_that_does_not_name_what_is_missing(history: History) -> None:
    """What is missing in the end is named by its entry id, its transaction or its booking date."""
    history.person(sent(rows=(Row(None, 500, "1100"), Row(None, -500, "1200"))))
    history.run(2)
    history.say(2, "something is wrong", "failed")
    history.judge.healed(DAY, history.judge.words[-1])
    assert "does not name it" in history.broken


def test_a_day_of_which_nobody_speaks(history: History) -> None:
    """Each day has a word at the end."""
    history.judge.healed("2026-11-21", None)
    assert "no run has said anything" in history.broken


TITLE = "Journals of 2026-11-20: stopped [Daybook default 2026-11-20 send]"


@pytest.mark.parametrize(
    ("status", "incident", "titles", "rule"),
    [
        ("failed", True, [], "no task says so"),
        ("failed", False, [TITLE], "no incident is recorded"),
        ("failed", True, [TITLE, TITLE], "two open tasks tell of one failure"),
        ("completed", False, [TITLE], "has come through, and a task is open"),
        ("failed", True, [TITLE], ""),
        ("completed", False, [TITLE.replace(" send]", " remove]")], ""),
    ],
)
def test_tasks_and_incidents(
    history: History, status: str, incident: bool, titles: list[str], rule: str
) -> None:
    """A failure has one incident and one task, and a success none, but for those of a withdrawal."""
    history.judge.told(Word(1, DAY, status, "so it is", history.now, incident), titles)
    assert history.broken if rule else not history.broken
    assert rule in history.broken


def test_a_request_under_a_key_that_may_be_forgotten(history: History) -> None:
    """A request is not repeated when its key may be forgotten, and may be once it surely is."""
    for at in (0.0, 290.0, 430.0):
        history.judge.leaves(at, 1, "key")
    assert not history.broken
    history.judge.leaves(431.0, 1, "other")
    history.judge.not_taken(431.2, 1, "other")
    history.judge.leaves(760.0, 1, "other")
    assert not history.broken
    history.judge.leaves(760.0, 1, "key")
    assert "when its key may be forgotten" in history.broken


STOPPED = "The journals of 2026-11-20 failed while sending to Xero. Xero does not answer."
WRONG = "The run failed before reading. This is the wrong organisation: the credentials lead to another."


@pytest.mark.parametrize(
    ("end", "rule"),
    [
        (End(1, 0, True, ALL_THERE), ""),
        (End(1, 1, False, STOPPED), ""),
        (End(1, 1, True, "in part", ("- one line",)), ""),
        (End(1, 2, False, WRONG), ""),
        (End(1, 3, False, STOPPED), "no command does"),
        (End(1, 0, False, STOPPED), "something is open"),
        (End(1, 0, True, STOPPED), "something is open"),
        (End(1, 0, True, ALL_THERE, ("- one line",)), "something is open"),
        (End(1, 0, True, ALL_THERE, differs=True), "it does not tie out"),
        (End(1, 1, True, ALL_THERE), "nothing is amiss"),
        (End(1, 2, False, STOPPED), "ends with 2, and says"),
        (End(1, 1, False, WRONG), "ends with 1, and says"),
    ],
)
def test_exit_codes(history: History, end: End, rule: str) -> None:
    """A command ends with 0 where nothing is open, with 2 where the configuration is wrong, else with 1."""
    history.judge.ended(end)
    assert history.broken if rule else not history.broken
    assert rule in history.broken


def test_an_exit_code_that_a_word_gainsays(history: History) -> None:
    """A command does not end with 0 where it said of one of its days that it failed."""
    history.say(1, "something is wrong", "failed")
    history.judge.ended(End(1, 0, True, ALL_THERE))
    assert "ends with 0, and something is open" in history.broken


@pytest.mark.parametrize(("moves", "rule"), [(False, "no run has finished 2026-11-19"), (True, "")])
def test_a_night_that_passes_over_a_day(moves: bool, rule: str) -> None:
    """A night that ends with 0 has finished its days, but for those from before the connection was moved."""
    told = History()
    told.judge = Judge(stale=0.0, shows_deleted=True, moves=moves)
    told.judge.mambu_has(0.0, LINES)
    told.run().answers_for = ("2026-11-19", DAY)
    told.change(sent(), 1)
    told.say(1, ALL_THERE)
    told.judge.ended(End(1, 0, True, ALL_THERE))
    assert rule in told.broken
    assert bool(rule) == bool(told.broken)


@pytest.mark.parametrize(("rows", "rule"), [(ROWS, ""), (ROWS[:0], "no run has finished")])
def test_a_run_that_died_may_have_finished_its_day(rows: tuple[Row, ...], rule: str) -> None:
    """A day that was all there when a run of it died without a word may be recorded as finished."""
    told = History()
    told.run()
    told.change(sent(rows=rows), 1)
    told.judge.died(1)
    told.run(2).answers_for = (DAY,)
    told.judge.ended(End(2, 0, True, ALL_THERE))
    assert rule in told.broken
    assert bool(rule) == bool(told.broken)


def test_a_day_that_is_missing_once_the_connection_leads_back() -> None:
    """A night does not pass over a day between two that were finished in its organisation."""
    told = History()
    told.judge = Judge(stale=0.0, shows_deleted=True, moves=True)
    told.judge.mambu_has(0.0, LINES)
    told.run()
    told.change(sent(), 1)
    told.say(1, ALL_THERE)
    told.run(2, day="2026-11-22").answers_for = (DAY, "2026-11-21", "2026-11-22")
    told.judge.said(Word(2, "2026-11-22", "completed", ALL_THERE, told.now))
    told.judge.ended(End(2, 0, True, ALL_THERE))
    assert "no run has finished 2026-11-21 in its organisation" in told.broken


@pytest.mark.parametrize("kind", [judging.JOURNALS, judging.WITHDRAWAL])
def test_the_books_of_another_organisation(history: History, kind: str) -> None:
    """A run of a connection that is for another organisation neither sends nor changes anything."""
    history.run(2, kind).refused = True
    history.change(sent(2, rows=()) if kind == judging.JOURNALS else sent(status="DELETED"), 2)
    assert "an organisation that its connection is not for" in history.broken
